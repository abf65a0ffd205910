/* The scaling of a model's inputs and outputs: what is found in data, and the layers of the model's file that do it. */
#ifndef SLUICE_CLI_SERIES_SCALING_H
#define SLUICE_CLI_SERIES_SCALING_H

#include "cli/series/forecast.h"
#include "cli/series/series_table.h"

/** The network between the two sees fma(in_scale, x, in_shift); its outputs become fma(out_scale, y, out_shift). */
typedef struct sl_scaling {
    sl_scaling_kind kind; /* NONE: the rest means nothing */
    size_t inputs, outputs;
    float *in_scale, *in_shift;   /* [inputs] */
    float *out_scale, *out_shift; /* [outputs] */
} sl_scaling;

/** Find the scaling of each column: STANDARDIZE gives it mean 0 and deviation 1, NORMALIZE least 0 and most 1, over the first
 *  `lengths[n]` steps of each series, which have one step at least; a column that is constant there has scale 1. An output is scaled as
 *  its target's column, outputs being as sl_forecast has them, `quantiles` >= 1 of each value. Sums are in double, in the order of steps. Errors are reported. */
sl_exit sl_scaling_find(sl_scaling_kind kind, const sl_series_table *series, const size_t *lengths, size_t outputs,
                        size_t quantiles, sl_scaling *scaling);

/** Scale all series in memory: the inputs as the layer in front does, to the bit, and targets that are no inputs
 *  by the inverse of the layer behind. */
void sl_scaling_apply(const sl_scaling *scaling, size_t quantiles, sl_series_table *series);

/** Make the model of a file: `model` with a layer in front and one behind, if there is a scaling. One made of a shape gives outputs at
 *  every step, or else those of its final states. *scaled is to be destroyed. Errors are reported. */
sl_exit sl_scaling_add_layers(const sl_scaling *scaling, const sluice_model *model, bool every_step, sluice_model **scaled);

/** The other way round: take the first and the last layer off a model that says that it has them, and set *scaling to them. `kind` is
 *  not NONE; *bare is to be destroyed. Errors are reported. */
sl_exit sl_scaling_take_layers(sl_scaling_kind kind, const sluice_model *model, sl_scaling *scaling, sluice_model **bare);

/** Allocate the arrays, zeros. False: no memory; what is allocated is for sl_scaling_release. */
bool sl_scaling_allocate(sl_scaling *scaling, sl_scaling_kind kind, size_t inputs, size_t outputs);

/** Zeros are allowed. */
void sl_scaling_release(sl_scaling *scaling);

#endif
