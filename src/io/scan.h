/* A cursor over the text of a file's header, and the steps that JSON and Python literals share. Every failure names the byte. */
#ifndef SLUICE_IO_SCAN_H
#define SLUICE_IO_SCAN_H

#include "sluice.h"

#include <stdbool.h>

typedef struct sl_scan {
    const char *name; /* of the file */
    const char *what; /* the text is, for messages: "the header" */
    char *text;       /* not terminated; strings are decoded in place, behind the cursor */
    size_t size;
    size_t at;            /* next byte of text */
    size_t origin;        /* where text begins in the file */
    sluice_status status; /* OK until a step fails; the scan is not continued then */
    sluice_error *error;  /* or NULL */
    /* Reports a failure at text[at] otherwise than by name and byte; NULL: as sl_scan_fail says. */
    sluice_status (*report)(struct sl_scan *scan, size_t at, const char *message);
} sl_scan;

/** What is at the cursor, in words: "'x'", "byte 0x80", "the end of the header". */
typedef struct sl_scan_found {
    char text[32];
} sl_scan_found;
sl_scan_found sl_scan_get_found(const sl_scan *scan);

/** Fail with BAD_DATA: "NAME: byte N: " and the message, where N is the place of text[at] in the file. Always false. */
bool sl_scan_fail(sl_scan *scan, size_t at, const char *format, ...) __attribute__((format(printf, 3, 4)));

/** Skip white space. */
void sl_scan_skip(sl_scan *scan);

/** Skip white space; if `c` follows, step over it and return true. */
bool sl_scan_accept(sl_scan *scan, char c);

/** sl_scan_accept, but anything else is a failure. */
bool sl_scan_expect(sl_scan *scan, char c);

/** Read a whole decimal number >= 0 that fits size_t: no sign, no leading zero, no fraction. `what` names it in the message. */
bool sl_scan_size(sl_scan *scan, const char *what, size_t *value);

/** Fail unless only white space is left. */
bool sl_scan_end(sl_scan *scan);

#endif
