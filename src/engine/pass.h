/* Passes: some units of one direction of one layer, taken through a span of turns by one thread, round the kernel's step. */
#ifndef SLUICE_ENGINE_PASS_H
#define SLUICE_ENGINE_PASS_H

#include "engine/workspace.h"

/** Some rows of the batch, going through the steps together. A *turn* counts the steps in the order they are taken: step t for
 * the forward direction, step length-1-t for the reverse one. */
typedef struct sl_group {
    const sluice_engine *engine;
    const sluice_batch *batch;
    const sl_team *shared;
    const size_t *rows; /* their places in the batch, longest first */
    size_t count;
} sl_group;

struct sl_pass {
    const sl_group *group;
    const sl_part *own; /* this thread's */
    const sl_packed *packed;
    const sl_state *state;
    size_t strand, direction;
    size_t block, blocks; /* of columns: the units */
    size_t from, to;      /* turns */
    const float *below;   /* [rows][to - from][D*H], the outputs of the layer below, or the tape's; NULL: the batch's x or tokens */
    float *above;         /* likewise, of this one; NULL: the batch's y */
    /* Products of x are made ahead, packed rows of these blocks, one for each running row, turn by turn. */
    size_t hoisted_rows; /* most running rows for which they are */
    float *room;         /* for hoist_room of them */
    size_t hoist_room;

    /* Set by sl_pass_begin. */
    size_t turn;       /* the next */
    size_t running;    /* rows that have not ended before it: the first so many */
    float *hoisted;    /* the next turn's products */
    size_t hoisted_to; /* the turn after the last that has them */
};

/** Set the pass to its first turn. */
void sl_pass_begin(sl_pass *pass);

/** Take the next turn. Of the members of a team, all must have taken the one before. Nothing is done when no row runs. */
void sl_pass_turn(sl_pass *pass);

#endif
