/* How large the states of the LSTM layers are. */
#ifndef SLUICE_CLI_STATE_SIZES_H
#define SLUICE_CLI_STATE_SIZES_H

#include "sluice_network.h"

typedef enum sl_state_kind { SL_STATE_H, SL_STATE_C } sl_state_kind;

/** Floats of a row in a direction of an LSTM layer. */
size_t sl_state_width(const sluice_layer *layer, sl_state_kind kind);

typedef struct sl_state_sizes {
    size_t layer_dirs;
    size_t width;  /* floats of a row in each of them; 0: they differ */
    size_t floats; /* in all of them */
} sl_state_sizes;

sl_state_sizes sl_state_sizes_get(const sluice_model *model, sl_state_kind kind);

#endif
