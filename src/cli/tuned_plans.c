#include "cli/tuned_plans.h"

#include "program/interrupt.h"
#include "program/paths.h"
#include "sluice_tools.h"

#include <string.h>
#include <unistd.h>

sl_exit sl_plans_check(const sl_options *options)
{
    if (options->measure && options->lengths)
        return sl_report(SL_EXIT_USAGE, "--schedule measure times rows of equal length, and its plans apply to such batches only; "
                                        "leave out --lengths, or --schedule measure");
    if (!options->plans)
        return SL_EXIT_OK;
    if (strcmp(options->plans, "-") == 0)
        return sl_report(SL_EXIT_USAGE, "--plans cannot be standard input or output; name a file");
    if (options->engine.schedule)
        return sl_report(SL_EXIT_USAGE, "--plans goes with --schedule auto and measure, not with %s; leave out one of them",
                         sluice_schedule_get_name(options->engine.schedule));
    return options->measure ? sl_paths_check_file(&(sl_path_argument){"--plans", options->plans, true}, "is both read and written")
                            : SL_EXIT_OK;
}

sl_exit sl_plans_load(const sl_options *options, sluice_engine *engine)
{
    sluice_error error;
    if (!options->plans || (options->measure && access(options->plans, F_OK) != 0))
        return SL_EXIT_OK;
    return sl_report_status(sluice_plan_load(engine, options->plans, &error), &error);
}

sl_exit sl_plans_measure(const sl_options *options, sluice_engine *engine, size_t rows, size_t steps)
{
    const sluice_measure_options until = {.struct_size = sizeof until, .is_cancelled = sl_interrupt_cancels};
    sluice_error error;
    if (!options->measure)
        return SL_EXIT_OK;
    const sluice_status status = sluice_plan_measure(engine, rows, steps, &until, &error);
    if (status && status != SLUICE_STATUS_CANCELLED)
        return sl_report_error(&error);
    if (options->plans && sluice_plan_save(engine, options->plans, &error))
        return sl_report_error(&error);
    return status ? SL_EXIT_INTERRUPTED : SL_EXIT_OK;
}
