/* The opcodes of a Python pickle, one by one, and how much they make of values, found before any value is made: so all memory is
 * taken at once, in proportion to the file, and what makes the values need not look for an empty stack. Only the opcodes are known
 * that torch.save writes; none of them calls anything. Knows nothing of torch's objects. Format: Lib/pickletools.py of Python. */
#ifndef SLUICE_IO_TORCH_PICKLE_SCAN_H
#define SLUICE_IO_TORCH_PICKLE_SCAN_H

#include "sluice.h"

#include <stdbool.h>
#include <stdint.h>

enum { SL_PICKLE_MAX_BYTES = 256 << 20, SL_PICKLE_MAX_MARKS = 1000 }; /* marks that are open at one time */

/** The bytes of one pickle, or bytes of the file from its beginning on. */
typedef struct sl_pickle_text {
    const char *name; /* of the file */
    const unsigned char *bytes;
    size_t size;
    size_t origin; /* where they begin in the file */
} sl_pickle_text;

/** An opcode's name is that of Python's pickletools. */
enum {
    SL_OP_MARK = '(',
    SL_OP_STOP = '.',
    SL_OP_POP = '0',
    SL_OP_EMPTY_DICT = '}',
    SL_OP_EMPTY_LIST = ']',
    SL_OP_EMPTY_TUPLE = ')',
    SL_OP_APPEND = 'a',
    SL_OP_APPENDS = 'e',
    SL_OP_SETITEM = 's',
    SL_OP_SETITEMS = 'u',
    SL_OP_TUPLE = 't',
    SL_OP_NONE = 'N',
    SL_OP_BININT = 'J',
    SL_OP_BININT1 = 'K',
    SL_OP_BININT2 = 'M',
    SL_OP_BINFLOAT = 'G',
    SL_OP_BINUNICODE = 'X',
    SL_OP_BINBYTES = 'B',
    SL_OP_SHORT_BINBYTES = 'C',
    SL_OP_BINPUT = 'q',
    SL_OP_LONG_BINPUT = 'r',
    SL_OP_BINGET = 'h',
    SL_OP_LONG_BINGET = 'j',
    SL_OP_GLOBAL = 'c',
    SL_OP_REDUCE = 'R',
    SL_OP_BUILD = 'b',
    SL_OP_BINPERSID = 'Q',
    SL_OP_PROTO = 0x80,
    SL_OP_NEWOBJ = 0x81,
    SL_OP_TUPLE1 = 0x85,
    SL_OP_TUPLE2 = 0x86,
    SL_OP_TUPLE3 = 0x87,
    SL_OP_NEWTRUE = 0x88,
    SL_OP_NEWFALSE = 0x89,
    SL_OP_LONG1 = 0x8a,
    SL_OP_SHORT_BINUNICODE = 0x8c,
    SL_OP_STACK_GLOBAL = 0x93,
    SL_OP_MEMOIZE = 0x94,
    SL_OP_FRAME = 0x95
};

typedef struct sl_pickle_op {
    unsigned char code;
    size_t at;           /* of the opcode in the text */
    size_t begin, bytes; /* of its text, as a string's or both lines of a GLOBAL without the last newline; else of its number */
    uint64_t number;     /* of a fixed size, little-endian, not sign-extended */
} sl_pickle_op;

/** What the values of a pickle take. */
typedef struct sl_pickle_extent {
    size_t bytes; /* of the pickle, from the text's first byte to its STOP */
    size_t nodes; /* values that have to be kept */
    size_t cells; /* references from one value to another */
    size_t memo;  /* one more than the largest index */
    size_t stack; /* values at most */
    bool is_cut;  /* the text ended within the pickle: more of it might succeed */
} sl_pickle_extent;

/** Decode the opcode at *at and step over it. BAD_DATA: the text ends, or the opcode is not known; *is_cut says that it ends. */
sluice_status sl_pickle_decode(const sl_pickle_text *text, size_t *at, sl_pickle_op *op, bool *is_cut, sluice_error *error);

/** Check a pickle up to its STOP: every opcode known, and what it takes on the stack. BAD_DATA with the byte. */
sluice_status sl_pickle_measure(const sl_pickle_text *text, sl_pickle_extent *extent, sluice_error *error);

/** Fail with BAD_DATA at a byte of the text. */
sluice_status sl_pickle_fail(const sl_pickle_text *text, size_t at, sluice_error *error, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
