/* The list of all peers, built or not. */
#ifndef SLUICE_PERF_PEERS_PEER_LIST_H
#define SLUICE_PERF_PEERS_PEER_LIST_H

#include "perf/peers/peer.h"

/** "sluice", "blis", "plain", "onednn" for 0, 1, 2, 3, built or not; NULL for a value that is none. */
const char *sl_peer_get_name(size_t peer);

/** The peer of this number; NULL if it is not part of this build. */
const sl_peer *sl_peer_get(size_t peer);

#endif
