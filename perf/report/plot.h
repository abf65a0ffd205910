/* Pictures of a run: throughput against threads, and the roofline. */
#ifndef SLUICE_PERF_REPORT_PLOT_H
#define SLUICE_PERF_REPORT_PLOT_H

#include "perf/report/record.h"
#include "program/svg.h"

#include <stddef.h>

/** Rows that differ in the threads only: one line of a picture. */
typedef struct sl_series {
    char label[2 * SL_LABEL_BYTES];
    size_t count;
    const json_t **rows; /* [count] in the record's order */
} sl_series;

/** Series of a record, at most as many as there are styles. */
typedef struct sl_series_list {
    size_t count;
    sl_series series[SL_SVG_STYLES];
} sl_series_list;

/**
 * Put the cases among the rows into series; where their environments differ, OMP_PROC_BIND and OMP_PLACES distinguish series
 * too and are part of the labels. The rows must live as long as the list.
 * @retval BAD_ARGUMENT there is no case, or there are more series than styles.
 * @retval NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_series_create(const json_t *rows, sl_series_list *list, sluice_error *error);

void sl_series_destroy(sl_series_list *list);

/** Throughput of the one thread that the rows are compared with; 0: not known. */
double sl_series_alone(const sl_series *series);

/** Legend of the series from `top` down in two columns between left and right; returns the y below it. */
double sl_plot_legend(const sl_svg *svg, const sl_series_list *list, double left, double right, double top);

/** A row's mark, with '!' above it where its share of the peak is not reliable. */
void sl_plot_mark(const sl_svg *svg, unsigned style, const json_t *row, sl_point at);

/** Lines of a caption, at most. */
enum { SL_CAPTION_LINES = 5 };

/** Caption: `names`, which says how to read the picture; the meaning of '!', if there is one; machine and threads; version,
 *  compiler and date; the command. `at` is the first line's place. */
void sl_plot_caption(const sl_svg *svg, const sl_series_list *list, const char *names, sl_point at);

/** Draw throughput against threads with each series' ideal line, and efficiency, into an SVG file. Errors as sl_series_create,
 *  and IO. */
SLUICE_WARN_UNUSED sluice_status sl_plot_threads(const json_t *rows, const char *path, sluice_error *error);

/**
 * Draw the rows into an SVG file; those without work for each byte, peers' for example, are left out.
 * @retval BAD_ARGUMENT no row of a case is left, too many series, or they were run without --roofline, so that bandwidths are not
 *                      known.
 * @retval IO, NO_MEMORY
 */
SLUICE_WARN_UNUSED sluice_status sl_roofline_plot(const json_t *rows, const char *path, sluice_error *error);

#endif
