/* The reference of training itself: its forward pass against the other oracle, its gradients against central differences of that
 * forward pass, for every tensor and option, and against torch's. */
#include "golden/golden_gradients.h"
#include "support/oracle/oracle.h"

#include <math.h>

/* Options of a case beside its shape. */
typedef struct option {
    const char *name;
    sluice_shape shape;
    unsigned what; /* for test_batch_random */
    float dropout;
    int only; /* of TEST_RESULTS, the only one that the loss reads; -1: all */
} option;

static const option options[] = {
    {"plain", {TEST_LDIH(1, 1, 3, 4), .has_bias = 1}, TEST_STATES, 0, -1},
    {"no bias", {TEST_LDIH(1, 1, 2, 3)}, TEST_STATES, 0, -1},
    {"no states", {TEST_LDIH(1, 1, 2, 3), .has_bias = 1}, 0, 0, -1},
    {"both ways", {TEST_LDIH(1, 2, 3, 3), .has_bias = 1}, TEST_STATES, 0, -1},
    {"ragged", {TEST_LDIH(1, 1, 3, 4), .has_bias = 1}, TEST_STATES | TEST_RAGGED, 0, -1},
    {"two layers", {TEST_LDIH(2, 1, 3, 4), .classes = 2, .has_bias = 1}, TEST_STATES, 0, -1},
    {"three layers both ways, ragged", {TEST_LDIH(3, 2, 2, 3), .classes = 3, .has_bias = 1}, TEST_STATES | TEST_RAGGED, 0, -1},
    {"tokens", {TEST_LDIH(1, 1, 3, 4), .vocabulary = 5, .classes = 3, .has_bias = 1}, 0, 0, -1},
    {"tokens both ways, ragged", {TEST_LDIH(2, 2, 3, 2), .vocabulary = 4, .classes = 2}, TEST_STATES | TEST_RAGGED, 0, -1},
    {"dropout", {TEST_LDIH(2, 1, 2, 5), .has_bias = 1}, TEST_RAGGED, 0.3f, -1},
    {"dropout, three layers both ways", {TEST_LDIH(3, 2, 2, 3), .classes = 2, .has_bias = 1}, TEST_STATES | TEST_RAGGED, 0.5f, -1},
    {"y alone", {TEST_LDIH(2, 2, 2, 2), .classes = 2}, TEST_STATES, 0, TEST_Y},
    {"hn alone", {TEST_LDIH(2, 2, 2, 2), .classes = 2}, TEST_STATES, 0, TEST_HN},
    {"cn alone", {TEST_LDIH(2, 2, 2, 2), .classes = 2}, TEST_STATES, 0, TEST_CN},
    {"logits alone", {TEST_LDIH(2, 2, 2, 2), .classes = 2}, TEST_RAGGED, 0, TEST_LOGITS},
    {"step_logits alone", {TEST_LDIH(2, 2, 2, 2), .classes = 2}, TEST_RAGGED, 0, TEST_STEP_LOGITS},
};
enum { OPTIONS = sizeof options / sizeof options[0], ROWS = 4, STEPS = 5 };

/* A case's arrays. */
typedef struct scene {
    test_network network;
    test_batch batch;
    test_gradient gradient;
    unsigned char *kept;
    test_adjoint adjoint;
} scene;

static scene make_scene(const option *as)
{
    uint64_t random = test_seed();
    scene made = {.network = test_network_create(&as->shape)};
    for (size_t j = 0; j < made.network.count; j++)
        made.network.floats[j] = 2.0f * test_uniform(&random) - 1.0f;
    made.batch = test_batch_random(&as->shape, ROWS, STEPS, as->what, &random);
    if (as->what & TEST_RAGGED)
        made.batch.lengths[1] = 0;
    made.gradient = test_gradient_random(&as->shape, &made.batch.batch, &random);
    if (as->dropout > 0) {
        const size_t count = (as->shape.layers - 1) * made.batch.y_count;
        made.kept = calloc(count, 1);
        for (size_t j = 0; j < count; j++)
            made.kept[j] = test_uniform(&random) >= as->dropout;
    }
    sluice_gradient in = made.gradient.gradient;
    if (as->only >= 0)
        in = (sluice_gradient){.dy = as->only == TEST_Y ? in.dy : NULL,
                               .dhn = as->only == TEST_HN ? in.dhn : NULL,
                               .dcn = as->only == TEST_CN ? in.dcn : NULL,
                               .dlogits = as->only == TEST_LOGITS ? in.dlogits : NULL,
                               .dstep_logits = as->only == TEST_STEP_LOGITS ? in.dstep_logits : NULL};
    made.batch.batch.dropout = as->dropout;
    made.adjoint = test_adjoint_create(&made.network.weights, &made.batch.batch, &in, made.kept);
    return made;
}

static void scene_free(scene *made)
{
    test_adjoint_free(&made->adjoint);
    test_gradient_free(&made->gradient);
    test_batch_free(&made->batch);
    test_network_free(&made->network);
    free(made->kept);
}

static double loss_at(test_adjoint *adjoint, test_number *input, double value)
{
    const double kept = input->value;
    input->value = value;
    test_adjoint_forward(adjoint);
    input->value = kept;
    return test_adjoint_loss(adjoint);
}

/* The derivative of the loss at an input, from four points: off by h^4/30 = 3e-14 of its fifth derivative, and by the roundings of the
 * loss, some 1e-14, over h. */
static double difference(test_adjoint *adjoint, test_number *input)
{
    const double h = 0x1p-10, x = input->value;
    const double inner = loss_at(adjoint, input, x + h) - loss_at(adjoint, input, x - h);
    const double outer = loss_at(adjoint, input, x + 2 * h) - loss_at(adjoint, input, x - 2 * h);
    return (8 * inner - outer) / (12 * h);
}

/* 1e-11 of roundings, and fifth derivatives up to 3e4. */
static const double tolerance = 1e-9;

TEST_LOOP(agrees_with_differences, 0, OPTIONS)
{
    const option *as = &options[_i];
    OWNED(scene) made = make_scene(as);
    test_adjoint_forward(&made.adjoint);
    test_adjoint_backward(&made.adjoint);
    double worst = 0.0;
    size_t count = 0;
    for (size_t j = 0; j < TEST_INPUTS; j++)
        for (size_t m = 0; m < made.adjoint.input_count[j]; m++, count++) {
            const double want = difference(&made.adjoint, made.adjoint.input[j] + m), got = made.adjoint.gradient[j][m].value;
            ck_assert_msg(fabs(got - want) <= tolerance, "%s: gradient of %s, element %zu is %.12g, the difference %.12g", as->name,
                          test_input_names[j], m, got, want);
            worst = fmax(worst, fabs(got - want));
        }
    printf("%s: %zu elements, off by %.2g at most\n", as->name, count, worst);
    fflush(stdout);
}

static double distance(const test_number *got, const double *want, size_t count)
{
    double worst = 0.0;
    for (size_t j = 0; j < count; j++) {
        const double error = fabs(got[j].value - want[j]);
        if (!(error <= worst))
            worst = isnan(error) ? INFINITY : error;
    }
    return worst;
}

/* Both oracles run the same equations in double, sums in the same order but for the bias, which the other adds in two: a few
 * roundings of 2^-53 for each of a sum's terms. */
TEST_LOOP(agrees_with_the_other_oracle, 0, OPTIONS)
{
    const option *as = &options[_i];
    if (as->dropout > 0)
        return;
    OWNED(scene) made = make_scene(as);
    test_adjoint_forward(&made.adjoint);
    OWNED(test_oracle) oracle = test_oracle_run(&made.network.weights, &made.batch.batch);
    const double *const want[] = {oracle.y, oracle.hn, oracle.cn, oracle.logits};
    for (size_t j = 0; j < 4; j++)
        if (want[j])
            ck_assert_double_le(distance(made.adjoint.result[j], want[j], made.adjoint.result_count[j]), 1e-14);
}

/* The same equations in double, in other orders, over up to 60 steps: some thousand roundings of 2^-53 of sums below 10. */
TEST(agrees_with_torch)
{
    double worst = 0.0;
    for (size_t j = 0; j < GOLDEN_GRADIENTS; j++) {
        OWNED(golden_gradient) golden = golden_gradient_load(golden_gradient_names[j]);
        const golden_case *base = &golden.base;
        OWNED(test_adjoint) adjoint = test_adjoint_run(&base->network.weights, &base->batch.batch, &golden.gradient.gradient, NULL);
        for (size_t k = 0; k < TEST_INPUTS; k++) {
            const double error = distance(adjoint.gradient[k], golden.want[k], adjoint.input_count[k]);
            ck_assert_msg(error <= 1e-12, "%s: gradient of %s differs by %.3g", golden_gradient_names[j], test_input_names[k],
                          error);
            worst = fmax(worst, error);
        }
    }
    printf("largest difference between the adjoint and torch in float64: %.3g\n", worst);
}

/* The bounds hold for single precision of another making: the same sums in float, in both orders, and without fused operations. */
TEST(sums_keep_their_bounds)
{
    uint64_t random = test_seed();
    double worst = 0.0;
    for (size_t terms = 1; terms < 3000; terms = terms * 3 / 2 + 1)
        for (unsigned time = 0; time < 50; time++) {
            test_sum sum = {0};
            float up = 0.0f, down = 0.0f;
            FREED float *a = test_floats(terms), *b = test_floats(terms);
            for (size_t j = 0; j < terms; j++) {
                a[j] = test_uniform(&random) - (time % 2 ? 0.5f : 0.0f);
                b[j] = test_uniform(&random);
                test_sum_add_product(&sum, (test_number){a[j], 0}, (test_number){b[j], 0});
                up += a[j] * b[j];
            }
            for (size_t j = terms; j-- > 0;)
                down = fmaf(a[j], b[j], down);
            const test_number want = test_sum_get(&sum);
            worst = fmax(worst, test_within(&up, &want, 1, "up"));
            worst = fmax(worst, test_within(&down, &want, 1, "down"));
        }
    printf("largest error of a sum, as a share of its bound: %.2g\n", worst);
}
