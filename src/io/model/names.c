/* Finding a network among a file's tensors: the whole, the checks that its parts share, and class names. */
#include "io/model/names.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"
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

bool sl_names_is_of_tensor(const sl_safetensors *file, const char *name)
{
    for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
        if (sl_safetensors_find_joined(file, name, (size_t)(dot - name), ""))
            return true;
    return false;
}

sluice_status sl_names_fail(const sl_names_context *context, sluice_status status, const char *name, const char *what)
{
    return sl_fail(context->error, status, "%s: tensor \"%s\"%s", context->file->input.name, sl_label_get(name).text, what);
}

sluice_status sl_names_check_tensor(const sl_names_context *context, sl_tensor *tensor, size_t rows, size_t columns,
                                    const char *letters)
{
    const char *path = context->file->input.name;
    const sl_label label = sl_label_get(tensor->name);
    if (!tensor->readable)
        return sl_fail(context->error, SLUICE_STATUS_BAD_DATA,
                       "%s: byte %zu: tensor \"%s\": expected type F32, F16 or BF16, found %s; convert it", path, tensor->stated_at,
                       label.text, sl_label_get(tensor->dtype).text);
    const size_t expected[] = {rows, columns}, dims = columns ? 2 : 1;
    if (tensor->dims != dims || memcmp(tensor->shape, expected, dims * sizeof *expected) != 0)
        return sl_fail(context->error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: tensor \"%s\": expected shape %s (%s), found %s",
                       path, tensor->stated_at, label.text, sl_shape_get_text(expected, dims).text, letters,
                       sl_shape_get_text(tensor->shape, tensor->dims).text);
    tensor->used = true;
    return SLUICE_STATUS_OK;
}

/* ---- Class names ----------------------------------------------------------------------------------------------------------- */

bool sl_names_class_is_plain(const char *name)
{
    bool plain = *name != '\0';
    for (const char *c = name; *c; c++)
        plain = plain && !sl_clean_get_control(c) && *c != ',';
    return plain;
}

/* Cut the names apart; false, and why, if they are none that can be shown. Others use the key as well. */
static bool cut_classes(sl_binding *binding, char *text)
{
    sl_names_doubt *why = &binding->classes_lack;
    for (size_t k = 0; k < binding->shape.classes; k++) {
        binding->classes[k] = text;
        text += strcspn(text, ",");
        *text++ = '\0';
        if (!sl_names_class_is_plain(binding->classes[k])) {
            snprintf(why->text, sizeof why->text, "none, as metadata \"classes\" has no printable name for class %zu, but \"%s\"",
                     k, sl_label_get(binding->classes[k]).text);
            return false;
        }
    }
    return true;
}

static sluice_status bind_classes(const sl_names_context *context)
{
    sl_binding *binding = context->binding;
    const size_t expected = binding->shape.classes;
    char *text = sl_safetensors_find_metadata(context->file, "classes");
    if (!text || !expected)
        return SLUICE_STATUS_OK;
    size_t count = 1;
    for (const char *c = text; *c; c++)
        count += *c == ',';
    if (count != expected) {
        snprintf(binding->classes_lack.text, sizeof binding->classes_lack.text,
                 "none, as metadata \"classes\" has %zu between commas, and \"%s\" %zu rows", count,
                 sl_label_get(binding->extras[SL_HEAD_WEIGHT]->name).text, expected);
        return SLUICE_STATUS_OK;
    }
    binding->classes = sl_alloc_array(count, sizeof *binding->classes);
    if (!binding->classes)
        return sl_fail_memory(context->error, "class names", count * sizeof *binding->classes);
    if (!cut_classes(binding, text)) {
        sl_free(binding->classes);
        binding->classes = NULL;
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_names_bind(sl_safetensors *file, const sluice_names *names, sl_binding *binding, sluice_error *error)
{
    static const sluice_names open = {0};
    const sluice_names *wanted = names ? names : &open;
    const sl_names_context context = {file, binding, error};
    *binding = (sl_binding){0};
    sluice_status status = sl_names_find_lstm(&context, wanted->prefix);
    if (status == SLUICE_STATUS_OK)
        status = sl_names_find_embedding(&context, wanted->embedding);
    if (status == SLUICE_STATUS_OK)
        status = sl_names_find_head(&context, wanted->head);
    if (status == SLUICE_STATUS_OK)
        status = bind_classes(&context);
    if (status != SLUICE_STATUS_OK)
        sl_names_release(binding);
    return status;
}

void sl_names_release(sl_binding *binding)
{
    sl_free(binding->tensors);
    sl_free(binding->classes);
    *binding = (sl_binding){0};
}
