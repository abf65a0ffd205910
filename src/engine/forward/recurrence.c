#include "engine/forward/recurrence.h"

#include "base/size.h"
#include "engine/blis_gemm.h"
#include "engine/forward/cell_phases.h"

#include <assert.h>

static const sluice_engine *engine_of(const sl_recurrence *p)
{
    return p->thread->call->engine;
}

/* How many of the first n rows are still running at an iteration. */
static size_t count_running(const sl_recurrence *p, size_t n, size_t iteration)
{
    while (n > 0 && p->thread->group->lengths[n - 1] <= iteration)
        n--;
    return n;
}

/* ---- Where a row has its data; called for each row and iteration ----------------------------------------------------------- */

/* Where the pre-activations begin: b, or b + W x of the token from the table. */
static inline const float *start_of(const sl_recurrence *p, size_t r, size_t step)
{
    const sl_packed *packed = p->packed;
    const float *start = packed->table ? packed->table + sl_token(p->thread, r, step) * packed->width : packed->bias;
    return start + p->block * sl_block_floats(engine_of(p)->kernel);
}

/* x of row r, as the k-th row of a product. */
static inline const float *x_of(const sl_recurrence *p, size_t r, size_t step, size_t k)
{
    const float *x = sl_input_row(p->thread, &p->below, r, step);
    const sl_packed *packed = p->packed;
    if (packed->weights_ih.rows == SL_ROW_FLOATS)
        return x;
    float *words = p->thread->scratch->prepared_x + k * engine_of(p)->sizes.prepared_stride;
    engine_of(p)->kernel->prepare_row(packed->weights_ih.rows, packed->x_within_one, packed->dir->inputs, x, words);
    return words;
}

/* Make the words of all running rows' h, from the state. */
static void prepare_h(const sl_recurrence *p, const float *h, size_t stride)
{
    const sl_packed *packed = p->packed;
    for (size_t r = 0; r < p->running; r++)
        engine_of(p)->kernel->prepare_row(packed->weights_hh.rows, packed->h_within_one, packed->dir->h_width,
                                          h + r * packed->h_stride, p->thread->scratch->prepared_h + r * stride);
}

/* `from`: the first float of h that is wanted. */
static inline float *y_of(const sl_recurrence *p, size_t r, size_t step, size_t from)
{
    float *y = p->above.at ? sl_layer_row(p->thread, &p->above, r, step) : sl_y_row(p->thread, r, step);
    return y + p->packed->dir->first_output + from;
}

/* ---- Input products -------------------------------------------------------------------------------------------------------- */

/* b + W x of the rows that scratch->x and scratch->start point at. */
static void multiply_inputs(const sl_recurrence *p, size_t rows)
{
    const sl_thread_scratch *scratch = p->thread->scratch;
    const sl_kernel *kernel = engine_of(p)->kernel;
    if (engine_of(p)->gemm == SLUICE_GEMM_BLIS) {
        sl_blis_multiply_inputs(p->packed, rows, scratch->start, scratch->x, scratch->gathered, p->hoist_buffer);
        return;
    }
    sl_packed_matrix weights;
    sl_packed_set_range(&p->packed->weights_ih, p->block, p->blocks, &weights);
    kernel->product(&weights, rows, scratch->start, scratch->x, p->hoist_buffer, p->blocks * sl_block_floats(kernel));
}

/* Hoist the input products of as many iterations as the buffer has room for. */
static void hoist(sl_recurrence *p)
{
    const sl_thread_scratch *scratch = p->thread->scratch;
    const bool reads_x = !p->packed->table;
    size_t rows = 0;
    for (size_t n = p->running; p->hoisted_to < p->to && n > 0 && rows + n <= p->hoist_capacity;
         n = count_running(p, n, p->hoisted_to)) {
        for (size_t r = 0; r < n; r++, rows++) {
            const size_t step = sl_recurrence_step_of(p, r, p->hoisted_to);
            scratch->start[rows] = start_of(p, r, step);
            if (reads_x)
                scratch->x[rows] = x_of(p, r, step, rows);
        }
        p->hoisted_to++;
    }
    multiply_inputs(p, rows);
    p->hoisted = p->hoist_buffer;
}

/* ---- Iterations ------------------------------------------------------------------------------------------------------------ */

/* Set what changes from one iteration to the next in the kernel's step, and the pointers of the running rows. */
static void set_step(sl_recurrence *p, bool hoisted)
{
    const sluice_engine *engine = engine_of(p);
    const sluice_batch *batch = p->thread->call->batch;
    const sl_thread_scratch *scratch = p->thread->scratch;
    const sl_state *state = &p->thread->group->states[p->layer_dir];
    const size_t iteration = p->iteration, unit = p->block * engine->kernel->lanes;
    const size_t width = p->blocks * sl_block_floats(engine->kernel);
    const bool wants_y = (p->above.at || batch->y) && p->packed->phases == 1, multiplies_x = !hoisted && !p->packed->table;
    /* With h = 0 its products are +0, which is what the kernel's sums begin with: they are left out. */
    const bool multiplies_h = iteration > 0 || batch->h0 || batch->streams || p->packed->initial_h;
    for (size_t r = 0; r < p->running; r++) {
        const size_t step = sl_recurrence_step_of(p, r, iteration);
        scratch->start[r] = hoisted ? p->hoisted + r * width : start_of(p, r, step);
        if (multiplies_x)
            scratch->x[r] = x_of(p, r, step, r);
        if (wants_y)
            scratch->y[r] = y_of(p, r, sl_recurrence_output_step(p, iteration, step), unit);
    }
    p->step.rows = p->running;
    p->step.from_last = iteration % 2;
    p->step.weights_ih.words = multiplies_x ? p->packed->weights_ih.words : 0;
    p->step.weights_hh.words = multiplies_h ? p->packed->weights_hh.words : 0;
    p->step.h = state->h[iteration % 2];
    if (multiplies_h && p->packed->weights_hh.rows != SL_ROW_FLOATS) {
        p->step.h_stride = engine->sizes.prepared_stride;
        prepare_h(p, p->step.h, p->step.h_stride);
        p->step.h = scratch->prepared_h;
    }
    p->step.h_next = (p->packed->projection_width ? state->m : state->h[(iteration + 1) % 2]) + unit;
    p->step.y = wants_y ? scratch->y : NULL;
}

/* Where the last of several phases, which knows nothing else of the step, puts h. */
static void set_y(sl_recurrence *p)
{
    const sl_thread_scratch *scratch = p->thread->scratch;
    const sl_h_range range = sl_phase_h_range(p);
    if (!p->above.at && !p->thread->call->batch->y)
        return;
    for (size_t r = 0; r < p->running; r++) {
        const size_t step = sl_recurrence_step_of(p, r, p->iteration);
        scratch->y[r] = y_of(p, r, sl_recurrence_output_step(p, p->iteration, step), range.from);
    }
    p->step.y = scratch->y;
}

/* Let BLIS add the products of h to the hoisted ones of x. */
static void multiply_by_blis(sl_recurrence *p)
{
    sl_step *step = &p->step;
    assert(p->iteration < p->hoisted_to); /* the buffer has room for all rows of a row block */
    if (step->weights_hh.words)
        sl_blis_multiply_h(p->packed, step->rows, step->h, p->hoisted);
    step->weights_hh.words = 0;
}

void sl_recurrence_begin(sl_recurrence *p, float *buffer, size_t capacity)
{
    const bool multiplies = engine_of(p)->gemm == SLUICE_GEMM_BLIS || !p->packed->table;
    sl_engine_set_step(engine_of(p), p->packed, p->block, p->blocks, &p->step);
    p->step.start = p->thread->scratch->start;
    p->step.x = p->thread->scratch->x;
    p->step.c = p->thread->group->states[p->layer_dir].c + p->block * engine_of(p)->kernel->lanes;
    p->hoist_buffer = buffer;
    p->hoist_capacity = multiplies ? capacity : 0;
    p->iteration = p->hoisted_to = p->from;
    p->running = count_running(p, p->thread->row_count, p->from);
}

/* Set the step of the next iteration, and make what is hoisted. */
static void begin_iteration(sl_recurrence *p)
{
    const sl_forward_call *call = p->thread->call;
    if (p->iteration == p->hoisted_to && p->running <= sl_size_min(call->hoisted_rows, p->hoist_capacity))
        hoist(p);
    set_step(p, p->iteration < p->hoisted_to);
    if (call->engine->gemm == SLUICE_GEMM_BLIS)
        multiply_by_blis(p);
}

static void end_iteration(sl_recurrence *p)
{
    if (p->iteration < p->hoisted_to)
        p->hoisted += p->running * p->blocks * sl_block_floats(engine_of(p)->kernel);
    p->iteration++;
    p->hoisted_to = sl_size_max(p->hoisted_to, p->iteration);
    p->running = count_running(p, p->running, p->iteration);
}

void sl_recurrence_step(sl_recurrence *p, unsigned phase)
{
    const unsigned last = p->packed->phases - 1;
    if (p->iteration == p->to || p->running == 0 || phase > last)
        return;
    if (phase == 0)
        begin_iteration(p);
    else if (phase == last)
        set_y(p);
    sl_phase_run(p, phase);
    if (phase == last)
        end_iteration(p);
}
