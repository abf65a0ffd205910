#include "model/network_check.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/layer.h"
#include "base/size.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The layer that is checked, and what those before it give. */
typedef struct chain {
    const sluice_network *network;
    size_t index;
    size_t width;   /* outputs of a step; 0: tokens */
    size_t lstm;    /* LSTM layers so far */
    bool has_steps; /* false behind a reduction */
    sluice_error *error;
} chain;

static const sluice_layer *layer_of(const chain *at)
{
    return &at->network->layers[at->index];
}

/* Fail with BAD_ARGUMENT: `layer 2 "dense": ` and the message. */
static sluice_status fail(const chain *at, const char *format, ...) __attribute__((format(printf, 2, 3)));
static sluice_status fail(const chain *at, const char *format, ...)
{
    char message[512], name[80] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (layer_of(at)->name)
        snprintf(name, sizeof name, " \"%.64s\"", layer_of(at)->name);
    return sl_fail(at->error, SLUICE_STATUS_BAD_ARGUMENT, "layer %zu%s: %s", at->index, name, message);
}

/* ---- Activations and cells ------------------------------------------------------------------------------------------------- */

static sluice_status check_activation(const chain *at, const char *what, const sluice_activation *activation, bool of_cell)
{
    if ((unsigned)activation->function > SLUICE_FUNCTION_SOFTMAX)
        return fail(at, "%s: function %d is not known", what, (int)activation->function);
    if (of_cell && activation->function == SLUICE_FUNCTION_SOFTMAX)
        return fail(at, "%s: softmax is a function of layers; take another", what);
    if (!isfinite(activation->alpha) || !isfinite(activation->beta))
        return fail(at, "%s: expected finite parameters, found alpha %g, beta %g", what, activation->alpha, activation->beta);
    return SLUICE_STATUS_OK;
}

/* A clip: 0, which is none, or a positive number. */
static sluice_status check_clip(const chain *at, const char *what, float clip)
{
    return clip >= 0 && isfinite(clip) ? SLUICE_STATUS_OK
                                       : fail(at, "%s: expected a finite limit > 0, or 0 for none, found %g", what, clip);
}

static sluice_status check_cell(const chain *at, const sluice_cell *cell)
{
    const unsigned known =
        SLUICE_PART_BIAS | SLUICE_PART_PEEPHOLES | SLUICE_PART_PROJECTION_BIAS | SLUICE_PART_NORM | SLUICE_PART_INITIAL_STATE;
    const bool has_norm = cell->parts & SLUICE_PART_NORM, has_projection = layer_of(at)->projection > 0;
    sluice_status status = check_activation(at, "gate", &cell->gate, true);
    if (!status)
        status = check_activation(at, "candidate", &cell->candidate, true);
    if (!status)
        status = check_activation(at, "output", &cell->output, true);
    if (!status)
        status = check_clip(at, "gate_clip", cell->gate_clip);
    if (!status)
        status = check_clip(at, "cell_clip", cell->cell_clip);
    if (!status)
        status = check_clip(at, "projection_clip", cell->projection_clip);
    if (status)
        return status;
    if (cell->parts & ~known)
        return fail(at, "parts 0x%x has bits that are not known, 0x%x", cell->parts, cell->parts & ~known);
    if (!isfinite(cell->forget_bias))
        return fail(at, "forget_bias: expected a finite number, found %g", cell->forget_bias);
    if (has_norm && (cell->parts & SLUICE_PART_BIAS))
        return fail(at, "a cell with layer normalisation has no bias, its shift is one; leave out SLUICE_PART_BIAS");
    if (has_norm && !(cell->norm_epsilon > 0 && isfinite(cell->norm_epsilon)))
        return fail(at, "norm_epsilon: expected a finite number > 0, found %g", cell->norm_epsilon);
    if (!has_projection && ((cell->parts & SLUICE_PART_PROJECTION_BIAS) || cell->projection_clip > 0))
        return fail(at, "a projection's bias or clip is given, but the layer has no projection");
    return SLUICE_STATUS_OK;
}

/* ---- Layers ---------------------------------------------------------------------------------------------------------------- */

static sluice_status check_name(const chain *at)
{
    const char *name = layer_of(at)->name;
    if (!name)
        return SLUICE_STATUS_OK;
    if (!*name)
        return fail(at, "expected a name, found \"\"; NULL has one made");
    for (const char *c = name; *c; c++)
        if (sl_clean_get_control(c))
            return fail(at, "its name has a control character");
    for (size_t k = 0; k < at->index; k++)
        if (at->network->layers[k].name && strcmp(at->network->layers[k].name, name) == 0)
            return fail(at, "layer %zu has the same name", k);
    return SLUICE_STATUS_OK;
}

static sluice_status check_lstm(chain *at)
{
    const sluice_layer *layer = layer_of(at);
    if ((unsigned)layer->direction > SLUICE_DIRECTION_BOTH || (unsigned)layer->merge > SLUICE_MERGE_MEAN)
        return fail(at, "direction %d or merge %d is not known", (int)layer->direction, (int)layer->merge);
    if (layer->steps != SLUICE_STEPS_ALL && layer->steps != SLUICE_STEPS_FINAL && layer->steps != SLUICE_STEPS_LAST)
        return fail(at, "steps %d: an LSTM layer gives all steps, the final states or the last step", (int)layer->steps);
    if (layer->merge != SLUICE_MERGE_CONCAT && layer->direction != SLUICE_DIRECTION_BOTH)
        return fail(at, "a merge is given, but the layer has one direction");
    if (layer->processing_order && layer->direction != SLUICE_DIRECTION_REVERSE)
        return fail(at, "processing_order is for a layer of the reverse direction alone");
    if (layer->projection > layer->units)
        return fail(at, "projection %zu; expected 1..%zu, its hidden units, or 0 for none", layer->projection, layer->units);
    for (size_t d = 0; layer->cells && d < sl_layer_count_directions(layer); d++) {
        const sluice_status status = check_cell(at, &layer->cells[d]);
        if (status)
            return status;
    }
    at->lstm++;
    return SLUICE_STATUS_OK;
}

/* Fields that only other kinds of layers have. */
static sluice_status check_foreign(const chain *at)
{
    const sluice_layer *layer = layer_of(at);
    const bool is_lstm = layer->kind == SLUICE_LAYER_LSTM, is_reduce = layer->kind == SLUICE_LAYER_REDUCE;
    if (layer->vocabulary && layer->kind != SLUICE_LAYER_EMBEDDING)
        return fail(at, "vocabulary is for an embedding; leave it 0");
    if (layer->has_bias && layer->kind != SLUICE_LAYER_DENSE)
        return fail(at, "has_bias is for a dense layer; leave it 0");
    if (layer->steps != SLUICE_STEPS_ALL && !is_lstm && !is_reduce)
        return fail(at, "steps is for an LSTM layer or a reduction; leave it 0");
    if (!is_lstm && (layer->direction || layer->merge || layer->projection || layer->cells || layer->processing_order ||
                     layer->masked_outputs_zero))
        return fail(at, "a field of LSTM layers is set (direction and what follows it); leave them 0");
    if (layer->activation.function != SLUICE_FUNCTION_DEFAULT && (is_lstm || is_reduce || layer->kind == SLUICE_LAYER_EMBEDDING))
        return fail(at, "activation is for dense, affine and activation layers; an LSTM has those of its cells");
    return SLUICE_STATUS_OK;
}

static sluice_status check_kind(chain *at)
{
    const sluice_layer *layer = layer_of(at);
    const bool has_units =
        layer->kind == SLUICE_LAYER_EMBEDDING || layer->kind == SLUICE_LAYER_LSTM || layer->kind == SLUICE_LAYER_DENSE;
    if (layer->kind < SLUICE_LAYER_EMBEDDING || layer->kind > SLUICE_LAYER_REDUCE)
        return fail(at, "kind %d is not known", (int)layer->kind);
    if (has_units ? layer->units < 1 : layer->units > 0)
        return fail(at, has_units ? "units %zu; expected 1 or more" : "units %zu; such a layer has as many as the one before: 0",
                    layer->units);
    if (layer->kind == SLUICE_LAYER_EMBEDDING && at->index > 0)
        return fail(at, "an embedding can only be the first layer");
    if (layer->kind == SLUICE_LAYER_EMBEDDING && at->network->inputs > 0)
        return fail(at, "the network has %zu inputs, but an embedding reads tokens; leave inputs 0", at->network->inputs);
    if (layer->kind == SLUICE_LAYER_EMBEDDING && (layer->vocabulary < 1 || layer->vocabulary > INT32_MAX))
        return fail(at, "vocabulary %zu; expected 1..%d, as tokens are 32-bit", layer->vocabulary, INT32_MAX);
    if (layer->kind != SLUICE_LAYER_EMBEDDING && at->width < 1)
        return fail(at, "the network has no inputs; set them, or begin with an embedding");
    if ((layer->kind == SLUICE_LAYER_LSTM || layer->kind == SLUICE_LAYER_REDUCE) && !at->has_steps)
        return fail(at, "it needs steps, but a layer before it gives one vector for a row");
    if (layer->kind == SLUICE_LAYER_REDUCE && layer->steps != SLUICE_STEPS_LAST && layer->steps != SLUICE_STEPS_MEAN &&
        layer->steps != SLUICE_STEPS_MAX)
        return fail(at, "steps %d: a reduction takes the last step, the mean or the maximum", (int)layer->steps);
    if (layer->kind == SLUICE_LAYER_REDUCE && !at->lstm)
        return fail(at, "a reduction stands behind the last LSTM layer, and there is none before it");
    return layer->kind == SLUICE_LAYER_LSTM ? check_lstm(at) : SLUICE_STATUS_OK;
}

/* Whether all arrays of a layer, and their packed copies, whose columns are rounded up to 64, fit size_t with some margin. */
static bool fits(const sluice_layer *layer, size_t inputs)
{
    const size_t rows = layer->kind == SLUICE_LAYER_EMBEDDING ? layer->vocabulary : layer->units;
    const size_t columns = layer->kind == SLUICE_LAYER_EMBEDDING ? layer->units : inputs;
    size_t width, floats;
    return layer->units <= SIZE_MAX / 64 && inputs <= SIZE_MAX / 64 && rows <= SIZE_MAX / 64 &&
           sl_size_add(columns, 2 * layer->units + 64, &width) && sl_size_mul(8 * (rows + 64), width, &floats) &&
           sl_size_mul(floats, 2 * sizeof(float), &floats);
}

size_t sl_layer_get_width(const sluice_layer *layer, size_t inputs)
{
    switch (layer->kind) {
    case SLUICE_LAYER_EMBEDDING:
    case SLUICE_LAYER_DENSE:
        return layer->units;
    case SLUICE_LAYER_LSTM:
        return (layer->merge == SLUICE_MERGE_CONCAT ? sl_layer_count_directions(layer) : 1) * sl_layer_get_h_width(layer);
    case SLUICE_LAYER_AFFINE:
    case SLUICE_LAYER_ACTIVATION:
    case SLUICE_LAYER_REDUCE:
        break;
    }
    return inputs;
}

sluice_status sl_network_check_layers(const sluice_network *network, sluice_error *error)
{
    chain at = {.network = network, .width = network->inputs, .has_steps = true, .error = error};
    size_t all = 0;
    for (; at.index < network->layer_count; at.index++) {
        const sluice_layer *layer = layer_of(&at);
        sluice_status status = check_name(&at);
        if (!status)
            status = check_kind(&at);
        if (!status)
            status = check_foreign(&at);
        if (!status)
            status = check_activation(&at, "activation", &layer->activation, false);
        if (status)
            return status;
        if (!fits(layer, at.width) || !sl_size_add(all, layer->units, &all))
            return sl_fail_size(error, "the model");
        at.width = sl_layer_get_width(layer, at.width);
        at.has_steps = at.has_steps && layer->steps == SLUICE_STEPS_ALL;
    }
    at.index--;
    if (!at.lstm)
        return fail(&at, "it is the last layer, and none is an LSTM");
    return SLUICE_STATUS_OK;
}

sluice_status sl_network_check_masking(const sluice_network *network, sluice_error *error)
{
    const bool has_tokens = network->layers[0].kind == SLUICE_LAYER_EMBEDDING, of_tokens = network->masking == SLUICE_MASKING_TOKEN;
    if ((unsigned)network->masking > SLUICE_MASKING_VALUE)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "network: masking %d is not known", (int)network->masking);
    if (network->masking != SLUICE_MASKING_NONE && of_tokens != has_tokens)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "network: it masks steps by their %s, but reads %s",
                       of_tokens ? "tokens" : "inputs", has_tokens ? "tokens" : "x");
    if (!isfinite(network->mask_value) || (network->mask_value != 0 && network->masking != SLUICE_MASKING_VALUE))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "network: mask_value %g; expected %s", (double)network->mask_value,
                       network->masking == SLUICE_MASKING_VALUE ? "a finite number" : "0, as no step is masked by its inputs");
    return SLUICE_STATUS_OK;
}

sluice_status sl_network_check_count(const sluice_network *network, bool is_shape, sluice_error *error)
{
    if (network->layer_count < 1 || (network->layer_count > SLUICE_MAX_LAYERS && !is_shape))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "network: %zu layers; expected 1..%d", network->layer_count,
                       SLUICE_MAX_LAYERS);
    if (!network->layers)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "network: layers is NULL; expected %zu", network->layer_count);
    return SLUICE_STATUS_OK;
}

sluice_status sl_shape_check(const sluice_shape *shape, sluice_error *error)
{
    if (shape->layers < 1 || shape->inputs < 1 || shape->hidden < 1 || shape->directions < 1 || shape->directions > 2)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "shape: layers %zu, directions %zu, inputs %zu, hidden %zu; expected layers, inputs and hidden >= 1 and "
                       "directions 1 or 2",
                       shape->layers, shape->directions, shape->inputs, shape->hidden);
    if (shape->vocabulary > INT32_MAX)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "shape: vocabulary %zu; tokens are 32-bit, so at most %d",
                       shape->vocabulary, INT32_MAX);
    /* The size of every array of the model, and of its packed copies, whose columns are rounded up to 64, must fit size_t with some
     * margin. */
    size_t columns, widest, cells, layers;
    const size_t out = 2 * shape->hidden;
    if (shape->hidden > SIZE_MAX / 16 || !sl_size_mul(4, shape->hidden + 64, &columns) ||
        !sl_size_add(out, shape->inputs, &widest) || !sl_size_add(widest, shape->hidden, &widest) ||
        !sl_size_mul(columns, widest, &cells) || !sl_size_mul(cells, 2 * sizeof(float), &cells) ||
        !sl_size_mul(shape->layers, shape->directions, &layers) || !sl_size_mul(layers, cells, &cells) ||
        !sl_size_add(columns, shape->inputs, &columns) || !sl_size_mul(shape->vocabulary, columns, &cells) ||
        !sl_size_mul(cells, 2 * sizeof(float), &cells) || !sl_size_mul(shape->classes, out + 64, &cells) ||
        !sl_size_mul(cells, 2 * sizeof(float), &cells))
        return sl_fail_size(error, "the model");
    return SLUICE_STATUS_OK;
}
