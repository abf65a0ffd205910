#include "io/zip/crc32.h"

#include <zlib.h>

/* A CRC is a remainder of polynomials over GF(2), and so linear: that of the whole is the sum of those of its parts, each multiplied by
 * x^8 for every byte behind it. The highest bit is the coefficient of x^0. */
#define POLYNOMIAL UINT32_C(0xedb88320)
#define X8 UINT32_C(0x00800000)

static uint32_t multiply(uint32_t a, uint32_t b)
{
    uint32_t product = 0;
    for (uint32_t bit = UINT32_C(1) << 31; bit; bit >>= 1) {
        product ^= a & bit ? b : 0;
        b = b & 1 ? b >> 1 ^ POLYNOMIAL : b >> 1;
    }
    return product;
}

/* Multiply by x^(8 bytes). */
static uint32_t shift(uint32_t remainder, uint64_t bytes)
{
    for (uint32_t power = X8; bytes; bytes >>= 1, power = multiply(power, power))
        if (bytes & 1)
            remainder = multiply(remainder, power);
    return remainder;
}

uint32_t sl_crc32_part(const void *part, size_t bytes, uint64_t offset, uint64_t total)
{
    const uint32_t remainder = (uint32_t)crc32_z(UINT32_MAX, part, bytes) ^ UINT32_MAX; /* zlib inverts before and after */
    return shift(remainder, total - offset - bytes);
}

uint32_t sl_crc32_begin(uint64_t total)
{
    return shift(UINT32_MAX, total) ^ UINT32_MAX;
}
