/* Writing files that appear whole or not at all. */
#include "io/output.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name has 64 random bits, so that even a second attempt is very unlikely. */
enum { ATTEMPTS = 16, TEMPORARY_BYTES = sizeof ".sluice-0123456789abcdef.tmp", LINK_BYTES = 40 };

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

/* ---- Opening --------------------------------------------------------------------------------------------------------------- */

/* Bytes of the folder in output->temporary, including its '/'. */
static size_t get_folder(const sl_output *output)
{
    return (size_t)(strrchr(output->target, '/') - output->target) + 1;
}

/* Try random names until `claim` has created a file of that name; false, with errno set, if it cannot. */
static bool claim_name(sl_output *output, int (*claim)(const sl_output *output, mode_t mode), mode_t mode)
{
    char *name = output->temporary + get_folder(output);
    for (int attempt = 0; attempt < ATTEMPTS && !output->named; attempt++) {
        uint64_t random;
        if (getrandom(&random, sizeof random, 0) != (ssize_t)sizeof random)
            return false;
        snprintf(name, TEMPORARY_BYTES, ".sluice-%016" PRIx64 ".tmp", random);
        const int made = claim(output, mode);
        output->named = made >= 0;
        if (output->named && output->fd < 0)
            output->fd = made;
        if (!output->named && errno != EEXIST)
            return false;
    }
    return output->named;
}

static int create_named(const sl_output *output, mode_t mode)
{
    return open(output->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
}

static void write_link(const sl_output *output, char link[LINK_BYTES])
{
    snprintf(link, LINK_BYTES, "/proc/self/fd/%d", output->fd);
}

static int link_named(const sl_output *output, mode_t mode)
{
    char link[LINK_BYTES];
    (void)mode;
    write_link(output, link);
    return linkat(AT_FDCWD, link, AT_FDCWD, output->temporary, AT_SYMLINK_FOLLOW);
}

/* Open a file without a name (O_TMPFILE), if the file system has such files and /proc, by which it gets its name in the end,
 * exists. */
static bool open_nameless(sl_output *output, mode_t mode)
{
    char *name = output->temporary + get_folder(output), link[LINK_BYTES];
    strcpy(name, ".");
    output->fd = open(output->temporary, O_WRONLY | O_TMPFILE | O_CLOEXEC, mode);
    if (output->fd < 0)
        return false;
    write_link(output, link);
    if (access(link, F_OK) == 0)
        return true;
    close(output->fd);
    output->fd = -1;
    return false;
}

/* A new file has the mode that the umask gives, as any file of a user. One that replaces another file is accessible to this user
 * only, until it takes over the other's mode: it must not be more readable even for a moment. */
static sluice_status open_temporary(sl_output *output, bool exists, sluice_error *error)
{
    const mode_t mode = exists ? 0600 : 0666;
    const size_t folder = get_folder(output);
    output->temporary = sl_alloc(folder + TEMPORARY_BYTES);
    if (!output->temporary)
        return sl_fail_memory(error, "a file name", folder + TEMPORARY_BYTES);
    memcpy(output->temporary, output->target, folder);
    return open_nameless(output, mode) || claim_name(output, create_named, mode)
               ? SLUICE_STATUS_OK
               : fail(output, "no temporary file can be made beside it", error);
}

static sluice_status open_beside(sl_output *output, const sl_resolved *found, sluice_error *error)
{
    errno = sl_resolve_check_output(found);
    if (errno)
        return fail(output, found->exists ? "cannot be replaced" : "no temporary file can be made beside it", error);
    output->target = copy(found->path, error);
    return output->target ? open_temporary(output, found->exists, error) : SLUICE_STATUS_NO_MEMORY;
}

static sluice_status open_output(sl_output *output, const char *path, sluice_error *error)
{
    sl_resolved found;
    const int problem = sl_resolve(path, STDOUT_FILENO, &found);
    if (!*path || (problem == ENOENT && path[strlen(path) - 1] == '/'))
        return sl_fail(error, SLUICE_STATUS_IO, "%s: expected the name of a file", path);
    if (problem || (found.exists && S_ISDIR(found.about.st_mode))) {
        errno = problem ? problem : EISDIR;
        return fail(output, "cannot be written", error);
    }
    if (found.descriptor >= 0) {
        output->fd = sl_resolve_duplicate(found.descriptor, true, output->name, SLUICE_STATUS_IO, error);
        return output->fd >= 0 ? SLUICE_STATUS_OK : SLUICE_STATUS_IO;
    }
    if (!found.exists || S_ISREG(found.about.st_mode))
        return open_beside(output, &found, error);
    output->fd = open(path, O_WRONLY | O_CLOEXEC);
    return output->fd >= 0 ? SLUICE_STATUS_OK : fail(output, "cannot be opened for writing", error);
}

sluice_status sl_output_create(const char *path, sl_output *output, sluice_error *error)
{
    *output = (sl_output){.fd = -1};
    output->name = copy(strcmp(path, "-") == 0 ? "standard output" : path, error);
    if (!output->name)
        return SLUICE_STATUS_NO_MEMORY;
    const sluice_status status = open_output(output, path, error);
    if (status != SLUICE_STATUS_OK)
        sl_output_abort(output);
    return status;
}

/* ---- A file of several processes ------------------------------------------------------------------------------------------- */

/* Give the new file its name unless another process has made the file meanwhile: link, unlike rename, replaces nothing. */
static sluice_status link_target(const sl_output *output, sluice_error *error)
{
    char link[LINK_BYTES];
    write_link(output, link);
    return linkat(AT_FDCWD, output->named ? output->temporary : link, AT_FDCWD, output->target, AT_SYMLINK_FOLLOW) == 0 ||
                   errno == EEXIST
               ? SLUICE_STATUS_OK
               : fail(output, "cannot be given its name by a link, which this file system may not have", error);
}

static sluice_status make_joined(const char *path, const void *head, size_t head_bytes, size_t size, sluice_error *error)
{
    sl_output made;
    sluice_status status = sl_output_create(path, &made, error);
    if (status)
        return status;
    if (!made.target)
        status = sl_fail(error, SLUICE_STATUS_IO, "%s: expected the name of a file", path);
    if (!status)
        status = sl_output_write(&made, 0, head, head_bytes, error);
    if (!status && ftruncate(made.fd, (off_t)size) != 0)
        status = fail(&made, "cannot be given its size", error);
    if (!status)
        status = link_target(&made, error);
    sl_output_abort(&made);
    return status;
}

/* Check that the opened file is the one that these processes share. */
static sluice_status check_joined(const sl_output *output, const char *head, size_t head_bytes, size_t size, sluice_error *error)
{
    char found[256];
    struct stat about;
    if (fstat(output->fd, &about) != 0)
        return fail(output, "cannot be examined", error);
    bool same = (size_t)about.st_size == size && S_ISREG(about.st_mode);
    for (size_t done = 0, bytes; same && done < head_bytes; done += bytes) {
        bytes = head_bytes - done < sizeof found ? head_bytes - done : sizeof found;
        same = pread(output->fd, found, bytes, (off_t)done) == (ssize_t)bytes && memcmp(found, head + done, bytes) == 0;
    }
    return same ? SLUICE_STATUS_OK
                : sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: is another file than the one to be filled; remove it", output->name);
}

sluice_status sl_output_join(const char *path, const void *head, size_t head_bytes, size_t size, sl_output *output,
                             sluice_error *error)
{
    *output = (sl_output){.fd = -1, .joined = true};
    sluice_status status = access(path, F_OK) == 0 ? SLUICE_STATUS_OK : make_joined(path, head, head_bytes, size, error);
    if (status)
        return status;
    output->name = copy(path, error);
    output->target = output->name ? copy(path, error) : NULL;
    status = output->target ? SLUICE_STATUS_OK : SLUICE_STATUS_NO_MEMORY;
    if (!status && (output->fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
        status = fail(output, "cannot be opened for writing", error);
    if (!status)
        status = check_joined(output, head, head_bytes, size, error);
    if (status)
        sl_output_abort(output);
    return status;
}

/* ---- Writing --------------------------------------------------------------------------------------------------------------- */

bool sl_output_is_positional(const sl_output *output)
{
    return output->target != NULL;
}

sluice_status sl_output_write(sl_output *output, size_t offset, const void *data, size_t bytes, sluice_error *error)
{
    const char *from = data;
    for (size_t done = 0; done < bytes;) {
        const ssize_t n = output->target ? pwrite(output->fd, from + done, bytes - done, (off_t)(offset + done))
                                         : write(output->fd, from + done, bytes - done);
        if (n < 0 && errno == EINTR &&
            output->target) /* a regular file never waits for a reader, and a checkpoint has to be completed */
            continue;
        if (n < 0) {
            output->failed = true;
            return sl_fail_byte(error, SLUICE_STATUS_IO, output->name, offset + done, "cannot be written: %s", strerror(errno));
        }
        done += (size_t)n;
    }
    return SLUICE_STATUS_OK;
}

sluice_status sl_output_synchronize(sl_output *output, sluice_error *error)
{
    if (!output->target)
        return SLUICE_STATUS_OK;
    int status;
    do
        status = fsync(output->fd);
    while (status && errno == EINTR); /* a signal, upon which a checkpoint is wanted */
    if (!status || errno == EINVAL)   /* a file system that cannot */
        return SLUICE_STATUS_OK;
    output->failed = true;
    return fail(output, "cannot be brought to the disk", error);
}

/* ---- The end --------------------------------------------------------------------------------------------------------------- */

/* Take over from the file that is replaced who may read and write it. Its set-user and set-group bits are dropped, as writing into
 * it would do; access control lists and other extended attributes are not looked at. */
static sluice_status keep_access(const sl_output *output, sluice_error *error)
{
    struct stat old, new;
    if (lstat(output->target, &old) != 0 || !S_ISREG(old.st_mode))
        return SLUICE_STATUS_OK; /* it is not replaced */
    if (fstat(output->fd, &new) != 0)
        return fail(output, "its permissions cannot be read", error);
    mode_t mode = old.st_mode & 0777;
    const bool is_group_kept = fchown(output->fd, old.st_uid, old.st_gid) == 0 || old.st_gid == new.st_gid ||
                               fchown(output->fd, (uid_t)-1, old.st_gid) == 0;
    if (!is_group_kept) { /* its members are among the others now, and other people the group */
        const mode_t common = (mode >> 3) & mode & 7;
        mode = (mode & 0700) | common << 3 | common;
    }
    if (fchmod(output->fd, mode) == 0 || (fstat(output->fd, &new) == 0 && !(new.st_mode & 0777 & ~mode)))
        return SLUICE_STATUS_OK; /* or there are no modes to set on that file system, and the file is not wider open */
    return fail(output, "its permissions cannot be kept", error);
}

/* The name is given before closing, which a file without one would not outlive; what was written may be refused at closing. */
static sluice_status replace_target(sl_output *output, sluice_error *error)
{
    sluice_status status = keep_access(output, error);
    if (status)
        return status;
    if (!output->named && !claim_name(output, link_named, 0))
        return fail(output, "cannot be given a name", error);
    const int closing = output->fd;
    output->fd = -1;
    if (close(closing) != 0)
        return fail(output, "cannot be closed", error); /* network file systems may report a full disk only here */
    output->named = rename(output->temporary, output->target) != 0;
    return output->named ? fail(output, "cannot take the place of the temporary file", error) : SLUICE_STATUS_OK;
}

sluice_status sl_output_commit(sl_output *output, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    const int closing = output->fd;
    if (output->failed) {
        status = sl_fail(error, SLUICE_STATUS_IO, "%s: not finished, because an earlier write failed", output->name);
    } else if (output->target && !output->joined) {
        status = replace_target(output, error);
    } else {
        output->fd = -1;
        status = close(closing) == 0 ? SLUICE_STATUS_OK : fail(output, "cannot be closed", error);
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
    const int problem = errno;
    if (output->name && output->fd >= 0) /* without a name it is zeroed, and was never opened */
        close(output->fd);
    if (output->named)
        unlink(output->temporary);
    sl_free(output->temporary);
    sl_free(output->target);
    sl_free(output->name);
    *output = (sl_output){.fd = -1};
    errno = problem;
}
