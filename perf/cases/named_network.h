/* The networks of the suite that are no shapes, each with a plain equal: plain cells and equal layers of about the same work, with
 * which its speed is compared. */
#ifndef SLUICE_PERF_CASES_NAMED_NETWORK_H
#define SLUICE_PERF_CASES_NAMED_NETWORK_H

#include "sluice_network.h"

#include <stdbool.h>

/** The plain equal of a network is the value before it. */
typedef enum sl_named_network {
    SL_NETWORK_NONE, /* a shape */
    SL_NETWORK_128_64_PLAIN,
    SL_NETWORK_128_64_DENSE, /* of two sizes, the last step into a dense layer with softmax */
    SL_NETWORK_BILSTM_PLAIN,
    SL_NETWORK_BILSTM, /* two layers in both directions, final states side by side */
    SL_NETWORK_PROJECTION_PLAIN,
    SL_NETWORK_PROJECTION, /* 512 units, of which h has 128 floats */
    SL_NETWORK_HARD_SIGMOID_PLAIN,
    SL_NETWORK_HARD_SIGMOID /* Keras 3's and torch's, of all gates */
} sl_named_network;

/** "128-64-dense", and of the plain equal "128-64-dense-plain", for example; NULL for SL_NETWORK_NONE and for a value that is none. */
const char *sl_named_network_get_name(size_t value);

/** The network of a value that has a name. */
const sluice_network *sl_named_network_get(sl_named_network value);

/** What a network computes, in sizes. */
typedef struct sl_network_work {
    double flop_per_step; /* of all matrices that are multiplied at each step, a multiply-add being two */
    double flop_per_row;  /* likewise, once for a row: of dense layers behind the last step */
    size_t terms;         /* of the longest sum: the inputs of a layer and, of an LSTM layer, its h */
    size_t outputs;       /* floats of the last layer, of a step or of a row */
    bool gives_steps;     /* the last layer gives outputs at every step, not one vector of a row */
    size_t hidden;        /* units of the first LSTM layer */
    size_t lstm_layers;
    size_t directions; /* 2 if an LSTM layer has two */
} sl_network_work;

/** Of a network without an embedding. */
sl_network_work sl_network_work_get(const sluice_network *network);

/** A model of the network whose parameters are uniform in +-1 / sqrt(the layer's inputs, or units of an LSTM layer), by the seed.
 *  UNSUPPORTED, NO_MEMORY, TOO_LARGE. */
SLUICE_WARN_UNUSED sluice_status sl_network_model_create(const sluice_network *network, uint64_t seed, sluice_model **model,
                                                         sluice_error *error);

#endif
