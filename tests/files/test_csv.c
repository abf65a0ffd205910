/* Tables of text: every rule of quoting, columns, series and missing numbers, whatever the pieces in which the bytes come; every error with
 * its place; and random tables that are written by other rules than the reader's. */
#include "support/formats/table_text.h"

#include <math.h>

#define NAMES(...)                                                                                                                 \
    (const char *const[])                                                                                                          \
    {                                                                                                                              \
        __VA_ARGS__                                                                                                                \
    }

typedef struct table_case {
    const char *text, *wanted; /* wanted: as test_table, or the message where `status` is not OK */
    sl_csv_options options;
    sluice_status status;
} table_case;

static const table_case cases[] = {
    /* line ends, marks, blank lines */
    {"1,2\n3,4\n", "{}1 2|3 4|."},
    {"1,2\r\n3,4\r\n", "{}1 2|3 4|."},
    {"1,2\n3,4", "{}1 2|3 4|."},
    {"1,2\r\n3,4\r", "{}1 2|3 4|."},
    {"\xef\xbb\xbf"
     "1,2\n3,4\n",
     "{}1 2|3 4|."},
    {"\n\n1,2\n\r\n\n3,4\n\n", "{}1 2|3 4|."},
    {"7", "{}7|."},
    {"a,b\n", ""},
    /* numbers */
    {" 1 ,\t2\n-.5,+1e3\n", "{}1 2|-0.5 1000|.", .options.delimiter = ','},
    {"\"1\",\" 2 \"\n", "{}1 2|."},
    {"inf,-Infinity\n", "{}inf -inf|."},
    {"0.1,16777217,1e-45\n", "{}0.100000001 16777216 1.40129846e-45|."},
    /* headers */
    {"a,b\n1,2\n", "{}1 2|."},
    {"\"a\nb\",\"c\"\"d\"\r\n1,2\n", "{}1 2|."},
    {"day,1\n1,2\n", "{}1 2|.", .options.header = SL_CSV_HEADER_THERE},
    {",b\n1,2\n", "{}1 2|."},
    {"1,2\n3,4\n", "{}3 4|.", .options.header = SL_CSV_HEADER_THERE},
    {"a,1\nb,2\n", "{}'a' 1|'b' 2|.", .options.text_columns = NAMES("1"), .options.text_count = 1},
    {",\n1,2\n", "{}0 0|1 2|.", .options.missing = SL_CSV_MISSING_ZERO},
    /* delimiters */
    {"1;2\n3;4\n", "{}1 2|3 4|."},
    {"1\t2\n3\t4\n", "{}1 2|3 4|."},
    {"a;\"b,c\"\n3;4\n", "{}3 4|."},
    {"\"a;b\",c\n3,4\n", "{}3 4|.", .options.delimiter = ','},
    {"1 2\n3 4\n", "{}1 2|3 4|.", .options.delimiter = ' '},
    {"1|2\n3|4\n", "{}1 2|3 4|.", .options.delimiter = '|'},
    /* columns */
    {"a,b,c\n1,2,3\n", "{}3 1|.", .options.columns = NAMES("c", "a"), .options.column_count = 2},
    {"a,b,c\n1,2,3\n", "{}3 1|.", .options.columns = NAMES("3", "a"), .options.column_count = 2},
    {"1,2,3\n", "{}2|.", .options.columns = NAMES("2"), .options.column_count = 1},
    {"2,x\n1,9\n", "{}1|.", .options.columns = NAMES("2"), .options.column_count = 1,
     .options.header = SL_CSV_HEADER_THERE}, /* a name before a number */
    {"a,b,c\nx,2,\"y,\"\"z\"\"\"\n", "{}'y,\"z\"' 'x' 2|.", .options.text_columns = NAMES("c", "a"), .options.text_count = 2},
    {"a,b,c\nx,2,y\n", "{}2|.", .options.columns = NAMES("b"), .options.column_count = 1},
    {"t,v\n5,2\n", "{}'5' 5 2|.", .options.columns = NAMES("t", "v"), .options.column_count = 2, .options.text_columns = NAMES("t"),
     .options.text_count = 1},
    /* quotes */
    {"a,b\n\"x\ny\",1\n\"\",2\n", "{}'x\ny' 1|'' 2|.", .options.text_columns = NAMES("a"), .options.text_count = 1},
    {"a,b\n5\" x,1\n \"q\",2\n", "{}'5\" x' 1|' \"q\"' 2|.", .options.text_columns = NAMES("a"), .options.text_count = 1},
    {"a,b\n\"\"\"\",1\n\"x\r\n\"\"\n\",2", "{}'\"' 1|'x\r\n\"\n' 2|.", .options.text_columns = NAMES("a"), .options.text_count = 1},
    {"a,b\n\"1\r\n\",2\n", "{}'1\r\n' 2|.", .options.text_columns = NAMES("a"), .options.text_count = 1},
    /* series */
    {"id,v\na,1\na,2\nb,3\na,4\n", "{a}1|2|.{b}3|.{a}4|.", .options.sequence_column = "id"},
    {"id,v\n1,1\n\"1\",2\n1.0,3\n", "{1}1|2|.{1.0}3|.", .options.sequence_column = "id"},
    {"id,v\n,1\n\"x\"\"y\",2\n", "{}1|.{x\"y}2|.", .options.sequence_column = "id"},
    {"id,v\n7,1\n8,2\n", "{7}'7' 7 1|.{8}'8' 8 2|.", .options.sequence_column = "1", .options.text_columns = NAMES("id"),
     .options.text_count = 1, .options.columns = NAMES("1", "2"), .options.column_count = 2},
    /* missing numbers */
    {"1,,3\nNA,n/a,NULL\nnan,-NaN,\"\"\n", "{}1 0 3|0 0 0|0 0 0|.", .options.missing = SL_CSV_MISSING_ZERO},
    {"1,2,3\n,5, \n7,,\n", "{}1 2 3|1 5 3|7 5 3|.", .options.missing = SL_CSV_MISSING_PREVIOUS},
    {"1,a\n,a\n3,b\n,b\n", "{a}1|1|.{b}3|3|.", .options.missing = SL_CSV_MISSING_PREVIOUS, .options.sequence_column = "2"},
    /* errors */
    {"", "t.csv: expected a table of numbers, found no row", .status = SLUICE_STATUS_BAD_DATA},
    {"\n\r\n", "t.csv: expected a table of numbers, found no row", .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n1,x\n", "t.csv: line 2, column 2 (\"b\"): expected a number, found 'x'", .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n3,4x\n", "t.csv: line 2, column 2: expected a number, found '4x'", .status = SLUICE_STATUS_BAD_DATA},
    {"1;2\n3;4,5\n", "t.csv: line 2, column 2: expected a number, found '4,5'; write a point for the decimal comma",
     .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n0x10,4\n", "line 2, column 1: expected a number, found '0x10'; write numbers in decimal form",
     .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n3,1e39\n", "line 2, column 2: '1e39' is beyond float32's range", .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n\n\"1\n2\",x\n", "line 3, column 1 (\"a\"): expected a number, found '1?2'", .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n3,4\n5\n", "t.csv: line 3, column 1: expected 2 cells, as in line 1, found 1", .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n3,4,5\n", "line 2, column 3: expected 2 cells, as in line 1, found more than 2", .status = SLUICE_STATUS_BAD_DATA},
    {"1\n3,4\n", "line 2, column 2: expected 1 cells, as in line 1, found more than 1", .status = SLUICE_STATUS_BAD_DATA},
    {"a,b,c\n1,2,\n",
     "line 2, column 3 (\"c\"): expected a number, and it is missing (an empty cell, NA, null or NaN); give --missing zero or "
     "--missing previous, or fill it in",
     .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n1,NA\n", "line 2, column 2 (\"b\"): expected a number, and it is missing", .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n1,nan\n", "line 2, column 2 (\"b\"): expected a number, and it is missing", .status = SLUICE_STATUS_BAD_DATA},
    {",1\n", "line 1, column 1: the number is missing, and its sequence has none before it; fill it in, or give --missing zero",
     .options.missing = SL_CSV_MISSING_PREVIOUS, .status = SLUICE_STATUS_BAD_DATA},
    {"a,1\na,2\nb,\n", "line 3, column 2: the number is missing", .options.missing = SL_CSV_MISSING_PREVIOUS,
     .options.sequence_column = "1", .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n1,2\n", "t.csv: line 1: there is no column \"c\"; give a number from 1 to 2, or one of \"a\", \"b\"",
     .options.columns = NAMES("c"), .options.column_count = 1, .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n", "line 1: there is no column \"c\": the table has 2 columns and, as its first row has numbers, no names",
     .options.sequence_column = "c", .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n", "there is no column \"3\"", .options.text_columns = NAMES("3"), .options.text_count = 1,
     .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n", "there is no column \"0\"", .options.columns = NAMES("0"), .options.column_count = 1,
     .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n", "there is no column \"\"", .options.columns = NAMES(""), .options.column_count = 1, .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n", "there is no column \"18446744073709551617\"", .options.columns = NAMES("18446744073709551617"),
     .options.column_count = 1, .status = SLUICE_STATUS_BAD_DATA},
    {"a,b,a\n1,2,3\n", "t.csv: line 1: 2 columns are named \"a\", the first of them column 1", .options.columns = NAMES("a"),
     .options.column_count = 1, .status = SLUICE_STATUS_BAD_DATA},
    {"a,b,a\n1,2,3\n", "the first of them column 1; rename the others", .options.columns = NAMES("a"), .options.column_count = 1,
     .options.are_of_model = true, .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n1,2\n", "there is no column \"c\", which the model takes, but \"a\", \"b\"; rename the column that has its numbers",
     .options.columns = NAMES("c"), .options.column_count = 1, .options.are_of_model = true, .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n",
     "no names; put a row of names before it, as the model finds columns by them, or --header yes if the first row has names",
     .options.columns = NAMES("c"), .options.column_count = 1, .options.are_of_model = true, .status = SLUICE_STATUS_BAD_DATA},
    {"a b\n1 2\n", "or one of \"a b\"; or give --delimiter, if cells are separated by another character",
     .options.columns = NAMES("b"), .options.column_count = 1, .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n1,x\n", "found 'x'; correct the cell, or give --columns without this column", .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n1,x\n", "line 2, column 2 (\"b\"): expected a number, found 'x'; correct the cell", .options.columns = NAMES("b"),
     .options.column_count = 1, .options.are_of_model = true, .status = SLUICE_STATUS_BAD_DATA},
    {"x,y\n", "t.csv: line 1: no column is left for numbers; name those to read by --columns",
     .options.text_columns = NAMES("x", "y"), .options.text_count = 2, .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n\"1,2\n3,4\n", "t.csv: line 2, column 1 (\"a\"): a cell that begins with a quote, and has no closing one before the end",
     .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n1,2\n\n3,\"\n\n", "t.csv: line 4, column 2 (\"b\"): a cell that begins with a quote", .status = SLUICE_STATUS_BAD_DATA},
    {"\"a,b\n1,2\n", "t.csv: line 1, column 1: a cell that begins with a quote", .status = SLUICE_STATUS_BAD_DATA},
    {"a,b\n\"1\"x,2\n", "line 2, column 1 (\"a\"): expected the delimiter behind the closing quote",
     .status = SLUICE_STATUS_BAD_DATA},
    {"a,\"b\" \n1,2\n", "line 1, column 2: expected the delimiter behind the closing quote", .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\r3,4\r", "line 1, column 2: a carriage return in a cell of the first row; if it ends a line, convert with tr",
     .status = SLUICE_STATUS_BAD_DATA},
    {"1,2\n", "t.csv: expected a delimiter that no number has in it", .options.delimiter = '.',
     .status = SLUICE_STATUS_BAD_ARGUMENT},
    {"1,2\n", "expected a delimiter that no number has in it", .options.delimiter = '"', .status = SLUICE_STATUS_BAD_ARGUMENT},
    {"1,2\n", "t.csv: column \"1\", number 1, is asked for twice", .options.columns = NAMES("1", "1"), .options.column_count = 2,
     .status = SLUICE_STATUS_BAD_ARGUMENT},
    {"a,2\n", "t.csv: column \"1\", number 1, is asked for twice", .options.text_columns = NAMES("1", "1"), .options.text_count = 2,
     .status = SLUICE_STATUS_BAD_ARGUMENT},
};

/* One byte at a time, and so on. */
TEST_EACH(rules, cases)
{
    static const size_t pieces[] = {1, 2, 3, 5, 1 << 20};
    const table_case *of = &cases[_i];
    for (size_t k = 0; k < sizeof pieces / sizeof pieces[0]; k++) {
        OWNED(test_table) table;
        sluice_error error = {0};
        const sluice_status status = test_table_read(of->text, strlen(of->text), pieces[k], &of->options, &table, &error);
        ck_assert_msg(status == of->status, "%s: status %d, %s", of->text, (int)status, error.message);
        if (of->status)
            test_check_message(of->text, &error, of->status, of->wanted);
        else
            ck_assert_msg(strcmp(table.text, of->wanted) == 0, "%s: expected %s, found %s", of->text, of->wanted, table.text);
    }
}

static void check_refused(const test_table *table, sluice_status status, const sluice_error *error, const char *wanted)
{
    ck_assert_int_eq(status, SLUICE_STATUS_BAD_DATA);
    test_check_message("hostile", error, SLUICE_STATUS_BAD_DATA, wanted);
    (void)table;
}

/* NUL bytes, and rows and cells that are absurdly long, whatever column they are in. */
TEST(hostile)
{
    enum { LONG = 3 << 20 };
    const sl_csv_options first = {.columns = NAMES("1"), .column_count = 1}, named = {.sequence_column = "2"};
    OWNED(test_table) nul, line, quoted, name, cell;
    FREED char *bytes = malloc(LONG + 16);
    sluice_error error = {0};
    check_refused(&nul, test_table_read("1,2\n3,\0\n", 8, 3, &first, &nul, &error), &error, "line 2, column 2: found a NUL byte");
    memset(bytes, '7', LONG + 16);
    memcpy(bytes, "1,2\n3,", 6);
    check_refused(&line, test_table_read(bytes, LONG, LONG, &first, &line, &error), &error,
                  "line 2, column 1: a row of more than 1048576 bytes");
    bytes[6] = '"';
    check_refused(&quoted, test_table_read(bytes, LONG, LONG, &first, &quoted, &error), &error,
                  "line 2, column 2: a cell that begins with a quote, and has no closing one within 1 MiB");
    bytes[6] = '7';
    bytes[6 + SL_CSV_NAME_BYTES + 1] = '\n';
    check_refused(&name, test_table_read(bytes, 6 + SL_CSV_NAME_BYTES + 2, LONG, &named, &name, &error), &error,
                  "line 2, column 2: expected a sequence's name of at most 4096 bytes, found 4097");
    const sl_csv_options all = {0};
    check_refused(&cell, test_table_read(bytes, 6 + SL_CSV_NAME_BYTES + 2, LONG, &all, &cell, &error), &error,
                  "line 2, column 2: expected a number, found '777");
}

TEST(too_many_columns)
{
    FREED char *bytes = malloc(2 * SL_CSV_MOST_COLUMNS + 2);
    OWNED(test_table) most, more;
    sluice_error error = {0};
    const sl_csv_options options = {.columns = NAMES("65536"), .column_count = 1};
    for (size_t k = 0; k <= SL_CSV_MOST_COLUMNS; k++)
        memcpy(bytes + 2 * k, "1,", 2);
    ck_assert_int_eq(test_table_read(bytes, 2 * SL_CSV_MOST_COLUMNS - 1, 4096, &options, &most, &error), SLUICE_STATUS_OK);
    ck_assert_str_eq(most.text, "{}1|.");
    check_refused(&more, test_table_read(bytes, 2 * SL_CSV_MOST_COLUMNS + 1, 4096, &options, &more, &error), &error,
                  "more than 65536 columns");
}

/* ---- Random tables --------------------------------------------------------------------------------------------------------- */

enum { MOST_COLUMNS = 9, MOST_ROWS = 60 };

typedef struct random_table {
    size_t columns, rows;
    int text, sequence; /* columns; -1: none */
    char delimiter;
    bool has_header, has_cr, has_last;
} random_table;

static void write_cell(FILE *to, uint64_t *state, const char *text, bool quotes)
{
    if (!quotes) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++)
        fprintf(to, *text == '"' ? "\"\"" : "%c", *text);
    fputc('"', to);
    (void)test_random(state);
}

/* A cell, and what the reader is to make of it, in `wanted`. */
static void write_random(FILE *to, FILE *wanted, uint64_t *state, const random_table *table, size_t column, const char *sequence)
{
    static const char *const texts[] = {"", "x", "a\nb", "q\"q", ",;\t", "\"", "2020-01-01 00:00", "\r\n"};
    if ((int)column == table->text) {
        write_cell(to, state, texts[test_random(state) % 8], true);
    } else if ((int)column == table->sequence) {
        write_cell(to, state, sequence, test_random(state) % 2);
    } else {
        char number[48];
        const float value = (float)((double)(int64_t)test_random(state) * pow(10, -(double)(test_random(state) % 25)));
        snprintf(number, sizeof number, "%.9g", value);
        write_cell(to, state, number, test_random(state) % 8 == 0);
        fprintf(wanted, "%.9g ", value);
    }
}

static random_table choose(uint64_t *state)
{
    random_table table = {.columns = 2 + test_random(state) % (MOST_COLUMNS - 1),
                          .rows = test_random(state) % MOST_ROWS,
                          .text = -1,
                          .sequence = -1,
                          .delimiter = ",;\t|"[test_random(state) % 4],
                          .has_header = test_random(state) % 2,
                          .has_cr = test_random(state) % 2,
                          .has_last = test_random(state) % 2};
    if (table.columns > 2 && test_random(state) % 2)
        table.text = (int)(test_random(state) % table.columns);
    if (table.columns > 2 && test_random(state) % 2)
        table.sequence = (table.text + 1) % (int)table.columns;
    return table;
}

/* The table's bytes, and its numbers with a '.' where a series ends. */
static void write_table(const random_table *table, uint64_t *state, FILE *to, FILE *wanted)
{
    const char *line_end = table->has_cr ? "\r\n" : "\n";
    char sequence[24] = "s0";
    for (size_t r = 0; r < table->rows + table->has_header; r++) {
        const bool is_header = table->has_header && r == 0, starts = r > (size_t)table->has_header && test_random(state) % 5 == 0;
        if (starts && table->sequence >= 0) {
            snprintf(sequence, sizeof sequence, "s%zu", r);
            fputs(".", wanted);
        }
        for (size_t k = 0; k < table->columns; k++) {
            if (k)
                fputc(table->delimiter, to);
            if (is_header)
                fprintf(to, "name %zu", k);
            else
                write_random(to, wanted, state, table, k, sequence);
        }
        if (r + 1 < table->rows + table->has_header || table->has_last)
            fputs(line_end, to);
    }
    if (table->rows)
        fputs(".", wanted);
}

/* What test_table has of numbers and ends. */
static void keep_numbers(const sl_series_block *block, FILE *to)
{
    size_t row = 0;
    for (size_t p = 0; p < block->parts; p++) {
        for (; row < block->part[p].end; row++)
            for (size_t k = 0; k < block->width; k++)
                fprintf(to, "%.9g ", block->values[row * block->width + k]);
        if (block->part[p].ends)
            fputs(".", to);
    }
}

static void check_table(const random_table *table, const char *bytes, size_t size, size_t piece, const char *wanted)
{
    char text[16], sequence[16];
    const char *texts[] = {text};
    snprintf(text, sizeof text, "%d", table->text + 1);
    snprintf(sequence, sizeof sequence, "%d", table->sequence + 1);
    const sl_csv_options options = {.delimiter = table->delimiter,
                                    .header = table->has_header ? SL_CSV_HEADER_THERE : SL_CSV_HEADER_NONE,
                                    .text_columns = texts,
                                    .text_count = table->text >= 0,
                                    .sequence_column = table->sequence >= 0 ? sequence : NULL};
    sl_text_input input = test_table_text(bytes, size, piece);
    sl_csv *csv;
    sl_series_block block;
    FREED char *found = NULL;
    size_t found_size;
    SUCCEEDS(sl_csv_open, &input, &options, &csv);
    SUCCEEDS(sl_csv_create_block, csv, &block);
    FILE *to = open_memstream(&found, &found_size);
    while (!block.is_last) {
        SUCCEEDS(sl_csv_read, csv, &block);
        keep_numbers(&block, to);
    }
    fclose(to);
    ck_assert_msg(strcmp(found, wanted) == 0, "pieces of %zu, \"%s\": expected %s, found %s", piece, bytes, wanted, found);
    sl_series_block_release(&block);
    sl_csv_close(csv);
}

TEST(random_tables)
{
    uint64_t state = test_seed();
    const size_t tries = test_by_depth(100, 2000, 20000);
    printf("seed %" PRIu64 "\n", state);
    for (size_t n = 0; n < tries; n++) {
        const random_table table = choose(&state);
        FREED char *bytes = NULL, *wanted = NULL;
        size_t size, wanted_size;
        FILE *to = open_memstream(&bytes, &size), *numbers = open_memstream(&wanted, &wanted_size);
        write_table(&table, &state, to, numbers);
        fclose(to);
        fclose(numbers);
        if (size)
            check_table(&table, bytes, size, 1 + test_random(&state) % 7, wanted);
    }
}

/* More rows and text than a block or the buffer holds. */
TEST(large_table)
{
    enum { ROWS = 200000 };
    FREED char *bytes = NULL;
    size_t size, rows = 0, series = 0;
    FILE *to = open_memstream(&bytes, &size);
    for (size_t k = 0; k < ROWS; k++)
        fprintf(to, "%zu,\"a \"\"text\"\"\nof row %zu\",%zu.5\n", k / 1000, k, k);
    fclose(to);
    const sl_csv_options options = {.sequence_column = "1", .text_columns = NAMES("2"), .text_count = 1};
    sl_text_input input = test_table_text(bytes, size, 70001);
    sl_csv *csv;
    sl_series_block block;
    SUCCEEDS(sl_csv_open, &input, &options, &csv);
    SUCCEEDS(sl_csv_create_block, csv, &block);
    while (!block.is_last) {
        SUCCEEDS(sl_csv_read, csv, &block);
        for (size_t p = 0, r = 0; p < block.parts; series += block.part[p++].ends)
            for (; r < block.part[p].end; r++, rows++) {
                char text[64];
                snprintf(text, sizeof text, "a \"text\"\nof row %zu", rows);
                ck_assert_float_eq(block.values[r], (float)((double)rows + 0.5));
                ck_assert_uint_eq(block.text_at[2 * r + 1], strlen(text));
                ck_assert(memcmp(block.text + block.text_at[2 * r], text, strlen(text)) == 0);
                snprintf(text, sizeof text, "%zu", rows / 1000);
                ck_assert(block.part[p].name_bytes == strlen(text) &&
                          memcmp(block.text + block.part[p].name_at, text, strlen(text)) == 0);
            }
    }
    ck_assert_uint_eq(rows, ROWS);
    ck_assert_uint_eq(series, ROWS / 1000);
    sl_series_block_release(&block);
    sl_csv_close(csv);
}
