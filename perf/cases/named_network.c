#include "perf/cases/named_network.h"

#include "base/layer.h"
#include "base/random.h"
#include "base/size.h"
#include "model/model.h"
#include "program/layer_facts.h"

#include <math.h>

/* ---- Which there are ------------------------------------------------------------------------------------------------------- */

#define LSTM(size) .struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_LSTM, .units = (size)
#define CLASSES(size)                                                                                                              \
    .struct_size = sizeof(sluice_layer), .kind = SLUICE_LAYER_DENSE, .units = (size), .has_bias = 1,                               \
    .activation = {SLUICE_FUNCTION_SOFTMAX}

static const sluice_layer of_128_64_plain[] = {{LSTM(96)}, {LSTM(96), .steps = SLUICE_STEPS_LAST}, {CLASSES(10)}};
static const sluice_layer of_128_64_dense[] = {{LSTM(128)}, {LSTM(64), .steps = SLUICE_STEPS_LAST}, {CLASSES(10)}};

#define BOTH .direction = SLUICE_DIRECTION_BOTH
static const sluice_layer of_bilstm_plain[] = {{LSTM(80), BOTH}, {LSTM(80), BOTH, .steps = SLUICE_STEPS_FINAL}};
static const sluice_layer of_bilstm[] = {{LSTM(100), BOTH}, {LSTM(50), BOTH, .steps = SLUICE_STEPS_FINAL}};

static const sluice_layer of_projection[] = {{LSTM(512), .projection = 128}};

static const sluice_cell hard_sigmoid[] = {
    {.struct_size = sizeof(sluice_cell), .parts = SLUICE_PART_BIAS, .gate = {SLUICE_FUNCTION_HARD_SIGMOID, 1.0f / 6, 0.5f}}};
static const sluice_layer of_256_plain[] = {{LSTM(256)}};
static const sluice_layer of_hard_sigmoid[] = {{LSTM(256), .cells = hard_sigmoid}};

#define NETWORK(inputs, layers)                                                                                                    \
    {                                                                                                                              \
        sizeof(sluice_network), inputs, sizeof(layers) / sizeof(layers)[0], layers                                                 \
    }
/* The inputs are such that a network and its plain equal multiply the same, to 4 parts in a thousand. */
static const struct {
    const char *name;
    sluice_network network;
} networks[] = {
    [SL_NETWORK_128_64_PLAIN] = {"128-64-dense-plain", NETWORK(96, of_128_64_plain)},
    [SL_NETWORK_128_64_DENSE] = {"128-64-dense", NETWORK(64, of_128_64_dense)},
    [SL_NETWORK_BILSTM_PLAIN] = {"bilstm-100-50-plain", NETWORK(40, of_bilstm_plain)},
    [SL_NETWORK_BILSTM] = {"bilstm-100-50", NETWORK(64, of_bilstm)},
    [SL_NETWORK_PROJECTION_PLAIN] = {"projection-512-128-plain", NETWORK(320, of_256_plain)},
    [SL_NETWORK_PROJECTION] = {"projection-512-128", NETWORK(128, of_projection)},
    [SL_NETWORK_HARD_SIGMOID_PLAIN] = {"hard-sigmoid-256-plain", NETWORK(256, of_256_plain)},
    [SL_NETWORK_HARD_SIGMOID] = {"hard-sigmoid-256", NETWORK(256, of_hard_sigmoid)},
};

const char *sl_named_network_get_name(size_t value)
{
    return value < sizeof networks / sizeof networks[0] ? networks[value].name : NULL;
}

const sluice_network *sl_named_network_get(sl_named_network value)
{
    return &networks[value].network;
}

/* ---- Work ------------------------------------------------------------------------------------------------------------------ */

/* Add a layer, which reads work->outputs floats. */
static void add_layer(const sluice_layer *layer, sl_network_work *work)
{
    const size_t inputs = work->outputs;
    double *const flop = work->gives_steps ? &work->flop_per_step : &work->flop_per_row;
    *flop += sl_layer_get_flop(layer, inputs);
    if (layer->kind == SLUICE_LAYER_LSTM) {
        const size_t directions = sl_layer_count_directions(layer), h = sl_layer_get_h_width(layer);
        work->terms = sl_size_max(work->terms, inputs + h);
        work->outputs = layer->merge == SLUICE_MERGE_CONCAT ? directions * h : h;
        work->directions = sl_size_max(work->directions, directions);
        work->hidden = work->lstm_layers++ ? work->hidden : layer->units;
    } else if (layer->kind == SLUICE_LAYER_DENSE) {
        work->terms = sl_size_max(work->terms, inputs);
        work->outputs = layer->units;
    }
    work->gives_steps = work->gives_steps && layer->steps == SLUICE_STEPS_ALL;
}

sl_network_work sl_network_work_get(const sluice_network *network)
{
    sl_network_work work = {.outputs = network->inputs, .gives_steps = true};
    for (size_t k = 0; k < network->layer_count; k++)
        add_layer(&network->layers[k], &work);
    return work;
}

/* ---- Model ----------------------------------------------------------------------------------------------------------------- */

static void fill_layer(sluice_model *model, size_t layer, uint64_t *state)
{
    const sluice_network *network = &model->network->description;
    const size_t inputs = layer ? sluice_model_get_width(model, layer - 1) : network->inputs;
    const bool is_lstm = network->layers[layer].kind == SLUICE_LAYER_LSTM;
    const float scale = 1 / sqrtf((float)(is_lstm ? network->layers[layer].units : inputs));
    for (size_t direction = 0; direction < 2; direction++)
        for (int tensor = 0; tensor < SL_TENSORS; tensor++) {
            float *values = model->layers[layer].of[direction][tensor];
            size_t count;
            (void)sluice_model_get_parameter(model, layer, direction, (sluice_tensor)tensor, &count);
            for (size_t k = 0; values && k < count; k++)
                values[k] = sl_random_uniform(state) * scale;
        }
}

sluice_status sl_network_model_create(const sluice_network *network, uint64_t seed, sluice_model **model, sluice_error *error)
{
    sl_network *chain;
    *model = NULL;
    sluice_status status = sl_network_create(network, false, &chain, error);
    status = status ? status : sl_model_allocate_network(chain, model, error);
    for (size_t layer = 0; !status && layer < network->layer_count; layer++)
        fill_layer(*model, layer, &seed);
    return status;
}
