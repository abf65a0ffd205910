/* --stats: amount of work, time and speed. */
#ifndef SLUICE_CLI_STATS_H
#define SLUICE_CLI_STATS_H

#include "program/report.h"
#include "sluice.h"

#include <stdbool.h>

typedef struct sl_stats {
    bool training;                                   /* three times the operations of inference */
    uint64_t rows, steps;                            /* processed; steps without padding */
    double setup_seconds;                            /* loading and packing the model */
    double seconds;                                  /* from the first byte read to the last written */
    double read_seconds, run_seconds, write_seconds; /* parts of these; of training only run_seconds */
    double evaluate_seconds;                         /* part of these, of training */
    double exchange_seconds, wait_seconds;           /* parts of run_seconds, of training on several ranks */
} sl_stats;

/** Measure the peak of the machine, and print the statistics on standard error, as JSON or as a table. */
sl_exit sl_stats_print(const sl_stats *stats, const sluice_model *model, const sluice_engine_info *info, bool json);

#endif
