/* Values lie in one run of bytes, which stays in the file; each by itself, decoded into memory; or in another file. */
#include "io/onnx/graph/onnx_tensor.h"

#include "base/error.h"
#include "base/size.h"
#include "io/label.h"
#include "io/onnx/graph/onnx_fields.h"

#include <inttypes.h>
#include <string.h>

/* The fields that hold values, by their numbers. */
enum {
    DIMS = 1,
    DATA_TYPE = 2,
    SEGMENT = 3,
    FLOAT_DATA = 4,
    INT32_DATA = 5,
    INT64_DATA = 7,
    NAME = 8,
    RAW_DATA = 9,
    DOUBLE_DATA = 10,
    EXTERNAL_DATA = 13,
    DATA_LOCATION = 14,
    ENTRY_KEY = 1,
    ENTRY_VALUE = 2
};

static const struct {
    int64_t data_type;
    const char *name;
    sl_element element;
    size_t bytes;         /* of an element */
    uint64_t typed_field; /* that has its values if they are not raw */
    size_t typed_bytes;   /* of each there; 0: varint */
    bool is_integer;
} types[] = {
    {SL_ONNX_FLOAT, "FLOAT", SL_ELEMENT_F32, 4, FLOAT_DATA, 4, false},
    {SL_ONNX_DOUBLE, "DOUBLE", SL_ELEMENT_F64, 8, DOUBLE_DATA, 8, false},
    {SL_ONNX_FLOAT16, "FLOAT16", SL_ELEMENT_F16, 2, INT32_DATA, 0, false},
    {SL_ONNX_BFLOAT16, "BFLOAT16", SL_ELEMENT_BF16, 2, INT32_DATA, 0, false},
    {SL_ONNX_INT8, "INT8", SL_ELEMENT_I8, 1, INT32_DATA, 0, true},
    {SL_ONNX_UINT8, "UINT8", SL_ELEMENT_U8, 1, INT32_DATA, 0, true},
    {SL_ONNX_BOOL, "BOOL", SL_ELEMENT_OTHER, 1, INT32_DATA, 0, true},
    {SL_ONNX_INT32, "INT32", SL_ELEMENT_OTHER, 4, INT32_DATA, 0, true},
    {SL_ONNX_INT64, "INT64", SL_ELEMENT_OTHER, 8, INT64_DATA, 0, true},
};
enum { TYPES = sizeof types / sizeof *types };

static size_t find_type(int64_t data_type)
{
    size_t k = 0;
    while (k < TYPES && types[k].data_type != data_type)
        k++;
    return k;
}

/* A tensor's fields as they are found. */
typedef struct fields {
    sl_wire_field raw; /* raw.end 0: none */
    sl_wire_field run; /* the only packed field of typed values */
    size_t typed;      /* fields of typed values */
    size_t typed_size; /* their bytes */
    uint64_t typed_number;
    bool is_external;
    uint64_t dims[SL_TENSOR_MAX_DIMS];
    size_t dim_count;
    bool is_empty; /* a dimension that is 0 */
} fields;

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

/* Whether a message has all bytes that its shape and type ask for. */
static bool check_size(sl_wire_file *file, const sl_onnx_tensor *made, size_t type, size_t found)
{
    size_t bytes;
    if (sl_size_mul(made->tensor.elements, types[type].bytes, &bytes) && found == bytes)
        return true;
    sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, made->tensor.stated_at,
                 "tensor \"%s\": %s %s, expected %zu values of %zu bytes, found %zu bytes", sl_label_get(made->tensor.name).text,
                 types[type].name, sl_shape_get_text(made->tensor.shape, made->tensor.dims).text, made->tensor.elements,
                 types[type].bytes, found);
    return false;
}

/* Values that the file has each by itself, or in several runs, into memory. */
static bool decode(sl_onnx_model *model, sl_wire_file *file, sl_wire tensor, sl_onnx_tensor *made, size_t type, size_t typed_size)
{
    const size_t size = types[type].bytes, wire = types[type].typed_bytes, elements = made->tensor.elements;
    if (elements > typed_size) /* each has a byte at least */
        return check_size(file, made, type, typed_size);
    char *values = sl_onnx_parse_take(model, file, elements * size);
    size_t count = 0;
    for (sl_wire_field field; values && sl_wire_next(&tensor, &field);) {
        if (field.number != types[type].typed_field)
            continue;
        uint64_t value = field.value;
        const bool is_packed = field.type == SL_WIRE_BYTES;
        sl_wire packed = {file, field.begin, field.end};
        for (bool has = !is_packed || sl_wire_next_packed(&packed, wire, &value); has;
             has = is_packed && sl_wire_next_packed(&packed, wire, &value))
            if (count++ < elements)
                memcpy(values + (count - 1) * size, &value, size); /* of a little-endian number the low bytes */
    }
    if (file->status || !check_size(file, made, type, count * size))
        return false;
    made->decoded = (sl_input){.name = file->input->name, .fd = -1, .regular = true, .size = elements * size, .memory = values};
    made->tensor.input = &made->decoded;
    made->tensor.begin = 0;
    made->tensor.end = elements * size;
    return true;
}

static bool find_values(sl_onnx_model *model, sl_wire_file *file, sl_wire tensor, const fields *found, sl_onnx_tensor *made,
                        size_t type)
{
    if (found->is_external || (found->raw.end && found->typed)) {
        if (!found->is_external)
            sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, made->tensor.stated_at,
                         "tensor \"%s\": expected raw or typed values, found both", sl_label_get(made->tensor.name).text);
        model->has_external = true;
        return !file->status;
    }
    const bool is_run = found->typed == 1 && found->run.end && types[type].typed_bytes == types[type].bytes;
    if (!found->raw.end && !is_run && found->typed)
        return decode(model, file, tensor, made, type, found->typed_size);
    made->tensor.begin = found->raw.end ? found->raw.begin : found->run.begin;
    made->tensor.end = found->raw.end ? found->raw.end : found->run.end;
    return check_size(file, made, type, made->tensor.end - made->tensor.begin);
}

/* The integers of a small tensor. */
static bool keep_integers(sl_onnx_model *model, sl_wire_file *file, sl_onnx_tensor *made, size_t type)
{
    const size_t count = made->tensor.elements, size = types[type].bytes;
    if (!types[type].is_integer || count > SL_ONNX_MAX_LIST || made->location)
        return true;
    int64_t *kept = sl_onnx_parse_take(model, file, count * sizeof *kept);
    char bytes[SL_ONNX_MAX_LIST * sizeof *kept];
    if (!kept)
        return false;
    if (made->tensor.input)
        memcpy(bytes, made->decoded.memory, count * size);
    else if (!sl_wire_read(file, made->tensor.begin, bytes, count * size))
        return false;
    for (size_t k = 0; k < count; k++) {
        int32_t half;
        memcpy(&half, bytes + k * size, size == 4 ? sizeof half : 1);
        if (size == sizeof kept[k])
            memcpy(&kept[k], bytes + k * size, size);
        else
            kept[k] = size == 4 ? half : types[type].data_type == SL_ONNX_INT8 ? (signed char)bytes[k] : (unsigned char)bytes[k];
    }
    made->ints = kept;
    return true;
}

/* ---- Fields ---------------------------------------------------------------------------------------------------------------- */

static void note_dims(sl_wire_file *file, const sl_wire_field *field, fields *found)
{
    uint64_t list[SL_TENSOR_MAX_DIMS];
    size_t count = 0;
    sl_onnx_parse_numbers(file, field, 0, list, SL_TENSOR_MAX_DIMS, &count);
    for (size_t k = 0; k < count && found->dim_count + k < SL_TENSOR_MAX_DIMS; k++)
        found->dims[found->dim_count + k] = list[k];
    found->dim_count += count;
}

static void note_entry(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field, sl_onnx_tensor *made)
{
    const char *key = "", *value = "";
    sl_wire entry = sl_wire_get_message(file, field);
    for (sl_wire_field of; sl_wire_next(&entry, &of);)
        if (of.number == ENTRY_KEY)
            key = sl_onnx_parse_text(model, file, &of);
        else if (of.number == ENTRY_VALUE)
            value = sl_onnx_parse_text(model, file, &of);
    if (file->status)
        return;
    uint64_t number = 0;
    size_t digits = 0;
    while (value[digits] >= '0' && value[digits] <= '9' && number < UINT64_MAX / 10)
        number = number * 10 + (uint64_t)(value[digits++] - '0');
    const bool is_place = strcmp(key, "offset") == 0 || strcmp(key, "length") == 0;
    if (is_place && (!digits || value[digits]))
        sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, field->at,
                     "tensor \"%s\": %s of external data: expected a number of bytes, found \"%s\"",
                     sl_label_get(made->tensor.name).text, key, sl_label_get(value).text);
    else if (is_place)
        *(key[0] == 'o' ? &made->offset : &made->length) = number;
    else if (strcmp(key, "location") == 0)
        made->location = value;
}

static void note_typed(const sl_wire_field *field, fields *found)
{
    found->typed++;
    found->typed_size += field->end - field->begin;
    found->typed_number = field->number;
    if (field->type == SL_WIRE_BYTES)
        found->run = *field;
}

static void note_field(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field, fields *found, sl_onnx_tensor *made)
{
    switch (field->number) {
    case DIMS:
        note_dims(file, field, found);
        break;
    case DATA_TYPE:
        made->data_type = (int64_t)field->value;
        break;
    case NAME:
        made->tensor.name = sl_onnx_parse_text(model, file, field);
        break;
    case RAW_DATA:
        (void)sl_wire_get_message(file, field);
        found->raw = *field;
        break;
    case FLOAT_DATA:
    case INT32_DATA:
    case INT64_DATA:
    case DOUBLE_DATA:
        note_typed(field, found);
        break;
    case DATA_LOCATION:
        found->is_external = field->value == 1;
        break;
    case EXTERNAL_DATA:
        note_entry(model, file, field, made);
        break;
    default: /* segments of a tensor are of no version that is in use; the rest says nothing of values */
        break;
    }
}

/* Dimensions and their product. */
static bool set_shape(sl_wire_file *file, const fields *found, sl_onnx_tensor *made)
{
    made->tensor.dims = found->dim_count;
    made->tensor.elements = 1;
    for (size_t k = 0; k < sl_size_min(found->dim_count, SL_TENSOR_MAX_DIMS); k++) {
        made->tensor.shape[k] = (size_t)found->dims[k];
        if (found->dims[k] > INT64_MAX || !sl_size_mul(made->tensor.elements, made->tensor.shape[k], &made->tensor.elements)) {
            sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, made->tensor.stated_at,
                         "tensor \"%s\": expected dimensions whose product is a number of elements, found %" PRId64
                         " as number %zu of them",
                         sl_label_get(made->tensor.name).text, (int64_t)found->dims[k], k);
            return false;
        }
    }
    return true;
}

sl_onnx_tensor *sl_onnx_parse_tensor(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field)
{
    const sl_wire message = sl_wire_get_message(file, field);
    sl_onnx_tensor *made = sl_onnx_parse_take(model, file, sizeof *made);
    if (!made)
        return NULL;
    fields found = {.dim_count = 0};
    made->length = UINT64_MAX;
    made->tensor.name = "";
    made->tensor.stated_at = field->at;
    sl_wire fields_left = message;
    for (sl_wire_field of; sl_wire_next(&fields_left, &of);)
        note_field(model, file, &of, &found, made);
    const size_t type = find_type(made->data_type);
    if (file->status || !set_shape(file, &found, made))
        return NULL;
    made->tensor.dtype = type < TYPES ? types[type].name : "not a type of weights";
    made->location = found.is_external ? made->location ? made->location : "" : NULL;
    if (type == TYPES || found.dim_count > SL_TENSOR_MAX_DIMS) /* of no use here */
        return made;
    made->tensor.type = types[type].element;
    if (found.typed && found.typed_number != types[type].typed_field)
        found.typed = 0; /* of another type, and not values of this one */
    return find_values(model, file, message, &found, made, type) && keep_integers(model, file, made, type) ? made : NULL;
}
