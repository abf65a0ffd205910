/* Rows that stay in their file and are read when a batch is made: of several ranks each reads those that it has. */
#ifndef SLUICE_CLI_TRAIN_DATA_ROW_FILE_H
#define SLUICE_CLI_TRAIN_DATA_ROW_FILE_H

#include "cli/input/npy_array.h"

#include <stdbool.h>
#include <stddef.h>

typedef struct sl_row_file sl_row_file;

/** Whether rows of a file shall stay there: with several ranks, if any part of it can be read at any time. */
bool sl_row_file_is_wanted(const char *path);

/** Take over the reader of an opened and accepted array in C order: of tokens [N][T], or of reals. Errors are reported. */
sl_exit sl_row_file_open_npy(sl_npy_array *array, bool has_tokens, sl_row_file **file);

/** Open a text that is not compressed, whose bytes are tokens. */
sl_exit sl_row_file_open_text(const char *path, sl_row_file **file);

/** Elements first .. first + count - 1: floats, or of tokens int32_t; valid until the next call. Errors are reported; among them a token
 *  that is none. */
sl_exit sl_row_file_read(sl_row_file *file, size_t first, size_t count, const void **elements);

/** Report that element k in memory, of this row and step, is no token. */
sl_exit sl_row_file_reject_token(const sl_npy_array *array, size_t k, size_t row, size_t step);

/** NULL is allowed. */
void sl_row_file_close(sl_row_file *file);

#endif
