/* The element types of .npy files: names, sizes, and conversions to float32 and whole numbers. */
#ifndef SLUICE_IO_NPY_NPY_TYPE_H
#define SLUICE_IO_NPY_NPY_TYPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum sl_npy_type {
    SL_NPY_F4,
    SL_NPY_U1,
    SL_NPY_I4,
    SL_NPY_I8,
    SL_NPY_F2,
    SL_NPY_F8,
    SL_NPY_B1, /* one byte; 0 is False */
    SL_NPY_I1,
    SL_NPY_I2,
    SL_NPY_U2,
    SL_NPY_U4,
    SL_NPY_U8,
    SL_NPY_TYPES
} sl_npy_type;

/** Room for sl_npy_format_value. */
enum { SL_NPY_VALUE_BYTES = 32 };

/** Bytes of one element. */
size_t sl_npy_type_bytes(sl_npy_type type);

/** Its name as numpy has it, without the byte order: "f4". */
const char *sl_npy_type_get_name(sl_npy_type type);

/** Whether its values are whole numbers by themselves: not the floating-point types, and not b1. */
bool sl_npy_type_is_integer(sl_npy_type type);

/** Read the descr of a header in any of numpy's spellings: "<f4", "f4", "=f4", "float32", "f". False: none of the types above. */
bool sl_npy_type_parse(const char *descr, size_t size, sl_npy_type *type, bool *big_endian);

/** Reverse the byte order of `count` elements. */
void sl_npy_swap(sl_npy_type type, void *data, size_t count);

/** Convert `count` aligned elements to float32, rounding to the nearest as numpy's astype. Returns the first element that lost
 *  more than the last bits of a fraction, or `count`: a whole number that float32 does not have, a finite number that became
 *  infinite. */
size_t sl_npy_to_f4(sl_npy_type type, const void *data, size_t count, float *to);

/** Element k as an integer; false if it is not a whole number, or does not fit. */
bool sl_npy_get_integer(sl_npy_type type, const void *data, size_t k, int64_t *value);

/** Element k in the fewest digits that distinguish it from its neighbours. Returns text. */
const char *sl_npy_format_value(sl_npy_type type, const void *data, size_t k, char text[SL_NPY_VALUE_BYTES]);

#endif
