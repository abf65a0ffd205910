/*
 * Measuring the figures of a machine: networks are timed whose speed depends on one figure above all, and the figure is the one with
 * which the cost model's estimate is the time that was found. So a figure has in it what the model leaves out, as prefetching. Barriers
 * are timed by themselves: a step that is short enough to show them is shorter than what disturbs it.
 */
#include "base/clock.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "base/system/barrier.h"
#include "base/system/thread_count.h"
#include "base/system/threads.h"
#include "engine/api/timed_calls.h"
#include "engine/clock_rate.h"
#include "engine/environment.h"
#include "engine/forward/workspace.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/cost_model.h"
#include "engine/schedule/machine_figures.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* The least of many short timings counts: on a busy machine some of them find moments that nothing disturbs, long ones never do. */
enum { ROUNDS_LEAST = 5, CLOCK_ROUNDS = 32 }; /* of the latter one in so many also measures the clock */
#define ROUND_SECONDS 50e-6
#define TRIAL_SECONDS 0.15

/* Weights from main memory are twice as large as L3, and are measured up to this size of L3. */
enum { L3_BYTES_MOST = 1 << 27 };

/* A figure is looked for within this factor of the table's; beyond it something else was measured, and the table's stays. */
#define FACTOR_MOST 8.0

typedef struct measurement {
    sluice_machine machine; /* as found so far */
    unsigned threads;
    double clock; /* Hz, the highest that was seen */
    const sluice_measure_options *until;
    sluice_error *error;
} measurement;

/* What is timed: a network of one LSTM layer of one input, by a schedule. */
typedef struct trial {
    size_t hidden, rows, steps;
    sluice_schedule schedule;
    unsigned threads;
} trial;

static sluice_status check_cancelled(const measurement *m)
{
    if (!m->until->is_cancelled || !m->until->is_cancelled(m->until->context))
        return SLUICE_STATUS_OK;
    return sl_fail(m->error, SLUICE_STATUS_CANCELLED, "sluice_machine_measure: cancelled by the caller");
}

/* ---- A trial ---------------------------------------------------------------------------------------------------------------- */

/* Cycles of a batch, all of zeros. Its initial states are given, for without them the first step has no products of h. */
static sluice_status time_batch(measurement *m, const sluice_engine *engine, const trial *t, double *cycles)
{
    sluice_workspace *workspace = NULL;
    const size_t count = t->rows * sl_size_max(t->hidden, t->steps);
    float *zeros = sl_alloc_array(count, sizeof *zeros);
    sluice_status status = zeros ? sluice_workspace_create(engine, t->rows, t->steps, &workspace, m->error)
                                 : sl_fail_memory(m->error, "a batch to measure", count * sizeof *zeros);
    const sluice_batch batch = {
        .struct_size = sizeof batch, .steps = t->steps, .rows = t->rows, .x = zeros, .h0 = zeros, .c0 = zeros};
    double seconds = INFINITY;
    const double end = sl_clock_get() + TRIAL_SECONDS;
    for (unsigned round = 0; !status && (round < ROUNDS_LEAST || sl_clock_get() < end); round++) {
        if (round % CLOCK_ROUNDS == 0)
            m->clock = fmax(m->clock, sl_clock_rate_measure());
        seconds = fmin(seconds, sl_calls_time(workspace, &batch, ROUND_SECONDS));
        status = check_cancelled(m);
    }
    *cycles = seconds * m->clock;
    sluice_workspace_destroy(workspace);
    sl_free(zeros);
    return status;
}

static sluice_status make_engine(const measurement *m, const trial *t, sluice_engine **engine)
{
    const sluice_shape shape = {
        .struct_size = sizeof shape, .layers = 1, .directions = 1, .inputs = 1, .hidden = t->hidden, .has_bias = 0};
    const sluice_engine_options options = {.struct_size = sizeof options,
                                           .isa = m->machine.isa,
                                           .gemm = SLUICE_GEMM_FUSED,
                                           .precision = SLUICE_PRECISION_F32,
                                           .schedule = t->schedule,
                                           .threads = t->threads};
    sluice_model *model;
    *engine = NULL;
    sluice_status status = sluice_model_create_initial(&shape, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &model, m->error);
    if (status)
        return status;
    status = sluice_engine_create(model, &options, engine, m->error);
    sluice_model_destroy(model);
    return status;
}

static sluice_status time_trial(measurement *m, const trial *t, double *cycles)
{
    sluice_engine *engine;
    sluice_status status = make_engine(m, t, &engine);
    if (!status)
        status = time_batch(m, engine, t, cycles);
    sluice_engine_destroy(engine);
    return status;
}

/* The estimate of a trial with another value of a figure. */
static double estimate(sluice_engine *engine, const trial *t, double *figure, double value)
{
    const sl_batch_load load = sl_batch_load_get(engine, t->rows, t->steps, NULL);
    const sl_exec_plan plan = sl_exec_plan_choose(engine, &load); /* the only one of its schedule */
    *figure = value;
    return sl_exec_plan_cycles(engine, &load, &plan);
}

/* Set a figure so that the estimate of a trial is what it takes, by bisection of its logarithm; if none does, leave it. */
static sluice_status fit(measurement *m, const trial *t, size_t offset)
{
    sluice_engine *engine;
    double cycles = 0;
    sluice_status status = make_engine(m, t, &engine);
    if (!status)
        status = time_batch(m, engine, t, &cycles);
    if (!status) {
        engine->machine = m->machine;
        double *const figure = (double *)(void *)((char *)&engine->machine + offset);
        const double before = *figure;
        double low = before / FACTOR_MOST, high = before * FACTOR_MOST;
        const bool rises = estimate(engine, t, figure, high) > estimate(engine, t, figure, low);
        while (high / low > 1.0001) {
            const double middle = sqrt(low * high);
            const bool is_above = estimate(engine, t, figure, middle) > cycles;
            *(is_above == rises ? &high : &low) = middle;
        }
        const bool is_found = low > before / FACTOR_MOST && high < before * FACTOR_MOST;
        *figure = is_found ? sqrt(low * high) : before;
        m->machine = engine->machine;
    }
    sluice_engine_destroy(engine);
    return status;
}

/* ---- The figures ------------------------------------------------------------------------------------------------------------ */

/* The peak counts whole vectors a cycle, where it is not one of software. */
static void measure_multiply_adds(measurement *m)
{
    const double peak = sluice_peak_measure(m->machine.isa);
    for (unsigned round = 0; round < CLOCK_ROUNDS; round++)
        m->clock = fmax(m->clock, sl_clock_rate_measure());
    const double found = 1e9 * peak / (2.0 * (double)sl_kernel_get(m->machine.isa)->lanes * m->clock), whole = round(found);
    m->machine.multiply_adds = fabs(found - whole) < 0.1 * whole ? whole : found;
}

/* Hidden units whose recurrent weights are of about so many bytes, in whole cache lines. */
static size_t hidden_of(size_t bytes)
{
    const size_t lines = (size_t)(sqrt((double)bytes / (SL_GATES * sizeof(float))) / SL_LINE_FLOATS);
    return sl_size_max(1, lines) * SL_LINE_FLOATS;
}

/* Weights that stay in L3 but not in L2 are of so many bytes; 0: there are none. */
static size_t l3_bytes_of(const sl_limits *limits)
{
    const size_t bytes = sl_size_min(4 * limits->l2_bytes, limits->l3_bytes / 2);
    return bytes > 2 * limits->l2_bytes ? bytes : 0;
}

/* Main memory: to one core, and to all. The threads' sum says nothing of all where they read as fast as one alone. */
static sluice_status measure_dram(measurement *m, size_t l3_bytes)
{
    const double before = m->machine.all_dram_bytes;
    trial t = {hidden_of(2 * l3_bytes), 1, 4, SLUICE_SCHEDULE_ROWS, 1};
    sluice_status status = fit(m, &t, offsetof(sluice_machine, dram_bytes));
    if (status || m->threads == 1)
        return status;
    t.rows = t.threads = m->threads;
    status = fit(m, &t, offsetof(sluice_machine, all_dram_bytes));
    const double each = m->machine.dram_bytes * m->threads;
    if (!status && m->machine.all_dram_bytes >= each)
        m->machine.all_dram_bytes = fmax(before, each);
    return status;
}

static sluice_status measure_memory(measurement *m, const sl_limits *limits)
{
    const trial l2 = {hidden_of(limits->l2_bytes / 2), 1, 50, SLUICE_SCHEDULE_ROWS, 1};
    sluice_status status = fit(m, &l2, offsetof(sluice_machine, l2_bytes));
    const size_t bytes = l3_bytes_of(limits);
    trial l3 = {hidden_of(bytes), 1, 20, SLUICE_SCHEDULE_ROWS, 1};
    if (!status && bytes)
        status = fit(m, &l3, offsetof(sluice_machine, l3_bytes));
    l3.rows = l3.threads = m->threads;
    if (!status && bytes && m->threads > 1)
        status = fit(m, &l3, offsetof(sluice_machine, shared_l3_bytes));
    return status || !bytes || limits->l3_bytes > L3_BYTES_MOST ? status : measure_dram(m, limits->l3_bytes);
}

/* Barriers one after the other. */
typedef struct barriers {
    sl_barrier_flag *flags; /* [threads] */
    double seconds;         /* of one */
} barriers;

static void wait_often(void *context, unsigned thread, unsigned threads)
{
    enum { WAITS = 50, ROUNDS = 5000 };
    barriers *b = context;
    unsigned arrivals = 0;
    double seconds = INFINITY;
    for (unsigned round = 0; round < ROUNDS; round++) {
        sl_barrier_wait(b->flags, threads, thread, &arrivals);
        const double start = sl_clock_get();
        for (int k = 0; k < WAITS; k++)
            sl_barrier_wait(b->flags, threads, thread, &arrivals);
        seconds = fmin(seconds, (sl_clock_get() - start) / WAITS);
    }
    if (thread == 0)
        b->seconds = seconds;
}

/* Multiply what is of a barrier, or of a region, and what is of each thread in it, so that their sum is `cycles`; if that is beyond
 * reason, leave them. */
static void scale(double *each, double *thread, unsigned threads, double cycles)
{
    const double factor = cycles / (*each + *thread * threads);
    if (factor < 1 / FACTOR_MOST || factor > FACTOR_MOST)
        return;
    *each *= factor;
    *thread *= factor;
}

static sluice_status measure_barrier(measurement *m)
{
    barriers b = {.flags = sl_alloc_array(m->threads, sizeof *b.flags)};
    if (!b.flags)
        return sl_fail_memory(m->error, "barriers to measure", m->threads * sizeof *b.flags);
    sl_threads_run(m->threads, wait_often, &b);
    scale(&m->machine.barrier_cycles, &m->machine.barrier_thread_cycles, m->threads, b.seconds * m->clock);
    sl_free(b.flags);
    return check_cancelled(m);
}

/* A step of a row on each thread, and the same without a region. */
static sluice_status measure_region(measurement *m)
{
    trial t = {SL_LINE_FLOATS, 1, 1, SLUICE_SCHEDULE_ROWS, 1};
    double alone, together;
    sluice_status status = time_trial(m, &t, &alone);
    t.rows = t.threads = m->threads;
    if (!status)
        status = time_trial(m, &t, &together);
    if (!status)
        scale(&m->machine.region_cycles, &m->machine.region_thread_cycles, m->threads, together - alone);
    return status;
}

static sluice_status measure_all(measurement *m)
{
    const trial activation = {64, 24, 50, SLUICE_SCHEDULE_ROWS, 1}; /* whole tiles of any instruction set */
    sluice_engine *engine;
    sluice_status status = make_engine(m, &activation, &engine); /* which has the sizes of the caches */
    if (status)
        return status;
    const sl_limits limits = engine->limits;
    sluice_engine_destroy(engine);
    measure_multiply_adds(m);
    status = fit(m, &activation, offsetof(sluice_machine, activation_cycles));
    if (!status && sl_kernel_get(m->machine.isa)->lanes > 1) /* without vectors multiply-adds take longer than any weights */
        status = measure_memory(m, &limits);
    if (!status && m->threads > 1)
        status = measure_barrier(m);
    return status || m->threads == 1 ? status : measure_region(m);
}

/* ---- The call --------------------------------------------------------------------------------------------------------------- */

sluice_status sluice_machine_measure(const sluice_engine_options *options, const sluice_measure_options *until,
                                     sluice_machine *machine, sluice_error *error)
{
    sluice_measure_options known = {0};
    measurement m = {.until = &known, .error = error};
    sl_choice choice;
    sluice_status status = sl_struct_check(machine, SL_STRUCT(sluice_machine), "sluice_machine_measure", error);
    if (!status && until)
        status = sl_struct_take(&known, until, SL_STRUCT(sluice_measure_options), "sluice_machine_measure", error);
    if (!status)
        status = sl_choose(options, &choice, error);
    if (!status && sl_threads_alone())
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                         "sluice_machine_measure: the caller is in a parallel region, where calls use one thread; measure outside it");
    if (status)
        return status;
    sl_machine_get_of(choice.isa, &m.machine);
    m.threads = (unsigned)sl_size_min(choice.threads, sl_threads_cpus());
    status = measure_all(&m);
    if (status)
        return status;
    m.machine.threads = m.threads;
    snprintf(m.machine.source, sizeof m.machine.source, "measured on %u thread%s", m.threads, m.threads > 1 ? "s" : "");
    sl_struct_give(machine, &m.machine, SL_STRUCT(sluice_machine));
    return SLUICE_STATUS_OK;
}
