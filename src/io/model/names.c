/* Binding a network to a file's tensors: the order of the steps, and the checks that they share. */
#include "io/model/names.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"
#include "io/model/class_names.h"
#include "io/model/names_find.h"

#include <stdio.h>
#include <string.h>

/* ---- One tensor ------------------------------------------------------------------------------------------------------------ */

size_t sl_names_get_stem(const char *name)
{
    static const char end[] = ".weight";
    const size_t length = strlen(name), tail = sizeof end - 1;
    return length >= tail && memcmp(name + length - tail, end, tail) == 0 ? length - tail : 0;
}

bool sl_names_is_of_tensor(const sl_tensor_source *source, const char *name)
{
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        if (sl_source_find_joined(source, name, (size_t)(dot - name), ""))
            return true;
    return false;
}

sluice_status sl_names_fail(const sl_names_context *context, sluice_status status, const char *name, const char *what)
{
    return sl_fail(context->error, status, "%s: tensor \"%s\"%s", context->source->input.name, sl_label_get(name).text, what);
}

sluice_status sl_names_check_tensor(const sl_names_context *context, sl_tensor *tensor, size_t rows, size_t columns,
                                    const char *letters)
{
    if (!tensor->readable)
        return sl_source_fail_tensor(context->source, tensor, context->error,
                                     "expected type F32, F16 or BF16, found %s; convert it", sl_label_get(tensor->dtype).text);
    const size_t expected[] = {rows, columns}, dims = columns ? 2 : 1;
    if (tensor->dims != dims || memcmp(tensor->shape, expected, dims * sizeof *expected) != 0)
        return sl_source_fail_tensor(context->source, tensor, context->error, "expected shape %s (%s), found %s",
                                     sl_shape_get_text(expected, dims).text, letters,
                                     sl_shape_get_text(tensor->shape, tensor->dims).text);
    tensor->used = true;
    return SLUICE_STATUS_OK;
}

/* ---- The whole ------------------------------------------------------------------------------------------------------------- */

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
