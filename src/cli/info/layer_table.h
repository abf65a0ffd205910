/* The chain of a model's layers: a row for each with its shapes, parameters, operations and options. */
#ifndef SLUICE_CLI_INFO_LAYER_TABLE_H
#define SLUICE_CLI_INFO_LAYER_TABLE_H

#include "program/exit.h"
#include "sluice.h"

#include <jansson.h>

/** A list of objects, one for each layer. NULL: out of memory. */
json_t *sl_layer_table_get_json(const sluice_model *model);

/** Print the table on standard output. */
sl_exit sl_layer_table_print(const sluice_model *model);

#endif
