#include "base/system/system_file.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool sl_text_read(const char *path, char *text, size_t bytes)
{
    const int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0)
        return false;
    const ssize_t got = read(file, text, bytes - 1);
    close(file);
    if (got <= 0)
        return false;
    text[got] = '\0';
    return true;
}

bool sl_text_open(const char *path, sl_text_lines *lines)
{
    lines->file = open(path, O_RDONLY | O_CLOEXEC);
    lines->begin = lines->end = 0;
    return lines->file >= 0;
}

/* Move what is left to the front and read on behind it; false: nothing came, and nothing will. */
static bool read_on(sl_text_lines *lines)
{
    lines->end -= lines->begin;
    memmove(lines->buffer, lines->buffer + lines->begin, lines->end);
    lines->begin = 0;
    const ssize_t got = read(lines->file, lines->buffer + lines->end, sizeof lines->buffer - 1 - lines->end);
    if (got <= 0)
        return false;
    lines->end += (size_t)got;
    return true;
}

char *sl_text_next(sl_text_lines *lines)
{
    bool cut = false; /* this line's beginning did not fit, and was dropped */
    for (bool more = true;;) {
        char *line = lines->buffer + lines->begin, *newline = memchr(line, '\n', lines->end - lines->begin);
        if (!newline && more) {
            if (lines->end - lines->begin == sizeof lines->buffer - 1) {
                cut = true;
                lines->end = lines->begin;
            }
            more = read_on(lines);
            continue;
        }
        if (!newline && lines->begin == lines->end)
            return NULL;
        char *end = newline ? newline : lines->buffer + lines->end;
        lines->begin = (size_t)(end - lines->buffer) + (newline != NULL);
        *end = '\0';
        if (!cut)
            return line;
        cut = false;
    }
}

void sl_text_close(sl_text_lines *lines)
{
    close(lines->file);
}
