#include "io/network/network_write.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"
#include "io/network/description_write.h"
#include "io/network/network_tensors.h"

/* A network's name; those of layers are without control characters, as the network was checked. */
static sluice_status check_name(const char *what, const char *name, sluice_error *error)
{
    bool plain = *name && strlen(name) <= SL_DESCRIPTION_MAX_NAME;
    for (const char *c = name; *c; c++)
        plain = plain && !sl_clean_get_control(c);
    return plain ? SLUICE_STATUS_OK
                 : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                           "%s: expected a name of 1 to %d bytes without control characters, found \"%s\"", what,
                           SL_DESCRIPTION_MAX_NAME, sl_label_get(name).text);
}

static sluice_status check_names(const sluice_network *network, const char *name, sluice_error *error)
{
    sluice_status status = name ? check_name("names.network", name, error) : SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < network->layer_count; k++)
        status = check_name("a layer", network->layers[k].name, error);
    return status;
}

void sl_network_put_description(sl_writer *writer, const sluice_model *model, const char *name)
{
    const sluice_network *network = &model->network->description;
    char *text = NULL;
    if (!writer->status)
        writer->status = check_names(network, name, writer->error);
    if (!writer->status)
        writer->status = sl_description_make(network, name, &text, writer->error);
    if (!writer->status)
        sl_writer_put_metadata(writer, SL_DESCRIPTION_KEY, text);
    sl_free(text);
}

typedef struct visit {
    sl_writer *writer;
    const sluice_model *model;
    sl_stored_action *act;
} visit;

static sluice_status act_on(void *context, const sl_network_tensor *tensor)
{
    const visit *with = context;
    const float *values =
        tensor->is_addend ? NULL : sluice_model_get_parameter(with->model, tensor->layer, tensor->direction, tensor->tensor, NULL);
    with->act(with->writer, &(sl_stored_tensor){.name = tensor->name.text,
                                                .shape = {tensor->shape[0], tensor->shape[1]},
                                                .dims = tensor->dims,
                                                .values = values});
    return with->writer->status;
}

void sl_network_visit_stored(sl_writer *writer, const sluice_model *model, const char *name, sl_stored_action *act)
{
    visit with = {writer, model, act};
    (void)sl_network_visit(model->network, name, act_on, &with);
}
