/* What every test program shares: its main, and the seed that it prints so that a failure can be had again. */
#ifndef SLUICE_TESTS_SUITE_H
#define SLUICE_TESTS_SUITE_H

#include <check.h>
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/** The seed of this run: SLUICE_TEST_SEED, else a fixed one. */
static inline uint64_t test_seed(void)
{
    const char *text = getenv("SLUICE_TEST_SEED");
    return text ? strtoull(text, NULL, 0) : UINT64_C(20261124);
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
