/* The steps of a cursor over hostile text, without recursion and allocation, so that its depth and size cost no memory. */
#include "io/scan.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

sl_scan_found sl_scan_get_found(const sl_scan *scan)
{
    sl_scan_found found;
    const unsigned char c = scan->at < scan->size ? (unsigned char)scan->text[scan->at] : '\0';
    if (scan->at >= scan->size)
        snprintf(found.text, sizeof found.text, "the end of %s", scan->what);
    else if (c > 0x20 && c < 0x7f)
        snprintf(found.text, sizeof found.text, "'%c'", c);
    else
        snprintf(found.text, sizeof found.text, "byte 0x%02x", c);
    return found;
}

bool sl_scan_fail(sl_scan *scan, size_t at, const char *format, ...)
{
    char message[sizeof scan->error->message];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    scan->status = scan->report ? scan->report(scan, at, message)
                                : sl_fail_byte(scan->error, SLUICE_STATUS_BAD_DATA, scan->name, scan->origin + at, "%s", message);
    return false;
}

void sl_scan_skip(sl_scan *scan)
{
    while (scan->at < scan->size && memchr(" \t\r\n", scan->text[scan->at], 4))
        scan->at++;
}

bool sl_scan_accept(sl_scan *scan, char c)
{
    sl_scan_skip(scan);
    if (scan->at >= scan->size || scan->text[scan->at] != c)
        return false;
    scan->at++;
    return true;
}

bool sl_scan_expect(sl_scan *scan, char c)
{
    return sl_scan_accept(scan, c) || sl_scan_fail(scan, scan->at, "expected '%c', found %s", c, sl_scan_get_found(scan).text);
}

static bool digit_at(const sl_scan *scan, size_t at)
{
    return at < scan->size && scan->text[at] >= '0' && scan->text[at] <= '9';
}

bool sl_scan_size(sl_scan *scan, const char *what, size_t *value)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    if (!digit_at(scan, begin))
        return sl_scan_fail(scan, begin, "expected %s, a whole number >= 0, found %s", what, sl_scan_get_found(scan).text);
    if (scan->text[begin] == '0' && digit_at(scan, begin + 1))
        return sl_scan_fail(scan, begin, "%s begins with a zero", what);
    *value = 0;
    for (; digit_at(scan, scan->at); scan->at++) {
        const size_t digit = (size_t)(scan->text[scan->at] - '0');
        if (__builtin_mul_overflow(*value, 10, value) || __builtin_add_overflow(*value, digit, value))
            return sl_scan_fail(scan, begin, "%s is too large: at most %zu fits", what, SIZE_MAX);
    }
    if (scan->at < scan->size && memchr(".eE_", scan->text[scan->at], 4))
        return sl_scan_fail(scan, begin, "expected %s as a plain whole number, found %s in it", what, sl_scan_get_found(scan).text);
    return true;
}

bool sl_scan_end(sl_scan *scan)
{
    sl_scan_skip(scan);
    return scan->at == scan->size ||
           sl_scan_fail(scan, scan->at, "expected the end of %s, found %s", scan->what, sl_scan_get_found(scan).text);
}
