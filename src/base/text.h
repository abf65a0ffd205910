/* Small files that the system writes about itself, read without allocating. */
#ifndef SLUICE_BASE_TEXT_H
#define SLUICE_BASE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

/** Read the beginning of a file, at most bytes - 1 of it, and end it with '\0'. false: there is no such file, or it is empty. */
bool sl_text_read(const char *path, char *text, size_t bytes);

#endif
