/* A float's encoding, IEEE 754's binary32. */
#ifndef SLUICE_BASE_FLOAT_BITS_H
#define SLUICE_BASE_FLOAT_BITS_H

#include <stdint.h>
#include <string.h>

static inline uint32_t sl_float_bits(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float sl_float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

#endif
