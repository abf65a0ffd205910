/* A peer: a library, or code, that computes a case's batch and is timed beside others in the same run. Each gets the same weights,
 * inputs and number of threads, and is checked like the library before it is timed. */
#ifndef SLUICE_PERF_PEERS_PEER_H
#define SLUICE_PERF_PEERS_PEER_H

#include "perf/cases/case.h"
#include "sluice_train.h"

/**
 * `make` prepares a network and a batch for fast computation: packed or reordered weights, the inputs in the peer's own layout. This is
 * set-up, and is not timed.
 *
 * @param batch  contiguous, or the rows of x by x_offsets; y (NULL: not wanted), hn and cn are where the results go, of a named network
 *               y or `outputs` alone. It, its arrays and the model outlive `made`. Its lengths may change between calls, to shorter ones than at first.
 * @param gradient if the case has gradients: the incoming ones, and the arrays for those of x, h0, c0 and each weight, with the lifetime
 *               of the batch; dy is NULL if y is. NULL: no gradients.
 * @param result has the shape and the setting asked for; the setting is replaced by the one that is used, and `plan` is set. If gemm
 *               stays AUTO, the peer has its own kernels, and isa and schedule have no meaning. A peer that has `runs_low` computes in
 *               the precision asked for, where AUTO means f32.
 * @param made   argument of the other functions, to be destroyed whatever is returned; NULL: nothing to destroy.
 * @retval UNSUPPORTED the peer does not compute such a case, or the machine lacks what was asked for; the message says which.
 */
typedef struct sl_peer {
    const char *name;
    void (*describe)(char *text, size_t bytes); /* its version */
    bool pads;                                  /* computes all T steps of every row, whatever the lengths are */
    bool trains;                                /* computes training steps */
    bool runs_networks;                         /* computes named networks, not shapes alone */
    bool runs_low;                              /* computes inference in bf16 and int8, not f32 alone */
    sluice_status (*make)(const sluice_model *model, const sluice_batch *batch, const sluice_gradient *gradient, sl_result *result,
                          void **made, sluice_error *error);
    sluice_status (*call)(void *made, sluice_error *error); /* what is timed */
    /* Copy the results into the batch's and the gradient's arrays; NULL: they are there. Not timed */
    sluice_status (*collect)(void *made, sluice_error *error);
    size_t (*get_bytes)(void *made);      /* of scratch memory; NULL: not known */
    size_t (*get_tape_bytes)(void *made); /* likewise, of the tape */
    void (*destroy)(void *made);          /* NULL is allowed */
} sl_peer;

extern const sl_peer sl_peer_sluice; /* the library, as the setting says */
extern const sl_peer sl_peer_blis;   /* the library with BLIS for its products */
extern const sl_peer sl_peer_plain;  /* straightforward loops */
#ifdef SL_HAVE_ONEDNN
extern const sl_peer sl_peer_onednn;
#endif

/** "sluice", "blis", "plain", "onednn" for 0, 1, 2, 3, built or not; NULL for a value that is none. */
const char *sl_peer_get_name(size_t peer);

/** Whether a peer computes such a case in a precision at all. UNSUPPORTED: no, and the message says what to leave out. */
SLUICE_WARN_UNUSED sluice_status sl_peer_check(const sl_peer *peer, const sl_case *shape, sluice_precision precision,
                                               sluice_error *error);

/** The peer of this number; NULL if it is not part of this build. */
const sl_peer *sl_peer_get(size_t peer);

#endif
