/* What the parts of sl_names_bind share: names, and the checks of one tensor. */
#include "io/model/names_find.h"

#include "base/error.h"
#include "io/label.h"

#include <string.h>

size_t sl_names_get_stem(const char *name)
{
    static const char end[] = ".weight";
    const size_t length = strlen(name), tail = sizeof end - 1;
    return length >= tail && memcmp(name + length - tail, end, tail) == 0 ? length - tail : 0;
}

bool sl_names_is_readable(const sl_tensor *tensor)
{
    return tensor->type == SL_ELEMENT_F32 || tensor->type == SL_ELEMENT_F16 || tensor->type == SL_ELEMENT_BF16 ||
           tensor->type == SL_ELEMENT_F64;
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
    if (!sl_names_is_readable(tensor))
        return sl_source_fail_tensor(context->source, tensor, context->error,
                                     "expected type F32, F16, BF16 or F64, found %s; convert it", sl_label_get(tensor->dtype).text);
    const size_t expected[] = {rows, columns}, dims = columns ? 2 : 1;
    if (tensor->dims != dims || memcmp(tensor->shape, expected, dims * sizeof *expected) != 0)
        return sl_source_fail_tensor(context->source, tensor, context->error, "expected shape %s (%s), found %s",
                                     sl_shape_get_text(expected, dims).text, letters,
                                     sl_shape_get_text(tensor->shape, tensor->dims).text);
    tensor->used = true;
    return SLUICE_STATUS_OK;
}
