/* Numbers and shapes as text for people to read, independent of the locale. */
#ifndef SLUICE_PROGRAM_FORMAT_H
#define SLUICE_PROGRAM_FORMAT_H

#include "io/npy/npy.h"

#include <stdint.h>
#include <stdio.h>

enum {
    SL_FORMAT_COUNT = 32,  /* room for sl_format_count */
    SL_FORMAT_SHAPE = 128, /* room for sl_format_shape */
    SL_FORMAT_FLOAT = 24,  /* room for sl_format_float */
    SL_FORMAT_WHOLE = 20,  /* room for sl_format_whole */
};

/** Print at most `most` bytes of a NUL-terminated text on stream, with '?' for each control character: the contents of a file must
 *  not control the terminal, or break a line or a field. */
void sl_format_print_clean(const char *text, size_t most, FILE *stream);

/** Print a name as sl_format_print_clean does, and spaces up to `width` columns, one at least; none if it is 0. Bytes that continue a
 *  character of UTF-8 have no width. */
void sl_format_print_name(const char *name, int width, FILE *stream);

/** Write a number with thousands separators: 1,975,409. Returns text. */
const char *sl_format_count(uint64_t number, char text[SL_FORMAT_COUNT]);

/** Write type and shape of an array as the manual does: "f4 [10][5][32]". Returns text. */
const char *sl_format_shape(const sl_npy_header *header, char text[SL_FORMAT_SHAPE]);

/** Write a value in 0..1 with six decimals, "0.123457"; "nan" for any other value. Writes at most 8 bytes and no NUL. Returns the
 *  end of what it wrote. */
char *sl_format_fraction(double value, char *text);

/** Write the digits of a whole number, and no NUL. Returns the end of what it wrote. */
char *sl_format_whole(uint64_t number, char text[SL_FORMAT_WHOLE]);

/** Write a float with the fewest digits from which it is read back: the decimal number of so many digits that is nearest to it; "0.1",
 *  "16777216", "1e-6", "nan", "-inf". Writes no NUL. Returns the end of what it wrote. */
char *sl_format_float(float value, char text[SL_FORMAT_FLOAT]);

#endif
