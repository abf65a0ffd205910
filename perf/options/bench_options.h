/* The command line of sluice-bench, and the cases and settings that it spans. */
#ifndef SLUICE_PERF_OPTIONS_BENCH_OPTIONS_H
#define SLUICE_PERF_OPTIONS_BENCH_OPTIONS_H

#include "perf/cases/case.h"
#include "perf/options/grammar.h"
#include "perf/options/sets.h"
#include "perf/report/result_rows.h"
#include "sluice_tools.h"

typedef enum sl_action {
    SL_ACTION_CASES,
    SL_ACTION_KERNELS,
    SL_ACTION_LOAD,
    SL_ACTION_EXPECT,
    SL_ACTION_CHOICE,
    SL_ACTION_RANKS,
    SL_ACTION_EXPORT,
    SL_ACTION_FIELDS,
    SL_ACTION_HELP,
    SL_ACTION_VERSION
} sl_action;

/** Most ranks of a run. */
enum { SL_RANKS_MAX = 64 };

/** Instruction sets of --isa, AUTO included. */
enum { SL_BENCH_ISAS = SLUICE_ISA_AVX512 + 1 };

typedef struct sl_bench_options {
    sl_action action;
    size_t cases; /* T,N,H each, */
    size_t case_values[SL_LIST_MAX][3];
    sl_list steps, batch, input, hidden;             /* swept besides; all empty when nothing is; input empty: as hidden */
    sl_list ragged;                                  /* of these; */
    sl_list sets;                                    /* their shapes besides, ragged as each set has it */
    sl_list layers, directions;                      /* of all of these */
    sl_list train;                                   /* of all of these; empty: as each set has it, else inference */
    sl_list threads, precision, isa, gemm, schedule; /* swept for each shape */
    const char *machine;                             /* --machine; NULL: not given */
    sluice_machine machines[SL_BENCH_ISAS]; /* by instruction set, AUTO first: what it asks for; struct_size 0: none chosen */
    unsigned threads_most;                  /* the maximum, if more were asked for, which are skipped; 0: they were not */
    sl_scaling scaling;                     /* weak: the batch is that of one thread, and is multiplied by the threads */
    sl_list peers;                          /* run with each of these, by peer.h's numbers */
    size_t seed;
    sl_timing_plan plan;
    sl_bench_format format;
    const char *output;
    const char *plot, *roofline; /* files for pictures; NULL: none */
    const char *from;            /* a record whose rows are taken instead of running anything; NULL */
    const char *compare;         /* a record to compare with; NULL */
    double threshold;            /* of a comparison */
    const char *directory;       /* of SL_ACTION_EXPORT */
    const char *model;           /* of SL_ACTION_LOAD */
    sl_list ranks, shards;       /* of SL_ACTION_RANKS: swept for each shape, and each number of threads; */
    sl_list exchange;            /* floats of vectors that are added besides */
    const char *hosts;           /* "HOST:PORT,..." of the ranks, of which this process is `rank`; NULL: processes of its own */
    size_t rank;
} sl_bench_options;

/** The page of the documentation: what --help and the manual say besides the options. */
extern const sl_page sl_bench_page;

/** Read the command line, and fill in defaults. Points into argv. BAD_ARGUMENT.
 * --threads, --isa, --gemm and --precision override the environment: the variable of each is unset, as is that of threads where a
 * scaling chooses their numbers. */
SLUICE_WARN_UNUSED sluice_status sl_bench_options_parse(int argc, char **argv, sl_bench_options *options, sluice_error *error);

/** Choose the figures of the machine for each of --isa that it has, where the action uses them (program/machine/machine_choice.h). */
SLUICE_WARN_UNUSED sluice_status sl_bench_options_choose_machines(sl_bench_options *options, sluice_error *error);

/** How many shapes, and settings for each, the options span. BAD_ARGUMENT when their number does not fit into a size_t. */
SLUICE_WARN_UNUSED sluice_status sl_bench_options_count(const sl_bench_options *options, size_t *shapes, size_t *settings,
                                                        sluice_error *error);

/** Whether a precision below f32 is among those of the command line. */
bool sl_bench_options_have_low(const sl_bench_options *options);

/** Shape k < shapes: what of training varies fastest, then layers, then directions; the cases come first, then the sets', and the
 *  sets' networks last. */
sl_case sl_bench_options_get_case(const sl_bench_options *options, size_t k);

/** Setting k < settings: threads vary fastest, then precisions. If one of these is low, all are asked for their accuracy. */
sl_setting sl_bench_options_get_setting(const sl_bench_options *options, size_t k);

#endif
