/* A JSON text as a tree of values, for texts whose keys come in any order. Hostile input: its depth, and with it the number of its
 * values, is bounded. Knows nothing of what the text is about. */
#ifndef SLUICE_IO_KERAS_JSON_TREE_H
#define SLUICE_IO_KERAS_JSON_TREE_H

#include "sluice.h"

#include <stdbool.h>
#include <stdint.h>

enum { SL_JSON_MAX_VALUES = 100000 }; /* of a text, which take 4 MB */

typedef enum sl_json_kind {
    SL_JSON_NULL,
    SL_JSON_FALSE,
    SL_JSON_TRUE,
    SL_JSON_NUMBER,
    SL_JSON_STRING,
    SL_JSON_LIST,
    SL_JSON_OBJECT
} sl_json_kind;

/** A value. Those within a list or an object follow it: the first at value + 1, each next one at `end` of the one before. */
typedef struct sl_json {
    const char *key; /* in an object; NULL elsewhere */
    char *text;      /* of a string, terminated; of a number its first character */
    const struct sl_json *end;
    size_t at;         /* byte of the text where it begins */
    uint32_t bytes;    /* of a number's characters */
    sl_json_kind kind; /* sl_json_kind */
} sl_json;

typedef struct sl_json_tree {
    const char *name; /* of the text, for messages */
    size_t origin;    /* where it begins in the file */
    sl_json *values;  /* [0] is the whole */
    size_t memory;    /* of the values, in bytes */
} sl_json_tree;

/** Read a text of `size` bytes, which are changed and have to live as long as the tree, as has `name`. BAD_DATA with the byte, counted
 *  from `origin` on; NO_MEMORY. *tree needs no release on failure. */
sluice_status sl_json_tree_read(const char *name, char *text, size_t size, size_t origin, sl_json_tree *tree, sluice_error *error);

/** One that is zeroed is allowed. */
void sl_json_tree_release(sl_json_tree *tree);

/** The value of a key; the last one, if there are several. NULL if there is none, or `value` is NULL or no object. */
const sl_json *sl_json_get(const sl_json *value, const char *key);

/** The first value in a list or object, and the one behind `value` in `list`; NULL: there is none. */
const sl_json *sl_json_first(const sl_json *list);
const sl_json *sl_json_next(const sl_json *list, const sl_json *value);

/** The element of a list; NULL if there is none. */
const sl_json *sl_json_at(const sl_json *list, size_t index);

/** The text of a string; NULL if it is none. */
const char *sl_json_text(const sl_json *value);

/** Whether it is a whole number >= 0 that fits, and a number that fits a float. */
bool sl_json_size(const sl_json *value, size_t *size);
bool sl_json_number(const sl_json *value, float *number);

#endif
