/* Streaming decompression of gzip data in constant memory: any number of members, and zeros after the last. Prints nothing. */
#ifndef SLUICE_CLI_INPUT_GUNZIP_H
#define SLUICE_CLI_INPUT_GUNZIP_H

#include "program/exit.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sl_gunzip sl_gunzip;

/** NULL: out of memory. */
sl_gunzip *sl_gunzip_create(void);

/** Decompress from[0..bytes) into to[0..room), room > 0: *used bytes are consumed and *made bytes written; both may be 0.
 *  SL_EXIT_DATA: the data are damaged after *used bytes; SL_EXIT_FAILURE: out of memory. *problem then describes the error. */
sl_exit sl_gunzip_step(sl_gunzip *gunzip, const unsigned char *from, size_t bytes, size_t *used, unsigned char *to, size_t room,
                       size_t *made, const char **problem);

/** Whether a step without input may write bytes, because the last step ran out of room. */
bool sl_gunzip_is_pending(const sl_gunzip *gunzip);

/** Whether the data may end here, after a member; otherwise they are truncated. */
bool sl_gunzip_is_complete(const sl_gunzip *gunzip);

/** NULL is allowed. */
void sl_gunzip_destroy(sl_gunzip *gunzip);

#endif
