/* Lines of a text as batches of tokens, in constant memory, for all commands. '\n' ends a line, and so does "\r\n" unless '\r' is kept;
 * every other byte is a token. The last line need not end in '\n'. For the sources of texts see text_source.h. */
#ifndef SLUICE_CLI_INPUT_LINES_H
#define SLUICE_CLI_INPUT_LINES_H

#include "program/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct sl_lines sl_lines;

/** A batch of lines; valid until the next one is read. */
typedef struct sl_lines_batch {
    size_t rows;    /* 0: end of the text */
    size_t longest; /* the largest length */
    const int32_t *tokens;
    const size_t *offsets;  /* [rows] offset of each line in tokens */
    const int64_t *lengths; /* [rows] */
    uint64_t first_line;    /* number of the batch's first line in the text, from 1 */
    uint64_t begin, end;    /* bytes of the file up to the batch, and to its end; of a compressed file, bytes read so far */
    uint64_t bytes;         /* of the lines without line ends */
} sl_lines_batch;

/** The purpose of the lines. */
typedef enum sl_lines_use {
    SL_LINES_DROP_CR, /* tokens; a '\r' at the end of a line is dropped, with a note */
    SL_LINES_KEEP_CR, /* tokens; it is kept */
    SL_LINES_WEIGHTS  /* lines CLASS<TAB>WEIGHT; it is dropped without a note */
} sl_lines_use;

/** Open a text ("-": standard input) to read it in batches of up to `rows` lines. *total is the size of the file in bytes; 0: unknown. */
sl_exit sl_lines_open(const char *path, size_t rows, sl_lines_use use, sl_lines **lines, uint64_t *total);

/** Read only a part of the text, of which no line is read yet, as sl_text_source_choose_part. Line numbers count from the part's first
 *  line, and messages say where that is. */
sl_exit sl_lines_choose_part(sl_lines *lines, size_t part, size_t parts, uint64_t *digest, uint64_t *first, uint64_t *end);

/** The largest number of lines in a batch: `rows`, or less if the buffer cannot hold as many. */
size_t sl_lines_get_rows(const sl_lines *lines);

/** Read the next batch. It has `rows` lines; fewer if the text ends, if they are longer than the buffer, or if the input pauses,
 *  because its writer may be waiting for the results. Prints notes on the first NUL byte and, at the end of the text, on dropped
 *  characters. SL_EXIT_INTERRUPTED: a signal ended the wait for input. */
sl_exit sl_lines_read(sl_lines *lines, sl_lines_batch *batch);

/** Whether the text is compressed; after the first batch. */
bool sl_lines_is_compressed(const sl_lines *lines);

/** Refuse (and report) a model without an embedding, to which bytes are tokens. `path` is its file. */
sl_exit sl_lines_check_model(const char *path, const sluice_model *model);

/** The lines as a batch of tokens, without outputs. */
sluice_batch sl_lines_get_batch(const sl_lines_batch *lines);

/** Refuse (and report) a byte that is not in the model's vocabulary. */
sl_exit sl_lines_check_tokens(const sl_lines *lines, const sl_lines_batch *batch, size_t vocabulary);

/** NULL is allowed. */
void sl_lines_close(sl_lines *lines);

#endif
