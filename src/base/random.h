/* Random numbers by seed: the splitmix64 stream (Steele, Lea & Flood 2014), in integers alone. */
#ifndef SLUICE_BASE_RANDOM_H
#define SLUICE_BASE_RANDOM_H

#include <stdint.h>

/** The odd number nearest 2^64 over the golden ratio, by which the stream's state goes on. */
#define SL_RANDOM_STEP UINT64_C(0x9e3779b97f4a7c15)

/** A bijection of 64-bit numbers each of whose output bits depends on all input bits. */
static inline uint64_t sl_random_mix(uint64_t z)
{
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/** The stream's next 64 bits. */
static inline uint64_t sl_random_next(uint64_t *state)
{
    return sl_random_mix(*state += SL_RANDOM_STEP);
}

/** Uniform in [-1, 1), a multiple of 2^-23. */
static inline float sl_random_uniform(uint64_t *state)
{
    return (float)(sl_random_next(state) >> 40) * 0x1p-23f - 1.0f;
}

#endif
