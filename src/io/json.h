/* Steps of a cursor over a file's header for JSON, in addition to those of io/scan.h. */
#ifndef SLUICE_IO_JSON_H
#define SLUICE_IO_JSON_H

#include "io/scan.h"

/** Read a JSON string: valid UTF-8, escapes decoded. *string points into text and is terminated; `what` names it. The character
 *  NUL, "\\u0000", becomes the two bytes c0 80, which never occur in UTF-8, so that the string is not cut short and equals no
 *  other. */
bool sl_scan_json_string(sl_scan *scan, const char *what, char **string);

/** Step over as many characters of a string, within which the cursor stands, as make `bytes` bytes when they are decoded. */
bool sl_scan_json_characters(sl_scan *scan, size_t bytes);

/** Read a number, "-0.25e3", as the nearest float; `what` names it. One that is too large is a failure. */
bool sl_scan_json_number(sl_scan *scan, const char *what, float *value);

/** Read true or false. */
bool sl_scan_json_flag(sl_scan *scan, const char *what, bool *value);

/** If "null" follows, step over it and return true. */
bool sl_scan_json_null(sl_scan *scan);

/** Step over a JSON value of any kind and depth (up to 128), whose strings are valid; `what` names it. */
bool sl_scan_json_skip(sl_scan *scan, const char *what);

/** Bytes of the UTF-8 character at `text`, of which `size` >= 1 bytes are there: the shortest form only, no surrogates, at most
 *  U+10FFFF. 0 if there is none. */
size_t sl_utf8_get_bytes(const char *text, size_t size);

#endif
