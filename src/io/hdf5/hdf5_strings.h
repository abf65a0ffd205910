/* The strings that an attribute's value holds, or that it refers to. */
#ifndef SLUICE_IO_HDF5_HDF5_STRINGS_H
#define SLUICE_IO_HDF5_HDF5_STRINGS_H

#include "io/hdf5/hdf5_type.h"

/** Take `count` strings of a type, into texts [count]. */
sluice_status sl_hdf5_take_strings(sl_hdf5 *file, sl_hdf5_bytes *from, const sl_hdf5_type *type, size_t count, sl_hdf5_text *texts,
                                   sluice_error *error);

#endif
