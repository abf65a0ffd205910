#include "io/measured_text.h"

#include "base/error.h"
#include "base/memory.h"

#include <stdarg.h>
#include <stdio.h>

void sl_measured_text_put(sl_measured_text *to, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    const int n = vsnprintf(to->text ? to->text + to->length : NULL, to->text ? to->size - to->length : 0, format, arguments);
    va_end(arguments);
    to->length += n > 0 ? (size_t)n : 0;
}

sluice_status sl_measured_text_make(sl_measured_text_writer *put, const void *context, const char *what, char **made,
                                    sluice_error *error)
{
    sl_measured_text text = {0};
    put(&text, context);
    const size_t size = text.length + 1;
    text = (sl_measured_text){.text = sl_alloc(size), .size = size};
    if (!text.text)
        return sl_fail_memory(error, what, size);
    put(&text, context);
    *made = text.text;
    return SLUICE_STATUS_OK;
}
