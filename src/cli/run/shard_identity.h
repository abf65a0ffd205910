/* What makes two parts belong together: the model, the options that change results, and the input. */
#ifndef SLUICE_CLI_RUN_SHARD_IDENTITY_H
#define SLUICE_CLI_RUN_SHARD_IDENTITY_H

#include "cli/cli_options.h"
#include "cli/shards/shard_record.h"

/** Set model, input and options of a record. The model is known by the bytes of its file, its weights, and the options by which it was
 *  read; the input by the size and 64 blocks of each of its files, which takes the same time for each size. */
sl_exit sl_shard_identity_get(const sl_options *options, const sluice_model *model, const sluice_engine_info *info,
                              sl_shard_record *record);

#endif
