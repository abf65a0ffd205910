#include "perf/measure/kernel_bench.h"

#include "perf/measure/bandwidth.h"
#include "perf/measure/other_functions.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/system/thread_count.h"
#include "engine/blis_gemm.h"
#include "kernel/kernel.h"
#include "sluice_tools.h"

#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdio.h>

/* An array of activations: 4 KiB, an eighth of the smallest L1 there is, so that input, output and constants stay there. */
enum { ELEMENTS = 1024 };

/* Terms of a product of one block: its weights are TERMS * 4 * lanes floats, 24 KiB at 16 lanes. With more blocks each has fewer terms,
 * so that all blocks together have the same size. */
enum { TERMS = 96 };

/* One call of the peak kernel: 2 * SL_PEAK_CHAINS * lanes * ROUNDS operations, some microseconds. */
enum { ROUNDS = 4096 };

/* The product of a step of a batch with N = 64, H = 256. */
enum { GEMM_ROWS = 64, GEMM_COLUMNS = 1024, GEMM_TERMS = 256 };

typedef struct sl_bench {
    const sl_kernel *kernel; /* NULL: another's */
    sl_map *map;             /* NULL: the kernel's `activation` */
    sluice_activation activation;
    float *in;      /* [ELEMENTS] in [-8, 8): where the functions are curved, and some of where they saturate */
    float *x;       /* [GEMM_ROWS][GEMM_TERMS] */
    float *weights; /* [GEMM_TERMS][GEMM_COLUMNS], or panels of it */
    float *zeros;   /* [GEMM_COLUMNS] */
    float *out;     /* [GEMM_ROWS][GEMM_COLUMNS] */
    size_t rows, columns, terms;
    const float *start_row[GEMM_ROWS], *x_row[GEMM_ROWS];
    volatile float sink;
} sl_bench;

/* ---- Calls ----------------------------------------------------------------------------------------------------------------- */

static sluice_status call_peak(void *context, sluice_error *error)
{
    sl_bench *bench = context;
    (void)error;
    bench->sink = bench->kernel->peak(ROUNDS);
    return SLUICE_STATUS_OK;
}

static sluice_status call_product(void *context, sluice_error *error)
{
    const sl_bench *bench = context;
    const size_t block = SL_BLOCK_VECTORS * bench->kernel->lanes;
    (void)error;
    const sl_packed_matrix weights = {
        .panels = bench->weights, .panel_stride = bench->terms * block, .blocks = bench->columns / block, .words = bench->terms};
    bench->kernel->product(&weights, bench->rows, bench->start_row, bench->x_row, bench->out, bench->columns);
    return SLUICE_STATUS_OK;
}

static sluice_status call_blis(void *context, sluice_error *error)
{
    const sl_bench *bench = context;
    (void)error;
    sl_blis_gemm(bench->rows, bench->columns, bench->terms, (sl_operand){bench->x, GEMM_TERMS, false},
                 (sl_operand){bench->weights, bench->columns, false}, true, bench->out, bench->columns);
    return SLUICE_STATUS_OK;
}

static sluice_status call_map(void *context, sluice_error *error)
{
    const sl_bench *bench = context;
    (void)error;
    if (bench->map)
        bench->map(ELEMENTS, bench->in, bench->out);
    else
        bench->kernel->activate(&bench->activation, ELEMENTS, bench->in, bench->out);
    return SLUICE_STATUS_OK;
}

/* ---- Checks ---------------------------------------------------------------------------------------------------------------- */

static sluice_status fail_check(const sl_micro *micro, size_t k, double found, double expected, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "wrong result: %s %s by %s%s%s: element %zu is %.9g, expected %.9g",
                   micro->kernel, micro->shape, micro->by, micro->isa ? ", " : "", micro->isa ? micro->isa : "", k, found,
                   expected);
}

/* Against float64; 4 epsilons let functions of another accuracy pass, but no wrong one. */
static sluice_status check_map(const sl_bench *bench, const sl_micro *micro, double (*right)(double), sluice_error *error)
{
    for (size_t k = 0; k < ELEMENTS; k++) {
        const double expected = right(bench->in[k]);
        if (!(fabs(bench->out[k] - expected) <= 4 * FLT_EPSILON))
            return fail_check(micro, k, bench->out[k], expected, error);
    }
    return SLUICE_STATUS_OK;
}

/* Against float64: a sum of so many terms, added in any order, errs by less than as many epsilons of the terms' own sum. */
static sluice_status check_product(const sl_bench *bench, const sl_micro *micro, sluice_error *error)
{
    const size_t lanes = bench->kernel ? bench->kernel->lanes : 0,
                 block = bench->kernel ? SL_BLOCK_VECTORS * lanes : bench->columns;
    const size_t stride = bench->kernel ? 2 * lanes : bench->columns;
    for (size_t k = 0; k < bench->rows * bench->columns; k++) {
        const size_t row = k / bench->columns, column = k % bench->columns;
        const size_t first = bench->kernel ? sl_panel_column(bench->terms, lanes, column % block) : column;
        const float *w = bench->weights + column / block * block * bench->terms + first;
        double sum = 0, size = 0;
        for (size_t t = 0; t < bench->terms; t++) {
            const double product = (double)bench->x_row[row][t] * (double)w[t * stride];
            sum += product;
            size += fabs(product);
        }
        if (!(fabs(bench->out[k] - sum) <= (double)bench->terms * FLT_EPSILON * size))
            return fail_check(micro, k, bench->out[k], sum, error);
    }
    return SLUICE_STATUS_OK;
}

static double right_sigmoid(double x)
{
    return 1 / (1 + exp(-x));
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------ */

static sl_micro make_micro(const sl_bench *bench, const char *kernel, const char *by)
{
    return (sl_micro){
        .kernel = kernel, .by = by, .isa = bench->kernel ? sluice_isa_get_name(bench->kernel->isa) : NULL, .threads = 1};
}

/* sigmoid and tanh of any library; both NULL: of the kernel. */
static sluice_status run_maps(sl_bench *bench, const char *by, sluice_isa isa, sl_map *sigmoid, sl_map *tangent,
                              const sl_micro_run *run, sluice_error *error)
{
    const struct {
        const char *name;
        sl_map *map;
        sluice_function function;
        double (*right)(double);
    } maps[] = {{"sigmoid", sigmoid, SLUICE_FUNCTION_SIGMOID, right_sigmoid}, {"tanh", tangent, SLUICE_FUNCTION_TANH, tanh}};
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < 2; k++) {
        sl_micro micro = make_micro(bench, maps[k].name, by);
        micro.isa = isa ? sluice_isa_get_name(isa) : NULL;
        micro.elements = ELEMENTS;
        snprintf(micro.shape, sizeof micro.shape, "%d", ELEMENTS);
        bench->map = maps[k].map;
        bench->activation = (sluice_activation){maps[k].function, 0, 0};
        status = call_map(bench, error);
        status = status ? status : check_map(bench, &micro, maps[k].right, error);
        status = status ? status : sl_micro_time(run, &micro, call_map, bench, error);
    }
    return status;
}

static sluice_status run_peak(sl_bench *bench, const sl_micro_run *run, sluice_error *error)
{
    sl_micro micro = make_micro(bench, "peak", "sluice");
    micro.elements = (double)SL_PEAK_CHAINS * (double)bench->kernel->lanes * ROUNDS;
    micro.flop = 2 * micro.elements;
    snprintf(micro.shape, sizeof micro.shape, "%dx%d", SL_PEAK_CHAINS, ROUNDS);
    return sl_micro_time(run, &micro, call_peak, bench, error);
}

/* The product of the bench's rows, columns and terms, checked and timed; its shape is in micro. */
static sluice_status run_product(sl_bench *bench, sl_micro *micro, sluice_status (*call)(void *context, sluice_error *error),
                                 const sl_micro_run *run, sluice_error *error)
{
    micro->elements = (double)bench->rows * (double)bench->columns;
    micro->flop = 2 * micro->elements * (double)bench->terms;
    for (size_t k = 0; k < bench->rows * bench->columns; k++)
        bench->out[k] = 0; /* BLIS adds to it */
    sluice_status status = call(bench, error);
    status = status ? status : check_product(bench, micro, error);
    return status ? status : sl_micro_time(run, micro, call, bench, error);
}

static sluice_status run_tiles(sl_bench *bench, const sl_micro_run *run, sluice_error *error)
{
    const sl_kernel *kernel = bench->kernel;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t rows = 1; rows <= kernel->tile_rows; rows++)
        for (size_t blocks = 1; !status && rows * blocks <= kernel->tile_rows; blocks++) {
            sl_micro micro = make_micro(bench, "product", "sluice");
            bench->rows = rows;
            bench->columns = blocks * SL_BLOCK_VECTORS * kernel->lanes;
            bench->terms = TERMS / blocks;
            snprintf(micro.shape, sizeof micro.shape, "%zux%zu", rows, blocks);
            status = run_product(bench, &micro, call_product, run, error);
        }
    return status;
}

static sluice_status run_gemm(sl_bench *bench, const char *by, sluice_status (*call)(void *context, sluice_error *error),
                              const sl_micro_run *run, sluice_error *error)
{
    sl_micro micro = make_micro(bench, "gemm", by);
    bench->rows = GEMM_ROWS;
    bench->columns = GEMM_COLUMNS;
    bench->terms = GEMM_TERMS;
    snprintf(micro.shape, sizeof micro.shape, "%dx%dx%d", GEMM_ROWS, GEMM_COLUMNS, GEMM_TERMS);
    return run_product(bench, &micro, call, run, error);
}

/* ---- Arrays ---------------------------------------------------------------------------------------------------------------- */

static void release(sl_bench *bench)
{
    sl_free(bench->in);
    sl_free(bench->x);
    sl_free(bench->weights);
    sl_free(bench->zeros);
    sl_free(bench->out);
}

static sluice_status prepare(sl_bench *bench, sluice_error *error)
{
    enum { WEIGHTS = GEMM_TERMS * GEMM_COLUMNS, X = GEMM_ROWS * GEMM_TERMS };
    bench->in = sl_alloc_array(ELEMENTS, sizeof(float));
    bench->x = sl_alloc_array(X, sizeof(float));
    bench->weights = sl_alloc_array(WEIGHTS, sizeof(float));
    bench->zeros = sl_alloc_array(GEMM_COLUMNS, sizeof(float));
    bench->out = sl_alloc_array((size_t)GEMM_ROWS * GEMM_COLUMNS, sizeof(float));
    if (!bench->in || !bench->x || !bench->weights || !bench->zeros || !bench->out) {
        release(bench);
        return sl_fail_memory(error, "a micro-benchmark", sizeof(float) * WEIGHTS);
    }
    for (size_t k = 0; k < ELEMENTS;
         k++) /* 389 is prime to 1024: every value once, in an order that branch prediction cannot learn */
        bench->in[k] = (float)(k * 389 % ELEMENTS) * (16.0f / ELEMENTS) - 8;
    for (size_t k = 0; k < X; k++)
        bench->x[k] = bench->in[k * 7 % ELEMENTS];
    for (size_t k = 0; k < WEIGHTS; k++)
        bench->weights[k] = bench->in[k * 5 % ELEMENTS] * (1.0f / 64);
    for (size_t r = 0; r < GEMM_ROWS; r++) {
        bench->start_row[r] = bench->zeros;
        bench->x_row[r] = bench->x + r * GEMM_TERMS;
    }
    return SLUICE_STATUS_OK;
}

/* ---- Runs ------------------------------------------------------------------------------------------------------------------ */

static sluice_status find_kernel(sluice_isa isa, const sl_kernel **kernel, sluice_error *error)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    const sluice_status status = sluice_environment_get(NULL, &environment, error);
    if (status)
        return status;
    *kernel = sl_kernel_get(isa ? isa : environment.best_isa);
    if (!*kernel || !sl_isa_runs_here((*kernel)->isa))
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s: this machine or this build lacks it; its best is %s",
                       sluice_isa_get_name(isa), sluice_isa_get_name(environment.best_isa));
    return SLUICE_STATUS_OK;
}

/* The functions of other libraries for an instruction set. */
static sluice_status run_others(sl_bench *bench, sluice_isa isa, const sl_micro_run *run, sluice_error *error)
{
    const sl_other *other;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && (other = sl_other_get(k)); k++)
        if (other->isa == isa)
            status = run_maps(bench, other->name, isa, other->sigmoid, other->tanh, run, error);
    return status;
}

sluice_status sl_kernels_run(sluice_isa isa, const sl_micro_run *run, sluice_error *error)
{
    sl_bench bench = {0};
    sluice_status status = find_kernel(isa, &bench.kernel, error);
    status = status ? status : prepare(&bench, error);
    if (status)
        return status;
    const sl_kernel *kernel = bench.kernel;
    assert(kernel->tile_rows <= GEMM_ROWS && kernel->tile_rows * SL_BLOCK_VECTORS * kernel->lanes <= GEMM_COLUMNS);
    status = run_peak(&bench, run, error);
    status = status ? status : run_tiles(&bench, run, error);
    status = status ? status : run_gemm(&bench, "sluice", call_product, run, error);
    status = status ? status : run_maps(&bench, "sluice", kernel->isa, NULL, NULL, run, error);
    status = status ? status : run_others(&bench, kernel->isa, run, error);
    release(&bench);
    return status;
}

static sluice_status run_memory(unsigned threads, const sl_micro_run *run, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (sl_level level = SL_LEVEL_L1; !status && level < SL_LEVELS; level++) {
        sl_stream stream;
        if (!sl_stream_thread_bytes(level, threads))
            continue;
        status = sl_stream_run(level, threads, run->plan, &stream, error);
        sl_micro micro = {.kernel = "read", .by = "memory", .threads = stream.threads, .bytes = stream.call_bytes};
        micro.array_size = stream.thread_bytes;
        snprintf(micro.shape, sizeof micro.shape, "%s", sl_level_get_name(level));
        status = status ? status : sl_micro_add(run, &micro, &stream.timing, error);
    }
    return status;
}

sluice_status sl_kernels_run_rest(size_t count, const size_t *threads, const sl_micro_run *run, sluice_error *error)
{
    sl_bench bench = {0};
    sluice_environment environment = {.struct_size = sizeof environment};
    sluice_status status = sluice_environment_get(NULL, &environment, error);
    status = status ? status : prepare(&bench, error);
    if (status)
        return status;
    status = run_others(&bench, SLUICE_ISA_AUTO, run, error);
    status = status ? status : run_gemm(&bench, "blis", call_blis, run, error);
    const unsigned chosen = (unsigned)sl_size_min(environment.threads, sl_threads_cpus());
    for (size_t k = 0; !status && k < count; k++) {
        status = run_memory(threads[k] ? (unsigned)threads[k] : 1, run, error);
        if (!status && !threads[k] && chosen > 1)
            status = run_memory(chosen, run, error);
    }
    release(&bench);
    return status;
}
