#include "cli/notes.h"

#include "program/report.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* The next line of notes, and its length; NULL after the last. */
static const char *next_line(const char **notes, size_t *length)
{
    const char *line = *notes;
    *length = strcspn(line, "\n");
    *notes = line + *length + (line[*length] == '\n');
    return *line ? line : NULL;
}

static bool begins(const char *line, const char *key)
{
    const size_t length = strlen(key);
    return strncmp(line, key, length) == 0 && line[length] == ':';
}

void sl_notes_report(const char *path, const sluice_model *model)
{
    const char *notes = sluice_model_get_notes(model);
    size_t length;
    for (const char *line; (line = next_line(&notes, &length));)
        if (!begins(line, "names") && !begins(line, "format") && !begins(line, "ignored") && !begins(line, "detail"))
            sl_report_note("%s: %.*s", path, (int)length, line);
}

sl_notes_missing sl_notes_get_missing(const sluice_model *model, const char *what, const char *otherwise)
{
    sl_notes_missing missing;
    snprintf(missing.text, sizeof missing.text, "%s", otherwise);
    const char *notes = sluice_model_get_notes(model);
    size_t length;
    for (const char *line; (line = next_line(&notes, &length));)
        if (begins(line, what)) {
            const size_t key = strlen(what) + strlen(": ");
            snprintf(missing.text, sizeof missing.text, "%.*s", (int)(length - key), line + key);
        }
    return missing;
}
