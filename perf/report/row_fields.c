#include "perf/report/row_fields.h"

#include <stdio.h>
#include <string.h>

#define TABLE(fields)                                                                                                              \
    {                                                                                                                              \
        sizeof(fields) / sizeof(fields)[0], fields                                                                                 \
    }

/* ---- Cases ----------------------------------------------------------------------------------------------------------------- */

bool sl_row_exceeds_peak(const json_t *row)
{
    const char *precision = json_string_value(json_object_get(row, "precision"));
    const bool is_f32 = !precision || strcmp(precision, "f32") == 0;
    return is_f32 && json_number_value(json_object_get(row, "fraction_of_peak")) > 1;
}

#define CASE(name) #name, offsetof(sl_case_row, name)
/* clang-format off */
static const sl_field case_fields[] = {
    {CASE(steps), SL_FIELD_SIZE, SL_FIELD_IDENTITY | SL_FIELD_REQUIRED, "", "T, time steps of the longest row", {"T", 5}},
    {CASE(batch), SL_FIELD_SIZE, SL_FIELD_IDENTITY, "", "N, rows of the batch", {"N", 5}},
    {CASE(input), SL_FIELD_SIZE, SL_FIELD_IDENTITY, "", "I, inputs of a step", {"I", 5}},
    {CASE(hidden), SL_FIELD_SIZE, SL_FIELD_IDENTITY, "", "H, hidden units", {"H", 5}},
    {CASE(layers), SL_FIELD_SIZE, SL_FIELD_IDENTITY, "", "L, layers", {"L", 2}},
    {CASE(directions), SL_FIELD_SIZE, SL_FIELD_IDENTITY, "", "D, directions, 1 or 2", {"D", 2}},
    {CASE(network), SL_FIELD_TEXT, SL_FIELD_IDENTITY | SL_FIELD_OF_NETWORKS, "",
     "name of a network (perf/README.md, *Networks*), of which `hidden` are the units of the first LSTM layer, `layers` the LSTM "
     "layers and `directions` the most of one; null for a shape", {"network", -24}},
    {CASE(ragged), SL_FIELD_TEXT, SL_FIELD_IDENTITY, "",
     "lengths of the rows: `none` (all T), `uniform` in 1..T by `seed`, or `tail`: T for the middle row, T / 250 (at least 1) "
     "for each other", {"ragged", -7}},
    {CASE(train), SL_FIELD_FLAG, SL_FIELD_IDENTITY, "", "whether a training step is computed"},
    {CASE(pass), SL_FIELD_TEXT, SL_FIELD_IDENTITY, "",
     "what of a training step is computed: `forward` or `both`, null for inference (perf/README.md, *Training*)", {"train", -7}},
    {CASE(threads), SL_FIELD_UNSIGNED, SL_FIELD_REQUIRED, "",
     "threads that were used: thread groups times threads of each; an engine uses at most as many as there are CPUs", {"thr", 3}},
    {CASE(isa), SL_FIELD_TEXT, SL_FIELD_IDENTITY, "",
     "the instruction set that was used, after SLUICE_ISA was applied; null for a peer, as are `gemm`, `schedule` and `way`", {"isa", -6}},
    {CASE(gemm), SL_FIELD_TEXT, SL_FIELD_IDENTITY, "", "what multiplied the matrices, after SLUICE_GEMM was applied", {"gemm", -5}},
    {CASE(precision), SL_FIELD_TEXT, SL_FIELD_IDENTITY | SL_FIELD_OF_PRECISIONS, "",
     "what the matrices were multiplied in: `f32`, `bf16` or `int8` (perf/README.md, *Precisions*), after SLUICE_PRECISION was "
     "applied", {"prec", -4}},
    {CASE(schedule), SL_FIELD_TEXT, SL_FIELD_IDENTITY, "",
     "the schedule asked for: `auto` is decided call by call; `measure` is `auto` after `sluice_plan_measure` timed the "
     "candidates (rows of one length only; otherwise `auto`)"},
    {CASE(way), SL_FIELD_TEXT, 0, "",
     "the execution plan of the batch in short, by `sluice_plan_get`: `rows`, `hoist`, `units2` (one thread group of two, "
     "which divides the units), `2x2` (two such thread groups); `w` behind it: a wavefront over layers", {"sched", -7}},
    {"teams", offsetof(sl_case_row, thread_groups), SL_FIELD_UNSIGNED, 0, "", "thread groups of the execution plan"},
    {"members", offsetof(sl_case_row, threads_per_group), SL_FIELD_UNSIGNED, 0, "", "threads of each thread group"},
    {CASE(hoists), SL_FIELD_FLAG, 0, "", "whether the products of x are computed for many steps at once"},
    {CASE(wavefront), SL_FIELD_FLAG, 0, "", "whether layers are computed as a wavefront"},
    {CASE(seconds_min), SL_FIELD_REAL, SL_FIELD_REQUIRED, "s",
     "duration of one call of `sluice_forward` in the fastest repetition; this figure is quoted, and all speeds follow from it",
     {"ms", 9, 3, 1e3}},
    {CASE(seconds_median), SL_FIELD_REAL, 0, "s", "duration of a call in the median repetition", {"median", 9, 3, 1e3}},
    {CASE(spread), SL_FIELD_REAL, 0, "", "`seconds_median` / `seconds_min` - 1", {"spread", 6, 2}},
    {CASE(sequences_per_second), SL_FIELD_REAL, 0, "1/s", "rows per second"},
    {CASE(steps_per_second), SL_FIELD_REAL, 0, "1/s", "real steps (`total_steps`) per second", {"steps/s", 10}},
    {CASE(gflops), SL_FIELD_REAL, 0, "GFLOP/s",
     "useful work per second: 2 * 4H * (in + H) * D for each layer and real step, a multiply-add being two operations; three "
     "times that with a gradient; of a network all its matrices as often as they are multiplied. Activations, padding and packing "
     "are not counted", {"GFLOP/s", 7, 1}},
    {CASE(peak_gflops), SL_FIELD_REAL, 0, "GFLOP/s",
     "`threads` times the peak of fused multiply-adds of one thread with that instruction set; for BLIS and peers, which "
     "choose their own kernels, with the best one", {"peak", 6, 1}},
    {CASE(peak_spread), SL_FIELD_REAL, 0, "", "maximum / median - 1 of the measurements of the peak"},
    {CASE(fraction_of_peak), SL_FIELD_REAL, 0, "",
     "`gflops` / `peak_gflops`, the peak of f32 in every precision: the figure to compare between machines. Above 1 it cannot be "
     "right for f32 (the machine was busy while the peak was measured): tables and pictures mark it by `!`, and a comparison calls "
     "it `unsure`",
     {"share", 6, 3, 0, sl_row_exceeds_peak}},
    {CASE(error), SL_FIELD_REAL, SL_FIELD_NAN_IS_NULL | SL_FIELD_OF_PRECISIONS, "",
     "largest difference of the outputs from the library's in f32, over all rows; null where no precision below f32 is asked for",
     {"error", 7, -1}},
    {CASE(error_rms), SL_FIELD_REAL, SL_FIELD_NAN_IS_NULL | SL_FIELD_OF_PRECISIONS, "",
     "root mean square of these differences", {"rms", 7, -1}},
    {CASE(dependence), SL_FIELD_REAL, SL_FIELD_NAN_IS_NULL | SL_FIELD_OF_PRECISIONS, "",
     "largest change of the outputs of a row that comes of its neighbours: x of each second row is four times as large, and the "
     "others' outputs are compared with those of before. 0: the same bits; null also for a batch of one row", {"depends", 7, -1}},
    {CASE(setup_seconds), SL_FIELD_REAL, 0, "s",
     "creating engine and workspace: choosing kernels, packing weights and, with `measure`, timing the candidates. Not part of"
     " the other times"},
    {CASE(workspace_bytes), SL_FIELD_SIZE, 0, "bytes", "scratch memory after the runs"},
    {CASE(tape_bytes), SL_FIELD_SIZE, SL_FIELD_ZERO_IS_NULL, "bytes",
     "size of the tape, with the scratch memory of the backward pass: `sluice_tape_get_bytes`; of oneDNN its workspace; "
     "otherwise null"},
    {CASE(total_steps), SL_FIELD_SIZE, 0, "", "real steps: the sum of the lengths"},
    {CASE(repetitions), SL_FIELD_UNSIGNED, 0, "", "repetitions that were timed"},
    {CASE(calls), SL_FIELD_SIZE, 0, "", "calls in each repetition"},
    {CASE(seed), SL_FIELD_SIZE, SL_FIELD_IDENTITY, "", "seed of weights, inputs, lengths and incoming gradients"},
    {CASE(peer), SL_FIELD_TEXT, SL_FIELD_IDENTITY | SL_FIELD_OF_PEERS, "",
     "who computed it (perf/README.md, *Beside others*); with `-padded`, all T steps of every row", {"peer", -13}},
    {CASE(peer_version), SL_FIELD_TEXT, 0, "", "version of the peer"},
    {CASE(vs_best), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL | SL_FIELD_OF_PEERS, "",
     "`gflops` over those of the best other peer in the same precision with as many threads", {"vs best", 7, 2}},
    {CASE(scaling), SL_FIELD_TEXT, 0, "", "`none`, `strong` (the batch is fixed) or `weak` (`--batch` rows for each thread)"},
    {CASE(efficiency), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "",
     "`gflops` / (`threads` x the `gflops` of one thread), where one thread ran before with the same settings; beyond the "
     "number of CPUs at most CPUs / threads"},
    {CASE(flop_per_byte), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "FLOP/byte",
     "useful work over the bytes that have to be moved at least: x and y once, and for each thread group the weights once a "
     "step (those of x once in all with `hoists`). Training adds writing the tape; a gradient also reading it, the weights "
     "again (those of x once), x, dy and dx. A step of a layer has 24 H D bytes of tape: four gates, c and h. Null for a peer and "
     "for a network"},
};
/* clang-format on */
const sl_field_table sl_case_fields = TABLE(case_fields);

/* ---- Kernels --------------------------------------------------------------------------------------------------------------- */

#define KERNEL(name) #name, offsetof(sl_kernel_row, name)
/* clang-format off */
static const sl_field kernel_fields[] = {
    {KERNEL(kernel), SL_FIELD_TEXT, SL_FIELD_IDENTITY | SL_FIELD_REQUIRED, "", "which kernel (perf/README.md, *Kernels*)", {"kernel", -7}},
    {KERNEL(by), SL_FIELD_TEXT, SL_FIELD_IDENTITY, "",
     "who computed it: `sluice`, `blis`, `sleef`, `libm`, `memory` or, beside loading, `read`", {"by", -6}},
    {KERNEL(isa), SL_FIELD_TEXT, SL_FIELD_IDENTITY, "", "instruction set; null for code that chooses by itself", {"isa", -6}},
    {KERNEL(shape), SL_FIELD_TEXT, SL_FIELD_IDENTITY, "", "size of the problem, as it says", {"shape", -11}},
    {KERNEL(threads), SL_FIELD_UNSIGNED, SL_FIELD_REQUIRED, "", "threads that were used", {"thr", 3}},
    {KERNEL(array_bytes), SL_FIELD_SIZE, SL_FIELD_ZERO_IS_NULL, "bytes", "size of the array that each thread reads", {"bytes", 10}},
    {KERNEL(seconds_min), SL_FIELD_REAL, SL_FIELD_REQUIRED, "s", "duration of one call in the fastest repetition"},
    {KERNEL(seconds_median), SL_FIELD_REAL, 0, "s", "duration of a call in the median repetition"},
    {KERNEL(spread), SL_FIELD_REAL, 0, "", "`seconds_median` / `seconds_min` - 1", {"spread", 6, 2}},
    {KERNEL(ns_per_element), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "ns", "time for one result", {"ns/element", 10, 4}},
    {KERNEL(cycles_per_element), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "cycles", "the same in cycles", {"cycles", 7, 3}},
    {KERNEL(gflops), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "GFLOP/s", "operations per second", {"GFLOP/s", 7, 1}},
    {KERNEL(gbytes_per_second), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "GB/s", "read by all threads together", {"GB/s", 6, 1}},
    {KERNEL(bytes_per_cycle), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "bytes/cycle", "read by each thread", {"B/cycle", 7, 1}},
    {KERNEL(clock_ghz), SL_FIELD_REAL, 0, "GHz",
     "clock, by a chain of dependent additions that is timed between the repetitions", {"GHz", 5, 2}},
    {KERNEL(clock_spread), SL_FIELD_REAL, 0, "", "maximum / median - 1 of the measurements of the clock"},
    {KERNEL(repetitions), SL_FIELD_UNSIGNED, 0, "", "repetitions that were timed"},
    {KERNEL(calls), SL_FIELD_SIZE, 0, "", "calls in each repetition"},
};
/* clang-format on */
const sl_field_table sl_kernel_fields = TABLE(kernel_fields);

/* ---- Context --------------------------------------------------------------------------------------------------------------- */

#define CONTEXT(name) #name, offsetof(sl_context_row, name), SL_FIELD_TEXT
/* clang-format off */
static const sl_field context_fields[] = {
    {CONTEXT(version), SL_FIELD_REQUIRED, "", "version of the library"},
    {CONTEXT(git), 0, "", "commit that was built; `+` behind it: with uncommitted changes"},
    {CONTEXT(cpu), SL_FIELD_CONDITION, "", "name of the CPU"},
    {CONTEXT(cpu_id), SL_FIELD_CONDITION, "", "its vendor, family, model and stepping, which new microcode does not change"},
    {CONTEXT(caches), 0, "", "sizes of the caches that one core uses"},
    {CONTEXT(cpus), SL_FIELD_CONDITION, "",
     "number of threads that is used by default, and what limits it: affinity, OpenMP's places, physical cores or the cgroup's"
     " quota"},
    {CONTEXT(affinity), 0, "", "CPUs on which the first thread may run"},
    {CONTEXT(governor), SL_FIELD_CONDITION, "", "frequency governor; `unknown` where the system does not report one"},
    {CONTEXT(system), SL_FIELD_CONDITION, "", "kernel: name, release and machine"},
    {CONTEXT(compiler), SL_FIELD_CONDITION, "", "compiler and build type of the library"},
    {CONTEXT(flags), SL_FIELD_CONDITION, "", "compiler flags of the kernels"},
    {CONTEXT(blis), SL_FIELD_CONDITION, "", "version of BLIS"},
    {CONTEXT(blis_config), SL_FIELD_CONDITION, "", "configuration that BLIS chose for the CPU"},
    {CONTEXT(openmp), SL_FIELD_CONDITION, "", "OpenMP runtime"},
    {CONTEXT(environment), SL_FIELD_CONDITION, "", "variables that were set: OMP_, GOMP_, KMP_, BLIS_, SLUICE_, ONEDNN_ and DNNL_"},
    {CONTEXT(date), 0, "", "start of the run, UTC"},
    {CONTEXT(command), 0, "", "the command line, options first"},
};
/* clang-format on */
const sl_field_table sl_context_fields = TABLE(context_fields);

#define ONE " bandwidth of one thread, with `--roofline`"
#define ALL "the same of `read_threads` threads together"
#define BANDWIDTH(name) #name "_gbytes_per_second", offsetof(sl_bandwidth_row, name), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "GB/s"
#define BANDWIDTH_ALL(name)                                                                                                        \
#name "_gbytes_per_second_all", offsetof(sl_bandwidth_row, name##_all), SL_FIELD_REAL, SL_FIELD_ZERO_IS_NULL, "GB/s"
/* clang-format off */
static const sl_field bandwidth_fields[] = {
    {BANDWIDTH(l2), "L2 read" ONE},
    {BANDWIDTH_ALL(l2), ALL},
    {BANDWIDTH(l3), "L3 read" ONE},
    {BANDWIDTH_ALL(l3), ALL},
    {BANDWIDTH(dram), "DRAM read" ONE},
    {BANDWIDTH_ALL(dram), ALL},
    {"read_threads", offsetof(sl_bandwidth_row, read_threads), SL_FIELD_UNSIGNED, 0, "", "threads of the fields `_all`"},
};
/* clang-format on */
const sl_field_table sl_bandwidth_fields = TABLE(bandwidth_fields);

/* ---- Their documentation, as rows -------------------------------------------------------------------------------------------- */

typedef struct explained {
    char field[48]; /* as code in Markdown */
    const char *rows, *column, *unit, *meaning;
    const char *name; /* the struct's own field */
} explained;

/* clang-format off */
static const sl_field list_fields[] = {
    {"field", offsetof(explained, name), SL_FIELD_TEXT, 0, "", "key in files", {"field", -28}},
    {"rows", offsetof(explained, rows), SL_FIELD_TEXT, 0, "", "rows that have it", {"rows", -9}},
    {"column", offsetof(explained, column), SL_FIELD_TEXT, 0, "", "heading in tables", {"column", -10}},
    {"unit", offsetof(explained, unit), SL_FIELD_TEXT, 0, "", "unit", {"unit", -11}},
    {"meaning", offsetof(explained, meaning), SL_FIELD_TEXT, 0, "", "meaning", {"meaning", -1}},
};
/* clang-format on */
const sl_field_table sl_field_list_fields = TABLE(list_fields);

static sluice_status add_table(const sl_field_table *table, const char *rows, sl_bench_report *report, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < table->count; k++) {
        const sl_field *field = &table->fields[k];
        explained values = {.rows = rows,
                            .column = field->column.heading ? field->column.heading : "",
                            .unit = field->unit,
                            .meaning = field->meaning,
                            .name = values.field};
        snprintf(values.field, sizeof values.field, "`%s`", field->key);
        status = sl_bench_report_add(report, sl_fields_to_row(&sl_field_list_fields, &values), error);
    }
    return status;
}

sluice_status sl_field_list_add(sl_bench_report *report, sluice_error *error)
{
    sluice_status status = add_table(&sl_case_fields, "cases", report, error);
    status = status ? status : add_table(&sl_kernel_fields, "--kernels", report, error);
    status = status ? status : add_table(&sl_context_fields, "all", report, error);
    return status ? status : add_table(&sl_bandwidth_fields, "all", report, error);
}
