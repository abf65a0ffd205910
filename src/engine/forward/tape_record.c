#include "engine/forward/tape_record.h"

#include "base/error.h"
#include "engine/tape/dropout.h"
#include "engine/tape/tape_index.h"
#include "engine/tape/tape_layout.h"

#include <string.h>

sluice_status sl_tape_record_begin(const sluice_engine *engine, const sluice_batch *batch, sluice_error *error)
{
    if (batch->tape && batch->tape->engine != engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_forward: the tape was made for another engine; make one for this");
    if (!(batch->dropout >= 0 && batch->dropout < 1))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: dropout is %g; expected 0 <= dropout < 1",
                       batch->dropout);
    if (batch->dropout > 0 && !batch->tape)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_forward: dropout without a tape; outside training leave it 0");
    return batch->tape ? sl_tape_fit(batch->tape, batch, error) : SLUICE_STATUS_OK;
}

void sl_tape_record_end(const sluice_batch *batch)
{
    if (batch->tape)
        batch->tape->holds = true;
}

sl_layer_rows sl_tape_layer_rows(const sluice_tape *tape, size_t layer, bool outputs)
{
    return (sl_layer_rows){.at = outputs ? tape->outputs[layer] : tape->inputs[layer],
                           .width =
                               outputs ? tape->engine->network->lstm[layer].outputs : tape->engine->network->lstm[layer].inputs,
                           .first = tape->first_row_step,
                           .index = tape->sorted_index};
}

/* The first of a recurrence's units. */
static size_t unit_of(const sl_recurrence *p)
{
    return p->block * p->thread->call->engine->kernel->lanes;
}

static size_t sorted_index_of(const sl_recurrence *p, size_t r)
{
    return p->thread->call->batch->tape->sorted_index[p->thread->rows[r]];
}

/* They are copied, since hn may take the place of h0, and streams go on. A row of no steps has them too: its h0 is its final h. */
void sl_tape_record_states(const sl_forward_thread *t, size_t from, size_t to)
{
    const sluice_engine *engine = t->call->engine;
    const sluice_tape *tape = t->call->batch->tape;
    for (size_t k = 0; tape && k < engine->network->layer_dirs; k++) {
        const size_t h_width = engine->layers[k].dir->h_width, c_width = engine->layers[k].dir->c_width;
        const size_t stride = engine->layers[k].c_stride;
        for (size_t r = from; r < to; r++) {
            const size_t sorted = tape->sorted_index[t->rows[r]];
            memcpy(tape->layer_dirs[k].h0 + sorted * h_width, t->group->states[k].h[0] + r * stride, h_width * sizeof(float));
            memcpy(tape->layer_dirs[k].c0 + sorted * c_width, t->group->states[k].c + r * stride, c_width * sizeof(float));
        }
    }
}

/* Have the kernel keep the iteration's gates and c; where gates are computed again later, only the c that a segment begins with. */
static void keep_gates(const sl_recurrence *p, sl_step *step)
{
    const sluice_tape *tape = p->thread->call->batch->tape;
    const sl_thread_scratch *scratch = p->thread->scratch;
    const sl_tape_layer_dir *kept = &tape->layer_dirs[p->layer_dir];
    const size_t width = p->packed->dir->c_width, unit = unit_of(p), iteration = p->iteration;
    const bool keeps_gates = sl_tape_keeps_gates(tape);
    step->c_kept = NULL;
    if (!keeps_gates && tape->checkpoint[iteration + 1] == SIZE_MAX)
        return;
    for (size_t r = 0; r < step->rows; r++) {
        const size_t sorted = sorted_index_of(p, r), row_step = tape->first_row_step[iteration] + sorted;
        if (keeps_gates)
            scratch->gates[r] = kept->gates + row_step * kept->gate_stride + unit;
        scratch->c_kept[r] =
            (keeps_gates ? kept->c + row_step * width : kept->c_checkpoints + (tape->checkpoint[iteration + 1] + sorted) * width) +
            unit;
    }
    step->gates = keeps_gates ? scratch->gates : NULL;
    step->c_kept = scratch->c_kept;
}

/* Apply dropout to the outputs of an iteration, for the layer above. */
static void drop_outputs(const sl_recurrence *p, const sl_step *step)
{
    const sl_forward_thread *t = p->thread;
    const sluice_engine *engine = t->call->engine;
    const sluice_batch *batch = t->call->batch;
    const size_t layer = p->packed->dir->layer, first = p->packed->dir->first_output + unit_of(p);
    if (!batch->tape->drops || layer + 1 == engine->network->lstm_layers)
        return;
    const sl_layer_rows inputs = sl_tape_layer_rows(batch->tape, layer + 1, false);
    for (size_t r = 0; r < step->rows; r++) {
        const sl_dropout drop = {.probability = batch->dropout,
                                 .key = batch->dropout_key,
                                 .layer = layer,
                                 .row = t->rows[r],
                                 .step = sl_recurrence_step_of(p, r, p->iteration)};
        sl_dropout_apply(&drop, first, step->units, step->y[r], sl_layer_row(t, &inputs, r, drop.step) + first);
    }
}

/* Copy the last layer's outputs of an iteration from the tape to y. */
static void copy_to_y(const sl_recurrence *p, const sl_step *step)
{
    const sluice_engine *engine = p->thread->call->engine;
    const size_t first = p->packed->dir->first_output + unit_of(p);
    if (!p->thread->call->batch->y || p->packed->dir->layer + 1 < engine->network->lstm_layers)
        return;
    for (size_t r = 0; r < step->rows; r++)
        memcpy(sl_y_row(p->thread, r, sl_recurrence_step_of(p, r, p->iteration)) + first, step->y[r], step->units * sizeof(float));
}

void sl_tape_record_step(sl_recurrence *p)
{
    sl_step *step = &p->step;
    keep_gates(p, step);
    p->thread->call->engine->kernel->step[p->thread->call->engine->cell](step);
    drop_outputs(p, step);
    copy_to_y(p, step);
}
