#include "engine/engine.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "base/system/cpu.h"
#include "base/system/threads.h"
#include "engine/cell_options.h"
#include "engine/environment.h"
#include "engine/forward/workspace_pool.h"
#include "engine/pack.h"
#include "engine/pack_cell.h"
#include "engine/schedule/limits.h"
#include "engine/step_layers.h"
#include "model/model.h"
#include "sluice_train.h"

#include <string.h>

/* A larger table than this is not made: the embedding's rows are multiplied as any x is. 256 MiB holds a vocabulary of 16,000
 * for H = 1024. For training it is made anew after each update, and pays while it has fewer rows than a batch has steps. */
enum { TABLE_MAX_BYTES = 1 << 28, TRAINED_TABLE_MAX_ROWS = 1024 };

/* The columns of the gates. */
static sl_columns gate_columns(const sluice_engine *engine, const sl_packed *packed)
{
    return (sl_columns){SL_GATES, packed->dir->hidden, engine->kernel->lanes};
}

/* The columns of U transposed: h. */
static sl_columns unit_columns(const sluice_engine *engine, const sl_packed *packed)
{
    return (sl_columns){1, packed->dir->h_width, engine->kernel->lanes};
}

/* With the padding of the widest vectors, whichever are used: a table changes the order of training's sums, which no instruction
 * set may. */
static bool fits_table(const sluice_engine *engine)
{
    const sl_columns widest = {SL_GATES, engine->network->dirs[0].hidden, SL_MAX_LANES};
    size_t bytes;
    return engine->shape.vocabulary && engine->steps.input_buffer[0] == SIZE_MAX &&
           sl_size_mul(engine->shape.vocabulary * engine->network->lstm[0].directions, sl_columns_width(&widest) * sizeof(float),
                       &bytes) &&
           bytes <= TABLE_MAX_BYTES && (!engine->training || engine->shape.vocabulary <= TRAINED_TABLE_MAX_ROWS);
}

/* A packed matrix of its own. */
static bool allocate_matrix(sluice_engine *engine, const sl_columns *columns, size_t terms, sl_packed_matrix *matrix)
{
    *matrix = sl_packed_layout(columns, terms);
    matrix->panels = sl_engine_take_floats(engine, sl_packed_floats(matrix));
    return matrix->panels != NULL;
}

/* ---- Room ------------------------------------------------------------------------------------------------------------------ */

static bool allocate_table(sluice_engine *engine, sl_packed *packed)
{
    const size_t floats = engine->shape.vocabulary * packed->width;
    packed->table = sl_engine_take_floats(engine, floats);
    const sl_columns columns = gate_columns(engine, packed);
    engine->table_bytes += packed->table ? floats * sizeof(float) : 0;
    return packed->table && allocate_matrix(engine, &columns, packed->dir->inputs, &packed->weights_table);
}

/* W of so many inputs, and U, the panels of one block following each other. */
static bool allocate_pair(sluice_engine *engine, const sl_columns *columns, size_t inputs, sl_packed *packed)
{
    const sl_packed_matrix both = sl_packed_layout(columns, inputs + packed->dir->h_width);
    packed->panels = sl_engine_take_floats(engine, sl_packed_floats(&both));
    packed->weights_ih = packed->weights_hh = both;
    packed->weights_ih.terms = inputs;
    packed->weights_ih.panels = packed->panels;
    packed->weights_hh.terms = packed->dir->h_width;
    packed->weights_hh.panels = packed->panels ? packed->panels + inputs * sl_block_floats(engine->kernel) : NULL;
    return packed->panels != NULL;
}

static bool allocate_layer(sluice_engine *engine, sl_packed *packed, bool with_table)
{
    const sl_columns columns = gate_columns(engine, packed);
    packed->width = sl_columns_width(&columns);
    packed->bias = sl_engine_take_floats(engine, packed->width);
    if (!packed->bias || !sl_pack_cell_allocate(engine, packed) || (with_table && !allocate_table(engine, packed)))
        return false;
    if (engine->training) {
        packed->weight_ih = sl_engine_take_floats(engine, packed->dir->gate_rows * packed->dir->inputs);
        const sl_columns units = unit_columns(engine, packed);
        packed->weights_back = sl_packed_layout(&units, packed->dir->gate_rows);
        float **back = engine->gemm == SLUICE_GEMM_BLIS ? &packed->weight_hh : &packed->weights_back.panels;
        *back = sl_engine_take_floats(engine, engine->gemm == SLUICE_GEMM_BLIS ? packed->dir->gate_rows * packed->dir->h_width
                                                                               : sl_packed_floats(&packed->weights_back));
        if (!packed->weight_ih || !*back)
            return false;
    }
    const size_t inputs = packed->table ? 0 : packed->dir->inputs;
    if (engine->gemm == SLUICE_GEMM_BLIS) {
        packed->transpose_hh = sl_engine_take_floats(engine, packed->dir->h_width * packed->width);
        packed->transpose_ih = inputs ? sl_engine_take_floats(engine, inputs * packed->width) : NULL;
        return packed->transpose_hh && (!inputs || packed->transpose_ih);
    }
    return allocate_pair(engine, &columns, inputs, packed);
}

static bool allocate_all(sluice_engine *engine)
{
    const sluice_shape *shape = &engine->shape;
    engine->layers = sl_alloc_array(engine->network->layer_dirs, sizeof *engine->layers);
    if (!engine->layers || !sl_step_layers_create(engine))
        return false;
    const bool with_table = fits_table(engine);
    for (size_t k = 0; k < engine->network->layer_dirs; k++) {
        engine->layers[k].dir = &engine->network->dirs[k];
        if (!allocate_layer(engine, &engine->layers[k], with_table && k < engine->network->lstm[0].directions))
            return false;
    }
    if (shape->vocabulary && (!with_table || engine->training || !engine->network->is_shape)) {
        engine->embedding = sl_engine_take_floats(engine, shape->vocabulary * shape->inputs);
        if (!engine->embedding)
            return false;
    }
    return true;
}

/* ---- Weights into it ------------------------------------------------------------------------------------------------------- */

static sl_matrix by_rows(const float *at, size_t terms)
{
    return (sl_matrix){at, terms, 1};
}

/* Compute the products of every embedding row with the kernel and the order of terms that a forward pass without the table uses,
 * so that the bits are the same. */
static void fill_table(const sluice_engine *engine, const sluice_model *model, const float *weight_ih, sl_packed *packed)
{
    enum { AT_ONCE = 96 };
    const size_t vocabulary = engine->shape.vocabulary, inputs = packed->dir->inputs;
    const float *embedding = model->layers[0].of[0][SLUICE_TENSOR_EMBEDDING];
    const sl_columns columns = gate_columns(engine, packed);
    sl_pack_panels(&columns, by_rows(weight_ih, inputs), &packed->weights_table);
    const float *start[AT_ONCE], *x[AT_ONCE];
    for (size_t row = 0; row < vocabulary; row += AT_ONCE) {
        const size_t rows = sl_size_min(AT_ONCE, vocabulary - row);
        for (size_t r = 0; r < rows; r++) {
            start[r] = packed->bias;
            x[r] = embedding + (row + r) * inputs;
        }
        engine->kernel->product(&packed->weights_table, rows, start, x, packed->table + row * packed->width, packed->width);
    }
}

static void fill_inputs(const sluice_engine *engine, const sluice_model *model, size_t k)
{
    const float *weight_ih = sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_IH);
    sl_packed *packed = &engine->layers[k];
    const size_t inputs = packed->dir->inputs;
    const sl_columns columns = gate_columns(engine, packed);
    sl_pack_row(&columns, sl_model_get_of_dir(model, k, SLUICE_TENSOR_BIAS), packed->bias);
    if (packed->weight_ih)
        memcpy(packed->weight_ih, weight_ih, packed->dir->gate_rows * inputs * sizeof(float));
    if (packed->table)
        fill_table(engine, model, weight_ih, packed);
    else if (packed->transpose_ih)
        sl_pack_transpose(&columns, inputs, weight_ih, packed->transpose_ih);
    else
        sl_pack_panels(&columns, by_rows(weight_ih, inputs), &packed->weights_ih);
}

static void fill_recurrent(const sluice_engine *engine, const sluice_model *model, size_t k)
{
    const float *weight_hh = sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_HH);
    sl_packed *packed = &engine->layers[k];
    const size_t width = packed->dir->h_width;
    const sl_columns columns = gate_columns(engine, packed);
    if (packed->transpose_hh)
        sl_pack_transpose(&columns, width, weight_hh, packed->transpose_hh);
    else
        sl_pack_panels(&columns, by_rows(weight_hh, width), &packed->weights_hh);
}

/* U transposed, or for BLIS U. */
static void fill_back(const sluice_engine *engine, const sluice_model *model, size_t k)
{
    const sl_packed *packed = &engine->layers[k];
    const float *weight_hh = sl_model_get_of_dir(model, k, SLUICE_TENSOR_WEIGHT_HH);
    const sl_columns units = unit_columns(engine, packed);
    if (packed->weight_hh)
        memcpy(packed->weight_hh, weight_hh, packed->dir->gate_rows * packed->dir->h_width * sizeof(float));
    else
        sl_pack_panels(&units, (sl_matrix){weight_hh, 1, packed->dir->h_width}, &packed->weights_back);
}

static void fill_ends(const sluice_engine *engine, const sluice_model *model)
{
    const sluice_shape *shape = &engine->shape;
    if (engine->embedding)
        memcpy(engine->embedding, model->layers[0].of[0][SLUICE_TENSOR_EMBEDDING],
               shape->vocabulary * shape->inputs * sizeof(float));
    sl_step_layers_fill(engine, model);
}

/* Weights that go into an engine. */
typedef struct filling {
    const sluice_engine *engine;
    const sluice_model *model;
} filling;

static void fill_share(void *context, unsigned thread, unsigned threads)
{
    const filling *f = context;
    void (*const parts[])(const sluice_engine *, const sluice_model *, size_t) = {fill_inputs, fill_recurrent, fill_back,
                                                                                  sl_pack_cell_fill};
    enum { PARTS = sizeof parts / sizeof parts[0] };
    const sl_float_mode mode = sl_float_mode_set(f->engine->flush_to_zero); /* the table's products are part of the result */
    for (size_t task = thread; task < PARTS * f->engine->network->layer_dirs; task += threads)
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

sluice_status sluice_engine_create(const sluice_model *model, const sluice_engine_options *options, sluice_engine **engine,
                                   sluice_error *error)
{
    if (!engine)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_create: engine is NULL");
    *engine = NULL;
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_create: model is NULL");
    sl_choice choice;
    sluice_status status = sl_choose(options, &choice, error);
    if (!status && choice.training)
        status = sl_cells_check_training(model->network, error);
    if (status)
        return status;

    sluice_engine *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "an engine", sizeof *made);
    made->shape = model->shape;
    made->cell = SL_CELL_LSTM;
    made->kernel = sl_kernel_get(choice.isa);
    made->gemm = choice.gemm;
    made->precision = choice.precision;
    made->schedule = choice.schedule;
    made->threads = choice.threads;
    made->flush_to_zero = choice.flush_to_zero;
    made->training = choice.training;
    made->pool = sl_pool_create();
    const sluice_status copied = sl_network_create(&model->network->description, model->network->is_shape, &made->network, NULL);
    if (copied || !made->pool || !allocate_all(made)) {
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
    if (!sl_network_equals(engine->network, model->network))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_engine_set_model: the model is another network than the engine was made for; make an engine for it");
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
                                      .table_bytes = engine->table_bytes,
                                      .lanes = engine->kernel->lanes,
                                      .precision = engine->precision};
    sl_struct_give(info, &found, SL_STRUCT(sluice_engine_info));
    return SLUICE_STATUS_OK;
}

void sluice_engine_destroy(sluice_engine *engine)
{
    if (!engine)
        return;
    for (size_t k = 0; engine->layers && k < engine->network->layer_dirs; k++) {
        sl_packed *packed = &engine->layers[k];
        sl_free(packed->panels);
        sl_free(packed->transpose_ih);
        sl_free(packed->transpose_hh);
        sl_free(packed->bias);
        sl_free(packed->table);
        sl_free(packed->weights_table.panels);
        sl_free(packed->weight_ih);
        sl_free(packed->weight_hh);
        sl_free(packed->weights_back.panels);
        sl_pack_cell_free(packed);
    }
    sl_free(engine->layers);
    sl_free(engine->tuned_plans);
    sl_pool_destroy(engine->pool);
    sl_free(engine->embedding);
    sl_step_layers_destroy(&engine->steps);
    sl_network_destroy(engine->network);
    sl_free(engine);
}
