/* Sigmoid and tanh over all 2^32 floats: the error bound that sluice.h publishes, the laws they keep, and the same bits on every
 * instruction set. Under a sanitizer, or with SLUICE_TEST_SAMPLE=n, one block in n is looked at instead of all. */
#include "support/kernels.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <math.h>
#include <omp.h>
#include <stdbool.h>
#include <string.h>

#ifdef SL_HAVE_SCALAR_FMA
extern const sl_kernel sl_kernel_scalar_fma; /* support/scalar_fma.c */
#endif

enum { BLOCK = 1 << 14, BLOCKS = 1 << 18 };

#if defined(__SANITIZE_ADDRESS__)
enum { DEFAULT_SAMPLE = 509 };
#else
enum { DEFAULT_SAMPLE = 1 };
#endif

typedef void activation(size_t n, const float *x, float *out);

typedef struct subject {
    const char *name;
    double (*reference)(double x);
    activation *(*of)(const sl_kernel *kernel);
    double most_ulp; /* the error that the comment in activation.h states, rounded up */
} subject;

/* The references are double with an error below 2^-50, which is 2^-26 of a float's ULP. Where the series or the limit is that
 * near, it is used: the scan then takes seconds. */
static double sigmoid_reference(double x)
{
    if (fabs(x) < 0x1p-12)
        return 0.5 + x * 0.25 - x * x * x / 48.0;
    if (x > 40.0)
        return 1.0; /* minus 4e-18 */
    if (x < -120.0)
        return 0.0; /* plus 8e-53, a float's least ULP being 1.4e-45 */
    return 1.0 / (1.0 + exp(-x));
}

static double tanh_reference(double x)
{
    if (fabs(x) < 0x1p-12)
        return x - x * x * x / 3.0;
    if (fabs(x) > 20.0)
        return copysign(1.0, x); /* less 9e-18 */
    return tanh(x);
}

static activation *sigmoid_of(const sl_kernel *kernel)
{
    return kernel->sigmoid;
}

static activation *tanh_of(const sl_kernel *kernel)
{
    return kernel->tanh;
}

static const subject subjects[] = {{"sigmoid", sigmoid_reference, sigmoid_of, SLUICE_ACTIVATION_MAX_ULP},
                                   {"tanh", tanh_reference, tanh_of, 0.76}};

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static unsigned sample(void)
{
    const char *text = getenv("SLUICE_TEST_SAMPLE");
    const unsigned n = text ? (unsigned)strtoul(text, NULL, 10) : DEFAULT_SAMPLE;
    return n ? n : 1;
}

static void fill(uint32_t block, float *x)
{
    for (uint32_t k = 0; k < BLOCK; k++)
        x[k] = float_of(block * BLOCK + k);
}

/* One ULP of a float near a value below 2: at least the least subnormal. */
static double ulp_of(double value)
{
    int exponent;
    frexp(value, &exponent);
    return ldexp(1.0, exponent - 24 < -149 ? -149 : exponent - 24);
}

/* Largest error in a block whose inputs are not NaN, in ULP. */
static double block_error(const subject *s, const float *x, const float *out)
{
    double worst = 0.0;
    for (uint32_t k = 0; k < BLOCK; k++) {
        const double want = s->reference((double)x[k]), off = fabs((double)out[k] - want);
        if (off > worst * 0x1p-149) { /* cheap filter before the exact ratio */
            const double error = off / ulp_of(want);
            worst = error > worst ? error : worst;
        }
    }
    return worst;
}

/* Range, sign, order and the special values. Blocks do not cross zero or infinity, so that inputs go one way through a block.
 * tanh is monotone; sigmoid, whose steps are a thirtieth of an ULP where it is flat, may go back by one ULP (it does at 2.3
 * million inputs). */
static bool keeps_laws(const subject *s, const float *x, const float *out)
{
    const bool is_tanh = s->reference == tanh_reference, rising = !signbit(x[0]);
    const int back = is_tanh ? 0 : 1;
    for (uint32_t k = 0; k < BLOCK; k++) {
        if (isnan(x[k])) {
            if (!isnan(out[k]))
                return false;
            continue;
        }
        if (!(out[k] <= 1.0f) || !(out[k] >= (is_tanh ? -1.0f : 0.0f)) || (!is_tanh && signbit(out[k])))
            return false;
        if (is_tanh && signbit(out[k]) != signbit(x[k]))
            return false;
        if (k == 0 || isnan(x[k - 1]))
            continue;
        const float higher = rising ? out[k] : out[k - 1], lower = rising ? out[k - 1] : out[k];
        if (higher < lower && abs((int)bits_of(higher) - (int)bits_of(lower)) > back)
            return false;
    }
    return true;
}

/* Whether a block's inputs contain a NaN: those at the ends of the two halves of the encodings. */
static bool has_nan(uint32_t block)
{
    return (block & (BLOCKS / 2 - 1)) >= (uint32_t)((0x7f800000u) / BLOCK);
}

static void scan(const sl_kernel *kernel, const subject *s)
{
    double worst = 0.0;
    long bad_law = -1;
    const unsigned step = sample();
#pragma omp parallel for schedule(dynamic, 16) reduction(max : worst, bad_law)
    for (uint32_t block = 0; block < BLOCKS; block += step) {
        static _Thread_local float x[BLOCK], out[BLOCK], mirrored[BLOCK];
        fill(block, x);
        memset(out, 0xff, sizeof out);
        s->of(kernel)(BLOCK, x, out);
        if (!keeps_laws(s, x, out))
            bad_law = block;
        if (has_nan(block))
            continue;
        if (s->reference == tanh_reference && !signbit(x[0])) { /* odd to the bit: then the negative half needs no reference */
            for (uint32_t k = 0; k < BLOCK; k++)
                x[k] = -x[k];
            s->of(kernel)(BLOCK, x, mirrored);
            for (uint32_t k = 0; k < BLOCK; k++)
                if (bits_of(mirrored[k]) != (bits_of(out[k]) ^ 0x80000000u))
                    bad_law = block;
            for (uint32_t k = 0; k < BLOCK; k++)
                x[k] = -x[k];
        }
        if (s->reference != tanh_reference || !signbit(x[0])) {
            const double error = block_error(s, x, out);
            worst = error > worst ? error : worst;
        }
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

/* The loop index says which: function * 3 + ISA - 1. */
START_TEST(error_and_laws)
{
    const sl_kernel *kernel = test_kernel_get((sluice_isa)(_i % 3 + 1));
    /* The scalar kernel has the SIMD kernels' bits (below), hence their errors; alone, it is sampled. */
    if (kernel && (kernel->isa != SLUICE_ISA_SCALAR || sample() > 1 || !test_kernel_get(SLUICE_ISA_AVX2)))
        scan(kernel, &subjects[_i / 3]);
}
END_TEST

/* Whether two kernels agree in a block, any two NaNs being alike: a cell makes them one afterwards. */
static long first_difference(const subject *s, const sl_kernel *a, const sl_kernel *b, uint32_t block)
{
    static _Thread_local float x[BLOCK], of_a[BLOCK], of_b[BLOCK];
    fill(block, x);
    memset(of_a, 0xff, sizeof of_a);
    memset(of_b, 0xfe, sizeof of_b);
    s->of(a)(BLOCK, x, of_a);
    s->of(b)(BLOCK, x, of_b);
    for (uint32_t k = 0; k < BLOCK; k++)
        if (bits_of(of_a[k]) != bits_of(of_b[k]) && !(isnan(of_a[k]) && isnan(of_b[k])))
            return (long)block * BLOCK + k;
    return -1;
}

/* Every ISA that runs here against scalar, bit for bit. Where the CPU has FMA the scalar side is the one compiled for it, and
 * the one that calls the library for each multiply-add is held against it on every 16th block. */
START_TEST(same_bits)
{
    const subject *s = &subjects[_i];
    const sl_kernel *shipped = sl_kernel_get(SLUICE_ISA_SCALAR), *scalar = shipped, *others[2];
    size_t count = 0;
#ifdef SL_HAVE_SCALAR_FMA
    if (test_kernel_get(SLUICE_ISA_AVX2))
        scalar = &sl_kernel_scalar_fma;
#endif
    for (int isa = SLUICE_ISA_AVX2; isa <= SLUICE_ISA_AVX512; isa++)
        if (test_kernel_get((sluice_isa)isa))
            others[count++] = sl_kernel_get((sluice_isa)isa);
    const unsigned step = sample();
    long different = -1;
#pragma omp parallel for schedule(dynamic, 16) reduction(max : different)
    for (uint32_t block = 0; block < BLOCKS; block += step) {
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
    for (int isa = SLUICE_ISA_SCALAR; isa <= SLUICE_ISA_AVX512; isa++) {
        const sl_kernel *kernel = test_kernel_get((sluice_isa)isa);
        if (!kernel)
            continue;
        const float x[] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 0x1p-149f, -0x1p-149f, -103.9f};
        float sigmoid[8], tanh_of_x[8];
        kernel->sigmoid(8, x, sigmoid);
        kernel->tanh(8, x, tanh_of_x);
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
    for (int isa = SLUICE_ISA_SCALAR; isa <= SLUICE_ISA_AVX512; isa++) {
        const sl_kernel *kernel = test_kernel_get((sluice_isa)isa);
        for (size_t n = 0; kernel && n <= 100; n++) {
            float x[101], out[101], one;
            uint64_t state = test_seed() + n;
            for (size_t k = 0; k <= 100; k++) {
                x[k] = 8.0f * test_uniform(&state) - 4.0f;
                out[k] = NAN;
            }
            kernel->tanh(n, x, out);
            for (size_t k = 0; k < n; k++) {
                kernel->tanh(1, &x[k], &one);
                ck_assert(bits_of(one) == bits_of(out[k]));
            }
            ck_assert(isnan(out[n]));
            kernel->tanh(n, x, x);
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
    tcase_add_loop_test(exhaustive, error_and_laws, 0, 6);
    tcase_add_loop_test(exhaustive, same_bits, 0, 2);
    suite_add_tcase(suite, quick);
    suite_add_tcase(suite, exhaustive);
    return test_run(suite);
}
