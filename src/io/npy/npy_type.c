/* What a .npy file's elements are worth. */
#include "io/npy/npy_type.h"

#include "io/widen.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* numpy's codes of one letter that mean the same everywhere; 'l' does not. */
static const struct {
    const char *name, *long_name;
    char code;
    unsigned char bytes;
} types[SL_NPY_TYPES] = {
    [SL_NPY_F4] = {"f4", "float32", 'f', 4}, [SL_NPY_U1] = {"u1", "uint8", 'B', 1},   [SL_NPY_I4] = {"i4", "int32", 'i', 4},
    [SL_NPY_I8] = {"i8", "int64", 'q', 8},   [SL_NPY_F2] = {"f2", "float16", 'e', 2}, [SL_NPY_F8] = {"f8", "float64", 'd', 8},
    [SL_NPY_B1] = {"b1", "bool", '?', 1},    [SL_NPY_I1] = {"i1", "int8", 'b', 1},    [SL_NPY_I2] = {"i2", "int16", 'h', 2},
    [SL_NPY_U2] = {"u2", "uint16", 'H', 2},  [SL_NPY_U4] = {"u4", "uint32", 'I', 4},  [SL_NPY_U8] = {"u8", "uint64", 'Q', 8},
};

size_t sl_npy_type_bytes(sl_npy_type type)
{
    assert((unsigned)type < SL_NPY_TYPES);
    return types[type].bytes;
}

const char *sl_npy_type_get_name(sl_npy_type type)
{
    assert((unsigned)type < SL_NPY_TYPES);
    return types[type].name;
}

bool sl_npy_type_is_integer(sl_npy_type type)
{
    return type != SL_NPY_B1 && types[type].name[0] != 'f';
}

bool sl_npy_type_parse(const char *descr, size_t size, sl_npy_type *type, bool *big_endian)
{
    const char order = size ? descr[0] : '\0';
    if (order == '<' || order == '>' || order == '=' || order == '|') {
        descr++;
        size--;
    }
    for (size_t k = 0; k < SL_NPY_TYPES; k++) {
        const char *const names[] = {types[k].name, types[k].long_name, (const char[]){types[k].code, '\0'}};
        for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
            if (strlen(names[j]) == size && memcmp(names[j], descr, size) == 0) {
                *type = (sl_npy_type)k;
                *big_endian = order == '>' && types[k].bytes > 1;
                return true;
            }
    }
    return false;
}

void sl_npy_swap(sl_npy_type type, void *data, size_t count)
{
    uint16_t *two = data;
    uint32_t *four = data;
    uint64_t *eight = data;
    switch (types[type].bytes) {
    case 2:
        for (size_t k = 0; k < count; k++)
            two[k] = __builtin_bswap16(two[k]);
        break;
    case 4:
        for (size_t k = 0; k < count; k++)
            four[k] = __builtin_bswap32(four[k]);
        break;
    case 8:
        for (size_t k = 0; k < count; k++)
            eight[k] = __builtin_bswap64(eight[k]);
        break;
    default:
        break;
    }
}

/* ---- As float32 ------------------------------------------------------------------------------------------------------------ */

/* Whether float32 has the number: its bits from the first to the last that is set are at most 24. */
static bool fits_f4(uint64_t magnitude)
{
    return magnitude <= 1u << 24 || magnitude >> __builtin_ctzll(magnitude) < 1u << 24;
}

/* A loop for each type, so that the type is not looked up for each element. `value` names the element. */
#define DEFINE_TO_F4(name, c_type, number, loses)                                                                                  \
    static size_t name(const void *data, size_t count, float *to)                                                                  \
    {                                                                                                                              \
        const c_type *from = data;                                                                                                 \
        size_t first = count;                                                                                                      \
        for (size_t k = 0; k < count; k++) {                                                                                       \
            const c_type value = from[k];                                                                                          \
            to[k] = (float)(number);                                                                                               \
            if (first == count && (loses))                                                                                         \
                first = k;                                                                                                         \
        }                                                                                                                          \
        return first;                                                                                                              \
    }
DEFINE_TO_F4(from_f4, float, value, false)
DEFINE_TO_F4(from_f2, uint16_t, sl_widen_f16(value), false)
DEFINE_TO_F4(from_f8, double, value, isinf(to[k]) && !isinf(value))
DEFINE_TO_F4(from_b1, uint8_t, value != 0, false)
DEFINE_TO_F4(from_u1, uint8_t, value, false)
DEFINE_TO_F4(from_i1, int8_t, value, false)
DEFINE_TO_F4(from_u2, uint16_t, value, false)
DEFINE_TO_F4(from_i2, int16_t, value, false)
DEFINE_TO_F4(from_u4, uint32_t, value, !fits_f4(value))
DEFINE_TO_F4(from_i4, int32_t, value, !fits_f4(value < 0 ? 0 - (uint64_t)value : (uint64_t)value))
DEFINE_TO_F4(from_u8, uint64_t, value, !fits_f4(value))
DEFINE_TO_F4(from_i8, int64_t, value, !fits_f4(value < 0 ? 0 - (uint64_t)value : (uint64_t)value))
#undef DEFINE_TO_F4

size_t sl_npy_to_f4(sl_npy_type type, const void *data, size_t count, float *to)
{
    static size_t (*const convert[SL_NPY_TYPES])(const void *, size_t, float *) = {
        [SL_NPY_F4] = from_f4, [SL_NPY_U1] = from_u1, [SL_NPY_I4] = from_i4, [SL_NPY_I8] = from_i8,
        [SL_NPY_F2] = from_f2, [SL_NPY_F8] = from_f8, [SL_NPY_B1] = from_b1, [SL_NPY_I1] = from_i1,
        [SL_NPY_I2] = from_i2, [SL_NPY_U2] = from_u2, [SL_NPY_U4] = from_u4, [SL_NPY_U8] = from_u8,
    };
    return convert[type](data, count, to);
}

/* ---- One value ------------------------------------------------------------------------------------------------------------- */

/* An element of a floating-point type. */
static double get_real(sl_npy_type type, const void *data, size_t k)
{
    return type == SL_NPY_F2   ? (double)sl_widen_f16(((const uint16_t *)data)[k])
           : type == SL_NPY_F4 ? (double)((const float *)data)[k]
                               : ((const double *)data)[k];
}

/* The bits of an element of a type of whole numbers: of a signed one, sign extended. */
static uint64_t get_whole(sl_npy_type type, const void *data, size_t k)
{
    switch (type) {
    case SL_NPY_I4:
        return (uint64_t)((const int32_t *)data)[k];
    case SL_NPY_B1:
        return ((const uint8_t *)data)[k] != 0;
    case SL_NPY_U1:
        return ((const uint8_t *)data)[k];
    case SL_NPY_I1:
        return (uint64_t)((const int8_t *)data)[k];
    case SL_NPY_I2:
        return (uint64_t)((const int16_t *)data)[k];
    case SL_NPY_U2:
        return ((const uint16_t *)data)[k];
    case SL_NPY_U4:
        return ((const uint32_t *)data)[k];
    default:
        return ((const uint64_t *)data)[k];
    }
}

bool sl_npy_get_integer(sl_npy_type type, const void *data, size_t k, int64_t *value)
{
    if (types[type].name[0] == 'f') {
        const double real = get_real(type, data, k);
        if (!(real >= -0x1p63 && real < 0x1p63))
            return false;
        *value = (int64_t)real;
        return (double)*value == real;
    }
    const uint64_t whole = get_whole(type, data, k);
    *value = (int64_t)whole;
    return type != SL_NPY_U8 || whole <= INT64_MAX;
}

const char *sl_npy_format_value(sl_npy_type type, const void *data, size_t k, char text[SL_NPY_VALUE_BYTES])
{
    if (types[type].name[0] != 'f') {
        const uint64_t whole = get_whole(type, data, k);
        if (types[type].name[0] == 'i')
            snprintf(text, SL_NPY_VALUE_BYTES, "%" PRId64, (int64_t)whole);
        else
            snprintf(text, SL_NPY_VALUE_BYTES, "%" PRIu64, whole);
        return text;
    }
    enum { FEWEST = 6, MOST = 17 };
    const double real = get_real(type, data, k);
    if (isnan(real)) /* its sign says nothing */
        return strcpy(text, "nan");
    for (int digits = FEWEST; digits <= MOST; digits++) {
        snprintf(text, SL_NPY_VALUE_BYTES, "%.*g", digits, real);
        if (type == SL_NPY_F8 ? strtod(text, NULL) == real : strtof(text, NULL) == (float)real)
            break;
    }
    return text;
}
