/* Random models and batches for tests, and the few calls that run them. Everything is by seed; each ends the test on failure. */
#ifndef SLUICE_TESTS_NETWORK_H
#define SLUICE_TESTS_NETWORK_H

#include "support/message.h"

#include <stdbool.h>
#include <stdint.h>

/** What outputs hold before a call: a quiet NaN that no computation yields, so that "not written" and "NaN" differ. */
#define TEST_PREFILL UINT32_C(0x7fe15a5a)

/** The first fields of a shape that a test writes down; with layers, directions, inputs and hidden units. */
#define TEST_SHAPE .struct_size = sizeof(sluice_shape)
#define TEST_LDIH(l, d, i, h) TEST_SHAPE, .layers = (l), .directions = (d), .inputs = (i), .hidden = (h)

/** A model and the arrays it was made from. Owned: test_network_free. */
typedef struct test_network {
    sluice_weights weights; /* points into the arrays below */
    sluice_shape *shape;
    sluice_model *model;  /* NULL until test_network_build */
    float *floats;        /* one after the other: for each k weight_ih, weight_hh, bias_ih, bias_hh; embedding; head weight, bias */
    size_t count;         /* of floats */
    const float **tables; /* behind the four arrays of arrays in weights */
} test_network;

/** Arrays of a shape, zeroed, without a model. A shape with classes gets a head bias. */
test_network test_network_create(const sluice_shape *shape);

/** Arrays uniform in +-scale/sqrt(H), embedding in +-1; and the model. */
test_network test_network_random(const sluice_shape *shape, float scale, uint64_t *random);

/** Make the model of the arrays as they are now. */
void test_network_build(test_network *network);

void test_network_free(test_network *network);

/** What test_batch_random should add. */
enum { TEST_RAGGED = 1, TEST_STATES = 2, TEST_EACH_STEP = 4 };

/** A batch with its arrays, contiguous and owned: test_batch_free. All outputs are there and prefilled. */
typedef struct test_batch {
    sluice_batch batch;                                 /* points into the arrays below; strides 0 */
    int64_t *lengths;                                   /* [N]; NULL unless TEST_RAGGED */
    float *x;                                           /* [N][T][I], or NULL */
    int32_t *tokens;                                    /* [N][T], or NULL */
    float *h0, *c0;                                     /* [L*D][N][H]; NULL unless TEST_STATES */
    float *y;                                           /* [N][T][D*H] */
    float *hn, *cn;                                     /* [L*D][N][H] */
    float *logits;                                      /* [N][C], or NULL */
    float *step_logits;                                 /* [N][T][C]; NULL unless TEST_EACH_STEP and a head */
    size_t x_count, y_count, state_count, logits_count; /* elements of each (x_count: of tokens too) */
    size_t step_logits_count;
} test_batch;

/** Inputs and states uniform in +-1, tokens in 0..V-1, lengths in 0..T. */
test_batch test_batch_random(const sluice_shape *shape, size_t rows, size_t steps, unsigned what, uint64_t *random);

/** A batch of one: row n of `from`, its inputs copied, cut to its length; outputs of its own. */
test_batch test_batch_row(const sluice_shape *shape, const test_batch *from, size_t n);

/** A batch of `rows` rows whose row n is row (first + n) % N of `from`. */
test_batch test_batch_pick(const sluice_shape *shape, const test_batch *from, size_t first, size_t rows);

/** Fill the outputs with TEST_PREFILL again. */
void test_batch_prefill(test_batch *batch);

/** Whether every output still holds TEST_PREFILL. */
bool test_batch_untouched(const test_batch *batch);

void test_batch_free(test_batch *batch);

/** `count` floats of TEST_PREFILL. */
void test_prefill(float *values, size_t count);
bool test_prefilled(const float *values, size_t count);

/** `count` floats, owned by the caller, all TEST_PREFILL. */
float *test_floats(size_t count);

/** The instruction sets this machine runs, least first. SLUICE_TEST_ISA, if set, is the only one. */
typedef struct test_isa_list {
    sluice_isa isa[8];
    size_t count;
} test_isa_list;
test_isa_list test_isas(void);

/** A small shape, of any kind. */
sluice_shape test_shape_random(uint64_t *random);

/** The precision of this run: SLUICE_TEST_PRECISION, f32 where it is not set. */
sluice_precision test_precision(void);

/** Options of an engine of that precision. */
sluice_engine_options test_options(sluice_isa isa, unsigned threads, sluice_schedule schedule);

/** An engine with a workspace that is used again and again, stale content and all. Owned: test_runner_free. */
typedef struct test_runner {
    sluice_engine *engine;
    sluice_workspace *workspace;
    char name[64]; /* ISA, schedule and threads, for messages */
} test_runner;

test_runner test_runner_create(const sluice_model *model, sluice_isa isa, unsigned threads, sluice_schedule schedule);
test_runner test_runner_of(const sluice_model *model, const sluice_engine_options *options);
void test_runner_free(test_runner *runner);

/** sluice_forward; it has to succeed. */
void test_forward(const test_runner *runner, const sluice_batch *batch);

/** Create a runner of these options, run, free. */
void test_run_once(const sluice_model *model, const sluice_engine_options *options, const sluice_batch *batch);

/** y of the engine must be, to the bit, what a new one of the model with these options gives; leaves it in the batch. */
void test_as_new(const sluice_engine *engine, const sluice_model *model, const sluice_engine_options *options, test_batch *batch);

/** Batches of one row each. Owned: test_rows_free. */
typedef struct test_rows {
    test_batch *row;
    size_t count;
} test_rows;

/** The reference of the numeric contract: each row of `from` alone, on the scalar kernels, one thread. */
test_rows test_reference(const sluice_shape *shape, const sluice_model *model, const test_batch *from);
void test_rows_free(test_rows *rows);

/** The call failed as it should: `got` is the status wanted, and the error has it and one line of words. */
void test_refused(sluice_status got, sluice_status want, const sluice_error *error, const char *what);

/** The error's message has the word. */
void test_names(const sluice_error *error, const char *word);

/** Run the batch and compare every row n with row (first + n) % count of the reference. */
void test_against(const test_runner *runner, const sluice_shape *shape, test_batch *batch, const test_rows *rows, size_t first);

/** Fail with `what` and the first place where the bits differ. */
void test_same_bits(const float *got, const float *want, size_t count, const char *what);

/** test_same_bits of all outputs that both batches have; same shape. */
void test_same_outputs(const test_batch *got, const test_batch *want, const char *what);

/** Compare row n of `got`, a batch of any size, with `want`, the batch of that row alone; y past the row's end is zero. */
void test_same_row(const sluice_shape *shape, const test_batch *got, size_t n, const test_batch *want, const char *what);

#endif
