/* The workspace: one allocation, divided into the scratch arrays of a call. */
#ifndef SLUICE_ENGINE_FORWARD_WORKSPACE_H
#define SLUICE_ENGINE_FORWARD_WORKSPACE_H

#include "engine/schedule/partition.h"
#include "engine/schedule/unit_split.h"
#include "system/barrier.h"

/** States of a row block in one layer-direction: [rows], engine->state_stride apart. */
typedef struct sl_state {
    float *h[2]; /* iteration k reads h[k % 2] and writes h[(k+1) % 2] */
    float *c;
} sl_state;

/** forward_thread.h. */
typedef struct sl_recurrence sl_recurrence;

/** Arrays that the threads of a group share; [rows] are of its row block. */
typedef struct sl_thread_group {
    sl_state *states;          /* [L*D] */
    float *layer_buffers;      /* outputs of layers for the next: one buffer [rows][time chunk][D*H] after the other */
    size_t *lengths;           /* [rows] */
    const float **x_row;       /* [rows] where each row's x begins */
    const int32_t **token_row; /* [rows] or its tokens */
} sl_thread_group;

/** Arrays that each thread has for itself; [rows] are of a row block. */
typedef struct sl_thread_scratch {
    sl_unit_range *ranges;      /* [L*D] of the unit split */
    sl_recurrence *recurrences; /* [L*D] */
    float *hoisted;             /* [hoist_rows] packed rows of input products */
    float *gathered;            /* [hoist_rows] x rows, for BLIS */
    float *final_h;             /* [rows][D*H], for the head */
    float *logits;              /* [rows] packed rows of the head */
    const float **x, **start;   /* [rows or hoist_rows, the larger] pointers for kernels */
    float **y;                  /* [rows] pointers for kernels */
    float **gates, **c_kept;    /* [rows] pointers for kernels, of an engine for training */
} sl_thread_scratch;

struct sluice_workspace {
    const sluice_engine *engine;
    size_t rows, steps; /* the present layout fits batches up to these, `steps` being the longest row's */
    sl_thread_group *groups;
    sl_thread_scratch *threads;
    sl_barrier_flag *flags; /* [threads] */
    sl_partition partition;
    void *memory; /* holds all of the arrays */
    size_t bytes; /* of memory */
};

/** Bytes of a workspace for such batches. false: they do not fit size_t. */
bool sl_workspace_measure(const sluice_engine *engine, size_t rows, size_t steps, size_t *bytes);

/** Make the workspace fit a batch: lay it out anew, in more memory if it has too little. On failure it is unchanged. NO_MEMORY,
 *  TOO_LARGE. */
sluice_status sl_workspace_fit(sluice_workspace *workspace, size_t rows, size_t steps, sluice_error *error);

#endif
