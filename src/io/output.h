/* Files that appear whole or not at all: written under a temporary name beside the target, then renamed. Knows nothing of
 * formats. */
#ifndef SLUICE_IO_OUTPUT_H
#define SLUICE_IO_OUTPUT_H

#include "sluice.h"

#include <stdbool.h>

typedef struct sl_output {
    char *name;      /* for messages: the path as given, or "standard output"; owned */
    char *target;    /* what the finished file becomes, symbolic links resolved; NULL: written straight; owned */
    char *temporary; /* where it grows; NULL: written straight; owned */
    int fd;          /* -1: not open */
    bool owned;      /* fd is ours to close */
    bool failed;     /* a write failed, so commit will */
} sl_output;

/** Begin a file. "-" (standard output) and targets that exist and are not regular files (devices, pipes) are written straight.
 *  Nothing happens to an existing target before sl_output_commit. On failure *output is closed. IO, NO_MEMORY. */
sluice_status sl_output_create(const char *path, sl_output *output, sluice_error *error);

/** Whether bytes can be written at any offset; else forward only. */
bool sl_output_is_positional(const sl_output *output);

/** Write `bytes` bytes at `offset`; where the output is forward only `offset` only serves the message. IO. */
sluice_status sl_output_write(sl_output *output, size_t offset, const void *data, size_t bytes, sluice_error *error);

/** Wait until what was written is on the disk; nothing is done for what is written straight. IO. */
sluice_status sl_output_synchronize(sl_output *output, sluice_error *error);

/** Close and rename. On failure, an earlier write's included, the temporary file is removed and the target untouched. IO. */
sluice_status sl_output_commit(sl_output *output, sluice_error *error);

/** Commit what was written with success, status being OK; else abort. Returns the status, or commit's. */
sluice_status sl_output_end(sl_output *output, sluice_status status, sluice_error *error);

/** A whole file at once. IO, NO_MEMORY. */
sluice_status sl_output_save(const char *path, const void *data, size_t bytes, sluice_error *error);

/** Remove the temporary file and close; the target stays as it was. Allowed on a closed output. */
void sl_output_abort(sl_output *output);

#endif
