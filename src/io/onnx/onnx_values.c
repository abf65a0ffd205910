#include "io/onnx/onnx_values.h"

#include "base/error.h"
#include "base/size.h"
#include "io/label.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

sluice_status sl_onnx_fail(const sl_onnx_reader *reader, sluice_status status, const sl_onnx_node *node, const char *format, ...)
{
    char message[900];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return sl_fail_byte(reader->error, status, reader->source->input.name, node->at, "node \"%s\" (%s): %s",
                        sl_label_get(sl_onnx_get_name(node)).text, sl_label_get(node->op).text, message);
}

/* ---- Constants ------------------------------------------------------------------------------------------------------------- */

sluice_status sl_onnx_get_constant(const sl_onnx_reader *reader, const sl_onnx_node *node, size_t input, const char *what,
                                   sl_onnx_constant *constant)
{
    const sl_onnx_node *cause = NULL;
    const char *value = sl_onnx_get_input(node, input);
    if (sl_onnx_fold(node->graph, value, constant, &cause))
        return SLUICE_STATUS_OK;
    const sl_label label = sl_label_get(value);
    if (cause)
        return sl_onnx_fail(
            reader, SLUICE_STATUS_UNSUPPORTED, node,
            "%s: expected \"%s\" to be a constant, found that node \"%s\" (%s) computes it; fold the graph's constants first", what,
            label.text, sl_label_get(sl_onnx_get_name(cause)).text, sl_label_get(cause->op).text);
    const bool is_input = sl_onnx_find(node->graph, value).kind == SL_ONNX_INPUT;
    return sl_onnx_fail(reader, is_input ? SLUICE_STATUS_UNSUPPORTED : SLUICE_STATUS_BAD_DATA, node,
                        "%s: expected \"%s\" to be a constant, found %s", what, label.text,
                        is_input ? "an input of the graph"
                        : *value ? "no such value, or one of another type"
                                 : "none");
}

static sluice_status read_piece(const sl_onnx_reader *reader, const sl_onnx_constant *constant, const sl_onnx_piece *piece,
                                float *values)
{
    const size_t *shape = constant->shape, *at = piece->at, *extent = piece->extent;
    for (size_t i = 0; i < extent[0]; i++)
        for (size_t j = 0; j < extent[1]; j++) {
            const size_t to = (((at[0] + i) * shape[1] + at[1] + j) * shape[2] + at[2]) * shape[3] + at[3];
            const sl_view view = {&piece->tensor->tensor,
                                  piece->first + i * piece->stride[0] + j * piece->stride[1],
                                  extent[2],
                                  extent[3],
                                  piece->stride[2],
                                  piece->stride[3]};
            const sluice_status status = sl_view_read(reader->source, &view, values + to, shape[3], NULL, reader->error);
            if (status)
                return status;
        }
    return SLUICE_STATUS_OK;
}

sluice_status sl_onnx_read_constant(const sl_onnx_reader *reader, const sl_onnx_node *node, const char *what,
                                    const sl_onnx_constant *constant, float *values, size_t room, size_t *count)
{
    *count = 1;
    for (size_t k = 0; k < SL_ONNX_DIMS; k++)
        if (!sl_size_mul(*count, constant->shape[k], count))
            *count = SIZE_MAX;
    if (*count > room)
        return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, node, "%s: expected at most %zu numbers, found %s", what, room,
                            sl_shape_get_text(constant->shape, constant->dims).text);
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; *count && !status && k < constant->count; k++)
        status = read_piece(reader, constant, &constant->pieces[k], values);
    return status;
}

sluice_status sl_onnx_fill(const sl_onnx_reader *reader, const sl_onnx_constant *constant, sl_onnx_part part, const sl_fill *fill)
{
    const size_t row = part.row, column = part.row + 1;
    assert(column < SL_ONNX_DIMS);
    for (size_t k = 0; k < constant->count; k++) {
        const sl_onnx_piece *piece = &constant->pieces[k];
        const size_t low = sl_size_max(piece->at[row], part.first);
        const size_t high = sl_size_min(piece->at[row] + piece->extent[row], part.first + part.rows);
        if (low >= high || (row && (part.plane < piece->at[0] || part.plane - piece->at[0] >= piece->extent[0])))
            continue;
        sl_fill added = *fill;
        added.at = fill->at + (low - part.first) * fill->pitch + piece->at[column];
        added.from = (sl_view){.tensor = &piece->tensor->tensor,
                               .first = piece->first + (low - piece->at[row]) * piece->stride[row] +
                                        (row ? (part.plane - piece->at[0]) * piece->stride[0] : 0),
                               .rows = high - low,
                               .columns = piece->extent[column],
                               .row_stride = piece->stride[row],
                               .column_stride = piece->stride[column]};
        const sluice_status status = sl_build_fill(reader->build, &added, reader->error);
        if (status)
            return status;
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_onnx_allocate(const sl_onnx_reader *reader, const sl_onnx_node *node, size_t count, float **values)
{
    if (count > *reader->values_left / sizeof **values)
        return sl_onnx_fail(reader, SLUICE_STATUS_BAD_DATA, node, "it asks for %zu numbers, more than a file of this size has",
                            count);
    *reader->values_left -= count * sizeof **values;
    return sl_build_allocate(reader->build, count, values, reader->error);
}

static void exchange(size_t *a, size_t *b)
{
    const size_t kept = *a;
    *a = *b;
    *b = kept;
}

void sl_onnx_swap(sl_onnx_constant *constant, size_t a, size_t b)
{
    exchange(&constant->shape[a], &constant->shape[b]);
    for (size_t k = 0; k < constant->count; k++) {
        sl_onnx_piece *piece = &constant->pieces[k];
        exchange(&piece->at[a], &piece->at[b]);
        exchange(&piece->extent[a], &piece->extent[b]);
        exchange(&piece->stride[a], &piece->stride[b]);
    }
}

/* The last of the dimensions of an array come first, and those behind are 1 (of a stride that is never used). */
static void shift(size_t values[SL_ONNX_DIMS], size_t first, size_t last)
{
    for (size_t k = 0; k < SL_ONNX_DIMS; k++)
        values[k] = k + first < SL_ONNX_DIMS ? values[k + first] : last;
}

bool sl_onnx_drop_dims(sl_onnx_constant *constant, size_t first)
{
    for (size_t k = 0; k < first; k++)
        if (constant->shape[k] != 1)
            return false;
    shift(constant->shape, first, 1);
    for (size_t k = 0; k < constant->count; k++) {
        shift(constant->pieces[k].at, first, 0);
        shift(constant->pieces[k].extent, first, 1);
        shift(constant->pieces[k].stride, first, 1);
    }
    constant->dims -= first;
    return true;
}

/* ---- Zeros ----------------------------------------------------------------------------------------------------------------- */

enum { MAX_STEPS = 64 };

static sluice_status is_tensor_zero(const sl_onnx_reader *reader, const sl_onnx_tensor *tensor, bool *is_zero)
{
    float values[1024];
    const size_t bytes = tensor->tensor.end - tensor->tensor.begin;
    sluice_status status = SLUICE_STATUS_OK;
    *is_zero = tensor->tensor.type != SL_ELEMENT_OTHER && bytes <= *reader->zeros_left;
    *reader->zeros_left -= *is_zero ? bytes : 0;
    for (size_t at = 0, n; *is_zero && !status && at < tensor->tensor.elements; at += n) {
        n = sl_size_min(tensor->tensor.elements - at, sizeof values / sizeof *values);
        status = sl_source_read(reader->source, &tensor->tensor, at, n, values, NULL, reader->error);
        for (size_t k = 0; !status && k < n; k++)
            *is_zero = *is_zero && values[k] == 0;
    }
    return status;
}

static sluice_status find_zero(const sl_onnx_reader *reader, const sl_onnx_graph *graph, const char *value, size_t *steps,
                               bool *is_zero)
{
    const sl_onnx_origin origin = sl_onnx_trace(graph, value);
    *is_zero = false;
    if (!*steps || (origin.kind != SL_ONNX_TENSOR && origin.kind != SL_ONNX_NODE))
        return SLUICE_STATUS_OK;
    --*steps;
    if (origin.kind == SL_ONNX_TENSOR)
        return is_tensor_zero(reader, origin.tensor, is_zero);
    const sl_onnx_node *node = origin.node;
    const sl_onnx_attribute *constant = sl_onnx_get_attribute(node, "value");
    const bool is_of_shape = sl_onnx_is(node, "ConstantOfShape");
    if (is_of_shape || sl_onnx_is(node, "Constant")) {
        *is_zero = is_of_shape && !constant;
        return constant && constant->tensor ? is_tensor_zero(reader, constant->tensor, is_zero) : SLUICE_STATUS_OK;
    }
    *is_zero = sl_onnx_is(node, "Concat") && node->input_count;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; *is_zero && !status && k < node->input_count; k++)
        status = find_zero(reader, node->graph, node->inputs[k], steps, is_zero);
    return status;
}

sluice_status sl_onnx_is_zero(const sl_onnx_reader *reader, const sl_onnx_graph *graph, const char *value, bool *is_zero)
{
    size_t steps = MAX_STEPS;
    return find_zero(reader, graph, value, &steps, is_zero);
}
