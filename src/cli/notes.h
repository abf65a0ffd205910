/* What was noticed while a model was loaded, as the programs report it. */
#ifndef SLUICE_CLI_NOTES_H
#define SLUICE_CLI_NOTES_H

#include "sluice.h"

/** sl_report_note, a line each, what may make the results differ from what is expected; not which tensors were taken and which
 *  ignored, which `sluice info` lists. `path` is the model's file. */
void sl_notes_report(const char *path, const sluice_model *model);

/** What a model has instead of a "head" or an "embedding". */
typedef struct sl_notes_lack {
    char text[1024];
} sl_notes_lack;

/** Of a model without one: "none, as ..." with the tensors that could be it and what to do; `otherwise` if there are no such
 *  tensors. */
sl_notes_lack sl_notes_get_lack(const sluice_model *model, const char *what, const char *otherwise);

#endif
