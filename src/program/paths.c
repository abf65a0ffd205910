#include "program/paths.h"

#include "io/npy/npz_read.h"
#include "io/resolve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { KIND_BYTES = 40 };

void sl_paths_hold_standard(void)
{
    for (int number = STDIN_FILENO; number <= STDERR_FILENO; number++)
        if (fcntl(number, F_GETFD) < 0) /* open returns the lowest free descriptor: this one */
            (void)!open("/dev/null", number == STDIN_FILENO ? O_WRONLY : O_RDONLY);
}

/* False if the path cannot be resolved; opening it will report why. An input may be an array of an archive. */
static bool resolve(const sl_path_argument *path, sl_resolved *found)
{
    char file[PATH_MAX];
    const size_t bytes = path->is_output ? strlen(path->path) : sl_npz_get_file_bytes(path->path);
    if (bytes >= sizeof file)
        return false;
    memcpy(file, path->path, bytes);
    file[bytes] = '\0';
    return sl_resolve(file, path->is_output ? STDOUT_FILENO : STDIN_FILENO, found) == 0;
}

static const char *describe(const sl_resolved *found, char text[KIND_BYTES])
{
    static const char *const standard[] = {"standard input", "standard output", "standard error"};
    const mode_t mode = found->about.st_mode;
    if (found->descriptor > STDERR_FILENO)
        snprintf(text, KIND_BYTES, "descriptor %d", found->descriptor);
    else
        snprintf(text, KIND_BYTES, "%s",
                 found->descriptor >= 0 ? standard[found->descriptor]
                 : S_ISFIFO(mode)       ? "a FIFO"
                 : S_ISSOCK(mode)       ? "a socket"
                 : S_ISDIR(mode)        ? "a directory"
                                        : "a device");
    return text;
}

static bool is_same_file(const sl_path_argument *a, const sl_path_argument *b)
{
    sl_resolved first, second;
    if (!resolve(a, &first) || !resolve(b, &second))
        return false;
    if (first.descriptor >= 0 && first.descriptor == second.descriptor && a->is_output == b->is_output)
        return true;
    if (first.exists && second.exists)
        return S_ISREG(first.about.st_mode) && sl_resolve_is_same_file(&first.about, &second.about);
    return !first.exists && !second.exists && *first.path && strcmp(first.path, second.path) == 0;
}

static sl_exit check_descriptor(const sl_path_argument *path)
{
    sl_resolved found;
    if (!resolve(path, &found) || found.descriptor < 0)
        return SL_EXIT_OK;
    sluice_error error;
    const int copy =
        path->is_output
            ? sl_resolve_duplicate(found.descriptor, true, sl_report_output(path->path), SLUICE_STATUS_IO, &error)
            : sl_resolve_duplicate(found.descriptor, false, sl_report_input(path->path), SLUICE_STATUS_NO_INPUT, &error);
    if (copy < 0)
        return sl_report_error(&error);
    close(copy);
    return SL_EXIT_OK;
}

static sl_exit check_pair(const sl_path_argument *a, const sl_path_argument *b)
{
    char kind[KIND_BYTES];
    sl_resolved found;
    if (!a->path || !is_same_file(a, b))
        return SL_EXIT_OK;
    if (b->is_output)
        return sl_report(SL_EXIT_USAGE, "%s %s is the same file as %s %s; write to another", b->option, b->path, a->option,
                         a->path);
    if (!a->is_output && resolve(a, &found) && found.descriptor >= 0)
        return sl_report(SL_EXIT_USAGE, "%s and %s cannot both be %s; put one in a file", a->option, b->option,
                         describe(&found, kind));
    return SL_EXIT_OK;
}

sl_exit sl_paths_check(const sl_path_argument *paths, size_t count)
{
    sl_exit code = SL_EXIT_OK;
    for (size_t k = 0; k < count; k++) {
        for (size_t j = 0; !code && j < k && paths[k].path; j++)
            code = check_pair(&paths[j], &paths[k]);
        if (!code && paths[k].path)
            code = check_descriptor(&paths[k]);
    }
    return code;
}

static bool is_null(const struct stat *about)
{
    struct stat null;
    return S_ISCHR(about->st_mode) && stat("/dev/null", &null) == 0 && about->st_rdev == null.st_rdev;
}

sl_exit sl_paths_check_file(const sl_path_argument *path, const char *why)
{
    char kind[KIND_BYTES];
    sl_resolved found;
    if (!path->path)
        return SL_EXIT_OK;
    int problem = sl_resolve(path->path, STDOUT_FILENO, &found);
    if (!problem && found.exists && S_ISDIR(found.about.st_mode))
        problem = EISDIR;
    if (!problem && (found.descriptor >= 0 || (found.exists && !S_ISREG(found.about.st_mode) && !is_null(&found.about))))
        return sl_report(SL_EXIT_USAGE, "%s %s is %s, but %s; name a file", path->option, path->path, describe(&found, kind), why);
    problem = problem ? problem : sl_resolve_check_output(&found);
    return problem ? sl_report(SL_EXIT_IO, "%s: %s cannot be written: %s", path->path, path->option, strerror(problem))
                   : SL_EXIT_OK;
}

bool sl_paths_is_input_stream(const char *path)
{
    sl_resolved found;
    return sl_resolve(path, STDIN_FILENO, &found) == 0 && found.exists && !S_ISREG(found.about.st_mode);
}

bool sl_paths_is_output_stream(const char *path)
{
    sl_resolved found;
    return sl_resolve(path, STDOUT_FILENO, &found) == 0 &&
           (found.descriptor >= 0 || (found.exists && !S_ISREG(found.about.st_mode) && !S_ISDIR(found.about.st_mode)));
}

bool sl_paths_is_standard_input(const char *path)
{
    sl_resolved found;
    return sl_resolve(path, STDIN_FILENO, &found) == 0 && found.descriptor == STDIN_FILENO;
}

bool sl_paths_is_standard_output(const char *path)
{
    sl_resolved found;
    return sl_resolve(path, STDOUT_FILENO, &found) == 0 && found.descriptor == STDOUT_FILENO;
}
