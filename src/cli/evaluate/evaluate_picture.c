/* sluice evaluate --picture: of classes the confusion table, of values the outputs against the targets. */
#include "cli/evaluate/evaluation.h"

#include "cli/output/predictions.h"
#include "program/format.h"
#include "program/svg.h"

#include <math.h>
#include <stdio.h>

enum { LEFT = 90, TOP = 40, RIGHT = 20, BELOW = 50 };                /* around a panel */
enum { PANEL_WIDTH = 640, PANEL_HEIGHT = 180, LEGEND = 30 };         /* of values */
enum { CELL = 36, NAMES = 110, CELLS_MOST = 40, NUMBERS_MOST = 16 }; /* of classes */
enum { TRUTH, OUTPUT };                                              /* styles of lines */

static sl_exit fail_memory(void)
{
    return sl_report_memory("the picture");
}

static sl_exit save(sl_svg *svg, const char *path)
{
    sluice_error error;
    return sl_report_status(sl_svg_end(svg, path, &error), &error);
}

/* ---- Classes --------------------------------------------------------------------------------------------------------------- */

/* A row of the confusion table: each cell as dark as its share of the row. */
static void draw_row(const sl_svg *svg, const sl_class_scores *scores, size_t label)
{
    const uint64_t *counts = scores->confusion + label * scores->classes;
    for (size_t k = 0; k < scores->classes; k++) {
        const sl_point at = {NAMES + (double)k * CELL, TOP + (double)label * CELL};
        const double share = scores->labelled[label] ? (double)counts[k] / (double)scores->labelled[label] : 0;
        char text[SL_FORMAT_COUNT];
        sl_svg_box(svg, at, CELL, CELL, share);
        if (scores->classes <= NUMBERS_MOST)
            sl_svg_text(svg, (sl_point){at.x + CELL / 2.0, at.y + CELL / 2.0 + 4}, SL_ANCHOR_MIDDLE, "small",
                        sl_format_count(counts[k], text));
    }
}

static sl_exit draw_classes(const sl_model_evaluation *evaluation, const char *path)
{
    const sl_class_scores *scores = &evaluation->classes;
    const double side = (double)scores->classes * CELL;
    char index[SL_CLASS_INDEX_BYTES];
    sl_svg svg;
    if (scores->classes > CELLS_MOST)
        return sl_report(SL_EXIT_DATA,
                         "--picture draws a table of %d classes at most, and %s has %zu; leave it out, or draw the "
                         "confusion of --json",
                         CELLS_MOST, evaluation->options->model, scores->classes);
    if (!sl_svg_begin(&svg, NAMES + side + NAMES, TOP + side + NAMES + BELOW / 2.0, "Confusion table"))
        return fail_memory();
    sl_svg_text(&svg, (sl_point){NAMES, TOP - 14}, SL_ANCHOR_START, "title", "Labels, and what was answered");
    for (size_t k = 0; k < scores->classes; k++) {
        const char *name = sl_class_get_name(evaluation->model, k, index);
        const double middle = ((double)k + 0.5) * CELL;
        draw_row(&svg, scores, k);
        sl_svg_text(&svg, (sl_point){NAMES - 8, TOP + middle + 4}, SL_ANCHOR_END, "", name);
        sl_svg_text_turned(&svg, (sl_point){NAMES + middle + 4, TOP + side + 8}, -90, SL_ANCHOR_END, "", name);
    }
    sl_svg_text(&svg, (sl_point){NAMES + side / 2, TOP + side + NAMES}, SL_ANCHOR_MIDDLE, "", "answer");
    return save(&svg, path);
}

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

static double get_point(const sl_model_evaluation *evaluation, unsigned whose, size_t output, size_t n)
{
    return (double)evaluation->picture[whose == TRUTH][n * evaluation->picture_outputs + output];
}

/* What a panel draws: the outputs for a value, one or its quantiles. */
typedef struct drawn_value {
    size_t first, end;           /* the outputs */
    size_t lowest, middle, most; /* of them the least quantile, the one nearest the median, and the largest one */
} drawn_value;

static drawn_value get_value(const sl_model_evaluation *evaluation, size_t value)
{
    const size_t count = sl_model_evaluation_count_quantiles(evaluation), first = value * count;
    const float *quantiles = evaluation->loss.quantiles;
    size_t lowest = 0, middle = 0, most = 0;
    for (size_t k = 1; k < count; k++) {
        lowest = quantiles[k] < quantiles[lowest] ? k : lowest;
        most = quantiles[k] > quantiles[most] ? k : most;
        middle = fabsf(quantiles[k] - 0.5F) < fabsf(quantiles[middle] - 0.5F) ? k : middle;
    }
    return (drawn_value){first, first + count, first + lowest, first + middle, first + most};
}

/* The axis of a value's numbers. */
static sl_axis get_axis(const sl_model_evaluation *evaluation, const drawn_value *value, double top)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t n = 0; n < evaluation->picture_targets; n++)
        for (size_t output = value->first; output < value->end; output++)
            for (unsigned whose = TRUTH; whose <= OUTPUT; whose++) {
                const double point = get_point(evaluation, whose, output, n);
                least = fmin(least, point);
                most = fmax(most, point);
            }
    if (!(most > least)) { /* all are equal, or there is none */
        const double middle = isfinite(least) ? least : 0, around = fabs(middle) > 0 ? fabs(middle) / 10 : 1;
        least = middle - around;
        most = middle + around;
    }
    return (sl_axis){.least = least, .most = most, .from = top + PANEL_HEIGHT, .to = top};
}

/* The area between the outer quantiles: along the upper one and back along the lower one. */
static void draw_band(const sl_svg *svg, const sl_model_evaluation *evaluation, const drawn_value *value, const sl_panel *panel)
{
    const size_t count = evaluation->picture_targets;
    sl_point points[2 * SL_PICTURE_TARGETS];
    for (size_t n = 0; n < count; n++) {
        points[n] = sl_panel_place(panel, (double)n, get_point(evaluation, OUTPUT, value->most, n));
        points[2 * count - 1 - n] = sl_panel_place(panel, (double)n, get_point(evaluation, OUTPUT, value->lowest, n));
    }
    if (count)
        sl_svg_area(svg, OUTPUT, 2 * count, points);
}

static void draw_value(const sl_svg *svg, const sl_model_evaluation *evaluation, const drawn_value *value, double top)
{
    const size_t count = evaluation->picture_targets;
    char title[SL_FORECAST_NAME_BYTES];
    sl_point points[SL_PICTURE_TARGETS];
    if (evaluation->is_series)
        (void)sl_forecast_name_output(&evaluation->forecast, value->middle, title);
    else
        snprintf(title, sizeof title, "Output %zu", value->middle);
    const sl_panel panel = {
        .x = {.least = 0, .most = count > 2 ? (double)(count - 1) : 1, .from = LEFT, .to = LEFT + PANEL_WIDTH, .counts = true},
        .y = get_axis(evaluation, value, top),
        .title = title,
        .x_title = "target",
        .y_title = "value"};
    sl_svg_panel(svg, &panel);
    if (value->end - value->first > 1)
        draw_band(svg, evaluation, value, &panel);
    for (unsigned whose = TRUTH; whose <= OUTPUT; whose++) {
        for (size_t n = 0; n < count; n++)
            points[n] = sl_panel_place(&panel, (double)n, get_point(evaluation, whose, value->middle, n));
        if (count > 1)
            sl_svg_curve(svg, whose, count, points);
        else if (count)
            sl_svg_mark(svg, whose, points[0]);
    }
}

static void draw_legend(const sl_svg *svg, const sl_model_evaluation *evaluation, const drawn_value *value, double top)
{
    enum { EACH = 130, SAMPLE = 30, GAP = 8, HALF = 6 };
    static const char *const names[] = {[TRUTH] = "target", [OUTPUT] = "output"};
    double x = LEFT;
    for (unsigned whose = TRUTH; whose <= OUTPUT; whose++, x += EACH) {
        sl_svg_curve(svg, whose, 2, (sl_point[]){{x, top}, {x + SAMPLE, top}});
        sl_svg_text(svg, (sl_point){x + SAMPLE + GAP, top + 4}, SL_ANCHOR_START, "", names[whose]);
    }
    if (value->end - value->first < 2)
        return;
    char text[64];
    const float *quantiles = evaluation->loss.quantiles;
    snprintf(text, sizeof text, "quantiles %g to %g", (double)quantiles[value->lowest], (double)quantiles[value->most]);
    sl_svg_area(svg, OUTPUT, 4, (sl_point[]){{x, top - HALF}, {x + SAMPLE, top - HALF}, {x + SAMPLE, top + HALF}, {x, top + HALF}});
    sl_svg_text(svg, (sl_point){x + SAMPLE + GAP, top + 4}, SL_ANCHOR_START, "", text);
}

static sl_exit draw_values(const sl_model_evaluation *evaluation, const char *path)
{
    const size_t values = evaluation->picture_outputs / sl_model_evaluation_count_quantiles(evaluation);
    const double each = TOP + PANEL_HEIGHT + BELOW, bottom = (double)values * each;
    sl_svg svg;
    if (!sl_svg_begin(&svg, LEFT + PANEL_WIDTH + RIGHT, bottom + LEGEND, "Outputs and targets"))
        return fail_memory();
    for (size_t k = 0; k < values; k++) {
        const drawn_value value = get_value(evaluation, k);
        draw_value(&svg, evaluation, &value, (double)k * each + TOP);
    }
    const drawn_value first = get_value(evaluation, 0);
    draw_legend(&svg, evaluation, &first, bottom + 8);
    return save(&svg, path);
}

sl_exit sl_evaluation_draw(const sl_model_evaluation *evaluation, const char *path)
{
    return evaluation->has_classes ? draw_classes(evaluation, path) : draw_values(evaluation, path);
}
