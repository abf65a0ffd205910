#include "perf/peers/peer.h"

static const struct {
    const char *name;
    const sl_peer *peer;
} peers[] = {
    {"sluice", &sl_peer_sluice},
    {"blis", &sl_peer_blis},
    {"plain", &sl_peer_plain},
#ifdef SL_HAVE_ONEDNN
    {"onednn", &sl_peer_onednn},
#else
    {"onednn", NULL},
#endif
};
enum { PEERS = sizeof peers / sizeof peers[0] };

const char *sl_peer_get_name(size_t peer)
{
    return peer < PEERS ? peers[peer].name : NULL;
}

const sl_peer *sl_peer_get(size_t peer)
{
    return peer < PEERS ? peers[peer].peer : NULL;
}
