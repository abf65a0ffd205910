/* Object headers of versions 1 and 2: the messages that say what an object is. */
#ifndef SLUICE_IO_HDF5_HDF5_HEADER_H
#define SLUICE_IO_HDF5_HDF5_HEADER_H

#include "io/hdf5/hdf5_file.h"

/* Types of messages that are read, or whose presence is looked at. */
enum {
    SL_HDF5_MESSAGE_SPACE = 0x1,
    SL_HDF5_MESSAGE_LINK_INFO = 0x2,
    SL_HDF5_MESSAGE_TYPE = 0x3,
    SL_HDF5_MESSAGE_LINK = 0x6,
    SL_HDF5_MESSAGE_EXTERNAL = 0x7,
    SL_HDF5_MESSAGE_LAYOUT = 0x8,
    SL_HDF5_MESSAGE_FILTERS = 0xb,
    SL_HDF5_MESSAGE_ATTRIBUTE = 0xc,
    SL_HDF5_MESSAGE_SYMBOL_TABLE = 0x11,
    SL_HDF5_MESSAGE_ATTRIBUTE_INFO = 0x15
};

/** Make `object` the one that failures name, refuse it where its link is followed nowhere, and read its header, once. */
sluice_status sl_hdf5_enter(sl_hdf5 *file, sl_hdf5_object *object, sluice_error *error);

/** The first message of a type from `from` on, or NULL. */
const sl_hdf5_message *sl_hdf5_find_message(const sl_hdf5_message *from, unsigned type);

/** Load the body of a message; one that is shared with other objects is refused. */
sluice_status sl_hdf5_load_message(sl_hdf5 *file, const sl_hdf5_message *message, sl_hdf5_bytes *body, sluice_error *error);

#endif
