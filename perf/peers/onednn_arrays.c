#include "perf/peers/onednn_arrays.h"

#include "base/float_bits.h"
#include "base/memory.h"
#include "model/model.h"

#include <math.h>
#include <string.h>

/* Of int8. */
static const float data_scale = 127, data_shift = 128;

sl_onednn_types sl_onednn_types_get(sluice_precision precision, bool is_last)
{
    if (precision == SLUICE_PRECISION_BF16)
        return (sl_onednn_types){dnnl_bf16, dnnl_bf16, dnnl_bf16, dnnl_bf16};
    if (precision == SLUICE_PRECISION_INT8)
        return (sl_onednn_types){dnnl_u8, dnnl_s8, is_last ? dnnl_f32 : dnnl_u8, dnnl_f32};
    return (sl_onednn_types){dnnl_f32, dnnl_f32, dnnl_f32, dnnl_f32};
}

/* ---- Scales ------------------------------------------------------------------------------------------------------------------- */

/* Before VNNI two products of u8 and s8 are added in 16 bits, which saturate unless weights use half of their range; oneDNN leaves
 * that to the caller. With all of it the outputs of 50,32,128 were off by 0.18, with half by 0.008. */
static float largest_weight(void)
{
    switch (dnnl_get_effective_cpu_isa()) {
    case dnnl_cpu_isa_sse41:
    case dnnl_cpu_isa_avx:
    case dnnl_cpu_isa_avx2:
    case dnnl_cpu_isa_avx512_core:
        return 63;
    default:
        return 127;
    }
}

static float find_largest(size_t count, const float *values, float largest)
{
    for (size_t k = 0; k < count; k++)
        largest = fmaxf(largest, fabsf(values[k]));
    return largest;
}

dnnl_status_t sl_onednn_scales_create(const sluice_model *model, size_t first, size_t count, dnnl_primitive_attr_t *attr)
{
    enum { OF_GATES_AND_UNITS = 1 << 3 | 1 << 4 }; /* the axes of [L][D][inputs][4][H] along which the scales vary */
    const size_t hidden = model->shape.hidden, scales = SL_GATES * hidden;
    const float most = largest_weight();
    float *scale = sl_alloc_array(scales, sizeof *scale);
    *attr = NULL;
    if (!scale)
        return dnnl_out_of_memory;
    for (size_t j = 0; j < scales; j++) {
        float largest = 0;
        for (size_t k = first; k < first + count; k++) {
            const sl_gate_parameters of = sl_model_get_gates(model, k);
            largest = find_largest(of.inputs, of.weight_ih + j * of.inputs, largest);
            largest = find_largest(hidden, of.weight_hh + j * hidden, largest);
        }
        scale[j] = largest > 0 ? most / largest : 1;
    }
    dnnl_status_t status = dnnl_primitive_attr_create(attr);
    status = status ? status : dnnl_primitive_attr_set_rnn_data_qparams(*attr, data_scale, data_shift);
    status = status ? status : dnnl_primitive_attr_set_rnn_weights_qparams(*attr, (dnnl_dim_t)scales, OF_GATES_AND_UNITS, scale);
    sl_free(scale);
    return status;
}

/* ---- Numbers ------------------------------------------------------------------------------------------------------------------ */

static uint8_t to_u8(float value)
{
    return (uint8_t)fminf(fmaxf(rintf(value * data_scale + data_shift), 0), UINT8_MAX);
}

/* To the nearest, of two as near the even one; a NaN stays one. */
static uint16_t to_bf16(float value)
{
    const uint32_t bits = sl_float_bits(value);
    return isnan(value) ? 0x7fc0 : (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float of_bf16(uint16_t value)
{
    return sl_float_of_bits((uint32_t)value << 16);
}

static size_t bytes_of(dnnl_data_type_t type)
{
    return type == dnnl_f32 ? sizeof(float) : type == dnnl_bf16 ? sizeof(uint16_t) : sizeof(uint8_t);
}

/* Store a number at index k of an array of a type. */
static void put(dnnl_data_type_t type, float value, void *to, size_t k)
{
    if (type == dnnl_f32)
        ((float *)to)[k] = value;
    else if (type == dnnl_bf16)
        ((uint16_t *)to)[k] = to_bf16(value);
    else
        ((uint8_t *)to)[k] = to_u8(value);
}

void sl_onednn_widen(dnnl_data_type_t type, size_t count, const void *from, float *to)
{
    for (size_t k = 0; k < count; k++)
        to[k] = type == dnnl_f32 ? ((const float *)from)[k] : of_bf16(((const uint16_t *)from)[k]);
}

/* ---- Steps -------------------------------------------------------------------------------------------------------------------- */

static size_t length_of(const sluice_batch *batch, size_t row)
{
    return batch->lengths ? (size_t)batch->lengths[row] : batch->steps;
}

void sl_onednn_put_steps(const sluice_batch *batch, size_t width, const float *from, dnnl_data_type_t type, void *to)
{
    for (size_t t = 0; t < batch->steps; t++)
        for (size_t n = 0; n < batch->rows; n++) {
            const bool ended = t >= length_of(batch, n);
            const float *row = from + (n * batch->steps + t) * width;
            for (size_t k = 0; k < width; k++)
                put(type, ended ? 0 : row[k], to, (t * batch->rows + n) * width + k);
        }
}

void sl_onednn_take_steps(const sluice_batch *batch, size_t width, dnnl_data_type_t type, const void *from, float *to)
{
    for (size_t n = 0; n < batch->rows; n++) {
        const size_t length = length_of(batch, n);
        float *row = to + n * batch->steps * width;
        for (size_t t = 0; t < length; t++)
            sl_onednn_widen(type, width, (const char *)from + (t * batch->rows + n) * width * bytes_of(type), row + t * width);
        memset(row + length * width, 0, (batch->steps - length) * width * sizeof *row);
    }
}
