/* Fields of rows. One table gives for each field its key in files, its type, its place in a struct, its column in tables, and its
 * meaning; rows are written, read back, compared and documented from this table. Knows nothing of what the keys mean. */
#ifndef SLUICE_PERF_REPORT_FIELD_H
#define SLUICE_PERF_REPORT_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/** The C type of the struct's member, and with it the JSON type. */
typedef enum sl_field_type {
    SL_FIELD_SIZE,     /* size_t: an integer */
    SL_FIELD_UNSIGNED, /* unsigned: an integer */
    SL_FIELD_FLAG,     /* bool */
    SL_FIELD_REAL,     /* double */
    SL_FIELD_TEXT      /* const char *; NULL: null */
} sl_field_type;

/** Properties of a field, combined by |. */
enum {
    SL_FIELD_ZERO_IS_NULL = 1,   /* a number that is 0 is unknown: null in files */
    SL_FIELD_REQUIRED = 2,       /* a record whose rows lack it is refused */
    SL_FIELD_IDENTITY = 4,       /* rows that differ in it are different measurements, which are not compared with each other */
    SL_FIELD_CONDITION = 8,      /* figures depend on it: a comparison notes where it differs */
    SL_FIELD_OF_PEERS = 16,      /* its column is shown only in a report of several peers */
    SL_FIELD_OF_NETWORKS = 32,   /* likewise, of named networks */
    SL_FIELD_OF_PRECISIONS = 64, /* likewise, of precisions other than f32 */
    SL_FIELD_NAN_IS_NULL = 128   /* a number that is NaN is unknown: null in files */
};

/** A column of the formats that people read; the formats for programs hold every key. */
typedef struct sl_column {
    const char *heading;                      /* short, with the unit; NULL: no column */
    int width;                                /* characters; negative: aligned left */
    int decimals;                             /* of a real number; negative: as many, with an exponent */
    double scale;                             /* a real number is multiplied by it; 0 means 1 */
    bool (*is_impossible)(const json_t *row); /* whether a row's number cannot be right, which is marked by '!'; NULL: never */
} sl_column;

typedef struct sl_field {
    const char *key;
    size_t offset; /* of the member */
    sl_field_type type;
    unsigned flags;
    const char *unit;    /* "": none */
    const char *meaning; /* documentation, in Markdown */
    sl_column column;
} sl_field;

typedef struct sl_field_table {
    size_t count;
    const sl_field *fields; /* [count] in the order of the keys in a row */
} sl_field_table;

/** Make a row of a struct that the table describes; characters of texts that are not printable ASCII become '?'. NULL: no memory. */
json_t *sl_fields_to_row(const sl_field_table *table, const void *values);

/** The first field of the table whose value in a row is missing though it is required, or of another type; NULL: there is none.
 *  A field that is not required may be missing or null, as in records of earlier versions. */
const sl_field *sl_fields_find_invalid(const sl_field_table *table, const json_t *row);

/** "a whole number", "a number", "a text" or "true or false". */
const char *sl_field_describe_type(sl_field_type type);

/** A copy of a text in which '?' replaces every character that is not printable ASCII, so that no terminal takes any for a control
 *  sequence. To be freed; NULL: no memory. */
char *sl_field_clean_text(const char *text);

#endif
