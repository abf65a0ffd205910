/* The workspace: one block of memory, divided. */
#ifndef SLUICE_ENGINE_FORWARD_WORKSPACE_H
#define SLUICE_ENGINE_FORWARD_WORKSPACE_H

#include "system/barrier.h"
#include "engine/schedule/schedule.h"

/** States of the rows of a group, for one direction of one layer: [group_rows], engine->state_stride apart. */
typedef struct sl_state {
    float *h[2]; /* h[t % 2] is what turn t begins with; h[(t+1) % 2] what it leaves */
    float *c;
} sl_state;

/** One direction of one layer, or some of its units, over a span of turns: pass.h. */
typedef struct sl_recurrence sl_recurrence;

/** What the members of a team share. */
typedef struct sl_thread_group {
    sl_state *states;          /* [L*D] */
    float *stack;              /* outputs of layers for the next, one buffer [rows][span][D*H] after the other */
    size_t *lengths;           /* [group_rows] */
    const float **x_row;       /* [group_rows] where each row's x starts */
    const int32_t **token_row; /* [group_rows] or its tokens */
} sl_thread_group;

/** What each thread has for itself. */
typedef struct sl_thread_scratch {
    sl_unit_range *pieces;    /* [L*D] of the units */
    sl_recurrence *passes;    /* [L*D] */
    float *hoisted;           /* [hoist_rows] packed rows */
    float *gathered;          /* [hoist_rows] x rows, for BLIS */
    float *final_h;           /* [group_rows][D*H], for the head */
    float *logits;            /* [group_rows] packed rows of the head */
    const float **x, **start; /* [group_rows or hoist_rows, the larger] for kernels */
    float **y;                /* [group_rows] for kernels */
    float **gates, **c_kept;  /* [group_rows] for kernels, of an engine for training */
} sl_thread_scratch;

struct sluice_workspace {
    const sluice_engine *engine;
    size_t rows, steps;      /* batches up to these, `steps` being the longest row's, fit as it is laid out now */
    sl_thread_group *team;   /* [teams], of sl_scratch_sizes_get for them */
    sl_thread_scratch *part; /* [parts] */
    sl_barrier_flag *marks;  /* [parts] */
    sl_partition deal;
    void *memory; /* everything above */
    size_t bytes; /* of memory */
};

/** Bytes of a workspace for such batches. false: they do not fit. */
bool sl_workspace_measure(const sluice_engine *engine, size_t rows, size_t steps, size_t *bytes);

/** Make the workspace fit a batch: lay it out anew, in more memory if it has too little. On failure it is as before. NO_MEMORY,
 * TOO_LARGE. */
sluice_status sl_workspace_fit(sluice_workspace *workspace, size_t rows, size_t steps, sluice_error *error);

/** Idle workspaces that calls without one of their own borrow, and how many calls are running. Any number of threads may use it at
 * once. */
typedef struct sl_pool sl_pool;

/** NULL: no memory. */
sl_pool *sl_pool_create(void);

/** Take one out that fits, making or growing it if need be. */
sluice_status sl_pool_take(sl_pool *pool, const sluice_engine *engine, size_t rows, size_t steps, sluice_workspace **workspace,
                           sluice_error *error);

void sl_pool_give_back(sl_pool *pool, sluice_workspace *workspace);

/** Begin, and end, a call; begin returns how many are now running, this one counted. */
unsigned sl_pool_begin(sl_pool *pool);
void sl_pool_end(sl_pool *pool);

/** Free the pool and what is in it; NULL is allowed. */
void sl_pool_destroy(sl_pool *pool);

#endif
