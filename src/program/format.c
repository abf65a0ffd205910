#include "program/format.h"

#include "base/clean.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
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

void sl_format_print_name(const char *name, int width, FILE *stream)
{
    int columns = 0;
    sl_format_print_clean(name, SIZE_MAX, stream);
    for (; *name; name++)
        columns += ((unsigned char)*name & 0xc0) != 0x80;
    fprintf(stream, "%*s", columns < width ? width - columns : width > 0, "");
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

/* ---- Floats ---------------------------------------------------------------------------------------------------------------- */

enum {
    EXACT_POWER = 22,              /* the largest power of ten that is exact in double */
    SURE_DIGITS = FLT_DIG,         /* numbers of so many digits are different floats, unless these are subnormal */
    MOST_DIGITS = FLT_DECIMAL_DIG, /* so many are enough for every float */
    PLAIN_LEAST = -5,              /* exponents of ten of numbers that are written without one */
    PLAIN_MOST = MOST_DIGITS - 1
};

/* digits * 10^exponent, digits < 10^MOST_DIGITS. */
typedef struct decimal {
    uint32_t digits;
    int exponent;
} decimal;

static double scale(double value, int exponent)
{
    static const double powers[EXACT_POWER + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
                                                   1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    return exponent < 0 ? value / powers[-exponent] : value * powers[exponent];
}

static bool is_exact(int exponent)
{
    return exponent >= -EXACT_POWER && exponent <= EXACT_POWER;
}

/* The nearest number of `count` digits by way of printf, whatever the locale puts between the digits. */
static decimal print_nearest(float value, int count)
{
    char text[64];
    snprintf(text, sizeof text, "%.*e", count - 1, (double)value);
    const char *end = strchr(text, 'e');
    decimal nearest = {.exponent = (int)strtol(end + 1, NULL, 10) - (count - 1)};
    for (const char *c = text; c < end; c++)
        if (*c >= '0' && *c <= '9')
            nearest.digits = 10 * nearest.digits + (uint32_t)(*c - '0');
    return nearest;
}

/* The number of `count` digits that is nearest to a value > 0, the even one of two. The value is at least 10^power and below
 * 10^(power + 1). */
static decimal find_nearest(float value, int power, int count)
{
    const int exponent = power - (count - 1);
    if (!is_exact(exponent))
        return print_nearest(value, count);
    const double scaled = scale((double)value, -exponent), rounded = rint(scaled);
    /* The product is rounded, and so may be on the wrong side of a half. */
    return fabs(scaled - rounded) > 0.499999 ? print_nearest(value, count) : (decimal){(uint32_t)rounded, exponent};
}

/* Whether a decimal number, rounded to float, is the value. */
static bool reads_back(decimal number, float value)
{
    const double read = is_exact(number.exponent) ? scale(number.digits, number.exponent) : NAN;
    uint64_t bits;
    memcpy(&bits, &read, sizeof bits);
    const uint64_t rest = bits & ((UINT64_C(1) << (DBL_MANT_DIG - FLT_MANT_DIG)) - 1);
    /* Rounded once, to double; rounding it again is the same as rounding the number to float, unless it lies between two floats. */
    if (!isnan(read) && value >= FLT_MIN && rest != UINT64_C(1) << (DBL_MANT_DIG - FLT_MANT_DIG - 1))
        return (float)read == value;
    char text[32]; /* without a decimal point, which is the locale's */
    snprintf(text, sizeof text, "%ue%d", (unsigned)number.digits, number.exponent);
    return strtof(text, NULL) == value;
}

static int find_power(float value)
{
    if (value >= 1e-12F && value < 1e12F) {
        int power = 0;
        for (; power < EXACT_POWER && scale((double)value, -power) >= 10; power++)
            ;
        for (; power > -EXACT_POWER && scale((double)value, -power) < 1; power--)
            ;
        return power;
    }
    char text[64];
    snprintf(text, sizeof text, "%.20e", (double)value);
    return (int)strtol(strchr(text, 'e') + 1, NULL, 10);
}

char *sl_format_whole(uint64_t number, char text[SL_FORMAT_WHOLE])
{
    char digits[SL_FORMAT_WHOLE], *at = digits + SL_FORMAT_WHOLE;
    do
        *--at = (char)('0' + number % 10);
    while (number /= 10);
    const size_t count = (size_t)(digits + SL_FORMAT_WHOLE - at);
    memcpy(text, at, count);
    return text + count;
}

static decimal find_shortest(float value)
{
    const int power = find_power(value);
    int count = value < FLT_MIN ? 1 : SURE_DIGITS;
    decimal number = find_nearest(value, power, count);
    while (count < MOST_DIGITS && !reads_back(number, value))
        number = find_nearest(value, power, ++count);
    for (; number.digits % 10 == 0; number.digits /= 10)
        number.exponent++;
    return number;
}

static char *put_zeros(char *end, int count)
{
    for (; count > 0; count--)
        *end++ = '0';
    return end;
}

static char *put_decimal(decimal number, char *end)
{
    char digits[SL_FORMAT_WHOLE];
    const int count = (int)(sl_format_whole(number.digits, digits) - digits), power = number.exponent + count - 1;
    const bool is_plain = power >= PLAIN_LEAST && power <= PLAIN_MOST;
    const int before = !is_plain ? 1 : power < 0 ? 0 : power + 1; /* digits before the point */
    const int taken = before < count ? before : count;
    memcpy(end, digits, (size_t)taken);
    end = put_zeros(end + taken, before - taken);
    if (!before)
        *end++ = '0';
    if (taken < count) {
        *end++ = '.';
        end = put_zeros(end, is_plain ? -1 - power : 0);
        memcpy(end, digits + taken, (size_t)(count - taken));
        end += count - taken;
    }
    return is_plain ? end : end + sprintf(end, "e%d", power);
}

char *sl_format_float(float value, char text[SL_FORMAT_FLOAT])
{
    char *end = text;
    if (isnan(value))
        return (char *)memcpy(end, "nan", 3) + 3;
    if (signbit(value))
        *end++ = '-';
    if (isinf(value))
        return (char *)memcpy(end, "inf", 3) + 3;
    if (value == 0) {
        *end++ = '0';
        return end;
    }
    return put_decimal(find_shortest(fabsf(value)), end);
}
