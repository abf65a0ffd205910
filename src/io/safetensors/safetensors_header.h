/* The JSON object at the head of a safetensors file: parsing it, and all its checks. */
#ifndef SLUICE_IO_SAFETENSORS_SAFETENSORS_HEADER_H
#define SLUICE_IO_SAFETENSORS_SAFETENSORS_HEADER_H

#include "io/tensor_source.h"

/** Parse source->header, which is the file's bytes [begin, begin + bytes), and set the source's lists, also on failure. The
 *  header's text is decoded in place. BAD_DATA, NO_MEMORY. */
sluice_status sl_safetensors_parse(sl_tensor_source *source, size_t begin, size_t bytes, sluice_error *error);

#endif
