#include "kernels.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/clock.h"
#include "kernel/kernel.h"

#include <assert.h>

/* An array of activations: 4 KiB, a quarter of the smallest L1 there is, so that in, out and constants stay there. */
enum { ELEMENTS = 1024 };

/* Terms of a product: its weights are TERMS * 4 * lanes floats, 24 KiB at 16 lanes. */
enum { TERMS = 96 };

/* One call of the peak kernel: 2 * 12 * lanes * ROUNDS operations, some microseconds. */
enum { ROUNDS = 4096 };

enum { TILE_ROWS_MAX = 16, LANES_MAX = 16, CHAIN = 64, CHAIN_ROUNDS = 20000 };

typedef struct sl_bench {
    const sl_kernel *kernel;
    float *in;      /* [ELEMENTS] in [-8, 8): where the functions bend, and some of their flat ends */
    float *out;     /* [ELEMENTS] */
    float *weights; /* [TERMS][4][LANES_MAX] */
    const float *start[TILE_ROWS_MAX], *x[TILE_ROWS_MAX];
    volatile float sink;
} sl_bench;

typedef struct sl_micro {
    const char *name;
    sluice_status (*call)(void *context, sluice_error *error);
    size_t (*elements)(const sl_kernel *kernel); /* results of one call */
    size_t flop_per_element;                     /* 0: not counted */
} sl_micro;

static sluice_status call_peak(void *context, sluice_error *error)
{
    sl_bench *bench = context;
    (void)error;
    bench->sink = bench->kernel->peak(ROUNDS);
    return SLUICE_STATUS_OK;
}

static size_t peak_elements(const sl_kernel *kernel)
{
    return (size_t)12 * kernel->lanes * ROUNDS;
}

static sluice_status call_product(void *context, sluice_error *error)
{
    const sl_bench *bench = context;
    const sl_kernel *kernel = bench->kernel;
    (void)error;
    const sl_product product = {.rows = kernel->tile_rows,
                                .blocks = 1,
                                .terms = TERMS,
                                .weights = bench->weights,
                                .panel_stride = TERMS * SL_BLOCK_VECTORS * kernel->lanes,
                                .start = bench->start,
                                .x = bench->x,
                                .out = bench->out,
                                .out_stride = SL_BLOCK_VECTORS * kernel->lanes};
    kernel->product(&product);
    return SLUICE_STATUS_OK;
}

static size_t product_elements(const sl_kernel *kernel)
{
    return kernel->tile_rows * SL_BLOCK_VECTORS * kernel->lanes;
}

static sluice_status call_sigmoid(void *context, sluice_error *error)
{
    const sl_bench *bench = context;
    (void)error;
    bench->kernel->sigmoid(ELEMENTS, bench->in, bench->out);
    return SLUICE_STATUS_OK;
}

static sluice_status call_tanh(void *context, sluice_error *error)
{
    const sl_bench *bench = context;
    (void)error;
    bench->kernel->tanh(ELEMENTS, bench->in, bench->out);
    return SLUICE_STATUS_OK;
}

static size_t activation_elements(const sl_kernel *kernel)
{
    (void)kernel;
    return ELEMENTS;
}

static const sl_micro micros[] = {
    {"peak", call_peak, peak_elements, 2},
    {"product", call_product, product_elements, (size_t)2 * TERMS},
    {"sigmoid", call_sigmoid, activation_elements, 0},
    {"tanh", call_tanh, activation_elements, 0},
};

/* The core's clock in Hz now: each addition waits for the one before, and the compiler may not join them. */
static double get_clock(void *context)
{
    size_t sum = 0;
    (void)context;
    const double start = sl_clock_get();
    for (size_t round = 0; round < CHAIN_ROUNDS; round++) {
#pragma GCC unroll 64
        for (size_t k = 0; k < CHAIN; k++) {
            sum += round;
            __asm__ volatile("" : "+r"(sum));
        }
    }
    return (double)CHAIN * CHAIN_ROUNDS / (sl_clock_get() - start);
}

const sl_column sl_kernel_columns[SL_KERNEL_COLUMNS] = {
    {"kernel", "kernel", -8, 0, 0},
    {"isa", "isa", -6, 0, 0},
    {"elements", "elements", 8, 0, 0},
    {"ns_per_element", "ns/element", 11, 4, 0},
    {"cycles_per_element", "cycles", 8, 3, 0},
    {"gflops", "GFLOP/s", 8, 1, 0},
    {"clock_ghz", "GHz", 5, 2, 0},
    {"spread", "spread", 6, 2, 0},
};

static json_t *to_row(const sl_micro *micro, const sl_kernel *kernel, const sl_timing *timing)
{
    const size_t elements = micro->elements(kernel);
    const double each = timing->seconds.min / (double)elements;
    /* clang-format off */
    return json_pack("{ss ss sI sf sf sf sf sf so sf si sI}",
                     "kernel", micro->name,
                     "isa", sluice_isa_get_name(kernel->isa),
                     "elements", (json_int_t)elements,
                     "seconds_min", timing->seconds.min,
                     "seconds_median", timing->seconds.median,
                     "spread", sl_timing_spread(timing),
                     "ns_per_element", each * 1e9,
                     "cycles_per_element", each * timing->reference.max,
                     "gflops", micro->flop_per_element ? json_real((double)micro->flop_per_element / each * 1e-9) : json_null(),
                     "clock_ghz", timing->reference.max * 1e-9,
                     "repetitions", (int)timing->repetitions,
                     "calls", (json_int_t)timing->calls);
    /* clang-format on */
}

static bool prepare(sl_bench *bench)
{
    bench->in = sl_alloc_array(ELEMENTS, sizeof(float));
    bench->out = sl_alloc_array((size_t)TILE_ROWS_MAX * SL_BLOCK_VECTORS * LANES_MAX, sizeof(float));
    bench->weights = sl_alloc_array((size_t)TERMS * SL_BLOCK_VECTORS * LANES_MAX, sizeof(float));
    if (!bench->in || !bench->out || !bench->weights)
        return false;
    for (size_t k = 0; k < ELEMENTS; k++) /* 389 is prime to 1024: every value once, in no order that a branch could learn */
        bench->in[k] = (float)(k * 389 % ELEMENTS) * (16.0f / ELEMENTS) - 8;
    for (size_t k = 0; k < (size_t)TERMS * SL_BLOCK_VECTORS * LANES_MAX; k++)
        bench->weights[k] = bench->in[k % ELEMENTS] * (1.0f / 64);
    for (size_t r = 0; r < TILE_ROWS_MAX; r++) {
        bench->start[r] = bench->in;
        bench->x[r] = bench->in + r * (ELEMENTS - TERMS) / TILE_ROWS_MAX;
    }
    return true;
}

static sluice_status find_kernel(sluice_isa isa, const sl_kernel **kernel, sluice_error *error)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    const sluice_status status = sluice_environment_get(NULL, &environment, error);
    if (status)
        return status;
    *kernel = sl_kernel_get(isa ? isa : environment.best_isa);
    if (isa > environment.best_isa || !*kernel)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s: this machine or this build lacks it; its best is %s",
                       sluice_isa_get_name(isa), sluice_isa_get_name(environment.best_isa));
    return SLUICE_STATUS_OK;
}

sluice_status sl_kernels_run(sluice_isa isa, const sl_plan *plan, sl_bench_report *report, sl_tally *tally, sluice_error *error)
{
    sl_bench bench = {0};
    sluice_status status = find_kernel(isa, &bench.kernel, error);
    if (status)
        return status;
    assert(bench.kernel->tile_rows <= TILE_ROWS_MAX && bench.kernel->lanes <= LANES_MAX);
    if (!prepare(&bench))
        status = sl_fail_memory(error, "a micro-benchmark", sizeof(float) * ELEMENTS);
    for (size_t k = 0; !status && k < sizeof micros / sizeof micros[0]; k++) {
        const sl_workload workload = {micros[k].call, get_clock, &bench};
        sl_timing timing;
        status = sl_measure(plan, &workload, &timing, error);
        if (!status && timing.repetitions < plan->repetitions)
            break;
        if (!status)
            sl_tally_add(tally, &timing);
        if (!status)
            status = sl_bench_report_add(report, to_row(&micros[k], bench.kernel, &timing), error);
    }
    sl_free(bench.in);
    sl_free(bench.out);
    sl_free(bench.weights);
    return status;
}
