/* Peers: whatever can compute a case's batch, timed beside each other in one run. Each gets the same weights, inputs and number of
 * threads, and is checked like the library before it is timed. */
#ifndef SLUICE_PERF_PEERS_PEER_H
#define SLUICE_PERF_PEERS_PEER_H

#include "perf/cases/case.h"

/**
 * One of them. `make` takes a network and a batch and makes whatever computes it fast: packed or reordered weights, the inputs in
 * the layout it likes best. That is set-up, and not timed.
 *
 * @param batch  contiguous, or the rows of x by x_offsets; y (NULL: not wanted), hn and cn are where the results go. It, its arrays
 *               and the model outlive what is made. Its lengths may change between calls, to shorter ones than at first.
 * @param gradient where result's shape asks for the gradient: what comes in, and where all that go out are to be (x's, h0's, c0's,
 *               each weight's), as batch; dy NULL where y is. NULL: none is computed.
 * @param result has the shape; setting is how to compute it as asked for, and becomes what was really used; also set: way.
 *               Where gemm stays AUTO the peer's kernels are none of the library's, and isa and schedule mean nothing.
 * @param made   to be given to the other functions, and destroyed whatever is returned; NULL when there is nothing to destroy.
 * @retval UNSUPPORTED the peer does not compute such a case, or the machine lacks what was asked for; the message says which.
 */
typedef struct sl_peer {
    const char *name;
    void (*describe)(char *text, size_t bytes); /* its version */
    bool pads;                                  /* computes all T steps of every row, whatever the lengths are */
    bool trains;                                /* leaves a tape, and computes gradients */
    sluice_status (*make)(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient, sl_result *result,
                          void **made, sluice_error *error);
    sluice_status (*call)(void *made, sluice_error *error); /* what is timed */
    /* Bring what the call computed into the batch's and the gradient's arrays; NULL: it is there. Not timed */
    sluice_status (*collect)(void *made, sluice_error *error);
    size_t (*get_bytes)(void *made);      /* of scratch memory; NULL: not known */
    size_t (*get_tape_bytes)(void *made); /* likewise, of what a forward pass leaves for the gradient */
    void (*destroy)(void *made);          /* NULL is allowed */
} sl_peer;

extern const sl_peer sl_peer_sluice; /* the library, as the setting says */
extern const sl_peer sl_peer_blis;   /* the library with BLIS for its products */
extern const sl_peer sl_peer_plain;  /* loops as one writes them */
#ifdef SL_HAVE_ONEDNN
extern const sl_peer sl_peer_onednn;
#endif

#endif
