/* The values of a Python pickle as plain data. Nothing is ever called: a class or a function is its name, and what Python would make by
 * calling it is an object that keeps the arguments and the state. Hostile input: memory is in proportion to the pickle's bytes, and
 * values may refer to each other in circles, so whoever walks them bounds the walk. Knows nothing of torch. */
#ifndef SLUICE_IO_TORCH_PICKLE_H
#define SLUICE_IO_TORCH_PICKLE_H

#include "io/torch/pickle_scan.h"

enum { SL_PICKLE_ROOM = 12 << 20 }; /* bytes that may be taken besides SL_PICKLE_TIMES the size of the pickle */
enum { SL_PICKLE_TIMES = 3 };       /* the bytes themselves are one more */

typedef uint32_t sl_value; /* the index of a node; 0: there is none */

typedef enum sl_value_kind {
    SL_VALUE_NOTHING,
    SL_VALUE_NONE,
    SL_VALUE_BOOL,
    SL_VALUE_INT,
    SL_VALUE_OPAQUE, /* a float, an integer of more than 64 bits, or bytes: none of which is needed */
    SL_VALUE_STRING,
    SL_VALUE_TUPLE,
    SL_VALUE_LIST,
    SL_VALUE_DICT, /* its cells are keys and values in turn; OrderedDict too */
    SL_VALUE_GLOBAL,
    SL_VALUE_OBJECT,    /* its cells are what was called, the arguments, the state (0: none), and items as of a list or a dict */
    SL_VALUE_PERSISTENT /* what its writer keeps elsewhere, as `value` says */
} sl_value_kind;

typedef struct sl_node {
    unsigned char kind; /* sl_value_kind */
    unsigned char seen; /* for who walks the values; 0 at first */
    bool has_pairs;     /* of an object: its items are keys and values in turn */
    uint32_t at;        /* of the opcode that made it, in the text */
    union {
        int64_t number; /* INT, BOOL */
        struct {
            uint32_t begin, bytes; /* STRING: its bytes in the text, UTF-8 without NUL */
        };
        struct {
            uint32_t first, last; /* TUPLE, LIST, DICT, OBJECT: cells; 0: none */
        };
        struct {
            sl_value module, global; /* GLOBAL: its names, which are STRING */
        };
        sl_value value; /* PERSISTENT */
    };
} sl_node;

typedef struct sl_cell {
    sl_value value;
    uint32_t next; /* 0: the last */
} sl_cell;

typedef struct sl_pickle {
    sl_pickle_text text;
    sl_node *nodes; /* owned, with the cells in the same block */
    sl_cell *cells;
    size_t node_count; /* node 0 counted */
    sl_value root;
    size_t room; /* bytes of memory that whoever walks the values may take */
} sl_pickle;

/** Make the values of a measured pickle, whose text has to stay as it is. `room` is SL_PICKLE_ROOM, or what another pickle of the file has
 *  left of it. BAD_DATA with the byte, NO_MEMORY; *pickle is then zeroed. */
sluice_status sl_pickle_read(const sl_pickle_text *text, const sl_pickle_extent *extent, size_t room, sl_pickle *pickle,
                             sluice_error *error);

/** A zeroed one is allowed. */
void sl_pickle_release(sl_pickle *pickle);

static inline const sl_node *sl_pickle_get(const sl_pickle *pickle, sl_value value)
{
    return &pickle->nodes[value];
}

/** The cell number `index` of a value that has cells; 0: there is none. Takes time in proportion to the index. */
sl_value sl_pickle_get_item(const sl_pickle *pickle, sl_value value, size_t index);

/** Whether a value is this string. */
bool sl_pickle_is_text(const sl_pickle *pickle, sl_value value, const char *text);

/** Whether a value is the class or function module.name. */
bool sl_pickle_is_global(const sl_pickle *pickle, sl_value value, const char *module, const char *name);

/** The value of a string key of a dict, or of an object's items; 0: there is none. Of several the last, as Python has it. */
sl_value sl_pickle_find(const sl_pickle *pickle, sl_value dict, const char *key);

/** The first cell of an object's items, of another value's cells; 0: there is none. */
uint32_t sl_pickle_get_first(const sl_pickle *pickle, sl_value value);

#endif
