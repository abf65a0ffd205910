/* How much was done and how fast: --stats. */
#ifndef SLUICE_CLI_STATS_H
#define SLUICE_CLI_STATS_H

#include "program/report.h"
#include "sluice.h"

#include <stdbool.h>

typedef struct sl_stats {
    bool training;                                   /* rows are learnt, at three times the operations */
    uint64_t rows, steps;                            /* answered, or learnt; real steps, no padding */
    double setup_seconds;                            /* loading and packing the model */
    double seconds;                                  /* from the first byte read to the last written */
    double read_seconds, run_seconds, write_seconds; /* of these; training's are in run_seconds */
    double evaluate_seconds;                         /* of these, of training */
} sl_stats;

/** Useful floating-point operations of one step of one row: 2 * 4H * (in + H) over layers and directions, without layer 0's input
 *  product where it is a table of the embedding's products. */
double sl_stats_get_flop(const sluice_shape *shape, bool input_is_table);

/** Measure the machine's peak and print all on standard error, as JSON or as a table. */
sl_exit sl_stats_print(const sl_stats *stats, const sluice_shape *shape, const sluice_engine_info *info, bool json);

#endif
