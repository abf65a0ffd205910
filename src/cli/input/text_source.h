/* The bytes of a text, whatever it comes in: a file or a pipe, gzip-compressed or not, with or without a byte order mark. Its
 * first bytes decide what it is, not its name. */
#ifndef SLUICE_CLI_INPUT_TEXT_SOURCE_H
#define SLUICE_CLI_INPUT_TEXT_SOURCE_H

#include "cli/input/gunzip.h"
#include "io/content.h"
#include "io/input.h"
#include "program/report.h"

#include <stdbool.h>
#include <stdint.h>

typedef struct sl_text_source {
    sl_input input;
    const char *array_remedy;                  /* of the message for a NumPy array */
    bool begun;                                /* the first bytes have been looked at */
    unsigned char head[SL_CONTENT_TEXT_BYTES]; /* head[head_start..head_end) are looked at and not given out */
    size_t head_start, head_end;
    sl_gunzip *gunzip;     /* NULL: not compressed */
    unsigned char *packed; /* packed[packed_start..packed_end) are read and not decompressed */
    size_t packed_start, packed_end;
    uint64_t taken;   /* bytes of the file up to which it is read */
    uint64_t end;     /* of the part that is read; UINT64_MAX: to the end of the file */
    uint64_t *digest; /* of the bytes that are read, at their places in the file (cli/digest.h); NULL: none */
    bool drained;     /* the file has ended */
    bool ended;       /* and all of the text is given out */
} sl_text_source;

/** Open a text ("-": standard input). A signal ends the wait for its bytes. `array_remedy`, a literal, says what to do if the file is
 *  a NumPy array. On failure *source is closed. */
sl_exit sl_text_source_open(const char *path, const char *array_remedy, sl_text_source *source);

/** Of an opened text of which nothing is read yet, read only part `part` of `parts`: from the first line that begins at or after byte
 *  size*(part-1)/parts of the file, up to where the next part begins. *first and *end are these places. *digest is continued with the
 *  bytes that are read. Refuses (and reports) what has no such places, pipes and gzip data, and what sl_text_source_read refuses. */
sl_exit sl_text_source_choose_part(sl_text_source *source, size_t part, size_t parts, uint64_t *digest, uint64_t *first,
                                   uint64_t *end);

/** Some bytes of the text, at most `room` > 0, in *got; 0 unless source->ended: try again. Waits for them if there are none.
 *  A UTF-8 byte order mark is skipped and gzip data are decompressed, both with a note. Refuses (and reports) UTF-16, UTF-32, other
 *  compressed files, and gzip data that are damaged or cut short. SL_EXIT_INTERRUPTED: a signal has come. */
sl_exit sl_text_source_read(sl_text_source *source, void *data, size_t room, size_t *got);

/** Whether a read may give bytes, or the end, without a wait longer than this. */
bool sl_text_source_is_ready(const sl_text_source *source, int milliseconds);

/** How far into the file the text has been used when `held` bytes of what was given out are not; of gzip data, how far it is read. */
uint64_t sl_text_source_get_position(const sl_text_source *source, size_t held);

/** One closed already is allowed. */
void sl_text_source_close(sl_text_source *source);

#endif
