/* The oracle itself: against torch's float64 results, and against cases that can be worked out by hand. */
#include "golden/golden.h"
#include "support/oracle/oracle.h"

#include <math.h>

/* Both run the same equations in double, in other orders. Each of the at most 134 roundings of a pre-activation (wide: 65 + 67
 * products and two biases) costs 2^-53 of a sum below 8, and the gates hand on at most that: 134 * 8 * 2^-53 = 1.2e-13 for one
 * step; over steps and layers it does not grow, since these networks forget. */
static const double agreement = 1.2e-13;

static double distance(const double *got, const double *want, size_t count)
{
    double worst = 0.0;
    for (size_t j = 0; j < count; j++) {
        const double error = fabs(got[j] - want[j]);
        if (!(error <= worst))
            worst = isnan(error) ? INFINITY : error;
    }
    return worst;
}

TEST(agrees_with_torch)
{
    double worst = 0.0;
    for (size_t j = 0; j < GOLDEN_COUNT; j++) {
        golden_case golden = golden_load(golden_names[j]);
        OWNED(test_oracle) oracle = test_oracle_run(&golden.network.weights, &golden.batch.batch);
        const double *const got[GOLDEN_OUTPUTS] = {oracle.y, oracle.hn, oracle.cn, oracle.logits};
        for (size_t k = 0; k < GOLDEN_OUTPUTS; k++) {
            const double error = distance(got[k], golden.want[k], golden.counts[k]);
            ck_assert_msg(error <= agreement, "%s: %s differs by %.3g", golden_names[j], golden_outputs[k], error);
            worst = fmax(worst, error);
        }
        golden_free(&golden);
    }
    printf("largest difference between the oracle and torch in float64: %.3g\n", worst);
}

/* One unit, one input, one step: the six equations written out with numbers. */
TEST(one_cell_by_hand)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, 1, 1), .has_bias = 1};
    OWNED(test_network) network = test_network_create(&shape);
    /* W, U, b_ih, b_hh of the gates i, f, g, o: exact in binary */
    const float values[16] = {0.5f,  -0.25f, 1.0f,   0.75f, 0.125f, 0.5f,  -0.5f, 0.25f,
                              0.25f, 0.5f,   0.125f, -1.0f, 0.0f,   0.25f, 0.5f,  0.125f};
    memcpy(network.floats, values, sizeof values);
    const float x = 2.0f, h0 = 0.5f, c0 = -1.0f;
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = 1, .rows = 1, .x = &x, .h0 = &h0, .c0 = &c0};
    const double i = 1 / (1 + exp(-(1.0 + 0.0625 + 0.25 + 0.0)));
    const double f = 1 / (1 + exp(-(-0.5 + 0.25 + 0.5 + 0.25)));
    const double g = tanh(2.0 - 0.25 + 0.125 + 0.5);
    const double o = 1 / (1 + exp(-(1.5 + 0.125 - 1.0 + 0.125)));
    const double c = f * -1.0 + i * g;
    OWNED(test_oracle) oracle = test_oracle_run(&network.weights, &batch);
    ck_assert_double_eq_tol(oracle.cn[0], c, 1e-15);
    ck_assert_double_eq_tol(oracle.hn[0], o * tanh(c), 1e-15);
    ck_assert_double_eq(oracle.y[0], oracle.hn[0]);
}

/* All weights zero: i = f = o = 1/2, g = 0, so that c halves at every step, and the head answers its bias. */
TEST(zero_weights_halve_the_state)
{
    const sluice_shape shape = {TEST_LDIH(2, 2, 3, 2), .classes = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_create(&shape);
    network.floats[network.count - 1] = 7.0f; /* the head's bias */
    OWNED(test_batch) made = test_batch_random(&shape, 3, 4, TEST_STATES | TEST_RAGGED, &random);
    OWNED(test_oracle) oracle = test_oracle_run(&network.weights, &made.batch);
    for (size_t j = 0; j < made.state_count; j++) {
        const size_t n = j / shape.hidden % made.batch.rows;
        ck_assert_double_eq(oracle.cn[j], ldexp(made.c0[j], -(int)made.lengths[n]));
    }
    for (size_t n = 0; n < 3; n++)
        ck_assert_double_eq(oracle.logits[n], 7.0);
}

/* The reverse direction of a row is the forward direction of the row turned round. */
TEST(reverse_is_forward_turned_round)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 2, 3), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_create(&shape);
    const size_t half = network.count / 2;
    for (size_t j = 0; j < half; j++)
        network.floats[j] = network.floats[half + j] = test_uniform(&random) - 0.5f;
    OWNED(test_batch) made = test_batch_random(&shape, 1, 5, 0, &random);
    OWNED(test_batch) turned = test_batch_random(&shape, 1, 5, 0, &random);
    for (size_t t = 0; t < 5; t++)
        memcpy(turned.x + t * 2, made.x + (4 - t) * 2, 2 * sizeof(float));
    OWNED(test_oracle) one = test_oracle_run(&network.weights, &made.batch);
    OWNED(test_oracle) other = test_oracle_run(&network.weights, &turned.batch);
    for (size_t t = 0; t < 5; t++)
        for (size_t u = 0; u < 3; u++)
            ck_assert_double_eq(one.y[t * 6 + 3 + u], other.y[(4 - t) * 6 + u]);
}

/* Strides, offsets and padding are ways of finding the same numbers. */
TEST(strides_and_offsets)
{
    const sluice_shape shape = {TEST_LDIH(1, 1, 3, 2), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_create(&shape);
    for (size_t j = 0; j < network.count; j++)
        network.floats[j] = test_uniform(&random) - 0.5f;
    OWNED(test_batch) made = test_batch_random(&shape, 2, 4, 0, &random);
    float step_first[4 * 2 * 3], shuffled[2 * 4 * 3];
    for (size_t n = 0; n < 2; n++)
        for (size_t t = 0; t < 4; t++) {
            memcpy(step_first + (t * 2 + n) * 3, made.x + (n * 4 + t) * 3, 3 * sizeof(float));
            memcpy(shuffled + ((1 - n) * 4 + t) * 3, made.x + (n * 4 + t) * 3, 3 * sizeof(float));
        }
    const size_t offsets[2] = {12, 0};
    sluice_batch strided = made.batch, offset = made.batch;
    strided.x = step_first;
    strided.x_row_stride = 3;
    strided.x_step_stride = 6;
    offset.x = shuffled;
    offset.x_offsets = offsets;
    OWNED(test_oracle) want = test_oracle_run(&network.weights, &made.batch);
    test_oracle got[2] = {test_oracle_run(&network.weights, &strided), test_oracle_run(&network.weights, &offset)};
    for (size_t j = 0; j < 2; j++) {
        ck_assert_mem_eq(got[j].y, want.y, made.y_count * sizeof(double));
        test_oracle_free(got + j);
    }
}
