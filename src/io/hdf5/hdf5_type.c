#include "io/hdf5/hdf5_type.h"

#include "base/size.h"

#include <string.h>

enum { CLASS_INTEGER = 0, CLASS_FLOAT = 1, CLASS_STRING = 3, CLASS_OPAQUE = 5, CLASS_REFERRED = 9, CLASSES = 13 };
enum { BIG_ENDIAN = 1, SIGNED = 1 << 3, IMPLIED_BIT = 2 << 4, VAX = 1 << 6 }; /* of the class's bits */

/* Floats: all numbers by which the format describes one. */
static const struct float_type {
    const char *name;
    sl_element element;
    unsigned bytes, exponent_bits, mantissa_bits, bias;
} float_types[] = {{"F32", SL_ELEMENT_F32, 4, 8, 23, 127},
                   {"F16", SL_ELEMENT_F16, 2, 5, 10, 15},
                   {"BF16", SL_ELEMENT_BF16, 2, 8, 7, 127},
                   {"F64", SL_ELEMENT_F64, 8, 11, 52, 1023}};

/* Integers, by the logarithm of their bytes and their sign. */
static const struct {
    const char *name;
    sl_element element;
} integer_types[4][2] = {{{"U8", SL_ELEMENT_U8}, {"I8", SL_ELEMENT_I8}},
                         {{"U16", SL_ELEMENT_OTHER}, {"I16", SL_ELEMENT_OTHER}},
                         {{"U32", SL_ELEMENT_OTHER}, {"I32", SL_ELEMENT_OTHER}},
                         {{"U64", SL_ELEMENT_OTHER}, {"I64", SL_ELEMENT_OTHER}}};

static void take_float(sl_hdf5_bytes *from, unsigned bits, sl_hdf5_type *type)
{
    const uint64_t offset = sl_hdf5_take(from, 2), precision = sl_hdf5_take(from, 2), exponent_at = sl_hdf5_take(from, 1),
                   exponent_bits = sl_hdf5_take(from, 1), mantissa_at = sl_hdf5_take(from, 1),
                   mantissa_bits = sl_hdf5_take(from, 1), bias = sl_hdf5_take(from, 4);
    type->name = bits & (BIG_ENDIAN | VAX) ? "big-endian floats" : "floats of another layout than IEEE's";
    for (size_t k = 0; k < sizeof float_types / sizeof float_types[0]; k++) {
        const struct float_type *known = &float_types[k];
        if (type->bytes == known->bytes && (bits & (BIG_ENDIAN | VAX)) == 0 && (bits & (3 << 4)) == IMPLIED_BIT &&
            bits >> 8 == 8 * known->bytes - 1 && offset == 0 && precision == 8 * known->bytes &&
            exponent_at == known->mantissa_bits && exponent_bits == known->exponent_bits && mantissa_at == 0 &&
            mantissa_bits == known->mantissa_bits && bias == known->bias) {
            type->class = SL_HDF5_NUMBER;
            type->name = known->name;
            type->element = known->element;
        }
    }
}

static void take_integer(sl_hdf5_bytes *from, unsigned bits, sl_hdf5_type *type)
{
    const uint64_t offset = sl_hdf5_take(from, 2), precision = sl_hdf5_take(from, 2);
    type->name = bits & BIG_ENDIAN ? "big-endian integers" : "integers of unusual size";
    for (size_t k = 0; k < sizeof integer_types / sizeof integer_types[0]; k++) {
        if (type->bytes == (size_t)1 << k && offset == 0 && precision == 8 * type->bytes && (k == 0 || !(bits & BIG_ENDIAN))) {
            type->class = SL_HDF5_NUMBER;
            type->name = integer_types[k][bits & SIGNED ? 1 : 0].name;
            type->element = integer_types[k][bits & SIGNED ? 1 : 0].element;
        }
    }
}

static void take_string(unsigned bits, sl_hdf5_type *type)
{
    if ((bits & 15) > SL_HDF5_SPACE_PADDED)
        return;
    type->class = SL_HDF5_STRING;
    type->padding = (sl_hdf5_padding)(bits & 15);
}

/* An element is the length of a string, and where it is. */
static void take_referred(unsigned bits, sl_hdf5_type *type)
{
    enum { SEQUENCE = 0, STRING = 1, ELEMENT_BYTES = 16 };
    if ((bits & 15) != STRING || type->bytes != ELEMENT_BYTES)
        return;
    type->class = SL_HDF5_REFERRED_STRING;
    type->name = "strings";
    type->padding = SL_HDF5_NUL_PADDED;
}

sluice_status sl_hdf5_take_type(sl_hdf5 *file, sl_hdf5_bytes *from, sl_hdf5_type *type, sluice_error *error)
{
    static const char *const names[CLASSES] = {"integers", "floats",     "times",        "strings", "bit fields", "opaque bytes",
                                               "records",  "references", "enumerations", "lists",   "arrays",     "complex numbers",
                                               ""};
    const size_t at = from->at + from->used;
    const uint64_t first = sl_hdf5_take(from, 1), class = first & 15, version = first >> 4;
    const unsigned bits = (unsigned)sl_hdf5_take(from, 3);
    *type = (sl_hdf5_type){.class = SL_HDF5_NOT_READ, .bytes = (size_t)sl_hdf5_take(from, 4)};
    if (from->lacking || !type->bytes || class >= CLASSES - 1)
        return sl_hdf5_fail_damaged(file, at, "a datatype", error);
    if (version < 1 || version > 5)
        return sl_hdf5_fail(file, at, error, "a datatype of version %u, expected 1 to 5; rewrite the file with h5repack IN OUT",
                            (unsigned)version);
    type->name = names[class];
    if (class == CLASS_FLOAT)
        take_float(from, bits, type);
    else if (class == CLASS_INTEGER)
        take_integer(from, bits, type);
    else if (class == CLASS_STRING)
        take_string(bits, type);
    else if (class == CLASS_REFERRED)
        take_referred(bits, type);
    return from->lacking ? sl_hdf5_fail_damaged(file, at, "a datatype", error) : SLUICE_STATUS_OK;
}

sluice_status sl_hdf5_take_space(sl_hdf5 *file, sl_hdf5_bytes *from, sl_hdf5_space *space, sluice_error *error)
{
    enum { OLD_RESERVED = 5, NULL_SPACE = 2 };
    const size_t at = from->at + from->used;
    const uint64_t version = sl_hdf5_take(from, 1), rank = sl_hdf5_take(from, 1);
    sl_hdf5_take(from, 1); /* whether the largest dimensions follow */
    *space = (sl_hdf5_space){.rank = (size_t)rank, .elements = 1, .scalar = rank == 0};
    if (version == 1)
        sl_hdf5_take_bytes(from, OLD_RESERVED);
    else if (sl_hdf5_take(from, 1) == NULL_SPACE)
        space->elements = 0;
    if (from->lacking || version < 1 || version > 2 || rank > SL_HDF5_MAX_RANK)
        return sl_hdf5_fail_damaged(file, at, "a dataspace, of version 1 or 2", error);
    for (size_t k = 0; k < rank; k++) {
        const uint64_t dimension = sl_hdf5_take(from, 8);
        space->shape[k] = (size_t)dimension;
        if (dimension > SIZE_MAX || !sl_size_mul(space->elements, space->shape[k], &space->elements))
            return sl_hdf5_fail(file, at, error,
                                "a dataspace of more elements than fit this machine's address space; the file is "
                                "damaged");
    }
    return from->lacking ? sl_hdf5_fail_damaged(file, at, "a dataspace", error) : SLUICE_STATUS_OK;
}
