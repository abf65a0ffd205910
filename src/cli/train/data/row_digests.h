/* The one time that all rows are read: for their digests, and to refuse numbers that are not finite. Of several ranks each reads a share. */
#ifndef SLUICE_CLI_TRAIN_DATA_ROW_DIGESTS_H
#define SLUICE_CLI_TRAIN_DATA_ROW_DIGESTS_H

#include "cli/train/data/train_data.h"

/** Read the rows, of several ranks neighbouring ones each, set data->row_digests and data->largest, and continue *digest with the digests of
 *  the rows in their order, which are the same on any number of ranks. The ranks have data of the same number of rows. Refuses (and reports,
 *  with row and step) non-finite numbers, of several ranks those of the first row that has any. SL_EXIT_INTERRUPTED, which is not reported:
 *  a signal arrived. No-op for windows. */
sl_exit sl_row_digests_make(sl_data *data, uint64_t *digest);

/** Of several ranks: when a rank is about to use a row for the first time, refuse (and report) one that is not as the rank had it that read
 *  it for sl_row_digests_make. */
sl_exit sl_row_digests_check(const sl_data *data, size_t row);

/** Continue *digest with all rows, as notes of the format "sluice train 1" have it: one row after the other goes into the same digest, so
 *  that every rank has to read all. SL_EXIT_INTERRUPTED as above. */
sl_exit sl_row_digests_chain(const sl_data *data, uint64_t *digest);

#endif
