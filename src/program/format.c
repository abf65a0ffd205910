#include "program/format.h"

#include "base/clean.h"

#include <string.h>

void sl_format_print_clean(const char *text, size_t most, FILE *stream)
{
    while (*text && most) {
        const size_t control = sl_clean_get_control(text);
        fputc(control ? '?' : *text, stream);
        const size_t bytes = control && control <= most ? control : 1;
        text += bytes;
        most -= bytes;
    }
}

const char *sl_format_count(uint64_t number, char text[SL_FORMAT_COUNT])
{
    char reversed[SL_FORMAT_COUNT];
    size_t length = 0;
    for (size_t digits = 0; digits == 0 || number; digits++, number /= 10) {
        if (digits && digits % 3 == 0)
            reversed[length++] = ',';
        reversed[length++] = (char)('0' + number % 10);
    }
    for (size_t k = 0; k < length; k++)
        text[k] = reversed[length - 1 - k];
    text[length] = '\0';
    return text;
}

const char *sl_format_shape(const sl_npy_header *header, char text[SL_FORMAT_SHAPE])
{
    int used = snprintf(text, SL_FORMAT_SHAPE, "%s %s", sl_npy_type_get_name(header->type), header->dims ? "" : "[]");
    for (size_t k = 0; k < header->dims; k++)
        used += snprintf(text + used, SL_FORMAT_SHAPE - (size_t)used, "[%zu]", header->shape[k]);
    return text;
}

char *sl_format_fraction(double value, char *text)
{
    if (!(value >= 0 && value <= 1)) {
        memcpy(text, "nan", 3);
        return text + 3;
    }
    uint32_t millionths = (uint32_t)(value * 1e6 + 0.5);
    text[0] = (char)('0' + millionths / 1000000);
    text[1] = '.';
    for (size_t k = 7; k > 1; k--, millionths /= 10)
        text[k] = (char)('0' + millionths % 10);
    return text + 8;
}
