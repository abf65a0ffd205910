/* JSON by steps of a cursor. No recursion and no allocation: depth and size of the text cost nothing. */
#include "io/json.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Strings --------------------------------------------------------------------------------------------------------------- */

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

/* Put a character at *to as 1..4 bytes of UTF-8. NUL takes the two bytes that sl_scan_json_string promises. */
static void put_utf8(uint32_t code, char **to)
{
    static const unsigned char lead[] = {0x00, 0xc0, 0xe0, 0xf0};
    const int more = code == 0 ? 1 : code < 0x80 ? 0 : code < 0x800 ? 1 : code < 0x10000 ? 2 : 3; /* bytes after the first */
    *(*to)++ = (char)(lead[more] | code >> 6 * more);
    for (int k = more - 1; k >= 0; k--)
        *(*to)++ = (char)(0x80 | (code >> 6 * k & 0x3f));
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
    put_utf8(code, to);
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

/* The character of a string at the cursor, which is not its closing quote. */
static bool character(sl_scan *scan, char **to)
{
    const unsigned char c = (unsigned char)scan->text[scan->at];
    if (c < 0x20)
        return sl_scan_fail(scan, scan->at, "a control character in a string: %s", sl_scan_get_found(scan).text);
    if (c == '\\')
        return escape(scan, to);
    if (c >= 0x80)
        return utf8(scan, to);
    *(*to)++ = (char)c;
    scan->at++;
    return true;
}

bool sl_scan_json_characters(sl_scan *scan, size_t bytes)
{
    char *const begin = scan->text + scan->at, *to = begin;
    while ((size_t)(to - begin) < bytes)
        if (scan->at >= scan->size || !character(scan, &to))
            return false;
    return true;
}

bool sl_scan_json_string(sl_scan *scan, const char *what, char **string)
{
    if (!sl_scan_accept(scan, '"'))
        return sl_scan_fail(scan, scan->at, "expected %s in double quotes, found %s", what, sl_scan_get_found(scan).text);
    const size_t begin = scan->at - 1;
    char *to = *string = scan->text + scan->at;
    while (scan->at < scan->size) {
        if (scan->text[scan->at] == '"') {
            *to = '\0'; /* at the closing quote or before it */
            scan->at++;
            return true;
        }
        if (!character(scan, &to))
            return false;
    }
    return sl_scan_fail(scan, begin, "a string does not end before %s does", scan->what);
}

/* ---- Other values ---------------------------------------------------------------------------------------------------------- */

enum { MAX_DEPTH = 128 }; /* objects and lists within each other; the reference implementation's bound */
enum { MAX_NUMBER = 64 }; /* characters of a number that is read */

static bool digits(sl_scan *scan)
{
    const size_t begin = scan->at;
    while (scan->at < scan->size && scan->text[scan->at] >= '0' && scan->text[scan->at] <= '9')
        scan->at++;
    return scan->at > begin || sl_scan_fail(scan, begin, "expected a digit, found %s", sl_scan_get_found(scan).text);
}

/* Step over `c` or `other` at the cursor, without white space before it. */
static bool step_over(sl_scan *scan, char c, char other)
{
    if (scan->at >= scan->size || (scan->text[scan->at] != c && scan->text[scan->at] != other))
        return false;
    scan->at++;
    return true;
}

static bool skip_number(sl_scan *scan)
{
    step_over(scan, '-', '-');
    const bool zero = step_over(scan, '0', '0'); /* which no other digit follows, as what comes next will not be one */
    if (!zero && !digits(scan))
        return false;
    if (step_over(scan, '.', '.') && !digits(scan))
        return false;
    if (!step_over(scan, 'e', 'E'))
        return true;
    step_over(scan, '+', '-');
    return digits(scan);
}

/* Whether a number begins at the cursor. */
static bool has_number(const sl_scan *scan)
{
    const char c = scan->at < scan->size ? scan->text[scan->at] : '\0';
    return c == '-' || (c >= '0' && c <= '9');
}

/* The number of these characters: as its digits and an exponent, without the decimal point, which differs between locales. */
static float convert(const char *number, size_t size)
{
    enum { LARGE = 1000 }; /* an exponent beyond which nothing differs */
    char digits[MAX_NUMBER + 16];
    size_t used = 0, behind_point = 0;
    int exponent = 0;
    bool has_point = false;
    for (size_t k = 0; k < size && (number[k] | 0x20) != 'e'; k++) {
        behind_point += has_point && number[k] != '.';
        has_point = has_point || number[k] == '.';
        if (number[k] != '.')
            digits[used++] = number[k];
    }
    const char *e = memchr(number, 'e', size), *letter = e ? e : memchr(number, 'E', size);
    for (const char *c = letter ? letter + 1 : number + size; c < number + size; c++)
        exponent = *c == '-' || *c == '+' || exponent > LARGE ? exponent : 10 * exponent + (*c - '0');
    snprintf(digits + used, sizeof digits - used, "e%d", (letter && letter[1] == '-' ? -exponent : exponent) - (int)behind_point);
    return strtof(digits, NULL);
}

/* Whether a number has a digit other than 0 before its exponent. */
static bool is_not_zero(const char *number, size_t size)
{
    for (size_t k = 0; k < size && (number[k] | 0x20) != 'e'; k++)
        if (number[k] > '0' && number[k] <= '9')
            return true;
    return false;
}

bool sl_scan_json_number(sl_scan *scan, const char *what, float *value)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    if (!has_number(scan))
        return sl_scan_fail(scan, begin, "expected %s, found %s", what, sl_scan_get_found(scan).text);
    if (!skip_number(scan))
        return false;
    if (scan->at - begin > MAX_NUMBER)
        return sl_scan_fail(scan, begin, "expected %s of at most %d characters, found %zu", what, MAX_NUMBER, scan->at - begin);
    *value = convert(scan->text + begin, scan->at - begin);
    if (*value == 0 && is_not_zero(scan->text + begin, scan->at - begin))
        return sl_scan_fail(scan, begin, "expected %s that fits a float, found %.*s, which rounds to 0", what,
                            (int)(scan->at - begin), scan->text + begin);
    return isfinite(*value) || sl_scan_fail(scan, begin, "expected %s that fits a float, found %.*s", what, (int)(scan->at - begin),
                                            scan->text + begin);
}

/* If the word follows, step over it and return true. */
static bool word(sl_scan *scan, const char *text)
{
    const size_t length = strlen(text);
    if (scan->size - scan->at < length || memcmp(scan->text + scan->at, text, length) != 0)
        return false;
    scan->at += length;
    return true;
}

bool sl_scan_json_flag(sl_scan *scan, const char *what, bool *value)
{
    sl_scan_skip(scan);
    *value = word(scan, "true");
    return *value || word(scan, "false") ||
           sl_scan_fail(scan, scan->at, "expected %s, true or false, found %s", what, sl_scan_get_found(scan).text);
}

/* A value that is neither an object nor a list. */
static bool skip_scalar(sl_scan *scan, const char *what)
{
    char *string;
    if (scan->at < scan->size && scan->text[scan->at] == '"')
        return sl_scan_json_string(scan, what, &string);
    if (has_number(scan))
        return skip_number(scan);
    if (word(scan, "null") || word(scan, "true") || word(scan, "false"))
        return true;
    return sl_scan_fail(scan, scan->at, "expected %s, found %s", what, sl_scan_get_found(scan).text);
}

static bool skip_key(sl_scan *scan)
{
    char *key;
    return sl_scan_json_string(scan, "a key", &key) && sl_scan_expect(scan, ':');
}

bool sl_scan_json_skip(sl_scan *scan, const char *what)
{
    char closing[MAX_DEPTH]; /* of the objects and lists that are open */
    for (size_t depth = 0;;) {
        sl_scan_skip(scan);
        const size_t begin = scan->at;
        const bool object = sl_scan_accept(scan, '{'), opened = object || sl_scan_accept(scan, '[');
        if (opened && depth == MAX_DEPTH)
            return sl_scan_fail(scan, begin, "expected at most %d objects and lists within each other, found more", MAX_DEPTH);
        if (opened)
            closing[depth++] = object ? '}' : ']';
        else if (!skip_scalar(scan, what))
            return false;
        if (opened && !sl_scan_accept(scan, closing[depth - 1])) { /* its first value comes next */
            if (object && !skip_key(scan))
                return false;
            continue;
        }
        depth -= opened; /* it was empty */
        while (depth && !sl_scan_accept(scan, ','))
            if (!sl_scan_expect(scan, closing[--depth]))
                return false;
        if (!depth)
            return true;
        if (closing[depth - 1] == '}' && !skip_key(scan))
            return false;
    }
}

bool sl_scan_json_null(sl_scan *scan)
{
    sl_scan_skip(scan);
    return word(scan, "null");
}
