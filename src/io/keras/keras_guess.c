/* A layer's class is known by its group's name, where groups go by class, or else by the names of its weights; its sizes by their shapes.
 * The order is that of the list of layers, or, where groups go by class, one in which each layer fits what the one before it gives. */
#include "io/keras/keras_guess.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/keras/keras_guess_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct guesser {
    sl_keras_weights *weights;
    sl_build *build;
    sl_keras_guessed *guessed; /* layers in the file's order, then in the one in which they run */
    sl_label_list left_out;
    sluice_error *error;
} guesser;

static sluice_status fail(const guesser *at, const sl_keras_guess_layer *layer, const char *problem)
{
    return sl_fail(at->error, SLUICE_STATUS_UNSUPPORTED,
                   "%s: Keras: layer \"%s\": %s; write the model with its configuration: model.save(\"model.keras\")",
                   at->weights->source.input.name, sl_label_get(layer->name).text, problem);
}

/* ---- Layers by their arrays ------------------------------------------------------------------------------------------------ */

/* A cell's sizes by kernel, recurrent kernel and, if there are three, bias. */
static sluice_status set_cell(const guesser *at, sl_keras_guess_layer *layer, const sl_tensor *const *tensors, size_t count)
{
    const sl_tensor *kernel = tensors[0], *recurrent = tensors[1];
    if (count < 2 || count > 3 || kernel->dims != 2 || recurrent->dims != 2)
        return fail(at, layer, "its weights are not those of an LSTM");
    const size_t units = recurrent->shape[0];
    if (!units || recurrent->shape[1] / units != SL_GATES || recurrent->shape[1] % units || kernel->shape[1] != recurrent->shape[1])
        return fail(at, layer, "its weights are not those of an LSTM: expected 4 times as many columns as it has units");
    if (layer->cell_count == SL_KERAS_GUESS_CELLS)
        return fail(at, layer, "it has too many cells");
    layer->is_cudnn |= count == 3 && tensors[2]->dims == 1 && tensors[2]->shape[0] / 2 == SL_GATES * units;
    if (!layer->cell_count)
        layer->inputs = kernel->shape[0];
    layer->has_bias = count == 3;
    layer->units[layer->cell_count++] = units;
    layer->outputs = units;
    return SLUICE_STATUS_OK;
}

static sluice_status set_dense(const guesser *at, sl_keras_guess_layer *layer, const sl_tensor *const *tensors, size_t count)
{
    if (count < 1 || count > 2 || tensors[0]->dims != 2)
        return fail(at, layer, "its weights are not those of a dense layer");
    layer->inputs = tensors[0]->shape[0];
    layer->outputs = layer->units[0] = tensors[0]->shape[1];
    layer->has_bias = count == 2;
    return SLUICE_STATUS_OK;
}

static sluice_status set_embedding(const guesser *at, sl_keras_guess_layer *layer, const sl_tensor *const *tensors, size_t count)
{
    if (count != 1 || tensors[0]->dims != 2)
        return fail(at, layer, "its weights are not those of an embedding");
    layer->inputs = tensors[0]->shape[0]; /* the vocabulary */
    layer->outputs = tensors[0]->shape[1];
    return SLUICE_STATUS_OK;
}

static sluice_status set_normalization(const guesser *at, sl_keras_guess_layer *layer, const sl_tensor *const *tensors,
                                       size_t count)
{
    if ((count != 2 && count != 4) || tensors[0]->dims != 1)
        return fail(at, layer, "its weights are not those of a batch normalisation");
    layer->has_bias = count == 4; /* gamma and beta */
    layer->inputs = layer->outputs = tensors[0]->shape[0];
    return SLUICE_STATUS_OK;
}

static sluice_status set_both(const guesser *at, sl_keras_guess_layer *layer, const sl_tensor *const *tensors, size_t count)
{
    sluice_status status = count % 2 ? fail(at, layer, "its two directions do not have as many weights") : SLUICE_STATUS_OK;
    if (!status)
        status = set_cell(at, layer, tensors, count / 2);
    layer->outputs *= 2;
    return status;
}

static sluice_status set_sizes(const guesser *at, sl_keras_guess_layer *layer, const sl_tensor *const *tensors, size_t count)
{
    switch (layer->kind) {
    case SL_KERAS_GUESS_EMBEDDING:
        return set_embedding(at, layer, tensors, count);
    case SL_KERAS_GUESS_LSTM:
    case SL_KERAS_GUESS_RNN:
        return set_cell(at, layer, tensors, count);
    case SL_KERAS_GUESS_BIDIRECTIONAL:
        return set_both(at, layer, tensors, count);
    case SL_KERAS_GUESS_NORMALIZATION:
        return set_normalization(at, layer, tensors, count);
    case SL_KERAS_GUESS_TIME_DISTRIBUTED:
    case SL_KERAS_GUESS_DENSE:
        break;
    }
    return set_dense(at, layer, tensors, count);
}

static sluice_status add(guesser *at, sl_keras_guess_kind kind, const char *name, size_t number, sl_keras_guess_layer **layer)
{
    if (at->guessed->count == SL_KERAS_GUESS_LAYERS)
        return sl_fail(at->error, SLUICE_STATUS_UNSUPPORTED, "%s: more than %d layers have weights", at->weights->source.input.name,
                       SL_KERAS_GUESS_LAYERS);
    *layer = &at->guessed->layers[at->guessed->count++];
    **layer = (sl_keras_guess_layer){.kind = kind, .name = name, .number = number};
    return SLUICE_STATUS_OK;
}

/* ---- Groups by name -------------------------------------------------------------------------------------------------------- */

/* The last part of a weight's name, without ":0". */
static bool is_called(const char *weight, const char *name)
{
    const char *slash = strrchr(weight, '/'), *last = slash ? slash + 1 : weight;
    const size_t length = strlen(name);
    return strncmp(last, name, length) == 0 && (!last[length] || last[length] == ':');
}

static size_t count_called(const sl_hdf5_texts *names, const char *name)
{
    size_t count = 0;
    for (size_t k = 0; k < names->count; k++)
        count += is_called(names->texts[k].text, name);
    return count;
}

static bool find_kind(const sl_hdf5_texts *names, sl_keras_guess_kind *kind)
{
    const size_t recurrent = count_called(names, "recurrent_kernel"), kernels = count_called(names, "kernel");
    *kind = recurrent == 2                                ? SL_KERAS_GUESS_BIDIRECTIONAL
            : recurrent == 1                              ? SL_KERAS_GUESS_LSTM
            : count_called(names, "embeddings") == 1      ? SL_KERAS_GUESS_EMBEDDING
            : count_called(names, "moving_variance") == 1 ? SL_KERAS_GUESS_NORMALIZATION
                                                          : SL_KERAS_GUESS_DENSE;
    return recurrent < 3 && (*kind != SL_KERAS_GUESS_DENSE || kernels == 1) &&
           (recurrent < 2 || strstr(names->texts[names->count - 1].text, "backward"));
}

static sluice_status add_named(guesser *at, const char *name)
{
    enum { MOST = 6 };
    sl_hdf5_object *group, *dataset;
    sl_hdf5_texts names = {0};
    sl_keras_guess_kind kind;
    sl_keras_guess_layer *layer = NULL;
    const sl_tensor *tensors[MOST] = {NULL};
    const sl_keras_guess_layer unknown = {.name = name};
    sluice_status status = sl_keras_weights_find(at->weights, at->weights->layers, name, &group, at->error);
    if (!status && group)
        status = sl_hdf5_read_texts(at->weights->file, group, "weight_names", &names, at->error);
    if (!status && !names.count)
        sl_label_list_add(&at->left_out, name, strlen(name), "");
    if (status || !names.count)
        return status;
    if (names.count > MOST || !find_kind(&names, &kind))
        return fail(at, &unknown, "its weights are of no class of layers that is known here");
    status = add(at, kind, name, 0, &layer);
    for (size_t k = 0; !status && k < names.count; k++) {
        status = sl_keras_weights_find(at->weights, group, names.texts[k].text, &dataset, at->error);
        if (!status && !dataset)
            status = fail(at, layer, "one of its weights is missing");
        if (!status)
            status = sl_keras_weights_describe(at->weights, dataset, &tensors[k], at->error);
    }
    return status ? status : set_sizes(at, layer, tensors, names.count);
}

static sluice_status add_all_named(guesser *at)
{
    sl_hdf5_texts names;
    sluice_status status = sl_hdf5_read_texts(at->weights->file, at->weights->layers, "layer_names", &names, at->error);
    for (size_t k = 0; !status && k < names.count; k++)
        status = add_named(at, names.texts[k].text);
    return status;
}

/* ---- Groups by class ------------------------------------------------------------------------------------------------------- */

/* The arrays of the group "vars" at a path in a layer's group; none if there is no such group. */
static sluice_status find_arrays(const guesser *at, sl_hdf5_object *group, const char *path, const sl_tensor **tensors, size_t most,
                                 size_t *count)
{
    sl_hdf5_object *found, **children;
    *count = 0;
    sluice_status status = sl_keras_weights_find(at->weights, group, path, &found, at->error);
    if (!status && found)
        status = sl_hdf5_list(at->weights->file, found, &children, count, at->error);
    for (size_t k = 0; !status && k < *count && k < most; k++)
        status = sl_keras_weights_describe(at->weights, children[k], &tensors[k], at->error);
    return status;
}

static sluice_status set_arrays(const guesser *at, sl_keras_guess_layer *layer, sl_hdf5_object *group, const char *path)
{
    enum { MOST = 4 };
    const sl_tensor *tensors[MOST] = {NULL};
    size_t count;
    const sluice_status status = find_arrays(at, group, path, tensors, MOST, &count);
    if (status)
        return status;
    return count > MOST ? fail(at, layer, "it has more weights than layers that are known here")
                        : set_sizes(at, layer, tensors, count);
}

/* One cell, or those of a stack, by their numbers. */
static sluice_status set_cells(const guesser *at, sl_keras_guess_layer *layer, sl_hdf5_object *group)
{
    sl_hdf5_object *cells;
    sluice_status status = sl_keras_weights_find(at->weights, group, "cell/cells", &cells, at->error);
    if (status || !cells)
        return status ? status : set_arrays(at, layer, group, "cell/vars");
    layer->is_stack = true;
    for (size_t k = 0;; k++) {
        sl_hdf5_object *cell;
        status = sl_keras_weights_find(at->weights, cells, sl_keras_folder_get("LSTMCell", k).text, &cell, at->error);
        if (!status && cell)
            status = set_arrays(at, layer, cell, "vars");
        if (status || !cell)
            return status || k ? status : fail(at, layer, "its cells are not of class LSTMCell");
    }
}

static sluice_status set_bidirectional(const guesser *at, sl_keras_guess_layer *layer, sl_hdf5_object *group)
{
    layer->kind = SL_KERAS_GUESS_LSTM; /* as one direction is */
    const sluice_status status = set_arrays(at, layer, group, "forward_layer/cell/vars");
    layer->kind = SL_KERAS_GUESS_BIDIRECTIONAL;
    layer->outputs *= 2;
    return status;
}

static const struct {
    const char *folder;
    sl_keras_guess_kind kind;
    const char *path;
} folders[] = {{"lstm", SL_KERAS_GUESS_LSTM, "cell/vars"},
               {"bidirectional", SL_KERAS_GUESS_BIDIRECTIONAL, ""},
               {"rnn", SL_KERAS_GUESS_RNN, ""},
               {"embedding", SL_KERAS_GUESS_EMBEDDING, "vars"},
               {"batch_normalization", SL_KERAS_GUESS_NORMALIZATION, "vars"},
               {"time_distributed", SL_KERAS_GUESS_TIME_DISTRIBUTED, "layer/vars"},
               {"dense", SL_KERAS_GUESS_DENSE, "vars"}};

/* Which of them a group is, "lstm_1"; SIZE_MAX: none. */
static size_t find_folder(const char *name, size_t *number)
{
    for (size_t k = 0; k < sizeof folders / sizeof *folders; k++) {
        const size_t length = strlen(folders[k].folder);
        if (strncmp(name, folders[k].folder, length) != 0)
            continue;
        *number = 0;
        if (!name[length])
            return k;
        if (name[length] == '_' && name[length + 1] && strlen(name) < length + 8 &&
            !name[length + 1 + strspn(name + length + 1, "0123456789")]) {
            *number = (size_t)strtoul(name + length + 1, NULL, 10);
            return k;
        }
    }
    return SIZE_MAX;
}

/* The layer's own name, where the file states it, else that of its group. */
static sluice_status find_name(const guesser *at, sl_hdf5_object *group, const char **name)
{
    sl_hdf5_object *variables;
    sl_hdf5_text text = {0};
    sluice_status status = sl_keras_weights_find(at->weights, group, "vars", &variables, at->error);
    if (!status && variables)
        status = sl_hdf5_read_text(at->weights->file, variables, "name", &text, at->error);
    *name = text.text ? text.text : sl_hdf5_get_name(group);
    return status;
}

static sluice_status add_counted(guesser *at, sl_hdf5_object *group)
{
    const char *folder = sl_hdf5_get_name(group), *name;
    const sl_tensor *tensors[1];
    size_t number, count;
    const size_t found = find_folder(folder, &number);
    sl_keras_guess_layer *layer = NULL, unknown = {.name = folder};
    sluice_status status = find_name(at, group, &name);
    if (status)
        return status;
    if (found == SIZE_MAX) {
        static const char *const places[] = {"vars", "cell/vars", "layer/vars", "layers"};
        for (size_t k = 0; !status && k < sizeof places / sizeof *places; k++) {
            status = find_arrays(at, group, places[k], tensors, 0, &count);
            if (!status && count)
                status = fail(at, &unknown, "layers of its class are not known here by their weights");
        }
        sl_label_list_add(&at->left_out, folder, strlen(folder), "");
        return status;
    }
    status = add(at, folders[found].kind, name, number, &layer);
    if (status)
        return status;
    return layer->kind == SL_KERAS_GUESS_RNN             ? set_cells(at, layer, group)
           : layer->kind == SL_KERAS_GUESS_BIDIRECTIONAL ? set_bidirectional(at, layer, group)
                                                         : set_arrays(at, layer, group, folders[found].path);
}

/* ---- Their order ----------------------------------------------------------------------------------------------------------- */

typedef struct search {
    const sl_keras_guessed *from;
    sl_keras_guess_layer order[SL_KERAS_GUESS_LAYERS];
    bool used[SL_KERAS_GUESS_LAYERS];
    size_t count, tries;
} search;

/* Whether a layer may come next: the first of its class, and it reads what comes before it. */
static bool may_follow(const search *in, size_t index)
{
    const sl_keras_guess_layer *layer = &in->from->layers[index];
    const bool is_embedding = layer->kind == SL_KERAS_GUESS_EMBEDDING;
    if (in->used[index] || (in->count && (is_embedding || layer->inputs != in->order[in->count - 1].outputs)))
        return false;
    for (size_t k = 0; k < in->from->count; k++)
        if (!in->used[k] && in->from->layers[k].kind == layer->kind && in->from->layers[k].number < layer->number)
            return false;
    return true;
}

/* All orders are tried, recurrent layers before the others; each of the at most six classes has one layer that may be next. */
static bool find_order(search *in)
{
    enum { MOST_TRIES = 20000 };
    if (in->count == in->from->count)
        return true;
    for (int kind = SL_KERAS_GUESS_EMBEDDING; kind <= SL_KERAS_GUESS_DENSE; kind++)
        for (size_t k = 0; k < in->from->count; k++) {
            if ((int)in->from->layers[k].kind != kind || !may_follow(in, k))
                continue;
            if (in->tries++ > MOST_TRIES)
                return false;
            in->order[in->count++] = in->from->layers[k];
            in->used[k] = true;
            if (find_order(in))
                return true;
            in->used[k] = false;
            in->count--;
        }
    return false;
}

static sluice_status set_order(guesser *at)
{
    search *in = sl_alloc(sizeof *in);
    if (!in)
        return sl_fail_memory(at->error, "the order of a Keras model's layers", sizeof *in);
    in->from = at->guessed;
    const bool found = find_order(in);
    if (found)
        memcpy(at->guessed->layers, in->order, sizeof in->order);
    sl_free(in);
    return found ? SLUICE_STATUS_OK
                 : sl_fail(at->error, SLUICE_STATUS_UNSUPPORTED,
                           "%s: its layers, by their sizes, form no chain; write the model with its configuration: "
                           "model.save(\"model.keras\")",
                           at->weights->source.input.name);
}

static sluice_status add_all_counted(guesser *at)
{
    sl_hdf5_object **children;
    size_t count;
    sluice_status status = sl_hdf5_list(at->weights->file, at->weights->layers, &children, &count, at->error);
    for (size_t k = 0; !status && k < count; k++)
        status = add_counted(at, children[k]);
    return status ? status : set_order(at);
}

/* ---- Notes ----------------------------------------------------------------------------------------------------------------- */

static sluice_status note(const guesser *at)
{
    const sl_keras_guessed *guessed = at->guessed;
    sl_label_list order = {0};
    for (size_t k = 0; k < guessed->count; k++)
        sl_label_list_add(&order, guessed->layers[k].name, strlen(guessed->layers[k].name), "");
    sluice_status status = sl_build_note(
        at->build, at->error, "keras: the file has weights only; by their names and shapes its layers are %s", order.text);
    if (!status)
        status = sl_build_note(at->build, at->error,
                               "keras: assumed: activation %s, recurrent_activation %s (names.activation and recurrent_activation "
                               "say otherwise); dense layers linear; directions side by side; the last LSTM gives its final states",
                               guessed->activation, guessed->recurrent_activation);
    if (!status && at->left_out.count)
        status = sl_build_note(at->build, at->error, "keras: left out, as they have no weights: %s", at->left_out.text);
    return status;
}

sluice_status sl_keras_guess(sl_keras_weights *weights, const sluice_names *names, sl_keras_version version, sl_build *build,
                             char **text, sluice_error *error)
{
    const bool is_old = version.major && !version.is_tensorflow && (version.major < 2 || (version.major == 2 && version.minor < 3));
    guesser at = {.weights = weights, .build = build, .guessed = sl_alloc(sizeof *at.guessed), .error = error};
    if (!at.guessed)
        return sl_fail_memory(error, "the layers of a Keras model", sizeof *at.guessed);
    at.guessed->activation = names->activation ? names->activation : "tanh";
    at.guessed->recurrent_activation = names->recurrent_activation ? names->recurrent_activation
                                       : is_old                    ? "hard_sigmoid"
                                                                   : "sigmoid";
    sluice_status status = weights->is_named ? add_all_named(&at) : add_all_counted(&at);
    if (!status && !at.guessed->count)
        status = sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: no layer has weights", weights->source.input.name);
    if (!status)
        status = note(&at);
    if (!status)
        status = sl_keras_guess_text_make(at.guessed, text, error);
    sl_free(at.guessed);
    return status;
}
