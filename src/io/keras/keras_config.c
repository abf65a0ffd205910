#include "io/keras/keras_config.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"

#include <stdio.h>
#include <string.h>

/* A model, whose layers are those from `first` on. */
typedef struct model {
    const char *class_name;
    const sl_json *options; /* or, in Keras 2.2, the list of layers itself */
    const char *to;         /* its last layer, or NULL */
    size_t index;           /* the layer that it is; SIZE_MAX: the outermost */
    size_t first, end;
    unsigned depth;
} model;

typedef struct reader {
    sl_keras_config *config;
    sluice_error *error;
} reader;

static sluice_status fail_at(const reader *at, const sl_json *value, const char *expected)
{
    const sl_json_tree *tree = &at->config->tree;
    return sl_fail_byte(at->error, SLUICE_STATUS_BAD_DATA, tree->name, tree->origin + value->at,
                        "Keras: the configuration: expected %s", expected);
}

sluice_status sl_keras_fail_layer(const sl_keras_config *config, const sl_keras_layer *layer, const char *class_name,
                                  sluice_status status, sluice_error *error, const char *format, va_list arguments)
{
    const sl_json_tree *tree = &config->tree;
    char part[2 * sizeof(sl_label) + sizeof "Keras: layer \"\" (): "], message[600];
    snprintf(part, sizeof part, "Keras: layer \"%s\" (%s): ", sl_label_get(layer->name).text, sl_label_get(class_name).text);
    if (tree->origin)
        return sl_fail_part(error, status, tree->name, tree->origin + layer->entry->at, part, format, arguments);
    vsnprintf(message, sizeof message, format, arguments);
    return sl_fail(error, status, "%s: %s%s", tree->name, part, message);
}

__attribute__((format(printf, 3, 4))) static sluice_status fail_layer(const reader *at, size_t layer, const char *format, ...)
{
    const sl_keras_layer *of = &at->config->layers[layer];
    va_list arguments;
    va_start(arguments, format);
    sl_keras_fail_layer(at->config, of, of->class_name, SLUICE_STATUS_UNSUPPORTED, at->error, format, arguments);
    va_end(arguments);
    return SLUICE_STATUS_UNSUPPORTED;
}

static bool is_model(const char *class_name)
{
    return strcmp(class_name, "Sequential") == 0 || strcmp(class_name, "Functional") == 0 || strcmp(class_name, "Model") == 0;
}

/* ---- The list of layers ---------------------------------------------------------------------------------------------------- */

static sluice_status add_layer(const reader *at, const model *in, const sl_json *entry)
{
    sl_keras_config *config = at->config;
    const sl_json *options = sl_json_get(entry, "config");
    const char *class_name = sl_json_text(sl_json_get(entry, "class_name"));
    const char *outer = sl_json_text(sl_json_get(entry, "name")), *name = sl_json_text(sl_json_get(options, "name"));
    if (!class_name)
        return fail_at(at, entry, "a layer with its \"class_name\"");
    if (config->count == SL_KERAS_MAX_LAYERS)
        return sl_fail(at->error, SLUICE_STATUS_UNSUPPORTED, "%s: the Keras model has more than %d layers", config->tree.name,
                       SL_KERAS_MAX_LAYERS);
    sl_keras_layer *layer = &config->layers[config->count++];
    *layer = (sl_keras_layer){.class_name = class_name,
                              .name = outer  ? outer
                                      : name ? name
                                             : class_name, /* a Sequential model in Keras 2.2 has no name */
                              .entry = entry,
                              .config = options,
                              .model = in->index,
                              .next = SIZE_MAX};
    for (size_t k = in->first; k + 1 < config->count; k++)
        layer->number += strcmp(config->layers[k].class_name, class_name) == 0;
    return SLUICE_STATUS_OK;
}

static sluice_status add_layers(const reader *at, model *in)
{
    const sl_json *options = in->options;
    const sl_json *list = options && options->kind == SL_JSON_LIST ? options : sl_json_get(options, "layers");
    if (!list || list->kind != SL_JSON_LIST || !sl_json_first(list))
        return fail_at(at, options ? options : at->config->tree.values, "a list of \"layers\" that is not empty");
    in->first = at->config->count;
    sluice_status status = SLUICE_STATUS_OK;
    for (const sl_json *entry = sl_json_first(list); !status && entry; entry = sl_json_next(list, entry))
        status = add_layer(at, in, entry);
    in->end = at->config->count;
    return status;
}

static size_t find_layer(const reader *at, const model *in, const char *name)
{
    for (size_t k = in->first; k < in->end; k++)
        if (strcmp(at->config->layers[k].name, name) == 0)
            return k;
    return SIZE_MAX;
}

/* ---- What a layer of a graph reads ----------------------------------------------------------------------------------------- */

/* References to other layers' outputs within a value. */
typedef struct references {
    const sl_json *layer, *tensor; /* of the last one: the name, and which of the layer's outputs */
    size_t count;
} references;

/* Keras 3: objects {"class_name": "__keras_tensor__", "config": {"keras_history": [name, call, output]}}, anywhere in `value`. */
static void find_tensors(const sl_json *value, references *found)
{
    for (const sl_json *inner = value; inner < value->end; inner++) {
        const char *class_name = sl_json_text(sl_json_get(inner, "class_name"));
        const sl_json *history = sl_json_get(sl_json_get(inner, "config"), "keras_history");
        if (!class_name || strcmp(class_name, "__keras_tensor__") != 0 || !history)
            continue;
        found->layer = sl_json_at(history, 0);
        found->tensor = sl_json_at(history, 2);
        found->count++;
    }
}

/* Keras 2: [name, call, output, {options}], or a list of those. */
static void find_references(const sl_json *value, references *found, references *of_options)
{
    const sl_json *first = sl_json_at(value, 0);
    const bool is_one = sl_json_text(first);
    for (const sl_json *inner = is_one ? value : first; inner; inner = is_one ? NULL : sl_json_next(value, inner)) {
        found->layer = sl_json_at(inner, 0);
        found->tensor = sl_json_at(inner, 2);
        found->count++;
        const sl_json *state = sl_json_get(sl_json_at(inner, 3), "initial_state");
        of_options->count += state && state->kind != SL_JSON_NULL;
    }
}

static void find_inbound(const sl_json *node, references *found, references *of_options)
{
    if (node->kind == SL_JSON_LIST) {
        find_references(node, found, of_options);
        return;
    }
    const sl_json *arguments = sl_json_get(node, "args"), *options = sl_json_get(node, "kwargs");
    if (arguments)
        find_tensors(arguments, found);
    for (const sl_json *option = sl_json_first(options); option; option = sl_json_next(options, option))
        if (strcmp(option->key, "mask") != 0) /* it comes from an Embedding or Masking layer, which is looked at itself */
            find_tensors(option, of_options);
}

/* The layer that a layer reads; SIZE_MAX: none, it is an input. */
static sluice_status find_input(const reader *at, const model *in, size_t layer, size_t *input)
{
    const sl_json *nodes = sl_json_get(at->config->layers[layer].entry, "inbound_nodes"), *node = sl_json_at(nodes, 0);
    references found = {0}, of_options = {0};
    *input = SIZE_MAX;
    if (!node)
        return SLUICE_STATUS_OK;
    if (sl_json_next(nodes, node))
        return fail_layer(at, layer, "it is used several times, but only chains of layers that run once are read");
    find_inbound(node, &found, &of_options);
    if (of_options.count)
        return fail_layer(at, layer,
                          "it reads initial states from other layers; a branch before it can be run alone: names.to (--to)");
    if (found.count > 1)
        return fail_layer(at, layer, "it reads several layers; a branch before it can be run alone: names.to (--to)");
    if (!found.count)
        return SLUICE_STATUS_OK;
    size_t tensor = 0;
    if (found.tensor && sl_json_size(found.tensor, &tensor) && tensor)
        return fail_layer(at, layer,
                          "it reads another output than the first of the layer before it, as a state; have it read the outputs");
    *input = sl_json_text(found.layer) ? find_layer(at, in, sl_json_text(found.layer)) : SIZE_MAX;
    return *input == SIZE_MAX ? fail_at(at, node, "the name of a layer") : SLUICE_STATUS_OK;
}

/* ---- The chain ------------------------------------------------------------------------------------------------------------- */

static sluice_status fail_unknown(const reader *at, const model *in, const char *problem, const char *name)
{
    sl_label_list list = {0};
    for (size_t k = in->first; k < in->end; k++)
        sl_label_list_add(&list, at->config->layers[k].name, strlen(at->config->layers[k].name), "");
    return sl_fail(at->error, SLUICE_STATUS_BAD_DATA, "%s: %s%s%s%s; its layers: %s", at->config->tree.name, problem,
                   name ? " \"" : "", name ? sl_label_get(name).text : "", name ? "\"" : "", list.text);
}

/* The layer of a graph's outputs: one reference, or a list of them that all name one layer. */
static sluice_status find_output(const reader *at, const model *in, size_t *last)
{
    const sl_json *outputs = sl_json_get(in->options, "output_layers"), *first = sl_json_first(outputs);
    *last = SIZE_MAX;
    if (!first)
        return fail_unknown(at, in, "the graph states no \"output_layers\"; name its last layer by names.to (--to)", NULL);
    for (const sl_json *output = first; output; output = sl_json_next(outputs, output)) {
        const bool is_one = sl_json_text(first);
        const char *name = sl_json_text(is_one ? first : sl_json_at(output, 0));
        const size_t found = name ? find_layer(at, in, name) : SIZE_MAX;
        if (found == SIZE_MAX)
            return fail_at(at, output, "the name of a layer");
        if (*last != SIZE_MAX && *last != found)
            return sl_fail(at->error, SLUICE_STATUS_UNSUPPORTED,
                           "%s: the model has several outputs, of layers \"%s\" and \"%s\"; name one by names.to (--to)",
                           at->config->tree.name, sl_label_get(at->config->layers[*last].name).text, sl_label_get(name).text);
        *last = found;
        if (is_one)
            break;
    }
    return SLUICE_STATUS_OK;
}

/* Link the layers from the model's input to `last`; *first is where they begin. */
static sluice_status link_layers(const reader *at, const model *in, size_t last, size_t *first)
{
    sl_keras_layer *layers = at->config->layers;
    const bool is_list = strcmp(in->class_name, "Sequential") == 0;
    for (size_t layer = last;;) {
        size_t input;
        const sluice_status status = is_list ? SLUICE_STATUS_OK : find_input(at, in, layer, &input);
        if (status)
            return status;
        if (is_list)
            input = layer > in->first ? layer - 1 : SIZE_MAX;
        layers[layer].runs = true;
        *first = layer;
        if (input == SIZE_MAX)
            return SLUICE_STATUS_OK;
        if (layers[input].runs)
            return fail_layer(at, input, "it reads itself, by way of other layers");
        layers[input].next = layer;
        layer = input;
    }
}

/* Add the layers that run in a model, and in those within it. */
static sluice_status add_model(const reader *at, model in)
{
    size_t last = SIZE_MAX, first = SIZE_MAX;
    sluice_status status = add_layers(at, &in);
    if (status)
        return status;
    if (in.to && (last = find_layer(at, &in, in.to)) == SIZE_MAX)
        return fail_unknown(at, &in, "names.to: the model has no layer", in.to);
    if (!in.to && strcmp(in.class_name, "Sequential") == 0)
        last = in.end - 1;
    else if (!in.to)
        status = find_output(at, &in, &last);
    if (!status)
        status = link_layers(at, &in, last, &first);
    for (size_t k = first; !status && k != SIZE_MAX; k = at->config->layers[k].next) {
        const sl_keras_layer *layer = &at->config->layers[k];
        const model inner = {.class_name = layer->class_name, .options = layer->config, .index = k, .depth = in.depth + 1};
        if (!is_model(layer->class_name))
            at->config->chain[at->config->chain_count++] = k;
        else if (in.depth == SL_KERAS_MAX_NESTED)
            status = fail_layer(at, k, "it is a model in more than 8 others");
        else
            status = add_model(at, inner);
    }
    return status;
}

sluice_status sl_keras_config_read(const char *name, char *text, size_t size, size_t origin, const char *to,
                                   sl_keras_config *config, sluice_error *error)
{
    const reader at = {config, error};
    *config = (sl_keras_config){0};
    sluice_status status = sl_json_tree_read(name, text, size, origin, &config->tree, error);
    if (status)
        return status;
    config->layers = sl_alloc_array(SL_KERAS_MAX_LAYERS, sizeof *config->layers);
    const sl_json *whole = config->tree.values;
    const char *class_name = sl_json_text(sl_json_get(whole, "class_name"));
    if (!config->layers)
        status = sl_fail_memory(error, "the layers of a Keras model", SL_KERAS_MAX_LAYERS * sizeof *config->layers);
    else if (!class_name)
        status = fail_at(&at, whole, "an object with \"class_name\" and \"config\"");
    else if (!is_model(class_name))
        status = sl_fail(error, SLUICE_STATUS_UNSUPPORTED,
                         "%s: the model is of class %s; expected Sequential or Functional: what other classes compute is in their "
                         "Python code",
                         name, sl_label_get(class_name).text);
    else
        status =
            add_model(&at, (model){.class_name = class_name, .options = sl_json_get(whole, "config"), .to = to, .index = SIZE_MAX});
    if (status)
        sl_keras_config_release(config);
    return status;
}

void sl_keras_config_release(sl_keras_config *config)
{
    sl_json_tree_release(&config->tree);
    sl_free(config->layers);
    *config = (sl_keras_config){0};
}
