/* The functions of sluice_network.h, sigmoid and tanh aside (test_activation.c), over the float encodings: the error bound that the
 * header publishes, order, NaNs, and the same bits on every instruction set (scalar code on a part of the inputs); then parameters,
 * softmax and names. SLUICE_TEST_DEPTH=all tries all 2^32 inputs; else one block of inputs in 509 is tried, and both ends of every
 * binade; SLUICE_TEST_SAMPLE=n, or 8191 under a sanitizer, tries one block in n and nothing else. */
#include "kernel/isa/simd_scalar.h"

#include "kernel/function_names.h"
#include "kernel/functions.h"
#include "support/float_blocks.h"
#include "support/kernels.h"

#include <float.h>
#include <math.h>
#include <omp.h>

#ifdef SL_HAVE_SCALAR_FMA
extern const sl_kernel sl_kernel_scalar_fma; /* support/oracle/scalar_fma.c */
#endif

enum { USUAL = 509 }; /* one block in how many at the usual depth */

/* What sluice_network.h states, and the largest error of what is computed in doubles. */
static const double most_ulp = 0.502;

/* ---- References ------------------------------------------------------------------------------------------------------------ */

/*
 * f(x) in double with an error below 2^-45, which is 2^-21 of a float's ULP. Where a series or a limit is that near, it is used: the
 * scan of all inputs then takes a minute a function. Signs of results that round to 0 are those of the function.
 */
typedef double reference(double x, double a, double b);

static double right_linear(double x, double a, double b)
{
    (void)a, (void)b;
    return x;
}

static double right_hard_sigmoid(double x, double a, double b)
{
    const double y = fma(a, x, b);
    return y < 0 ? 0 : y > 1 ? 1 : y;
}

static double right_relu(double x, double a, double b)
{
    (void)a, (void)b;
    return x < 0 ? 0 : x;
}

static double right_leaky_relu(double x, double a, double b)
{
    (void)b;
    return x >= 0 ? x : a * x;
}

static double right_threshold_relu(double x, double a, double b)
{
    (void)b;
    return x > a ? x : 0;
}

static double right_expm1(double x)
{
    return x < -64 ? -1 : x > -0x1p-28 ? x + x * x / 2 : expm1(x);
}

static double right_elu(double x, double a, double b)
{
    (void)b;
    return x >= 0 ? x : a * right_expm1(x);
}

static double right_selu(double x, double a, double b)
{
    (void)a, (void)b;
    return 1.0507009873554805 * (x >= 0 ? x : 1.6732632423543772 * right_expm1(x));
}

static double right_softplus(double x, double a, double b)
{
    (void)a, (void)b;
    if (fabs(x) < 0x1p-28)
        return 0.6931471805599453 + x / 2;
    return x >= 64 ? x : x <= -128 ? 0 : fmax(x, 0) + log1p(exp(-fabs(x)));
}

static double right_softsign(double x, double a, double b)
{
    (void)a, (void)b;
    return x / (1 + fabs(x));
}

static double right_swish(double x, double a, double b)
{
    (void)a, (void)b;
    if (fabs(x) < 0x1p-28)
        return x * (0.5 + x / 4);
    return x >= 64 ? x : x <= -128 ? -0.0 : x / (1 + exp(-x));
}

static double right_gelu(double x, double a, double b)
{
    (void)a, (void)b;
    if (fabs(x) < 0x1p-28)
        return x * (0.5 + x * 0.3989422804014327);
    return x >= 16 ? x : x <= -16 ? -0.0 : x * erfc(x * -0.7071067811865476) / 2;
}

static double right_gelu_tanh(double x, double a, double b)
{
    (void)a, (void)b;
    if (fabs(x) < 0x1p-28)
        return x * (0.5 + x * 0.3989422804014327);
    return x >= 16 ? x : x <= -16 ? -0.0 : x / (1 + exp(-1.5957691216057308 * (x + 0.044715 * x * x * x)));
}

static double right_affine(double x, double a, double b)
{
    return fma(a, x, b);
}

static double right_scaled_tanh(double x, double a, double b)
{
    const double y = b * x;
    return a * (fabs(y) >= 32 ? copysign(1, y) : fabs(y) < 0x1p-14 ? y - y * y * y / 3 : tanh(y));
}

typedef struct subject {
    sluice_activation activation;
    reference *right;
    bool is_monotone;
    bool is_one_operation; /* has nothing to find in all inputs that is not in one block in USUAL */
} subject;

static const subject subjects[] = {
    {{SLUICE_FUNCTION_LINEAR, 0, 0}, right_linear, true, true},
    {{SLUICE_FUNCTION_HARD_SIGMOID, 0.2f, 0.5f}, right_hard_sigmoid, true, true},
    {{SLUICE_FUNCTION_RELU, 0, 0}, right_relu, true, true},
    {{SLUICE_FUNCTION_LEAKY_RELU, 0.01f, 0}, right_leaky_relu, true, true},
    {{SLUICE_FUNCTION_THRESHOLD_RELU, 1, 0}, right_threshold_relu, true, true},
    {{SLUICE_FUNCTION_ELU, 1, 0}, right_elu, true, false},
    {{SLUICE_FUNCTION_SELU, 0, 0}, right_selu, true, false},
    {{SLUICE_FUNCTION_SOFTPLUS, 0, 0}, right_softplus, true, false},
    {{SLUICE_FUNCTION_SOFTSIGN, 0, 0}, right_softsign, true, false},
    {{SLUICE_FUNCTION_SWISH, 0, 0}, right_swish, false, false},
    {{SLUICE_FUNCTION_GELU, 0, 0}, right_gelu, false, false},
    {{SLUICE_FUNCTION_GELU_TANH, 0, 0}, right_gelu_tanh, false, false},
    {{SLUICE_FUNCTION_AFFINE, -1.5f, 0.25f}, right_affine, false, true},
    {{SLUICE_FUNCTION_SCALED_TANH, 1.7159f, 2.0f / 3.0f}, right_scaled_tanh, true, false},
};
enum { SUBJECTS = sizeof subjects / sizeof subjects[0] };

static const char *name_of(const subject *s)
{
    return sluice_function_get_name(s->activation.function);
}

/* ---- Scans ----------------------------------------------------------------------------------------------------------------- */

/* One block in how many is tried. */
static unsigned step_of(const subject *s)
{
    return block_step(8191, USUAL) == 1 && s->is_one_operation ? USUAL : block_step(8191, USUAL);
}

/* The error of an output whose reference is no NaN, in ULP; infinite if it is NaN, or has the wrong sign. */
static double error_of(float out, double want)
{
    if (isinf((float)want) || isnan(out) || !signbit(out) != !signbit(want))
        return out == (float)want ? 0 : (double)INFINITY;
    return fabs((double)out - want) * inverse_ulp(want);
}

static double block_error(const subject *s, const float *x, const float *out)
{
    double worst = 0;
    for (size_t k = 0; k < BLOCK; k++) {
        const double want = s->right((double)x[k], (double)s->activation.alpha, (double)s->activation.beta);
        const double error = error_of(out[k], want);
        worst = error > worst ? error : worst;
    }
    return worst;
}

/* Whether a block keeps order: its inputs are no NaN, have one sign, and grow in magnitude. */
static bool keeps_order(const float *x, const float *out)
{
    int broken = 0;
    for (size_t k = 1; k < BLOCK; k++)
        broken |= signbit(x[0]) ? out[k] > out[k - 1] : out[k] < out[k - 1];
    return !broken;
}

/* Whether just those outputs are NaN, and the canonical one, whose inputs are. */
static bool keeps_nans(const float *x, const float *out)
{
    int broken = 0;
    for (size_t k = 0; k < BLOCK; k++)
        broken |= isnan(x[k]) ? bits_of(out[k]) != SL_NAN_BITS : isnan(out[k]);
    return !broken;
}

/* The loop index is that of the subject. On the best instruction set: the others have its bits (below). */
START_TEST(error_and_laws)
{
    const subject *s = &subjects[_i];
    const sl_kernel *kernel = test_kernel_get(sl_isa_best(SLUICE_ISA_AUTO));
    const unsigned step = step_of(s);
    double worst = 0;
    long bad = -1;
#pragma omp parallel for schedule(dynamic, 16) reduction(max : worst, bad)
    for (uint32_t block = 0; block < BLOCKS; block++) {
        static _Thread_local float x[BLOCK], out[BLOCK];
        if (!block_is_tried(block, step, USUAL))
            continue;
        block_fill(block, x);
        memset(out, 0xff, sizeof out);
        kernel->activate(&s->activation, BLOCK, x, out);
        const bool has_nan = block_has_nan(block);
        if (has_nan ? !keeps_nans(x, out) : s->is_monotone && !keeps_order(x, out))
            bad = block;
        const double error = has_nan ? 0 : block_error(s, x, out);
        worst = error > worst ? error : worst;
    }
    printf("%s: largest error %.5f ULP over %s\n", name_of(s), worst, step == 1 ? "all 2^32 inputs" : "a sample of the inputs");
    fflush(stdout);
    ck_assert_msg(bad < 0, "%s: order or NaN is wrong among the inputs %08lx to %08lx", name_of(s), (unsigned long)bad * BLOCK,
                  (unsigned long)bad * BLOCK + BLOCK - 1);
    ck_assert_msg(worst <= most_ulp, "%s: error %.5f ULP, stated %.3f", name_of(s), worst, most_ulp);
}
END_TEST

/* The first input for which two kernels differ in a block; or -1. */
static long first_difference(const subject *s, const sl_kernel *a, const sl_kernel *b, uint32_t block)
{
    static _Thread_local float x[BLOCK], of_a[BLOCK], of_b[BLOCK];
    block_fill(block, x);
    memset(of_a, 0xff, sizeof of_a);
    memset(of_b, 0xfe, sizeof of_b);
    a->activate(&s->activation, BLOCK, x, of_a);
    b->activate(&s->activation, BLOCK, x, of_b);
    if (memcmp(of_a, of_b, sizeof of_a) == 0)
        return -1;
    size_t k = 0;
    while (bits_of(of_a[k]) == bits_of(of_b[k]))
        k++;
    return (long)block * BLOCK + (long)k;
}

/* Whether the kernels of an instruction set are compared on the k-th block that is tried: scalar code takes tens of times as long as
 * AVX2's, and without instructions for multiply-adds hundreds. */
static bool is_compared(const sl_kernel *kernel, size_t k)
{
    const bool is_scalar = kernel->isa == SLUICE_ISA_SCALAR, is_shipped = kernel == sl_kernel_get(SLUICE_ISA_SCALAR);
    return k % (is_shipped ? 64 : is_scalar ? 4 : 1) == 0;
}

/* Every instruction set that runs here against the best one, and the scalar kernel that has the CPU's multiply-add as well. */
START_TEST(same_bits)
{
    const subject *s = &subjects[_i];
    const sl_kernel *best = test_kernel_get(sl_isa_best(SLUICE_ISA_AUTO)), *others[8];
    size_t count = 0;
    for (size_t k = 0; k < sl_isa_count(); k++)
        if (test_kernel_at(k) && test_kernel_at(k) != best)
            others[count++] = test_kernel_at(k);
#ifdef SL_HAVE_SCALAR_FMA
    if (test_kernel_get(SLUICE_ISA_AVX2))
        others[count++] = &sl_kernel_scalar_fma;
#endif
    const unsigned step = step_of(s);
    long different = -1;
#pragma omp parallel for schedule(dynamic, 16) reduction(max : different)
    for (uint32_t block = 0; block < BLOCKS; block++) {
        if (!block_is_tried(block, step, USUAL))
            continue;
        for (size_t k = 0; k < count; k++) {
            const long at = is_compared(others[k], block / step) ? first_difference(s, best, others[k], block) : -1;
            different = at > different ? at : different;
        }
    }
    ck_assert_msg(different < 0, "%s: instruction sets differ at input %08lx", name_of(s), (unsigned long)different);
}
END_TEST

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

/* Of 0, -0, infinity, -infinity: signs of zeros count. */
START_TEST(special_values)
{
    static const struct {
        sluice_activation activation;
        float out[4];
    } cases[] = {
        {{SLUICE_FUNCTION_DEFAULT, 0, 0}, {0.0f, -0.0f, INFINITY, -INFINITY}},
        {{SLUICE_FUNCTION_LINEAR, 0, 0}, {0.0f, -0.0f, INFINITY, -INFINITY}},
        {{SLUICE_FUNCTION_SIGMOID, 0, 0}, {0.5f, 0.5f, 1.0f, 0.0f}},
        {{SLUICE_FUNCTION_TANH, 0, 0}, {0.0f, -0.0f, 1.0f, -1.0f}},
        {{SLUICE_FUNCTION_HARD_SIGMOID, 0.2f, 0.5f}, {0.5f, 0.5f, 1.0f, 0.0f}},
        {{SLUICE_FUNCTION_RELU, 0, 0}, {0.0f, -0.0f, INFINITY, 0.0f}},
        {{SLUICE_FUNCTION_LEAKY_RELU, -0.5f, 0}, {0.0f, -0.0f, INFINITY, INFINITY}},
        {{SLUICE_FUNCTION_THRESHOLD_RELU, 0, 0}, {0.0f, 0.0f, INFINITY, 0.0f}},
        {{SLUICE_FUNCTION_THRESHOLD_RELU, -1, 0}, {0.0f, -0.0f, INFINITY, 0.0f}},
        {{SLUICE_FUNCTION_ELU, 2, 0}, {0.0f, -0.0f, INFINITY, -2.0f}},
        {{SLUICE_FUNCTION_SELU, 0, 0}, {0.0f, -0.0f, INFINITY, (float)(-1.0507009873554805 * 1.6732632423543772)}},
        {{SLUICE_FUNCTION_SOFTPLUS, 0, 0}, {0x1.62e43p-1f, 0x1.62e43p-1f, INFINITY, 0.0f}},
        {{SLUICE_FUNCTION_SOFTSIGN, 0, 0}, {0.0f, -0.0f, 1.0f, -1.0f}},
        {{SLUICE_FUNCTION_SWISH, 0, 0}, {0.0f, -0.0f, INFINITY, -0.0f}},
        {{SLUICE_FUNCTION_GELU, 0, 0}, {0.0f, -0.0f, INFINITY, -0.0f}},
        {{SLUICE_FUNCTION_GELU_TANH, 0, 0}, {0.0f, -0.0f, INFINITY, -0.0f}},
        {{SLUICE_FUNCTION_AFFINE, -2, 3}, {3.0f, 3.0f, -INFINITY, INFINITY}},
        {{SLUICE_FUNCTION_SCALED_TANH, -2, 3}, {-0.0f, 0.0f, -2.0f, 2.0f}},
    };
    static const float x[6] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, -NAN};
    for (size_t j = 0; j < sl_isa_count(); j++) {
        const sl_kernel *kernel = test_kernel_at(j);
        for (size_t c = 0; kernel && c < sizeof cases / sizeof cases[0]; c++) {
            float out[6];
            memset(out, 0xff, sizeof out);
            kernel->activate(&cases[c].activation, 6, x, out);
            for (size_t k = 0; k < 6; k++)
                ck_assert_msg(bits_of(out[k]) == (k < 4 ? bits_of(cases[c].out[k]) : SL_NAN_BITS), "%s %s of %g is %g",
                              sl_isa_get_name(kernel->isa), sluice_function_get_name(cases[c].activation.function), (double)x[k],
                              (double)out[k]);
        }
    }
}
END_TEST

static const sluice_function with_parameters[] = {SLUICE_FUNCTION_HARD_SIGMOID,   SLUICE_FUNCTION_LEAKY_RELU,
                                                  SLUICE_FUNCTION_THRESHOLD_RELU, SLUICE_FUNCTION_ELU,
                                                  SLUICE_FUNCTION_AFFINE,         SLUICE_FUNCTION_SCALED_TANH};

static const subject *find_subject(sluice_function function)
{
    const subject *s = subjects;
    while (s->activation.function != function)
        s++;
    return s;
}

/* Parameters at the edges, infinities included, on numbers of all sizes: the error where the reference is a number (its double may
 * overflow where a product of floats does not, so not beyond), and NaN where the formula's is; the same bits everywhere. */
START_TEST(parameters)
{
    enum { COUNT = 1000 };
    static const float edges[] = {0.0f,  -0.0f,   1.0f,     -1.0f,   0.2f,      1.0f / 6.0f,
                                  -2.5f, FLT_MAX, -FLT_MAX, FLT_MIN, 0x1p-149f, INFINITY};
    enum { EDGES = sizeof edges / sizeof edges[0] };
    const subject *s = find_subject(with_parameters[_i]);
    const sl_kernel *scalar = sl_kernel_get(SLUICE_ISA_SCALAR);
    uint64_t state = test_seed();
    for (size_t j = 0; j < (size_t)EDGES * EDGES; j++) {
        const sluice_activation activation = {s->activation.function, edges[j / EDGES], edges[j % EDGES]};
        float x[COUNT], out[COUNT], other[COUNT];
        for (size_t k = 0; k < COUNT; k++) {
            const uint32_t bits = (uint32_t)test_random(&state);
            x[k] = k < EDGES ? edges[k] : k % 2 ? float_of(bits) : 8 * test_uniform(&state) - 4;
        }
        memset(out, 0xff, sizeof out);
        scalar->activate(&activation, COUNT, x, out);
        for (size_t k = 0; k < COUNT; k++) {
            const double want = s->right((double)x[k], (double)activation.alpha, (double)activation.beta);
            const bool good = isnan(x[k]) || isnan(want) ? bits_of(out[k]) == SL_NAN_BITS
                              : want == 0                ? out[k] == 0
                                                         : error_of(out[k], want) <= most_ulp;
            ck_assert_msg(good, "%s of %a with alpha %a, beta %a is %a, expected %a", name_of(s), (double)x[k],
                          (double)activation.alpha, (double)activation.beta, (double)out[k], want);
        }
        for (size_t i = 0; i < sl_isa_count(); i++)
            if (test_kernel_at(i)) {
                memset(other, 0xfe, sizeof other);
                test_kernel_at(i)->activate(&activation, COUNT, x, other);
                ck_assert_msg(memcmp(out, other, sizeof out) == 0, "%s: %s differs from scalar", name_of(s),
                              sl_isa_get_name(sl_isa_at(i)));
            }
    }
}
END_TEST

/* Any n, in place and not, and nothing written past the end. */
START_TEST(lengths)
{
    for (size_t j = 0; j < sl_isa_count() * SUBJECTS; j++) {
        const sl_kernel *kernel = test_kernel_at(j / SUBJECTS);
        const sluice_activation *activation = &subjects[j % SUBJECTS].activation;
        for (size_t n = 0; kernel && n <= 100; n++) {
            float x[101], out[101], one;
            uint64_t state = test_seed() + n;
            test_fill(x, 101, &state);
            memset(out, 0xff, sizeof out);
            kernel->activate(activation, n, x, out);
            for (size_t k = 0; k < n; k += 7) {
                kernel->activate(activation, 1, &x[k], &one);
                ck_assert(bits_of(one) == bits_of(out[k]));
            }
            ck_assert(bits_of(out[n]) == 0xffffffff);
            kernel->activate(activation, n, x, x);
            ck_assert(memcmp(x, out, n * sizeof *x) == 0);
        }
    }
}
END_TEST

/* ---- Softmax --------------------------------------------------------------------------------------------------------------- */

/* The exponential of which softmax is made, at 0 and below; in scalar code, of which all inputs would take minutes. */
START_TEST(exponential)
{
    double worst = 0;
    const unsigned step = (unsigned)test_by_depth(8191, 1021, 61);
#pragma omp parallel for schedule(dynamic, 16) reduction(max : worst)
    for (uint32_t block = BLOCKS / 2; block < BLOCKS; block++) {
        static _Thread_local float x[BLOCK];
        if (block_has_nan(block) || !block_is_tried(block, step, 1021))
            continue;
        block_fill(block, x);
        for (size_t k = 0; k < BLOCK; k++) {
            const double want = x[k] < -128 ? 0 : x[k] > -0x1p-28 ? 1 + (double)x[k] : exp((double)x[k]);
            const double error = error_of(v_exp_below(x[k], 0), want);
            worst = error > worst ? error : worst;
        }
    }
    ck_assert_msg(worst <= most_ulp, "exp: error %.5f ULP, stated %.3f", worst, most_ulp);
}
END_TEST

/* What the header says, one element after the other. */
static void plain_softmax(size_t n, const float *x, float *out)
{
    float most = x[0], sum = 0;
    for (size_t k = 1; k < n; k++)
        if (x[k] > most)
            most = x[k];
    for (size_t k = 0; k < n; k++)
        out[k] = v_exp_below(x[k], most);
    for (size_t k = 0; k < n; k++)
        sum += out[k];
    for (size_t k = 0; k < n; k++)
        out[k] /= sum;
}

START_TEST(softmax_in_order)
{
    enum { MOST = 300 };
    uint64_t state = test_seed();
    for (size_t n = 1; n < MOST; n++) {
        float x[MOST], want[MOST], out[MOST];
        const float size = n % 3 == 0 ? 100 : n % 3 == 1 ? 4 : 0.01f;
        for (size_t k = 0; k < n; k++)
            x[k] = size * (2 * test_uniform(&state) - 1);
        plain_softmax(n, x, want);
        for (size_t j = 0; j < sl_isa_count(); j++) {
            const sl_kernel *kernel = test_kernel_at(j);
            if (!kernel)
                continue;
            memset(out, 0xff, sizeof out);
            kernel->softmax(n, x, out);
            ck_assert_msg(memcmp(out, want, n * sizeof *out) == 0 && bits_of(out[n]) == 0xffffffff, "%s, %zu numbers",
                          sl_isa_get_name(kernel->isa), n);
            memcpy(out, x, n * sizeof *out);
            kernel->softmax(n, out, out);
            ck_assert_msg(memcmp(out, want, n * sizeof *out) == 0, "%s, %zu numbers in place", sl_isa_get_name(kernel->isa), n);
        }
    }
}
END_TEST

/* A NaN, an infinity, or nothing above -infinity: all NaN. -infinity beside numbers: 0. */
START_TEST(softmax_of_special_values)
{
    static const struct {
        float x[3], out[3];
    } cases[] = {{{1, NAN, 2}, {NAN, NAN, NAN}},       {{NAN, 1, 2}, {NAN, NAN, NAN}},
                 {{1, INFINITY, 2}, {NAN, NAN, NAN}},  {{-INFINITY, -INFINITY, -INFINITY}, {NAN, NAN, NAN}},
                 {{-INFINITY, 3, 3}, {0, 0.5f, 0.5f}}, {{FLT_MAX, -FLT_MAX, 0}, {1, 0, 0}},
                 {{-0.0f, 0, -1000}, {0.5f, 0.5f, 0}}};
    for (size_t j = 0; j < sl_isa_count(); j++)
        for (size_t c = 0; test_kernel_at(j) && c < sizeof cases / sizeof cases[0]; c++) {
            float out[3];
            memset(out, 0xfe, sizeof out);
            test_kernel_at(j)->softmax(3, cases[c].x, out);
            for (size_t k = 0; k < 3; k++)
                ck_assert_msg(bits_of(out[k]) == (isnan(cases[c].out[k]) ? SL_NAN_BITS : bits_of(cases[c].out[k])),
                              "%s, case %zu: %g", sl_isa_get_name(sl_isa_at(j)), c, (double)out[k]);
        }
}
END_TEST

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

START_TEST(names)
{
    sluice_function found;
    for (sluice_function f = SLUICE_FUNCTION_DEFAULT; f <= SLUICE_FUNCTION_SOFTMAX; f++) {
        found = (sluice_function)-1;
        ck_assert_ptr_nonnull(sluice_function_get_name(f));
        ck_assert_msg(sl_function_find(sluice_function_get_name(f), &found) && found == f, "%s", sluice_function_get_name(f));
    }
    ck_assert_str_eq(sluice_function_get_name(SLUICE_FUNCTION_HARD_SIGMOID), "hard_sigmoid");
    ck_assert_str_eq(sluice_function_get_name(SLUICE_FUNCTION_SOFTMAX), "softmax");
    ck_assert_ptr_null(sluice_function_get_name((sluice_function)(SLUICE_FUNCTION_SOFTMAX + 1)));
    ck_assert_ptr_null(sluice_function_get_name((sluice_function)-1));
    found = SLUICE_FUNCTION_GELU;
    ck_assert(!sl_function_find("Hard_sigmoid", &found) && !sl_function_find("", &found) && found == SLUICE_FUNCTION_GELU);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("functions");
    TCase *quick = tcase_create("values"), *exhaustive = tcase_create("exhaustive");
    tcase_set_timeout(exhaustive, 0);
    tcase_add_test(quick, special_values);
    tcase_add_loop_test(quick, parameters, 0, sizeof with_parameters / sizeof with_parameters[0]);
    tcase_add_test(quick, lengths);
    tcase_add_test(quick, softmax_in_order);
    tcase_add_test(quick, softmax_of_special_values);
    tcase_add_test(quick, names);
    tcase_add_test(exhaustive, exponential);
    tcase_add_loop_test(exhaustive, error_and_laws, 0, SUBJECTS);
    tcase_add_loop_test(exhaustive, same_bits, 0, SUBJECTS);
    suite_add_tcase(suite, quick);
    suite_add_tcase(suite, exhaustive);
    return test_run(suite);
}
