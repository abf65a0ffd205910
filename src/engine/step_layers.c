#include "engine/step_layers.h"

#include "engine/pack.h"

#include <string.h>

/* ---- Which there are ------------------------------------------------------------------------------------------------------- */

static bool is_step_layer(const sluice_layer *layer)
{
    return layer->kind == SLUICE_LAYER_DENSE || layer->kind == SLUICE_LAYER_AFFINE || layer->kind == SLUICE_LAYER_ACTIVATION;
}

static bool has_merge(const sluice_layer *layer)
{
    return layer->kind == SLUICE_LAYER_LSTM && layer->merge != SLUICE_MERGE_CONCAT;
}

static void add_layer(sl_step_layers *steps, const sl_network *network, size_t index)
{
    static const sl_step_kind kinds[] = {[SLUICE_LAYER_LSTM] = SL_STEP_MERGE,
                                         [SLUICE_LAYER_DENSE] = SL_STEP_DENSE,
                                         [SLUICE_LAYER_AFFINE] = SL_STEP_AFFINE,
                                         [SLUICE_LAYER_ACTIVATION] = SL_STEP_ACTIVATION};
    const sluice_layer *layer = &network->description.layers[index];
    const size_t outputs = network->widths[index];
    steps->all[steps->count++] = (sl_step_layer){.kind = kinds[layer->kind],
                                                 .layer = index,
                                                 .inputs = has_merge(layer) ? 2 * outputs
                                                           : index          ? network->widths[index - 1]
                                                                            : network->description.inputs,
                                                 .outputs = outputs,
                                                 .merge = layer->merge,
                                                 .activation = layer->activation};
}

/* List them, and where the steps end. */
static void list_layers(sl_step_layers *steps, const sl_network *network)
{
    size_t lstm = 0;
    for (size_t k = 0; k < network->description.layer_count; k++) {
        const sluice_layer *layer = &network->description.layers[k];
        if (is_step_layer(layer) || has_merge(layer))
            add_layer(steps, network, k);
        if (layer->kind == SLUICE_LAYER_LSTM)
            steps->before[++lstm] = steps->count - has_merge(layer);
        if (layer->steps == SLUICE_STEPS_ALL)
            continue;
        steps->reduces = layer->steps;
        /* Final states are merged as vectors, all else as steps. */
        steps->reduced = steps->count - (layer->steps == SLUICE_STEPS_FINAL && has_merge(layer));
    }
    if (steps->reduces == SLUICE_STEPS_ALL)
        steps->reduced = steps->count;
    const sluice_layer *last = &network->description.layers[network->lstm[lstm - 1].layer];
    const bool reads_steps = steps->before[lstm] < steps->reduced || steps->reduces > SLUICE_STEPS_FINAL;
    steps->merges = has_merge(last);
    steps->takes_steps = reads_steps && !network->is_shape;
}

/* Layers one after the other read one of two buffers and write the other. */
static void place_buffers(sl_step_layers *steps, const sl_network *network)
{
    size_t next = 0; /* arrays written so far */
    for (size_t l = 0; l < network->lstm_layers; l++) {
        next += steps->before[l] < steps->before[l + 1];
        steps->input_buffer[l] = next ? (next - 1) % 2 : SIZE_MAX;
        next++;
    }
}

/* ---- Weights --------------------------------------------------------------------------------------------------------------- */

static sl_columns columns_of(const sluice_engine *engine, const sl_step_layer *layer)
{
    return (sl_columns){1, layer->outputs, engine->kernel->lanes};
}

static bool allocate_dense(sluice_engine *engine, sl_step_layer *layer)
{
    const sl_columns columns = columns_of(engine, layer);
    layer->width = sl_columns_width(&columns);
    layer->weights = sl_packed_floats_layout(&columns, layer->inputs);
    layer->weights.panels = sl_engine_take_floats(engine, sl_packed_floats(&layer->weights));
    layer->bias = sl_engine_take_floats(engine, layer->width);
    layer->weight = engine->training ? sl_engine_take_floats(engine, layer->outputs * layer->inputs) : NULL;
    return layer->weights.panels && layer->bias && (layer->weight || !engine->training);
}

static bool allocate(sluice_engine *engine, sl_step_layer *layer)
{
    layer->width = layer->outputs;
    if (layer->kind == SL_STEP_DENSE)
        return allocate_dense(engine, layer);
    if (layer->kind != SL_STEP_AFFINE)
        return true;
    layer->scale = sl_engine_take_floats(engine, layer->outputs);
    layer->shift = sl_engine_take_floats(engine, layer->outputs);
    return layer->scale && layer->shift;
}

bool sl_step_layers_create(sluice_engine *engine)
{
    const sl_network *network = engine->network;
    sl_step_layers *steps = &engine->steps;
    steps->all = sl_alloc_array(network->description.layer_count, sizeof *steps->all);
    steps->before = sl_alloc_array(network->lstm_layers + 1, sizeof *steps->before);
    steps->input_buffer = sl_alloc_array(network->lstm_layers, sizeof *steps->input_buffer);
    if (!steps->all || !steps->before || !steps->input_buffer)
        return false;
    list_layers(steps, network);
    place_buffers(steps, network);
    for (size_t k = 0; k < steps->count; k++) {
        if (!allocate(engine, &steps->all[k]))
            return false;
        steps->widest = sl_size_max(steps->widest, sl_size_max(steps->all[k].width, steps->all[k].inputs));
    }
    if (steps->reduces != SLUICE_STEPS_ALL)
        steps->widest = sl_size_max(steps->widest, network->lstm[network->lstm_layers - 1].outputs);
    return true;
}

size_t sl_step_layers_reduced_width(const sluice_engine *engine)
{
    const sl_network *network = engine->network;
    const sl_step_layers *steps = &engine->steps;
    const bool is_of_lstm = steps->reduces <= SLUICE_STEPS_FINAL || steps->reduced == steps->before[network->lstm_layers];
    return is_of_lstm ? network->lstm[network->lstm_layers - 1].outputs : steps->all[steps->reduced - 1].outputs;
}

static void fill_dense(const sluice_engine *engine, const sl_step_layer *layer, const sl_weights *weights, sl_share share)
{
    const float *weight = sl_weights_get(weights, layer->layer, 0, SLUICE_TENSOR_WEIGHT);
    const float *bias = sl_weights_get(weights, layer->layer, 0, SLUICE_TENSOR_BIAS);
    const sl_columns columns = columns_of(engine, layer);
    sl_pack_panels(&columns, (sl_matrix){weight, layer->inputs, 1}, layer->inputs, &layer->weights, share);
    if (bias)
        sl_pack_row(&columns, bias, NULL, layer->bias, share);
    else if (share.index == 0) /* the weights before may have had one */
        memset(layer->bias, 0, layer->width * sizeof *layer->bias);
    if (layer->weight)
        sl_share_copy(share, layer->outputs, layer->inputs, weight, layer->weight);
}

void sl_step_layers_fill(const sluice_engine *engine, const sl_weights *weights, sl_share share)
{
    for (size_t k = 0; k < engine->steps.count; k++) {
        const sl_step_layer *layer = &engine->steps.all[k];
        if (layer->kind == SL_STEP_DENSE)
            fill_dense(engine, layer, weights, share);
        if (layer->kind != SL_STEP_AFFINE)
            continue;
        sl_share_copy(share, layer->outputs, 1, sl_weights_get(weights, layer->layer, 0, SLUICE_TENSOR_SCALE), layer->scale);
        sl_share_copy(share, layer->outputs, 1, sl_weights_get(weights, layer->layer, 0, SLUICE_TENSOR_SHIFT), layer->shift);
    }
}

void sl_step_layers_destroy(sl_step_layers *steps)
{
    for (size_t k = 0; k < steps->count; k++) {
        sl_free(steps->all[k].weights.panels);
        sl_free(steps->all[k].bias);
        sl_free(steps->all[k].scale);
        sl_free(steps->all[k].shift);
        sl_free(steps->all[k].weight);
    }
    sl_free(steps->all);
    sl_free(steps->before);
    sl_free(steps->input_buffer);
}
