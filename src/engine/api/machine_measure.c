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

/* The least of many short timings counts: on a busy machine some of them find moments that nothing disturbs, long ones never do. The
 * trials take turns, for what disturbs may last for a tenth of a second. */
enum { PASSES = 5, ROUNDS_LEAST = 3, CLOCK_ROUNDS = 16 };
#define ROUND_SECONDS 50e-6
#define TURN_SECONDS 0.03

/* Weights from main memory are twice as large as L3, and are measured up to this size of L3. */
enum { L3_BYTES_MOST = 1 << 27 };

/* A figure is looked for within this factor of the table's; beyond it something else was measured, and the table's stays. */
#define FACTOR_MOST 8.0

/* What is timed: a network of one LSTM layer of one input, by a schedule. */
typedef struct trial {
    size_t hidden; /* 0: not here */
    size_t rows, steps;
    unsigned threads;
    sluice_engine *engine;
    sluice_workspace *workspace;
    float *zeros;   /* the inputs */
    double seconds; /* the least so far */
} trial;

/* In the order in which figures are fitted: each depends on those before it. */
enum { L2, ACTIVATION, L3, SHARED_L3, DRAM, ALL_DRAM, REGION_ALONE, REGION, TRIALS };

typedef struct measurement {
    sluice_machine machine; /* as found so far */
    unsigned threads;
    double clock; /* Hz, the highest that was seen */
    trial trials[TRIALS];
    const sluice_measure_options *until;
    sluice_error *error;
} measurement;

static sluice_status check_cancelled(const measurement *m)
{
    if (!m->until->is_cancelled || !m->until->is_cancelled(m->until->context))
        return SLUICE_STATUS_OK;
    return sl_fail(m->error, SLUICE_STATUS_CANCELLED, "sluice_machine_measure: cancelled by the caller");
}

/* ---- A trial ---------------------------------------------------------------------------------------------------------------- */

static sluice_status make_engine(const measurement *m, trial *t)
{
    const sluice_shape shape = {
        .struct_size = sizeof shape, .layers = 1, .directions = 1, .inputs = 1, .hidden = t->hidden, .has_bias = 0};
    const sluice_engine_options options = {.struct_size = sizeof options,
                                           .isa = m->machine.isa,
                                           .gemm = SLUICE_GEMM_FUSED,
                                           .precision = SLUICE_PRECISION_F32,
                                           .schedule = SLUICE_SCHEDULE_ROWS,
                                           .threads = t->threads};
    sluice_model *model;
    sluice_status status = sluice_model_create_initial(&shape, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &model, m->error);
    if (status)
        return status;
    status = sluice_engine_create(model, &options, &t->engine, m->error);
    sluice_model_destroy(model);
    return status;
}

static sluice_status begin_trial(measurement *m, trial *t)
{
    t->seconds = INFINITY;
    if (!t->hidden)
        return SLUICE_STATUS_OK;
    const sluice_status status = make_engine(m, t);
    if (status)
        return status;
    t->zeros = sl_alloc_array(t->rows * t->steps, sizeof *t->zeros);
    return t->zeros ? sluice_workspace_create(t->engine, t->rows, t->steps, &t->workspace, m->error)
                    : sl_fail_memory(m->error, "a batch to measure", t->rows * t->steps * sizeof *t->zeros);
}

static void end_trial(trial *t)
{
    sluice_workspace_destroy(t->workspace);
    sluice_engine_destroy(t->engine);
    sl_free(t->zeros);
}

static sluice_status take_turn(measurement *m, trial *t)
{
    const sluice_batch batch = {.struct_size = sizeof batch, .steps = t->steps, .rows = t->rows, .x = t->zeros};
    const double end = sl_clock_get() + TURN_SECONDS;
    sluice_status status = SLUICE_STATUS_OK;
    for (unsigned round = 0; t->hidden && !status && (round < ROUNDS_LEAST || sl_clock_get() < end); round++) {
        if (round % CLOCK_ROUNDS == 0)
            m->clock = fmax(m->clock, sl_clock_rate_measure());
        t->seconds = fmin(t->seconds, sl_calls_time(t->workspace, &batch, ROUND_SECONDS));
        status = check_cancelled(m);
    }
    return status;
}

/* Make some trials, let them take turns, and keep their seconds. */
static sluice_status time_trials(measurement *m, size_t first, size_t last, unsigned passes)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = first; k <= last && !status; k++)
        status = begin_trial(m, &m->trials[k]);
    for (unsigned pass = 0; pass < passes; pass++)
        for (size_t k = first; k <= last && !status; k++)
            status = take_turn(m, &m->trials[k]);
    return status;
}

/* The estimate of a trial with another value of a figure. */
static double estimate(const trial *t, double *figure, double value)
{
    const sl_batch_load load = sl_batch_load_get(t->engine, t->rows, t->steps, NULL);
    const sl_exec_plan plan = sl_exec_plan_choose(t->engine, &load); /* the only one of its schedule */
    *figure = value;
    return sl_exec_plan_cycles(t->engine, &load, &plan);
}

/* Set a figure so that the estimate of a trial is what it took, by bisection of its logarithm; if none does, leave it. */
static void fit(measurement *m, size_t index, size_t offset)
{
    const trial *t = &m->trials[index];
    if (!t->hidden)
        return;
    t->engine->machine = m->machine;
    double *const figure = (double *)(void *)((char *)&t->engine->machine + offset);
    const double before = *figure, cycles = t->seconds * m->clock;
    double low = before / FACTOR_MOST, high = before * FACTOR_MOST;
    const bool rises = estimate(t, figure, high) > estimate(t, figure, low);
    while (high / low > 1.0001) {
        const double middle = sqrt(low * high);
        const bool is_above = estimate(t, figure, middle) > cycles;
        *(is_above == rises ? &high : &low) = middle;
    }
    const bool is_found = low > before / FACTOR_MOST && high < before * FACTOR_MOST;
    *figure = is_found ? sqrt(low * high) : before;
    m->machine = t->engine->machine;
}

/* ---- The trials ------------------------------------------------------------------------------------------------------------- */

/* Hidden units whose recurrent weights are of about so many bytes, in whole cache lines; 0 of none. */
static size_t hidden_of(size_t bytes)
{
    const size_t lines = (size_t)(sqrt((double)bytes / (SL_GATES * sizeof(float))) / SL_LINE_FLOATS);
    return bytes ? sl_size_max(1, lines) * SL_LINE_FLOATS : 0;
}

/* One thread with one row, or as many threads, each with a row, if there are several. */
static void plan_pair(measurement *m, size_t alone, size_t bytes, size_t steps)
{
    const size_t hidden = hidden_of(bytes);
    m->trials[alone] = (trial){.hidden = hidden, .rows = 1, .steps = steps, .threads = 1};
    m->trials[alone + 1] =
        (trial){.hidden = m->threads > 1 ? hidden : 0, .rows = m->threads, .steps = steps, .threads = m->threads};
}

/* Without vectors multiply-adds take longer than any weights to come, and nothing is found of memory. */
static void plan_trials(measurement *m, const sl_limits *limits)
{
    const bool has_vectors = sl_kernel_get(m->machine.isa)->lanes > 1;
    const size_t wanted = sl_size_min(4 * limits->l2_bytes, limits->l3_bytes / 2);
    const size_t l3 = has_vectors && wanted > 2 * limits->l2_bytes ? wanted : 0; /* weights that stay in L3, but not in L2 */
    plan_pair(m, L3, l3, 20);
    plan_pair(m, DRAM, l3 && limits->l3_bytes <= L3_BYTES_MOST ? 2 * limits->l3_bytes : 0, 4);
    plan_pair(m, REGION_ALONE, SL_GATES * SL_LINE_FLOATS * SL_LINE_FLOATS * sizeof(float), 1);
    m->trials[L2] = (trial){.hidden = has_vectors ? hidden_of(limits->l2_bytes / 2) : 0, .rows = 1, .steps = 50, .threads = 1};
    m->trials[ACTIVATION] = (trial){.hidden = 64, .rows = 24, .steps = 50, .threads = 1}; /* whole tiles of any instruction set */
}

/* Barriers one after the other, by themselves. */
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

/* ---- The figures ------------------------------------------------------------------------------------------------------------ */

/* The peak counts whole vectors a cycle, where it is not one of software. */
static void find_multiply_adds(measurement *m)
{
    const double peak = sluice_peak_measure(m->machine.isa);
    for (unsigned round = 0; round < CLOCK_ROUNDS; round++)
        m->clock = fmax(m->clock, sl_clock_rate_measure());
    const double found = 1e9 * peak / (2.0 * (double)sl_kernel_get(m->machine.isa)->lanes * m->clock), whole = round(found);
    m->machine.multiply_adds = fabs(found - whole) < 0.1 * whole ? whole : found;
}

/* Multiply what is of a barrier, or of a region, and what is of each thread in it, so that their sum is `cycles`; if that is beyond
 * reason, leave them. */
static void scale(double *each, double *thread, unsigned threads, double cycles)
{
    const double factor = cycles / (*each + *thread * threads);
    if (!(factor >= 1 / FACTOR_MOST && factor <= FACTOR_MOST))
        return;
    *each *= factor;
    *thread *= factor;
}

static sluice_status find_barrier(measurement *m)
{
    barriers b = {.flags = sl_alloc_array(m->threads, sizeof *b.flags)};
    if (!b.flags)
        return sl_fail_memory(m->error, "barriers to measure", m->threads * sizeof *b.flags);
    sl_threads_run(m->threads, wait_often, &b);
    scale(&m->machine.barrier_cycles, &m->machine.barrier_thread_cycles, m->threads, b.seconds * m->clock);
    sl_free(b.flags);
    return check_cancelled(m);
}

static void find_figures(measurement *m)
{
    sluice_machine *machine = &m->machine;
    const double all_dram = machine->all_dram_bytes;
    /* The activations' trial has some of L2's rate in it, and that of L2 some of the activations. */
    fit(m, L2, offsetof(sluice_machine, l2_bytes));
    fit(m, ACTIVATION, offsetof(sluice_machine, activation_cycles));
    fit(m, L2, offsetof(sluice_machine, l2_bytes));
    fit(m, L3, offsetof(sluice_machine, l3_bytes));
    fit(m, SHARED_L3, offsetof(sluice_machine, shared_l3_bytes));
    fit(m, DRAM, offsetof(sluice_machine, dram_bytes));
    fit(m, ALL_DRAM, offsetof(sluice_machine, all_dram_bytes));
    if (machine->all_dram_bytes >=
        machine->dram_bytes * m->threads) /* each reads as if alone, which says nothing of more threads */
        machine->all_dram_bytes = fmax(all_dram, machine->dram_bytes * m->threads);
    scale(&machine->region_cycles, &machine->region_thread_cycles, m->threads,
          (m->trials[REGION].seconds - m->trials[REGION_ALONE].seconds) * m->clock);
}

static sluice_status measure_all(measurement *m)
{
    trial probe = {.hidden = SL_LINE_FLOATS, .rows = 1, .steps = 1, .threads = 1};
    sluice_status status = make_engine(m, &probe);
    if (status)
        return status;
    const sl_limits limits = probe.engine->limits;
    sluice_engine_destroy(probe.engine);
    plan_trials(m, &limits);
    find_multiply_adds(m);
    status = time_trials(m, L2, SHARED_L3, PASSES);
    status = status ? status : time_trials(m, REGION_ALONE, REGION, PASSES);
    status = status ? status : time_trials(m, DRAM, ALL_DRAM, 2);
    if (!status) /* with the highest clock of all trials */
        find_figures(m);
    for (size_t k = 0; k < TRIALS; k++)
        end_trial(&m->trials[k]);
    return status || m->threads == 1 ? status : find_barrier(m);
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
        status =
            sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                    "sluice_machine_measure: the caller is in a parallel region, where calls use one thread; measure outside it");
    if (status)
        return status;
    sl_machine_get_of(choice.isa, &m.machine);
    m.threads = (unsigned)sl_size_min(choice.threads, sl_threads_cpus());
    status = measure_all(&m);
    if (status)
        return status;
    m.machine.threads = choice.threads;
    snprintf(m.machine.source, sizeof m.machine.source, "measured on %u thread%s", m.threads, m.threads > 1 ? "s" : "");
    sl_struct_give(machine, &m.machine, SL_STRUCT(sluice_machine));
    return SLUICE_STATUS_OK;
}
