/* Sizes of a call's scratch memory, and of the row blocks and time chunks that it has room for. */
#ifndef SLUICE_ENGINE_SCHEDULE_SCRATCH_SIZES_H
#define SLUICE_ENGINE_SCHEDULE_SCRATCH_SIZES_H

#include "engine/engine.h"

/** How large a batch is. */
typedef struct sl_batch_size {
    size_t rows, steps; /* steps: of the longest row */
    bool masked;        /* some steps may be masked */
} sl_batch_size;

typedef struct sl_scratch_sizes {
    size_t thread_groups, threads;    /* at most */
    size_t block_rows;                /* rows of a row block; a thread group holds their states */
    size_t buffers;                   /* between layers, each for a time chunk of a row block */
    size_t wavefront_buffers;         /* the same of a wavefront */
    bool whole_rows;                  /* a buffer has whole rows, not time chunks */
    size_t layer_buffer_floats;       /* of all buffers; 0: there are none */
    size_t hoist_rows;                /* rows x steps of one hoisted input product; 0: never hoisted */
    size_t hoist_floats;              /* of its result: packed rows */
    size_t gather_floats;             /* of its x rows, gathered for BLIS */
    size_t vector_rows, vector_width; /* vectors that go through step layers together, and their floats */
    size_t mask_steps;                /* unmasked steps that are listed of a row; 0: there is no mask */
} sl_scratch_sizes;

/** The sizes for batches of up to this size; each grows with rows and steps. false: one does not fit size_t. */
bool sl_scratch_sizes_get(const sluice_engine *engine, const sl_batch_size *batch, sl_scratch_sizes *sizes);

/** The most rows of a row block in a batch of `rows` rows. */
size_t sl_row_block_rows(const sluice_engine *engine, size_t rows);

/** The same for a row block whose longest row has `steps`, by the room between layers. */
size_t sl_rows_at_once(const sluice_engine *engine, const sl_scratch_sizes *sizes, size_t steps);

/** Steps of a time chunk of a wavefront of so many LSTM layers: in a sixth of the time at most, not all layers run, if that is possible. */
size_t sl_wavefront_chunk(size_t layers, size_t steps);

/** Steps of a time chunk, that is, of those which a row block of `rows` rows takes through a layer before the next layer begins; its
 *  longest row has `steps` >= 1. */
size_t sl_chunk_steps(const sluice_engine *engine, const sl_scratch_sizes *sizes, bool wavefront, size_t rows, size_t steps);

#endif
