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

/* `, head "fc1", "fc2"`, or as one matrix. */
static void put_head(sl_measured_text *to, const sl_bound_network *network)
{
    sl_label_list list = {0};
    for (size_t k = 0; k < network->dense_count; k++)
        sl_label_list_add(&list, network->dense[k].weight->name, sl_names_get_stem(network->dense[k].weight->name), "");
    if (list.count > 1)
        sl_measured_text_put(to, ", head %s", list.text);
    else
        put_matrix(to, "head", list.count ? network->dense[0].weight : NULL);
}

static void put_names(sl_measured_text *to, const sl_bound_network *network)
{
    sl_label_list list = {0};
    bool are_cells = true;
    for (size_t k = 0; k < network->count; k++) {
        sl_label_list_add(&list, network->lstms[k].prefix, network->lstms[k].prefix_bytes, "");
        are_cells = are_cells && network->lstms[k].is_lstm_cell;
    }
    sl_measured_text_put(to, "names: torch%s, prefix%s %s", are_cells ? " LSTMCell" : "", network->count > 1 ? "es" : "",
                         list.text);
    put_head(to, network);
    put_matrix(to, "embedding", network->lstms->extras[SL_EMBEDDING]);
}

static void put_types(sl_measured_text *to, const sl_tensor_source *source)
{
    static const char *const narrow[] = {"F16", "BF16"};
    bool found[2] = {false}, rounded = false;
    for (size_t k = 0; k < source->count; k++) {
        const sl_tensor *tensor = &source->tensors[k];
        for (size_t type = 0; tensor->used && type < 2; type++)
            found[type] |= strcmp(tensor->dtype, narrow[type]) == 0;
        rounded |= tensor->used && tensor->type == SL_ELEMENT_F64;
    }
    if (found[0] || found[1])
        sl_measured_text_put(to, "\ntypes: weights of type %s%s%s were widened to F32", found[0] ? narrow[0] : "",
                             found[0] && found[1] ? " and " : "", found[1] ? narrow[1] : "");
    if (rounded)
        sl_measured_text_put(to, "\ntypes: weights of type F64 were rounded to F32");
}

/* Whether an unused tensor may be a layer of the network, judged by sizes: one that computes the inputs of the LSTM or of the
 * head, or takes the head's outputs; or a second embedding. Tensors of exactly a head's shape, or an embedding's where none was
 * taken, were candidates before, and names_linear.c has given the reason. */
static bool may_belong(const sl_tensor *tensor, const sl_bound_network *network)
{
    const sluice_shape *shape = &network->lstms->shape;
    const size_t features = sl_names_get_width(&network->lstms[network->count - 1]);
    const size_t classes = network->lstms[network->count - 1].shape.classes;
    if (tensor->used || !sl_names_get_stem(tensor->name) || !tensor->dims)
        return false;
    const size_t first = tensor->shape[0], second = tensor->dims > 1 ? tensor->shape[1] : 0;
    if (tensor->dims == 2 && sl_names_is_like_embedding(tensor->name) && second == shape->inputs)
        return shape->vocabulary;
    if (tensor->dims == 2 && second == features)
        return classes && first == features;
    return first == shape->inputs || (classes && (first == features || (second ? second : first) == classes));
}

static void put_layers(sl_measured_text *to, const sl_tensor_source *source, const sl_bound_network *network)
{
    sl_label_list list = {0};
    for (size_t k = 0; k < source->count; k++) {
        const sl_tensor *tensor = &source->tensors[k];
        char shape[sizeof(sl_shape_text) + 1];
        snprintf(shape, sizeof shape, " %s", sl_shape_get_text(tensor->shape, tensor->dims).text);
        if (may_belong(tensor, network))
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

static bool is_bound(const sl_bound_network *network, const char *prefix, size_t bytes)
{
    for (size_t k = 0; k < network->count; k++)
        if (bytes == network->lstms[k].prefix_bytes && memcmp(prefix, network->lstms[k].prefix, bytes) == 0)
            return true;
    return false;
}

/* Report recurrent layers other than the bound ones. Names are sorted, so tensors of one prefix follow each other. */
static void put_recurrent(sl_measured_text *to, const sl_tensor_source *source, const sl_bound_network *network)
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
        const bool is_ours = is_bound(network, tensor->name, bytes);
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
                             sl_label_get_part(network->lstms->prefix, network->lstms->prefix_bytes).text, list.text);
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
    const sl_bound_network *network;
} bound;

static void put_notes(sl_measured_text *to, const void *context)
{
    const bound *from = context;
    const sl_bound_network *network = from->network;
    const sl_binding *last = &network->lstms[network->count - 1];
    put_names(to, network);
    if (from->source->remark)
        sl_measured_text_put(to, "\n%s", from->source->remark);
    if (*last->head.text)
        sl_measured_text_put(to, "\nhead: %s", last->head.text);
    if (*network->lstms->embedding.text)
        sl_measured_text_put(to, "\nembedding: %s", network->lstms->embedding.text);
    if (*last->class_names.text)
        sl_measured_text_put(to, "\nclasses: %s", last->class_names.text);
    put_types(to, from->source);
    put_layers(to, from->source, network);
    put_recurrent(to, from->source, network);
    put_ignored(to, from->source);
    if (!last->classes && !*last->class_names.text && sl_source_find_metadata(from->source, "classes"))
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

sluice_status sl_load_notes_set(sluice_model *model, const sl_tensor_source *source, const sl_bound_network *network,
                                sluice_error *error)
{
    const bound from = {source, network};
    return set_notes(model, put_notes, &from, error);
}

sluice_status sl_load_notes_set_described(sluice_model *model, const sl_tensor_source *source, const char *network,
                                          const sl_names_reason *reason, sluice_error *error)
{
    const described from = {source, network, reason, model->classes};
    return set_notes(model, put_described_notes, &from, error);
}
