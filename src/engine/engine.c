#include "engine/engine.h"

#include "base/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "engine/environment.h"
#include "engine/model.h"
#include "engine/pack.h"
#include "engine/workspace.h"

#include <string.h>

/* A larger table than this is not made: the embedding's rows are multiplied as any x is. 256 MiB holds a vocabulary of 16,000
 * for H = 1024. */
enum { TABLE_MAX_BYTES = 1 << 28 };

/* Zeroed floats, counted in the engine; sizes were checked when the model was made. */
static float *take_floats(sluice_engine *engine, size_t count)
{
    float *floats = sl_alloc_array(count, sizeof *floats);
    if (floats)
        engine->packed_bytes += count * sizeof *floats;
    return floats;
}

static bool fits_table(const sluice_engine *engine)
{
    size_t bytes;
    return sl_size_mul(engine->shape.vocabulary * engine->shape.directions, engine->width * sizeof(float), &bytes) &&
           bytes <= TABLE_MAX_BYTES;
}

/* The products of every embedding row, by the same kernel and in the same order of terms as if each were multiplied when it is
 * met. */
static bool make_table(sluice_engine *engine, const sluice_model *model, const sl_layer *layer, sl_packed *packed)
{
    enum { AT_ONCE = 96 };
    const size_t vocabulary = engine->shape.vocabulary, inputs = layer->inputs,
                 panel_stride = inputs * SL_BLOCK_VECTORS * engine->kernel->lanes;
    const sl_columns columns = {SL_GATES, engine->shape.hidden, engine->kernel->lanes};
    packed->table = take_floats(engine, vocabulary * engine->width);
    float *panels = sl_alloc_array(sl_columns_blocks(&columns) * panel_stride, sizeof *panels);
    if (packed->table && panels) {
        engine->table_bytes += vocabulary * engine->width * sizeof(float);
        sl_pack_panels(&columns, inputs, layer->weight_ih, panels, panel_stride);
        const float *start[AT_ONCE], *x[AT_ONCE];
        for (size_t row = 0; row < vocabulary; row += AT_ONCE) {
            const size_t rows = sl_size_min(AT_ONCE, vocabulary - row);
            for (size_t r = 0; r < rows; r++) {
                start[r] = packed->bias;
                x[r] = model->embedding + (row + r) * inputs;
            }
            const sl_product product = {.rows = rows,
                                        .blocks = sl_columns_blocks(&columns),
                                        .terms = inputs,
                                        .weights = panels,
                                        .panel_stride = panel_stride,
                                        .start = start,
                                        .x = x,
                                        .out = packed->table + row * engine->width,
                                        .out_stride = engine->width};
            engine->kernel->product(&product);
        }
    }
    sl_free(panels);
    return packed->table && panels;
}

static bool pack_layer(sluice_engine *engine, const sluice_model *model, size_t k, bool with_table)
{
    const sl_layer *layer = &model->layers[k];
    sl_packed *packed = &engine->layers[k];
    const size_t hidden = engine->shape.hidden, block_floats = SL_BLOCK_VECTORS * engine->kernel->lanes;
    const sl_columns columns = {SL_GATES, hidden, engine->kernel->lanes};
    packed->inputs = layer->inputs;
    packed->bias = take_floats(engine, engine->width);
    if (!packed->bias)
        return false;
    sl_pack_row(&columns, layer->bias, packed->bias);
    if (with_table && !make_table(engine, model, layer, packed))
        return false;

    const size_t inputs = packed->table ? 0 : layer->inputs;
    if (engine->gemm == SLUICE_GEMM_BLIS) {
        packed->transpose_hh = take_floats(engine, hidden * engine->width);
        packed->transpose_ih = inputs ? take_floats(engine, inputs * engine->width) : NULL;
        if (!packed->transpose_hh || (inputs && !packed->transpose_ih))
            return false;
        sl_pack_transpose(&columns, hidden, layer->weight_hh, packed->transpose_hh);
        if (inputs)
            sl_pack_transpose(&columns, inputs, layer->weight_ih, packed->transpose_ih);
        return true;
    }
    packed->panel_stride = (inputs + hidden) * block_floats;
    packed->panels = take_floats(engine, sl_columns_blocks(&columns) * packed->panel_stride);
    if (!packed->panels)
        return false;
    packed->panels_ih = inputs ? packed->panels : NULL;
    float *panels_hh = packed->panels + inputs * block_floats;
    packed->panels_hh = panels_hh;
    if (inputs)
        sl_pack_panels(&columns, inputs, layer->weight_ih, packed->panels, packed->panel_stride);
    sl_pack_panels(&columns, hidden, layer->weight_hh, panels_hh, packed->panel_stride);
    return true;
}

static bool pack_head(sluice_engine *engine, const sluice_model *model)
{
    const size_t terms = engine->shape.directions * engine->shape.hidden;
    const sl_columns columns = {1, engine->shape.classes, engine->kernel->lanes};
    engine->head_blocks = sl_columns_blocks(&columns);
    engine->head_width = sl_columns_width(&columns);
    engine->head_panel_stride = terms * SL_BLOCK_VECTORS * engine->kernel->lanes;
    engine->head = take_floats(engine, engine->head_blocks * engine->head_panel_stride);
    engine->head_bias = take_floats(engine, engine->head_width);
    if (!engine->head || !engine->head_bias)
        return false;
    sl_pack_panels(&columns, terms, model->head_weight, engine->head, engine->head_panel_stride);
    sl_pack_row(&columns, model->head_bias, engine->head_bias);
    return true;
}

static bool pack_all(sluice_engine *engine, const sluice_model *model)
{
    const sluice_shape *shape = &engine->shape;
    engine->layers = sl_alloc_array(shape->layers * shape->directions, sizeof *engine->layers);
    if (!engine->layers)
        return false;
    const bool with_table = shape->vocabulary && fits_table(engine);
    for (size_t k = 0; k < shape->layers * shape->directions; k++)
        if (!pack_layer(engine, model, k, with_table && k < shape->directions))
            return false;
    if (shape->vocabulary && !with_table) {
        const size_t count = shape->vocabulary * shape->inputs;
        engine->embedding = take_floats(engine, count);
        if (!engine->embedding)
            return false;
        memcpy(engine->embedding, model->embedding, count * sizeof(float));
    }
    return !shape->classes || pack_head(engine, model);
}

/* An odd number of cache lines, so that the rows of a tile do not fall into the same cache set. */
static size_t choose_state_stride(size_t hidden)
{
    enum { LINE_FLOATS = 16 };
    const size_t lines = sl_size_div_up(hidden, LINE_FLOATS);
    return (lines + (lines % 2 == 0)) * LINE_FLOATS;
}

sluice_status sluice_engine_create(const sluice_model *model, const sluice_engine_options *options, sluice_engine **engine,
                                   sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_create: engine is NULL");
    *engine = NULL;
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_create: model is NULL");
    sl_choice choice;
    const sluice_status status = sl_choose(options, &choice, error);
    if (status)
        return status;

    sluice_engine *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "an engine", sizeof *made);
    made->shape = model->shape;
    made->kernel = sl_kernel_get(choice.isa);
    made->gemm = choice.gemm;
    made->schedule = choice.schedule;
    made->threads = choice.threads;
    made->flush_to_zero = choice.flush_to_zero;
    const sl_columns columns = {SL_GATES, model->shape.hidden, made->kernel->lanes};
    made->width = sl_columns_width(&columns);
    made->state_stride = choose_state_stride(made->shape.hidden);
    const sl_float_mode mode = sl_float_mode_set(made->flush_to_zero); /* the table's products are part of the result */
    made->pool = sl_pool_create();
    const bool packed = made->pool && pack_all(made, model);
    sl_float_mode_restore(mode);
    if (!packed) {
        const size_t bytes = made->packed_bytes;
        sluice_engine_destroy(made);
        return sl_fail(error, SLUICE_STATUS_NO_MEMORY,
                       "out of memory while packing weights, after %zu bytes; use a smaller model, or raise the limit", bytes);
    }
    sl_limits_set(made);
    *engine = made;
    return SLUICE_STATUS_OK;
}

sluice_status sluice_engine_get_info(const sluice_engine *engine, sluice_engine_info *info)
{
    if (!engine || !info || info->struct_size != sizeof *info)
        return SLUICE_STATUS_BAD_ARGUMENT;
    *info = (sluice_engine_info){.struct_size = sizeof *info,
                                 .isa = engine->kernel->isa,
                                 .gemm = engine->gemm,
                                 .schedule = engine->schedule,
                                 .threads = engine->threads,
                                 .packed_bytes = engine->packed_bytes,
                                 .table_bytes = engine->table_bytes};
    return SLUICE_STATUS_OK;
}

void sluice_engine_destroy(sluice_engine *engine)
{
    if (!engine)
        return;
    for (size_t k = 0; engine->layers && k < engine->shape.layers * engine->shape.directions; k++) {
        sl_packed *packed = &engine->layers[k];
        sl_free(packed->panels);
        sl_free(packed->transpose_ih);
        sl_free(packed->transpose_hh);
        sl_free(packed->bias);
        sl_free(packed->table);
    }
    sl_free(engine->layers);
    sl_free(engine->learnt);
    sl_pool_destroy(engine->pool);
    sl_free(engine->embedding);
    sl_free(engine->head);
    sl_free(engine->head_bias);
    sl_free(engine);
}
