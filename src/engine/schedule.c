#include "engine/schedule.h"

#include "base/cpu.h"
#include "base/size.h"

#include <string.h>

/* Rows that go through the steps together share one pass over the weights a step. Few rows keep their states in the near cache;
 * many spread the cost of bringing weights from afar. Where the weights stay in L2 the states have what they leave; where they
 * do not, more rows are the better bargain. */
static size_t choose_group_rows(const sluice_engine *engine, size_t l2_bytes)
{
    enum { FEWEST = 48, MOST = 96, MOST_AFAR = 192 };
    const size_t row = (3 * engine->state_stride + engine->shape.inputs) * sizeof(float);
    if (engine->limits.weights_afar)
        return MOST_AFAR;
    return sl_size_max(FEWEST, sl_size_min(MOST, l2_bytes / 4 / row));
}

void sl_limits_set(sluice_engine *engine)
{
    enum { LEAST_STEPS = 8, L2_UNKNOWN = 1 << 19, STACK_BYTES = 4 << 20, HOIST_BYTES = 1 << 20 };
    sl_cpu cpu;
    sl_cpu_get(&cpu);
    const size_t l2_bytes = cpu.l2_bytes ? cpu.l2_bytes : L2_UNKNOWN;
    sl_limits *limits = &engine->limits;
    size_t terms = 0; /* of the layer that multiplies most */
    for (size_t k = 0; k < engine->shape.layers * engine->shape.directions; k++)
        terms = sl_size_max(terms, (engine->layers[k].table ? 0 : engine->layers[k].inputs) + engine->shape.hidden);
    limits->weights_afar = engine->width * terms * sizeof(float) > l2_bytes / 2;
    limits->group_rows = choose_group_rows(engine, l2_bytes);
    const size_t step_bytes = 2 * limits->group_rows * engine->shape.hidden * sizeof(float);
    limits->chunk_steps = sl_size_max(LEAST_STEPS, l2_bytes / 2 / step_bytes);
    limits->hoist_rows = sl_size_max(limits->group_rows, HOIST_BYTES / sizeof(float) / engine->width);
    limits->stack_floats = STACK_BYTES / sizeof(float);
}

static bool uses_blis(const sluice_engine *engine)
{
    return engine->gemm == SLUICE_GEMM_BLIS;
}

/* The most rows of a group whose products of x are hoisted when nobody has said. A lone row leaves most of its tile's chains
 * waiting, and a few rows read each weight that comes from the far cache for little work: taken as rows of one product, the
 * steps of a chunk fill the tiles, and the far weights of x are read once a chunk. Zen 3, AVX2, share of the peak at T, H =
 * 100, 256: 0.32 and 0.43 for one row, 0.56 and 0.67 for four, 0.72 and 0.77 for five, and none better for six; at H = 64,
 * whose weights are near, only one row gains. */
static size_t hoisted_rows_by_rule(const sluice_engine *engine)
{
    return engine->limits.weights_afar ? 5 : 1;
}

bool sl_hoists(const sluice_engine *engine, const sl_packed *layer, size_t group_rows)
{
    if (uses_blis(engine)) /* which adds h's products to them in memory */
        return true;
    if (layer->table)
        return false;
    if (engine->schedule != SLUICE_SCHEDULE_AUTO)
        return engine->schedule == SLUICE_SCHEDULE_HOIST;
    return group_rows <= hoisted_rows_by_rule(engine);
}

/* Four full tiles, or eight. */
enum { FEWEST_GROUP_ROWS = 24 };

bool sl_part_sizes_get(const sluice_engine *engine, size_t rows, size_t steps, sl_part_sizes *sizes)
{
    const sluice_shape *shape = &engine->shape;
    const sl_limits *limits = &engine->limits;
    const size_t outputs = shape->directions * shape->hidden;
    memset(sizes, 0, sizeof *sizes);
    /* A part's even share, as long as that fills tiles; what uneven lengths deal it beyond goes in more groups. */
    const size_t share = sl_size_max(FEWEST_GROUP_ROWS, sl_size_div_up(rows, engine->threads));
    sizes->group_rows = sl_size_min(rows, sl_size_min(share, limits->group_rows));
    bool fits = sl_size_mul(sizes->group_rows, engine->state_stride, &sizes->state_floats);

    if (shape->layers > 1) {                           /* [group rows][steps at once][D*H] */
        const bool all_steps = shape->directions == 2; /* the reverse direction begins where the forward one ends */
        size_t row_floats;
        fits = fits && sl_size_mul(all_steps ? steps : sl_size_min(steps, limits->chunk_steps), outputs, &row_floats) &&
               sl_size_mul(row_floats, sizes->group_rows, &sizes->stack_floats);
        if (fits && all_steps) { /* fewer rows at a time then, but a tile of them at least */
            const size_t least = sl_size_min(rows, engine->kernel->tile_rows) * row_floats;
            sizes->stack_floats = sl_size_min(sizes->stack_floats, sl_size_max(limits->stack_floats, least));
        }
    }

    size_t hoist_group = sizes->group_rows; /* the largest group that may be hoisted */
    if (!uses_blis(engine) && engine->schedule == SLUICE_SCHEDULE_AUTO)
        hoist_group = sl_size_min(hoist_group, hoisted_rows_by_rule(engine));
    else if (!uses_blis(engine) && engine->schedule == SLUICE_SCHEDULE_ROWS)
        hoist_group = 0;
    size_t most;
    fits = fits && sl_size_mul(hoist_group, steps, &most);
    sizes->hoist_rows = fits ? sl_size_min(most, limits->hoist_rows) : 0;
    fits = fits && sl_size_mul(sizes->hoist_rows, engine->width, &sizes->hoist_floats);
    if (uses_blis(engine))
        fits = fits && sl_size_mul(sizes->hoist_rows, sl_size_max(shape->inputs, outputs), &sizes->gather_floats);
    return fits;
}

/* Sort order[0..rows-1] by length, longest first; equal lengths keep their order. Radix sort, eight bits at a time, as many as
 * `steps` has. */
static void sort_by_length(size_t *order, size_t *scratch, size_t rows, size_t steps, const int64_t *lengths)
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

void sl_plan_rows(sl_plan *plan, unsigned parts, size_t rows, size_t steps, const int64_t *lengths)
{
    size_t *sorted = plan->sorted, *first = plan->first, *load = plan->load;
    if (!lengths) { /* neighbours together: they may share cache lines of what they write */
        for (size_t k = 0; k < rows; k++)
            plan->order[k] = k;
        for (unsigned part = 0; part <= parts; part++)
            first[part] = rows / parts * part + sl_size_min(rows % parts, part);
        return;
    }
    for (size_t k = 0; k < rows; k++)
        sorted[k] = k;
    sort_by_length(sorted, plan->order, rows, steps, lengths);

    /* Longest first, each to the part that has the least to do (Graham 1969). */
    memset(load, 0, parts * sizeof *load);
    memset(first, 0, (parts + 1) * sizeof *first);
    for (size_t k = 0; k < rows; k++) {
        unsigned least = 0;
        for (unsigned part = 1; part < parts; part++)
            if (load[part] < load[least])
                least = part;
        load[least] += (size_t)lengths[sorted[k]] + 1; /* a row without a step is some work too */
        plan->owner[k] = least;
        first[least + 1]++;
    }
    for (unsigned part = 0; part < parts; part++)
        first[part + 1] += first[part];
    size_t *next = load;
    memcpy(next, first, parts * sizeof *next);
    for (size_t k = 0; k < rows; k++)
        plan->order[next[plan->owner[k]]++] = sorted[k];
}
