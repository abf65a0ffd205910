#include "engine/forward/cell_phases.h"

#include "base/size.h"
#include "engine/blis_gemm.h"
#include "engine/forward/tape_record.h"

#include <assert.h>
#include <math.h>
#include <string.h>

static const sluice_engine *engine_of(const sl_recurrence *p)
{
    return p->thread->call->engine;
}

static const sl_state *state_of(const sl_recurrence *p)
{
    return &p->thread->group->states[p->layer_dir];
}

static float *h_next_of(const sl_recurrence *p)
{
    return state_of(p)->h[(p->iteration + 1) % 2];
}

/* ---- Plain cells ----------------------------------------------------------------------------------------------------------- */

static void run_fused_step(sl_recurrence *p)
{
    const sl_forward_call *call = p->thread->call;
    if (call->batch->tape)
        sl_tape_record_step(p);
    else
        call->engine->kernel->step[call->engine->cell](&p->step);
}

/* ---- Other cells ----------------------------------------------------------------------------------------------------------- */

/* (b + W x) + U h' of the recurrence's units into the state's gates. Where h' is known to be zero, U has no terms, and +0 is added, as
 * its product would be. */
static void make_pre_activations(sl_recurrence *p)
{
    const sl_kernel *kernel = engine_of(p)->kernel;
    const sl_thread_scratch *scratch = p->thread->scratch;
    const sl_step *step = &p->step;
    const size_t stride = sl_gates_stride(p->packed);
    float *gates = state_of(p)->gates + p->block * sl_block_floats(kernel);
    if (step->weights_ih.words) {
        kernel->product(&step->weights_ih, step->rows, scratch->start, scratch->x, gates, stride);
        for (size_t r = 0; r < step->rows; r++)
            scratch->start[r] = gates + r * stride;
    }
    for (size_t r = 0; r < step->rows; r++)
        scratch->x[r] = step->h + r * step->h_stride;
    kernel->product(&step->weights_hh, step->rows, scratch->start, scratch->x, gates, stride);
}

static sl_cell_update get_update(const sl_recurrence *p)
{
    const sl_packed *packed = p->packed;
    const sl_state *state = state_of(p);
    const bool blis = engine_of(p)->gemm == SLUICE_GEMM_BLIS; /* which made the pre-activations in the hoisted products' place */
    return (sl_cell_update){.cell = &packed->cell,
                            .rows = p->step.rows,
                            .unit = p->block * engine_of(p)->kernel->lanes,
                            .units = p->step.units,
                            .hidden = packed->dir->hidden,
                            .gates = blis ? p->hoisted : state->gates,
                            .gates_stride = blis ? packed->width : sl_gates_stride(packed),
                            .peepholes = packed->peepholes,
                            .gain = packed->gain,
                            .shift = packed->shift,
                            .parameter_stride = packed->c_stride,
                            .normed = state->normed,
                            .normed_stride = packed->c_stride,
                            .c = state->c,
                            .m = packed->projection_width ? state->m : h_next_of(p),
                            .state_stride = packed->c_stride,
                            .y = p->step.y};
}

/* Without layer normalisation, c and m follow in phase 0. */
static void run_general_phase(sl_recurrence *p, unsigned phase)
{
    const sl_kernel *kernel = engine_of(p)->kernel;
    const bool norm = p->packed->gain;
    assert(!p->thread->call->batch->tape);
    if (phase == 0 && engine_of(p)->gemm != SLUICE_GEMM_BLIS)
        make_pre_activations(p);
    const sl_cell_update update = get_update(p);
    if (phase == (norm ? 1 : 0))
        kernel->cell_sum(&update);
    if (phase == (norm ? 2 : 0))
        kernel->cell_output(&update);
}

/* ---- Projections ----------------------------------------------------------------------------------------------------------- */

/* Blocks of the projection's columns, divided as the units are: the ranges of all threads cover them. */
static size_t projection_block(const sl_recurrence *p, size_t block)
{
    const size_t block_floats = sl_block_floats(engine_of(p)->kernel);
    return block * (p->packed->projection_width / block_floats) / (p->packed->width / block_floats);
}

sl_h_range sl_phase_h_range(const sl_recurrence *p)
{
    const sl_kernel *kernel = engine_of(p)->kernel;
    if (!p->packed->projection_width)
        return (sl_h_range){p->block * kernel->lanes, p->step.units};
    const size_t from = projection_block(p, p->block) * sl_block_floats(kernel);
    const size_t to = projection_block(p, p->block + p->blocks) * sl_block_floats(kernel);
    return (sl_h_range){from, sl_size_min(to, p->packed->dir->h_width) - sl_size_min(from, p->packed->dir->h_width)};
}

/* W_p m + b_p of all columns. */
static void project_by_blis(const sl_recurrence *p, float *h)
{
    const sl_packed *packed = p->packed;
    const size_t width = packed->projection_width, rows = p->step.rows;
    for (size_t r = 0; r < rows; r++)
        memcpy(h + r * packed->h_stride, packed->projection_bias, width * sizeof *h);
    sl_blis_gemm(rows, width, packed->dir->hidden, (sl_operand){state_of(p)->m, packed->c_stride, false},
                 (sl_operand){packed->transpose_projection, width, false}, true, h, packed->h_stride);
}

/* The same of the columns from..from+blocks-1 of blocks. */
static void project(const sl_recurrence *p, size_t block, size_t blocks, float *h)
{
    const sl_packed *packed = p->packed;
    const sl_kernel *kernel = engine_of(p)->kernel;
    const sl_thread_scratch *scratch = p->thread->scratch;
    sl_packed_matrix weights;
    sl_packed_set_range(&packed->projection, block, blocks, &weights);
    for (size_t r = 0; r < p->step.rows; r++) {
        scratch->start[r] = packed->projection_bias + block * sl_block_floats(kernel);
        scratch->x[r] = state_of(p)->m + r * packed->c_stride;
    }
    kernel->product(&weights, p->step.rows, scratch->start, scratch->x, h, packed->h_stride);
}

static void run_projection(const sl_recurrence *p)
{
    const sl_packed *packed = p->packed;
    const sl_h_range range = sl_phase_h_range(p);
    const size_t block = projection_block(p, p->block), blocks = projection_block(p, p->block + p->blocks) - block;
    float *h = h_next_of(p) + range.from;
    if (blocks == 0)
        return;
    if (engine_of(p)->gemm == SLUICE_GEMM_BLIS)
        project_by_blis(p, h);
    else
        project(p, block, blocks, h);
    const float clip = packed->cell.projection_clip;
    const sl_projection projection = {.rows = p->step.rows,
                                      .units = range.count,
                                      .limit = clip > 0 ? clip : INFINITY,
                                      .h = h,
                                      .h_stride = packed->h_stride,
                                      .y = p->step.y};
    engine_of(p)->kernel->finish_projection(&projection);
}

static void record_h(const sl_recurrence *p)
{
    const sl_h_range range = sl_phase_h_range(p);
    sl_tape_record_h(p, range.from, range.count);
}

void sl_phase_run(sl_recurrence *p, unsigned phase)
{
    if (p->packed->projection_width && phase + 1 == p->packed->phases)
        run_projection(p);
    else if (p->packed->is_plain)
        run_fused_step(p);
    else
        run_general_phase(p, phase);
    if (p->thread->call->batch->tape && phase + 1 == p->packed->phases)
        record_h(p);
}
