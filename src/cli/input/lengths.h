/* --lengths FILE: the steps of each row, from a .npy array [N]. */
#ifndef SLUICE_CLI_INPUT_LENGTHS_H
#define SLUICE_CLI_INPUT_LENGTHS_H

#include "cli/input/npy_array.h"

#include <stdint.h>

/** Check that the opened file has N lengths, where N is that of the option `rows_of`; set its planes, rows and width, and accept it. */
sl_exit sl_lengths_check(sl_npy_array *lengths, size_t rows, const char *rows_of);

/** Copy the lengths of the `rows` rows in memory, which begin with row `first` of the file. Refuses a length above `steps`, which is
 *  that of the option `steps_of`. *sum is the sum of the lengths. */
sl_exit sl_lengths_take(const sl_npy_array *lengths, size_t first, size_t rows, size_t steps, const char *steps_of, int64_t *to,
                        uint64_t *sum);

#endif
