/* Trainers, batches with targets, and comparisons of models, for tests; each function ends the test on failure. */
#ifndef SLUICE_TESTS_TRAINING_SUPPORT_H
#define SLUICE_TESTS_TRAINING_SUPPORT_H

#include "support/cases/minibatches.h"
#include "program/model_shape.h"

#include <string.h>

static const sluice_shape test_small = {TEST_LDIH(2, 1, 5, 9), .classes = 4, .has_bias = 1};

static inline sluice_trainer_options test_trainer_defaults(void)
{
    return (sluice_trainer_options){.struct_size = sizeof(sluice_trainer_options)};
}

/** A trainer of the initial model of a seed, on one thread: the networks of tests are too small to share. */
static inline sluice_trainer *test_trainer_initial(const sluice_shape *shape, uint64_t seed, const sluice_trainer_options *options)
{
    sluice_model *model = NULL;
    ck_assert_int_eq(sluice_model_create_initial(shape, SLUICE_INITIALIZER_TORCH, seed, NULL, &model, NULL), SLUICE_STATUS_OK);
    const sluice_engine_options engine = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    sluice_trainer *trainer = test_trainer_create(model, &engine, options);
    sluice_model_destroy(model); /* it is not needed any more */
    return trainer;
}

static inline sluice_report test_evaluate(sluice_trainer *trainer, const sluice_batch *batch, const int32_t *labels,
                                          const float *values)
{
    sluice_report report = {.struct_size = sizeof report};
    SUCCEEDS(sluice_trainer_evaluate, trainer, batch, labels, values, &report);
    return report;
}

/** A copy of all of a model's tensors; its floats are the caller's to free. */
typedef struct test_snapshot {
    float *floats;
    size_t count;
} test_snapshot;

static inline test_snapshot test_snapshot_take(const sluice_model *model)
{
    const sluice_shape shape = sl_model_shape(model);
    test_snapshot taken = {0};
    for (int pass = 0; pass < 2; pass++) {
        taken.count = 0;
        for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_HEAD_BIAS; tensor++)
            for (size_t k = 0; k < shape.layers * shape.directions; k++) {
                size_t count;
                const float *values = sluice_model_get_tensor(model, (sluice_tensor)tensor, k, &count);
                if (pass && count)
                    memcpy(taken.floats + taken.count, values, count * sizeof *values);
                taken.count += count;
            }
        if (!pass)
            taken.floats = test_floats(taken.count);
    }
    return taken;
}

static inline bool test_snapshot_same(const test_snapshot *a, const sluice_model *model)
{
    test_snapshot now = test_snapshot_take(model);
    const bool is_same = a->count == now.count && memcmp(a->floats, now.floats, now.count * sizeof(float)) == 0;
    free(now.floats);
    return is_same;
}

/** A random batch as a trainer takes it, with labels and values. Owned: test_data_free. */
typedef struct test_data {
    test_batch made;
    sluice_batch batch; /* without outputs */
    int32_t *labels;
    float *values; /* as many as outputs of the widest kind */
} test_data;

static inline test_data test_data_create(const sluice_shape *shape, size_t rows, size_t steps, unsigned what, uint64_t *random)
{
    test_data data = {.made = test_batch_random(shape, rows, steps, what, random)};
    const size_t width = shape->classes ? shape->classes : shape->directions * shape->hidden;
    data.batch = data.made.batch;
    data.batch.y = data.batch.hn = data.batch.cn = data.batch.logits = data.batch.step_logits = NULL;
    data.labels = malloc(rows * steps * sizeof *data.labels);
    data.values = test_floats(rows * steps * width);
    ck_assert_ptr_nonnull(data.labels);
    for (size_t k = 0; k < rows * steps; k++)
        data.labels[k] = test_random(random) % 7 ? (int32_t)(test_random(random) % width) : -100;
    for (size_t k = 0; k < rows * steps * width; k++)
        data.values[k] = 2 * test_uniform(random) - 1;
    return data;
}

static inline void test_data_free(test_data *data)
{
    test_batch_free(&data->made);
    free(data->labels);
    free(data->values);
}

#endif
