/* The gradient of the network's inputs, x or the embedding, for an engine without a table. */
#include "engine/backward/grad.h"

#include <string.h>

static void store_row(const sl_grad_thread *thread, const float *dx, size_t sorted)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    const size_t inputs = tape->engine->shape.inputs, row = tape->sorted_rows[sorted];
    const sl_layout at = sl_layout_of_dx(gradient);
    for (size_t t = 0; t < tape->lengths[sorted]; t++)
        sl_grad_store(gradient->dx + sl_layout_place(at, row, t), dx + (tape->first_row_step[t] + sorted) * tape->grad_stride,
                      inputs, gradient->accumulate);
    const bool clears = !gradient->accumulate && sl_layout_has_padding(at);
    for (size_t t = tape->lengths[sorted]; clears && t < tape->batch.steps; t++)
        memset(gradient->dx + sl_layout_place(at, row, t), 0, inputs * sizeof *gradient->dx);
}

/* Store rows [from, to) of the embedding's gradient: each is the sum of dx of its token's row-steps, in their order. */
static void store_tokens(const sl_grad_thread *thread, const float *dx, size_t from, size_t to)
{
    const sluice_tape *tape = thread->tape;
    float *embedding = sl_grad_wanted(tape, 0, 0, SLUICE_TENSOR_EMBEDDING);
    const size_t inputs = tape->engine->shape.inputs;
    for (size_t token = from; token < to; token++)
        tape->token_first[token] = SIZE_MAX;
    for (size_t t = tape->steps; t-- > 0;) /* each goes to the head of its list */
        for (size_t sorted = sl_tape_running(tape, t); sorted-- > 0;) {
            const size_t token = sl_tape_token(tape, 0, t, sorted), row_step = tape->first_row_step[t] + sorted;
            if (token >= from && token < to) {
                tape->token_next[row_step] = tape->token_first[token];
                tape->token_first[token] = row_step;
            }
        }
    float *sum = thread->scratch->product;
    for (size_t token = from; token < to; token++) {
        memset(sum, 0, inputs * sizeof *sum);
        for (size_t row_step = tape->token_first[token]; row_step != SIZE_MAX; row_step = tape->token_next[row_step])
            sl_grad_store(sum, dx + row_step * tape->grad_stride, inputs, true);
        sl_grad_store(embedding + token * inputs, sum, inputs, thread->gradient->accumulate);
    }
}

void sl_grad_inputs(sl_grad_thread *thread, const float *dx)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    const size_t vocabulary = tape->engine->shape.vocabulary, shares = thread->tasks.threads;
    const size_t rows = gradient->dx ? tape->rows : 0;
    const size_t tokens =
        vocabulary && sl_grad_wanted(tape, 0, 0, SLUICE_TENSOR_EMBEDDING) && !tape->engine->layers[0].table ? shares : 0;
    for (size_t task; (task = sl_task_next(&thread->tasks)) < rows + tokens;) {
        if (task < rows)
            store_row(thread, dx, task);
        else
            store_tokens(thread, dx, vocabulary * (task - rows) / shares, vocabulary * (task - rows + 1) / shares);
    }
    sl_task_end_phase(&thread->tasks);
}
