/* Arrays of gradients, and the few calls that fill them. Nothing here knows how the library works. */
#include "support/gradients.h"

#include "support/suite.h"

#include <string.h>

static float *uniform(size_t count, uint64_t *random)
{
    float *values = test_floats(count);
    for (size_t j = 0; j < count; j++)
        values[j] = 2.0f * test_uniform(random) - 1.0f;
    return values;
}

static void poison_ends(float *values, const sluice_batch *batch, size_t width)
{
    for (size_t n = 0; batch->lengths && n < batch->rows; n++) {
        const size_t length = (size_t)batch->lengths[n];
        test_prefill(values + (n * batch->steps + length) * width, (batch->steps - length) * width);
    }
}

void test_gradient_poison(test_gradient *gradient, const sluice_shape *shape, const sluice_batch *batch)
{
    poison_ends(gradient->in[TEST_Y], batch, shape->directions * shape->hidden);
    if (shape->classes)
        poison_ends(gradient->in[TEST_STEP_LOGITS], batch, shape->classes);
}

/* The arrays of arrays, into those that hold all k one after the other. */
static void make_tables(test_gradient *made, const sluice_shape *shape)
{
    const size_t cells = shape->layers * shape->directions, stacked = 4 * shape->hidden;
    made->tables = calloc(3 * cells, sizeof *made->tables);
    ck_assert_ptr_nonnull(made->tables);
    for (size_t k = 0; k < cells; k++) {
        made->tables[k] = made->out[TEST_WEIGHT_IH] + test_weight_ih_start(shape, k);
        made->tables[cells + k] = made->out[TEST_WEIGHT_HH] + k * stacked * shape->hidden;
        made->tables[2 * cells + k] = shape->has_bias ? made->out[TEST_BIAS] + k * stacked : NULL;
    }
    made->gradient.weight_ih = made->tables;
    made->gradient.weight_hh = made->tables + cells;
    made->gradient.bias = shape->has_bias ? made->tables + 2 * cells : NULL;
}

test_gradient test_gradient_random(const sluice_shape *shape, const sluice_batch *batch, uint64_t *random)
{
    test_gradient made = {.gradient = {.struct_size = sizeof(sluice_gradient)}};
    test_result_counts(shape, batch->rows, batch->steps, made.in_count);
    test_input_counts(shape, batch->rows, batch->steps, made.out_count);
    const bool in[TEST_RESULTS] = {true, true, true, shape->classes, shape->classes};
    const bool out[TEST_INPUTS] = {!shape->vocabulary, true,           true,          true, true, shape->has_bias,
                                   shape->vocabulary,  shape->classes, shape->classes};
    for (size_t j = 0; j < TEST_RESULTS; j++)
        made.in[j] = in[j] ? uniform(made.in_count[j], random) : NULL;
    for (size_t j = 0; j < TEST_INPUTS; j++)
        made.out[j] = out[j] ? test_floats(made.out_count[j]) : NULL;
    test_gradient_poison(&made, shape, batch);
    made.gradient.dy = made.in[TEST_Y];
    made.gradient.dhn = made.in[TEST_HN];
    made.gradient.dcn = made.in[TEST_CN];
    made.gradient.dlogits = made.in[TEST_LOGITS];
    made.gradient.dstep_logits = made.in[TEST_STEP_LOGITS];
    made.gradient.dx = made.out[TEST_X];
    made.gradient.dh0 = made.out[TEST_H0];
    made.gradient.dc0 = made.out[TEST_C0];
    make_tables(&made, shape);
    made.gradient.embedding = made.out[TEST_EMBEDDING];
    made.gradient.head_weight = made.out[TEST_HEAD_WEIGHT];
    made.gradient.head_bias = made.out[TEST_HEAD_BIAS];
    return made;
}

void test_gradient_free(test_gradient *gradient)
{
    for (size_t j = 0; j < TEST_RESULTS; j++)
        free(gradient->in[j]);
    for (size_t j = 0; j < TEST_INPUTS; j++)
        free(gradient->out[j]);
    free(gradient->tables);
    *gradient = (test_gradient){0};
}

void test_gradient_prefill(test_gradient *gradient)
{
    for (size_t j = 0; j < TEST_INPUTS; j++)
        test_prefill(gradient->out[j], gradient->out_count[j]);
}

bool test_gradient_untouched(const test_gradient *gradient)
{
    bool untouched = true;
    for (size_t j = 0; j < TEST_INPUTS; j++)
        untouched &= test_prefilled(gradient->out[j], gradient->out_count[j]);
    return untouched;
}

/* "WHAT: gradient of NAME" */
static const char *place_of(const char *what, size_t input)
{
    static char place[256];
    snprintf(place, sizeof place, "%s: gradient of %s", what, test_input_names[input]);
    return place;
}

void test_same_gradients(const test_gradient *got, const test_gradient *want, const char *what)
{
    for (size_t j = 0; j < TEST_INPUTS; j++)
        if (got->out[j])
            test_same_bits(got->out[j], want->out[j], got->out_count[j], place_of(what, j));
}

test_runner test_trainable(const sluice_model *model, sluice_isa isa, unsigned threads, sluice_schedule schedule)
{
    sluice_engine_options options = test_options(isa, threads, schedule);
    options.training = 1;
    return test_runner_of(model, &options);
}

test_runner test_trainable_by(const sluice_model *model, sluice_isa isa, unsigned threads, sluice_gemm gemm)
{
    sluice_engine_options options = test_options(isa, threads, SLUICE_SCHEDULE_AUTO);
    options.training = 1;
    options.gemm = gemm;
    return test_runner_of(model, &options);
}

sluice_tape *test_tape_create(const test_runner *runner, size_t recompute)
{
    const sluice_tape_options options = {.struct_size = sizeof options, .recompute = recompute};
    sluice_tape *tape = NULL;
    sluice_error error = {0};
    const sluice_status status = sluice_tape_create(runner->engine, &options, &tape, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_tape_create (%s): %s", runner->name, error.message);
    ck_assert_ptr_nonnull(tape);
    return tape;
}

void test_forward_taped(const test_runner *runner, sluice_tape *tape, const sluice_batch *batch)
{
    sluice_batch taped = *batch;
    taped.tape = tape;
    test_forward(runner, &taped);
}

void test_backward(const test_runner *runner, sluice_tape *tape, const sluice_gradient *gradient)
{
    sluice_error error = {0};
    const sluice_status status = sluice_backward(tape, gradient, &error);
    ck_assert_msg(status == SLUICE_STATUS_OK, "sluice_backward (%s): %s", runner->name, error.message);
}

void test_there_and_back(const test_runner *runner, size_t recompute, const sluice_batch *batch, const sluice_gradient *gradient)
{
    OWNED_HANDLE(sluice_tape) tape = test_tape_create(runner, recompute);
    test_forward_taped(runner, tape, batch);
    test_backward(runner, tape, gradient);
}

double test_within(const float *got, const test_number *want, size_t count, const char *what)
{
    double worst = 0.0;
    for (size_t j = 0; j < count; j++) {
        const double share = fabs(got[j] - want[j].value) / test_bound(want[j]);
        if (!(share <= 1.0))
            ck_abort_msg("%s: element %zu of %zu is %.9g, expected %.9g within %.3g", what, j, count, (double)got[j], want[j].value,
                         test_bound(want[j]));
        worst = fmax(worst, share);
    }
    return worst;
}

double test_gradient_within(const test_gradient *got, const test_adjoint *want, const char *what)
{
    double worst = 0.0;
    for (size_t j = 0; j < TEST_INPUTS; j++)
        if (got->out[j])
            worst = fmax(worst, test_within(got->out[j], want->gradient[j], got->out_count[j], place_of(what, j)));
    return worst;
}
