/* --lengths FILE: the steps of each row, from a .npy array [N]. */
#ifndef SLUICE_CLI_INPUT_LENGTHS_H
#define SLUICE_CLI_INPUT_LENGTHS_H

#include "cli/input/npy_array.h"

#include <stdint.h>

/** Check the opened file's shape against N, whose option is `rows_of`, and give it its planes, rows and width; accept it. */
sl_exit sl_lengths_check(sl_npy_array *lengths, size_t rows, const char *rows_of);

/** Copy the lengths of the `rows` rows in memory, of which the first is the file's row `first`; each has to be from 0 to `steps`,
 *  whose option is `steps_of`. *sum is theirs. */
sl_exit sl_lengths_take(const sl_npy_array *lengths, size_t first, size_t rows, size_t steps, const char *steps_of, int64_t *to,
                        uint64_t *sum);

#endif
