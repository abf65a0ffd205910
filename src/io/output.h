/* Files that are replaced as a whole or not at all: a new file has no name until it is complete, and then takes the target's
 * name in one step. Where the file system has no files without a name (NFS, FAT and some others) it grows under a temporary name
 * beside the target, .sluice-XXXXXXXXXXXXXXXX.tmp, which only a process that is killed outright leaves behind. Knows nothing of
 * formats. */
#ifndef SLUICE_IO_OUTPUT_H
#define SLUICE_IO_OUTPUT_H

#include "sluice.h"

#include <stdbool.h>

typedef struct sl_output {
    char *name;      /* for messages: the path as given, or "standard output"; owned */
    char *target;    /* the path of the finished file, symbolic links resolved; NULL: written directly; owned */
    char *temporary; /* its temporary name in the target's folder; owned */
    int fd;          /* -1: not open */
    bool named;      /* the temporary name is in the file system */
    bool joined;     /* of sl_output_join */
    bool failed;     /* a write failed, so commit will */
} sl_output;

/**
 * Begin a file. Written directly, from the current position on, is what is no regular file (a device, or a FIFO, for which this
 * call waits until it has a reader), "-" (standard output), and any path to a descriptor of this process (io/resolve.h), as
 * /dev/stdout. In all other cases nothing happens to an existing target before sl_output_commit, and symbolic links are kept:
 * the file that they name is replaced, or created if it does not exist. On failure *output is closed. IO, NO_MEMORY.
 */
sluice_status sl_output_create(const char *path, sl_output *output, sluice_error *error);

/**
 * Open a file of `size` bytes that several processes fill, each a region of its own; the first one makes it, with `head` at its
 * beginning, and never half of it is seen under its name. sl_output_commit then only closes it, and sl_output_abort leaves it as it is. On
 * failure *output is closed. BAD_DATA: there is another file of this name. IO, NO_MEMORY.
 */
sluice_status sl_output_join(const char *path, const void *head, size_t head_bytes, size_t size, sl_output *output,
                             sluice_error *error);

/** Whether bytes can be written at any offset; else forward only. */
bool sl_output_is_positional(const sl_output *output);

/** Write `bytes` bytes at `offset`; where the output is forward only `offset` is used for the message only. IO; also
 *  where a signal ends the wait for a pipe, errno being EINTR: handlers that are not to do so are installed with SA_RESTART. */
sluice_status sl_output_write(sl_output *output, size_t offset, const void *data, size_t bytes, sluice_error *error);

/** Wait until the data are on the disk; does nothing for an output that is written directly. IO. */
sluice_status sl_output_synchronize(sl_output *output, sluice_error *error);

/** Close, and give the file its name. The new file takes over the permission bits of the file that it replaces, and its owner
 *  and group if this process may set them; without the group, group and others get only the bits that both had, so that nobody
 *  gains access. On failure, an earlier write's included, the new file is removed and the target untouched. IO. */
sluice_status sl_output_commit(sl_output *output, sluice_error *error);

/** Commit what was written with success, status being OK; else abort. Returns the status, or commit's. */
sluice_status sl_output_end(sl_output *output, sluice_status status, sluice_error *error);

/** Write a whole file with one call. IO, NO_MEMORY. */
sluice_status sl_output_save(const char *path, const void *data, size_t bytes, sluice_error *error);

/** Remove the new file and close, keeping errno; the target stays as it was. Allowed on a closed output. */
void sl_output_abort(sl_output *output);

#endif
