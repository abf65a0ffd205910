#include "cli/series/name_list.h"

#include <stdlib.h>
#include <string.h>

/* Make room for so many names, and bytes of them. */
static bool reserve(sl_name_list *list, size_t count, size_t bytes)
{
    *list = (sl_name_list){.names = calloc(count + 1, sizeof *list->names), .text = malloc(bytes + 1)};
    if (list->names && list->text)
        return true;
    sl_name_list_release(list);
    return false;
}

bool sl_name_list_split(const char *text, sl_name_list *list)
{
    size_t count = text != NULL;
    for (const char *c = text; c && *c; c++)
        count += *c == ',';
    if (!reserve(list, count, text ? strlen(text) : 0))
        return false;
    if (!text)
        return true;
    char *to = strcpy(list->text, text);
    for (list->count = 0; list->count < count; list->count++) {
        list->names[list->count] = to;
        to += strcspn(to, ",");
        *to++ = '\0';
    }
    return true;
}

bool sl_name_list_copy(const char *const *names, size_t count, sl_name_list *list)
{
    size_t bytes = 0;
    for (size_t k = 0; k < count; k++)
        bytes += strlen(names[k]) + 1;
    if (!reserve(list, count, bytes))
        return false;
    char *to = list->text;
    for (; list->count < count; list->count++) {
        list->names[list->count] = strcpy(to, names[list->count]);
        to += strlen(to) + 1;
    }
    return true;
}

size_t sl_name_list_find(const sl_name_list *list, const char *name)
{
    size_t k = 0;
    while (k < list->count && strcmp(list->names[k], name) != 0)
        k++;
    return k;
}

void sl_name_list_release(sl_name_list *list)
{
    free((void *)list->names);
    free(list->text);
    *list = (sl_name_list){0};
}
