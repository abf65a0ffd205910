#include "perf/report/plot_labels.h"

#include "base/error.h"
#include "base/memory.h"

#include <math.h>
#include <string.h>

/* Of a mark, and of a small text and one of its characters, in the picture's units. */
enum { MARK_HALF = 6, TEXT_HALF_HEIGHT = 5, CHARACTER_HALF = 3 };

/* The places that are tried: around the mark, then on rings further out. */
enum { DIRECTIONS = 12, RINGS = 8, RING_APART = 12 };

sluice_status sl_labels_create(size_t most, const sl_panel *panel, sl_labels *labels, sluice_error *error)
{
    *labels = (sl_labels){.panel = panel, .boxes = sl_alloc_array(most, sizeof *labels->boxes)};
    return labels->boxes ? SLUICE_STATUS_OK : sl_fail_memory(error, "a picture's texts", most * sizeof *labels->boxes);
}

void sl_labels_add_mark(sl_labels *labels, sl_point at)
{
    labels->boxes[labels->count++] = (sl_label_box){at, MARK_HALF, MARK_HALF};
}

static bool overlaps(const sl_label_box *a, const sl_label_box *b)
{
    return fabs(a->middle.x - b->middle.x) < a->half_width + b->half_width &&
           fabs(a->middle.y - b->middle.y) < a->half_height + b->half_height;
}

static bool is_inside(const sl_panel *panel, const sl_label_box *box)
{
    return box->middle.x - box->half_width > panel->x.from && box->middle.x + box->half_width < panel->x.to &&
           box->middle.y + box->half_height < panel->y.from && box->middle.y - box->half_height > panel->y.to;
}

static bool is_free(const sl_labels *labels, const sl_label_box *box)
{
    if (!is_inside(labels->panel, box))
        return false;
    for (size_t k = 0; k < labels->count; k++)
        if (overlaps(&labels->boxes[k], box))
            return false;
    return true;
}

/* Try the places around `at`, the nearest ring first, its right first. Returns the ring; RINGS: none is free, and the box is to the
 * right of the mark. */
static unsigned find_place(const sl_labels *labels, sl_point at, sl_label_box *box)
{
    const double angle_step = 2 * acos(-1.0) / DIRECTIONS;
    for (unsigned ring = 0; ring < RINGS; ring++)
        for (unsigned k = 0; k < DIRECTIONS; k++) {
            const double away = MARK_HALF + 2 + ring * RING_APART;
            box->middle = (sl_point){at.x + cos(angle_step * k) * (away + box->half_width),
                                     at.y - sin(angle_step * k) * (away + box->half_height)};
            if (is_free(labels, box))
                return ring;
        }
    box->middle = (sl_point){at.x + MARK_HALF + 2 + box->half_width, at.y};
    return RINGS;
}

void sl_labels_draw(sl_labels *labels, const sl_svg *svg, sl_point at, const char *text)
{
    sl_label_box box = {.half_width = CHARACTER_HALF * (double)strlen(text) + 1, .half_height = TEXT_HALF_HEIGHT};
    const unsigned ring = find_place(labels, at, &box);
    labels->boxes[labels->count++] = box;
    if (ring > 0 && ring < RINGS)
        sl_svg_line(svg, "grid", 2, (sl_point[]){at, box.middle});
    sl_svg_text(svg, (sl_point){box.middle.x, box.middle.y + TEXT_HALF_HEIGHT - 1}, SL_ANCHOR_MIDDLE, "small", text);
}

void sl_labels_destroy(sl_labels *labels)
{
    sl_free(labels->boxes);
    *labels = (sl_labels){0};
}
