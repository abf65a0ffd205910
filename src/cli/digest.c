#include "cli/digest.h"

#include "program/model_shape.h"

enum { UNIT = 8 };

/* A unit at its place: each half times an odd number, as if at random, of that place. Of half a product, each bit changes half at least; and
 * the bytes of a unit that come apart give terms with the same factors. */
static uint64_t weigh(uint64_t index, uint64_t unit)
{
    index *= UINT64_C(0x9e3779b97f4a7c15); /* as Steele, Lea & Flood's SplitMix64 begins */
    const uint64_t factor = (index ^ index >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return (unit & UINT32_MAX) * (factor | 1) + (unit >> 32) * (factor >> 32 | factor << 32 | 1);
}

uint64_t sl_digest_add_at(uint64_t digest, uint64_t at, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    for (size_t done = 0, taken; done < bytes; done += taken) {
        const size_t inside = (at + done) % UNIT, left = bytes - done;
        uint64_t index = (at + done) / UNIT + 1, unit = 0;
        if (inside || left < UNIT) {
            taken = left < UNIT - inside ? left : UNIT - inside;
            memcpy((unsigned char *)&unit + inside, from + done, taken);
            digest += weigh(index, unit);
            continue;
        }
        for (taken = 0; left - taken >= UNIT; taken += UNIT) {
            memcpy(&unit, from + done + taken, UNIT);
            digest += weigh(index++, unit);
        }
    }
    return digest;
}

/* The digest of a chain of layers. */
static uint64_t get_digest_of_layers(const sluice_model *model)
{
    const size_t layers = sl_model_network(model).layer_count;
    uint64_t digest = SL_DIGEST_BEGIN;
    for (size_t layer = 0; layer < layers; layer++)
        for (size_t direction = 0; direction < 2; direction++)
            for (int tensor = 0; tensor <= SLUICE_TENSOR_SHIFT; tensor++) {
                size_t count;
                const float *values = sluice_model_get_parameter(model, layer, direction, (sluice_tensor)tensor, &count);
                digest = sl_digest_add(digest, values, count * sizeof *values);
            }
    return digest;
}

uint64_t sl_digest_of_weights(const sluice_model *model)
{
    if (!sluice_model_is_shape(model))
        return get_digest_of_layers(model);
    const sluice_shape shape = sl_model_shape(model);
    uint64_t digest = SL_DIGEST_BEGIN;
    for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_HEAD_BIAS; tensor++) {
        const size_t parts = tensor <= SLUICE_TENSOR_BIAS ? shape.layers * shape.directions : 1;
        for (size_t k = 0; k < parts; k++) {
            size_t count = 0;
            const float *values = sluice_model_get_tensor(model, (sluice_tensor)tensor, k, &count);
            digest = sl_digest_add(digest, values, count * sizeof *values);
        }
    }
    return digest;
}
