/* Decimal numbers as float32, exactly: what strtof gives in the C locale, at several times its speed. */
#ifndef SLUICE_IO_CSV_DECIMAL_H
#define SLUICE_IO_CSV_DECIMAL_H

#include <locale.h>
#include <stdbool.h>
#include <stddef.h>

typedef enum sl_decimal_result {
    SL_DECIMAL_OK,
    SL_DECIMAL_NONE, /* no decimal number; hexadecimal ones are none */
    SL_DECIMAL_LARGE /* finite, but float32 has only infinity for it */
} sl_decimal_result;

/** Read a decimal number, which begins at `text` and ends at the first byte that cannot continue it, or at `end`; `end` may be read. The
 *  byte there is none of a number's: no digit, letter, '.', '+' or '-'. A sign, digits with a point or without, an exponent; *stop is set
 *  to its end. False where this fast path cannot say: *stop is then undefined, and sl_decimal_parse can. Never wrong. */
bool sl_decimal_read(const char *text, const char **stop, float *value);

/** The number that all of the `bytes` bytes are, white space around them not included: decimal, or a word for infinity or NaN, as strtof
 *  reads it in the locale `c`, that named "C". */
sl_decimal_result sl_decimal_parse(const char *text, size_t bytes, locale_t c, float *value);

#endif
