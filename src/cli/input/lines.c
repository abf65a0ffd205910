#include "cli/input/lines.h"

#include "base/memory.h"
#include "cli/input/text_source.h"
#include "cli/notes.h"
#include "program/format.h"
#include "program/model_shape.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bounds a batch's bytes as well as the memory: 8192 lines of up to 128 bytes fit. */
enum { BUFFER_BYTES = 1 << 20 };

struct sl_lines {
    sl_text_source source;
    sl_lines_use use;
    unsigned char *bytes; /* [capacity]; bytes[start..end) are read and not yet returned */
    int32_t *tokens;      /* [capacity]; tokens[k] is bytes[start + k] for the bytes of the batch */
    size_t capacity, start, end;
    size_t max_rows;
    size_t *offsets;       /* [max_rows], from start */
    int64_t *lengths;      /* [max_rows] */
    uint64_t line;         /* number of lines returned */
    uint64_t dropped;      /* number of these whose '\r' was dropped */
    bool has_lone_cr_only; /* the text is one line that contains '\r' */
    bool noted;
    bool nul_noted;
};

void sl_lines_close(sl_lines *lines)
{
    if (!lines)
        return;
    sl_text_input_close(&lines->source.text);
    free(lines->bytes);
    free(lines->tokens);
    free(lines->offsets);
    free(lines->lengths);
    free(lines);
}

sl_exit sl_lines_open(const char *path, size_t rows, sl_lines_use use, sl_lines **result, uint64_t *total)
{
    *result = NULL;
    sl_lines *lines = calloc(1, sizeof *lines);
    if (!lines)
        return sl_report_memory("the input");
    lines->use = use;
    lines->capacity = BUFFER_BYTES;
    lines->max_rows = rows < BUFFER_BYTES ? rows : BUFFER_BYTES; /* a line has at least one byte */
    sluice_error error;
    const char *array_remedy =
        use == SL_LINES_WEIGHTS ? "write lines CLASS<TAB>WEIGHT instead" : "to read an array, give --input without --text";
    sl_exit code = sl_report_status(sl_text_input_open(path, array_remedy, &lines->source.text, &error), &error);
    if (!code) {
        *total = lines->source.text.input.size;
        lines->bytes = malloc(lines->capacity);
        lines->tokens = calloc(lines->capacity, sizeof *lines->tokens);
        lines->offsets = calloc(lines->max_rows, sizeof *lines->offsets);
        lines->lengths = calloc(lines->max_rows, sizeof *lines->lengths);
        if (!lines->bytes || !lines->tokens || !lines->offsets || !lines->lengths)
            code = sl_report_memory_of_rows("the input");
    }
    if (code) {
        sl_lines_close(lines);
        return code;
    }
    *result = lines;
    return SL_EXIT_OK;
}

/* Line numbers count from the beginning of the part, and messages have to say so. */
static sl_exit name_part(sl_lines *lines, uint64_t first)
{
    sl_input *input = &lines->source.text.input;
    const size_t bytes = strlen(input->name) + sizeof " from byte 18446744073709551615 on";
    char *name = sl_alloc(bytes);
    if (!name)
        return sl_report_memory("a file name");
    snprintf(name, bytes, "%s from byte %llu on", input->name, (unsigned long long)first);
    sl_free(input->name);
    input->name = name;
    return SL_EXIT_OK;
}

sl_exit sl_lines_choose_part(sl_lines *lines, size_t part, size_t parts, uint64_t *digest, uint64_t *first, uint64_t *end)
{
    const sl_exit code = sl_text_source_choose_part(&lines->source, part, parts, digest, first, end);
    return code || !*first ? code : name_part(lines, *first);
}

size_t sl_lines_get_rows(const sl_lines *lines)
{
    return lines->max_rows;
}

/* Double the buffer, for a line that is longer than the buffer. */
static sl_exit grow(sl_lines *lines)
{
    const size_t capacity = 2 * lines->capacity;
    unsigned char *bytes = capacity <= SIZE_MAX / 2 / sizeof *lines->tokens ? realloc(lines->bytes, capacity) : NULL;
    if (bytes)
        lines->bytes = bytes;
    int32_t *tokens = bytes ? realloc(lines->tokens, capacity * sizeof *tokens) : NULL;
    if (!tokens)
        return sl_report(SL_EXIT_FAILURE, "%s: line %llu: out of memory for a line longer than %zu bytes",
                         lines->source.text.input.name, (unsigned long long)lines->line + 1, lines->capacity);
    lines->tokens = tokens;
    lines->capacity = capacity;
    return SL_EXIT_OK;
}

/* Move the unread bytes to the front of the buffer, and read once behind them; there is room. */
static sl_exit refill(sl_lines *lines)
{
    if (lines->start) {
        memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    size_t got;
    const sl_exit code = sl_text_source_read(&lines->source, lines->bytes + lines->end, lines->capacity - lines->end, &got);
    lines->end += got;
    return code;
}

/* Add the line of `length` bytes, without its '\n', at `offset` from start to the batch. */
static void add(sl_lines *lines, sl_lines_batch *batch, size_t offset, size_t length)
{
    const unsigned char *line = lines->bytes + lines->start + offset;
    const size_t whole = length;
    while (lines->use != SL_LINES_KEEP_CR && length && line[length - 1] == '\r')
        length--;
    lines->dropped += length < whole;
    lines->offsets[batch->rows] = offset;
    lines->lengths[batch->rows++] = (int64_t)length;
    batch->longest = length > batch->longest ? length : batch->longest;
    batch->bytes += length;
}

/* Add the line after the last '\n', if there is one. */
static void add_last(sl_lines *lines, sl_lines_batch *batch, size_t offset, size_t length)
{
    if (!length)
        return;
    lines->has_lone_cr_only =
        !lines->line && !batch->rows && memchr(lines->bytes + lines->start + offset, '\r', length - 1) != NULL;
    add(lines, batch, offset, length);
}

/* Whether more input is available for a batch that has `rows` lines. With few lines do not wait for it: the writer may be waiting for
 * the results. With many lines, which take longer to compute, wait for a small part of that time, so that a short delay of the
 * writer does not make the batches smaller. */
static bool has_more_soon(const sl_lines *lines, size_t rows)
{
    enum { ROWS_PER_MILLISECOND = 64, MOST_MILLISECONDS = 10 };
    const size_t wait = rows / ROWS_PER_MILLISECOND;
    return sl_text_input_is_ready(&lines->source.text, wait < MOST_MILLISECONDS ? (int)wait : MOST_MILLISECONDS);
}

/* Find the lines of the batch. *used: their bytes from start, including line ends. */
static sl_exit collect(sl_lines *lines, sl_lines_batch *batch, size_t *used)
{
    size_t scanned = 0; /* from start: there is no '\n' between *used and here */
    while (batch->rows < lines->max_rows) {
        const size_t held = lines->end - lines->start;
        const unsigned char *begin = lines->bytes + lines->start;
        const unsigned char *newline = memchr(begin + scanned, '\n', held - scanned);
        if (newline) {
            add(lines, batch, *used, (size_t)(newline - begin) - *used);
            *used = scanned = (size_t)(newline - begin) + 1;
            continue;
        }
        scanned = held;
        if (lines->source.text.ended) {
            add_last(lines, batch, *used, held - *used);
            *used = held;
            break;
        }
        if (batch->rows && (held == lines->capacity || !has_more_soon(lines, batch->rows)))
            break;
        sl_exit code = held == lines->capacity ? grow(lines) : SL_EXIT_OK;
        code = code ? code : refill(lines);
        if (code)
            return code;
    }
    return SL_EXIT_OK;
}

/* Print notes on line ends at the end of the text. */
static void note_ends(sl_lines *lines)
{
    char count[SL_FORMAT_COUNT];
    const char *name = lines->source.text.input.name;
    if (lines->noted || !lines->source.text.ended || lines->start < lines->end)
        return;
    lines->noted = true;
    if (lines->dropped && lines->use != SL_LINES_WEIGHTS)
        sl_report_note(
            "%s: the carriage return at the end of %s line%s (CR LF) is dropped, by sluice train and sluice run; a model that "
            "was trained with it needs --keep-cr",
            name, sl_format_count(lines->dropped, count), lines->dropped == 1 ? "" : "s");
    if (lines->has_lone_cr_only)
        sl_report_note(
            "%s: a single line that contains carriage returns; if they end lines, convert with tr '\\r' '\\n' < FILE > NEW", name);
}

/* Print a note on the first NUL byte of the text, if it is among the `used` bytes of the batch. In UTF-16 without a byte order mark,
 * one of the two bytes of every ASCII character is NUL. */
static void note_nul(sl_lines *lines, const sl_lines_batch *batch, size_t used)
{
    const unsigned char *begin = lines->bytes + lines->start, *nul = lines->nul_noted ? NULL : memchr(begin, '\0', used);
    if (!nul)
        return;
    const size_t at = (size_t)(nul - begin);
    size_t row = batch->rows - 1;
    while (batch->offsets[row] > at)
        row--;
    const unsigned long long line = batch->first_line + row;
    lines->nul_noted = true;
    sl_report_note("%s: line %llu: found a NUL byte; if this is UTF-16, convert with iconv -f UTF-16%s -t UTF-8 FILE > NEW",
                   lines->source.text.input.name, line, line == 1 && at % 2 == 0 ? "BE" : "LE");
}

sl_exit sl_lines_read(sl_lines *lines, sl_lines_batch *batch)
{
    *batch = (sl_lines_batch){.first_line = lines->line + 1};
    size_t used = 0;
    const sl_exit code = collect(lines, batch, &used);
    if (code)
        return code;
    batch->offsets = lines->offsets;
    batch->begin = sl_text_input_get_position(&lines->source.text, lines->end - lines->start);
    if (used)
        note_nul(lines, batch, used);
    const unsigned char *begin = lines->bytes + lines->start;
    for (size_t k = 0; k < used; k++)
        lines->tokens[k] = begin[k];
    lines->start += used;
    lines->line += batch->rows;
    batch->tokens = lines->tokens;
    batch->lengths = lines->lengths;
    batch->end = sl_text_input_get_position(&lines->source.text, lines->end - lines->start);
    note_ends(lines);
    return SL_EXIT_OK;
}

bool sl_lines_is_compressed(const sl_lines *lines)
{
    return lines->source.text.is_gzip;
}

/* ---- As tokens of a model --------------------------------------------------------------------------------------------------- */

sl_exit sl_lines_check_model(const char *path, const sluice_model *model)
{
    if (sl_model_shape(model).vocabulary)
        return SL_EXIT_OK;
    return sl_report(
        SL_EXIT_DATA, "%s: --text feeds bytes as tokens to an embedding [V][I], and the model has %s", path,
        sl_notes_get_missing(model, "embedding", "none; use .npy input, or name the tensor with --embedding-name").text);
}

sluice_batch sl_lines_get_batch(const sl_lines_batch *lines)
{
    return (sluice_batch){
        .struct_size = sizeof(sluice_batch),
        .steps = lines->longest,
        .rows = lines->rows,
        .lengths = lines->lengths,
        .tokens = lines->tokens,
        .x_step_stride = 1,
        .x_offsets = lines->offsets,
    };
}

/* Tokens are bytes, so they are only out of range if the vocabulary is less than 256. */
sl_exit sl_lines_check_tokens(const sl_lines *lines, const sl_lines_batch *batch, size_t vocabulary)
{
    for (size_t n = 0; vocabulary < 256 && n < batch->rows; n++)
        for (size_t t = 0; t < (size_t)batch->lengths[n]; t++) {
            const int32_t token = batch->tokens[batch->offsets[n] + t];
            if ((size_t)token >= vocabulary)
                return sl_report(SL_EXIT_DATA,
                                 "%s: line %llu, byte %zu: expected a byte from 0 to %zu (the model's vocabulary), "
                                 "found %d; convert the text, or use another model",
                                 lines->source.text.input.name, (unsigned long long)(batch->first_line + n), t + 1, vocabulary - 1,
                                 token);
        }
    return SL_EXIT_OK;
}
