/* How far outputs are from the values that they are to have. */
#ifndef SLUICE_CLI_EVALUATE_VALUE_SCORES_H
#define SLUICE_CLI_EVALUATE_VALUE_SCORES_H

#include "cli/cli_options.h"

#include <stddef.h>
#include <stdint.h>

/** Sums over the targets of one output, or of several. */
typedef struct sl_value_score {
    uint64_t counted, zeros;          /* targets; those that are 0, of which there is no share */
    double absolute, squares, shares; /* sums of |error|, error^2, and |error / target| */
    uint64_t below;                   /* targets that are less than their output */
    double losses;
} sl_value_score;

/** Output k of a network, whose loss is `loss`; of quantiles, output k is quantile k % loss->quantile_count. */
void sl_value_score_add(sl_value_score *score, const sl_train_loss *loss, size_t k, float output, float target);

/** Add the sums of another one. */
void sl_value_score_join(sl_value_score *score, const sl_value_score *other);

/** Mean absolute error, root mean square error; NaN where there are no targets. */
double sl_value_score_get_mae(const sl_value_score *score);
double sl_value_score_get_rmse(const sl_value_score *score);

/** The mean loss, and which share of the targets, from 0 to 1, is less than their outputs; likewise. */
double sl_value_score_get_loss(const sl_value_score *score);
double sl_value_score_get_below(const sl_value_score *score);

/** Mean absolute error in percent of the target, over the targets that are not 0; NaN where there are none. */
double sl_value_score_get_mape(const sl_value_score *score);

#endif
