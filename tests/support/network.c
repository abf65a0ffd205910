/* Random models and batches. Of the library, only the list of instruction sets is known here. */
#include "support/network.h"

#include "kernel/kernel.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <math.h>
#include <string.h>

static void *blank(size_t count, size_t bytes)
{
    void *memory = calloc(count ? count : 1, bytes);
    ck_assert_ptr_nonnull(memory);
    return memory;
}

static void fill(float *values, size_t count, float scale, uint64_t *random)
{
    for (size_t j = 0; j < count; j++)
        values[j] = (2.0f * test_uniform(random) - 1.0f) * scale;
}

static size_t input_width(const sluice_shape *shape, size_t k)
{
    return k < shape->directions ? shape->inputs : shape->directions * shape->hidden;
}

/* ---- Networks ---- */

/* Give out the arrays' places, in the order that network.h promises. With floats NULL it only counts. */
static size_t lay_out(test_network *network)
{
    const sluice_shape *shape = network->weights.shape;
    const size_t stacked = 4 * shape->hidden, count = shape->layers * shape->directions;
    const size_t bias = shape->has_bias ? stacked : 0;
    float *const start = network->floats;
    size_t at = 0;
    for (size_t k = 0; k < count; k++) {
        const size_t sizes[4] = {stacked * input_width(shape, k), stacked * shape->hidden, bias, bias};
        for (size_t j = 0; j < 4; j++) {
            if (start)
                network->tables[j * count + k] = start + at;
            at += sizes[j];
        }
    }
    network->weights.embedding = start && shape->vocabulary ? start + at : NULL;
    at += shape->vocabulary * shape->inputs;
    network->weights.head_weight = start && shape->classes ? start + at : NULL;
    at += shape->classes * shape->directions * shape->hidden;
    network->weights.head_bias = start && shape->classes ? start + at : NULL;
    return at + shape->classes;
}

test_network test_network_create(const sluice_shape *shape)
{
    const size_t count = shape->layers * shape->directions;
    test_network network = {.weights = {.struct_size = sizeof(sluice_weights)}, .shape = blank(1, sizeof *network.shape)};
    *network.shape = *shape;
    network.weights.shape = network.shape;
    network.count = lay_out(&network);
    network.floats = blank(network.count, sizeof *network.floats);
    network.tables = blank(4 * count, sizeof *network.tables);
    network.weights.weight_ih = network.tables;
    network.weights.weight_hh = network.tables + count;
    network.weights.bias_ih = shape->has_bias ? network.tables + 2 * count : NULL;
    network.weights.bias_hh = shape->has_bias ? network.tables + 3 * count : NULL;
    lay_out(&network);
    return network;
}

test_network test_network_random(const sluice_shape *shape, float scale, uint64_t *random)
{
    test_network network = test_network_create(shape);
    fill(network.floats, network.count, scale / sqrtf((float)shape->hidden), random);
    if (shape->vocabulary)
        fill(network.floats + (network.weights.embedding - network.floats), shape->vocabulary * shape->inputs, 1.0f, random);
    test_network_build(&network);
    return network;
}

void test_network_build(test_network *network)
{
    sluice_error error = {0};
    sluice_model_destroy(network->model); /* of other weights */
    const sluice_status status = sluice_model_create(&network->weights, &network->model, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_model_create: %s", error.message);
    ck_assert_ptr_nonnull(network->model);
}

void test_network_free(test_network *network)
{
    sluice_model_destroy(network->model);
    free(network->floats);
    free(network->tables);
    free(network->shape);
    *network = (test_network){0};
}

/* ---- Batches ---- */

void test_prefill(float *values, size_t count)
{
    const uint32_t bits = TEST_PREFILL;
    for (size_t j = 0; values && j < count; j++)
        memcpy(values + j, &bits, sizeof bits);
}

bool test_prefilled(const float *values, size_t count)
{
    const uint32_t bits = TEST_PREFILL;
    for (size_t j = 0; values && j < count; j++)
        if (memcmp(values + j, &bits, sizeof bits) != 0)
            return false;
    return true;
}

float *test_floats(size_t count)
{
    float *values = blank(count, sizeof *values);
    test_prefill(values, count);
    return values;
}

/* A batch of a shape with all that is asked for, inputs zero, outputs prefilled. */
static test_batch make_batch(const sluice_shape *shape, size_t rows, size_t steps, unsigned what)
{
    test_batch made = {.batch = {.struct_size = sizeof(sluice_batch), .rows = rows, .steps = steps}};
    made.x_count = rows * steps * (shape->vocabulary ? 1 : shape->inputs);
    made.y_count = rows * steps * shape->directions * shape->hidden;
    made.state_count = shape->layers * shape->directions * rows * shape->hidden;
    made.logits_count = rows * shape->classes;
    made.step_logits_count = rows * steps * shape->classes;
    made.batch.lengths = made.lengths = what & TEST_RAGGED ? blank(rows, sizeof *made.lengths) : NULL;
    made.batch.x = made.x = shape->vocabulary ? NULL : blank(made.x_count, sizeof *made.x);
    made.batch.tokens = made.tokens = shape->vocabulary ? blank(made.x_count, sizeof *made.tokens) : NULL;
    made.batch.h0 = made.h0 = what & TEST_STATES ? blank(made.state_count, sizeof *made.h0) : NULL;
    made.batch.c0 = made.c0 = what & TEST_STATES ? blank(made.state_count, sizeof *made.c0) : NULL;
    made.batch.y = made.y = test_floats(made.y_count);
    made.batch.hn = made.hn = test_floats(made.state_count);
    made.batch.cn = made.cn = test_floats(made.state_count);
    made.batch.logits = made.logits = shape->classes ? test_floats(made.logits_count) : NULL;
    if (what & TEST_EACH_STEP && shape->classes)
        made.batch.step_logits = made.step_logits = test_floats(made.step_logits_count);
    return made;
}

test_batch test_batch_random(const sluice_shape *shape, size_t rows, size_t steps, unsigned what, uint64_t *random)
{
    test_batch made = make_batch(shape, rows, steps, what);
    if (made.x)
        fill(made.x, made.x_count, 1.0f, random);
    for (size_t j = 0; made.tokens && j < made.x_count; j++)
        made.tokens[j] = (int32_t)(test_random(random) % shape->vocabulary);
    for (size_t n = 0; made.lengths && n < rows; n++)
        made.lengths[n] = (int64_t)(test_random(random) % (steps + 1));
    if (made.h0) {
        fill(made.h0, made.state_count, 1.0f, random);
        fill(made.c0, made.state_count, 1.0f, random);
    }
    return made;
}

test_batch test_batch_pick(const sluice_shape *shape, const test_batch *from, size_t first, size_t rows)
{
    const size_t count = from->batch.rows, hidden = shape->hidden;
    const size_t row = from->batch.steps * (shape->vocabulary ? 1 : shape->inputs);
    const unsigned what =
        (from->lengths ? TEST_RAGGED : 0u) | (from->h0 ? TEST_STATES : 0u) | (from->step_logits ? TEST_EACH_STEP : 0u);
    test_batch made = make_batch(shape, rows, from->batch.steps, what);
    for (size_t n = 0; n < rows; n++) {
        const size_t source = (first + n) % count;
        if (made.x)
            memcpy(made.x + n * row, from->x + source * row, row * sizeof *made.x);
        if (made.tokens)
            memcpy(made.tokens + n * row, from->tokens + source * row, row * sizeof *made.tokens);
        if (made.lengths)
            made.lengths[n] = from->lengths[source];
        for (size_t k = 0; made.h0 && k < shape->layers * shape->directions; k++) {
            memcpy(made.h0 + (k * rows + n) * hidden, from->h0 + (k * count + source) * hidden, hidden * sizeof *made.h0);
            memcpy(made.c0 + (k * rows + n) * hidden, from->c0 + (k * count + source) * hidden, hidden * sizeof *made.c0);
        }
    }
    return made;
}

test_batch test_batch_row(const sluice_shape *shape, const test_batch *from, size_t n)
{
    test_batch made = test_batch_pick(shape, from, n, 1);
    if (made.lengths) {
        made.batch.steps = (size_t)made.lengths[0];
        made.y_count = made.batch.steps * shape->directions * shape->hidden;
        made.step_logits_count = made.batch.steps * shape->classes;
        made.batch.lengths = NULL;
    }
    return made;
}

void test_batch_prefill(test_batch *batch)
{
    test_prefill(batch->y, batch->y_count);
    test_prefill(batch->hn, batch->state_count);
    test_prefill(batch->cn, batch->state_count);
    test_prefill(batch->logits, batch->logits_count);
    test_prefill(batch->step_logits, batch->step_logits_count);
}

bool test_batch_untouched(const test_batch *batch)
{
    return test_prefilled(batch->y, batch->y_count) && test_prefilled(batch->hn, batch->state_count) &&
           test_prefilled(batch->cn, batch->state_count) && test_prefilled(batch->logits, batch->logits_count) &&
           test_prefilled(batch->step_logits, batch->step_logits_count);
}

void test_batch_free(test_batch *batch)
{
    free(batch->lengths);
    free(batch->x);
    free(batch->tokens);
    free(batch->h0);
    free(batch->c0);
    free(batch->y);
    free(batch->hn);
    free(batch->cn);
    free(batch->logits);
    free(batch->step_logits);
    *batch = (test_batch){0};
}

/* ---- Running ---- */

test_isa_list test_isas(void)
{
    test_isa_list isas = {.count = 0};
    const char *const only = getenv("SLUICE_TEST_ISA");
    ck_assert_uint_le(sl_isa_count(), sizeof isas.isa / sizeof isas.isa[0]);
    for (size_t k = sl_isa_count(); k-- > 0;)
        if (sl_isa_runs_here(sl_isa_at(k)) && (!only || strcmp(only, sl_isa_get_name(sl_isa_at(k))) == 0))
            isas.isa[isas.count++] = sl_isa_at(k);
    ck_assert_msg(isas.count > 0, "SLUICE_TEST_ISA is %s, which this machine does not run", only);
    return isas;
}

sluice_precision test_precision(void)
{
    const char *const name = getenv("SLUICE_TEST_PRECISION");
    sluice_precision precision = SLUICE_PRECISION_F32;
    while (name && strcmp(sluice_precision_get_name(precision), name) != 0)
        ck_assert_msg(sluice_precision_get_name(++precision), "SLUICE_TEST_PRECISION is %s", name);
    return precision;
}

sluice_engine_options test_options(sluice_isa isa, unsigned threads, sluice_schedule schedule)
{
    return (sluice_engine_options){.struct_size = sizeof(sluice_engine_options),
                                   .isa = isa,
                                   .gemm = SLUICE_GEMM_FUSED,
                                   .schedule = schedule,
                                   .threads = threads,
                                   .precision = test_precision()};
}

static sluice_engine *engine_of(const sluice_model *model, const sluice_engine_options *options)
{
    sluice_engine *engine = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_engine_create(model, options, &engine, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_engine_create: %s", error.message);
    ck_assert_ptr_nonnull(engine);
    return engine;
}

static sluice_workspace *workspace_of(const sluice_engine *engine)
{
    sluice_workspace *workspace = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_workspace_create(engine, 0, 0, &workspace, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_workspace_create: %s", error.message);
    return workspace;
}

test_runner test_runner_of(const sluice_model *model, const sluice_engine_options *options)
{
    test_runner runner = {.engine = engine_of(model, options)};
    runner.workspace = workspace_of(runner.engine);
    snprintf(runner.name, sizeof runner.name, "%s, %s, %u threads", sluice_isa_get_name(options->isa),
             sluice_schedule_get_name(options->schedule), options->threads);
    return runner;
}

test_runner test_runner_create(const sluice_model *model, sluice_isa isa, unsigned threads, sluice_schedule schedule)
{
    const sluice_engine_options options = test_options(isa, threads, schedule);
    return test_runner_of(model, &options);
}

void test_runner_free(test_runner *runner)
{
    sluice_workspace_destroy(runner->workspace);
    sluice_engine_destroy(runner->engine);
    *runner = (test_runner){0};
}

void test_forward(const test_runner *runner, const sluice_batch *batch)
{
    sluice_error error = {0};
    const sluice_status status = sluice_forward(runner->engine, runner->workspace, batch, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_forward (%s): %s", runner->name, error.message);
}

void test_run_once(const sluice_model *model, const sluice_engine_options *options, const sluice_batch *batch)
{
    OWNED(test_runner) runner = test_runner_of(model, options);
    test_forward(&runner, batch);
}

void test_as_new(const sluice_engine *engine, const sluice_model *model, const sluice_engine_options *options, test_batch *batch)
{
    FREED float *y = test_floats(batch->y_count);
    test_run_once(model, options, &batch->batch);
    memcpy(y, batch->y, batch->y_count * sizeof *y);
    test_batch_prefill(batch);
    SUCCEEDS(sluice_forward, engine, NULL, &batch->batch);
    test_same_bits(batch->y, y, batch->y_count, "y");
}

test_rows test_reference(const sluice_shape *shape, const sluice_model *model, const test_batch *from)
{
    OWNED(test_runner) runner = test_runner_create(model, SLUICE_ISA_SCALAR, 1, SLUICE_SCHEDULE_ROWS);
    const test_rows rows = {.row = blank(from->batch.rows, sizeof *rows.row), .count = from->batch.rows};
    for (size_t n = 0; n < rows.count; n++) {
        rows.row[n] = test_batch_row(shape, from, n);
        test_forward(&runner, &rows.row[n].batch);
    }
    return rows;
}

void test_rows_free(test_rows *rows)
{
    for (size_t n = 0; n < rows->count; n++)
        test_batch_free(rows->row + n);
    free(rows->row);
}

void test_against(const test_runner *runner, const sluice_shape *shape, test_batch *batch, const test_rows *rows, size_t first)
{
    test_batch_prefill(batch);
    test_forward(runner, &batch->batch);
    for (size_t n = 0; n < batch->batch.rows; n++)
        test_same_row(shape, batch, n, rows->row + (first + n) % rows->count, runner->name);
}

/* ---- Comparing ---- */

void test_refused(sluice_status got, sluice_status want, const sluice_error *error, const char *what)
{
    ck_assert_msg(got == want, "%s: %s (%s), expected %s", what, sluice_status_get_name(got), error->message,
                  sluice_status_get_name(want));
    ck_assert_msg(error->status == want, "%s: the error's status is %d", what, (int)error->status);
    ck_assert_msg(strlen(error->message) > 10 && !strchr(error->message, '\n'), "%s: the message is \"%s\"", what, error->message);
}

void test_names(const sluice_error *error, const char *word)
{
    ck_assert_msg(strstr(error->message, word) != NULL, "\"%s\" does not name %s", error->message, word);
}

void test_same_bits(const float *got, const float *want, size_t count, const char *what)
{
    if (count == 0 || memcmp(got, want, count * sizeof *got) == 0)
        return;
    size_t at = 0;
    while (memcmp(got + at, want + at, sizeof *got) == 0)
        at++;
    uint32_t bits[2];
    memcpy(bits, got + at, sizeof bits[0]);
    memcpy(bits + 1, want + at, sizeof bits[1]);
    ck_abort_msg("%s: element %zu of %zu is %.9g (%08" PRIx32 "), expected %.9g (%08" PRIx32 ")", what, at, count, (double)got[at],
                 bits[0], (double)want[at], bits[1]);
}

void test_same_outputs(const test_batch *got, const test_batch *want, const char *what)
{
    char place[256];
    const struct {
        const char *name;
        const float *got, *want;
        size_t count;
    } outputs[] = {
        {"y", got->y, want->y, want->y_count},
        {"hn", got->hn, want->hn, want->state_count},
        {"cn", got->cn, want->cn, want->state_count},
        {"logits", got->logits, want->logits, want->logits_count},
        {"step_logits", got->step_logits, want->step_logits, want->step_logits_count},
    };
    for (size_t j = 0; j < sizeof outputs / sizeof outputs[0]; j++) {
        snprintf(place, sizeof place, "%s: %s", what, outputs[j].name);
        if (outputs[j].got && outputs[j].want)
            test_same_bits(outputs[j].got, outputs[j].want, outputs[j].count, place);
    }
}

void test_same_row(const sluice_shape *shape, const test_batch *got, size_t n, const test_batch *want, const char *what)
{
    char place[256];
    const size_t width = shape->directions * shape->hidden, rows = got->batch.rows, room = got->batch.steps;
    const size_t steps = want->batch.steps, classes = shape->classes;
    const float *y = got->y + n * room * width;
    snprintf(place, sizeof place, "%s: row %zu of %zu", what, n, rows);
    test_same_bits(y, want->y, steps * width, place);
    for (size_t j = steps * width; j < room * width; j++)
        if (y[j] != 0.0f)
            ck_abort_msg("%s: y is not zero past the row's end, at %zu", place, j);
    for (size_t k = 0; k < shape->layers * shape->directions; k++) {
        test_same_bits(got->hn + (k * rows + n) * shape->hidden, want->hn + k * shape->hidden, shape->hidden, place);
        test_same_bits(got->cn + (k * rows + n) * shape->hidden, want->cn + k * shape->hidden, shape->hidden, place);
    }
    if (classes)
        test_same_bits(got->logits + n * classes, want->logits, classes, place);
}

sluice_shape test_shape_random(uint64_t *random)
{
    return (sluice_shape){
        TEST_LDIH(1 + test_random(random) % 3, 1 + test_random(random) % 2, 1 + test_random(random) % 40,
                  1 + test_random(random) % 70),
        .vocabulary = test_random(random) % 2 * 37,
        .classes = test_random(random) % 2 * (1 + test_random(random) % 33),
        .has_bias = (int)(test_random(random) % 2),
    };
}
