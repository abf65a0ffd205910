/* The model: canonical weights, owned. The engine packs from here; io fills it through sluice_model_create. */
#ifndef SLUICE_MODEL_MODEL_H
#define SLUICE_MODEL_MODEL_H

#include "model/dims.h"

typedef struct sl_layer { /* one direction of one layer */
    size_t inputs;        /* width of what it reads */
    float *weight_ih;     /* [4H][inputs] */
    float *weight_hh;     /* [4H][H] */
    float *bias;          /* [4H], b_ih + b_hh rounded once; zeros without biases */
} sl_layer;

struct sluice_model {
    sluice_shape shape;
    sl_dims dims;       /* of the shape */
    sl_layer *layers;   /* [L*D], index l*D + d */
    float *embedding;   /* [V][I] or NULL */
    float *head_weight; /* [C][D*H] or NULL */
    float *head_bias;   /* [C], zeros if the head has none; NULL without a head */
    char **classes;     /* [C] names, or NULL */
    char *notes;        /* "" or lines; sluice_model_get_notes */
};

/** Make a model of this shape with all weights zero, without class names; *model is set on success only, and sluice_model_destroy
 *  frees it. BAD_ARGUMENT (the shape), NO_MEMORY, TOO_LARGE. */
sluice_status sl_model_allocate(const sluice_shape *shape, sluice_model **model, sluice_error *error);

/** Make a copy: weights, class names, notes. *copy is NULL on failure. NO_MEMORY. */
sluice_status sl_model_copy(const sluice_model *model, sluice_model **copy, sluice_error *error);

/** sluice_model_get_tensor for those who make or train the model; `count` is not NULL. */
float *sl_model_get_tensor(sluice_model *model, sluice_tensor tensor, size_t k, size_t *count);

/** Give a model without class names its names, C of them, copied. BAD_ARGUMENT (a name is NULL), NO_MEMORY: the model can then only
 *  be destroyed. */
sluice_status sl_model_set_classes(sluice_model *model, const char *const *names, sluice_error *error);

/** Give the model its notes: the text is copied. NO_MEMORY leaves the old ones. */
sluice_status sl_model_set_notes(sluice_model *model, const char *notes, sluice_error *error);

#endif
