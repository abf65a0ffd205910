/* Names that are separated by commas. */
#ifndef SLUICE_CLI_SERIES_NAME_LIST_H
#define SLUICE_CLI_SERIES_NAME_LIST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct sl_name_list {
    const char **names; /* [count] in `text`, each terminated */
    size_t count;
    char *text;
} sl_name_list;

/** Split a text; NULL has no names. False: no memory. */
bool sl_name_list_split(const char *text, sl_name_list *list);

/** Make a list of copies. False: no memory. */
bool sl_name_list_copy(const char *const *names, size_t count, sl_name_list *list);

/** The index of a name; `count` of the list: it is not there. */
size_t sl_name_list_find(const sl_name_list *list, const char *name);

/** Zeros are allowed. */
void sl_name_list_release(sl_name_list *list);

#endif
