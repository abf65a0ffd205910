#include "program/options/number.h"

#include <math.h>
#include <stdlib.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

sl_number_result sl_number_scan(const char **at, uint64_t *value)
{
    const char *p = *at;
    *value = 0;
    if (!is_digit(*p))
        return SL_NUMBER_MISSING;
    for (; is_digit(*p); p++)
        if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, (uint64_t)(*p - '0'), value))
            return SL_NUMBER_TOO_LARGE;
    *at = p;
    return SL_NUMBER_OK;
}

bool sl_number_parse(const char *text, uint64_t *value)
{
    return sl_number_scan(&text, value) == SL_NUMBER_OK && !*text;
}

bool sl_number_parse_real(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return (is_digit(*text) || *text == '.') && !*end && isfinite(*value);
}
