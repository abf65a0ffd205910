#include "io/onnx/onnx_axes.h"

#include <stdio.h>
#include <string.h>

size_t sl_onnx_axes_get_width(const sl_onnx_axes *axes)
{
    return axes->is_joined ? axes->features * axes->directions : axes->features;
}

void sl_onnx_axes_remove(sl_onnx_axes *axes, size_t at)
{
    axes->count--;
    memmove(axes->axis + at, axes->axis + at + 1, (axes->count - at) * sizeof *axes->axis);
}

bool sl_onnx_axes_insert(sl_onnx_axes *axes, size_t at, sl_onnx_axis axis)
{
    if (axes->count == SL_ONNX_AXES || at > axes->count)
        return false;
    memmove(axes->axis + at + 1, axes->axis + at, (axes->count - at) * sizeof *axes->axis);
    axes->axis[at] = axis;
    axes->count++;
    return true;
}

/* ---- Transpose, Squeeze, Unsqueeze ----------------------------------------------------------------------------------------- */

static const char *transpose(sl_onnx_axes *axes, const sl_onnx_node *node)
{
    const sl_onnx_attribute *perm = sl_onnx_get_attribute(node, "perm");
    const sl_onnx_axes old = *axes;
    unsigned seen = 0;
    if (perm && perm->int_count != axes->count)
        return "its perm is of another number of axes";
    for (size_t k = 0; k < axes->count; k++) {
        size_t from;
        if (!sl_onnx_get_axis(perm ? perm->ints[k] : (int64_t)(axes->count - 1 - k), axes->count, &from) || seen >> from & 1)
            return "its perm is no permutation";
        seen |= 1U << from;
        axes->axis[k] = old.axis[from];
    }
    return NULL;
}

/* Whether an axis can go: it has one element, or, of rows, the graph is for one row, which a network here need not know. */
static bool can_go(const sl_onnx_axes *axes, size_t at)
{
    const sl_onnx_axis axis = axes->axis[at];
    return axis == SL_AXIS_ONE || axis == SL_AXIS_ROWS || (axis == SL_AXIS_DIRECTIONS && axes->directions == 1);
}

static const char *squeeze(sl_onnx_axes *axes, const sl_onnx_node *node)
{
    int64_t list[SL_ONNX_MAX_LIST];
    size_t count = 0;
    bool goes[SL_ONNX_AXES] = {false};
    const bool has_list = sl_onnx_get_attribute(node, "axes") || *sl_onnx_get_input(node, 1);
    if (has_list && !sl_onnx_get_integers(node, "axes", 1, list, &count))
        return "its axes are computed";
    for (size_t k = 0, at; k < count; k++) {
        if (!sl_onnx_get_axis(list[k], axes->count, &at))
            return "it has an axis that is not there";
        if (!can_go(axes, at))
            return "it drops an axis that may be longer than 1";
        goes[at] = true;
    }
    for (size_t k = axes->count; k-- > 0;)
        if (goes[k] || (!has_list && can_go(axes, k) && axes->axis[k] != SL_AXIS_ROWS))
            sl_onnx_axes_remove(axes, k);
    return NULL;
}

static const char *unsqueeze(sl_onnx_axes *axes, const sl_onnx_node *node)
{
    int64_t list[SL_ONNX_MAX_LIST];
    size_t count;
    bool is_new[SL_ONNX_AXES] = {false};
    if (!sl_onnx_get_integers(node, "axes", 1, list, &count))
        return "its axes are computed";
    if (axes->count + count > SL_ONNX_AXES)
        return "it makes too many axes";
    for (size_t k = 0, at; k < count; k++) {
        if (!sl_onnx_get_axis(list[k], axes->count + count, &at))
            return "it has an axis that is not there";
        is_new[at] = true;
    }
    for (size_t k = 0; k < SL_ONNX_AXES; k++)
        if (is_new[k] && !sl_onnx_axes_insert(axes, k, SL_AXIS_ONE))
            return "it has an axis that is not there";
    return NULL;
}

/* ---- Reshape --------------------------------------------------------------------------------------------------------------- */

/* A reshape as a list of sizes: -1 and 0 as in ONNX, -2 where one is computed by the graph. */
typedef struct target {
    size_t count;
    int64_t size[SL_ONNX_AXES];
} target;

enum { COMPUTED = -2 };

/* One size of a shape that is put together: a number, or computed. */
static bool add_size(target *to, const sl_onnx_graph *graph, const char *value)
{
    int64_t list[SL_ONNX_MAX_LIST];
    size_t count;
    if (!sl_onnx_fold_integers(graph, value, list, &count)) {
        list[0] = COMPUTED; /* one number out of a Shape, as a rule; where it is several, the axes do not match below */
        count = 1;
    }
    for (size_t k = 0; k < count; k++) {
        if (to->count == SL_ONNX_AXES)
            return false;
        to->size[to->count++] = list[k];
    }
    return true;
}

static bool get_target(const sl_onnx_node *node, target *found)
{
    const char *value = sl_onnx_get_input(node, 1);
    int64_t list[SL_ONNX_MAX_LIST];
    size_t count;
    *found = (target){0};
    const sl_onnx_origin origin = sl_onnx_find(node->graph, value);
    if (origin.kind != SL_ONNX_NODE || !sl_onnx_is(origin.node, "Concat"))
        return sl_onnx_fold_integers(node->graph, value, list, &count) && add_size(found, node->graph, value);
    for (size_t k = 0; k < origin.node->input_count; k++)
        if (!add_size(found, origin.node->graph, origin.node->inputs[k]))
            return false;
    return true;
}

static bool may_be(int64_t size, size_t known)
{
    return size <= 0 || !known || (uint64_t)size == known;
}

/* Whether the axes, without those of size 1, become those sizes one by one, the two directions and their features, or steps and rows,
 * being joined where there is one size fewer. */
static bool match(sl_onnx_axes *axes, const target *to, bool skip_ones)
{
    sl_onnx_axes made = *axes, core = *axes;
    for (size_t k = core.count; k-- > 0;)
        if (core.axis[k] == SL_AXIS_ONE || (core.axis[k] == SL_AXIS_DIRECTIONS && core.directions == 1))
            sl_onnx_axes_remove(&core, k);
    size_t sizes = 0;
    for (size_t k = 0; k < to->count; k++)
        sizes += !(skip_ones && to->size[k] == 1);
    const size_t last = core.count ? core.count - 1 : 0;
    const int64_t end = to->count ? to->size[to->count - 1] : 0;
    if (sizes + 1 == core.count && last && core.axis[last] == SL_AXIS_FEATURES && core.axis[last - 1] == SL_AXIS_DIRECTIONS &&
        may_be(end, core.features * core.directions)) {
        sl_onnx_axes_remove(&core, last - 1);
        made.is_joined = true;
    } else if (sizes + 1 == core.count && core.count == 3 && core.axis[0] == SL_AXIS_STEPS && core.axis[1] == SL_AXIS_ROWS &&
               may_be(end, sl_onnx_axes_get_width(axes))) {
        sl_onnx_axes_remove(&core, 1);
        core.axis[0] = SL_AXIS_STEPS_OF_ROWS;
    } else if (sizes == core.count + 1 && core.count && core.axis[0] == SL_AXIS_STEPS_OF_ROWS) {
        core.axis[0] = SL_AXIS_STEPS;
        sl_onnx_axes_insert(&core, 1, SL_AXIS_ROWS);
    } else if (sizes != core.count || (core.axis[last] == SL_AXIS_FEATURES && !may_be(end, sl_onnx_axes_get_width(axes)))) {
        return false;
    }
    made.count = to->count;
    for (size_t k = 0, next = 0; k < to->count; k++) {
        const bool is_one = to->size[k] == 1;
        made.axis[k] = skip_ones && is_one ? SL_AXIS_ONE : core.axis[next++];
        if (is_one && !skip_ones && made.axis[k] != SL_AXIS_ROWS) /* rows may be one, in a graph for one */
            return false;
    }
    *axes = made;
    return true;
}

static const char *reshape(sl_onnx_axes *axes, const sl_onnx_node *node)
{
    target to;
    if (!get_target(node, &to))
        return "its shape is computed";
    if (to.count && (match(axes, &to, false) || match(axes, &to, true)))
        return NULL;
    return "it joins axes that are no directions and their features";
}

static const char *flatten(sl_onnx_axes *axes, const sl_onnx_node *node)
{
    const int64_t axis = sl_onnx_get_int(node, "axis", 1);
    target to = {2, {-1, -1}};
    if (axis != 1 || axes->count < 2 || axes->axis[0] == SL_AXIS_STEPS || !match(axes, &to, true))
        return "it joins steps, or rows, with others";
    return NULL;
}

/* ---- All ------------------------------------------------------------------------------------------------------------------- */

const char *sl_onnx_axes_rearrange(sl_onnx_axes *axes, const sl_onnx_node *node)
{
    static const struct {
        const char *op;
        const char *(*apply)(sl_onnx_axes *, const sl_onnx_node *);
    } nodes[] = {
        {"Transpose", transpose}, {"Squeeze", squeeze}, {"Unsqueeze", unsqueeze}, {"Reshape", reshape}, {"Flatten", flatten}};
    for (size_t k = 0; k < sizeof nodes / sizeof *nodes; k++)
        if (sl_onnx_is(node, nodes[k].op))
            return nodes[k].apply(axes, node);
    return "it is no node that rearranges";
}

sl_onnx_axes_text sl_onnx_axes_get_text(const sl_onnx_axes *axes)
{
    static const char *const words[] = {"[1]", "[steps]", "[rows]", "[directions]", "[features]", "[steps x rows]"};
    sl_onnx_axes_text made = {""};
    size_t at = 0;
    for (size_t k = 0; k < axes->count; k++)
        at += (size_t)snprintf(made.text + at, sizeof made.text - at, "%s",
                               axes->axis[k] < SL_AXIS_INPUT ? words[axes->axis[k]] : "[?]");
    return made;
}
