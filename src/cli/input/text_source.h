/* The bytes of a text: a file or a pipe, gzip-compressed or not, with or without a byte order mark. The first bytes determine the
 * format, not the name. */
#ifndef SLUICE_CLI_INPUT_TEXT_SOURCE_H
#define SLUICE_CLI_INPUT_TEXT_SOURCE_H

#include "cli/input/gunzip.h"
#include "io/input.h"
#include "program/report.h"

#include <stdbool.h>
#include <stdint.h>

enum { SL_TEXT_SOURCE_HEAD = 16 };

typedef struct sl_text_source {
    sl_input input;
    const char *array_remedy;                /* for the message if the file is a NumPy array */
    bool begun;                              /* the first bytes have been read */
    unsigned char head[SL_TEXT_SOURCE_HEAD]; /* head[head_start..head_end) are read and not yet returned */
    size_t head_start, head_end;
    sl_gunzip *gunzip;     /* NULL: not compressed */
    unsigned char *packed; /* packed[packed_start..packed_end) are read and not yet decompressed */
    size_t packed_start, packed_end;
    uint64_t taken; /* bytes read from the file */
    bool drained;   /* end of the file */
    bool ended;     /* end of the text; only bytes of head may be left */
} sl_text_source;

/** Open a text ("-": standard input). A signal ends the wait for input. `array_remedy`, a string literal, is the remedy in the message
 *  if the file is a NumPy array. On failure *source is closed. */
sl_exit sl_text_source_open(const char *path, const char *array_remedy, sl_text_source *source);

/** Read at most `room` > 0 bytes of the text; *got is their number. If it is 0, the text has ended if source->ended; otherwise call
 *  again. Waits for input. A UTF-8 byte order mark is skipped and gzip data are decompressed, both with a note. Refuses (and reports)
 *  UTF-16, UTF-32, other compressed files, and gzip data that are damaged or truncated. SL_EXIT_INTERRUPTED: a signal has arrived. */
sl_exit sl_text_source_read(sl_text_source *source, void *data, size_t room, size_t *got);

/** Whether sl_text_source_read would return without a wait longer than this. */
bool sl_text_source_is_ready(const sl_text_source *source, int milliseconds);

/** Position in the file behind the bytes that were used, where `held` of the returned bytes are not yet used; of gzip data, the number
 *  of bytes read. */
uint64_t sl_text_source_get_position(const sl_text_source *source, size_t held);

/** Close; a closed source is allowed. */
void sl_text_source_close(sl_text_source *source);

#endif
