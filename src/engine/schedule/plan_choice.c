/*
 * Which way a batch goes. Every candidate gets an estimate in cycles, from the batch's shape and the weights' size against the
 * caches, and the cheapest is taken, unless measuring has taught better.
 *
 * The model. A turn of a strand (one direction of one layer) takes as long as its multiply-adds or the transfer of its weights,
 * whichever is longer and a part of the other, then the activations and, among several members, their meeting. Zen 3 with AVX2
 * gave the constants: fitted to the logarithms of what every way took on two threads for shapes of T 1..200, N 1..200, H
 * 16..1024, L 1..256. In 35 of 36 the chosen way was the fastest, and half the estimates are within 4 %. Only their ratios
 * decide, and those differ less between CPUs. `sluice-bench --expect` shows what the model makes of more cores.
 */
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "system/threads.h"
#include "engine/schedule/schedule.h"

#include <math.h>
#include <string.h>

/* Cycles: the activations of one row x one block, more of them where a tile has nothing else to do meanwhile, a turn's calls,
 * each row's pointers and scattered h and y, a barrier, each member in it, a strand taken up again by a wavefront, a parallel
 * region, each thread of it. */
#define CELL_CYCLES 52.0
#define LONE_CELL_CYCLES 55.0
#define TURN_CYCLES 140.0
#define ROW_CYCLES 190.0
#define MEET_CYCLES 35.0
#define MEMBER_CYCLES 60.0
#define STRAND_CYCLES 60.0
#define REGION_CYCLES 5000.0
#define THREAD_CYCLES 400.0

/* Members wait for the slowest of them after each turn, and something always holds one of them up. */
#define MEMBER_LOSS 1.03

/* Bytes a cycle: what one core gets of L3, alone and when several teams each take all weights from it, what it gets of DRAM, and
 * all cores of DRAM together. */
#define L3_BYTES 24.5
#define SHARED_L3_BYTES 19.0
#define DRAM_BYTES 7.0
#define ALL_DRAM_BYTES 60.0

/* The part of the shorter of arithmetic and transfer that does not go on beside the longer. */
#define UNHIDDEN 0.23

static bool uses_blis(const sluice_engine *engine)
{
    return engine->gemm == SLUICE_GEMM_BLIS;
}

size_t sl_longest_row(size_t rows, size_t steps, const int64_t *lengths)
{
    if (!lengths)
        return steps;
    size_t longest = 0;
    for (size_t n = 0; n < rows; n++)
        longest = sl_size_max(longest, (size_t)lengths[n]);
    return longest;
}

sl_load sl_load_get(const sluice_engine *engine, size_t rows, size_t steps, const int64_t *lengths)
{
    sl_load load = {.rows = rows,
                    .steps = sl_longest_row(rows, steps, lengths),
                    .total_steps = (uint64_t)rows * steps,
                    .equal = true,
                    .workers = sl_threads_alone() ? 1 : sl_workers(engine)};
    if (!lengths)
        return load;
    load.total_steps = 0;
    for (size_t n = 0; n < rows; n++)
        load.total_steps += (uint64_t)lengths[n];
    load.equal = load.total_steps == (uint64_t)rows * load.steps;
    return load;
}

/* A member's part of a strand. */
typedef struct portion {
    double rows, blocks, terms; /* terms: those multiplied in the turn */
    double weights;             /* bytes of weights it goes through before it meets the first again */
} portion;

/* Bytes a cycle from L2: CPUs whose vectors are twice as wide have paths twice as wide. */
static double near_rate(const sluice_engine *engine)
{
    return fmax(32, 4 * (double)engine->kernel->lanes);
}

/* All members' weights together are to stay in L3. */
static double transfer_rate(const sluice_engine *engine, const sl_exec_plan *way, double bytes)
{
    const sl_limits *limits = &engine->limits;
    if (bytes <= 0.8 * (double)limits->l2_bytes)
        return near_rate(engine);
    if (bytes * way->members <= 0.8 * (double)limits->l3_bytes)
        return way->teams > 1 ? SHARED_L3_BYTES : L3_BYTES;
    return fmin(DRAM_BYTES, ALL_DRAM_BYTES / ((double)way->teams * way->members));
}

static double overlapped(double a, double b)
{
    return fmax(a, b) + UNHIDDEN * fmin(a, b);
}

static double product_cycles(const sluice_engine *engine, const sl_exec_plan *way, const portion *p)
{
    const double lanes = (double)engine->kernel->lanes, panel = p->terms * SL_BLOCK_VECTORS * lanes * sizeof(float);
    const bool tall = p->rows > (double)engine->kernel->tile_rows && p->rows <= 2 * (double)engine->kernel->tall_rows;
    const double tiles = ceil(p->rows / (double)(tall ? engine->kernel->tall_rows : engine->kernel->tile_rows));
    const double fma = p->rows * p->blocks * p->terms * SL_BLOCK_VECTORS / 2;
    const double from_afar = p->blocks * panel / transfer_rate(engine, way, p->weights);
    const double again = p->blocks * panel / (panel < 0.94 * (double)engine->limits.l1d_bytes ? 8 * lanes : near_rate(engine));
    return overlapped(fma / tiles, from_afar) + (tiles - 1) * overlapped(fma / tiles, again);
}

static double activation_cycles(const sluice_engine *engine, const portion *p)
{
    const bool lone = p->rows * p->blocks < 2 || engine->kernel->tile_rows < 2;
    return p->rows * p->blocks * (CELL_CYCLES + (lone ? LONE_CELL_CYCLES : 0));
}

/* A turn of one layer for a member: `lines` cache lines of units of it, both directions counted. */
static double layer_cycles(const sluice_engine *engine, const sl_exec_plan *way, size_t layer, double lines, double rows)
{
    const sl_packed *packed = &engine->layers[layer * engine->shape.directions];
    const double lanes = (double)engine->kernel->lanes, inputs = packed->table ? 0 : (double)packed->inputs;
    const bool hoists = inputs > 0 && rows <= (double)sl_hoisted_rows(engine, way);
    portion p = {.rows = rows, .blocks = lines * SL_LINE_UNITS / lanes, .terms = (double)engine->shape.hidden};
    const double row_bytes = p.blocks * SL_BLOCK_VECTORS * lanes * sizeof(float); /* of a packed row, and of a term's weights */
    double cycles = TURN_CYCLES + ROW_CYCLES * rows;
    if (hoists) {
        const double in_chunk = fmax(1, (double)engine->limits.hoist_rows / rows); /* turns */
        const double weights = inputs * row_bytes;
        cycles += 1.03 * rows * p.blocks * inputs * SL_BLOCK_VECTORS / 2;
        cycles += weights / transfer_rate(engine, way, fmax(weights, (double)engine->limits.l2_bytes)) / in_chunk +
                  2 * rows * row_bytes / near_rate(engine);
    } else {
        p.terms += inputs;
    }
    p.weights = p.terms * row_bytes;
    return cycles + product_cycles(engine, way, &p) + activation_cycles(engine, &p);
}

static double meeting_cycles(const sl_exec_plan *way)
{
    return way->members > 1 ? MEET_CYCLES + MEMBER_CYCLES * way->members : 0;
}

/* A turn of all layers, `rows` rows in each of them; without the meetings of a wavefront. */
static double turn_cycles(const sluice_engine *engine, const sl_exec_plan *way, double rows)
{
    const sluice_shape *shape = &engine->shape;
    const double share = (double)(shape->directions * sl_lines(engine)) / way->members;
    const double most = way->wavefront ? fmax(1.0 / (double)shape->layers, share) : ceil(share); /* lines of a member */
    const bool alone = shape->directions % way->members == 0;                                    /* with strands of its own */
    double cycles = 0;
    for (size_t layer = 0; layer < shape->layers; layer++)
        cycles += layer_cycles(engine, way, layer, most, rows) + (alone || way->wavefront ? 0 : meeting_cycles(way));
    return cycles;
}

size_t sl_wavefront_chunk(const sluice_shape *shape, size_t steps)
{
    return sl_size_max(1, steps / (6 * (shape->layers - 1)));
}

double sl_exec_plan_cycles(const sluice_engine *engine, const sl_load *load, const sl_exec_plan *way)
{
    const sluice_shape *shape = &engine->shape;
    double rows = ceil((double)load->rows / way->teams), iterations = (double)load->steps;
    if (!load->equal) /* on the mean, while the longest runs */
        rows = fmax(1, (double)load->total_steps / ((double)way->teams * fmax(1, iterations)));
    const double groups = fmax(1, ceil(rows / (double)sl_size_max(1, sl_row_block_rows(engine, load->rows))));
    double iteration = turn_cycles(engine, way, rows / groups);
    if (way->wavefront && load->steps > 0) {
        const double span = (double)sl_wavefront_chunk(shape, load->steps),
                     stages = ceil(iterations / span) + (double)shape->layers - 1;
        iteration += meeting_cycles(way) + STRAND_CYCLES * (double)shape->layers / span;
        iterations = stages * span;
    }
    const double threads = (double)way->teams * way->members;
    if (way->members > 1)
        iteration *= MEMBER_LOSS;
    return groups * iterations * iteration + (threads > 1 ? REGION_CYCLES + THREAD_CYCLES * threads : 0);
}

double sl_lone_row_excess(const sluice_engine *engine, unsigned members)
{
    const sl_exec_plan way = {1, members, false, false};
    const double many = 8.0 * (double)engine->kernel->tile_rows;
    return fmax(0, turn_cycles(engine, &way, 1) / (turn_cycles(engine, &way, many) / many) - 1);
}

bool sl_shares_row(const sluice_engine *engine, unsigned members)
{
    const sl_exec_plan shared = {1, members, false, false}, lone = {1, 1, false, false};
    return engine->gemm == SLUICE_GEMM_FUSED && turn_cycles(engine, &shared, 1) < 0.9 * turn_cycles(engine, &lone, 1);
}

size_t sl_hoisted_rows(const sluice_engine *engine, const sl_exec_plan *way)
{
    if (uses_blis(engine)) /* which adds h's products to them in memory */
        return SIZE_MAX;
    if (engine->schedule == SLUICE_SCHEDULE_ROWS)
        return 0;
    return way->hoists ? SIZE_MAX : engine->limits.few_rows;
}

bool sl_exec_plan_hoists(const sluice_engine *engine, const sl_load *load, const sl_exec_plan *way)
{
    const bool multiplies_x = uses_blis(engine) || engine->shape.layers > 1 || !engine->layers[0].table;
    return multiplies_x && sl_size_div_up(load->rows, way->teams) <= sl_hoisted_rows(engine, way);
}

unsigned sl_workers(const sluice_engine *engine)
{
    return engine->schedule == SLUICE_SCHEDULE_AUTO && engine->limits.cpus < engine->threads ? engine->limits.cpus
                                                                                             : engine->threads;
}

static unsigned at_most(size_t a, size_t b)
{
    return (unsigned)sl_size_max(1, sl_size_min(a, b));
}

/* A list of ways. Those that come to the same, for so few rows or with no x to multiply, stand once. */
typedef struct way_list {
    const sluice_engine *engine;
    const sl_load *load;
    size_t threads;
    sl_exec_plan *ways;
    size_t count;
} way_list;

static void add(way_list *list, size_t threads, size_t members, bool hoists, bool wavefront)
{
    sl_exec_plan way = {at_most(list->load->rows, threads / members), (unsigned)members, hoists, wavefront};
    if (list->engine->schedule == SLUICE_SCHEDULE_AUTO)
        way.hoists = sl_exec_plan_hoists(list->engine, list->load, &way);
    for (size_t k = 0; k < list->count; k++)
        if (sl_exec_plan_equals(&list->ways[k], &way))
            return;
    list->ways[list->count++] = way;
}

/* Teams of so many members, their layers one after the other or in wavefront. */
static void add_teams(way_list *list, size_t members)
{
    const sluice_shape *shape = &list->engine->shape;
    const size_t lines = sl_lines(list->engine);
    if (members > 0 && members <= shape->directions * lines)
        add(list, list->threads, members, true, false);
    if (members > 1 && shape->layers > 1 && shape->directions == 1 && members <= shape->layers * lines)
        add(list, list->threads, members, true, true);
}

size_t sl_candidates_list(const sluice_engine *engine, const sl_load *load, sl_exec_plan ways[SL_CANDIDATES_MAX])
{
    static const unsigned members[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 64}; /* with those below 24 ways, and four without members */
    way_list list = {engine, load, load->workers, ways, 0};
    const bool hoists = engine->schedule == SLUICE_SCHEDULE_HOIST || uses_blis(engine);
    if (hoists || engine->schedule == SLUICE_SCHEDULE_ROWS) {
        add(&list, list.threads, 1, hoists, false);
    } else if (engine->schedule == SLUICE_SCHEDULE_UNITS) {
        const sluice_shape *shape = &engine->shape;
        add_teams(&list, sl_size_min(list.threads, shape->directions * sl_lines(engine)));
        if (shape->directions == 1) /* as a wavefront, more threads have something to do */
            add_teams(&list, sl_size_min(list.threads, shape->layers * sl_lines(engine)));
    } else {
        for (int with = 0; with < 2; with++)
            add(&list, list.threads, 1, with, false);
        for (size_t k = 0; k < sizeof members / sizeof members[0] && members[k] < list.threads; k++)
            add_teams(&list, members[k]);
        for (size_t parts = 2; parts > 0; parts--)
            add_teams(&list, list.threads / parts);
        for (int with = 0; with < 2; with++) /* a region may cost more than it saves */
            add(&list, 1, 1, with, false);
    }
    return list.count;
}

bool sl_exec_plan_equals(const sl_exec_plan *a, const sl_exec_plan *b)
{
    return a->teams == b->teams && a->members == b->members && a->hoists == b->hoists && a->wavefront == b->wavefront;
}

/* Where the entry of such batches is, or belongs, in what is learnt: by rows, then steps. */
static size_t place_of(const sluice_engine *engine, size_t rows, size_t steps)
{
    size_t from = 0, to = engine->learnt_count;
    while (from < to) {
        const size_t middle = from + (to - from) / 2;
        const sl_tuned_plan *entry = &engine->learnt[middle];
        if (entry->rows < rows || (entry->rows == rows && entry->steps < steps))
            from = middle + 1;
        else
            to = middle;
    }
    return from;
}

static bool is_at(const sluice_engine *engine, size_t at, size_t rows, size_t steps)
{
    return at < engine->learnt_count && engine->learnt[at].rows == rows && engine->learnt[at].steps == steps;
}

/* Whether the way can be gone: what was learnt may come from elsewhere. */
static bool fits(const sluice_engine *engine, const sl_load *load, const sl_exec_plan *way)
{
    const sluice_shape *shape = &engine->shape;
    const size_t layer_dirs = way->wavefront ? shape->layers : shape->directions;
    return way->teams <= load->rows && way->members <= layer_dirs * sl_lines(engine) &&
           (size_t)way->teams * way->members <= load->workers && (!way->wavefront || (shape->directions == 1 && shape->layers > 1));
}

const sl_tuned_plan *sl_tuned_plan_find(const sluice_engine *engine, const sl_load *load)
{
    if (engine->schedule != SLUICE_SCHEDULE_AUTO || engine->gemm != SLUICE_GEMM_FUSED || !load->equal)
        return NULL;
    const size_t at = place_of(engine, load->rows, load->steps);
    if (!is_at(engine, at, load->rows, load->steps) || !fits(engine, load, &engine->learnt[at].way))
        return NULL;
    return &engine->learnt[at];
}

sluice_status sl_tuned_plan_store(sluice_engine *engine, const sl_tuned_plan *entry, sluice_error *error)
{
    const size_t at = place_of(engine, entry->rows, entry->steps), count = engine->learnt_count;
    if (is_at(engine, at, entry->rows, entry->steps)) {
        engine->learnt[at] = *entry;
        return SLUICE_STATUS_OK;
    }
    if (count == SL_TUNED_PLANS_MAX)
        return sl_fail(error, SLUICE_STATUS_TOO_LARGE,
                       "%zu batch sizes have been measured, and no more are remembered; make an engine for the others", count);
    if ((count & (count - 1)) == 0) { /* full: there is room for a power of two */
        sl_tuned_plan *grown = sl_alloc_array(sl_size_max(1, 2 * count), sizeof *grown);
        if (!grown)
            return sl_fail_memory(error, "a measured way", 2 * count * sizeof *grown);
        if (count)
            memcpy(grown, engine->learnt, count * sizeof *grown);
        sl_free(engine->learnt);
        engine->learnt = grown;
    }
    memmove(engine->learnt + at + 1, engine->learnt + at, (count - at) * sizeof *entry);
    engine->learnt[at] = *entry;
    engine->learnt_count++;
    return SLUICE_STATUS_OK;
}

sl_exec_plan sl_exec_plan_choose(const sluice_engine *engine, const sl_load *load)
{
    const sl_tuned_plan *learnt = sl_tuned_plan_find(engine, load);
    if (learnt)
        return learnt->way;
    sl_exec_plan ways[SL_CANDIDATES_MAX];
    const size_t count = sl_candidates_list(engine, load, ways);
    size_t best = 0;
    double least = INFINITY;
    for (size_t k = 0; count > 1 && k < count; k++) {
        const double cycles = sl_exec_plan_cycles(engine, load, &ways[k]);
        if (cycles < least) {
            least = cycles;
            best = k;
        }
    }
    return ways[best];
}
