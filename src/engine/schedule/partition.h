/* The row partition: which thread group computes which rows of a batch. */
#ifndef SLUICE_ENGINE_SCHEDULE_PARTITION_H
#define SLUICE_ENGINE_SCHEDULE_PARTITION_H

#include "engine/schedule/batch_load.h"

/** The arrays are the workspace's. */
typedef struct sl_partition {
    sl_exec_plan plan;
    size_t *order;      /* [rows] of the batch: first the shared ones, then group g's, order[first[g]] .. order[first[g+1]-1]; in
                         * both the longest first */
    size_t *first;      /* [thread_groups + 1] */
    size_t shared_rows; /* too long for one group: all threads take these together before all else */
    size_t *sorted;     /* [rows], scratch */
    unsigned *owner;    /* [rows], scratch */
    double *work;       /* [thread_groups], scratch */
    unsigned *heap;     /* [thread_groups], scratch */
} sl_partition;

/** Divide rows, each whole, over the thread groups of partition->plan, so that all have about the same work. lengths NULL: each row
 *  has load->steps. */
void sl_partition_rows(sl_partition *partition, const sluice_engine *engine, const sl_batch_load *load, const int64_t *lengths);

/** Sort order[0..rows-1], rows of a batch, by length, none above `steps`, longest first; equal lengths keep their order. scratch
 *  is [rows]. */
void sl_sort_by_length(size_t *order, size_t *scratch, size_t rows, size_t steps, const int64_t *lengths);

#endif
