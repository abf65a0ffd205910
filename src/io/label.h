/* Names out of a file as messages and notes show them. */
#ifndef SLUICE_IO_LABEL_H
#define SLUICE_IO_LABEL_H

#include <stddef.h>

enum { SL_LABEL_BYTES = 120 }; /* of a name at most: what else a message has to say must fit beside it */

/** A name, its control characters made '?', a long one cut behind a whole character and ended by "...". */
typedef struct sl_label {
    char text[SL_LABEL_BYTES + sizeof "..."];
} sl_label;

/** The label of a terminated text of UTF-8. */
sl_label sl_label_get(const char *name);

/** The label of its first `bytes` bytes, which end with a character. */
sl_label sl_label_get_part(const char *name, size_t bytes);

/** A list of quoted labels, cut to what a message can hold. Start from zeros. */
typedef struct sl_label_list {
    char text[400];
    size_t length;
    size_t count, shown;
} sl_label_list;

/** Add the label of the first `bytes` bytes of a name, and `behind`, which stands behind the quotes. */
void sl_label_list_add(sl_label_list *list, const char *name, size_t bytes, const char *behind);

#endif
