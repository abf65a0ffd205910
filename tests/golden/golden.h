/* Reading of the golden files, whose format make_golden.py tells. */
#ifndef SLUICE_TESTS_GOLDEN_H
#define SLUICE_TESTS_GOLDEN_H

#include "support/network.h"
#include "support/suite.h"

#include <string.h>

static const char *const golden_names[] = {"one",         "one_step",  "one_unit",    "one_input",    "odd",
                                           "no_bias",     "both_ways", "two_layers",  "three_layers", "ragged",
                                           "ragged_both", "tokens",    "tokens_both", "wide",         "long"};
enum { GOLDEN_COUNT = sizeof golden_names / sizeof golden_names[0], GOLDEN_OUTPUTS = 4 };
static const char *const golden_outputs[GOLDEN_OUTPUTS] = {"y", "hn", "cn", "logits"};

/** A case: its network (no model yet), its batch, and for y, hn, cn, logits torch's float64 result and float32 error. */
typedef struct golden_case {
    test_network network;
    test_batch batch;
    double *want[GOLDEN_OUTPUTS]; /* as many as the batch's array has; none: NULL */
    size_t counts[GOLDEN_OUTPUTS];
    double torch_worst; /* torch float32's largest error over all outputs */
    double torch_rms;   /* the root of their mean square */
} golden_case;

static inline void golden_read(FILE *file, void *data, size_t count, size_t bytes)
{
    ck_assert_uint_eq(fread(data, bytes, count, file), count);
}

/** tests/golden/NAME.golden under SLUICE_SOURCE, or the current directory. */
static inline FILE *golden_open(const char *name)
{
    const char *source = getenv("SLUICE_SOURCE");
    char path[4096];
    snprintf(path, sizeof path, "%s/tests/golden/%s.golden", source ? source : ".", name);
    FILE *file = fopen(path, "rb");
    ck_assert_msg(file != NULL, "cannot open %s", path);
    return file;
}

/** That nothing follows in the file; closes it. */
static inline void golden_close(FILE *file)
{
    ck_assert_int_eq(fgetc(file), EOF);
    fclose(file);
}

/** Read a case from the file's beginning up to its results. Owned: golden_free. */
static inline golden_case golden_read_case(FILE *file)
{
    golden_case golden = {0};
    sluice_shape s = {TEST_SHAPE};
    size_t rows = 0, steps = 0;
    int ragged = 0, states = 0;
    const int fields = fscanf(file, "sluice-golden 1 %zu %zu %zu %zu %zu %zu %d %zu %zu %d %d %lf %lf%*1[\n]", &s.layers,
                              &s.directions, &s.inputs, &s.hidden, &s.vocabulary, &s.classes, &s.has_bias, &rows, &steps, &ragged,
                              &states, &golden.torch_worst, &golden.torch_rms);
    ck_assert_msg(fields == 13, "%d fields in the first line", fields);
    golden.network = test_network_create(&s);
    golden_read(file, golden.network.floats, golden.network.count, sizeof(float));

    uint64_t unused = 0;
    test_batch *batch = &golden.batch;
    *batch = test_batch_random(&s, rows, steps, (ragged ? TEST_RAGGED : 0) | (states ? TEST_STATES : 0), &unused);
    for (size_t n = 0; ragged && n < rows; n++) {
        int32_t length;
        golden_read(file, &length, 1, sizeof length);
        batch->lengths[n] = length;
    }
    golden_read(file, batch->tokens ? (void *)batch->tokens : (void *)batch->x, batch->x_count, 4);
    if (states) {
        golden_read(file, batch->h0, batch->state_count, sizeof(float));
        golden_read(file, batch->c0, batch->state_count, sizeof(float));
    }
    const size_t counts[GOLDEN_OUTPUTS] = {batch->y_count, batch->state_count, batch->state_count, batch->logits_count};
    for (size_t j = 0; j < GOLDEN_OUTPUTS; j++) {
        golden.counts[j] = counts[j];
        golden.want[j] = counts[j] ? malloc(counts[j] * sizeof(double)) : NULL;
        if (counts[j])
            golden_read(file, golden.want[j], counts[j], sizeof(double));
    }
    return golden;
}

/** Read a case by its name. Owned: golden_free. */
static inline golden_case golden_load(const char *name)
{
    FILE *file = golden_open(name);
    const golden_case golden = golden_read_case(file);
    golden_close(file);
    return golden;
}

static inline void golden_free(golden_case *golden)
{
    test_network_free(&golden->network);
    test_batch_free(&golden->batch);
    for (size_t j = 0; j < GOLDEN_OUTPUTS; j++)
        free(golden->want[j]);
}

#endif
