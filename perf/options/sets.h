/* The named sets of shapes, and the thread counts of a sweep that names none. */
#ifndef SLUICE_PERF_OPTIONS_SETS_H
#define SLUICE_PERF_OPTIONS_SETS_H

#include "perf/options/grammar.h"
#include "perf/cases/case.h"

#include <stdbool.h>

/** A shape of a set: input = hidden; layers and directions are the command line's, and what of a training step where that
 *  names it. */
typedef struct sl_set_case {
    size_t steps, batch, hidden;
    sl_ragged ragged;
    sl_train_pass train;
} sl_set_case;

/** A named network of a set, for which the command line's layers, directions and training mean nothing. */
typedef struct sl_set_network {
    size_t steps, batch;
    sl_named_network network;
} sl_set_network;

typedef struct sl_set {
    const char *name;
    bool scales;              /* made to be run at several numbers of threads */
    bool compares_precisions; /* made to be run in every precision */
    size_t count;
    const sl_set_case *cases; /* NULL: drawn at random, the same ones in every run */
    size_t network_count;
    const sl_set_network *networks; /* each after its plain equal */
} sl_set;

/** "small", "ragged", "threads", "train", "precision", "networks", "all", "random" for 0, 1, ...; NULL for a value that is none. */
const char *sl_set_get_name(size_t value);

/** The set of such a value. "all" has what the other sets but "random" have, and the cases that run when no shape is asked for. */
sl_set sl_set_get(size_t value);

/** Case k of a set, k < count. */
sl_set_case sl_set_get_case(size_t value, size_t k);

/** How the batch depends on the threads of a sweep: no sweep; the batch is fixed; the rows of each thread are fixed. */
typedef enum sl_scaling { SL_SCALING_NONE, SL_SCALING_STRONG, SL_SCALING_WEAK } sl_scaling;

/** "none", "strong", "weak"; NULL for a value that is none. */
const char *sl_scaling_get_name(size_t value);

/** What a scaling sweep runs at on `cores` cores: every number of threads up to 4, then steps of a half and a third (6, 8, 12,
 * 16, 24, ...) up to the cores, and one and a half times and twice as many. The list is emptied first. */
void sl_scaling_fill_threads(size_t cores, sl_list *threads);

#endif
