/* Merging the rows of arrays, and the bytes of texts. */
#ifndef SLUICE_CLI_SHARDS_MERGE_ROWS_H
#define SLUICE_CLI_SHARDS_MERGE_ROWS_H

#include "cli/shards/part_set.h"

/** Write set->out from parts of one kind each. */
sl_exit sl_merge_text(const sl_part_set *set);
sl_exit sl_merge_npy(const sl_part_set *set);
sl_exit sl_merge_npz(const sl_part_set *set);

/** Check the rows of all parts in the file that they were written into. */
sl_exit sl_merge_check_in_place(const sl_part_set *set);

/** Report that a part's file, `path`, is not what its record says. */
sl_exit sl_merge_reject(const sl_part_set *set, size_t k, const char *path);

#endif
