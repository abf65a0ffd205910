/* Parsing and making the dict literal of a .npy header. Written for the three keys alone: no general Python, nothing evaluated. And
 * what stands in its place. */
#include "io/npy/npy_header.h"

#include "io/content.h"
#include "io/npy/shape.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

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
    size_t begin = scan->at;
    if (scan->size - begin >= 2 && scan->text[begin] == 'u' && strchr("'\"", scan->text[begin + 1])) /* Python 2's Unicode */
        begin = ++scan->at;
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

/* How an array `a` of a type that is none of ours becomes one of numbers. */
static const char *get_remedy(span descr)
{
    static const struct {
        const char *kinds, *remedy;
    } remedies[] = {
        {"O", "it holds Python objects; load it with a = numpy.load(FILE, allow_pickle=True) and save "
              "numpy.array(a.tolist(), 'f8'), its rows padded to one length"},
        {"cFDG", "it holds complex numbers; save numpy.concatenate([a.real, a.imag], -1), or one of the two"},
        {"mM", "it holds times; save a.astype('i8')"},
        {"SaU", "it holds text; save a.astype('f8') if that is numbers, or for labels numpy.unique(a, return_inverse=True)[1]"},
        {"V", "it holds records or raw bytes; save one field, a['NAME'], or a.view('u1')"},
    };
    size_t at = 0;
    while (at < descr.size && strchr("<>=|", descr.text[at]))
        at++;
    for (size_t k = 0; at < descr.size && k < sizeof remedies / sizeof remedies[0]; k++)
        if (strchr(remedies[k].kinds, descr.text[at]))
            return remedies[k].remedy;
    return "save a.astype('f4') for inputs, states and values, a.astype('i8') for tokens, lengths and labels";
}

static bool read_descr(sl_scan *scan, sl_npy_header *header)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    span descr;
    if (begin < scan->size && scan->text[begin] == '[')
        return sl_scan_fail(scan, begin,
                            "expected the type of a plain array in quotes, found '[': it holds records; save one field, a['NAME']");
    if (!read_string(scan, "the type of a plain array", &descr))
        return false;
    if (sl_npy_type_parse(descr.text, descr.size, &header->type, &header->big_endian))
        return true;
    return sl_scan_fail(scan, begin, "expected a type of numbers such as '<f4' or '<i8', found '%.*s': %s",
                        (int)sl_size_min(descr.size, 40), descr.text, get_remedy(descr));
}

static bool read_order(sl_scan *scan, sl_npy_header *header)
{
    sl_scan_skip(scan);
    const size_t begin = scan->at;
    while (scan->at < scan->size && ((scan->text[scan->at] | 0x20) >= 'a' && (scan->text[scan->at] | 0x20) <= 'z'))
        scan->at++;
    const span word = {scan->text + begin, scan->at - begin};
    header->column_major = equals(word, "True");
    if (header->column_major || equals(word, "False"))
        return true;
    scan->at = begin;
    return sl_scan_fail(scan, begin, "expected fortran_order True or False, found %s", sl_scan_get_found(scan).text);
}

/* A dimension, as Python 3 or Python 2 writes it: 4, 4L. */
static bool read_dimension(sl_scan *scan, size_t *size)
{
    if (!sl_scan_size(scan, "a dimension", size))
        return false;
    if (scan->at < scan->size && (scan->text[scan->at] == 'L' || scan->text[scan->at] == 'l'))
        scan->at++;
    return true;
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
            return sl_scan_fail(scan, begin, "the array has more than %d dimensions; save a.reshape(N, T, -1)", SL_NPY_MAX_DIMS);
        if (!read_dimension(scan, &header->shape[header->dims++]))
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

/* One `'key': value`; *seen has a bit for each key that was read. */
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
    return key == DESCR ? read_descr(scan, header) : key == ORDER ? read_order(scan, header) : read_shape(scan, header);
}

/* An array of which one dimension at most is longer than 1, or that is empty, is the same in both orders. */
static bool has_columns(const sl_npy_header *header)
{
    size_t longer = 0;
    for (size_t k = 0; k < header->dims; k++)
        longer += header->shape[k] > 1;
    return header->elements && longer > 1;
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
    if (!sl_shape_count(header->shape, header->dims, sl_npy_type_bytes(header->type), &header->elements, &bytes))
        return sl_scan_fail(scan, 0, "the shape is too large: its bytes do not fit this machine's address space");
    header->column_major = header->column_major && has_columns(header);
    return sl_scan_end(scan);
}

static bool has_mark(const void *begin, size_t bytes)
{
    return bytes >= 3 && memcmp(begin, "\xef\xbb\xbf", 3) == 0;
}

bool sl_npy_is_text(const void *data, size_t bytes)
{
    const unsigned char *begin = data;
    size_t plain = 0;
    while (plain < bytes && (begin[plain] >= 0x20 ? begin[plain] < 0x7f : begin[plain] && strchr("\t\r\n", begin[plain])))
        plain++;
    return plain == bytes || has_mark(begin, bytes);
}

/* What stands between the numbers of a text, by its first line that is no comment: ';', ',', or '\0' for white space. */
static char find_delimiter(const char *begin, size_t bytes)
{
    const char *end = begin + bytes, *line_end = memchr(begin, '\n', bytes);
    while (*begin == '#' && line_end && line_end + 1 < end) {
        begin = line_end + 1;
        line_end = memchr(begin, '\n', (size_t)(end - begin));
    }
    const size_t length = (size_t)((line_end ? line_end : end) - begin);
    if (memchr(begin, ';', length))
        return ';';
    return memchr(begin, ',', length) ? ',' : '\0';
}

/* numpy.loadtxt, whose default is white space, as numpy.savetxt's is. */
static const char *explain_text(const void *begin, size_t bytes, char text[SL_NPY_GUESS_BYTES])
{
    const char delimiter = find_delimiter(begin, bytes);
    char arguments[64] = "";
    if (delimiter)
        snprintf(arguments, sizeof arguments, ", delimiter='%c'", delimiter);
    if (has_mark(begin, bytes))
        strcat(arguments, ", encoding='utf-8-sig'");
    snprintf(
        text, SL_NPY_GUESS_BYTES,
        "text, such as CSV; save its numbers: python3 -c \"import numpy; numpy.save('x.npy', numpy.loadtxt('FILE'%s))\", with "
        "skiprows=1 below a line of names, and .reshape(N, T, I) behind loadtxt(...) for sequences; a table of steps is read as it "
        "is by sluice train --target, with --window or without, and of its models by sluice run -o FILE.csv and evaluate",
        arguments);
    return text;
}

const char *sl_npy_guess(const void *begin, size_t bytes, char text[SL_NPY_GUESS_BYTES])
{
    if (!bytes)
        return "empty; save the array again with numpy.save";
    switch (sl_content_find(begin, bytes)) {
    case SL_CONTENT_GZIP:
        return bytes < SL_NPY_FIXED_BYTES ? "gzip data that are cut short; download or compress the file again"
                                          : "gzip data in gzip data; unpack it first: gunzip -c < FILE > x.npy.gz";
    case SL_CONTENT_XZ:
    case SL_CONTENT_BZIP2:
    case SL_CONTENT_ZSTD:
        return "compressed (xz, bzip2 or zstd); unpack it first with that program's -dc < FILE > x.npy";
    case SL_CONTENT_ZIP: /* these few bytes do not show which kind */
        return "a zip archive, as .npz is; name an array of it, FILE.npz:NAME";
    case SL_CONTENT_HDF5:
        return "HDF5; read the array with h5py and save it: numpy.save('x.npy', h5py.File('FILE')['NAME'][()])";
    case SL_CONTENT_MATLAB:
        return "a MATLAB file; save the array: numpy.save('x.npy', scipy.io.loadmat('FILE')['NAME'])";
    case SL_CONTENT_PICKLE:
        return "a Python pickle; save the array: numpy.save('x.npy', numpy.load('FILE', allow_pickle=True))";
    default:
        break;
    }
    if (sl_npy_is_text(begin, bytes < SL_NPY_FIXED_BYTES ? bytes : SL_NPY_FIXED_BYTES))
        return explain_text(begin, bytes, text);
    return "something else; save the array with numpy.save, or if these are bare numbers, numpy.save('x.npy', "
           "numpy.fromfile('FILE', 'f4').reshape(N, T, I))";
}

size_t sl_npy_format(const sl_npy_header *header, char out[SL_NPY_HEADER_BYTES])
{
    assert(header->dims <= SL_NPY_MAX_DIMS);
    const size_t begin = SL_NPY_FIXED_BYTES + 2;
    size_t end = begin;
    end += (size_t)sprintf(out + end, "{'descr': '%c%s', 'fortran_order': False, 'shape': (",
                           sl_npy_type_bytes(header->type) > 1 ? '<' : '|', sl_npy_type_get_name(header->type));
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
