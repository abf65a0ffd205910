/* What every test program shares: its tests, its main, and the seed that it prints so that a failure can be had again. */
#ifndef SLUICE_TESTS_SUITE_H
#define SLUICE_TESTS_SUITE_H

#include "sluice_train.h"

#include <check.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/** The seed of this run: SLUICE_TEST_SEED, else a fixed one. */
static inline uint64_t test_seed(void)
{
    const char *text = getenv("SLUICE_TEST_SEED");
    return text ? strtoull(text, NULL, 0) : UINT64_C(20261124);
}

/* Whether a sanitizer is built in that has its own allocator and threads; programs then run many times slower. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define TEST_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define TEST_SANITIZED 1
#endif
#endif
#ifndef TEST_SANITIZED
#define TEST_SANITIZED 0
#endif

/** How much a test tries, by SLUICE_TEST_DEPTH: `all`, `light`, or the usual amount, which is the light one with a sanitizer. */
static inline size_t test_by_depth(size_t light, size_t usual, size_t all)
{
    const char *depth = getenv("SLUICE_TEST_DEPTH");
    if (depth && strcmp(depth, "all") == 0)
        return all;
    return TEST_SANITIZED || (depth && strcmp(depth, "light") == 0) ? light : usual;
}

/** Next number of a splitmix64 stream. */
static inline uint64_t test_random(uint64_t *state)
{
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** Uniform in [0, 1). */
static inline float test_uniform(uint64_t *state)
{
    return (float)(test_random(state) >> 40) * 0x1p-24f;
}

/** The program's suite, and the test case of a name in it, made when they are first asked for. A case's name is its tag too. */
Suite *test_suite(void);
TCase *test_tcase(const char *name);

/** First in main: forget the environment's SLUICE_ and thread settings, so that tests decide, and print which instruction sets
 *  this machine lacks and every test therefore skips. */
void test_begin(void);

/** Run a suite and end the program: 0 if every check passed. Check prints its closing line. */
int test_run(Suite *suite);

/* A test that is declared where it stands: TEST(name) { body }. TEST_LOOP runs the body for each _i from first to end - 1,
 * TEST_EACH for each index of an array; TEST_IN does so in a test case of another name than "tests", and TEST_MORE adds numbers
 * to a test above. The case "large" is what an emulator has no time for. TEST_FIXTURE names functions that run before and after
 * each test of the case "tests". support/suite_main.c is the main of programs that need no more; what depends on the environment
 * is added in a main of the program's own. */
#define TEST(name) TEST_LOOP(name, 0, 1)
#define TEST_LOOP(name, first, end) TEST_IN("tests", name, first, end)
#define TEST_EACH(name, array) TEST_LOOP(name, 0, sizeof(array) / sizeof(array)[0])
#define TEST_IN(tcase, name, first, end)                                                                                           \
    static void name##_body(int _i);                                                                                               \
    static const TTest name##_test = {#name, name##_body, __FILE__, __LINE__};                                                     \
    __attribute__((constructor)) static void name##_add(void)                                                                      \
    {                                                                                                                              \
        tcase_add_loop_test(test_tcase(tcase), &name##_test, first, (int)(end));                                                   \
    }                                                                                                                              \
    static void name##_body(int _i CK_ATTRIBUTE_UNUSED)
#define TEST_MORE(tcase, name, first, end)                                                                                         \
    __attribute__((constructor)) static void name##_add_more(void)                                                                 \
    {                                                                                                                              \
        tcase_add_loop_test(test_tcase(tcase), &name##_test, first, (int)(end));                                                   \
    }
#define TEST_FIXTURE(setup, teardown)                                                                                              \
    __attribute__((constructor)) static void fixture_add(void)                                                                     \
    {                                                                                                                              \
        tcase_add_checked_fixture(test_tcase("tests"), setup, teardown);                                                           \
    }

/* OWNED(type) declares a variable that type_free frees where its block ends, the last declared first. OWNED_HANDLE(type) declares
 * a pointer for which the function that TEST_HANDLE names does so, and FREED before a declaration of pointers has free do so. */
#define OWNED(type) __attribute__((cleanup(type##_free))) type
#define FREED __attribute__((cleanup(test_memory_free)))
#define OWNED_HANDLE(type) __attribute__((cleanup(test_##type##_destroy))) type *

/* What OWNED_HANDLE needs of a type: the function that destroys one. */
#define TEST_HANDLE(type, destroy)                                                                                                 \
    static inline void test_##type##_destroy(type **handle)                                                                        \
    {                                                                                                                              \
        destroy(*handle);                                                                                                          \
    }
TEST_HANDLE(sluice_model, sluice_model_destroy)
TEST_HANDLE(sluice_engine, sluice_engine_destroy)
TEST_HANDLE(sluice_workspace, sluice_workspace_destroy)
TEST_HANDLE(sluice_streams, sluice_streams_destroy)
TEST_HANDLE(sluice_tape, sluice_tape_destroy)
TEST_HANDLE(sluice_trainer, sluice_trainer_destroy)

static inline void test_memory_free(void *pointer)
{
    void *memory;
    memcpy(&memory, pointer, sizeof memory);
    free(memory);
}

#endif
