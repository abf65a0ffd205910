/* The tape: what a forward call keeps of each step for its adjoint, and the room that the adjoint works in. */
#ifndef SLUICE_ENGINE_FORWARD_TAPE_H
#define SLUICE_ENGINE_FORWARD_TAPE_H

#include "system/barrier.h"
#include "base/size.h"
#include "engine/engine.h"

/*
 * A *rank* is a row's place among the rows of the batch, longest first. A *cell* is one step of one row. Arrays of cells have
 * those of a turn together, by rank: cell (t, rank) is first[t] + rank. What a strand (one direction of one layer) has for itself
 * counts turns, in the order that it takes them; what layers hand on counts steps. Both have the same number of rows at each t,
 * and so the same cells.
 *
 * The sums over cells go by *blocks*, whole turns of SL_BLOCK_CELLS cells or more, and these make up the *segments*, of which the
 * gates are there at one time: one, or with `recompute` several. All that depends on the lengths alone, and so does the order in
 * which anything is added.
 */
enum { SL_BLOCK_CELLS = 512 };

/** What a strand keeps. */
typedef struct sl_tape_layer_dir {
    float *gates;     /* [segment's cells], gate_stride apart: i, f, g, o [4][H]; then their gradients */
    float *c;         /* [segment's cells][H] after the turn */
    float *c_between; /* [border rows][H] after the last turn of each segment but the last, of rows running then */
    float *h0, *c0;   /* [rows][H], by rank */
} sl_tape_layer_dir;

/** What a thread works with. */
typedef struct sl_tape_scratch {
    float *gathered; /* [chunk_cells] inputs x and h' of cells, side by side; or gradients of logits */
    float *product;  /* [chunk_cells or rows_at_once] rows of a product, before they are added to something */
    float *h[2], *c; /* [rows_at_once], state_stride apart: states, while gates are computed again */
    const float **x, **start, **da_after, **dy, **c_now, **c_before; /* [rows_at_once] for kernels */
    float **gates, **c_kept;                                         /* [rows_at_once] for kernels */
} sl_tape_scratch;

struct sluice_tape {
    const sluice_engine *engine;
    size_t recompute;
    bool holds;           /* a batch, not yet used up */
    bool drops;           /* some outputs between the layers */
    unsigned long models; /* that the engine had been given when it went through */
    sluice_batch batch;   /* as it was checked; of its pointers only x, tokens and what they need are used later */

    /* The batch's lengths, and what follows from them. */
    size_t rows, steps, cells; /* steps of the longest row */
    size_t blocks, segments;
    size_t segment_cells; /* of the largest segment */
    size_t border_rows;   /* of all borders between segments */
    size_t *order;        /* [rows] by rank: the row of the batch */
    size_t *rank;         /* [rows] by row: its rank */
    size_t *lengths;      /* [rows] by rank */
    const float **x_row;  /* [rows] by rank: where the row's x starts, or its tokens */
    const int32_t **token_row;
    size_t *first;   /* [steps + 1]: first[t + 1] - first[t] rows run at t */
    size_t *block;   /* [blocks + 1]: the turn that each begins with; then steps */
    size_t *segment; /* [segments + 1]: the block that each begins with; then blocks */
    size_t *border;  /* [steps + 1]: where the c before a segment that begins there is in c_between, in rows; else SIZE_MAX */
    void *index;     /* the arrays above */
    size_t index_bytes;

    /* What is kept of the cells. */
    size_t gate_stride;
    sl_tape_layer_dir *layer_dirs; /* [L*D] */
    float **outputs;               /* [L] arrays [cells][D*H], by steps */
    float **inputs;                /* [L]: what the layer reads, outputs of the one below, after dropout; [0] NULL */

    /* What sl_backward works in. */
    size_t grad_stride;
    float *dy[2];    /* [cells], grad_stride apart, by steps: gradient of a layer's outputs, and of its inputs; one for D = 1 */
    float *dc;       /* [rows], state_stride apart, by rank */
    float *dh_final; /* [rows of the batch][D*H]: what the head of the final h adds; with a head */
    float *sums;     /* partial sums of a layer's dU and dW; head_sums: of the head's */
    float *head_sums;
    float *table;        /* [V][4H] da summed by token, where the engine has a table */
    float *embedding;    /* [V][I], where the engine has a table */
    size_t *token_first; /* [V] and [cells]: cells of each token as lists, where it has none; SIZE_MAX ends one */
    size_t *token_next;
    float *nothing;         /* a packed row of -0: what may be added to any number, and leaves it */
    sl_tape_scratch *parts; /* [threads] */
    size_t threads;
    size_t rows_at_once;         /* that go through the turns together */
    size_t chunk_cells;          /* most cells of one product, at most SL_BLOCK_CELLS */
    sl_barrier_flag *marks;      /* [threads] at a phase's end */
    sl_barrier_flag *team_marks; /* [threads] at a turn's end */
    void *memory;
    size_t memory_bytes;
};

/** Rows that run at a turn (or step). */
static inline size_t sl_tape_running(const sluice_tape *tape, size_t iteration)
{
    return iteration < tape->steps ? tape->first[iteration + 1] - tape->first[iteration] : 0;
}

/** The step that a strand takes a row through at a turn, and the other way round. */
static inline size_t sl_tape_step(const sluice_tape *tape, size_t direction, size_t rank, size_t iteration)
{
    return direction ? tape->lengths[rank] - 1 - iteration : iteration;
}

/** The width of what strand k reads. */
static inline size_t sl_tape_inputs(const sluice_tape *tape, size_t k)
{
    return tape->engine->layers[k].inputs;
}

/** Whether all gates are kept, not computed again. */
static inline bool sl_tape_keeps_gates(const sluice_tape *tape)
{
    return tape->segments <= 1;
}

/** Partial sums that a product over all cells is made of: enough to occupy threads where its rows alone are too few tiles. */
enum { SL_SUM_ROWS = 1024, SL_SUM_TASKS = 8 };
static inline size_t sl_tape_slots(size_t rows, size_t blocks)
{
    const size_t slots = SL_SUM_TASKS / sl_size_max(1, sl_size_div_up(rows, SL_SUM_ROWS));
    return sl_size_max(1, sl_size_min(slots, blocks));
}

/** What strand k read of x, or of the layer below, at a turn; not of an embedding whose table is used. */
const float *sl_tape_x(const sluice_tape *tape, size_t k, size_t iteration, size_t rank);

/** Layer 0's token at a turn of a strand of this direction. */
size_t sl_tape_token(const sluice_tape *tape, size_t direction, size_t iteration, size_t rank);

/** h before a turn of strand k. */
const float *sl_tape_h_before(const sluice_tape *tape, size_t k, size_t iteration, size_t rank);

/** Into how many tiles the rows of a sum are cut: more where there are few partial sums. */
static inline size_t sl_tape_tiles(size_t rows, size_t slots)
{
    enum { LEAST_ROWS = 256, LEAST_TASKS = 4 };
    const size_t most = sl_size_div_up(rows, LEAST_ROWS), wanted = sl_size_div_up(LEAST_TASKS, slots);
    return sl_size_max(sl_size_div_up(rows, SL_SUM_ROWS), sl_size_min(most, wanted));
}

/** Take in a checked batch: its lengths, and room for all it asks for. The tape then holds nothing until the batch has been through.
 *  NO_MEMORY, TOO_LARGE. */
sluice_status sl_tape_fit(sluice_tape *tape, const sluice_batch *batch, sluice_error *error);

#endif
