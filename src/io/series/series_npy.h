/* Series of a .npy array: [T] and [T][I] are one series, [N][T][I] are N. */
#ifndef SLUICE_IO_SERIES_SERIES_NPY_H
#define SLUICE_IO_SERIES_SERIES_NPY_H

#include "io/series/series_source.h"

/** Take over an array, which is closed on failure. BAD_DATA: another number of dimensions, or no columns; NO_MEMORY. `name` is that of the file. */
sluice_status sl_series_open_npy(sl_npy_reader *array, const sl_npy_header *header, const char *name, sl_series_source *source,
                                 sluice_error *error);

#endif
