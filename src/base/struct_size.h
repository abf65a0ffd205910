/* Public structs that grow from release to release: their first field, struct_size, says how many bytes of one the caller has. */
#ifndef SLUICE_BASE_STRUCT_SIZE_H
#define SLUICE_BASE_STRUCT_SIZE_H

#include "sluice_network.h"
#include "sluice_tools.h"
#include "sluice_train.h"

#include <stdalign.h>

/** Size of a struct whose last field is `last`. The padding behind it belongs to that version: a later field never stands in it. */
#define SL_SIZE_THROUGH(type, last)                                                                                                \
    ((offsetof(type, last) + sizeof(((type *)0)->last) + alignof(type) - 1) / alignof(type) * alignof(type))

/** The smallest size of each struct that is accepted: that of its first release with this layout, named by its last field then.
 *  Fields that are appended later do not change these. */
enum {
    SL_LEAST_sluice_allocator = SL_SIZE_THROUGH(sluice_allocator, release),
    SL_LEAST_sluice_batch = SL_SIZE_THROUGH(sluice_batch, max_threads),
    SL_LEAST_sluice_candidate = SL_SIZE_THROUGH(sluice_candidate, seconds),
    SL_LEAST_sluice_cell = SL_SIZE_THROUGH(sluice_cell, norm_epsilon),
    SL_LEAST_sluice_engine_info = SL_SIZE_THROUGH(sluice_engine_info, table_bytes),
    SL_LEAST_sluice_engine_options = SL_SIZE_THROUGH(sluice_engine_options, training),
    SL_LEAST_sluice_environment = SL_SIZE_THROUGH(sluice_environment, openmp), /* 0.3's */
    SL_LEAST_sluice_exchange = SL_SIZE_THROUGH(sluice_exchange, from_thread),
    SL_LEAST_sluice_gradient = SL_SIZE_THROUGH(sluice_gradient, accumulate),
    SL_LEAST_sluice_layer = SL_SIZE_THROUGH(sluice_layer, masked_outputs_zero),
    SL_LEAST_sluice_loss = SL_SIZE_THROUGH(sluice_loss, weight),
    SL_LEAST_sluice_machine = SL_SIZE_THROUGH(sluice_machine, source),
    SL_LEAST_sluice_measure_options = SL_SIZE_THROUGH(sluice_measure_options, context),
    SL_LEAST_sluice_names = SL_SIZE_THROUGH(sluice_names, embedding),
    SL_LEAST_sluice_network = SL_SIZE_THROUGH(sluice_network, layers),
    SL_LEAST_sluice_plan = SL_SIZE_THROUGH(sluice_plan, reason),
    SL_LEAST_sluice_report = SL_SIZE_THROUGH(sluice_report, weight),
    SL_LEAST_sluice_shape = SL_SIZE_THROUGH(sluice_shape, has_bias),
    SL_LEAST_sluice_tape_options = SL_SIZE_THROUGH(sluice_tape_options, recompute),
    SL_LEAST_sluice_trainer_options = SL_SIZE_THROUGH(sluice_trainer_options, class_weights),
    SL_LEAST_sluice_weights = SL_SIZE_THROUGH(sluice_weights, class_names),
    SL_LEAST_sluice_weights_options = SL_SIZE_THROUGH(sluice_weights_options, unchecked),
};

/** No release's struct is larger: a size beyond it was left unset, and reading or writing so many bytes would end the process. */
enum { SL_STRUCT_MOST = 1 << 16 };

typedef struct sl_struct_type {
    const char *name;
    size_t size, least;
} sl_struct_type;

/** Describes a struct to the functions below. */
#define SL_STRUCT(type) (&(const sl_struct_type){#type, sizeof(type), SL_LEAST_##type})

/** Copy a caller's struct into `to`, which gets this library's struct_size; fields that the caller's version does not have are 0. A
 *  larger struct, of a newer version, is accepted while all that this library does not know of it is 0. `call` is the function named
 *  in a message.
 *  BAD_ARGUMENT: from is NULL, too small or beyond SL_STRUCT_MOST, or has a newer field set. */
sluice_status sl_struct_take(void *to, const void *from, const sl_struct_type *type, const char *call, sluice_error *error);

/** Check a struct that is to be filled in: its size is known, or larger up to SL_STRUCT_MOST. BAD_ARGUMENT. */
sluice_status sl_struct_check(const void *to, const sl_struct_type *type, const char *call, sluice_error *error);

/** Fill in a struct that sl_struct_check accepts: as many bytes as the caller has, but for its struct_size; fields that this
 *  library does not know become 0. */
void sl_struct_give(void *to, const void *from, const sl_struct_type *type);

#endif
