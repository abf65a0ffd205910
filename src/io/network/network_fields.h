/* The keys of a network's description in a file, and what they describe: for its reader and its writer alike. docs/files.md has the
 * format. A value that is equal to its default is left out. */
#ifndef SLUICE_IO_NETWORK_NETWORK_FIELDS_H
#define SLUICE_IO_NETWORK_NETWORK_FIELDS_H

#include "sluice_network.h"

/** The metadata entry, and the newest version of it that this library reads. */
#define SL_DESCRIPTION_KEY "sluice"
enum { SL_DESCRIPTION_VERSION = 1, SL_DESCRIPTION_NETWORKS = 64 /* most in a file */, SL_DESCRIPTION_MAX_NAME = 255 /* bytes */ };

typedef enum sl_field_type {
    SL_FIELD_SIZE,       /* size_t */
    SL_FIELD_NUMBER,     /* float */
    SL_FIELD_LIMIT,      /* float > 0; the default, 0, is none and is never stated */
    SL_FIELD_FLAG,       /* int, 0 or 1 */
    SL_FIELD_PART,       /* a bit of unsigned */
    SL_FIELD_WORD,       /* an enum */
    SL_FIELD_TEXT,       /* const char *, a name */
    SL_FIELD_ACTIVATION, /* sluice_activation */
    SL_FIELD_CELLS,      /* const sluice_cell *, one for each direction */
    SL_FIELD_LAYERS,     /* these three of the reader's own structs */
    SL_FIELD_CLASSES,
    SL_FIELD_NETWORKS
} sl_field_type;

typedef struct sl_field {
    const char *key;
    sl_field_type type;
    size_t at;                     /* offset in the struct */
    unsigned bit;                  /* of PART */
    const char *(*word)(unsigned); /* of WORD: of a value, from 0 on; NULL behind the last, "" of one that has none */
    unsigned kinds, needed;        /* a bit for each kind of layer that has it, and that has to state it */
} sl_field;

typedef struct sl_fields {
    const char *what; /* "a layer" */
    const sl_field *list;
    size_t count;
} sl_fields;

enum { SL_EVERY_KIND = 0xff };

/** Of sluice_layer, sluice_cell, sluice_activation. */
extern const sl_fields sl_layer_fields, sl_cell_fields, sl_activation_fields;

/** What the fields are that no key states. Other kinds of layers than dense then have no bias. */
extern const sluice_layer sl_layer_default;
extern const sluice_cell sl_cell_default;
extern const sluice_activation sl_activation_default;

#endif
