/* Binding a network to a file's tensors: the order of the steps. */
#include "io/model/names.h"

#include "base/memory.h"
#include "io/model/class_names.h"

#include <string.h>

/* The order of torch.nn.LSTM, which is the model's. */
static const unsigned char torch_gates[SL_GATES] = {[SL_GATE_I] = 0, [SL_GATE_F] = 1, [SL_GATE_G] = 2, [SL_GATE_O] = 3};

sluice_status sl_names_bind(sl_tensor_source *source, const sluice_names *names, sl_binding *binding, sluice_error *error)
{
    static const sluice_names open = {0};
    const sluice_names *wanted = names ? names : &open;
    const sl_names_context context = {source, binding, error};
    *binding = (sl_binding){0};
    memcpy(binding->gate_order, torch_gates, sizeof torch_gates);
    sluice_status status = sl_names_find_lstm(&context, wanted->prefix);
    if (!status)
        status = sl_names_find_embedding(&context, wanted->embedding);
    if (!status)
        status = sl_names_find_head(&context, wanted->head);
    if (!status)
        status = sl_class_names_bind(source, binding, error);
    if (status)
        sl_names_release(binding);
    return status;
}

void sl_names_release(sl_binding *binding)
{
    sl_free(binding->tensors);
    sl_free(binding->classes);
    *binding = (sl_binding){0};
}
