/* Weights into an engine. Every thread packs its share of each array. */
#include "engine/api/engine_fill.h"

#include "base/size.h"
#include "base/system/cpu.h"
#include "base/system/threads.h"
#include "engine/api/engine_allocate.h"
#include "engine/pack_cell.h"
#include "engine/schedule/limits.h"
#include "engine/step_layers.h"

static sl_matrix by_rows(const float *at, size_t terms)
{
    return (sl_matrix){at, terms, 1};
}

static void fill_inputs(const sluice_engine *engine, const sl_weights *weights, size_t k, sl_share share)
{
    const float *weight_ih = sl_weights_get_of_dir(weights, k, SLUICE_TENSOR_WEIGHT_IH);
    const float *bias = sl_weights_get_of_dir(weights, k, SLUICE_TENSOR_BIAS);
    const sl_packed *packed = &engine->layers[k];
    const size_t inputs = packed->dir->inputs;
    const sl_columns columns = sl_gate_columns(engine, packed);
    if (bias) /* else it is zeros for good */
        sl_pack_row(&columns, bias, sl_weights_get_bias_hh(weights, k), packed->bias, share);
    if (packed->weight_ih)
        sl_share_copy(share, packed->dir->gate_rows, inputs, weight_ih, packed->weight_ih);
    if (packed->transpose_ih)
        sl_pack_transpose(&columns, inputs, weight_ih, packed->transpose_ih, share);
    else
        sl_pack_panels(&columns, by_rows(weight_ih, inputs), inputs, packed->table ? &packed->weights_table : &packed->weights_ih,
                       share);
}

static void fill_recurrent(const sluice_engine *engine, const sl_weights *weights, size_t k, sl_share share)
{
    const float *weight_hh = sl_weights_get_of_dir(weights, k, SLUICE_TENSOR_WEIGHT_HH);
    const sl_packed *packed = &engine->layers[k];
    const size_t width = packed->dir->h_width;
    const sl_columns columns = sl_gate_columns(engine, packed);
    if (packed->transpose_hh)
        sl_pack_transpose(&columns, width, weight_hh, packed->transpose_hh, share);
    else
        sl_pack_panels(&columns, by_rows(weight_hh, width), width, &packed->weights_hh, share);
}

/* For training: U transposed, or for BLIS U. */
static void fill_back(const sluice_engine *engine, const sl_weights *weights, size_t k, sl_share share)
{
    const float *weight_hh = sl_weights_get_of_dir(weights, k, SLUICE_TENSOR_WEIGHT_HH);
    const sl_packed *packed = &engine->layers[k];
    const size_t rows = packed->dir->gate_rows, width = packed->dir->h_width;
    const sl_columns units = sl_unit_columns(engine, packed);
    if (packed->weight_hh)
        sl_share_copy(share, rows, width, weight_hh, packed->weight_hh);
    else
        sl_pack_panels(&units, (sl_matrix){weight_hh, 1, width}, rows, &packed->weights_back, share);
}

/* Weights that go into an engine. */
typedef struct filling {
    const sluice_engine *engine;
    const sl_weights *weights;
} filling;

static void fill_share(void *context, unsigned thread, unsigned threads)
{
    const filling *f = context;
    const sluice_engine *engine = f->engine;
    const sl_share share = {thread, threads};
    const sl_float_mode mode = sl_float_mode_set(false); /* the sums of biases are part of the result */
    for (size_t k = 0; k < engine->network->layer_dirs; k++) {
        fill_inputs(engine, f->weights, k, share);
        fill_recurrent(engine, f->weights, k, share);
        fill_back(engine, f->weights, k, share);
        sl_pack_cell_fill(engine, f->weights, k, share);
    }
    if (engine->embedding)
        sl_share_copy(share, engine->shape.vocabulary, engine->shape.inputs,
                      sl_weights_get(f->weights, 0, 0, SLUICE_TENSOR_EMBEDDING), engine->embedding);
    sl_step_layers_fill(engine, f->weights, share);
    sl_float_mode_restore(mode);
}

/* Compute the products of a share of the embedding's rows with the kernel and the order of terms that a forward pass without the table
 * uses, so that the bits are the same. */
static void fill_table(const sluice_engine *engine, const sl_packed *packed, const float *embedding, sl_share share)
{
    enum { AT_ONCE = 96 };
    const size_t inputs = packed->dir->inputs, end = sl_share_to(share, engine->shape.vocabulary);
    const float *start[AT_ONCE], *x[AT_ONCE];
    for (size_t row = sl_share_from(share, engine->shape.vocabulary); row < end; row += AT_ONCE) {
        const size_t rows = sl_size_min(AT_ONCE, end - row);
        for (size_t r = 0; r < rows; r++) {
            start[r] = packed->bias;
            x[r] = embedding + (row + r) * inputs;
        }
        engine->kernel->product(&packed->weights_table, rows, start, x, packed->table + row * packed->width, packed->width);
    }
}

static void fill_tables(void *context, unsigned thread, unsigned threads)
{
    const filling *f = context;
    const sluice_engine *engine = f->engine;
    const float *embedding = sl_weights_get(f->weights, 0, 0, SLUICE_TENSOR_EMBEDDING);
    const sl_float_mode mode = sl_float_mode_set(sl_engine_flushes(engine)); /* the products are part of the result */
    for (size_t k = 0; k < engine->network->lstm[0].directions; k++)
        fill_table(engine, &engine->layers[k], embedding, (sl_share){thread, threads});
    sl_float_mode_restore(mode);
}

unsigned sl_engine_fill_threads(const sluice_engine *engine)
{
    enum { LEAST_BYTES = 1 << 16 }; /* a parallel region takes as long as some ten thousand bytes a thread */
    /* All or one: some OpenMP runtimes end the threads that a smaller team than the last does not need. */
    return engine->packed_bytes < LEAST_BYTES ? 1 : sl_workers(engine);
}

void sl_engine_fill(const sluice_engine *engine, const sl_weights *weights, unsigned threads)
{
    filling f = {engine, weights};
    sl_threads_run(threads, fill_share, &f);
    if (engine->layers[0].table) /* it is made of panels that all threads have packed */
        sl_threads_run(threads, fill_tables, &f);
}
