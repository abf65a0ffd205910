/* Inputs that are decompressed while they are read, in constant memory: gzip data, and deflated members of zip archives. */
#ifndef SLUICE_IO_ZIP_INFLATE_INPUT_H
#define SLUICE_IO_ZIP_INFLATE_INPUT_H

#include "io/input.h"

#include <stdint.h>

/** Make *input, which is gzip data, the input of what they hold: any number of members, and zeros behind the last. `head`, at most
 *  SL_GZIP_HEAD_BYTES, are the first bytes, where they are read already. On failure *input is closed. BAD_DATA, from reading, with the
 *  byte of the file: damaged, or cut short; NO_MEMORY. */
enum { SL_GZIP_HEAD_BYTES = 16 };
sluice_status sl_input_gunzip(sl_input *input, const void *head, size_t head_bytes, sluice_error *error);

/** How many bytes of the file an input of sl_input_gunzip has read. */
uint64_t sl_input_get_gunzipped(const sl_input *input);

/** Make *input, which is a deflated member of a zip archive and nothing else, the input of its bytes. At their end it is checked that
 *  there are `bytes` of them with this CRC; what comes out never exceeds `bytes`. Errors likewise. */
sluice_status sl_input_inflate(sl_input *input, size_t bytes, uint32_t crc, sluice_error *error);

#endif
