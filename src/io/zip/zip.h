/* The directory of a zip archive: its members, and where in the file their bytes are. Hostile input: no size, count or offset is
 * believed before it is checked, and sizes are those of the central directory, as local headers may lack them. Format: PKWARE's
 * APPNOTE 6.3, with the records of 64-bit sizes (zip64). */
#ifndef SLUICE_IO_ZIP_ZIP_H
#define SLUICE_IO_ZIP_ZIP_H

#include "io/input.h"

#include <stdint.h>

typedef struct sl_zip_member {
    const char *name; /* [name_bytes], not terminated; lives as long as the archive */
    size_t name_bytes;
    size_t header_at; /* of the local header */
    size_t data_at;
    size_t stored_bytes; /* in the file, from data_at on */
    size_t bytes;        /* uncompressed, as the directory says */
    uint32_t crc;        /* of the uncompressed bytes */
    unsigned flags, method;
} sl_zip_member;

typedef struct sl_zip sl_zip;

/** Read the directory of an archive that is the whole of `input`, which is not owned and has to stay open. Its members lie inside the
 *  file, before the directory, do not overlap, and have different names. BAD_DATA with the byte offset, also
 *  where it is one of several disks; UNSUPPORTED for a pipe; IO, NO_MEMORY; *zip is then NULL. */
sluice_status sl_zip_open(const sl_input *input, sl_zip **zip, sluice_error *error);

/** Count memory for a member's bytes; false: all members together would take more than SL_ZIP_GROWTH times the archive and
 *  SL_ZIP_FREE_BYTES, as those of a bomb do. */
enum { SL_ZIP_GROWTH = 2, SL_ZIP_FREE_BYTES = 3 << 20 };
bool sl_zip_take_memory(sl_zip *zip, size_t bytes);

/** Of that, what was taken so far. */
size_t sl_zip_get_memory(const sl_zip *zip);

/** The input of which it is the whole. */
const sl_input *sl_zip_get_input(const sl_zip *zip);

/** Members, in the order of the directory. */
size_t sl_zip_count(const sl_zip *zip);
const sl_zip_member *sl_zip_get(const sl_zip *zip, size_t index);

/** The member of a name of `bytes` bytes; NULL: there is none. */
const sl_zip_member *sl_zip_find(const sl_zip *zip, const char *name, size_t bytes);

/** Whether its bytes are deflated, and not encrypted. */
bool sl_zip_is_deflated(const sl_zip_member *member);

/** Check that a member's bytes are in the file as they are, from data_at on: not encrypted, and stored. BAD_DATA,
 *  with a remedy; likewise where its two sizes differ. */
sluice_status sl_zip_check_stored(const sl_zip *zip, const sl_zip_member *member, sluice_error *error);

/** Likewise, and read all of its bytes and check their CRC. BAD_DATA, IO, NO_MEMORY. */
sluice_status sl_zip_check_crc(const sl_zip *zip, const sl_zip_member *member, sluice_error *error);

/** NULL is allowed. */
void sl_zip_close(sl_zip *zip);

#endif
