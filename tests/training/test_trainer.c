/* The trainer: torch's losses and weights, small tasks that are learned, bits, and the parts of a step. */
#include "golden/golden_training.h"
#include "support/network.h"
#include "support/stream_calls.h"
#include "support/suite.h"
#include "support/cases/trainer_calls.h"
#include "train/trainer.h"
#include "sluice_tools.h"

#include <math.h>
#include <string.h>

/* The only allocator of the library's, counted. */
static long allocations;

void *aligned_alloc(size_t alignment, size_t bytes)
{
    void *memory = NULL;
    allocations++;
    return posix_memalign(&memory, alignment, bytes) == 0 ? memory : NULL;
}

static const sluice_shape deep = {TEST_LDIH(3, 2, 6, 11), .vocabulary = 13, .classes = 5, .has_bias = 1};
static const sluice_shape headless = {TEST_LDIH(1, 2, 3, 7), .has_bias = 1};

/* ---- Against torch --------------------------------------------------------------------------------------------------------- */

/* Loss and norm of each update, and the last weights, are no further from torch's float64 than four times its own float32 is; and
 * 1e-7 more, for a case where that happens to be near. */
TEST(as_torch)
{
    const sluice_shape shape = {TEST_LDIH(TRAINING_LAYERS, 1, TRAINING_INPUTS, TRAINING_HIDDEN), .vocabulary = TRAINING_VOCABULARY,
                                .classes = TRAINING_CLASSES, .has_bias = 1};
    OWNED(test_network) network = test_network_create(&shape);
    OWNED(test_network) final = test_network_create(&shape);
    ck_assert_uint_eq(network.count, sizeof training_initial / sizeof training_initial[0]);
    memcpy(network.floats, training_initial, sizeof training_initial);
    test_network_build(&network);
    for (size_t k = 0; k < final.count; k++)
        final.floats[k] = (float)training_final[k];
    test_network_build(&final);
    sluice_trainer_options options = test_trainer_defaults();
    options.optimizer = SLUICE_OPTIMIZER_ADAMW;
    options.rate = 0.05;
    options.weight_decay = 0.02;
    options.clip = 0.5;
    options.schedule = SLUICE_RATE_ONE_CYCLE;
    options.total_steps = TRAINING_UPDATES;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_create(network.model, NULL, &options);
    const sluice_batch batch = {.struct_size = sizeof batch,
                                .steps = TRAINING_TIME,
                                .rows = TRAINING_ROWS,
                                .lengths = training_lengths,
                                .tokens = &training_tokens[0][0]};
    for (size_t k = 0; k < TRAINING_UPDATES; k++) {
        const sluice_report report = test_step(trainer, &batch, training_labels, NULL);
        ck_assert_msg(fabs(report.loss - training_found[k][0]) <= 4 * training_worst[0] + 1e-7, "update %zu: loss %.9g, torch %.9g",
                      k, report.loss, training_found[k][0]);
        ck_assert_msg(fabs(report.norm - training_found[k][1]) <= 4 * training_worst[1] + 1e-7, "update %zu: norm %.9g, torch %.9g",
                      k, report.norm, training_found[k][1]);
        ck_assert_uint_eq(report.step, k + 1);
        ck_assert_uint_eq(report.counted, TRAINING_ROWS);
    }
    for (int tensor = SLUICE_TENSOR_WEIGHT_IH; tensor <= SLUICE_TENSOR_HEAD_BIAS; tensor++)
        for (size_t k = 0; k < TRAINING_LAYERS; k++) {
            size_t count;
            const float *got = sluice_model_get_tensor(sluice_trainer_get_model(trainer), (sluice_tensor)tensor, k, &count);
            const float *want = sluice_model_get_tensor(final.model, (sluice_tensor)tensor, k, &count);
            for (size_t j = 0; j < count; j++)
                ck_assert_msg(fabs((double)got[j] - (double)want[j]) <= 4 * training_worst_final + 2e-7,
                              "tensor %d, %zu [%zu]: %.9g, %.9g", tensor, k, j, (double)got[j], (double)want[j]);
        }
}

/* ---- Tasks ----------------------------------------------------------------------------------------------------------------- */

enum { SYMBOLS = 4, TASK_ROWS = 32, TASK_STEPS = 8 };

/* Random symbols; the label is the first of the row, or at every step the one before, the first step not counting. */
static void pose(int32_t tokens[TASK_ROWS][TASK_STEPS], int64_t lengths[TASK_ROWS], int32_t *labels, bool every_step,
                 uint64_t *random)
{
    for (size_t row = 0; row < TASK_ROWS; row++) {
        lengths[row] = 1 + (int64_t)(test_random(random) % TASK_STEPS);
        for (size_t t = 0; t < TASK_STEPS; t++)
            tokens[row][t] = (int32_t)(test_random(random) % SYMBOLS);
        for (size_t t = 0; every_step && t < TASK_STEPS; t++)
            labels[row * TASK_STEPS + t] = t ? tokens[row][t - 1] : -100;
        if (!every_step)
            labels[row] = tokens[row][0];
    }
}

/* Remembering the first symbol, or the one before: trained until all rows of a new batch are right, and the loss is near zero. */
TEST_LOOP(learns, 0, 5)
{
    static const struct {
        sluice_optimizer optimizer;
        double rate, momentum;
        sluice_rate schedule;
        int every_step;
        size_t layers, directions;
        int has_bias;
        float dropout;
    } tasks[] = {
        {SLUICE_OPTIMIZER_ADAM, 0.02, 0, SLUICE_RATE_CONSTANT, 0, 1, 1, 1, 0},
        {SLUICE_OPTIMIZER_ADAM, 0.02, 0, SLUICE_RATE_ONE_CYCLE, 0, 1, 2, 0, 0},
        {SLUICE_OPTIMIZER_ADAMW, 0.02, 0, SLUICE_RATE_COSINE, 1, 1, 1, 1, 0},
        {SLUICE_OPTIMIZER_ADAM, 0.02, 0, SLUICE_RATE_ONE_CYCLE, 1, 2, 1, 0, 0.1f},
        {SLUICE_OPTIMIZER_SGD, 0.5, 0.9, SLUICE_RATE_CONSTANT, 1, 1, 1, 1, 0},
    };
    uint64_t random = test_seed() + (uint64_t)_i;
    const sluice_shape shape = {TEST_LDIH(tasks[_i].layers, tasks[_i].directions, 6, 16), .vocabulary = SYMBOLS, .classes = SYMBOLS,
                                .has_bias = tasks[_i].has_bias};
    sluice_trainer_options options = test_trainer_defaults();
    options.optimizer = tasks[_i].optimizer;
    options.rate = tasks[_i].rate;
    options.momentum = tasks[_i].momentum;
    options.schedule = tasks[_i].schedule;
    options.total_steps = 600;
    options.every_step = tasks[_i].every_step;
    options.dropout = tasks[_i].dropout;
    options.clip = 1;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&shape, test_seed(), &options);
    int32_t tokens[TASK_ROWS][TASK_STEPS], labels[TASK_ROWS * TASK_STEPS];
    int64_t lengths[TASK_ROWS];
    const sluice_batch batch = {
        .struct_size = sizeof batch, .steps = TASK_STEPS, .rows = TASK_ROWS, .lengths = lengths, .tokens = &tokens[0][0]};
    for (size_t k = 0; k < options.total_steps; k++) {
        pose(tokens, lengths, labels, options.every_step, &random);
        test_step(trainer, &batch, labels, NULL);
    }
    pose(tokens, lengths, labels, options.every_step, &random);
    const sluice_report found = test_evaluate(trainer, &batch, labels, NULL);
    ck_assert_msg(found.right == found.counted && found.loss < 0.02, "%zu of %zu right, loss %g", found.right, found.counted,
                  found.loss);
    size_t count;
    const float *bias = sluice_model_get_tensor(sluice_trainer_get_model(trainer), SLUICE_TENSOR_BIAS, 0, &count);
    for (size_t k = 0; !shape.has_bias && k < count; k++)
        ck_assert(bias[k] == 0);
}

/* Numbers at every step from y itself, without a head, and from a head at the end: half the input of the step before; the mean. */
TEST_LOOP(learns_numbers, 0, 2)
{
    enum { ROWS = 24, STEPS = 6 };
    uint64_t random = test_seed();
    const bool by_head = _i == 1;
    const sluice_shape shape = {TEST_LDIH(1, 1, 1, by_head ? 12 : 1), .classes = by_head, .has_bias = 1};
    sluice_trainer_options options = test_trainer_defaults();
    options.rate = 0.03;
    options.loss = SLUICE_LOSS_SQUARED_ERROR;
    options.every_step = !by_head;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&shape, test_seed(), &options);
    float x[ROWS][STEPS], values[ROWS * STEPS];
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = STEPS, .rows = ROWS, .x = &x[0][0]};
    sluice_report first = {0}, last = {0};
    for (size_t k = 0; k < 800; k++) {
        for (size_t row = 0; row < ROWS; row++) {
            double sum = 0;
            for (size_t t = 0; t < STEPS; t++) {
                x[row][t] = 2 * test_uniform(&random) - 1;
                sum += x[row][t];
                if (!by_head)
                    values[row * STEPS + t] = x[row][t] / 4;
            }
            if (by_head)
                values[row] = (float)(sum / STEPS);
        }
        last = test_step(trainer, &batch, NULL, values);
        first = k ? first : last;
    }
    ck_assert_msg(last.loss < 0.002 && last.loss < first.loss / 10, "loss %g, then %g", first.loss, last.loss);
    ck_assert_uint_eq(last.counted, by_head ? ROWS : ROWS * STEPS);
    ck_assert_uint_eq(last.right, 0);
}

/* ---- Bits ------------------------------------------------------------------------------------------------------------------ */

/* A few steps on batches of other sizes; the options' loss decides what they learn. */
static void take_steps(sluice_trainer *trainer, const sluice_shape *shape, int count, uint64_t seed, sluice_report *reports)
{
    for (int k = 0; k < count; k++) {
        OWNED(test_data) data = test_data_create(shape, 5 + 3 * (size_t)k, 4 + (size_t)k, TEST_RAGGED | TEST_STATES, &seed);
        const bool by_label = trainer->options.loss == SLUICE_LOSS_CROSS_ENTROPY;
        reports[k] = test_step(trainer, &data.batch, by_label ? data.labels : NULL, by_label ? NULL : data.values);
    }
}

enum { KINDS = 5, FEW = 3 };

/* Kinds of trainers that use everything there is. */
static const sluice_shape *choose(int kind, sluice_trainer_options *options)
{
    *options = test_trainer_defaults();
    options->clip = 0.01;
    options->weight_decay = 0.01;
    options->seed = 77;
    options->every_step = kind != 0 && kind != 3;
    options->loss = kind == 2 || kind == 3 ? SLUICE_LOSS_SQUARED_ERROR : SLUICE_LOSS_CROSS_ENTROPY;
    options->dropout = kind == 1 || kind == 4 ? 0.25f : 0;
    options->label_smoothing = kind == 1 ? 0.1f : 0;
    options->optimizer = kind == 4 ? SLUICE_OPTIMIZER_SGD : kind == 1 ? SLUICE_OPTIMIZER_ADAMW : SLUICE_OPTIMIZER_ADAM;
    options->momentum = kind == 4 ? 0.5 : 0;
    return kind == 2 ? &headless : kind == 1 ? &deep : &test_small;
}

static void same_runs(sluice_trainer *got, const sluice_trainer *want, const sluice_report *wanted, const sluice_shape *shape,
                      const char *what)
{
    sluice_report reports[FEW];
    take_steps(got, shape, FEW, 5, reports);
    ck_assert_msg(memcmp(reports, wanted, sizeof reports) == 0, "%s: reports differ", what);
    test_same_weights(sluice_trainer_get_model(got), sluice_trainer_get_model(want));
}

/* The same run on any number of threads, any instruction set, with gates kept or computed again. */
TEST_LOOP(same_bits, 0, KINDS)
{
    sluice_trainer_options options;
    const sluice_shape *shape = choose(_i, &options);
    OWNED_HANDLE(sluice_trainer) one = test_trainer_initial(shape, 3, &options);
    OWNED_HANDLE(sluice_model) model = NULL;
    ck_assert_int_eq(sluice_model_create_initial(shape, SLUICE_INITIALIZER_TORCH, 3, NULL, &model, NULL), SLUICE_STATUS_OK);
    sluice_report reports[FEW];
    take_steps(one, shape, FEW, 5, reports);
    ck_assert(reports[0].loss > 0 && reports[0].norm > options.clip && reports[0].counted > 0);
    const test_isa_list isas = test_isas();
    for (size_t k = 0; k < isas.count; k++)
        for (unsigned threads = 1; threads <= 8; threads += k ? 1 : 3) {
            char what[64];
            const sluice_engine_options engine = test_options(isas.isa[k], threads, SLUICE_SCHEDULE_AUTO);
            snprintf(what, sizeof what, "%s, %u threads", sluice_isa_get_name(isas.isa[k]), threads);
            options.recompute = threads == 2 ? 2 : 0;
            OWNED_HANDLE(sluice_trainer) other = test_trainer_create(model, &engine, &options);
            same_runs(other, one, reports, shape, what);
        }
    options.seed++;
    OWNED_HANDLE(sluice_trainer) other = test_trainer_create(model, NULL, &options);
    sluice_report others[FEW];
    take_steps(other, shape, FEW, 5, others);
    ck_assert_msg((options.dropout > 0) == (memcmp(others, reports, sizeof reports) != 0), "the seed is that of dropout");
}

/* ---- What a step is made of -------------------------------------------------------------------------------------------------- */

/* Forward, loss, backward and update by hand give the bits of a step; and an evaluation those of a forward call and a loss, on
 * weights that it does not change. */
TEST(by_hand)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.every_step = 1;
    options.clip = 0.05;
    OWNED_HANDLE(sluice_trainer) whole = test_trainer_initial(&test_small, 1, &options);
    OWNED_HANDLE(sluice_trainer) parts = test_trainer_initial(&test_small, 1, &options);
    OWNED(test_data) data = test_data_create(&test_small, 7, 6, TEST_RAGGED | TEST_STATES | TEST_EACH_STEP, &random);
    const sluice_engine *engine = sluice_trainer_get_engine(parts);
    OWNED_HANDLE(sluice_tape) tape = NULL;
    ck_assert_int_eq(sluice_tape_create(engine, NULL, &tape, NULL), SLUICE_STATUS_OK);
    FREED float *outputs = test_floats(7 * 6 * 4), *dlogits = test_floats(7 * 6 * 4);
    for (int k = 0; k < 3; k++) {
        sluice_batch batch = data.batch;
        batch.tape = tape;
        batch.step_logits = outputs;
        sluice_loss loss = {.struct_size = sizeof loss,
                            .rows = 7,
                            .steps = 6,
                            .width = 4,
                            .lengths = batch.lengths,
                            .outputs = outputs,
                            .labels = data.labels,
                            .gradient = dlogits};
        sluice_gradient gradient = {.struct_size = sizeof gradient, .dstep_logits = dlogits};
        sluice_report by_parts = {.struct_size = sizeof by_parts};
        ck_assert_int_eq(sluice_forward(engine, NULL, &batch, NULL), SLUICE_STATUS_OK);
        ck_assert_int_eq(sluice_loss_compute(&loss, NULL), SLUICE_STATUS_OK);
        ck_assert_int_eq(sluice_trainer_get_gradient(parts, &gradient), SLUICE_STATUS_OK);
        ck_assert_int_eq(sluice_backward(tape, &gradient, NULL), SLUICE_STATUS_OK);
        const sluice_report before = test_evaluate(whole, &data.batch, data.labels, NULL);
        ck_assert(before.loss == loss.loss && before.right == loss.right && before.counted == loss.counted);
        ck_assert(before.norm == 0 && before.rate == 0 && before.step == (uint64_t)k);
        ck_assert_int_eq(sluice_trainer_update(parts, &by_parts, NULL), SLUICE_STATUS_OK);
        const sluice_report stepped = test_step(whole, &data.batch, data.labels, NULL);
        ck_assert(stepped.loss == loss.loss && stepped.right == loss.right && stepped.counted == loss.counted);
        ck_assert(by_parts.loss == 0 && by_parts.norm == stepped.norm && by_parts.rate == 1e-3 && by_parts.step == stepped.step);
        test_same_weights(sluice_trainer_get_model(parts), sluice_trainer_get_model(whole));
    }
}

/* A batch may ask for y, hn and cn, and an evaluation for logits too; they are those of a forward call on the weights before the
 * step, whatever lies between the rows of y. */
TEST_LOOP(outputs, 0, 4)
{
    uint64_t random = test_seed();
    const sluice_shape *shape = _i / 2 ? &headless : &test_small;
    const size_t width = shape->directions * shape->hidden, padding = _i % 2 ? 3 : 0, rows = 5, steps = 4;
    sluice_trainer_options options = test_trainer_defaults();
    options.loss = SLUICE_LOSS_SQUARED_ERROR;
    options.every_step = 1;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(shape, 1, &options);
    OWNED(test_data) data = test_data_create(shape, rows, steps, TEST_RAGGED | TEST_EACH_STEP, &random);
    const size_t row_stride = steps * (width + padding) + padding, count = rows * row_stride;
    FREED float *y = test_floats(count), *want = test_floats(count);
    sluice_batch plain = data.made.batch, batch;
    plain.y = want;
    plain.y_row_stride = padding ? row_stride : 0;
    plain.y_step_stride = padding ? width + padding : 0;
    batch = plain;
    for (int trains = 0; trains < 2; trains++) {
        FREED float *hn = test_floats(data.made.state_count), *cn = test_floats(data.made.state_count);
        test_prefill(y, count);
        test_prefill(want, count);
        test_batch_prefill(&data.made);
        ck_assert_int_eq(sluice_forward(sluice_trainer_get_engine(trainer), NULL, &plain, NULL), SLUICE_STATUS_OK);
        batch.y = y;
        batch.hn = hn;
        batch.cn = cn;
        batch.logits = trains || !shape->classes ? NULL : test_floats(data.made.logits_count);
        batch.step_logits = trains || !shape->classes ? NULL : test_floats(data.made.step_logits_count);
        if (trains)
            test_step(trainer, &batch, NULL, data.values);
        else
            test_evaluate(trainer, &batch, NULL, data.values);
        test_same_bits(y, want, count, "y");
        test_same_bits(hn, data.made.hn, data.made.state_count, "hn");
        test_same_bits(cn, data.made.cn, data.made.state_count, "cn");
        if (batch.logits) {
            test_same_bits(batch.logits, data.made.logits, data.made.logits_count, "logits");
            test_same_bits(batch.step_logits, data.made.step_logits, data.made.step_logits_count, "step_logits");
        }
        free(batch.logits);
        free(batch.step_logits);
    }
}

/* A gradient longer than the limit is scaled down to it, short of torch's millionth: SGD's weights move that far, times the rate.
 * The sum of squares of so many floats is off by less than a thousandth of a percent, by their rounding. */
TEST(clips)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.optimizer = SLUICE_OPTIMIZER_SGD;
    options.rate = 0.5;
    OWNED(test_data) data = test_data_create(&test_small, 6, 5, 0, &random);
    data.labels[0] = 1;
    double norm = 0;
    for (int variant = 0; variant < 3; variant++) { /* without clip, with one above the norm, with one below it */
        options.clip = variant * norm * (variant == 1 ? 1.5 : 0.05);
        sluice_trainer *trainer = test_trainer_initial(&test_small, 1, &options);
        test_snapshot before = test_snapshot_take(sluice_trainer_get_model(trainer));
        norm = test_step(trainer, &data.batch, data.labels, NULL).norm;
        test_snapshot after = test_snapshot_take(sluice_trainer_get_model(trainer));
        double sum = 0;
        for (size_t k = 0; k < before.count; k++)
            sum += ((double)after.floats[k] - (double)before.floats[k]) * ((double)after.floats[k] - (double)before.floats[k]);
        const double want = options.rate * (variant == 2 ? options.clip * norm / (norm + 1e-6) : norm);
        ck_assert_msg(fabs(sqrt(sum) - want) <= 1e-5 * want, "clip %g: moved by %.9g, not %.9g", options.clip, sqrt(sum), want);
        free(before.floats);
        free(after.floats);
        sluice_trainer_destroy(trainer);
    }
}

/* Each step drops other outputs: with weights that stand still, for want of a rate, the loss of the same batch differs. */
TEST(drops_anew)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.optimizer = SLUICE_OPTIMIZER_SGD;
    options.rate = 1e-30;
    options.every_step = 1;
    OWNED(test_data) data = test_data_create(&test_small, 6, 5, 0, &random);
    double losses[4];
    for (int variant = 0; variant < 2; variant++) {
        options.dropout = variant ? 0.5f : 0;
        OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 1, &options);
        for (size_t k = 0; k < 4; k++)
            losses[k] = test_step(trainer, &data.batch, data.labels, NULL).loss;
        for (size_t k = 0; k < 3; k++)
            ck_assert_msg((losses[k] != losses[k + 1]) == variant, "step %zu: loss %.17g, then %.17g", k, losses[k], losses[k + 1]);
    }
}

/* An evaluation changes nothing, and what a step does not count moves nothing: none of a batch's targets, or no rows at all. */
TEST_LOOP(nothing_changes, 0, 2)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.optimizer = SLUICE_OPTIMIZER_SGD;
    options.rate = 0.5;
    options.every_step = _i;
    options.dropout = 0.5f;
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(&test_small, 1, &options);
    OWNED(test_data) data = test_data_create(&test_small, 6, 5, 0, &random);
    data.labels[0] = 1;
    test_step(trainer, &data.batch, data.labels, NULL);
    test_snapshot before = test_snapshot_take(sluice_trainer_get_model(trainer));
    const sluice_report first = test_evaluate(trainer, &data.batch, data.labels, NULL);
    const sluice_report second = test_evaluate(trainer, &data.batch, data.labels, NULL);
    ck_assert(memcmp(&first, &second, sizeof first) == 0);
    ck_assert(first.loss > 0 && first.step == 1);
    for (size_t k = 0; k < 30; k++)
        data.labels[k] = -100;
    const sluice_report none = test_step(trainer, &data.batch, data.labels, NULL);
    ck_assert(none.loss == 0 && none.counted == 0 && none.norm == 0 && none.rate == 0.5 && none.step == 2);
    data.batch.rows = 0;
    ck_assert(test_step(trainer, &data.batch, NULL, NULL).step == 3);
    ck_assert(test_snapshot_same(&before, sluice_trainer_get_model(trainer)));
    data.batch.rows = 6;
    data.labels[0] = 1;
    test_step(trainer, &data.batch, data.labels, NULL);
    ck_assert(!test_snapshot_same(&before, sluice_trainer_get_model(trainer)));
    free(before.floats);
}

/* Streams keep the states from step to step: the same bits as with states that the caller passes on. */
TEST(streams)
{
    uint64_t random = test_seed();
    sluice_trainer_options options = test_trainer_defaults();
    options.every_step = 1;
    OWNED_HANDLE(sluice_trainer) one = test_trainer_initial(&test_small, 1, &options);
    OWNED_HANDLE(sluice_trainer) other = test_trainer_initial(&test_small, 1, &options);
    OWNED_HANDLE(sluice_streams) set = test_streams_create(sluice_trainer_get_engine(one), 6);
    float h[2 * 6 * 9] = {0}, c[2 * 6 * 9] = {0};
    for (int k = 0; k < 4; k++) {
        OWNED(test_data) data = test_data_create(&test_small, 6, 5, TEST_RAGGED, &random);
        sluice_batch batch = data.batch;
        batch.streams = set;
        const sluice_report got = test_step(one, &batch, data.labels, NULL);
        batch = data.batch;
        batch.h0 = batch.hn = h;
        batch.c0 = batch.cn = c;
        const sluice_report want = test_step(other, &batch, data.labels, NULL);
        ck_assert(memcmp(&got, &want, sizeof got) == 0);
    }
    test_same_weights(sluice_trainer_get_model(one), sluice_trainer_get_model(other));
}

/* Steps and evaluations no larger than those before allocate nothing. */
TEST_LOOP(steady, 0, KINDS)
{
    sluice_trainer_options options;
    const sluice_shape *shape = choose(_i, &options);
    OWNED_HANDLE(sluice_trainer) trainer = test_trainer_initial(shape, 1, &options);
    uint64_t random = test_seed();
    const bool by_label = options.loss == SLUICE_LOSS_CROSS_ENTROPY;
    for (size_t k = 0; k < 4; k++) {
        OWNED(test_data) data = test_data_create(shape, k == 1 ? 3 : 9, k == 2 ? 4 : 7, k == 1 ? TEST_RAGGED : 0, &random);
        const long before = allocations;
        test_step(trainer, &data.batch, by_label ? data.labels : NULL, by_label ? NULL : data.values);
        test_evaluate(trainer, &data.batch, by_label ? data.labels : NULL, by_label ? NULL : data.values);
        ck_assert_msg(k ? allocations == before : allocations > before, "batch %zu: %ld allocations", k, allocations - before);
    }
}
