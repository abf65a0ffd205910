/* The command line of `sluice train` as its checkpoints record it, so that --resume need not repeat it. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_RECORD_H
#define SLUICE_CLI_TRAIN_TRAIN_RECORD_H

#include "cli/cli_options.h"

#include <jansson.h>

/** The options that decide the bits of the result, under their names with dashes, the defaults put in: a run cannot go on with
 *  others. NULL: no memory. */
json_t *sl_record_get_options(const sl_options *options);

/** The others that a run goes on with unless it is given new ones: a list of [name, value], as on a command line. Not among them
 *  is what tells how a process runs and reports, rather than what it trains: --threads, --isa, --progress, --stats, --json; and
 *  --checkpoint, which is the file that is resumed from. NULL: no memory. */
json_t *sl_record_get_arguments(const sl_options *options);

/** Set what the command line leaves out as the records in the checkpoint `path` have it. `arguments` NULL: an earlier release wrote
 *  the checkpoint, which is reported. The records own the texts that are set, and may change. Refuses (and reports) records that
 *  are damaged, and data that were standard input or are gone. */
sl_exit sl_record_take(sl_options *options, const char *path, json_t *record, json_t *arguments);

/** Refuse (and report) options that are not those of the record in the checkpoint `path`. */
sl_exit sl_record_compare(const sl_options *options, const char *path, const json_t *record);

#endif
