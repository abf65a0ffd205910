#include "io/csv/csv_rows.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/csv/csv_cell.h"
#include "io/label.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* ---- Errors ---------------------------------------------------------------------------------------------------------------- */

static uint64_t count_lines(const char *from, const char *to)
{
    uint64_t lines = 0;
    while (from < to && (from = memchr(from, '\n', (size_t)(to - from)))) {
        lines++;
        from++;
    }
    return lines;
}

/* The number of the cell that has the byte `at`, from 0 on. */
static size_t find_column(const sl_csv_rows *rows, const sl_csv_row *row, const char *at)
{
    sl_csv_cell cell;
    size_t column = 0;
    for (const char *begin = row->begin; sl_csv_cell_take(begin, row->end, rows->delimiter, &cell) && cell.next < at; column++)
        begin = cell.next + 1;
    return column;
}

sluice_status sl_csv_rows_fail(const sl_csv_rows *rows, const sl_csv_row *row, const char *at, sluice_error *error,
                               const char *format, ...)
{
    enum { NAME_BYTES = SL_LABEL_BYTES + 16 };
    char message[sizeof error->message], name[NAME_BYTES] = "";
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    const size_t column = find_column(rows, row, at);
    if (column < rows->columns && rows->names && *rows->names[column])
        snprintf(name, sizeof name, " (\"%s\")", sl_label_get(rows->names[column]).text);
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: line %llu, column %zu%s: %s", rows->text.input.name,
                   (unsigned long long)(row->line + count_lines(row->begin, at)), column + 1, name, message);
}

/* ---- Bytes ----------------------------------------------------------------------------------------------------------------- */

/* Move what is not used to the front, and read behind it; there is room. */
static sluice_status refill(sl_csv_rows *rows, sluice_error *error)
{
    if (rows->start) {
        memmove(rows->bytes, rows->bytes + rows->start, rows->end - rows->start);
        rows->nul = rows->nul ? rows->nul - rows->start : NULL;
        rows->end -= rows->start;
        rows->start = 0;
    }
    size_t got;
    const sluice_status status =
        sl_text_input_read(&rows->text, rows->bytes + rows->end, SL_CSV_ROW_BYTES - rows->end, &got, error);
    if (status)
        return status;
    if (!rows->nul && got)
        rows->nul = memchr(rows->bytes + rows->end, '\0', got);
    rows->end += got;
    rows->bytes[rows->end] = '\n'; /* of a last line without an end */
    return SLUICE_STATUS_OK;
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------ */

static bool is_delimiter(const sl_csv_rows *rows, char c)
{
    return rows->delimiter ? c == rows->delimiter : c == ',' || c == ';' || c == '\t';
}

/* Look at the row's further bytes, up to `end`; true: at a line end outside of quotes. */
static bool scan(sl_csv_rows *rows, const char *end)
{
    const char *at = rows->bytes + rows->start + rows->scanned;
    for (; at < end; at++) {
        if (rows->state == SL_CSV_QUOTED) {
            rows->state = *at == '"' ? SL_CSV_QUOTE_SEEN : SL_CSV_QUOTED;
        } else if (*at == '\n') {
            break;
        } else if (is_delimiter(rows, *at)) {
            rows->state = SL_CSV_CELL_BEGINS;
        } else {
            const bool opens = rows->state == SL_CSV_CELL_BEGINS || rows->state == SL_CSV_QUOTE_SEEN;
            rows->state = *at == '"' && opens ? SL_CSV_QUOTED : SL_CSV_PLAIN;
        }
    }
    rows->scanned = (size_t)(at - rows->bytes) - rows->start;
    return at < end;
}

/* Find the line end of the row at `start`, among the bytes that are there. */
static bool find_end(sl_csv_rows *rows, const char **line_end, uint64_t *lines)
{
    const char *begin = rows->bytes + rows->start, *end = rows->bytes + rows->end;
    *lines = 1;
    if (!rows->scanned) {
        *line_end = memchr(begin, '\n', (size_t)(end - begin));
        if (*line_end && !memchr(begin, '"', (size_t)(*line_end - begin)))
            return true;
    }
    const bool ends_here = rows->text.ended && rows->start < rows->end;
    if (!scan(rows, end) && (!ends_here || rows->state == SL_CSV_QUOTED))
        return false;
    *line_end = begin + rows->scanned;
    *lines += count_lines(begin, *line_end);
    return true;
}

/* Whole of the rest, for a message. */
static sl_csv_row get_rest(const sl_csv_rows *rows)
{
    return (sl_csv_row){rows->bytes + rows->start, rows->bytes + rows->end, rows->line};
}

/* Fail because the row that begins at `start` does not end within the bytes there are. */
static sluice_status fail_endless(const sl_csv_rows *rows, sluice_error *error)
{
    const sl_csv_row rest = get_rest(rows);
    const char *at = rest.begin;
    sl_csv_cell cell;
    while (sl_csv_cell_take(at, rest.end, rows->delimiter ? rows->delimiter : ',', &cell) && cell.next < rest.end)
        at = cell.next + 1;
    if (rows->state == SL_CSV_QUOTED)
        return sl_csv_rows_fail(rows, &rest, at, error,
                                "a cell that begins with a quote, and has no closing one %s; write \"\" for a quote in a cell",
                                rows->text.ended ? "before the end of the file" : "within 1 MiB");
    return sl_csv_rows_fail(rows, &rest, rest.begin, error,
                            "a row of more than %d bytes; is this a table, with a row on each line?", SL_CSV_ROW_BYTES);
}

static sluice_status check_nul(const sl_csv_rows *rows, const sl_csv_row *row, sluice_error *error)
{
    if (!rows->nul || rows->nul >= row->end)
        return SLUICE_STATUS_OK;
    return sl_csv_rows_fail(rows, row, rows->nul, error,
                            "found a NUL byte; if this is UTF-16, convert with iconv -f UTF-16LE -t UTF-8 FILE > NEW");
}

sluice_status sl_csv_rows_next(sl_csv_rows *rows, bool waits, sl_csv_row *row, bool *found, sluice_error *error)
{
    const char *line_end;
    uint64_t lines;
    *found = false;
    for (;;) {
        while (!find_end(rows, &line_end, &lines)) {
            if (rows->end - rows->start == SL_CSV_ROW_BYTES || (rows->text.ended && rows->start < rows->end))
                return fail_endless(rows, error);
            if (rows->text.ended || (!waits && !sl_text_input_is_ready(&rows->text, 0)))
                return SLUICE_STATUS_OK;
            const sluice_status status = refill(rows, error);
            if (status)
                return status;
        }
        *row = (sl_csv_row){rows->bytes + rows->start, line_end, rows->line};
        row->end -= row->end > row->begin && row->end[-1] == '\r';
        rows->start = (size_t)(line_end - rows->bytes) + (line_end < rows->bytes + rows->end);
        rows->scanned = 0;
        rows->state = SL_CSV_CELL_BEGINS;
        rows->line += lines;
        if (row->begin == row->end)
            continue;
        *found = true;
        return check_nul(rows, row, error);
    }
}

bool sl_csv_rows_is_ended(const sl_csv_rows *rows)
{
    return rows->text.ended && rows->start == rows->end;
}

sluice_status sl_csv_rows_open(sl_text_input *text, sl_csv_rows *rows, sluice_error *error)
{
    *rows = (sl_csv_rows){.text = *text, .line = 1};
    *text = (sl_text_input){.input.fd = -1};
    rows->bytes = sl_alloc(SL_CSV_ROW_BYTES + 1);
    if (rows->bytes)
        return SLUICE_STATUS_OK;
    sl_csv_rows_close(rows);
    return sl_fail_memory(error, "the rows of a table", SL_CSV_ROW_BYTES + 1);
}

void sl_csv_rows_close(sl_csv_rows *rows)
{
    sl_text_input_close(&rows->text);
    sl_free(rows->bytes);
    *rows = (sl_csv_rows){.text.input.fd = -1};
}
