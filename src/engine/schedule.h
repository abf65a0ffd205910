/* Who computes what when: sizes of row groups and chunks, and the division of a batch's rows over threads. No bit of a result
 * depends on it. */
#ifndef SLUICE_ENGINE_SCHEDULE_H
#define SLUICE_ENGINE_SCHEDULE_H

#include "engine/engine.h"

#include <stdbool.h>

/** Fill in engine->limits from its packed layers and this CPU's caches. */
void sl_limits_set(sluice_engine *engine);

/** Sizes of one part's scratch memory. */
typedef struct sl_part_sizes {
    size_t group_rows;    /* rows whose states are held */
    size_t state_floats;  /* of one of h, next h and c, of one direction of one layer */
    size_t stack_floats;  /* of one of the two buffers between layers; 0 for one layer */
    size_t hoist_rows;    /* rows x steps whose products of x are made at once; 0: never hoisted */
    size_t hoist_floats;  /* of them: packed rows */
    size_t gather_floats; /* x rows gathered for BLIS */
} sl_part_sizes;

/** The sizes for batches of up to `rows` rows and `steps` steps; each grows with both. false if one does not fit. */
bool sl_part_sizes_get(const sluice_engine *engine, size_t rows, size_t steps, sl_part_sizes *sizes);

/** Whether a layer's products of x are to be made ahead of the recurrence for a group of so many rows. */
bool sl_hoists(const sluice_engine *engine, const sl_packed *layer, size_t group_rows);

/** The division of a batch's rows over parts. The arrays are the workspace's. */
typedef struct sl_plan {
    size_t *order;          /* [rows]: the rows of part p, longest first, are order[first[p]] .. order[first[p+1]-1] */
    size_t *first;          /* [parts + 1] */
    size_t *sorted, *owner; /* [rows], scratch */
    size_t *load;           /* [parts], scratch */
} sl_plan;

/** Divide rows over `parts`, each row whole, so that the sums of lengths are even. lengths NULL: all are `steps` long. */
void sl_plan_rows(sl_plan *plan, unsigned parts, size_t rows, size_t steps, const int64_t *lengths);

#endif
