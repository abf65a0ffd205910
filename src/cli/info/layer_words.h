/* A layer's options in words, for tables and JSON. */
#ifndef SLUICE_CLI_INFO_LAYER_WORDS_H
#define SLUICE_CLI_INFO_LAYER_WORDS_H

#include "program/layer_facts.h"

#include <jansson.h>

/** A list of texts: what differs from a plain layer of its kind. NULL: out of memory. */
json_t *sl_layer_words_get(const sl_layer_facts *facts);

#endif
