/* Losses: cross-entropy of a softmax, and losses of values. The targets are divided into a fixed number of chunks, which threads take;
 * the sums of the chunks are added in order, so that no bit depends on the number of threads. */
#include "train/loss.h"

#include "base/error.h"
#include "base/exact_math.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "base/system/cpu.h"
#include "base/system/threads.h"
#include "base/value_loss.h"
#include "engine/batch_row.h"
#include "engine/check.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    CHUNKS = 64,
    LANES = 32,              /* the maximum of a target's outputs is that of 32 maxima, each of every 32nd output */
    ONE_THREAD_BELOW = 16384 /* with fewer elements, one thread is done before a second one has started */
};

/* The sums of a chunk of the targets. */
typedef struct chunk_result {
    double loss;
    size_t right;
    sl_fault_place place;
} chunk_result;

typedef struct job {
    const sluice_loss *loss;
    int32_t ignore;
    double share;  /* of a target of weight 1 in the mean: 1 / what the sum is divided by */
    double smooth; /* what label smoothing puts on all classes together: the smoothing, times the mean class weight */
    double delta;  /* Huber's */
    size_t each;   /* outputs of a value: as many as quantiles, or 1 */
    chunk_result results[CHUNKS];
} job;

const char *sluice_loss_get_name(sluice_loss_kind kind)
{
    static const char *const names[] = {"cross-entropy", "squared-error", "absolute-error", "huber", "quantile"};
    return (unsigned)kind < sizeof names / sizeof names[0] ? names[kind] : NULL;
}

/* The largest of the outputs; NaN if one of them is NaN or infinite. */
static float find_largest(const float *outputs, size_t width)
{
    const size_t lanes = sl_size_min(LANES, width);
    float largest[LANES] = {0}, bad[LANES] = {0};
    size_t k = 0;
    for (; k < lanes; k++) {
        largest[k] = outputs[k];
        bad[k] = outputs[k] * 0.0f;
    }
    for (; k + LANES <= width; k += LANES)
        for (size_t j = 0; j < LANES; j++) {
            largest[j] = outputs[k + j] > largest[j] ? outputs[k + j] : largest[j];
            bad[j] += outputs[k + j] * 0.0f;
        }
    for (size_t j = 0; k < width; k++, j++) {
        largest[j] = outputs[k] > largest[j] ? outputs[k] : largest[j];
        bad[j] += outputs[k] * 0.0f;
    }
    for (size_t j = 1; j < lanes; j++) {
        largest[0] = largest[j] > largest[0] ? largest[j] : largest[0];
        bad[0] += bad[j];
    }
    return bad[0] == 0 ? largest[0] : NAN;
}

/* The sum of exp(outputs - largest), its terms left in `terms` if that is not NULL; in *below the sum of outputs - largest, each
 * times its weight if there are weights. */
static double add_exponentials(const float *outputs, size_t width, double largest, const float *weights, float *terms,
                               double *below)
{
    double sums[SL_LANES] = {0}, totals[SL_LANES] = {0}, less[SL_BLOCK], term[SL_BLOCK];
    for (size_t first = 0; first < width; first += SL_BLOCK) {
        const size_t count = sl_size_min(SL_BLOCK, width - first), filled = sl_size_round_up(count, SL_LANES);
        for (size_t k = 0; k < count; k++)
            less[k] = (double)outputs[first + k] - largest;
        for (size_t k = 0; k < count; k++)
            term[k] = sl_exp(less[k]);
        for (size_t k = 0; weights && k < count; k++)
            less[k] *= (double)weights[first + k];
        for (size_t k = count; k < filled; k++)
            less[k] = term[k] = 0;
        sl_lanes_add(totals, less, filled);
        sl_lanes_add(sums, term, filled);
        for (size_t k = 0; terms && k < count; k++)
            terms[first + k] = (float)term[k];
    }
    *below = sl_lanes_sum(totals);
    return sl_lanes_sum(sums);
}

/* Whether the label has the largest output, and is the first that has it. */
static bool is_first_largest(const float *outputs, size_t label, float largest)
{
    bool first = outputs[label] == largest;
    for (size_t k = 0; first && k < label; k++)
        first = outputs[k] < largest;
    return first;
}

/* With subnormals in it, the products of the backward pass would be slow on some CPUs. */
static float flush_subnormal(double gradient)
{
    return (float)(fabs(gradient) < FLT_MIN ? 0 : gradient);
}

/* Terms e_k into a gradient, e_k * scale - even * w_k; without weights w is 1. */
static void finish_gradient(float *gradient, size_t width, double scale, double even, const float *weights)
{
    if (weights)
        for (size_t k = 0; k < width; k++)
            gradient[k] = flush_subnormal(gradient[k] * scale - even * (double)weights[k]);
    else
        for (size_t k = 0; k < width; k++)
            gradient[k] = flush_subnormal(gradient[k] * scale - even);
}

/* The weight of a target beside that of its class. */
static double get_sample_weight(const sluice_loss *loss, size_t target)
{
    return loss->sample_weights ? (double)loss->sample_weights[target] : 1;
}

/* Softmax's probabilities p_k = e_k / sum, and the target's q, whose sum is `mass`: loss -sum q log p, gradient mass p - q, times the
 * share. q is even * w on every class, and on the label the weight, less its part that is smoothed, besides. The label's
 * p - 1 is computed as minus the sum of the other classes' p, since p - 1 would lose all its digits where p is close to 1. */
static sl_fault add_entropy(const job *work, size_t target, chunk_result *found)
{
    const sluice_loss *loss = work->loss;
    const size_t width = loss->width, label = (size_t)loss->labels[target];
    const float *outputs = loss->outputs + target * width;
    float *gradient = loss->gradient ? loss->gradient + target * width : NULL;
    const float largest = find_largest(outputs, width);
    if (isnan(largest)) {
        while (isfinite(outputs[found->place.element]))
            found->place.element++;
        return SL_FAULT_OUTPUT;
    }
    double below;
    const float *weights = loss->class_weights;
    const double sum = add_exponentials(outputs, width, largest, weights, gradient, &below), smooth = loss->label_smoothing;
    const double at_label = (double)outputs[label] - largest, weight = weights ? (double)weights[label] : 1;
    const double sharp = (1 - smooth) * weight, mass = weights ? sharp + work->smooth : 1;
    const double sample = get_sample_weight(loss, target), share = work->share * sample;
    found->loss += sample * (mass * sl_log(sum) - sharp * at_label - smooth / (double)width * below);
    found->right += is_first_largest(outputs, label, largest);
    if (!gradient)
        return SL_FAULT_NONE;
    const double scale = share * mass / sum, even = share * (smooth / (double)width);
    finish_gradient(gradient, width, scale, even, weights);
    gradient[label] = (float)(share * work->smooth - even * weight - (sum - sl_exp(at_label)) * scale);
    return SL_FAULT_NONE;
}

/* What each of a target's outputs first .. first + count - 1 adds to its loss, or the derivative of that. */
static void get_terms(const job *work, size_t target, size_t first, size_t count, bool derivatives, double *terms)
{
    const sluice_loss *loss = work->loss;
    const sluice_loss_kind kind = loss->kind;
    const size_t width = loss->width, each = work->each;
    const float *outputs = loss->outputs + target * width + first, *values = loss->values + target * (width / each);
    const double delta = work->delta;
    double quantiles[SL_BLOCK] = {0};
    for (size_t k = 0; k < count; k++)
        terms[k] = (double)outputs[k] - values[each == 1 ? first + k : (first + k) / each];
    for (size_t k = 0; kind == SLUICE_LOSS_QUANTILE && k < count; k++)
        quantiles[k] = (double)loss->quantiles[(first + k) % each];
    if (derivatives)
        for (size_t k = 0; k < count; k++)
            terms[k] = sl_loss_derivative(kind, terms[k], delta, quantiles[k]);
    else
        for (size_t k = 0; k < count; k++)
            terms[k] = sl_loss_term(kind, terms[k], delta, quantiles[k]);
}

/* Which output or value of a target is not finite. */
static sl_fault find_nonfinite(const job *work, size_t target, size_t *element)
{
    const sluice_loss *loss = work->loss;
    const size_t each = work->each;
    const float *outputs = loss->outputs + target * loss->width, *values = loss->values + target * (loss->width / each);
    size_t k = 0;
    while (isfinite(values[k / each]) && isfinite(outputs[k]))
        k++;
    const bool is_value = !isfinite(values[k / each]);
    *element = is_value ? k / each : k;
    return is_value ? SL_FAULT_VALUE : SL_FAULT_OUTPUT;
}

/* Loss: the mean over the outputs. */
static sl_fault add_values(const job *work, size_t target, chunk_result *found)
{
    const sluice_loss *loss = work->loss;
    const size_t width = loss->width;
    double sums[SL_LANES] = {0}, terms[SL_BLOCK];
    for (size_t first = 0; first < width; first += SL_BLOCK) {
        const size_t count = sl_size_min(SL_BLOCK, width - first), filled = sl_size_round_up(count, SL_LANES);
        get_terms(work, target, first, count, false, terms);
        for (size_t k = count; k < filled; k++)
            terms[k] = 0;
        sl_lanes_add(sums, terms, filled);
    }
    const double sum = sl_lanes_sum(sums), sample = get_sample_weight(loss, target);
    if (!isfinite(sum)) /* of finite floats it is finite in double */
        return find_nonfinite(work, target, &found->place.element);
    found->loss += sample * (sum / (double)width);
    const double scale = work->share * sample / (double)width;
    float *gradient = loss->gradient ? loss->gradient + target * width : NULL;
    for (size_t first = 0; gradient && first < width; first += SL_BLOCK) {
        const size_t count = sl_size_min(SL_BLOCK, width - first);
        get_terms(work, target, first, count, true, terms);
        for (size_t k = 0; k < count; k++)
            gradient[first + k] = (float)(terms[k] * scale);
    }
    return SL_FAULT_NONE;
}

/* Whether step t of row n, its target's index being n*T + t, is one that counts. */
static bool counts(const sluice_loss *loss, int32_t ignore, size_t row, size_t step)
{
    return (!loss->lengths || step < (size_t)loss->lengths[row]) &&
           (loss->kind != SLUICE_LOSS_CROSS_ENTROPY || loss->labels[row * loss->steps + step] != ignore) &&
           get_sample_weight(loss, row * loss->steps + step) != 0;
}

static void run_chunk(job *work, size_t index)
{
    const sluice_loss *loss = work->loss;
    const size_t targets = loss->rows * loss->steps, part = targets / CHUNKS, rest = targets % CHUNKS;
    const size_t first = part * index + sl_size_min(index, rest), end = first + part + (index < rest);
    const bool by_label = loss->kind == SLUICE_LOSS_CROSS_ENTROPY;
    chunk_result *found = &work->results[index];
    for (size_t target = first; target < end && !found->place.fault; target++) {
        const size_t row = target / loss->steps, step = target % loss->steps;
        found->place.row = row;
        found->place.step = step;
        if (counts(loss, work->ignore, row, step))
            found->place.fault = by_label ? add_entropy(work, target, found) : add_values(work, target, found);
        else if (loss->gradient)
            memset(loss->gradient + target * loss->width, 0, loss->width * sizeof(float));
    }
}

static void run_chunks(void *context, unsigned thread, unsigned threads)
{
    const sl_float_mode mode = sl_float_mode_set(false);
    for (size_t index = thread; index < CHUNKS; index += threads)
        run_chunk(context, index);
    sl_float_mode_restore(mode);
}

sluice_status sl_class_weights_check(const float *weights, size_t classes, bool by_label, const char *owner, sluice_error *error)
{
    if (!weights)
        return SLUICE_STATUS_OK;
    if (!by_label)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: class_weights go with cross-entropy; leave them NULL", owner);
    bool is_any = false;
    for (size_t k = 0; k < classes; k++) {
        if (!(weights[k] >= 0 && weights[k] <= FLT_MAX))
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: class_weights [%zu] is %g; expected a finite number >= 0", owner,
                           k, (double)weights[k]);
        is_any = is_any || weights[k] > 0;
    }
    return is_any || !classes ? SLUICE_STATUS_OK
                              : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                                        "%s: all %zu class_weights are 0; expected at least one above 0", owner, classes);
}

sluice_status sl_quantiles_check(sluice_loss_kind kind, const float *quantiles, size_t count, const char *owner,
                                 sluice_error *error)
{
    if (kind != SLUICE_LOSS_QUANTILE)
        return quantiles || count ? sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                                            "%s: quantiles go with the quantile loss; leave them NULL and 0", owner)
                                  : SLUICE_STATUS_OK;
    if (!quantiles || !count || count > SLUICE_MAX_QUANTILES)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: %s; the quantile loss needs 1 to %d quantiles", owner,
                       quantiles ? "quantile_count is out of range" : "quantiles is NULL", SLUICE_MAX_QUANTILES);
    for (size_t k = 0; k < count; k++)
        if (!(quantiles[k] > 0 && quantiles[k] < 1))
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: quantiles [%zu] is %g; expected a number above 0 and below 1",
                           owner, k, (double)quantiles[k]);
    return SLUICE_STATUS_OK;
}

/* What only losses of values have. */
static sluice_status check_values(const sluice_loss *loss, sluice_error *error)
{
    if (!(loss->delta >= 0 && loss->delta <= (double)FLT_MAX))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_loss_compute: delta is %g; expected a number above 0, or 0 for 1",
                       loss->delta);
    const sluice_status status =
        sl_quantiles_check(loss->kind, loss->quantiles, loss->quantile_count, "sluice_loss_compute", error);
    if (!status && loss->quantile_count && loss->width % loss->quantile_count)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_loss_compute: width is %zu; expected a multiple of the %zu quantiles", loss->width,
                       loss->quantile_count);
    return status;
}

static sluice_status check(const sluice_loss *loss, sluice_error *error)
{
    const bool by_label = loss->kind == SLUICE_LOSS_CROSS_ENTROPY;
    if (!sluice_loss_get_name(loss->kind))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_loss_compute: kind %d; expected a sluice_loss_kind",
                       (int)loss->kind);
    if (loss->ignore > 0)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_loss_compute: ignore is %d; expected a negative label, or 0 for -100", (int)loss->ignore);
    if (!(loss->label_smoothing >= 0 && loss->label_smoothing < 1))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_loss_compute: label_smoothing is %g; expected 0 <= s < 1",
                       (double)loss->label_smoothing);
    if (loss->total_weight != 0 && !(loss->total_weight >= DBL_MIN && loss->total_weight <= DBL_MAX))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_loss_compute: total_weight is %g; expected a finite number above 0, or 0 for the loss's own weight",
                       loss->total_weight);
    size_t targets, elements;
    if (!sl_size_mul(loss->rows, loss->steps, &targets) || !sl_size_mul(targets, loss->width, &elements) ||
        elements > SIZE_MAX / sizeof(float))
        return sl_fail_size(error, "the outputs of a loss");
    if (targets && !loss->width)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_loss_compute: width is 0; expected that of an output");
    if (targets && (!loss->outputs || !(by_label ? (const void *)loss->labels : loss->values)))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_loss_compute: %s is NULL, but there are %zu rows of %zu steps",
                       !loss->outputs ? "outputs"
                       : by_label     ? "labels"
                                      : "values",
                       loss->rows, loss->steps);
    sluice_status status = sl_class_weights_check(loss->class_weights, loss->width, by_label, "sluice_loss_compute", error);
    status = status ? status : check_values(loss, error);
    return status ? status : sl_batch_check_lengths(loss->rows, loss->steps, loss->lengths, error);
}

/* Refuse the sample weight, or the label, of a target if it is out of range. */
static sluice_status check_target(const sluice_loss *loss, int32_t ignore, size_t row, size_t step, sl_fault_place *place,
                                  sluice_error *error)
{
    const size_t target = row * loss->steps + step;
    const double sample = get_sample_weight(loss, target);
    *place = (sl_fault_place){SL_FAULT_WEIGHT, row, step, 0};
    if (!(sample >= 0 && sample <= (double)FLT_MAX))
        return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, step, "the sample weight is %g; expected a finite number >= 0",
                           sample);
    place->fault = SL_FAULT_LABEL;
    if (loss->kind == SLUICE_LOSS_CROSS_ENTROPY && counts(loss, ignore, row, step) &&
        (loss->labels[target] < 0 || (size_t)loss->labels[target] >= loss->width))
        return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, step,
                           "label %d; expected 0..%zu, or %d for a target that does not count", (int)loss->labels[target],
                           loss->width - 1, (int)ignore);
    *place = (sl_fault_place){0};
    return SLUICE_STATUS_OK;
}

/* Count the targets and, if there are weights, add up theirs; refuse labels and sample weights out of range. */
static sluice_status count_targets(sluice_loss *loss, int32_t ignore, sl_fault_place *place, sluice_error *error)
{
    const bool has_weights = loss->class_weights || loss->sample_weights;
    double weight = 0;
    loss->counted = 0;
    for (size_t row = 0; row < loss->rows; row++) {
        const size_t steps = sl_row_length(loss->lengths, loss->steps, row);
        if (loss->kind != SLUICE_LOSS_CROSS_ENTROPY && !has_weights) {
            loss->counted += steps;
            continue;
        }
        for (size_t step = 0; step < steps; step++) {
            const sluice_status status = check_target(loss, ignore, row, step, place, error);
            if (status)
                return status;
            if (!counts(loss, ignore, row, step))
                continue;
            const size_t target = row * loss->steps + step;
            loss->counted++;
            weight +=
                get_sample_weight(loss, target) * (loss->class_weights ? (double)loss->class_weights[loss->labels[target]] : 1);
        }
    }
    loss->weight = has_weights ? weight : (double)loss->counted;
    return SLUICE_STATUS_OK;
}

sluice_status sl_loss_count(sluice_loss *loss, sluice_error *error)
{
    sl_fault_place place;
    const sl_float_mode mode = sl_float_mode_set(false);
    const sluice_status status = count_targets(loss, loss->ignore ? loss->ignore : -100, &place, error);
    sl_float_mode_restore(mode);
    return status;
}

/* What label smoothing puts on all classes of a target together. */
static double get_smooth(const sluice_loss *loss)
{
    double sum = 0;
    for (size_t k = 0; loss->class_weights && k < loss->width; k++)
        sum += (double)loss->class_weights[k];
    return loss->class_weights ? (double)loss->label_smoothing / (double)loss->width * sum : (double)loss->label_smoothing;
}

sluice_status sl_loss_compute(sluice_loss *loss, unsigned threads, sl_fault_place *place, sluice_error *error)
{
    *place = (sl_fault_place){0};
    sluice_status status = check(loss, error);
    if (status)
        return status;
    job work = {.loss = loss,
                .ignore = loss->ignore ? loss->ignore : -100,
                .delta = loss->delta > 0 ? loss->delta : 1,
                .each = loss->quantile_count ? loss->quantile_count : 1};
    const sl_float_mode mode = sl_float_mode_set(false);
    status = count_targets(loss, work.ignore, place, error);
    if (status) {
        sl_float_mode_restore(mode);
        return status;
    }
    const double weight = loss->total_weight > 0 ? loss->total_weight : loss->weight;
    work.share = weight > 0 ? 1.0 / weight : 0;
    work.smooth = get_smooth(loss);
    sl_threads_run(loss->rows * loss->steps * loss->width < ONE_THREAD_BELOW ? 1 : threads, run_chunks, &work);
    double sum = 0;
    loss->right = 0;
    for (size_t index = 0; index < CHUNKS && !place->fault; index++) {
        sum += work.results[index].loss;
        loss->right += work.results[index].right;
        *place = work.results[index].place;
    }
    loss->loss = sum * work.share;
    sl_float_mode_restore(mode);
    if (place->fault) {
        const bool is_value = place->fault == SL_FAULT_VALUE;
        const size_t width = is_value ? loss->width / work.each : loss->width;
        const float found =
            (is_value ? loss->values : loss->outputs)[(place->row * loss->steps + place->step) * width + place->element];
        return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, place->row, place->step, "%s [%zu] is %s; a loss needs finite numbers",
                           is_value ? "value" : "output", place->element, isnan(found) ? "NaN" : "infinite");
    }
    return SLUICE_STATUS_OK;
}

sluice_status sluice_loss_compute(sluice_loss *loss, sluice_error *error)
{
    sluice_loss known;
    sl_fault_place place;
    sluice_status status = sl_struct_take(&known, loss, SL_STRUCT(sluice_loss), "sluice_loss_compute", error);
    if (!status)
        status = sl_loss_compute(&known, 1, &place, error);
    if (!status)
        sl_struct_give(loss, &known, SL_STRUCT(sluice_loss));
    return status;
}
