#include "io/onnx/graph/onnx_parse.h"

#include "base/error.h"
#include "base/size.h"
#include "io/onnx/graph/onnx_fields.h"
#include "io/onnx/graph/onnx_tensor.h"

#include <inttypes.h>
#include <string.h>

/* Field numbers of the messages. */
enum { MODEL_PRODUCER = 2, MODEL_GRAPH = 7, MODEL_OPSET = 8, MODEL_FUNCTIONS = 25 };
enum { OPSET_DOMAIN = 1, OPSET_VERSION = 2 };
enum { GRAPH_NODE = 1, GRAPH_INITIALIZER = 5, GRAPH_INPUT = 11, GRAPH_OUTPUT = 12 };
enum { NODE_INPUT = 1, NODE_OUTPUT = 2, NODE_NAME = 3, NODE_OP = 4, NODE_ATTRIBUTE = 5, NODE_DOMAIN = 7 };
enum {
    ATTRIBUTE_NAME = 1,
    ATTRIBUTE_F,
    ATTRIBUTE_I,
    ATTRIBUTE_S,
    ATTRIBUTE_T,
    ATTRIBUTE_G,
    ATTRIBUTE_FLOATS,
    ATTRIBUTE_INTS,
    ATTRIBUTE_STRINGS
};
enum { PORT_NAME = 1, PORT_TYPE = 2, TYPE_TENSOR = 1, TENSOR_SHAPE = 2, SHAPE_DIM = 1, DIM_VALUE = 1 };

static float get_float(uint64_t bits)
{
    const uint32_t low = (uint32_t)bits;
    float value;
    memcpy(&value, &low, sizeof value);
    return value;
}

/* ---- Attributes ------------------------------------------------------------------------------------------------------------ */

static sl_onnx_graph *parse_graph(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field,
                                  const sl_onnx_graph *parent);

/* Lists that are being gathered. */
typedef struct lists {
    uint64_t floats[SL_ONNX_MAX_LIST], ints[SL_ONNX_MAX_LIST];
    const char *strings[SL_ONNX_MAX_LIST];
} lists;

static void keep_lists(sl_onnx_model *model, sl_wire_file *file, const lists *found, sl_onnx_attribute *made)
{
    const size_t floats = made->float_count <= SL_ONNX_MAX_LIST ? made->float_count : 0;
    const size_t ints = made->int_count <= SL_ONNX_MAX_LIST ? made->int_count : 0;
    const size_t strings = made->string_count <= SL_ONNX_MAX_LIST ? made->string_count : 0;
    float *kept_floats = floats ? sl_onnx_parse_take(model, file, floats * sizeof *kept_floats) : NULL;
    int64_t *kept_ints = ints ? sl_onnx_parse_take(model, file, ints * sizeof *kept_ints) : NULL;
    const char **kept_strings = strings ? sl_onnx_parse_take(model, file, strings * sizeof *kept_strings) : NULL;
    if (file->status)
        return;
    for (size_t k = 0; k < floats; k++)
        kept_floats[k] = get_float(found->floats[k]);
    for (size_t k = 0; k < ints; k++)
        kept_ints[k] = (int64_t)found->ints[k];
    for (size_t k = 0; k < strings; k++)
        kept_strings[k] = found->strings[k];
    made->floats = kept_floats;
    made->ints = kept_ints;
    made->strings = kept_strings;
}

/* Everything but lists and graphs, whose memory on the stack must not add up where graphs are nested. */
static void note_attribute(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field, sl_onnx_attribute *made)
{
    if (field->number == ATTRIBUTE_NAME)
        made->name = sl_onnx_parse_text(model, file, field);
    else if (field->number == ATTRIBUTE_F)
        made->f = get_float(field->value);
    else if (field->number == ATTRIBUTE_I)
        made->i = (int64_t)field->value;
    else if (field->number == ATTRIBUTE_S)
        made->s = sl_onnx_parse_text(model, file, field);
    else if (field->number == ATTRIBUTE_T)
        made->tensor = sl_onnx_parse_tensor(model, file, field);
}

static void parse_lists(sl_onnx_model *model, sl_wire_file *file, sl_wire fields, sl_onnx_attribute *made)
{
    lists found;
    for (sl_wire_field field; sl_wire_next(&fields, &field);)
        if (field.number == ATTRIBUTE_FLOATS)
            sl_onnx_parse_numbers(file, &field, 4, found.floats, SL_ONNX_MAX_LIST, &made->float_count);
        else if (field.number == ATTRIBUTE_INTS)
            sl_onnx_parse_numbers(file, &field, 0, found.ints, SL_ONNX_MAX_LIST, &made->int_count);
        else if (field.number == ATTRIBUTE_STRINGS && made->string_count++ < SL_ONNX_MAX_LIST)
            found.strings[made->string_count - 1] = sl_onnx_parse_text(model, file, &field);
    keep_lists(model, file, &found, made);
}

static sl_onnx_attribute *parse_attribute(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field,
                                          const sl_onnx_graph *graph)
{
    sl_wire fields = sl_wire_get_message(file, field);
    sl_onnx_attribute *made = sl_onnx_parse_take(model, file, sizeof *made);
    if (!made)
        return NULL;
    bool has_lists = false;
    made->name = made->s = "";
    for (sl_wire_field of; sl_wire_next(&fields, &of);) {
        note_attribute(model, file, &of, made);
        if (of.number == ATTRIBUTE_G)
            made->graph = parse_graph(model, file, &of, graph);
        has_lists = has_lists || (of.number >= ATTRIBUTE_FLOATS && of.number <= ATTRIBUTE_STRINGS);
    }
    if (has_lists)
        parse_lists(model, file, sl_wire_get_message(file, field), made);
    return made;
}

/* ---- Nodes ----------------------------------------------------------------------------------------------------------------- */

/* A node's fields of one number. */
static size_t count_fields(sl_wire fields, uint64_t number)
{
    size_t count = 0;
    for (sl_wire_field field; sl_wire_next(&fields, &field);)
        count += field.number == number;
    return count;
}

static void note_node(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field, sl_onnx_node *made,
                      sl_onnx_attribute ***last)
{
    if (field->number == NODE_INPUT)
        made->inputs[made->input_count++] = sl_onnx_parse_text(model, file, field);
    else if (field->number == NODE_OUTPUT)
        made->outputs[made->output_count++] = sl_onnx_parse_text(model, file, field);
    else if (field->number == NODE_NAME)
        made->name = sl_onnx_parse_text(model, file, field);
    else if (field->number == NODE_OP)
        made->op = sl_onnx_parse_text(model, file, field);
    else if (field->number == NODE_DOMAIN)
        made->domain = sl_onnx_parse_text(model, file, field);
    else if (field->number == NODE_ATTRIBUTE) {
        **last = parse_attribute(model, file, field, made->graph);
        *last = **last ? &(**last)->next : *last;
    }
}

static sl_onnx_node *parse_node(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field, const sl_onnx_graph *graph)
{
    sl_wire fields = sl_wire_get_message(file, field);
    sl_onnx_node *made = sl_onnx_parse_take(model, file, sizeof *made);
    if (!made)
        return NULL;
    made->graph = graph;
    made->at = field->at;
    made->name = made->op = made->domain = "";
    made->inputs = sl_onnx_parse_take(model, file, count_fields(fields, NODE_INPUT) * sizeof *made->inputs);
    made->outputs = sl_onnx_parse_take(model, file, count_fields(fields, NODE_OUTPUT) * sizeof *made->outputs);
    sl_onnx_attribute *attributes = NULL, **last = &attributes;
    for (sl_wire_field of; sl_wire_next(&fields, &of);)
        note_node(model, file, &of, made, &last);
    made->attributes = attributes;
    return made;
}

/* ---- Graphs ---------------------------------------------------------------------------------------------------------------- */

/* Go into the only field of a number that a message has; what has none is empty then. */
static sl_wire enter(sl_wire_file *file, sl_wire fields, uint64_t number, bool *has)
{
    sl_wire inner = {file, fields.end, fields.end};
    *has = false;
    for (sl_wire_field field; sl_wire_next(&fields, &field);)
        if (field.number == number) {
            inner = sl_wire_get_message(file, &field);
            *has = true;
        }
    return inner;
}

/* Some writers leave a shape empty that they do not know. */
static void note_shape(sl_wire_file *file, sl_wire shape, sl_onnx_port *made)
{
    made->dims = 0;
    for (sl_wire_field field; sl_wire_next(&shape, &field);) {
        if (field.number != SHAPE_DIM)
            continue;
        made->dims++;
        made->last = 0;
        sl_wire dim = sl_wire_get_message(file, &field);
        for (sl_wire_field of; sl_wire_next(&dim, &of);)
            if (of.number == DIM_VALUE && of.value <= INT64_MAX)
                made->last = (size_t)of.value;
    }
    made->has_shape = made->dims != 0;
}

static sl_onnx_port *parse_port(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field)
{
    sl_wire fields = sl_wire_get_message(file, field);
    sl_onnx_port *made = sl_onnx_parse_take(model, file, sizeof *made);
    if (!made)
        return NULL;
    made->name = "";
    for (sl_wire_field of; sl_wire_next(&fields, &of);) {
        if (of.number == PORT_NAME)
            made->name = sl_onnx_parse_text(model, file, &of);
        if (of.number != PORT_TYPE)
            continue;
        const sl_wire tensor = enter(file, sl_wire_get_message(file, &of), TYPE_TENSOR, &made->has_shape);
        const sl_wire shape = enter(file, tensor, TENSOR_SHAPE, &made->has_shape);
        note_shape(file, shape, made);
    }
    return made;
}

/* The ends of a graph's lists. */
typedef struct ends {
    sl_onnx_node **node;
    sl_onnx_tensor **tensor;
    sl_onnx_port **input, **output;
} ends;

#define APPEND(last, made)                                                                                                         \
    do {                                                                                                                           \
        *(last) = (made);                                                                                                          \
        if (*(last))                                                                                                               \
            (last) = &(*(last))->next;                                                                                             \
    } while (0)

static void note_graph(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field, sl_onnx_graph *graph, ends *last)
{
    if (field->number == GRAPH_NODE)
        APPEND(last->node, parse_node(model, file, field, graph));
    else if (field->number == GRAPH_INITIALIZER)
        APPEND(last->tensor, sl_onnx_parse_tensor(model, file, field));
    else if (field->number == GRAPH_INPUT)
        APPEND(last->input, parse_port(model, file, field));
    else if (field->number == GRAPH_OUTPUT)
        APPEND(last->output, parse_port(model, file, field));
}

static sl_onnx_graph *parse_graph(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field, const sl_onnx_graph *parent)
{
    size_t nesting = 1;
    for (const sl_onnx_graph *outer = parent; outer; outer = outer->parent)
        nesting++;
    if (nesting > SL_ONNX_MAX_NESTING) {
        sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, field->at, "expected at most %d graphs within each other, found more",
                     SL_ONNX_MAX_NESTING);
        return NULL;
    }
    sl_wire fields = sl_wire_get_message(file, field);
    sl_onnx_graph *made = sl_onnx_parse_take(model, file, sizeof *made);
    if (!made)
        return NULL;
    made->parent = parent;
    made->at = field->at;
    sl_onnx_node *nodes = NULL;
    sl_onnx_port *inputs = NULL, *outputs = NULL;
    ends last = {&nodes, &made->tensors, &inputs, &outputs};
    for (sl_wire_field of; sl_wire_next(&fields, &of);)
        note_graph(model, file, &of, made, &last);
    made->nodes = nodes;
    made->inputs = inputs;
    made->outputs = outputs;
    if (!file->status)
        file->status = sl_onnx_index(model, made, file->error);
    return made;
}

/* ---- The model ------------------------------------------------------------------------------------------------------------- */

static void parse_opset(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field)
{
    const char *domain = "";
    int64_t version = 0;
    sl_wire fields = sl_wire_get_message(file, field);
    for (sl_wire_field of; sl_wire_next(&fields, &of);)
        if (of.number == OPSET_DOMAIN)
            domain = sl_onnx_parse_text(model, file, &of);
        else if (of.number == OPSET_VERSION)
            version = (int64_t)of.value;
    if (!file->status && (!*domain || strcmp(domain, "ai.onnx") == 0))
        model->opset = version;
}

static void note_model(sl_onnx_model *model, sl_wire_file *file, const sl_wire_field *field)
{
    if (field->number == MODEL_PRODUCER)
        model->producer = sl_onnx_parse_text(model, file, field);
    else if (field->number == MODEL_OPSET)
        parse_opset(model, file, field);
    else if (field->number == MODEL_FUNCTIONS)
        sl_wire_fail(file, SLUICE_STATUS_UNSUPPORTED, field->at,
                     "functions of the model's own are not read; inline them, as onnx.inliner.inline_local_functions does");
    else if (field->number == MODEL_GRAPH && model->graph)
        sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, field->at, "expected one graph, found another");
    else if (field->number == MODEL_GRAPH)
        model->graph = parse_graph(model, file, field, NULL);
}

sluice_status sl_onnx_parse(const sl_input *input, sl_onnx_model *model, sluice_error *error)
{
    *model = (sl_onnx_model){.input = input, .producer = ""};
    if (!sl_size_mul(input->size, SL_ONNX_GROWTH, &model->room) || !sl_size_add(model->room, SL_ONNX_FREE_BYTES, &model->room))
        return sl_fail_size(error, "an ONNX graph");
    sl_wire_file *file = sl_onnx_take(model, sizeof *file);
    if (!file)
        return sl_fail_memory(error, "a part of an ONNX file", sizeof *file);
    sl_wire_begin(file, input, error);
    sl_wire fields = sl_wire_get_file(file);
    for (sl_wire_field field; sl_wire_next(&fields, &field);)
        note_model(model, file, &field);
    if (!model->graph)
        sl_wire_fail(file, SLUICE_STATUS_BAD_DATA, input->size, "the file ends here, and has no graph; was it cut short?");
    return file->status;
}
