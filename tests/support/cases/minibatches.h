/* Random batches with targets for trainers, and the few calls on trainers that several tests make. Each ends the test on
 * failure. */
#ifndef SLUICE_TESTS_MINIBATCHES_H
#define SLUICE_TESTS_MINIBATCHES_H

#include "support/network.h"
#include "support/suite.h"
#include "program/model_shape.h"
#include "sluice_train.h"

#include <string.h>

/** What a trainer is given in a step. Owned: test_minibatch_free. */
typedef struct test_minibatch {
    test_batch batch; /* without logits, which are the trainer's */
    int32_t *labels;  /* [N] or [N][T], some of them to be ignored with every_step; NULL: a loss of values */
    float *values;    /* of a loss of values, else NULL */
    float *weights;   /* of samples, some of them 0, likewise but for squared error */
} test_minibatch;

static inline test_minibatch test_minibatch_random(const sluice_shape *shape, const sluice_trainer_options *options, size_t rows,
                                                   size_t steps, unsigned what, uint64_t *random)
{
    test_minibatch minibatch = {.batch = test_batch_random(shape, rows, steps, what, random)};
    free(minibatch.batch.logits);
    minibatch.batch.logits = minibatch.batch.batch.logits = NULL;
    minibatch.batch.logits_count = 0;
    const size_t targets = rows * (options->every_step ? steps : 1);
    const size_t width = shape->classes ? shape->classes : shape->directions * shape->hidden;
    if (options->loss > SLUICE_LOSS_SQUARED_ERROR) {
        minibatch.weights = test_floats(targets);
        for (size_t k = 0; k < targets; k++)
            minibatch.weights[k] = k % 4 == 3 ? 0 : 3 * test_uniform(random);
        minibatch.batch.batch.sample_weights = minibatch.weights;
    }
    if (options->loss != SLUICE_LOSS_CROSS_ENTROPY) { /* of quantiles more than are read */
        minibatch.values = test_floats(targets * width);
        for (size_t k = 0; k < targets * width; k++)
            minibatch.values[k] = 2 * test_uniform(random) - 1;
        return minibatch;
    }
    minibatch.labels = calloc(targets ? targets : 1, sizeof *minibatch.labels);
    ck_assert_ptr_nonnull(minibatch.labels);
    for (size_t k = 0; k < targets; k++)
        minibatch.labels[k] = options->every_step && test_random(random) % 8 == 0 ? (options->ignore ? options->ignore : -100)
                                                                                  : (int32_t)(test_random(random) % shape->classes);
    return minibatch;
}

static inline void test_minibatch_free(test_minibatch *minibatch)
{
    test_batch_free(&minibatch->batch);
    free(minibatch->labels);
    free(minibatch->values);
    free(minibatch->weights);
}

/** One step, which has to succeed. */
static inline sluice_report test_step(sluice_trainer *trainer, const sluice_batch *batch, const int32_t *labels,
                                      const float *values)
{
    sluice_report report = {.struct_size = sizeof report};
    SUCCEEDS(sluice_trainer_step, trainer, batch, labels, values, &report);
    return report;
}

static inline sluice_report test_learn(sluice_trainer *trainer, const test_minibatch *minibatch)
{
    return test_step(trainer, &minibatch->batch.batch, minibatch->labels, minibatch->values);
}

static inline sluice_trainer *test_trainer_create(const sluice_model *model, const sluice_engine_options *engine,
                                                  const sluice_trainer_options *options)
{
    sluice_trainer *trainer = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_trainer_create(model, engine, options, &trainer, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_trainer_create: %s", error.message);
    return trainer;
}

/** The same bits in every tensor of two models of one shape. */
static inline void test_same_weights(const sluice_model *got, const sluice_model *want)
{
    const sluice_shape shape = sl_model_shape(want);
    for (size_t k = 0; k < shape.layers * shape.directions; k++)
        for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_HEAD_BIAS; tensor++) {
            size_t count, expected;
            const float *a = sluice_model_get_tensor(got, (sluice_tensor)tensor, k, &count);
            const float *b = sluice_model_get_tensor(want, (sluice_tensor)tensor, k, &expected);
            char what[64];
            snprintf(what, sizeof what, "tensor %d of layer and direction %zu", tensor, k);
            ck_assert_uint_eq(count, expected);
            if (count)
                test_same_bits(a, b, count, what);
        }
}

/** The same numbers, to the bit, in two reports. */
static inline void test_same_report(const sluice_report *got, const sluice_report *want)
{
    ck_assert_msg(
        memcmp(&got->loss, &want->loss, sizeof got->loss) == 0 && memcmp(&got->norm, &want->norm, sizeof got->norm) == 0 &&
            memcmp(&got->rate, &want->rate, sizeof got->rate) == 0,
        "loss %a, norm %a, rate %a instead of %a, %a, %a", got->loss, got->norm, got->rate, want->loss, want->norm, want->rate);
    ck_assert_uint_eq(got->counted, want->counted);
    ck_assert_uint_eq(got->right, want->right);
    ck_assert_uint_eq(got->step, want->step);
}

#endif
