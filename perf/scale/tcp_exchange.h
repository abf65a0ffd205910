/* The transport of ranks over TCP: a connection to each other rank, and messages of sizes that both sides know. */
#ifndef SLUICE_PERF_SCALE_TCP_EXCHANGE_H
#define SLUICE_PERF_SCALE_TCP_EXCHANGE_H

#include "perf/options/bench_options.h"
#include "sluice_train.h"

/** A rank's connections, to which the context of its sluice_exchange points. */
typedef struct sl_tcp_links {
    int sockets[SL_RANKS_MAX]; /* [R], non-blocking; -1: this rank itself, or closed */
} sl_tcp_links;

/** Listen at HOST:PORT; port 0: one that is free, for which `address`, of `bytes` bytes, is written anew. IO, BAD_ARGUMENT. */
SLUICE_WARN_UNUSED sluice_status sl_tcp_listen(char *address, size_t bytes, int *listener, sluice_error *error);

/** Connect a rank with all others, each of which calls this, too. A rank connects to those above it, trying for half a minute while they
 *  are not there yet, and accepts those below. @param addresses [ranks] HOST:PORT of each. @param exchange set, of the links.
 *  IO; links are then closed. */
SLUICE_WARN_UNUSED sluice_status sl_tcp_connect(size_t rank, size_t ranks, const char *const *addresses, int listener,
                                                sl_tcp_links *links, sluice_exchange *exchange, sluice_error *error);

/** Close all connections: another rank that waits for this one then fails. */
void sl_tcp_close(sl_tcp_links *links, size_t ranks);

#endif
