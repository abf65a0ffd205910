/* Where steps lie: a batch whose rows and steps are at offsets, as those of a packed sequence, has the bits of its padded twin, in
 * every pass; and nothing is read or written but the steps that rows have. Tokens of a byte are tokens. */
#include "support/suite.h"
#include "support/taped.h"

#include "base/size.h"

#include <math.h>
#include <string.h>

/* ---- Ways to lie ----------------------------------------------------------------------------------------------------------- */

/* As torch's PackedSequence has them, row after row, anywhere, and step after step with room between the rows. */
typedef enum way { PACKED, END_TO_END, SCATTERED, BY_STEP, WAYS } way;

/* Where an array has its steps. Owned: placing_free. */
typedef struct placing {
    size_t rows, steps, width, room; /* room: elements in all */
    const int64_t *lengths;
    size_t row_stride, *offsets, *step_offsets; /* the step stride is 0; NULL: by stride */
} placing;

static void placing_free(placing *p)
{
    free(p->offsets);
    free(p->step_offsets);
}

static size_t length_of(const placing *p, size_t row)
{
    return p->lengths ? (size_t)p->lengths[row] : p->steps;
}

/* The place of a row among the rows, longest first. */
static size_t rank_of(const placing *p, size_t row)
{
    size_t rank = 0;
    for (size_t n = 0; n < p->rows; n++)
        rank += length_of(p, n) > length_of(p, row) || (length_of(p, n) == length_of(p, row) && n < row);
    return rank;
}

static size_t count_running(const placing *p, size_t step)
{
    size_t running = 0;
    for (size_t n = 0; n < p->rows; n++)
        running += length_of(p, n) > step;
    return running;
}

/* The steps of each iteration together, of the rows that have one. No offsets of rows where they are sorted. */
static void pack(placing *p)
{
    bool sorted = true;
    for (size_t n = 0; n < p->rows; n++) {
        p->offsets[n] = rank_of(p, n) * p->width;
        sorted = sorted && rank_of(p, n) == n;
    }
    for (size_t t = 0; t < p->steps; p->room += count_running(p, t++) * p->width)
        p->step_offsets[t] = p->room;
    if (!sorted)
        return;
    free(p->offsets);
    p->offsets = NULL;
}

static void lay_end_to_end(placing *p)
{
    for (size_t j = 0; j < p->rows; j++) {
        const size_t n = p->rows - 1 - j;
        p->offsets[n] = p->room;
        p->room += length_of(p, n) * p->width;
    }
    free(p->step_offsets);
    p->step_offsets = NULL;
}

static void swap(size_t *a, size_t *b)
{
    const size_t other = *a;
    *a = *b;
    *b = other;
}

static void shuffle(size_t *values, size_t count, uint64_t *random)
{
    for (size_t k = count; k > 1; k--)
        swap(&values[k - 1], &values[test_random(random) % k]);
}

/* Rows and steps in any order, with room between them. */
static void scatter(placing *p, uint64_t *random)
{
    const size_t step = p->width + 1, row = p->steps * step + 3;
    for (size_t n = 0; n < p->rows; n++)
        p->offsets[n] = 2 + n * row;
    for (size_t t = 0; t < p->steps; t++)
        p->step_offsets[t] = t * step;
    shuffle(p->offsets, p->rows, random);
    shuffle(p->step_offsets, p->steps, random);
    p->room = 2 + p->rows * row;
}

/* The last step first, rows by stride. */
static void lay_by_step(placing *p)
{
    p->row_stride = p->width + 2;
    for (size_t t = 0; t < p->steps; t++)
        p->step_offsets[t] = (p->steps - 1 - t) * p->rows * p->row_stride;
    p->room = p->steps * p->rows * p->row_stride;
    free(p->offsets);
    p->offsets = NULL;
}

static placing place(way which, const sluice_batch *batch, size_t width, uint64_t *random)
{
    placing made = {.rows = batch->rows, .steps = batch->steps, .width = width, .lengths = batch->lengths};
    made.offsets = calloc(made.rows + 1, sizeof *made.offsets);
    made.step_offsets = calloc(made.steps + 1, sizeof *made.step_offsets);
    if (which == PACKED)
        pack(&made);
    else if (which == END_TO_END)
        lay_end_to_end(&made);
    else if (which == SCATTERED)
        scatter(&made, random);
    else
        lay_by_step(&made);
    return made;
}

static size_t at(const placing *p, size_t row, size_t step)
{
    const size_t row_stride = p->row_stride || !p->step_offsets ? p->row_stride : p->width;
    const size_t first = p->offsets ? p->offsets[row] : row * row_stride;
    return first + (p->step_offsets ? p->step_offsets[step] : step * p->width);
}

/* The elements of `bytes` bytes of an array [N][T][width], as they are placed; all else is 0xff. Owned. */
static void *put(const placing *p, const void *from, size_t bytes)
{
    char *made = malloc(p->room * bytes + 1);
    memset(made, 0xff, p->room * bytes);
    for (size_t n = 0; from && n < p->rows; n++)
        for (size_t t = 0; t < length_of(p, n); t++)
            memcpy(made + at(p, n, t) * bytes, (const char *)from + (n * p->steps + t) * p->width * bytes, p->width * bytes);
    return made;
}

/* Back to [N][T][width], with zeros past the rows' ends. Nothing but the steps of rows may have been written. */
static void take(const placing *p, float *placed, float *to, const char *what)
{
    memset(to, 0, p->rows * p->steps * p->width * sizeof *to);
    for (size_t n = 0; n < p->rows; n++)
        for (size_t t = 0; t < length_of(p, n); t++) {
            memcpy(to + (n * p->steps + t) * p->width, placed + at(p, n, t), p->width * sizeof *to);
            test_prefill(placed + at(p, n, t), p->width);
        }
    ck_assert_msg(test_prefilled(placed, p->room), "%s: something is written that is no step of a row", what);
}

/* ---- A batch, and its gradient, placed --------------------------------------------------------------------------------------- */

/* The copy's batch with x, or tokens, and y placed. Owned: placed_free. */
typedef struct placed {
    sluice_batch batch;
    placing x, y;
    void *input; /* x, tokens or byte tokens */
    float *outputs;
} placed;

/* Tokens of [N][T] as bytes; owned. */
static uint8_t *make_bytes(const test_batch *batch)
{
    uint8_t *bytes = malloc(batch->x_count + 1);
    for (size_t k = 0; k < batch->x_count; k++)
        bytes[k] = (uint8_t)batch->tokens[k];
    return bytes;
}

static placed place_batch(const sluice_shape *shape, const test_batch *from, way of_x, way of_y, uint64_t *random)
{
    placed made = {.batch = from->batch};
    made.x = place(of_x, &made.batch, from->tokens ? 1 : shape->inputs, random);
    made.y = place(of_y, &made.batch, shape->directions * shape->hidden, random);
    if (from->tokens && shape->vocabulary <= 256 && of_x % 2) {
        FREED uint8_t *bytes = make_bytes(from);
        made.batch.byte_tokens = made.input = put(&made.x, bytes, 1);
        made.batch.tokens = NULL;
    } else if (from->tokens) {
        made.batch.tokens = made.input = put(&made.x, from->tokens, sizeof *from->tokens);
    } else {
        made.batch.x = made.input = put(&made.x, from->x, sizeof *from->x);
    }
    made.batch.x_row_stride = made.x.row_stride;
    made.batch.x_offsets = made.x.offsets;
    made.batch.x_step_offsets = made.x.step_offsets;
    made.batch.y = made.outputs = test_floats(made.y.room);
    made.batch.y_row_stride = made.y.row_stride;
    made.batch.y_offsets = made.y.offsets;
    made.batch.y_step_offsets = made.y.step_offsets;
    return made;
}

static void placed_free(placed *made)
{
    placing_free(&made->x);
    placing_free(&made->y);
    free(made->input);
    free(made->outputs);
}

/* Forward with and without a tape, and backward. */
static void run_ways(const test_taped *made, const test_runner *runner)
{
    const size_t width = made->shape.directions * made->shape.hidden;
    uint64_t random = test_seed();
    for (way which = 0; which < WAYS; which++) {
        OWNED(test_copy) own = test_copy_make(made);
        OWNED(placed) laid = place_batch(&made->shape, &own.batch, which, (which + 1) % WAYS, &random);
        OWNED(placing) dy_at = place((which + 2) % WAYS, &own.batch.batch, width, &random);
        OWNED(placing) dx_at = place((which + 3) % WAYS, &own.batch.batch, made->shape.inputs, &random);
        FREED float *dy = put(&dy_at, own.gradient.in[TEST_Y], sizeof *dy), *dx = test_floats(dx_at.room);
        sluice_gradient gradient = own.gradient.gradient;
        gradient.dy = dy;
        gradient.dy_row_stride = dy_at.row_stride;
        gradient.dy_offsets = dy_at.offsets;
        gradient.dy_step_offsets = dy_at.step_offsets;
        gradient.dx = gradient.dx ? dx : NULL;
        gradient.dx_row_stride = dx_at.row_stride;
        gradient.dx_offsets = dx_at.offsets;
        gradient.dx_step_offsets = dx_at.step_offsets;
        test_there_and_back(runner, which % 2, &laid.batch, &gradient);
        take(&laid.y, laid.outputs, own.batch.y, runner->name);
        if (gradient.dx)
            take(&dx_at, dx, own.gradient.out[TEST_X], runner->name);
        test_copy_check(made, &own, runner->name);
        if (laid.batch.dropout > 0)
            continue;
        test_batch_prefill(&own.batch);
        test_forward(runner, &laid.batch);
        take(&laid.y, laid.outputs, own.batch.y, runner->name);
        test_same_outputs(&own.batch, &made->batch, runner->name);
    }
}

TEST_LOOP(shapes, 0, 4)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i / 2, 1 + (size_t)_i % 2, 5, 19), .classes = 3, .has_bias = 1};
    for (unsigned what = 0; what <= (TEST_RAGGED | TEST_STATES); what++) {
        OWNED(test_taped) made = test_taped_make(shape, 13, 7, what, 0);
        test_taped_visit(&made, 1, 3, run_ways);
    }
}

/* With a table of the embedding's products, and without. */
TEST_LOOP(tokens, 0, 4)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i % 2, 1 + (size_t)_i % 2, 3, 17), .vocabulary = _i < 2 ? 200 : 2000,
                                .classes = 3, .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, 12, 8, TEST_RAGGED, 0);
    test_taped_visit(&made, 1, 3, run_ways);
}

TEST_IN("large", random_shapes, 0, test_by_depth(4, 20, 80))
{
    uint64_t random = test_seed() + (uint64_t)_i;
    const sluice_shape shape = test_shape_random(&random);
    const size_t rows = 1 + test_random(&random) % 40, steps = 1 + test_random(&random) % 20;
    const unsigned what = (unsigned)(test_random(&random) % 4);
    const float dropout = test_random(&random) % 2 ? test_uniform(&random) : 0.0f;
    printf("random shape %d: L %zu D %zu I %zu H %zu V %zu C %zu N %zu T %zu, dropout %g\n", _i, shape.layers, shape.directions,
           shape.inputs, shape.hidden, shape.vocabulary, shape.classes, rows, steps, (double)dropout);
    OWNED(test_taped) made = test_taped_make(shape, rows, steps, what, dropout);
    test_taped_visit(&made, 1, 3, run_ways);
}

/* Nothing of a batch without rows or steps is read. */
TEST_LOOP(nothing, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 3, 10), .has_bias = 1};
    OWNED(test_taped) made = test_taped_make(shape, _i ? 3 : 0, _i ? 0 : 4, 0, 0);
    test_taped_visit(&made, 1, 2, run_ways);
}

/* ---- Low precision, BLIS, streams ---------------------------------------------------------------------------------------------- */

/* The placed batch and its padded twin, one after the other by the same engine. */
static void run_twins(const sluice_shape *shape, const test_runner *runner, const test_batch *batch, const char *what)
{
    uint64_t random = test_seed();
    OWNED(test_batch) want = test_batch_pick(shape, batch, 0, batch->batch.rows);
    OWNED_HANDLE(sluice_streams) streams = NULL;
    const bool has_streams = shape->directions == 1 && !batch->h0;
    test_forward(runner, &want.batch);
    for (way which = 0; which < WAYS; which++) {
        OWNED(test_batch) got = test_batch_pick(shape, batch, 0, batch->batch.rows);
        OWNED(placed) laid = place_batch(shape, &got, which, WAYS - 1 - which, &random);
        if (has_streams) { /* new ones, whose states are zeros */
            sluice_streams_destroy(streams);
            SUCCEEDS(sluice_streams_create, runner->engine, batch->batch.rows, &streams);
            laid.batch.streams = streams;
        }
        test_forward(runner, &laid.batch);
        take(&laid.y, laid.outputs, got.y, what);
        test_same_outputs(&got, &want, what);
    }
}

/* The last two are of the BLIS path, whose bits depend on the batch: it is the same one. */
TEST_LOOP(paths, 0, 8)
{
    static const sluice_precision precisions[] = {SLUICE_PRECISION_F32, SLUICE_PRECISION_BF16, SLUICE_PRECISION_INT8,
                                                  SLUICE_PRECISION_F32};
    const sluice_shape shape = {TEST_LDIH(2, 1 + (size_t)_i % 2, 7, 33), .vocabulary = _i % 4 > 1 ? 50 : 0, .classes = 4,
                                .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.5f, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, 21, 9, TEST_RAGGED | (_i % 4 == 3 ? TEST_STATES : 0), &random);
    for (unsigned threads = 1; threads < 4; threads++)
        for (sluice_schedule schedule = SLUICE_SCHEDULE_ROWS; schedule <= SLUICE_SCHEDULE_UNITS; schedule++) {
            sluice_engine_options options = test_options(SLUICE_ISA_AUTO, threads, schedule);
            options.precision = precisions[_i / 2];
            options.gemm = _i / 2 == 3 ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED;
            OWNED(test_runner) runner = test_runner_of(network.model, &options);
            run_twins(&shape, &runner, &batch, runner.name);
        }
}

/* ---- The trainer ------------------------------------------------------------------------------------------------------------- */

static sluice_trainer *make_trainer(const sluice_model *model)
{
    const sluice_trainer_options options = {
        .struct_size = sizeof options, .loss = SLUICE_LOSS_SQUARED_ERROR, .every_step = 1, .rate = 0.1};
    sluice_trainer *trainer = NULL;
    SUCCEEDS(sluice_trainer_create, model, NULL, &options, &trainer);
    return trainer;
}

enum { ROWS = 9, STEPS = 6, INPUTS = 3 };

/* The loss reads y contiguous, wherever the caller wants it. */
TEST_LOOP(trainer, 0, WAYS)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, INPUTS, 6), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) want = test_batch_random(&shape, ROWS, STEPS, TEST_RAGGED, &random);
    OWNED(test_batch) got = test_batch_pick(&shape, &want, 0, ROWS);
    OWNED(placed) laid = place_batch(&shape, &got, (way)_i, (way)(WAYS - 1 - _i), &random);
    OWNED_HANDLE(sluice_trainer) padded = make_trainer(network.model);
    OWNED_HANDLE(sluice_trainer) other = make_trainer(network.model);
    FREED float *values = calloc(want.y_count, sizeof *values);
    for (int steps = 0; steps < 3; steps++) {
        sluice_report a = {.struct_size = sizeof a}, b = {.struct_size = sizeof b};
        sluice_status (*const call)(sluice_trainer *, const sluice_batch *, const int32_t *, const float *, sluice_report *,
                                    sluice_error *) = steps < 2 ? sluice_trainer_step : sluice_trainer_evaluate;
        test_batch_prefill(&got);
        SUCCEEDS(call, padded, &want.batch, NULL, values, &a);
        SUCCEEDS(call, other, &laid.batch, NULL, values, &b);
        take(&laid.y, laid.outputs, got.y, "y");
        test_same_outputs(&got, &want, "trainer");
        ck_assert_mem_eq(&a, &b, sizeof a);
    }
    laid.batch.y_step_offsets = laid.y.offsets ? laid.y.offsets : laid.y.step_offsets;
    laid.batch.y_step_stride = 12;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_step: y_step_offsets are given", sluice_trainer_step, other, &laid.batch,
            NULL, values, NULL);
}

TEST_LOOP(trainer_names_what_is_not_finite, 0, WAYS)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, INPUTS, 6), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, ROWS, STEPS, 0, &random);
    OWNED(placed) laid = place_batch(&shape, &batch, (way)_i, PACKED, &random);
    OWNED_HANDLE(sluice_trainer) trainer = make_trainer(network.model);
    FREED float *values = calloc(batch.y_count, sizeof *values);
    ((float *)laid.input)[at(&laid.x, 5, 2) + 1] = NAN;
    REFUSED(SLUICE_STATUS_BAD_DATA, "row 5, step 2: x [1] is NaN", sluice_trainer_step, trainer, &laid.batch, NULL, values, NULL);
}
