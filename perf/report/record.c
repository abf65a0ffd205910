#include "perf/report/record.h"

#include "perf/report/row_fields.h"

#include "base/error.h"
#include "io/input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Fields ---------------------------------------------------------------------------------------------------------------- */

double sl_record_number(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

const char *sl_record_text(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

bool sl_record_is_same(const json_t *a, const json_t *b, const char *key)
{
    const json_t *x = json_object_get(a, key), *y = json_object_get(b, key);
    x = json_is_null(x) ? NULL : x; /* records of earlier versions lack it */
    y = json_is_null(y) ? NULL : y;
    return x && y ? json_equal(x, y) : x == y;
}

/* Whether the row's batch was made to grow with the threads. */
static bool grows(const json_t *row)
{
    return strcmp(sl_record_text(row, "scaling"), "weak") == 0;
}

static double rows_per_thread(const json_t *row)
{
    return sl_record_number(row, "batch") / sl_record_number(row, "threads");
}

/* Whether two rows have the same in all fields of the table that identify a measurement. A field that rows of a kind do not have is
 * the same in them. */
static bool is_identical(const sl_field_table *table, const json_t *a, const json_t *b, const char *ignored)
{
    for (size_t k = 0; k < table->count; k++) {
        const sl_field *field = &table->fields[k];
        if (field->flags & SL_FIELD_IDENTITY && strcmp(field->key, ignored) != 0 && !sl_record_is_same(a, b, field->key))
            return false;
    }
    return true;
}

bool sl_record_is_alike(const json_t *a, const json_t *b, bool with_threads)
{
    const bool per_thread = !with_threads && grows(a) && grows(b);
    if (!is_identical(&sl_case_fields, a, b, per_thread ? "batch" : "") || !is_identical(&sl_kernel_fields, a, b, ""))
        return false;
    if (per_thread)
        return rows_per_thread(a) == rows_per_thread(b);
    return !with_threads || sl_record_is_same(a, b, "threads");
}

/* ---- Labels ---------------------------------------------------------------------------------------------------------------- */

/* Append " word" to text that has room for SL_LABEL_BYTES. */
static void append(char *text, const char *word)
{
    const size_t used = strlen(text);
    if (*word)
        snprintf(text + used, SL_LABEL_BYTES - used, "%s%s", used ? " " : "", word);
}

/* Append `letter` and the number, if it is more than 1. */
static void append_count(char *text, const char *letter, double number)
{
    char word[16];
    snprintf(word, sizeof word, "%s%.0f", letter, number);
    if (number > 1)
        append(text, word);
}

static void label_case(const json_t *row, char text[SL_LABEL_BYTES])
{
    const double input = sl_record_number(row, "input"), hidden = sl_record_number(row, "hidden");
    const char *ragged = sl_record_text(row, "ragged"), *gemm = sl_record_text(row, "gemm");
    const char *schedule = sl_record_text(row, "schedule"), *peer = sl_record_text(row, "peer"),
               *pass = sl_record_text(row, "pass");
    const char *network = sl_record_text(row, "network"), *precision = sl_record_text(row, "precision");
    char shape[SL_LABEL_BYTES], units[80];
    if (*network)
        snprintf(units, sizeof units, "%s", network);
    else if (input != hidden)
        snprintf(units, sizeof units, "%.0f,%.0f", input, hidden);
    else
        snprintf(units, sizeof units, "%.0f", hidden);
    snprintf(shape, sizeof shape, "%.0f,%.0f%s,%s", sl_record_number(row, "steps"),
             grows(row) ? rows_per_thread(row) : sl_record_number(row, "batch"), grows(row) ? "t" : "", units);
    append(text, shape);
    append(text, strcmp(ragged, "none") == 0 ? "" : ragged);
    append(text, strcmp(pass, "both") == 0 ? "train" : pass);
    append_count(text, "L", *network ? 1 : sl_record_number(row, "layers"));
    append_count(text, "D", *network ? 1 : sl_record_number(row, "directions"));
    append(text, sl_record_text(row, "isa"));
    append(text, strcmp(gemm, "fused") == 0 ? "" : gemm);
    append(text, strcmp(precision, "f32") == 0 ? "" : precision);
    append(text, strcmp(schedule, "auto") == 0 || strcmp(gemm, "blis") == 0 ? "" : schedule);
    append(text, strcmp(peer, "sluice") == 0 ? "" : peer);
}

const char *sl_record_label(const json_t *row, char text[SL_LABEL_BYTES])
{
    *text = '\0';
    if (json_object_get(row, "kernel")) {
        append(text, sl_record_text(row, "kernel"));
        append(text, sl_record_text(row, "shape"));
        append(text, sl_record_text(row, "isa"));
        append(text, sl_record_text(row, "by"));
    } else {
        label_case(row, text);
    }
    return text;
}

/* ---- Reading --------------------------------------------------------------------------------------------------------------- */

static bool is_flat(json_t *value)
{
    const char *key;
    json_t *field;
    json_object_foreach(value, key, field)
    {
        if (json_is_object(field) || json_is_array(field))
            return false;
    }
    return true;
}

/* Check one value of a file; `number` is its place among the rows. */
static sluice_status check_row(const char *path, json_t *value, size_t number, sluice_error *error)
{
    const bool is_kernel = json_object_get(value, "kernel") != NULL;
    const sl_field *invalid = NULL;
    if (json_is_object(value) && is_flat(value)) {
        invalid = sl_fields_find_invalid(is_kernel ? &sl_kernel_fields : &sl_case_fields, value);
        invalid = invalid ? invalid : sl_fields_find_invalid(&sl_context_fields, value);
        if (!invalid)
            return SLUICE_STATUS_OK;
    }
    return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                   "%s: row %zu%s%s%s%s: not a row of sluice-bench; expected a record that --format json or jsonl wrote", path,
                   number, invalid ? ": '" : "", invalid ? invalid->key : "", invalid ? "' is not " : "",
                   invalid ? sl_field_describe_type(invalid->type) : "");
}

/* A clean copy of a row; NULL: no memory. Cases of earlier versions, which do not say so, are of f32. */
static json_t *copy_row(json_t *row)
{
    const char *key;
    json_t *value, *copy = json_object();
    bool failed = !copy;
    json_object_foreach(row, key, value)
    {
        char *name = sl_field_clean_text(key), *text = json_is_string(value) ? sl_field_clean_text(json_string_value(value)) : NULL;
        json_t *field = json_is_string(value) ? json_string(text) : json_incref(value);
        failed |= json_object_set_new(copy, name, field) != 0;
        free(name);
        free(text);
    }
    if (copy && !json_object_get(copy, "kernel") && !json_object_get(copy, "precision"))
        failed |= json_object_set_new(copy, "precision", json_string("f32")) != 0;
    if (failed) {
        json_decref(copy);
        return NULL;
    }
    return copy;
}

/* Append a value of the file, a row or an array of them. */
static sluice_status take_value(const char *path, json_t *value, json_t *rows, sluice_error *error)
{
    const size_t count = json_is_array(value) ? json_array_size(value) : 1;
    for (size_t k = 0; k < count; k++) {
        json_t *row = json_is_array(value) ? json_array_get(value, k) : value;
        const sluice_status status = check_row(path, row, json_array_size(rows) + 1, error);
        if (status)
            return status;
        if (json_array_append_new(rows, copy_row(row)) != 0)
            return sl_fail_memory(error, "a record", sizeof *row);
    }
    return SLUICE_STATUS_OK;
}

/* Whether there is more than white space left; what follows that is left in the file. */
static bool has_more(FILE *file)
{
    int c;
    while ((c = getc(file)) == ' ' || c == '\n' || c == '\r' || c == '\t')
        continue;
    return c != EOF && ungetc(c, file) != EOF;
}

/* Skip a UTF-8 byte order mark, as editors write it; refuse gzip data. */
static sluice_status read_head(const char *path, FILE *file, sluice_error *error)
{
    static const unsigned char mark[] = {0xef, 0xbb, 0xbf}, gzip = 0x1f;
    const int c = getc(file);
    if (c == gzip)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: expected JSON, found gzip data; gunzip -c < FILE > NEW unpacks it",
                       path);
    if (c != mark[0]) {
        ungetc(c, file); /* EOF stays */
        return SLUICE_STATUS_OK;
    }
    if (getc(file) == mark[1] && getc(file) == mark[2])
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: byte 0: expected a record that --format json or jsonl wrote", path);
}

static sluice_status read_values(const char *path, FILE *file, json_t *rows, sluice_error *error)
{
    sluice_status status = read_head(path, file, error);
    while (!status && has_more(file)) {
        json_error_t wrong;
        json_t *value = json_loadf(file, JSON_DISABLE_EOF_CHECK, &wrong);
        status =
            value ? take_value(path, value, rows, error)
                  : sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: line %d: %s; expected a record that --format json or jsonl wrote",
                            path, wrong.line, wrong.text);
        json_decref(value);
    }
    if (ferror(file))
        return sl_fail(error, SLUICE_STATUS_IO, "%s: cannot be read: %s", path, strerror(errno));
    if (!status && json_array_size(rows) == 0)
        status = sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: the record has no row; run sluice-bench --format json -o FILE", path);
    return status;
}

sluice_status sl_record_read(const char *path, json_t **rows, sluice_error *error)
{
    *rows = NULL;
    sl_input input;
    sluice_status status = sl_input_open(path, &input, error);
    if (status)
        return status;
    FILE *file = fdopen(input.fd, "r");
    json_t *read = json_array();
    if (!file || !read)
        status = sl_fail_memory(error, "a record", sizeof *read);
    else
        status = read_values(path, file, read, error);
    if (file) {
        input.fd = -1; /* closed with the file */
        fclose(file);
    }
    sl_input_close(&input);
    if (status)
        json_decref(read);
    else
        *rows = read;
    return status;
}
