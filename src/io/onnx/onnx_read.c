#include "io/onnx/onnx_read.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"
#include "io/onnx/onnx_chain.h"
#include "io/onnx/graph/onnx_external.h"
#include "io/onnx/onnx_layers.h"
#include "io/onnx/graph/onnx_parse.h"

#include <string.h>

enum { OLDEST_OPSET = 7, NEWEST_OPSET = 22, VALUES_FREE_BYTES = 1 << 20 };

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

static sluice_status check_names(const sl_input *input, const sluice_names *names, sluice_error *error)
{
    const char *others[] = {names->prefix,          names->head,       names->embedding,  names->network,
                            names->head_activation, names->head_input, names->activation, names->recurrent_activation};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        if (others[k])
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                           "%s: an ONNX file says itself what its layers are; of the names only lstm, to and onnx_clip are for it, "
                           "found \"%s\"",
                           input->name, sl_label_get(others[k]).text);
    if (names->lstm && names->to)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected lstm or to, found both", input->name);
    if (names->onnx_clip && strcmp(names->onnx_clip, "onnx") != 0 && strcmp(names->onnx_clip, "ort") != 0)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: onnx_clip: expected onnx or ort, found \"%s\"", input->name,
                       sl_label_get(names->onnx_clip).text);
    return SLUICE_STATUS_OK;
}

/* The node of a name, or that gives the value of this name, in a graph and those within; of LSTMs only, if that is asked for. */
static const sl_onnx_node *find_node(const sl_onnx_graph *graph, const char *name, bool is_lstm)
{
    for (const sl_onnx_node *node = graph->nodes; node; node = node->next) {
        bool is_it = strcmp(node->name, name) == 0;
        for (size_t k = 0; k < node->output_count; k++)
            is_it = is_it || strcmp(node->outputs[k], name) == 0;
        if (is_it && *name && (!is_lstm || sl_onnx_is_lstm(node)))
            return node;
        for (const sl_onnx_attribute *of = node->attributes; of && is_lstm; of = of->next) {
            const sl_onnx_node *inner = of->graph ? find_node(of->graph, name, is_lstm) : NULL;
            if (inner)
                return inner;
        }
    }
    return NULL;
}

/* ---- Networks -------------------------------------------------------------------------------------------------------------- */

/* One LSTM node is the network, all of whose steps it gives. */
static sluice_status add_alone(const sl_onnx_reader *reader, const char *name)
{
    const sl_onnx_node *node = find_node(reader->model->graph, name, true);
    sl_onnx_names known = {0};
    sl_onnx_lstm found;
    sl_onnx_list_lstms(reader->model->graph, &known);
    if (!node)
        return sl_fail(reader->error, SLUICE_STATUS_BAD_ARGUMENT, "%s: lstm: expected one of %s, found \"%s\"",
                       reader->source->input.name, known.text, sl_label_get(name).text);
    sluice_status status = sl_onnx_lstm_examine(reader, node, &found);
    if (status)
        return status;
    sl_build_set_inputs(reader->build, found.inputs);
    status = sl_onnx_lstm_add(reader, &found, &(sl_onnx_lstm_use){.only = -1, .is_alone = true});
    return status ? status
                  : sl_build_note(reader->build, reader->error,
                                  "onnx: of the graph only %s is run; its X is %s in the graph, here [rows][steps][features]",
                                  sl_label_get(sl_onnx_get_name(node)).text,
                                  found.is_batch_first ? "[rows][steps][features]" : "[steps][rows][features]");
}

static sluice_status add_to(const sl_onnx_reader *reader, const char *name)
{
    const sl_onnx_node *node = find_node(reader->model->graph, name, false);
    if (!node)
        return sl_fail(reader->error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: to: expected the name of a node, or of a value that one gives, found \"%s\"",
                       reader->source->input.name, sl_label_get(name).text);
    size_t output = 0;
    while (output + 1 < node->output_count &&
           (!*node->outputs[output] || (strcmp(node->name, name) != 0 && strcmp(node->outputs[output], name) != 0)))
        output++;
    return sl_onnx_chain_add(reader, node->output_count ? node->outputs[output] : "");
}

static sluice_status add_whole(const sl_onnx_reader *reader)
{
    const sl_onnx_port *first = reader->model->graph->outputs;
    size_t count = 0;
    for (const sl_onnx_port *port = first; port; port = port->next)
        count++;
    if (!first)
        return sl_fail_byte(reader->error, SLUICE_STATUS_BAD_DATA, reader->source->input.name, reader->model->graph->at,
                            "ONNX: expected a graph with an output, found one without");
    sluice_status status = SLUICE_STATUS_OK;
    if (count > 1)
        status = sl_build_note(reader->build, reader->error,
                               "onnx: of the graph's %zu outputs the first, \"%s\", is what the network gives", count,
                               sl_label_get(first->name).text);
    return status ? status : sl_onnx_chain_add(reader, first->name);
}

/* What a graph without an LSTM node may be instead. */
static sluice_status fail_without_lstm(const sl_onnx_model *model, sluice_error *error)
{
    static const char *const others[] = {"Loop", "Scan", "GRU", "RNN"};
    for (size_t k = 0; k < sizeof others / sizeof *others; k++)
        for (const sl_onnx_node *node = model->graph->nodes; node; node = node->next)
            if (sl_onnx_is(node, others[k]))
                return sl_fail_byte(
                    error, SLUICE_STATUS_UNSUPPORTED, model->input->name, node->at,
                    "ONNX: node \"%s\" (%s): expected an LSTM node in the graph, found none, but this; it is not run",
                    sl_label_get(sl_onnx_get_name(node)).text, node->op);
    return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                   "%s: ONNX: expected an LSTM node in the graph, found none: if the model is one, it was exported step by step "
                   "(unrolled); export it with the LSTM as a node, as torch.onnx.export with dynamo=False does",
                   model->input->name);
}

static sluice_status check_graph(const sl_onnx_model *model, sluice_error *error)
{
    sl_onnx_names known = {0};
    if (model->opset < OLDEST_OPSET)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                       "%s: ONNX: operators of version %lld, expected %d at least; convert it by onnx.version_converter",
                       model->input->name, (long long)model->opset, OLDEST_OPSET);
    sl_onnx_list_lstms(model->graph, &known);
    return known.count ? SLUICE_STATUS_OK : fail_without_lstm(model, error);
}

static sluice_status add_layers(const sl_onnx_reader *reader, const sluice_names *names)
{
    sluice_status status = SLUICE_STATUS_OK;
    if (reader->model->opset > NEWEST_OPSET)
        status = sl_build_note(reader->build, reader->error, "onnx: operators of version %lld are read as those of %d",
                               (long long)reader->model->opset, NEWEST_OPSET);
    if (status)
        return status;
    return names->lstm ? add_alone(reader, names->lstm) : names->to ? add_to(reader, names->to) : add_whole(reader);
}

/* ---- Lists ----------------------------------------------------------------------------------------------------------------- */

/* What is to become of a file: a model, or a list of its LSTM nodes. */
typedef struct job {
    const sluice_names *names;
    sluice_model **model;
    sluice_choice_visitor *visit; /* NULL: no list */
    void *context;
} job;

/* Visit the LSTM nodes of a graph and those within. One whose sizes are not to be found is listed without. */
static void list_lstms(const sl_onnx_reader *reader, const sl_onnx_graph *graph, const job *wanted)
{
    for (const sl_onnx_node *node = graph->nodes; node; node = node->next) {
        sl_onnx_lstm found;
        if (sl_onnx_is_lstm(node)) {
            const bool is_known = !sl_onnx_lstm_examine(reader, node, &found);
            const sluice_choice choice = {.struct_size = sizeof choice,
                                          .field = "lstm",
                                          .name = sl_onnx_get_name(node),
                                          .inputs = is_known ? found.inputs : 0,
                                          .hidden = is_known ? found.hidden : 0,
                                          .layers = 1,
                                          .directions = is_known ? found.directions : 0};
            wanted->visit(wanted->context, &choice);
        }
        for (const sl_onnx_attribute *of = node->attributes; of; of = of->next)
            if (of->graph)
                list_lstms(reader, of->graph, wanted);
    }
}

/* ---- Files ----------------------------------------------------------------------------------------------------------------- */

static sluice_status read_model(const sl_tensor_source *source, sl_onnx_model *onnx, const job *wanted, sluice_error *error)
{
    const sluice_names *names = wanted->names;
    size_t beside, bytes, zeros, values, weights;
    sl_build *build = NULL;
    sluice_status status = sl_onnx_parse(&source->input, onnx, error);
    if (!status)
        status = check_graph(onnx, error);
    if (!status)
        status = sl_onnx_open_external(onnx, &beside, error);
    if (status)
        return status;
    if (!sl_size_add(source->input.size, beside, &bytes) || !sl_size_mul(bytes, SL_BUILD_GROWTH, &weights) ||
        !sl_size_add(weights, (size_t)SL_BUILD_FREE_BYTES, &weights))
        return sl_fail_size(error, "an ONNX model's files");
    zeros = bytes;
    values = bytes + VALUES_FREE_BYTES;
    status = sl_build_create(source, bytes, &build, error);
    if (status)
        return status;
    sl_onnx_reader reader = {.model = onnx,
                             .source = source,
                             .build = build,
                             .zeros_left = &zeros,
                             .values_left = &values,
                             .weights_left = &weights,
                             .error = error,
                             .is_clip_of_ort = names->onnx_clip && strcmp(names->onnx_clip, "ort") == 0};
    status = sl_build_hold(build, onnx->taken, error);
    if (!status && wanted->visit) {
        reader.error = NULL; /* what cannot be run is listed all the same */
        list_lstms(&reader, onnx->graph, wanted);
    } else if (!status) {
        status = add_layers(&reader, names);
        if (!status)
            status = sl_build_finish(build, wanted->model, error);
    }
    sl_build_destroy(build);
    return status;
}

static sluice_status read_file(sl_input *input, const job *wanted, sluice_error *error)
{
    sl_tensor_source source = {.input = *input, .format = "ONNX"};
    sl_onnx_model *onnx = sl_alloc(sizeof *onnx);
    *input = (sl_input){.fd = -1};
    sluice_status status =
        onnx ? check_names(&source.input, wanted->names, error) : sl_fail_memory(error, "an ONNX graph", sizeof *onnx);
    if (!status)
        status = read_model(&source, onnx, wanted, error);
    if (onnx)
        sl_onnx_release(onnx);
    sl_free(onnx);
    sl_source_release(&source);
    return status;
}

sluice_status sl_onnx_read(sl_input *input, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    return read_file(input, &(job){.names = names, .model = model}, error);
}

sluice_status sl_onnx_list(sl_input *input, sluice_choice_visitor *visit, void *context, sluice_error *error)
{
    static const sluice_names open = {0};
    return read_file(input, &(job){.names = &open, .visit = visit, .context = context}, error);
}
