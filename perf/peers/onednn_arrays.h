/* Arrays as oneDNN's LSTM takes and gives them in each precision: their types, the scales of int8, and copies between them and the
 * library's arrays of float32. */
#ifndef SLUICE_PERF_PEERS_ONEDNN_ARRAYS_H
#define SLUICE_PERF_PEERS_ONEDNN_ARRAYS_H

#include "sluice.h"

#include <oneapi/dnnl/dnnl.h>
#include <stdbool.h>

/** The bias and c are float32 in every precision. */
typedef struct sl_onednn_types {
    dnnl_data_type_t source, weights, result, h;
} sl_onednn_types;

/** The types of a primitive; `is_last`: its result is read by the caller, and not by another primitive. */
sl_onednn_types sl_onednn_types_get(sluice_precision precision, bool is_last);

/**
 * The scales of int8, for `count` layer-directions from `first` on. Inputs and h are u8 = 127 v + 128, so that they have to be within
 * +-1, and what is not is cut: the scale is fixed beforehand and has to suit all data, as the primitive does not look at them. Weights
 * are s8 with one scale for each gate of each unit, which the layers and directions of a primitive, their W and their U share. y has 8
 * bits, too, also where it is given in float32.
 * @param attr to be destroyed; NULL if that fails.
 */
dnnl_status_t sl_onednn_scales_create(const sluice_model *model, size_t first, size_t count, dnnl_primitive_attr_t *attr);

/** Copy [N][T][width], up to each row's end, to [T][N][width] of a type, with zeros past it. */
void sl_onednn_put_steps(const sluice_batch *batch, size_t width, const float *from, dnnl_data_type_t type, void *to);

/** The reverse: [T][N][width] of a type to [N][T][width]. */
void sl_onednn_take_steps(const sluice_batch *batch, size_t width, dnnl_data_type_t type, const void *from, float *to);

/** Copy `count` numbers of a type, f32 or bf16. */
void sl_onednn_widen(dnnl_data_type_t type, size_t count, const void *from, float *to);

#endif
