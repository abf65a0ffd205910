/* Reports of the notes that the library makes while it loads a model. */
#ifndef SLUICE_CLI_NOTES_H
#define SLUICE_CLI_NOTES_H

#include "sluice.h"

/** Print the notes that concern the results, each with sl_report_note. Which tensors were used and which ignored, and details
 *  of how the file was read, are left to `sluice info`. `path` is the file of the model. */
void sl_notes_report(const char *path, const sluice_model *model);

/** Why a model has no "head" or no "embedding", for messages. */
typedef struct sl_notes_missing {
    char text[1024];
} sl_notes_missing;

/** For a model without one: "none, as ..." with the tensors that could be one and a remedy; `otherwise` if there are no such
 *  tensors. */
sl_notes_missing sl_notes_get_missing(const sluice_model *model, const char *what, const char *otherwise);

#endif
