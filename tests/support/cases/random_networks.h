/* Random networks of sluice_network.h with parameters and batches: each option alone and combined, every kind of layer wherever it may
 * stand. Everything is by seed, and a case that fails can be made smaller. */
#ifndef SLUICE_TESTS_RANDOM_NETWORKS_H
#define SLUICE_TESTS_RANDOM_NETWORKS_H

#include "support/oracle/family.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum { TEST_CASE_LAYERS = 8 };

/** A network and the size of a batch, by value. The values of parameters and inputs follow from the seed. */
typedef struct test_network_case {
    uint64_t seed;
    size_t inputs; /* 0 with an embedding */
    size_t layer_count;
    sluice_layer layers[TEST_CASE_LAYERS];  /* cells and name are NULL */
    sluice_cell cells[TEST_CASE_LAYERS][2]; /* used where has_cells; that of both directions for one */
    bool has_cells[TEST_CASE_LAYERS];       /* else the layer's cells stay NULL */
    bool is_named[TEST_CASE_LAYERS];        /* else its name stays NULL */
    size_t rows, steps;                     /* N, T, from 0 on */
    bool is_ragged, is_masked;              /* lengths of 0..T, masks with gaps */
    bool has_h0, has_c0;
} test_network_case;

/** A small network, valid. */
test_network_case test_network_case_random(uint64_t seed);

/** Whether sluice_network.h allows it. What an option has no effect without is wanted, too: output_unclipped has a gate_clip. */
bool test_network_case_is_valid(const test_network_case *given);

/** All that is not zero, a line for each layer. */
void test_network_case_print(const test_network_case *given, FILE *to);

/** Whether a case, which is valid, still fails. */
typedef bool test_network_fails(const test_network_case *given, void *context);

/** The smallest case found that still fails: no layer or option can be left out any more, and no size lowered by one. */
test_network_case test_network_case_shrink(test_network_case failing, test_network_fails *fails, void *context);

enum { TEST_CASE_PARAMETERS = TEST_CASE_LAYERS * 2 * 10, TEST_CASE_ARRAYS = TEST_CASE_PARAMETERS + 6 };

/** A case with all its arrays. Points into itself: it stays where it was made. Owned: test_made_network_free. */
typedef struct test_made_network {
    sluice_network network;
    sluice_layer layers[TEST_CASE_LAYERS];
    sluice_cell cells[TEST_CASE_LAYERS][2];
    char names[TEST_CASE_LAYERS][32];
    sluice_parameter parameters[TEST_CASE_PARAMETERS];
    size_t parameter_count;
    test_family_batch batch;        /* x past a row's end is NaN, tokens there are -1 */
    void *arrays[TEST_CASE_ARRAYS]; /* all that is owned */
    size_t array_count;
    size_t h_count, c_count; /* of h0 and hn, of c0 and cn, given or not */
} test_made_network;

void test_made_network_create(const test_network_case *given, test_made_network *made);
void test_made_network_free(test_made_network *made);

/** test_family_run of it. */
test_family test_made_network_run(const test_made_network *made);

#endif
