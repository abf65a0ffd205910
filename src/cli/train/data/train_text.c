/* Training data from labelled lines of text. */
#include "cli/input/lines.h"
#include "cli/train/data/train_data.h"

#include "program/interrupt.h"

#include "base/clean.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { LINES_AT_ONCE = 8192 };

typedef struct text_reader {
    sl_data *data;
    sl_labels *labels;
    size_t room, tokens, token_room; /* capacity in rows; number of tokens so far, and capacity in tokens */
    bool stays_in_file;              /* tokens are not kept; offsets are those of the file's bytes */
    char *label;                     /* label of a line, as bytes */
    size_t label_room;
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

/* Whether a label can name a class in a model file. */
static bool is_name(const char *label, size_t bytes)
{
    json_t *text = bytes && !memchr(label, ',', bytes) ? json_stringn(label, bytes) : NULL; /* NULL: not UTF-8 */
    bool plain = text && strlen(label) == bytes;                                            /* no NUL within */
    for (size_t k = 0; plain && k < bytes; k++)
        plain = !sl_clean_get_control(label + k);
    json_decref(text);
    return plain;
}

/* Find the number of the label of a line, which is its first `length` tokens. */
static sl_exit take_label(text_reader *reader, const int32_t *tokens, size_t length, int32_t *label)
{
    const sl_data *data = reader->data;
    if (length >= reader->label_room) {
        char *grown = realloc(reader->label, 2 * length + 1);
        if (!grown)
            return sl_report_memory("a label");
        reader->label = grown;
        reader->label_room = 2 * length + 1;
    }
    for (size_t k = 0; k < length; k++)
        reader->label[k] = (char)tokens[k];
    reader->label[length] = '\0';
    const char *path = sl_report_input(data->path);
    if (!is_name(reader->label, length))
        return sl_report(SL_EXIT_DATA,
                         "%s: line %zu: '%.80s' cannot name a class in a model file; expected at least one byte of UTF-8 without "
                         "commas and control characters; rename the class",
                         path, data->rows + 1, reader->label);
    const size_t known = reader->labels->count, index = sl_labels_find(reader->labels, reader->label, length);
    if (index == SIZE_MAX && reader->labels->closed) {
        const char *alike = sl_labels_find_alike(reader->labels, reader->label);
        return sl_report(SL_EXIT_DATA,
                         "%s: line %zu: label '%.80s' is not known; expected one of the %zu labels of the training "
                         "data, or of the model of --from%s%.80s%s%s",
                         path, data->rows + 1, reader->label, known, alike ? "; '" : "", alike ? alike : "",
                         alike ? "' is known; it differs only by spaces, quotes or invisible characters" : "",
                         reader->labels->of_model ? "; --new-head makes a head for the labels of the data" : "");
    }
    *label = (int32_t)index;
    return index == SIZE_MAX ? SL_EXIT_FAILURE : SL_EXIT_OK;
}

/* Report a line without a tab. If another separator may be in its place, suggest a command that replaces it. */
static sl_exit fail_tab(const sl_data *data, const int32_t *tokens, size_t length)
{
    const char *path = sl_report_input(data->path);
    size_t at = 0;
    while (at < length && tokens[at] != ',' && tokens[at] != ';' && tokens[at] != ' ')
        at++;
    if (!length)
        return sl_report(SL_EXIT_DATA, "%s: line %zu: expected LABEL<TAB>TEXT, found an empty line; remove it", path,
                         data->rows + 1);
    if (at == length)
        return sl_report(SL_EXIT_DATA,
                         "%s: line %zu: expected LABEL<TAB>TEXT, found no tab; put the label and a tab before the text", path,
                         data->rows + 1);
    return sl_report(SL_EXIT_DATA,
                     "%s: line %zu: expected LABEL<TAB>TEXT, found no tab; if '%c' is the separator, sed 's/%c/\\t/' FILE > NEW "
                     "replaces it by a tab",
                     path, data->rows + 1, (char)tokens[at], (char)tokens[at]);
}

/* Take a line, which begins at byte `begin` of the file. */
static sl_exit take_line(text_reader *reader, const int32_t *tokens, size_t length, uint64_t begin)
{
    sl_data *data = reader->data;
    const char *path = sl_report_input(data->path);
    size_t tab = 0;
    while (tab < length && tokens[tab] != '\t')
        tab++;
    if (tab == length)
        return fail_tab(data, tokens, length);
    const size_t bytes = length - tab - 1;
    if (!bytes)
        return sl_report(SL_EXIT_DATA, "%s: line %zu: expected a text after the tab, found none; remove the line", path,
                         data->rows + 1);
    const sl_exit code = take_label(reader, tokens, tab, &data->labels[data->rows]);
    if (code)
        return code;
    for (size_t k = tab + 1; k < length; k++)
        data->largest = tokens[k] > data->largest ? tokens[k] : data->largest;
    if (!reader->stays_in_file)
        memcpy(data->tokens + reader->tokens, tokens + tab + 1, bytes * sizeof *tokens);
    data->offsets[data->rows] = reader->stays_in_file ? (size_t)begin + tab + 1 : reader->tokens;
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
    *data = (sl_data){.path = path,
                      .target_path = path,
                      .row_name = "line",
                      .first = 1,
                      .width = 1,
                      .stride = 1,
                      .largest = -1,
                      .target_width = 1};
    text_reader reader = {.data = data, .labels = labels};
    sl_lines *lines;
    uint64_t total;
    sl_exit code = sl_lines_open(path, LINES_AT_ONCE, keep_cr ? SL_LINES_KEEP_CR : SL_LINES_DROP_CR, &lines, &total);
    code = code ? code : read_all(&reader, lines);
    sl_lines_close(lines);
    free(reader.label);
    if (!code && reader.stays_in_file)
        code = sl_row_file_open_text(path, &data->file);
    if (!code && !labels->closed)
        code = note_header(data, labels);
    return code || labels->closed ? code : sl_labels_note_alike(labels, sl_report_input(path));
}
