#include "cli/output/row_writer.h"

#include "cli/digest.h"
#include "io/json.h"
#include "io/output.h"
#include "program/format.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { HELD_BYTES = 1 << 16 };

struct sl_row_writer {
    sl_row_format format;
    sl_output output;
    uint64_t written, digest; /* bytes in the file, and their digest */
    size_t columns, next;     /* next: the column of the next cell */
    size_t *prefix_ends;      /* [columns] in `prefixes`: of what stands before each column's cells */
    char *prefixes;
    char *text; /* [room]: the bytes that are not in the file yet */
    size_t bytes, room;
    bool lacks_memory;
};

/* ---- Columns --------------------------------------------------------------------------------------------------------------- */

sl_exit sl_columns_add(sl_columns *columns, const char *name)
{
    if (columns->count == columns->room) {
        const size_t room = 2 * columns->room + 8;
        const char **grown = realloc(columns->names, room * sizeof *grown);
        if (!grown)
            return sl_report_memory("the columns");
        columns->names = grown;
        columns->room = room;
    }
    char *copy = strdup(name);
    if (!copy)
        return sl_report_memory("the columns");
    columns->names[columns->count++] = copy;
    return SL_EXIT_OK;
}

void sl_columns_release(sl_columns *columns)
{
    for (size_t k = 0; k < columns->count; k++)
        free((char *)columns->names[k]);
    free(columns->names);
    *columns = (sl_columns){0};
}

/* ---- Text ------------------------------------------------------------------------------------------------------------------ */

/* Room for so many more bytes; NULL: there is none, which sl_row_writer_end reports. */
static char *reserve(sl_row_writer *writer, size_t bytes)
{
    if (writer->room - writer->bytes < bytes) {
        const size_t room = 2 * writer->room + bytes;
        char *grown = realloc(writer->text, room);
        if (!grown) {
            writer->lacks_memory = true;
            return NULL;
        }
        writer->text = grown;
        writer->room = room;
    }
    return writer->text + writer->bytes;
}

static void put(sl_row_writer *writer, const char *text, size_t bytes)
{
    char *to = reserve(writer, bytes);
    if (!to)
        return;
    memcpy(to, text, bytes);
    writer->bytes += bytes;
}

static void put_json(sl_row_writer *writer, const char *text, size_t bytes)
{
    static const char replacement[] = "\xef\xbf\xbd"; /* of a byte that is not UTF-8 */
    put(writer, "\"", 1);
    for (size_t k = 0, taken; k < bytes; k += taken) {
        char escaped[8];
        const unsigned char byte = (unsigned char)text[k];
        taken = sl_utf8_get_bytes(text + k, bytes - k);
        if (!taken) {
            put(writer, replacement, sizeof replacement - 1);
            taken = 1;
        } else if (byte < 0x20 || byte == 0x7f) {
            put(writer, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\u%04x", byte));
        } else {
            if (byte == '"' || byte == '\\')
                put(writer, "\\", 1);
            put(writer, text + k, taken);
        }
    }
    put(writer, "\"", 1);
}

static void put_csv(sl_row_writer *writer, const char *text, size_t bytes)
{
    bool is_plain = true;
    for (size_t k = 0; k < bytes; k++)
        is_plain = is_plain && !strchr("\",\r\n", text[k]);
    if (is_plain) {
        put(writer, text, bytes);
        return;
    }
    put(writer, "\"", 1);
    for (size_t k = 0; k < bytes; k++) {
        if (text[k] == '"')
            put(writer, "\"", 1);
        put(writer, text + k, 1);
    }
    put(writer, "\"", 1);
}

static void put_field(sl_row_writer *writer, const char *text, size_t bytes)
{
    if (writer->format == SL_ROWS_JSONL)
        put_json(writer, text, bytes);
    else if (writer->format == SL_ROWS_CSV)
        put_csv(writer, text, bytes);
    else
        put(writer, text, bytes);
}

/* ---- Files ----------------------------------------------------------------------------------------------------------------- */

/* Make what stands before the cells of each column, with the writer's own means. */
static sl_exit make_prefixes(sl_row_writer *writer, const sl_columns *columns)
{
    const bool is_json = writer->format == SL_ROWS_JSONL;
    const char separator = writer->format == SL_ROWS_LINES ? '\t' : ',';
    writer->prefix_ends = calloc(columns->count + 1, sizeof *writer->prefix_ends);
    for (size_t k = 0; writer->prefix_ends && k < columns->count; k++) {
        if (k || is_json)
            put(writer, k ? &separator : "{", 1);
        if (is_json) {
            put_json(writer, columns->names[k], strlen(columns->names[k]));
            put(writer, ":", 1);
        }
        writer->prefix_ends[k] = writer->bytes;
    }
    writer->prefixes = malloc(writer->bytes + 1);
    if (!writer->prefix_ends || !writer->prefixes || writer->lacks_memory)
        return sl_report_memory("the columns");
    memcpy(writer->prefixes, writer->text, writer->bytes);
    writer->bytes = 0;
    return SL_EXIT_OK;
}

static sl_exit begin(sl_row_writer *writer, const char *path, const sl_columns *columns, bool has_header)
{
    writer->output.fd = -1;
    writer->columns = columns->count;
    writer->text = malloc(HELD_BYTES);
    writer->room = writer->text ? HELD_BYTES : 0;
    sluice_error error;
    sl_exit code = make_prefixes(writer, columns);
    code = code ? code : sl_report_status(sl_output_create(path, &writer->output, &error), &error);
    if (code || !has_header || writer->format != SL_ROWS_CSV)
        return code;
    for (size_t k = 0; k < columns->count; k++)
        sl_row_writer_put_text(writer, columns->names[k], strlen(columns->names[k]));
    return sl_row_writer_end(writer);
}

sl_exit sl_row_writer_create(const char *path, sl_row_format format, const sl_columns *columns, bool has_header,
                             sl_row_writer **result)
{
    *result = NULL;
    sl_row_writer *writer = calloc(1, sizeof *writer);
    if (!writer)
        return sl_report_memory("the output");
    writer->format = format;
    const sl_exit code = begin(writer, path, columns, has_header);
    if (code)
        sl_row_writer_destroy(writer);
    else
        *result = writer;
    return code;
}

sl_exit sl_row_writer_flush(sl_row_writer *writer)
{
    sluice_error error;
    if (sl_output_write(&writer->output, (size_t)writer->written, writer->text, writer->bytes, &error))
        return sl_report_error(&error);
    writer->digest = sl_digest_add_at(writer->digest, writer->written, writer->text, writer->bytes);
    writer->written += writer->bytes;
    writer->bytes = 0;
    return SL_EXIT_OK;
}

uint64_t sl_row_writer_get_digest(const sl_row_writer *writer)
{
    return writer->digest;
}

sl_exit sl_row_writer_commit(sl_row_writer *writer)
{
    sluice_error error;
    const sl_exit code = sl_row_writer_flush(writer);
    return code ? code : sl_report_status(sl_output_commit(&writer->output, &error), &error);
}

void sl_row_writer_destroy(sl_row_writer *writer)
{
    if (!writer)
        return;
    sl_output_abort(&writer->output);
    free(writer->prefix_ends);
    free(writer->prefixes);
    free(writer->text);
    free(writer);
}

/* ---- Cells ----------------------------------------------------------------------------------------------------------------- */

static void begin_cell(sl_row_writer *writer)
{
    const size_t k = writer->next++, from = k ? writer->prefix_ends[k - 1] : 0;
    put(writer, writer->prefixes + from, writer->prefix_ends[k] - from);
}

/* What stands for a number that JSON has no word for. */
static bool put_null(sl_row_writer *writer, bool is_number)
{
    const bool is_null = writer->format == SL_ROWS_JSONL && !is_number;
    if (is_null)
        put(writer, "null", 4);
    return is_null;
}

void sl_row_writer_put_count(sl_row_writer *writer, uint64_t count)
{
    char text[SL_FORMAT_WHOLE];
    begin_cell(writer);
    put(writer, text, (size_t)(sl_format_whole(count, text) - text));
}

void sl_row_writer_put_number(sl_row_writer *writer, float number)
{
    begin_cell(writer);
    char *to = reserve(writer, SL_FORMAT_FLOAT);
    if (to && !put_null(writer, isfinite(number)))
        writer->bytes += (size_t)(sl_format_float(number, to) - to);
}

void sl_row_writer_put_share(sl_row_writer *writer, double share)
{
    begin_cell(writer);
    char *to = reserve(writer, SL_FORMAT_FLOAT);
    if (to && !put_null(writer, share >= 0 && share <= 1))
        writer->bytes += (size_t)(sl_format_fraction(share, to) - to);
}

void sl_row_writer_put_text(sl_row_writer *writer, const char *text, size_t bytes)
{
    begin_cell(writer);
    put_field(writer, text, bytes);
}

sl_exit sl_row_writer_end(sl_row_writer *writer)
{
    if (writer->format == SL_ROWS_JSONL)
        put(writer, "}", 1);
    put(writer, "\n", 1);
    writer->next = 0;
    if (writer->lacks_memory)
        return sl_report_memory("a row of the output");
    return writer->bytes < HELD_BYTES / 2 ? SL_EXIT_OK : sl_row_writer_flush(writer);
}
