/* Printing what a program reports as JSON. */
#ifndef SLUICE_PROGRAM_PRINT_JSON_H
#define SLUICE_PROGRAM_PRINT_JSON_H

#include "program/report.h"

#include <jansson.h>
#include <stdio.h>

/** Make a JSON string of a text. If the text is not valid UTF-8, '?' replaces each byte that is not ASCII. NULL: out of memory. */
json_t *sl_json_string(const char *text);

/** Print `object` on stream as indented JSON and free it. NULL stands for "out of memory", which is reported. A write error is left
 *  to the caller, who closes the stream. */
sl_exit sl_json_print(json_t *object, FILE *stream);

#endif
