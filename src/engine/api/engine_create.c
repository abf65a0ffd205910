#include "engine/engine.h"

#include "system/cpu.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "system/threads.h"
#include "engine/environment.h"
#include "model/model.h"
#include "engine/pack.h"
#include "engine/forward/workspace_pool.h"
#include "engine/schedule/limits.h"
#include "sluice_train.h"

#include <string.h>

/* A larger table than this is not made: the embedding's rows are multiplied as any x is. 256 MiB holds a vocabulary of 16,000
 * for H = 1024. For training it is made anew after each update, and pays while it has fewer rows than a batch has steps. */
enum { TABLE_MAX_BYTES = 1 << 28, TRAINED_TABLE_MAX_ROWS = 1024, MOST_LANES = 16 };

/* Zeroed floats, counted in the engine; sizes were checked when the model was made. */
static float *take_floats(sluice_engine *engine, size_t count)
{
    float *floats = sl_alloc_array(count, sizeof *floats);
    if (floats)
        engine->packed_bytes += count * sizeof *floats;
    return floats;
}

/* With the padding of the widest vectors, whichever are used: a table changes the order of training's sums, which no instruction
 * set may. */
static bool fits_table(const sluice_engine *engine)
{
    const sl_columns widest = {SL_GATES, engine->shape.hidden, MOST_LANES};
    size_t bytes;
    return engine->shape.vocabulary &&
           sl_size_mul(engine->shape.vocabulary * engine->shape.directions, sl_columns_width(&widest) * sizeof(float), &bytes) &&
           bytes <= TABLE_MAX_BYTES && (!engine->training || engine->shape.vocabulary <= TRAINED_TABLE_MAX_ROWS);
}

/* ---- Room ------------------------------------------------------------------------------------------------------------------ */

static bool allocate_table(sluice_engine *engine, sl_packed *packed)
{
    const size_t floats = engine->shape.vocabulary * engine->width;
    packed->table = take_floats(engine, floats);
    packed->table_panels = take_floats(engine, engine->width * packed->inputs);
    engine->table_bytes += packed->table ? floats * sizeof(float) : 0;
    return packed->table && packed->table_panels;
}

static bool allocate_layer(sluice_engine *engine, sl_packed *packed, bool with_table)
{
    const size_t hidden = engine->shape.hidden, block_floats = SL_BLOCK_VECTORS * engine->kernel->lanes;
    packed->bias = take_floats(engine, engine->width);
    if (!packed->bias || (with_table && !allocate_table(engine, packed)))
        return false;
    if (engine->training) {
        packed->weight_ih = take_floats(engine, SL_GATES * hidden * packed->inputs);
        packed->panels_back = take_floats(engine, sl_size_div_up(hidden, block_floats) * engine->back_panel_stride);
        if (!packed->weight_ih || !packed->panels_back)
            return false;
    }
    const size_t inputs = packed->table ? 0 : packed->inputs;
    if (engine->gemm == SLUICE_GEMM_BLIS) {
        packed->transpose_hh = take_floats(engine, hidden * engine->width);
        packed->transpose_ih = inputs ? take_floats(engine, inputs * engine->width) : NULL;
        return packed->transpose_hh && (!inputs || packed->transpose_ih);
    }
    packed->panel_stride = (inputs + hidden) * block_floats;
    packed->panels = take_floats(engine, engine->width / block_floats * packed->panel_stride);
    packed->panels_ih = inputs ? packed->panels : NULL;
    packed->panels_hh = packed->panels ? packed->panels + inputs * block_floats : NULL;
    return packed->panels != NULL;
}

static bool allocate_head(sluice_engine *engine)
{
    const size_t terms = engine->shape.directions * engine->shape.hidden;
    const sl_columns columns = {1, engine->shape.classes, engine->kernel->lanes};
    engine->head_blocks = sl_columns_blocks(&columns);
    engine->head_width = sl_columns_width(&columns);
    engine->head_panel_stride = terms * SL_BLOCK_VECTORS * engine->kernel->lanes;
    engine->head = take_floats(engine, engine->head_blocks * engine->head_panel_stride);
    engine->head_bias = take_floats(engine, engine->head_width);
    engine->head_weight = engine->training ? take_floats(engine, engine->shape.classes * terms) : NULL;
    return engine->head && engine->head_bias && (engine->head_weight || !engine->training);
}

static bool allocate_all(sluice_engine *engine, const sluice_model *model)
{
    const sluice_shape *shape = &engine->shape;
    engine->layers = sl_alloc_array(shape->layers * shape->directions, sizeof *engine->layers);
    if (!engine->layers)
        return false;
    const bool with_table = fits_table(engine);
    for (size_t k = 0; k < shape->layers * shape->directions; k++) {
        engine->layers[k].inputs = model->layers[k].inputs;
        if (!allocate_layer(engine, &engine->layers[k], with_table && k < shape->directions))
            return false;
    }
    if (shape->vocabulary && (!with_table || engine->training)) {
        engine->embedding = take_floats(engine, shape->vocabulary * shape->inputs);
        if (!engine->embedding)
            return false;
    }
    return !shape->classes || allocate_head(engine);
}

/* ---- Weights into it ------------------------------------------------------------------------------------------------------- */

static sl_matrix by_rows(const float *at, size_t terms)
{
    return (sl_matrix){at, terms, 1};
}

/* The products of every embedding row, by the same kernel and in the same order of terms as if each were multiplied when it is
 * met. */
static void fill_table(const sluice_engine *engine, const sluice_model *model, const sl_layer *layer, sl_packed *packed)
{
    enum { AT_ONCE = 96 };
    const size_t vocabulary = engine->shape.vocabulary, inputs = layer->inputs,
                 panel_stride = inputs * SL_BLOCK_VECTORS * engine->kernel->lanes;
    const sl_columns columns = {SL_GATES, engine->shape.hidden, engine->kernel->lanes};
    sl_pack_panels(&columns, inputs, by_rows(layer->weight_ih, inputs), packed->table_panels, panel_stride);
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
                                    .weights = packed->table_panels,
                                    .panel_stride = panel_stride,
                                    .start = start,
                                    .x = x,
                                    .out = packed->table + row * engine->width,
                                    .out_stride = engine->width};
        engine->kernel->product(&product);
    }
}

static void fill_inputs(const sluice_engine *engine, const sluice_model *model, size_t k)
{
    const sl_layer *layer = &model->layers[k];
    sl_packed *packed = &engine->layers[k];
    const size_t inputs = packed->inputs;
    const sl_columns columns = {SL_GATES, engine->shape.hidden, engine->kernel->lanes};
    sl_pack_row(&columns, layer->bias, packed->bias);
    if (packed->weight_ih)
        memcpy(packed->weight_ih, layer->weight_ih, SL_GATES * engine->shape.hidden * inputs * sizeof(float));
    if (packed->table)
        fill_table(engine, model, layer, packed);
    else if (packed->transpose_ih)
        sl_pack_transpose(&columns, inputs, layer->weight_ih, packed->transpose_ih);
    else
        sl_pack_panels(&columns, inputs, by_rows(layer->weight_ih, inputs), packed->panels, packed->panel_stride);
}

static void fill_recurrent(const sluice_engine *engine, const sluice_model *model, size_t k)
{
    const float *weight_hh = model->layers[k].weight_hh;
    sl_packed *packed = &engine->layers[k];
    const size_t hidden = engine->shape.hidden, inputs = packed->table ? 0 : packed->inputs;
    const sl_columns columns = {SL_GATES, hidden, engine->kernel->lanes};
    if (packed->transpose_hh)
        sl_pack_transpose(&columns, hidden, weight_hh, packed->transpose_hh);
    else
        sl_pack_panels(&columns, hidden, by_rows(weight_hh, hidden),
                       packed->panels + inputs * SL_BLOCK_VECTORS * engine->kernel->lanes, packed->panel_stride);
}

/* U transposed. */
static void fill_back(const sluice_engine *engine, const sluice_model *model, size_t k)
{
    const sl_columns units = {1, engine->shape.hidden, engine->kernel->lanes};
    if (engine->layers[k].panels_back)
        sl_pack_panels(&units, SL_GATES * engine->shape.hidden, (sl_matrix){model->layers[k].weight_hh, 1, engine->shape.hidden},
                       engine->layers[k].panels_back, engine->back_panel_stride);
}

static void fill_ends(const sluice_engine *engine, const sluice_model *model)
{
    const sluice_shape *shape = &engine->shape;
    const size_t outputs = shape->directions * shape->hidden;
    if (engine->embedding)
        memcpy(engine->embedding, model->embedding, shape->vocabulary * shape->inputs * sizeof(float));
    if (engine->head) {
        const sl_columns columns = {1, shape->classes, engine->kernel->lanes};
        sl_pack_panels(&columns, outputs, by_rows(model->head_weight, outputs), engine->head, engine->head_panel_stride);
        sl_pack_row(&columns, model->head_bias, engine->head_bias);
    }
    if (engine->head_weight)
        memcpy(engine->head_weight, model->head_weight, shape->classes * outputs * sizeof(float));
}

/* Weights that go into an engine. */
typedef struct filling {
    const sluice_engine *engine;
    const sluice_model *model;
} filling;

static void fill_share(void *context, unsigned thread, unsigned threads)
{
    const filling *f = context;
    void (*const parts[])(const sluice_engine *, const sluice_model *, size_t) = {fill_inputs, fill_recurrent, fill_back};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    const sl_float_mode mode = sl_float_mode_set(f->engine->flush_to_zero); /* the table's products are part of the result */
    for (size_t task = thread; task < PARTS * f->engine->shape.layers * f->engine->shape.directions; task += threads)
        parts[task % PARTS](f->engine, f->model, task / PARTS);
    if (thread == 0)
        fill_ends(f->engine, f->model);
    sl_float_mode_restore(mode);
}

/* An engine for training is filled again after each update, and so by all its threads. */
static void fill_all(const sluice_engine *engine, const sluice_model *model)
{
    filling f = {engine, model};
    sl_threads_run(engine->training ? sl_workers(engine) : 1, fill_share, &f);
}

size_t sl_odd_lines(size_t floats)
{
    enum { LINE_FLOATS = 16 };
    const size_t lines = sl_size_div_up(floats, LINE_FLOATS);
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
    made->dims = model->dims;
    made->kernel = sl_kernel_get(choice.isa);
    made->gemm = choice.gemm;
    made->schedule = choice.schedule;
    made->threads = choice.threads;
    made->flush_to_zero = choice.flush_to_zero;
    made->training = options && options->training;
    const sl_columns columns = {SL_GATES, model->shape.hidden, made->kernel->lanes};
    made->width = sl_columns_width(&columns);
    made->state_stride = sl_odd_lines(made->shape.hidden);
    made->back_panel_stride = SL_GATES * model->shape.hidden * SL_BLOCK_VECTORS * made->kernel->lanes;
    made->pool = sl_pool_create();
    if (!made->pool || !allocate_all(made, model)) {
        const size_t bytes = made->packed_bytes;
        sluice_engine_destroy(made);
        return sl_fail(error, SLUICE_STATUS_NO_MEMORY,
                       "out of memory while packing weights, after %zu bytes; use a smaller model, or raise the limit", bytes);
    }
    sl_limits_set(made);
    fill_all(made, model);
    *engine = made;
    return SLUICE_STATUS_OK;
}

sluice_status sluice_engine_set_model(sluice_engine *engine, const sluice_model *model, sluice_error *error)
{
    if (!engine || !model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_set_model: %s is NULL", engine ? "model" : "engine");
    const sluice_shape *a = &engine->shape, *b = &model->shape;
    if (a->layers != b->layers || a->directions != b->directions || a->inputs != b->inputs || a->hidden != b->hidden ||
        a->vocabulary != b->vocabulary || a->classes != b->classes || !a->has_bias != !b->has_bias)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_engine_set_model: the model has another shape than the engine was made for; make an engine for it");
    fill_all(engine, model);
    engine->models++;
    return SLUICE_STATUS_OK;
}

sluice_status sluice_engine_get_info(const sluice_engine *engine, sluice_engine_info *info)
{
    if (!engine || sl_struct_check(info, SL_STRUCT(sluice_engine_info), "sluice_engine_get_info", NULL))
        return SLUICE_STATUS_BAD_ARGUMENT;
    const sluice_engine_info found = {.isa = engine->kernel->isa,
                                      .gemm = engine->gemm,
                                      .schedule = engine->schedule,
                                      .threads = engine->threads,
                                      .packed_bytes = engine->packed_bytes,
                                      .table_bytes = engine->table_bytes};
    sl_struct_give(info, &found, SL_STRUCT(sluice_engine_info));
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
        sl_free(packed->table_panels);
        sl_free(packed->weight_ih);
        sl_free(packed->panels_back);
    }
    sl_free(engine->layers);
    sl_free(engine->tuned_plans);
    sl_pool_destroy(engine->pool);
    sl_free(engine->embedding);
    sl_free(engine->head);
    sl_free(engine->head_bias);
    sl_free(engine->head_weight);
    sl_free(engine);
}
