#include "io/onnx/onnx_chain.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"
#include "io/onnx/onnx_layers.h"

#include <stdio.h>
#include <string.h>

enum { MAX_DEPTH = 256, MAX_STEPS = 8192, FAR = 1 << 20 /* a slice's end that no sequence reaches */ };

static sluice_status walk(sl_onnx_chain *chain, const sl_onnx_graph *graph, const char *value, sl_onnx_axes *axes, size_t depth);

/* ---- The beginning --------------------------------------------------------------------------------------------------------- */

/* A network begins at the graph's input: its axes are known by their order only. */
static sluice_status begin(sl_onnx_chain *chain, const sl_onnx_origin *origin, bool is_tokens, sl_onnx_axes *axes)
{
    const sl_onnx_port *port = origin->port;
    *axes = (sl_onnx_axes){.count = port->has_shape ? port->dims : is_tokens ? 2 : 3, .directions = 1, .only = -1};
    if (origin->graph->parent)
        return sl_fail_byte(chain->reader->error, SLUICE_STATUS_UNSUPPORTED, chain->reader->source->input.name, origin->graph->at,
                            "ONNX: \"%s\" is an input of a graph within a node, as Loop and Scan have; they are not run",
                            sl_label_get(port->name).text);
    if (axes->count > 3)
        return sl_fail_byte(chain->reader->error, SLUICE_STATUS_UNSUPPORTED, chain->reader->source->input.name, origin->graph->at,
                            "ONNX: the graph's input \"%s\" has %zu axes, expected steps, rows and features",
                            sl_label_get(port->name).text, axes->count);
    for (size_t k = 0; k < axes->count; k++)
        axes->axis[k] = SL_AXIS_INPUT + (sl_onnx_axis)k;
    chain->input = port;
    chain->input_count = axes->count;
    return SLUICE_STATUS_OK;
}

/* An axis of an LSTM's input takes its part; of the graph's input it is remembered which. */
static bool assign(sl_onnx_chain *chain, sl_onnx_axes *axes, size_t at, sl_onnx_axis part)
{
    const sl_onnx_axis found = axes->axis[at];
    if (found >= SL_AXIS_INPUT)
        chain->roles[found - SL_AXIS_INPUT] = part;
    axes->axis[at] = part;
    if (axes->sorter && axes->sorted == found)
        axes->sorted = part;
    return found == part || found >= SL_AXIS_INPUT || found == SL_AXIS_ONE;
}

/* ---- LSTM ------------------------------------------------------------------------------------------------------------------ */

/* The axes of an output: Y is [T][D][N][H], Y_h [D][N][H]; with layout 1 [N][T][D][H] and [N][D][H]. */
static sluice_status get_output(sl_onnx_chain *chain, size_t output, sl_onnx_axes *axes)
{
    static const sl_onnx_axis orders[2][2][4] = {
        {{SL_AXIS_STEPS, SL_AXIS_DIRECTIONS, SL_AXIS_ROWS, SL_AXIS_FEATURES}, {SL_AXIS_DIRECTIONS, SL_AXIS_ROWS, SL_AXIS_FEATURES}},
        {{SL_AXIS_ROWS, SL_AXIS_STEPS, SL_AXIS_DIRECTIONS, SL_AXIS_FEATURES},
         {SL_AXIS_ROWS, SL_AXIS_DIRECTIONS, SL_AXIS_FEATURES}}};
    if (output > 1)
        return sl_onnx_stuck(chain, chain->lstm.node, "its output Y_c is used, which no layer reads");
    *axes = chain->before;
    axes->count = output ? 3 : 4;
    memcpy(axes->axis, orders[chain->lstm.is_batch_first][output], sizeof orders[0][0]);
    axes->features = chain->lstm.hidden;
    axes->directions = chain->lstm.directions;
    axes->only = -1;
    axes->is_joined = false;
    axes->merge = SLUICE_MERGE_CONCAT;
    axes->steps = output ? SLUICE_STEPS_FINAL : SLUICE_STEPS_ALL;
    return SLUICE_STATUS_OK;
}

static sluice_status enter_lstm(sl_onnx_chain *chain, const sl_onnx_node *node, size_t output, sl_onnx_axes *axes, size_t depth)
{
    sl_onnx_lstm found;
    if (chain->is_waiting && chain->lstm.node == node)
        return get_output(chain, output, axes);
    sluice_status status = walk(chain, node->graph, sl_onnx_get_input(node, 0), axes, depth);
    if (!status)
        status = sl_onnx_lstm_examine(chain->reader, node, &found);
    if (status)
        return status;
    const bool is_row = axes->steps != SLUICE_STEPS_ALL;
    const sl_onnx_axis first = found.is_batch_first ? SL_AXIS_ROWS : SL_AXIS_STEPS;
    const sl_onnx_axis second = found.is_batch_first ? SL_AXIS_STEPS : SL_AXIS_ROWS;
    const sl_onnx_axes before = *axes;
    if (is_row || axes->count != 3 || !assign(chain, axes, 0, first) || !assign(chain, axes, 1, second) ||
        !assign(chain, axes, 2, SL_AXIS_FEATURES))
        return sl_onnx_stuck(chain, node, "its input is %s, expected %s", is_row ? "one step" : sl_onnx_axes_get_text(&before).text,
                             found.is_batch_first ? "[rows][steps][features]" : "[steps][rows][features]");
    status = sl_onnx_flush(chain, axes);
    if (!status)
        status = sl_onnx_set_inputs(chain, node, &before, found.inputs);
    chain->lstm = found;
    chain->before = *axes;
    chain->is_waiting = true;
    chain->lstm_count++;
    return status ? status : get_output(chain, output, axes);
}

/* ---- Gather ---------------------------------------------------------------------------------------------------------------- */

static sluice_status add_embedding(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes, size_t depth)
{
    sl_onnx_constant *table = &chain->scratch;
    sluice_layer *layer;
    chain->has_inputs = true;
    sluice_status status = walk(chain, node->graph, sl_onnx_get_input(node, 1), axes, depth);
    if (!status)
        status = sl_onnx_get_constant(chain->reader, node, 0, "table", table);
    if (status)
        return status;
    if (table->dims != 2 || sl_onnx_get_int(node, "axis", 0) != 0 || sl_build_count(chain->reader->build) || chain->is_waiting ||
        !sl_onnx_axes_insert(axes, axes->count, SL_AXIS_FEATURES))
        return sl_onnx_stuck(chain, node, "it is no table of embeddings at the beginning of the network");
    status = sl_onnx_add_layer(chain, node, SLUICE_LAYER_EMBEDDING, &layer);
    if (status)
        return status;
    layer->vocabulary = table->shape[0];
    layer->units = table->shape[1];
    axes->features = table->shape[1];
    const sl_fill fill = {.tensor = SLUICE_TENSOR_EMBEDDING, .pitch = table->shape[1]};
    return sl_onnx_fill(chain->reader, table, (sl_onnx_part){.rows = table->shape[0]}, &fill);
}

/* Take the steps' last, or one direction. `index` may count from the end; the axis becomes one of size 1. */
static sluice_status pick(sl_onnx_chain *chain, const sl_onnx_node *node, size_t at, int64_t index, sl_onnx_axes *axes)
{
    sluice_layer *layer;
    sluice_status status = SLUICE_STATUS_OK;
    const sl_onnx_axis axis = axes->axis[at];
    const bool is_reverse =
        chain->is_waiting && (axes->only == 1 || (axes->directions == 1 && chain->lstm.direction == SLUICE_DIRECTION_REVERSE));
    size_t direction;
    axes->axis[at] = SL_AXIS_ONE;
    if (axis == SL_AXIS_ONE)
        return SLUICE_STATUS_OK;
    if (axis == SL_AXIS_DIRECTIONS && sl_onnx_get_axis(index, axes->directions, &direction) &&
        (axes->directions == 1 || chain->is_waiting)) {
        axes->only = axes->directions == 1 ? -1 : (int)direction;
        return SLUICE_STATUS_OK;
    }
    if (axis != SL_AXIS_STEPS || (index != -1 && !(index == 0 && is_reverse)))
        return sl_onnx_stuck(chain, node, "it takes one of several %s, expected the last step",
                             axis == SL_AXIS_STEPS  ? "steps"
                             : axis == SL_AXIS_ROWS ? "rows"
                                                    : "features");
    if (!chain->is_waiting) {
        status = sl_onnx_add_layer(chain, node, SLUICE_LAYER_REDUCE, &layer);
        if (!status)
            layer->steps = SLUICE_STEPS_LAST;
    }
    axes->steps = index ? SLUICE_STEPS_LAST : SLUICE_STEPS_FINAL;
    return status;
}

/* The node by whose order of lengths a list of indices sorts rows: an output of TopK. */
static const sl_onnx_node *find_sorter(const sl_onnx_graph *graph, const char *value)
{
    const sl_onnx_origin origin = sl_onnx_trace(graph, value);
    return origin.kind == SL_ONNX_NODE && origin.output == 1 && sl_onnx_is(origin.node, "TopK") ? origin.node : NULL;
}

/* Rows are sorted by their lengths for an LSTM, and put back behind it: here neither is needed. */
static sluice_status sort_rows(sl_onnx_chain *chain, const sl_onnx_node *node, size_t at, sl_onnx_axes *axes)
{
    const char *indices = sl_onnx_get_input(node, 1);
    const sl_onnx_node *sorter = find_sorter(node->graph, indices);
    if (sorter && !axes->sorter) {
        axes->sorter = sorter;
        axes->sorted = axes->axis[at];
        return sl_build_note(chain->reader->build, chain->reader->error,
                             "onnx: %s: the graph sorts rows by their lengths; here the rows of a batch need no order",
                             sl_label_get(sl_onnx_get_name(node)).text);
    }
    const sl_onnx_origin origin = sl_onnx_trace(node->graph, indices);
    const bool is_back = origin.kind == SL_ONNX_NODE && sl_onnx_is(origin.node, "ScatterElements") && axes->sorter &&
                         axes->sorted == axes->axis[at] &&
                         find_sorter(origin.node->graph, sl_onnx_get_input(origin.node, 1)) == axes->sorter;
    if (!is_back)
        return sl_onnx_stuck(chain, node, "its indices are computed by the graph");
    axes->sorter = NULL;
    return SLUICE_STATUS_OK;
}

/* Dimensions of a constant list of indices: 0 of a number. */
static size_t get_dims(const sl_onnx_graph *graph, const char *value)
{
    const sl_onnx_origin origin = sl_onnx_find(graph, value);
    if (origin.kind == SL_ONNX_TENSOR)
        return origin.tensor->tensor.dims;
    const sl_onnx_attribute *constant = origin.kind == SL_ONNX_NODE ? sl_onnx_get_attribute(origin.node, "value") : NULL;
    if (constant && constant->tensor)
        return constant->tensor->tensor.dims;
    return !(origin.kind == SL_ONNX_NODE && sl_onnx_get_attribute(origin.node, "value_int"));
}

/* Its data have been walked. */
__attribute__((noinline)) static sluice_status gather(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes)
{
    int64_t list[SL_ONNX_MAX_LIST];
    size_t count, at;
    if (!sl_onnx_get_axis(sl_onnx_get_int(node, "axis", 0), axes->count, &at))
        return sl_onnx_fail(chain->reader, SLUICE_STATUS_BAD_DATA, node, "its axis is out of range");
    if (!sl_onnx_fold_integers(node->graph, sl_onnx_get_input(node, 1), list, &count))
        return sort_rows(chain, node, at, axes);
    if (count != 1)
        return sl_onnx_stuck(chain, node, "it takes %zu elements of an axis, expected one", count);
    const sluice_status status = pick(chain, node, at, list[0], axes);
    if (!status && get_dims(node->graph, sl_onnx_get_input(node, 1)) == 0)
        sl_onnx_axes_remove(axes, at);
    return status;
}

/* ---- Slice, Split ---------------------------------------------------------------------------------------------------------- */

/* One axis of a slice: all of it, the last step, or one direction. */
static sluice_status cut(sl_onnx_chain *chain, const sl_onnx_node *node, size_t at, int64_t start, int64_t end, sl_onnx_axes *axes)
{
    const sl_onnx_axis axis = axes->axis[at];
    const bool to_end = end >= FAR;
    if (start == 0 && to_end)
        return SLUICE_STATUS_OK;
    if (axis == SL_AXIS_DIRECTIONS) {
        size_t first, size;
        sl_onnx_get_slice(start, end, axes->directions, &first, &size);
        if (size == axes->directions)
            return SLUICE_STATUS_OK;
        return size == 1 ? pick(chain, node, at, (int64_t)first, axes) : sl_onnx_stuck(chain, node, "it takes no direction");
    }
    if (axis == SL_AXIS_STEPS && ((start == -1 && to_end) || (start == 0 && end == 1)))
        return pick(chain, node, at, start, axes);
    return sl_onnx_stuck(chain, node, "it takes a part of an axis that is neither the last step nor a direction");
}

static sluice_status slice(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes)
{
    int64_t starts[SL_ONNX_MAX_LIST], ends[SL_ONNX_MAX_LIST], list[SL_ONNX_MAX_LIST], steps[SL_ONNX_MAX_LIST];
    size_t count, other = 0, at;
    bool known = sl_onnx_get_integers(node, "starts", 1, starts, &count) && sl_onnx_get_integers(node, "ends", 2, ends, &other) &&
                 other == count;
    const bool has_axes = sl_onnx_get_attribute(node, "axes") || *sl_onnx_get_input(node, 3);
    if (known && has_axes)
        known = sl_onnx_get_integers(node, "axes", 3, list, &other) && other == count;
    if (known && *sl_onnx_get_input(node, 4))
        known = sl_onnx_fold_integers(node->graph, sl_onnx_get_input(node, 4), steps, &other) && other == count;
    if (!known)
        return sl_onnx_stuck(chain, node, "its starts, ends, axes or steps are computed");
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < count; k++) {
        if (!sl_onnx_get_axis(has_axes ? list[k] : (int64_t)k, axes->count, &at))
            return sl_onnx_fail(chain->reader, SLUICE_STATUS_BAD_DATA, node, "its axis is out of range");
        if (*sl_onnx_get_input(node, 4) && steps[k] != 1)
            return sl_onnx_stuck(chain, node, "it takes steps of %lld, expected 1", (long long)steps[k]);
        status = cut(chain, node, at, starts[k], ends[k], axes);
    }
    return status;
}

static sluice_status split(sl_onnx_chain *chain, const sl_onnx_node *node, size_t output, sl_onnx_axes *axes)
{
    size_t at;
    if (!sl_onnx_get_axis(sl_onnx_get_int(node, "axis", 0), axes->count, &at) || axes->axis[at] != SL_AXIS_DIRECTIONS ||
        node->output_count != axes->directions)
        return sl_onnx_stuck(chain, node, "it splits another axis than an LSTM's directions");
    return pick(chain, node, at, (int64_t)output, axes);
}

/* ---- Concat, reductions, If ------------------------------------------------------------------------------------------------ */

/* Both directions of one LSTM, the reverse one behind the forward one. */
static sluice_status concat(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes, size_t depth)
{
    sl_onnx_axes second;
    size_t at;
    sluice_status status = walk(chain, node->graph, sl_onnx_get_input(node, 0), axes, depth);
    if (status || node->input_count == 1)
        return status;
    const size_t layers = sl_build_count(chain->reader->build);
    const sl_onnx_node *lstm = chain->is_waiting ? chain->lstm.node : NULL;
    if (node->input_count != 2 || !lstm || axes->only != 0)
        return sl_onnx_stuck(chain, node, "it joins other values than the two directions of one LSTM");
    status = walk(chain, node->graph, sl_onnx_get_input(node, 1), &second, depth);
    if (status)
        return status;
    const bool is_same = chain->is_waiting && chain->lstm.node == lstm && layers == sl_build_count(chain->reader->build) &&
                         second.only == 1 && second.steps == axes->steps && second.count == axes->count &&
                         memcmp(second.axis, axes->axis, axes->count * sizeof *axes->axis) == 0;
    if (!is_same || !sl_onnx_get_axis(sl_onnx_get_int(node, "axis", 0), axes->count, &at) || axes->axis[at] != SL_AXIS_FEATURES)
        return sl_onnx_stuck(chain, node, "it joins other values than the forward and then the reverse direction of one LSTM");
    axes->only = -1;
    axes->is_joined = true;
    return SLUICE_STATUS_OK;
}

static sluice_status reduce(sl_onnx_chain *chain, const sl_onnx_node *node, sl_onnx_axes *axes, size_t operation)
{
    static const sluice_merge merges[] = {SLUICE_MERGE_MEAN, SLUICE_MERGE_CONCAT, SLUICE_MERGE_SUM, SLUICE_MERGE_PRODUCT};
    static const sluice_steps reductions[] = {SLUICE_STEPS_MEAN, SLUICE_STEPS_MAX, SLUICE_STEPS_ALL, SLUICE_STEPS_ALL};
    int64_t list[SL_ONNX_MAX_LIST];
    size_t count, at;
    sluice_layer *layer;
    sluice_status status = SLUICE_STATUS_OK;
    if (!sl_onnx_get_integers(node, "axes", 1, list, &count) || count != 1 || !sl_onnx_get_axis(list[0], axes->count, &at))
        return sl_onnx_stuck(chain, node, "it is not over one axis that is known");
    const sl_onnx_axis axis = axes->axis[at];
    const bool is_merge = axis == SL_AXIS_DIRECTIONS && axes->directions == 2 && chain->is_waiting && merges[operation];
    if (!is_merge && (axis != SL_AXIS_STEPS || !reductions[operation]))
        return sl_onnx_stuck(chain, node, "it is over %s, which no layer does",
                             axis == SL_AXIS_FEATURES ? "features" : "that axis");
    if (is_merge) {
        axes->merge = merges[operation];
        axes->directions = 1;
    } else {
        status = sl_onnx_flush(chain, axes);
        axes->steps = SLUICE_STEPS_LAST; /* one vector from here on */
        if (!status)
            status = sl_onnx_add_layer(chain, node, SLUICE_LAYER_REDUCE, &layer);
        if (!status)
            layer->steps = reductions[operation];
    }
    axes->axis[at] = SL_AXIS_ONE;
    if (!sl_onnx_get_int(node, "keepdims", 1))
        sl_onnx_axes_remove(axes, at);
    return status;
}

static const sl_onnx_node *find_lstm(const sl_onnx_graph *graph)
{
    const sl_onnx_node *node = graph->nodes;
    while (node && !sl_onnx_is_lstm(node))
        node = node->next;
    return node;
}

/* Whether two graphs have one LSTM each, and both are made of the same weights: one of the two is for calls with states, for example. */
static bool have_same_lstm(sl_onnx_chain *chain, const sl_onnx_graph *one, const sl_onnx_graph *other)
{
    const sl_onnx_node *a = find_lstm(one), *b = find_lstm(other);
    bool is_same = a && b;
    for (size_t input = 1; is_same && input < 4; input++) { /* W, R, B */
        const bool has = sl_onnx_fold(a->graph, sl_onnx_get_input(a, input), &chain->scratch, NULL);
        const sl_onnx_tensor *tensor = has && chain->scratch.count ? chain->scratch.pieces[0].tensor : NULL;
        const size_t first = tensor ? chain->scratch.pieces[0].first : 0;
        is_same = sl_onnx_fold(b->graph, sl_onnx_get_input(b, input), &chain->scratch, NULL) == has &&
                  (!has ||
                   (chain->scratch.count && chain->scratch.pieces[0].tensor == tensor && chain->scratch.pieces[0].first == first));
    }
    return is_same;
}

/* The branch of an If that has LSTMs; where both have, it has to be the same one twice, which is taken as such. */
static sluice_status enter_if(sl_onnx_chain *chain, const sl_onnx_node *node, size_t output, sl_onnx_axes *axes, size_t depth)
{
    const sl_onnx_attribute *then = sl_onnx_get_attribute(node, "then_branch"), *other = sl_onnx_get_attribute(node, "else_branch");
    sl_onnx_names of_then = {0}, of_other = {0};
    if (!then || !other || !then->graph || !other->graph)
        return sl_onnx_fail(chain->reader, SLUICE_STATUS_BAD_DATA, node, "expected two branches");
    sl_onnx_list_lstms(then->graph, &of_then);
    sl_onnx_list_lstms(other->graph, &of_other);
    const bool is_one = of_then.count == 1 && of_other.count == 1 && have_same_lstm(chain, then->graph, other->graph);
    if (of_then.count && of_other.count && !is_one)
        return sl_onnx_stuck(chain, node, "both its branches have LSTMs, of different weights");
    const sl_onnx_graph *taken = of_then.count ? then->graph : other->graph;
    const sl_onnx_port *port = taken->outputs;
    for (size_t k = 0; port && k < output; k++)
        port = port->next;
    if (!port || (!of_then.count && !of_other.count))
        return sl_onnx_stuck(chain, node, "it has no branch with an LSTM");
    const sluice_status status =
        sl_build_note(chain->reader->build, chain->reader->error, "onnx: %s: its %s branch is run, which has the LSTM",
                      sl_label_get(sl_onnx_get_name(node)).text, of_then.count ? "then" : "else");
    return status ? status : walk(chain, taken, port->name, axes, depth);
}

/* ---- Nodes ----------------------------------------------------------------------------------------------------------------- */

/* At inference a Dropout gives its input; a Cast to floats does where that is floats, and one to integers where it is tokens. */
static bool is_nothing(const sl_onnx_chain *chain, const sl_onnx_node *node)
{
    const int64_t to = sl_onnx_get_int(node, "to", 0);
    const bool is_tokens = chain->has_inputs && !chain->is_waiting && !sl_build_count(chain->reader->build);
    const bool is_float = to == SL_ONNX_FLOAT || to == SL_ONNX_DOUBLE || to == SL_ONNX_FLOAT16 || to == SL_ONNX_BFLOAT16;
    const bool is_integer = to == SL_ONNX_INT32 || to == SL_ONNX_INT64;
    const bool is_cast = sl_onnx_is(node, "Cast") && (is_float || (is_integer && is_tokens));
    return is_cast || sl_onnx_is(node, "Identity") || sl_onnx_is(node, "Dropout");
}

static bool is_rearranging(const sl_onnx_node *node)
{
    return sl_onnx_is(node, "Transpose") || sl_onnx_is(node, "Squeeze") || sl_onnx_is(node, "Unsqueeze") ||
           sl_onnx_is(node, "Reshape") || sl_onnx_is(node, "Flatten");
}

/* Apply a node to its only input that is no constant, which has been walked. Its lists are not to be on the stack during that. */
__attribute__((noinline)) static sluice_status apply(sl_onnx_chain *chain, const sl_onnx_node *node, size_t output,
                                                     sl_onnx_axes *axes)
{
    static const char *const reductions[] = {"ReduceMean", "ReduceMax", "ReduceSum", "ReduceProd"};
    bool known = false;
    if (is_nothing(chain, node))
        return output ? sl_onnx_stuck(chain, node, "its second output is used") : SLUICE_STATUS_OK;
    if (is_rearranging(node)) {
        const char *reason = sl_onnx_axes_rearrange(axes, node);
        return reason ? sl_onnx_stuck(chain, node, "%s", reason) : SLUICE_STATUS_OK;
    }
    if (sl_onnx_is(node, "Gather"))
        return gather(chain, node, axes);
    if (sl_onnx_is(node, "Slice"))
        return slice(chain, node, axes);
    if (sl_onnx_is(node, "Split"))
        return split(chain, node, output, axes);
    for (size_t k = 0; k < sizeof reductions / sizeof *reductions; k++)
        if (sl_onnx_is(node, reductions[k]))
            return reduce(chain, node, axes, k);
    const sluice_status status = sl_onnx_add_step(chain, node, axes, &known);
    return status || known ? status : sl_onnx_stuck(chain, node, "a node of this kind is no layer");
}

static sluice_status walk_node(sl_onnx_chain *chain, const sl_onnx_node *node, size_t output, sl_onnx_axes *axes, size_t depth)
{
    if (sl_onnx_is_lstm(node))
        return enter_lstm(chain, node, output, axes, depth);
    if (sl_onnx_is(node, "Gather") && sl_onnx_fold(node->graph, sl_onnx_get_input(node, 0), &chain->scratch, NULL))
        return add_embedding(chain, node, axes, depth);
    if (sl_onnx_is(node, "Concat"))
        return concat(chain, node, axes, depth);
    if (sl_onnx_is(node, "If"))
        return enter_if(chain, node, output, axes, depth);
    if (sl_onnx_is(node, "Loop") || sl_onnx_is(node, "Scan"))
        return sl_onnx_stuck(chain, node, "loops over steps are not run");
    const size_t data = sl_onnx_get_data_input(chain, node);
    const sluice_status status = walk(chain, node->graph, sl_onnx_get_input(node, data), axes, depth);
    return status ? status : apply(chain, node, output, axes);
}

static sluice_status walk(sl_onnx_chain *chain, const sl_onnx_graph *graph, const char *value, sl_onnx_axes *axes, size_t depth)
{
    const sl_onnx_origin origin = sl_onnx_find(graph, value);
    if (depth == MAX_DEPTH || !chain->steps_left--)
        return sl_fail_byte(chain->reader->error, SLUICE_STATUS_BAD_DATA, chain->reader->source->input.name, graph->at,
                            "ONNX: value \"%s\": expected at most %d nodes behind each other, found more, or a circle of nodes",
                            sl_label_get(value).text, MAX_DEPTH);
    if (origin.kind == SL_ONNX_INPUT)
        return begin(chain, &origin, chain->has_inputs, axes);
    if (origin.kind == SL_ONNX_NODE)
        return walk_node(chain, origin.node, origin.output, axes, depth + 1);
    return sl_fail_byte(chain->reader->error, SLUICE_STATUS_BAD_DATA, chain->reader->source->input.name, graph->at,
                        "ONNX: value \"%s\": expected a node or an input of the graph that gives it, found %s",
                        sl_label_get(value).text, origin.kind == SL_ONNX_TENSOR ? "a constant" : "none");
}

/* ---- The end --------------------------------------------------------------------------------------------------------------- */

static sluice_status note_input(const sl_onnx_chain *chain)
{
    sl_onnx_axes roles = {.count = chain->input_count};
    const sl_label label = sl_label_get(chain->input->name);
    const bool is_tokens =
        sl_build_count(chain->reader->build) && sl_build_get(chain->reader->build, 0)->kind == SLUICE_LAYER_EMBEDDING;
    memcpy(roles.axis, chain->roles, sizeof chain->roles);
    const char *here = is_tokens ? "[rows][steps]" : "[rows][steps][features]";
    const sl_onnx_axes_text text = sl_onnx_axes_get_text(&roles);
    if (strcmp(text.text, here) == 0)
        return sl_build_note(chain->reader->build, chain->reader->error, "detail: \"%s\" is %s, as in the graph", label.text, here);
    return sl_build_note(chain->reader->build, chain->reader->error, "onnx: \"%s\" is %s in the graph; here %s%s", label.text,
                         text.text, is_tokens ? "tokens are " : "x is ", here);
}

static sluice_status add_chain(sl_onnx_chain *chain, const char *value)
{
    sl_onnx_axes axes;
    sluice_status status = walk(chain, chain->reader->model->graph, value, &axes, 0);
    if (!status && !chain->lstm_count)
        return sl_fail(chain->reader->error, SLUICE_STATUS_UNSUPPORTED, "%s: ONNX: value \"%s\" comes of no LSTM node",
                       chain->reader->source->input.name, sl_label_get(value).text);
    if (!status && axes.sorter)
        return sl_onnx_stuck(chain, axes.sorter, "the rows that it sorts are not put back");
    if (!status)
        status = sl_onnx_flush(chain, &axes);
    if (!status)
        status = note_input(chain);
    return status ? status
                  : sl_build_note(chain->reader->build, chain->reader->error, "detail: \"%s\" is %s in the graph",
                                  sl_label_get(value).text, sl_onnx_axes_get_text(&axes).text);
}

sluice_status sl_onnx_chain_add(const sl_onnx_reader *reader, const char *value)
{
    sl_onnx_chain *chain = sl_alloc(sizeof *chain);
    if (!chain)
        return sl_fail_memory(reader->error, "a chain of nodes", sizeof *chain);
    chain->reader = reader;
    chain->steps_left = MAX_STEPS;
    for (size_t k = 0; k < SL_ONNX_AXES; k++)
        chain->roles[k] = SL_AXIS_INPUT;
    const sluice_status status = add_chain(chain, value);
    sl_free(chain);
    return status;
}
