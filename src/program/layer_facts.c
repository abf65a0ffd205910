#include "program/layer_facts.h"

#include "base/layer.h"
#include "program/model_shape.h"

static unsigned get_parts(const sluice_layer *layer, size_t direction)
{
    return layer->cells ? layer->cells[direction].parts : SLUICE_PART_BIAS;
}

static uint64_t count_parameters(const sluice_model *model, const sluice_layer *layer, size_t index)
{
    uint64_t sum = 0;
    for (size_t d = 0; d < 2; d++)
        for (int tensor = 0; tensor <= SLUICE_TENSOR_SHIFT; tensor++) {
            size_t count;
            const bool is_found = sluice_model_get_parameter(model, index, d, (sluice_tensor)tensor, &count) != NULL;
            const size_t times = tensor != SLUICE_TENSOR_BIAS || layer->kind != SLUICE_LAYER_LSTM ? 1
                                 : get_parts(layer, d) & SLUICE_PART_BIAS                         ? 2
                                                                                                  : 0;
            sum += is_found ? times * count : 0;
        }
    return sum;
}

static double get_lstm_flop(const sluice_layer *layer, size_t inputs)
{
    const double hidden = (double)layer->units, outputs = (double)sl_layer_get_h_width(layer);
    double flop = 0;
    for (size_t d = 0; d < sl_layer_count_directions(layer); d++) {
        flop += 2 * 4 * hidden * ((double)inputs + outputs) + (layer->projection ? 2 * outputs * hidden : 0);
        flop += get_parts(layer, d) & SLUICE_PART_PEEPHOLES ? 2 * SL_PEEPHOLES * hidden : 0;
    }
    return flop;
}

double sl_layer_get_flop(const sluice_layer *layer, size_t inputs)
{
    switch (layer->kind) {
    case SLUICE_LAYER_LSTM:
        return get_lstm_flop(layer, inputs);
    case SLUICE_LAYER_DENSE:
        return 2 * (double)inputs * (double)layer->units;
    case SLUICE_LAYER_AFFINE:
        return 2 * (double)inputs;
    default:
        return 0;
    }
}

sl_layer_facts sl_layer_facts_get(const sluice_model *model, size_t index)
{
    const sluice_network network = sl_model_network(model);
    const sluice_layer *layer = &network.layers[index];
    sl_layer_facts facts = {.layer = layer,
                            .inputs = index ? sluice_model_get_width(model, index - 1) : network.inputs,
                            .outputs = sluice_model_get_width(model, index),
                            .is_head = layer->kind == SLUICE_LAYER_DENSE && sluice_model_is_shape(model)};
    facts.reads_steps = !facts.is_head;
    for (size_t k = 0; k < index; k++)
        facts.reads_steps = facts.reads_steps && network.layers[k].steps == SLUICE_STEPS_ALL;
    facts.gives_steps = facts.reads_steps && layer->steps == SLUICE_STEPS_ALL;
    facts.parameters = count_parameters(model, layer, index);
    facts.flop = sl_layer_get_flop(layer, facts.inputs);
    return facts;
}

double sl_layer_facts_get_step_flop(const sluice_model *model, bool input_is_table)
{
    const sluice_network network = sl_model_network(model);
    double flop = 0;
    for (size_t k = 0; k < network.layer_count; k++) {
        const sl_layer_facts facts = sl_layer_facts_get(model, k);
        const bool is_table = input_is_table && k == 1; /* the embedding is layer 0 */
        flop += !facts.reads_steps ? 0 : is_table ? sl_layer_get_flop(facts.layer, 0) : facts.flop;
    }
    return flop;
}

double sl_layer_facts_get_row_flop(const sluice_model *model)
{
    const sluice_network network = sl_model_network(model);
    double flop = 0;
    for (size_t k = 0; k < network.layer_count; k++) {
        const sl_layer_facts facts = sl_layer_facts_get(model, k);
        flop += facts.reads_steps ? 0 : facts.flop;
    }
    return flop;
}
