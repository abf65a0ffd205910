/* Files, pipes and memory as inputs: opening, and reading in full. Knows nothing of formats. */
#ifndef SLUICE_IO_INPUT_H
#define SLUICE_IO_INPUT_H

#include "sluice.h"

#include <stdbool.h>

/** What makes the bytes of an input of those of another one, forward only: decompression (io/zip/inflate_input.h). */
typedef struct sl_input_filter {
    /** Some of the bytes, as sl_input_read_some. */
    sluice_status (*read_some)(struct sl_input_filter *filter, void *data, size_t bytes, size_t *got, bool *ended,
                               sluice_error *error);
    /** As sl_input_is_ready. */
    bool (*is_ready)(const struct sl_input_filter *filter, int milliseconds);
    /** Close the other input and free the filter. */
    void (*close)(struct sl_input_filter *filter);
} sl_input_filter;

typedef struct sl_input {
    char *name;         /* for messages: the path as given, or "standard input"; owned */
    int fd;             /* -1: not open */
    bool regular;       /* any byte can be read at any time; else forward only */
    size_t start;       /* of a regular file: its byte that counts as byte 0, non-zero only for a descriptor that was redirected */
    size_t size;        /* of a regular file: bytes from `start` on when it was opened; else 0 */
    bool is_part;       /* `size` is its end, though the file may go on */
    const char *memory; /* the bytes of an input in memory, which is `regular` and has no descriptor; NULL: a file */
    int stop; /* of a stream: a descriptor that is readable once reading is to end, even during a wait; not owned; 0: none */
    sl_input_filter *filter; /* makes the bytes of another input's: not `regular`, no descriptor; owned; NULL: none */
} sl_input;

/** Open a file for reading. "-" is standard input, and a path to a descriptor of this process (io/resolve.h), as /dev/stdin, is
 *  that descriptor: both are read from their current position, not from the beginning of the file. Opening a FIFO waits
 *  until it has a writer. On failure *input is closed. NO_INPUT: it cannot be opened, or is a directory. IO, NO_MEMORY. */
sluice_status sl_input_open(const char *path, sl_input *input, sluice_error *error);

/** The same of what has to be a regular file, so that any byte can be read; NO_INPUT: it is none. Does not wait for a FIFO. */
sluice_status sl_input_open_regular(const char *path, sl_input *input, sluice_error *error);

/** Read from `size` bytes in memory, which have to stay as they are until the input is closed; messages call it "memory". Fails as
 *  sl_input_open does; NO_MEMORY. */
sluice_status sl_input_open_memory(const void *bytes, size_t size, sl_input *input, sluice_error *error);

/** Read from the `size` bytes at `at` of another input, which is `regular` and may be closed before this one; they are its whole. Messages
 *  call it by the other's name and `name`: "a.npz: b.npy". On failure *part is closed. IO, NO_MEMORY. */
sluice_status sl_input_open_part(const sl_input *whole, size_t at, size_t size, const char *name, sl_input *part,
                                 sluice_error *error);

/** Read `bytes` bytes into `data`, or fewer if the input ends; *got says how many. A regular file is read at `offset`, anything
 *  else where its last read ended, and `offset` is then used for the message only. IO; also where a signal ends the wait for a
 *  pipe, errno being EINTR: handlers that are not to do so are installed with SA_RESTART. */
sluice_status sl_input_read(const sl_input *input, size_t offset, void *data, size_t bytes, size_t *got, sluice_error *error);

/** Likewise some of the bytes, at most `bytes` > 0, waiting for them only if there are none. *got may be 0 before the input ends: try
 *  again, where *ended, which is whether it has, is false. IO too where input->stop ends the wait. */
sluice_status sl_input_read_some(const sl_input *input, size_t offset, void *data, size_t bytes, size_t *got, bool *ended,
                                 sluice_error *error);

/** Whether sl_input_read_some would give bytes, or the end, without a wait longer than this. */
bool sl_input_is_ready(const sl_input *input, int milliseconds);

/** Make `input` one that `filter` makes of another one, and that is named `name`. On failure the filter is closed, and *input. NO_MEMORY */
sluice_status sl_input_open_filter(sl_input_filter *filter, const char *name, sl_input *input, sluice_error *error);

/** Close it and free its name. One closed already is allowed. */
void sl_input_close(sl_input *input);

#endif
