/* The trainer as an object: what it owns. */
#include "train/trainer.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "engine/schedule/limits.h"
#include "model/model.h"
#include "train/ranks/rank_blocks.h"
#include "train/trainer_options.h"

#include <stdbool.h>
#include <string.h>

/* Floats from one tensor to the next in an array of all tensors: whole cache lines. */
static size_t padded_count(size_t count)
{
    return sl_size_round_up(count, SL_ALIGNMENT / sizeof(float));
}

/* Append a parameter of the model to the list of those trained, if the model has it. */
static void add_trained(sluice_trainer *trainer, size_t layer, size_t direction, sluice_tensor tensor)
{
    const sl_parameter_shape shape = sl_parameter_shape_get(trainer->model->network, layer, direction, tensor);
    if (!shape.rows || shape.optional)
        return;
    sl_trained *next = &trainer->trained[trainer->count++];
    *next = (sl_trained){.layer = layer,
                         .direction = direction,
                         .tensor = tensor,
                         .count = shape.rows * shape.columns,
                         .weights = trainer->model->layers[layer].of[direction][tensor]};
    trainer->floats += padded_count(next->count);
    trainer->slice_count += sl_size_div_up(next->count, SL_SLICE_MOST);
}

/* What a layer may have that is trained, in the order of checkpoints and of the gradient's norm. */
static const sluice_tensor trained_tensors[] = {SLUICE_TENSOR_WEIGHT_IH, SLUICE_TENSOR_WEIGHT_HH,  SLUICE_TENSOR_WEIGHT,
                                                SLUICE_TENSOR_BIAS,      SLUICE_TENSOR_PROJECTION, SLUICE_TENSOR_PROJECTION_BIAS,
                                                SLUICE_TENSOR_SCALE,     SLUICE_TENSOR_SHIFT,      SLUICE_TENSOR_EMBEDDING};
enum { TRAINED_TENSORS = sizeof trained_tensors / sizeof *trained_tensors };

static sluice_status list_trained(sluice_trainer *trainer, sluice_error *error)
{
    const sluice_network *network = &trainer->model->network->description;
    const size_t most = 2 * network->layer_count * TRAINED_TENSORS;
    trainer->trained = sl_alloc_array(most, sizeof *trainer->trained);
    if (!trainer->trained)
        return sl_fail_memory(error, "a trainer's list of tensors", most * sizeof *trainer->trained);
    for (int others = 0; others < 2; others++)
        for (size_t layer = trainer->options.first_trained; layer < network->layer_count; layer++)
            for (size_t k = 0; k < 2 * TRAINED_TENSORS && (network->layers[layer].kind != SLUICE_LAYER_LSTM) == others; k++)
                add_trained(trainer, layer, k / TRAINED_TENSORS, trained_tensors[k % TRAINED_TENSORS]);
    if (!trainer->count)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_trainer_options: first_trained is %zu, and no layer from there on has weights to train",
                       trainer->options.first_trained);
    return SLUICE_STATUS_OK;
}

static sluice_status allocate(sluice_trainer *trainer, sluice_error *error)
{
    const bool is_sgd = trainer->options.optimizer == SLUICE_OPTIMIZER_SGD;
    const bool has_first = !is_sgd || trainer->options.momentum > 0, has_second = !is_sgd;
    const size_t layers = trainer->model->network->layer_dirs;
    trainer->gradients = sl_alloc_array(trainer->floats, sizeof(float));
    trainer->first_moments = has_first ? sl_alloc_array(trainer->floats, sizeof(float)) : NULL;
    trainer->second_moments = has_second ? sl_alloc_array(trainer->floats, sizeof(float)) : NULL;
    trainer->slices = sl_alloc_array(trainer->slice_count, sizeof *trainer->slices);
    trainer->arrays = sl_alloc_array(3 * layers, sizeof *trainer->arrays);
    trainer->parameters = sl_alloc_array(trainer->count, sizeof *trainer->parameters);
    if (!trainer->gradients || (has_first && !trainer->first_moments) || (has_second && !trainer->second_moments) ||
        !trainer->slices || !trainer->arrays || !trainer->parameters)
        return sl_fail_memory(error, "a trainer's gradient and moments",
                              (size_t)(1 + has_first + has_second) * trainer->floats * sizeof(float));
    return SLUICE_STATUS_OK;
}

/* The array of the gradient, as sluice_backward takes it, for a tensor; NULL: it goes to the gradient's parameters. */
static float **gradient_array(sluice_trainer *trainer, const sl_trained *trained)
{
    const sl_network *network = trainer->model->network;
    const bool is_last = trained->layer + 1 == network->description.layer_count;
    const sl_lstm_layer *lstm = sl_network_get_lstm(network, trained->layer);
    float **of_dir = lstm ? trainer->arrays + lstm->first + trained->direction : NULL;
    switch (trained->tensor) {
    case SLUICE_TENSOR_WEIGHT_IH:
        return of_dir;
    case SLUICE_TENSOR_WEIGHT_HH:
        return of_dir + network->layer_dirs;
    case SLUICE_TENSOR_BIAS:
        return of_dir ? of_dir + 2 * network->layer_dirs : is_last ? &trainer->gradient.head_bias : NULL;
    case SLUICE_TENSOR_EMBEDDING:
        return &trainer->gradient.embedding;
    case SLUICE_TENSOR_WEIGHT:
        return is_last ? &trainer->gradient.head_weight : NULL;
    default:
        return NULL;
    }
}

void sl_trainer_choose_gradients(sluice_trainer *trainer, float *gradients)
{
    trainer->gradient.parameter_count = 0;
    for (size_t k = 0; k < trainer->count; k++) {
        const sl_trained *trained = &trainer->trained[k];
        float **array = gradient_array(trainer, trained), *to = gradients + (trained->gradient - trainer->gradients);
        if (array)
            *array = to;
        else
            trainer->parameters[trainer->gradient.parameter_count++] =
                (sluice_parameter_gradient){trained->layer, trained->direction, trained->tensor, trained->count, to};
    }
}

/* Give every tensor its part of the arrays of all tensors, and divide it into slices. */
static void place_tensors(sluice_trainer *trainer)
{
    const size_t layers = trainer->model->network->layer_dirs;
    size_t at = 0;
    sl_slice *slice = trainer->slices;
    for (size_t k = 0; k < trainer->count; at += padded_count(trainer->trained[k].count), k++) {
        sl_trained *trained = &trainer->trained[k];
        trained->gradient = trainer->gradients + at;
        trained->first = trainer->first_moments ? trainer->first_moments + at : NULL;
        trained->second = trainer->second_moments ? trainer->second_moments + at : NULL;
        for (size_t from = 0; from < trained->count; from += SL_SLICE_MOST)
            *slice++ = (sl_slice){.weights = trained->weights + from,
                                  .gradient = trained->gradient + from,
                                  .first = trained->first ? trained->first + from : NULL,
                                  .second = trained->second ? trained->second + from : NULL,
                                  .count = sl_size_min(SL_SLICE_MOST, trained->count - from)};
    }
    sl_trainer_choose_gradients(trainer, trainer->gradients);
    trainer->gradient.struct_size = sizeof trainer->gradient;
    trainer->gradient.weight_ih = trainer->arrays;
    trainer->gradient.weight_hh = trainer->arrays + layers;
    trainer->gradient.bias = trainer->model->shape.has_bias ? trainer->arrays + 2 * layers : NULL;
    trainer->gradient.parameters = trainer->gradient.parameter_count ? trainer->parameters : NULL;
}

/* The caller may free its class weights and quantiles, so they are copied. */
static sluice_status copy_arrays(sluice_trainer *trainer, sluice_error *error)
{
    const size_t classes = trainer->model->shape.classes;
    if (trainer->options.quantiles) {
        memcpy(trainer->quantiles, trainer->options.quantiles, trainer->options.quantile_count * sizeof(float));
        trainer->options.quantiles = trainer->quantiles;
    }
    if (!trainer->options.class_weights)
        return SLUICE_STATUS_OK;
    trainer->class_weights = sl_alloc_array(classes, sizeof(float));
    if (!trainer->class_weights)
        return sl_fail_memory(error, "a trainer's class weights", classes * sizeof(float));
    memcpy(trainer->class_weights, trainer->options.class_weights, classes * sizeof(float));
    trainer->options.class_weights = trainer->class_weights;
    return SLUICE_STATUS_OK;
}

static sluice_status make(sluice_trainer *trainer, const sluice_model *model, const sluice_engine_options *engine_options,
                          const sluice_trainer_options *options, sluice_error *error)
{
    sluice_engine_options own = {.struct_size = sizeof own};
    sluice_status status = SLUICE_STATUS_OK;
    if (engine_options)
        status = sl_struct_take(&own, engine_options, SL_STRUCT(sluice_engine_options), "sluice_trainer_create", error);
    own.training = 1;
    trainer->rate_factor = 1;
    if (!status)
        status = sl_trainer_options_check(options, model, &trainer->options, error);
    if (!status)
        status = sl_model_copy(model, &trainer->model, error);
    if (!status)
        status = copy_arrays(trainer, error);
    if (!status)
        status = sluice_engine_create(trainer->model, &own, &trainer->engine, error);
    const sluice_tape_options tape = {.struct_size = sizeof tape, .recompute = trainer->options.recompute};
    if (!status)
        status = sluice_tape_create(trainer->engine, &tape, &trainer->tape, error);
    if (!status)
        status = list_trained(trainer, error);
    if (!status)
        status = allocate(trainer, error);
    if (status)
        return status;
    place_tensors(trainer);
    return trainer->options.shards > 1 ? sl_ranks_create(trainer, &SL_EXCHANGE_ALONE, &trainer->ranks, error) : SLUICE_STATUS_OK;
}

sluice_status sluice_trainer_create(const sluice_model *model, const sluice_engine_options *engine_options,
                                    const sluice_trainer_options *options, sluice_trainer **trainer, sluice_error *error)
{
    if (!trainer)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_create: trainer is NULL");
    *trainer = NULL;
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_create: model is NULL");
    sluice_trainer *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "a trainer", sizeof *made);
    const sluice_status status = make(made, model, engine_options, options, error);
    if (status)
        sluice_trainer_destroy(made);
    else
        *trainer = made;
    return status;
}

const sluice_engine *sluice_trainer_get_engine(const sluice_trainer *trainer)
{
    return trainer->engine;
}

const sluice_model *sluice_trainer_get_model(const sluice_trainer *trainer)
{
    return trainer->model;
}

sluice_status sluice_trainer_get_options(const sluice_trainer *trainer, sluice_trainer_options *options)
{
    if (!trainer || sl_struct_check(options, SL_STRUCT(sluice_trainer_options), "sluice_trainer_get_options", NULL))
        return SLUICE_STATUS_BAD_ARGUMENT;
    sl_struct_give(options, &trainer->options, SL_STRUCT(sluice_trainer_options));
    return SLUICE_STATUS_OK;
}

sluice_status sluice_trainer_get_gradient(sluice_trainer *trainer, sluice_gradient *gradient)
{
    if (!trainer || sl_struct_check(gradient, SL_STRUCT(sluice_gradient), "sluice_trainer_get_gradient", NULL))
        return SLUICE_STATUS_BAD_ARGUMENT;
    gradient->weight_ih = trainer->gradient.weight_ih;
    gradient->weight_hh = trainer->gradient.weight_hh;
    gradient->bias = trainer->gradient.bias;
    gradient->embedding = trainer->gradient.embedding;
    gradient->head_weight = trainer->gradient.head_weight;
    gradient->head_bias = trainer->gradient.head_bias;
    const sluice_gradient *own = &trainer->gradient;
    if (gradient->struct_size >= SL_SIZE_THROUGH(sluice_gradient, parameter_count)) {
        gradient->parameters = own->parameters;
        gradient->parameter_count = own->parameter_count;
    } else if (own->parameter_count) {
        return SLUICE_STATUS_UNSUPPORTED;
    }
    return SLUICE_STATUS_OK;
}

void sluice_trainer_destroy(sluice_trainer *trainer)
{
    if (!trainer)
        return;
    sluice_tape_destroy(trainer->tape);
    sluice_engine_destroy(trainer->engine);
    sluice_model_destroy(trainer->model);
    sl_free(trainer->class_weights);
    sl_free(trainer->trained);
    sl_free(trainer->gradients);
    sl_free(trainer->first_moments);
    sl_free(trainer->second_moments);
    sl_free(trainer->slices);
    sl_free(trainer->arrays);
    sl_free(trainer->parameters);
    sl_free(trainer->outputs.floats);
    sl_free(trainer->output_gradients.floats);
    sl_free(trainer->y.floats);
    sl_ranks_destroy(trainer->ranks);
    sl_free(trainer);
}
