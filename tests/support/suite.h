/* What every test program shares: its main, and the seed that it prints so that a failure can be had again. */
#ifndef SLUICE_TESTS_SUITE_H
#define SLUICE_TESTS_SUITE_H

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

/** Run a suite and end the program: 0 if every check passed. Check prints its closing line. */
static inline int test_run(Suite *suite)
{
    printf("seed %" PRIu64 " (set SLUICE_TEST_SEED to change it)\n", test_seed());
    fflush(stdout);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

#endif
