#include "engine/schedule/limits.h"

#include "base/size.h"
#include "base/system/cpu.h"
#include "base/system/thread_count.h"
#include "engine/schedule/unit_split.h"

/* The rows of a row block share one reading of the weights per step. With few rows their states stay in L1 or L2; many rows spread
 * the cost of reading weights from L3 or DRAM. Where the weights stay in L2, the states get a quarter of it; where they do not,
 * more rows are the better bargain. */
static size_t choose_row_block_rows(const sluice_engine *engine, bool weights_beyond_l2)
{
    enum { MOST = 96, MOST_BEYOND_L2 = 192 };
    const size_t row = (3 * engine->sizes.widest_state + engine->network->inputs) * sizeof(float);
    return weights_beyond_l2 ? MOST_BEYOND_L2
                             : sl_size_max(SL_LEAST_BLOCK_ROWS, sl_size_min(MOST, engine->limits.l2_bytes / 4 / row));
}

/* Room for the words of x or of h, as many as a vector has behind them, and a scale. */
static size_t prepared_stride(const sl_packed *packed)
{
    const size_t words = sl_size_max(packed->weights_ih.words, packed->weights_hh.words);
    return packed->weights_hh.rows == SL_ROW_FLOATS ? 0 : sl_odd_lines(words + SL_MAX_LANES + 1);
}

static void set_sizes(sluice_engine *engine)
{
    const sl_network *network = engine->network;
    sl_engine_sizes *sizes = &engine->sizes;
    for (size_t k = 0; k < network->layer_dirs; k++) {
        sizes->prepared_stride = sl_size_max(sizes->prepared_stride, prepared_stride(&engine->layers[k]));
        sizes->widest_row = sl_size_max(sizes->widest_row, engine->layers[k].width);
        sizes->widest_state = sl_size_max(sizes->widest_state, sl_size_max(engine->layers[k].h_stride, engine->layers[k].c_stride));
    }
    for (size_t l = 0; l < network->lstm_layers; l++) {
        const size_t lines = sl_unit_lines_sum(engine, network->lstm[l].first, network->lstm[l].directions);
        sizes->layer_lines = sl_size_max(sizes->layer_lines, lines);
        sizes->all_lines += lines;
    }
    const sl_step_layers *steps = &engine->steps;
    sizes->between = network->lstm_layers - 1 + sl_engine_may_keep(engine);
    sizes->widest_buffer = network->widest_output;
    sizes->wavefronts = network->lstm_layers > 1 && !network->has_reverse;
    for (size_t l = 0; l < network->lstm_layers; l++)
        if (steps->before[l] < steps->before[l + 1]) {
            sizes->between++;
            sizes->widest_buffer = sl_size_max(sizes->widest_buffer, network->lstm[l].inputs);
            sizes->wavefronts = false;
        }
    sizes->wavefront_buffers = sizes->wavefronts ? 2 * (network->lstm_layers - 1) + sl_engine_may_keep(engine) : 0;
}

void sl_limits_set(sluice_engine *engine)
{
    enum { L1D_UNKNOWN = 1 << 15, L2_UNKNOWN = 1 << 19, L3_UNKNOWN = 1 << 23 };
    enum { HOIST_BYTES = 1 << 18, WHOLE_ROWS_BYTES = 8 << 20 };
    sl_cpu cpu;
    sl_cpu_get(&cpu);
    sl_cpu_read_caches(&cpu);
    sl_limits *limits = &engine->limits;
    limits->l1d_bytes = cpu.l1d_bytes ? cpu.l1d_bytes : L1D_UNKNOWN;
    limits->l2_bytes = cpu.l2_bytes ? cpu.l2_bytes : L2_UNKNOWN;
    limits->l3_bytes = cpu.l3_bytes ? cpu.l3_bytes : L3_UNKNOWN;
    limits->cpus = sl_threads_cpus();
    set_sizes(engine);
    size_t weights = 0; /* of the largest layer-direction */
    for (size_t k = 0; k < engine->network->layer_dirs; k++) {
        const sl_packed *packed = &engine->layers[k];
        weights = sl_size_max(weights, packed->width * ((packed->table ? 0 : packed->dir->inputs) + packed->dir->h_width) +
                                           packed->projection_width * packed->dir->hidden);
    }
    const bool weights_beyond_l2 = weights * sizeof(float) > limits->l2_bytes / 2;
    limits->row_block_rows = choose_row_block_rows(engine, weights_beyond_l2);
    const size_t least = sl_engine_always_hoists(engine) ? limits->row_block_rows : SL_LEAST_BLOCK_ROWS;
    limits->hoist_product_rows = sl_size_max(least, HOIST_BYTES / sizeof(float) / engine->sizes.widest_row);
    limits->layer_buffer_floats = (engine->network->has_reverse ? WHOLE_ROWS_BYTES : limits->l2_bytes / 2) / sizeof(float);

    /* A single row leaves most multiply-add chains of its tile idle, and a few rows read each weight from L3 for little work. Taken
     * as rows of one product, the steps of a time chunk fill the tiles, and W is read from L3 once a chunk. Zen 3, AVX2, share of
     * the peak without and with it at T, H = 100, 256: 0.56 and 0.67 for four rows, 0.72 and 0.77 for five, no gain for six; at
     * H = 64, whose weights stay in L2, only a single row gains. */
    limits->auto_hoisted_rows = weights_beyond_l2 ? 5 : 1;
}

unsigned sl_workers(const sluice_engine *engine)
{
    return engine->schedule == SLUICE_SCHEDULE_AUTO && engine->limits.cpus < engine->threads ? engine->limits.cpus
                                                                                             : engine->threads;
}
