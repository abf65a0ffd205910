/* The numeric contract: one answer. Every run is compared by memcmp with the same row run alone by the scalar kernels on one
 * thread, whatever the batch, the place in it, the threads, the schedule, the instruction set and the way the arrays lie. */
#include "support/network.h"
#include "support/suite.h"

#include <math.h>
#include <string.h>

static const sluice_schedule schedules[] = {SLUICE_SCHEDULE_ROWS, SLUICE_SCHEDULE_HOIST, SLUICE_SCHEDULE_UNITS};
enum { SCHEDULES = sizeof schedules / sizeof schedules[0], LARGEST_BATCH = 67, MOST_THREADS = 8 };

/* A random network of a shape and a pool of sequences, with each one's reference. */
typedef struct scene {
    sluice_shape shape;
    uint64_t random;
    test_network network;
    test_batch pool;
    test_rows rows;
} scene;

static scene make_scene(sluice_shape shape, size_t rows, size_t steps, unsigned what)
{
    scene made = {.shape = shape, .random = test_seed()};
    made.network = test_network_random(&shape, 1.5f, &made.random);
    made.pool = test_batch_random(&shape, rows, steps, what, &made.random);
    made.rows = test_reference(&shape, made.network.model, &made.pool);
    return made;
}

static void scene_free(scene *made)
{
    test_rows_free(&made->rows);
    test_batch_free(&made->pool);
    test_network_free(&made->network);
}

/* Call visit for a runner of every instruction set and schedule with `least`..`most` threads; the scalar kernels, which are
 * slow, see only the two ends. */
static void with_runners(const scene *made, unsigned least, unsigned most, void (*visit)(const scene *, const test_runner *))
{
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++)
        for (unsigned threads = least; threads <= most; threads++)
            for (size_t s = 0; s < SCHEDULES; s++) {
                if ((isas.isa[i] == SLUICE_ISA_SCALAR || test_by_depth(1, 0, 0)) && threads != least && threads != most)
                    continue;
                OWNED(test_runner) runner = test_runner_create(made->network.model, isas.isa[i], threads, schedules[s]);
                visit(made, &runner);
            }
}

/* The whole pool at once. */
static void run_pool(const scene *made, const test_runner *runner)
{
    OWNED(test_batch) batch = test_batch_pick(&made->shape, &made->pool, 0, made->pool.batch.rows);
    test_against(runner, &made->shape, &batch, &made->rows, 0);
}

/* ---- Batch sizes and places ---- */

static void run_batch_sizes(const scene *made, const test_runner *runner)
{
    const size_t step = test_by_depth(11, 3, 1);
    for (size_t rows = 1; rows <= LARGEST_BATCH; rows += step) {
        const size_t first = rows * 7; /* another place in the batch each time */
        OWNED(test_batch) batch = test_batch_pick(&made->shape, &made->pool, first, rows);
        test_against(runner, &made->shape, &batch, &made->rows, first);
    }
}

TEST_LOOP(batch_sizes, 0, 5)
{
    static const size_t sizes[][2] = {{1, 1}, {7, 5}, {3, 16}, {21, 33}, {9, 64}}; /* I, H */
    const sluice_shape shape = {TEST_LDIH(1, 1, sizes[_i][0], sizes[_i][1]), .has_bias = 1};
    OWNED(scene) made = make_scene(shape, LARGEST_BATCH, 3, TEST_STATES);
    with_runners(&made, 1, MOST_THREADS, run_batch_sizes);
}

static void run_positions(const scene *made, const test_runner *runner)
{
    for (size_t first = 0; first < LARGEST_BATCH; first += test_by_depth(13, 3, 1)) {
        OWNED(test_batch) batch = test_batch_pick(&made->shape, &made->pool, first, LARGEST_BATCH);
        test_against(runner, &made->shape, &batch, &made->rows, first);
    }
}

TEST_LOOP(every_position, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 5, 19), .has_bias = 1};
    OWNED(scene) made = make_scene(shape, LARGEST_BATCH, 3, _i ? TEST_RAGGED : 0);
    with_runners(&made, 2, 2, run_positions);
}

/* ---- Shapes ---- */

TEST_LOOP(layers_and_directions, 0, 4)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i / 2, 1 + (size_t)_i % 2, 11, 21), .classes = 5, .has_bias = 1};
    for (unsigned what = 0; what <= (TEST_RAGGED | TEST_STATES); what++) {
        OWNED(scene) made = make_scene(shape, 13, 9, what);
        with_runners(&made, 1, 5, run_pool);
    }
}
TEST_MORE("large", layers_and_directions, 4, 6)

/* Whatever shape the generator thinks of. */
TEST_IN("large", random_shapes, 0, test_by_depth(15, 20, 60))
{
    uint64_t random = test_seed() + (uint64_t)_i;
    const sluice_shape shape = test_shape_random(&random);
    const size_t rows = 1 + test_random(&random) % 40, steps = 1 + test_random(&random) % 20;
    printf("random shape %d: L %zu D %zu I %zu H %zu V %zu C %zu N %zu T %zu\n", _i, shape.layers, shape.directions, shape.inputs,
           shape.hidden, shape.vocabulary, shape.classes, rows, steps);
    OWNED(scene) made = make_scene(shape, rows, steps, (unsigned)(test_random(&random) % 4));
    with_runners(&made, 1, 3, run_pool);
}

/* Many steps: more than any chunk of the time axis. */
TEST_IN("large", long_rows, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, 1 + (size_t)_i, 9, 17), .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 5, test_by_depth(300, 1500, 1500), TEST_RAGGED);
    with_runners(&made, 1, 3, run_pool);
}

/* More rows than go through the steps together. */
TEST_IN("large", many_rows, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1 + (size_t)_i, 2, 6, 21), .classes = 3, .has_bias = 1};
    OWNED(scene) made = make_scene(shape, test_by_depth(250, 701, 701), 7, TEST_RAGGED | TEST_STATES);
    with_runners(&made, 1, 3, run_pool);
}

/* Wide enough that a chunk of hoisted products holds a few steps only. */
TEST_IN("large", wide_rows, 0, 1)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, 130, 257), .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 35, 11, TEST_RAGGED | TEST_STATES);
    with_runners(&made, 1, 3, run_pool);
}

/* ---- Ways of saying the same ---- */

/* A call in pieces of time, each going on from the last one's states, in place. */
static void run_pieces(const scene *made, const test_runner *runner)
{
    const size_t rows = made->pool.batch.rows, steps = made->pool.batch.steps, inputs = made->shape.inputs;
    const size_t hidden = made->shape.hidden;
    OWNED(test_batch) batch = test_batch_pick(&made->shape, &made->pool, 0, rows);
    memcpy(batch.hn, batch.h0, batch.state_count * sizeof *batch.hn);
    memcpy(batch.cn, batch.c0, batch.state_count * sizeof *batch.cn);
    for (size_t from = 0, piece = 1; from < steps; from += piece, piece++) {
        if (piece > steps - from)
            piece = steps - from;
        sluice_batch part = batch.batch;
        part.steps = piece;
        part.x += from * inputs;
        part.x_row_stride = steps * inputs;
        part.x_step_stride = inputs;
        part.y += from * hidden;
        part.y_row_stride = steps * hidden;
        part.y_step_stride = hidden;
        part.h0 = part.hn;
        part.c0 = part.cn;
        test_forward(runner, &part);
    }
    for (size_t n = 0; n < rows; n++)
        test_same_row(&made->shape, &batch, n, made->rows.row + n, runner->name);
}

TEST(pieces_of_time)
{
    const sluice_shape shape = {TEST_LDIH(2, 1, 7, 18), .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 10, 17, TEST_STATES);
    with_runners(&made, 1, 2, run_pieces);
}

/* How x, tokens and y lie: element strides beyond the least, in either order. */
typedef struct layout {
    bool step_first;
    size_t padding; /* elements between one row's or step's room and the next */
    bool offsets;
} layout;

/* Strides of an array of rows x steps x width; returns how many elements it takes. */
static size_t strides(const layout *as, size_t rows, size_t steps, size_t width, size_t *row, size_t *step)
{
    const size_t inner = width + as->padding;
    *row = as->step_first ? inner : steps * inner + as->padding;
    *step = as->step_first ? rows * inner + as->padding : inner;
    return rows * *row + steps * *step;
}

static void run_layout(const scene *made, const test_runner *runner, const layout *as)
{
    const size_t rows = made->pool.batch.rows, steps = made->pool.batch.steps, width = made->shape.directions * made->shape.hidden;
    const size_t inputs = made->shape.vocabulary ? 1 : made->shape.inputs;
    OWNED(test_batch) batch = test_batch_pick(&made->shape, &made->pool, 0, rows);
    sluice_batch strided = batch.batch;
    const size_t x_room = strides(as, rows, steps, inputs, &strided.x_row_stride, &strided.x_step_stride);
    const size_t y_room = strides(as, rows, steps, width, &strided.y_row_stride, &strided.y_step_stride);
    FREED float *x = test_floats(x_room), *y = test_floats(y_room);
    int32_t *tokens = (int32_t *)x;
    FREED size_t *offsets = calloc(rows, sizeof *offsets);
    for (size_t n = 0; n < rows; n++) {
        const size_t place = as->offsets ? (n * 5 + 3) % rows : n; /* rows is prime to 5 */
        offsets[n] = place * strided.x_row_stride;
        for (size_t t = 0; t < steps; t++) {
            float *to = x + offsets[n] + t * strided.x_step_stride;
            if (batch.x)
                memcpy(to, batch.x + (n * steps + t) * inputs, inputs * sizeof *to);
            else
                memcpy(to, batch.tokens + n * steps + t, sizeof *to);
        }
    }
    strided.x = batch.x ? x : NULL;
    strided.tokens = batch.x ? NULL : tokens;
    strided.x_offsets = as->offsets ? offsets : NULL;
    strided.y = y;
    test_forward(runner, &strided);
    for (size_t n = 0; n < rows; n++) {
        for (size_t t = 0; t < steps; t++) {
            float *from = y + n * strided.y_row_stride + t * strided.y_step_stride;
            memcpy(batch.y + (n * steps + t) * width, from, width * sizeof *from);
            test_prefill(from, width);
        }
        test_same_row(&made->shape, &batch, n, made->rows.row + n, runner->name);
    }
    ck_assert_msg(test_prefilled(y, y_room), "%s: y is written between its rows and steps", runner->name);
}

static void run_layouts(const scene *made, const test_runner *runner)
{
    for (unsigned which = 0; which < 12; which++) {
        const layout as = {.step_first = which & 1, .padding = which / 4 * 3, .offsets = which & 2};
        run_layout(made, runner, &as);
    }
}

TEST_LOOP(layouts, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 5, 9), .vocabulary = _i ? 11 : 0, .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 14, 6, TEST_RAGGED);
    with_runners(&made, 1, 2, run_layouts);
}

/* With both strides 0 the steps of a row follow each other, wherever x_offsets has it start. */
static void run_packed(const scene *made, const test_runner *runner)
{
    const size_t rows = made->pool.batch.rows, steps = made->pool.batch.steps, inputs = made->shape.inputs;
    OWNED(test_batch) batch = test_batch_pick(&made->shape, &made->pool, 0, rows);
    FREED float *x = test_floats(batch.x_count);
    size_t *offsets = calloc(rows, sizeof *offsets), at = 0;
    for (size_t j = 0; j < rows; j++) {
        const size_t n = (j * 5 + 3) % rows, count = (size_t)batch.lengths[n] * inputs;
        memcpy(x + at, batch.x + n * steps * inputs, count * sizeof *x);
        offsets[n] = at;
        at += count;
    }
    batch.batch.x = x;
    batch.batch.x_offsets = offsets;
    test_against(runner, &made->shape, &batch, &made->rows, 0);
    free(offsets);
}

TEST(rows_packed_end_to_end)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 3, 10), .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 14, 12, TEST_RAGGED);
    with_runners(&made, 1, 2, run_packed);
}

static void run_without_outputs(const scene *made, const test_runner *runner)
{
    const size_t rows = made->pool.batch.rows;
    OWNED(test_batch) want = test_batch_pick(&made->shape, &made->pool, 0, rows);
    test_forward(runner, &want.batch);
    for (unsigned wanted = 0; wanted < 16; wanted++) {
        OWNED(test_batch) batch = test_batch_pick(&made->shape, &made->pool, 0, rows);
        sluice_batch some = batch.batch;
        some.y = wanted & 1 ? some.y : NULL;
        some.hn = wanted & 2 ? some.hn : NULL;
        some.cn = wanted & 4 ? some.cn : NULL;
        some.logits = wanted & 8 ? some.logits : NULL;
        test_forward(runner, &some);
        const test_batch got = {.y = some.y, .hn = some.hn, .cn = some.cn, .logits = some.logits};
        test_same_outputs(&got, &want, runner->name);
    }
}

TEST(outputs_not_wanted)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 3, 10), .classes = 4, .has_bias = 1};
    OWNED(scene) made = make_scene(shape, 7, 5, TEST_RAGGED);
    with_runners(&made, 1, 2, run_without_outputs);
}

/* No initial state is a state of zeros; either may be left out alone; and results may take the initial states' place. */
static void run_states(const scene *made, const test_runner *runner)
{
    const size_t rows = made->pool.batch.rows;
    for (unsigned which = 0; which < 4; which++) {
        OWNED(test_batch) zero = test_batch_pick(&made->shape, &made->pool, 0, rows);
        OWNED(test_batch) none = test_batch_pick(&made->shape, &made->pool, 0, rows);
        if (which & 1) {
            memset(zero.h0, 0, zero.state_count * sizeof(float));
            none.batch.h0 = NULL;
        }
        if (which & 2) {
            memset(zero.c0, 0, zero.state_count * sizeof(float));
            none.batch.c0 = NULL;
        }
        OWNED(test_batch) in_place = test_batch_pick(&made->shape, &zero, 0, rows);
        in_place.batch.hn = in_place.h0;
        in_place.batch.cn = in_place.c0;
        test_forward(runner, &zero.batch);
        test_forward(runner, &none.batch);
        test_forward(runner, &in_place.batch);
        test_same_outputs(&none, &zero, runner->name);
        test_same_bits(in_place.y, zero.y, zero.y_count, runner->name);
        test_same_bits(in_place.h0, zero.hn, zero.state_count, runner->name);
        test_same_bits(in_place.c0, zero.cn, zero.state_count, runner->name);
    }
}

TEST_LOOP(initial_states, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 3, 18), .has_bias = _i};
    OWNED(scene) made = make_scene(shape, 9, 5, TEST_STATES | TEST_RAGGED);
    with_runners(&made, 1, 2, run_states);
}

/* Tokens through the embedding (a table of its products, or none when the vocabulary is large) against the same network fed
 * with the embedding's rows. */
TEST_LOOP(embedding_is_its_rows, 0, 2)
{
    if (test_precision() != SLUICE_PRECISION_F32)
        return; /* in which W is not rounded for rows of the embedding, but for x */
    const sluice_shape tokens = {TEST_LDIH(1, 2, 3, 41), .vocabulary = _i ? 200000 : 50, .classes = 3, .has_bias = 1};
    sluice_shape plain = tokens;
    plain.vocabulary = 0;
    uint64_t random = test_seed();
    OWNED(test_network) with = test_network_random(&tokens, 1.0f, &random);
    test_network without = {.weights = with.weights};
    without.weights.shape = &plain;
    without.weights.embedding = NULL;
    test_network_build(&without);
    OWNED(test_batch) batch = test_batch_random(&tokens, 12, 7, TEST_RAGGED, &random);
    OWNED(test_batch) fed = test_batch_random(&plain, 12, 7, TEST_RAGGED, &random);
    memcpy(fed.lengths, batch.lengths, 12 * sizeof *fed.lengths);
    for (size_t j = 0; j < batch.x_count; j++)
        memcpy(fed.x + j * 3, with.weights.embedding + 3 * (size_t)batch.tokens[j], 3 * sizeof(float));
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < isas.count; j++)
        for (size_t s = 0; s < SCHEDULES; s++) {
            OWNED(test_runner) a = test_runner_create(with.model, isas.isa[j], 2, schedules[s]);
            OWNED(test_runner) b = test_runner_create(without.model, isas.isa[j], 2, schedules[s]);
            sluice_engine_info info = {.struct_size = sizeof info};
            ck_assert_int_eq(sluice_engine_get_info(a.engine, &info), SLUICE_STATUS_OK);
            if (_i)
                ck_assert_uint_eq(info.table_bytes, 0);
            else
                ck_assert_uint_gt(info.table_bytes, 0);
            test_batch_prefill(&batch);
            test_batch_prefill(&fed);
            test_forward(&a, &batch.batch);
            test_forward(&b, &fed.batch);
            test_same_outputs(&batch, &fed, a.name);
        }
    sluice_model_destroy(without.model);
}

/* ---- NaN and infinity ---- */

/* One of each kind first: a NaN, a signalling NaN, an infinity. */
static const uint32_t poisons[] = {
    UINT32_C(0x7fc12345), UINT32_C(0x7f800001), UINT32_C(0xff800000), UINT32_C(0x7fc00000), UINT32_C(0xffc00000),
    UINT32_C(0xffe54321), UINT32_C(0x7f800000), UINT32_C(0x7f7fffff), UINT32_C(0x00000001),
};
enum { POISONS = sizeof poisons / sizeof poisons[0] };

/* Put the poison into row n, into x, h0 or c0. */
static void poison(const sluice_shape *shape, test_batch *batch, size_t n, size_t place, uint32_t bits)
{
    const size_t steps = batch->batch.steps;
    float *const at[3] = {batch->x + (n * steps + 2) * shape->inputs + 1, batch->h0 + n * shape->hidden + 3,
                          batch->c0 + n * shape->hidden + 4};
    memcpy(at[place], &bits, sizeof bits);
}

static void check_canonical(const float *values, size_t count, const char *what)
{
    for (size_t j = 0; j < count; j++) {
        uint32_t bits;
        memcpy(&bits, values + j, sizeof bits);
        if (isnan(values[j]) && bits != UINT32_C(0xffc00000))
            ck_abort_msg("%s: element %zu is the NaN %08" PRIx32, what, j, bits);
    }
}

TEST_LOOP(poisoned_rows, 0, 3)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 5, 19), .classes = 3, .has_bias = 1};
    const size_t n = 4;
    for (size_t place = 0; place < 3; place++) {
        OWNED(scene) made = make_scene(shape, 9, 6, TEST_STATES);
        poison(&shape, &made.pool, n, place, poisons[_i]);
        test_rows poisoned = test_reference(&shape, made.network.model, &made.pool);
        for (size_t other = 0; other < 9; other++) /* its neighbours must not know */
            if (other != n)
                test_same_outputs(poisoned.row + other, made.rows.row + other, "neighbour");
        const test_batch *row = &poisoned.row[n];
        check_canonical(row->y, row->y_count, "y");
        check_canonical(row->hn, row->state_count, "hn");
        check_canonical(row->cn, row->state_count, "cn");
        check_canonical(row->logits, row->logits_count, "logits");
        if (isnan(made.pool.x[(n * 6 + 2) * 5 + 1]))
            ck_assert_msg(isnan(row->logits[0]), "a NaN in x was lost");
        test_rows_free(&made.rows);
        made.rows = poisoned;
        with_runners(&made, 1, 2, run_pool);
    }
}
TEST_MORE("large", poisoned_rows, 3, POISONS)
