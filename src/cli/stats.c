#include "cli/stats.h"

#include "program/layer_facts.h"
#include "program/format.h"
#include "program/print_json.h"
#include "sluice_tools.h"

#include <stdio.h>

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

sl_exit sl_stats_print(const sl_stats *stats, const sluice_model *model, const sluice_engine_info *info, bool json)
{
    const rates r = get_rates(stats, model, info);
    if (json)
        return sl_json_print(to_json(stats, &r, info), stderr);
    print_table(stats, &r, info);
    return SL_EXIT_OK;
}
