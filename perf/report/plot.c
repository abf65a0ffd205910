#include "perf/report/plot.h"

#include "perf/report/row_fields.h"

#include "base/error.h"
#include "base/memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { WIDTH = 960, TOP = 40, HEIGHT = 330, LINE = 18 };

/* ---- Series ---------------------------------------------------------------------------------------------------------------- */

/* The value of a variable in a row's environment, "spread" of "OMP_PROC_BIND=spread OMP_PLACES=cores"; length 0: not set. */
static const char *find_variable(const json_t *row, const char *name, size_t *length)
{
    const size_t named = strlen(name);
    for (const char *word = sl_record_text(row, "environment"); *word; word += strspn(word, " ")) {
        const size_t all = strcspn(word, " ");
        if (all > named && strncmp(word, name, named) == 0 && word[named] == '=') {
            *length = all - named - 1;
            return word + named + 1;
        }
        word += all;
    }
    *length = 0;
    return "";
}

static bool is_bound_alike(const json_t *a, const json_t *b)
{
    static const char *const names[] = {"OMP_PROC_BIND", "OMP_PLACES"};
    for (size_t k = 0; k < sizeof names / sizeof names[0]; k++) {
        size_t of_a, of_b;
        const char *x = find_variable(a, names[k], &of_a), *y = find_variable(b, names[k], &of_b);
        if (of_a != of_b || memcmp(x, y, of_a) != 0)
            return false;
    }
    return true;
}

static void label_series(sl_series *series, const json_t *row, bool with_binding)
{
    char label[SL_LABEL_BYTES];
    size_t bind_length, places_length;
    const char *bind = find_variable(row, "OMP_PROC_BIND", &bind_length),
               *places = find_variable(row, "OMP_PLACES", &places_length);
    snprintf(series->label, sizeof series->label, "%s", sl_record_label(row, label));
    if (with_binding)
        snprintf(series->label, sizeof series->label, "%s, bind %.*s, places %.*s", label, bind_length ? (int)bind_length : 5,
                 bind_length ? bind : "unset", places_length ? (int)places_length : 5, places_length ? places : "unset");
}

/* The series that a row belongs to; NULL when there is none yet. */
static sl_series *find_series(sl_series_list *list, const json_t *row)
{
    for (size_t s = 0; s < list->count; s++)
        if (sl_record_is_alike(list->series[s].rows[0], row, false) && is_bound_alike(list->series[s].rows[0], row))
            return &list->series[s];
    return NULL;
}

/* A new series; `rows` is the most that it can hold. */
static sluice_status add_series(sl_series_list *list, const json_t *row, size_t rows, bool with_binding, sl_series **series,
                                sluice_error *error)
{
    if (list->count == SL_SVG_STYLES)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "a picture has room for %d lines, and the rows make more; ask for fewer shapes or settings at a time",
                       SL_SVG_STYLES);
    *series = &list->series[list->count];
    (*series)->rows = sl_alloc_array(rows, sizeof *(*series)->rows);
    if (!(*series)->rows)
        return sl_fail_memory(error, "a picture's rows", rows * sizeof *(*series)->rows);
    label_series(*series, row, with_binding);
    list->count++;
    return SLUICE_STATUS_OK;
}

sluice_status sl_series_create(const json_t *rows, sl_series_list *list, sluice_error *error)
{
    const json_t *row, *first = json_array_get(rows, 0);
    size_t k;
    bool with_binding = false;
    sluice_status status = SLUICE_STATUS_OK;
    *list = (sl_series_list){0};
    json_array_foreach(rows, k, row)
    {
        with_binding |= !is_bound_alike(first, row);
    }
    json_array_foreach(rows, k, row)
    {
        if (status || sl_record_number(row, "gflops") <= 0 || !json_object_get(row, "steps"))
            continue;
        sl_series *series = find_series(list, row);
        if (!series)
            status = add_series(list, row, json_array_size(rows), with_binding, &series, error);
        if (!status)
            series->rows[series->count++] = row;
    }
    if (!status && !list->count)
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "a picture needs rows of cases; there is none");
    if (status)
        sl_series_destroy(list);
    return status;
}

void sl_series_destroy(sl_series_list *list)
{
    for (size_t s = 0; s < list->count; s++)
        sl_free(list->series[s].rows);
    *list = (sl_series_list){0};
}

double sl_series_alone(const sl_series *series)
{
    for (size_t k = 0; k < series->count; k++) {
        const double efficiency = sl_record_number(series->rows[k], "efficiency");
        if (efficiency > 0)
            return sl_record_number(series->rows[k], "gflops") / efficiency / sl_record_number(series->rows[k], "threads");
    }
    return 0;
}

/* ---- Around the panels ------------------------------------------------------------------------------------------------------ */

double sl_plot_legend(const sl_svg *svg, const sl_series_list *list, double left, double right, double top)
{
    enum { SAMPLE = 36 };
    const size_t lines = (list->count + 1) / 2;
    for (size_t s = 0; s < list->count; s++) {
        const double x = s < lines ? left : (left + right) / 2 + 20, y = top + (double)(s % lines) * LINE;
        sl_svg_curve(svg, (unsigned)s, 2, (sl_point[]){{x, y}, {x + SAMPLE, y}});
        sl_svg_mark(svg, (unsigned)s, (sl_point){x + SAMPLE / 2.0, y});
        sl_svg_text(svg, (sl_point){x + SAMPLE + 8, y + 4}, SL_ANCHOR_START, "", list->series[s].label);
    }
    return top + (double)lines * LINE;
}

void sl_plot_mark(const sl_svg *svg, unsigned style, const json_t *row, sl_point at)
{
    sl_svg_mark(svg, style, at);
    if (sl_row_exceeds_peak(row))
        sl_svg_text(svg, (sl_point){at.x, at.y - 8}, SL_ANCHOR_MIDDLE, "title", "!");
}

/* Whether some row of the series has a '!'. */
static bool has_warnings(const sl_series_list *list)
{
    for (size_t s = 0; s < list->count; s++)
        for (size_t k = 0; k < list->series[s].count; k++)
            if (sl_row_exceeds_peak(list->series[s].rows[k]))
                return true;
    return false;
}

/* Machine and threads, then version, compiler and date, then the command. */
static void draw_context(const sl_svg *svg, const json_t *row, sl_point at)
{
    enum { SHOWN = 150 }; /* characters of a line that is sure to fit */
    char text[1024];
    snprintf(text, sizeof text, "%s (%s); %s; threads: %s", sl_record_text(row, "cpu"), sl_record_text(row, "cpu_id"),
             sl_record_text(row, "caches"), sl_record_text(row, "cpus"));
    sl_svg_text(svg, at, SL_ANCHOR_START, "small", text);
    snprintf(text, sizeof text, "sluice %s (%s), %s, %s; %s", sl_record_text(row, "version"), sl_record_text(row, "git"),
             sl_record_text(row, "compiler"), sl_record_text(row, "openmp"), sl_record_text(row, "date"));
    sl_svg_text(svg, (sl_point){at.x, at.y + LINE}, SL_ANCHOR_START, "small", text);
    const char *command = sl_record_text(row, "command");
    snprintf(text, sizeof text, "%.*s%s", SHOWN, command, strlen(command) > SHOWN ? " ..." : "");
    sl_svg_text(svg, (sl_point){at.x, at.y + 2.0 * LINE}, SL_ANCHOR_START, "small", text);
}

void sl_plot_caption(const sl_svg *svg, const sl_series_list *list, const char *names, sl_point at)
{
    sl_svg_text(svg, at, SL_ANCHOR_START, "small", names);
    at.y += LINE;
    if (has_warnings(list)) {
        sl_svg_text(svg, at, SL_ANCHOR_START, "small",
                    "!: faster than the peak measured beside it, as the machine was busy then; not reliable.");
        at.y += LINE;
    }
    draw_context(svg, list->series[0].rows[0], at);
}

/* ---- Throughput against threads --------------------------------------------------------------------------------------------- */

/* How far the axes have to reach. */
typedef struct reach {
    double threads, gflops, efficiency;
    double cpus; /* that threads can use; 0: not known */
} reach;

static reach find_reach(const sl_series_list *list)
{
    reach most = {.threads = 2, .efficiency = 1};
    most.cpus = atof(sl_record_text(list->series[0].rows[0], "cpus"));
    for (size_t s = 0; s < list->count; s++)
        for (size_t k = 0; k < list->series[s].count; k++) {
            const json_t *row = list->series[s].rows[k];
            most.threads = fmax(most.threads, sl_record_number(row, "threads"));
            most.gflops = fmax(most.gflops, sl_record_number(row, "gflops"));
            most.efficiency = fmax(most.efficiency, sl_record_number(row, "efficiency"));
        }
    const double used = most.cpus > 0 ? fmin(most.threads, most.cpus) : most.threads;
    for (size_t s = 0; s < list->count; s++)
        most.gflops = fmax(most.gflops, used * sl_series_alone(&list->series[s]));
    return most;
}

static sluice_status draw_series(const sl_svg *svg, const sl_panel *panel, const sl_series *series, unsigned style, const char *key,
                                 sluice_error *error)
{
    sl_point *points = sl_alloc_array(series->count, sizeof *points);
    size_t count = 0;
    if (!points)
        return sl_fail_memory(error, "a picture's points", series->count * sizeof *points);
    for (size_t k = 0; k < series->count; k++) {
        const json_t *row = series->rows[k];
        if (sl_record_number(row, key) <= 0)
            continue;
        points[count] = sl_panel_place(panel, sl_record_number(row, "threads"), sl_record_number(row, key));
        sl_plot_mark(svg, style, row, points[count++]);
    }
    if (count > 1)
        sl_svg_curve(svg, style, count, points);
    sl_free(points);
    return SLUICE_STATUS_OK;
}

/* Threads times one thread's throughput up to the number of CPUs; constant beyond. */
static void draw_ideal(const sl_svg *svg, const sl_panel *panel, const sl_series *series, const reach *most)
{
    const double alone = sl_series_alone(series), last = most->cpus > 0 ? fmin(most->cpus, most->threads) : most->threads;
    if (alone > 0)
        sl_svg_line(svg, "ideal", 3,
                    (sl_point[]){sl_panel_place(panel, 1, alone), sl_panel_place(panel, last, last * alone),
                                 sl_panel_place(panel, most->threads, last * alone)});
}

/* The best possible efficiency: 1 up to the number of CPUs, CPUs / threads beyond. */
static void draw_ideal_efficiency(const sl_svg *svg, const sl_panel *panel, const reach *most)
{
    enum { POINTS = 40 };
    sl_point points[POINTS + 2] = {sl_panel_place(panel, 1, 1)};
    const double last = most->cpus > 0 ? fmin(most->cpus, most->threads) : most->threads;
    for (size_t k = 0; k <= POINTS; k++) {
        const double threads = last + (most->threads - last) * (double)k / POINTS;
        points[k + 1] = sl_panel_place(panel, threads, last / threads);
    }
    sl_svg_line(svg, "ideal", POINTS + 2, points);
}

/* Where there are more threads than CPUs. */
static void draw_shade(const sl_svg *svg, const sl_panel *panel, const reach *most)
{
    if (!(most->cpus > 0 && most->cpus < most->threads))
        return;
    const sl_point at = sl_panel_place(panel, most->cpus, panel->y.most);
    fprintf(svg->out, "<rect class=\"shade\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\"/>\n", at.x, at.y,
            panel->x.to - at.x, panel->y.from - at.y);
    sl_svg_text(svg, (sl_point){at.x + 6, panel->y.from - 8}, SL_ANCHOR_START, "small", "more threads than CPUs");
}

static sluice_status draw(const sl_svg *svg, const sl_series_list *list, sluice_error *error)
{
    const reach most = find_reach(list);
    const bool weak = strcmp(sl_record_text(list->series[0].rows[0], "scaling"), "weak") == 0;
    const double margin = 0.04 * (most.threads - 1); /* so that marks do not lie on the frame */
    const sl_panel throughput = {{1 - margin, most.threads + margin, 62, 470, false, true},
                                 {0, 1.08 * most.gflops, TOP + HEIGHT, TOP, false, false},
                                 weak ? "Throughput, rows for each thread fixed" : "Throughput",
                                 "threads",
                                 "useful GFLOP/s"};
    const sl_panel efficiency = {{1 - margin, most.threads + margin, 542, 950, false, true},
                                 {0, 1.08 * most.efficiency, TOP + HEIGHT, TOP, false, false},
                                 "Efficiency",
                                 "threads",
                                 "throughput / (threads x one thread's)"};
    sluice_status status = SLUICE_STATUS_OK;
    draw_shade(svg, &throughput, &most);
    draw_shade(svg, &efficiency, &most);
    sl_svg_panel(svg, &throughput);
    sl_svg_panel(svg, &efficiency);
    draw_ideal_efficiency(svg, &efficiency, &most);
    for (unsigned s = 0; s < list->count; s++)
        draw_ideal(svg, &throughput, &list->series[s], &most);
    for (unsigned s = 0; !status && s < list->count; s++) {
        status = draw_series(svg, &throughput, &list->series[s], s, "gflops", error);
        status = status ? status : draw_series(svg, &efficiency, &list->series[s], s, "efficiency", error);
    }
    return status;
}

sluice_status sl_plot_threads(const json_t *rows, const char *path, sluice_error *error)
{
    sl_series_list list;
    sl_svg svg;
    sluice_status status = sl_series_create(rows, &list, error);
    if (status)
        return status;
    const double legend = TOP + HEIGHT + 60, caption = legend + (double)((list.count + 1) / 2) * LINE + 12;
    if (!sl_svg_begin(&svg, WIDTH, caption + SL_CAPTION_LINES * LINE, "Throughput and efficiency against threads")) {
        sl_series_destroy(&list);
        return sl_fail_memory(error, "a picture", WIDTH);
    }
    status = draw(&svg, &list, error);
    const double below = sl_plot_legend(&svg, &list, 62, WIDTH - 10, legend);
    sl_plot_caption(&svg, &list,
                    "Names: steps, rows, units (64t: 64 rows for each thread). Grey dots: the ideal, one thread's throughput times "
                    "the threads that have a CPU.",
                    (sl_point){62, below + 12});
    sl_series_destroy(&list);
    if (!status)
        return sl_svg_end(&svg, path, error);
    sl_svg_abort(&svg);
    return status;
}
