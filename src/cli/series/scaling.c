#include "cli/series/scaling.h"

#include "program/model_shape.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool sl_scaling_allocate(sl_scaling *scaling, sl_scaling_kind kind, size_t inputs, size_t outputs)
{
    *scaling = (sl_scaling){.kind = kind,
                            .inputs = inputs,
                            .outputs = outputs,
                            .in_scale = calloc(inputs, sizeof(float)),
                            .in_shift = calloc(inputs, sizeof(float)),
                            .out_scale = calloc(outputs, sizeof(float)),
                            .out_shift = calloc(outputs, sizeof(float))};
    return scaling->in_scale && scaling->in_shift && scaling->out_scale && scaling->out_shift;
}

void sl_scaling_release(sl_scaling *scaling)
{
    free(scaling->in_scale);
    free(scaling->in_shift);
    free(scaling->out_scale);
    free(scaling->out_shift);
    *scaling = (sl_scaling){0};
}

/* ---- Finding ---------------------------------------------------------------------------------------------------------------- */

/* What is found of a column. */
typedef struct column {
    double sum, squares; /* of the distances from the mean */
    double mean;
    float least, most;
} column;

static void add_sums(const sl_series_table *series, const size_t *lengths, column *columns)
{
    size_t steps = 0;
    for (size_t n = 0; n < series->count; steps += lengths[n++])
        for (size_t t = 0; t < lengths[n]; t++) {
            const float *step = series->values + (series->starts[n] + t) * series->width;
            for (size_t k = 0; k < series->width; k++) {
                columns[k].sum += (double)step[k];
                columns[k].least = step[k] < columns[k].least ? step[k] : columns[k].least;
                columns[k].most = step[k] > columns[k].most ? step[k] : columns[k].most;
            }
        }
    for (size_t k = 0; k < series->width; k++)
        columns[k].mean = columns[k].sum / (double)steps;
    for (size_t n = 0; n < series->count; n++)
        for (size_t t = 0; t < lengths[n]; t++) {
            const float *step = series->values + (series->starts[n] + t) * series->width;
            for (size_t k = 0; k < series->width; k++) {
                const double distance = (double)step[k] - columns[k].mean;
                columns[k].squares += distance * distance;
            }
        }
    for (size_t k = 0; k < series->width; k++)
        columns[k].squares /= (double)steps;
}

typedef struct affine {
    float scale, shift;
} affine;

/* The scale as a float, and the shift that belongs to it; 1 where the range of a float does not allow it. */
static affine round_affine(double scale, double origin)
{
    affine found = {(float)scale, 0};
    if (!isfinite(found.scale) || fabsf(found.scale) < FLT_MIN)
        found.scale = 1;
    found.shift = (float)(-origin * (double)found.scale);
    return found;
}

static affine get_affine(sl_scaling_kind kind, const column *from)
{
    const bool is_constant = from->least == from->most;
    if (kind == SL_SCALING_NORMALIZE)
        return round_affine(is_constant ? 1 : 1 / ((double)from->most - (double)from->least), (double)from->least);
    return round_affine(is_constant ? 1 : 1 / sqrt(from->squares), is_constant ? (double)from->least : from->mean);
}

static affine invert(float scale, float shift)
{
    return round_affine(1 / (double)scale, (double)shift);
}

sl_exit sl_scaling_find(sl_scaling_kind kind, const sl_series_table *series, const size_t *lengths, size_t outputs,
                        size_t quantiles, sl_scaling *scaling)
{
    column *columns = calloc(series->width, sizeof *columns);
    if (!sl_scaling_allocate(scaling, kind, series->inputs, outputs) || !columns) {
        free(columns);
        return sl_report_memory("the scaling");
    }
    for (size_t k = 0; k < series->width; k++)
        columns[k] = (column){.least = INFINITY, .most = -INFINITY};
    add_sums(series, lengths, columns);
    for (size_t k = 0; k < series->inputs; k++) {
        const affine found = get_affine(kind, &columns[k]);
        scaling->in_scale[k] = found.scale;
        scaling->in_shift[k] = found.shift;
    }
    for (size_t k = 0; k < outputs; k++) {
        const affine forward = get_affine(kind, &columns[series->targets[k / quantiles % series->target_count]]);
        const affine back = invert(forward.scale, forward.shift);
        scaling->out_scale[k] = back.scale;
        scaling->out_shift[k] = back.shift;
    }
    free(columns);
    return SL_EXIT_OK;
}

/* The scaling of a column in memory, an input or a target. */
static affine get_of_column(const sl_scaling *scaling, size_t quantiles, const sl_series_table *series, size_t at)
{
    if (at < scaling->inputs)
        return (affine){scaling->in_scale[at], scaling->in_shift[at]};
    size_t k = 0;
    while (series->targets[k] != at)
        k++;
    return invert(scaling->out_scale[k * quantiles], scaling->out_shift[k * quantiles]);
}

void sl_scaling_apply(const sl_scaling *scaling, size_t quantiles, sl_series_table *series)
{
    for (size_t k = 0; k < series->width - series->has_weights; k++) {
        const affine by = get_of_column(scaling, quantiles, series, k);
        float *value = series->values + k;
        for (size_t t = 0; t < series->starts[series->count]; t++, value += series->width)
            *value = fmaf(by.scale, *value, by.shift);
    }
}

/* ---- Layers ----------------------------------------------------------------------------------------------------------------- */

enum { DIRECTIONS = 2, TENSORS = SLUICE_TENSOR_SHIFT + 1, ENDS = 2 };

/* A chain of layers in the making, with room for all of a model's and the two of the scaling. */
typedef struct chain {
    sluice_network network;
    sluice_layer *layers;
    sluice_parameter *parameters;
    size_t count; /* of parameters */
} chain;

static bool begin_chain(chain *made, const sluice_network *from)
{
    const size_t layers = from->layer_count + ENDS;
    made->layers = calloc(layers, sizeof *made->layers);
    made->parameters = calloc(layers * DIRECTIONS * TENSORS, sizeof *made->parameters);
    made->network = *from;
    made->network.layers = made->layers;
    made->network.layer_count = 0;
    return made->layers && made->parameters;
}

/* Append a layer of a model, with its parameters. */
static void append(chain *made, const sluice_model *model, const sluice_layer *layer, size_t index)
{
    for (size_t direction = 0; direction < DIRECTIONS; direction++)
        for (int tensor = 0; tensor < TENSORS; tensor++) {
            sluice_parameter *next = &made->parameters[made->count];
            *next = (sluice_parameter){.layer = made->network.layer_count, .direction = direction, .tensor = (sluice_tensor)tensor};
            next->values = sluice_model_get_parameter(model, index, direction, next->tensor, &next->count);
            made->count += next->values != NULL;
        }
    made->layers[made->network.layer_count++] = *layer;
}

static void append_affine(chain *made, const char *name, size_t width, const float *scale, const float *shift)
{
    const size_t layer = made->network.layer_count++;
    made->layers[layer] = (sluice_layer){.struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_AFFINE, .name = name};
    made->parameters[made->count++] =
        (sluice_parameter){.layer = layer, .tensor = SLUICE_TENSOR_SCALE, .count = width, .values = scale};
    made->parameters[made->count++] =
        (sluice_parameter){.layer = layer, .tensor = SLUICE_TENSOR_SHIFT, .count = width, .values = shift};
}

static sl_exit finish_chain(chain *made, bool ok, sluice_model **model)
{
    sluice_error error;
    const sl_exit code =
        ok ? sl_report_status(sluice_model_create_network(&made->network, made->parameters, made->count, NULL, model, &error),
                              &error)
           : sl_report_memory("the layers of a model");
    free(made->layers);
    free(made->parameters);
    return code;
}

/* The last LSTM layer of a network. */
static size_t find_last_lstm(const sluice_network *network)
{
    size_t layer = network->layer_count - 1;
    while (network->layers[layer].kind != SLUICE_LAYER_LSTM)
        layer--;
    return layer;
}

sl_exit sl_scaling_add_layers(const sl_scaling *scaling, const sluice_model *model, bool every_step, sluice_model **scaled)
{
    const sluice_network network = sl_model_network(model);
    const size_t last_lstm = find_last_lstm(&network);
    chain made = {0};
    const bool ok = begin_chain(&made, &network), is_scaled = ok && scaling->kind != SL_SCALING_NONE;
    if (is_scaled)
        append_affine(&made, "scale_inputs", scaling->inputs, scaling->in_scale, scaling->in_shift);
    for (size_t k = 0; ok && k < network.layer_count; k++) {
        sluice_layer layer = network.layers[k];
        if (sluice_model_is_shape(model) && k == last_lstm && !every_step)
            layer.steps = SLUICE_STEPS_FINAL;
        append(&made, model, &layer, k);
    }
    if (is_scaled)
        append_affine(&made, "scale_outputs", scaling->outputs, scaling->out_scale, scaling->out_shift);
    return finish_chain(&made, ok, scaled);
}

/* Copy what an affine layer has. */
static void take_affine(const sluice_model *model, size_t layer, float *scale, float *shift)
{
    size_t count;
    const float *from = sluice_model_get_parameter(model, layer, 0, SLUICE_TENSOR_SCALE, &count);
    memcpy(scale, from, count * sizeof *scale);
    from = sluice_model_get_parameter(model, layer, 0, SLUICE_TENSOR_SHIFT, &count);
    memcpy(shift, from, count * sizeof *shift);
}

sl_exit sl_scaling_take_layers(sl_scaling_kind kind, const sluice_model *model, sl_scaling *scaling, sluice_model **bare)
{
    const sluice_network network = sl_model_network(model);
    const size_t last = network.layer_count - 1;
    chain made = {0};
    const bool ok =
        sl_scaling_allocate(scaling, kind, network.inputs, sluice_model_get_width(model, last)) && begin_chain(&made, &network);
    if (ok) {
        take_affine(model, 0, scaling->in_scale, scaling->in_shift);
        take_affine(model, last, scaling->out_scale, scaling->out_shift);
    }
    for (size_t k = 1; ok && k < last; k++)
        append(&made, model, &network.layers[k], k);
    return finish_chain(&made, ok, bare);
}
