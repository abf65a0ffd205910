/* Safetensors files as tensor sources. Hostile input: dtype, shape, place and size of every tensor are checked against each
 * other and against the file before anything is handed out. What is merely unusual (an unknown type, many dimensions, any name,
 * more keys) is listed; whether it can be used is decided by whoever asks for that tensor.
 * Format: 8 bytes of header length, little-endian; a JSON object; the data, which the tensors cover completely without overlap. */
#ifndef SLUICE_IO_SAFETENSORS_SAFETENSORS_H
#define SLUICE_IO_SAFETENSORS_SAFETENSORS_H

#include "io/tensor_source.h"

/** Open and check a file. *source is zeroed on failure. NO_INPUT (also what is not a regular file), IO, NO_MEMORY, BAD_DATA with
 *  the file's name, byte offset, expected and found. */
sluice_status sl_safetensors_open(const char *path, sl_tensor_source *source, sluice_error *error);

/** The same of an input that is `regular`, which is taken over in any case. */
sluice_status sl_safetensors_open_input(sl_input *input, sl_tensor_source *source, sluice_error *error);

#endif
