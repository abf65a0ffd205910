/* A small writer of SVG pictures: texts, lines, marks, and panels with axes. Colours follow the reader's light or dark scheme, and
 * are those of Okabe and Ito, which colour-blind eyes tell apart; dashes and marks tell the same again. Knows nothing of what is
 * drawn. */
#ifndef SLUICE_PROGRAM_SVG_H
#define SLUICE_PROGRAM_SVG_H

#include "sluice.h"

#include <stdbool.h>
#include <stdio.h>

/** Styles of lines and marks: 0..SL_SVG_STYLES - 1. */
enum { SL_SVG_STYLES = 7 };

typedef struct sl_svg {
    FILE *out; /* into text */
    char *text;
    size_t bytes;
} sl_svg;

/** Where a number lies along one side of a panel. */
typedef struct sl_axis {
    double least, most; /* of the numbers; > 0 where logarithmic */
    double from, to;    /* their places in the picture */
    bool logarithmic;
    bool counts; /* only whole numbers are marked */
} sl_axis;

typedef struct sl_panel {
    sl_axis x, y; /* y.from is the lower edge, y.to the upper one */
    const char *title, *x_title, *y_title;
} sl_panel;

typedef struct sl_point {
    double x, y;
} sl_point;

/** Which way a text runs from its place. */
typedef enum sl_anchor { SL_ANCHOR_START, SL_ANCHOR_MIDDLE, SL_ANCHOR_END } sl_anchor;

/** Begin a picture with that title for those who hear it. false when there is no memory. */
bool sl_svg_begin(sl_svg *svg, double width, double height, const char *title);

/** End the picture, write it to a file (io/output.h has the details), and release it. IO, NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_svg_end(sl_svg *svg, const char *path, sluice_error *error);

/** Release a picture that is not to be written. */
void sl_svg_abort(sl_svg *svg);

/** A line of text; what XML would take for its own is escaped, and what is not printable ASCII is '?'. `kind` is "", "small" or
 *  "title". */
void sl_svg_text(const sl_svg *svg, sl_point at, sl_anchor anchor, const char *kind, const char *text);

/** A line through points of the picture. `kind` is "grid", "axis", or "ideal": thin grey dots, which no style has. */
void sl_svg_line(const sl_svg *svg, const char *kind, size_t count, const sl_point *points);

/** A line in a style. */
void sl_svg_curve(const sl_svg *svg, unsigned style, size_t count, const sl_point *points);

/** A style's mark. */
void sl_svg_mark(const sl_svg *svg, unsigned style, sl_point at);

/** The place of a number; those outside lie on the edge. */
double sl_axis_place(const sl_axis *axis, double value);

/** The place of a pair of numbers in a panel. */
sl_point sl_panel_place(const sl_panel *panel, double x, double y);

/** The next number worth a line of its own above `value`: a multiple of 1, 2 or 5 times a power of ten, about `wanted` of them in
 *  all; on a logarithmic axis 1, 2, 5, 10, ..., or only the powers of ten of a long one. */
double sl_axis_next_tick(const sl_axis *axis, unsigned wanted, double value);

/** Frame, grid, numbers and titles of a panel. */
void sl_svg_panel(const sl_svg *svg, const sl_panel *panel);

#endif
