#include "train/optimizer.h"

#include "base/exact_math.h"
#include "base/float_bits.h"
#include "base/size.h"
#include "base/system/cpu.h"
#include "base/system/threads.h"

#include <float.h>
#include <math.h>
#include <stdint.h>
#include <string.h>

enum {
    ONE_THREAD_BELOW = 3 /* with fewer slices, one thread is done before a second one has started */
};

/* The factors of an update, in single precision as it uses them. */
typedef struct factors {
    float scale;                 /* of the gradient */
    float decay;                 /* of the weights, added to the gradient */
    float shrink;                /* what the weights are multiplied by */
    float keep_first, add_first; /* Adam: beta1, 1 - beta1 */
    float keep_second, add_second;
    float unbias; /* 1 / sqrt(1 - beta2^t) */
    float epsilon;
    float step; /* Adam: rate / (1 - beta1^t); SGD: rate */
    float momentum;
} factors;

typedef struct job {
    sl_slice *slices;
    size_t count;
    factors factors;
} job;

static double add_squares(const float *values, size_t count)
{
    double lanes[SL_LANES] = {0}, squares[SL_BLOCK];
    for (size_t first = 0; first < count; first += SL_BLOCK) {
        const size_t size = sl_size_min(SL_BLOCK, count - first), filled = sl_size_round_up(size, SL_LANES);
        for (size_t k = 0; k < size; k++)
            squares[k] = (double)values[first + k] * (double)values[first + k];
        for (size_t k = size; k < filled; k++)
            squares[k] = 0;
        sl_lanes_add(lanes, squares, filled);
    }
    return sl_lanes_sum(lanes);
}

static void square_slices(void *context, unsigned thread, unsigned threads)
{
    const job *work = context;
    const sl_float_mode mode = sl_float_mode_set(false);
    for (size_t k = thread; k < work->count; k += threads)
        work->slices[k].squares = add_squares(work->slices[k].gradient, work->slices[k].count);
    sl_float_mode_restore(mode);
}

double sl_optimizer_get_norm(sl_slice *slices, size_t count, unsigned threads)
{
    job work = {.slices = slices, .count = count};
    sl_threads_run(count < ONE_THREAD_BELOW ? 1 : threads, square_slices, &work);
    const sl_float_mode mode = sl_float_mode_set(false);
    double sum = 0;
    for (size_t k = 0; k < count; k++)
        sum += slices[k].squares;
    sum = sqrt(sum);
    sl_float_mode_restore(mode);
    return sum;
}

/* Subnormal moments become zero. Those of a weight without a gradient would otherwise become subnormal and stay so, and some CPUs
 * compute a hundred times slower with subnormals. */
static inline float drop_subnormal(float value)
{
    return fabsf(value) < FLT_MIN ? 0 : value;
}

static void update_adam(const factors *given, float *restrict weights, const float *restrict gradient, float *restrict first,
                        float *restrict second, size_t count)
{
    const factors f = *given;
    for (size_t k = 0; k < count; k++) {
        const float g = gradient[k] * f.scale + weights[k] * f.decay;
        const float mean = drop_subnormal(first[k] * f.keep_first + g * f.add_first);
        const float square = drop_subnormal(second[k] * f.keep_second + g * g * f.add_second);
        first[k] = mean;
        second[k] = square;
        weights[k] = weights[k] * f.shrink - f.step * mean / (sqrtf(square) * f.unbias + f.epsilon);
    }
}

static void update_momentum(const factors *given, float *restrict weights, const float *restrict gradient, float *restrict velocity,
                            size_t count)
{
    const factors f = *given;
    for (size_t k = 0; k < count; k++) {
        velocity[k] = drop_subnormal(velocity[k] * f.momentum + (gradient[k] * f.scale + weights[k] * f.decay));
        weights[k] -= velocity[k] * f.step;
    }
}

static void update_plain(const factors *given, float *restrict weights, const float *restrict gradient, size_t count)
{
    const factors f = *given;
    for (size_t k = 0; k < count; k++)
        weights[k] -= (gradient[k] * f.scale + weights[k] * f.decay) * f.step;
}

/* Whether a value is NaN or infinite: its exponent's bits are all ones, so that adding 1 to the exponent carries into the sign bit.
 * This is a separate loop, which compilers vectorise; with a comparison in the loops above they do not vectorise these, and Adam takes
 * four times as long. */
static bool has_nonfinite(const float *values, size_t count)
{
    uint32_t carries = 0;
    for (size_t k = 0; k < count; k++)
        carries |= (sl_float_bits(values[k]) & UINT32_C(0x7fffffff)) + UINT32_C(0x00800000);
    return carries >> 31;
}

static void update_slices(void *context, unsigned thread, unsigned threads)
{
    const job *work = context;
    const sl_float_mode mode = sl_float_mode_set(false);
    for (size_t k = thread; k < work->count; k += threads) {
        sl_slice *slice = &work->slices[k];
        if (slice->second)
            update_adam(&work->factors, slice->weights, slice->gradient, slice->first, slice->second, slice->count);
        else if (slice->first)
            update_momentum(&work->factors, slice->weights, slice->gradient, slice->first, slice->count);
        else
            update_plain(&work->factors, slice->weights, slice->gradient, slice->count);
        /* A non-finite m always yields a non-finite weight. A non-finite v does not: its weight no longer changes. */
        slice->is_nonfinite =
            has_nonfinite(slice->weights, slice->count) || (slice->second && has_nonfinite(slice->second, slice->count));
    }
    sl_float_mode_restore(mode);
}

static factors choose_factors(const sluice_trainer_options *options, uint64_t step, double rate, double scale)
{
    const double beta1 = options->beta1, beta2 = options->beta2;
    const int is_sgd = options->optimizer == SLUICE_OPTIMIZER_SGD, decoupled = options->optimizer == SLUICE_OPTIMIZER_ADAMW;
    return (factors){
        .scale = (float)scale,
        .decay = decoupled ? 0 : (float)options->weight_decay,
        .shrink = decoupled ? (float)(1 - rate * options->weight_decay) : 1,
        .keep_first = (float)beta1,
        .add_first = (float)(1 - beta1),
        .keep_second = (float)beta2,
        .add_second = (float)(1 - beta2),
        .unbias = (float)(1 / sqrt(1 - sl_power(beta2, step + 1))),
        .epsilon = (float)options->epsilon,
        .step = (float)(is_sgd ? rate : rate / (1 - sl_power(beta1, step + 1))),
        .momentum = (float)options->momentum,
    };
}

bool sl_optimizer_update(const sluice_trainer_options *options, uint64_t step, double rate, double scale, sl_slice *slices,
                         size_t count, unsigned threads)
{
    const sl_float_mode mode = sl_float_mode_set(false);
    job work = {.slices = slices, .count = count, .factors = choose_factors(options, step, rate, scale)};
    sl_threads_run(count < ONE_THREAD_BELOW ? 1 : threads, update_slices, &work);
    sl_float_mode_restore(mode);
    bool nonfinite = false;
    for (size_t k = 0; k < count; k++)
        nonfinite |= slices[k].is_nonfinite;
    return !nonfinite;
}
