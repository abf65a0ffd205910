/* Texts beside the marks of a picture, placed so that none covers a mark or another text. */
#ifndef SLUICE_PERF_REPORT_PLOT_LABELS_H
#define SLUICE_PERF_REPORT_PLOT_LABELS_H

#include "program/svg.h"

#include <stddef.h>

/** Half the width and height of what a mark or a text takes around its middle. */
typedef struct sl_label_box {
    sl_point middle;
    double half_width, half_height;
} sl_label_box;

typedef struct sl_labels {
    const sl_panel *panel; /* texts stay inside it */
    size_t count;
    sl_label_box *boxes; /* [count] what is taken */
} sl_labels;

/** Begin with room for `most` marks and texts together; freed by sl_labels_destroy. NO_MEMORY. */
SLUICE_WARN_UNUSED sluice_status sl_labels_create(size_t most, const sl_panel *panel, sl_labels *labels, sluice_error *error);

/** A mark is here. All marks are added before the first text is drawn. */
void sl_labels_add_mark(sl_labels *labels, sl_point at);

/** Draw the text of the mark at `at`: beside it if there is room, else further away with a line to it. */
void sl_labels_draw(sl_labels *labels, const sl_svg *svg, sl_point at, const char *text);

void sl_labels_destroy(sl_labels *labels);

#endif
