#include "perf/report/result_rows.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/output.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Digits of a real number for programs: more than any clock here is worth. */
enum { DIGITS = 9 };

struct sl_bench_report {
    sl_output output;
    size_t bytes; /* written */
    FILE *text;   /* of the row being put together */
    sl_bench_format format;
    const sl_field_table *fields;
    unsigned shown;
    json_t *context;
    size_t rows;  /* written */
    json_t *kept; /* all rows */
};

const char *sl_bench_format_get_name(size_t format)
{
    static const char *const names[] = {"table", "csv", "json", "jsonl", "md"};
    return format < sizeof names / sizeof names[0] ? names[format] : NULL;
}

/* ---- Cells ------------------------------------------------------------------------------------------------------------------ */

static void format_real(double value, const sl_column *column, char *buffer, size_t bytes)
{
    const double shown = value * (column->scale != 0 ? column->scale : 1);
    if (column->decimals < 0 && shown != 0)
        snprintf(buffer, bytes, "%.*e", -column->decimals, shown);
    else
        snprintf(buffer, bytes, "%.*f", column->decimals < 0 ? 0 : column->decimals, shown);
}

/* Text of a value as people read it: its own, or in the buffer. */
static const char *format_value(const json_t *value, const sl_column *column, char *buffer, size_t bytes)
{
    if (json_is_string(value))
        return json_string_value(value);
    if (json_is_real(value))
        format_real(json_real_value(value), column, buffer, bytes);
    else if (json_is_integer(value))
        snprintf(buffer, bytes, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    else
        snprintf(buffer, bytes, "%s", json_is_true(value) ? "yes" : json_is_false(value) ? "no" : "-");
    return buffer;
}

/* The first column from field k on; NULL: there are no more. */
static const sl_field *find_column(const sl_bench_report *report, size_t *k)
{
    for (; *k < report->fields->count; ++*k) {
        const sl_field *field = &report->fields->fields[*k];
        const unsigned special = field->flags & (SL_FIELD_OF_PEERS | SL_FIELD_OF_NETWORKS | SL_FIELD_OF_PRECISIONS);
        if (field->column.heading && (!special || special & report->shown))
            return field;
    }
    return NULL;
}

/* Text of a field of a row; of none (NULL) the heading. */
static const char *format_field(const sl_field *field, const json_t *row, char *buffer, size_t bytes)
{
    const sl_column *column = &field->column;
    if (!row)
        return column->heading;
    const char *text = format_value(json_object_get(row, field->key), column, buffer, bytes);
    if (text == buffer && column->is_impossible && column->is_impossible(row)) {
        const size_t used = strlen(buffer);
        snprintf(buffer + used, bytes - used, "!");
    }
    return text;
}

/* A line of a table: the headings, or the values of a row. */
static void write_table(const sl_bench_report *report, const json_t *row)
{
    const sl_field *field;
    for (size_t k = 0, written = 0; (field = find_column(report, &k)); k++, written++) {
        char buffer[64];
        fprintf(report->text, "%s%*s", written ? " " : "", field->column.width, format_field(field, row, buffer, sizeof buffer));
    }
    putc('\n', report->text);
}

/* Likewise in Markdown. */
static void write_md(const sl_bench_report *report, const json_t *row)
{
    const sl_field *field;
    for (size_t k = 0; (field = find_column(report, &k)); k++) {
        char buffer[64];
        fprintf(report->text, "| %s ", format_field(field, row, buffer, sizeof buffer));
    }
    fputs("|\n", report->text);
}

static void write_md_head(const sl_bench_report *report)
{
    const sl_field *field;
    if (json_object_size(report->context))
        putc('\n', report->text);
    write_md(report, NULL);
    for (size_t k = 0; (field = find_column(report, &k)); k++)
        fputs(field->column.width < 0 ? "|---" : "|--:", report->text);
    fputs("|\n", report->text);
}

static void write_context(const sl_bench_report *report, const char *lead)
{
    const char *key;
    json_t *value;
    json_object_foreach(report->context, key, value)
    {
        char buffer[64];
        fprintf(report->text, "%s%s: %s\n", lead, key, format_value(value, &(sl_column){.decimals = 1}, buffer, sizeof buffer));
    }
}

/* A field as RFC 4180 has it. */
static void write_csv_text(FILE *out, const char *text)
{
    const bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted)
        putc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', out);
        putc(*text, out);
    }
    if (quoted)
        putc('"', out);
}

/* The cells stand under the first row's keys, whatever order or further keys this row has. */
static void write_csv(const sl_bench_report *report, json_t *row)
{
    const char *key, *separator = "";
    json_t *first = json_array_get(report->kept, 0), *unused;
    json_object_foreach(first, key, unused)
    {
        const json_t *value = json_object_get(row, key);
        fputs(separator, report->text);
        separator = ",";
        if (json_is_real(value))
            fprintf(report->text, "%.*g", DIGITS, json_real_value(value));
        else if (json_is_integer(value))
            fprintf(report->text, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        else if (json_is_boolean(value))
            fputs(json_is_true(value) ? "true" : "false", report->text);
        else
            write_csv_text(report->text, json_is_string(value) ? json_string_value(value) : "");
    }
    putc('\n', report->text);
}

static void write_csv_head(const sl_bench_report *report, json_t *row)
{
    const char *key, *separator = "";
    json_t *value;
    json_object_foreach(row, key, value)
    {
        fputs(separator, report->text);
        separator = ",";
        write_csv_text(report->text, key);
    }
    putc('\n', report->text);
}

/* ---- The report ------------------------------------------------------------------------------------------------------------- */

sluice_status sl_bench_report_create(const char *path, sl_bench_format format, const sl_field_table *fields, unsigned shown,
                                     json_t *context, sl_bench_report **report, sluice_error *error)
{
    *report = NULL;
    sl_bench_report *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "a report", sizeof *made);
    *made = (sl_bench_report){.format = format, .fields = fields, .shown = shown, .context = json_incref(context)};
    made->kept = json_array();
    const sluice_status status =
        made->kept ? sl_output_create(path, &made->output, error) : sl_fail_memory(error, "a report", sizeof *made);
    if (status) {
        sl_bench_report_abort(made);
        return status;
    }
    *report = made;
    return SLUICE_STATUS_OK;
}

static void write_head(const sl_bench_report *report, json_t *row)
{
    switch (report->format) {
    case SL_BENCH_TABLE:
        write_context(report, "# ");
        write_table(report, NULL);
        break;
    case SL_BENCH_MD:
        write_context(report, "- ");
        write_md_head(report);
        break;
    case SL_BENCH_CSV:
        write_csv_head(report, row);
        break;
    case SL_BENCH_JSON:
        fputs("[\n", report->text);
        break;
    case SL_BENCH_JSONL:
        break;
    }
}

static void write_row(const sl_bench_report *report, json_t *row)
{
    switch (report->format) {
    case SL_BENCH_TABLE:
        write_table(report, row);
        break;
    case SL_BENCH_MD:
        write_md(report, row);
        break;
    case SL_BENCH_CSV:
        write_csv(report, row);
        break;
    case SL_BENCH_JSON:
        if (report->rows)
            fputs(",\n", report->text);
        (void)json_dumpf(row, report->text, JSON_REAL_PRECISION(DIGITS));
        break;
    case SL_BENCH_JSONL:
        (void)json_dumpf(row, report->text, JSON_REAL_PRECISION(DIGITS));
        putc('\n', report->text);
        break;
    }
}

/* Put the row's text together, then write it at one go. */
static sluice_status add(sl_bench_report *report, json_t *row, sluice_error *error)
{
    char *text = NULL;
    size_t bytes = 0;
    sluice_status status = SLUICE_STATUS_OK;
    report->text = open_memstream(&text, &bytes);
    if (!report->text)
        return sl_fail_memory(error, "a row of results", BUFSIZ);
    if (report->rows == 0)
        write_head(report, row);
    write_row(report, row);
    const bool failed = ferror(report->text) != 0;
    if (fclose(report->text) != 0 || failed)
        status = sl_fail_memory(error, "a row of results", bytes);
    status = status ? status : sl_output_write(&report->output, report->bytes, text, bytes, error);
    report->bytes += bytes;
    report->rows++;
    free(text);
    return status;
}

sluice_status sl_bench_report_add(sl_bench_report *report, json_t *row, sluice_error *error)
{
    sluice_status status;
    if (row && (!report->context || json_object_update(row, report->context) == 0) && json_array_append(report->kept, row) == 0)
        status = add(report, row, error);
    else
        status = sl_fail_memory(error, "a row of results", sizeof *row);
    json_decref(row);
    return status;
}

json_t *sl_bench_report_get_rows(const sl_bench_report *report)
{
    return report->kept;
}

sluice_status sl_bench_report_commit(sl_bench_report *report, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    if (report->format == SL_BENCH_JSON) {
        const char *end = report->rows ? "\n]\n" : "[]\n";
        status = sl_output_write(&report->output, report->bytes, end, strlen(end), error);
    }
    status = status ? status : sl_output_commit(&report->output, error);
    sl_bench_report_abort(report);
    return status;
}

void sl_bench_report_abort(sl_bench_report *report)
{
    if (!report)
        return;
    sl_output_abort(&report->output);
    json_decref(report->kept);
    json_decref(report->context);
    sl_free(report);
}
