/* Requests for the same gradient: strides, which other gradients are requested, and what the arrays held before change no bit of it. */
#include "support/suite.h"
#include "support/taped.h"

#include <string.h>

/* Strides of an array of rows x steps x width; returns how many elements it takes. */
static size_t strides(unsigned which, size_t rows, size_t steps, size_t width, size_t *row, size_t *step)
{
    const size_t padding = which / 2 * 3, inner = width + padding;
    *row = which & 1 ? inner : steps * inner + padding;
    *step = which & 1 ? rows * inner + padding : inner;
    return rows * *row + steps * *step;
}

/* Between a contiguous array [N][T][width] and one of strides or offsets; out: from the contiguous one, each row to its end. */
static void move_rows(const test_taped *made, float *contiguous, float *strided, size_t width, size_t row, size_t step,
                      const size_t *offsets, bool out)
{
    const size_t steps = made->batch.batch.steps;
    for (size_t n = 0; n < made->batch.batch.rows; n++) {
        const size_t length = out && made->batch.lengths ? (size_t)made->batch.lengths[n] : steps;
        for (size_t t = 0; t < length; t++) {
            float *there = strided + (offsets ? offsets[n] : n * row) + t * step, *here = contiguous + (n * steps + t) * width;
            memcpy(out ? there : here, out ? here : there, width * sizeof *here);
            if (!out)
                test_prefill(there, width);
        }
    }
}

/* Zeros past the rows' ends, where dx at offsets must not be touched. */
static void zero_ends(const test_taped *made, float *dx)
{
    const size_t steps = made->batch.batch.steps, inputs = made->shape.inputs;
    for (size_t n = 0; n < made->batch.batch.rows; n++) {
        const size_t length = (size_t)made->batch.lengths[n];
        float *end = dx + (n * steps + length) * inputs;
        ck_assert_msg(test_prefilled(end, (steps - length) * inputs), "dx is written past the end of row %zu", n);
        memset(end, 0, (steps - length) * inputs * sizeof *end);
    }
}

/* x, y, dy and dx in one of the layouts; which & 4: rows of x and dx at offsets. */
static void run_layout(const test_taped *made, const test_runner *runner, unsigned which)
{
    const size_t rows = made->batch.batch.rows, steps = made->batch.batch.steps, inputs = made->shape.inputs;
    const size_t width = made->shape.directions * made->shape.hidden;
    OWNED(test_copy) own = test_copy_make(made);
    sluice_batch batch = own.batch.batch;
    sluice_gradient gradient = own.gradient.gradient;
    const size_t x_room = strides(which & 3, rows, steps, inputs, &batch.x_row_stride, &batch.x_step_stride);
    const size_t y_room = strides(~which & 3, rows, steps, width, &batch.y_row_stride, &batch.y_step_stride);
    const size_t dy_room = strides((which + 1) & 3, rows, steps, width, &gradient.dy_row_stride, &gradient.dy_step_stride);
    const size_t dx_room = strides((which + 2) & 3, rows, steps, inputs, &gradient.dx_row_stride, &gradient.dx_step_stride);
    FREED float *x = test_floats(x_room), *y = test_floats(y_room), *dy = test_floats(dy_room), *dx = test_floats(dx_room);
    FREED size_t *x_offsets = calloc(rows, sizeof *x_offsets), *dx_offsets = calloc(rows, sizeof *dx_offsets);
    for (size_t n = 0; n < rows; n++) { /* rows is prime to 5 and 3 */
        x_offsets[n] = (n * 5 + 3) % rows * batch.x_row_stride;
        dx_offsets[n] = (n * 3 + 2) % rows * gradient.dx_row_stride;
    }
    batch.x = x;
    batch.y = y;
    gradient.dy = dy;
    gradient.dx = dx;
    batch.x_offsets = which & 4 ? x_offsets : NULL;
    gradient.dx_offsets = which & 4 ? dx_offsets : NULL;
    move_rows(made, own.batch.x, x, inputs, batch.x_row_stride, batch.x_step_stride, batch.x_offsets, true);
    move_rows(made, own.gradient.in[TEST_Y], dy, width, gradient.dy_row_stride, gradient.dy_step_stride, NULL, true);
    test_there_and_back(runner, which % 3, &batch, &gradient);
    move_rows(made, own.batch.y, y, width, batch.y_row_stride, batch.y_step_stride, NULL, false);
    move_rows(made, own.gradient.out[TEST_X], dx, inputs, gradient.dx_row_stride, gradient.dx_step_stride, gradient.dx_offsets,
              false);
    if (which & 4)
        zero_ends(made, own.gradient.out[TEST_X]);
    test_copy_check(made, &own, runner->name);
    ck_assert_msg(test_prefilled(y, y_room), "%s: y is written between its rows and steps", runner->name);
    ck_assert_msg(test_prefilled(dx, dx_room), "%s: dx is written between its rows and steps", runner->name);
}

static void run_layouts(const test_taped *made, const test_runner *runner)
{
    for (unsigned which = 0; which < 8; which++)
        run_layout(made, runner, which);
}

TEST_LOOP(layouts, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i, 2, 5, 9), .classes = 2, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 14, 6, TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 2, run_layouts);
}

/* Rows of x and dx end to end, in another order than the batch's. */
static void run_packed(const test_taped *made, const test_runner *runner)
{
    const size_t rows = made->batch.batch.rows, steps = made->batch.batch.steps, inputs = made->shape.inputs;
    OWNED(test_copy) own = test_copy_make(made);
    FREED float *x = test_floats(own.batch.x_count), *dx = test_floats(own.batch.x_count);
    size_t *offsets = calloc(rows, sizeof *offsets), at = 0;
    for (size_t j = 0; j < rows; j++) {
        const size_t n = (j * 5 + 3) % rows, count = (size_t)made->batch.lengths[n] * inputs;
        memcpy(x + at, own.batch.x + n * steps * inputs, count * sizeof *x);
        offsets[n] = at;
        at += count;
    }
    own.batch.batch.x = x;
    own.batch.batch.x_offsets = own.gradient.gradient.dx_offsets = offsets;
    own.gradient.gradient.dx = dx;
    test_there_and_back(runner, 0, &own.batch.batch, &own.gradient.gradient);
    for (size_t n = 0; n < rows; n++)
        memcpy(own.gradient.out[TEST_X] + n * steps * inputs, dx + offsets[n],
               (size_t)made->batch.lengths[n] * inputs * sizeof *dx);
    zero_ends(made, own.gradient.out[TEST_X]);
    test_copy_check(made, &own, runner->name);
    ck_assert(test_prefilled(dx + at, own.batch.x_count - at));
    free(offsets);
}

TEST(rows_packed_end_to_end)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 3, 10), .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 14, 12, TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 2, run_packed);
}

/* What is not wanted leaves what is as it was, there and back. */
static void run_some(const test_taped *made, const test_runner *runner)
{
    for (unsigned left = 0; left < TEST_INPUTS + TEST_RESULTS; left++) {
        OWNED(test_copy) own = test_copy_make(made);
        sluice_batch batch = own.batch.batch;
        sluice_gradient *gradient = &own.gradient.gradient;
        /* One output alone, and all but one; in turn with the gradients. */
        const unsigned wanted = left < TEST_INPUTS ? 1u << left : 0x1ffu & ~(1u << left % TEST_INPUTS);
        batch.y = left % 2 ? batch.y : NULL;
        batch.step_logits = left % 3 ? batch.step_logits : NULL;
        batch.hn = batch.cn = NULL;
        gradient->dx = wanted & 1u << TEST_X ? gradient->dx : NULL;
        gradient->dh0 = wanted & 1u << TEST_H0 ? gradient->dh0 : NULL;
        gradient->dc0 = wanted & 1u << TEST_C0 ? gradient->dc0 : NULL;
        gradient->weight_ih = wanted & 1u << TEST_WEIGHT_IH ? gradient->weight_ih : NULL;
        gradient->weight_hh = wanted & 1u << TEST_WEIGHT_HH ? gradient->weight_hh : NULL;
        gradient->bias = wanted & 1u << TEST_BIAS ? gradient->bias : NULL;
        gradient->embedding = wanted & 1u << TEST_EMBEDDING ? gradient->embedding : NULL;
        gradient->head_weight = wanted & 1u << TEST_HEAD_WEIGHT ? gradient->head_weight : NULL;
        gradient->head_bias = wanted & 1u << TEST_HEAD_BIAS ? gradient->head_bias : NULL;
        test_there_and_back(runner, left % 4, &batch, gradient);
        for (size_t j = 0; j < TEST_INPUTS; j++) {
            if (wanted & 1u << j && own.gradient.out[j])
                test_same_bits(own.gradient.out[j], made->want.out[j], made->want.out_count[j], test_input_names[j]);
            else
                ck_assert_msg(test_prefilled(own.gradient.out[j], own.gradient.out_count[j]), "%s is written", test_input_names[j]);
        }
    }
}

TEST_LOOP(gradients_not_wanted, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i, 1 + (size_t)_i, 3, 10), .vocabulary = _i ? 9 : 0, .classes = 4,
                                .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 7, 5, TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 2, run_some);
}

/* Of the weights, only those of one layer and direction are wanted, as when the others are frozen. */
static void run_one_cell(const test_taped *made, const test_runner *runner)
{
    const size_t cells = made->shape.layers * made->shape.directions;
    for (size_t k = 0; k < cells; k++) {
        OWNED(test_copy) own = test_copy_make(made);
        for (size_t j = 0; j < 3 * cells; j++)
            if (j % cells != k)
                own.gradient.tables[j] = NULL;
        test_there_and_back(runner, 0, &own.batch.batch, &own.gradient.gradient);
        const size_t start[3] = {test_weight_ih_start(&made->shape, k), k * 4 * made->shape.hidden * made->shape.hidden,
                                 k * 4 * made->shape.hidden};
        const size_t end[3] = {test_weight_ih_start(&made->shape, k + 1), (k + 1) * 4 * made->shape.hidden * made->shape.hidden,
                               (k + 1) * 4 * made->shape.hidden};
        for (size_t j = 0; j < 3; j++) {
            const size_t input = TEST_WEIGHT_IH + j;
            test_same_bits(own.gradient.out[input] + start[j], made->want.out[input] + start[j], end[j] - start[j], runner->name);
            test_prefill(own.gradient.out[input] + start[j], end[j] - start[j]);
            ck_assert(test_prefilled(own.gradient.out[input], own.gradient.out_count[input]));
        }
        test_same_bits(own.gradient.out[TEST_X], made->want.out[TEST_X], made->want.out_count[TEST_X], runner->name);
    }
}

TEST(frozen_layers)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 3, 10), .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 7, 5, TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 2, run_one_cell);
}

/* Added to what the arrays hold, the gradient is rounded once. */
static void run_accumulated(const test_taped *made, const test_runner *runner)
{
    for (unsigned zeros = 0; zeros < 2; zeros++) {
        uint64_t random = test_seed();
        OWNED(test_copy) own = test_copy_make(made);
        OWNED(test_copy) sum = test_copy_make(made);
        for (size_t j = 0; j < TEST_INPUTS; j++)
            for (size_t m = 0; own.gradient.out[j] && m < own.gradient.out_count[j]; m++) {
                const float held = zeros ? 0.0f : 20.0f * (test_uniform(&random) - 0.5f), add = made->want.out[j][m];
                own.gradient.out[j][m] = held;
                sum.gradient.out[j][m] = zeros ? add : held + add;
            }
        own.gradient.gradient.accumulate = 1;
        test_there_and_back(runner, zeros * 2, &own.batch.batch, &own.gradient.gradient);
        test_same_gradients(&own.gradient, &sum.gradient, runner->name);
    }
}

TEST_LOOP(accumulated, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i, 1 + (size_t)_i, 6, 13), .vocabulary = _i ? 9 : 0, .classes = 4,
                                .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 11, 7, TEST_RAGGED | TEST_STATES, 0);
    test_taped_visit(&made, 1, 2, run_accumulated);
}
