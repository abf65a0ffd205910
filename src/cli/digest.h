/* A number that tells bytes from others with all but certainty, where nobody forges them. */
#ifndef SLUICE_CLI_DIGEST_H
#define SLUICE_CLI_DIGEST_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define SL_DIGEST_BEGIN UINT64_C(0xcbf29ce484222325)

/** The digest of what `digest` stands for, and `bytes` bytes behind it: FNV-1a (Fowler, Noll & Vo) over words of 64 bits, whose
 *  high halves are folded in, since a product carries upwards only. */
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

#endif
