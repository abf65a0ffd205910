/* Reading files and pipes with read and pread: never mmap, so that a file cut short by someone else is an error, not a signal. */
#include "io/input.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "io/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static sluice_status examine(sl_input *input, sluice_error *error)
{
    struct stat about;
    if (fstat(input->fd, &about) != 0)
        return sl_fail(error, SLUICE_STATUS_IO, "%s: cannot be examined: %s", input->name, strerror(errno));
    if (S_ISDIR(about.st_mode))
        return sl_fail(error, SLUICE_STATUS_NO_INPUT, "%s: expected a file, found a directory: %s", input->name, strerror(EISDIR));
    input->regular = S_ISREG(about.st_mode);
    if (!input->regular)
        return SLUICE_STATUS_OK;
    const off_t start = lseek(input->fd, 0, SEEK_CUR);
    if (start < 0)
        return sl_fail(error, SLUICE_STATUS_IO, "%s: its position cannot be determined: %s", input->name, strerror(errno));
    input->start = (size_t)start;
    input->size = about.st_size > start ? (size_t)(about.st_size - start) : 0;
    return SLUICE_STATUS_OK;
}

static sluice_status open_input(sl_input *input, const char *path, sluice_error *error)
{
    sl_resolved found;
    const bool resolved = sl_resolve(path, STDIN_FILENO, &found) == 0;
    if (resolved && found.descriptor >= 0)
        input->fd = sl_resolve_duplicate(found.descriptor, false, input->name, SLUICE_STATUS_NO_INPUT, error);
    else if ((input->fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        (void)sl_fail(error, SLUICE_STATUS_NO_INPUT, "%s: cannot be opened: %s", path, strerror(errno));
    return input->fd < 0 ? SLUICE_STATUS_NO_INPUT : examine(input, error);
}

static sluice_status set_name(sl_input *input, const char *name, sluice_error *error)
{
    const size_t length = strlen(name) + 1;
    input->name = sl_alloc(length);
    if (!input->name)
        return sl_fail_memory(error, "a file name", length);
    memcpy(input->name, name, length);
    return SLUICE_STATUS_OK;
}

sluice_status sl_input_open(const char *path, sl_input *input, sluice_error *error)
{
    *input = (sl_input){.fd = -1};
    sluice_status status = set_name(input, strcmp(path, "-") == 0 ? "standard input" : path, error);
    if (!status)
        status = open_input(input, path, error);
    if (status)
        sl_input_close(input);
    return status;
}

static sluice_status fail_stream(const char *name, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_NO_INPUT, "%s: expected a regular file; copy it to one first", name);
}

sluice_status sl_input_open_regular(const char *path, sl_input *input, sluice_error *error)
{
    sl_resolved at; /* looked at first, because opening a FIFO would wait for a writer */
    *input = (sl_input){.fd = -1};
    if (sl_resolve(path, STDIN_FILENO, &at) == 0 && at.exists && !S_ISREG(at.about.st_mode) && !S_ISDIR(at.about.st_mode))
        return fail_stream(path, error);
    sluice_status status = sl_input_open(path, input, error);
    if (!status && !input->regular) {
        status = fail_stream(input->name, error);
        sl_input_close(input);
    }
    return status;
}

sluice_status sl_input_open_memory(const void *bytes, size_t size, sl_input *input, sluice_error *error)
{
    *input = (sl_input){.fd = -1, .regular = true, .size = size, .memory = bytes};
    return set_name(input, "memory", error);
}

sluice_status sl_input_open_part(const sl_input *whole, size_t at, size_t size, const char *name, sl_input *part,
                                 sluice_error *error)
{
    const size_t outer = strlen(whole->name), inner = strlen(name) + 1, bytes = outer + strlen(": ") + inner;
    *part = (sl_input){.fd = -1, .regular = true, .start = whole->start + at, .size = size, .is_part = true};
    part->memory = whole->memory ? whole->memory + at : NULL;
    part->name = sl_alloc(bytes);
    if (!part->name)
        return sl_fail_memory(error, "a file name", bytes);
    memcpy(part->name, whole->name, outer);
    memcpy(part->name + outer, ": ", strlen(": "));
    memcpy(part->name + bytes - inner, name, inner);
    if (whole->memory || (part->fd = fcntl(whole->fd, F_DUPFD_CLOEXEC, 0)) >= 0)
        return SLUICE_STATUS_OK;
    const sluice_status status = sl_fail(error, SLUICE_STATUS_IO, "%s: cannot be opened: %s", part->name, strerror(errno));
    sl_input_close(part);
    return status;
}

static void read_memory(const sl_input *input, size_t offset, void *data, size_t bytes, size_t *got)
{
    *got = sl_size_min(bytes, input->size - sl_size_min(offset, input->size));
    if (*got)
        memcpy(data, input->memory + offset, *got);
}

/* Wait until bytes or `stop` are there. */
static sluice_status wait_for_bytes(const sl_input *input, size_t offset, sluice_error *error)
{
    struct pollfd from[2] = {{.fd = input->stop, .events = POLLIN}, {.fd = input->fd, .events = POLLIN}};
    if (poll(from, 2, -1) < 0)
        return sl_fail_byte(error, SLUICE_STATUS_IO, input->name, offset, "cannot be read: %s", strerror(errno));
    return from[0].revents ? sl_fail(error, SLUICE_STATUS_IO, "%s: reading was ended", input->name) : SLUICE_STATUS_OK;
}

sluice_status sl_input_read_some(const sl_input *input, size_t offset, void *data, size_t bytes, size_t *got, bool *ended,
                                 sluice_error *error)
{
    *got = 0;
    *ended = false;
    if (input->filter)
        return input->filter->read_some(input->filter, data, bytes, got, ended, error);
    if (input->memory) {
        read_memory(input, offset, data, bytes, got);
        *ended = !*got;
        return SLUICE_STATUS_OK;
    }
    const sluice_status status = input->stop ? wait_for_bytes(input, offset, error) : SLUICE_STATUS_OK;
    if (status)
        return status;
    if (input->is_part)
        bytes = sl_size_min(bytes, input->size - sl_size_min(offset, input->size));
    const ssize_t n = input->regular ? pread(input->fd, data, bytes, (off_t)(input->start + offset)) : read(input->fd, data, bytes);
    if (n < 0)
        return sl_fail_byte(error, SLUICE_STATUS_IO, input->name, offset, "cannot be read: %s", strerror(errno));
    *got = (size_t)n;
    *ended = !n;
    return SLUICE_STATUS_OK;
}

sluice_status sl_input_read(const sl_input *input, size_t offset, void *data, size_t bytes, size_t *got, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    bool ended = false;
    size_t more;
    for (*got = 0; !status && !ended && *got < bytes; *got += more)
        status = sl_input_read_some(input, offset + *got, (char *)data + *got, bytes - *got, &more, &ended, error);
    return status;
}

bool sl_input_is_ready(const sl_input *input, int milliseconds)
{
    if (input->filter)
        return input->filter->is_ready(input->filter, milliseconds);
    struct pollfd from = {.fd = input->fd, .events = POLLIN};
    return input->regular || poll(&from, 1, milliseconds) > 0;
}

sluice_status sl_input_open_filter(sl_input_filter *filter, const char *name, sl_input *input, sluice_error *error)
{
    *input = (sl_input){.fd = -1, .filter = filter};
    const sluice_status status = set_name(input, name, error);
    if (status)
        sl_input_close(input);
    return status;
}

void sl_input_close(sl_input *input)
{
    const int problem = errno; /* of what failed before, for the caller to see */
    if (input->filter)
        input->filter->close(input->filter);
    if (input->name && input->fd >= 0) /* without a name it is zeroed, and was never opened */
        close(input->fd);
    sl_free(input->name);
    *input = (sl_input){.fd = -1};
    errno = problem;
}
