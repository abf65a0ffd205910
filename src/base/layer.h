/* What a layer's own fields say, without the network around it: for the library and the programs alike. It knows the public header
 * alone. */
#ifndef SLUICE_BASE_LAYER_H
#define SLUICE_BASE_LAYER_H

#include "sluice_network.h"

/** Vectors [H] of a cell with peepholes: p_i, p_f, p_o; and of each of the gains and shifts of layer normalisation: i, f, g, o, c. */
enum { SL_PEEPHOLES = 3, SL_NORMS = 5 };

/** The name of a kind of layer, in files and names that are made; "" of 0, which is none, NULL behind the last. */
static inline const char *sl_layer_kind_get_name(unsigned kind)
{
    static const char *const names[] = {"", "embedding", "lstm", "dense", "affine", "activation", "reduce"};
    return kind < sizeof names / sizeof *names ? names[kind] : NULL;
}

/** The name of a sluice_masking, in files and for programs; NULL behind the last. */
static inline const char *sl_masking_get_name(unsigned masking)
{
    static const char *const names[] = {"none", "token", "value"};
    return masking < sizeof names / sizeof *names ? names[masking] : NULL;
}

/** Directions of an LSTM layer, 1 or 2. */
static inline size_t sl_layer_count_directions(const sluice_layer *layer)
{
    return layer->direction == SLUICE_DIRECTION_BOTH ? 2 : 1;
}

/** Floats of h of a direction of an LSTM layer. */
static inline size_t sl_layer_get_h_width(const sluice_layer *layer)
{
    return layer->projection ? layer->projection : layer->units;
}

#endif
