#include "io/onnx/graph/onnx_fold.h"

#include "base/size.h"

#include <assert.h>
#include <string.h>

enum { MAX_DEPTH = 48, MAX_STEPS = 4096 };

/* A search in progress: the steps left bound what nodes that are reached many times may cost. */
typedef struct fold {
    sl_onnx_constant *made;
    size_t steps;
    const sl_onnx_node *cause;
} fold;

/* The shape of a part of the constant; its pieces are those from some index on. */
typedef struct part_shape {
    size_t dims, size[SL_ONNX_DIMS];
} part_shape;

static bool find_part(fold *search, const sl_onnx_graph *graph, const char *value, size_t depth, part_shape *shape);

bool sl_onnx_get_axis(int64_t axis, size_t dims, size_t *found)
{
    if (axis < -(int64_t)dims || axis >= (int64_t)dims)
        return false;
    *found = (size_t)(axis < 0 ? axis + (int64_t)dims : axis);
    return true;
}

void sl_onnx_get_slice(int64_t start, int64_t end, size_t size, size_t *first, size_t *extent)
{
    const int64_t whole = size > INT64_MAX ? INT64_MAX : (int64_t)size;
    start = start < 0 ? (start < -whole ? 0 : start + whole) : start > whole ? whole : start;
    end = end < 0 ? (end < -whole ? 0 : end + whole) : end > whole ? whole : end;
    *first = (size_t)start;
    *extent = end > start ? (size_t)(end - start) : 0;
}

/* ---- Tensors --------------------------------------------------------------------------------------------------------------- */

static bool add_tensor(fold *search, const sl_onnx_tensor *tensor, part_shape *shape)
{
    sl_onnx_constant *made = search->made;
    if (tensor->tensor.dims > SL_ONNX_DIMS || !tensor->tensor.type || made->count == SL_ONNX_PIECES)
        return false;
    sl_onnx_piece *piece = &made->pieces[made->count++];
    *piece = (sl_onnx_piece){.tensor = tensor};
    *shape = (part_shape){.dims = tensor->tensor.dims};
    for (size_t k = 0; k < SL_ONNX_DIMS; k++)
        shape->size[k] = piece->extent[k] = k < shape->dims ? tensor->tensor.shape[k] : 1;
    size_t stride = 1;
    for (size_t k = SL_ONNX_DIMS; k-- > 0; stride *= k < shape->dims ? shape->size[k] : 1)
        piece->stride[k] = stride;
    return true;
}

/* ---- Rearrangements -------------------------------------------------------------------------------------------------------- */

/* Dimension k of the result is dimension from[k] of the part, or a new one of size 1 (SL_ONNX_DIMS). */
static void permute(fold *search, size_t begin, const size_t from[SL_ONNX_DIMS], size_t dims, part_shape *shape)
{
    const part_shape old = *shape;
    shape->dims = dims;
    for (size_t k = 0; k < SL_ONNX_DIMS; k++)
        shape->size[k] = k < dims && from[k] < SL_ONNX_DIMS ? old.size[from[k]] : 1;
    for (size_t p = begin; p < search->made->count; p++) {
        sl_onnx_piece *piece = &search->made->pieces[p];
        const sl_onnx_piece before = *piece;
        for (size_t k = 0; k < SL_ONNX_DIMS; k++) {
            const bool is_old = k < dims && from[k] < SL_ONNX_DIMS;
            piece->at[k] = is_old ? before.at[from[k]] : 0;
            piece->extent[k] = is_old ? before.extent[from[k]] : 1;
            piece->stride[k] = is_old ? before.stride[from[k]] : 0;
        }
    }
}

static bool transpose(fold *search, const sl_onnx_node *node, size_t begin, part_shape *shape)
{
    const sl_onnx_attribute *perm = sl_onnx_get_attribute(node, "perm");
    size_t from[SL_ONNX_DIMS];
    unsigned seen = 0;
    if (perm && perm->int_count != shape->dims)
        return false;
    for (size_t k = 0; k < shape->dims; k++) {
        if (!sl_onnx_get_axis(perm ? perm->ints[k] : (int64_t)(shape->dims - 1 - k), shape->dims, &from[k]))
            return false;
        seen |= 1U << from[k];
    }
    if (seen + 1 != 1U << shape->dims)
        return false;
    permute(search, begin, from, shape->dims, shape);
    return true;
}

/* Which of `dims` dimensions the axes name. */
static bool mark_axes(const int64_t *axes, size_t count, size_t dims, bool marked[SL_ONNX_DIMS])
{
    memset(marked, 0, SL_ONNX_DIMS * sizeof *marked);
    for (size_t k = 0; k < count; k++) {
        size_t axis;
        if (!sl_onnx_get_axis(axes[k], dims, &axis) || marked[axis])
            return false;
        marked[axis] = true;
    }
    return true;
}

static bool unsqueeze(fold *search, const sl_onnx_node *node, size_t begin, part_shape *shape)
{
    int64_t axes[SL_ONNX_MAX_LIST];
    size_t count, from[SL_ONNX_DIMS];
    bool is_new[SL_ONNX_DIMS];
    if (!sl_onnx_get_integers(node, "axes", 1, axes, &count) || shape->dims + count > SL_ONNX_DIMS ||
        !mark_axes(axes, count, shape->dims + count, is_new))
        return false;
    for (size_t k = 0, old = 0; k < shape->dims + count; k++)
        from[k] = is_new[k] ? SL_ONNX_DIMS : old++;
    permute(search, begin, from, shape->dims + count, shape);
    return true;
}

static bool squeeze(fold *search, const sl_onnx_node *node, size_t begin, part_shape *shape)
{
    int64_t axes[SL_ONNX_MAX_LIST];
    size_t count = 0, from[SL_ONNX_DIMS], dims = 0;
    bool is_gone[SL_ONNX_DIMS];
    const bool has_axes = sl_onnx_get_attribute(node, "axes") || *sl_onnx_get_input(node, 1);
    if (has_axes && !sl_onnx_get_integers(node, "axes", 1, axes, &count))
        return false;
    if (!mark_axes(axes, count, shape->dims, is_gone))
        return false;
    for (size_t k = 0; k < shape->dims; k++) {
        const bool goes = has_axes ? is_gone[k] : shape->size[k] == 1;
        if (goes && shape->size[k] != 1)
            return false;
        if (!goes)
            from[dims++] = k;
    }
    permute(search, begin, from, dims, shape);
    return true;
}

/* Keep `extent` elements from `first` on along an axis. */
static void crop(fold *search, size_t begin, size_t axis, size_t first, size_t size)
{
    size_t kept = begin;
    for (size_t p = begin; p < search->made->count; p++) {
        sl_onnx_piece piece = search->made->pieces[p];
        const size_t low = sl_size_max(piece.at[axis], first),
                     high = sl_size_min(piece.at[axis] + piece.extent[axis], first + size);
        if (low >= high && size)
            continue;
        piece.first += low > piece.at[axis] ? (low - piece.at[axis]) * piece.stride[axis] : 0;
        piece.at[axis] = low - first;
        piece.extent[axis] = high > low ? high - low : 0;
        search->made->pieces[kept++] = piece;
    }
    search->made->count = size ? kept : begin;
}

static bool slice(fold *search, const sl_onnx_node *node, size_t begin, part_shape *shape)
{
    int64_t starts[SL_ONNX_MAX_LIST], ends[SL_ONNX_MAX_LIST], axes[SL_ONNX_MAX_LIST], steps[SL_ONNX_MAX_LIST];
    size_t count, other;
    if (!sl_onnx_get_integers(node, "starts", 1, starts, &count) || !sl_onnx_get_integers(node, "ends", 2, ends, &other) ||
        other != count || count > SL_ONNX_DIMS)
        return false;
    if (!sl_onnx_get_attribute(node, "axes") && !*sl_onnx_get_input(node, 3))
        for (size_t k = 0; k < count; k++)
            axes[k] = (int64_t)k;
    else if (!sl_onnx_get_integers(node, "axes", 3, axes, &other) || other != count)
        return false;
    if (*sl_onnx_get_input(node, 4) && (!sl_onnx_get_integers(node, "", 4, steps, &other) || other != count))
        return false;
    for (size_t k = 0; k < count; k++) {
        size_t axis, first, size;
        if ((*sl_onnx_get_input(node, 4) && steps[k] != 1) || !sl_onnx_get_axis(axes[k], shape->dims, &axis))
            return false;
        sl_onnx_get_slice(starts[k], ends[k], shape->size[axis], &first, &size);
        crop(search, begin, axis, first, size);
        shape->size[axis] = size;
    }
    return true;
}

/* Only one whole tensor, in its own order, can take another shape. */
static bool reshape(fold *search, const sl_onnx_node *node, size_t begin, part_shape *shape)
{
    int64_t wanted[SL_ONNX_MAX_LIST];
    size_t count, known = 1, unknown = SL_ONNX_DIMS;
    if (!sl_onnx_get_integers(node, "shape", 1, wanted, &count) || count > SL_ONNX_DIMS || search->made->count != begin + 1)
        return false;
    sl_onnx_piece *piece = &search->made->pieces[begin];
    const size_t elements = piece->tensor->tensor.elements;
    size_t stride = 1;
    for (size_t k = SL_ONNX_DIMS; k-- > 0; stride *= shape->size[k])
        if (shape->size[k] != 1 && piece->stride[k] != stride)
            return false;
    if (stride != elements || piece->first)
        return false;
    part_shape made = {.dims = count, .size = {1, 1, 1, 1}};
    for (size_t k = 0; k < count; k++) {
        if (wanted[k] < 0)
            unknown = k;
        else
            made.size[k] = wanted[k] || k >= shape->dims ? (size_t)wanted[k] : shape->size[k];
        if (wanted[k] >= 0 && !sl_size_mul(known, made.size[k], &known))
            return false;
    }
    if (unknown < SL_ONNX_DIMS && known)
        made.size[unknown] = elements / known;
    for (size_t k = SL_ONNX_DIMS, each = 1; k-- > 0; each *= made.size[k]) {
        piece->stride[k] = each;
        piece->extent[k] = made.size[k];
    }
    *shape = made;
    size_t product;
    return known && sl_size_mul(known, unknown < SL_ONNX_DIMS ? made.size[unknown] : 1, &product) && product == elements;
}

static bool concat(fold *search, const sl_onnx_node *node, size_t depth, part_shape *shape)
{
    size_t axis = 0;
    for (size_t k = 0; k < node->input_count; k++) {
        const size_t begin = search->made->count;
        part_shape part;
        if (!find_part(search, node->graph, node->inputs[k], depth, &part) ||
            !sl_onnx_get_axis(sl_onnx_get_int(node, "axis", 0), part.dims, &axis))
            return false;
        if (k == 0) {
            *shape = part;
            continue;
        }
        const size_t before = shape->size[axis];
        shape->size[axis] = part.size[axis];
        if (part.dims != shape->dims || memcmp(part.size, shape->size, sizeof part.size) != 0 ||
            !sl_size_add(before, part.size[axis], &shape->size[axis]))
            return false;
        for (size_t p = begin; p < search->made->count; p++)
            search->made->pieces[p].at[axis] += before;
    }
    return node->input_count > 0;
}

/* ---- Nodes ----------------------------------------------------------------------------------------------------------------- */

/* A Cast that may round is no part of the file's weights. */
static bool is_harmless_cast(const sl_onnx_node *node)
{
    const int64_t to = sl_onnx_get_int(node, "to", 0);
    return to == SL_ONNX_FLOAT || to == SL_ONNX_DOUBLE;
}

static bool find_node(fold *search, const sl_onnx_node *node, size_t depth, part_shape *shape)
{
    const size_t begin = search->made->count;
    if (sl_onnx_is(node, "Constant")) {
        const sl_onnx_attribute *value = sl_onnx_get_attribute(node, "value");
        return value && value->tensor && add_tensor(search, value->tensor, shape);
    }
    if (sl_onnx_is(node, "Concat"))
        return concat(search, node, depth, shape);
    static const char *const others[] = {"Identity", "Cast", "Transpose", "Unsqueeze", "Squeeze", "Slice", "Reshape"};
    size_t k = 0;
    while (k < sizeof others / sizeof *others && !sl_onnx_is(node, others[k]))
        k++;
    if (k == sizeof others / sizeof *others || !find_part(search, node->graph, sl_onnx_get_input(node, 0), depth, shape))
        return false;
    switch (k) {
    case 0:
        return true;
    case 1:
        return is_harmless_cast(node);
    case 2:
        return transpose(search, node, begin, shape);
    case 3:
        return unsqueeze(search, node, begin, shape);
    case 4:
        return squeeze(search, node, begin, shape);
    case 5:
        return slice(search, node, begin, shape);
    default:
        return reshape(search, node, begin, shape);
    }
}

static bool find_part(fold *search, const sl_onnx_graph *graph, const char *value, size_t depth, part_shape *shape)
{
    const sl_onnx_origin origin = sl_onnx_find(graph, value);
    if (depth == MAX_DEPTH || !search->steps)
        return false;
    search->steps--;
    if (origin.kind == SL_ONNX_TENSOR)
        return add_tensor(search, origin.tensor, shape);
    if (origin.kind != SL_ONNX_NODE)
        return false;
    const bool found = origin.output == 0 && find_node(search, origin.node, depth + 1, shape);
    if (!found && !search->cause)
        search->cause = origin.node;
    return found;
}

bool sl_onnx_fold(const sl_onnx_graph *graph, const char *value, sl_onnx_constant *constant, const sl_onnx_node **cause)
{
    fold search = {.made = constant, .steps = MAX_STEPS};
    part_shape shape = {.dims = 0};
    constant->count = 0;
    const bool found = find_part(&search, graph, value, 0, &shape);
    constant->dims = shape.dims;
    memcpy(constant->shape, shape.size, sizeof shape.size);
    if (cause)
        *cause = search.cause;
    return found;
}

/* ---- Integers -------------------------------------------------------------------------------------------------------------- */

typedef struct integers {
    int64_t *list;
    size_t count, steps;
} integers;

static bool add_integers(integers *to, const int64_t *list, size_t count)
{
    if ((!list && count) || count > SL_ONNX_MAX_LIST - to->count)
        return false;
    if (count)
        memcpy(to->list + to->count, list, count * sizeof *list);
    to->count += count;
    return true;
}

static bool add_constant(integers *to, const sl_onnx_node *node)
{
    const sl_onnx_attribute *value = sl_onnx_get_attribute(node, "value");
    if (value && value->tensor)
        return value->tensor->ints && add_integers(to, value->tensor->ints, value->tensor->tensor.elements);
    value = sl_onnx_get_attribute(node, "value_int");
    if (value)
        return add_integers(to, &value->i, 1);
    value = sl_onnx_get_attribute(node, "value_ints");
    return value && add_integers(to, value->ints, value->int_count);
}

static bool find_integers(integers *to, const sl_onnx_graph *graph, const char *value, size_t depth)
{
    const sl_onnx_origin origin = sl_onnx_find(graph, value);
    if (depth == MAX_DEPTH || !to->steps)
        return false;
    to->steps--;
    if (origin.kind == SL_ONNX_TENSOR)
        return origin.tensor->ints && add_integers(to, origin.tensor->ints, origin.tensor->tensor.elements);
    if (origin.kind != SL_ONNX_NODE)
        return false;
    const sl_onnx_node *node = origin.node;
    if (sl_onnx_is(node, "Constant"))
        return add_constant(to, node);
    if (sl_onnx_is(node, "Concat")) {
        bool found = true;
        for (size_t k = 0; found && k < node->input_count; k++)
            found = find_integers(to, node->graph, node->inputs[k], depth + 1);
        return found;
    }
    const bool is_same = sl_onnx_is(node, "Identity") || sl_onnx_is(node, "Cast") || sl_onnx_is(node, "Unsqueeze") ||
                         sl_onnx_is(node, "Squeeze") || sl_onnx_is(node, "Reshape");
    return is_same && find_integers(to, node->graph, sl_onnx_get_input(node, 0), depth + 1);
}

bool sl_onnx_fold_integers(const sl_onnx_graph *graph, const char *value, int64_t list[SL_ONNX_MAX_LIST], size_t *count)
{
    integers found = {.list = list, .steps = MAX_STEPS};
    const bool is_known = find_integers(&found, graph, value, 0);
    *count = found.count;
    return is_known;
}

bool sl_onnx_get_integers(const sl_onnx_node *node, const char *attribute, size_t input, int64_t list[SL_ONNX_MAX_LIST],
                          size_t *count)
{
    const sl_onnx_attribute *found = sl_onnx_get_attribute(node, attribute);
    integers to = {.list = list};
    if (!found)
        return sl_onnx_fold_integers(node->graph, sl_onnx_get_input(node, input), list, count);
    const bool fits = found->int_count <= SL_ONNX_MAX_LIST && add_integers(&to, found->ints, found->int_count);
    *count = to.count;
    return fits;
}

/* ---- Origins --------------------------------------------------------------------------------------------------------------- */

sl_onnx_origin sl_onnx_trace(const sl_onnx_graph *graph, const char *value)
{
    static const char *const through[] = {"Slice",     "Expand", "Unsqueeze", "Squeeze", "Identity", "Reshape",
                                          "Transpose", "Gather", "Cast",      "Tile",    "Split"};
    sl_onnx_origin origin = sl_onnx_find(graph, value);
    for (size_t depth = 0; origin.kind == SL_ONNX_NODE && depth < MAX_DEPTH; depth++) {
        size_t k = 0;
        while (k < sizeof through / sizeof *through && !sl_onnx_is(origin.node, through[k]))
            k++;
        if (k == sizeof through / sizeof *through)
            break;
        origin = sl_onnx_find(origin.node->graph, sl_onnx_get_input(origin.node, 0));
    }
    return origin;
}
