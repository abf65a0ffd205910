/* Following symbolic links as the kernel does, but for those in /proc that stand for descriptors: opening these would open the
 * file anew, at its beginning and without O_APPEND, and renaming over what they name would take the file from its other users. */
#include "io/resolve.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_LINKS = 40 }; /* as Linux has it */

static const char digits[] = "0123456789";

/* Whether the folder, without links, is this process's or one of its threads' /proc/PID/fd. */
static bool holds_descriptors(const char *folder)
{
    char self[PATH_MAX];
    if (strncmp(folder, "/proc/", strlen("/proc/")) != 0 || !realpath("/proc/self", self))
        return false;
    const size_t length = strlen(self);
    const char *rest = strncmp(folder, self, length) == 0 ? folder + length : "";
    if (strncmp(rest, "/task/", strlen("/task/")) == 0) {
        rest += strlen("/task/");
        rest += strspn(rest, digits);
    }
    return strcmp(rest, "/fd") == 0;
}

/* The number of a descriptor in a folder that holds_descriptors; -1 for any other name. */
static int read_number(const char *name)
{
    const size_t length = strlen(name);
    if (!length || strspn(name, digits) != length || (name[0] == '0' && length > 1))
        return -1;
    const unsigned long number = strtoul(name, NULL, 10);
    return number <= INT_MAX ? (int)number : INT_MAX; /* which is never open */
}

static int join(char path[PATH_MAX], const char *folder, const char *name)
{
    char joined[2 * PATH_MAX];
    const int length = snprintf(joined, sizeof joined, "%s%s%s", folder, folder[1] ? "/" : "", name);
    if (length < 0 || length >= PATH_MAX)
        return ENAMETOOLONG;
    memcpy(path, joined, (size_t)length + 1);
    return 0;
}

/* Follow one link: `path` becomes what it names, seen from its folder. `is_link` is set to whether it was one. */
static int follow(char path[PATH_MAX], const char *folder, bool *is_link)
{
    char name[PATH_MAX];
    const ssize_t length = readlink(path, name, sizeof name);
    *is_link = length >= 0;
    if (length < 0) /* a file or a folder, or nothing yet */
        return errno == EINVAL || errno == ENOENT ? 0 : errno;
    if ((size_t)length == sizeof name)
        return ENAMETOOLONG;
    name[length] = '\0';
    if (name[0] != '/')
        return join(path, folder, name);
    memcpy(path, name, (size_t)length + 1);
    return 0;
}

/* From resolved->path on, link by link; each folder on the way is resolved at once. */
static int walk(sl_resolved *resolved)
{
    for (int links = 0; links <= MOST_LINKS; links++) {
        char folder[PATH_MAX], parent[PATH_MAX];
        const char *slash = strrchr(resolved->path, '/');
        const char *name = slash ? slash + 1 : resolved->path;
        snprintf(parent, sizeof parent, "%.*s", slash ? (int)(slash - resolved->path) + 1 : 1, slash ? resolved->path : ".");
        if (!realpath(parent, folder))
            return errno;
        if (holds_descriptors(folder) && (resolved->descriptor = read_number(name)) >= 0)
            return 0;
        int problem = join(resolved->path, folder, name);
        bool is_link = false;
        if (!problem)
            problem = follow(resolved->path, folder, &is_link);
        if (problem || !is_link)
            return problem;
    }
    return ELOOP;
}

bool sl_resolve_is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static int look(sl_resolved *resolved, const char *path)
{
    struct stat direct;
    resolved->exists = stat(resolved->path, &resolved->about) == 0;
    if (!resolved->exists && errno != ENOENT)
        return errno;
    /* A link in /proc to an open file of another process refers to that file itself, not to the name that it shows. */
    if (stat(path, &direct) == 0 && !(resolved->exists && sl_resolve_is_same_file(&direct, &resolved->about))) {
        resolved->exists = true;
        resolved->about = direct;
        snprintf(resolved->path, sizeof resolved->path, "%s", path);
    }
    return 0;
}

int sl_resolve(const char *path, int standard, sl_resolved *resolved)
{
    resolved->descriptor = strcmp(path, "-") == 0 ? standard : -1;
    resolved->exists = false;
    resolved->path[0] = '\0';
    if (resolved->descriptor < 0) {
        const size_t length = strlen(path);
        if (!length || length >= sizeof resolved->path)
            return length ? ENAMETOOLONG : ENOENT;
        memcpy(resolved->path, path, length + 1);
        const int problem = walk(resolved);
        if (problem || resolved->descriptor < 0)
            return problem ? problem : look(resolved, path);
        resolved->path[0] = '\0';
    }
    resolved->exists = fstat(resolved->descriptor, &resolved->about) == 0;
    return 0;
}

/* In a folder with the sticky bit, such as /tmp, files of other users may be writable, but cannot be replaced. */
static bool is_stuck(const char *folder, const struct stat *file)
{
    struct stat about;
    const uid_t user = geteuid();
    return user != 0 && stat(folder, &about) == 0 && about.st_mode & S_ISVTX && about.st_uid != user && file->st_uid != user;
}

int sl_resolve_check_output(const sl_resolved *resolved)
{
    char folder[PATH_MAX];
    snprintf(folder, sizeof folder, "%s", resolved->path);
    folder[strrchr(folder, '/') - folder + (strrchr(folder, '/') == folder)] = '\0';
    const bool is_replaced = !resolved->exists || S_ISREG(resolved->about.st_mode);
    if ((is_replaced && access(folder, W_OK | X_OK) != 0) || (resolved->exists && access(resolved->path, W_OK) != 0))
        return errno;
    return resolved->exists && is_replaced && is_stuck(folder, &resolved->about) ? EPERM : 0;
}

int sl_resolve_duplicate(int descriptor, bool writing, const char *name, sluice_status failure, sluice_error *error)
{
    const int flags = fcntl(descriptor, F_GETFL), unwanted = writing ? O_RDONLY : O_WRONLY;
    const bool fits = flags >= 0 && (flags & O_ACCMODE) != unwanted;
    const int made = fits ? fcntl(descriptor, F_DUPFD_CLOEXEC, STDERR_FILENO + 1) : -1;
    if (!fits)
        (void)sl_fail(error, failure, "%s: descriptor %d is not open for %s; redirect it (%d%cFILE), or name a file", name,
                      descriptor, writing ? "writing" : "reading", descriptor, writing ? '>' : '<');
    else if (made < 0)
        (void)sl_fail(error, failure, "%s: descriptor %d cannot be duplicated: %s", name, descriptor, strerror(errno));
    return made;
}
