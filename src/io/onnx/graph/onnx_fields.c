#include "io/onnx/graph/onnx_fields.h"

#include "base/error.h"

#include <string.h>

void *sl_onnx_parse_take(sl_onnx_model *model, sl_wire_file *file, size_t bytes)
{
    if (file->status)
        return NULL;
    void *memory = sl_onnx_take(model, bytes);
    if (memory)
        return memory;
    if (model->is_full)
        sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, 0, "a file of %zu bytes asks for more than %zu bytes of memory for its graph",
                     file->input->size, model->room);
    else
        file->status = sl_fail_memory(file->error, "an ONNX graph", bytes);
    return NULL;
}

const char *sl_onnx_parse_text(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field)
{
    const sl_wire text = sl_wire_get_message(file, field);
    const size_t bytes = text.end - text.at;
    char *made = sl_onnx_parse_take(model, file, bytes + 1);
    if (!made || !sl_wire_read(file, text.at, made, bytes))
        return NULL;
    if (strlen(made) == bytes)
        return made;
    sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, text.at, "expected a name, found a byte 0 in it");
    return NULL;
}

void sl_onnx_parse_numbers(sl_wire_file *file, const sl_wire_field *field, size_t bytes, uint64_t *list, size_t room, size_t *count)
{
    const sl_wire_type single = bytes == 4 ? SL_WIRE_4_BYTES : bytes == 8 ? SL_WIRE_8_BYTES : SL_WIRE_VARINT;
    uint64_t value = field->value;
    if (field->type == single) {
        if ((*count)++ < room)
            list[*count - 1] = value;
        return;
    }
    sl_wire packed = sl_wire_get_message(file, field);
    while (sl_wire_next_packed(&packed, bytes, &value))
        if ((*count)++ < room)
            list[*count - 1] = value;
}
