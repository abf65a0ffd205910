/* Numbers in texts that a user writes: independent of the locale, and without signs, blanks and names such as "inf". */
#ifndef SLUICE_PROGRAM_OPTIONS_NUMBER_H
#define SLUICE_PROGRAM_OPTIONS_NUMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sl_number_result { SL_NUMBER_OK, SL_NUMBER_MISSING, SL_NUMBER_TOO_LARGE } sl_number_result;

/** Read the decimal digits at *at. If that succeeds, *at moves behind the last of them. */
sl_number_result sl_number_scan(const char **at, uint64_t *value);

/** Whether the whole text is a number that fits. */
bool sl_number_parse(const char *text, uint64_t *value);

/** Whether the whole text is a finite real number >= 0, as strtod reads it. */
bool sl_number_parse_real(const char *text, double *value);

#endif
