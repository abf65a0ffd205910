#include "io/csv/csv.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/csv/csv_cell.h"
#include "io/csv/decimal.h"
#include "io/label.h"

#include <math.h>
#include <stdint.h>
#include <string.h>

/* A cell without a number. */
typedef struct missing_cell {
    size_t value;
    const char *at;
} missing_cell;

struct sl_csv {
    sl_csv_rows rows;
    sl_csv_columns columns;
    sl_csv_missing missing;
    locale_t c;
    sl_csv_row row; /* found and not used; if has_row */
    bool has_row;
    uint64_t first_line;          /* of the table, for messages */
    bool in_series;               /* a series has begun, and its end is not known */
    char name[SL_CSV_NAME_BYTES]; /* its */
    size_t name_bytes;
    float *previous;        /* [values]: the row before the one that is read; if has_previous: of its series */
    missing_cell *unfilled; /* [values]: of the row that is read */
    size_t unfilled_count;
    bool has_previous, are_of_model;
};

/* ---- Cells ----------------------------------------------------------------------------------------------------------------- */

static sluice_status fail_quote(const sl_csv *csv, const char *at, sluice_error *error)
{
    return sl_csv_rows_fail(&csv->rows, &csv->row, at, error,
                            "expected the delimiter behind the closing quote; write \"\" for a quote in a cell");
}

static sluice_status fail_number(const sl_csv *csv, const sl_csv_cell *cell, sluice_error *error)
{
    const sl_label found = sl_label_get_part(cell->text, cell->bytes);
    const char *comma = memchr(cell->text, ',', cell->bytes);
    const bool is_hex = cell->bytes > 2 && (cell->text[1] | 0x20) == 'x';
    const char *remedy = comma               ? "write a point for the decimal comma, and no commas between digits"
                         : is_hex            ? "write numbers in decimal form"
                         : csv->are_of_model ? "correct the cell"
                                             : "correct the cell, or give --columns without this column";
    return sl_csv_rows_fail(&csv->rows, &csv->row, cell->text, error, "expected a number, found '%s'; %s", found.text, remedy);
}

/* Read a number of the quick path's or the exact one's; a missing one is listed. */
static sluice_status read_number(sl_csv *csv, const sl_csv_cell *quoted, size_t value, float *to, sluice_error *error)
{
    const sl_csv_cell cell = sl_csv_cell_trim(*quoted);
    if (!sl_csv_is_missing(cell.text, cell.bytes)) {
        const sl_decimal_result result = sl_decimal_parse(cell.text, cell.bytes, csv->c, to);
        if (result == SL_DECIMAL_NONE)
            return fail_number(csv, &cell, error);
        if (result == SL_DECIMAL_LARGE)
            return sl_csv_rows_fail(&csv->rows, &csv->row, cell.text, error, "'%s' is beyond float32's range; scale the column",
                                    sl_label_get_part(cell.text, cell.bytes).text);
        if (!isnan(*to))
            return SLUICE_STATUS_OK;
    }
    csv->unfilled[csv->unfilled_count++] = (missing_cell){value, cell.text};
    return SLUICE_STATUS_OK;
}

static void keep_text(const sl_csv_cell *cell, size_t text, sl_series_block *block)
{
    size_t *at = block->text_at + 2 * (block->rows * block->texts + text);
    at[0] = block->text_bytes;
    at[1] = sl_csv_cell_copy(cell, block->text + block->text_bytes);
    block->text_bytes += at[1];
}

/* Read a cell in all its uses; *sequence is the cell of the sequence column. */
static sluice_status read_cell(sl_csv *csv, const char *at, const sl_csv_use *use, sl_series_block *block, sl_csv_cell *cell,
                               sl_csv_cell *sequence, sluice_error *error)
{
    if (!sl_csv_cell_take(at, csv->row.end, csv->rows.delimiter, cell))
        return fail_quote(csv, cell->next, error);
    if (use->text != SL_CSV_UNUSED)
        keep_text(cell, use->text, block);
    if (use->is_sequence)
        *sequence = *cell;
    return use->value == SL_CSV_UNUSED ? SLUICE_STATUS_OK
                                       : read_number(csv, cell, use->value, sl_series_block_get_row(block) + use->value, error);
}

/* ---- Rows ------------------------------------------------------------------------------------------------------------------ */

static sluice_status fail_ragged(const sl_csv *csv, size_t found, bool has_more, sluice_error *error)
{
    return sl_csv_rows_fail(
        &csv->rows, &csv->row, csv->row.end, error, "expected %zu cells, as in line %llu, found %s%zu; correct the row%s",
        csv->columns.count, (unsigned long long)csv->first_line, has_more ? "more than " : "", found,
        csv->columns.count == 1 ? ", or name the delimiter" : ", or quote cells that have the delimiter in them");
}

/* Read the cells of csv->row into the block's next row. */
static sluice_status read_cells(sl_csv *csv, sl_series_block *block, sl_csv_cell *sequence, sluice_error *error)
{
    const size_t count = csv->columns.count;
    const char *at = csv->row.begin, *const end = csv->row.end;
    const char delimiter = csv->rows.delimiter;
    float *values = sl_series_block_get_row(block);
    for (size_t k = 0; k < count; k++) {
        const sl_csv_use *use = &csv->columns.uses[k];
        const char *next;
        float value;
        /* Most cells are plain numbers and nothing else. */
        if (use->value != SL_CSV_UNUSED && use->text == SL_CSV_UNUSED && !use->is_sequence && sl_decimal_read(at, &next, &value) &&
            (next == end || *next == delimiter)) {
            values[use->value] = value;
        } else {
            sl_csv_cell cell;
            const sluice_status status = read_cell(csv, at, use, block, &cell, sequence, error);
            if (status)
                return status;
            next = cell.next;
        }
        if (next == end && k + 1 < count)
            return fail_ragged(csv, k + 1, false, error);
        if (next < end && k + 1 == count)
            return fail_ragged(csv, count, true, error);
        at = next + 1;
    }
    return SLUICE_STATUS_OK;
}

static void begin_series(sl_csv *csv, sl_series_block *block)
{
    sl_series_block_begin(block, csv->name, csv->name_bytes);
    csv->in_series = true;
}

/* End the series where the row begins another one, and begin that. */
static sluice_status follow_sequence(sl_csv *csv, const sl_csv_cell *sequence, sl_series_block *block, sluice_error *error)
{
    if (csv->columns.has_sequence && sequence->bytes > SL_CSV_NAME_BYTES)
        return sl_csv_rows_fail(&csv->rows, &csv->row, sequence->text, error,
                                "expected a sequence's name of at most %d bytes, found %zu; is this the sequence column?",
                                SL_CSV_NAME_BYTES, sequence->bytes);
    char name[SL_CSV_NAME_BYTES];
    const size_t bytes = csv->columns.has_sequence ? sl_csv_cell_copy(sequence, name) : 0;
    if (csv->in_series && bytes == csv->name_bytes && memcmp(name, csv->name, bytes) == 0)
        return SLUICE_STATUS_OK;
    if (csv->in_series)
        sl_series_block_end(block, true);
    memcpy(csv->name, name, bytes);
    csv->name_bytes = bytes;
    csv->has_previous = false;
    begin_series(csv, block);
    return SLUICE_STATUS_OK;
}

/* Give cells without a number theirs. */
static sluice_status fill_missing(sl_csv *csv, sl_series_block *block, sluice_error *error)
{
    float *values = sl_series_block_get_row(block);
    for (size_t k = 0; k < csv->unfilled_count; k++) {
        const missing_cell *cell = &csv->unfilled[k];
        if (csv->missing == SL_CSV_MISSING_ERROR)
            return sl_csv_rows_fail(&csv->rows, &csv->row, cell->at, error,
                                    "expected a number, and it is missing (an empty cell, NA, null or NaN); give "
                                    "--missing zero or --missing previous, or fill it in");
        if (csv->missing == SL_CSV_MISSING_PREVIOUS && !csv->has_previous)
            return sl_csv_rows_fail(&csv->rows, &csv->row, cell->at, error,
                                    "the number is missing, and its sequence has none before it; fill it in, or give --missing "
                                    "zero");
        values[cell->value] = csv->missing == SL_CSV_MISSING_ZERO ? 0 : csv->previous[cell->value];
    }
    return SLUICE_STATUS_OK;
}

static sluice_status read_row(sl_csv *csv, sl_series_block *block, sluice_error *error)
{
    sl_csv_cell sequence = {0};
    csv->unfilled_count = 0;
    sluice_status status = read_cells(csv, block, &sequence, error);
    if (!status && (csv->columns.has_sequence || !csv->in_series))
        status = follow_sequence(csv, &sequence, block, error);
    if (!status && csv->unfilled_count)
        status = fill_missing(csv, block, error);
    if (status)
        return status;
    if (csv->missing == SL_CSV_MISSING_PREVIOUS)
        memcpy(csv->previous, sl_series_block_get_row(block), csv->columns.values * sizeof *csv->previous);
    csv->has_previous = true;
    block->rows++;
    csv->has_row = false;
    return SLUICE_STATUS_OK;
}

/* Whether the block has room for the row, of which all bytes may be text. */
static bool has_room(const sl_csv *csv, const sl_series_block *block)
{
    const size_t bytes = (size_t)(csv->row.end - csv->row.begin) + SL_CSV_NAME_BYTES;
    return block->rows < block->capacity && (!block->text_capacity || bytes <= block->text_capacity - block->text_bytes);
}

sluice_status sl_csv_read(sl_csv *csv, sl_series_block *block, sluice_error *error)
{
    sl_series_block_clear(block);
    if (csv->in_series)
        begin_series(csv, block);
    for (;;) {
        sluice_status status = SLUICE_STATUS_OK;
        if (!csv->has_row)
            status = sl_csv_rows_next(&csv->rows, block->rows == 0, &csv->row, &csv->has_row, error);
        if (!status && (!csv->has_row || !has_room(csv, block)))
            break;
        if (!status)
            status = read_row(csv, block, error);
        if (status)
            return status;
    }
    block->is_last = !csv->has_row && sl_csv_rows_is_ended(&csv->rows);
    if (csv->in_series)
        sl_series_block_end(block, block->is_last);
    return SLUICE_STATUS_OK;
}

/* ---- The table ------------------------------------------------------------------------------------------------------------- */

static sluice_status check_delimiter(const sl_csv *csv, char delimiter, sluice_error *error)
{
    if (!strchr("+-.\"\r\n0123456789", delimiter) && (delimiter | 0x20) != 'e' && (unsigned char)delimiter < 0x80)
        return SLUICE_STATUS_OK;
    return delimiter ? sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                               "%s: expected a delimiter that no number has in it, such as ',', ';' or a tab, found '%s'",
                               csv->rows.text.input.name, sl_label_get_part(&delimiter, 1).text)
                     : SLUICE_STATUS_OK;
}

static sluice_status read_first(sl_csv *csv, const sl_csv_options *options, sluice_error *error)
{
    sluice_status status = sl_csv_rows_next(&csv->rows, true, &csv->row, &csv->has_row, error);
    if (!status && !csv->has_row)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected a table of numbers, found no row; was it cut short?",
                       csv->rows.text.input.name);
    if (!status)
        status = sl_csv_columns_find(&csv->rows, &csv->row, options, csv->c, &csv->columns, error);
    if (status)
        return status;
    csv->first_line = csv->row.line;
    csv->has_row = !csv->columns.has_header;
    csv->rows.names = csv->columns.names;
    csv->rows.columns = csv->columns.count;
    csv->previous = sl_alloc_array(csv->columns.values, sizeof *csv->previous);
    csv->unfilled = sl_alloc_array(csv->columns.values, sizeof *csv->unfilled);
    return csv->previous && csv->unfilled ? SLUICE_STATUS_OK : sl_fail_memory(error, "the rows of a table", csv->columns.values);
}

sluice_status sl_csv_open(sl_text_input *text, const sl_csv_options *options, sl_csv **csv, sluice_error *error)
{
    *csv = NULL;
    sl_csv *opened = sl_alloc(sizeof *opened);
    if (!opened) {
        sl_text_input_close(text);
        return sl_fail_memory(error, "a table", sizeof *opened);
    }
    opened->missing = options->missing;
    opened->are_of_model = options->are_of_model;
    sluice_status status = sl_csv_rows_open(text, &opened->rows, error);
    if (!status)
        status = check_delimiter(opened, options->delimiter, error);
    opened->rows.delimiter = options->delimiter;
    if (!status && !(opened->c = newlocale(LC_ALL_MASK, "C", (locale_t)0)))
        status = sl_fail_memory(error, "the locale of numbers", 0);
    if (!status)
        status = read_first(opened, options, error);
    if (status)
        sl_csv_close(opened);
    else
        *csv = opened;
    return status;
}

const sl_csv_columns *sl_csv_get_columns(const sl_csv *csv)
{
    return &csv->columns;
}

sluice_status sl_csv_create_block(const sl_csv *csv, sl_series_block *block, sluice_error *error)
{
    const sl_csv_columns *columns = &csv->columns;
    const bool has_text = columns->texts || columns->has_sequence;
    return sl_series_block_create(columns->values, columns->texts, has_text ? SL_CSV_ROW_BYTES + 2 * SL_CSV_NAME_BYTES : 0, block,
                                  error);
}

void sl_csv_close(sl_csv *csv)
{
    if (!csv)
        return;
    sl_csv_rows_close(&csv->rows);
    sl_csv_columns_release(&csv->columns);
    if (csv->c)
        freelocale(csv->c);
    sl_free(csv->previous);
    sl_free(csv->unfilled);
    sl_free(csv);
}
