/* The rows of sluice-bench as structs, and the tables of their fields. A member has the name of the field's key. */
#ifndef SLUICE_PERF_REPORT_ROW_FIELDS_H
#define SLUICE_PERF_REPORT_ROW_FIELDS_H

#include "perf/report/result_rows.h"

enum { SL_ROW_TEXT_BYTES = 64 };

/** A case that was timed. The texts are constants or the struct's own. */
typedef struct sl_case_row {
    size_t steps, batch, input, hidden, layers, directions;
    const char *network, *ragged;
    bool train;
    const char *pass;
    unsigned threads;
    const char *isa, *gemm, *precision, *schedule, *way;
    unsigned thread_groups, threads_per_group;
    bool hoists, wavefront;
    double seconds_min, seconds_median, spread, sequences_per_second, steps_per_second;
    double gflops, peak_gflops, peak_spread, fraction_of_peak, setup_seconds;
    double error, error_rms, dependence;
    size_t workspace_bytes, tape_bytes, total_steps;
    unsigned repetitions;
    size_t calls, seed;
    const char *peer, *peer_version;
    double vs_best;
    const char *scaling;
    double efficiency, flop_per_byte;
    char way_text[SL_ROW_TEXT_BYTES], peer_text[SL_ROW_TEXT_BYTES], version_text[SL_ROW_TEXT_BYTES];
} sl_case_row;

/** A kernel that was timed by itself (--kernels). */
typedef struct sl_kernel_row {
    const char *kernel, *by, *isa, *shape;
    unsigned threads;
    size_t array_bytes;
    double seconds_min, seconds_median, spread;
    double ns_per_element, cycles_per_element, gflops, gbytes_per_second, bytes_per_cycle;
    double clock_ghz, clock_spread;
    unsigned repetitions;
    size_t calls;
} sl_kernel_row;

/** What a row of either kind has besides: the build, the machine and the run. */
typedef struct sl_context_row {
    const char *version, *git, *cpu, *cpu_id, *caches, *cpus, *affinity, *governor, *system;
    const char *compiler, *flags, *blis, *blis_config, *openmp, *environment, *date, *command;
} sl_context_row;

/** With --roofline: read bandwidths, in GB/s, of one thread, and of `read_threads` at the same time (`_all`). 0: not known. */
typedef struct sl_bandwidth_row {
    double l2, l2_all, l3, l3_all, dram, dram_all;
    unsigned read_threads;
} sl_bandwidth_row;

/** Whether a row's share of the peak is above 1, which no kernel of f32 can reach: the machine was busy while the peak was measured,
 *  and the share is not reliable. Low precision may well exceed the peak of f32. */
bool sl_row_exceeds_peak(const json_t *row);

extern const sl_field_table sl_case_fields, sl_kernel_fields, sl_context_fields, sl_bandwidth_fields;

/** The fields of a row that documents a field (--fields). */
extern const sl_field_table sl_field_list_fields;

/** Add such a row for each field of all rows. IO, NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_field_list_add(sl_bench_report *report, sluice_error *error);

#endif
