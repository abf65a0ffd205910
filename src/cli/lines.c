#include "lines.h"

#include "interrupt.h"
#include "io/input.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Bounds a batch's bytes as well as the memory: 8192 lines of up to 128 bytes fit. */
enum { BUFFER_BYTES = 1 << 20 };

struct sl_lines {
    sl_input input;
    bool is_terminal, ended;
    unsigned char *bytes; /* [capacity]; bytes[start..end) are read and not yet given out */
    int32_t *tokens;      /* [capacity]; tokens[k] is bytes[start + k] as long as it is in the batch */
    size_t capacity, start, end;
    size_t max_rows;
    size_t *offsets;       /* [max_rows], from start */
    int64_t *lengths;      /* [max_rows] */
    uint64_t line, offset; /* lines and bytes given out */
};

void sl_lines_close(sl_lines *lines)
{
    if (!lines)
        return;
    sl_input_close(&lines->input);
    free(lines->bytes);
    free(lines->tokens);
    free(lines->offsets);
    free(lines->lengths);
    free(lines);
}

static sl_exit open_input(sl_lines *lines, const char *path, uint64_t *total)
{
    sluice_error error;
    if (sl_input_open(path, &lines->input, &error))
        return sl_report_error(&error);
    *total = lines->input.size;
    lines->is_terminal = isatty(lines->input.fd);
    return SL_EXIT_OK;
}

sl_exit sl_lines_open(const char *path, size_t rows, sl_lines **result, uint64_t *total)
{
    *result = NULL;
    sl_lines *lines = calloc(1, sizeof *lines);
    if (!lines)
        return sl_report_memory("the input");
    lines->input.fd = -1;
    lines->capacity = BUFFER_BYTES;
    lines->max_rows = rows < BUFFER_BYTES ? rows : BUFFER_BYTES; /* a line takes a byte at least */
    sl_exit code = open_input(lines, path, total);
    if (!code) {
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

size_t sl_lines_get_rows(const sl_lines *lines)
{
    return lines->max_rows;
}

/* Twice the room, for a line longer than all of it. */
static sl_exit grow(sl_lines *lines)
{
    const size_t capacity = 2 * lines->capacity;
    unsigned char *bytes = capacity <= SIZE_MAX / 2 / sizeof *lines->tokens ? realloc(lines->bytes, capacity) : NULL;
    if (bytes)
        lines->bytes = bytes;
    int32_t *tokens = bytes ? realloc(lines->tokens, capacity * sizeof *tokens) : NULL;
    if (!tokens)
        return sl_report(SL_EXIT_FAILURE, "%s: line %llu: out of memory for a line longer than %zu bytes", lines->input.name,
                         (unsigned long long)lines->line + 1, lines->capacity);
    lines->tokens = tokens;
    lines->capacity = capacity;
    return SL_EXIT_OK;
}

/* Read once, behind what is there, which moves to the buffer's front; there is room. */
static sl_exit refill(sl_lines *lines)
{
    if (lines->start) {
        memmove(lines->bytes, lines->bytes + lines->start, lines->end - lines->start);
        lines->end -= lines->start;
        lines->start = 0;
    }
    const ssize_t got = sl_interrupt_seen() ? 0 : read(lines->input.fd, lines->bytes + lines->end, lines->capacity - lines->end);
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    if (got < 0)
        return errno == EINTR ? SL_EXIT_OK : sl_report(SL_EXIT_IO, "%s: cannot be read: %s", lines->input.name, strerror(errno));
    lines->ended = got == 0;
    lines->end += (size_t)got;
    return SL_EXIT_OK;
}

static void add(sl_lines *lines, sl_lines_batch *batch, size_t offset, size_t length)
{
    lines->offsets[batch->rows] = offset;
    lines->lengths[batch->rows++] = (int64_t)length;
    batch->longest = length > batch->longest ? length : batch->longest;
    batch->bytes += length;
}

/* Find the batch's lines. *used: bytes from start that they take, their ends with them. */
static sl_exit collect(sl_lines *lines, sl_lines_batch *batch, size_t *used)
{
    size_t scanned = 0; /* from start: no '\n' between *used and here */
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
        if (lines->ended) {
            if (*used < held)
                add(lines, batch, *used, held - *used);
            *used = held;
            break;
        }
        if (batch->rows && (held == lines->capacity || lines->is_terminal))
            break;
        sl_exit code = held == lines->capacity ? grow(lines) : SL_EXIT_OK;
        if (!code)
            code = refill(lines);
        if (code)
            return code;
    }
    return SL_EXIT_OK;
}

sl_exit sl_lines_read(sl_lines *lines, sl_lines_batch *batch)
{
    *batch = (sl_lines_batch){.first_line = lines->line + 1};
    size_t used = 0;
    const sl_exit code = collect(lines, batch, &used);
    if (code)
        return code;
    const unsigned char *begin = lines->bytes + lines->start;
    for (size_t k = 0; k < used; k++)
        lines->tokens[k] = begin[k];
    lines->start += used;
    lines->line += batch->rows;
    lines->offset += used;
    batch->tokens = lines->tokens;
    batch->offsets = lines->offsets;
    batch->lengths = lines->lengths;
    batch->end = lines->offset;
    return SL_EXIT_OK;
}
