/* Small files that the system writes about itself, read without allocating. */
#ifndef SLUICE_BASE_SYSTEM_SYSTEM_FILE_H
#define SLUICE_BASE_SYSTEM_SYSTEM_FILE_H

#include <stdbool.h>
#include <stddef.h>

/** Read the beginning of a file, at most bytes - 1 of it, and end it with '\0'. false: there is no such file, or it is empty. */
bool sl_text_read(const char *path, char *text, size_t bytes);

/** A file that is read line by line, however long it is. */
typedef struct sl_text_lines {
    int file;
    size_t begin, end; /* of what was read and not yet given */
    char buffer[4096];
} sl_text_lines;

/** Open a file for sl_text_next; false: there is none. Ends with sl_text_close. */
bool sl_text_open(const char *path, sl_text_lines *lines);

/** The next line, without its '\n', which the caller may write on until the next call; NULL: that was the last. A line that does not
 * fit the buffer is left out. */
char *sl_text_next(sl_text_lines *lines);

void sl_text_close(sl_text_lines *lines);

#endif
