#include "cli/train/data/labelled_line.h"

#include "base/clean.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* Whether a label can name a class in a model file. */
static bool is_name(const char *label, size_t bytes)
{
    json_t *text = bytes && !memchr(label, ',', bytes) ? json_stringn(label, bytes) : NULL; /* NULL: not UTF-8 */
    bool plain = text && strlen(label) == bytes;                                            /* no NUL within */
    for (size_t k = 0; plain && k < bytes; k++)
        plain = !sl_clean_get_control(label + k);
    json_decref(text);
    return plain;
}

/* Find the number of the label of a line, which is its first `length` tokens. */
static sl_exit take_label(sl_labelled_lines *lines, size_t number, const int32_t *tokens, size_t length, int32_t *label)
{
    if (length >= lines->room) {
        char *grown = realloc(lines->label, 2 * length + 1);
        if (!grown)
            return sl_report_memory("a label");
        lines->label = grown;
        lines->room = 2 * length + 1;
    }
    for (size_t k = 0; k < length; k++)
        lines->label[k] = (char)tokens[k];
    lines->label[length] = '\0';
    const char *path = sl_report_input(lines->path);
    if (!is_name(lines->label, length))
        return sl_report(SL_EXIT_DATA,
                         "%s: line %zu: '%.80s' cannot name a class in a model file; expected at least one byte of UTF-8 without "
                         "commas and control characters; rename the class",
                         path, number, lines->label);
    const size_t known = lines->labels->count, index = sl_labels_find(lines->labels, lines->label, length);
    if (index == SIZE_MAX && lines->labels->closed) {
        const char *alike = sl_labels_find_alike(lines->labels, lines->label);
        return sl_report(SL_EXIT_DATA, "%s: line %zu: label '%.80s' is not known; expected one of the %zu labels of %s%s%.80s%s%s",
                         path, number, lines->label, known, lines->known_of, alike ? "; '" : "", alike ? alike : "",
                         alike ? "' is known; it differs only by spaces, quotes or invisible characters" : "",
                         lines->labels->of_model ? "; --new-head makes a head for the labels of the data" : "");
    }
    *label = (int32_t)index;
    return index == SIZE_MAX ? SL_EXIT_FAILURE : SL_EXIT_OK;
}

/* Report a line without a tab. If another separator may be in its place, suggest a command that replaces it. */
static sl_exit fail_tab(const sl_labelled_lines *lines, size_t number, const int32_t *tokens, size_t length)
{
    const char *path = sl_report_input(lines->path);
    size_t at = 0;
    while (at < length && tokens[at] != ',' && tokens[at] != ';' && tokens[at] != ' ')
        at++;
    if (!length)
        return sl_report(SL_EXIT_DATA, "%s: line %zu: expected LABEL<TAB>TEXT, found an empty line; remove it", path, number);
    if (at == length)
        return sl_report(SL_EXIT_DATA,
                         "%s: line %zu: expected LABEL<TAB>TEXT, found no tab; put the label and a tab before the text", path,
                         number);
    return sl_report(SL_EXIT_DATA,
                     "%s: line %zu: expected LABEL<TAB>TEXT, found no tab; if '%c' is the separator, sed 's/%c/\\t/' FILE > NEW "
                     "replaces it by a tab",
                     path, number, (char)tokens[at], (char)tokens[at]);
}

sl_exit sl_labelled_line_take(sl_labelled_lines *lines, size_t number, const int32_t *tokens, size_t length, int32_t *label,
                              size_t *text)
{
    size_t tab = 0;
    while (tab < length && tokens[tab] != '\t')
        tab++;
    if (tab == length)
        return fail_tab(lines, number, tokens, length);
    if (tab + 1 == length)
        return sl_report(SL_EXIT_DATA, "%s: line %zu: expected a text after the tab, found none; remove the line",
                         sl_report_input(lines->path), number);
    *text = tab + 1;
    return take_label(lines, number, tokens, tab, label);
}

void sl_labelled_lines_release(sl_labelled_lines *lines)
{
    free(lines->label);
    lines->label = NULL;
    lines->room = 0;
}
