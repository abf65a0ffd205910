/* The model: canonical weights, owned. The engine packs from here; io fills it through sluice_model_create. */
#ifndef SLUICE_ENGINE_MODEL_H
#define SLUICE_ENGINE_MODEL_H

#include "sluice.h"

/** Gates in canonical order, torch.nn.LSTM's. */
enum { SL_GATE_I, SL_GATE_F, SL_GATE_G, SL_GATE_O, SL_GATES };

typedef struct sl_layer { /* one direction of one layer */
    size_t inputs;        /* width of what it reads */
    float *weight_ih;     /* [4H][inputs] */
    float *weight_hh;     /* [4H][H] */
    float *bias;          /* [4H], b_ih + b_hh rounded once; zeros without biases */
} sl_layer;

struct sluice_model {
    sluice_shape shape;
    sl_layer *layers;   /* [L*D], index l*D + d */
    float *embedding;   /* [V][I] or NULL */
    float *head_weight; /* [C][D*H] or NULL */
    float *head_bias;   /* [C], zeros if the head has none; NULL without a head */
    char **classes;     /* [C] names, or NULL */
    char *notes;        /* "" or lines; sluice_model_get_notes */
};

/** Give the model its notes: the text is copied. NO_MEMORY leaves the old ones. */
sluice_status sl_model_set_notes(sluice_model *model, const char *notes, sluice_error *error);

#endif
