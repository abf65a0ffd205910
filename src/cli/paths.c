#include "paths.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What `path` leads to; 0 if it is there. */
static int look(const sl_place *at, struct stat *status)
{
    if (strcmp(at->path, "-") == 0)
        return fstat(at->is_output ? STDOUT_FILENO : STDIN_FILENO, status);
    return stat(at->path, status);
}

static bool is_same_file(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/* The name of a path's folder, to be freed; NULL if out of memory. */
static char *get_folder(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? strndup(path, slash > path ? (size_t)(slash - path) : 1) : strdup(".");
}

/* The folder of a path into `folder`, and its last part; NULL if out of memory or the folder is not there. */
static const char *split(const char *path, struct stat *folder)
{
    const char *slash = strrchr(path, '/');
    char *name = get_folder(path);
    const bool found = name && stat(name, folder) == 0;
    free(name);
    return found ? (slash ? slash + 1 : path) : NULL;
}

static bool is_same_place(const sl_place *a, const sl_place *b)
{
    struct stat first, second;
    const bool standard_a = strcmp(a->path, "-") == 0, standard_b = strcmp(b->path, "-") == 0;
    if (standard_a && standard_b && a->is_output == b->is_output)
        return true;
    const int missing_a = look(a, &first), missing_b = look(b, &second);
    if (!missing_a && !missing_b)
        return S_ISREG(first.st_mode) && is_same_file(&first, &second);
    if (!missing_a || !missing_b || standard_a || standard_b)
        return false;
    const char *name_a = split(a->path, &first), *name_b = split(b->path, &second);
    return name_a && name_b && is_same_file(&first, &second) && strcmp(name_a, name_b) == 0;
}

sl_exit sl_paths_check(const sl_place *places, size_t count)
{
    for (size_t k = 1; k < count; k++) {
        for (size_t j = 0; j < k && places[k].path; j++) {
            if (!places[j].path || !is_same_place(&places[j], &places[k]))
                continue;
            if (places[k].is_output)
                return sl_report(SL_EXIT_USAGE, "%s %s is the same file as %s %s; write to another", places[k].option,
                                 places[k].path, places[j].option, places[j].path);
            if (strcmp(places[k].path, "-") == 0 && strcmp(places[j].path, "-") == 0)
                return sl_report(SL_EXIT_USAGE, "%s and %s cannot both be standard input; put one in a file", places[j].option,
                                 places[k].option);
        }
    }
    return SL_EXIT_OK;
}

sl_exit sl_paths_check_place(const sl_place *place)
{
    if (!place->path)
        return SL_EXIT_OK;
    if (strcmp(place->path, "-") == 0)
        return sl_report(SL_EXIT_USAGE, "%s cannot be standard input or output, as it is written more than once; name a file",
                         place->option);
    struct stat status = {0};
    const bool exists = stat(place->path, &status) == 0 || errno != ENOENT;
    char *folder = get_folder(place->path);
    if (!folder)
        return sl_report_memory("a file name");
    /* A regular file is replaced by a temporary one beside it. */
    const bool is_replaced = !exists || S_ISREG(status.st_mode), is_folder = exists && S_ISDIR(status.st_mode);
    const bool writable = (!is_replaced || access(folder, W_OK | X_OK) == 0) && (!exists || access(place->path, W_OK) == 0);
    const int why = is_folder ? EISDIR : errno;
    free(folder);
    if (is_folder)
        return sl_report(SL_EXIT_IO, "%s: %s cannot be written: %s", place->path, place->option, strerror(why));
    return writable ? SL_EXIT_OK : sl_report(SL_EXIT_IO, "%s: %s cannot be written: %s", place->path, place->option, strerror(why));
}

bool sl_paths_is_input_stream(const char *path)
{
    struct stat status;
    const sl_place here = {"", path, false};
    return look(&here, &status) == 0 && !S_ISREG(status.st_mode);
}

bool sl_paths_is_output_stream(const char *path)
{
    struct stat status;
    const sl_place here = {"", path, true};
    return strcmp(path, "-") == 0 || (look(&here, &status) == 0 && !S_ISREG(status.st_mode));
}
