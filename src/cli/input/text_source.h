/* The bytes of a text (io/text/text_input.h) for the commands: what the file turns out to be is noted, a signal is seen, and a part of a
 * file can be read. */
#ifndef SLUICE_CLI_INPUT_TEXT_SOURCE_H
#define SLUICE_CLI_INPUT_TEXT_SOURCE_H

#include "io/text/text_input.h"
#include "program/report.h"

typedef struct sl_text_source {
    sl_text_input text; /* opened and closed by the caller */
    uint64_t *digest;   /* of a part's bytes, at their places in the file (cli/digest.h); NULL: none */
} sl_text_source;

/** Of an opened text of which nothing is read yet, read only part `part` of `parts`: from the first line that begins at or after byte
 *  size*(part-1)/parts of the file, up to where the next part begins. *first and *end are these places. *digest is continued with the
 *  bytes that are read. Refuses (and reports) what has no such places, pipes and gzip data, and what sl_text_source_read refuses. */
sl_exit sl_text_source_choose_part(sl_text_source *source, size_t part, size_t parts, uint64_t *digest, uint64_t *first,
                                   uint64_t *end);

/** As sl_text_input_read, with a note on gzip data and on a byte order mark; errors are reported. SL_EXIT_INTERRUPTED: a signal has
 *  come. */
sl_exit sl_text_source_read(sl_text_source *source, void *data, size_t room, size_t *got);

#endif
