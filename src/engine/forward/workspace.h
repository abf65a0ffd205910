/* The workspace: one allocation, divided into the scratch arrays of a call. */
#ifndef SLUICE_ENGINE_FORWARD_WORKSPACE_H
#define SLUICE_ENGINE_FORWARD_WORKSPACE_H

#include "engine/forward/forward_thread.h"
#include "engine/schedule/partition.h"

struct sluice_workspace {
    const sluice_engine *engine;
    sl_batch_size size;     /* the present layout fits batches up to this, and with masks if, and only if, it is masked */
    sl_batch_size batch;    /* the last that it was made to fit */
    sl_scratch_sizes sizes; /* of that batch */
    int64_t *lengths;       /* [rows] unmasked steps of each row; NULL if not masked */
    uint8_t *mask;          /* [rows][steps] for what the network's own rule masks; NULL if not masked, or without a rule */
    sl_thread_group *groups;
    sl_thread_scratch *threads;
    sl_barrier_flag *flags; /* [threads] */
    sl_partition partition;
    void *memory; /* holds all of the arrays */
    size_t bytes; /* of memory */
};

/** Bytes of a workspace for such batches without masks. false: they do not fit size_t. */
bool sl_workspace_measure(const sluice_engine *engine, size_t rows, size_t steps, size_t *bytes);

/** Make the workspace fit a batch: lay it out anew if it has to be, in more memory if it has too little. On failure it is unchanged. NO_MEMORY,
 *  TOO_LARGE. */
sluice_status sl_workspace_fit(sluice_workspace *workspace, const sl_batch_size *size, sluice_error *error);

#endif
