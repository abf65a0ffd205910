/* The names of the files that belong to a part of OUT, all beside it:
 *     OUT.part-0003-of-0016     the part
 *     OUT.record-0003-of-0016   its record (shard_record.h), written after it: a part without one is not finished
 *     OUT.parts-of-0016         with --in-place, the one file into which all parts are written
 * Numbers have four digits, or as many as N has. */
#ifndef SLUICE_CLI_SHARDS_SHARD_FILES_H
#define SLUICE_CLI_SHARDS_SHARD_FILES_H

#include <stdbool.h>
#include <stddef.h>

typedef enum sl_shard_file { SL_SHARD_PART, SL_SHARD_RECORD, SL_SHARD_JOINED } sl_shard_file;

/** The path of a file of part `part` of `parts`, allocated; NULL: out of memory. */
char *sl_shard_files_name(const char *out, sl_shard_file file, size_t part, size_t parts);

/** Whether `name`, without a folder, is that of a file of some part of `base`, likewise without one. */
bool sl_shard_files_parse(const char *name, const char *base, sl_shard_file *file, size_t *part, size_t *parts);

#endif
