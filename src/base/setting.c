#include "base/setting.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool sl_setting_get(const char *name, char value[SL_SETTING_BYTES])
{
    static const char blanks[] = " \t\r\n";
    const char *text = getenv(name);
    if (!text)
        return false;
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length && strchr(blanks, text[length - 1]))
        length--;
    snprintf(value, SL_SETTING_BYTES, "%.*s", length < SL_SETTING_BYTES ? (int)length : SL_SETTING_BYTES, text);
    return length > 0 && strcmp(value, "auto") != 0;
}
