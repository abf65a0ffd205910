/* Lines LABEL<TAB>TEXT. */
#ifndef SLUICE_CLI_TRAIN_DATA_LABELLED_LINE_H
#define SLUICE_CLI_TRAIN_DATA_LABELLED_LINE_H

#include "cli/train/data/train_data.h"

typedef struct sl_labelled_lines {
    const char *path;     /* of the text, for messages */
    sl_labels *labels;    /* a label that is not known is added, unless they are closed */
    const char *known_of; /* whose labels these are then, for messages */
    char *label;          /* [room] the label of a line */
    size_t room;
} sl_labelled_lines;

/** Take line `number` of the text, of `length` bytes: *label is the number of its label, and its text begins with byte *text. Refuses
 *  (and reports) a line without a tab, an empty text, and a label that is unknown or cannot name a class. */
sl_exit sl_labelled_line_take(sl_labelled_lines *lines, size_t number, const int32_t *tokens, size_t length, int32_t *label,
                              size_t *text);

/** Free what it has allocated. */
void sl_labelled_lines_release(sl_labelled_lines *lines);

#endif
