#include "io/csv/csv_columns.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/csv/csv_cell.h"
#include "io/csv/decimal.h"
#include "io/label.h"

#include <stdint.h>
#include <string.h>
#include <strings.h>

bool sl_csv_is_missing(const char *text, size_t bytes)
{
    static const char *const words[] = {"", "na", "n/a", "null"};
    for (size_t k = 0; k < sizeof words / sizeof words[0]; k++)
        if (strlen(words[k]) == bytes && strncasecmp(words[k], text, bytes) == 0)
            return true;
    return false;
}

static char find_delimiter(const sl_csv_row *row)
{
    static const char usual[] = "\t;";
    for (const char *one = usual; *one; one++) {
        sl_csv_cell cell;
        if (sl_csv_cell_take(row->begin, row->end, *one, &cell) && cell.next < row->end)
            return *one;
    }
    return ',';
}

/* Count the cells of the first row, and see whether they are names; *text_bytes is what these take. */
static sluice_status look(const sl_csv_rows *rows, const sl_csv_row *row, locale_t c, sl_csv_columns *columns, size_t *text_bytes,
                          sluice_error *error)
{
    bool has_number = false, has_text = false;
    sl_csv_cell cell;
    *text_bytes = 0;
    for (const char *at = row->begin;; at = cell.next + 1) {
        float value;
        if (!sl_csv_cell_take(at, row->end, rows->delimiter, &cell))
            return sl_csv_rows_fail(rows, row, cell.next, error,
                                    "expected the delimiter behind the closing quote; write \"\" for a quote in a cell");
        const sl_csv_cell trimmed = sl_csv_cell_trim(cell);
        if (cell.text == at && memchr(trimmed.text, '\r', trimmed.bytes))
            return sl_csv_rows_fail(
                rows, row, cell.text, error,
                "a carriage return in a cell of the first row; if it ends a line, convert with tr '\\r' '\\n' < "
                "FILE > NEW");
        has_number = has_number || sl_decimal_parse(trimmed.text, trimmed.bytes, c, &value) != SL_DECIMAL_NONE;
        has_text = has_text || !sl_csv_is_missing(trimmed.text, trimmed.bytes);
        *text_bytes += cell.bytes + 1;
        columns->count++;
        if (cell.next == row->end)
            break;
        if (columns->count == SL_CSV_MOST_COLUMNS)
            return sl_csv_rows_fail(rows, row, cell.next, error, "more than %d columns; divide the table", SL_CSV_MOST_COLUMNS);
    }
    columns->has_header = has_text && !has_number;
    return SLUICE_STATUS_OK;
}

static sluice_status take_names(const sl_csv_rows *rows, const sl_csv_row *row, size_t text_bytes, sl_csv_columns *columns,
                                sluice_error *error)
{
    columns->names = sl_alloc_array(columns->count, sizeof *columns->names);
    columns->uses = sl_alloc_array(columns->count, sizeof *columns->uses);
    columns->of_value = sl_alloc_array(columns->count, sizeof *columns->of_value);
    columns->of_text = sl_alloc_array(columns->count, sizeof *columns->of_text);
    columns->names_text = columns->has_header ? sl_alloc(text_bytes) : NULL;
    if (!columns->names || !columns->uses || !columns->of_value || !columns->of_text ||
        (columns->has_header && !columns->names_text))
        return sl_fail_memory(error, "the columns of a table", text_bytes);
    const char *at = row->begin;
    char *to = columns->names_text;
    for (size_t k = 0; k < columns->count; k++) {
        sl_csv_cell cell;
        columns->uses[k] = (sl_csv_use){SL_CSV_UNUSED, SL_CSV_UNUSED, false};
        columns->names[k] = "";
        if (!columns->has_header)
            continue;
        (void)sl_csv_cell_take(at, row->end, rows->delimiter, &cell);
        at = cell.next + 1;
        cell = sl_csv_cell_trim(cell);
        columns->names[k] = to;
        to += sl_csv_cell_copy(&cell, to) + 1; /* terminated, as the memory is zeros */
    }
    return SLUICE_STATUS_OK;
}

/* ---- Columns that are asked for -------------------------------------------------------------------------------------------- */

/* The number from 1 on that a text is; 0: it is none. */
static size_t get_number(const char *text)
{
    size_t number = 0;
    for (; *text >= '0' && *text <= '9' && number <= SL_CSV_MOST_COLUMNS; text++)
        number = number * 10 + (size_t)(*text - '0');
    return *text ? 0 : number;
}

static sluice_status fail_absent(const sl_csv_rows *rows, const sl_csv_row *row, const sl_csv_columns *columns, const char *wanted,
                                 bool is_of_model, sluice_error *error)
{
    const char *name = rows->text.input.name;
    const unsigned long long line = row->line;
    const char *delimiter = columns->count == 1 ? "; or give --delimiter, if cells are separated by another character" : "";
    sl_label_list list = {0};
    if (!columns->has_header)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: line %llu: there is no column \"%s\": the table has %zu columns and, as its first row has numbers, no "
                       "names; %s, or --header yes if the first row has names%s",
                       name, line, sl_label_get(wanted).text, columns->count,
                       is_of_model ? "put a row of names before it, as the model finds columns by them" : "give numbers from 1 on",
                       delimiter);
    for (size_t k = 0; k < columns->count; k++)
        sl_label_list_add(&list, columns->names[k], strlen(columns->names[k]), "");
    if (is_of_model)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: line %llu: there is no column \"%s\", which the model takes, but %s; rename the column that has its "
                       "numbers%s",
                       name, line, sl_label_get(wanted).text, list.text, delimiter);
    return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                   "%s: line %llu: there is no column \"%s\"; give a number from 1 to %zu, or one of %s%s", name, line,
                   sl_label_get(wanted).text, columns->count, list.text, delimiter);
}

/* The column of a name or, where none has it, of a number. */
static sluice_status find(const sl_csv_rows *rows, const sl_csv_row *row, const sl_csv_columns *columns, const char *wanted,
                          bool is_of_model, size_t *column, sluice_error *error)
{
    size_t count = 0;
    for (size_t k = columns->count; columns->has_header && k-- > 0;)
        if (strcmp(columns->names[k], wanted) == 0) {
            *column = k;
            count++;
        }
    if (count > 1)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: line %llu: %zu columns are named \"%s\", the first of them column %zu; %s", rows->text.input.name,
                       (unsigned long long)row->line, count, sl_label_get(wanted).text, *column + 1,
                       is_of_model ? "rename the others" : "give the number of one");
    if (count)
        return SLUICE_STATUS_OK;
    *column = get_number(wanted) - 1;
    return *column < columns->count ? SLUICE_STATUS_OK : fail_absent(rows, row, columns, wanted, is_of_model, error);
}

static sluice_status fail_twice(const sl_csv_rows *rows, const char *wanted, size_t column, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: column \"%s\", number %zu, is asked for twice; name each once",
                   rows->text.input.name, sl_label_get(wanted).text, column + 1);
}

static sluice_status use_texts(const sl_csv_rows *rows, const sl_csv_row *row, const sl_csv_options *options,
                               sl_csv_columns *columns, sluice_error *error)
{
    size_t column = 0;
    for (size_t k = 0; k < options->text_count; k++) {
        const char *wanted = options->text_columns[k];
        const sluice_status status = find(rows, row, columns, wanted, false, &column, error);
        if (status)
            return status;
        if (columns->uses[column].text != SL_CSV_UNUSED)
            return fail_twice(rows, wanted, column, error);
        columns->of_text[columns->texts] = column;
        columns->uses[column].text = columns->texts++;
    }
    columns->has_sequence = options->sequence_column != NULL;
    if (!columns->has_sequence)
        return SLUICE_STATUS_OK;
    const sluice_status status = find(rows, row, columns, options->sequence_column, false, &column, error);
    if (!status)
        columns->uses[column].is_sequence = true;
    return status;
}

static void use_value(sl_csv_columns *columns, size_t column)
{
    columns->of_value[columns->values] = column;
    columns->uses[column].value = columns->values++;
}

/* The columns of numbers; by default those of no other use. */
static sluice_status use_values(const sl_csv_rows *rows, const sl_csv_row *row, const sl_csv_options *options,
                                sl_csv_columns *columns, sluice_error *error)
{
    for (size_t k = 0; !options->column_count && k < columns->count; k++)
        if (columns->uses[k].text == SL_CSV_UNUSED && !columns->uses[k].is_sequence)
            use_value(columns, k);
    for (size_t k = 0; k < options->column_count; k++) {
        size_t column = 0;
        const sluice_status status = find(rows, row, columns, options->columns[k], options->are_of_model, &column, error);
        if (status)
            return status;
        if (columns->uses[column].value != SL_CSV_UNUSED)
            return fail_twice(rows, options->columns[k], column, error);
        use_value(columns, column);
    }
    if (columns->values)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: line %llu: no column is left for numbers; name those to read by --columns",
                   rows->text.input.name, (unsigned long long)row->line);
}

sluice_status sl_csv_columns_find(sl_csv_rows *rows, const sl_csv_row *first, const sl_csv_options *options, locale_t c,
                                  sl_csv_columns *columns, sluice_error *error)
{
    size_t text_bytes;
    *columns = (sl_csv_columns){0};
    if (!rows->delimiter)
        rows->delimiter = find_delimiter(first);
    sluice_status status = look(rows, first, c, columns, &text_bytes, error);
    if (options->header != SL_CSV_HEADER_GUESS)
        columns->has_header = options->header == SL_CSV_HEADER_THERE;
    if (!status)
        status = take_names(rows, first, text_bytes, columns, error);
    if (!status)
        status = use_texts(rows, first, options, columns, error);
    if (!status)
        status = use_values(rows, first, options, columns, error);
    if (status)
        sl_csv_columns_release(columns);
    return status;
}

void sl_csv_columns_release(sl_csv_columns *columns)
{
    sl_free(columns->names_text);
    sl_free(columns->names);
    sl_free(columns->uses);
    sl_free(columns->of_value);
    sl_free(columns->of_text);
    *columns = (sl_csv_columns){0};
}
