/* What a path refers to: a descriptor of this process, or a place in the file system. Opens nothing. */
#ifndef SLUICE_IO_RESOLVE_H
#define SLUICE_IO_RESOLVE_H

#include "sluice.h"

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>

typedef struct sl_resolved {
    int descriptor;      /* of this process; -1: the path refers to none */
    bool exists;         /* the file exists; for a descriptor: it is open */
    struct stat about;   /* if it exists */
    char path[PATH_MAX]; /* absolute and without symbolic links; "" for a descriptor */
} sl_resolved;

/** Follow all symbolic links of `path`, a dangling one to the name that is not there yet. A path that ends at one of this process's
 *  own descriptors is that descriptor, not the file behind it: "-" (which is `standard`), /dev/stdin, /dev/stdout, /dev/stderr,
 *  /dev/fd/N, /proc/self/fd/N, /proc/PID/fd/N, /proc/thread-self/fd/N, and links to these. Returns 0, or the errno of what makes
 *  the path unusable, as a folder that is not there (ENOENT) or a cycle of links (ELOOP). */
int sl_resolve(const char *path, int standard, sl_resolved *resolved);

/** Whether both describe the same file. */
bool sl_resolve_is_same_file(const struct stat *a, const struct stat *b);

/** Whether an output can be written: 0, or the errno of the reason. Checks the permissions of the existing file, and of its
 *  folder where a new file would replace it. Not for descriptors and folders. */
int sl_resolve_check_output(const sl_resolved *resolved);

/** A duplicate of a descriptor, closed on exec, if it is open for reading (or, with `writing`, for writing). -1 after filling in
 *  the error with `failure` if it is not. It shares the position and the O_APPEND of the original. */
int sl_resolve_duplicate(int descriptor, bool writing, const char *name, sluice_status failure, sluice_error *error);

#endif
