/* The JSON object at the head of a safetensors file: parsing it, and all its checks. */
#ifndef SLUICE_IO_SAFETENSORS_SAFETENSORS_HEADER_H
#define SLUICE_IO_SAFETENSORS_SAFETENSORS_HEADER_H

#include "io/safetensors/safetensors.h"

/** Parse file->header, header_bytes long, up to file->data_at, and set its lists, which file owns also on failure. The header's
 *  text is decoded in place. BAD_DATA, NO_MEMORY. */
sluice_status sl_safetensors_parse(sl_safetensors *file, size_t header_bytes, sluice_error *error);

#endif
