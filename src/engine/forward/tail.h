/* The layers that compute each step by itself, before an LSTM layer and behind the last one; the reduction of a row's steps to one
 * vector, and the layers behind it. The threads of the group share the rows. */
#ifndef SLUICE_ENGINE_FORWARD_TAIL_H
#define SLUICE_ENGINE_FORWARD_TAIL_H

#include "engine/forward/forward_thread.h"

/** The rows of the row block that a thread loads, computes in other layers than LSTM, and stores. */
typedef struct sl_row_range {
    size_t from, to;
} sl_row_range;

static inline sl_row_range sl_row_range_of(const sl_forward_thread *t)
{
    if (t->threads == 1) /* calls of one step notice the time of the divisions */
        return (sl_row_range){0, t->row_count};
    return (sl_row_range){t->row_count * t->index / t->threads, t->row_count * (t->index + 1) / t->threads};
}

/** Where steps are masked: put outputs of an LSTM layer in processing order, which lie by iterations, to the unmasked steps at which
 *  the layers behind it read them. Of any other layer they are there. */
void sl_steps_arrange(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *outputs);

/** Compute what an LSTM layer reads, through the step layers before it, of the time chunk that `to_rows` is for. */
void sl_steps_run_before(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *from_rows,
                         const sl_layer_rows *to_rows);

/** Store the rows of the embedding where the batch wants them. */
void sl_steps_give_embedding(const sl_forward_thread *t);

/** Store the outputs of steps [from, to) of an LSTM layer before the last where the batch wants them. */
void sl_steps_give_outputs(const sl_forward_thread *t, size_t lstm_layer, const sl_layer_rows *outputs, size_t from, size_t to);

/** Take outputs of the last LSTM layer, of steps [from, to), through the step layers behind it, and store or reduce the results. */
void sl_tail_run_steps(const sl_forward_thread *t, const sl_layer_rows *outputs, size_t from, size_t to);

/** Behind the last step: take each row's one vector through the layers behind the reduction, to the batch's logits. */
void sl_tail_run_vectors(const sl_forward_thread *t);

#endif
