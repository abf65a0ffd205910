/* An open HDF5 image as its readers see it: reads that are checked against its end, memory and work within a budget, failures that
 * name the object at work. Knows nothing of what the bytes mean. */
#ifndef SLUICE_IO_HDF5_HDF5_FILE_H
#define SLUICE_IO_HDF5_HDF5_FILE_H

#include "io/hdf5/hdf5.h"

#include <stdint.h>

enum { SL_HDF5_WINDOW = 1024, SL_HDF5_SCRATCH = 1 << 16 };

/* A message of an object header. */
typedef struct sl_hdf5_message {
    struct sl_hdf5_message *next; /* of the kinds that are read, in the file's order */
    size_t at;                    /* of its body */
    uint16_t bytes;
    uint8_t type, flags;
} sl_hdf5_message;

typedef enum sl_hdf5_link { SL_HDF5_HARD, SL_HDF5_SOFT, SL_HDF5_EXTERNAL, SL_HDF5_USER } sl_hdf5_link;

struct sl_hdf5_object {
    sl_hdf5_object *next, *parent; /* next: of the same group while it is read */
    const char *path, *name;       /* name points into path */
    size_t stated_at;              /* where the link to it stands; of the root its header */
    size_t header_at;              /* of a hard link */
    sl_hdf5_link link;
    bool has_header, has_children; /* whether the next fields are set */
    sl_hdf5_message *messages;
    size_t child_count;
    sl_hdf5_object **children; /* [child_count], by name */
    unsigned depth;
};

/* Memory that lives until the file is closed: behind this head. */
typedef struct sl_hdf5_block {
    struct sl_hdf5_block *next;
    size_t used, bytes;
} sl_hdf5_block;

struct sl_hdf5 {
    const sl_input *input;
    size_t base; /* byte of the input that is address 0 */
    size_t end;  /* of the image in the input */
    size_t memory_left, work_left;
    size_t memory;         /* that was taken */
    sl_hdf5_block *blocks; /* the first has room, perhaps */
    sl_hdf5_object root;
    const sl_hdf5_object *current; /* what a failure names; NULL: none yet */
    size_t window_at, window_bytes;
    unsigned char window[SL_HDF5_WINDOW];   /* what was read last */
    unsigned char scratch[SL_HDF5_SCRATCH]; /* of sl_hdf5_load */
};

/* Bytes of the image from which numbers are taken in order. */
typedef struct sl_hdf5_bytes {
    const unsigned char *data;
    size_t size, used;
    size_t at;    /* byte of the input of data[0] */
    bool lacking; /* more was taken than there is */
} sl_hdf5_bytes;

/** The next little-endian number of 1 to 8 bytes; 0, and `lacking` set, where fewer are left. */
uint64_t sl_hdf5_take(sl_hdf5_bytes *from, size_t bytes);

/** The next `bytes` bytes; NULL, and `lacking` set, where fewer are left. */
const unsigned char *sl_hdf5_take_bytes(sl_hdf5_bytes *from, size_t bytes);

/** Fail with BAD_DATA: "NAME: byte N: HDF5: object "/a/b": " and the message. */
sluice_status sl_hdf5_fail(const sl_hdf5 *file, size_t at, sluice_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/** sl_hdf5_fail: `what` is not as the format has it. */
sluice_status sl_hdf5_fail_damaged(const sl_hdf5 *file, size_t at, const char *what, sluice_error *error);

/** Read the head of a structure, which begins with the five bytes of `signature`, four letters and a version; `what` names it. */
sluice_status sl_hdf5_read_head(sl_hdf5 *file, size_t at, const char *signature, const char *what, unsigned char *head,
                                size_t bytes, sluice_error *error);

/** Whether an address is that of no byte, all of its bits being set. */
bool sl_hdf5_is_undefined(uint64_t address);

/** *at = the byte of the input at an address of which `bytes` bytes are needed; `what` names them and `stated_at` is where the
 *  address stands. */
sluice_status sl_hdf5_place(const sl_hdf5 *file, uint64_t address, uint64_t bytes, size_t stated_at, const char *what, size_t *at,
                            sluice_error *error);

/** Read bytes of the input, which have to be before `end`. */
sluice_status sl_hdf5_read(sl_hdf5 *file, size_t at, void *data, size_t bytes, sluice_error *error);

/** The same into the file's scratch, good until the next such call; at most SL_HDF5_SCRATCH. */
sluice_status sl_hdf5_load(sl_hdf5 *file, size_t at, size_t bytes, sl_hdf5_bytes *loaded, sluice_error *error);

/** `count` zeroed elements of `bytes` bytes that live until the file is closed. BAD_DATA where the budget is used up, with `at`. */
sluice_status sl_hdf5_keep(sl_hdf5 *file, size_t count, size_t bytes, size_t at, void *memory, sluice_error *error);

#endif
