/* Networks of LSTM layers with cells of chosen options, with a batch and what it has to give. By seed; each function ends the test on
 * failure. */
#ifndef SLUICE_TESTS_CELL_SCENE_H
#define SLUICE_TESTS_CELL_SCENE_H

#include "sluice_network.h"
#include "support/suite.h"

#include <stdbool.h>

typedef enum test_cell_option {
    TEST_CELL_PLAIN,
    TEST_CELL_NO_BIAS,
    TEST_CELL_PEEPHOLES,
    TEST_CELL_PROJECTION,
    TEST_CELL_WHOLE_PROJECTION, /* P = H */
    TEST_CELL_PROJECTION_BIAS,
    TEST_CELL_PROJECTION_CLIP,
    TEST_CELL_NORM,
    TEST_CELL_INITIAL_STATE,
    TEST_CELL_COUPLED,
    TEST_CELL_FORGET_BIAS,
    TEST_CELL_GATE_CLIP,
    TEST_CELL_UNCLIPPED,
    TEST_CELL_CELL_CLIP,
    TEST_CELL_HARD_GATES,
    TEST_CELL_SOFTSIGN_CANDIDATE,
    TEST_CELL_RELU_OUTPUT,
    TEST_CELL_OPTIONS
} test_cell_option;

/** Whether the option is of a layer whose P is not H. */
bool test_cell_needs_projection(test_cell_option which);

enum { TEST_CELL_LAYERS = 2 }; /* at most */

/** A network and the size of a batch, by value. */
typedef struct test_cell_case {
    test_cell_option first, second;            /* both in the forward direction; the second alone in the reverse one */
    size_t layers, inputs, hidden, projection; /* the second layer has 3 units more */
    sluice_direction direction;
    size_t rows, steps;
    bool ragged, states, nan;
    bool gentle; /* rows of matrices whose magnitudes add up to 1/2 at most, and a large epsilon */
} test_cell_case;

/** Sizes at random. H is more than a cache line of units in half of the cases, so that units can be divided. */
test_cell_case test_cell_case_random(test_cell_option first, test_cell_option second, uint64_t *random);

/** Its model; both directions have a projection, or none. */
sluice_model *test_cell_model(const test_cell_case *given, uint64_t *random);

/** A case with a batch and what plain loops give for it. Owned: test_cell_scene_free. */
typedef struct test_cell_scene {
    sluice_model *model;
    sluice_batch batch, want; /* the same inputs */
    size_t y_count, h_count, c_count;
    char name[160];
} test_cell_scene;

test_cell_scene test_cell_scene_create(const test_cell_case *given, uint64_t random);
void test_cell_scene_free(test_cell_scene *made);

/** Fill the outputs with TEST_PREFILL. */
void test_cell_scene_prefill(test_cell_scene *made);

/** Fail where an output's bits are not the plain loops'. */
void test_cell_scene_compare(const test_cell_scene *made, const char *how);

/** Run the batch and compare. */
void test_cell_scene_run(test_cell_scene *made, sluice_isa isa, unsigned threads, sluice_schedule schedule);

#endif
