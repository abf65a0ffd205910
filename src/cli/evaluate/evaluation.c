#include "cli/evaluate/evaluation.h"

#include "base/size.h"
#include "cli/input/target_array.h"
#include "cli/layer_output.h"
#include "cli/output/predictions.h"
#include "sluice_train.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* ---- What is compared ------------------------------------------------------------------------------------------------------ */

/* Whether a network has one output for each step, or for each row; the head of a shape has both. */
static sl_exit check_steps(const sl_model_evaluation *evaluation)
{
    const bool is_shape = sluice_model_is_shape(evaluation->model);
    const bool has_end = evaluation->shape.classes > 0;
    const bool gives_steps = !has_end || (!is_shape && sl_layer_output_of_end(evaluation->model).has_steps);
    if ((has_end && is_shape) || gives_steps == evaluation->every_step)
        return SL_EXIT_OK;
    return sl_report(SL_EXIT_DATA, "%s: expected targets for each %s, as %s gives outputs, found targets for each %s",
                     sl_report_input(evaluation->targets), gives_steps ? "step" : "row", evaluation->options->model,
                     gives_steps ? "row" : "step");
}

size_t sl_model_evaluation_count_quantiles(const sl_model_evaluation *evaluation)
{
    return evaluation->loss.quantile_count ? evaluation->loss.quantile_count : 1;
}

sl_exit sl_model_evaluation_begin(sl_model_evaluation *evaluation, size_t target_width)
{
    const size_t classes = evaluation->shape.classes;
    const size_t quantiles = sl_model_evaluation_count_quantiles(evaluation);
    const char *model = evaluation->options->model, *targets = sl_report_input(evaluation->targets);
    evaluation->width = classes ? classes : evaluation->shape.directions * evaluation->shape.hidden;
    evaluation->are_shares = evaluation->has_classes && sl_model_gives_shares(evaluation->model);
    if (evaluation->has_classes && classes < 2)
        return sl_report(SL_EXIT_DATA, "%s: expected a model with two outputs at least, one for each class, found %zu%s", model,
                         classes, classes ? "; give --values instead of --labels for its output" : "");
    if (!evaluation->has_classes && target_width * quantiles != evaluation->width)
        return quantiles > 1 ? sl_report(SL_EXIT_DATA,
                                         "%s: expected a value for each %zu of the %zu outputs of %s, one for each quantile, found "
                                         "%zu values for a target; give the --loss of its training",
                                         targets, quantiles, evaluation->width, model, target_width)
                             : sl_report(SL_EXIT_DATA,
                                         "%s: expected %zu values for a target, the outputs of %s, found %zu; if outputs are "
                                         "quantiles of values, give --loss quantile:Q,Q,...",
                                         targets, evaluation->width, model, target_width);
    const sl_exit code = check_steps(evaluation);
    if (code)
        return code;
    if (evaluation->has_classes)
        return sl_class_scores_create(classes, &evaluation->classes);
    evaluation->values = calloc(evaluation->width, sizeof *evaluation->values);
    evaluation->picture_outputs = sl_size_min(evaluation->width, SL_PICTURE_VALUES * quantiles);
    for (size_t k = 0; k < 2; k++)
        evaluation->picture[k] = calloc(SL_PICTURE_TARGETS * evaluation->picture_outputs, sizeof(float));
    return evaluation->values && evaluation->picture[0] && evaluation->picture[1] ? SL_EXIT_OK : sl_report_memory("the scores");
}

double sl_model_evaluation_get_row_bytes(const sl_model_evaluation *evaluation, size_t steps)
{
    const double y = evaluation->every_step ? (double)(evaluation->shape.directions * evaluation->shape.hidden) : 0;
    return ((double)evaluation->width + y) * (double)(evaluation->every_step ? steps : 1) * sizeof(float);
}

/* ---- Running --------------------------------------------------------------------------------------------------------------- */

/* Make an array large enough for `width` floats of each target of a batch; what it held is lost if it grows. */
static sl_exit fit(size_t targets, size_t width, float **array, size_t *room)
{
    size_t count;
    const bool fits = sl_size_mul(targets, width, &count);
    if (fits && count > *room) {
        free(*array);
        *array = calloc(count, sizeof **array);
        *room = *array ? count : 0;
    }
    return fits && count <= *room ? SL_EXIT_OK : sl_report_memory_of_rows("the outputs");
}

/* Run the batch into evaluation->outputs. */
static sl_exit run(sl_model_evaluation *evaluation, const sluice_batch *inputs)
{
    const sluice_model *model = evaluation->model;
    const bool is_shape = sluice_model_is_shape(model), has_end = evaluation->shape.classes > 0;
    const bool reads_y = is_shape && has_end && evaluation->every_step;
    const size_t targets = inputs->rows * (evaluation->every_step ? inputs->steps : 1); /* fits: the batch has as many steps */
    sl_exit code = fit(targets, evaluation->width, &evaluation->outputs, &evaluation->outputs_room);
    if (!code && reads_y)
        code = fit(targets, evaluation->shape.directions * evaluation->shape.hidden, &evaluation->y, &evaluation->y_room);
    if (code)
        return code;
    const sluice_output end = {.layer = sl_layer_output_of_end(model).layer, .at = evaluation->outputs};
    sluice_batch batch = *inputs;
    if (!has_end) {
        batch.y = evaluation->outputs;
    } else if (!is_shape) {
        batch.outputs = &end;
        batch.output_count = 1;
    } else if (reads_y) {
        batch.y = evaluation->y;
        batch.step_logits = evaluation->outputs;
    } else {
        batch.logits = evaluation->outputs;
    }
    sluice_error error;
    return sl_report_status(sluice_forward(evaluation->engine, NULL, &batch, &error), &error);
}

/* ---- Scoring --------------------------------------------------------------------------------------------------------------- */

static void keep_for_picture(sl_model_evaluation *evaluation, const float *outputs, const float *values)
{
    const size_t quantiles = sl_model_evaluation_count_quantiles(evaluation);
    const size_t count = evaluation->picture_outputs, at = evaluation->picture_targets * count;
    if (evaluation->picture_targets == SL_PICTURE_TARGETS)
        return;
    for (size_t k = 0; k < count; k++) {
        evaluation->picture[0][at + k] = outputs[k];
        evaluation->picture[1][at + k] = values[k / quantiles];
    }
    evaluation->picture_targets++;
}

/* Report an output, or a value, that is no finite number. */
static sl_exit fail_number(const sl_model_evaluation *evaluation, const char *path, const char *what, size_t row, size_t step,
                           size_t k)
{
    return sl_report(SL_EXIT_DATA, "%s: %s %zu, step %zu, %s %zu: expected a finite number, found %s", sl_report_input(path),
                     evaluation->row_name, evaluation->first_row + row, evaluation->first_step + step, what, k,
                     "NaN or an infinite one; leave out the row");
}

/* Add the cross-entropies of a batch, as the trainer computes them. */
static sl_exit add_loss(sl_model_evaluation *evaluation, const sluice_batch *batch, const int32_t *labels)
{
    const size_t steps = evaluation->every_step ? batch->steps : 1;
    sluice_loss loss = {.struct_size = sizeof loss,
                        .kind = SLUICE_LOSS_CROSS_ENTROPY,
                        .rows = batch->rows,
                        .steps = steps,
                        .width = evaluation->width,
                        .lengths = evaluation->every_step ? batch->lengths : NULL,
                        .outputs = evaluation->outputs,
                        .labels = labels,
                        .ignore = SL_LABEL_IGNORED,
                        .total_weight = 1}; /* the sum */
    /* Probabilities as logits: their softmax is themselves. One that float32 has as 0 is no infinite loss. */
    for (size_t k = 0; evaluation->are_shares && k < batch->rows * steps * evaluation->width; k++)
        evaluation->outputs[k] = logf(fmaxf(evaluation->outputs[k], FLT_MIN));
    sluice_error error;
    if (sluice_loss_compute(&loss, &error))
        return sl_report_error(&error);
    evaluation->classes.loss += loss.loss;
    return SL_EXIT_OK;
}

static sl_exit score_label(sl_model_evaluation *evaluation, const float *outputs, int32_t label, size_t row, size_t step)
{
    if (label >= 0 && (size_t)label >= evaluation->width)
        return sl_report(SL_EXIT_DATA, "%s: %s %zu, step %zu: expected a label below %zu, the classes of %s, found %ld",
                         sl_report_input(evaluation->targets), evaluation->row_name, evaluation->first_row + row, step,
                         evaluation->width, evaluation->options->model, (long)label);
    sl_class_scores_add(&evaluation->classes, outputs, label);
    return SL_EXIT_OK;
}

static sl_exit score_values(sl_model_evaluation *evaluation, const float *outputs, const float *values, size_t row, size_t step)
{
    const size_t quantiles = sl_model_evaluation_count_quantiles(evaluation);
    for (size_t k = 0; k < evaluation->width; k++) {
        const float value = values[k / quantiles];
        if (!isfinite(value))
            return fail_number(evaluation, evaluation->targets, "value", row, step, k / quantiles);
        sl_value_score_add(&evaluation->values[k], &evaluation->loss, k, outputs[k], value);
    }
    keep_for_picture(evaluation, outputs, values);
    return SL_EXIT_OK;
}

sl_exit sl_model_evaluation_add(sl_model_evaluation *evaluation, const sluice_batch *batch, size_t first, const int32_t *labels,
                                const float *values)
{
    const size_t width = evaluation->width, stride = evaluation->every_step ? batch->steps : 1;
    const size_t value_width = width / sl_model_evaluation_count_quantiles(evaluation);
    sl_exit code = run(evaluation, batch);
    for (size_t n = 0; n < batch->rows; n++) {
        const size_t steps = batch->lengths ? (size_t)batch->lengths[n] : batch->steps;
        for (size_t t = 0; !code && t < (evaluation->every_step ? steps : 1); t++) {
            const size_t at = n * stride + t;
            const float *outputs = evaluation->outputs + at * width;
            for (size_t k = 0; !code && k < width; k++)
                if (!isfinite(outputs[k]))
                    code = fail_number(evaluation, evaluation->input, "output", first + n, t, k);
            if (!code)
                code = labels ? score_label(evaluation, outputs, labels[at], first + n, t)
                              : score_values(evaluation, outputs, values + at * value_width, first + n, t);
        }
        evaluation->steps += steps;
    }
    evaluation->rows += batch->rows;
    return code || !labels ? code : add_loss(evaluation, batch, labels);
}
