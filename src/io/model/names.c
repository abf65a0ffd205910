/* Binding a network to a file's tensors: the order of the steps. */
#include "io/model/names.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"
#include "io/model/class_names.h"

#include <string.h>

/* The order of torch.nn.LSTM, which is the model's. */
static const unsigned char torch_gates[SL_GATES] = {[SL_GATE_I] = 0, [SL_GATE_F] = 1, [SL_GATE_G] = 2, [SL_GATE_O] = 3};

/* The LSTM reads what the one before it gives. */
static sluice_status check_widths(const sl_names_context *context, const sl_binding *before)
{
    const sl_binding *binding = context->binding;
    const size_t width = sl_names_get_width(before);
    if (binding->shape.inputs == width)
        return SLUICE_STATUS_OK;
    const sl_label label = sl_label_get_part(before->prefix, before->prefix_bytes);
    return sl_source_fail_tensor(context->source, binding->tensors[SL_WEIGHT_IH * binding->layer_dirs], context->error,
                                 "expected %zu inputs, which the LSTM \"%s\" before it gives, found %zu; see --lstm (names.lstm)",
                                 width, label.text, binding->shape.inputs);
}

/* Bind the LSTMs of names->lstm, or the one of names->prefix. */
static sluice_status bind_lstms(sl_tensor_source *source, const sluice_names *names, sl_bound_network *network, sluice_error *error)
{
    const char *rest = names->lstm ? names->lstm : names->prefix;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < network->count; k++) {
        const size_t bytes = names->lstm ? strcspn(rest, ",") : rest ? strlen(rest) : 0;
        const sl_names_wanted wanted = {rest, bytes, names->lstm};
        const sl_names_context context = {source, &network->lstms[k], error};
        memcpy(network->lstms[k].gate_order, torch_gates, sizeof torch_gates);
        status = sl_names_find_lstm(&context, &wanted);
        if (!status && k)
            status = check_widths(&context, &network->lstms[k - 1]);
        if (names->lstm)
            rest += bytes + (rest[bytes] == ',');
    }
    return status;
}

/* Make room for the LSTMs. */
static sluice_status allocate_lstms(const sluice_names *names, sl_bound_network *network, sluice_error *error)
{
    if (names->lstm && names->prefix)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "names.lstm is \"%s\" and names.prefix \"%s\": give one of them",
                       sl_label_get(names->lstm).text, sl_label_get(names->prefix).text);
    network->count = names->lstm ? sl_names_count_parts(names->lstm) : 1;
    if (network->count > SLUICE_MAX_LAYERS)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "names.lstm: expected at most %d LSTMs, found %zu", SLUICE_MAX_LAYERS,
                       network->count);
    network->lstms = sl_alloc_array(network->count, sizeof *network->lstms);
    return network->lstms ? SLUICE_STATUS_OK : sl_fail_memory(error, "the list of LSTMs", network->count * sizeof *network->lstms);
}

sluice_status sl_names_bind(sl_tensor_source *source, const sluice_names *names, sl_bound_network *network, sluice_error *error)
{
    static const sluice_names open = {0};
    const sluice_names *wanted = names ? names : &open;
    *network = (sl_bound_network){0};
    sluice_status status = allocate_lstms(wanted, network, error);
    if (!status)
        status = bind_lstms(source, wanted, network, error);
    if (!status)
        status = sl_names_find_embedding(&(sl_names_context){source, network->lstms, error}, wanted->embedding);
    if (!status)
        status = sl_names_find_dense(&(sl_names_context){source, &network->lstms[network->count - 1], error}, wanted, network);
    if (!status)
        status = sl_class_names_bind(source, &network->lstms[network->count - 1], error);
    if (status)
        sl_names_release(network);
    return status;
}

void sl_names_release(sl_bound_network *network)
{
    for (size_t k = 0; network->lstms && k < network->count; k++) {
        sl_free(network->lstms[k].tensors);
        sl_free(network->lstms[k].classes);
    }
    sl_free(network->lstms);
    sl_free(network->dense);
    *network = (sl_bound_network){0};
}
