/* A trainer's update of its weights by the gradient. */
#include "base/error.h"
#include "base/struct_size.h"
#include "base/system/cpu.h"
#include "engine/engine.h"
#include "engine/schedule/limits.h"
#include "train/learning_rate.h"
#include "train/trainer.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>

sluice_status sl_trainer_apply(sluice_trainer *trainer, sluice_report *report, sluice_error *error)
{
    /* The gradient is that of the whole batch, on every rank: each computes the same norm and makes the same update. */
    const sluice_trainer_options *options = &trainer->options;
    const unsigned threads = sl_workers(trainer->engine);
    const sl_float_mode mode = sl_float_mode_set(false); /* rate and scale are part of the result */
    const double norm = sl_optimizer_get_norm(trainer->slices, trainer->slice_count, threads);
    const double rate = trainer->rate_factor * sl_rate_get(options, trainer->step);
    const double scale = options->clip > 0 && norm > options->clip ? options->clip / (norm + 1e-6) : 1; /* as torch has it */
    const bool finite =
        isfinite(norm) && sl_optimizer_update(options, trainer->step, rate, scale, trainer->slices, trainer->slice_count, threads);
    sl_float_mode_restore(mode);
    if (!isfinite(norm))
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "the gradient's norm is %s after %llu updates: training has diverged; lower the rate or clip the gradient",
                       isnan(norm) ? "NaN" : "infinite", (unsigned long long)trainer->step);
    if (!finite)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "a weight or a moment of the optimiser became infinite after %llu updates: training has diverged; lower the "
                       "rate or clip the gradient, and begin anew or from a checkpoint",
                       (unsigned long long)trainer->step);
    trainer->step++;
    report->norm = norm;
    report->rate = rate;
    report->step = trainer->step;
    /* does not fail, on one rank alone least of all: an engine for training has no weights in 16 bits that it would have to widen */
    return sluice_engine_set_model(trainer->engine, trainer->model, error);
}

sluice_status sluice_trainer_update(sluice_trainer *trainer, sluice_report *report, sluice_error *error)
{
    if (!trainer)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_update: trainer is NULL");
    sluice_status status = sl_report_check(report, "sluice_trainer_update", error);
    sluice_report found = {0};
    if (!status)
        status = sl_trainer_apply(trainer, &found, error);
    if (!status && report)
        sl_struct_give(report, &found, SL_STRUCT(sluice_report));
    return status;
}

sluice_status sluice_trainer_set_rate_factor(sluice_trainer *trainer, double factor, sluice_error *error)
{
    if (!trainer)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_set_rate_factor: trainer is NULL");
    if (!(factor > 0 && factor <= (double)FLT_MAX))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_trainer_set_rate_factor: the factor is %g; expected a finite number above 0", factor);
    trainer->rate_factor = factor;
    return SLUICE_STATUS_OK;
}

double sluice_trainer_get_rate_factor(const sluice_trainer *trainer)
{
    return trainer->rate_factor;
}

sluice_status sl_report_check(const sluice_report *report, const char *function, sluice_error *error)
{
    return report ? sl_struct_check(report, SL_STRUCT(sluice_report), function, error) : SLUICE_STATUS_OK;
}
