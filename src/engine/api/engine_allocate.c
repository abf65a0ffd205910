/* The memory of an engine's weights, and what follows from the network for their layout. */
#include "engine/api/engine_allocate.h"

#include "engine/cell_options.h"
#include "engine/pack_cell.h"
#include "engine/step_layers.h"

/* A larger table than this is not made: the embedding's rows are multiplied as any x is. 256 MiB holds a vocabulary of 16,000
 * for H = 1024. For training it is made anew after each update, and pays while it has fewer rows than a batch has steps. */
enum { TABLE_MAX_BYTES = 1 << 28, TRAINED_TABLE_MAX_ROWS = 1024 };

/* Which layer-direction it is. */
static size_t index_of(const sluice_engine *engine, const sl_packed *packed)
{
    return (size_t)(packed->dir - engine->network->dirs);
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

static bool allocate_table(sluice_engine *engine, sl_packed *packed)
{
    const size_t floats = engine->shape.vocabulary * packed->width;
    packed->table = sl_engine_take_floats(engine, floats);
    const sl_columns columns = sl_gate_columns(engine, packed);
    engine->table_bytes += packed->table ? floats * sizeof(float) : 0;
    return packed->table && allocate_matrix(engine, &columns, packed->dir->inputs, &packed->weights_table);
}

bool sl_engine_allocate_pair(sluice_engine *engine, size_t inputs, sl_format_choice choice, sl_packed *packed)
{
    const sl_columns columns = sl_gate_columns(engine, packed);
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

static bool allocate_layer(sluice_engine *engine, const sl_weights *weights, sl_packed *packed, bool with_table)
{
    const sl_columns columns = sl_gate_columns(engine, packed);
    packed->width = sl_columns_width(&columns);
    packed->bias = sl_engine_take_floats(engine, packed->width);
    if (!packed->bias || !sl_pack_cell_allocate(engine, packed) || (with_table && !allocate_table(engine, packed)))
        return false;
    if (engine->training) {
        packed->weight_ih = sl_engine_take_floats(engine, packed->dir->gate_rows * packed->dir->inputs);
        const sl_columns units = sl_unit_columns(engine, packed);
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
    return sl_engine_allocate_pair(engine, inputs, sl_format_choose(engine, weights, index_of(engine, packed)), packed);
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

bool sl_engine_allocate(sluice_engine *engine, const sl_weights *weights)
{
    const sluice_shape *shape = &engine->shape;
    engine->layers = sl_alloc_array(engine->network->layer_dirs, sizeof *engine->layers);
    if (!engine->layers || !sl_step_layers_create(engine))
        return false;
    const bool with_table = fits_table(engine);
    for (size_t k = 0; k < engine->network->layer_dirs; k++) {
        engine->layers[k].dir = &engine->network->dirs[k];
        if (!allocate_layer(engine, weights, &engine->layers[k], with_table && k < engine->network->lstm[0].directions))
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

void sl_engine_free_weights(sluice_engine *engine)
{
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
    sl_free(engine->embedding);
    sl_step_layers_destroy(&engine->steps);
}
