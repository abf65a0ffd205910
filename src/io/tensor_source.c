#include "io/tensor_source.h"

#include "base/error.h"
#include "base/float_bits.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"
#include "io/widen.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "F32 data are copied from file to memory without conversion");

/* ---- Finding --------------------------------------------------------------------------------------------------------------- */

typedef struct joined_name {
    const char *head, *tail;
    size_t head_bytes;
} joined_name;

static int compare_joined(const void *wanted, const void *tensor)
{
    const joined_name *key = wanted;
    const char *name = ((const sl_tensor *)tensor)->name;
    const int order = strncmp(key->head, name, key->head_bytes);
    return order ? order : strcmp(key->tail, name + key->head_bytes);
}

sl_tensor *sl_source_find_joined(const sl_tensor_source *source, const char *head, size_t head_bytes, const char *tail)
{
    const joined_name wanted = {head, tail, head_bytes};
    return source->count ? bsearch(&wanted, source->tensors, source->count, sizeof *source->tensors, compare_joined) : NULL;
}

sl_tensor *sl_source_find(const sl_tensor_source *source, const char *name)
{
    return sl_source_find_joined(source, name, strlen(name), "");
}

const sl_tensor *sl_source_find_unused(const sl_tensor_source *source)
{
    for (size_t k = 0; k < source->count; k++)
        if (!source->tensors[k].used)
            return &source->tensors[k];
    return NULL;
}

static int compare_keys(const void *wanted, const void *item)
{
    return strcmp(wanted, ((const sl_metadata *)item)->key);
}

const sl_metadata *sl_source_find_entry(const sl_tensor_source *source, const char *key)
{
    return source->metadata_count ? bsearch(key, source->metadata, source->metadata_count, sizeof *source->metadata, compare_keys)
                                  : NULL;
}

char *sl_source_find_metadata(const sl_tensor_source *source, const char *key)
{
    const sl_metadata *entry = sl_source_find_entry(source, key);
    return entry ? entry->value : NULL;
}

/* ---- Views ----------------------------------------------------------------------------------------------------------------- */

size_t sl_element_get_bytes(sl_element type)
{
    static const size_t bytes[] = {[SL_ELEMENT_F32] = 4, [SL_ELEMENT_F16] = 2, [SL_ELEMENT_BF16] = 2,
                                   [SL_ELEMENT_F64] = 8, [SL_ELEMENT_I8] = 1,  [SL_ELEMENT_U8] = 1};
    return bytes[type];
}

/* The tensor as a matrix; one of one dimension is a column. */
static sl_view get_whole(const sl_tensor *tensor)
{
    const size_t columns = tensor->dims > 1 ? tensor->shape[1] : 1;
    return (sl_view){.tensor = tensor,
                     .rows = tensor->dims ? tensor->shape[0] : 1,
                     .columns = columns,
                     .row_stride = tensor->strided ? tensor->stride[0] : columns,
                     .column_stride = tensor->strided && tensor->dims > 1 ? tensor->stride[1] : 1};
}

sl_view sl_view_get_rows(const sl_tensor *tensor, size_t first, size_t rows)
{
    sl_view view = get_whole(tensor);
    view.first = first * view.row_stride;
    view.rows = rows;
    return view;
}

bool sl_view_fits(const sl_view *view)
{
    const size_t elements = (view->tensor->end - view->tensor->begin) / sl_element_get_bytes(view->tensor->type);
    size_t row, column, last;
    if (!view->rows || !view->columns)
        return true;
    return sl_size_mul(view->rows - 1, view->row_stride, &row) && sl_size_mul(view->columns - 1, view->column_stride, &column) &&
           sl_size_add(view->first, row, &last) && sl_size_add(last, column, &last) && last < elements;
}

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

static sluice_status read_input(const sl_input *input, size_t offset, void *data, size_t bytes, sluice_error *error)
{
    size_t got;
    const sluice_status status = sl_input_read(input, offset, data, bytes, &got, error);
    if (status || got == bytes)
        return status;
    return sl_fail_byte(error, SLUICE_STATUS_IO, input->name, offset + got,
                        "the file ends here, but was longer when it was opened");
}

sluice_status sl_source_read_at(const sl_tensor_source *source, size_t offset, void *data, size_t bytes, sluice_error *error)
{
    return read_input(&source->input, offset, data, bytes, error);
}

sluice_status sl_source_read_bytes(const sl_tensor_source *source, const sl_tensor *tensor, void *bytes, sluice_error *error)
{
    return sl_source_read_at(source, tensor->begin, bytes, tensor->end - tensor->begin, error);
}

/* Widen elements that lie `step` elements apart. */
static void widen(sl_element type, const char *bytes, size_t step, size_t count, float *values)
{
    const size_t size = sl_element_get_bytes(type);
    for (size_t k = 0; k < count; k++, bytes += step * size) {
        uint16_t narrow;
        double wide;
        switch (type) {
        case SL_ELEMENT_F32:
            memcpy(&values[k], bytes, sizeof values[k]);
            break;
        case SL_ELEMENT_F16:
            memcpy(&narrow, bytes, sizeof narrow);
            values[k] = sl_widen_f16(narrow);
            break;
        case SL_ELEMENT_BF16:
            memcpy(&narrow, bytes, sizeof narrow);
            values[k] = sl_widen_bf16(narrow);
            break;
        case SL_ELEMENT_F64:
            memcpy(&wide, bytes, sizeof wide);
            values[k] = (float)wide;
            break;
        case SL_ELEMENT_I8:
            values[k] = *(const signed char *)bytes;
            break;
        case SL_ELEMENT_U8:
            values[k] = *(const unsigned char *)bytes;
            break;
        case SL_ELEMENT_OTHER:
            break;
        }
    }
}

/* Clear *finite, if it is wanted, where a value is NaN or infinite: its exponent has all bits. Without a branch for each, so that it is vectorised. */
static void check_finite(const float *values, size_t count, bool *finite)
{
    const uint32_t exponent = UINT32_C(0x7f800000);
    uint32_t found = 0;
    if (!finite)
        return;
    for (size_t k = 0; k < count; k++)
        found |= (sl_float_bits(values[k]) & exponent) == exponent;
    *finite = *finite && !found;
}

/* Read `count` elements that lie `step` elements apart. By parts, which are still in a cache when they are looked at. */
static sluice_status read_run(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t step, size_t count,
                              float *values, bool *finite, sluice_error *error)
{
    enum { PART = 1 << 15 };
    const sl_input *input = tensor->input ? tensor->input : &source->input;
    const size_t size = sl_element_get_bytes(tensor->type);
    const bool is_direct = tensor->type == SL_ELEMENT_F32 && step == 1;
    char bytes[16384]; /* so large that the system calls cost little, and small enough for any thread's stack */
    const size_t most = is_direct ? PART : step > sizeof bytes / size ? 1 : (sizeof bytes / size - 1) / sl_size_max(step, 1) + 1;
    for (size_t done = 0, n; done < count; done += n) {
        n = sl_size_min(count - done, most);
        void *to = is_direct ? (void *)(values + done) : bytes;
        const size_t at = tensor->begin + (first + done * step) * size;
        const sluice_status status = read_input(input, at, to, ((n - 1) * step + 1) * size, error);
        if (status)
            return status;
        if (!is_direct)
            widen(tensor->type, bytes, step, n, values + done);
        check_finite(values + done, n, finite);
    }
    return SLUICE_STATUS_OK;
}

/* Four columns of four floats, `stride` apart, as rows: two rounds of interleaving. */
static void transpose_square(const float *from, size_t stride, float *to, size_t pitch)
{
    typedef float four __attribute__((vector_size(16)));
    four in[4], half[4], out[4];
    for (size_t j = 0; j < 4; j++)
        memcpy(&in[j], from + j * stride, sizeof in[j]);
    half[0] = __builtin_shufflevector(in[0], in[1], 0, 4, 1, 5);
    half[1] = __builtin_shufflevector(in[0], in[1], 2, 6, 3, 7);
    half[2] = __builtin_shufflevector(in[2], in[3], 0, 4, 1, 5);
    half[3] = __builtin_shufflevector(in[2], in[3], 2, 6, 3, 7);
    out[0] = __builtin_shufflevector(half[0], half[2], 0, 1, 4, 5);
    out[1] = __builtin_shufflevector(half[0], half[2], 2, 3, 6, 7);
    out[2] = __builtin_shufflevector(half[1], half[3], 0, 1, 4, 5);
    out[3] = __builtin_shufflevector(half[1], half[3], 2, 3, 6, 7);
    for (size_t i = 0; i < 4; i++)
        memcpy(to + i * pitch, &out[i], sizeof out[i]);
}

/* Columns that follow each other, as rows. By squares, four of which fill lines of memory, and use them up: where `rows` is a power of two,
 * those of all columns have the same few places in L1. */
static void transpose(const float *from, size_t rows, size_t columns, float *to, size_t pitch)
{
    enum { SIDE = 4, WIDTH = SL_LINE_FLOATS, AHEAD = 16 };
    const size_t whole_rows = rows / SIDE * SIDE, whole_columns = columns / SIDE * SIDE;
    for (size_t begin = 0; begin < whole_columns; begin += WIDTH)
        for (size_t row = 0; row < whole_rows; row += SIDE) {
            for (size_t k = 0; k < SIDE && row + AHEAD + k < whole_rows; k++) /* rows are too far apart for the CPU to foresee */
                __builtin_prefetch(to + (row + AHEAD + k) * pitch + begin, 1);
            for (size_t column = begin; column < sl_size_min(begin + WIDTH, whole_columns); column += SIDE)
                transpose_square(from + column * rows + row, rows, to + row * pitch + column, pitch);
        }
    for (size_t row = 0; row < rows; row++)
        for (size_t column = row < whole_rows ? whole_columns : 0; column < columns; column++)
            to[row * pitch + column] = from[column * rows + row];
}

/* A matrix that lies column by column: as many whole lines of columns at a time as fit the block, by one system call where they follow each other. */
static sluice_status read_transposed(const sl_tensor_source *source, const sl_view *view, float *values, size_t pitch, bool *finite,
                                     sluice_error *error)
{
    enum { BLOCK = 1 << 17, ROWS = BLOCK / SL_LINE_FLOATS };
    const size_t most_rows = sl_size_min(view->rows, ROWS);
    const size_t most_columns = sl_size_min(view->columns, BLOCK / most_rows / SL_LINE_FLOATS * SL_LINE_FLOATS);
    float *block = sl_alloc_array(most_rows * most_columns, sizeof *block);
    sluice_status status =
        block ? SLUICE_STATUS_OK : sl_fail_memory(error, "a block of weights", most_rows * most_columns * sizeof *block);
    for (size_t row = 0, rows; !status && row < view->rows; row += rows) {
        rows = sl_size_min(view->rows - row, most_rows);
        for (size_t column = 0, columns; !status && column < view->columns; column += columns) {
            columns = sl_size_min(view->columns - column, most_columns);
            const size_t first = view->first + row * view->row_stride + column * view->column_stride;
            const bool is_dense = view->row_stride == 1 && view->column_stride == rows;
            if (is_dense)
                status = read_run(source, view->tensor, first, 1, rows * columns, block, finite, error);
            for (size_t j = 0; !is_dense && !status && j < columns; j++)
                status = read_run(source, view->tensor, first + j * view->column_stride, view->row_stride, rows, block + j * rows,
                                  finite, error);
            if (!status)
                transpose(block, rows, columns, values + row * pitch + column, pitch);
        }
    }
    sl_free(block);
    return status;
}

sluice_status sl_view_read(const sl_tensor_source *source, const sl_view *view, float *values, size_t pitch, bool *finite,
                           sluice_error *error)
{
    assert(view->tensor->type && sl_view_fits(view));
    const bool is_dense = view->column_stride == 1 && view->row_stride == view->columns && pitch == view->columns;
    if (is_dense || (view->columns == 1 && pitch == 1))
        return read_run(source, view->tensor, view->first, is_dense ? 1 : view->row_stride, view->rows * view->columns, values,
                        finite, error);
    if (view->row_stride < view->column_stride)
        return read_transposed(source, view, values, pitch, finite, error);
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t row = 0; !status && row < view->rows; row++)
        status = read_run(source, view->tensor, view->first + row * view->row_stride, view->column_stride, view->columns,
                          values + row * pitch, finite, error);
    return status;
}

sluice_status sl_source_read(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t count, float *values,
                             bool *finite, sluice_error *error)
{
    assert(tensor->type && first <= tensor->elements && count <= tensor->elements - first);
    if (!tensor->strided)
        return read_run(source, tensor, first, 1, count, values, finite, error);
    const size_t columns = tensor->dims > 1 ? tensor->shape[1] : 1;
    const sl_view view = sl_view_get_rows(tensor, columns ? first / columns : 0, columns ? count / columns : 0);
    return sl_view_read(source, &view, values, columns, finite, error);
}

/* ---- Failures -------------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 6, 0))) static sluice_status fail_at(const sl_tensor_source *source, const sl_tensor *tensor,
                                                                   size_t at, const char *element, sluice_error *error,
                                                                   const char *format, va_list arguments)
{
    char part[sizeof(sl_label) + 96];
    snprintf(part, sizeof part, "%s%stensor \"%s\": %s", source->format ? source->format : "", source->format ? ": " : "",
             sl_label_get(tensor->name).text, element);
    return sl_fail_part(error, SLUICE_STATUS_BAD_DATA, source->input.name, at, part, format, arguments);
}

sluice_status sl_source_fail_tensor(const sl_tensor_source *source, const sl_tensor *tensor, sluice_error *error,
                                    const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const sluice_status status = fail_at(source, tensor, tensor->stated_at, "", error, format, arguments);
    va_end(arguments);
    return status;
}

sluice_status sl_source_fail_element(const sl_tensor_source *source, const sl_tensor *tensor, size_t element, sluice_error *error,
                                     const char *format, ...)
{
    char prefix[48];
    snprintf(prefix, sizeof prefix, "element %zu: ", element);
    const size_t columns = tensor->dims > 1 ? tensor->shape[1] : 1;
    const size_t place =
        !tensor->strided ? element
                         : element / columns * tensor->stride[0] + (tensor->dims > 1 ? element % columns * tensor->stride[1] : 0);
    const size_t at = tensor->begin + place * sl_element_get_bytes(tensor->type);
    va_list arguments;
    va_start(arguments, format);
    const sluice_status status = fail_at(source, tensor, at, prefix, error, format, arguments);
    va_end(arguments);
    return status;
}

/* ---- The rest -------------------------------------------------------------------------------------------------------------- */

void sl_source_release(sl_tensor_source *source)
{
    sl_input_close(&source->input);
    sl_free(source->header);
    sl_free(source->tensors);
    sl_free(source->metadata);
    *source = (sl_tensor_source){.input.fd = -1};
}

sl_shape_text sl_shape_get_text(const size_t *shape, size_t dims)
{
    sl_shape_text made = {"[]"};
    size_t at = 0;
    for (size_t k = 0; k < sl_size_min(dims, SL_TENSOR_MAX_DIMS); k++)
        at += (size_t)snprintf(made.text + at, sizeof made.text - at, "[%zu]", shape[k]);
    if (dims > SL_TENSOR_MAX_DIMS)
        snprintf(made.text + at, sizeof made.text - at, "[...]");
    return made;
}
