/* Datatypes and dataspaces: what the elements of a dataset or an attribute are, and how many. */
#ifndef SLUICE_IO_HDF5_HDF5_TYPE_H
#define SLUICE_IO_HDF5_HDF5_TYPE_H

#include "io/hdf5/hdf5_file.h"

enum { SL_HDF5_MAX_RANK = 32 }; /* of the format */

typedef enum sl_hdf5_class { SL_HDF5_NUMBER, SL_HDF5_STRING, SL_HDF5_REFERRED_STRING, SL_HDF5_NOT_READ } sl_hdf5_class;

typedef enum sl_hdf5_padding { SL_HDF5_TERMINATED = 0, SL_HDF5_NUL_PADDED = 1, SL_HDF5_SPACE_PADDED = 2 } sl_hdf5_padding;

typedef struct sl_hdf5_type {
    sl_hdf5_class class;
    size_t bytes;     /* of an element, not zero */
    const char *name; /* of a number in safetensors' words, "F32"; of another type in English, "a compound" */
    sl_element element;
    sl_hdf5_padding padding; /* of a string */
} sl_hdf5_type;

/** Take a datatype; one that is not read is so described, with the class NOT_READ. */
sluice_status sl_hdf5_take_type(sl_hdf5 *file, sl_hdf5_bytes *from, sl_hdf5_type *type, sluice_error *error);

typedef struct sl_hdf5_space {
    bool scalar;
    size_t rank;
    size_t shape[SL_HDF5_MAX_RANK];
    size_t elements;
} sl_hdf5_space;

/** Take a dataspace; one of no elements at all, "null", has elements 0. */
sluice_status sl_hdf5_take_space(sl_hdf5 *file, sl_hdf5_bytes *from, sl_hdf5_space *space, sluice_error *error);

#endif
