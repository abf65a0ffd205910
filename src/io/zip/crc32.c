#include "io/zip/crc32.h"

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
    static const uint32_t nibbles[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                         0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                         0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    const unsigned char *data = part;
    uint32_t remainder = 0;
    for (size_t k = 0; k < bytes; k++) {
        remainder ^= data[k];
        remainder = remainder >> 4 ^ nibbles[remainder & 15];
        remainder = remainder >> 4 ^ nibbles[remainder & 15];
    }
    return shift(remainder, total - offset - bytes);
}

uint32_t sl_crc32_begin(uint64_t total)
{
    return shift(UINT32_MAX, total) ^ UINT32_MAX;
}
