#include "engine/pack_cell.h"

#include "base/layer.h"
#include "engine/cell_options.h"
#include "engine/pack.h"

#include <string.h>

static bool has_projection(const sluice_engine *engine, const sl_packed *packed)
{
    const size_t layer = engine->network->lstm[packed->dir->layer].layer;
    return engine->network->description.layers[layer].projection > 0;
}

/* The columns of a projection: h. */
static sl_columns projection_columns(const sluice_engine *engine, const sl_packed *packed)
{
    return (sl_columns){1, packed->dir->h_width, engine->kernel->lanes};
}

/* The columns of a projection transposed: m. */
static sl_columns unit_columns(const sluice_engine *engine, const sl_packed *packed)
{
    return (sl_columns){1, packed->dir->hidden, engine->kernel->lanes};
}

/* ---- Room ------------------------------------------------------------------------------------------------------------------ */

/* An array that the cell has, or not. */
static bool allocate_if(bool exists, sluice_engine *engine, size_t floats, float **array)
{
    *array = exists ? sl_engine_take_floats(engine, floats) : NULL;
    return !exists || *array;
}

static bool allocate_projection(sluice_engine *engine, sl_packed *packed)
{
    const sl_columns columns = projection_columns(engine, packed);
    const size_t terms = packed->dir->hidden;
    const bool blis = engine->gemm == SLUICE_GEMM_BLIS;
    packed->projection_width = sl_columns_width(&columns);
    packed->projection = sl_packed_floats_layout(&columns, terms);
    packed->h_stride = sl_odd_lines(packed->projection_width); /* the product writes whole packed rows */
    const sl_columns units = unit_columns(engine, packed);
    packed->projection_back = sl_packed_floats_layout(&units, packed->dir->h_width);
    return allocate_if(engine->training && !blis, engine, sl_packed_floats(&packed->projection_back),
                       &packed->projection_back.panels) &&
           allocate_if(engine->training && blis, engine, terms * packed->dir->h_width, &packed->weight_projection) &&
           allocate_if(true, engine, packed->projection_width, &packed->projection_bias) &&
           allocate_if(!blis, engine, sl_packed_floats(&packed->projection), &packed->projection.panels) &&
           allocate_if(blis, engine, terms * packed->projection_width, &packed->transpose_projection);
}

bool sl_pack_cell_allocate(sluice_engine *engine, sl_packed *packed)
{
    packed->cell = sl_cell_resolve(packed->dir);
    packed->is_plain = sl_cell_is_plain(&packed->cell);
    packed->h_stride = packed->c_stride = sl_odd_lines(packed->dir->hidden);
    const unsigned parts = packed->cell.parts;
    const bool norm = parts & SLUICE_PART_NORM, learns = parts & SLUICE_PART_INITIAL_STATE,
               projects = has_projection(engine, packed);
    packed->phases = 1 + (norm ? 2 : 0) + projects;
    return allocate_if(parts & SLUICE_PART_PEEPHOLES, engine, SL_PEEPHOLES * packed->c_stride, &packed->peepholes) &&
           allocate_if(norm, engine, SL_NORMS * packed->c_stride, &packed->gain) &&
           allocate_if(norm, engine, SL_NORMS * packed->c_stride, &packed->shift) &&
           allocate_if(learns, engine, packed->dir->h_width, &packed->initial_h) &&
           allocate_if(learns, engine, packed->dir->c_width, &packed->initial_c) &&
           (!projects || allocate_projection(engine, packed));
}

void sl_pack_cell_free(sl_packed *packed)
{
    sl_free(packed->projection.panels);
    sl_free(packed->projection_back.panels);
    sl_free(packed->transpose_projection);
    sl_free(packed->weight_projection);
    sl_free(packed->projection_bias);
    sl_free(packed->peepholes);
    sl_free(packed->gain);
    sl_free(packed->shift);
    sl_free(packed->initial_h);
    sl_free(packed->initial_c);
}

/* ---- Parameters into it ---------------------------------------------------------------------------------------------------- */

/* A share of rows of H or P floats, one behind the other, to rows `stride` apart; nothing where the cell has no such array. */
static void fill_rows(const float *from, size_t rows, size_t width, size_t stride, float *to, sl_share share)
{
    for (size_t row = sl_share_from(share, rows); to && row < sl_share_to(share, rows); row++)
        memcpy(to + row * stride, from + row * width, width * sizeof *to);
}

static void fill_projection(const sluice_engine *engine, const sl_weights *weights, size_t k, sl_share share)
{
    const sl_packed *packed = &engine->layers[k];
    const size_t terms = packed->dir->hidden;
    const sl_columns columns = projection_columns(engine, packed);
    const float *weight = sl_weights_get_of_dir(weights, k, SLUICE_TENSOR_PROJECTION);
    const float *bias = sl_weights_get_of_dir(weights, k, SLUICE_TENSOR_PROJECTION_BIAS);
    if (bias)
        sl_pack_row(&columns, bias, NULL, packed->projection_bias, share);
    const sl_columns units = unit_columns(engine, packed);
    if (packed->projection_back.panels)
        sl_pack_panels(&units, (sl_matrix){weight, 1, terms}, packed->dir->h_width, &packed->projection_back, share);
    fill_rows(weight, packed->dir->h_width, terms, terms, packed->weight_projection, share);
    if (packed->transpose_projection)
        sl_pack_transpose(&columns, terms, weight, packed->transpose_projection, share);
    else
        sl_pack_panels(&columns, (sl_matrix){weight, terms, 1}, terms, &packed->projection, share);
}

void sl_pack_cell_fill(const sluice_engine *engine, const sl_weights *weights, size_t k, sl_share share)
{
    const sl_packed *packed = &engine->layers[k];
    const size_t hidden = packed->dir->hidden, stride = packed->c_stride, h_width = packed->dir->h_width;
    const struct {
        sluice_tensor tensor;
        size_t rows, width, stride;
        float *to;
    } arrays[] = {{SLUICE_TENSOR_PEEPHOLES, SL_PEEPHOLES, hidden, stride, packed->peepholes},
                  {SLUICE_TENSOR_NORM_GAIN, SL_NORMS, hidden, stride, packed->gain},
                  {SLUICE_TENSOR_NORM_SHIFT, SL_NORMS, hidden, stride, packed->shift},
                  {SLUICE_TENSOR_INITIAL_H, 1, h_width, h_width, packed->initial_h},
                  {SLUICE_TENSOR_INITIAL_C, 1, hidden, hidden, packed->initial_c}};
    for (size_t j = 0; j < sizeof arrays / sizeof *arrays; j++)
        fill_rows(sl_weights_get_of_dir(weights, k, arrays[j].tensor), arrays[j].rows, arrays[j].width, arrays[j].stride,
                  arrays[j].to, share);
    if (packed->projection_width)
        fill_projection(engine, weights, k, share);
}
