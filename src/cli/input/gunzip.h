/* gzip data, decompressed as they come and in constant memory: any number of members one behind another, with zeros behind the last.
 * Prints nothing. */
#ifndef SLUICE_CLI_INPUT_GUNZIP_H
#define SLUICE_CLI_INPUT_GUNZIP_H

#include "program/exit.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sl_gunzip sl_gunzip;

/** NULL: out of memory. */
sl_gunzip *sl_gunzip_create(void);

/** Decompress what of from[0..bytes) fits into to[0..room), room > 0: *used bytes are taken and *made bytes made; both may be 0.
 *  SL_EXIT_DATA: the data are damaged behind *used bytes; SL_EXIT_FAILURE: out of memory. *problem says what is wrong then. */
sl_exit sl_gunzip_step(sl_gunzip *gunzip, const unsigned char *from, size_t bytes, size_t *used, unsigned char *to, size_t room,
                       size_t *made, const char **problem);

/** Whether a step without further input may make bytes: the last one had no room for them. */
bool sl_gunzip_is_pending(const sl_gunzip *gunzip);

/** Whether the data may end here, behind a member; else they are cut short. */
bool sl_gunzip_is_complete(const sl_gunzip *gunzip);

/** NULL is allowed. */
void sl_gunzip_destroy(sl_gunzip *gunzip);

#endif
