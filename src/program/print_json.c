#include "program/print_json.h"

json_t *sl_json_string(const char *text)
{
    json_t *string = json_string(text);
    if (string)
        return string;
    char ascii[1024];
    size_t length = 0;
    for (; text[length] && length + 1 < sizeof ascii; length++)
        ascii[length] = (unsigned char)text[length] < 0x80 ? text[length] : '?';
    return json_stringn(ascii, length);
}

sl_exit sl_json_print(json_t *object, FILE *stream)
{
    if (!object)
        return sl_report_memory("JSON");
    json_dumpf(object, stream, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    fputc('\n', stream);
    json_decref(object);
    return SL_EXIT_OK;
}
