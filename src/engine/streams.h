/* Stream sets: the states of sequences that arrive in pieces, and who is using which. Knows nothing of files. */
#ifndef SLUICE_ENGINE_STREAMS_H
#define SLUICE_ENGINE_STREAMS_H

#include "model/layer_chain.h"

#include <stdatomic.h>
#include <stdbool.h>

struct sluice_streams {
    size_t slots;
    size_t layers;      /* LSTM layers, which are layer-directions, as each has one direction */
    sl_layer_dir *dirs; /* [layers] their sizes alone */
    size_t h_floats, c_floats;
    float *states;        /* [slots], each the h of all layers, then the c: what a row needs stands together */
    float *initial;       /* [h_floats + c_floats] the state before the first step: zeros, or what was learned */
    atomic_uchar *in_use; /* [slots], 1: a call has the slot, and the slot's state is its alone */
};

/** Whether sequences can be fed to this network in pieces. UNSUPPORTED. */
sluice_status sl_streams_check_network(const sl_network *network, sluice_error *error);

/** Whether the set holds states of such a network. */
bool sl_streams_fit(const sluice_streams *streams, const sl_network *network);

/** Mark each row's slot (slots NULL: row n has slot n) as in use by this call; any thread. BAD_DATA, with row and slot: a slot that
 *  is not there, is given twice or is in use by another call; no slot is taken then. What the last user of a slot wrote is seen. */
sluice_status sl_streams_take(sluice_streams *streams, const size_t *slots, size_t rows, sluice_error *error);

/** Give back what sl_streams_take took. */
void sl_streams_give_back(sluice_streams *streams, const size_t *slots, size_t rows);

/** The slot of a row. */
static inline size_t sl_streams_slot(const size_t *slots, size_t row)
{
    return slots ? slots[row] : row;
}

/** A slot's state of one layer. Only for who has taken the slot, or has the set to himself. */
float *sl_streams_h(const sluice_streams *streams, size_t slot, size_t layer);
float *sl_streams_c(const sluice_streams *streams, size_t slot, size_t layer);

#endif
