#include "io/model/class_names.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/memory.h"
#include "io/label.h"

#include <stdio.h>
#include <string.h>

/* Whether a class may have this name in a file: not empty, without commas and control characters. */
static bool is_plain(const char *name)
{
    bool plain = *name != '\0';
    for (const char *c = name; *c; c++)
        plain = plain && !sl_clean_get_control(c) && *c != ',';
    return plain;
}

/* Split the text into one name for each class; false, with the reason set, if one cannot be printed. */
static bool split_names(const char **names, size_t count, char *text, sl_names_reason *reason)
{
    for (size_t k = 0; k < count; k++) {
        names[k] = text;
        text += strcspn(text, ",");
        *text++ = '\0';
        if (!is_plain(names[k])) {
            snprintf(reason->text, sizeof reason->text,
                     "none, as metadata \"classes\" has no printable name for class %zu, but \"%s\"", k,
                     sl_label_get(names[k]).text);
            return false;
        }
    }
    return true;
}

/* What does not fit is no failure, because others use the key "classes" as well. */
sluice_status sl_class_names_split(sl_tensor_source *source, size_t expected, const char *counted, const char ***names,
                                   sl_names_reason *reason, sluice_error *error)
{
    char *text = sl_source_find_metadata(source, "classes");
    if (!text || !expected)
        return SLUICE_STATUS_OK;
    size_t count = 1;
    for (const char *c = text; *c; c++)
        count += *c == ',';
    if (count != expected) {
        snprintf(reason->text, sizeof reason->text, "none, as metadata \"classes\" has %zu between commas, and %s", count, counted);
        return SLUICE_STATUS_OK;
    }
    *names = sl_alloc_array(count, sizeof **names);
    if (!*names)
        return sl_fail_memory(error, "class names", count * sizeof **names);
    if (!split_names(*names, count, text, reason)) {
        sl_free(*names);
        *names = NULL;
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_class_names_bind(sl_tensor_source *source, sl_binding *binding, sluice_error *error)
{
    char counted[SL_LABEL_BYTES + 64];
    const sl_tensor *head = binding->extras[SL_HEAD_WEIGHT];
    if (!head)
        return SLUICE_STATUS_OK;
    snprintf(counted, sizeof counted, "\"%s\" %zu rows", sl_label_get(head->name).text, binding->shape.classes);
    return sl_class_names_split(source, binding->shape.classes, counted, &binding->classes, &binding->class_names, error);
}

/* The bytes of the names with a separator behind each; 0, with the writer's status set, if a name cannot be written. */
static size_t measure_names(sl_writer *writer, const sluice_model *model)
{
    size_t bytes = 0;
    for (size_t k = 0; k < model->shape.classes; k++) {
        if (!is_plain(model->classes[k])) {
            writer->status = sl_fail(writer->error, SLUICE_STATUS_BAD_ARGUMENT,
                                     "class %zu, \"%.80s\": expected a name without commas and control characters, as commas "
                                     "separate the names in the file; rename the class",
                                     k, model->classes[k]);
            return 0;
        }
        bytes += strlen(model->classes[k]) + 1;
    }
    return bytes;
}

void sl_class_names_put(sl_writer *writer, const sluice_model *model)
{
    const size_t bytes = writer->status ? 0 : measure_names(writer, model);
    if (writer->status)
        return;
    char *text = sl_alloc(bytes), *end = text;
    if (!text) {
        writer->status = sl_fail_memory(writer->error, "class names", bytes);
        return;
    }
    for (size_t k = 0; k < model->shape.classes; k++)
        end += snprintf(end, bytes - (size_t)(end - text), "%s%s", k ? "," : "", model->classes[k]);
    sl_writer_put_metadata(writer, "classes", text);
    sl_free(text);
}
