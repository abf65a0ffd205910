#include "perf/report/field_list.h"

#include "perf/report/row_fields.h"

#include <stdio.h>

typedef struct explained {
    char field[48]; /* as code in Markdown */
    const char *rows, *column, *unit, *meaning;
    const char *name; /* the struct's own field */
} explained;

/* clang-format off */
static const sl_field fields[] = {
    {"field", offsetof(explained, name), SL_FIELD_TEXT, 0, "", "key in files", {"field", -28}},
    {"rows", offsetof(explained, rows), SL_FIELD_TEXT, 0, "", "rows that have it", {"rows", -9}},
    {"column", offsetof(explained, column), SL_FIELD_TEXT, 0, "", "heading in tables", {"column", -10}},
    {"unit", offsetof(explained, unit), SL_FIELD_TEXT, 0, "", "unit", {"unit", -11}},
    {"meaning", offsetof(explained, meaning), SL_FIELD_TEXT, 0, "", "meaning", {"meaning", -1}},
};
/* clang-format on */
const sl_field_table sl_field_list_fields = {sizeof fields / sizeof fields[0], fields};

static sluice_status add_table(const sl_field_table *table, const char *rows, sl_bench_report *report, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < table->count; k++) {
        const sl_field *field = &table->fields[k];
        explained values = {.rows = rows,
                            .column = field->column.heading ? field->column.heading : "",
                            .unit = field->unit,
                            .meaning = field->meaning,
                            .name = values.field};
        snprintf(values.field, sizeof values.field, "`%s`", field->key);
        status = sl_bench_report_add(report, sl_fields_to_row(&sl_field_list_fields, &values), error);
    }
    return status;
}

sluice_status sl_field_list_add(sl_bench_report *report, sluice_error *error)
{
    sluice_status status = add_table(&sl_case_fields, "cases", report, error);
    status = status ? status : add_table(&sl_kernel_fields, "--kernels", report, error);
    status = status ? status : add_table(&sl_context_fields, "all", report, error);
    return status ? status : add_table(&sl_bandwidth_fields, "all", report, error);
}
