#include "io/csv/decimal.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_DIGITS = 19 };      /* that always fit uint64_t */
enum { MOST_BYTES = 1024 };     /* of a number that strtof has to read */
enum { ONE_STEP = 22 };         /* the largest power of ten that a double has exactly */
enum { EXPONENT_CAP = 100000 }; /* beyond this all are alike */

static const double powers[ONE_STEP + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                            1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};

static inline bool is_digit(char c)
{
    return (unsigned)(c - '0') < 10;
}

/* Whether a double that is the number but for 4 units in the last place rounds to the float that the number rounds to. It does unless
 * a halfway point of two floats is so near: those are the doubles whose last 29 bits are 1 followed by zeros, and no power of two, where
 * the units would change, is near one. */
static inline bool is_decided(double value)
{
    enum { NEAR = 4 };
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return (bits & 0x1fffffff) - (0x10000000 - NEAR) > 2 * NEAR;
}

/* digits * 10^exponent. Up to three roundings, each of 2^-53 of the number at most, and where digits were dropped 10^-18 of it: fewer than
 * 4 units in the last place. */
static bool scale(uint64_t digits, long exponent, float *value)
{
    double scaled = (double)digits;
    if (!digits) {
        *value = 0;
        return true;
    }
    if (exponent < -2 * ONE_STEP || exponent > 2 * ONE_STEP)
        return false;
    if (exponent < -ONE_STEP) {
        scaled /= powers[ONE_STEP];
        exponent += ONE_STEP;
    } else if (exponent > ONE_STEP) {
        scaled *= powers[ONE_STEP];
        exponent -= ONE_STEP;
    }
    scaled = exponent < 0 ? scaled / powers[-exponent] : scaled * powers[exponent];
    *value = (float)scaled;
    return scaled >= 0x1p-126 && scaled < 0x1.fffffep127 && is_decided(scaled);
}

/* The first 19 significant digits from `text` to `stop`, where a point may be among them; *dropped is the number of those behind. */
static uint64_t read_significant(const char *text, const char *stop, long *dropped)
{
    uint64_t digits = 0;
    unsigned count = 0;
    *dropped = 0;
    for (; text < stop; text++) {
        if (*text == '.')
            continue;
        if (count == MOST_DIGITS) {
            ++*dropped;
            continue;
        }
        digits = digits * 10 + (uint64_t)(*text - '0');
        count += digits != 0;
    }
    return digits;
}

/* The exponent behind the 'e' before *at, which is moved behind it. */
static bool read_exponent(const char **at, long *exponent)
{
    const char *p = *at;
    const bool negative = *p == '-';
    long number = 0;
    p += negative || *p == '+';
    if (!is_digit(*p))
        return false;
    for (; is_digit(*p); p++)
        number = number < EXPONENT_CAP ? number * 10 + (*p - '0') : number;
    *exponent += negative ? -number : number;
    *at = p;
    return true;
}

bool sl_decimal_read(const char *text, const char **stop, float *value)
{
    const char *p = text;
    const bool negative = *p == '-';
    p += negative || *p == '+';
    const char *begin = p;
    uint64_t digits = 0; /* wraps where there are more than 19, and is then made anew */
    long exponent = 0;
    for (; is_digit(*p); p++)
        digits = digits * 10 + (uint64_t)(*p - '0');
    size_t count = (size_t)(p - begin);
    if (*p == '.') {
        const char *point = ++p;
        for (; is_digit(*p); p++)
            digits = digits * 10 + (uint64_t)(*p - '0');
        exponent = point - p;
        count += (size_t)(p - point);
    }
    if (!count)
        return false;
    if (count > MOST_DIGITS) {
        long dropped;
        digits = read_significant(begin, p, &dropped);
        exponent += dropped;
    }
    if (*p == 'e' || *p == 'E') {
        p++;
        if (!read_exponent(&p, &exponent))
            return false;
    }
    *stop = p;
    if (!scale(digits, exponent, value))
        return false;
    *value = negative ? -*value : *value;
    return true;
}

sl_decimal_result sl_decimal_parse(const char *text, size_t bytes, locale_t c, float *value)
{
    char copy[MOST_BYTES + 1];
    if (!bytes || bytes > MOST_BYTES)
        return SL_DECIMAL_NONE;
    for (size_t k = 0; k < bytes; k++) /* no white space, which strtof skips; no hexadecimal numbers, no nan(...) */
        if (!is_digit(text[k]) && !strchr("+-.eEinfINFtyTYaA", text[k]))
            return SL_DECIMAL_NONE;
    memcpy(copy, text, bytes);
    copy[bytes] = '\0';
    char *stop;
    *value = strtof_l(copy, &stop, c);
    if (stop != copy + bytes)
        return SL_DECIMAL_NONE;
    const char *first = copy + (*copy == '-' || *copy == '+');
    return isinf(*value) && (is_digit(*first) || *first == '.') ? SL_DECIMAL_LARGE : SL_DECIMAL_OK;
}
