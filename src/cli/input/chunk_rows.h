/* How many rows of the input are in memory at once. */
#ifndef SLUICE_CLI_INPUT_CHUNK_ROWS_H
#define SLUICE_CLI_INPUT_CHUNK_ROWS_H

#include "cli/cli_options.h"

/** Number of rows to hold in memory at once, where a row takes `bytes` bytes: --rows, or else as many as fit into a fixed amount of
 *  memory, but at least enough for all threads. */
size_t sl_chunk_rows_get(const sl_options *options, unsigned threads, double bytes);

#endif
