#include "engine/schedule/scratch_sizes.h"

#include "base/size.h"
#include "engine/schedule/limits.h"

#include <string.h>

/* Buffers between layers. Taken one after the other, a layer reads one and writes the other; in a wavefront each layer but the last
 * has two for its outputs. */
static size_t count_buffers(const sluice_engine *engine, bool wavefront)
{
    const size_t between = engine->network->lstm_layers - 1;
    return wavefront ? 2 * between : sl_size_min(2, between);
}

/* Floats of the buffers between layers, for `rows` rows. */
static bool get_layer_buffer_floats(const sluice_engine *engine, size_t rows, size_t steps, size_t *floats)
{
    enum { LEAST_STEPS = 8 };
    const size_t outputs = engine->network->widest_output, aim = engine->limits.layer_buffer_floats;
    size_t row_floats, whole, least;
    *floats = 0;
    if (engine->network->lstm_layers == 1)
        return true;
    if (!sl_size_mul(steps, outputs * count_buffers(engine, false), &row_floats) || !sl_size_mul(row_floats, rows, &whole))
        return false;
    if (engine->network
            ->has_reverse) { /* whole rows, since the reverse direction begins at the last step; a tile of them at least */
        least = sl_size_min(rows, engine->kernel->tile_rows) * row_floats;
    } else { /* some steps for layers one after the other, and one for a wavefront */
        const size_t step_floats = rows * outputs;
        if (!sl_size_mul(step_floats * count_buffers(engine, true), steps, &whole) ||
            !sl_size_mul(step_floats, sl_size_max(2 * sl_size_min(steps, LEAST_STEPS), count_buffers(engine, true)), &least))
            return false;
    }
    *floats = sl_size_min(whole, sl_size_max(aim, least));
    return true;
}

/* An even share of a thread group, and more for groups of several threads, of which there are fewer. What ragged lengths add to a
 * group's share goes into more row blocks. */
size_t sl_row_block_rows(const sluice_engine *engine, size_t rows)
{
    const size_t groups = engine->schedule == SLUICE_SCHEDULE_UNITS ? 1 : sl_workers(engine);
    const size_t share = sl_size_max(SL_LEAST_BLOCK_ROWS, sl_size_div_up(rows, groups));
    return sl_size_min(rows, sl_size_min(share, engine->limits.row_block_rows));
}

bool sl_scratch_sizes_get(const sluice_engine *engine, size_t rows, size_t steps, sl_scratch_sizes *sizes)
{
    const bool blis = engine->gemm == SLUICE_GEMM_BLIS;
    const size_t workers = sl_workers(engine);
    memset(sizes, 0, sizeof *sizes);
    sizes->thread_groups = sl_size_max(1, sl_size_min(rows, workers));
    /* A row occupies as many threads at most as its layer-directions have lines of units. */
    if (!sl_size_mul(sizes->thread_groups, engine->limits.all_lines, &sizes->threads) || sizes->threads > workers)
        sizes->threads = workers;
    sizes->block_rows = sl_row_block_rows(engine, rows);
    size_t most;
    bool fits = get_layer_buffer_floats(engine, sizes->block_rows, steps, &sizes->layer_buffer_floats) &&
                sl_size_mul(sizes->block_rows, steps, &most);
    if (engine->schedule != SLUICE_SCHEDULE_ROWS || blis)
        sizes->hoist_rows = fits ? sl_size_min(most, engine->limits.hoist_product_rows) : 0;
    fits = fits && sl_size_mul(sizes->hoist_rows, engine->limits.widest_row, &sizes->hoist_floats);
    if (blis)
        fits = fits && sl_size_mul(sizes->hoist_rows, engine->network->widest_input, &sizes->gather_floats);
    return fits;
}

size_t sl_rows_at_once(const sluice_engine *engine, const sl_scratch_sizes *sizes, size_t steps)
{
    if (engine->network->lstm_layers == 1 || !engine->network->has_reverse || steps == 0)
        return sizes->block_rows;
    const size_t row_floats = count_buffers(engine, false) * steps * engine->network->widest_output;
    return sl_size_min(sizes->block_rows, sizes->layer_buffer_floats / row_floats);
}

size_t sl_wavefront_chunk(size_t layers, size_t steps)
{
    return sl_size_max(1, steps / (6 * (layers - 1)));
}

size_t sl_chunk_steps(const sluice_engine *engine, const sl_scratch_sizes *sizes, bool wavefront, size_t rows, size_t steps)
{
    const size_t layers = engine->network->lstm_layers;
    if (layers == 1 || engine->network->has_reverse)
        return steps;
    const size_t room = sizes->layer_buffer_floats / (count_buffers(engine, wavefront) * rows * engine->network->widest_output);
    return sl_size_min(room, wavefront ? sl_wavefront_chunk(layers, steps) : steps);
}
