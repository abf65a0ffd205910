/* Arrays of targets, for all commands that have some: labels [N] or [N][T], values [N], [N][C] or [N][T][C]. */
#ifndef SLUICE_CLI_INPUT_TARGET_ARRAY_H
#define SLUICE_CLI_INPUT_TARGET_ARRAY_H

#include "cli/input/npy_array.h"

/** A label that is ignored. */
enum { SL_LABEL_IGNORED = -100 };

/** Check that an opened array has targets for N rows of T steps, those of the option `rows_of`, set its rows, and accept it. Dimensions of
 *  size 1, with which some programs write labels, are dropped. *every_step: it has a target for each step, with T before N if `step_first`;
 *  *width: of a target. Refuses (and reports) others. */
sl_exit sl_target_array_check(sl_npy_array *array, bool is_values, size_t rows, size_t steps, bool step_first, const char *rows_of,
                              bool *every_step, size_t *width);

/** The label that element `at` in memory is, of this row and step in messages; a negative one is SL_LABEL_IGNORED. Refuses (and reports)
 *  what is no label. */
sl_exit sl_target_array_take_label(const sl_npy_array *array, size_t at, size_t row, size_t step, int32_t *label);

#endif
