#include "engine/forward/tape_record.h"

#include "base/error.h"
#include "engine/step_layers.h"
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

static sl_layer_rows by_steps(const sluice_tape *tape, float *at, size_t width)
{
    return (sl_layer_rows){.at = at, .width = width, .first = tape->first_row_step, .index = tape->sorted_index};
}

sl_layer_rows sl_tape_inputs_of(const sluice_tape *tape, size_t layer)
{
    return by_steps(tape, tape->inputs[layer], tape->engine->network->lstm[layer].inputs);
}

sl_layer_rows sl_tape_outputs_of(const sluice_tape *tape, size_t layer)
{
    return by_steps(tape, tape->outputs[layer], tape->engine->network->lstm[layer].outputs);
}

sl_layer_rows sl_tape_given_by(const sluice_tape *tape, size_t layer)
{
    return by_steps(tape, tape->given[layer], tape->engine->network->lstm[layer].outputs);
}

/* ---- Step layers ----------------------------------------------------------------------------------------------------------- */

/* Where a vector of so many floats is in an array of the tape. */
static float *place_of(const sluice_tape *tape, const sl_tape_vector *vector, float *at, size_t width)
{
    const size_t place = vector->by_step ? tape->first_row_step[vector->step] + tape->sorted_index[vector->row] : vector->row;
    return at + place * width;
}

/* Whether the tape has the layer's vectors of this sort: of final states that are merged, y is not kept. */
static bool has_vector(const sluice_tape *tape, const sl_tape_vector *vector)
{
    return vector->by_step == (vector->step_layer < tape->engine->steps.reduced);
}

void sl_tape_record_pre_activations(const sluice_tape *tape, const sl_tape_vector *vector, const float *from)
{
    const size_t width = tape->engine->steps.all[vector->step_layer].outputs;
    float *at = tape->step_layers[vector->step_layer].pre_activations;
    if (at && has_vector(tape, vector))
        memcpy(place_of(tape, vector, at, width), from, width * sizeof *from);
}

void sl_tape_record_vector(const sluice_tape *tape, const sl_tape_vector *vector, float *outputs)
{
    const sl_step_layer *layer = &tape->engine->steps.all[vector->step_layer];
    float *at = tape->step_layers[vector->step_layer].outputs;
    if (sl_tape_drops_merged(tape, vector->step_layer)) {
        const sl_dropout drop = {
            .probability = tape->batch.dropout,
            .key = tape->batch.dropout_key,
            .layer = (size_t)(sl_network_get_lstm(tape->engine->network, layer->layer) - tape->engine->network->lstm),
            .row = tape->batch.dropout_row + vector->row,
            .step = vector->step};
        sl_dropout_apply(&drop, 0, layer->outputs, outputs, outputs);
    }
    if (at && has_vector(tape, vector))
        memcpy(place_of(tape, vector, at, layer->outputs), outputs, layer->outputs * sizeof *outputs);
}

void sl_tape_record_reduced(const sluice_tape *tape, size_t row, const float *from)
{
    const size_t width = sl_step_layers_reduced_width(tape->engine);
    memcpy(tape->reduced + row * width, from, width * sizeof *from);
}

/* ---- LSTM layers ----------------------------------------------------------------------------------------------------------- */

/* The first of a recurrence's units. */
static size_t unit_of(const sl_recurrence *p)
{
    return p->block * p->thread->call->engine->kernel->lanes;
}

/* The step of the layer's outputs that row r has at the iteration. */
static size_t output_step_of(const sl_recurrence *p, size_t r)
{
    return sl_recurrence_output_step(p, p->iteration, sl_recurrence_step_of(p, r, p->iteration));
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
        const size_t h_stride = engine->layers[k].h_stride, c_stride = engine->layers[k].c_stride;
        for (size_t r = from; r < to; r++) {
            const size_t sorted = tape->sorted_index[t->rows[r]];
            memcpy(tape->layer_dirs[k].h0 + sorted * h_width, t->group->states[k].h[0] + r * h_stride, h_width * sizeof(float));
            memcpy(tape->layer_dirs[k].c0 + sorted * c_width, t->group->states[k].c + r * c_stride, c_width * sizeof(float));
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
    const bool keeps_gates = sl_tape_keeps_gates(tape), projects = p->packed->projection_width > 0;
    step->c_kept = NULL;
    if (!keeps_gates && tape->checkpoint[iteration + 1] == SIZE_MAX)
        return;
    for (size_t r = 0; r < step->rows; r++) {
        const size_t sorted = sorted_index_of(p, r), row_step = tape->first_row_step[iteration] + sorted;
        if (keeps_gates)
            scratch->gates[r] = kept->gates + row_step * kept->gate_stride + unit;
        if (keeps_gates && projects)
            scratch->y[r] = kept->m + row_step * width + unit;
        scratch->c_kept[r] =
            (keeps_gates ? kept->c + row_step * width : kept->c_checkpoints + (tape->checkpoint[iteration + 1] + sorted) * width) +
            unit;
    }
    step->gates = keeps_gates ? scratch->gates : NULL;
    step->c_kept = scratch->c_kept;
    if (keeps_gates && projects)
        step->y = scratch->y;
}

/* Apply dropout to outputs of an iteration, for the layers behind. */
static void drop_outputs(const sl_recurrence *p, size_t from, size_t count)
{
    const sl_forward_thread *t = p->thread;
    const sluice_batch *batch = t->call->batch;
    const size_t layer = p->packed->dir->layer, first = p->packed->dir->first_output + from;
    if (!sl_tape_drops_outputs(batch->tape, layer))
        return;
    const sl_layer_rows given = sl_tape_given_by(batch->tape, layer);
    for (size_t r = 0; r < p->step.rows; r++) {
        const sl_dropout drop = {.probability = batch->dropout,
                                 .key = batch->dropout_key,
                                 .layer = layer,
                                 .row = batch->dropout_row + t->rows[r],
                                 .step = output_step_of(p, r)};
        sl_dropout_apply(&drop, first, count, p->step.y[r], sl_layer_row(t, &given, r, drop.step) + first);
    }
}

/* Copy outputs of the last layer from the tape to y. */
static void copy_to_y(const sl_recurrence *p, size_t from, size_t count)
{
    const sl_forward_call *call = p->thread->call;
    const size_t first = p->packed->dir->first_output + from;
    if (!call->batch->y || call->copies_y || p->packed->dir->layer + 1 < call->engine->network->lstm_layers)
        return;
    for (size_t r = 0; r < p->step.rows; r++)
        memcpy(sl_y_row(p->thread, r, output_step_of(p, r)) + first, p->step.y[r], count * sizeof(float));
}

void sl_tape_record_step(sl_recurrence *p)
{
    keep_gates(p, &p->step);
    p->thread->call->engine->kernel->step[p->thread->call->engine->cell](&p->step);
}

void sl_tape_record_h(const sl_recurrence *p, size_t from, size_t count)
{
    drop_outputs(p, from, count);
    copy_to_y(p, from, count);
}
