/* Numbers and shapes as people read them, without the locale. */
#ifndef SLUICE_PROGRAM_FORMAT_H
#define SLUICE_PROGRAM_FORMAT_H

#include "io/npy/npy.h"
#include "program/report.h"
#include "sluice.h"

#include <jansson.h>
#include <stdint.h>
#include <stdio.h>

enum {
    SL_FORMAT_COUNT = 32,  /* room for sl_format_count */
    SL_FORMAT_SHAPE = 128, /* room for sl_format_shape */
};

/** Print up to `most` bytes of a terminated text on stream, its control characters as '?': what a file holds must not steer a
 *  terminal, or break a line or a field. */
void sl_format_print_clean(const char *text, size_t most, FILE *stream);

/** A number with its thousands set apart: 1,975,409. Returns text. */
const char *sl_format_count(uint64_t number, char text[SL_FORMAT_COUNT]);

/** An array as the manual writes it: "f4 [10][5][32]". Returns text. */
const char *sl_format_shape(const sl_npy_header *header, char text[SL_FORMAT_SHAPE]);

/** A share in 0..1 with six decimals, "0.123457"; "nan" if it is none. Not terminated; returns the end. Needs 8 bytes. */
char *sl_format_share(double share, char *text);

/** A JSON string; bytes of a text that is no UTF-8 become '?'. NULL if out of memory. */
json_t *sl_format_json(const char *text);

/** Print `object` on stream as indented JSON and free it. NULL is out of memory, and reported as that. That stream cannot be
 * written is left to whoever closes it. */
sl_exit sl_format_print_json(json_t *object, FILE *stream);

#endif
