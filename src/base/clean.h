/* Control characters in text that comes from outside: a name out of a hostile file must not steer a terminal, or break a line. */
#ifndef SLUICE_BASE_CLEAN_H
#define SLUICE_BASE_CLEAN_H

#include <stddef.h>
#include <string.h>

/** Bytes of the control character that begins at `text`, which is terminated; 0 if none does, or at the end. In UTF-8 those from
 *  U+0080 to U+009F have two, of which U+009B starts a control sequence; so has the NUL of sl_scan_json_string. */
static inline size_t sl_clean_get_control(const char *text)
{
    const unsigned char first = (unsigned char)text[0], second = first ? (unsigned char)text[1] : 0;
    if (first == 0xc2 && second >= 0x80 && second <= 0x9f)
        return 2;
    if (first == 0xc0 && second == 0x80)
        return 2;
    return first && (first < 0x20 || first == 0x7f);
}

/** Make every byte of control characters '?'. */
static inline void sl_clean(char *text)
{
    while (*text) {
        const size_t control = sl_clean_get_control(text);
        memset(text, '?', control);
        text += control ? control : 1;
    }
}

#endif
