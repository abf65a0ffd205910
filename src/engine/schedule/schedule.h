/* Who computes what when: the way a batch goes (ways.c), the sizes that follow from it, and the division of its rows. No bit of
 * a result depends on it. */
#ifndef SLUICE_ENGINE_SCHEDULE_SCHEDULE_H
#define SLUICE_ENGINE_SCHEDULE_SCHEDULE_H

#include "engine/schedule/unit_split.h"
#include "engine/engine.h"

#include <stdbool.h>

/** Fill in engine->limits from its packed layers and this CPU's caches. */
void sl_limits_set(sluice_engine *engine);

/** Threads that calls use: more than there are CPUs only if a schedule was asked for. */
unsigned sl_workers(const sluice_engine *engine);

/** What a batch asks for. */
typedef struct sl_load {
    size_t rows;
    size_t steps;         /* of the longest row */
    uint64_t total_steps; /* of all rows */
    bool equal;           /* all rows have `steps` */
    size_t workers;       /* threads that may be used for it */
} sl_load;

/** Steps of a batch's longest row; lengths [rows] may be NULL: each has `steps`. */
size_t sl_longest_row(size_t rows, size_t steps, const int64_t *lengths);

/** The load of a batch that has all the engine's workers to itself, or, in a parallel region of the caller's, one; lengths may
 * be NULL. */
sl_load sl_load_get(const sluice_engine *engine, size_t rows, size_t steps, const int64_t *lengths);

enum { SL_CANDIDATES_MAX = 32 };

/** The execution plans that are compared for a load, those that the engine's schedule allows; how many (at least 1, less than
 * SL_CANDIDATES_MAX). */
size_t sl_candidates_list(const sluice_engine *engine, const sl_load *load, sl_exec_plan ways[SL_CANDIDATES_MAX]);

/** The most rows of a batch that go through the steps together. */
size_t sl_row_block_rows(const sluice_engine *engine, size_t rows);

/** Whether a way makes any products of x ahead, all rows running. */
bool sl_exec_plan_hoists(const sluice_engine *engine, const sl_load *load, const sl_exec_plan *way);

bool sl_exec_plan_equals(const sl_exec_plan *a, const sl_exec_plan *b);

/** The span of a wavefront: of the time, a sixth at most is one where not all layers run, if it can be. */
size_t sl_wavefront_chunk(const sluice_shape *shape, size_t steps);

/** An estimate of what a way takes, in cycles of one core. */
double sl_exec_plan_cycles(const sluice_engine *engine, const sl_load *load, const sl_exec_plan *way);

/** What measuring has taught about a load; NULL: nothing, or what takes more workers than there are. */
const sl_tuned_plan *sl_tuned_plan_find(const sluice_engine *engine, const sl_load *load);

/** Most entries that an engine remembers. */
enum { SL_TUNED_PLANS_MAX = 4096 };

/** Remember the entry in place of one of the same rows and steps. NO_MEMORY; TOO_LARGE: there are SL_TUNED_PLANS_MAX others. */
sluice_status sl_tuned_plan_store(sluice_engine *engine, const sl_tuned_plan *entry, sluice_error *error);

/** The way to go: the learnt one, else the cheapest by estimate. */
sl_exec_plan sl_exec_plan_choose(const sluice_engine *engine, const sl_load *load);

/** The most running rows whose products of x are made ahead of the recurrence. */
size_t sl_hoisted_rows(const sluice_engine *engine, const sl_exec_plan *way);

/** How much more a step of a row costs a team when it is the only one, as a share of what it costs among many. */
double sl_lone_row_excess(const sluice_engine *engine, unsigned members);

/** Whether a lone row goes faster when so many members share it. */
bool sl_shares_row(const sluice_engine *engine, unsigned members);

/** Sizes of scratch memory: how many teams and parts (threads' own shares) at most, and what each has. */
typedef struct sl_scratch_sizes {
    size_t teams, parts;
    size_t group_rows;    /* rows whose states are held */
    size_t state_floats;  /* of one of both h and c, of one direction of one layer */
    size_t stack_floats;  /* between layers; 0 for one layer */
    size_t hoist_rows;    /* rows x steps whose products of x are made at once; 0: never hoisted */
    size_t hoist_floats;  /* of them: packed rows */
    size_t gather_floats; /* x rows gathered for BLIS */
} sl_scratch_sizes;

/** The sizes for batches of up to `rows` rows and `steps` steps; each grows with both. false if one does not fit. */
bool sl_scratch_sizes_get(const sluice_engine *engine, size_t rows, size_t steps, sl_scratch_sizes *sizes);

/** Rows that go through the network at once when the longest has `steps`. */
size_t sl_rows_at_once(const sluice_engine *engine, const sl_scratch_sizes *sizes, size_t steps);

/** Steps that a group of `rows` rows, whose longest has `steps` >= 1, takes through a layer before the next layer's turn. */
size_t sl_chunk_get(const sluice_engine *engine, const sl_scratch_sizes *sizes, bool wavefront, size_t rows, size_t steps);

/** Sort order[0..rows-1], rows of the batch, by length, none beyond `steps`, longest first; equal lengths keep their order. scratch
 * is [rows] too. */
void sl_sort_by_length(size_t *order, size_t *scratch, size_t rows, size_t steps, const int64_t *lengths);

/** The division of a batch's rows over teams. The arrays are the workspace's. */
typedef struct sl_partition {
    size_t *order;   /* [rows]: the rows of team p, longest first, are order[first[p]] .. order[first[p+1]-1]; the tail is before */
    size_t *first;   /* [teams + 1] */
    size_t *sorted;  /* [rows], scratch */
    unsigned *owner; /* [rows], scratch */
    double *work;    /* [teams], scratch */
    unsigned *heap;  /* [teams], scratch */
    sl_exec_plan way;
    size_t tail; /* the first rows in `order`, too long for one team: all threads take them together before all else */
} sl_partition;

/** Divide rows over the teams of deal->way, each row whole, so that all have about as much to do. lengths NULL: all are `steps`
 * long. */
void sl_partition_rows(sl_partition *deal, const sluice_engine *engine, const sl_load *load, const int64_t *lengths);

#endif
