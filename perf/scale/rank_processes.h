/* The processes of a run with ranks: forked here, or this one among those that other machines run. */
#ifndef SLUICE_PERF_SCALE_RANK_PROCESSES_H
#define SLUICE_PERF_SCALE_RANK_PROCESSES_H

#include "perf/scale/tcp_exchange.h"

#include <stdbool.h>
#include <sys/types.h>

/** "255.255.255.255:65535", or a name. */
enum { SL_ADDRESS_BYTES = 280 };

/** A rank's view of all; rank 0 of forked ones is the process that began. */
typedef struct sl_rank_processes {
    sluice_exchange exchange; /* of all ranks */
    sl_tcp_links links;
    bool is_forked; /* this process is a child of rank 0, which speaks for it */
    pid_t children[SL_RANKS_MAX];
    size_t child_count;
} sl_rank_processes;

/**
 * Make a process of each rank and connect them, so that the caller goes on in all of them. Forked processes are connected over the
 * loopback; no thread may have been started before, as OpenMP's do not survive a fork.
 * @param hosts "HOST:PORT,HOST:PORT", one for each rank of a run of which this process is `rank`, where it listens itself; NULL: fork.
 * @retval BAD_ARGUMENT a list of another length, or an address that is none. IO. In a forked child this returns as in its parent.
 */
SLUICE_WARN_UNUSED sluice_status sl_rank_processes_start(size_t ranks, const char *hosts, size_t rank, sl_rank_processes *group,
                                                         sluice_error *error);

/** Close the connections, and wait until the children have ended. */
void sl_rank_processes_end(sl_rank_processes *group);

#endif
