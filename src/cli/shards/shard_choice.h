/* --shard K/N, auto or auto/N: which part of the input this process runs. */
#ifndef SLUICE_CLI_SHARDS_SHARD_CHOICE_H
#define SLUICE_CLI_SHARDS_SHARD_CHOICE_H

#include "program/report.h"

#include <stddef.h>
#include <stdint.h>

/** What the option says; zeros: it is not given. */
typedef struct sl_shard_choice {
    size_t part;  /* K, 1..N; 0 with `parts` > 0: auto/N */
    size_t parts; /* N; 0 with a text: auto */
    const char *text;
} sl_shard_choice;

/** Read the option's text. BAD_ARGUMENT. */
sluice_status sl_shard_choice_parse(const char *option, const char *text, sl_shard_choice *choice, sluice_error *error);

/** Replace auto and auto/N by K and N from the environment: ranks of MPI (OMPI_COMM_WORLD_RANK and _SIZE, PMI_RANK and _SIZE), tasks of a
 *  Slurm array (SLURM_ARRAY_TASK_ID, _MIN, _STEP, _COUNT); for auto/N indices of a Kubernetes job (JOB_COMPLETION_INDEX). Refuses (and
 *  reports) what is missing or contradicts itself. */
sl_exit sl_shard_choice_resolve(sl_shard_choice *choice);

/** Where part `part`, 1..N + 1, of `size` equal pieces begins: size * (part - 1) / N, rounded down; N is 65536 at most. */
uint64_t sl_shard_choice_get_begin(uint64_t size, size_t part, size_t parts);

#endif
