/* The documentation of the fields of all rows (--fields), as rows. */
#ifndef SLUICE_PERF_REPORT_FIELD_LIST_H
#define SLUICE_PERF_REPORT_FIELD_LIST_H

#include "perf/report/result_rows.h"

/** The fields of such a row. */
extern const sl_field_table sl_field_list_fields;

/** Add a row for each field. IO, NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_field_list_add(sl_bench_report *report, sluice_error *error);

#endif
