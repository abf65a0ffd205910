#include "io/label.h"

#include "base/clean.h"
#include "base/size.h"

#include <stdio.h>
#include <string.h>

sl_label sl_label_get_part(const char *name, size_t bytes)
{
    sl_label made;
    size_t end = sl_size_min(bytes, SL_LABEL_BYTES);
    while (end && end < bytes && ((unsigned char)name[end] & 0xc0) == 0x80) /* inside a character */
        end--;
    memcpy(made.text, name, end);
    strcpy(made.text + end, end < bytes ? "..." : "");
    sl_clean(made.text);
    return made;
}

sl_label sl_label_get(const char *name)
{
    return sl_label_get_part(name, strlen(name));
}

void sl_label_list_add(sl_label_list *list, const char *name, size_t bytes, const char *behind)
{
    const size_t room = sizeof list->text - list->length;
    if (list->shown != list->count++)
        return;
    const int n = snprintf(list->text + list->length, room, "%s\"%s\"%s", list->shown ? ", " : "",
                           sl_label_get_part(name, bytes).text, behind);
    if (n > 0 && (size_t)n + sizeof ", ..." <= room) {
        list->length += (size_t)n;
        list->shown++;
    } else {
        strcpy(list->text + list->length, ", ...");
    }
}
