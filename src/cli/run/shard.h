/* sluice run --shard: one part of a run. Its outputs are written to files beside those that were asked for (shards/shard_files.h), and
 * each gets a record once it is whole. A shard of zero parts is the whole input: every function below is then a no-op returning
 * SL_EXIT_OK. */
#ifndef SLUICE_CLI_RUN_SHARD_H
#define SLUICE_CLI_RUN_SHARD_H

#include "cli/cli_options.h"
#include "cli/shards/shard_record.h"

enum { SL_SHARD_OUTPUT, SL_SHARD_HN, SL_SHARD_CN, SL_SHARD_HEAD, SL_SHARD_OUTPUTS };

typedef struct sl_shard_output {
    const char *option, *out; /* as given; out NULL: not given */
    char *path, *record_path; /* where the part goes, and its record */
    sl_shard_record record;   /* of this run */
    sl_shard_record old;      /* that was there before */
    bool has_old;
    uint64_t written; /* the digest of what is written; set by the run */
} sl_shard_output;

typedef struct sl_shard {
    size_t part, parts;
    bool skip_done, in_place;
    bool has_begun; /* the part's files may not be what they were before */
    sl_shard_output outputs[SL_SHARD_OUTPUTS];
    sl_shard_record same; /* model, input and options; set by the run (shard_identity.h) */
    uint64_t read;        /* the digest of the part's own share of the input; set by the run */
} sl_shard;

/** Find which part this is, refuse (and report) options that do not go with it, and change the outputs of `options` to those of the
 *  part. */
sl_exit sl_shard_open(sl_shard *shard, sl_options *options);

/** The part has rows or windows `first` to first + count - 1 of `total`, or these bytes of lines; kind and axis of each output's record are set.
 *  *may_be_done: with --skip-done, the outputs are all there already, of the same model, options and input as far as known; then set
 *  shard->read and call sl_shard_confirm. Refuses (and reports) outputs of others. */
sl_exit sl_shard_begin(sl_shard *shard, uint64_t first, uint64_t count, uint64_t total, bool *may_be_done);

/** Print a note that the part is done; or refuse (and report) that it is of another input. */
sl_exit sl_shard_confirm(const sl_shard *shard);

/** Before the outputs get their names, `read` and `written` being set: remove the records of others. */
sl_exit sl_shard_prepare(sl_shard *shard);

/** Then write the records. */
sl_exit sl_shard_commit(sl_shard *shard);

/** Remove the files of a part that is of no use, if this run has begun to write them. */
void sl_shard_remove(const sl_shard *shard);

void sl_shard_close(sl_shard *shard);

#endif
