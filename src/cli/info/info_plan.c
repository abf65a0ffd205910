#include "cli/info/info_parts.h"

#include "cli/input/npy_array.h"
#include "program/layer_facts.h"
#include "cli/notes.h"
#include "cli/tuned_plans.h"
#include "program/format.h"
#include "program/print_json.h"
#include "sluice_tools.h"

#include <stdio.h>
#include <stdlib.h>

/* Operations per cycle, core and vector lane: two pipes of fused multiply-adds. It converts between the cycles of the estimates and
 * the peak. */
enum { LANE_FLOP = 4 };

typedef struct explained {
    const sl_options *options;
    sluice_engine_info info;
    sluice_plan plan;
    sluice_candidate *candidates; /* plan.candidates of them; owned */
    int64_t *lengths;             /* NULL: all rows have T steps; owned */
    uint64_t total_steps;
    double flop;              /* useful operations of the batch */
    double flop_per_cycle;    /* peak of one core; 0: unknown for this instruction set */
    double cycles_per_second; /* from the FMA peak; 0: likewise */
} explained;

/* The estimate for a candidate in seconds, and as a share of the peak of all threads; 0: unknown. */
static double get_seconds(const explained *this, const sluice_candidate *candidate)
{
    return this->cycles_per_second > 0 ? candidate->cycles / this->cycles_per_second : 0;
}

static double get_share(const explained *this, const sluice_candidate *candidate)
{
    const double most = candidate->cycles * this->flop_per_cycle * this->info.threads;
    return most > 0 ? this->flop / most : 0;
}

/* ---- Printing -------------------------------------------------------------------------------------------------------------- */

/* A number, or null for 0, which means unknown. */
static json_t *number(double value)
{
    return value > 0 ? json_real(value) : json_null();
}

static json_t *candidate_to_json(const explained *this, const sluice_candidate *candidate, bool chosen)
{
    return json_pack("{ss sI sI sb sb sf so so so sb}", "schedule", sluice_schedule_get_name(candidate->schedule), "teams",
                     (json_int_t)candidate->thread_groups, "members", (json_int_t)candidate->threads_per_group, "hoists",
                     candidate->hoists, "wavefront", candidate->wavefront, "cycles", candidate->cycles, "seconds",
                     number(get_seconds(this, candidate)), "fraction_of_peak", number(get_share(this, candidate)),
                     "measured_seconds", number(candidate->seconds), "chosen", chosen);
}

static json_t *to_json(const explained *this)
{
    const sluice_plan *plan = &this->plan;
    const sl_options *options = this->options;
    json_t *candidates = json_array();
    for (size_t k = 0; candidates && k < plan->candidates; k++)
        json_array_append_new(candidates, candidate_to_json(this, &this->candidates[k], k == plan->chosen));
    return json_pack("{so sI sI sI ss ss ss ss sI so sI sI ss so}", "model", sl_json_string(options->model), "rows",
                     (json_int_t)options->batch, "steps", (json_int_t)options->steps, "total_steps", (json_int_t)this->total_steps,
                     "isa", sluice_isa_get_name(this->info.isa), "gemm", sluice_gemm_get_name(this->info.gemm), "precision",
                     sluice_precision_get_name(this->info.precision), "schedule",
                     options->measure ? "measure" : sluice_schedule_get_name(this->info.schedule), "threads",
                     (json_int_t)this->info.threads, "cycles_per_second", number(this->cycles_per_second), "workspace_bytes",
                     (json_int_t)plan->workspace_bytes, "chosen", (json_int_t)plan->chosen, "reason", plan->reason, "candidates",
                     candidates);
}

/* A number in a column, or "-" for 0, which means unknown. */
static void print_number(double value, int width, int decimals)
{
    if (value > 0)
        printf(" %*.*f", width, decimals, value);
    else
        printf(" %*s", width, "-");
}

static void print_candidate(const explained *this, const sluice_candidate *candidate, bool chosen)
{
    char count[SL_FORMAT_COUNT];
    printf("%s %-8s %6u %7u %6s %4s %16s", chosen ? "*" : " ", sluice_schedule_get_name(candidate->schedule),
           candidate->thread_groups, candidate->threads_per_group, candidate->hoists ? "yes" : "no",
           candidate->wavefront ? "yes" : "no", sl_format_count((uint64_t)candidate->cycles, count));
    print_number(1e3 * get_seconds(this, candidate), 9, 3);
    print_number(get_share(this, candidate), 5, 3);
    print_number(1e3 * candidate->seconds, 9, 3);
    printf("\n");
}

void sl_info_print_engine(const sluice_engine_info *info)
{
    printf("engine        %s, %s, %s, %u thread%s\n", sluice_isa_get_name(info->isa), sluice_gemm_get_name(info->gemm),
           sluice_precision_get_name(info->precision), info->threads, info->threads == 1 ? "" : "s");
}

static void print(const explained *this)
{
    const sluice_plan *plan = &this->plan;
    char rows[SL_FORMAT_COUNT], steps[SL_FORMAT_COUNT], count[SL_FORMAT_COUNT];
    printf("batch         N = %s, %sT = %s: %s steps in all\n", sl_format_count(this->options->batch, rows),
           this->lengths ? "lengths up to " : "", sl_format_count(this->options->steps, steps),
           sl_format_count(this->total_steps, count));
    sl_info_print_engine(&this->info);
    printf("workspace     %s bytes\n\n", sl_format_count(plan->workspace_bytes, count));
    printf("  schedule groups threads hoists wave           cycles        ms share  measured\n");
    for (size_t k = 0; k < plan->candidates; k++)
        print_candidate(this, &this->candidates[k], k == plan->chosen);
    printf("\n* chosen: %s\n", plan->reason);
    if (this->cycles_per_second > 0)
        printf("Cycles, ms at %.2f GHz and share of the FMA peak are estimates; measured is in ms.\n",
               1e-9 * this->cycles_per_second);
    else
        printf("Cycles are estimates; measured is in ms.\n");
}

/* ---- Planning -------------------------------------------------------------------------------------------------------------- */

static sl_exit read_lengths(explained *this)
{
    const sl_options *options = this->options;
    sl_npy_array file = {.option = "--lengths", .path = options->lengths};
    if (__builtin_mul_overflow((uint64_t)options->batch, (uint64_t)options->steps, &this->total_steps))
        return sl_report(SL_EXIT_USAGE, "--batch %zu times --steps %zu is more than can be counted; give less", options->batch,
                         options->steps);
    if (!file.path)
        return SL_EXIT_OK;
    sl_exit code = sl_npy_array_open(&file);
    code = code ? code : sl_lengths_check(&file, options->batch, "--batch");
    code = code ? code : sl_npy_array_allocate(&file, options->batch, false);
    code = code ? code : sl_npy_array_read(&file, 0, options->batch);
    if (!code && !(this->lengths = calloc(options->batch, sizeof *this->lengths)))
        code = sl_report_memory("the lengths");
    code = code ? code : sl_lengths_take(&file, 0, options->batch, options->steps, "--steps", this->lengths, &this->total_steps);
    sl_npy_array_close(&file);
    return code;
}

static sl_exit get_candidates(explained *this, const sluice_engine *engine)
{
    const sl_options *options = this->options;
    sluice_error error;
    this->candidates = calloc(this->plan.candidates, sizeof *this->candidates);
    if (!this->candidates)
        return sl_report_memory("the candidates");
    for (size_t k = 0; k < this->plan.candidates; k++) {
        this->candidates[k].struct_size = sizeof *this->candidates;
        if (sluice_plan_get_candidate(engine, options->batch, options->steps, this->lengths, k, &this->candidates[k], &error))
            return sl_report_error(&error);
    }
    return SL_EXIT_OK;
}

static sl_exit get_plan(explained *this, sluice_engine *engine)
{
    const sl_options *options = this->options;
    sluice_error error;
    sl_exit code = read_lengths(this);
    code = code ? code : sl_plans_load(options, engine);
    code = code ? code : sl_plans_measure(options, engine, options->batch, options->steps);
    if (code)
        return code;
    this->info.struct_size = sizeof this->info;
    this->plan.struct_size = sizeof this->plan;
    if (sluice_plan_get(engine, options->batch, options->steps, this->lengths, &this->plan, &error))
        return sl_report_error(&error);
    code = get_candidates(this, engine);
    return !code && sluice_engine_get_info(engine, &this->info) ? sl_report_mismatch() : code;
}

static void convert(explained *this, const sluice_model *model)
{
    const double lanes = this->info.lanes > 1 ? (double)this->info.lanes : 0; /* plain C may multiply and add in software */
    this->flop = (double)this->total_steps * sl_layer_facts_get_step_flop(model, this->info.table_bytes > 0);
    this->flop_per_cycle = LANE_FLOP * lanes;
    this->cycles_per_second = lanes > 0 ? 1e9 * sluice_peak_measure(this->info.isa) / this->flop_per_cycle : 0;
}

static sl_exit explain(const sl_options *options, const sluice_model *model)
{
    explained this = {.options = options};
    sluice_engine *engine;
    sluice_error error;
    if (sluice_engine_create(model, &options->engine, &engine, &error))
        return sl_report_error(&error);
    sl_exit code = get_plan(&this, engine);
    if (!code) {
        convert(&this, model);
        if (options->json)
            code = sl_json_print(to_json(&this), stdout);
        else
            print(&this);
    }
    sluice_engine_destroy(engine);
    free(this.candidates);
    free(this.lengths);
    return code;
}

sl_exit sl_info_plan(const sl_options *options)
{
    sluice_model *model;
    sluice_error error;
    if (sluice_model_load(options->model, &options->names, &model, &error))
        return sl_report_error(&error);
    sl_notes_report(options->model, model);
    const sl_exit code = explain(options, model);
    sluice_model_destroy(model);
    return code;
}
