/* The gradients of a case: incoming, computed and expected. */
#ifndef SLUICE_PERF_CASES_CASE_GRADIENT_H
#define SLUICE_PERF_CASES_CASE_GRADIENT_H

#include "perf/cases/case.h"
#include "sluice_train.h"

/** The gradients of a case, computed and expected. */
typedef struct sl_gradients sl_gradients;

/** Where one number is not what it should be. */
typedef struct sl_difference {
    char place[96]; /* "dW of layer 0, direction 1, element 17," */
    float found, expected;
} sl_difference;

/**
 * Make incoming gradients, each number uniform in +-1 by the seed: dy (unless the batch has no y), dhn and dcn. The expected
 * gradients are the library's, on one thread with the best instruction set, after they were compared with the reference in double
 * precision (reference_f64.h). For this comparison the incoming gradients of all rows are zero but for those of the first, the last
 * and the middle one, or of as many of them as `checked_flop` suffices for, at least one.
 * @param batch contiguous, or the rows of x by x_offsets. It and the model outlive what is made.
 * @retval BAD_DATA the library's gradient differs from the reference; the message says where.
 * @retval NO_MEMORY, TOO_LARGE, and what the library's calls return
 */
SLUICE_WARN_UNUSED sluice_status sl_gradients_create(const sl_case *shape, const sluice_model *model, const sluice_batch *batch,
                                                     double checked_flop, sl_gradients **gradients, sluice_error *error);

/** The incoming gradients, and the arrays for those of x, h0, c0 and each weight; valid as long as the gradients. Rows of dx start
 *  where those of the batch's x do. */
const sluice_gradient *sl_gradients_get(const sl_gradients *gradients);

/** Likewise with the expected gradients. */
const sluice_gradient *sl_gradients_get_expected(const sl_gradients *gradients);

/** Fill the computed arrays with NaN. */
void sl_gradients_prefill(sl_gradients *gradients);

/** Compare the computed gradients with the expected ones, bit for bit or each number within sl_gradient_bound. true: they agree. */
bool sl_gradients_agree(const sl_gradients *gradients, bool exactly, sl_difference *difference);

/** Permitted error of a number of a gradient whose sums were added in another order: (I + 4H + T) / 16 + 8L float epsilons, where I
 * is the widest layer's input, times the largest number of its array or 1; of a weight's, a sum over the steps of all rows, these
 * are added to the terms. */
double sl_gradient_bound(const sl_case *shape, uint64_t summed_steps, double largest);

/** NULL is allowed. */
void sl_gradients_destroy(sl_gradients *gradients);

#endif
