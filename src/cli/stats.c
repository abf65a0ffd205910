#include "cli/stats.h"

#include "program/format.h"
#include "sluice_tools.h"

#include <stdio.h>

double sl_stats_get_flop(const sluice_shape *shape, bool input_is_table)
{
    const double hidden = (double)shape->hidden, directions = (double)shape->directions;
    double flop = 0;
    for (size_t layer = 0; layer < shape->layers; layer++) {
        const double inputs = layer ? directions * hidden : input_is_table ? 0 : (double)shape->inputs;
        flop += directions * 2 * 4 * hidden * (inputs + hidden);
    }
    return flop;
}

static double per_second(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}

sl_exit sl_stats_print(const sl_stats *stats, const sluice_shape *shape, const sluice_engine_info *info, bool json)
{
    const double flop = (stats->training ? 3 : 1) * sl_stats_get_flop(shape, info->table_bytes > 0);
    const double seconds = stats->training ? stats->run_seconds : stats->seconds; /* not those of evaluation */
    const double rows_rate = per_second((double)stats->rows, seconds);
    const double steps_rate = per_second((double)stats->steps, seconds);
    const double gflops = per_second(1e-9 * (double)stats->steps * flop, seconds);
    const double peak = sluice_peak_measure(info->isa) * info->threads;
    const double share = peak > 0 ? gflops / peak : 0;
    if (json) {
        json_t *object =
            json_pack("{sI sI sf sf sf sf sf sf sf sf sf sf ss ss ss sI}", "rows", (json_int_t)stats->rows, "steps",
                      (json_int_t)stats->steps, "seconds", stats->seconds, "read_seconds", stats->read_seconds, "run_seconds",
                      stats->run_seconds, "write_seconds", stats->write_seconds, "setup_seconds", stats->setup_seconds,
                      "rows_per_second", rows_rate, "steps_per_second", steps_rate, "gflops", gflops, "peak_gflops", peak,
                      "fraction_of_peak", share, "isa", sluice_isa_get_name(info->isa), "gemm", sluice_gemm_get_name(info->gemm),
                      "schedule", sluice_schedule_get_name(info->schedule), "threads", (json_int_t)info->threads);
        if (object && stats->training)
            json_object_set_new(object, "evaluate_seconds", json_real(stats->evaluate_seconds));
        return sl_format_print_json(object, stderr);
    }
    char count[SL_FORMAT_COUNT];
    fprintf(stderr, "rows            %s\n", sl_format_count(stats->rows, count));
    fprintf(stderr, "steps           %s\n", sl_format_count(stats->steps, count));
    if (stats->training)
        fprintf(stderr, "seconds         %.3f (learning %.3f, evaluating %.3f; before that %.3f to read and set up)\n",
                stats->seconds, stats->run_seconds, stats->evaluate_seconds, stats->setup_seconds);
    else
        fprintf(stderr, "seconds         %.3f (reading %.3f, running %.3f, writing %.3f; before that %.3f to set up)\n",
                stats->seconds, stats->read_seconds, stats->run_seconds, stats->write_seconds, stats->setup_seconds);
    fprintf(stderr, "rows/s          %s\n", sl_format_count((uint64_t)rows_rate, count));
    fprintf(stderr, "steps/s         %s\n", sl_format_count((uint64_t)steps_rate, count));
    fprintf(stderr, "GFLOP/s         %.2f useful\n", gflops);
    fprintf(stderr, "share of peak   %.1f %%%s of %.1f GFLOP/s (%s, %u thread%s, %s)\n", 100 * share, share > 1 ? "!" : "", peak,
            sluice_isa_get_name(info->isa), info->threads, info->threads == 1 ? "" : "s", sluice_gemm_get_name(info->gemm));
    if (share > 1)
        fputs("                ! above 100 %: the machine was busy while the peak was measured; not to be trusted\n", stderr);
    return SL_EXIT_OK;
}
