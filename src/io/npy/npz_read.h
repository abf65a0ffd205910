/* Reading NumPy's .npz files: zip archives of .npy files, stored as they are or deflated. */
#ifndef SLUICE_IO_NPY_NPZ_READ_H
#define SLUICE_IO_NPY_NPZ_READ_H

#include "io/npy/npy.h"

typedef struct sl_npz_reader sl_npz_reader;

/** Open a file ("-": standard input, from a file) and read its directory (io/zip/zip.h, whose errors these are). BAD_DATA too for what
 *  is no zip archive, and for a member "a" beside "a.npy". NO_INPUT, IO, NO_MEMORY; *reader is then NULL. */
sluice_status sl_npz_open(const char *path, sl_npz_reader **reader, sluice_error *error);

/** Members, of any names. */
size_t sl_npz_count(const sl_npz_reader *reader);

/** The name of member `index`, not terminated, and its bytes, without .npy where it ends so. */
const char *sl_npz_get_name(const sl_npz_reader *reader, size_t index, size_t *bytes);

/** Open the array `name`, that is the member name.npy; as sl_npy_open, but messages count bytes from the member's
 *  beginning, and name it: "h0.npz: lower.npy". Of a stored member the CRC is checked first, and any element can be read at any time; a
 *  deflated one is decompressed while it is read, forward only, and checked at its end. The array's reader may outlive the archive's.
 *  BAD_DATA where the archive has no such member; the errors of sl_zip_check_crc and sl_npy_open. */
sluice_status sl_npz_open_array(const sl_npz_reader *reader, const char *name, sl_npy_reader **array, sl_npy_header *header,
                                sluice_error *error);

/** Whether a path names an array of an archive, FILE.npz:NAME, and is not a file's as it stands. */
bool sl_npz_is_path(const char *path);

/** The bytes of a path that name the file: of FILE.npz:NAME those of FILE.npz, else all. */
size_t sl_npz_get_file_bytes(const char *path);

/** Open the array of such a path, or else a .npy file, by sl_npy_open. */
sluice_status sl_npz_open_path(const char *path, sl_npy_reader **array, sl_npy_header *header, sluice_error *error);

/** NULL is allowed. */
void sl_npz_close(sl_npz_reader *reader);

#endif
