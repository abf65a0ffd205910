/* Behind the last LSTM layer: the reduction, the layers on both sides of it, and the caller's gradients. */
#include "engine/backward/grad.h"

#include "engine/step_layers.h"

#include <math.h>
#include <string.h>

/* ---- The reduction --------------------------------------------------------------------------------------------------------- */

/* Outputs that were reduced, of a row-step. */
static const float *reduced_outputs(const sluice_tape *tape, size_t row_step)
{
    const sluice_engine *engine = tape->engine;
    const size_t lstm_layers = engine->network->lstm_layers, reduced = engine->steps.reduced;
    const float *at =
        reduced == engine->steps.before[lstm_layers] ? tape->outputs[lstm_layers - 1] : tape->step_layers[reduced - 1].outputs;
    return at + row_step * sl_step_layers_reduced_width(engine);
}

/* The gradient of a maximum goes to the first step that has it, or to the first NaN. `left` has room for the width. */
static void spread_maximum(const sluice_tape *tape, size_t sorted, const float *d, float *left, float *dy)
{
    const size_t width = sl_step_layers_reduced_width(tape->engine);
    const float *most = tape->reduced + tape->sorted_rows[sorted] * width;
    memcpy(left, d, width * sizeof *left);
    for (size_t t = 0; t < tape->lengths[sorted]; t++) {
        const size_t row_step = tape->first_row_step[t] + sorted;
        const float *outputs = reduced_outputs(tape, row_step);
        float *to = dy + row_step * tape->grad_stride;
        for (size_t k = 0; k < width; k++) {
            const bool has_it = outputs[k] == most[k] || (isnan(outputs[k]) && isnan(most[k]));
            to[k] = has_it ? left[k] : 0.0f;
            left[k] = has_it ? 0.0f : left[k];
        }
    }
}

/* Give the gradient of a row's one vector to its steps. */
static void spread(const sl_grad_thread *thread, size_t sorted, const float *d, float *dy)
{
    const sluice_tape *tape = thread->tape;
    const sluice_steps how = tape->engine->steps.reduces;
    const size_t width = sl_step_layers_reduced_width(tape->engine), steps = tape->lengths[sorted];
    if (how == SLUICE_STEPS_MAX) {
        spread_maximum(tape, sorted, d, thread->scratch->product, dy);
        return;
    }
    for (size_t t = 0; t < steps; t++) {
        float *to = dy + (tape->first_row_step[t] + sorted) * tape->grad_stride;
        for (size_t k = 0; k < width; k++)
            to[k] = how == SLUICE_STEPS_MEAN ? d[k] / (float)steps : t + 1 == steps ? d[k] : 0.0f;
    }
}

/* ---- The caller's gradients ------------------------------------------------------------------------------------------------ */

/* Set the gradient of each row's vector at the network's end. */
static void begin_rows(sl_grad_thread *thread, float *drows)
{
    const sluice_tape *tape = thread->tape;
    const float *dlogits = thread->gradient->dlogits;
    const size_t ends = tape->engine->network->ends;
    for (size_t row; (row = sl_task_next(&thread->tasks)) < tape->rows;) {
        float *to = drows + row * tape->grad_stride;
        memset(to, 0, ends * sizeof *to);
        if (dlogits)
            memcpy(to, dlogits + row * ends, ends * sizeof *to);
    }
    sl_task_end_phase(&thread->tasks);
}

/* Set the gradients of a row's steps before the reduction or, without one, at the network's end, which may be y. */
static void begin_row_of_steps(const sl_grad_thread *thread, size_t sorted, size_t width, const float *drows, float *dy)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    const sl_network *network = tape->engine->network;
    const size_t row = tape->sorted_rows[sorted];
    if (tape->engine->steps.reduces > SLUICE_STEPS_FINAL) {
        spread(thread, sorted, drows + row * tape->grad_stride, dy);
        return;
    }
    for (size_t t = 0; t < tape->lengths[sorted]; t++) {
        float *to = dy + (tape->first_row_step[t] + sorted) * tape->grad_stride;
        memset(to, 0, width * sizeof *to);
        if (!network->ends && gradient->dy)
            memcpy(to, gradient->dy + sl_layout_place(sl_layout_of_dy(gradient), row, t), width * sizeof *to);
        else if (network->ends && gradient->dstep_logits)
            memcpy(to, gradient->dstep_logits + (row * tape->batch.steps + t) * width, width * sizeof *to);
    }
}

static void begin_steps(sl_grad_thread *thread, size_t width, const float *drows, float *dy)
{
    for (size_t sorted; (sorted = sl_task_next(&thread->tasks)) < thread->tape->rows;)
        begin_row_of_steps(thread, sorted, width, drows, dy);
    sl_task_end_phase(&thread->tasks);
}

/* Add the caller's dy to that of the last LSTM layer. */
static void add_dy(sl_grad_thread *thread, float *dy)
{
    const sluice_tape *tape = thread->tape;
    const sluice_gradient *gradient = thread->gradient;
    for (size_t sorted; (sorted = sl_task_next(&thread->tasks)) < tape->rows;)
        for (size_t t = 0; t < tape->lengths[sorted]; t++)
            sl_grad_store(dy + (tape->first_row_step[t] + sorted) * tape->grad_stride,
                          gradient->dy + sl_layout_place(sl_layout_of_dy(gradient), tape->sorted_rows[sorted], t),
                          tape->engine->network->outputs, true);
    sl_task_end_phase(&thread->tasks);
}

/* ---- The layers ------------------------------------------------------------------------------------------------------------ */

/* Take the gradients of rows back to the reduction. */
static float *run_rows(sl_grad_thread *thread)
{
    const sluice_tape *tape = thread->tape;
    const sl_step_layers *steps = &tape->engine->steps;
    float *d = tape->drows[0], *dx = tape->drows[1];
    const sl_grad_step_range behind = {
        .first = steps->reduced, .end = steps->count, .lstm_layer = tape->engine->network->lstm_layers, .by_row = true};
    begin_rows(thread, d);
    sl_grad_run_step_layers(thread, &behind, &d, &dx);
    return d;
}

void sl_grad_tail(sl_grad_thread *thread, float **dy, float **dx)
{
    const sluice_tape *tape = thread->tape;
    const sl_step_layers *steps = &tape->engine->steps;
    const sl_network *network = tape->engine->network;
    const size_t first = steps->before[network->lstm_layers];
    const size_t behind = first + steps->merges; /* the first layer behind y */
    const float *drows = steps->reduces == SLUICE_STEPS_ALL ? NULL : run_rows(thread);
    if (steps->reduces == SLUICE_STEPS_FINAL) {
        thread->dh_final = drows;
        thread->dh_final_stride = tape->grad_stride;
    }
    begin_steps(thread, steps->reduced > behind ? steps->all[steps->reduced - 1].outputs : network->outputs, drows, *dy);
    sl_grad_step_range range = {.first = behind, .end = steps->reduced, .lstm_layer = network->lstm_layers};
    sl_grad_run_step_layers(thread, &range, dy, dx);
    if (thread->gradient->dy && network->ends)
        add_dy(thread, *dy);
    range.first = first;
    range.end = behind;
    sl_grad_run_step_layers(thread, &range, dy, dx);
}
