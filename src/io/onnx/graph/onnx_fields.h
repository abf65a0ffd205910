/* Values of fields of an ONNX file: names, numbers, and memory for them. Knows no messages. */
#ifndef SLUICE_IO_ONNX_GRAPH_ONNX_FIELDS_H
#define SLUICE_IO_ONNX_GRAPH_ONNX_FIELDS_H

#include "io/onnx/graph/onnx_graph.h"
#include "io/onnx/graph/protobuf.h"

/** The text of a field, "" of an empty one; NULL: the file has failed. */
const char *sl_onnx_parse_text(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field);

/** sl_onnx_take that fails the file: NO_MEMORY, or BAD_DATA where the file asks for more than its size justifies. */
void *sl_onnx_parse_take(sl_onnx_model *model, sl_wire_file *file, size_t bytes);

/** Append the numbers of a repeated field, packed or not, to a list of `room`; *count goes on beyond it. `bytes`: 4 or 8 of a
 *  number, 0: varint. BAD_DATA: the field is of another type. */
void sl_onnx_parse_numbers(sl_wire_file *file, const sl_wire_field *field, size_t bytes, uint64_t *list, size_t room,
                           size_t *count);

#endif
