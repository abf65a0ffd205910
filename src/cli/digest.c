#include "cli/digest.h"

#include "program/model_shape.h"

enum { UNIT = 4 }; /* bytes that are multiplied at once: half of a product, so that each bit changes half of the sum at least */

/* An odd number for each unit, as if at random (the finaliser of Steele, Lea & Flood's SplitMix64, shortened). */
static uint64_t get_factor(uint64_t index)
{
    index = (index + 1) * UINT64_C(0x9e3779b97f4a7c15);
    index = (index ^ index >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    return (index ^ index >> 31) | 1;
}

/* A sum of products: bytes of one unit that come apart are two terms with the same factor. */
uint64_t sl_digest_add_at(uint64_t digest, uint64_t at, const void *data, size_t bytes)
{
    const unsigned char *from = data;
    for (size_t done = 0, taken; done < bytes; done += taken) {
        const size_t inside = (at + done) % UNIT;
        unsigned char unit[UNIT] = {0};
        uint32_t number;
        taken = UNIT;
        if (!inside && bytes - done >= UNIT) {
            memcpy(&number, from + done, sizeof number);
        } else {
            taken = bytes - done < UNIT - inside ? bytes - done : UNIT - inside;
            memcpy(unit + inside, from + done, taken);
            memcpy(&number, unit, sizeof number);
        }
        digest += number * get_factor((at + done) / UNIT);
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
