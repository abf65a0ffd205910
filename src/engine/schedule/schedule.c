#include "engine/schedule/schedule.h"

#include "system/cpu.h"
#include "base/size.h"
#include "system/threads.h"

#include <string.h>

/* Rows that go through the steps together share one pass over the weights a step. Few rows keep their states in the near cache;
 * many spread the cost of bringing weights from afar. Where the weights stay in L2 the states have what they leave; where they
 * do not, more rows are the better bargain. */
enum { FEWEST_GROUP_ROWS = 48 };

static size_t choose_group_rows(const sluice_engine *engine, bool weights_afar)
{
    enum { MOST = 96, MOST_AFAR = 192 };
    const size_t row = (3 * engine->state_stride + engine->shape.inputs) * sizeof(float);
    return weights_afar ? MOST_AFAR : sl_size_max(FEWEST_GROUP_ROWS, sl_size_min(MOST, engine->limits.l2_bytes / 4 / row));
}

void sl_limits_set(sluice_engine *engine)
{
    enum { L1D_UNKNOWN = 1 << 15, L2_UNKNOWN = 1 << 19, L3_UNKNOWN = 1 << 23 };
    enum { HOIST_BYTES = 1 << 18, WHOLE_STACK_BYTES = 8 << 20 };
    sl_cpu cpu;
    sl_cpu_get(&cpu);
    sl_limits *limits = &engine->limits;
    limits->l1d_bytes = cpu.l1d_bytes ? cpu.l1d_bytes : L1D_UNKNOWN;
    limits->l2_bytes = cpu.l2_bytes ? cpu.l2_bytes : L2_UNKNOWN;
    limits->l3_bytes = cpu.l3_bytes ? cpu.l3_bytes : L3_UNKNOWN;
    limits->cpus = sl_threads_cpus();
    size_t terms = 0; /* of the layer that multiplies most */
    for (size_t k = 0; k < engine->shape.layers * engine->shape.directions; k++)
        terms = sl_size_max(terms, (engine->layers[k].table ? 0 : engine->layers[k].inputs) + engine->shape.hidden);
    const bool weights_afar = engine->width * terms * sizeof(float) > limits->l2_bytes / 2;
    limits->group_rows = choose_group_rows(engine, weights_afar);
    const size_t least = engine->gemm == SLUICE_GEMM_BLIS ? limits->group_rows : FEWEST_GROUP_ROWS;
    limits->hoist_rows = sl_size_max(least, HOIST_BYTES / sizeof(float) / engine->width);
    limits->stack_floats = (engine->shape.directions == 2 ? WHOLE_STACK_BYTES : limits->l2_bytes / 2) / sizeof(float);

    /* A lone row leaves most of its tile's chains waiting, and a few rows read each weight that comes from the far cache for
     * little work: taken as rows of one product, the steps of a chunk fill the tiles, and the far weights of x are read once a
     * chunk. Zen 3, AVX2, share of the peak at T, H = 100, 256: 0.56 and 0.67 for four rows, 0.72 and 0.77 for five, and none
     * better for six; at H = 64, whose weights are near, only one row gains. */
    limits->few_rows = weights_afar ? 5 : 1;
}

/* Buffers between the layers of a stack: taken one after the other, a layer reads one and writes the other; in wavefront there are
 * two behind each layer but the last. */
static size_t count_buffers(const sluice_shape *shape, bool wavefront)
{
    return wavefront ? 2 * (shape->layers - 1) : sl_size_min(2, shape->layers - 1);
}

/* What lies between the layers of a stack, for `rows` rows. */
static bool get_stack_floats(const sluice_engine *engine, size_t rows, size_t steps, size_t *floats)
{
    enum { LEAST_STEPS = 8 };
    const sluice_shape *shape = &engine->shape;
    const size_t outputs = shape->directions * shape->hidden, aim = engine->limits.stack_floats;
    size_t row_floats, whole, least;
    *floats = 0;
    if (shape->layers == 1)
        return true;
    if (!sl_size_mul(steps, outputs * count_buffers(shape, false), &row_floats) || !sl_size_mul(row_floats, rows, &whole))
        return false;
    if (shape->directions == 2) { /* whole rows, for the reverse direction begins where the forward one ends; a tile of them */
        least = sl_size_min(rows, engine->kernel->tile_rows) * row_floats;
    } else { /* some steps for layers one after the other, and one for a wavefront */
        const size_t step_floats = rows * outputs;
        if (!sl_size_mul(step_floats * count_buffers(shape, true), steps, &whole) ||
            !sl_size_mul(step_floats, sl_size_max(2 * sl_size_min(steps, LEAST_STEPS), count_buffers(shape, true)), &least))
            return false;
    }
    *floats = sl_size_min(whole, sl_size_max(aim, least));
    return true;
}

/* A team's even share, but rows enough for teams of several members, which have more each; what uneven lengths deal it beyond goes
 * in more groups. */
size_t sl_row_block_rows(const sluice_engine *engine, size_t rows)
{
    const size_t teams = engine->schedule == SLUICE_SCHEDULE_UNITS ? 1 : sl_workers(engine);
    const size_t share = sl_size_max(FEWEST_GROUP_ROWS, sl_size_div_up(rows, teams));
    return sl_size_min(rows, sl_size_min(share, engine->limits.group_rows));
}

bool sl_scratch_sizes_get(const sluice_engine *engine, size_t rows, size_t steps, sl_scratch_sizes *sizes)
{
    const sluice_shape *shape = &engine->shape;
    const sl_limits *limits = &engine->limits;
    const bool blis = engine->gemm == SLUICE_GEMM_BLIS;
    const size_t workers = sl_workers(engine);
    memset(sizes, 0, sizeof *sizes);
    sizes->teams = sl_size_max(1, sl_size_min(rows, workers));
    /* Each row occupies as many threads at most as its strands have lines. */
    if (!sl_size_mul(sizes->teams, shape->layers * shape->directions * sl_lines(engine), &sizes->parts) || sizes->parts > workers)
        sizes->parts = workers;
    sizes->group_rows = sl_row_block_rows(engine, rows);
    size_t most;
    bool fits = sl_size_mul(sizes->group_rows, engine->state_stride, &sizes->state_floats) &&
                get_stack_floats(engine, sizes->group_rows, steps, &sizes->stack_floats) &&
                sl_size_mul(sizes->group_rows, steps, &most);
    if (engine->schedule != SLUICE_SCHEDULE_ROWS || blis)
        sizes->hoist_rows = fits ? sl_size_min(most, limits->hoist_rows) : 0;
    fits = fits && sl_size_mul(sizes->hoist_rows, engine->width, &sizes->hoist_floats);
    if (blis)
        fits = fits &&
               sl_size_mul(sizes->hoist_rows, sl_size_max(shape->inputs, shape->directions * shape->hidden), &sizes->gather_floats);
    return fits;
}

size_t sl_rows_at_once(const sluice_engine *engine, const sl_scratch_sizes *sizes, size_t steps)
{
    const sluice_shape *shape = &engine->shape;
    if (shape->layers == 1 || shape->directions == 1 || steps == 0)
        return sizes->group_rows;
    const size_t row_floats = count_buffers(shape, false) * steps * shape->directions * shape->hidden;
    return sl_size_min(sizes->group_rows, sizes->stack_floats / row_floats);
}

size_t sl_chunk_get(const sluice_engine *engine, const sl_scratch_sizes *sizes, bool wavefront, size_t rows, size_t steps)
{
    const sluice_shape *shape = &engine->shape;
    if (shape->layers == 1 || shape->directions == 2)
        return steps;
    const size_t room = sizes->stack_floats / (count_buffers(shape, wavefront) * rows * shape->hidden);
    return sl_size_min(room, wavefront ? sl_wavefront_chunk(shape, steps) : steps);
}

/* Radix sort, eight bits at a time, as many as `steps` has. */
void sl_sort_by_length(size_t *order, size_t *scratch, size_t rows, size_t steps, const int64_t *lengths)
{
    for (unsigned shift = 0; shift < 64 && steps >> shift != 0; shift += 8) {
        size_t count[257] = {0};
        for (size_t k = 0; k < rows; k++)
            count[256 - ((uint64_t)lengths[order[k]] >> shift & 255)]++;
        for (size_t digit = 1; digit <= 256; digit++)
            count[digit] += count[digit - 1];
        for (size_t k = 0; k < rows; k++)
            scratch[count[255 - ((uint64_t)lengths[order[k]] >> shift & 255)]++] = order[k];
        memcpy(order, scratch, rows * sizeof *order);
    }
}

/* Teams in a heap, the one with the least to do at the top; of two alike, the first. */
static bool does_less(const sl_partition *deal, unsigned a, unsigned b)
{
    return deal->work[a] != deal->work[b] ? deal->work[a] < deal->work[b] : a < b;
}

static void sink_top(const sl_partition *deal)
{
    const unsigned teams = deal->way.teams, top = deal->heap[0];
    unsigned at = 0;
    for (unsigned child; (child = 2 * at + 1) < teams; at = child) {
        child += child + 1 < teams && does_less(deal, deal->heap[child + 1], deal->heap[child]);
        if (!does_less(deal, deal->heap[child], top))
            break;
        deal->heap[at] = deal->heap[child];
    }
    deal->heap[at] = top;
}

/* Rows, longest first, that alone would keep one thread busy for longer than all the others need for the rest. */
static size_t count_tail(const sl_partition *deal, const sluice_engine *engine, const sl_load *load, const int64_t *lengths,
                         double lone)
{
    const double teams = deal->way.teams;
    if (engine->schedule != SLUICE_SCHEDULE_AUTO || deal->way.members > 1 || teams == 1 || !sl_shares_row(engine, deal->way.teams))
        return 0;
    double rest = (double)load->total_steps;
    size_t tail = 0;
    for (; tail < load->rows; tail++) {
        const double length = (double)lengths[deal->sorted[tail]];
        if (length * (1 + lone) * teams <= rest + length * lone)
            break;
        rest -= length;
    }
    return tail;
}

void sl_partition_rows(sl_partition *deal, const sluice_engine *engine, const sl_load *load, const int64_t *lengths)
{
    const unsigned teams = deal->way.teams;
    const size_t rows = load->rows;
    size_t *sorted = deal->sorted, *first = deal->first;
    deal->tail = 0;
    if (load->equal) { /* neighbours together: they may share cache lines of what they write */
        for (size_t k = 0; k < rows; k++)
            deal->order[k] = k;
        for (unsigned team = 0; team <= teams; team++)
            first[team] = rows / teams * team + sl_size_min(rows % teams, team);
        return;
    }
    for (size_t k = 0; k < rows; k++)
        sorted[k] = k;
    sl_sort_by_length(sorted, deal->order, rows, load->steps, lengths);
    const double lone = sl_lone_row_excess(engine, deal->way.members);
    deal->tail = count_tail(deal, engine, load, lengths, lone);
    memcpy(deal->order, sorted, deal->tail * sizeof *sorted);

    /* Longest first, each to the team that has the least to do (Graham 1969). A team's first row is also its longest, and alone
     * in the end. */
    memset(first, 0, (teams + 1) * sizeof *first);
    for (unsigned team = 0; team < teams; team++) {
        deal->work[team] = 0;
        deal->heap[team] = team;
    }
    for (size_t k = deal->tail; k < rows; k++) {
        const unsigned least = deal->heap[0];
        const double length = (double)lengths[sorted[k]];
        deal->work[least] += length * (first[least + 1] ? 1 : 1 + lone) + 1; /* a row without a step is some work too */
        deal->owner[k] = least;
        first[least + 1]++;
        sink_top(deal);
    }
    first[0] = deal->tail;
    for (unsigned team = 0; team < teams; team++)
        first[team + 1] += first[team];
    for (size_t k = deal->tail; k < rows; k++)
        deal->order[first[deal->owner[k]]++] = sorted[k];
    for (unsigned team = teams; team > 0; team--) /* each now stands where the next one begins */
        first[team] = first[team - 1];
    first[0] = deal->tail;
}
