#include "perf/scale/rank_bench.h"

#include "perf/report/record.h"
#include "perf/scale/rank_processes.h"
#include "perf/scale/rank_work.h"

#include "base/clock.h"
#include "base/error.h"
#include "base/size.h"
#include "base/system/thread_count.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- Rows ------------------------------------------------------------------------------------------------------------------ */

typedef struct rank_row {
    const char *work;
    size_t ranks;
    unsigned threads;
    size_t shards;
    sl_case shape;
    const char *ragged, *scaling;
    size_t floats;
    double seconds_min, seconds_median, spread, wait_seconds, exchange_seconds;
    double steps_per_second, gbytes_per_second, efficiency, vs_one;
    char digest_text[24];
    const char *digest, *hosts;
    unsigned repetitions;
    size_t calls, seed;
} rank_row;

#define FIELD(name) #name, offsetof(rank_row, name)
#define SHAPE(name) #name, offsetof(rank_row, shape.name), SL_FIELD_SIZE, SL_FIELD_ZERO_IS_NULL, ""
/* clang-format off */
static const sl_field fields[] = {
    {FIELD(work), SL_FIELD_TEXT, 0, "", "`inference`, `training` (whole updates) or `exchange` (the sum of vectors alone)", {"work", -9}},
    {FIELD(ranks), SL_FIELD_SIZE, 0, "", "processes", {"ranks", 5}},
    {FIELD(threads), SL_FIELD_UNSIGNED, 0, "", "threads of each rank", {"thr", 3}},
    {FIELD(shards), SL_FIELD_SIZE, 0, "", "parts into which the batch is cut; vectors that are added", {"shards", 6}},
    {SHAPE(steps), "T, time steps; null for an exchange, as the next ones", {"T", 5}},
    {SHAPE(batch), "N, rows of all ranks", {"N", 5}},
    {SHAPE(input), "I, inputs of a step", {"I", 5}},
    {SHAPE(hidden), "H, hidden units", {"H", 5}},
    {SHAPE(layers), "L, layers", {"L", 2}},
    {SHAPE(directions), "D, directions", {"D", 2}},
    {FIELD(ragged), SL_FIELD_TEXT, 0, "", "lengths of the rows"},
    {FIELD(floats), SL_FIELD_SIZE, SL_FIELD_ZERO_IS_NULL, "", "of each vector of an exchange", {"floats", 9}},
    {FIELD(seconds_min), SL_FIELD_REAL, 0, "s", "duration of a call on the slowest rank in the fastest repetition", {"ms", 9, 3, 1e3}},
    {FIELD(seconds_median), SL_FIELD_REAL, 0, "s", "likewise, in the median repetition", {"median", 9, 3, 1e3}},
    {FIELD(spread), SL_FIELD_REAL, 0, "", "`seconds_median` / `seconds_min` - 1", {"spread", 6, 2}},
    {FIELD(wait_seconds), SL_FIELD_REAL, 0, "s", "of a training call, on average on rank 0: waiting for other ranks", {"wait", 7, 3, 1e3}},
    {FIELD(exchange_seconds), SL_FIELD_REAL, 0, "s", "likewise: exchanging gradients while nothing was computed", {"exch", 7, 3, 1e3}},
    {FIELD(steps_per_second), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "1/s", "real steps of all ranks per second", {"steps/s", 10}},
    {FIELD(gbytes_per_second), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "GB/s",
     "of an exchange: the 2 (R - 1) / R of a vector that a rank has to send at least, per second", {"GB/s", 6, 2}},
    {FIELD(efficiency), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "",
     "`steps_per_second` / (`ranks` x `threads` x that of one rank of one thread), where that ran before", {"effic", 6, 3}},
    {FIELD(vs_one), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "",
     "`steps_per_second` / that of one rank with as many threads as all of these have, where that ran before", {"vs one", 6, 3}},
    {FIELD(digest), SL_FIELD_TEXT, 0, "",
     "of all outputs, of the weights after three updates, or of the sum: the same on any number of ranks", {"digest", -16}},
    {FIELD(scaling), SL_FIELD_TEXT, 0, "", "`weak`: --batch rows for each thread of each rank; else the batch is fixed"},
    {FIELD(hosts), SL_FIELD_TEXT, 0, "", "the addresses of --hosts; null: processes of one machine, over its loopback"},
    {FIELD(repetitions), SL_FIELD_UNSIGNED, 0, "", "repetitions that were timed"},
    {FIELD(calls), SL_FIELD_SIZE, 0, "", "calls in each repetition"},
    {FIELD(seed), SL_FIELD_SIZE, 0, "", "seed of weights, rows and lengths"},
};
/* clang-format on */
const sl_field_table sl_rank_fields = {sizeof fields / sizeof fields[0], fields};

/* ---- Agreement of the ranks ------------------------------------------------------------------------------------------------- */

enum { MESSAGE_BYTES = 512 };

/* What a rank has to say when all agree, and what comes of it. */
typedef struct agreement {
    double seconds;  /* the most of all */
    uint64_t digest; /* the sum */
    bool stopped;    /* any */
    sluice_status status;
    char message[MESSAGE_BYTES]; /* of the lowest rank that failed */
} agreement;

/* A run as one of its ranks sees it. */
typedef struct rank_run {
    const sl_bench_options *options;
    sl_bench_report *report; /* NULL: another process has it */
    sl_bench_tally *tally;
    const char *hosts;
    bool stopped;
} rank_run;

/* All ranks of the exchange call this, with what has become of each, and go on with what has become of all. */
static sluice_status agree(rank_run *run, const sluice_exchange *exchange, sluice_status status, agreement *mine,
                           sluice_error *error)
{
    agreement all[SL_RANKS_MAX];
    mine->status = status;
    mine->stopped = run->options->plan.stopped && run->options->plan.stopped();
    snprintf(mine->message, sizeof mine->message, "%.*s", MESSAGE_BYTES - 1, status ? error->message : "");
    const sluice_status lost = sluice_exchange_gather(exchange, mine, sizeof *mine, all, error);
    if (lost)
        return lost;
    *mine = all[0];
    for (size_t r = 1; r < exchange->ranks; r++) {
        mine->seconds = fmax(mine->seconds, all[r].seconds);
        mine->digest += all[r].digest;
        mine->stopped |= all[r].stopped;
        if (!mine->status) {
            mine->status = all[r].status;
            memcpy(mine->message, all[r].message, sizeof mine->message);
        }
    }
    run->stopped |= mine->stopped;
    return mine->status ? sl_fail(error, mine->status, "%s", mine->message) : SLUICE_STATUS_OK;
}

/* ---- Timing ----------------------------------------------------------------------------------------------------------------- */

/* Calls on all ranks, which begin at the same time; *seconds until the last rank was done. */
static sluice_status repeat(rank_run *run, const sluice_exchange *exchange, sl_rank_work *work, size_t calls, double *seconds,
                            sluice_error *error)
{
    agreement now = {0};
    sluice_status status = agree(run, exchange, SLUICE_STATUS_OK, &now, error);
    const double start = sl_clock_get();
    for (size_t k = 0; !status && k < calls; k++)
        status = sl_rank_work_call(work, error);
    now = (agreement){.seconds = sl_clock_get() - start};
    status = agree(run, exchange, status, &now, error);
    *seconds = now.seconds;
    return status;
}

/* As sl_measure, but all ranks take the same decisions. */
static sluice_status measure(rank_run *run, const sluice_exchange *exchange, sl_rank_work *work, sl_timing *timing,
                             sluice_error *error)
{
    const sl_timing_plan *plan = &run->options->plan;
    double seconds[SL_REPETITIONS_MAX], elapsed = 0;
    *timing = (sl_timing){.calls = 1};
    sluice_status status = repeat(run, exchange, work, plan->warmup, &elapsed, error);
    for (bool enough = false; !status && !enough && !run->stopped; timing->calls *= enough ? 1 : 2) {
        status = repeat(run, exchange, work, timing->calls, &elapsed, error);
        enough = elapsed >= plan->min_seconds;
    }
    while (!status && timing->repetitions < plan->repetitions && !run->stopped) {
        status = repeat(run, exchange, work, timing->calls, &seconds[timing->repetitions], error);
        if (!status)
            seconds[timing->repetitions++] /= (double)timing->calls;
    }
    if (!status && timing->repetitions > 0)
        timing->seconds = sl_summarise(timing->repetitions, seconds);
    return status;
}

/* ---- A job on some ranks ----------------------------------------------------------------------------------------------------- */

static const char *work_name(const sl_rank_job *job)
{
    return job->floats ? "exchange" : job->shape.train ? "training" : "inference";
}

static rank_row fill_row(const rank_run *run, const sl_rank_job *job, size_t ranks, const sl_rank_work *work,
                         const sl_timing *timing)
{
    const double least = timing->seconds.min;
    rank_row row = {.work = work_name(job),
                    .ranks = ranks,
                    .threads = job->threads,
                    .shards = job->shards,
                    .floats = job->floats,
                    .scaling = sl_scaling_get_name(run->options->scaling),
                    .seconds_min = least,
                    .seconds_median = timing->seconds.median,
                    .spread = sl_timing_spread(timing),
                    .wait_seconds = sl_rank_work_waited(work),
                    .exchange_seconds = sl_rank_work_exchanged(work),
                    .hosts = run->hosts,
                    .repetitions = timing->repetitions,
                    .calls = timing->calls,
                    .seed = run->options->seed};
    if (job->floats) {
        row.gbytes_per_second = 2 * (double)(ranks - 1) / (double)ranks * (double)(job->floats * sizeof(float)) / least * 1e-9;
        return row;
    }
    row.shape = job->shape;
    row.ragged = sl_ragged_get_name(job->shape.ragged);
    row.steps_per_second = (double)sl_rank_work_steps(work) / least;
    return row;
}

/* Whether two rows are of the same work, with the same number of rows unless that does not matter; ranks and threads do not. */
static bool is_alike(const json_t *a, const json_t *b, bool with_batch)
{
    static const char *const keys[] = {"work", "shards", "steps", "input", "hidden", "layers", "directions", "ragged", "floats"};
    bool alike = !with_batch || sl_record_is_same(a, b, "batch");
    for (size_t k = 0; k < sizeof keys / sizeof keys[0]; k++)
        alike = alike && sl_record_is_same(a, b, keys[k]);
    return alike;
}

/* Rows of the batch for each thread of all ranks. */
static double rows_each(const json_t *row)
{
    return sl_record_number(row, "batch") / sl_record_number(row, "ranks") / sl_record_number(row, "threads");
}

/* Compare a row with those before it: by the speed of one rank, and by the digest. */
static sluice_status compare_row(const rank_run *run, rank_row *row, sluice_error *error)
{
    json_t *made = sl_fields_to_row(&sl_rank_fields, row);
    const json_t *before;
    const bool is_weak = run->options->scaling == SL_SCALING_WEAK;
    const size_t all_threads = row->ranks * row->threads;
    size_t k;
    sluice_status status = made ? SLUICE_STATUS_OK : sl_fail_memory(error, "a row of results", sizeof *row);
    json_array_foreach(sl_bench_report_get_rows(run->report), k, before)
    {
        const double speed = sl_record_number(before, "steps_per_second");
        const bool is_one = made && sl_record_number(before, "ranks") == 1 && is_alike(made, before, !is_weak) &&
                            (!is_weak || rows_each(made) == rows_each(before));
        const size_t threads = (size_t)sl_record_number(before, "threads");
        if (is_one && speed > 0 && threads == 1)
            row->efficiency = row->steps_per_second / (double)all_threads / speed;
        if (is_one && speed > 0 && threads == all_threads)
            row->vs_one = row->steps_per_second / speed;
        if (!status && is_alike(made, before, true) && strcmp(sl_record_text(before, "digest"), row->digest) != 0)
            status = sl_fail(error, SLUICE_STATUS_BAD_DATA,
                             "%s on %zu ranks of %u threads has the digest %s, on %.0f ranks of %.0f threads %s; expected the same",
                             row->work, row->ranks, row->threads, row->digest, sl_record_number(before, "ranks"),
                             sl_record_number(before, "threads"), sl_record_text(before, "digest"));
    }
    json_decref(made);
    return status;
}

static sluice_status add_row(const rank_run *run, rank_row *row, uint64_t digest, const sl_timing *timing, sluice_error *error)
{
    if (!run->report)
        return SLUICE_STATUS_OK;
    snprintf(row->digest_text, sizeof row->digest_text, "%016llx", (unsigned long long)digest);
    row->digest = row->digest_text;
    const sluice_status status = compare_row(run, row, error);
    sl_bench_tally_add(run->tally, timing);
    return status ? status : sl_bench_report_add(run->report, sl_fields_to_row(&sl_rank_fields, row), error);
}

/* Make the job, check it, time it, and add its row, on the ranks of the exchange. */
static sluice_status run_job(rank_run *run, const sl_rank_job *job, const sluice_exchange *exchange, sluice_error *error)
{
    sl_rank_work *work;
    agreement now = {0};
    sl_timing timing;
    sluice_status status = sl_rank_work_create(job, exchange, &work, error);
    status = agree(run, exchange, status, &now, error);
    now = (agreement){0};
    if (!status) {
        status = sl_rank_work_check(work, &now.digest, error);
        status = agree(run, exchange, status, &now, error);
    }
    status = status || run->stopped ? status : measure(run, exchange, work, &timing, error);
    if (!status && !run->stopped) {
        rank_row row = fill_row(run, job, exchange->ranks, work, &timing);
        status = add_row(run, &row, now.digest, &timing, error);
    }
    sl_rank_work_destroy(work);
    return status;
}

/* ---- The sweep --------------------------------------------------------------------------------------------------------------- */

/* Threads of each of `ranks`; 0: more than the machine has CPUs for, with a note. */
static unsigned choose_threads(const rank_run *run, size_t wanted, size_t ranks)
{
    const size_t cpus = sl_threads_cpus(), here = run->hosts ? 1 : ranks;
    const size_t threads = wanted ? wanted : sl_size_max(cpus / here, 1);
    if (threads * here <= cpus || threads == 1)
        return (unsigned)threads;
    if (run->report)
        fprintf(stderr, "sluice-bench: skipped: %zu ranks of %zu threads, on %zu CPUs\n", ranks, threads, cpus);
    return 0;
}

/* Run a job on the first `ranks` of all; the others wait until these have agreed again. */
static sluice_status run_on(rank_run *run, sl_rank_job job, size_t ranks, size_t threads, const sluice_exchange *all,
                            sluice_error *error)
{
    sluice_exchange some = *all;
    sluice_status status = SLUICE_STATUS_OK;
    agreement now = {0};
    some.ranks = ranks;
    job.threads = choose_threads(run, threads, ranks);
    if (!job.threads)
        return SLUICE_STATUS_OK;
    if (run->options->scaling == SL_SCALING_WEAK)
        job.shape.batch *= ranks * job.threads;
    if (all->rank < ranks)
        status = run_job(run, &job, &some, error);
    return agree(run, all, status, &now, error);
}

static sluice_status sweep(rank_run *run, sl_rank_job job, const sluice_exchange *all, sluice_error *error)
{
    const sl_bench_options *options = run->options;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t s = 0; !status && s < options->shards.count; s++) {
        job.shards = options->shards.values[s];
        for (size_t r = 0; !status && r < options->ranks.count; r++)
            for (size_t t = 0; !status && t < (job.floats ? 1 : options->threads.count) && !run->stopped; t++)
                if (!job.floats || options->ranks.values[r] > 1)
                    status = run_on(run, job, options->ranks.values[r], job.floats ? 1 : options->threads.values[t], all, error);
    }
    return status;
}

static sluice_status check_case(const sl_case *shape, sluice_error *error)
{
    if (shape->network)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "--ranks needs a shape, found the network %s; leave --set networks out",
                       sl_named_network_get_name(shape->network));
    if (shape->train == SL_TRAIN_FORWARD)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "--ranks runs whole updates of a model, found a case with --train forward; give --train both");
    return sl_case_check(shape, error);
}

/* All cases and exchanges, on one of the ranks. */
static sluice_status run_all(rank_run *run, const sluice_exchange *all, sluice_error *error)
{
    const sl_bench_options *options = run->options;
    size_t shapes, settings;
    sluice_status status = sl_bench_options_count(options, &shapes, &settings, error);
    for (size_t k = 0; !status && k < shapes; k++) {
        const sl_case shape = sl_bench_options_get_case(options, k);
        status = check_case(&shape, error);
    }
    for (size_t k = 0; !status && k < shapes && !run->stopped; k++)
        status = sweep(run, (sl_rank_job){.shape = sl_bench_options_get_case(options, k)}, all, error);
    for (size_t k = 0; !status && k < options->exchange.count && !run->stopped; k++)
        status = sweep(run, (sl_rank_job){.floats = options->exchange.values[k]}, all, error);
    return status;
}

sluice_status sl_ranks_run(const sl_bench_options *options, sl_bench_report *report, sl_bench_tally *tally, sluice_error *error)
{
    sl_rank_processes group;
    rank_run run = {.options = options, .report = report, .tally = tally, .hosts = options->hosts};
    size_t most = 1;
    for (size_t r = 0; r < options->ranks.count; r++)
        most = sl_size_max(most, options->ranks.values[r]);
    sluice_status status = sl_rank_processes_start(most, options->hosts, options->rank, &group, error);
    if (group.is_forked)
        run.report = NULL;
    status = status ? status : run_all(&run, &group.exchange, error);
    const bool is_forked = group.is_forked;
    sl_rank_processes_end(&group);
    if (is_forked)
        _exit(status != SLUICE_STATUS_OK); /* rank 0 says why, and has the report */
    return status;
}
