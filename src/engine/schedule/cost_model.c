/*
 * The model. An iteration (a step in processing order) of a layer-direction takes as long as its multiply-adds or the transfer of
 * its weights, whichever is longer, and a part of the shorter; then the activations and, among several threads, the barrier. What
 * differs from CPU to CPU are the engine's figures of the machine; the constants here are fitted on Zen 3 with AVX2 to what every
 * candidate took, and matter less: only ratios of estimates decide. `sluice-bench --expect` shows what the model predicts for more
 * cores, `--choice` how often the plan it chooses is the fastest.
 */
#include "engine/schedule/cost_model.h"

#include "base/size.h"
#include "engine/schedule/scratch_sizes.h"
#include "engine/schedule/unit_split.h"

#include <math.h>

/* The activations of a tile that has no other chain to work on meanwhile take longer, by so much of their cycles. */
#define SINGLE_ACTIVATION (55.0 / 52)

/* Cycles: the calls of an iteration, each row's pointers and scattered h and y, a layer resumed by a wavefront. */
#define ITERATION_CYCLES 15.0
#define ROW_CYCLES 56.0
#define RESUME_CYCLES 60.0

/* Threads of a group wait for the slowest of them after each iteration, and something always delays one of them. */
#define IMBALANCE 1.03

/* The part of the shorter of arithmetic and transfer that does not overlap with the longer: while a panel is read for the first time,
 * and for the following tiles of rows, for which it comes from L1 or L2. */
#define NOT_OVERLAPPED 0.25
#define NOT_OVERLAPPED_AGAIN 0.1

/* Hoisted products take a little longer than the same products in a step, and are written and read once. */
#define HOISTED 1.02
#define HOISTED_PASSES 1.85

/* An iteration of a thread group. */
typedef struct iteration {
    double rows;
    double steps;  /* of the batch: input products are not made for more */
    bool is_first; /* without products of h: no states are given */
} iteration;

/* One thread's share of an iteration of a layer. */
typedef struct thread_share {
    double rows, blocks, terms; /* terms: of the products made in the iteration */
    double weight_bytes;        /* read before the first of them are read again */
    double column_bytes;        /* of a column's weight for a term */
    double work;                /* cycles of a term, in those of a multiply-add of floats */
} thread_share;

/* On Zen 3 int8 takes 1.5 times fewer cycles; with the CPUs' products of bytes and bfloat16 (Zen 4) 3.6 and 1.95 times fewer. */
static double work_of(const sl_packed_matrix *weights)
{
    static const double work[SL_WEIGHT_FORMATS] = {
        [SL_WEIGHT_F32] = 1,     [SL_WEIGHT_BF16] = 1,        [SL_WEIGHT_F16] = 1,
        [SL_WEIGHT_INT8] = 0.66, [SL_WEIGHT_INT8_DOT] = 0.28, [SL_WEIGHT_BF16_DOT] = 0.51,
    };
    return work[weights->format];
}

static double column_bytes_of(const sl_packed_matrix *weights)
{
    return (double)sl_weight_bytes(weights->format) / (double)sl_row_form_terms(weights->rows);
}

/* Bytes per cycle at which a thread reads `bytes` of weights again and again. Those of all threads of a group together are to stay
 * in L3. */
static double transfer_rate(const sluice_engine *engine, const sl_exec_plan *plan, double bytes)
{
    const sl_limits *limits = &engine->limits;
    const sluice_machine *machine = &engine->machine;
    if (bytes <= 0.8 * (double)limits->l2_bytes)
        return machine->l2_bytes;
    if (bytes * plan->threads_per_group <= 0.8 * (double)limits->l3_bytes)
        return plan->thread_groups > 1 ? machine->shared_l3_bytes : machine->l3_bytes;
    return fmin(machine->dram_bytes, machine->all_dram_bytes / ((double)plan->thread_groups * plan->threads_per_group));
}

static double overlapped(double a, double b, double not_overlapped)
{
    return fmax(a, b) + not_overlapped * fmin(a, b);
}

/* Of the products of some rows x blocks, each of so many terms. */
static double multiply_add_cycles(const sluice_engine *engine, double rows_blocks, double terms)
{
    return rows_blocks * terms * SL_BLOCK_VECTORS / engine->machine.multiply_adds;
}

/* The first tile of rows reads each panel from where the weights are, the others from L1 or L2. */
static double product_cycles(const sluice_engine *engine, const sl_exec_plan *plan, const thread_share *share)
{
    const sl_kernel *kernel = engine->kernel;
    const double lanes = (double)kernel->lanes, panel = share->terms * SL_BLOCK_VECTORS * lanes * share->column_bytes;
    const bool tall = share->rows > (double)kernel->tile_rows && share->rows <= 2 * (double)kernel->tall_rows;
    const double tiles = ceil(share->rows / (double)(tall ? kernel->tall_rows : kernel->tile_rows));
    const double fma = share->work * multiply_add_cycles(engine, share->rows * share->blocks, share->terms);
    const double first = share->blocks * panel / transfer_rate(engine, plan, share->weight_bytes);
    const double l1_rate = lanes * sizeof(float) * engine->machine.multiply_adds; /* a vector for each multiply-add */
    const double again =
        share->blocks * panel / (panel < 0.94 * (double)engine->limits.l1d_bytes ? l1_rate : engine->machine.l2_bytes);
    return overlapped(fma / tiles, first, NOT_OVERLAPPED) + (tiles - 1) * overlapped(fma / tiles, again, NOT_OVERLAPPED_AGAIN);
}

static double activation_cycles(const sluice_engine *engine, const thread_share *share)
{
    const bool single = share->rows * share->blocks < 2 || engine->kernel->tile_rows < 2;
    return share->rows * share->blocks * engine->machine.activation_cycles * (single ? 1 + SINGLE_ACTIVATION : 1);
}

/* The thread's share of a projection's columns is that of the units. */
static double projection_cycles(const sluice_engine *engine, const sl_exec_plan *plan, const sl_packed *packed,
                                const thread_share *of_units)
{
    if (!packed->projection_width)
        return 0;
    thread_share share = *of_units;
    share.column_bytes = sizeof(float);
    share.work = 1;
    share.blocks *= (double)packed->projection_width / (double)packed->width;
    share.terms = (double)packed->dir->hidden;
    share.weight_bytes = share.terms * share.blocks * SL_BLOCK_VECTORS * (double)engine->kernel->lanes * sizeof(float);
    return ITERATION_CYCLES + product_cycles(engine, plan, &share);
}

/* An iteration of one LSTM layer for a thread that has `lines` cache lines of its units, of both directions together. */
static double layer_cycles(const sluice_engine *engine, const sl_exec_plan *plan, size_t layer, double lines, const iteration *it)
{
    const sl_packed *packed = &engine->layers[engine->network->lstm[layer].first];
    const double lanes = (double)engine->kernel->lanes, inputs = packed->table ? 0 : (double)packed->dir->inputs, rows = it->rows;
    const bool hoists = inputs > 0 && rows <= (double)sl_exec_plan_hoisted_rows(engine, plan);
    thread_share share = {.rows = rows,
                          .blocks = lines * SL_LINE_FLOATS / lanes,
                          .column_bytes = column_bytes_of(&packed->weights_hh),
                          .work = work_of(&packed->weights_hh)};
    share.terms = it->is_first ? 0 : (double)packed->dir->h_width;
    const double columns = share.blocks * SL_BLOCK_VECTORS * lanes, row_bytes = columns * sizeof(float);
    double cycles = ITERATION_CYCLES + ROW_CYCLES * rows;
    if (hoists) {
        const double iterations = fmax(1, fmin(it->steps, (double)engine->limits.hoist_product_rows / rows)); /* of a product */
        const double weights = inputs * columns * column_bytes_of(&packed->weights_ih);
        cycles += HOISTED * work_of(&packed->weights_ih) * multiply_add_cycles(engine, rows * share.blocks, inputs);
        cycles += weights / transfer_rate(engine, plan, fmax(weights, (double)engine->limits.l2_bytes)) / iterations +
                  HOISTED_PASSES * rows * row_bytes / engine->machine.l2_bytes;
    } else {
        share.terms += inputs;
    }
    share.weight_bytes = share.terms * columns * share.column_bytes;
    return cycles + product_cycles(engine, plan, &share) + activation_cycles(engine, &share) +
           projection_cycles(engine, plan, packed, &share);
}

static double barrier_cycles(const sluice_engine *engine, const sl_exec_plan *plan)
{
    const sluice_machine *machine = &engine->machine;
    return plan->threads_per_group > 1 ? machine->barrier_cycles + machine->barrier_thread_cycles * plan->threads_per_group : 0;
}

/* The most phases of an iteration of some layer-directions, each of which ends at a barrier. */
static double most_phases(const sluice_engine *engine, size_t first, size_t count)
{
    unsigned most = 1;
    for (size_t k = first; k < first + count; k++)
        most = engine->layers[k].phases > most ? engine->layers[k].phases : most;
    return most;
}

/* An iteration of all layers, without the barriers of a wavefront. */
static double iteration_cycles(const sluice_engine *engine, const sl_exec_plan *plan, const iteration *it)
{
    const sl_network *network = engine->network;
    double cycles = 0;
    for (size_t layer = 0; layer < network->lstm_layers; layer++) {
        const sl_lstm_layer *lstm = &network->lstm[layer];
        const double share = (double)sl_unit_lines_sum(engine, lstm->first, lstm->directions) / plan->threads_per_group;
        const double most = plan->wavefront ? fmax(1.0 / (double)network->lstm_layers, share) : ceil(share); /* lines of a thread */
        const bool whole = lstm->directions % plan->threads_per_group == 0; /* no layer-direction is shared by threads */
        cycles +=
            layer_cycles(engine, plan, layer, most, it) +
            (whole || plan->wavefront ? 0 : most_phases(engine, lstm->first, lstm->directions) * barrier_cycles(engine, plan));
    }
    return cycles;
}

double sl_region_cycles(const sluice_engine *engine, double threads)
{
    return threads > 1 ? engine->machine.region_cycles + engine->machine.region_thread_cycles * threads : 0;
}

/* All iterations of a row block. Where they are many, the first one is as the others: short calls notice the time of an estimate. */
static double row_block_cycles(const sluice_engine *engine, const sl_exec_plan *plan, double rows, size_t steps)
{
    enum { MANY = 64 };
    const size_t layers = engine->network->lstm_layers;
    const iteration first = {rows, (double)steps, true}, later = {rows, (double)steps, false};
    double each = iteration_cycles(engine, plan, steps == 1 ? &first : &later), count = (double)steps;
    const double less = steps > 1 && steps < MANY ? each - iteration_cycles(engine, plan, &first) : 0;
    if (plan->wavefront && steps > 0) {
        const double chunk = (double)sl_wavefront_chunk(layers, steps), rounds = ceil(count / chunk) + (double)layers - 1;
        each += most_phases(engine, 0, engine->network->layer_dirs) * barrier_cycles(engine, plan) +
                RESUME_CYCLES * (double)layers / chunk;
        count = rounds * chunk;
    }
    return (count * each - less) * (plan->threads_per_group > 1 ? IMBALANCE : 1);
}

double sl_exec_plan_cycles(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    double rows = ceil((double)load->rows / plan->thread_groups);
    if (!load->equal) /* the mean of the rows that run while the longest does */
        rows = fmax(1, (double)load->total_steps / ((double)plan->thread_groups * fmax(1, (double)load->steps)));
    const double row_blocks = fmax(1, ceil(rows / (double)sl_size_max(1, sl_row_block_rows(engine, load->rows))));
    return row_blocks * row_block_cycles(engine, plan, rows / row_blocks, load->steps) +
           sl_region_cycles(engine, (double)plan->thread_groups * plan->threads_per_group);
}

/* Cycles of one of many iterations of some rows. */
static double steady_cycles(const sluice_engine *engine, const sl_exec_plan *plan, double rows)
{
    const iteration it = {rows, INFINITY, false};
    return iteration_cycles(engine, plan, &it);
}

double sl_single_row_excess(const sluice_engine *engine, unsigned threads_per_group)
{
    const sl_exec_plan plan = {1, threads_per_group, false, false};
    const double many = 8.0 * (double)engine->kernel->tile_rows;
    return fmax(0, steady_cycles(engine, &plan, 1) / (steady_cycles(engine, &plan, many) / many) - 1);
}

bool sl_row_sharing_pays(const sluice_engine *engine, unsigned threads)
{
    const sl_exec_plan shared = {1, threads, false, false}, alone = {1, 1, false, false};
    return engine->gemm == SLUICE_GEMM_FUSED && steady_cycles(engine, &shared, 1) < 0.9 * steady_cycles(engine, &alone, 1);
}
