#include "io/model/load_notes.h"

#include "base/memory.h"
#include "io/label.h"
#include "io/measured_text.h"

#include <stdio.h>
#include <string.h>

/* `, embedding "embedding"` for embedding.weight, or `, no embedding`. */
static void put_matrix(sl_measured_text *to, const char *what, const sl_tensor *tensor)
{
    if (tensor)
        sl_measured_text_put(to, ", %s \"%s\"", what, sl_label_get_part(tensor->name, sl_names_get_stem(tensor->name)).text);
    else
        sl_measured_text_put(to, ", no %s", what);
}

static void put_names(sl_measured_text *to, const sl_binding *binding)
{
    sl_measured_text_put(to, "names: torch%s, prefix \"%s\"", binding->is_lstm_cell ? " LSTMCell" : "",
                         sl_label_get_part(binding->prefix, binding->prefix_bytes).text);
    put_matrix(to, "head", binding->extras[SL_HEAD_WEIGHT]);
    put_matrix(to, "embedding", binding->extras[SL_EMBEDDING]);
}

static void put_types(sl_measured_text *to, const sl_tensor_source *source)
{
    static const char *const narrow[] = {"F16", "BF16"};
    bool found[2] = {false};
    for (size_t k = 0; k < source->count; k++)
        for (size_t type = 0; source->tensors[k].used && type < 2; type++)
            found[type] |= strcmp(source->tensors[k].dtype, narrow[type]) == 0;
    if (found[0] || found[1])
        sl_measured_text_put(to, "\ntypes: weights of type %s%s%s were widened to F32", found[0] ? narrow[0] : "",
                             found[0] && found[1] ? " and " : "", found[1] ? narrow[1] : "");
}

/* Whether an unused tensor may be a layer of the network, judged by sizes: one that computes the inputs of the LSTM or of the
 * head, or takes the head's outputs; or a second embedding. Tensors of exactly a head's shape, or an embedding's where none was
 * taken, were candidates before, and names_linear.c has given the reason. */
static bool may_belong(const sl_tensor *tensor, const sl_binding *binding)
{
    const sluice_shape *shape = &binding->shape;
    const size_t features = shape->directions * shape->hidden;
    if (tensor->used || !sl_names_get_stem(tensor->name) || !tensor->dims)
        return false;
    const size_t first = tensor->shape[0], second = tensor->dims > 1 ? tensor->shape[1] : 0;
    if (tensor->dims == 2 && sl_names_is_like_embedding(tensor->name) && second == shape->inputs)
        return shape->vocabulary;
    if (tensor->dims == 2 && second == features)
        return shape->classes && first == features;
    return first == shape->inputs || (shape->classes && (first == features || (second ? second : first) == shape->classes));
}

static void put_layers(sl_measured_text *to, const sl_tensor_source *source, const sl_binding *binding)
{
    sl_label_list list = {0};
    for (size_t k = 0; k < source->count; k++) {
        const sl_tensor *tensor = &source->tensors[k];
        char shape[sizeof(sl_shape_text) + 1];
        snprintf(shape, sizeof shape, " %s", sl_shape_get_text(tensor->shape, tensor->dims).text);
        if (may_belong(tensor, binding))
            sl_label_list_add(&list, tensor->name, sl_names_get_stem(tensor->name), shape);
    }
    if (list.count)
        sl_measured_text_put(to, "\nlayers: %zu that may belong to the network, by their sizes, are not run: %s", list.count,
                             list.text);
}

/* "LSTM", "GRU" or "RNN", by the number of rows for each unit. */
static const char *get_recurrent_kind(const sl_tensor_source *source, const sl_tensor *weight_ih, size_t prefix_bytes)
{
    static const char *const kinds[] = {"recurrent", "RNN", "recurrent", "GRU", "LSTM"};
    char tail[64];
    snprintf(tail, sizeof tail, "weight_hh%s", weight_ih->name + prefix_bytes + strlen("weight_ih"));
    const sl_tensor *weight_hh = sl_source_find_joined(source, weight_ih->name, prefix_bytes, tail);
    if (!weight_hh || weight_hh->dims != 2 || !weight_hh->shape[1] || weight_hh->shape[0] % weight_hh->shape[1])
        return kinds[0];
    const size_t gates = weight_hh->shape[0] / weight_hh->shape[1];
    return kinds[gates < sizeof kinds / sizeof *kinds ? gates : 0];
}

/* Report recurrent layers other than the bound one. Names are sorted, so tensors of one prefix follow each other. */
static void put_recurrent(sl_measured_text *to, const sl_tensor_source *source, const sl_binding *binding)
{
    sl_label_list list = {0};
    const char *last = "";
    size_t last_bytes = 0;
    for (size_t k = 0; k < source->count; k++) {
        const sl_tensor *tensor = &source->tensors[k];
        const char *weight = strstr(tensor->name, "weight_ih");
        if (tensor->used || !weight || tensor->dims < 2 || sl_names_is_of_tensor(source, tensor->name))
            continue;
        const size_t bytes = (size_t)(weight - tensor->name);
        const bool is_ours = bytes == binding->prefix_bytes && memcmp(tensor->name, binding->prefix, bytes) == 0;
        if (!is_ours && list.count && bytes == last_bytes && memcmp(tensor->name, last, bytes) == 0)
            continue;
        char kind[sizeof " (recurrent)"];
        snprintf(kind, sizeof kind, " (%s)", get_recurrent_kind(source, tensor, bytes));
        sl_label_list_add(&list, tensor->name, is_ours ? strlen(tensor->name) : bytes, kind);
        last = tensor->name;
        last_bytes = bytes;
    }
    if (list.count)
        sl_measured_text_put(to, "\nlayers: recurrent ones beside that of prefix \"%s\" are not run: %s",
                             sl_label_get_part(binding->prefix, binding->prefix_bytes).text, list.text);
}

static void put_ignored(sl_measured_text *to, const sl_tensor_source *source)
{
    for (size_t k = 0; k < source->count; k++) {
        const sl_tensor *tensor = &source->tensors[k];
        if (!tensor->used)
            sl_measured_text_put(to, "\nignored: \"%s\" %s %s", sl_label_get(tensor->name).text, sl_label_get(tensor->dtype).text,
                                 sl_shape_get_text(tensor->shape, tensor->dims).text);
    }
}

typedef struct bound {
    const sl_tensor_source *source;
    const sl_binding *binding;
} bound;

static void put_notes(sl_measured_text *to, const void *context)
{
    const bound *from = context;
    const sl_binding *binding = from->binding;
    put_names(to, binding);
    if (*binding->head.text)
        sl_measured_text_put(to, "\nhead: %s", binding->head.text);
    if (*binding->embedding.text)
        sl_measured_text_put(to, "\nembedding: %s", binding->embedding.text);
    if (*binding->class_names.text)
        sl_measured_text_put(to, "\nclasses: %s", binding->class_names.text);
    put_types(to, from->source);
    put_layers(to, from->source, binding);
    put_recurrent(to, from->source, binding);
    put_ignored(to, from->source);
    if (!binding->classes && !*binding->class_names.text && sl_source_find_metadata(from->source, "classes"))
        sl_measured_text_put(to, "\nignored: metadata \"classes\", as there is no head");
}

typedef struct described {
    const sl_tensor_source *source;
    const char *network;
    const sl_names_reason *reason;
    bool has_classes;
} described;

static void put_described_notes(sl_measured_text *to, const void *context)
{
    const described *from = context;
    sl_measured_text_put(to, "names: description");
    if (from->network)
        sl_measured_text_put(to, ", network \"%s\"", sl_label_get(from->network).text);
    if (*from->reason->text)
        sl_measured_text_put(to, "\nclasses: %s", from->reason->text);
    put_types(to, from->source);
    put_ignored(to, from->source);
    if (!from->has_classes && !*from->reason->text && sl_source_find_metadata(from->source, "classes"))
        sl_measured_text_put(to, "\nignored: metadata \"classes\", as the file has several networks, or this one no outputs");
}

static sluice_status set_notes(sluice_model *model, sl_measured_text_writer *put, const void *context, sluice_error *error)
{
    char *text;
    sluice_status status = sl_measured_text_make(put, context, "notes on the model", &text, error);
    if (status)
        return status;
    status = sl_model_set_notes(model, text, error);
    sl_free(text);
    return status;
}

sluice_status sl_load_notes_set(sluice_model *model, const sl_tensor_source *source, const sl_binding *binding, sluice_error *error)
{
    const bound from = {source, binding};
    return set_notes(model, put_notes, &from, error);
}

sluice_status sl_load_notes_set_described(sluice_model *model, const sl_tensor_source *source, const char *network,
                                          const sl_names_reason *reason, sluice_error *error)
{
    const described from = {source, network, reason, model->classes};
    return set_notes(model, put_described_notes, &from, error);
}
