/* Sigmoid and tanh over the float encodings: the error bound that sluice.h publishes, the laws they keep, and the same bits on every
 * instruction set. SLUICE_TEST_DEPTH=all tries all 2^32 inputs; else one block of inputs in 61 is tried, and both ends of every
 * binade; SLUICE_TEST_SAMPLE=n, or 509 under a sanitizer, tries one block in n and nothing else. */
#include "support/float_blocks.h"
#include "support/kernels.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#ifdef SL_HAVE_SCALAR_FMA
extern const sl_kernel sl_kernel_scalar_fma; /* support/oracle/scalar_fma.c */
#endif

enum { USUAL = 61 }; /* one block in how many at the usual depth */

typedef struct subject {
    const char *name;
    void (*reference)(const float *x, double *y); /* a block, which lies in one binade */
    sluice_activation activation;
    double most_ulp; /* the error that the comment in activation.h states, rounded up */
} subject;

/* The references are double with an error below 2^-50, which is 2^-26 of a float's ULP. Where the series or the limit is that
 * near, it is used: the scan then takes seconds. */
static void sigmoid_reference(const float *x, double *y)
{
    const double first = (double)x[0];
    for (size_t k = 0; k < BLOCK; k++) {
        const double at = (double)x[k];
        if (fabs(first) < 0x1p-12)
            y[k] = 0.5 + at * 0.25 - at * at * at / 48.0;
        else if (first >= 64.0)
            y[k] = 1.0; /* minus 2e-28 */
        else if (first <= -128.0)
            y[k] = 0.0; /* plus 3e-56, a float's least ULP being 1.4e-45 */
        else
            y[k] = 1.0 / (1.0 + exp(-at));
    }
}

static void tanh_reference(const float *x, double *y)
{
    const double first = (double)x[0];
    for (size_t k = 0; k < BLOCK; k++) {
        const double at = (double)x[k];
        if (fabs(first) < 0x1p-12)
            y[k] = at - at * at * at / 3.0;
        else if (fabs(first) >= 32.0)
            y[k] = copysign(1.0, first); /* less 3e-28 */
        else
            y[k] = tanh(at);
    }
}

static const subject subjects[] = {{"sigmoid", sigmoid_reference, {SLUICE_FUNCTION_SIGMOID, 0, 0}, SLUICE_ACTIVATION_MAX_ULP},
                                   {"tanh", tanh_reference, {SLUICE_FUNCTION_TANH, 0, 0}, 0.76}};

static bool is_tanh_subject(const subject *s)
{
    return s->activation.function == SLUICE_FUNCTION_TANH;
}

/* Largest error in a block whose inputs are not NaN, in ULP; infinite if an output is NaN. */
static double block_error(const subject *s, const float *x, const float *out)
{
    static _Thread_local double want[BLOCK];
    double worst = 0.0;
    int nan = 0;
    s->reference(x, want);
    for (uint32_t k = 0; k < BLOCK; k++) {
        const double error = fabs((double)out[k] - want[k]) * inverse_ulp(want[k]);
        worst = error > worst ? error : worst;
        nan |= error != error;
    }
    return nan ? (double)INFINITY : worst;
}

/* Range, sign and order. A block's inputs are no NaN, have one sign, and grow in magnitude. tanh is monotone; sigmoid, whose steps
 * are a thirtieth of an ULP where it is flat, may go back by one ULP (it does at 2.3 million inputs). Outputs of one sign are in
 * the order of their encodings. */
static bool keeps_laws(const subject *s, const float *x, const float *out)
{
    const bool is_tanh = is_tanh_subject(s);
    const uint32_t sign = is_tanh ? bits_of(x[0]) & 0x80000000u : 0, one = bits_of(1.0f);
    const int32_t towards = is_tanh || !signbit(x[0]) ? 1 : -1, back = is_tanh ? 0 : 1;
    int broken = 0;
    int32_t before = (int32_t)(bits_of(out[0]) ^ sign);
    for (uint32_t k = 0; k < BLOCK; k++) {
        const uint32_t magnitude = bits_of(out[k]) ^ sign; /* above `one` if the sign is wrong or it is NaN */
        broken |= magnitude > one;
        broken |= ((int32_t)magnitude - before) * towards < -back;
        before = (int32_t)magnitude;
    }
    return !broken;
}

/* Whether just those outputs are NaN, and the canonical one, whose inputs are. */
static bool keeps_nans(const float *x, const float *out)
{
    int broken = 0;
    for (uint32_t k = 0; k < BLOCK; k++)
        broken |= x[k] != x[k] ? bits_of(out[k]) != SL_NAN_BITS : out[k] != out[k];
    return !broken;
}

/* Whether the function of -x is, to the bit, minus that of x. */
static bool is_odd(const subject *s, const sl_kernel *kernel, const float *x, const float *out)
{
    static _Thread_local float negated[BLOCK], mirrored[BLOCK];
    uint32_t differences = 0;
    for (uint32_t k = 0; k < BLOCK; k++)
        negated[k] = -x[k];
    kernel->activate(&s->activation, BLOCK, negated, mirrored);
    for (uint32_t k = 0; k < BLOCK; k++)
        differences |= bits_of(mirrored[k]) ^ bits_of(out[k]) ^ 0x80000000u;
    return !differences;
}

/* Whether a block keeps the laws; its largest error into *error. Of tanh's negative inputs nothing is computed but for their
 * positive twins. */
static bool scan_block(const sl_kernel *kernel, const subject *s, uint32_t block, double *error)
{
    static _Thread_local float x[BLOCK], out[BLOCK];
    const bool is_tanh = is_tanh_subject(s);
    *error = 0.0;
    if (is_tanh && block >= BLOCKS / 2 && !block_has_nan(block))
        return true;
    block_fill(block, x);
    memset(out, 0xff, sizeof out);
    kernel->activate(&s->activation, BLOCK, x, out);
    if (block_has_nan(block))
        return keeps_nans(x, out);
    *error = block_error(s, x, out);
    return keeps_laws(s, x, out) && (!is_tanh || is_odd(s, kernel, x, out));
}

static void scan(const sl_kernel *kernel, const subject *s)
{
    double worst = 0.0;
    long bad_law = -1;
    const unsigned step = block_step(509, USUAL);
#pragma omp parallel for schedule(dynamic, 16) reduction(max : worst, bad_law)
    for (uint32_t block = 0; block < BLOCKS; block++) {
        double error;
        if (!block_is_tried(block, step, USUAL))
            continue;
        if (!scan_block(kernel, s, block, &error))
            bad_law = block;
        worst = error > worst ? error : worst;
    }
    printf("%s %s: largest error %.4f ULP over %s\n", sluice_isa_get_name(kernel->isa), s->name, worst,
           step == 1 ? "all 2^32 inputs" : "a sample of the inputs");
    fflush(stdout);
    ck_assert_msg(bad_law < 0, "%s %s: range, sign, order, oddness or NaN is wrong among the inputs %08lx to %08lx",
                  sluice_isa_get_name(kernel->isa), s->name, (unsigned long)bad_law * BLOCK,
                  (unsigned long)bad_law * BLOCK + BLOCK - 1);
    ck_assert_msg(worst <= s->most_ulp, "%s %s: error %.4f ULP, stated %.2f", sluice_isa_get_name(kernel->isa), s->name, worst,
                  s->most_ulp);
    if (step == 1) /* and what is stated is not slack */
        ck_assert_msg(worst > s->most_ulp - 0.02, "%s: error %.4f ULP: state a smaller bound", s->name, worst);
}

/* The loop index says which: function * instruction sets + instruction set. */
START_TEST(error_and_laws)
{
    const sl_kernel *kernel = test_kernel_at((size_t)_i);
    /* The scalar kernel has the SIMD kernels' bits (below), hence their errors; where it is alone, it is scanned. */
    if (kernel && (kernel->isa != SLUICE_ISA_SCALAR || !test_kernel_get(SLUICE_ISA_AVX2)))
        scan(kernel, &subjects[(size_t)_i / sl_isa_count()]);
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
    for (uint32_t k = 0; k < BLOCK; k++)
        if (bits_of(of_a[k]) != bits_of(of_b[k]))
            return (long)block * BLOCK + k;
    return -1;
}

/* Every ISA that runs here against scalar, bit for bit. Where the CPU has FMA the scalar side is the one compiled for it, and
 * the one that calls the library for each multiply-add is compared with it on every 16th block. */
START_TEST(same_bits)
{
    const subject *s = &subjects[_i];
    const sl_kernel *shipped = sl_kernel_get(SLUICE_ISA_SCALAR), *scalar = shipped, *others[8];
    size_t count = 0;
#ifdef SL_HAVE_SCALAR_FMA
    if (test_kernel_get(SLUICE_ISA_AVX2))
        scalar = &sl_kernel_scalar_fma;
#endif
    for (size_t k = 0; k < sl_isa_count(); k++)
        if (test_kernel_at(k) && sl_isa_at(k) != SLUICE_ISA_SCALAR)
            others[count++] = test_kernel_at(k);
    const unsigned step = block_step(509, USUAL);
    long different = -1;
#pragma omp parallel for schedule(dynamic, 16) reduction(max : different)
    for (uint32_t block = 0; block < BLOCKS; block++) {
        if (!block_is_tried(block, step, USUAL))
            continue;
        for (size_t j = 0; j < count; j++) {
            const long at = first_difference(s, scalar, others[j], block);
            different = at > different ? at : different;
        }
        if (block / step % 16 == 0) {
            const long at = first_difference(s, scalar, shipped, block);
            different = at > different ? at : different;
        }
    }
    ck_assert_msg(different < 0, "%s: instruction sets differ at input %08lx", s->name, (unsigned long)different);
}
END_TEST

START_TEST(special_values)
{
    for (size_t k = 0; k < sl_isa_count(); k++) {
        const sl_kernel *kernel = test_kernel_at(k);
        if (!kernel)
            continue;
        const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1p-149f, -103.9f};
        float sigmoid[8], tanh_of_x[8];
        kernel->activate(&subjects[0].activation, 8, x, sigmoid);
        kernel->activate(&subjects[1].activation, 8, x, tanh_of_x);
        ck_assert(sigmoid[0] == 0.5f && sigmoid[1] == 0.5f && sigmoid[2] == 1.0f && bits_of(sigmoid[3]) == 0 && isnan(sigmoid[4]));
        ck_assert(sigmoid[5] == 0.5f && sigmoid[6] == 0.5f && sigmoid[7] == 0x1p-149f);
        ck_assert(bits_of(tanh_of_x[0]) == 0 && bits_of(tanh_of_x[1]) == 0x80000000u && tanh_of_x[2] == 1.0f &&
                  tanh_of_x[3] == -1.0f);
        ck_assert(isnan(tanh_of_x[4]) && tanh_of_x[5] == 0x1p-149f && tanh_of_x[6] == -0x1p-149f);
    }
}
END_TEST

/* Any n, in place and not, and nothing written past the end. */
START_TEST(lengths)
{
    for (size_t j = 0; j < sl_isa_count(); j++) {
        const sl_kernel *kernel = test_kernel_at(j);
        for (size_t n = 0; kernel && n <= 100; n++) {
            float x[101], out[101], one;
            uint64_t state = test_seed() + n;
            for (size_t k = 0; k <= 100; k++) {
                x[k] = 8.0f * test_uniform(&state) - 4.0f;
                out[k] = NAN;
            }
            kernel->activate(&subjects[1].activation, n, x, out);
            for (size_t k = 0; k < n; k++) {
                kernel->activate(&subjects[1].activation, 1, &x[k], &one);
                ck_assert(bits_of(one) == bits_of(out[k]));
            }
            ck_assert(isnan(out[n]));
            kernel->activate(&subjects[1].activation, n, x, x);
            ck_assert(memcmp(x, out, n * sizeof *x) == 0);
        }
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("activation");
    TCase *quick = tcase_create("values"), *exhaustive = tcase_create("exhaustive");
    tcase_set_timeout(exhaustive, 0);
    tcase_add_test(quick, special_values);
    tcase_add_test(quick, lengths);
    tcase_add_loop_test(exhaustive, error_and_laws, 0, 2 * (int)sl_isa_count());
    tcase_add_loop_test(exhaustive, same_bits, 0, 2);
    suite_add_tcase(suite, quick);
    suite_add_tcase(suite, exhaustive);
    return test_run(suite);
}
