/* Names from a file in the form in which messages and notes show them. */
#ifndef SLUICE_IO_LABEL_H
#define SLUICE_IO_LABEL_H

#include <stddef.h>

enum { SL_LABEL_BYTES = 120 }; /* of a name at most, so that the rest of a message fits beside it */

/** A name with '?' for control characters; a long one is cut after a whole character and ends with "...". */
typedef struct sl_label {
    char text[SL_LABEL_BYTES + sizeof "..."];
} sl_label;

/** The label of a terminated text of UTF-8. */
sl_label sl_label_get(const char *name);

/** The label of its first `bytes` bytes, which end with a character. */
sl_label sl_label_get_part(const char *name, size_t bytes);

/** A list of quoted labels, cut to the size of a message. Start from zeros. */
typedef struct sl_label_list {
    char text[400];
    size_t length;
    size_t count, shown;
} sl_label_list;

/** Add the label of the first `bytes` bytes of a name, and the text `behind` after the quotes. */
void sl_label_list_add(sl_label_list *list, const char *name, size_t bytes, const char *behind);

#endif
