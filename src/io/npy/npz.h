/* Writing NumPy's .npz files: zip archives of .npy files, stored as they are. Always with the 64-bit sizes of zip64, as numpy.savez
 * writes them, so that no size needs another form. */
#ifndef SLUICE_IO_NPY_NPZ_H
#define SLUICE_IO_NPY_NPZ_H

#include "io/npy/npy_header.h"
#include "sluice.h"

/** An array of the archive. */
typedef struct sl_npz_member {
    const char *name; /* without .npy; UTF-8 */
    sl_npy_header header;
} sl_npz_member;

typedef struct sl_npz_writer sl_npz_writer;

/** Begin writing a file ("-": standard output) as sl_npy_create does. The members are copied, but their names, which must outlive the
 *  writer. BAD_ARGUMENT (a name of more than 60,000 bytes), TOO_LARGE, IO, NO_MEMORY; *writer is then NULL. */
sluice_status sl_npz_create(const char *path, const sl_npz_member *members, size_t count, sl_npz_writer **writer,
                            sluice_error *error);

/** Write `count` elements of a member from its element `first` on, each once, in any order. To a pipe a member is written as a whole, and
 *  the members in their order; else UNSUPPORTED. BAD_ARGUMENT: elements that the array does not have. IO */
sluice_status sl_npz_write(sl_npz_writer *writer, size_t member, size_t first, size_t count, const void *data, sluice_error *error);

/** Finish: check that nothing failed and every element was written (else BAD_ARGUMENT), write the directory and give the file its name.
 *  Always frees the writer; on failure no file is left. */
sluice_status sl_npz_commit(sl_npz_writer *writer, sluice_error *error);

/** Abort: remove the temporary file and free the writer. NULL is allowed. */
void sl_npz_abort(sl_npz_writer *writer);

#endif
