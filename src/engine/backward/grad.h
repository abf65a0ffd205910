/* The phases of the backward pass, which its threads go through together. backward.c has their order. */
#ifndef SLUICE_ENGINE_BACKWARD_GRAD_H
#define SLUICE_ENGINE_BACKWARD_GRAD_H

#include "engine/backward/task_queue.h"
#include "engine/batch_row.h"
#include "engine/tape/tape_read.h"

/** A thread of a call of sluice_backward. */
typedef struct sl_grad_thread {
    const sluice_tape *tape;
    const sluice_gradient *gradient; /* checked, strides filled in */
    const sl_tape_scratch *scratch;
    const float *dh_final; /* [rows of the batch], dh_final_stride apart: of the last LSTM layer's final h; NULL: zero */
    size_t dh_final_stride;
    sl_task_thread tasks;
    unsigned group_arrivals; /* at the barrier of its thread group */
} sl_grad_thread;

/** A layer-direction and one of its recompute segments. */
typedef struct sl_grad_layer_dir {
    size_t k;
    const sl_layer_dir *dir;
    const sl_packed *packed;
    float *gates;             /* [row-steps of the segment], or da */
    float *dy;                /* gradient of the layer's outputs, by steps */
    float *dx;                /* of its inputs, likewise; may be dy where there is one direction */
    size_t segment, from, to; /* the segment has the iterations [from, to) */
} sl_grad_layer_dir;

/** Some step layers, from `end` - 1 down to `first`. */
typedef struct sl_grad_step_range {
    size_t first, end;
    size_t lstm_layer; /* that they stand before; lstm_layers: behind the last one */
    bool by_row;       /* their vectors are those of rows, not of row-steps */
} sl_grad_step_range;

/** Where the gradient of a layer's parameter goes; NULL: it is not wanted. */
static inline float *sl_grad_wanted(const sluice_tape *tape, size_t layer, size_t direction, sluice_tensor tensor)
{
    return tape->wanted[layer].of[direction][tensor];
}

/** The same of a layer-direction. */
static inline float *sl_grad_wanted_of_dir(const sluice_tape *tape, size_t k, sluice_tensor tensor)
{
    const sl_lstm_layer *lstm = &tape->engine->network->lstm[tape->engine->network->dirs[k].layer];
    return sl_grad_wanted(tape, lstm->layer, k - lstm->first, tensor);
}

/** Whether the gradient of what the network reads is wanted. */
static inline bool sl_grad_wants_inputs(const sl_grad_thread *thread)
{
    return thread->gradient->dx ||
           (thread->tape->engine->shape.vocabulary && sl_grad_wanted(thread->tape, 0, 0, SLUICE_TENSOR_EMBEDDING));
}

/** The gates of a row-step of the segment, or, after sl_grad_steps, their gradients da. Where the tape is kept, sl_grad_steps copies
 *  them here. */
static inline float *sl_grad_gates(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted)
{
    const size_t row_step = tape->first_row_step[iteration] - tape->first_row_step[layer_dir->from] + sorted;
    return layer_dir->gates + row_step * tape->layer_dirs[layer_dir->k].gate_stride;
}

/** to[j] = from[j], or with `adds` to[j] += from[j]. */
static inline void sl_grad_store(float *to, const float *from, size_t count, bool adds)
{
    for (size_t j = 0; j < count; j++)
        to[j] = adds ? to[j] + from[j] : from[j];
}

static inline void sl_grad_swap(float **a, float **b)
{
    float *other = *a;
    *a = *b;
    *b = other;
}

/* ---- Phases; at the end of each all threads wait for each other -------------------------------------------------------------- */

/** Compute the gradients of a shape's head, and dy of the last layer from the head and the caller's dy. */
void sl_grad_head(sl_grad_thread *thread, float *dy);

/** Of another network: those of all layers behind the last LSTM layer, the reduction among them, and its dy. That is in *dy, which may
 *  be exchanged with *dx. */
void sl_grad_tail(sl_grad_thread *thread, float **dy, float **dx);

/** Compute step layers' gradients, from that of the last one's outputs, *dy [vectors], grad_stride apart, to that of the first one's
 *  inputs, which is in *dy then; each layer exchanges it with *dx. */
void sl_grad_run_step_layers(sl_grad_thread *thread, const sl_grad_step_range *range, float **dy, float **dx);

/** Set dc after the last iteration, and add dhn to dy where rows end. */
void sl_grad_begin_layer_dir(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** Take a segment's iterations from the last to the first: gates become da. */
void sl_grad_steps(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** Add a segment's row-steps to the partial sums of dW, dU and db, and compute its dx. */
void sl_grad_sums(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** Store dh0 and dc0, and the totals of the partial sums. */
void sl_grad_end_layer_dir(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** Add a segment's row-steps to the partial sums of dW_p and db_p; without a projection there is no such phase. */
void sl_grad_projection_sums(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** Store their totals. */
void sl_grad_end_projection(sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir);

/** Store dx of layer 0, or the embedding's gradient. */
void sl_grad_inputs(sl_grad_thread *thread, const float *dx);

/* ---- A projection, for grad_steps.c ----------------------------------------------------------------------------------------- */

/** Where dh, and m, of a row-step of the segment are. */
float *sl_grad_dh(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted);
float *sl_grad_m(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted);

/** Set dh, `count` floats from output `from` on, to zero where h is at the projection's limit. */
void sl_grad_clip(const sluice_tape *tape, const sl_grad_layer_dir *layer_dir, size_t iteration, size_t sorted, size_t from,
                  size_t count, float *dh);

/* ---- Tasks of grad_steps.c that a phase of grad_sums.c includes -------------------------------------------------------------- */

/** The number of row blocks of a layer-direction. */
size_t sl_grad_row_blocks(const sluice_tape *tape);

/** Store dh0 and dc0 of the rows of a row block. */
void sl_grad_first_states(const sl_grad_thread *thread, const sl_grad_layer_dir *layer_dir, size_t index);

#endif
