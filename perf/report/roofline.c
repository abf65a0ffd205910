#include "perf/report/plot.h"
#include "perf/report/plot_labels.h"

#include "base/error.h"

#include <math.h>
#include <stdio.h>

enum { WIDTH = 960, TOP = 40, HEIGHT = 420, LINE = 18, LEFT = 70, RIGHT = 950 };

/* The levels of memory that have a roof, and the fields with their bandwidths: of one thread, and of all. */
static const struct {
    const char *name, *key, *key_all;
} levels[] = {
    {"L2", "l2_gbytes_per_second", "l2_gbytes_per_second_all"},
    {"L3", "l3_gbytes_per_second", "l3_gbytes_per_second_all"},
    {"DRAM", "dram_gbytes_per_second", "dram_gbytes_per_second_all"},
};
enum { DRAM = 2, LEVELS = 3 };

static double get_bandwidth(const json_t *row, size_t level, bool all)
{
    return sl_record_number(row, all ? levels[level].key_all : levels[level].key);
}

typedef struct roofs {
    double peak;            /* of one thread, GFLOP/s */
    double threads;         /* of the upper roofs */
    double least_x, most_x; /* FLOP per byte */
    double least_y, most_y; /* GFLOP/s */
} roofs;

/* The rows that have a place in the picture: those of cases whose work for each byte is known. The caller's; NULL: no memory. */
static json_t *select_rows(const json_t *rows)
{
    static const char *const needed[] = {"flop_per_byte", "gflops", "peak_gflops", "threads", NULL};
    json_t *selected = json_array(), *row;
    size_t k;
    bool failed = !selected;
    json_array_foreach(rows, k, row)
    {
        const char *const *key = needed;
        while (*key && sl_record_number(row, *key) > 0)
            key++;
        failed |= !*key && json_array_append(selected, row) != 0;
    }
    if (failed) {
        json_decref(selected);
        return NULL;
    }
    return selected;
}

static roofs find_roofs(const sl_series_list *list)
{
    const json_t *first = list->series[0].rows[0];
    roofs found = {.threads = sl_record_number(first, "read_threads"), .least_x = INFINITY, .least_y = INFINITY};
    for (size_t s = 0; s < list->count; s++)
        for (size_t k = 0; k < list->series[s].count; k++) {
            const json_t *row = list->series[s].rows[k];
            const double x = sl_record_number(row, "flop_per_byte"), y = sl_record_number(row, "gflops");
            found.peak = fmax(found.peak, sl_record_number(row, "peak_gflops") / sl_record_number(row, "threads"));
            found.least_x = fmin(found.least_x, x);
            found.most_x = fmax(found.most_x, x);
            found.least_y = fmin(found.least_y, y);
        }
    /* The picture shows where the roof of DRAM reaches the peak, and some of the flat roof beyond. */
    const double dram = get_bandwidth(first, DRAM, false);
    found.most_x = 2 * fmax(found.most_x, found.peak / dram);
    found.least_x = 0.5 * fmin(found.least_x, found.peak / dram);
    found.most_y = 1.5 * found.peak * found.threads;
    found.least_y = 0.5 * fmin(found.least_y, found.least_x * dram);
    return found;
}

/* Whether logarithmic axes can show the roofs. */
static bool can_draw(const json_t *row, const roofs *found)
{
    return found->threads > 0 && get_bandwidth(row, DRAM, false) > 0 && get_bandwidth(row, DRAM, true) > 0 && found->least_x > 0 &&
           found->least_y > 0 && isfinite(found->most_x / found->least_x) && isfinite(found->most_y / found->least_y);
}

/* The slope of one level up to the peak. `label` goes along it, so far from its lower end; NULL: one that is dotted. */
static void draw_slope(const sl_svg *svg, const sl_panel *panel, double speed, double peak, const char *label, double label_from)
{
    const double from = fmax(panel->x.least, panel->y.least / speed), to = fmin(peak / speed, panel->x.most);
    if (!(speed > 0 && to > from))
        return;
    const sl_point ends[] = {sl_panel_place(panel, from, from * speed), sl_panel_place(panel, to, to * speed)};
    sl_svg_line(svg, label ? "axis" : "ideal", 2, ends);
    if (!label)
        return;
    const double angle = atan2(ends[1].y - ends[0].y, ends[1].x - ends[0].x) * 180 / acos(-1.0);
    fprintf(svg->out, "<g transform=\"translate(%.1f %.1f) rotate(%.1f) translate(%.1f -5)\">", ends[0].x, ends[0].y, angle,
            label_from);
    sl_svg_text(svg, (sl_point){0, 0}, SL_ANCHOR_START, "small", label);
    fputs("</g>\n", svg->out);
}

/* The roofs of one thread (dotted, without names) or of all. */
static void draw_roofs(const sl_svg *svg, const sl_panel *panel, const json_t *row, const roofs *found, bool all)
{
    const double peak = found->peak * (all ? found->threads : 1);
    double fastest = 0;
    char text[80];
    for (size_t level = 0; level < LEVELS; level++) {
        const double speed = get_bandwidth(row, level, all);
        snprintf(text, sizeof text, "%s %.0f GB/s", levels[level].name, speed);
        draw_slope(svg, panel, speed, peak, all ? text : NULL, 10 + 100.0 * (double)level);
        fastest = fmax(fastest, speed);
    }
    const double from = fastest > 0 ? fmax(peak / fastest, panel->x.least) : panel->x.least;
    sl_svg_line(svg, all ? "axis" : "ideal", 2,
                (sl_point[]){sl_panel_place(panel, from, peak), sl_panel_place(panel, panel->x.most, peak)});
    snprintf(text, sizeof text, "FMA peak of %.0f thread%s: %.0f GFLOP/s", all ? found->threads : 1,
             all && found->threads > 1 ? "s" : "", peak);
    const sl_point at = sl_panel_place(panel, panel->x.most, peak);
    sl_svg_text(svg, (sl_point){at.x - 6, at.y - 6}, SL_ANCHOR_END, "small", text);
}

static sl_point place_row(const sl_panel *panel, const json_t *row)
{
    return sl_panel_place(panel, sl_record_number(row, "flop_per_byte"), sl_record_number(row, "gflops"));
}

/* Every row's mark, then its number of threads where it covers no mark and no other number. */
static sluice_status draw_points(const sl_svg *svg, const sl_panel *panel, const sl_series_list *list, sluice_error *error)
{
    size_t count = 0;
    for (size_t s = 0; s < list->count; s++)
        count += list->series[s].count;
    sl_labels labels;
    const sluice_status status = sl_labels_create(2 * count, panel, &labels, error);
    if (status)
        return status;
    for (unsigned s = 0; s < list->count; s++)
        for (size_t k = 0; k < list->series[s].count; k++) {
            const sl_point at = place_row(panel, list->series[s].rows[k]);
            sl_plot_mark(svg, s, list->series[s].rows[k], at);
            sl_labels_add_mark(&labels, at);
        }
    for (size_t s = 0; s < list->count; s++)
        for (size_t k = 0; k < list->series[s].count; k++) {
            char threads[16];
            snprintf(threads, sizeof threads, "%.0f", sl_record_number(list->series[s].rows[k], "threads"));
            sl_labels_draw(&labels, svg, place_row(panel, list->series[s].rows[k]), threads);
        }
    sl_labels_destroy(&labels);
    return SLUICE_STATUS_OK;
}

static sluice_status draw(const sl_svg *svg, const sl_series_list *list, const roofs *found, sluice_error *error)
{
    const json_t *row = list->series[0].rows[0];
    const sl_panel panel = {{found->least_x, found->most_x, LEFT, RIGHT, true, false},
                            {found->least_y, found->most_y, TOP + HEIGHT, TOP, true, false},
                            "Roofline",
                            "FLOP per byte of weights, inputs and outputs moved",
                            "useful GFLOP/s"};
    sl_svg_panel(svg, &panel);
    if (found->threads > 1)
        draw_roofs(svg, &panel, row, found, false);
    draw_roofs(svg, &panel, row, found, true);
    const sluice_status status = draw_points(svg, &panel, list, error);
    const double below = sl_plot_legend(svg, list, LEFT, RIGHT, TOP + HEIGHT + 60);
    sl_plot_caption(svg, list,
                    "Names: steps, rows, units; the number of a mark: threads. Dotted roofs: one thread's. Bandwidths are those of "
                    "reading.",
                    (sl_point){LEFT, below + 12});
    return status;
}

sluice_status sl_roofline_plot(const json_t *rows, const char *path, sluice_error *error)
{
    sl_series_list list;
    sl_svg svg;
    json_t *selected = select_rows(rows);
    sluice_status status =
        selected ? sl_series_create(selected, &list, error) : sl_fail_memory(error, "a picture's rows", sizeof *selected);
    if (status) {
        json_decref(selected);
        return status;
    }
    const roofs found = find_roofs(&list);
    const double height = TOP + HEIGHT + 60 + (double)((list.count + 1) / 2) * LINE + 12 + SL_CAPTION_LINES * LINE;
    if (!can_draw(list.series[0].rows[0], &found))
        status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "the rows have no bandwidths to draw roofs from; run with --roofline");
    else if (!sl_svg_begin(&svg, WIDTH, height, "Roofline: attained speed against work for each byte"))
        status = sl_fail_memory(error, "a picture", WIDTH);
    if (!status) {
        status = draw(&svg, &list, &found, error);
        if (status)
            sl_svg_abort(&svg);
        else
            status = sl_svg_end(&svg, path, error);
    }
    sl_series_destroy(&list);
    json_decref(selected);
    return status;
}
