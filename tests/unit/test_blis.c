/* The BLIS path: outside the numeric contract, but the same equations. It agrees with the double oracle, and so do the fused
 * kernels, within a bound that follows from the roundings.
 *
 * Let u = 2^-24, and take rounding errors as independent, of mean 0 and variance at most u^2/3 of the square of what is
 * rounded. (Worst cases added up would be K u and more for each step of memory: true, and hundreds of times too large to find a
 * error.) Every quantity is computed in double with the variance of its error, in units of u^2:
 *
 * z = sum of K terms, in whatever order: K roundings of partial sums whose mean square is at most that of independent terms,
 * Q = sum (W x)^2 + sum (U h')^2 + b^2:
 *
 *     var z = K Q / 3 + sum W^2 var x + sum U^2 var h'
 *
 * s = sigmoid(z) or tanh(z), with derivative s', and an error of at most 1 ULP <= 2 u s of its own, whose variance is at most
 * (2 u s)^2 / 3:
 *
 *     var s = s'^2 var z + 4/3 s^2
 *
 * c = f c' + i g, two roundings:
 *
 *     var c = f^2 var c' + c'^2 var f + i^2 var g + g^2 var i + ((i g)^2 + c^2) / 3
 *
 * h = o tanh(c), with t = tanh(c), one:
 *
 *     var h = o^2 var t + t^2 var o + h^2 / 3
 *
 * The bound is TAIL standard deviations: a normal deviate beyond 7 has a probability of 3e-12. */
#include "support/network.h"
#include "support/oracle/oracle.h"
#include "support/suite.h"

#include <float.h>
#include <math.h>
#include <string.h>

#define TAIL 7.0
static const double unit = FLT_EPSILON / 2;

/* A value and the variance of its error in float, in units of u^2. */
typedef struct noisy {
    double value, variance;
} noisy;

static noisy *noisy_array(size_t count)
{
    noisy *values = calloc(count ? count : 1, sizeof *values);
    ck_assert_ptr_nonnull(values);
    return values;
}

/* sum += w . x; *q, of squared terms. */
static void add_product(noisy *sum, double *q, const float *w, const noisy *x, size_t count)
{
    for (size_t m = 0; m < count; m++) {
        const double term = w[m] * x[m].value;
        sum->value += term;
        sum->variance += (double)w[m] * w[m] * x[m].variance;
        *q += term * term;
    }
}

/* What computing f(z) = value with derivative slope makes of z. */
static noisy activated(const noisy *z, double value, double slope)
{
    return (noisy){value, slope * slope * z->variance + 4.0 / 3 * value * value};
}

static noisy gate(const sluice_weights *weights, size_t k, size_t j, const noisy *x, size_t inputs, const noisy *h,
                  bool is_candidate)
{
    const size_t hidden = weights->shape->hidden;
    const double b = weights->shape->has_bias ? (double)weights->bias_ih[k][j] + weights->bias_hh[k][j] : 0.0;
    noisy z = {b, 0.0};
    double q = b * b;
    add_product(&z, &q, weights->weight_ih[k] + j * inputs, x, inputs);
    add_product(&z, &q, weights->weight_hh[k] + j * hidden, h, hidden);
    z.variance += (double)(inputs + hidden + 2) * q / 3; /* 2: the sum of the biases, and adding it */
    const double t = tanh(z.value), s = 1 / (1 + exp(-z.value));
    return is_candidate ? activated(&z, t, 1 - t * t) : activated(&z, s, s * (1 - s));
}

static double square(double a)
{
    return a * a;
}

/* One step of one row: h and c from the previous step's to this one's. */
static void cell(const sluice_weights *weights, size_t k, const noisy *x, size_t inputs, noisy *h, noisy *c)
{
    const size_t hidden = weights->shape->hidden;
    FREED noisy *before = noisy_array(hidden);
    memcpy(before, h, hidden * sizeof *h);
    for (size_t u = 0; u < hidden; u++) {
        const noisy i = gate(weights, k, u, x, inputs, before, false), f = gate(weights, k, hidden + u, x, inputs, before, false);
        const noisy g = gate(weights, k, 2 * hidden + u, x, inputs, before, true);
        const noisy o = gate(weights, k, 3 * hidden + u, x, inputs, before, false);
        const double sum = f.value * c[u].value + i.value * g.value;
        c[u].variance = square(f.value) * c[u].variance + square(c[u].value) * f.variance + square(i.value) * g.variance +
                        square(g.value) * i.variance + (square(i.value * g.value) + square(sum)) / 3;
        c[u].value = sum;
        const double tanh_c = tanh(sum);
        const noisy t = activated(&c[u], tanh_c, 1 - tanh_c * tanh_c);
        h[u].value = o.value * t.value;
        h[u].variance = square(o.value) * t.variance + square(t.value) * o.variance + square(h[u].value) / 3;
    }
}

/* What a batch should give, as test_oracle has it. */
typedef struct expectation {
    noisy *y, *hn, *cn, *logits;
} expectation;

static void expect_direction(const sluice_weights *weights, const test_batch *batch, size_t k, size_t n, const noisy *in,
                             size_t inputs, noisy *out, expectation *all)
{
    const size_t hidden = weights->shape->hidden, directions = weights->shape->directions,
                 state = (k * batch->batch.rows + n) * hidden;
    const size_t length = batch->lengths ? (size_t)batch->lengths[n] : batch->batch.steps;
    noisy *h = all->hn + state, *c = all->cn + state;
    for (size_t u = 0; u < hidden && batch->h0; u++) {
        h[u].value = batch->h0[state + u];
        c[u].value = batch->c0[state + u];
    }
    for (size_t s = 0; s < length; s++) {
        const size_t t = k % directions ? length - 1 - s : s;
        cell(weights, k, in + t * inputs, inputs, h, c);
        memcpy(out + (t * directions + k % directions) * hidden, h, hidden * sizeof *h);
    }
}

static void expect_row(const sluice_weights *weights, const test_batch *batch, size_t n, expectation *all)
{
    const sluice_shape *shape = weights->shape;
    const size_t steps = batch->batch.steps, width = shape->directions * shape->hidden,
                 last = (shape->layers - 1) * shape->directions;
    size_t inputs = shape->inputs;
    noisy *in = noisy_array(steps * inputs);
    for (size_t j = 0; j < steps * inputs; j++) {
        const size_t at = n * steps * inputs + j;
        in[j].value = batch->x ? batch->x[at] : weights->embedding[(size_t)batch->tokens[at / inputs] * inputs + j % inputs];
    }
    for (size_t layer = 0; layer < shape->layers; layer++) {
        noisy *out = noisy_array(steps * width);
        for (size_t d = 0; d < shape->directions; d++)
            expect_direction(weights, batch, layer * shape->directions + d, n, in, inputs, out, all);
        free(in);
        in = out;
        inputs = width;
    }
    memcpy(all->y + n * steps * width, in, steps * width * sizeof *in);
    free(in);
    for (size_t j = 0; j < shape->classes; j++) {
        noisy *logit = all->logits + n * shape->classes + j;
        logit->value = weights->head_bias[j];
        double q = square(logit->value);
        for (size_t d = 0; d < shape->directions; d++)
            add_product(logit, &q, weights->head_weight + (j * shape->directions + d) * shape->hidden,
                        all->hn + ((last + d) * batch->batch.rows + n) * shape->hidden, shape->hidden);
        logit->variance += (double)(width + 1) * q / 3;
    }
}

static expectation expect(const sluice_weights *weights, const test_batch *batch)
{
    expectation all = {noisy_array(batch->y_count), noisy_array(batch->state_count), noisy_array(batch->state_count),
                       noisy_array(batch->logits_count)};
    for (size_t n = 0; n < batch->batch.rows; n++)
        expect_row(weights, batch, n, &all);
    return all;
}

static void expectation_free(expectation *all)
{
    free(all->y);
    free(all->hn);
    free(all->cn);
    free(all->logits);
}

/* ---- Running ---- */

typedef struct blis_case {
    sluice_shape shape;
    size_t rows, steps;
    unsigned what;
} blis_case;

static const blis_case cases[] = {
    {{TEST_LDIH(1, 1, 1, 1), .has_bias = 1}, 1, 1, 0},
    {{TEST_LDIH(1, 1, 5, 7), .has_bias = 1}, 3, 40, TEST_STATES},
    {{TEST_LDIH(1, 1, 33, 64), .has_bias = 1}, 40, 20, TEST_RAGGED},
    {{TEST_LDIH(1, 1, 200, 96)}, 70, 12, TEST_RAGGED | TEST_STATES},
    {{TEST_LDIH(2, 2, 17, 31), .classes = 5, .has_bias = 1}, 13, 15, TEST_RAGGED | TEST_STATES},
    {{TEST_LDIH(1, 2, 3, 16), .has_bias = 1}, 2, 1, TEST_STATES}, /* room for one step's rows */
    {{TEST_LDIH(2, 2, 8, 48)}, 60, 3, TEST_STATES},
    {{TEST_LDIH(3, 1, 9, 33), .vocabulary = 50, .classes = 3, .has_bias = 1}, 21, 18, TEST_RAGGED},
    {{TEST_LDIH(1, 1, 1500, 24), .has_bias = 1}, 9, 4, 0}, /* more terms than BLIS sums at once */
};
enum { CASES = sizeof cases / sizeof cases[0] };

/* The largest error over its bound; ends the test beyond 1. The values are the oracle's, or this file's arithmetic is wrong. */
static double check(const test_batch *got, const test_oracle *oracle, const expectation *all, const char *what)
{
    const struct {
        const char *name;
        const float *got;
        const double *oracle;
        const noisy *want;
        size_t count;
    } outputs[] = {
        {"y", got->y, oracle->y, all->y, got->y_count},
        {"hn", got->hn, oracle->hn, all->hn, got->state_count},
        {"cn", got->cn, oracle->cn, all->cn, got->state_count},
        {"logits", got->logits, oracle->logits, all->logits, got->logits_count},
    };
    double worst = 0.0;
    for (size_t j = 0; j < sizeof outputs / sizeof outputs[0]; j++)
        for (size_t k = 0; k < outputs[j].count; k++) {
            const noisy *want = outputs[j].want + k;
            if (!(fabs(want->value - outputs[j].oracle[k]) <= 1e-12))
                ck_abort_msg("%s[%zu]: %.17g, but the oracle has %.17g", outputs[j].name, k, want->value, outputs[j].oracle[k]);
            const double error = fabs(outputs[j].got[k] - want->value), bound = TAIL * sqrt(want->variance) * unit;
            if (!(error <= bound))
                ck_abort_msg("%s: %s[%zu] has an error of %.3g, allowed %.3g", what, outputs[j].name, k, error, bound);
            worst = error > 0 ? fmax(worst, error / bound) : worst;
        }
    return worst;
}

/* Run by BLIS or fused. */
static void run(const test_network *network, test_batch *batch, sluice_gemm gemm, unsigned threads)
{
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, threads, SLUICE_SCHEDULE_AUTO);
    options.gemm = gemm;
    test_batch_prefill(batch);
    test_run_once(network->model, &options, &batch->batch);
}

/* One case; the largest error of the BLIS path over its bound, and whether it gives the fused kernels' bits. */
static double run_case(const blis_case *c, uint64_t seed, bool *differs)
{
    OWNED(test_network) network = test_network_random(&c->shape, 1.0f, &seed);
    OWNED(test_batch) batch = test_batch_random(&c->shape, c->rows, c->steps, c->what, &seed);
    OWNED(test_batch) fused = test_batch_pick(&c->shape, &batch, 0, c->rows);
    OWNED(test_oracle) oracle = test_oracle_run(&network.weights, &batch.batch);
    OWNED(expectation) all = expect(&network.weights, &batch);
    run(&network, &fused, SLUICE_GEMM_FUSED, 2);
    const double fused_share = check(&fused, &oracle, &all, "fused");
    double worst = 0.0;
    for (unsigned threads = 1; threads <= 3; threads++) {
        run(&network, &batch, SLUICE_GEMM_BLIS, threads);
        worst = fmax(worst, check(&batch, &oracle, &all, "blis"));
        *differs |= memcmp(batch.cn, fused.cn, batch.state_count * sizeof(float)) != 0;
    }
    printf("I %zu, H %zu, L %zu, D %zu: largest error over its bound: blis %.3f, fused %.3f\n", c->shape.inputs, c->shape.hidden,
           c->shape.layers, c->shape.directions, worst, fused_share);
    fflush(stdout);
    return worst;
}

TEST(agrees_with_the_equations)
{
    double worst = 0.0;
    bool differs = false;
    for (size_t j = 0; j < CASES; j++)
        worst = fmax(worst, run_case(&cases[j], test_seed() + j, &differs));
    printf("largest of all: %.3f of its bound\n", worst);
    ck_assert_msg(worst > 0.1, "the bound is more than ten times too loose: %.4f", worst);
    ck_assert_msg(differs, "BLIS gives the fused kernels' bits even where it sums in blocks: is it BLIS?");
}

TEST(is_what_was_asked_for)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&cases[1].shape, 1.0f, &random);
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    options.gemm = SLUICE_GEMM_BLIS;
    OWNED_HANDLE(sluice_engine) engine = NULL;
    ck_assert_int_eq(sluice_engine_create(network.model, &options, &engine, NULL), SLUICE_STATUS_OK);
    sluice_engine_info info = {.struct_size = sizeof info};
    ck_assert_int_eq(sluice_engine_get_info(engine, &info), SLUICE_STATUS_OK);
    ck_assert_int_eq(info.gemm, SLUICE_GEMM_BLIS);
}

/* Empty batches, empty rows, and a poisoned row: what the fused path promises in words holds here too. */
TEST(edges)
{
    const sluice_shape shape = {TEST_LDIH(1, 2, 4, 9), .has_bias = 1};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    options.gemm = SLUICE_GEMM_BLIS;
    static const size_t empties[][2] = {{0, 0}, {0, 3}, {3, 0}, {5, 1}}; /* N, T */
    for (size_t j = 0; j < 4; j++) {
        OWNED(test_batch) batch = test_batch_random(&shape, empties[j][0], empties[j][1], TEST_RAGGED | TEST_STATES, &random);
        if (batch.lengths)
            memset(batch.lengths, 0, batch.batch.rows * sizeof *batch.lengths);
        test_run_once(network.model, &options, &batch.batch);
        test_same_bits(batch.hn, batch.h0, batch.state_count, "hn of rows of length 0");
        test_same_bits(batch.cn, batch.c0, batch.state_count, "cn of rows of length 0");
        for (size_t k = 0; k < batch.y_count; k++)
            ck_assert(batch.y[k] == 0.0f);
    }
    OWNED(test_batch) batch = test_batch_random(&shape, 7, 3, 0, &random);
    batch.x[(2 * 3 + 1) * 4] = NAN;
    test_run_once(network.model, &options, &batch.batch);
    for (size_t n = 0; n < 7; n++)
        ck_assert_int_eq(isnan(batch.hn[n * 9]) != 0, n == 2);
}
