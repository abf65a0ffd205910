/*
 * A cell of any options, from pre-activations in memory: the equations of sluice_network.h, which also says in what order they are
 * computed. A row goes through in chunks of units: a gate's numbers are gathered out of the packed row and lie together, so that
 * every step of the work is a loop over an array, and options are looked up before it.
 *
 * This costs a few reads and writes of L1 and L2 for each number more than the fused step (step.h), which is little beside the
 * products: 2 H multiply-adds a gate and unit.
 */
#ifndef SLUICE_KERNEL_CELL_GENERAL_H
#define SLUICE_KERNEL_CELL_GENERAL_H

#include "kernel/arrays.h"
#include "kernel/cell_norm.h"

#include <math.h>

/* Units of a chunk: a multiple of every V_LANES. Its arrays, of all gates, are 6 KiB. */
enum { CHUNK_UNITS = 384 };

/* A chunk of a row: `count` units from `unit` on, rounded up to whole vectors. */
typedef struct cell_chunk {
    const sl_cell_update *update;
    size_t row, unit, count;
} cell_chunk;

static inline const float *c_of(const cell_chunk *chunk)
{
    return chunk->update->c + chunk->row * chunk->update->state_stride + chunk->unit;
}

/* The part of a row of peepholes, gains or shifts that belongs to the chunk. */
static inline const float *parameter_of(const cell_chunk *chunk, const float *parameters, size_t row)
{
    return parameters + row * chunk->update->parameter_stride + chunk->unit;
}

/* max(-limit, min(limit, v)); a NaN passes. */
static inline __attribute__((always_inline)) vf v_clip(vf v, float limit)
{
    return v_max(v_set(-limit), v_min(v_set(limit), v));
}

/* A cell's clip as a limit. */
static inline float limit_of(float clip)
{
    return clip > 0 ? clip : INFINITY;
}

/* ---- Pre-activations ------------------------------------------------------------------------------------------------------- */

/* A gate's pre-activations out of the packed row. At least one vector: gcc warns of arrays that might stay unset. */
TILE gather_gate(const cell_chunk *chunk, size_t gate, float *out)
{
    const sl_cell_update *u = chunk->update;
    const float *from = u->gates + chunk->row * u->gates_stride + chunk->unit * SL_GATES + gate * V_LANES;
    size_t k = 0;
    do {
        v_store(out + k, v_load(from));
        from += BLOCK_FLOATS;
        k += V_LANES;
    } while (k < chunk->count);
}

TILE normalise(const cell_chunk *chunk, size_t which, const norm_sums *sums, float *values)
{
    const float *gain = parameter_of(chunk, chunk->update->gain, which), *shift = parameter_of(chunk, chunk->update->shift, which);
    const vf mean = v_set(sums->mean), deviation = v_set(sums->deviation);
    for (size_t k = 0; k < chunk->count; k += V_LANES)
        v_store(values + k, v_fma(v_load(gain + k), v_div(v_sub(v_load(values + k), mean), deviation), v_load(shift + k)));
}

/* values += p c, one fused multiply-add each. */
TILE add_peephole(const cell_chunk *chunk, size_t row, const float *c, float *values)
{
    const float *peephole = parameter_of(chunk, chunk->update->peepholes, row);
    for (size_t k = 0; k < chunk->count; k += V_LANES)
        v_store(values + k, v_fma(v_load(peephole + k), v_load(c + k), v_load(values + k)));
}

TILE add_bias(size_t count, float bias, float *values)
{
    for (size_t k = 0; k < count; k += V_LANES)
        v_store(values + k, v_add(v_load(values + k), v_set(bias)));
}

TILE clip_values(size_t count, float limit, float *values)
{
    for (size_t k = 0; k < count; k += V_LANES)
        v_store(values + k, v_clip(v_load(values + k), limit));
}

/* ---- f c' + i g ------------------------------------------------------------------------------------------------------------ */

/* Rows of the peepholes. */
enum { PEEPHOLE_I, PEEPHOLE_F, PEEPHOLE_O, NO_PEEPHOLE };

/* f NULL: it is 1 - i. */
TILE combine(const cell_chunk *chunk, const float *i, const float *f, const float *g, float *sum)
{
    const float *c = c_of(chunk);
    const vf one = v_set(1.0f);
    for (size_t k = 0; k < chunk->count; k += V_LANES) {
        const vf i_k = v_load(i + k), f_k = f ? v_load(f + k) : v_sub(one, i_k);
        v_store(sum + k, v_canonical(v_fma(f_k, v_load(c + k), v_mul(i_k, v_load(g + k)))));
    }
}

/* The arguments of an activation, in an array. `norm`: of the row's gates; NULL without layer normalisation. */
TILE prepare_gate(const cell_chunk *chunk, size_t gate, size_t peephole, const norm_sums *norm, float *values)
{
    const sluice_cell *cell = chunk->update->cell;
    gather_gate(chunk, gate, values);
    if (norm)
        normalise(chunk, gate, &norm[gate], values);
    if (peephole != NO_PEEPHOLE && (cell->parts & SLUICE_PART_PEEPHOLES))
        add_peephole(chunk, peephole, c_of(chunk), values);
    if (gate == SL_GATE_F && cell->forget_bias != 0)
        add_bias(chunk->count, cell->forget_bias, values);
    clip_values(chunk->count, limit_of(cell->gate_clip), values);
}

/* Where f c' + i g of the chunk goes: without layer normalisation it is c. */
static inline float *sum_of(const cell_chunk *chunk, bool has_norm)
{
    const sl_cell_update *u = chunk->update;
    return (has_norm ? u->normed + chunk->row * 2 * u->normed_stride : u->c + chunk->row * u->state_stride) + chunk->unit;
}

static void sum_chunk(const cell_chunk *chunk, const norm_sums *norm)
{
    const sluice_cell *cell = chunk->update->cell;
    const size_t n = chunk->count;
    float gates[2 * CHUNK_UNITS], g[CHUNK_UNITS], *i = gates, *f = gates + n; /* i and f together, for one call of activate */
    prepare_gate(chunk, SL_GATE_I, PEEPHOLE_I, norm, i);
    prepare_gate(chunk, SL_GATE_G, NO_PEEPHOLE, norm, g);
    activate(&cell->candidate, n, g, g);
    if (cell->coupled) {
        activate(&cell->gate, n, i, i);
        combine(chunk, i, NULL, g, sum_of(chunk, norm));
    } else {
        prepare_gate(chunk, SL_GATE_F, PEEPHOLE_F, norm, f);
        activate(&cell->gate, 2 * n, i, i);
        combine(chunk, i, f, g, sum_of(chunk, norm));
    }
    if (norm) { /* while the row's sums are known */
        float *o = sum_of(chunk, true) + chunk->update->normed_stride;
        gather_gate(chunk, SL_GATE_O, o);
        normalise(chunk, SL_GATE_O, &norm[SL_GATE_O], o);
    }
}

/* ---- c, o and m ------------------------------------------------------------------------------------------------------------ */

/* m = o t, to where it is wanted. */
TILE multiply_output(const cell_chunk *chunk, const float *o, const float *t)
{
    const sl_cell_update *u = chunk->update;
    const size_t from = chunk->unit - u->unit; /* in y, which begins with the first of these units */
    float *m = u->m + chunk->row * u->state_stride + chunk->unit, *y = u->y ? u->y[chunk->row] + from : NULL;
    for (size_t k = 0; k < chunk->count; k += V_LANES) {
        const vf product = v_canonical(v_mul(v_load(o + k), v_load(t + k)));
        v_store(m + k, product);
        if (y)
            store_units(y + k, product, u->units - from - k);
    }
}

/* `norm`: of the row's f c' + i g. */
static void output_chunk(const cell_chunk *chunk, const norm_sums *norm)
{
    const sl_cell_update *u = chunk->update;
    const sluice_cell *cell = u->cell;
    const size_t n = chunk->count;
    const float gate_limit = limit_of(cell->gate_clip), cell_limit = limit_of(cell->cell_clip);
    float o[CHUNK_UNITS], t[CHUNK_UNITS], *c = u->c + chunk->row * u->state_stride + chunk->unit;
    if (norm) {
        const float *sum = sum_of(chunk, true);
        memcpy(c, sum, n * sizeof *c);
        memcpy(o, sum + u->normed_stride, n * sizeof *o);
        normalise(chunk, SL_GATES, norm, c);
        for (size_t k = 0; k < n; k += V_LANES)
            v_store(c + k, v_canonical(v_load(c + k)));
    } else {
        gather_gate(chunk, SL_GATE_O, o);
    }
    clip_values(n, cell_limit, c);
    memcpy(t, c, n * sizeof *t);
    if (cell->parts & SLUICE_PART_PEEPHOLES)
        add_peephole(chunk, PEEPHOLE_O, c, o);
    clip_values(n, gate_limit, o);
    if (!cell->output_unclipped)
        clip_values(n, gate_limit, t);
    activate(&cell->gate, n, o, o);
    activate(&cell->output, n, t, t);
    multiply_output(chunk, o, t);
}

/* ---- All rows of a call ---------------------------------------------------------------------------------------------------- */

/* A row's chunks, by one of the two functions above. */
TILE run_row(const sl_cell_update *u, size_t row, const norm_sums *norm, void (*run)(const cell_chunk *, const norm_sums *))
{
    const size_t whole = (u->units + V_LANES - 1) / V_LANES * V_LANES;
    for (size_t from = 0; from < whole; from += CHUNK_UNITS) {
        const size_t rest = whole - from;
        const cell_chunk chunk = {u, row, u->unit + from, rest < CHUNK_UNITS ? rest : CHUNK_UNITS};
        run(&chunk, norm);
    }
}

static void cell_sum(const sl_cell_update *u)
{
    if (!(u->cell->parts & SLUICE_PART_NORM)) {
        for (size_t row = 0; row < u->rows; row++)
            run_row(u, row, NULL, sum_chunk);
        return;
    }
    enum { ROWS = NORM_SUMS / SL_GATES }; /* at once */
    for (size_t row = 0; row < u->rows; row += ROWS) {
        const size_t rows = u->rows - row < ROWS ? u->rows - row : ROWS;
        const float *gates[NORM_SUMS];
        norm_sums sums[NORM_SUMS];
        for (size_t k = 0; k < rows * SL_GATES; k++)
            gates[k] = u->gates + (row + k / SL_GATES) * u->gates_stride + k % SL_GATES * V_LANES;
        sum_arrays(gates, rows * SL_GATES, BLOCK_FLOATS, u->hidden, u->cell->norm_epsilon, sums);
        for (size_t r = 0; r < rows; r++)
            run_row(u, row + r, sums + r * SL_GATES, sum_chunk);
    }
}

static void cell_output(const sl_cell_update *u)
{
    if (!(u->cell->parts & SLUICE_PART_NORM)) {
        for (size_t row = 0; row < u->rows; row++)
            run_row(u, row, NULL, output_chunk);
        return;
    }
    for (size_t row = 0; row < u->rows; row += NORM_SUMS) {
        const size_t rows = u->rows - row < NORM_SUMS ? u->rows - row : NORM_SUMS;
        const float *c[NORM_SUMS];
        norm_sums sums[NORM_SUMS];
        for (size_t r = 0; r < rows; r++)
            c[r] = u->normed + (row + r) * 2 * u->normed_stride;
        sum_arrays(c, rows, V_LANES, u->hidden, u->cell->norm_epsilon, sums);
        for (size_t r = 0; r < rows; r++)
            run_row(u, row + r, &sums[r], output_chunk);
    }
}

/* ---- A projection ---------------------------------------------------------------------------------------------------------- */

static void finish_projection(const sl_projection *p)
{
    for (size_t row = 0; row < p->rows; row++) {
        float *h = p->h + row * p->h_stride;
        for (size_t k = 0; k < p->units; k += V_LANES) {
            const vf limited = v_clip(v_canonical(v_load(h + k)), p->limit);
            v_store(h + k, limited);
            if (p->y)
                store_units(p->y[row] + k, limited, p->units - k);
        }
    }
}

#endif
