/* A random case of the forward pass: a network, a batch, the way its arrays lie, and the way it is computed; and what that takes
 * to run. All of it follows from the case's numbers. */
#ifndef SLUICE_TESTS_SCENE_H
#define SLUICE_TESTS_SCENE_H

#include "support/cases/cases.h"
#include "support/network.h"

/* The numbers of a case, in the order of test_scene_fields. */
enum {
    SEED, /* of weights and inputs */
    LAYERS,
    ROWS,
    STEPS,
    HIDDEN,
    INPUTS,
    DIRECTIONS,
    VOCABULARY,
    CLASSES,
    BIAS,
    LENGTHS,
    H0,
    C0,
    IN_PLACE, /* hn is h0, and cn is c0 */
    POISON,   /* NaN, infinity and the like in x, h0 and c0 */
    X_LAYOUT,
    X_PADDING, /* elements between the rooms of rows and of steps; nothing in a contiguous layout */
    OFFSETS,
    Y_LAYOUT,
    Y_PADDING,
    NO_Y,
    NO_HN,
    NO_CN,
    NO_LOGITS,
    ISA, /* sluice_isa */
    SCHEDULE,
    GROUPS, /* thread groups of the tuned plan that the engine is given; 0: none */
    THREADS_PER_GROUP,
    HOISTS,
    WAVEFRONT,
    THREADS,
    ALL_CPUS,   /* as if there were as many as threads */
    GROUP_ROWS, /* this and the next three: the engine's limits, small enough for small batches to reach them; 0: as they are */
    HOIST_ROWS,
    STACK_FLOATS,
    FEW_ROWS,
    WORKSPACE,
    BEFORE, /* batches of other sizes that the engine and the workspace have computed before */
    FIELDS
};

enum { ALL_STEPS, UNIFORM, TAIL, ZEROS };     /* LENGTHS: TAIL is one long row among short ones, ZEROS has many empty rows */
enum { CONTIGUOUS, ROWS_FIRST, STEPS_FIRST }; /* X_LAYOUT, Y_LAYOUT */
enum { AUTO = 3 };                            /* SCHEDULE: the last word, since deciding by itself is not the simplest */
enum { GROWN, FITTED, POOLED };               /* WORKSPACE: grown by need, made to measure, the engine's own */

extern const test_fields test_scene_fields;

/** Find the library's schedule of a case; false if this library has none of that name. */
bool test_scene_schedule(const test_case *given, sluice_schedule *schedule);

/** Whether this machine and this library can run the case. */
bool test_scene_possible(const test_case *given);

/** A case by its seed, one that can be run here. Small sizes are more frequent than large ones. */
test_case test_scene_draw(uint64_t seed);

/** Any of a field's values, and the small ones more often. */
uint64_t test_scene_draw_small(size_t field, uint64_t *random);

/** Where rows and steps of an array lie: strides, the elements of a step, and those from the first to the last of all. */
typedef struct test_layout {
    size_t row, step, width, count;
} test_layout;

typedef struct test_outputs {
    float *y, *hn, *cn, *logits; /* NULL: not wanted */
} test_outputs;

/** The network and the batch of a case, with room for the outputs twice, all prefilled. Arrays end with the last element that the
 * batch has, so that the address sanitizer sees who goes further. Owned: test_scene_free. */
typedef struct test_scene {
    const uint64_t *value; /* the case's numbers */
    uint64_t random;
    sluice_shape shape;
    test_network network;
    test_layout x, y;
    size_t states, logits; /* elements of hn and cn, and of logits */
    int64_t *lengths;
    float *x_floats; /* x, or the tokens; what the batch has no use for is prefilled, and no token */
    size_t *offsets;
    float *h0, *c0;
    test_outputs got, want;
} test_scene;

/** The case has to live as long as the scene. */
test_scene test_scene_make(const test_case *given);
void test_scene_free(test_scene *scene);

/** The batch of a scene, with one of its sets of outputs. */
sluice_batch test_scene_batch(const test_scene *scene, const test_outputs *outputs);

#endif
