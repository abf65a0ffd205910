/* Stream sets in use: sequences fed in pieces have the bits of the whole, callers at once, and calls that are refused. */
#include "engine/streams.h"

#include "support/network.h"
#include "support/stream_calls.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <pthread.h>
#include <string.h>

enum { ROWS = 21, STEPS = 13, SPARE = 3, CALLS_MAX = 200 };

static const sluice_shape deep = {TEST_LDIH(3, 1, 5, 19), .classes = 4, .has_bias = 1};

/* A network, sequences, and what the numeric contract says of each fed whole. */
typedef struct scene {
    sluice_shape shape;
    uint64_t random;
    test_network network;
    test_batch whole; /* [ROWS] */
    test_rows alone;
} scene;

static scene make_scene(const sluice_shape *shape, uint64_t seed)
{
    scene made = {.shape = *shape, .random = seed};
    made.network = test_network_random(shape, 1.5f, &made.random);
    made.whole = test_batch_random(shape, ROWS, STEPS, TEST_RAGGED, &made.random);
    made.whole.lengths[1] = 0;
    made.whole.lengths[2] = STEPS;
    made.alone = test_reference(shape, made.network.model, &made.whole);
    return made;
}

static void scene_free(scene *made)
{
    test_rows_free(&made->alone);
    test_batch_free(&made->whole);
    test_network_free(&made->network);
}

/* ---- Sequences in pieces --------------------------------------------------------------------------------------------------- */

/* A call that advances some of a scene's sequences, one piece each. */
typedef struct call {
    sluice_batch batch; /* points into what follows, and the scene's inputs */
    int64_t lengths[ROWS];
    size_t slots[ROWS], offsets[ROWS];
    size_t sequence[ROWS], from[ROWS]; /* whose piece a row is, and its first step */
    float *y, *hn, *cn, *logits;
    sluice_status status;
} call;

/* Sequences first..first+count-1 of a scene, cut into pieces at random. */
typedef struct feed {
    const scene *made;
    const sluice_engine *engine;
    sluice_workspace *workspace;
    size_t calls;
    call *call; /* [CALLS_MAX] */
    pthread_t thread;
} feed;

static void fill_call(const scene *made, call *one)
{
    const sluice_shape *shape = &made->shape;
    const size_t rows = one->batch.rows, width = shape->vocabulary ? 1 : shape->inputs;
    for (size_t n = 0; n < rows; n++) {
        one->offsets[n] = (one->sequence[n] * STEPS + one->from[n]) * width;
        one->batch.steps = (size_t)one->lengths[n] > one->batch.steps ? (size_t)one->lengths[n] : one->batch.steps;
    }
    one->batch.steps += rows % 3; /* room past the longest now and then */
    one->y = test_floats(rows * one->batch.steps * shape->hidden);
    one->hn = test_floats(shape->layers * rows * shape->hidden);
    one->cn = test_floats(shape->layers * rows * shape->hidden);
    one->logits = shape->classes ? test_floats(rows * shape->classes) : NULL;
    one->batch.struct_size = sizeof one->batch;
    one->batch.lengths = one->lengths;
    one->batch.slots = one->slots;
    one->batch.x = made->whole.x;
    one->batch.tokens = made->whole.tokens;
    one->batch.x_offsets = one->offsets;
    one->batch.x_step_stride = width;
    one->batch.y = one->y;
    one->batch.hn = one->hn;
    one->batch.cn = one->cn;
    one->batch.logits = one->logits;
}

static void shuffle(size_t *items, size_t count, uint64_t *random)
{
    for (size_t k = count; k > 1; k--) {
        const size_t other = test_random(random) % k, item = items[k - 1];
        items[k - 1] = items[other];
        items[other] = item;
    }
}

/* Cut sequences first..first+count-1; sequence n is fed to slot slot[n]. Each call has some of them, in any order; those that have
 * ended are among them at times, with no step, and every one is there once at least. */
static feed make_feed(const scene *made, const sluice_engine *engine, const size_t slot[ROWS], size_t first, size_t count,
                      uint64_t *random)
{
    feed made_feed = {.made = made, .engine = engine, .call = calloc(CALLS_MAX, sizeof(call))};
    ck_assert_ptr_nonnull(made_feed.call);
    ck_assert_int_eq(sluice_workspace_create(engine, 0, 0, &made_feed.workspace, NULL), SLUICE_STATUS_OK);
    size_t done[ROWS] = {0}, order[ROWS], left = count;
    bool ended[ROWS] = {false};
    for (size_t k = 0; k < count; k++)
        order[k] = first + k;
    while (left > 0) {
        ck_assert_uint_lt(made_feed.calls, CALLS_MAX);
        call *one = &made_feed.call[made_feed.calls++];
        shuffle(order, count, random);
        const size_t rows = test_random(random) % (count + 1);
        for (size_t k = 0; k < rows; k++) {
            const size_t n = order[k], rest = (size_t)made->whole.lengths[n] - done[n];
            const size_t most = test_random(random) % 3 ? rest : rest / 3;
            const size_t piece = test_random(random) % (most + 1);
            const size_t at = one->batch.rows++;
            one->sequence[at] = n;
            one->from[at] = done[n];
            one->lengths[at] = (int64_t)piece;
            one->slots[at] = slot[n];
            done[n] += piece;
            if (piece == rest && !ended[n]) {
                ended[n] = true;
                left--;
            }
        }
        fill_call(made, one);
    }
    return made_feed;
}

/* Without Check's words, for threads that Check does not know. */
static void *run_feed(void *context)
{
    feed *f = context;
    for (size_t k = 0; k < f->calls; k++)
        f->call[k].status = sluice_forward(f->engine, f->workspace, &f->call[k].batch, NULL);
    return NULL;
}

/* One row of a call: its steps of y are those of the sequence fed whole, and where the sequence ends, the rest is too. */
static void check_row(const scene *made, const call *one, size_t row, const char *what)
{
    const sluice_shape *shape = &made->shape;
    const test_batch *want = &made->alone.row[one->sequence[row]];
    const size_t hidden = shape->hidden, rows = one->batch.rows, length = (size_t)one->lengths[row], from = one->from[row];
    const float *y = one->y + row * one->batch.steps * hidden;
    test_same_bits(y, want->y + from * hidden, length * hidden, what);
    for (size_t j = length * hidden; j < one->batch.steps * hidden; j++)
        ck_assert_msg(y[j] == 0.0f, "%s: y is not zero past the piece's end", what);
    if (from + length < want->batch.steps)
        return;
    for (size_t layer = 0; layer < shape->layers; layer++) {
        test_same_bits(one->hn + (layer * rows + row) * hidden, want->hn + layer * hidden, hidden, what);
        test_same_bits(one->cn + (layer * rows + row) * hidden, want->cn + layer * hidden, hidden, what);
    }
    if (shape->classes)
        test_same_bits(one->logits + row * shape->classes, want->logits, shape->classes, what);
}

/* Compare, and free. */
static void end_feed(feed *f, const char *name)
{
    char what[256];
    for (size_t k = 0; k < f->calls; k++) {
        call *one = &f->call[k];
        ck_assert_msg(one->status == SLUICE_STATUS_OK, "%s: call %zu: %s", name, k, sluice_status_get_name(one->status));
        for (size_t row = 0; row < one->batch.rows; row++) {
            snprintf(what, sizeof what, "%s: call %zu of %zu, row %zu, steps %zu to %zu of sequence %zu", name, k, f->calls, row,
                     one->from[row], one->from[row] + (size_t)one->lengths[row], one->sequence[row]);
            check_row(f->made, one, row, what);
        }
        free(one->y);
        free(one->hn);
        free(one->cn);
        free(one->logits);
    }
    sluice_workspace_destroy(f->workspace);
    free(f->call);
}

static void use_streams(feed *f, sluice_streams *streams)
{
    for (size_t k = 0; k < f->calls; k++)
        f->call[k].batch.streams = streams;
}

/* ROWS of the slots, no two alike, which are set to begin anew; the others hold what is in no state. */
static void assign_slots(const scene *made, sluice_streams *streams, size_t slot[ROWS], uint64_t *random)
{
    size_t all[ROWS + SPARE];
    FREED float *nobody = test_floats(made->shape.layers * made->shape.hidden);
    for (size_t k = 0; k < ROWS + SPARE; k++)
        all[k] = k;
    shuffle(all, ROWS + SPARE, random);
    memcpy(slot, all, ROWS * sizeof *slot);
    for (size_t k = 0; k < ROWS + SPARE; k++)
        test_streams_set(streams, all[k], k < ROWS ? NULL : nobody, k < ROWS ? NULL : nobody);
}

/* After all were fed: every slot holds its sequence's final state, and those of no sequence what they held. */
static void check_slots(const scene *made, sluice_streams *streams, const size_t slot[ROWS], const char *what)
{
    const size_t count = made->shape.layers * made->shape.hidden;
    FREED float *nobody = test_floats(count);
    bool used[ROWS + SPARE] = {false};
    for (size_t n = 0; n < ROWS; n++) {
        used[slot[n]] = true;
        test_streams_check(streams, slot[n], made->alone.row[n].hn, made->alone.row[n].cn, count, what);
    }
    for (size_t k = 0; k < ROWS + SPARE; k++)
        if (!used[k])
            test_streams_check(streams, k, nobody, nobody, count, what);
}

static const sluice_shape shapes[] = {
    {TEST_LDIH(1, 1, 5, 19), .classes = 4, .has_bias = 1},
    {TEST_LDIH(2, 1, 9, 8), .has_bias = 0},
    {TEST_LDIH(3, 1, 3, 33), .classes = 2, .has_bias = 1},
    {TEST_LDIH(2, 1, 6, 12), .vocabulary = 11, .classes = 3, .has_bias = 1},
    {TEST_LDIH(1, 1, 2, 41), .vocabulary = 500000, .classes = 3, .has_bias = 1}, /* no table */
};

static void feed_all(const scene *made, const test_runner *runner, uint64_t *random)
{
    size_t slot[ROWS];
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(runner->engine, ROWS + SPARE);
    for (int again = 0; again < 2; again++) { /* the second time from slots that are reset */
        assign_slots(made, streams, slot, random);
        feed f = make_feed(made, runner->engine, slot, 0, ROWS, random);
        use_streams(&f, streams);
        run_feed(&f);
        end_feed(&f, runner->name);
        check_slots(made, streams, slot, runner->name);
    }
}

TEST_EACH(pieces_are_the_whole, shapes)
{
    OWNED(scene) made = make_scene(&shapes[_i], test_seed() + (uint64_t)_i);
    uint64_t random = made.random;
    const test_isa_list isas = test_isas();
    for (size_t i = 0; i < isas.count; i++)
        for (sluice_schedule schedule = 0; sluice_schedule_get_name(schedule); schedule++)
            for (unsigned threads = 1; threads <= 3; threads += 2) {
                OWNED(test_runner) runner = test_runner_create(made.network.model, isas.isa[i], threads, schedule);
                sluice_engine_info info = {.struct_size = sizeof info};
                ck_assert_int_eq(sluice_engine_get_info(runner.engine, &info), SLUICE_STATUS_OK);
                ck_assert_int_eq(info.table_bytes > 0, made.shape.vocabulary == 11);
                feed_all(&made, &runner, &random);
            }
}

/* A call with streams does what one with h0, c0, hn and cn does, where slots NULL means row n has slot n; by BLIS too. */
TEST_LOOP(streams_are_h0_and_c0, 0, 2)
{
    if (_i && test_precision() != SLUICE_PRECISION_F32)
        return; /* BLIS has no other */
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&deep, 1.5f, &random);
    OWNED(test_batch) want = test_batch_random(&deep, ROWS, STEPS, TEST_RAGGED | TEST_STATES, &random);
    OWNED(test_batch) got = test_batch_pick(&deep, &want, 0, ROWS);
    OWNED(test_runner) runner = {.name = "streams"};
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    options.gemm = _i ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED;
    ck_assert_int_eq(sluice_engine_create(network.model, &options, &runner.engine, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_workspace_create(runner.engine, 0, 0, &runner.workspace, NULL), SLUICE_STATUS_OK);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(runner.engine, ROWS + 1);
    const size_t hidden = deep.hidden;
    float h[3 * 19], c[3 * 19];
    for (size_t n = 0; n < ROWS; n++) {
        for (size_t layer = 0; layer < deep.layers; layer++) {
            memcpy(h + layer * hidden, want.h0 + (layer * ROWS + n) * hidden, hidden * sizeof *h);
            memcpy(c + layer * hidden, want.c0 + (layer * ROWS + n) * hidden, hidden * sizeof *c);
        }
        test_streams_set(streams, n, h, c);
    }
    test_forward(&runner, &want.batch);
    got.batch.streams = streams;
    got.batch.h0 = got.batch.c0 = NULL;
    test_forward(&runner, &got.batch);
    test_same_outputs(&got, &want, "streams for h0 and c0");
    for (size_t n = 0; n < ROWS; n++) {
        for (size_t layer = 0; layer < deep.layers; layer++) {
            memcpy(h + layer * hidden, want.hn + (layer * ROWS + n) * hidden, hidden * sizeof *h);
            memcpy(c + layer * hidden, want.cn + (layer * ROWS + n) * hidden, hidden * sizeof *c);
        }
        test_streams_check(streams, n, h, c, deep.layers * hidden, "a slot for hn and cn");
    }
    test_streams_check(streams, ROWS, NULL, NULL, deep.layers * hidden, "the slot of no row");
}

/* ---- Callers at once ------------------------------------------------------------------------------------------------------- */

TEST_LOOP(two_callers, 0, 2)
{
    OWNED(scene) made = make_scene(&shapes[0], test_seed());
    uint64_t random = made.random;
    OWNED(test_runner) runner = test_runner_create(made.network.model, SLUICE_ISA_AUTO, 1 + (unsigned)_i, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(runner.engine, ROWS + SPARE);
    for (int again = 0; again < 20; again++) {
        size_t slot[ROWS];
        assign_slots(&made, streams, slot, &random);
        feed feeds[2] = {make_feed(&made, runner.engine, slot, 0, ROWS / 2, &random),
                         make_feed(&made, runner.engine, slot, ROWS / 2, ROWS - ROWS / 2, &random)};
        for (int k = 0; k < 2; k++) {
            use_streams(&feeds[k], streams);
            ck_assert_int_eq(pthread_create(&feeds[k].thread, NULL, run_feed, &feeds[k]), 0);
        }
        for (int k = 0; k < 2; k++)
            ck_assert_int_eq(pthread_join(feeds[k].thread, NULL), 0);
        for (int k = 0; k < 2; k++)
            end_feed(&feeds[k], "two callers");
        check_slots(&made, streams, slot, "two callers");
    }
}

enum { RIVALS = 3, ROUNDS = 1500, ROUND_STEPS = 8 };

/* One who wants the same slot as others, and asks until he has had it ROUNDS times. */
typedef struct rival {
    const sluice_engine *engine;
    sluice_workspace *workspace;
    sluice_batch batch; /* of ROUND_STEPS steps, the same for all */
    pthread_barrier_t *start;
    int odd; /* answers that are neither OK nor BAD_DATA */
    pthread_t thread;
} rival;

static void *want_slot(void *context)
{
    rival *r = context;
    pthread_barrier_wait(r->start);
    for (int had = 0; had < ROUNDS && !r->odd;) {
        const sluice_status status = sluice_forward(r->engine, r->workspace, &r->batch, NULL);
        had += status == SLUICE_STATUS_OK;
        r->odd += status != SLUICE_STATUS_OK && status != SLUICE_STATUS_BAD_DATA;
    }
    return NULL;
}

/* A network that counts its steps: f = 1, i * g the same at each, so that c never settles. */
static test_network make_counter(const sluice_shape *shape)
{
    test_network made = test_network_create(shape);
    float *bias = made.floats + (made.weights.bias_ih[0] - made.floats);
    for (size_t u = 0; u < shape->hidden; u++) {
        bias[shape->hidden + u] = 30.0f;
        bias[2 * shape->hidden + u] = 1.0f;
    }
    test_network_build(&made);
    return made;
}

/* A slot is one caller's at a time: as many steps as were granted have been taken, one after the other. */
TEST(rivals_for_a_slot)
{
    static const sluice_shape counter = {TEST_LDIH(1, 1, 1, 64), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = make_counter(&counter);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    OWNED(test_batch) whole = test_batch_random(&counter, 1, RIVALS * ROUNDS * ROUND_STEPS, 0, &random);
    test_forward(&runner, &whole.batch);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(runner.engine, 2);
    const size_t slot = 1;
    pthread_barrier_t start;
    ck_assert_int_eq(pthread_barrier_init(&start, NULL, RIVALS), 0);
    rival rivals[RIVALS];
    for (int k = 0; k < RIVALS; k++) {
        rivals[k] = (rival){.engine = runner.engine,
                            .batch = {.struct_size = sizeof(sluice_batch),
                                      .rows = 1,
                                      .steps = ROUND_STEPS,
                                      .x = whole.x,
                                      .streams = streams,
                                      .slots = &slot},
                            .start = &start};
        ck_assert_int_eq(sluice_workspace_create(runner.engine, 1, ROUND_STEPS, &rivals[k].workspace, NULL), SLUICE_STATUS_OK);
    }
    for (int k = 0; k < RIVALS; k++)
        ck_assert_int_eq(pthread_create(&rivals[k].thread, NULL, want_slot, &rivals[k]), 0);
    for (int k = 0; k < RIVALS; k++)
        ck_assert_int_eq(pthread_join(rivals[k].thread, NULL), 0);
    test_streams_check(streams, slot, whole.hn, whole.cn, counter.hidden, "the rivals' slot");
    for (int k = 0; k < RIVALS; k++) {
        ck_assert_int_eq(rivals[k].odd, 0);
        sluice_workspace_destroy(rivals[k].workspace);
    }
    pthread_barrier_destroy(&start);
}

/* ---- What is refused ------------------------------------------------------------------------------------------------------- */

/* Slots 2 and 4 are another call's; no slot stays taken by a call that is refused. */
TEST(slots_refused)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&deep, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(runner.engine, 6);
    const size_t others[] = {4, 2};
    float h[3 * 19] = {1}, c[3 * 19] = {2};
    for (size_t slot = 0; slot < 6; slot++)
        test_streams_set(streams, slot, h, c);
    ck_assert_int_eq(sl_streams_take(streams, others, 2, NULL), SLUICE_STATUS_OK);
    const struct {
        size_t slots[3];
        const char *words[2];
    } cases[] = {
        {{0, 1, 6}, {"row 2: slot 6", "has 6"}},        {{SIZE_MAX, 0, 1}, {"row 0: slot 18446744073709551615", "has 6"}},
        {{5, 0, 5}, {"row 2: slot 5", "a row before"}}, {{0, 3, 3}, {"row 2: slot 3", "a row before"}},
        {{0, 4, 1}, {"row 1: slot 4", "another call"}}, {{2, 2, 0}, {"row 0: slot 2", "another call"}},
    };
    OWNED(test_batch) batch = test_batch_random(&deep, 3, 2, 0, &random);
    batch.batch.streams = streams;
    sluice_error error = {0};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++) {
        batch.batch.slots = cases[k].slots;
        for (int take = 0; take < 2; take++) {
            error = (sluice_error){0};
            const sluice_status status = take ? sl_streams_take(streams, cases[k].slots, 3, &error)
                                              : sluice_forward(runner.engine, runner.workspace, &batch.batch, &error);
            test_refused(status, SLUICE_STATUS_BAD_DATA, &error, cases[k].words[0]);
            test_names(&error, cases[k].words[0]);
            test_names(&error, cases[k].words[1]);
        }
        for (size_t slot = 0; slot < 6; slot++)
            if (slot != 2 && slot != 4)
                test_streams_check(streams, slot, h, c, 3 * 19, "a slot after a refusal");
    }
    ck_assert_msg(test_batch_untouched(&batch), "an output is written");
    batch.batch.slots = NULL; /* rows 0, 1 and 2 */
    REFUSED(SLUICE_STATUS_BAD_DATA, "row 2: slot 2", sluice_forward, runner.engine, runner.workspace, &batch.batch);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "slot 4", sluice_streams_get, streams, 4, h, c);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "slot 4", sluice_streams_set, streams, 4, NULL, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "slot 6", sluice_streams_get, streams, 6, h, c);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "slot 6", sluice_streams_set, streams, 6, h, c);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "streams", sluice_streams_get, NULL, 0, h, c);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "streams", sluice_streams_set, NULL, 0, h, c);
    sl_streams_give_back(streams, others, 2);
    for (size_t slot = 0; slot < 6; slot++)
        test_streams_check(streams, slot, h, c, 3 * 19, "a slot after it was given back");
    test_forward(&runner, &batch.batch);
}

TEST(sets_refused)
{
    sluice_shape others[] = {deep, deep};
    others[0].layers--;
    others[1].hidden++;
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&deep, 1.0f, &random);
    OWNED(test_runner) runner = test_runner_create(network.model, SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
    OWNED(test_batch) batch = test_batch_random(&deep, 3, 2, TEST_STATES, &random);
    for (size_t k = 0; k < 2; k++) {
        OWNED(test_network) other = test_network_random(&others[k], 1.0f, &random);
        OWNED(test_runner) another = test_runner_create(other.model, SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
        batch.batch.streams = test_streams_create(another.engine, 3);
        batch.batch.h0 = batch.batch.c0 = NULL;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "streams", sluice_forward, runner.engine, runner.workspace, &batch.batch);
        sluice_streams_destroy(batch.batch.streams);
    }
    batch.batch.streams = test_streams_create(runner.engine, 3);
    for (size_t k = 0; k < 3; k++) {
        batch.batch.h0 = k != 1 ? batch.h0 : NULL;
        batch.batch.c0 = k != 0 ? batch.c0 : NULL;
        REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "streams", sluice_forward, runner.engine, runner.workspace, &batch.batch);
    }
    ck_assert_msg(test_batch_untouched(&batch), "an output is written");
    for (size_t slot = 0; slot < 3; slot++)
        test_streams_check(batch.batch.streams, slot, NULL, NULL, 3 * 19, "a slot after a refusal");
    sluice_streams_destroy(batch.batch.streams);
}
