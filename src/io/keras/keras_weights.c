#include "io/keras/keras_weights.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdio.h>
#include <string.h>

/* Tensors that were handed out, in a list. */
typedef struct sl_keras_tensors {
    struct sl_keras_tensors *next;
    sl_tensor tensor;
} sl_keras_tensors;

/* ---- The image ------------------------------------------------------------------------------------------------------------- */

sluice_status sl_keras_weights_find(sl_keras_weights *weights, sl_hdf5_object *group, const char *path, sl_hdf5_object **found,
                                    sluice_error *error)
{
    return sl_hdf5_find(weights->file, group, path, found, error);
}

/* Which of the two arrangements it is, and the group of all layers. */
static sluice_status find_layers(sl_keras_weights *weights, sluice_error *error)
{
    static const char *const folders[] = {"layers", "_layer_checkpoint_dependencies"};
    sl_hdf5_object *root = sl_hdf5_get_root(weights->file), *found = NULL;
    sl_hdf5_texts names = {0};
    sluice_status status = sl_keras_weights_find(weights, root, "model_weights", &found, error);
    weights->layers = found ? found : root;
    if (!status)
        status = sl_hdf5_read_texts(weights->file, weights->layers, "layer_names", &names, error);
    weights->is_named = names.found;
    for (size_t k = 0; !status && !names.found && k < 2; k++) {
        status = sl_keras_weights_find(weights, root, folders[k], &found, error);
        if (status || !found)
            continue;
        weights->layers = found;
        weights->is_old = k > 0;
        return SLUICE_STATUS_OK;
    }
    if (!status && !names.found)
        status = sl_fail(error, SLUICE_STATUS_BAD_DATA,
                         "%s: no Keras model: expected an attribute \"layer_names\", or a group \"layers\"; write the model by "
                         "model.save(\"model.keras\")",
                         weights->source.input.name);
    return status;
}

sluice_status sl_keras_weights_open(sl_input *image, sl_keras_weights *weights, sluice_error *error)
{
    *weights = (sl_keras_weights){.source = {.input = *image, .format = "HDF5"}};
    *image = (sl_input){.fd = -1};
    sluice_status status = sl_hdf5_open(&weights->source.input, &weights->file, error);
    if (!status)
        status = find_layers(weights, error);
    if (status)
        sl_keras_weights_close(weights);
    return status;
}

void sl_keras_weights_close(sl_keras_weights *weights)
{
    while (weights->tensors) {
        sl_keras_tensors *next = weights->tensors->next;
        sl_free(weights->tensors);
        weights->tensors = next;
    }
    sl_hdf5_close(weights->file);
    sl_source_release(&weights->source);
    *weights = (sl_keras_weights){.source.input.fd = -1};
}

sluice_status sl_keras_weights_describe(sl_keras_weights *weights, sl_hdf5_object *dataset, const sl_tensor **tensor,
                                        sluice_error *error)
{
    sl_keras_tensors *made = sl_alloc(sizeof *made);
    if (!made)
        return sl_fail_memory(error, "a weight of a Keras model", sizeof *made);
    made->next = weights->tensors;
    weights->tensors = made;
    *tensor = &made->tensor;
    return sl_hdf5_describe(weights->file, dataset, &made->tensor, error);
}

/* ---- Names of groups ------------------------------------------------------------------------------------------------------- */

static bool is_upper(char c)
{
    return c >= 'A' && c <= 'Z';
}

static bool is_lower(char c)
{
    return c >= 'a' && c <= 'z';
}

sl_keras_folder sl_keras_folder_get(const char *class_name, size_t number)
{
    sl_keras_folder made;
    size_t at = 0;
    for (size_t k = 0; class_name[k] && at + 24 < sizeof made.text; k++) {
        if (k && is_upper(class_name[k]) && (is_lower(class_name[k - 1]) || is_lower(class_name[k + 1])))
            made.text[at++] = '_';
        made.text[at++] = is_upper(class_name[k]) ? (char)(class_name[k] - 'A' + 'a') : class_name[k];
    }
    made.text[at] = '\0';
    if (number)
        snprintf(made.text + at, sizeof made.text - at, "_%zu", number);
    return made;
}

/* ---- A layer --------------------------------------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static sluice_status fail_layer(const sl_keras_weights *weights, sluice_error *error,
                                                                      const char *format, ...)
{
    const sl_keras_layer *layer = &weights->config->layers[weights->layer];
    va_list arguments;
    va_start(arguments, format);
    sl_keras_fail_layer(weights->config, layer, layer->class_name, SLUICE_STATUS_BAD_DATA, error, format, arguments);
    va_end(arguments);
    return SLUICE_STATUS_BAD_DATA;
}

/* The layer that stands in the outermost model and has, or is, this one. */
static size_t find_outermost(const sl_keras_config *config, size_t layer)
{
    while (config->layers[layer].model != SIZE_MAX)
        layer = config->layers[layer].model;
    return layer;
}

/* Named: the group of the outermost layer, whose list goes on from the layer before where both stand in one model. */
static sluice_status begin_named(sl_keras_weights *weights, size_t before, sluice_error *error)
{
    const size_t outermost = find_outermost(weights->config, weights->layer);
    if (before != SIZE_MAX && find_outermost(weights->config, before) == outermost)
        return SLUICE_STATUS_OK;
    weights->next = 0;
    weights->names = (sl_hdf5_texts){0};
    sluice_status status =
        sl_keras_weights_find(weights, weights->layers, weights->config->layers[outermost].name, &weights->group, error);
    if (!status && weights->group)
        status = sl_hdf5_read_texts(weights->file, weights->group, "weight_names", &weights->names, error);
    return status;
}

/* Whether a group's own weights are those of a layer of this name; also where the file does not say, as before Keras 3.6. */
static sluice_status has_name(sl_keras_weights *weights, sl_hdf5_object *group, const char *name, bool *has, bool *says,
                              sluice_error *error)
{
    sl_hdf5_object *variables = NULL;
    sl_hdf5_text text = {0};
    sluice_status status = sl_keras_weights_find(weights, group, "vars", &variables, error);
    if (!status && variables)
        status = sl_hdf5_read_text(weights->file, variables, "name", &text, error);
    *says = text.text;
    *has = text.text && strcmp(text.text, name) == 0;
    return status;
}

/* The group of a layer in that of its model: by class and number, unless another one says that it is the layer's. */
static sluice_status find_group(sl_keras_weights *weights, sl_hdf5_object *of_model, const sl_keras_layer *layer,
                                sl_hdf5_object **found, sluice_error *error)
{
    bool has = false, says = false;
    sl_hdf5_object **children;
    size_t count = 0;
    sluice_status status =
        sl_keras_weights_find(weights, of_model, sl_keras_folder_get(layer->class_name, layer->number).text, found, error);
    if (!status && *found)
        status = has_name(weights, *found, layer->name, &has, &says, error);
    if (status || !says || has)
        return status;
    status = sl_hdf5_list(weights->file, of_model, &children, &count, error);
    for (size_t k = 0; !status && !has && k < count; k++) {
        status = has_name(weights, children[k], layer->name, &has, &says, error);
        if (!status && has)
            *found = children[k];
    }
    return status;
}

static sluice_status begin_counted(sl_keras_weights *weights, size_t layer, sl_hdf5_object **group, sluice_error *error)
{
    const sl_keras_layer *of = &weights->config->layers[layer];
    sl_hdf5_object *within = weights->layers;
    sluice_status status = SLUICE_STATUS_OK;
    if (of->model != SIZE_MAX) { /* at most SL_KERAS_MAX_NESTED */
        status = begin_counted(weights, of->model, group, error);
        within = NULL;
        if (!status && *group)
            status = sl_keras_weights_find(weights, *group, sl_hdf5_get_name(weights->layers), &within, error);
    }
    *group = NULL;
    return status || !within ? status : find_group(weights, within, of, group, error);
}

sluice_status sl_keras_weights_begin(sl_keras_weights *weights, const sl_keras_config *config, size_t layer, sluice_error *error)
{
    const size_t before = weights->config == config ? weights->layer : SIZE_MAX;
    weights->config = config;
    weights->layer = layer;
    return weights->is_named ? begin_named(weights, before, error) : begin_counted(weights, layer, &weights->group, error);
}

/* ---- Its arrays ------------------------------------------------------------------------------------------------------------ */

static sluice_status take_named(sl_keras_weights *weights, sl_hdf5_object **dataset, sluice_error *error)
{
    *dataset = NULL;
    if (weights->next == weights->names.count)
        return fail_layer(weights, error, "it has fewer weights in the file than by its configuration");
    const sluice_status status =
        sl_keras_weights_find(weights, weights->group, weights->names.texts[weights->next].text, dataset, error);
    if (!status && !*dataset)
        return sl_fail_byte(error, SLUICE_STATUS_BAD_DATA, weights->source.input.name, weights->names.texts[weights->next].at,
                            "%s: its weight \"%s\" is not in the file", sl_label_get(sl_hdf5_get_path(weights->group)).text,
                            sl_label_get(weights->names.texts[weights->next].text).text);
    weights->next++;
    return status;
}

/* The group of a part's arrays, which has to have `count`. */
static sluice_status find_variables(sl_keras_weights *weights, const char *part, size_t count, sl_hdf5_object **variables,
                                    sluice_error *error)
{
    sl_hdf5_object *of_part = weights->group, **children;
    size_t found = 0;
    sluice_status status = SLUICE_STATUS_OK;
    *variables = NULL;
    if (of_part && *part)
        status = sl_keras_weights_find(weights, weights->group, part, &of_part, error);
    if (!status && of_part)
        status = sl_keras_weights_find(weights, of_part, "vars", variables, error);
    if (!status && *variables)
        status = sl_hdf5_list(weights->file, *variables, &children, &found, error);
    if (status || found == count)
        return status;
    return fail_layer(weights, error, "expected %zu weights by its configuration, found %zu in the file", count, found);
}

sluice_status sl_keras_weights_take(sl_keras_weights *weights, const char *part, size_t count, const sl_tensor **tensors,
                                    sluice_error *error)
{
    sl_hdf5_object *variables = NULL, *dataset = NULL;
    sluice_status status = weights->is_named ? SLUICE_STATUS_OK : find_variables(weights, part, count, &variables, error);
    for (size_t k = 0; !status && k < count; k++) {
        char number[24];
        snprintf(number, sizeof number, "%zu", k);
        status = weights->is_named ? take_named(weights, &dataset, error)
                                   : sl_keras_weights_find(weights, variables, number, &dataset, error);
        if (!status && !dataset)
            status = fail_layer(weights, error, "its weights in the file are not numbered 0, 1, 2");
        if (!status)
            status = sl_keras_weights_describe(weights, dataset, &tensors[k], error);
    }
    return status;
}

sluice_status sl_keras_weights_end(const sl_keras_weights *weights, sluice_error *error)
{
    const bool is_within = weights->config->layers[weights->layer].model != SIZE_MAX;
    if (!weights->is_named || is_within || weights->next == weights->names.count)
        return SLUICE_STATUS_OK;
    return fail_layer(weights, error, "it has more weights in the file than by its configuration");
}
