/* Writing safetensors files: first the header is put together, metadata before tensors; then the values are written in the
 * header's order. The status of the first step that fails is kept, the steps after it do nothing, and sl_writer_close returns
 * it. Knows nothing of networks. */
#ifndef SLUICE_IO_SAFETENSORS_SAFETENSORS_WRITER_H
#define SLUICE_IO_SAFETENSORS_SAFETENSORS_WRITER_H

#include "io/output.h"

enum { SL_WRITER_MAX_NAME = 255 }; /* bytes of a tensor's name */

/** Start from zeros ({0}) but for `error`, which may be NULL. */
typedef struct sl_writer {
    sluice_error *error;
    sluice_status status; /* OK until a step fails */
    char *header;         /* [length] of [room] bytes so far, including room for its own length at the beginning; owned */
    size_t length, room;
    size_t metadata, tensors; /* how many have been put */
    size_t data_bytes;        /* of the tensors that have been put */
    size_t written;           /* bytes of the file so far */
    sl_output output;
} sl_writer;

/** Put a metadata entry into the header. BAD_ARGUMENT: a text is not UTF-8. NO_MEMORY, TOO_LARGE (a header that no reader
 *  takes). */
void sl_writer_put_metadata(sl_writer *writer, const char *key, const char *value);

/** Put a tensor of F32 into the header. BAD_ARGUMENT: the name is empty, too long, not UTF-8 or holds a control character.
 *  NO_MEMORY, TOO_LARGE. */
void sl_writer_put_tensor(sl_writer *writer, const char *name, const size_t *shape, size_t dims);

/** Put a tensor of `count` bytes, U8 [count], into the header. Errors as sl_writer_put_tensor. */
void sl_writer_put_bytes(sl_writer *writer, const char *name, size_t count);

/** Create the file and write its header. IO, NO_MEMORY. */
void sl_writer_open(sl_writer *writer, const char *path);

/** Write the next `bytes` bytes of the tensors' values. IO. */
void sl_writer_write(sl_writer *writer, const void *data, size_t bytes);

/** Finish the file: it is written to the disk and then replaces its target as a whole; after a failure the target stays as it was.
 *  All values must have been written. Frees what the writer owns, and returns the status of all steps. IO. */
sluice_status sl_writer_close(sl_writer *writer);

#endif
