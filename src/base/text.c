#include "base/text.h"

#include <fcntl.h>
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
