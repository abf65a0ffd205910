/* The wire format of protocol buffers: the fields of a message that lies in a file, one after the other, read through a small window,
 * so that large values are passed by and not read. Groups are refused. Knows nothing of what the messages mean. */
#ifndef SLUICE_IO_ONNX_GRAPH_PROTOBUF_H
#define SLUICE_IO_ONNX_GRAPH_PROTOBUF_H

#include "io/input.h"

#include <stdint.h>

enum { SL_WIRE_WINDOW = 16384 };

/** A file being read. What fails first is kept in `status`, and from then on every message ends. Start: sl_wire_begin. */
typedef struct sl_wire_file {
    const sl_input *input;
    sluice_error *error;
    sluice_status status;
    size_t window_at, window_bytes; /* of the input, in the window */
    unsigned char window[SL_WIRE_WINDOW];
} sl_wire_file;

typedef enum sl_wire_type { SL_WIRE_VARINT = 0, SL_WIRE_8_BYTES = 1, SL_WIRE_BYTES = 2, SL_WIRE_4_BYTES = 5 } sl_wire_type;

/** The bytes of a message, or of a packed field, that are still to come. */
typedef struct sl_wire {
    sl_wire_file *file;
    size_t at, end;
} sl_wire;

typedef struct sl_wire_field {
    uint64_t number;
    sl_wire_type type;
    uint64_t value;        /* of a varint, or of 4 or 8 bytes */
    size_t at, begin, end; /* bytes of the file: of its tag, and those of its value */
} sl_wire_field;

void sl_wire_begin(sl_wire_file *file, const sl_input *input, sluice_error *error);

/** The whole file as a message, and the value of a field as one. BAD_DATA: it is no field of type BYTES. */
sl_wire sl_wire_get_file(sl_wire_file *file);
sl_wire sl_wire_get_message(sl_wire_file *file, const sl_wire_field *field);

/** Go to the next field. false: there is none, or the file has failed. BAD_DATA: a malformed field; IO. */
bool sl_wire_next(sl_wire *message, sl_wire_field *field);

/** The next number of a packed field, of `bytes` bytes each, 4 or 8, or as varint (0). false: there is none, or the file has failed. */
bool sl_wire_next_packed(sl_wire *packed, size_t bytes, uint64_t *value);

/** Read `bytes` bytes at `at`, all of which are in the file. false: it has failed. */
bool sl_wire_read(sl_wire_file *file, size_t at, void *data, size_t bytes);

/** Fail with this status at a byte of the file, and return the status. */
sluice_status sl_wire_fail(sl_wire_file *file, sluice_status status, size_t byte, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
