/* Groups, datasets and text attributes of an HDF5 image, as Keras and h5py write them. Hostile input: no address, size or count is
 * believed before it is checked, and what one file takes in memory and time is bounded by its size. Read are superblocks 0 to 3,
 * object headers 1 and 2, groups by symbol tables or link messages, contiguous and compact datasets, and attributes of
 * strings; all else is refused where it is asked for, with the object's path and a remedy. Checksums are not looked at.
 * Format: the HDF Group's "HDF5 File Format Specification", versions 1 to 3. Knows nothing of Keras. */
#ifndef SLUICE_IO_HDF5_HDF5_H
#define SLUICE_IO_HDF5_HDF5_H

#include "io/input.h"
#include "io/tensor_source.h"

/** The first bytes of an image without a user block, of which there are SL_HDF5_SIGNATURE_BYTES. */
#define SL_HDF5_SIGNATURE "\x89HDF\r\n\x1a\n"
enum { SL_HDF5_SIGNATURE_BYTES = 8 };

enum { SL_HDF5_MAX_DEPTH = 64 }; /* of groups in groups */

typedef enum sl_hdf5_kind { SL_HDF5_GROUP, SL_HDF5_DATASET, SL_HDF5_OTHER } sl_hdf5_kind; /* OTHER: a named type */

typedef struct sl_hdf5 sl_hdf5;

/** A group's child, or the root: a name that stands for an object, or for a link that is refused when it is followed. It lives until
 *  the file is closed, as all that these calls hand out. */
typedef struct sl_hdf5_object sl_hdf5_object;

/** Find the superblock of an image that is the whole of `input`, which is not owned and has to stay open. For one thread at a time.
 *  This call and those below fail with BAD_DATA and the byte offset, IO, NO_MEMORY; UNSUPPORTED for a pipe. A file that asks
 *  for more work or memory than one of its size can need, as those with loops do, is BAD_DATA; each call counts, but
 *  all of a file can be read several times. *file is NULL on failure. */
sluice_status sl_hdf5_open(const sl_input *input, sl_hdf5 **file, sluice_error *error);

/** NULL is allowed. */
void sl_hdf5_close(sl_hdf5 *file);

/** Bytes of memory that its structures have taken so far. */
size_t sl_hdf5_get_memory(const sl_hdf5 *file);

sl_hdf5_object *sl_hdf5_get_root(sl_hdf5 *file);

/** Its path from the root, "/a/b"; "/" of the root. Valid UTF-8. */
const char *sl_hdf5_get_path(const sl_hdf5_object *object);

/** The last part of its path; "" of the root. */
const char *sl_hdf5_get_name(const sl_hdf5_object *object);

/** What the object is. Soft, external and user-defined links are refused. */
sluice_status sl_hdf5_get_kind(sl_hdf5 *file, sl_hdf5_object *object, sl_hdf5_kind *kind, sluice_error *error);

/** The children of a group, in the order of strcmp of their names, which are different, not empty and without '/'. */
sluice_status sl_hdf5_list(sl_hdf5 *file, sl_hdf5_object *group, sl_hdf5_object ***children, size_t *count, sluice_error *error);

/** The object at a path: from a group, or from the root where it begins with '/'. *found is NULL where there is none. */
sluice_status sl_hdf5_find(sl_hdf5 *file, sl_hdf5_object *group, const char *path, sl_hdf5_object **found, sluice_error *error);

/** A text of an attribute: valid UTF-8 without NUL, terminated. Its users may change its bytes. */
typedef struct sl_hdf5_text {
    char *text; /* NULL: there is no such attribute */
    size_t bytes;
    size_t at; /* byte of the input where the text stands */
} sl_hdf5_text;

/** An attribute that is one string. */
sluice_status sl_hdf5_read_text(sl_hdf5 *file, sl_hdf5_object *object, const char *name, sl_hdf5_text *text, sluice_error *error);

/** An attribute that is a list of strings, or, where there is none of this name, the lists NAME0, NAME1, ... joined. */
typedef struct sl_hdf5_texts {
    sl_hdf5_text *texts; /* [count] */
    size_t count;
    bool found; /* there is such an attribute */
} sl_hdf5_texts;

sluice_status sl_hdf5_read_texts(sl_hdf5 *file, sl_hdf5_object *object, const char *name, sl_hdf5_texts *list, sluice_error *error);

/** Describe a dataset of numbers: its name is its path, and its elements are bytes of the file's input, row-major. Its type is OTHER for
 *  integers that sl_source_read does not convert, "I64". More than SL_TENSOR_MAX_DIMS dimensions are refused. */
sluice_status sl_hdf5_describe(sl_hdf5 *file, sl_hdf5_object *dataset, sl_tensor *tensor, sluice_error *error);

#endif
