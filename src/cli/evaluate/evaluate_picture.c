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

static float get_point(const sl_model_evaluation *evaluation, unsigned whose, size_t output, size_t n)
{
    return evaluation->picture[whose == TRUTH][n * evaluation->picture_outputs + output];
}

/* The axis of an output's numbers, and of those it is to have. */
static sl_axis get_axis(const sl_model_evaluation *evaluation, size_t output, double top)
{
    double least = INFINITY, most = -INFINITY;
    for (size_t n = 0; n < evaluation->picture_targets; n++)
        for (unsigned whose = TRUTH; whose <= OUTPUT; whose++) {
            const double value = (double)get_point(evaluation, whose, output, n);
            least = fmin(least, value);
            most = fmax(most, value);
        }
    if (!(most > least)) { /* all are equal, or there is none */
        const double middle = isfinite(least) ? least : 0, around = fabs(middle) > 0 ? fabs(middle) / 10 : 1;
        least = middle - around;
        most = middle + around;
    }
    return (sl_axis){.least = least, .most = most, .from = top + PANEL_HEIGHT, .to = top};
}

static void draw_output(const sl_svg *svg, const sl_model_evaluation *evaluation, size_t output, double top)
{
    const size_t count = evaluation->picture_targets;
    char title[SL_FORECAST_NAME_BYTES];
    sl_point points[SL_PICTURE_TARGETS];
    if (evaluation->is_series)
        (void)sl_forecast_name_output(&evaluation->forecast, output, title);
    else
        snprintf(title, sizeof title, "Output %zu", output);
    const sl_panel panel = {
        .x = {.least = 0, .most = count > 2 ? (double)(count - 1) : 1, .from = LEFT, .to = LEFT + PANEL_WIDTH, .counts = true},
        .y = get_axis(evaluation, output, top),
        .title = title,
        .x_title = "target",
        .y_title = "value"};
    sl_svg_panel(svg, &panel);
    for (unsigned whose = TRUTH; whose <= OUTPUT; whose++) {
        for (size_t n = 0; n < count; n++)
            points[n] = sl_panel_place(&panel, (double)n, (double)get_point(evaluation, whose, output, n));
        if (count > 1)
            sl_svg_curve(svg, whose, count, points);
        else if (count)
            sl_svg_mark(svg, whose, points[0]);
    }
}

static sl_exit draw_values(const sl_model_evaluation *evaluation, const char *path)
{
    static const char *const names[] = {[TRUTH] = "target", [OUTPUT] = "output"};
    const double each = TOP + PANEL_HEIGHT + BELOW, bottom = (double)evaluation->picture_outputs * each;
    sl_svg svg;
    if (!sl_svg_begin(&svg, LEFT + PANEL_WIDTH + RIGHT, bottom + LEGEND, "Outputs and targets"))
        return fail_memory();
    for (size_t k = 0; k < evaluation->picture_outputs; k++)
        draw_output(&svg, evaluation, k, (double)k * each + TOP);
    for (unsigned whose = TRUTH; whose <= OUTPUT; whose++) {
        const double x = LEFT + 130 * whose;
        sl_svg_curve(&svg, whose, 2, (sl_point[]){{x, bottom + 8}, {x + 30, bottom + 8}});
        sl_svg_text(&svg, (sl_point){x + 38, bottom + 12}, SL_ANCHOR_START, "", names[whose]);
    }
    return save(&svg, path);
}

sl_exit sl_evaluation_draw(const sl_model_evaluation *evaluation, const char *path)
{
    return evaluation->has_classes ? draw_classes(evaluation, path) : draw_values(evaluation, path);
}
