#include "model/weights.h"

#include "base/error.h"
#include "base/float_bits.h"

#include <math.h>
#include <stdio.h>

static const float *at(const float *const *arrays, size_t k)
{
    return arrays ? arrays[k] : NULL;
}

/* One of a caller's arrays. */
typedef struct array {
    char name[80];
    size_t rows, columns; /* no rows: the shape has no such array */
    const float *at;
    const float *with; /* what is added to it before it is used; NULL: nothing is */
    bool is_optional;
} array;

enum { OF_DIR = 4 }; /* arrays of a layer-direction */

static array get_of_dir(const sl_weights *weights, size_t k, size_t which)
{
    static const char *const names[OF_DIR] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh"};
    const sluice_weights *arrays = weights->arrays;
    const sl_layer_dir *dir = &weights->network->dirs[k];
    const float *const *const of[OF_DIR] = {arrays->weight_ih, arrays->weight_hh, arrays->bias_ih, arrays->bias_hh};
    const size_t columns[OF_DIR] = {dir->inputs, dir->hidden, 1, 1};
    const size_t directions = arrays->shape->directions;
    array found = {.rows = which < 2 || arrays->shape->has_bias ? dir->gate_rows : 0,
                   .columns = columns[which],
                   .at = at(of[which], k),
                   .with = which == 3 ? at(arrays->bias_ih, k) : NULL};
    snprintf(found.name, sizeof found.name, "%s_l%zu%s", names[which], k / directions, k % directions ? "_reverse" : "");
    return found;
}

/* The arrays are counted: those of the layer-directions, the embedding, the head's two. false: there are no more. */
static bool get_array(const sl_weights *weights, size_t index, array *found)
{
    const sluice_weights *arrays = weights->arrays;
    const sluice_shape *shape = arrays->shape;
    const size_t outputs = shape->directions * shape->hidden, of_dirs = OF_DIR * weights->network->layer_dirs;
    if (index < of_dirs)
        *found = get_of_dir(weights, index / OF_DIR, index % OF_DIR);
    else if (index == of_dirs)
        *found = (array){.name = "embedding", .rows = shape->vocabulary, .columns = shape->inputs, .at = arrays->embedding};
    else if (index == of_dirs + 1)
        *found = (array){.name = "head weight", .rows = shape->classes, .columns = outputs, .at = arrays->head_weight};
    else if (index == of_dirs + 2)
        *found = (array){.name = "head bias", .rows = shape->classes, .columns = 1, .at = arrays->head_bias, .is_optional = true};
    return index < of_dirs + 3;
}

/* ---- Where they are -------------------------------------------------------------------------------------------------------- */

/* A parameter of a layer that is no LSTM. */
static const float *get_of_end(const sl_weights *weights, size_t layer, sluice_tensor tensor)
{
    const sluice_weights *arrays = weights->arrays;
    const bool is_head = arrays->shape->classes && layer + 1 == weights->network->description.layer_count;
    if (tensor == SLUICE_TENSOR_EMBEDDING && arrays->shape->vocabulary && layer == 0)
        return arrays->embedding;
    if (is_head && tensor == SLUICE_TENSOR_WEIGHT)
        return arrays->head_weight;
    return is_head && tensor == SLUICE_TENSOR_BIAS ? arrays->head_bias : NULL;
}

const float *sl_weights_get(const sl_weights *weights, size_t layer, size_t direction, sluice_tensor tensor)
{
    if (weights->layers)
        return weights->layers[layer].of[direction][tensor];
    const sl_lstm_layer *lstm = sl_network_get_lstm(weights->network, layer);
    if (!lstm)
        return get_of_end(weights, layer, tensor);
    if (direction >= lstm->directions)
        return NULL;
    const sluice_weights *arrays = weights->arrays;
    const size_t k = lstm->first + direction;
    if (tensor == SLUICE_TENSOR_WEIGHT_IH)
        return arrays->weight_ih[k];
    if (tensor == SLUICE_TENSOR_WEIGHT_HH)
        return arrays->weight_hh[k];
    return tensor == SLUICE_TENSOR_BIAS && arrays->shape->has_bias ? arrays->bias_ih[k] : NULL;
}

const float *sl_weights_get_of_dir(const sl_weights *weights, size_t k, sluice_tensor tensor)
{
    const sl_lstm_layer *lstm = &weights->network->lstm[weights->network->dirs[k].layer];
    return sl_weights_get(weights, lstm->layer, k - lstm->first, tensor);
}

const float *sl_weights_get_bias_hh(const sl_weights *weights, size_t k)
{
    return !weights->layers && weights->arrays->shape->has_bias ? weights->arrays->bias_hh[k] : NULL;
}

/* ---- Checks ---------------------------------------------------------------------------------------------------------------- */

sluice_status sl_weights_check(const sl_weights *weights, sluice_error *error)
{
    array found;
    for (size_t index = 0; get_array(weights, index, &found); index++)
        if (found.rows && !found.at && !found.is_optional)
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s is NULL; the shape asks for %zu floats", found.name,
                           found.rows * found.columns);
    return SLUICE_STATUS_OK;
}

/* Without a way out of the loop, so that it becomes vector code. */
static bool are_finite(const float *values, const float *with, size_t from, size_t to)
{
    const uint32_t exponent = 0x7f800000;
    uint32_t found = 0;
    for (size_t k = from; !with && k < to; k++)
        found |= (sl_float_bits(values[k]) & exponent) == exponent;
    for (size_t k = from; with && k < to; k++)
        found |= (sl_float_bits(values[k] + with[k]) & exponent) == exponent;
    return !found;
}

bool sl_weights_are_finite(const sl_weights *weights, sl_share share)
{
    array found;
    bool finite = true;
    for (size_t index = 0; finite && get_array(weights, index, &found); index++) {
        const size_t count = found.at ? found.rows * found.columns : 0;
        finite = are_finite(found.at, found.with, sl_share_from(share, count), sl_share_to(share, count));
    }
    return finite;
}

static sluice_status name_element(const array *found, size_t k, sluice_error *error)
{
    char column[32] = "";
    if (found->with)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: element [%zu] is NaN or infinite, or is so with bias_ih added; a weight must be finite", found->name,
                       k);
    if (found->columns > 1)
        snprintf(column, sizeof column, "[%zu]", k % found->columns);
    return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                   "%s: element [%zu]%s is %s; a weight must be finite: take a model whose training did not diverge", found->name,
                   k / found->columns, column, isnan(found->at[k]) ? "NaN" : "infinite");
}

sluice_status sl_weights_check_finite(const sl_weights *weights, sluice_error *error)
{
    array found;
    for (size_t index = 0; get_array(weights, index, &found); index++) {
        const size_t count = found.at ? found.rows * found.columns : 0;
        if (are_finite(found.at, found.with, 0, count))
            continue;
        size_t k = 0;
        while (are_finite(found.at, found.with, k, k + 1))
            k++;
        return name_element(&found, k, error);
    }
    return SLUICE_STATUS_OK;
}
