/* Runs of networks in every way there is, and their answers, which have to be the same bits. */
#ifndef SLUICE_TESTS_NETWORK_RUNS_H
#define SLUICE_TESTS_NETWORK_RUNS_H

#include "support/cases/random_networks.h"

/** A text that says what is wrong; "": nothing is. */
typedef struct test_words {
    char text[600];
} test_words;

/** Places of an answer's arrays; TEST_OF_LAYERS + k: outputs of layer k. */
enum { TEST_Y, TEST_HN, TEST_CN, TEST_END, TEST_OF_LAYERS, TEST_ARRAYS = TEST_OF_LAYERS + TEST_CASE_LAYERS };

enum { TEST_BLOCKS = 2 * TEST_CASE_LAYERS };

/** An output: one block [N][steps * width], or of hn and cn one for each layer-direction. */
typedef struct test_array {
    char name[40];
    float *at;           /* NULL: there is no such output, or it is not wanted */
    size_t steps, width; /* of a row; of hn and cn 1, and the floats of all blocks */
    size_t blocks, block_width[TEST_BLOCKS];
    size_t count;
} test_array;

/** What a call gives, all arrays contiguous. Owned: test_answer_free. */
typedef struct test_answer {
    size_t rows;
    test_array arrays[TEST_ARRAYS];
} test_answer;

typedef enum test_layout { TEST_CONTIGUOUS, TEST_BY_STEP, TEST_PADDED, TEST_LAYOUTS } test_layout;

/** How a network is run. Zeros: by the library's own choice, contiguous, all outputs. */
typedef struct test_setup {
    sluice_isa isa;
    unsigned threads, max_threads;
    sluice_schedule schedule;
    bool has_workspace;
    bool used;                                 /* the workspace, or the engine's own, has served another batch */
    test_layout x_layout, mask_layout, layout; /* `layout` of y and of outputs of layers */
    bool has_offsets;                          /* of rows in x */
    bool has_step_offsets;                     /* of steps in x, the last one first */
    bool y_has_offsets;                        /* of rows and steps in y, the last ones first */
    bool in_place;                             /* hn is h0, and cn is c0 */
    bool on_tape;                              /* the call fills a tape; the engine is made for training */
    sluice_gemm gemm;
    unsigned unwanted;          /* bits 1 << place */
    size_t block_rows;          /* most rows of a row block; 0: as the engine has it, as all that follow */
    size_t buffer_floats;       /* aim of the buffers between layers */
    bool all_cpus;              /* plans may use more threads than there are CPUs */
    unsigned groups, per_group; /* of a tuned plan with AUTO; 0: none */
    bool wavefront;
} test_setup;

/** Random, for these instruction sets. */
test_setup test_setup_random(uint64_t *random);

/** In words. */
test_words test_setup_print(const test_setup *setup);

/** The model of a network; ends the test on failure. */
sluice_model *test_made_network_model(const test_made_network *made);

/** The answer with all arrays that such a batch has, filled with TEST_PREFILL. */
test_answer test_answer_create(const test_made_network *made, const test_family_batch *batch);
void test_answer_free(test_answer *answer);

/** Run; answer->arrays that are unwanted stay as they are. "": it succeeded and wrote where it should. */
test_words test_network_run(const test_made_network *made, const sluice_model *model, const test_family_batch *batch,
                            const test_setup *setup, test_answer *answer);

/** sluice_forward's batch of a family batch and a contiguous answer; `outputs` has room for TEST_CASE_LAYERS. */
sluice_batch test_network_batch(const test_family_batch *batch, const test_answer *answer, sluice_output *outputs);

/** Whether row `row` of `got` has the bits of row `of` of `want`, where both have an array. */
test_words test_answer_compare_row(const test_answer *got, size_t row, const test_answer *want, size_t of);

/** The same of all rows. */
test_words test_answer_compare(const test_answer *got, const test_answer *want);

#endif
