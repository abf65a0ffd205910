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
#include "engine/schedule/isa_fit.h"
#include "engine/schedule/limits.h"
#include "engine/schedule/machine_figures.h"
#include "engine/step_layers.h"
#include "engine/weight_format.h"
#include "model/model.h"
#include "sluice_train.h"

#include <string.h>

/* A larger table than this is not made: the embedding's rows are multiplied as any x is. 256 MiB holds a vocabulary of 16,000
 * for H = 1024. For training it is made anew after each update, and pays while it has fewer rows than a batch has steps. */
enum { TABLE_MAX_BYTES = 1 << 28, TRAINED_TABLE_MAX_ROWS = 1024 };

/* Which layer-direction it is. */
static size_t index_of(const sluice_engine *engine, const sl_packed *packed)
{
    return (size_t)(packed->dir - engine->network->dirs);
}

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

/* A packed matrix of floats of its own. */
static bool allocate_matrix(sluice_engine *engine, const sl_columns *columns, size_t terms, sl_packed_matrix *matrix)
{
    *matrix = sl_packed_floats_layout(columns, terms);
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
static bool allocate_pair(sluice_engine *engine, size_t inputs, sl_format_choice choice, sl_packed *packed)
{
    const sl_columns columns = gate_columns(engine, packed);
    const bool of_embedding = sl_format_reads_embedding(engine, index_of(engine, packed));
    sl_packed_matrix *ih = &packed->weights_ih, *hh = &packed->weights_hh;
    *ih = of_embedding ? sl_packed_floats_layout(&columns, inputs) : sl_packed_layout(&columns, inputs, choice);
    *hh = sl_packed_layout(&columns, packed->dir->h_width, choice);
    const size_t floats_of_w = inputs ? ih->panel_stride : 0;
    ih->panel_stride = hh->panel_stride = floats_of_w + hh->panel_stride;
    packed->panels = sl_engine_take_floats(engine, sl_packed_floats(hh));
    ih->panels = packed->panels;
    hh->panels = packed->panels ? packed->panels + floats_of_w : NULL;
    return packed->panels != NULL;
}

static bool allocate_layer(sluice_engine *engine, const sluice_model *model, sl_packed *packed, bool with_table)
{
    const sl_columns columns = gate_columns(engine, packed);
    packed->width = sl_columns_width(&columns);
    packed->bias = sl_engine_take_floats(engine, packed->width);
    if (!packed->bias || !sl_pack_cell_allocate(engine, packed) || (with_table && !allocate_table(engine, packed)))
        return false;
    if (engine->training) {
        packed->weight_ih = sl_engine_take_floats(engine, packed->dir->gate_rows * packed->dir->inputs);
        const sl_columns units = unit_columns(engine, packed);
        packed->weights_back = sl_packed_floats_layout(&units, packed->dir->gate_rows);
        float **back = engine->gemm == SLUICE_GEMM_BLIS ? &packed->weight_hh : &packed->weights_back.panels;
        *back = sl_engine_take_floats(engine, engine->gemm == SLUICE_GEMM_BLIS ? packed->dir->gate_rows * packed->dir->h_width
                                                                               : sl_packed_floats(&packed->weights_back));
        if (!packed->weight_ih || !*back)
            return false;
    }
    const size_t inputs = packed->table ? 0 : packed->dir->inputs;
    if (engine->gemm == SLUICE_GEMM_BLIS) {
        packed->weights_hh = sl_packed_floats_layout(&columns, packed->dir->h_width); /* without panels */
        packed->transpose_hh = sl_engine_take_floats(engine, packed->dir->h_width * packed->width);
        packed->transpose_ih = inputs ? sl_engine_take_floats(engine, inputs * packed->width) : NULL;
        return packed->transpose_hh && (!inputs || packed->transpose_ih);
    }
    return allocate_pair(engine, inputs, sl_format_choose(engine, model, index_of(engine, packed)), packed);
}

/* Which layer-directions have h, and which x, from cells within +-1. */
static void mark_within_one(sluice_engine *engine)
{
    const sl_network *network = engine->network;
    for (size_t k = 0; k < network->layer_dirs; k++) {
        sl_packed *packed = &engine->layers[k];
        packed->h_within_one = !packed->projection_width && sl_cell_is_within_one(&packed->cell);
    }
    for (size_t k = network->lstm[0].directions; k < network->layer_dirs; k++) {
        const size_t layer = network->dirs[k].layer, *before = engine->steps.before + layer;
        const sl_lstm_layer *below = &network->lstm[layer - 1];
        engine->layers[k].x_within_one = before[0] == before[1] && engine->layers[below->first].h_within_one &&
                                         engine->layers[below->first + below->directions - 1].h_within_one;
    }
}

static bool allocate_all(sluice_engine *engine, const sluice_model *model)
{
    const sluice_shape *shape = &engine->shape;
    engine->layers = sl_alloc_array(engine->network->layer_dirs, sizeof *engine->layers);
    if (!engine->layers || !sl_step_layers_create(engine))
        return false;
    const bool with_table = fits_table(engine);
    for (size_t k = 0; k < engine->network->layer_dirs; k++) {
        engine->layers[k].dir = &engine->network->dirs[k];
        if (!allocate_layer(engine, model, &engine->layers[k], with_table && k < engine->network->lstm[0].directions))
            return false;
    }
    mark_within_one(engine);
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
    sl_pack_panels(&columns, by_rows(weight_ih, inputs), inputs, &packed->weights_table);
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
        sl_pack_panels(&columns, by_rows(weight_ih, inputs), inputs, &packed->weights_ih);
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
        sl_pack_panels(&columns, by_rows(weight_hh, width), width, &packed->weights_hh);
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
        sl_pack_panels(&units, (sl_matrix){weight_hh, 1, packed->dir->h_width}, packed->dir->gate_rows, &packed->weights_back);
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
    const sl_float_mode mode = sl_float_mode_set(sl_engine_flushes(f->engine)); /* the table's products are part of the result */
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
    sluice_machine machine;
    sluice_status status = sl_choose(options, &choice, error);
    if (!status)
        status = sl_machine_take(choice.machine, choice.isa, &machine, error);
    if (!status && choice.training)
        status = sl_cells_check_training(model->network, error);
    if (!status)
        status = sl_format_check(model->network, choice.precision, error);
    if (status)
        return status;
    const sluice_isa isa = sl_isa_fit(&choice, model->network);
    if (isa != choice.isa)
        sl_machine_get_of(isa, &machine);

    sluice_engine *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "an engine", sizeof *made);
    made->shape = model->shape;
    made->cell = SL_CELL_LSTM;
    made->kernel = sl_kernel_get(isa);
    made->gemm = choice.gemm;
    made->precision = choice.precision;
    made->schedule = choice.schedule;
    made->threads = choice.threads;
    made->flush_to_zero = choice.flush_to_zero;
    made->training = choice.training;
    made->machine = machine;
    made->has_bf16_dot = choice.precision == SLUICE_PRECISION_BF16 && sl_format_bf16_dot_is_right(made->kernel);
    made->pool = sl_pool_create();
    const sluice_status copied = sl_network_create(&model->network->description, model->network->is_shape, &made->network, NULL);
    if (copied || !made->pool || !allocate_all(made, model)) {
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

/* Whether the format of a layer-direction's weights holds the model's, too. */
static bool holds(const sl_packed *packed, const sluice_model *model, size_t k)
{
    return sl_format_holds((sl_format_choice){packed->weights_hh.format, packed->weights_hh.rows}, model, k);
}

static bool all_hold(const sluice_engine *engine, const sluice_model *model)
{
    for (size_t k = 0; k < engine->network->layer_dirs; k++)
        if (!holds(&engine->layers[k], model, k))
            return false;
    return true;
}

/* Make panels of floats for the layer-directions whose format does not hold the model's weights: all of them, or none. */
static sluice_status widen_panels(sluice_engine *engine, const sluice_model *model, sluice_error *error)
{
    static const sl_format_choice floats = {SL_WEIGHT_F32, SL_ROW_FLOATS};
    const size_t count = engine->network->layer_dirs, bytes = engine->packed_bytes;
    sl_packed *wider = sl_alloc_array(count, sizeof *wider);
    bool fits = wider != NULL;
    for (size_t k = 0; fits && k < count; k++) {
        const sl_packed *packed = &engine->layers[k];
        if (holds(packed, model, k))
            continue;
        wider[k] = *packed;
        fits = allocate_pair(engine, packed->table ? 0 : packed->dir->inputs, floats, &wider[k]);
    }
    for (size_t k = 0; wider && k < count; k++) {
        if (fits && wider[k].panels) {
            const sl_packed old = engine->layers[k];
            engine->packed_bytes -= sl_packed_floats(&old.weights_hh) * sizeof(float);
            engine->layers[k] = wider[k];
            wider[k] = old;
        }
        sl_free(wider[k].panels);
    }
    sl_free(wider);
    if (fits)
        return SLUICE_STATUS_OK;
    engine->packed_bytes = bytes;
    return sl_fail(error, SLUICE_STATUS_NO_MEMORY,
                   "out of memory for weights that are no longer 16-bit numbers; use a smaller model, or raise the limit");
}

sluice_status sluice_engine_set_model(sluice_engine *engine, const sluice_model *model, sluice_error *error)
{
    if (!engine || !model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_engine_set_model: %s is NULL", engine ? "model" : "engine");
    if (!sl_network_equals(engine->network, model->network))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "sluice_engine_set_model: the model is another network than the engine was made for; make an engine for it");
    const sluice_status status = all_hold(engine, model) ? SLUICE_STATUS_OK : widen_panels(engine, model, error);
    if (status)
        return status;
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
