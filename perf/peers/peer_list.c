#include "perf/peers/peer.h"

#include "base/error.h"

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

sluice_status sl_peer_check(const sl_peer *peer, const sl_case *shape, sluice_precision precision, sluice_error *error)
{
    if (shape->train && !peer->trains)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s does not train; leave --train out for it", peer->name);
    if (shape->network && !peer->runs_networks)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s computes shapes alone; leave --set networks out for it", peer->name);
    if (sl_precision_is_low(precision) && (shape->train || !peer->runs_low))
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s %s in f32 alone; leave --precision %s out for it", peer->name,
                       shape->train ? "trains" : "computes", sluice_precision_get_name(precision));
    return SLUICE_STATUS_OK;
}
