/* 64-bit digests, to recognise changes. They are not cryptographic. */
#ifndef SLUICE_CLI_DIGEST_H
#define SLUICE_CLI_DIGEST_H

#include "sluice.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SL_DIGEST_BEGIN UINT64_C(0xcbf29ce484222325)

/** Continue `digest` with `bytes` bytes: FNV-1a (Fowler, Noll & Vo) over words of 64 bits. The high half is folded into the low half
 *  after each product, because a product only carries upwards. */
static inline uint64_t sl_digest_add(uint64_t digest, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    for (size_t done = 0, taken; done < bytes; done += taken) {
        uint64_t word = 0;
        taken = bytes - done < sizeof word ? bytes - done : sizeof word;
        memcpy(&word, from + done, taken);
        digest = (digest ^ word) * UINT64_C(0x100000001b3);
        digest ^= digest >> 32;
    }
    return (digest ^ bytes) * UINT64_C(0x100000001b3);
}

/** Add `bytes` bytes that stand at offset `at` of a sequence to its digest, which begins as 0. It does not depend on the order in which,
 *  nor on the pieces in which, the bytes of the sequence are added. Zeros at the end do not change it: compare sizes too. */
uint64_t sl_digest_add_at(uint64_t digest, uint64_t at, const void *data, size_t bytes);

/** A digest of the weights of a model. */
uint64_t sl_digest_of_weights(const sluice_model *model);

#endif
