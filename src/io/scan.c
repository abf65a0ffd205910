/* The steps of a cursor over hostile text. No recursion and no allocation: depth and size of the text cost nothing. */
#include "io/scan.h"

#include "base/error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

sl_scan_found sl_scan_get_found(const sl_scan *scan)
{
    sl_scan_found found = {"the end of the header"};
    if (scan->at >= scan->size)
        return found;
    const unsigned char c = (unsigned char)scan->text[scan->at];
    if (c > 0x20 && c < 0x7f)
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
    scan->status = sl_fail(scan->error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: %s", scan->name, scan->origin + at, message);
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
           sl_scan_fail(scan, scan->at, "expected the end of the header, found %s", sl_scan_get_found(scan).text);
}

/* ---- JSON strings ---------------------------------------------------------------------------------------------------------- */

/* Four hexadecimal digits at the cursor. */
static bool hex4(sl_scan *scan, uint32_t *code)
{
    *code = 0;
    for (int k = 0; k < 4; k++, scan->at++) {
        const char c = scan->at < scan->size ? scan->text[scan->at] : '\0';
        const bool decimal = c >= '0' && c <= '9';
        const char lower = (char)(c | 0x20);
        if (!decimal && !(lower >= 'a' && lower <= 'f'))
            return sl_scan_fail(scan, scan->at, "expected four hexadecimal digits, found %s", sl_scan_get_found(scan).text);
        *code = *code * 16 + (uint32_t)(decimal ? c - '0' : lower - 'a' + 10);
    }
    return true;
}

/* What follows "\u": one unit of UTF-16, or two that make a pair. */
static bool unicode_escape(sl_scan *scan, size_t begin, uint32_t *code)
{
    if (!hex4(scan, code))
        return false;
    if (*code == 0)
        return sl_scan_fail(scan, begin, "a string holds the character NUL");
    if (*code < 0xd800 || *code > 0xdfff)
        return true;
    uint32_t low = 0;
    const bool pair = *code < 0xdc00 && scan->size - scan->at >= 2 && memcmp(scan->text + scan->at, "\\u", 2) == 0;
    if (pair) {
        scan->at += 2;
        if (!hex4(scan, &low))
            return false;
    }
    if (low < 0xdc00 || low > 0xdfff)
        return sl_scan_fail(scan, begin, "half of a surrogate pair in a string");
    *code = 0x10000 + ((*code - 0xd800) << 10) + (low - 0xdc00);
    return true;
}

/* The escape at the cursor, which stands on its backslash, becomes 1..4 bytes of UTF-8 at *to: never more than it took. */
static bool escape(sl_scan *scan, char **to)
{
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const size_t begin = scan->at++;
    const char letter = scan->at < scan->size ? scan->text[scan->at] : '\0';
    const char *place = letter ? strchr(letters, letter) : NULL;
    if (place) {
        scan->at++;
        *(*to)++ = meanings[place - letters];
        return true;
    }
    if (letter != 'u')
        return sl_scan_fail(scan, begin, "an unknown escape in a string: \\ and %s", sl_scan_get_found(scan).text);
    scan->at++;
    uint32_t code;
    if (!unicode_escape(scan, begin, &code))
        return false;
    const int more = code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* bytes after the first */
    static const unsigned char lead[] = {0x00, 0xc0, 0xe0, 0xf0};
    *(*to)++ = (char)(lead[more] | code >> 6 * more);
    for (int k = more - 1; k >= 0; k--)
        *(*to)++ = (char)(0x80 | (code >> 6 * k & 0x3f));
    return true;
}

size_t sl_utf8_get_bytes(const char *text, size_t size)
{
    static const uint32_t least[] = {0, 0x80, 0x800, 0x10000};
    const unsigned char *from = (const unsigned char *)text;
    if (*from < 0x80)
        return 1;
    const size_t more = *from >= 0xf0 ? 3 : *from >= 0xe0 ? 2 : 1; /* bytes after the first */
    bool valid = *from >= 0xc0 && *from <= 0xf7 && size > more;
    uint32_t code = *from & (0x3fu >> more);
    for (size_t k = 1; valid && k <= more; k++) {
        valid = (from[k] & 0xc0) == 0x80;
        code = code << 6 | (from[k] & 0x3fu);
    }
    return valid && code >= least[more] && code <= 0x10ffff && !(code >= 0xd800 && code <= 0xdfff) ? more + 1 : 0;
}

/* One character of several bytes at the cursor. */
static bool utf8(sl_scan *scan, char **to)
{
    const char *from = scan->text + scan->at;
    const size_t bytes = sl_utf8_get_bytes(from, scan->size - scan->at);
    if (!bytes)
        return sl_scan_fail(scan, scan->at, "a string is not UTF-8: found %s", sl_scan_get_found(scan).text);
    memmove(*to, from, bytes);
    *to += bytes;
    scan->at += bytes;
    return true;
}

bool sl_scan_json_string(sl_scan *scan, const char *what, char **string)
{
    if (!sl_scan_accept(scan, '"'))
        return sl_scan_fail(scan, scan->at, "expected %s in double quotes, found %s", what, sl_scan_get_found(scan).text);
    const size_t begin = scan->at - 1;
    char *to = *string = scan->text + scan->at;
    while (scan->at < scan->size) {
        const unsigned char c = (unsigned char)scan->text[scan->at];
        if (c == '"') {
            *to = '\0'; /* at the closing quote or before it */
            scan->at++;
            return true;
        }
        if (c < 0x20)
            return sl_scan_fail(scan, scan->at, "a control character in a string: %s", sl_scan_get_found(scan).text);
        if (c == '\\' ? !escape(scan, &to) : c >= 0x80 && !utf8(scan, &to))
            return false;
        if (c != '\\' && c < 0x80) {
            *to++ = (char)c;
            scan->at++;
        }
    }
    return sl_scan_fail(scan, begin, "a string does not end before the header does");
}
