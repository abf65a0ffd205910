/* A small writer of SVG pictures: texts, lines, markers, and panels with axes. Colours follow the light or dark scheme of the viewer.
 * They are the palette of Okabe and Ito, which people with colour blindness can distinguish; dashes and markers differ as well. */
#ifndef SLUICE_PROGRAM_SVG_H
#define SLUICE_PROGRAM_SVG_H

#include "sluice.h"

#include <stdbool.h>
#include <stdio.h>

/** Number of styles of lines and markers. */
enum { SL_SVG_STYLES = 7 };

typedef struct sl_svg {
    FILE *out; /* a memory stream that fills text */
    char *text;
    size_t bytes;
} sl_svg;

/** A scale along one side of a panel. */
typedef struct sl_axis {
    double least, most; /* range of the data; > 0 if logarithmic */
    double from, to;    /* the coordinates of least and most in the picture */
    bool logarithmic;
    bool counts; /* ticks only at whole numbers */
} sl_axis;

typedef struct sl_panel {
    sl_axis x, y; /* y.from is the lower edge, y.to the upper one */
    const char *title, *x_title, *y_title;
} sl_panel;

typedef struct sl_point {
    double x, y;
} sl_point;

/** Which point of a text is at its position. */
typedef enum sl_anchor { SL_ANCHOR_START, SL_ANCHOR_MIDDLE, SL_ANCHOR_END } sl_anchor;

/** Begin a picture; screen readers read its title. false: out of memory. */
bool sl_svg_begin(sl_svg *svg, double width, double height, const char *title);

/** End the picture, write it to a file as io/output.h does, and release it. IO, NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_svg_end(sl_svg *svg, const char *path, sluice_error *error);

/** Release a picture without writing it. */
void sl_svg_abort(sl_svg *svg);

/** Draw a line of text. Special characters of XML are escaped; '?' replaces all bytes but printable ASCII. `kind` is "", "small" or
 *  "title". */
void sl_svg_text(const sl_svg *svg, sl_point at, sl_anchor anchor, const char *kind, const char *text);

/** Likewise, turned clockwise around `at` by so many degrees. */
void sl_svg_text_turned(const sl_svg *svg, sl_point at, double degrees, sl_anchor anchor, const char *kind, const char *text);

/** Draw a line through points. `kind` is "grid", "axis", or "ideal": thin grey dots, unlike every style. */
void sl_svg_line(const sl_svg *svg, const char *kind, size_t count, const sl_point *points);

/** Draw a line in a style, 0..SL_SVG_STYLES - 1. */
void sl_svg_curve(const sl_svg *svg, unsigned style, size_t count, const sl_point *points);

/** Fill the area within points with the colour of a style, thinly. */
void sl_svg_area(const sl_svg *svg, unsigned style, size_t count, const sl_point *points);

/** Draw a box, filled as strongly as `share` says, 0..1. */
void sl_svg_box(const sl_svg *svg, sl_point at, double width, double height, double share);

/** Draw the marker of a style. */
void sl_svg_mark(const sl_svg *svg, unsigned style, sl_point at);

/** Coordinate of a value; values outside the range are clamped to it. */
double sl_axis_place(const sl_axis *axis, double value);

/** Coordinates of a pair of values in a panel. */
sl_point sl_panel_place(const sl_panel *panel, double x, double y);

/** The next tick above `value`. Ticks are the multiples of 1, 2 or 5 times a power of ten, about `wanted` in all; on a logarithmic
 *  axis 1, 2, 5, 10, ..., or only powers of ten if it spans more than three of them. */
double sl_axis_next_tick(const sl_axis *axis, unsigned wanted, double value);

/** Draw frame, grid, tick labels and titles of a panel. */
void sl_svg_panel(const sl_svg *svg, const sl_panel *panel);

#endif
