/* A file of torch.save or torch.jit.save that is open: the values of its pickle, and where the bytes of a storage are. Zip archives
 * (torch 1.6 and later, TorchScript), and before that pickles in a row with the storages behind them. */
#ifndef SLUICE_IO_TORCH_TORCH_ARCHIVE_H
#define SLUICE_IO_TORCH_TORCH_ARCHIVE_H

#include "io/input.h"
#include "io/torch/torch_storage.h"
#include "io/zip/zip.h"

/** A storage of an old file. */
typedef struct sl_torch_place {
    sl_value key;
    size_t bytes, begin; /* begin is where they are in the file; SIZE_MAX: not there */
    size_t element_bytes;
    size_t at; /* where in the pickle's text it is stated first */
} sl_torch_place;

typedef struct sl_torch_archive {
    const sl_input *input;
    unsigned char *text; /* the pickle's bytes */
    sl_pickle pickle;
    sl_zip *zip;      /* NULL: an old file */
    const char *root; /* of a zip: the folder of its members, with the slash; not terminated */
    size_t root_bytes;
    sl_torch_place *places; /* of an old file, sorted by key */
    size_t place_count;
} sl_torch_archive;

/** Open a zip archive's or an old file's pickle. BAD_DATA, UNSUPPORTED, IO, NO_MEMORY; *archive is to be released in any case. */
sluice_status sl_torch_zip_open(const sl_input *input, sl_torch_archive *archive, sluice_error *error);
sluice_status sl_torch_legacy_open(const sl_input *input, sl_torch_archive *archive, sluice_error *error);

/** Find where in the file a storage begins, all of which is there. BAD_DATA, IO, NO_MEMORY. */
sluice_status sl_torch_zip_find(sl_torch_archive *archive, const sl_torch_storage *storage, size_t *begin, sluice_error *error);
sluice_status sl_torch_legacy_find(const sl_torch_archive *archive, const sl_torch_storage *storage, size_t *begin,
                                   sluice_error *error);

/** One starts from zeros. */
void sl_torch_archive_release(sl_torch_archive *archive);

#endif
