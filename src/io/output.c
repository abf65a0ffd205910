/* Writing files that appear whole or not at all. */
#include "io/output.h"

#include "base/error.h"
#include "base/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* Names are 64 random bits, so that a second try is already a curiosity. */
enum { ATTEMPTS = 16, TEMPORARY_BYTES = sizeof ".sluice-0123456789abcdef.tmp" };

static char *copy(const char *text, sluice_error *error)
{
    const size_t length = strlen(text) + 1;
    char *made = sl_alloc(length);
    if (made)
        memcpy(made, text, length);
    else
        (void)sl_fail_memory(error, "a file name", length);
    return made;
}

static sluice_status fail(const sl_output *output, const char *what, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_IO, "%s: %s: %s", output->name, what, strerror(errno));
}

/* Like mkstemp, but with the mode that the umask leaves, as for any file a user makes. */
static sluice_status open_temporary(sl_output *output, sluice_error *error)
{
    const char *slash = strrchr(output->target, '/');
    const size_t folder = slash ? (size_t)(slash - output->target) + 1 : 0;
    output->temporary = sl_alloc(folder + TEMPORARY_BYTES);
    if (!output->temporary)
        return sl_fail_memory(error, "a file name", folder + TEMPORARY_BYTES);
    memcpy(output->temporary, output->target, folder);
    for (int attempt = 0; attempt < ATTEMPTS && output->fd < 0; attempt++) {
        uint64_t random;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            break;
        snprintf(output->temporary + folder, TEMPORARY_BYTES, ".sluice-%016" PRIx64 ".tmp", random);
        output->fd = open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (output->fd < 0 && errno != EEXIST)
            break;
    }
    output->owned = output->fd >= 0;
    if (output->owned)
        return SLUICE_STATUS_OK;
    const sluice_status status = fail(output, "no temporary file can be made beside it", error);
    sl_free(output->temporary);
    output->temporary = NULL;
    return status;
}

static sluice_status open_beside(sl_output *output, const char *path, bool exists, sluice_error *error)
{
    const size_t length = strlen(path);
    if (length == 0 || path[length - 1] == '/')
        return sl_fail(error, SLUICE_STATUS_IO, "%s: expected the name of a file", path);
    if (exists && access(path, W_OK) != 0)
        return fail(output, "cannot be replaced", error);
    char *resolved = exists ? realpath(path, NULL) : NULL; /* a link stays a link: what it names is replaced */
    if (exists && !resolved)
        return errno == ENOMEM ? sl_fail_memory(error, "a file name", PATH_MAX) : fail(output, "cannot be replaced", error);
    output->target = copy(resolved ? resolved : path, error);
    free(resolved);
    return output->target ? open_temporary(output, error) : SLUICE_STATUS_NO_MEMORY;
}

static sluice_status open_output(sl_output *output, const char *path, sluice_error *error)
{
    struct stat about;
    const bool exists = stat(path, &about) == 0;
    if (!exists && errno != ENOENT)
        return fail(output, "cannot be written", error);
    if (exists && S_ISDIR(about.st_mode)) {
        errno = EISDIR;
        return fail(output, "cannot be written", error);
    }
    if (!exists || S_ISREG(about.st_mode))
        return open_beside(output, path, exists, error);
    output->fd = open(path, O_WRONLY | O_CLOEXEC);
    output->owned = output->fd >= 0;
    return output->owned ? SLUICE_STATUS_OK : fail(output, "cannot be opened for writing", error);
}

sluice_status sl_output_create(const char *path, sl_output *output, sluice_error *error)
{
    *output = (sl_output){.fd = -1};
    const bool standard = strcmp(path, "-") == 0;
    output->name = copy(standard ? "standard output" : path, error);
    if (!output->name)
        return SLUICE_STATUS_NO_MEMORY;
    if (standard) {
        output->fd = STDOUT_FILENO;
        return SLUICE_STATUS_OK;
    }
    const sluice_status status = open_output(output, path, error);
    if (status != SLUICE_STATUS_OK)
        sl_output_abort(output);
    return status;
}

bool sl_output_is_positional(const sl_output *output)
{
    return output->temporary != NULL;
}

sluice_status sl_output_write(sl_output *output, size_t offset, const void *data, size_t bytes, sluice_error *error)
{
    const char *from = data;
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = output->temporary ? pwrite(output->fd, from + done, bytes - done, (off_t)(offset + done))
                                            : write(output->fd, from + done, bytes - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            output->failed = true;
            return sl_fail(error, SLUICE_STATUS_IO, "%s: byte %zu: cannot be written: %s", output->name, offset + done,
                           strerror(errno));
        }
        done += (size_t)n;
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_output_synchronize(sl_output *output, sluice_error *error)
{
    if (!output->temporary)
        return SLUICE_STATUS_OK;
    int status;
    do
        status = fsync(output->fd);
    while (status && errno == EINTR); /* Ctrl-C, upon which a checkpoint is what is wanted */
    if (!status || errno == EINVAL)   /* a file system that cannot */
        return SLUICE_STATUS_OK;
    output->failed = true;
    return fail(output, "cannot be brought to the disk", error);
}

sluice_status sl_output_commit(sl_output *output, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    const bool closing = output->owned;
    output->owned = false;
    if (output->failed)
        status = sl_fail(error, SLUICE_STATUS_IO, "%s: not finished, because an earlier write failed", output->name);
    if (closing && close(output->fd) != 0 && status == SLUICE_STATUS_OK)
        status = fail(output, "cannot be closed", error); /* file systems over a network tell of a full disk only here */
    if (status == SLUICE_STATUS_OK && output->temporary) {
        if (rename(output->temporary, output->target) == 0) {
            sl_free(output->temporary);
            output->temporary = NULL;
        } else {
            status = fail(output, "cannot take the place of the temporary file", error);
        }
    }
    sl_output_abort(output);
    return status;
}

sluice_status sl_output_end(sl_output *output, sluice_status status, sluice_error *error)
{
    if (!status)
        return sl_output_commit(output, error);
    sl_output_abort(output);
    return status;
}

sluice_status sl_output_save(const char *path, const void *data, size_t bytes, sluice_error *error)
{
    sl_output output;
    const sluice_status status = sl_output_create(path, &output, error);
    return status ? status : sl_output_end(&output, sl_output_write(&output, 0, data, bytes, error), error);
}

void sl_output_abort(sl_output *output)
{
    if (output->owned)
        close(output->fd);
    if (output->temporary)
        unlink(output->temporary);
    sl_free(output->temporary);
    sl_free(output->target);
    sl_free(output->name);
    *output = (sl_output){.fd = -1};
}
