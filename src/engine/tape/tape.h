/* The tape: what a forward call keeps of each step for the backward pass, and the memory that the backward pass works in. */
#ifndef SLUICE_ENGINE_TAPE_TAPE_H
#define SLUICE_ENGINE_TAPE_TAPE_H

#include "base/size.h"
#include "base/system/barrier.h"
#include "engine/engine.h"
#include "model/model.h"

/*
 * The rows of a batch are sorted, longest first; a row's place in that order is its *sorted index*. A *row-step* is one step of one
 * row. Arrays by row-step have those of one t together, by sorted index: row-step (t, sorted) has index first_row_step[t] + sorted.
 * In the arrays of one layer-direction, t is an iteration (a step in processing order); in those that layers exchange, t is a step.
 * At each t both have the same number of running rows, so the indices are the same.
 *
 * Sums over row-steps are computed by *time blocks*: runs of whole iterations with SL_TIME_BLOCK_ROW_STEPS row-steps or more. One or
 * several time blocks make up a *recompute segment*; gates are in memory for one segment at a time. Without `recompute` there is one
 * segment. All of this, and so the order of every addition, depends on the lengths alone.
 */
enum { SL_TIME_BLOCK_ROW_STEPS = 512 };

/** What is kept of a layer-direction. */
typedef struct sl_tape_layer_dir {
    float *
        gates; /* [row-steps of the segment], gate_stride apart: i, f, g, o [4][H]; later their gradients, unless the tape is kept */
    size_t gate_stride;
    float *c;             /* [row-steps of the segment][H] after the iteration */
    float *m;             /* [row-steps of the segment][H], with a projection: what it multiplies */
    float *c_checkpoints; /* [checkpoint_rows][H] after the last iteration of each segment but the last, of the rows running then */
    float *h0, *c0;       /* [rows][H], by sorted index */
} sl_tape_layer_dir;

/** What is kept of a step layer: [row-steps] vectors by steps or, behind the reduction, [rows of the batch]; NULL what nothing reads. */
typedef struct sl_tape_step_layer {
    float *pre_activations; /* what its function was applied to */
    float *outputs;         /* of a merge, after dropout */
} sl_tape_step_layer;

/** What a thread of the backward pass works with. */
typedef struct sl_tape_scratch {
    float *gathered; /* [chunk_row_steps] x and h of the iteration before, side by side; or gradients of logits */
    float *product;  /* [chunk_row_steps or row_block_rows] rows of a product, before they are added to something; or packed rows of
                      * pre-activations */
    float *panels;   /* operands of a bulk product, packed; of an engine without BLIS */
    float *h[2], *c; /* [row_block_rows], the layer-direction's c_stride apart: states, while gates are computed again */
    const float **x, **start, **da_after, **dy, **c_now, **c_before; /* [row_block_rows] for kernels */
    float **gates, **c_kept, **m;                                    /* [row_block_rows] for kernels */
} sl_tape_scratch;

struct sluice_tape {
    const sluice_engine *engine;
    size_t recompute;
    bool is_kept;         /* sluice_backward leaves what the tape holds as it is */
    bool holds;           /* a batch that sluice_backward has not used up */
    bool drops;           /* the batch has dropout */
    unsigned long models; /* that the engine had been given when the batch was recorded */
    sluice_batch batch;   /* checked; of its pointers only x and tokens are read later */

    /* The index (tape_index.h): the batch's lengths, and what follows from them. */
    size_t rows, steps, row_steps; /* steps: of the longest row */
    size_t time_blocks, segments;
    size_t segment_row_steps; /* of the largest segment */
    size_t checkpoint_rows;   /* of all checkpoints together */
    size_t *sorted_rows;      /* [rows] by sorted index: the row of the batch */
    size_t *sorted_index;     /* [rows] by row */
    size_t *lengths;          /* [rows] by sorted index */
    size_t *x_first;          /* [rows] by sorted index: the element of the batch's x, or tokens, that the row begins with */
    size_t *x_step;           /* [steps]: how far behind it a step begins */
    size_t *first_row_step;   /* [steps + 1]: first_row_step[t + 1] - first_row_step[t] rows run at t */
    size_t *time_block;       /* [time_blocks + 1]: the iteration that each begins with; then steps */
    size_t *segment;          /* [segments + 1]: the time block that each begins with; then time_blocks */
    size_t *checkpoint; /* [steps + 1]: the row of c_checkpoints with the c before the segment that begins here; else SIZE_MAX */
    void *index;        /* the memory of these arrays */
    size_t index_bytes;

    /* What the forward pass keeps. */
    sl_tape_layer_dir *layer_dirs;   /* [layer-directions] */
    float **outputs;                 /* [LSTM layers] arrays [row_steps][outputs], by steps */
    float **given;                   /* [LSTM layers]: the same after dropout, for the layers behind; without it, the same arrays */
    float **inputs;                  /* [LSTM layers]: what the layer reads; NULL: the batch's x or tokens */
    sl_tape_step_layer *step_layers; /* [step layers]; those of a shape, its head, keep nothing */
    float *reduced;                  /* [rows of the batch] each row's one vector, before the layers behind the reduction */

    /* What the backward pass works in. */
    size_t grad_stride;
    float *dy[2];    /* [row_steps], grad_stride apart, by steps: gradient of a layer's outputs, and of its inputs; one if no layer
                       * has two directions, and none is a step layer or gives its outputs in processing order */
    float *drows[2]; /* [rows of the batch], grad_stride apart: the same behind the reduction */
    float *da; /* where the tape is kept, and gates are not computed again: [row_steps] of one layer-direction, its gate_stride
                       * apart; else NULL, and gates become da where they are */
    float *dc; /* [rows], the layer-direction's c_stride apart, by sorted index */
    float *dh_final;        /* [rows of the batch][y]: the gradient of the final h through the head; with a head */
    float *dh;              /* [row-steps of the segment][P] of a layer-direction with a projection: gradients of its outputs */
    float *projection_sums; /* partial sums of its dW_p */
    float *sums;            /* partial sums of a layer-direction's dU and dW */
    float *dense_sums;      /* partial sums of a dense layer's, the head among them */
    sl_layer_parameters *wanted; /* [layers]: where the gradients of parameters go; NULL: not wanted */
    float *table;                /* [V][4H] da summed by token, where the engine has a table */
    float *embedding;            /* [V][I], where the engine has a table */
    size_t *token_first; /* [V] and [row_steps]: row-steps of each token as linked lists, where the engine has no table; SIZE_MAX
                            ends a list */
    size_t *token_next;
    float *minus_zeros;       /* a packed row of -0: the start of a product without a bias, since x + -0 is x for every x */
    sl_tape_scratch *scratch; /* [threads] */
    size_t threads;
    size_t row_block_rows;        /* rows that go through the iterations together */
    size_t chunk_row_steps;       /* most row-steps of one product, at most SL_TIME_BLOCK_ROW_STEPS */
    sl_barrier_flag *phase_flags; /* [threads] for the end of a phase */
    sl_barrier_flag *group_flags; /* [threads] for the end of an iteration */
    void *memory;                 /* of all but the index */
    size_t memory_bytes;
};

/** Whether dropout makes another array of the layer's outputs. Where directions are merged, it is the merge's outputs that are dropped. */
static inline bool sl_tape_drops_outputs(const sluice_tape *tape, size_t layer)
{
    const sl_network *network = tape->engine->network;
    return tape->drops && layer + 1 < network->lstm_layers &&
           network->description.layers[network->lstm[layer].layer].merge == SLUICE_MERGE_CONCAT;
}

/** Whether they are those of a step layer, the merge of an LSTM layer before the last. */
static inline bool sl_tape_drops_merged(const sluice_tape *tape, size_t step_layer)
{
    const sl_step_layers *steps = &tape->engine->steps;
    return tape->drops && steps->all[step_layer].kind == SL_STEP_MERGE &&
           step_layer < steps->before[tape->engine->network->lstm_layers];
}

/** The floats of the longest packed row of units in the backward pass. */
static inline size_t sl_tape_packed_units(const sluice_engine *engine)
{
    return sl_size_round_up(engine->network->most_hidden, sl_block_floats(engine->kernel));
}

#endif
