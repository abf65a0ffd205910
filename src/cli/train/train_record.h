/* The options of `sluice train` that a checkpoint records, so that they need not be given again with --resume. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_RECORD_H
#define SLUICE_CLI_TRAIN_TRAIN_RECORD_H

#include "cli/cli_options.h"
#include "program/exit.h"

#include <jansson.h>

/** The options that change the trained model (sl_option.recorded), with their names and defaults: a run cannot be continued with other
 *  values. Without --class-weights, which the trainer's own checkpoint has. NULL: out of memory. */
json_t *sl_record_get_options(const sl_options *options);

/** The other options with which a run continues unless new ones are given: a list of [name, value], as on a command line, and the path
 *  that it takes, which a variable may have chosen. It does not have options on how a process runs and reports (--threads, --isa, --progress, --stats, --json), nor --checkpoint, which is the file
 *  of --resume. NULL: out of memory. */
json_t *sl_record_get_arguments(const sl_options *options, sluice_gemm gemm);

/** Set the options that the command line leaves out to the values recorded in the checkpoint `path`. `arguments` NULL: an earlier
 *  release wrote the checkpoint, which is noted. The records own the texts that are set, and may be changed. Refuses (and reports)
 *  damaged records, and data that were standard input or no longer exist. */
sl_exit sl_record_apply(sl_options *options, const char *path, json_t *record, json_t *arguments);

/** Refuse (and report) options that differ from those recorded in the checkpoint `path`. */
sl_exit sl_record_compare(const sl_options *options, const char *path, const json_t *record);

/** All options that the ranks of a run have to share, as JSON, to be freed: those above, but for the names of inputs, which may lie
 *  elsewhere on another machine. NULL: out of memory. */
char *sl_record_get_text(const sl_options *options, sluice_gemm gemm);

/** Refuse (and report) options that differ from those of rank 0; both are texts of sl_record_get_text. */
sl_exit sl_record_compare_ranks(const char *own, const char *first);

#endif
