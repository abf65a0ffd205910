/* The model: a network and its parameters in canonical layout, owned. The engine packs from here; io fills it in. */
#ifndef SLUICE_MODEL_MODEL_H
#define SLUICE_MODEL_MODEL_H

#include "model/weights.h"

struct sluice_model {
    sluice_shape shape; /* the one it was made of; of other networks a summary, which counts and adds but describes no layer */
    sl_network *network;
    sl_layer_parameters *layers; /* [layer_count] */
    char **classes;              /* [C] names, or NULL */
    char *notes;                 /* "" or lines; sluice_model_get_notes */
    char *series;                /* sluice_model_get_series; NULL: none */
};

/** Make a model with all parameters zero, without class names; *model is set on success only, and sluice_model_destroy frees it. It
 *  owns the network from then on, and destroys it on failure. NO_MEMORY. */
sluice_status sl_model_allocate_network(sl_network *network, sluice_model **model, sluice_error *error);

/** The same of a shape. BAD_ARGUMENT (the shape), NO_MEMORY, TOO_LARGE. */
sluice_status sl_model_allocate(const sluice_shape *shape, sluice_model **model, sluice_error *error);

/** Make a copy: parameters, class names, notes, and what is said of series. *copy is NULL on failure. NO_MEMORY. */
sluice_status sl_model_copy(const sluice_model *model, sluice_model **copy, sluice_error *error);

/** sluice_model_get_tensor for those who make or train the model; `count` is not NULL. */
float *sl_model_get_tensor(sluice_model *model, sluice_tensor tensor, size_t k, size_t *count);

/** A parameter of layer-direction k; NULL: it has none. */
static inline float *sl_model_get_of_dir(const sluice_model *model, size_t k, sluice_tensor tensor)
{
    const sl_lstm_layer *lstm = &model->network->lstm[model->network->dirs[k].layer];
    return model->layers[lstm->layer].of[k - lstm->first][tensor];
}

static inline sl_weights sl_weights_of_model(const sluice_model *model)
{
    return (sl_weights){.network = model->network, .layers = model->layers};
}

/** The parameters that every layer-direction has. */
typedef struct sl_gate_parameters {
    size_t inputs;    /* width of what it reads */
    float *weight_ih; /* [4H][inputs] */
    float *weight_hh; /* [4H][h_width] */
    float *bias;      /* [4H]; zeros without biases */
} sl_gate_parameters;

static inline sl_gate_parameters sl_model_get_gates(const sluice_model *model, size_t k)
{
    return (sl_gate_parameters){.inputs = model->network->dirs[k].inputs,
                                .weight_ih = sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_IH),
                                .weight_hh = sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_HH),
                                .bias = sl_model_get_of_dir(model, k, SLUICE_TENSOR_BIAS)};
}

/** Give a model without class names its names, C of them, copied. BAD_ARGUMENT (a name is NULL), NO_MEMORY: the model can then only
 *  be destroyed. */
sluice_status sl_model_set_classes(sluice_model *model, const char *const *names, sluice_error *error);

/** Give the model its notes: the text is copied. NO_MEMORY leaves the old ones. */
sluice_status sl_model_set_notes(sluice_model *model, const char *notes, sluice_error *error);

#endif
