/* A few networks that have every kind of layer where it shares something with others: for tests that try one thing on each. */
#ifndef SLUICE_TESTS_SAMPLE_NETWORKS_H
#define SLUICE_TESTS_SAMPLE_NETWORKS_H

#include "support/cases/random_networks.h"

/** The first has masks, layers before, between and behind, a merge and a mean; the second is of the forward direction alone, so that its
 *  layers may run as a wavefront, with layers behind; the third reads tokens, has a layer in processing order and final states; the fourth
 *  has masks, a layer in processing order right before another, and a merge at the end. */
enum { TEST_SAMPLES = 4 };

/** Units enough that threads divide them, which they do by cache lines of 16. */
test_network_case test_network_sample(size_t k);

#endif
