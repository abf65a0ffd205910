/* The digest of bytes at their places: it follows from the sequence alone, and not from the pieces in which it is added. */
#include "support/suite.h"

#include "cli/digest.h"

#include <string.h>

enum { BYTES = 61 };

static void fill(unsigned char data[BYTES])
{
    for (size_t k = 0; k < BYTES; k++)
        data[k] = (unsigned char)(k * k * 37 + 11);
}

TEST(pieces_and_order_do_not_matter)
{
    unsigned char data[BYTES];
    fill(data);
    for (uint64_t begin = 0; begin < 9; begin++) {
        const uint64_t whole = sl_digest_add_at(0, begin, data, BYTES);
        for (size_t cut = 0; cut <= BYTES; cut++)
            for (size_t second = cut; second <= BYTES; second++) {
                uint64_t digest = sl_digest_add_at(0, begin + second, data + second, BYTES - second);
                digest = sl_digest_add_at(digest, begin, data, cut);
                ck_assert(sl_digest_add_at(digest, begin + cut, data + cut, second - cut) == whole);
            }
    }
}

TEST(every_bit_and_every_place_matters)
{
    unsigned char data[BYTES];
    fill(data);
    const uint64_t whole = sl_digest_add_at(0, 0, data, BYTES);
    ck_assert(sl_digest_add_at(0, 1, data, BYTES) != whole);
    ck_assert(sl_digest_add_at(0, UINT64_C(1) << 40, data, BYTES) != whole);
    for (size_t bit = 0; bit < 8 * BYTES; bit++) {
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
        ck_assert(sl_digest_add_at(0, 0, data, BYTES) != whole);
        data[bit / 8] ^= (unsigned char)(1u << bit % 8);
    }
}

/* Numbers whose signs are all changed, in pairs of which the highest bits alone differ. */
TEST(signs_do_not_cancel)
{
    float data[] = {1, 2, 3, 4, 5, 6, 7, 8};
    const uint64_t whole = sl_digest_add_at(0, 0, data, sizeof data);
    for (size_t pair = 0; pair + 1 < 8; pair++) {
        data[pair] = -data[pair];
        data[pair + 1] = -data[pair + 1];
        ck_assert(sl_digest_add_at(0, 0, data, sizeof data) != whole);
        data[pair] = -data[pair];
        data[pair + 1] = -data[pair + 1];
    }
    for (size_t k = 0; k < 8; k++)
        data[k] = -data[k];
    ck_assert(sl_digest_add_at(0, 0, data, sizeof data) != whole);
}
