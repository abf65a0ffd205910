/* The bytes of a text (io/text/text_input.h) for the commands: what the file turns out to be is noted, and a signal is seen. */
#ifndef SLUICE_CLI_INPUT_TEXT_SOURCE_H
#define SLUICE_CLI_INPUT_TEXT_SOURCE_H

#include "io/text/text_input.h"
#include "program/report.h"

/** As sl_text_input_read, with a note on gzip data and on a byte order mark; errors are reported. SL_EXIT_INTERRUPTED: a signal has
 *  come. */
sl_exit sl_text_source_read(sl_text_input *text, void *data, size_t room, size_t *got);

#endif
