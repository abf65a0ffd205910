#include "program/svg.h"

#include "base/error.h"
#include "io/output.h"

#include <math.h>
#include <stdlib.h>

/* The palette of Okabe and Ito without yellow, which is invisible on white, and with the text colour for black. Blue is lighter on a
 * dark background. */
static const char head[] =
    "<style>\n"
    "text { font: 12px sans-serif; fill: #222 }\n"
    ".small { font-size: 10.5px } .title { font-size: 14px; font-weight: bold }\n"
    ".background { fill: #fff } .shade { fill: #888; fill-opacity: 0.12 }\n"
    "path { stroke-linejoin: round } .grid, .axis, .ideal, .curve { fill: none }\n"
    ".grid { stroke: #888; stroke-opacity: 0.3 } .axis { stroke: #444 } .ideal { stroke: #777; stroke-dasharray: 1.5 3.5 }\n"
    ".s0 { stroke: #0072b2 } .s1 { stroke: #d55e00 } .s2 { stroke: #009e73 } .s3 { stroke: #cc79a7 }\n"
    ".s4 { stroke: #e69f00 } .s5 { stroke: #56b4e9 } .s6 { stroke: #222 }\n"
    ".f0 { fill: #0072b2 } .f1 { fill: #d55e00 } .f2 { fill: #009e73 } .f3 { fill: #cc79a7 }\n"
    ".f4 { fill: #e69f00 } .f5 { fill: #56b4e9 } .f6 { fill: #222 }\n"
    ".curve { stroke-width: 2 }\n"
    "@media (prefers-color-scheme: dark) {\n"
    "text { fill: #e6e6e6 } .background { fill: #121417 } .axis { stroke: #bbb }\n"
    ".s0 { stroke: #3b9ddd } .f0 { fill: #3b9ddd } .s6 { stroke: #e6e6e6 } .f6 { fill: #e6e6e6 }\n"
    "}\n"
    "</style>\n";

/* Each pattern has a dash of length 4 or more, so that none looks like the dots of "ideal". */
static const char *const dashes[SL_SVG_STYLES] = {"none", "8 4", "4 2.5", "10 3 2 3", "5 2", "12 5", "6 2 2 2 2 2"};

/* Markers around (0, 0). */
static const char *const marks[SL_SVG_STYLES] = {
    "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0 -9 0z",
    "M-4-4h8v8h-8z",
    "M0-5.5l5 9h-10z",
    "M0-5.5l5.5 5.5l-5.5 5.5l-5.5-5.5z",
    "M0 5.5l5-9h-10z",
    "M-1.5-5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5v-3h3.5z",
    "M-5-3l2-2l3 3l3-3l2 2l-3 3l3 3l-2 2l-3-3l-3 3l-2-2l3-3z",
};

static void write_escaped(FILE *out, const char *text)
{
    for (; *text; text++)
        switch (*text) {
        case '<':
            fputs("&lt;", out);
            break;
        case '>':
            fputs("&gt;", out);
            break;
        case '&':
            fputs("&amp;", out);
            break;
        case '"':
            fputs("&quot;", out);
            break;
        default:
            putc((unsigned char)*text < 0x20 || (unsigned char)*text >= 0x7f ? '?' : *text, out);
        }
}

bool sl_svg_begin(sl_svg *svg, double width, double height, const char *title)
{
    *svg = (sl_svg){0};
    svg->out = open_memstream(&svg->text, &svg->bytes);
    if (!svg->out)
        return false;
    fprintf(svg->out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n"
            "<title>",
            width, height, width, height);
    write_escaped(svg->out, title);
    fprintf(svg->out, "</title>\n%s<rect class=\"background\" width=\"%.0f\" height=\"%.0f\"/>\n", head, width, height);
    return true;
}

void sl_svg_abort(sl_svg *svg)
{
    fclose(svg->out);
    free(svg->text);
    *svg = (sl_svg){0};
}

sluice_status sl_svg_end(sl_svg *svg, const char *path, sluice_error *error)
{
    fputs("</svg>\n", svg->out);
    const bool failed = ferror(svg->out) != 0;
    sluice_status status = SLUICE_STATUS_OK;
    if (fclose(svg->out) != 0 || failed)
        status = sl_fail_memory(error, "a picture", svg->bytes);
    else
        status = sl_output_save(path, svg->text, svg->bytes, error);
    free(svg->text);
    *svg = (sl_svg){0};
    return status;
}

void sl_svg_text(const sl_svg *svg, sl_point at, sl_anchor anchor, const char *kind, const char *text)
{
    static const char *const anchors[] = {"start", "middle", "end"};
    fprintf(svg->out, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">", at.x, at.y, anchors[anchor], kind);
    write_escaped(svg->out, text);
    fputs("</text>\n", svg->out);
}

void sl_svg_text_turned(const sl_svg *svg, sl_point at, double degrees, sl_anchor anchor, const char *kind, const char *text)
{
    fprintf(svg->out, "<g transform=\"translate(%.1f %.1f) rotate(%.1f)\">", at.x, at.y, degrees);
    sl_svg_text(svg, (sl_point){0, 0}, anchor, kind, text);
    fputs("</g>\n", svg->out);
}

/* Write the attribute "d" of a path through points, and end the element. */
static void write_points(FILE *out, size_t count, const sl_point *points)
{
    fputs(" d=\"", out);
    for (size_t k = 0; k < count; k++)
        fprintf(out, "%c%.1f %.1f", k ? 'L' : 'M', points[k].x, points[k].y);
    fputs("\"/>\n", out);
}

void sl_svg_line(const sl_svg *svg, const char *kind, size_t count, const sl_point *points)
{
    fprintf(svg->out, "<path class=\"%s\"", kind);
    write_points(svg->out, count, points);
}

void sl_svg_curve(const sl_svg *svg, unsigned style, size_t count, const sl_point *points)
{
    fprintf(svg->out, "<path class=\"s%u curve\" stroke-dasharray=\"%s\"", style, dashes[style]);
    write_points(svg->out, count, points);
}

void sl_svg_area(const sl_svg *svg, unsigned style, size_t count, const sl_point *points)
{
    fprintf(svg->out, "<path class=\"f%u\" fill-opacity=\"0.25\"", style);
    write_points(svg->out, count, points);
}

void sl_svg_box(const sl_svg *svg, sl_point at, double width, double height, double share)
{
    fprintf(svg->out,
            "<rect class=\"f0\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill-opacity=\"%.3f\" stroke=\"#888\" "
            "stroke-opacity=\"0.3\"/>\n",
            at.x, at.y, width, height, 0.8 * share);
}

void sl_svg_mark(const sl_svg *svg, unsigned style, sl_point at)
{
    fprintf(svg->out, "<path class=\"f%u\" transform=\"translate(%.1f %.1f)\" d=\"%s\"/>\n", style, at.x, at.y, marks[style]);
}

double sl_axis_place(const sl_axis *axis, double value)
{
    const double inside = fmin(fmax(value, axis->least), axis->most);
    const double share = axis->logarithmic ? log(inside / axis->least) / log(axis->most / axis->least)
                                           : (inside - axis->least) / (axis->most - axis->least);
    return axis->from + share * (axis->to - axis->from);
}

sl_point sl_panel_place(const sl_panel *panel, double x, double y)
{
    return (sl_point){sl_axis_place(&panel->x, x), sl_axis_place(&panel->y, y)};
}

/* The least of 1, 2, 5, 10 times a power of ten that is above `value`, or equal to it if `or_equal`. */
static double round_up(double value, bool or_equal)
{
    static const double steps[] = {1, 2, 5, 10, 20};
    const double power = pow(10, floor(log10(value)));
    for (size_t k = 0; k < sizeof steps / sizeof steps[0]; k++) {
        const double step = steps[k] * power;
        if (step > value * (1 + 1e-9) || (or_equal && step > value * (1 - 1e-9)))
            return step;
    }
    return 20 * power;
}

double sl_axis_next_tick(const sl_axis *axis, unsigned wanted, double value)
{
    if (axis->logarithmic && log10(axis->most / axis->least) > 3)
        return pow(10, floor(log10(value) + 1e-9) + 1);
    if (axis->logarithmic)
        return round_up(value, false);
    const double apart = (axis->most - axis->least) / wanted, step = round_up(axis->counts ? fmax(apart, 1) : apart, true);
    return (floor(value / step + 1e-9) + 1) * step;
}

static void draw_ticks(const sl_svg *svg, const sl_panel *panel, bool across)
{
    enum { WANTED = 8 };
    const sl_axis *axis = across ? &panel->x : &panel->y;
    const double below = axis->logarithmic ? axis->least * (1 - 1e-6) : axis->least - 1e-6 * (axis->most - axis->least);
    double last = below, tick = sl_axis_next_tick(axis, WANTED, below);
    /* Near the limits of double a tick may not be larger than the one before. */
    for (; tick > last && tick <= axis->most * (1 + 1e-9); last = tick, tick = sl_axis_next_tick(axis, WANTED, tick)) {
        const double at = sl_axis_place(axis, tick);
        const sl_point up[] = {{at, panel->y.from}, {at, panel->y.to}}, along[] = {{panel->x.from, at}, {panel->x.to, at}};
        char text[24];
        snprintf(text, sizeof text, "%.6g", fabs(tick) < 1e-9 * axis->most ? 0 : tick);
        sl_svg_line(svg, "grid", 2, across ? up : along);
        sl_svg_text(svg, across ? (sl_point){at, panel->y.from + 16} : (sl_point){panel->x.from - 6, at + 4},
                    across ? SL_ANCHOR_MIDDLE : SL_ANCHOR_END, "", text);
    }
}

void sl_svg_panel(const sl_svg *svg, const sl_panel *panel)
{
    const double left = panel->x.from, right = panel->x.to, bottom = panel->y.from, top = panel->y.to;
    draw_ticks(svg, panel, true);
    draw_ticks(svg, panel, false);
    sl_svg_line(svg, "axis", 5, (sl_point[]){{left, top}, {left, bottom}, {right, bottom}, {right, top}, {left, top}});
    sl_svg_text(svg, (sl_point){left, top - 10}, SL_ANCHOR_START, "title", panel->title);
    sl_svg_text(svg, (sl_point){(left + right) / 2, bottom + 34}, SL_ANCHOR_MIDDLE, "", panel->x_title);
    sl_svg_text_turned(svg, (sl_point){left - 50, (top + bottom) / 2}, -90, SL_ANCHOR_MIDDLE, "", panel->y_title);
}
