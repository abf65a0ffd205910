/* All floats, in blocks of neighbouring encodings, each of which lies in one binade: for tests that try every input of a function, or
 * a sample of them. */
#ifndef SLUICE_TESTS_FLOAT_BLOCKS_H
#define SLUICE_TESTS_FLOAT_BLOCKS_H

#include "support/suite.h"

#include <stdbool.h>

enum { BLOCK = 1 << 14, BLOCKS = 1 << 18, BLOCKS_PER_BINADE = (1 << 23) / BLOCK };

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/** One block in how many is tried: one with SLUICE_TEST_DEPTH=all, else as given, or as SLUICE_TEST_SAMPLE says. */
static inline unsigned block_step(unsigned light, unsigned usual)
{
    const char *text = getenv("SLUICE_TEST_SAMPLE");
    const unsigned n = text ? (unsigned)strtoul(text, NULL, 10) : (unsigned)test_by_depth(light, usual, 1);
    return n ? n : 1;
}

/** Whether a block is tried, with one in `step`; and at the usual depth both ends of every binade. */
static inline bool block_is_tried(uint32_t block, unsigned step, unsigned usual)
{
    const uint32_t place = block % BLOCKS_PER_BINADE;
    return block % step == 0 || (step == usual && (place == 0 || place == BLOCKS_PER_BINADE - 1));
}

static inline void block_fill(uint32_t block, float *x)
{
    for (uint32_t k = 0; k < BLOCK; k++)
        x[k] = float_of(block * BLOCK + k);
}

/** Whether a block's inputs contain a NaN: those at the ends of the two halves of the encodings. */
static inline bool block_has_nan(uint32_t block)
{
    return (block & (BLOCKS / 2 - 1)) >= (uint32_t)((0x7f800000u) / BLOCK);
}

/** One over the ULP of a float near a value, which is at least the least subnormal. */
static inline double inverse_ulp(double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    const uint64_t exponent = bits >> 52 & 0x7ff, least = 1023 - 126, used = exponent > least ? exponent : least;
    const uint64_t inverse = (2046 + 23 - used) << 52;
    double result;
    memcpy(&result, &inverse, sizeof result);
    return result;
}

#endif
