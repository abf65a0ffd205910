/* The workspace: one block of memory, divided. */
#ifndef SLUICE_ENGINE_WORKSPACE_H
#define SLUICE_ENGINE_WORKSPACE_H

#include "engine/schedule.h"

/** States of the rows of a group, for one direction of one layer: [group_rows], engine->state_stride apart. */
typedef struct sl_state {
    float *h, *h_next, *c;
} sl_state;

/** What one part (a thread's share of a call) works in. */
typedef struct sl_part {
    sl_state *states;          /* [L*D] */
    float *stack[2];           /* outputs of a layer for the next: [group rows][steps at once][D*H] */
    float *hoisted;            /* [hoist_rows] packed rows */
    float *gathered;           /* [hoist_rows] x rows, for BLIS */
    float *final_h;            /* [group_rows][D*H], for the head */
    float *logits;             /* [group_rows] packed rows of the head */
    size_t *lengths;           /* [group_rows] */
    const float **x_row;       /* [group_rows] where each row's x starts */
    const int32_t **token_row; /* [group_rows] or its tokens */
    const float **x, **start;  /* [group_rows or hoist_rows, the larger] for kernels */
    float **y;                 /* [group_rows] for kernels */
} sl_part;

struct sluice_workspace {
    const sluice_engine *engine;
    size_t rows, steps; /* batches up to these need no more memory */
    unsigned parts;
    sl_part *part; /* [parts] */
    sl_plan plan;
    void *memory; /* everything above */
    size_t bytes;
};

/** Make the workspace large enough for a batch. On failure it is as before. NO_MEMORY, TOO_LARGE. */
sluice_status sl_workspace_fit(sluice_workspace *workspace, size_t rows, size_t steps, sluice_error *error);

#endif
