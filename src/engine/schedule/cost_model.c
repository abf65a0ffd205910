/*
 * The model. An iteration (a step in processing order) of a layer-direction takes as long as its multiply-adds or the transfer of
 * its weights, whichever is longer, and a part of the shorter; then the activations and, among several threads, the barrier. The
 * constants come from Zen 3 with AVX2: fitted to the logarithms of what every candidate took on two threads for shapes of T 1..200,
 * N 1..200, H 16..1024, L 1..256. In 35 of 36 shapes the chosen plan was the fastest, and half the estimates are within 4 %. Only
 * ratios of estimates decide, and those differ less between CPUs. `sluice-bench --expect` shows what the model predicts for more
 * cores.
 */
#include "engine/schedule/cost_model.h"

#include "base/size.h"
#include "engine/schedule/scratch_sizes.h"
#include "engine/schedule/unit_split.h"

#include <math.h>

/* Cycles: the activations of one row x one block, the additional ones where a tile has no other chain to work on meanwhile, the
 * calls of an iteration, each row's pointers and scattered h and y. */
#define ACTIVATION_CYCLES 52.0
#define SINGLE_ACTIVATION_CYCLES 55.0
#define ITERATION_CYCLES 140.0
#define ROW_CYCLES 190.0

/* A barrier, each thread in it, a layer resumed by a wavefront, a parallel region, each thread of it. */
#define BARRIER_CYCLES 35.0
#define BARRIER_THREAD_CYCLES 60.0
#define RESUME_CYCLES 60.0
#define REGION_CYCLES 5000.0
#define REGION_THREAD_CYCLES 400.0

/* Threads of a group wait for the slowest of them after each iteration, and something always delays one of them. */
#define IMBALANCE 1.03

/* Bytes per cycle: from L3 to one core, alone and while several thread groups each read all weights from it; from DRAM to one core,
 * and to all cores together. */
#define L3_BYTES 24.5
#define SHARED_L3_BYTES 19.0
#define DRAM_BYTES 7.0
#define ALL_DRAM_BYTES 60.0

/* The part of the shorter of arithmetic and transfer that does not overlap with the longer. */
#define NOT_OVERLAPPED 0.23

/* One thread's share of an iteration of a layer. */
typedef struct thread_share {
    double rows, blocks, terms; /* terms: of the products made in the iteration */
    double weight_bytes;        /* read before the first of them are read again */
} thread_share;

/* Bytes per cycle from L2: CPUs whose vectors are twice as wide have paths twice as wide. */
static double l2_rate(const sluice_engine *engine)
{
    return fmax(32, 4 * (double)engine->kernel->lanes);
}

/* Bytes per cycle at which a thread reads `bytes` of weights again and again. Those of all threads of a group together are to stay
 * in L3. */
static double transfer_rate(const sluice_engine *engine, const sl_exec_plan *plan, double bytes)
{
    const sl_limits *limits = &engine->limits;
    if (bytes <= 0.8 * (double)limits->l2_bytes)
        return l2_rate(engine);
    if (bytes * plan->threads_per_group <= 0.8 * (double)limits->l3_bytes)
        return plan->thread_groups > 1 ? SHARED_L3_BYTES : L3_BYTES;
    return fmin(DRAM_BYTES, ALL_DRAM_BYTES / ((double)plan->thread_groups * plan->threads_per_group));
}

static double overlapped(double a, double b)
{
    return fmax(a, b) + NOT_OVERLAPPED * fmin(a, b);
}

/* The first tile of rows reads each panel from where the weights are, the others from L1 or L2. */
static double product_cycles(const sluice_engine *engine, const sl_exec_plan *plan, const thread_share *share)
{
    const sl_kernel *kernel = engine->kernel;
    const double lanes = (double)kernel->lanes, panel = share->terms * SL_BLOCK_VECTORS * lanes * sizeof(float);
    const bool tall = share->rows > (double)kernel->tile_rows && share->rows <= 2 * (double)kernel->tall_rows;
    const double tiles = ceil(share->rows / (double)(tall ? kernel->tall_rows : kernel->tile_rows));
    const double fma = share->rows * share->blocks * share->terms * SL_BLOCK_VECTORS / 2;
    const double first = share->blocks * panel / transfer_rate(engine, plan, share->weight_bytes);
    const double again = share->blocks * panel / (panel < 0.94 * (double)engine->limits.l1d_bytes ? 8 * lanes : l2_rate(engine));
    return overlapped(fma / tiles, first) + (tiles - 1) * overlapped(fma / tiles, again);
}

static double activation_cycles(const sluice_engine *engine, const thread_share *share)
{
    const bool single = share->rows * share->blocks < 2 || engine->kernel->tile_rows < 2;
    return share->rows * share->blocks * (ACTIVATION_CYCLES + (single ? SINGLE_ACTIVATION_CYCLES : 0));
}

/* The thread's share of a projection's columns is that of the units. */
static double projection_cycles(const sluice_engine *engine, const sl_exec_plan *plan, const sl_packed *packed,
                                const thread_share *of_units)
{
    if (!packed->projection_width)
        return 0;
    thread_share share = *of_units;
    share.blocks *= (double)packed->projection_width / (double)packed->width;
    share.terms = (double)packed->dir->hidden;
    share.weight_bytes = share.terms * share.blocks * SL_BLOCK_VECTORS * (double)engine->kernel->lanes * sizeof(float);
    return ITERATION_CYCLES + product_cycles(engine, plan, &share);
}

/* An iteration of one LSTM layer for a thread that has `lines` cache lines of its units, of both directions together. */
static double layer_cycles(const sluice_engine *engine, const sl_exec_plan *plan, size_t layer, double lines, double rows)
{
    const sl_packed *packed = &engine->layers[engine->network->lstm[layer].first];
    const double lanes = (double)engine->kernel->lanes, inputs = packed->table ? 0 : (double)packed->dir->inputs;
    const bool hoists = inputs > 0 && rows <= (double)sl_exec_plan_hoisted_rows(engine, plan);
    thread_share share = {.rows = rows, .blocks = lines * SL_LINE_FLOATS / lanes, .terms = (double)packed->dir->h_width};
    const double row_bytes = share.blocks * SL_BLOCK_VECTORS * lanes * sizeof(float); /* of a packed row, and of a term's weights */
    double cycles = ITERATION_CYCLES + ROW_CYCLES * rows;
    if (hoists) {
        const double iterations = fmax(1, (double)engine->limits.hoist_product_rows / rows); /* of one product */
        const double weights = inputs * row_bytes;
        cycles += 1.03 * rows * share.blocks * inputs * SL_BLOCK_VECTORS / 2;
        cycles += weights / transfer_rate(engine, plan, fmax(weights, (double)engine->limits.l2_bytes)) / iterations +
                  2 * rows * row_bytes / l2_rate(engine);
    } else {
        share.terms += inputs;
    }
    share.weight_bytes = share.terms * row_bytes;
    return cycles + product_cycles(engine, plan, &share) + activation_cycles(engine, &share) +
           projection_cycles(engine, plan, packed, &share);
}

static double barrier_cycles(const sl_exec_plan *plan)
{
    return plan->threads_per_group > 1 ? BARRIER_CYCLES + BARRIER_THREAD_CYCLES * plan->threads_per_group : 0;
}

/* The most phases of an iteration of some layer-directions, each of which ends at a barrier. */
static double most_phases(const sluice_engine *engine, size_t first, size_t count)
{
    unsigned most = 1;
    for (size_t k = first; k < first + count; k++)
        most = engine->layers[k].phases > most ? engine->layers[k].phases : most;
    return most;
}

/* An iteration of all layers, `rows` rows in each of them; without the barriers of a wavefront. */
static double iteration_cycles(const sluice_engine *engine, const sl_exec_plan *plan, double rows)
{
    const sl_network *network = engine->network;
    double cycles = 0;
    for (size_t layer = 0; layer < network->lstm_layers; layer++) {
        const sl_lstm_layer *lstm = &network->lstm[layer];
        const double share = (double)sl_unit_lines_sum(engine, lstm->first, lstm->directions) / plan->threads_per_group;
        const double most = plan->wavefront ? fmax(1.0 / (double)network->lstm_layers, share) : ceil(share); /* lines of a thread */
        const bool whole = lstm->directions % plan->threads_per_group == 0; /* no layer-direction is shared by threads */
        cycles += layer_cycles(engine, plan, layer, most, rows) +
                  (whole || plan->wavefront ? 0 : most_phases(engine, lstm->first, lstm->directions) * barrier_cycles(plan));
    }
    return cycles;
}

double sl_region_cycles(double threads)
{
    return threads > 1 ? REGION_CYCLES + REGION_THREAD_CYCLES * threads : 0;
}

double sl_exec_plan_cycles(const sluice_engine *engine, const sl_batch_load *load, const sl_exec_plan *plan)
{
    const size_t layers = engine->network->lstm_layers;
    double rows = ceil((double)load->rows / plan->thread_groups), iterations = (double)load->steps;
    if (!load->equal) /* the mean of the rows that run while the longest does */
        rows = fmax(1, (double)load->total_steps / ((double)plan->thread_groups * fmax(1, iterations)));
    const double row_blocks = fmax(1, ceil(rows / (double)sl_size_max(1, sl_row_block_rows(engine, load->rows))));
    double iteration = iteration_cycles(engine, plan, rows / row_blocks);
    if (plan->wavefront && load->steps > 0) {
        const double chunk = (double)sl_wavefront_chunk(layers, load->steps),
                     rounds = ceil(iterations / chunk) + (double)layers - 1;
        iteration +=
            most_phases(engine, 0, engine->network->layer_dirs) * barrier_cycles(plan) + RESUME_CYCLES * (double)layers / chunk;
        iterations = rounds * chunk;
    }
    const double threads = (double)plan->thread_groups * plan->threads_per_group;
    if (plan->threads_per_group > 1)
        iteration *= IMBALANCE;
    return row_blocks * iterations * iteration + sl_region_cycles(threads);
}

double sl_single_row_excess(const sluice_engine *engine, unsigned threads_per_group)
{
    const sl_exec_plan plan = {1, threads_per_group, false, false};
    const double many = 8.0 * (double)engine->kernel->tile_rows;
    return fmax(0, iteration_cycles(engine, &plan, 1) / (iteration_cycles(engine, &plan, many) / many) - 1);
}

bool sl_row_sharing_pays(const sluice_engine *engine, unsigned threads)
{
    const sl_exec_plan shared = {1, threads, false, false}, alone = {1, 1, false, false};
    return engine->gemm == SLUICE_GEMM_FUSED && iteration_cycles(engine, &shared, 1) < 0.9 * iteration_cycles(engine, &alone, 1);
}
