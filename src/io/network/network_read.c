#include "io/network/network_read.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/system/cpu.h"
#include "io/label.h"
#include "io/model/class_names.h"
#include "io/model/load_notes.h"
#include "io/model/tensor_values.h"
#include "io/network/description_read.h"
#include "io/network/network_tensors.h"

#include <stdio.h>

typedef struct reader {
    sl_tensor_source *source;
    sl_described described;
    sluice_model *model;
    sluice_error *error;
} reader;

/* All tensors are checked before the model takes memory, so that sizes of a description alone can ask for none. */
static sluice_status check_tensor(void *context, const sl_network_tensor *tensor)
{
    const reader *from = context;
    sl_tensor *found = sl_source_find(from->source, tensor->name.text);
    char reason[SL_LABEL_BYTES + 48];
    snprintf(reason, sizeof reason, "by the description of layer %zu", tensor->layer);
    if (!found)
        return sl_fail(from->error, SLUICE_STATUS_BAD_DATA, "%s: tensor \"%s\" is missing: expected %s, %s",
                       from->source->input.name, sl_label_get(tensor->name.text).text,
                       sl_shape_get_text(tensor->shape, tensor->dims).text, reason);
    const sl_names_context names = {.source = from->source, .error = from->error};
    return sl_names_check_tensor(&names, found, tensor->shape[0], tensor->dims > 1 ? tensor->shape[1] : 0, reason);
}

static sluice_status read_tensor(void *context, const sl_network_tensor *tensor)
{
    const reader *from = context;
    const sl_tensor *found = sl_source_find(from->source, tensor->name.text);
    sl_tensor_values_reader *step = tensor->is_addend ? sl_tensor_values_add : sl_tensor_values_read;
    return step(from->source, found, 0, found->elements, from->model->layers[tensor->layer].of[tensor->direction][tensor->tensor],
                from->error);
}

static sluice_status read_values(reader *from)
{
    const sl_float_mode mode = sl_float_mode_set(false); /* the sums of biases are part of the result */
    const sluice_status status = sl_network_visit(from->model->network, from->described.name, read_tensor, from);
    sl_float_mode_restore(mode);
    return status;
}

/* The names of the description, or, of a network alone in its file, those of the metadata entry "classes". */
static sluice_status find_classes(reader *from, sl_names_reason *reason)
{
    sl_described *described = &from->described;
    char counted[64];
    snprintf(counted, sizeof counted, "the network %zu outputs", described->network->ends);
    if (described->classes || described->networks > 1)
        return SLUICE_STATUS_OK;
    return sl_class_names_split(from->source, described->network->ends, counted, &described->classes, reason, from->error);
}

/* Make the model of the network that is described. */
static sluice_status make_model(reader *from)
{
    sl_network *network = from->described.network;
    sl_names_reason reason = {""};
    sluice_status status = sl_network_visit(network, from->described.name, check_tensor, from);
    if (!status)
        status = find_classes(from, &reason);
    if (status)
        return status;
    from->described.network = NULL; /* the model's from here on */
    status = sl_model_allocate_network(network, &from->model, from->error);
    if (!status)
        status = read_values(from);
    if (!status && from->described.classes)
        status = sl_model_set_classes(from->model, from->described.classes, from->error);
    if (!status)
        status = sl_load_notes_set_described(from->model, from->source, from->described.name, &reason, from->error);
    return status;
}

sluice_status sl_network_read(sl_tensor_source *source, const char *name, sluice_model **model, sluice_error *error)
{
    reader from = {.source = source, .error = error};
    sluice_status status = sl_description_read(source, name, &from.described, error);
    if (!status)
        status = make_model(&from);
    if (!status)
        *model = from.model;
    else
        sluice_model_destroy(from.model);
    sl_described_release(&from.described);
    return status;
}
