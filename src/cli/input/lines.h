/* Lines of a text as batches of tokens, in constant memory: how every command reads text. '\n' ends a line, and so does "\r\n" unless
 * '\r' is to be kept; every other byte is a token; a last line without '\n' counts. What it may come in: text_source.h. */
#ifndef SLUICE_CLI_INPUT_LINES_H
#define SLUICE_CLI_INPUT_LINES_H

#include "program/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sl_lines sl_lines;

/** Some lines as a batch; valid until the next. */
typedef struct sl_lines_batch {
    size_t rows;    /* 0: the text has ended */
    size_t longest; /* of the lengths */
    const int32_t *tokens;
    const size_t *offsets;  /* [rows] where a line begins in tokens */
    const int64_t *lengths; /* [rows] */
    uint64_t first_line;    /* number of the batch's first line in the text, from 1 */
    uint64_t end;           /* bytes of the file up to the batch's end, or read by then where it is compressed */
    uint64_t bytes;         /* of the lines without their ends */
} sl_lines_batch;

/** What lines are read for. */
typedef enum sl_lines_use {
    SL_LINES_DROP_CR, /* tokens, without the '\r' at a line's end, which a note tells */
    SL_LINES_KEEP_CR, /* tokens, with it */
    SL_LINES_WEIGHTS  /* lines CLASS<TAB>WEIGHT, no tokens: without it, and without a note */
} sl_lines_use;

/** Open a text ("-": standard input) to be read in batches of up to `rows` lines. *total is the file's size in bytes, 0 if not
 *  known. */
sl_exit sl_lines_open(const char *path, size_t rows, sl_lines_use use, sl_lines **lines, uint64_t *total);

/** The most lines of a batch: `rows`, or less if the buffer cannot hold as many. */
size_t sl_lines_get_rows(const sl_lines *lines);

/** The next batch: `rows` lines unless the text ends, they are longer than the buffer, or the input pauses, so that who writes it
 *  may wait for their answers. Notes tell the line of the first NUL byte, and when the text has been read what was dropped.
 *  SL_EXIT_INTERRUPTED when a signal ended the wait for input. */
sl_exit sl_lines_read(sl_lines *lines, sl_lines_batch *batch);

/** NULL is allowed. */
void sl_lines_close(sl_lines *lines);

#endif
