#include "engine/schedule/scratch_sizes.h"

#include "base/size.h"
#include "engine/schedule/limits.h"

#include <string.h>

/* Floats of the buffers between layers, for `rows` rows. */
static bool get_layer_buffer_floats(const sluice_engine *engine, const sl_scratch_sizes *sizes, size_t steps, size_t *floats)
{
    enum { LEAST_STEPS = 8 };
    const size_t width = engine->sizes.widest_buffer, aim = engine->limits.layer_buffer_floats, rows = sizes->block_rows;
    size_t row_floats, whole, least;
    *floats = 0;
    if (!sizes->buffers)
        return true;
    if (!sl_size_mul(steps, width * sizes->buffers, &row_floats) || !sl_size_mul(row_floats, rows, &whole))
        return false;
    if (sizes->whole_rows) { /* since the reverse direction begins at the last step; a tile of rows at least */
        least = sl_size_min(rows, engine->kernel->tile_rows) * row_floats;
    } else { /* some steps for layers one after the other, and one for a wavefront */
        const size_t step_floats = rows * width, buffers = sl_size_max(sizes->buffers, sizes->wavefront_buffers);
        if (!sl_size_mul(step_floats * buffers, steps, &whole) ||
            !sl_size_mul(step_floats, sl_size_max(2 * sl_size_min(steps, LEAST_STEPS), buffers), &least))
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

bool sl_scratch_sizes_get(const sluice_engine *engine, const sl_batch_size *batch, sl_scratch_sizes *sizes)
{
    enum { LEAST_VECTOR_ROWS = 24 }; /* fill the tiles of a product with few rows of the batch */
    const bool blis = engine->gemm == SLUICE_GEMM_BLIS;
    const size_t workers = sl_workers(engine), rows = batch->rows, steps = batch->steps;
    memset(sizes, 0, sizeof *sizes);
    sizes->thread_groups = sl_size_max(1, sl_size_min(rows, workers));
    /* A row occupies as many threads at most as its layer-directions have lines of units. */
    if (!sl_size_mul(sizes->thread_groups, engine->sizes.all_lines, &sizes->threads) || sizes->threads > workers)
        sizes->threads = workers;
    sizes->block_rows = sl_row_block_rows(engine, rows);
    /* With a mask, outputs of the last LSTM layer have to be repeated. */
    sizes->buffers = sl_size_min(2, engine->sizes.between + (batch->masked && !sl_engine_may_keep(engine)));
    sizes->wavefront_buffers = engine->sizes.wavefront_buffers;
    sizes->whole_rows = engine->network->has_reverse || batch->masked;
    sizes->mask_steps = batch->masked ? steps : 0;
    sizes->vector_width = batch->masked ? sl_size_max(engine->steps.widest, engine->network->widest_output) : engine->steps.widest;
    sizes->vector_rows = sizes->vector_width ? sl_size_max(sizes->block_rows, LEAST_VECTOR_ROWS) : 1;
    size_t most;
    bool fits =
        get_layer_buffer_floats(engine, sizes, steps, &sizes->layer_buffer_floats) && sl_size_mul(sizes->block_rows, steps, &most);
    if (engine->schedule != SLUICE_SCHEDULE_ROWS || sl_engine_always_hoists(engine))
        sizes->hoist_rows = fits ? sl_size_min(most, engine->limits.hoist_product_rows) : 0;
    fits = fits && sl_size_mul(sizes->hoist_rows, engine->sizes.widest_row, &sizes->hoist_floats);
    if (blis)
        fits = fits && sl_size_mul(sizes->hoist_rows, engine->network->widest_input, &sizes->gather_floats);
    return fits;
}

size_t sl_rows_at_once(const sluice_engine *engine, const sl_scratch_sizes *sizes, size_t steps)
{
    if (!sizes->buffers || !sizes->whole_rows || steps == 0)
        return sizes->block_rows;
    const size_t row_floats = sizes->buffers * steps * engine->sizes.widest_buffer;
    return sl_size_min(sizes->block_rows, sizes->layer_buffer_floats / row_floats);
}

size_t sl_wavefront_chunk(size_t layers, size_t steps)
{
    return sl_size_max(1, steps / (6 * (layers - 1)));
}

size_t sl_chunk_steps(const sluice_engine *engine, const sl_scratch_sizes *sizes, bool wavefront, size_t rows, size_t steps)
{
    if (!sizes->buffers || sizes->whole_rows)
        return steps;
    const size_t buffers = wavefront ? sizes->wavefront_buffers : sizes->buffers;
    const size_t room = sizes->layer_buffer_floats / (buffers * rows * engine->sizes.widest_buffer);
    return sl_size_min(room, wavefront ? sl_wavefront_chunk(engine->network->lstm_layers, steps) : steps);
}
