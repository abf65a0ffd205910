/* What a part is: of which run, which rows, and its bytes. A JSON file beside the part (shard_files.h), written once the part is whole. */
#ifndef SLUICE_CLI_SHARDS_SHARD_RECORD_H
#define SLUICE_CLI_SHARDS_SHARD_RECORD_H

#include "program/report.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sl_shard_kind { SL_SHARD_TEXT, SL_SHARD_NPY, SL_SHARD_NPZ, SL_SHARD_IN_PLACE } sl_shard_kind;

enum { SL_SHARD_OPTIONS_BYTES = 512 };

typedef struct sl_shard_record {
    /* The same for all parts */
    size_t parts;
    uint64_t model, input;                /* digests: of the model, and of the input files' sizes and of samples of their bytes */
    char options[SL_SHARD_OPTIONS_BYTES]; /* version, and the options that change the results, in words */
    sl_shard_kind kind;
    size_t axis;    /* of an array: which one is that of the rows, 0 or 1 */
    uint64_t total; /* rows, or windows of series; of lines the bytes of the input */
    /* The part's own */
    size_t part;
    uint64_t first, count; /* likewise */
    uint64_t read;         /* digest of its own share of the input */
    uint64_t bytes;        /* of the file */
    uint64_t written;      /* digest of its rows; of text of its bytes (cli/digest.h) */
} sl_shard_record;

/** Write a record. Errors are reported. */
sl_exit sl_shard_record_write(const char *path, const sl_shard_record *record);

/** Read a record. *found: it exists, else SL_EXIT_OK too. Refuses (and reports) what is none, with `remedy`; without one (NULL) the record
 *  is then all zeros, and equals no other. */
sl_exit sl_shard_record_read(const char *path, const char *remedy, sl_shard_record *record, bool *found);

/** What `b` has that is not as in `a`, of what is the same for all parts: "another model"; NULL: nothing. */
const char *sl_shard_record_compare(const sl_shard_record *a, const sl_shard_record *b);

#endif
