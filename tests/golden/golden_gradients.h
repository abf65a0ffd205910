/* Reading of the golden gradients, whose format make_gradients.py tells. */
#ifndef SLUICE_TESTS_GRADIENTS_GOLDEN_H
#define SLUICE_TESTS_GRADIENTS_GOLDEN_H

#include "golden/golden.h"
#include "support/gradients.h"

static const char *const golden_gradient_names[] = {"one",          "plain",  "no_bias",     "both_ways",   "two_layers",
                                                    "three_layers", "ragged", "ragged_both", "ragged_deep", "head",
                                                    "head_both",    "tokens", "tokens_both", "long"};
enum { GOLDEN_GRADIENTS = sizeof golden_gradient_names / sizeof golden_gradient_names[0] };

/** A case: its network (no model yet) and batch, what comes in, and torch's float64 gradients. Its torch_worst and torch_rms are of
 * torch float32's gradients. */
typedef struct golden_gradient {
    golden_case base;
    test_gradient gradient;    /* outputs prefilled */
    double *want[TEST_INPUTS]; /* as many as the gradient's array has */
} golden_gradient;

/** Read tests/golden/gradient_NAME.golden. Owned: golden_gradient_free. */
static inline golden_gradient golden_gradient_load(const char *name)
{
    char file_name[64];
    snprintf(file_name, sizeof file_name, "gradient_%s", name);
    FILE *file = golden_open(file_name);
    golden_gradient golden = {.base = golden_read_case(file)};
    uint64_t unused = 0;
    golden.gradient = test_gradient_random(golden.base.network.weights.shape, &golden.base.batch.batch, &unused);
    for (size_t j = 0; j < TEST_RESULTS; j++)
        if (golden.gradient.in[j])
            golden_read(file, golden.gradient.in[j], golden.gradient.in_count[j], sizeof(float));
    for (size_t j = 0; j < TEST_INPUTS; j++) {
        const size_t count = golden.gradient.out_count[j];
        golden.want[j] = malloc((count + 1) * sizeof(double));
        golden_read(file, golden.want[j], count, sizeof(double));
    }
    golden_close(file);
    return golden;
}

static inline void golden_gradient_free(golden_gradient *golden)
{
    golden_free(&golden->base);
    test_gradient_free(&golden->gradient);
    for (size_t j = 0; j < TEST_INPUTS; j++)
        free(golden->want[j]);
}

#endif
