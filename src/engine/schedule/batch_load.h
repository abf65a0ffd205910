/* The load of a batch: the numbers by which its execution plan is chosen. */
#ifndef SLUICE_ENGINE_SCHEDULE_BATCH_LOAD_H
#define SLUICE_ENGINE_SCHEDULE_BATCH_LOAD_H

#include "engine/engine.h"

typedef struct sl_batch_load {
    size_t rows;
    size_t steps;         /* of the longest row */
    uint64_t total_steps; /* of all rows */
    bool equal;           /* all rows have `steps` */
    size_t workers;       /* threads that may be used for the batch */
} sl_batch_load;

/** Steps of a batch's longest row. lengths [rows]; NULL: each row has `steps`. */
size_t sl_longest_row(size_t rows, size_t steps, const int64_t *lengths);

/** The load of a batch that may use all workers of the engine, or one where the caller is in a parallel region. lengths may be
 *  NULL. */
sl_batch_load sl_batch_load_get(const sluice_engine *engine, size_t rows, size_t steps, const int64_t *lengths);

#endif
