/* Parsing and making the dict literal of a .npy header. Written for the three keys alone: no general Python, nothing evaluated. */
#include "io/npy_header.h"

#include "io/shape.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *descr;
    size_t bytes;
} types[] = {[SL_NPY_F4] = {"<f4", 4}, [SL_NPY_U1] = {"|u1", 1}, [SL_NPY_I4] = {"<i4", 4}, [SL_NPY_I8] = {"<i8", 8}};
enum { TYPES = sizeof types / sizeof types[0] };

size_t sl_npy_type_bytes(sl_npy_type type)
{
    assert((unsigned)type < TYPES);
    return types[type].bytes;
}

typedef struct span {
    const char *text;
    size_t size;
} span;

static bool equals(span text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.text, word, text.size) == 0;
}

/* A quoted string of plain characters; escapes are nothing that a key or a type has. */
static bool read_string(sl_scan *scan, const char *what, span *string)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    const char quote = begin < scan->size ? scan->text[begin] : '\0';
    if (quote != '\'' && quote != '"')
        return sl_scan_fail(scan, begin, "expected %s in quotes, found %s", what, sl_scan_get_found(scan).text);
    for (scan->at++; scan->at < scan->size; scan->at++) {
        const unsigned char c = (unsigned char)scan->text[scan->at];
        if (c == (unsigned char)quote) {
            *string = (span){scan->text + begin + 1, scan->at - begin - 1};
            scan->at++;
            return true;
        }
        if (c < 0x20 || c > 0x7e || c == '\\')
            return sl_scan_fail(scan, scan->at, "expected a plain character in %s, found %s", what, sl_scan_get_found(scan).text);
    }
    return sl_scan_fail(scan, begin, "%s does not end before the header does", what);
}

static bool read_descr(sl_scan *scan, sl_npy_header *header)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    span descr;
    if (!read_string(scan, "the type of a plain array", &descr))
        return false;
    for (size_t k = 0; k < TYPES; k++)
        if (equals(descr, types[k].descr)) {
            header->type = (sl_npy_type)k;
            return true;
        }
    return sl_scan_fail(
        scan, begin,
        "expected type '<f4', '|u1', '<i4' or '<i8', found '%.*s'; convert the array first, a.astype('<f4') for example",
        (int)sl_size_min(descr.size, 40), descr.text);
}

static bool read_order(sl_scan *scan)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    while (scan->at < scan->size && ((scan->text[scan->at] | 0x20) >= 'a' && (scan->text[scan->at] | 0x20) <= 'z'))
        scan->at++;
    const span word = {scan->text + begin, scan->at - begin};
    if (equals(word, "False"))
        return true;
    if (equals(word, "True"))
        return sl_scan_fail(scan, begin, "the array is in Fortran order; save numpy.ascontiguousarray(a) instead");
    scan->at = begin;
    return sl_scan_fail(scan, begin, "expected fortran_order True or False, found %s", sl_scan_get_found(scan).text);
}

static bool read_shape(sl_scan *scan, sl_npy_header *header)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    if (!sl_scan_expect(scan, '('))
        return false;
    header->dims = 0;
    while (!sl_scan_accept(scan, ')')) {
        if (header->dims == SL_NPY_MAX_DIMS)
            return sl_scan_fail(scan, begin, "the array has more than %d dimensions", SL_NPY_MAX_DIMS);
        if (!sl_scan_size(scan, "a dimension", &header->shape[header->dims++]))
            return false;
        if (sl_scan_accept(scan, ','))
            continue;
        if (header->dims == 1) /* (5) is a number in Python; (5,) is a tuple */
            return sl_scan_expect(scan, ',');
        if (!sl_scan_expect(scan, ')'))
            return false;
        break;
    }
    return true;
}

enum { DESCR, ORDER, SHAPE, KEYS };
static const char *const keys[KEYS] = {"descr", "fortran_order", "shape"};

/* One `'key': value`; *seen has a bit for each key met. */
static bool read_entry(sl_scan *scan, sl_npy_header *header, unsigned *seen)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    span name;
    if (!read_string(scan, "a key", &name))
        return false;
    int key = 0;
    while (key < KEYS && !equals(name, keys[key]))
        key++;
    if (key == KEYS)
        return sl_scan_fail(scan, begin, "expected 'descr', 'fortran_order' or 'shape', found '%.*s'",
                            (int)sl_size_min(name.size, 40), name.text);
    if (*seen & 1u << key)
        return sl_scan_fail(scan, begin, "'%s' is there twice", keys[key]);
    *seen |= 1u << key;
    if (!sl_scan_expect(scan, ':'))
        return false;
    return key == DESCR ? read_descr(scan, header) : key == ORDER ? read_order(scan) : read_shape(scan, header);
}

bool sl_npy_parse(sl_scan *scan, sl_npy_header *header)
{
    memset(header, 0, sizeof *header);
    unsigned seen = 0;
    if (!sl_scan_expect(scan, '{'))
        return false;
    while (!sl_scan_accept(scan, '}')) {
        if (!read_entry(scan, header, &seen))
            return false;
        if (sl_scan_accept(scan, ','))
            continue;
        if (!sl_scan_expect(scan, '}'))
            return false;
        break;
    }
    for (int key = 0; key < KEYS; key++)
        if (!(seen & 1u << key))
            return sl_scan_fail(scan, scan->at, "'%s' is missing before the end of the dict", keys[key]);
    size_t bytes;
    if (!sl_shape_count(header->shape, header->dims, types[header->type].bytes, &header->elements, &bytes))
        return sl_scan_fail(scan, 0, "the shape is too large: its bytes do not fit this machine's address space");
    return sl_scan_end(scan);
}

size_t sl_npy_format(const sl_npy_header *header, char out[SL_NPY_HEADER_BYTES])
{
    assert((unsigned)header->type < TYPES && header->dims <= SL_NPY_MAX_DIMS);
    const size_t begin = SL_NPY_FIXED_BYTES + 2;
    size_t end = begin;
    end += (size_t)sprintf(out + end, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[header->type].descr);
    for (size_t k = 0; k < header->dims; k++)
        end += (size_t)sprintf(out + end, k ? ", %zu" : "%zu", header->shape[k]);
    end += (size_t)sprintf(out + end, header->dims == 1 ? ",), }" : "), }");
    const size_t padded = sl_size_round_up(end + 1, 64);
    memset(out + end, ' ', padded - end - 1);
    out[padded - 1] = '\n';
    memcpy(out, SL_NPY_MAGIC "\x01\x00", SL_NPY_FIXED_BYTES);
    out[SL_NPY_FIXED_BYTES] = (char)(unsigned char)((padded - begin) & 0xff);
    out[SL_NPY_FIXED_BYTES + 1] = (char)(unsigned char)((padded - begin) >> 8);
    return padded;
}
