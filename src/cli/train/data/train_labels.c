/* Names of classes, and the search for names that look alike. */
#include "cli/train/data/train_data.h"

#include "cli/digest.h"
#include "cli/output/predictions.h"
#include "program/model_shape.h"

#include <stdlib.h>
#include <string.h>

/* The slot of a name in the hash table, or the free slot for it. */
static size_t *find_slot(const sl_labels *labels, const char *name, size_t bytes)
{
    const size_t slots = 2 * labels->room;
    for (size_t at = sl_digest_add(SL_DIGEST_BEGIN, name, bytes) % slots;; at = (at + 1) % slots) {
        const size_t index = labels->slots[at];
        if (!index || (strncmp(labels->names[index - 1], name, bytes) == 0 && !labels->names[index - 1][bytes]))
            return &labels->slots[at];
    }
}

static bool grow(sl_labels *labels)
{
    const size_t room = labels->room ? 2 * labels->room : 64;
    char **names = realloc(labels->names, room * sizeof *names);
    size_t *slots = calloc(2 * room, sizeof *slots);
    labels->names = names ? names : labels->names;
    if (!names || !slots) {
        free(slots);
        return false;
    }
    free(labels->slots);
    labels->slots = slots;
    labels->room = room;
    for (size_t k = 0; k < labels->count; k++)
        *find_slot(labels, names[k], strlen(names[k])) = k + 1;
    return true;
}

size_t sl_labels_find(sl_labels *labels, const char *name, size_t bytes)
{
    size_t *slot = labels->room ? find_slot(labels, name, bytes) : NULL;
    if (slot && *slot)
        return *slot - 1;
    if (labels->closed)
        return SIZE_MAX;
    char *copy = labels->count < labels->room || grow(labels) ? strndup(name, bytes) : NULL;
    if (!copy) {
        sl_report_memory("the labels");
        return SIZE_MAX;
    }
    labels->names[labels->count] = copy;
    *find_slot(labels, name, bytes) = ++labels->count;
    return labels->count - 1;
}

sl_exit sl_labels_take_classes(sl_labels *labels, const char *path, const sluice_model *model)
{
    const size_t classes = sl_model_shape(model).classes;
    for (size_t k = 0; k < classes; k++) {
        char number[SL_CLASS_INDEX_BYTES];
        const char *name = sl_class_get_name(model, k, number);
        const size_t found = sl_labels_find(labels, name, strlen(name));
        if (found == SIZE_MAX)
            return SL_EXIT_FAILURE;
        if (found != k)
            return sl_report(SL_EXIT_DATA, "%s: expected class names that differ, found '%.80s' twice; rename one of the classes",
                             path, name);
    }
    labels->closed = true;
    return SL_EXIT_OK;
}

void sl_labels_release(sl_labels *labels)
{
    for (size_t k = 0; k < labels->count; k++)
        free(labels->names[k]);
    free(labels->names);
    free(labels->slots);
    *labels = (sl_labels){0};
}

/* ---- Look-alikes ------------------------------------------------------------------------------------------------------------ */

/* Length of a space, quote or invisible character at the beginning or end of a label; 0: none. */
static size_t get_edge(const char *text, size_t bytes, bool at_end)
{
    static const char *const edges[] = {" ", "\"", "\xc2\xa0" /* no-break space */, "\xe2\x80\x8b" /* zero-width space */,
                                        "\xef\xbb\xbf" /* byte order mark */};
    for (size_t k = 0; k < sizeof edges / sizeof edges[0]; k++) {
        const size_t length = strlen(edges[k]);
        if (length <= bytes && memcmp(at_end ? text + bytes - length : text, edges[k], length) == 0)
            return length;
    }
    return 0;
}

/* The label without these. *bytes: its length, and then the length that is left. */
static const char *trim(const char *text, size_t *bytes)
{
    size_t edge;
    while ((edge = get_edge(text, *bytes, false))) {
        text += edge;
        *bytes -= edge;
    }
    while ((edge = get_edge(text, *bytes, true)))
        *bytes -= edge;
    return text;
}

const char *sl_labels_find_alike(const sl_labels *labels, const char *name)
{
    size_t bytes = strlen(name);
    const char *seen = trim(name, &bytes);
    for (size_t k = 0; k < labels->count; k++) {
        size_t others = strlen(labels->names[k]);
        const char *other = trim(labels->names[k], &others);
        if (others == bytes && memcmp(other, seen, bytes) == 0)
            return labels->names[k];
    }
    return NULL;
}

sl_exit sl_labels_note_alike(const sl_labels *labels, const char *path)
{
    sl_labels trimmed = {0}; /* the trimmed labels, each once */
    size_t alike = 0, example = 0;
    for (size_t k = 0; k < labels->count; k++) {
        size_t bytes = strlen(labels->names[k]);
        const char *name = trim(labels->names[k], &bytes);
        const size_t known = trimmed.count, index = sl_labels_find(&trimmed, name, bytes);
        if (index == SIZE_MAX) {
            sl_labels_release(&trimmed);
            return SL_EXIT_FAILURE;
        }
        example = index < known && !alike ? k : example;
        alike += index < known;
    }
    sl_labels_release(&trimmed);
    if (alike)
        sl_report_note(
            "%s: labels '%.80s' and '%.80s' are two classes and differ only by spaces, quotes or invisible characters at "
            "their ends%s",
            path, sl_labels_find_alike(labels, labels->names[example]), labels->names[example],
            alike > 1 ? ", and more pairs do" : "");
    return SL_EXIT_OK;
}
