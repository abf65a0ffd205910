/* A network: a chain of layers, checked, with the sizes that follow from it. A model and its engines each own one. */
#ifndef SLUICE_MODEL_LAYER_CHAIN_H
#define SLUICE_MODEL_LAYER_CHAIN_H

#include "kernel/cell_kind.h"
#include "sluice_network.h"

#include <stdbool.h>
#include <stdint.h>

/** A layer-direction: one direction of an LSTM layer. */
typedef struct sl_layer_dir {
    size_t layer;              /* among the LSTM layers */
    const sluice_cell *cell;   /* its description; NULL: a plain cell */
    bool in_order;             /* its iteration k gives step k of the outputs, whichever step it is of the inputs */
    bool reverse;              /* from each row's last step to its first */
    size_t inputs;             /* width of what it reads */
    size_t hidden;             /* H */
    size_t gate_rows;          /* 4H: rows of W and U */
    size_t h_width, c_width;   /* floats of h (P, or H without a projection) and of c (H) */
    size_t h_before, c_before; /* floats of h and of c of a row in all layer-directions before this one */
    size_t first_output;       /* where its h begins in its layer's outputs of a step */
} sl_layer_dir;

/** Where a row's h of a layer-direction is in h0, hn and their like, of a batch of `rows` rows; its c likewise. */
static inline size_t sl_h_offset(const sl_layer_dir *dir, size_t rows, size_t row)
{
    return rows * dir->h_before + row * dir->h_width;
}

static inline size_t sl_c_offset(const sl_layer_dir *dir, size_t rows, size_t row)
{
    return rows * dir->c_before + row * dir->c_width;
}

/** An LSTM layer. */
typedef struct sl_lstm_layer {
    size_t layer;      /* among all layers of the network */
    size_t first;      /* its first layer-direction */
    size_t directions; /* 1 or 2 */
    size_t inputs;
    size_t outputs; /* of a step, the directions side by side, before they are merged */
} sl_lstm_layer;

typedef struct sl_network {
    sluice_network description; /* its layers, names and cells are this struct's own */
    sluice_cell *cells;         /* memory of the cells */
    char *names;                /* and of the names */
    bool is_shape;              /* made of a sluice_shape: its head serves final states and every step alike */
    size_t *widths;             /* [layer_count] outputs of a step of each layer */
    sl_lstm_layer *lstm;        /* [lstm_layers] */
    size_t lstm_layers;
    sl_layer_dir *dirs; /* [layer_dirs] */
    size_t layer_dirs;
    size_t vocabulary;         /* V of the embedding; 0: there is none, the network reads x */
    size_t inputs;             /* I: floats of a step of x, or of a row of the embedding */
    size_t step_inputs;        /* elements of a step of the batch's input: 1 token, or I floats */
    size_t outputs;            /* y: outputs of a step of the last LSTM layer, merged */
    size_t ends;               /* C: outputs of the network's end, behind the last LSTM layer; 0: nothing is there */
    size_t widest_input;       /* of all LSTM layers' inputs and outputs */
    size_t widest_output;      /* of all LSTM layers */
    size_t most_hidden;        /* of all layer-directions */
    size_t h_floats, c_floats; /* of a row in all layer-directions */
    size_t reducing_layer;     /* the layer behind which a row is one vector; layer_count: there is none */
    bool has_order;            /* some layer gives its outputs in processing order */
    bool has_reverse;          /* some layer goes from the end, so that sequences are needed whole */
} sl_network;

/** The LSTM layer that is this layer of the network; NULL: it is of another kind. */
static inline const sl_lstm_layer *sl_network_get_lstm(const sl_network *network, size_t layer)
{
    for (size_t k = 0; k < network->lstm_layers; k++)
        if (network->lstm[k].layer == layer)
            return &network->lstm[k];
    return NULL;
}

/** Check a network and work out its sizes. `is_shape` also lifts the limit of SLUICE_MAX_LAYERS. *made is set on success only.
 *  BAD_ARGUMENT, with the layer; UNSUPPORTED; NO_MEMORY; TOO_LARGE. */
sluice_status sl_network_create(const sluice_network *description, bool is_shape, sl_network **made, sluice_error *error);

/** The network that a shape describes. BAD_ARGUMENT, NO_MEMORY, TOO_LARGE. */
sluice_status sl_network_create_of_shape(const sluice_shape *shape, sl_network **made, sluice_error *error);

/** Whether two networks are equal, but for their layers' names. */
bool sl_network_equals(const sl_network *a, const sl_network *b);

/** A number that differs, in all likelihood, between networks that are not equal: FNV-1a of what sl_network_equals compares. */
uint64_t sl_network_hash(const sl_network *network);

/** NULL is allowed. */
void sl_network_destroy(sl_network *network);

#endif
