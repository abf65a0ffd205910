/* What a trainer refuses: options, batches, data that is not finite; and training that has diverged. */
#include "support/message.h"
#include "support/cases/trainer_calls.h"

#include <float.h>
#include <math.h>

/* ---- Bad data --------------------------------------------------------------------------------------------------------------- */

/* The step is refused, with words; weights and moments are as they were, which the next step shows beside an untroubled trainer. */
static void check_bad(sluice_trainer *trainer, sluice_trainer *untroubled, const test_data *data, const int32_t *labels,
                      const float *values, const char *part)
{
    test_snapshot before = test_snapshot_take(sluice_trainer_get_model(trainer));
    sluice_error error = {0};
    sluice_report report = {.struct_size = sizeof report, .loss = 42};
    const sluice_status status = sluice_trainer_step(trainer, &data->batch, labels, values, &report, &error);
    ck_assert_msg(status == SLUICE_STATUS_BAD_DATA, "%s: %s", part, sluice_status_get_name(status));
    test_check_message(part, &error, SLUICE_STATUS_BAD_DATA, part);
    ck_assert(report.loss == 42);
    ck_assert_int_eq(sluice_trainer_step(trainer, &data->batch, labels, values, NULL, NULL), SLUICE_STATUS_BAD_DATA);
    ck_assert(test_snapshot_same(&before, sluice_trainer_get_model(trainer)));
    free(before.floats);
    uint64_t random = 1;
    OWNED(test_data) good = test_data_create(&test_small, 6, 5, 0, &random);
    const bool by_label = labels != NULL;
    test_step(trainer, &good.batch, by_label ? good.labels : NULL, by_label ? NULL : good.values);
    test_step(untroubled, &good.batch, by_label ? good.labels : NULL, by_label ? NULL : good.values);
    test_same_weights(sluice_trainer_get_model(trainer), sluice_trainer_get_model(untroubled));
}

TEST_LOOP(bad_data, 0, 8)
{
    static const struct {
        char what; /* x, h, c: the data that is spoilt; v: values; l: labels */
        size_t row, step, element;
        float value;
        bool ignored; /* the row's targets do not count */
        const char *part;
    } cases[] = {
        {'x', 4, 2, 3, NAN, false, "row 4, step 2: x [3] is NaN"},
        {'x', 0, 0, 0, INFINITY, false, "row 0, step 0: x [0] is infinite"},
        {'x', 5, 4, 4, NAN, true, "row 5, step 4: x [4] is NaN"},
        {'h', 3, 0, 17, NAN, false, "row 3: h0 [1][3][8] is NaN"},
        {'c', 3, 0, 2, INFINITY, false, "row 3: c0 [0][3][2] is infinite"},
        {'c', 2, 0, 0, -INFINITY, true, "row 2: c0 [0][2][0] is infinite"},
        {'l', 1, 0, 4, 0, false, "row 1, step 0: label 4; expected 0..3"},
        {'v', 2, 0, 1, NAN, false, "row 2, step 0: value [1] is NaN"},
    };
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    const bool by_value = cases[_i].what == 'v';
    options.loss = by_value ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY;
    options.momentum = 0.5;
    options.optimizer = _i % 2 ? SLUICE_OPTIMIZER_SGD : SLUICE_OPTIMIZER_ADAM;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 1, &options);
    OWNED_HANDLE(sluice_trainer) untroubled = test_trainer_initial(&test_small, 1, &options);
    OWNED(test_data) data = test_data_create(&test_small, 6, 5, TEST_STATES, &random);
    for (size_t row = 0; row < 6; row++)
        data.labels[row] = cases[_i].ignored && row == cases[_i].row ? -100 : (int32_t)(row % 4);
    const size_t row = cases[_i].row, element = cases[_i].element;
    switch (cases[_i].what) {
    case 'x':
        data.made.x[(row * 5 + cases[_i].step) * 5 + element] = cases[_i].value;
        break;
    case 'h':
        data.made.h0[(element / 9 * 6 + row) * 9 + element % 9] = cases[_i].value;
        break;
    case 'c':
        data.made.c0[(element / 9 * 6 + row) * 9 + element % 9] = cases[_i].value;
        break;
    case 'l':
        data.labels[row] = (int32_t)element;
        break;
    default:
        data.values[row * 4 + element] = cases[_i].value;
    }
    check_bad(trainer, untroubled, &data, by_value ? NULL : data.labels, by_value ? data.values : NULL, cases[_i].part);
}

/* A rate beyond reason: in the end the outputs are not finite, though the data is, and no further step is made. */
TEST(diverges)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.optimizer = SLUICE_OPTIMIZER_SGD;
    options.rate = 1e4;
    options.loss = SLUICE_LOSS_SQUARED_ERROR;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 1, &options);
    OWNED(test_data) data = test_data_create(&test_small, 6, 5, 0, &random);
    sluice_error error = {0};
    sluice_status status = SLUICE_STATUS_OK;
    for (int k = 0; !status && k < 100; k++)
        status = sluice_trainer_step(trainer, &data.batch, NULL, data.values, NULL, &error);
    ck_assert_int_eq(status, SLUICE_STATUS_BAD_DATA);
    test_check_message("diverged", &error, SLUICE_STATUS_BAD_DATA, "training has diverged");
    test_snapshot before = test_snapshot_take(sluice_trainer_get_model(trainer));
    ck_assert_int_eq(sluice_trainer_step(trainer, &data.batch, NULL, data.values, NULL, NULL), SLUICE_STATUS_BAD_DATA);
    ck_assert(test_snapshot_same(&before, sluice_trainer_get_model(trainer)));
    free(before.floats);

    sluice_gradient gradient = {.struct_size = sizeof gradient};
    ck_assert_int_eq(sluice_trainer_get_gradient(trainer, &gradient), SLUICE_STATUS_OK);
    gradient.head_bias[0] = NAN;
    REFUSED(SLUICE_STATUS_BAD_DATA, "the gradient's norm is NaN", sluice_trainer_update, trainer, NULL);
}

/* ---- What is wrong with a call ---------------------------------------------------------------------------------------------- */

TEST(options_refused)
{
    static const sluice_shape headless = {TEST_LDIH(1, 1, 2, 3)};
    const sluice_trainer_options good = test_trainer_defaults();
    struct {
        const char *part;
        sluice_trainer_options options;
    } cases[] = {
        {"struct_size", good},        {"optimizer is 3", good},      {"schedule is 3", good},    {"loss is 5", good},
        {"every_step is 2", good},    {"rate is -1", good},          {"rate is inf", good},      {"rate is", good},
        {"momentum is 1", good},      {"beta1 is 1", good},          {"beta2 is -0.5", good},    {"epsilon is 1e-40", good},
        {"weight_decay is -1", good}, {"weight_decay is inf", good}, {"clip is -1", good},       {"label_smoothing is 1", good},
        {"dropout is 1", good},       {"ignore is 2", good},         {"total_steps is 0", good}, {"total_steps is 0", good},
        {"warmup_steps is 8", good},
    };
    size_t k = 0;
    cases[k++].options.struct_size = offsetof(sluice_trainer_options, class_weights);
    cases[k++].options.optimizer = (sluice_optimizer)3;
    cases[k++].options.schedule = (sluice_rate)3;
    cases[k++].options.loss = (sluice_loss_kind)5;
    cases[k++].options.every_step = 2;
    cases[k++].options.rate = -1;
    cases[k++].options.rate = INFINITY;
    cases[k++].options.rate = NAN;
    cases[k++].options.momentum = 1;
    cases[k++].options.beta1 = 1;
    cases[k++].options.beta2 = -0.5;
    cases[k++].options.epsilon = 1e-40;
    cases[k++].options.weight_decay = -1;
    cases[k++].options.weight_decay = INFINITY;
    cases[k++].options.clip = -1;
    cases[k++].options.label_smoothing = 1;
    cases[k++].options.dropout = 1;
    cases[k++].options.ignore = 2;
    cases[k++].options.schedule = SLUICE_RATE_COSINE;
    cases[k++].options.schedule = SLUICE_RATE_ONE_CYCLE;
    cases[k].options.schedule = SLUICE_RATE_COSINE;
    cases[k].options.total_steps = 8;
    cases[k++].options.warmup_steps = 8;
    ck_assert_uint_eq(k, sizeof cases / sizeof cases[0]);
    OWNED_HANDLE(sluice_model) model = NULL;
    OWNED_HANDLE(sluice_model) bare = NULL;
    ck_assert_int_eq(sluice_model_create_initial(&test_small, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &model, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_model_create_initial(&headless, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &bare, NULL), SLUICE_STATUS_OK);
    static int place;
    sluice_trainer *trainer;
    for (k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        trainer = (sluice_trainer *)&place;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, cases[k].part, sluice_trainer_create, model, NULL, &cases[k].options, &trainer);
        ck_assert_ptr_null(trainer);
    }
    sluice_trainer_options options = good;
    for (int variant = 0; variant < 3; variant++) { /* without a head there is squared error on y alone */
        options.every_step = variant == 1;
        options.loss = variant == 2 ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "no head", sluice_trainer_create, bare, NULL, &options, &trainer);
    }
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "model", sluice_trainer_create, NULL, NULL, NULL, &trainer);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NULL", sluice_trainer_create, model, NULL, NULL, NULL);
    sluice_engine_options engine = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    engine.struct_size = 1;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_trainer_create, model, &engine, NULL, &trainer);
    sluice_trainer_destroy(NULL);
}

/* A call that is wrong in itself changes nothing and says what to change. */
TEST_LOOP(batches_refused, 0, 2)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.loss = _i % 2 ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 1, &options);
    OWNED(test_data) data = test_data_create(&test_small, 3, 2, 0, &random);
    const sluice_batch good = data.batch;
    const int32_t *labels = _i % 2 ? NULL : data.labels;
    const float *values = _i % 2 ? data.values : NULL;
    OWNED_HANDLE(sluice_tape) tape = NULL;
    ck_assert_int_eq(sluice_tape_create(sluice_trainer_get_engine(trainer), NULL, &tape, NULL), SLUICE_STATUS_OK);
    float logits[24];
    const int64_t lengths[] = {1, 3, 2};
    struct {
        const char *part;
        sluice_batch batch;
        bool of_steps; /* an evaluation takes it */
        sluice_status status;
    } cases[] = {
        {"struct_size", good, false, SLUICE_STATUS_BAD_ARGUMENT}, {"tape", good, false, SLUICE_STATUS_BAD_ARGUMENT},
        {"dropout", good, false, SLUICE_STATUS_BAD_ARGUMENT},     {"logits", good, true, SLUICE_STATUS_BAD_ARGUMENT},
        {"logits", good, true, SLUICE_STATUS_BAD_ARGUMENT},       {"x is NULL", good, false, SLUICE_STATUS_BAD_ARGUMENT},
        {"length 3", good, false, SLUICE_STATUS_BAD_DATA},        {"does not fit", good, false, SLUICE_STATUS_TOO_LARGE},
    };
    cases[0].batch.struct_size = 0;
    cases[1].batch.tape = tape;
    cases[2].batch.dropout = 0.5f;
    cases[3].batch.logits = logits;
    cases[4].batch.step_logits = logits;
    cases[5].batch.x = NULL;
    cases[6].batch.lengths = lengths;
    cases[7].batch.rows = SIZE_MAX / 8;
    test_snapshot before = test_snapshot_take(sluice_trainer_get_model(trainer));
    sluice_error error;
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        error = (sluice_error){0};
        const sluice_status status = sluice_trainer_step(trainer, &cases[k].batch, labels, values, NULL, &error);
        test_refused(status, cases[k].status, &error, cases[k].part);
        test_names(&error, cases[k].part);
        if (!cases[k].of_steps)
            test_refused(sluice_trainer_evaluate(trainer, &cases[k].batch, labels, values, NULL, &error), cases[k].status, &error,
                         cases[k].part);
    }
    const struct {
        const char *part;
        sluice_trainer *trainer;
        const sluice_batch *batch;
        const int32_t *labels;
        const float *values;
    } calls[] = {
        {"trainer is NULL", NULL, &good, labels, values},
        {"batch is NULL", trainer, NULL, labels, values},
        {_i % 2 ? "values is NULL" : "labels is NULL", trainer, &good, NULL, NULL},
        {_i % 2 ? "labels are given" : "values are given", trainer, &good, data.labels, data.values},
    };
    for (size_t k = 0; k < sizeof calls / sizeof calls[0]; k++) {
        error = (sluice_error){0};
        const sluice_status status =
            sluice_trainer_step(calls[k].trainer, calls[k].batch, calls[k].labels, calls[k].values, NULL, &error);
        test_refused(status, SLUICE_STATUS_BAD_ARGUMENT, &error, calls[k].part);
        test_names(&error, calls[k].part);
    }
    sluice_report report = {0};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_trainer_step, trainer, &good, labels, values, &report);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_trainer_evaluate, trainer, &good, labels, values, &report);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_trainer_update, trainer, &report);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "trainer", sluice_trainer_update, NULL, NULL);
    sluice_gradient gradient = {0};
    ck_assert_int_eq(sluice_trainer_get_gradient(trainer, &gradient), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_int_eq(sluice_trainer_get_gradient(trainer, NULL), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_int_eq(sluice_trainer_get_gradient(NULL, &gradient), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert(test_snapshot_same(&before, sluice_trainer_get_model(trainer)));
    ck_assert_int_eq(sluice_trainer_step(trainer, &good, labels, values, NULL, NULL), SLUICE_STATUS_OK);
    free(before.floats);
}
