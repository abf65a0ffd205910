/* Members of a zip archive in memory, stored or deflated. */
#ifndef SLUICE_IO_ZIP_ZIP_INFLATE_H
#define SLUICE_IO_ZIP_ZIP_INFLATE_H

#include "io/zip/zip.h"

/** All bytes of a member, member->bytes of them, freed by sl_free; their CRC is checked. *bytes is set on success only. BAD_DATA, with the
 *  byte offset: damaged, encrypted, compressed otherwise, or too large; IO, NO_MEMORY. */
sluice_status sl_zip_read_member(sl_zip *zip, const sl_zip_member *member, char **bytes, sluice_error *error);

#endif
