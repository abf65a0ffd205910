/* Training data from labelled lines of text. */
#include "cli/input/lines.h"
#include "cli/train/data/labelled_line.h"

#include "program/interrupt.h"

#include <stdlib.h>
#include <string.h>

enum { LINES_AT_ONCE = 8192 };

typedef struct text_reader {
    sl_data *data;
    sl_labelled_lines lines;
    size_t room, tokens, token_room; /* capacity in rows; number of tokens so far, and capacity in tokens */
    bool stays_in_file;              /* tokens are not kept; offsets are those of the file's bytes */
} text_reader;

/* Make room for `rows` more rows with `tokens` tokens in all. */
static bool reserve(text_reader *reader, size_t rows, size_t tokens)
{
    sl_data *data = reader->data;
    if (data->rows + rows > reader->room) {
        const size_t room = 2 * reader->room + rows;
        size_t *offsets = realloc(data->offsets, room * sizeof *offsets);
        data->offsets = offsets ? offsets : data->offsets;
        int64_t *lengths = realloc(data->lengths, room * sizeof *lengths);
        data->lengths = lengths ? lengths : data->lengths;
        int32_t *labels = realloc(data->labels, room * sizeof *labels);
        data->labels = labels ? labels : data->labels;
        if (!offsets || !lengths || !labels)
            return false;
        reader->room = room;
    }
    if (reader->tokens + tokens > reader->token_room) {
        const size_t room = 2 * reader->token_room + tokens;
        int32_t *made = realloc(data->tokens, room * sizeof *made);
        data->tokens = made ? made : data->tokens;
        if (!made)
            return false;
        reader->token_room = room;
    }
    return true;
}

/* Take a line, which begins at byte `begin` of the file. */
static sl_exit take_line(text_reader *reader, const int32_t *tokens, size_t length, uint64_t begin)
{
    sl_data *data = reader->data;
    size_t text;
    const sl_exit code = sl_labelled_line_take(&reader->lines, data->rows + 1, tokens, length, &data->labels[data->rows], &text);
    if (code)
        return code;
    const size_t bytes = length - text;
    if (!reader->stays_in_file)
        memcpy(data->tokens + reader->tokens, tokens + text, bytes * sizeof *tokens);
    data->offsets[data->rows] = reader->stays_in_file ? (size_t)begin + text : reader->tokens;
    data->lengths[data->rows++] = (int64_t)bytes;
    reader->tokens += bytes;
    data->steps = bytes > data->steps ? bytes : data->steps;
    return SL_EXIT_OK;
}

static sl_exit read_all(text_reader *reader, sl_lines *lines)
{
    for (;;) {
        sl_lines_batch batch;
        sl_exit code = sl_lines_read(lines, &batch);
        if (!code && sl_interrupt_seen())
            code = SL_EXIT_INTERRUPTED;
        if (code || !batch.rows)
            return code;
        reader->stays_in_file = sl_row_file_is_wanted(reader->data->path) && !sl_lines_is_compressed(lines);
        if (!reserve(reader, batch.rows, reader->stays_in_file ? 0 : batch.bytes))
            return sl_report_memory("the data");
        for (size_t n = 0; !code && n < batch.rows; n++)
            code = take_line(reader, batch.tokens + batch.offsets[n], (size_t)batch.lengths[n], batch.begin + batch.offsets[n]);
        if (code)
            return code;
    }
}

/* Print a note if the label of the first line is on no other line, while every other label is on several lines. */
static sl_exit note_header(const sl_data *data, const sl_labels *labels)
{
    size_t *lines = calloc(labels->count + 1, sizeof *lines);
    if (!lines)
        return sl_report_memory("the labels");
    for (size_t n = 0; n < data->rows; n++)
        lines[data->labels[n]]++;
    bool is_alone = labels->count > 2 && lines[0] == 1; /* number 0 appears first */
    for (size_t k = 1; k < labels->count; k++)
        is_alone = is_alone && lines[k] > 1;
    free(lines);
    if (is_alone)
        sl_report_note("%s: line 1: no other line has its label, '%.80s'; remove the line if it is a header",
                       sl_report_input(data->path), labels->names[0]);
    return SL_EXIT_OK;
}

sl_exit sl_data_read_text(const char *path, bool keep_cr, sl_labels *labels, sl_data *data)
{
    *data =
        (sl_data){.path = path, .target_path = path, .row_name = "line", .first = 1, .width = 1, .stride = 1, .target_width = 1};
    text_reader reader = {.data = data,
                          .lines = {.path = path, .labels = labels, .known_of = "the training data, or of the model of --from"}};
    sl_lines *lines;
    uint64_t total;
    sl_exit code = sl_lines_open(path, LINES_AT_ONCE, keep_cr ? SL_LINES_KEEP_CR : SL_LINES_DROP_CR, &lines, &total);
    code = code ? code : read_all(&reader, lines);
    sl_lines_close(lines);
    sl_labelled_lines_release(&reader.lines);
    if (!code && reader.stays_in_file)
        code = sl_row_file_open_text(path, &data->file);
    if (!code && !labels->closed)
        code = note_header(data, labels);
    return code || labels->closed ? code : sl_labels_note_alike(labels, sl_report_input(path));
}
