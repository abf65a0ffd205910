/* Passes: some units of one direction of one layer, taken through a span of turns by one thread, round the kernel's step. */
#ifndef SLUICE_ENGINE_FORWARD_RECURRENCE_H
#define SLUICE_ENGINE_FORWARD_RECURRENCE_H

#include "engine/forward/workspace.h"

/** Some rows of the batch, going through the steps together. A *turn* counts the steps in the order they are taken: step t for
 * the forward direction, step length-1-t for the reverse one. */
typedef struct sl_row_block {
    const sluice_engine *engine;
    const sluice_batch *batch;
    const sl_thread_group *shared;
    const size_t *rows; /* their places in the batch, longest first */
    size_t count;
} sl_row_block;

struct sl_recurrence {
    const sl_row_block *group;
    const sl_thread_scratch *own; /* this thread's */
    const sl_packed *packed;
    const sl_state *state;
    size_t layer_dir, direction;
    size_t block, blocks; /* of columns: the units */
    size_t from, to;      /* turns */
    const float *below;   /* [rows][to - from][D*H], the outputs of the layer below, or the tape's; NULL: the batch's x or tokens */
    float *above;         /* likewise, of this one; NULL: the batch's y */
    /* Products of x are made ahead, packed rows of these blocks, one for each running row, turn by turn. */
    size_t hoisted_rows; /* most running rows for which they are */
    float *room;         /* for hoist_room of them */
    size_t hoist_room;

    /* Set by sl_recurrence_begin. */
    size_t iteration;  /* the next */
    size_t running;    /* rows that have not ended before it: the first so many */
    float *hoisted;    /* the next turn's products */
    size_t hoisted_to; /* the turn after the last that has them */
};

/** Set the pass to its first turn. */
void sl_recurrence_begin(sl_recurrence *pass);

/** Take the next turn. Of the members of a team, all must have taken the one before. Nothing is done when no row runs. */
void sl_recurrence_step(sl_recurrence *pass);

#endif
