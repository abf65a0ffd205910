/* Sums over vectors of a dense layer's dW and db. There is a fixed number P of partial sums: chunk k of the vectors belongs to partial
 * sum k mod P, so that threads change no bit. */
#ifndef SLUICE_ENGINE_BACKWARD_GRAD_DENSE_H
#define SLUICE_ENGINE_BACKWARD_GRAD_DENSE_H

#include "engine/backward/grad.h"

/** The partial sums of a layer: of each [units][inputs], then [units] of the bias. */
typedef struct sl_dense_sums {
    float *at;
    size_t units, inputs;
    size_t partial_sums, tiles; /* a partial sum's units are divided into tiles */
} sl_dense_sums;

sl_dense_sums sl_dense_sums_of(const sluice_tape *tape, size_t units, size_t inputs);

/** Units [from, from + units) of a partial sum. */
typedef struct sl_dense_tile {
    size_t partial, from, units;
} sl_dense_tile;

/** The tile with this number, of partial_sums * tiles. */
sl_dense_tile sl_dense_tile_at(const sl_dense_sums *sums, size_t index);

void sl_dense_clear(const sl_dense_sums *sums, const sl_dense_tile *tile);

/** Add d' x of `count` vectors to a tile. d are the gradients of the tile's units, d_stride apart, x the layer's inputs. */
void sl_dense_add(const sl_grad_thread *thread, const sl_dense_sums *sums, const sl_dense_tile *tile, size_t count, const float *d,
                  size_t d_stride, const float *x);

/** Store the gradient of a unit, its partial sums, if there are any, added in order, in the arrays of all units; NULL: not wanted. `sum` has room for a
 *  unit's inputs. */
void sl_dense_finish_unit(const sl_dense_sums *sums, size_t unit, float *sum, float *weight, float *bias, bool accumulate);

#endif
