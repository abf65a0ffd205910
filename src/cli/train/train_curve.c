#include "cli/train/train_curve.h"

#include "io/output.h"
#include "program/svg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

double sl_score_get_accuracy(const sl_score *score)
{
    return score->counted ? (double)score->right / (double)score->counted : 0;
}

sl_exit sl_curve_add(sl_curve *curve, const sl_epoch *epoch)
{
    if (curve->count == curve->room) {
        const size_t room = 2 * curve->room + 16;
        sl_epoch *epochs = realloc(curve->epochs, room * sizeof *epochs);
        if (!epochs)
            return sl_report_memory("the learning curve");
        curve->epochs = epochs;
        curve->room = room;
    }
    curve->epochs[curve->count++] = *epoch;
    return SL_EXIT_OK;
}

void sl_curve_release(sl_curve *curve)
{
    free(curve->epochs);
    *curve = (sl_curve){0};
}

/* ---- Table ----------------------------------------------------------------------------------------------------------------- */

static void print_score(FILE *out, const sl_score *score, bool has_classes)
{
    if (!score->counted)
        fputs(",,", out);
    else if (has_classes)
        fprintf(out, ",%.9g,%.6f", score->loss, sl_score_get_accuracy(score));
    else
        fprintf(out, ",%.9g,", score->loss);
}

sl_exit sl_curve_write_csv(const sl_curve *curve, const char *path)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *out = open_memstream(&text, &bytes);
    if (!out)
        return sl_report_memory("the learning curve");
    fputs("epoch,step,rate,training_loss,training_accuracy,validation_loss,validation_accuracy\n", out);
    for (size_t k = 0; k < curve->count; k++) {
        const sl_epoch *epoch = &curve->epochs[k];
        fprintf(out, "%zu,%llu,%.9g", k + 1, (unsigned long long)epoch->step, epoch->rate);
        print_score(out, &epoch->training, curve->has_classes);
        print_score(out, &epoch->validation, curve->has_classes);
        fputc('\n', out);
    }
    const bool failed = ferror(out) != 0;
    sl_exit code = SL_EXIT_OK;
    sluice_error error;
    if (fclose(out) != 0 || failed)
        code = sl_report_memory("the learning curve");
    else if (sl_output_save(path, text, bytes, &error))
        code = sl_report_error(&error);
    free(text);
    return code;
}

/* ---- Picture --------------------------------------------------------------------------------------------------------------- */

enum { LEFT = 90, PANEL = 360, GAP = 110, TOP = 40, HEIGHT = 260, BELOW = 90, RIGHT = 20, MARKED = 40 };

/* What is drawn: 0 loss, 1 accuracy in percent; of training (0) or validation (1). NAN where there is none. */
static double get_value(const sl_curve *curve, size_t epoch, unsigned what, unsigned whose)
{
    const sl_score *score = whose ? &curve->epochs[epoch].validation : &curve->epochs[epoch].training;
    return !score->counted ? NAN : what ? 100 * sl_score_get_accuracy(score) : score->loss;
}

/* The axis of a panel's numbers, from bottom to top: losses from 0 on; accuracies as far down as they go. */
static sl_axis get_axis(const sl_curve *curve, unsigned what)
{
    double least = 100, most = 0;
    for (size_t k = 0; k < curve->count; k++)
        for (unsigned whose = 0; whose < 2; whose++) {
            const double value = get_value(curve, k, what, whose);
            least = value < least ? value : least;
            most = value > most ? value : most;
        }
    most = what ? 100 : most > 0 ? 1.05 * most : 1;
    least = what ? 10 * floor(fmin(least, 90) / 10) : 0;
    return (sl_axis){.least = least, .most = most, .from = TOP + HEIGHT, .to = TOP};
}

/* `points` has room for all epochs. */
static void draw_curves(const sl_svg *svg, const sl_panel *panel, const sl_curve *curve, unsigned what, sl_point *points)
{
    for (unsigned whose = 0; whose < 2; whose++) {
        size_t count = 0;
        for (size_t k = 0; k < curve->count; k++) {
            const double value = get_value(curve, k, what, whose);
            if (!isnan(value))
                points[count++] = sl_panel_place(panel, (double)(k + 1), value);
        }
        if (count > 1)
            sl_svg_curve(svg, whose, count, points);
        for (size_t k = 0; k < count && count <= MARKED; k++)
            sl_svg_mark(svg, whose, points[k]);
    }
}

static void draw_legend(const sl_svg *svg, bool has_validation)
{
    static const char *const names[] = {"training", "validation"};
    for (unsigned whose = 0; whose < 1u + has_validation; whose++) {
        const double x = LEFT + 130 * whose, y = TOP + HEIGHT + 68;
        sl_svg_curve(svg, whose, 2, (sl_point[]){{x, y}, {x + 30, y}});
        sl_svg_mark(svg, whose, (sl_point){x + 15, y});
        sl_svg_text(svg, (sl_point){x + 38, y + 4}, SL_ANCHOR_START, "", names[whose]);
    }
}

sl_exit sl_curve_write_svg(const sl_curve *curve, const char *path)
{
    static const char *const titles[] = {"Loss", "Accuracy"}, *const units[] = {"mean over targets", "right, %"};
    const unsigned panels = curve->has_classes ? 2 : 1;
    sl_point *points = calloc(curve->count ? curve->count : 1, sizeof *points);
    sl_svg svg;
    if (!points ||
        !sl_svg_begin(&svg, LEFT + panels * PANEL + (panels - 1) * GAP + RIGHT, TOP + HEIGHT + BELOW, "Learning curve")) {
        free(points);
        return sl_report_memory("the learning curve");
    }
    for (unsigned what = 0; what < panels; what++) {
        const double from = LEFT + what * (PANEL + GAP);
        const sl_panel panel = {.x = {.least = 1,
                                      .most = curve->count > 2 ? (double)curve->count : 2,
                                      .from = from,
                                      .to = from + PANEL,
                                      .counts = true},
                                .y = get_axis(curve, what),
                                .title = titles[what],
                                .x_title = "epoch",
                                .y_title = units[what]};
        sl_svg_panel(&svg, &panel);
        draw_curves(&svg, &panel, curve, what, points);
    }
    draw_legend(&svg, curve->count && curve->epochs[0].validation.counted);
    free(points);
    sluice_error error;
    return sl_report_status(sl_svg_end(&svg, path, &error), &error);
}
