#include "io/widen.h"

#include "base/float_bits.h"

float sl_widen_f16(uint16_t bits)
{
    const uint32_t sign = (uint32_t)(bits & 0x8000) << 16, exponent = bits >> 10 & 0x1f, fraction = bits & 0x3ff;
    if (exponent == 0x1f) /* infinity and NaN */
        return sl_float_of_bits(sign | 0x7f800000 | fraction << 13);
    if (exponent == 0) { /* zero, and subnormals: normal numbers in float32 */
        const float magnitude = (float)fraction * 0x1p-24f;
        return sign ? -magnitude : magnitude;
    }
    return sl_float_of_bits(sign | (exponent + 127 - 15) << 23 | fraction << 13);
}

float sl_widen_bf16(uint16_t bits)
{
    return sl_float_of_bits((uint32_t)bits << 16);
}
