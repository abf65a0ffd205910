/* A trainer's options: names, limits and defaults. */
#include "train/trainer_options.h"

#include "base/error.h"
#include "base/struct_size.h"
#include "model/model.h"
#include "train/loss.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>

const char *sluice_optimizer_get_name(sluice_optimizer optimizer)
{
    static const char *const names[] = {"adam", "adamw", "sgd"};
    return (unsigned)optimizer < sizeof names / sizeof names[0] ? names[optimizer] : NULL;
}

const char *sluice_rate_get_name(sluice_rate rate)
{
    static const char *const names[] = {"constant", "cosine", "one-cycle"};
    return (unsigned)rate < sizeof names / sizeof names[0] ? names[rate] : NULL;
}

/* BAD_ARGUMENT for an option that is a number. */
static sluice_status refuse(const char *name, double value, const char *expected, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_options: %s is %g; expected %s", name, value, expected);
}

static bool is_below_one(double value)
{
    return value >= 0 && value < 1;
}

/* A mean square below FLT_MIN counts as 0, and its root is 1e-19 at most: far below epsilon, it does not matter. */
static const double LEAST_EPSILON = 1e-16;

static sluice_status check_numbers(const sluice_trainer_options *options, sluice_error *error)
{
    if (!(options->rate > 0 && options->rate <= (double)FLT_MAX))
        return refuse("rate", options->rate, "a number above 0", error);
    if (!is_below_one(options->momentum))
        return refuse("momentum", options->momentum, "0 <= momentum < 1", error);
    if (!is_below_one(options->beta1))
        return refuse("beta1", options->beta1, "0 < beta1 < 1, or 0 for 0.9", error);
    if (!is_below_one(options->beta2))
        return refuse("beta2", options->beta2, "0 < beta2 < 1, or 0 for 0.999", error);
    if (!(options->epsilon >= LEAST_EPSILON && options->epsilon <= 1))
        return refuse("epsilon", options->epsilon, "a number from 1e-16 to 1, or 0 for 1e-8", error);
    if (!(options->weight_decay >= 0 && options->weight_decay <= (double)FLT_MAX))
        return refuse("weight_decay", options->weight_decay, "0 or more", error);
    if (!(options->clip >= 0 && isfinite(options->clip)))
        return refuse("clip", options->clip, "the largest norm of a gradient, or 0 for none", error);
    if (!is_below_one((double)options->label_smoothing))
        return refuse("label_smoothing", (double)options->label_smoothing, "0 <= label_smoothing < 1", error);
    if (!is_below_one((double)options->dropout))
        return refuse("dropout", (double)options->dropout, "0 <= dropout < 1", error);
    if (!(options->delta > 0 && options->delta <= (double)FLT_MAX))
        return refuse("delta", options->delta, "a number above 0, or 0 for 1", error);
    if (options->ignore > 0)
        return refuse("ignore", (double)options->ignore, "a negative label, or 0 for -100", error);
    return SLUICE_STATUS_OK;
}

/* Whether the network gives what the loss reads. */
static sluice_status check_network(const sluice_trainer_options *options, const sl_network *network, sluice_error *error)
{
    const size_t layers = network->description.layer_count;
    const bool reduces = network->reducing_layer < layers;
    const sluice_layer *last = &network->description.layers[layers - 1];
    if (!network->ends && !(options->every_step && options->loss != SLUICE_LOSS_CROSS_ENTROPY))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_trainer_options: the model has no head for this loss; give it classes, or train every_step by "
                       "a loss of values, on y");
    if (network->ends && !network->is_shape && reduces == (options->every_step != 0))
        return refuse("every_step", (double)options->every_step,
                      reduces ? "0, as the network gives one vector for each row" : "1, as the network gives outputs at every step",
                      error);
    const size_t width = network->ends ? network->ends : network->outputs;
    if (options->quantile_count && width % options->quantile_count)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_trainer_options: the network gives %zu outputs; expected a multiple of the %zu quantiles", width,
                       options->quantile_count);
    if (options->first_trained >= layers)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_trainer_options: first_trained is %zu; expected less than %zu, the network's layers",
                       options->first_trained, layers);
    if (options->loss == SLUICE_LOSS_CROSS_ENTROPY && last->activation.function == SLUICE_FUNCTION_SOFTMAX)
        return sl_fail(
            error, SLUICE_STATUS_BAD_ARGUMENT,
            "sluice_trainer_options: layer %zu \"%s\" ends in softmax, which cross-entropy applies itself; make it linear",
            layers - 1, last->name);
    return SLUICE_STATUS_OK;
}

static sluice_status check_kinds(const sluice_trainer_options *options, const sl_network *network, sluice_error *error)
{
    const bool has_end = options->schedule == SLUICE_RATE_COSINE || options->schedule == SLUICE_RATE_ONE_CYCLE;
    if (!sluice_optimizer_get_name(options->optimizer))
        return refuse("optimizer", (double)options->optimizer, "a sluice_optimizer", error);
    if (!sluice_rate_get_name(options->schedule))
        return refuse("schedule", (double)options->schedule, "a sluice_rate", error);
    if (!sluice_loss_get_name(options->loss))
        return refuse("loss", (double)options->loss, "a sluice_loss_kind", error);
    if (options->every_step != 0 && options->every_step != 1)
        return refuse("every_step", (double)options->every_step, "0 or 1", error);
    if (has_end && !options->total_steps)
        return refuse("total_steps", 0, "the number of updates, over which the schedule goes", error);
    if (options->schedule == SLUICE_RATE_COSINE && options->warmup_steps >= options->total_steps)
        return refuse("warmup_steps", (double)options->warmup_steps, "less than total_steps", error);
    if (options->shards > SLUICE_MAX_SHARDS) {
        char most[32];
        snprintf(most, sizeof most, "at most %d", SLUICE_MAX_SHARDS);
        return refuse("shards", (double)options->shards, most, error);
    }
    const sluice_status status =
        sl_quantiles_check(options->loss, options->quantiles, options->quantile_count, "sluice_trainer_options", error);
    return status ? status : check_network(options, network, error);
}

sluice_status sl_trainer_options_check(const sluice_trainer_options *given, const sluice_model *model,
                                       sluice_trainer_options *options, sluice_error *error)
{
    sluice_trainer_options known = {.struct_size = sizeof known};
    sluice_status status =
        given ? sl_struct_take(&known, given, SL_STRUCT(sluice_trainer_options), "trainer options", error) : SLUICE_STATUS_OK;
    if (status)
        return status;
    *options = known;
    options->rate = options->rate != 0 ? options->rate : 1e-3;
    options->beta1 = options->beta1 != 0 ? options->beta1 : 0.9;
    options->beta2 = options->beta2 != 0 ? options->beta2 : 0.999;
    options->epsilon = options->epsilon != 0 ? options->epsilon : 1e-8;
    options->ignore = options->ignore ? options->ignore : -100;
    options->shards = options->shards ? options->shards : 1;
    options->delta = options->delta != 0 ? options->delta : 1;
    status = check_kinds(options, model->network, error);
    if (!status)
        status = check_numbers(options, error);
    return status ? status
                  : sl_class_weights_check(options->class_weights, model->shape.classes, options->loss == SLUICE_LOSS_CROSS_ENTROPY,
                                           "sluice_trainer_options", error);
}
