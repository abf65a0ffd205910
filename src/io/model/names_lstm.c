/* Finding the LSTM among a file's tensors, and binding the tensors of its layers. */
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/label.h"
#include "io/model/names_find.h"

#include <stdio.h>
#include <string.h>

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

enum { KINDS = SL_LAYER_DIR_TENSORS };
static const char *const kinds[KINDS] = {"weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr"};

/* The end of a name, after the prefix: kind_l{layer}[_reverse], or the kind alone in an LSTMCell. */
typedef struct suffix {
    int kind;
    size_t layer;
    bool reverse;
} suffix;

static bool parse_suffix(const char *text, suffix *found)
{
    for (found->kind = 0; found->kind < KINDS; found->kind++)
        if (strncmp(text, kinds[found->kind], strlen(kinds[found->kind])) == 0)
            break;
    if (found->kind == KINDS)
        return false;
    text += strlen(kinds[found->kind]);
    if (text[0] != '_' || text[1] != 'l' || text[2] < '0' || text[2] > '9' || (text[2] == '0' && text[3] >= '0' && text[3] <= '9'))
        return false;
    found->layer = 0;
    for (text += 2; *text >= '0' && *text <= '9'; text++)
        if (!sl_size_mul(found->layer, 10, &found->layer) || !sl_size_add(found->layer, (size_t)(*text - '0'), &found->layer))
            return false;
    found->reverse = strcmp(text, "_reverse") == 0;
    return *text == '\0' || found->reverse;
}

sl_tensor_suffix sl_names_get_suffix(int kind, size_t layer, bool reverse)
{
    sl_tensor_suffix made;
    snprintf(made.text, sizeof made.text, "%s_l%zu%s", kinds[kind], layer, reverse ? "_reverse" : "");
    return made;
}

static sl_tensor_suffix get_suffix(const sl_binding *binding, suffix wanted)
{
    sl_tensor_suffix made;
    if (!binding->is_lstm_cell)
        return sl_names_get_suffix(wanted.kind, wanted.layer, wanted.reverse);
    snprintf(made.text, sizeof made.text, "%s", kinds[wanted.kind]);
    return made;
}

static sl_tensor *find_tensor(const sl_names_context *context, suffix wanted)
{
    const sl_binding *binding = context->binding;
    return sl_source_find_joined(context->source, binding->prefix, binding->prefix_bytes, get_suffix(binding, wanted).text);
}

/* ---- The prefix ------------------------------------------------------------------------------------------------------------ */

/* Whether a tensor is the first of a recurrent layer: [prefix]weight_ih_l0, or [prefix]weight_ih of a cell. */
static bool begins_layer(const char *name, size_t *prefix_bytes, bool *is_cell)
{
    static const char *const firsts[] = {"weight_ih_l0", "weight_ih"};
    const size_t length = strlen(name);
    for (int k = 0; k < 2; k++) {
        const size_t tail = strlen(firsts[k]);
        if (length >= tail && memcmp(name + length - tail, firsts[k], tail) == 0) {
            *prefix_bytes = length - tail;
            *is_cell = k;
            return true;
        }
    }
    return false;
}

/* Whether the layer of the binding's prefix has an LSTM's four gates, and not a GRU's three or a plain RNN's one. */
static bool has_four_gates(const sl_names_context *context)
{
    const sl_tensor *weight_ih = find_tensor(context, (suffix){.kind = SL_WEIGHT_IH});
    const sl_tensor *weight_hh = find_tensor(context, (suffix){.kind = SL_WEIGHT_HH});
    if (!weight_hh || weight_ih->dims != 2 || weight_hh->dims != 2 || weight_ih->shape[0] != weight_hh->shape[0])
        return false;
    const size_t rows = weight_hh->shape[0];
    return (rows % 4 == 0 && rows / 4 == weight_hh->shape[1]) || find_tensor(context, (suffix){.kind = SL_WEIGHT_HR});
}

static sluice_status fail_no_lstm(const sl_names_context *context, const sl_names_wanted *wanted)
{
    const sl_tensor_source *source = context->source;
    const sl_label label = wanted->prefix ? sl_label_get_part(wanted->prefix, wanted->bytes) : sl_label_get("[prefix]");
    const char *dot = wanted->is_module ? "." : "";
    sl_label_list list = {0};
    for (size_t k = 0; k < source->count; k++)
        sl_label_list_add(&list, source->tensors[k].name, strlen(source->tensors[k].name), "");
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                   "%s: no LSTM: expected a tensor named \"%s%sweight_ih_l0\" as torch.nn.LSTM names it, or \"%s%sweight_ih\" as "
                   "torch.nn.LSTMCell, found %zu tensors: %s",
                   source->input.name, label.text, dot, label.text, dot, source->count, source->count ? list.text : "none");
}

/* Several layers that could be the one to run. */
static sluice_status fail_ambiguous(const sl_names_context *context, const sl_names_wanted *wanted, const sl_label_list *list)
{
    if (wanted->prefix) /* torch.nn.LSTM and LSTMCell under one prefix */
        return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                       "%s: expected one LSTM of prefix \"%s\", found both \"weight_ih_l0\" and \"weight_ih\" after it; rename the "
                       "tensors of one",
                       context->source->input.name, sl_label_get_part(wanted->prefix, wanted->bytes).text);
    return sl_fail(
        context->error, SLUICE_STATUS_BAD_DATA,
        "%s: expected one LSTM, found %zu, with the prefixes %s; choose with --prefix (names.prefix), and the others are "
        "not run; or name those that run one after the other, in their order, with --lstm A,B (names.lstm)",
        context->source->input.name, list->count, list->text);
}

typedef struct sizes_text {
    char text[80];
} sizes_text;

/* The sizes of the LSTM of the binding's prefix, behind its name in a list: " (3 inputs, 4 units)". */
static sizes_text get_sizes(const sl_names_context *context)
{
    sizes_text made;
    snprintf(made.text, sizeof made.text, " (%zu inputs, %zu units)",
             find_tensor(context, (suffix){.kind = SL_WEIGHT_IH})->shape[1],
             find_tensor(context, (suffix){.kind = SL_WEIGHT_HH})->shape[0] / SL_GATES);
    return made;
}

/* Whether the prefix is the one that is wanted. */
static bool is_wanted(const sl_names_wanted *wanted, const char *prefix, size_t bytes)
{
    if (!wanted->prefix)
        return true;
    const bool has_dot = wanted->is_module && bytes == wanted->bytes + 1 && prefix[wanted->bytes] == '.';
    return (bytes == wanted->bytes || has_dot) && memcmp(prefix, wanted->prefix, wanted->bytes) == 0;
}

/* Find the given prefix, or the only one. A GRU or a plain RNN counts only if there is no LSTM. */
static sluice_status find_prefix(const sl_names_context *context, const sl_names_wanted *wanted)
{
    sl_binding *binding = context->binding, chosen = {0};
    sl_label_list lists[2] = {0}; /* of all, and of those with four gates */
    for (size_t k = 0; k < context->source->count; k++) {
        const char *name = context->source->tensors[k].name;
        binding->prefix = name;
        if (!begins_layer(name, &binding->prefix_bytes, &binding->is_lstm_cell) || !is_wanted(wanted, name, binding->prefix_bytes))
            continue;
        const bool is_lstm = has_four_gates(context);
        if (is_lstm || !lists[1].count)
            chosen = *binding;
        for (int of = 0; of <= is_lstm; of++)
            sl_label_list_add(&lists[of], name, binding->prefix_bytes, is_lstm ? get_sizes(context).text : "");
    }
    const sl_label_list *list = &lists[lists[1].count > 0];
    if (!list->count)
        return fail_no_lstm(context, wanted);
    if (list->count > 1)
        return fail_ambiguous(context, wanted, list);
    *binding = chosen;
    return SLUICE_STATUS_OK;
}

/* ---- Shapes ---------------------------------------------------------------------------------------------------------------- */

/* Find L, D and whether there are biases and projections (P is then not 0), as names state them. */
static void find_dimensions(const sl_names_context *context)
{
    sl_binding *binding = context->binding;
    binding->shape.directions = 1;
    if (binding->is_lstm_cell) {
        binding->shape.layers = 1;
        binding->shape.has_bias =
            find_tensor(context, (suffix){.kind = SL_BIAS_IH}) || find_tensor(context, (suffix){.kind = SL_BIAS_HH});
        return;
    }
    for (size_t k = 0; k < context->source->count; k++) {
        const char *name = context->source->tensors[k].name;
        suffix found;
        if (strncmp(name, binding->prefix, binding->prefix_bytes) != 0 || !parse_suffix(name + binding->prefix_bytes, &found))
            continue;
        binding->projection |= found.kind == SL_WEIGHT_HR;
        binding->shape.layers = sl_size_max(binding->shape.layers, found.layer);
        binding->shape.directions = found.reverse ? 2 : binding->shape.directions;
        binding->shape.has_bias |= found.kind == SL_BIAS_IH || found.kind == SL_BIAS_HH;
    }
    /* A name may contain any layer number. A number not below the count of tensors means that a layer is missing, which is
     * reported later. */
    binding->shape.layers = sl_size_min(binding->shape.layers, context->source->count) + 1;
}

/* A tensor from which torch computes the missing one, as weight_norm and other parametrizations do; NULL if there is none. */
static const sl_tensor *find_parametrization(const sl_names_context *context, const char *missing)
{
    const sl_binding *binding = context->binding;
    for (size_t k = 0; k < context->source->count; k++) {
        const sl_tensor *tensor = &context->source->tensors[k];
        if (strncmp(tensor->name, binding->prefix, binding->prefix_bytes) != 0)
            continue;
        const char *behind = tensor->name + binding->prefix_bytes, *place = strstr(behind, missing);
        const char next = place ? place[strlen(missing)] : '\0';
        if ((next == '.' || next == '_') && strcmp(place + strlen(missing), "_reverse") != 0)
            return tensor;
    }
    return NULL;
}

static sluice_status fail_missing(const sl_names_context *context, suffix wanted)
{
    const sl_binding *binding = context->binding;
    const sl_tensor_suffix missing = get_suffix(binding, wanted);
    const sl_tensor *source = find_parametrization(context, missing.text);
    const bool bias = wanted.kind == SL_BIAS_IH || wanted.kind == SL_BIAS_HH;
    return sl_fail(context->error, SLUICE_STATUS_BAD_DATA, "%s: tensor \"%s%s\" is missing%s%s%s", context->source->input.name,
                   sl_label_get_part(binding->prefix, binding->prefix_bytes).text, missing.text,
                   source                           ? ": save the weight itself, without the parametrization of \""
                   : wanted.kind == SL_WEIGHT_HR    ? ": expected a projection in every layer and direction, or none at all"
                   : bias                           ? ": expected both biases in every layer and direction, or none at all"
                   : wanted.layer || wanted.reverse ? ": expected every layer and direction that other tensors are named for"
                                                    : "",
                   source ? sl_label_get(source->name).text : "", source ? "\"" : "");
}

/* Find a tensor that must exist. */
static sluice_status find_required(const sl_names_context *context, suffix wanted, sl_tensor **tensor)
{
    *tensor = find_tensor(context, wanted);
    return *tensor ? SLUICE_STATUS_OK : fail_missing(context, wanted);
}

static sluice_status find_matrix(const sl_names_context *context, int kind, sl_tensor **tensor)
{
    const sluice_status status = find_required(context, (suffix){.kind = kind}, tensor);
    if (status || ((*tensor)->dims == 2 && (*tensor)->shape[0] && (*tensor)->shape[1]))
        return status;
    return sl_source_fail_tensor(context->source, *tensor, context->error, "expected shape %s, none of them 0, found %s",
                                 kind == SL_WEIGHT_IH ? "[4H][I]" : "[4H][H]",
                                 sl_shape_get_text((*tensor)->shape, (*tensor)->dims).text);
}

/* Read I, H and P from the shapes of the first layer's matrices, which bind_layer_dir checks again with all the others. */
static sluice_status read_sizes(const sl_names_context *context)
{
    sluice_shape *shape = &context->binding->shape;
    sl_tensor *weight_ih, *weight_hh;
    sluice_status status = find_matrix(context, SL_WEIGHT_IH, &weight_ih);
    if (!status)
        status = find_matrix(context, SL_WEIGHT_HH, &weight_hh);
    if (status)
        return status;
    const size_t rows = weight_hh->shape[0];
    shape->inputs = weight_ih->shape[1];
    shape->hidden = weight_hh->shape[1];
    if (rows % 4 == 0 && rows / 4 == shape->hidden && !context->binding->projection)
        return SLUICE_STATUS_OK;
    if (rows % 4 == 0 && context->binding->projection) {
        context->binding->projection = shape->hidden;
        shape->hidden = rows / 4;
        return SLUICE_STATUS_OK;
    }
    const char *hint = rows / 3 == shape->hidden && rows % 3 == 0 ? "; this looks like a GRU"
                       : rows == shape->hidden                    ? "; this looks like a plain RNN"
                                                                  : "";
    return sl_source_fail_tensor(context->source, weight_hh, context->error, "expected shape [4H][H], found %s%s",
                                 sl_shape_get_text(weight_hh->shape, weight_hh->dims).text, hint);
}

/* ---- Lists ----------------------------------------------------------------------------------------------------------------- */

/* What is said of the LSTM of the binding's prefix, without its name. */
static sluice_choice describe(const sl_names_context *context)
{
    const bool is_cell = context->binding->is_lstm_cell;
    sluice_choice choice = {.struct_size = sizeof choice, .field = "prefix", .layers = 1, .directions = 1};
    choice.inputs = find_tensor(context, (suffix){.kind = SL_WEIGHT_IH})->shape[1];
    choice.hidden = find_tensor(context, (suffix){.kind = SL_WEIGHT_HH})->shape[0] / SL_GATES;
    if (is_cell)
        return choice;
    while (find_tensor(context, (suffix){.kind = SL_WEIGHT_IH, .layer = choice.layers}))
        choice.layers++;
    choice.directions += find_tensor(context, (suffix){.kind = SL_WEIGHT_IH, .reverse = true}) != NULL;
    return choice;
}

sluice_status sl_names_list_lstms(sl_tensor_source *source, sluice_choice_visitor *visit, void *context, sluice_error *error)
{
    sl_binding binding = {0};
    const sl_names_context of = {source, &binding, error};
    for (size_t k = 0; k < source->count; k++) {
        binding.prefix = source->tensors[k].name;
        if (!begins_layer(binding.prefix, &binding.prefix_bytes, &binding.is_lstm_cell) || !has_four_gates(&of))
            continue;
        sluice_choice choice = describe(&of);
        char *name = sl_alloc(binding.prefix_bytes + 1);
        if (!name)
            return sl_fail_memory(error, "the name of an LSTM", binding.prefix_bytes + 1);
        memcpy(name, binding.prefix, binding.prefix_bytes);
        choice.name = name;
        visit(context, &choice);
        sl_free(name);
    }
    return SLUICE_STATUS_OK;
}

/* ---- Binding --------------------------------------------------------------------------------------------------------------- */

/* Whether the LSTM has tensors of a kind. */
static bool has_kind(const sl_binding *binding, int kind)
{
    if (kind == SL_WEIGHT_HR)
        return binding->projection;
    return binding->shape.has_bias || (kind != SL_BIAS_IH && kind != SL_BIAS_HH);
}

/* Bind the tensors of a layer-direction. */
static sluice_status bind_layer_dir(const sl_names_context *context, size_t layer_dir)
{
    sl_binding *binding = context->binding;
    const sluice_shape *shape = &binding->shape;
    const size_t hidden = shape->hidden, outputs = binding->projection ? binding->projection : hidden;
    const size_t layer = layer_dir / shape->directions, inputs = layer ? sl_names_get_width(binding) : shape->inputs;
    const size_t rows[] = {4 * hidden, 4 * hidden, 4 * hidden, 4 * hidden, outputs};
    const size_t columns[] = {[SL_WEIGHT_IH] = inputs, [SL_WEIGHT_HH] = outputs, [SL_WEIGHT_HR] = hidden};
    const bool projected = binding->projection;
    const char *const letters[] = {!layer      ? "[4H][I]"
                                   : projected ? "[4H][D*P]"
                                               : "[4H][D*H]",
                                   projected ? "[4H][P]" : "[4H][H]", "[4H]", "[4H]", "[P][H]"};
    sluice_status status = SLUICE_STATUS_OK;
    for (int kind = 0; kind < SL_LAYER_DIR_TENSORS && !status; kind++) {
        sl_tensor *tensor;
        if (!has_kind(binding, kind))
            continue;
        status = find_required(context, (suffix){kind, layer, layer_dir % shape->directions}, &tensor);
        if (!status)
            status = sl_names_check_tensor(context, tensor, rows[kind], columns[kind], letters[kind]);
        binding->tensors[(size_t)kind * binding->layer_dirs + layer_dir] = tensor;
    }
    return status;
}

size_t sl_names_get_width(const sl_binding *binding)
{
    return binding->shape.directions * (binding->projection ? binding->projection : binding->shape.hidden);
}

sluice_status sl_names_find_lstm(const sl_names_context *context, const sl_names_wanted *wanted)
{
    sl_binding *binding = context->binding;
    sluice_status status = find_prefix(context, wanted);
    if (status)
        return status;
    find_dimensions(context);
    status = read_sizes(context);
    if (status)
        return status;
    binding->layer_dirs = binding->shape.layers * binding->shape.directions;
    binding->count = SL_LAYER_DIR_TENSORS * binding->layer_dirs + SL_EXTRAS;
    binding->tensors = sl_alloc_array(binding->count, sizeof *binding->tensors);
    if (!binding->tensors)
        return sl_fail_memory(context->error, "the list of layers", binding->count * sizeof *binding->tensors);
    binding->extras = binding->tensors + SL_LAYER_DIR_TENSORS * binding->layer_dirs;
    for (size_t layer_dir = 0; layer_dir < binding->layer_dirs && !status; layer_dir++)
        status = bind_layer_dir(context, layer_dir);
    return status;
}
