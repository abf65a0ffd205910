/* The records at the end of a zip archive, which say where its directory is. */
#ifndef SLUICE_IO_ZIP_ZIP_END_H
#define SLUICE_IO_ZIP_ZIP_END_H

#include "io/input.h"

#include <stdint.h>

typedef struct sl_zip_end {
    size_t directory_at, directory_bytes; /* it lies in the file, and ends where the first of these records begins */
    size_t count;                         /* of its entries, as stated; not checked */
} sl_zip_end;

/** Find and check the records. BAD_DATA with the byte offset; UNSUPPORTED: a pipe; IO, NO_MEMORY. */
sluice_status sl_zip_find_end(const sl_input *input, sl_zip_end *end, sluice_error *error);

/** Read `bytes` bytes at `at`; fewer are a failure: BAD_DATA, IO. */
sluice_status sl_zip_read(const sl_input *input, size_t at, void *data, size_t bytes, sluice_error *error);

/** The little-endian number of `bytes` bytes. */
static inline uint64_t sl_zip_number(const unsigned char *from, unsigned bytes)
{
    uint64_t number = 0;
    while (bytes--)
        number = number << 8 | from[bytes];
    return number;
}

#endif
