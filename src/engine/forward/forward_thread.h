/* What the forward pass works with: a call, its thread groups and threads, and the recurrences that a thread runs. */
#ifndef SLUICE_ENGINE_FORWARD_FORWARD_THREAD_H
#define SLUICE_ENGINE_FORWARD_FORWARD_THREAD_H

#include "base/system/barrier.h"
#include "engine/batch_row.h"
#include "engine/schedule/scratch_sizes.h"
#include "engine/schedule/unit_split.h"

typedef struct sl_recurrence sl_recurrence;

/** States of a row block in one layer-direction: [rows], its h_stride or c_stride apart; and what is exchanged between the phases of
 *  an iteration. */
typedef struct sl_state {
    float *h[2]; /* iteration k reads h[k % 2] and writes h[(k+1) % 2] */
    float *c;
    float *m;      /* like c; with a projection, else NULL */
    float *gates;  /* packed rows, sl_gates_stride apart: pre-activations; not of plain cells, nor for BLIS */
    float *normed; /* [rows][2], c_stride apart; with layer normalisation: sl_cell_update's */
} sl_state;

/** Floats between the packed rows of sl_state's gates. */
static inline size_t sl_gates_stride(const sl_packed *packed)
{
    return sl_odd_lines(packed->width);
}

/** Arrays that the threads of a group share; [rows] are of its row block. */
typedef struct sl_thread_group {
    sl_state *states;     /* [layer-directions] */
    float *layer_buffers; /* outputs of layers for the next: one buffer [rows][time chunk][outputs] after the other, each
                                * with room for the widest layer */
    float *reduced;       /* [rows][reduced_width] each row's one vector, while its steps go by */
    size_t *lengths;      /* [rows] */
    uint32_t *unmasked;   /* [rows][sizes.mask_steps] the steps of each row that are not masked; NULL: there is no mask */
    size_t *x_first;      /* [rows] the element of the batch's x, or tokens, that each row begins with */
    size_t *y_first;      /* [rows] likewise of y */
} sl_thread_group;

/** Arrays that each thread has for itself; [rows] are of a row block. */
typedef struct sl_thread_scratch {
    sl_unit_range *ranges;      /* [layer-directions] of the unit split */
    sl_recurrence *recurrences; /* [layer-directions] */
    float *hoisted;             /* [hoist_rows] packed rows of input products */
    float *gathered;            /* [hoist_rows] x rows, for BLIS */
    float *prepared_x;        /* [the larger of rows and hoist_rows], sizes.prepared_stride apart: rows for weights of fewer bits */
    float *prepared_h;        /* [rows] likewise */
    float *vectors[2];        /* [vector_rows][steps.widest] results of step layers, alternately */
    const float **x, **start; /* [the largest of rows, hoist_rows and vector_rows] pointers for kernels */
    float **y;                /* [rows] pointers for kernels */
    float **gates, **c_kept;  /* [rows] pointers for kernels, of an engine for training */
} sl_thread_scratch;

/** A call of sluice_forward. */
typedef struct sl_forward_call {
    const sluice_engine *engine;
    const sluice_batch *batch; /* checked, strides filled in; with a mask, lengths are of the unmasked steps */
    const int64_t *lengths;    /* the caller's; NULL: all rows have batch->steps */
    sluice_batch masked;       /* the batch, where there is a mask */
    sluice_workspace *workspace;
    const sl_scratch_sizes *sizes; /* the workspace's */
    size_t hoisted_rows;           /* of the plan: sl_exec_plan_hoisted_rows */
    sluice_steps reduces;          /* what logits are made of; ALL: there are none, but at each step */
    bool keeps;                    /* the last LSTM layer's outputs go to a buffer */
    bool copies_y;                 /* the last LSTM layer's outputs are in a buffer, and y is wanted */
    bool runs_tail;                /* each step goes through the layers behind the last LSTM layer */
    bool runs_vectors;             /* and each row's one vector */
    bool gives_layers;             /* outputs of LSTM layers before the last are wanted */
} sl_forward_call;

/** A thread of the call. With the other threads of its group it takes row blocks through the network, one after the other. */
typedef struct sl_forward_thread {
    const sl_forward_call *call;
    const sl_thread_group *group;
    const sl_thread_scratch *scratch;
    sl_barrier_flag *flags; /* [threads] the group's barrier */
    unsigned threads;       /* of the group */
    unsigned index;         /* of this one among them */
    unsigned arrivals;      /* at the barrier */
    bool wavefront;

    /* The row block. The rows run longest first, so that those still running are always the first so many. */
    const size_t *rows; /* [row_count] of the batch */
    size_t row_count;
    size_t rows_left;   /* of the group, the row block's included */
    size_t chunk_steps; /* steps of a time chunk */
    bool divided;       /* threads share a layer-direction of the layers that run now */
} sl_forward_thread;

/** Where a layer's outputs of the steps of a row block are; its input, if it is the layer below. */
typedef struct sl_layer_rows {
    float *at;           /* NULL: in the batch's own array, y, or x or tokens; the rest is not set then */
    size_t width;        /* floats of a step */
    size_t from, steps;  /* a buffer [rows][steps] from step `from` on */
    const size_t *first; /* or, not NULL, rows by step: [first[step] + index[row of the batch]] */
    const size_t *index;
} sl_layer_rows;

/** A recurrence: a range of units of one layer-direction, which one thread takes through a time chunk. An iteration is a step in
 *  processing order: step k for the forward direction, step length-1-k of each row for the reverse one. */
struct sl_recurrence {
    const sl_forward_thread *thread;
    size_t layer_dir;
    const sl_packed *packed;    /* of the layer-direction */
    size_t block, blocks;       /* of packed columns: the units */
    size_t from, to;            /* iterations of the chunk */
    sl_layer_rows below, above; /* what it reads, and where its h goes besides the state */
    float *hoist_buffer;        /* packed rows of these blocks: hoisted input products */
    size_t hoist_capacity;      /* of the buffer, in rows; 0: there is nothing to multiply */

    sl_step step;      /* the kernel's, for the running rows */
    size_t iteration;  /* the next one */
    size_t running;    /* rows that have it: the first so many */
    float *hoisted;    /* its input products, one row for each running row */
    size_t hoisted_to; /* the iterations before this one have theirs */
};

/** The step of row r of the row block at an iteration. */
static inline size_t sl_recurrence_step_of(const sl_recurrence *p, size_t r, size_t iteration)
{
    return p->packed->dir->reverse ? p->thread->group->lengths[r] - 1 - iteration : iteration;
}

/** The step of the layer's outputs that an iteration gives, which is at this step of a row. */
static inline size_t sl_recurrence_output_step(const sl_recurrence *p, size_t iteration, size_t step)
{
    return p->packed->dir->in_order ? iteration : step;
}

/** The outputs of a step of row r, where they are not in the batch's own array. */
static inline float *sl_layer_row(const sl_forward_thread *t, const sl_layer_rows *rows, size_t r, size_t step)
{
    const size_t place = rows->first ? rows->first[step] + rows->index[t->rows[r]] : r * rows->steps + step - rows->from;
    return rows->at + place * rows->width;
}

/** The step in the batch's arrays of a step of row r, which counts those that are not masked. */
static inline size_t sl_batch_step(const sl_forward_thread *t, size_t r, size_t step)
{
    return t->group->unmasked ? t->group->unmasked[r * t->call->sizes->mask_steps + step] : step;
}

/** The steps of row r, masked ones among them. */
static inline size_t sl_row_steps(const sl_forward_thread *t, size_t r)
{
    return sl_row_length(t->call->lengths, t->call->batch->steps, t->rows[r]);
}

/** The element of the batch's x, or tokens, with which a step of row r begins; the step is one in the batch's arrays. */
static inline size_t sl_x_place(const sl_forward_thread *t, size_t r, size_t step)
{
    return t->group->x_first[r] + sl_layout_step(sl_layout_of_x(t->call->batch), step);
}

/** The token of a step of row r. */
static inline size_t sl_token(const sl_forward_thread *t, size_t r, size_t step)
{
    return sl_batch_token(t->call->batch, sl_x_place(t, r, sl_batch_step(t, r, step)));
}

/** What a layer reads of a step of row r. */
static inline const float *sl_input_row(const sl_forward_thread *t, const sl_layer_rows *rows, size_t r, size_t step)
{
    const sluice_batch *batch = t->call->batch;
    const sluice_engine *engine = t->call->engine;
    if (rows->at)
        return sl_layer_row(t, rows, r, step);
    if (batch->x)
        return batch->x + sl_x_place(t, r, sl_batch_step(t, r, step));
    return engine->embedding + sl_token(t, r, step) * engine->network->inputs;
}

/** h of row r after its last iteration. */
static inline const float *sl_final_h(const sl_forward_thread *t, size_t layer_dir, size_t r)
{
    return t->group->states[layer_dir].h[t->group->lengths[r] % 2] + r * t->call->engine->layers[layer_dir].h_stride;
}

/** Where y has a step of row r. */
static inline float *sl_y_row(const sl_forward_thread *t, size_t r, size_t step)
{
    const sluice_batch *batch = t->call->batch;
    return batch->y + t->group->y_first[r] + sl_layout_step(sl_layout_of_y(batch), step);
}

#endif
