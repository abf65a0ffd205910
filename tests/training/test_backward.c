/* Gradients against the adjoint in double precision (support/oracle/adjoint.h), each element within a bound on the error of single
 * precision that the running error analysis of support/oracle/error_bound.h gives: of shapes, of each incoming gradient alone, of random
 * shapes, and of sequences in chunks. The outputs of the forward pass are compared too. */
#include "support/gradients.h"
#include "support/stream_calls.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <string.h>

/* The results, as a batch has them, against the adjoint's. */
static double results_within(const test_batch *got, const test_adjoint *want, const char *what)
{
    const float *const results[TEST_RESULTS] = {got->y, got->hn, got->cn, got->logits, got->step_logits};
    double worst = 0.0;
    char place[256];
    for (size_t j = 0; j < TEST_RESULTS; j++) {
        snprintf(place, sizeof place, "%s: %s", what, test_result_names[j]);
        if (results[j])
            worst = fmax(worst, test_within(results[j], want->result[j], want->result_count[j], place));
    }
    return worst;
}

/* A bound that lets errors pass is none: the largest of a tensor's bounds, as a share of its largest element. */
static double looseness(const test_adjoint *adjoint)
{
    double worst = 0.0;
    for (size_t j = 0; j < TEST_INPUTS; j++) {
        double bound = 0.0, value = 0.0;
        for (size_t m = 0; m < adjoint->input_count[j]; m++) {
            bound = fmax(bound, test_bound(adjoint->gradient[j][m]));
            value = fmax(value, fabs(adjoint->gradient[j][m].value));
        }
        if (value > 0)
            worst = fmax(worst, bound / value);
    }
    return worst;
}

/* ---- Shapes ---- */

typedef struct variety {
    const char *name;
    sluice_shape shape;
    unsigned what; /* for test_batch_random */
    size_t rows, steps;
} variety;

static const variety varieties[] = {
    {"one", {TEST_LDIH(1, 1, 1, 1), .has_bias = 1}, 0, 1, 1},
    {"plain", {TEST_LDIH(1, 1, 5, 16), .has_bias = 1}, TEST_STATES, 7, 9},
    {"no bias", {TEST_LDIH(1, 1, 9, 19)}, TEST_STATES, 5, 6},
    {"both ways", {TEST_LDIH(1, 2, 6, 17), .has_bias = 1}, 0, 8, 7},
    {"ragged", {TEST_LDIH(1, 1, 6, 21), .has_bias = 1}, TEST_RAGGED | TEST_STATES, 14, 11},
    {"two layers", {TEST_LDIH(2, 1, 4, 18), .classes = 3, .has_bias = 1}, TEST_STATES, 6, 8},
    {"three layers", {TEST_LDIH(3, 1, 3, 16), .classes = 2, .has_bias = 1}, TEST_RAGGED | TEST_STATES, 9, 7},
    {"three layers both ways", {TEST_LDIH(3, 2, 5, 11), .has_bias = 1}, TEST_RAGGED | TEST_STATES, 9, 6},
    {"head", {TEST_LDIH(1, 2, 5, 12), .classes = 19, .has_bias = 1}, TEST_RAGGED, 11, 9},
    {"tokens", {TEST_LDIH(1, 1, 7, 20), .vocabulary = 13, .classes = 5, .has_bias = 1}, TEST_RAGGED, 12, 10},
    {"tokens both ways", {TEST_LDIH(2, 2, 7, 9), .vocabulary = 11, .classes = 3}, TEST_RAGGED | TEST_STATES, 8, 9},
    {"many tokens", {TEST_LDIH(1, 1, 3, 10), .vocabulary = 200000, .classes = 2}, 0, 6, 9},
    {"wide", {TEST_LDIH(1, 1, 70, 67), .has_bias = 1}, 0, 4, 4},
    {"wide inputs", {TEST_LDIH(1, 2, 600, 3)}, TEST_RAGGED, 3, 4},
    {"wider", {TEST_LDIH(1, 1, 5, 150), .has_bias = 1}, 0, 3, 3},
    {"many classes", {TEST_LDIH(1, 2, 3, 6), .classes = 1100}, TEST_RAGGED, 5, 6},
    {"many rows", {TEST_LDIH(1, 1, 3, 9), .has_bias = 1}, TEST_RAGGED, 150, 6},
    {"many rows and steps", {TEST_LDIH(2, 2, 2, 5), .classes = 2, .has_bias = 1}, TEST_RAGGED | TEST_STATES, 300, 12},
    {"many rows of tokens", {TEST_LDIH(1, 2, 3, 4), .vocabulary = 6, .classes = 2, .has_bias = 1}, TEST_RAGGED, 300, 9},
    {"many steps", {TEST_LDIH(1, 2, 3, 5), .has_bias = 1}, TEST_RAGGED, 3, 120},
};

TEST_EACH(shapes, varieties)
{
    const variety *kind = &varieties[_i];
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&kind->shape, 0.6f, &random);
    OWNED(test_batch) batch = test_batch_random(&kind->shape, kind->rows, kind->steps, kind->what | TEST_EACH_STEP, &random);
    OWNED(test_gradient) gradient = test_gradient_random(&kind->shape, &batch.batch, &random);
    OWNED(test_adjoint) want = test_adjoint_run(&network.weights, &batch.batch, &gradient.gradient, NULL);
    ck_assert_double_le(looseness(&want), 2e-3);
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j <= isas.count; j++) /* by BLIS at last */
        for (size_t recompute = 0; recompute < 4; recompute += 3) {
            const sluice_isa isa = j < isas.count ? isas.isa[j] : SLUICE_ISA_AUTO;
            const sluice_gemm gemm = j < isas.count ? SLUICE_GEMM_FUSED : SLUICE_GEMM_BLIS;
            OWNED(test_runner) runner = test_trainable_by(network.model, isa, 2 + (unsigned)recompute, gemm);
            test_batch_prefill(&batch);
            test_gradient_prefill(&gradient);
            test_there_and_back(&runner, recompute, &batch.batch, &gradient.gradient);
            const double there = results_within(&batch, &want, runner.name),
                         back = test_gradient_within(&gradient, &want, kind->name);
            printf("%s, %s: %.2g and %.2g of their bounds, which are %.2g of the largest element\n", kind->name,
                   gemm == SLUICE_GEMM_BLIS ? "blis" : sluice_isa_get_name(isa), there, back, looseness(&want));
        }
    fflush(stdout);
}

/* ---- Each incoming gradient alone, and together ---- */

TEST_LOOP(incoming, 0, 1 << TEST_RESULTS)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 5, 9), .classes = 3, .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, 7, 6, TEST_RAGGED | TEST_STATES, &random);
    OWNED(test_gradient) gradient = test_gradient_random(&shape, &batch.batch, &random);
    sluice_gradient some = gradient.gradient;
    some.dy = _i & 1 << TEST_Y ? some.dy : NULL;
    some.dhn = _i & 1 << TEST_HN ? some.dhn : NULL;
    some.dcn = _i & 1 << TEST_CN ? some.dcn : NULL;
    some.dlogits = _i & 1 << TEST_LOGITS ? some.dlogits : NULL;
    some.dstep_logits = _i & 1 << TEST_STEP_LOGITS ? some.dstep_logits : NULL;
    OWNED(test_adjoint) want = test_adjoint_run(&network.weights, &batch.batch, &some, NULL);
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < isas.count; j++) {
        OWNED(test_runner) runner = test_trainable(network.model, isas.isa[j], 2, SLUICE_SCHEDULE_AUTO);
        test_gradient_prefill(&gradient);
        test_there_and_back(&runner, (size_t)_i % 3, &batch.batch, &some);
        test_gradient_within(&gradient, &want, runner.name);
    }
}

/* ---- Random shapes ---- */

/* Random shapes, batches and options. */
static void try_random_shape(int index)
{
    uint64_t random = test_seed() + (uint64_t)index;
    const sluice_shape shape = {
        TEST_LDIH(1 + test_random(&random) % 3, 1 + test_random(&random) % 2, 1 + test_random(&random) % 20,
                  1 + test_random(&random) % 35),
        .vocabulary = test_random(&random) % 2 * (1 + test_random(&random) % 30),
        .classes = test_random(&random) % 2 * (1 + test_random(&random) % 20),
        .has_bias = (int)(test_random(&random) % 2),
    };
    const size_t rows = test_random(&random) % 20, steps = test_random(&random) % 12, recompute = test_random(&random) % 14;
    const unsigned what = (unsigned)(test_random(&random) % 8), threads = 1 + (unsigned)(test_random(&random) % 8);
    const sluice_schedule schedule = (sluice_schedule)(test_random(&random) % 4);
    char name[256];
    snprintf(name, sizeof name, "random shape %d: L %zu D %zu I %zu H %zu V %zu C %zu bias %d N %zu T %zu what %u, recompute %zu",
             index, shape.layers, shape.directions, shape.inputs, shape.hidden, shape.vocabulary, shape.classes, shape.has_bias,
             rows, steps, what, recompute);
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, rows, steps, what, &random);
    OWNED(test_gradient) gradient = test_gradient_random(&shape, &batch.batch, &random);
    OWNED(test_adjoint) want = test_adjoint_run(&network.weights, &batch.batch, &gradient.gradient, NULL);
    const test_isa_list isas = test_isas();
    OWNED(test_runner) runner = test_trainable(network.model, isas.isa[test_random(&random) % isas.count], threads, schedule);
    test_there_and_back(&runner, recompute, &batch.batch, &gradient.gradient);
    results_within(&batch, &want, name);
    test_gradient_within(&gradient, &want, name);
}

/* Ten in one of Check's processes, which are slow to start under a sanitizer. */
TEST_LOOP(random_shapes, 0, test_by_depth(6, 15, 30))
{
    for (int index = 10 * _i; index < 10 * (_i + 1); index++)
        try_random_shape(index);
}

/* ---- Truncated backpropagation ---- */

enum { SLOTS = 6, CHUNKS = 3, CHUNK_STEPS = 4 };

/* A batch of one time chunk of longer sequences: row n continues the stream of slot (2 n + 1) % SLOTS. */
typedef struct chunk {
    test_batch batch; /* its h0 and c0 are what the slots held */
    test_gradient gradient;
} chunk;

static chunk make_chunk(const sluice_shape *shape, sluice_streams *streams, const size_t *slots, uint64_t *random)
{
    chunk made = {.batch = test_batch_random(shape, SLOTS, CHUNK_STEPS, TEST_RAGGED | TEST_STATES, random)};
    float *h = test_floats(shape->layers * shape->hidden), *c = test_floats(shape->layers * shape->hidden);
    for (size_t n = 0; n < SLOTS; n++) {
        ck_assert_int_eq(sluice_streams_get(streams, slots[n], h, c, NULL), SLUICE_STATUS_OK);
        for (size_t layer = 0; layer < shape->layers; layer++) {
            memcpy(made.batch.h0 + (layer * SLOTS + n) * shape->hidden, h + layer * shape->hidden, shape->hidden * sizeof *h);
            memcpy(made.batch.c0 + (layer * SLOTS + n) * shape->hidden, c + layer * shape->hidden, shape->hidden * sizeof *c);
        }
    }
    free(h);
    free(c);
    made.gradient = test_gradient_random(shape, &made.batch.batch, random);
    made.gradient.gradient.dhn = made.gradient.gradient.dcn = NULL; /* truncated: no gradient comes from the next chunk */
    return made;
}

/* dx, dh0 and dc0 go to the chunk's own arrays, the weights' gradients to those of `all`; all are added to zeros. */
static sluice_gradient gradient_of(const chunk *now, const test_gradient *all)
{
    sluice_gradient gradient = all->gradient;
    const sluice_gradient *own = &now->gradient.gradient;
    gradient.dy = own->dy;
    gradient.dhn = gradient.dcn = NULL;
    gradient.dlogits = own->dlogits;
    gradient.dstep_logits = own->dstep_logits;
    gradient.dx = own->dx;
    gradient.dh0 = own->dh0;
    gradient.dc0 = own->dc0;
    gradient.accumulate = 1;
    for (size_t j = TEST_X; j <= TEST_C0; j++)
        memset(now->gradient.out[j], 0, now->gradient.out_count[j] * sizeof(float));
    return gradient;
}

/* Forward and backward through a chunk; sum has the expected gradients of the weights after the chunks so far. */
static void run_chunk(const test_runner *runner, sluice_tape *tape, const sluice_batch *streamed, const chunk *now,
                      const test_adjoint *want, const test_gradient *all, test_number *const *sum)
{
    const sluice_gradient gradient = gradient_of(now, all);
    test_forward_taped(runner, tape, streamed);
    results_within(&now->batch, want, "a chunk");
    test_backward(runner, tape, &gradient);
    for (size_t j = 0; j < TEST_INPUTS; j++)
        for (size_t m = 0; m < want->input_count[j]; m++)
            sum[j][m] = j <= TEST_C0 ? want->gradient[j][m] : test_plus(sum[j][m], want->gradient[j][m]);
    for (size_t j = 0; j < TEST_INPUTS; j++)
        test_within(j <= TEST_C0 ? now->gradient.out[j] : all->out[j], sum[j], want->input_count[j], test_input_names[j]);
}

/* Each chunk of a sequence has a loss of its own; the weights' gradients are added up over the chunks. */
TEST_LOOP(pieces_of_streams, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, 1, 5, 13), .classes = 3, .has_bias = 1};
    static const size_t slots[SLOTS] = {1, 3, 5, 0, 2, 4};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    OWNED(test_runner) runner = test_trainable(network.model, SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_streams) streams = test_streams_create(runner.engine, SLOTS);
    OWNED_HANDLE(sluice_tape) tape = test_tape_create(&runner, (size_t)_i * 3);
    const sluice_batch like = {.rows = SLOTS, .steps = CHUNK_STEPS};
    OWNED(test_gradient) all = test_gradient_random(&shape, &like, &random);
    test_number *sum[TEST_INPUTS];
    for (size_t j = 0; j < TEST_INPUTS; j++) {
        sum[j] = calloc(all.out_count[j] + 1, sizeof *sum[j]);
        if (all.out[j])
            memset(all.out[j], 0, all.out_count[j] * sizeof(float));
    }
    for (size_t p = 0; p < CHUNKS; p++) {
        chunk now = make_chunk(&shape, streams, slots, &random);
        OWNED(test_adjoint) want = test_adjoint_run(&network.weights, &now.batch.batch, &now.gradient.gradient, NULL);
        sluice_batch streamed = now.batch.batch;
        streamed.h0 = streamed.c0 = NULL;
        streamed.streams = streams;
        streamed.slots = slots;
        run_chunk(&runner, tape, &streamed, &now, &want, &all, sum);
        test_batch_free(&now.batch);
        test_gradient_free(&now.gradient);
    }
    for (size_t j = 0; j < TEST_INPUTS; j++)
        free(sum[j]);
}
