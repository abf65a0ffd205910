/* Optimisers, norm and schedules against torch's values; threads, slices, and moments that become subnormal. */
#include "golden/golden_training.h"
#include "support/network.h"
#include "support/suite.h"
#include "train/optimizer.h"
#include "train/learning_rate.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* The options of a golden run, with the defaults put in. */
static sluice_trainer_options get_options(int index)
{
    return (sluice_trainer_options){
        .struct_size = sizeof(sluice_trainer_options),
        .optimizer = (sluice_optimizer)training_optimizers[index].optimizer,
        .rate = training_optimizers[index].rate,
        .momentum = training_optimizers[index].momentum,
        .beta1 = training_optimizers[index].beta1 != 0 ? training_optimizers[index].beta1 : 0.9,
        .beta2 = training_optimizers[index].beta2 != 0 ? training_optimizers[index].beta2 : 0.999,
        .epsilon = training_optimizers[index].epsilon != 0 ? training_optimizers[index].epsilon : 1e-8,
        .weight_decay = training_optimizers[index].weight_decay,
    };
}

/*
 * Torch's weights in float64, ours in float: u = 2^-24. A step rounds the weight (and AdamW its shrunk weight): u |w| each. Its
 * update is the rate times a quotient. SGD: the velocity is a sum of t terms that rounds t + 3 times, relative to V, the sum of
 * its terms' magnitudes. Adam: the mean of the gradients likewise, t + 3 times relative to M; the root of the mean of squares (all
 * positive) half as often, and five operations more; M over the root is at most 2 in so few steps (the means' weights differ by a
 * factor below 4). What a step is off the next steps keep, and decay feeds back less than 1/16 of it.
 */
TEST_EACH(as_torch, training_optimizers)
{
    const sluice_trainer_options options = get_options(_i);
    const double clip = training_optimizers[_i].clip, u = 0x1p-24;
    float weights[TRAINING_WEIGHTS], gradient[TRAINING_WEIGHTS], first[TRAINING_WEIGHTS] = {0}, second[TRAINING_WEIGHTS] = {0};
    memcpy(weights, training_optimizers[_i].weights, sizeof weights);
    const bool is_sgd = options.optimizer == SLUICE_OPTIMIZER_SGD;
    sl_slice slice = {.weights = weights,
                      .gradient = gradient,
                      .first = is_sgd && options.momentum == 0 ? NULL : first,
                      .second = is_sgd ? NULL : second,
                      .count = TRAINING_WEIGHTS};
    double bound[TRAINING_WEIGHTS] = {0}, velocity[TRAINING_WEIGHTS] = {0};
    for (int t = 0; t < TRAINING_STEPS; t++) {
        memcpy(gradient, training_optimizers[_i].gradients[t], sizeof gradient);
        double sum = 0;
        for (size_t k = 0; k < TRAINING_WEIGHTS; k++)
            sum += (double)gradient[k] * (double)gradient[k];
        const double norm = sl_optimizer_get_norm(&slice, 1, 1);
        ck_assert_msg(fabs(norm - sqrt(sum)) <= 1e-15 * norm, "norm %.17g, not %.17g", norm, sqrt(sum));
        const double scale = clip > 0 && norm > clip ? clip / (norm + 1e-6) : 1;
        for (size_t k = 0; k < TRAINING_WEIGHTS; k++) {
            velocity[k] = options.momentum * velocity[k] + fabs(gradient[k]) * scale + options.weight_decay * fabs(weights[k]);
            bound[k] *= 1 + 0.0625;
            bound[k] += 2 * u * fabs(weights[k]) + options.rate * u * (is_sgd ? (t + 5) * velocity[k] : 2 * (1.5 * t + 12));
        }
        ck_assert(sl_optimizer_update(&options, (uint64_t)t, options.rate, scale, &slice, 1, 1));
        for (size_t k = 0; k < TRAINING_WEIGHTS; k++) {
            const double want = training_optimizers[_i].results[t][k];
            ck_assert_msg(fabs(weights[k] - want) <= bound[k], "%s, step %d, weight %zu: %.9g, torch %.17g, bound %.3g",
                          training_optimizers[_i].name, t, k, (double)weights[k], want, bound[k]);
        }
    }
}

/* Tensors of a few sizes divided into slices, with random numbers: owned, tensors_free. */
typedef struct tensors {
    float *weights, *gradient, *first, *second;
    sl_slice *slices;
    size_t floats, count;
} tensors;

static tensors make_net(const sluice_trainer_options *options, size_t most, uint64_t seed)
{
    static const size_t sizes[] = {1, 7, 8191, 8192, 8193, 40000, 3};
    tensors made = {0};
    for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++)
        made.floats += sizes[k];
    float **arrays[] = {&made.weights, &made.gradient, &made.first, &made.second};
    for (size_t j = 0; j < 4; j++) {
        *arrays[j] = test_floats(made.floats);
        for (size_t k = 0; k < made.floats; k++)
            (*arrays[j])[k] = j == 3 ? test_uniform(&seed) : 2 * test_uniform(&seed) - 1;
    }
    made.slices = calloc(made.floats / most + 16, sizeof *made.slices);
    ck_assert_ptr_nonnull(made.slices);
    const bool is_sgd = options->optimizer == SLUICE_OPTIMIZER_SGD;
    for (size_t k = 0, at = 0; k < sizeof sizes / sizeof sizes[0]; at += sizes[k], k++)
        for (size_t from = 0; from < sizes[k]; from += most)
            made.slices[made.count++] = (sl_slice){made.weights + at + from,
                                                   made.gradient + at + from,
                                                   is_sgd && options->momentum == 0 ? NULL : made.first + at + from,
                                                   is_sgd ? NULL : made.second + at + from,
                                                   sizes[k] - from < most ? sizes[k] - from : most,
                                                   0};
    return made;
}

static void tensors_free(tensors *net)
{
    free(net->weights);
    free(net->gradient);
    free(net->first);
    free(net->second);
    free(net->slices);
}

/* Norm, weights and moments have the same bits on any number of threads; weights and moments however they are cut, too. */
TEST_EACH(threads, training_optimizers)
{
    const sluice_trainer_options options = get_options(_i);
    OWNED(tensors) one = make_net(&options, SL_SLICE_MOST, test_seed());
    const double norm = sl_optimizer_get_norm(one.slices, one.count, 1);
    ck_assert(sl_optimizer_update(&options, 4, 0.01, 0.3, one.slices, one.count, 1));
    double sum = 0;
    for (size_t k = 0; k < one.floats; k++)
        sum += (double)one.gradient[k] * (double)one.gradient[k];
    ck_assert_msg(fabs(norm - sqrt(sum)) <= 1e-12 * norm, "norm %.17g, not %.17g", norm, sqrt(sum));
    for (unsigned count = 1; count <= 8; count++) {
        OWNED(tensors) other = make_net(&options, count == 1 ? 1000 : SL_SLICE_MOST, test_seed());
        const double other_norm = sl_optimizer_get_norm(other.slices, other.count, count);
        ck_assert(count == 1 || memcmp(&norm, &other_norm, sizeof norm) == 0);
        ck_assert(sl_optimizer_update(&options, 4, 0.01, 0.3, other.slices, other.count, count));
        test_same_bits(other.weights, one.weights, one.floats, "weights");
        test_same_bits(other.first, one.first, one.floats, "first");
        test_same_bits(other.second, one.second, one.floats, "second");
    }
}

/* After a gradient has become zero, moments decay to exactly zero without subnormals, and weights stay finite; one of zero from
 * the start moves nothing. */
TEST_EACH(fading, training_optimizers)
{
    const sluice_trainer_options options = get_options(_i);
    const bool is_sgd = options.optimizer == SLUICE_OPTIMIZER_SGD;
    float weights[3] = {1, 2, -3}, gradient[3] = {1e-3f, 0, -5}, first[3] = {0}, second[3] = {0};
    sl_slice slice = {weights, gradient, is_sgd && options.momentum == 0 ? NULL : first, is_sgd ? NULL : second, 3, 0};
    ck_assert(sl_optimizer_update(&options, 0, 0.01, 1, &slice, 1, 1));
    ck_assert(options.weight_decay > 0 || weights[1] == 2);
    memset(gradient, 0, sizeof gradient);
    bool sound = true;
    for (uint64_t step = 1; step < 100000; step++) {
        ck_assert(sl_optimizer_update(&options, step, 0.01, 1, &slice, 1, 1));
        for (size_t k = 0; k < 3; k++)
            sound = sound && fpclassify(first[k]) != FP_SUBNORMAL && fpclassify(second[k]) != FP_SUBNORMAL && isfinite(weights[k]);
    }
    ck_assert(sound);
    for (size_t k = 0; k < 3; k++)
        ck_assert_msg(options.weight_decay > 0 || (first[k] == 0 && second[k] == 0), "moments %g, %g", (double)first[k],
                      (double)second[k]);
}

TEST(norm_not_finite)
{
    float gradient[20] = {0};
    sl_slice slices[2] = {{.gradient = gradient, .count = 13}, {.gradient = gradient + 13, .count = 7}};
    ck_assert(sl_optimizer_get_norm(slices, 2, 1) == 0);
    gradient[3] = gradient[19] = FLT_MAX;
    const double norm = sl_optimizer_get_norm(slices, 2, 1);
    ck_assert(fabs(norm - sqrt(2) * (double)FLT_MAX) <= 1e-15 * norm);
    gradient[4] = -INFINITY;
    ck_assert(isinf(sl_optimizer_get_norm(slices, 2, 1)));
    gradient[17] = NAN;
    ck_assert(isnan(sl_optimizer_get_norm(slices, 2, 1)));
}

/* Against torch's rates: its own arithmetic is as ours, but for the cosine's last bits. */
TEST_EACH(rates, training_rates)
{
    const sluice_trainer_options options = {.rate = 0.5,
                                            .schedule = training_rates[_i].is_cosine ? SLUICE_RATE_COSINE : SLUICE_RATE_ONE_CYCLE,
                                            .total_steps = training_rates[_i].total};
    const uint64_t total = options.total_steps;
    for (uint64_t step = 0; step < total; step++) {
        const double got = sl_rate_get(&options, step), want = training_rates[_i].rates[step];
        ck_assert_msg(fabs(got - want) <= 2e-16, "%d steps, step %d: %.17g, torch %.17g", (int)total, (int)step, got, want);
    }
    const double last = training_rates[_i].is_cosine ? 0 : sl_rate_get(&options, total - 1);
    ck_assert(sl_rate_get(&options, total) == last && sl_rate_get(&options, UINT64_MAX) == last);
}

TEST(names)
{
    ck_assert_str_eq(sluice_optimizer_get_name(SLUICE_OPTIMIZER_ADAMW), "adamw");
    ck_assert_str_eq(sluice_rate_get_name(SLUICE_RATE_ONE_CYCLE), "one-cycle");
    ck_assert_str_eq(sluice_loss_get_name(SLUICE_LOSS_SQUARED_ERROR), "squared-error");
    ck_assert_ptr_null(sluice_optimizer_get_name((sluice_optimizer)3));
    ck_assert_ptr_null(sluice_rate_get_name((sluice_rate)3));
    ck_assert_str_eq(sluice_loss_get_name(SLUICE_LOSS_QUANTILE), "quantile");
    ck_assert_ptr_null(sluice_loss_get_name((sluice_loss_kind)5));
}

TEST(warm_up)
{
    sluice_trainer_options options = {.rate = 0.5, .warmup_steps = 4};
    for (uint64_t step = 0; step < 4; step++)
        ck_assert(sl_rate_get(&options, step) == 0.125 * (double)(step + 1));
    ck_assert(sl_rate_get(&options, 4) == 0.5 && sl_rate_get(&options, UINT64_MAX) == 0.5);
    options.schedule = SLUICE_RATE_COSINE;
    options.total_steps = 12;
    for (uint64_t step = 0; step < 4; step++)
        ck_assert(sl_rate_get(&options, step) == 0.125 * (double)(step + 1));
    ck_assert(sl_rate_get(&options, 4) == 0.5);
    ck_assert(fabs(sl_rate_get(&options, 8) - 0.25) <= 1e-16);
    ck_assert(fabs(sl_rate_get(&options, 11) - 0.25 * (1 + cos(3.14159265358979323846 * 7 / 8))) <= 2e-16);
    ck_assert(sl_rate_get(&options, 12) == 0 && sl_rate_get(&options, 13) == 0);
    options.schedule = SLUICE_RATE_ONE_CYCLE; /* ignores it */
    ck_assert(sl_rate_get(&options, 0) < 0.021);
    const sluice_trainer_options constant = {.rate = 0.5};
    ck_assert(sl_rate_get(&constant, 0) == 0.5 && sl_rate_get(&constant, 1000) == 0.5);
}
