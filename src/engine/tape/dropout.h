/* Dropout by counter-based random numbers: whether an output is dropped depends on the key and its position alone. */
#ifndef SLUICE_ENGINE_TAPE_DROPOUT_H
#define SLUICE_ENGINE_TAPE_DROPOUT_H

#include <stddef.h>
#include <stdint.h>

/** The random numbers of four neighbouring outputs. */
typedef struct sl_four {
    uint32_t of[4];
} sl_four;

/** Philox4x32-10 (Salmon, Moraes, Dror & Shaw, SC 2011): ten rounds of a keyed bijection of the counter. */
static inline sl_four sl_philox(uint64_t key, sl_four counter)
{
    uint32_t k0 = (uint32_t)key, k1 = (uint32_t)(key >> 32);
    for (int round = 0; round < 10; round++) {
        const uint64_t a = UINT64_C(0xd2511f53) * counter.of[0], b = UINT64_C(0xcd9e8d57) * counter.of[2];
        counter = (sl_four){
            {(uint32_t)(b >> 32) ^ counter.of[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ counter.of[3] ^ k1, (uint32_t)a}};
        k0 += UINT32_C(0x9e3779b9);
        k1 += UINT32_C(0xbb67ae85);
    }
    return counter;
}

/** A step of a row's outputs of a layer. */
typedef struct sl_dropout {
    float probability; /* 0 < probability < 1 */
    uint64_t key;
    size_t layer, row, step; /* the lower 32 bits of each are used */
} sl_dropout;

/** out[k] = 0, or values[k] / (1 - probability), for the `count` outputs from `first` on; out may be values. */
static inline void sl_dropout_apply(const sl_dropout *drop, size_t first, size_t count, const float *values, float *out)
{
    const uint32_t bound = (uint32_t)((double)drop->probability * 0x1p32);
    const float scale = 1.0f / (1.0f - drop->probability);
    sl_four drawn = {{0}};
    for (size_t k = 0; k < count; k++) {
        const size_t output = first + k;
        if (k == 0 || output % 4 == 0)
            drawn = sl_philox(
                drop->key, (sl_four){{(uint32_t)(output / 4), (uint32_t)drop->step, (uint32_t)drop->row, (uint32_t)drop->layer}});
        out[k] = drawn.of[output % 4] < bound ? 0.0f : values[k] * scale;
    }
}

#endif
