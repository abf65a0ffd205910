#include "cli/stats.h"

#include "program/layer_facts.h"
#include "program/format.h"
#include "program/print_json.h"
#include "program/ranks/rank_group.h"
#include "sluice_tools.h"

#include <stdio.h>
#include <stdlib.h>

static double per_second(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}

typedef struct rates {
    double rows, steps, gflops, peak, fraction; /* per second; fraction of the peak */
} rates;

static rates get_rates(const sl_stats *stats, const sluice_model *model, const sluice_engine_info *info)
{
    const double flop = (stats->training ? 3 : 1) * sl_layer_facts_get_step_flop(model, info->table_bytes > 0);
    const double seconds = stats->training ? stats->run_seconds : stats->seconds; /* without those of evaluation */
    rates r = {.rows = per_second((double)stats->rows, seconds),
               .steps = per_second((double)stats->steps, seconds),
               .gflops = per_second(1e-9 * (double)stats->steps * flop, seconds),
               .peak = sluice_peak_measure(info->isa) * info->threads};
    r.fraction = r.peak > 0 ? r.gflops / r.peak : 0;
    return r;
}

/* What a rank adds to the statistics. */
typedef struct rank_stats {
    sl_stats stats;
    unsigned threads;
} rank_stats;

static double get_compute_seconds(const sl_stats *stats)
{
    return stats->run_seconds - stats->exchange_seconds - stats->wait_seconds;
}

static json_t *ranks_to_json(const rank_stats *ranks)
{
    json_t *list = json_array();
    for (size_t r = 0; list && r < sl_group_count(); r++)
        json_array_append_new(list, json_pack("{sI sI sf sf sf}", "rank", (json_int_t)r, "threads", (json_int_t)ranks[r].threads,
                                              "compute_seconds", get_compute_seconds(&ranks[r].stats), "exchange_seconds",
                                              ranks[r].stats.exchange_seconds, "wait_seconds", ranks[r].stats.wait_seconds));
    return list;
}

static void print_ranks(const rank_stats *ranks)
{
    for (size_t r = 0; r < sl_group_count(); r++)
        fprintf(stderr, "rank %-10zu %.3f s computing, %.3f exchanging, %.3f waiting (%u thread%s)\n", r,
                get_compute_seconds(&ranks[r].stats), ranks[r].stats.exchange_seconds, ranks[r].stats.wait_seconds,
                ranks[r].threads, ranks[r].threads == 1 ? "" : "s");
}

static json_t *to_json(const sl_stats *stats, const rates *r, const sluice_engine_info *info)
{
    json_t *object = json_pack("{sI sI sf sf sf sf sf sf sf sf sf sf ss ss ss ss sI}", "rows", (json_int_t)stats->rows, "steps",
                               (json_int_t)stats->steps, "seconds", stats->seconds, "read_seconds", stats->read_seconds,
                               "run_seconds", stats->run_seconds, "write_seconds", stats->write_seconds, "setup_seconds",
                               stats->setup_seconds, "rows_per_second", r->rows, "steps_per_second", r->steps, "gflops", r->gflops,
                               "peak_gflops", r->peak, "fraction_of_peak", r->fraction, "isa", sluice_isa_get_name(info->isa),
                               "gemm", sluice_gemm_get_name(info->gemm), "precision", sluice_precision_get_name(info->precision),
                               "schedule", sluice_schedule_get_name(info->schedule), "threads", (json_int_t)info->threads);
    if (object && stats->training)
        json_object_set_new(object, "evaluate_seconds", json_real(stats->evaluate_seconds));
    return object;
}

static void print_table(const sl_stats *stats, const rates *r, const sluice_engine_info *info)
{
    char count[SL_FORMAT_COUNT];
    fprintf(stderr, "rows            %s\n", sl_format_count(stats->rows, count));
    fprintf(stderr, "steps           %s\n", sl_format_count(stats->steps, count));
    if (stats->training)
        fprintf(stderr, "seconds         %.3f (training %.3f, evaluating %.3f; before that %.3f to read and set up)\n",
                stats->seconds, stats->run_seconds, stats->evaluate_seconds, stats->setup_seconds);
    else
        fprintf(stderr, "seconds         %.3f (reading %.3f, running %.3f, writing %.3f; before that %.3f to set up)\n",
                stats->seconds, stats->read_seconds, stats->run_seconds, stats->write_seconds, stats->setup_seconds);
    fprintf(stderr, "rows/s          %s\n", sl_format_count((uint64_t)r->rows, count));
    fprintf(stderr, "steps/s         %s\n", sl_format_count((uint64_t)r->steps, count));
    fprintf(stderr, "GFLOP/s         %.2f useful\n", r->gflops);
    fprintf(stderr, "share of peak   %.1f %%%s of %.1f GFLOP/s (%s, %u thread%s, %s, %s)\n", 100 * r->fraction,
            r->fraction > 1 ? "!" : "", r->peak, sluice_isa_get_name(info->isa), info->threads, info->threads == 1 ? "" : "s",
            sluice_gemm_get_name(info->gemm), sluice_precision_get_name(info->precision));
    if (r->fraction > 1)
        fputs("                ! above 100 %: other work on the machine disturbed the measurement of the peak; do not rely on it\n",
              stderr);
}

/* Have *stats and the number of threads be those of all ranks, whose own are in `ranks`. In training each rank counts the whole batches; in a
 * run its own rows, and then it waits for the slowest. */
static sl_exit gather(sl_stats *stats, unsigned *threads, rank_stats *ranks)
{
    const rank_stats own = {*stats, *threads};
    const sl_exit code = sl_group_gather(&own, sizeof own, ranks);
    *threads = 0;
    for (size_t r = 0; r < sl_group_count(); r++) {
        const sl_stats *other = &ranks[r].stats;
        *threads += ranks[r].threads;
        stats->rows += stats->training || r == sl_group_get_own() ? 0 : other->rows;
        stats->steps += stats->training || r == sl_group_get_own() ? 0 : other->steps;
        stats->seconds = other->seconds > stats->seconds ? other->seconds : stats->seconds;
    }
    for (size_t r = 0; !stats->training && r < sl_group_count(); r++) {
        ranks[r].stats.wait_seconds = stats->seconds - ranks[r].stats.seconds;
        ranks[r].stats.run_seconds += ranks[r].stats.wait_seconds;
    }
    return code;
}

sl_exit sl_stats_print(const sl_stats *stats, const sluice_model *model, const sluice_engine_info *info, bool json)
{
    sl_stats all = *stats;
    sluice_engine_info used = *info;
    rank_stats *ranks = calloc(sl_group_count(), sizeof *ranks);
    sl_exit code = sl_group_agree(ranks ? SL_EXIT_OK : sl_report_memory("the statistics"));
    code = code ? code : gather(&all, &used.threads, ranks);
    if (!code && sl_group_is_first()) {
        const rates r = get_rates(&all, model, &used);
        json_t *object = json ? to_json(&all, &r, &used) : NULL;
        if (object && sl_group_count() > 1)
            json_object_set_new(object, "ranks", ranks_to_json(ranks));
        code = json ? sl_json_print(object, stderr) : SL_EXIT_OK;
        if (!json)
            print_table(&all, &r, &used);
        if (!json && sl_group_count() > 1)
            print_ranks(ranks);
    }
    free(ranks);
    return code;
}
