/* A fixture: the model and batch of a case, with the right answer for a part of it. It is computed with any setting and by any
 * peer, checked, then timed. */
#ifndef SLUICE_PERF_BENCH_FIXTURE_H
#define SLUICE_PERF_BENCH_FIXTURE_H

#include "perf/cases/case_gradient.h"
#include "perf/peers/peer.h"

/** A case's model, inputs, room for outputs, and the right answer for a slice of it; serves any number of settings. */
typedef struct sl_fixture sl_fixture;

/** Work that a program can spend on the right answer: the scalar kernels do it in about a second. */
#define SL_CHECKED_FLOP 4e8

/** @param checked_flop work to be spent on the right answer, at most; though at least one row's step, or one whole row when the
 *                     reverse direction needs it.
 * @retval BAD_ARGUMENT, NO_MEMORY (sl_case_check's too), TOO_LARGE */
SLUICE_WARN_UNUSED sluice_status sl_fixture_create(const sl_case *shape, double checked_flop, sl_fixture **fixture,
                                                   sluice_error *error);

/**
 * Run the case with a setting: check the results, time it, check them again. When plan->stopped() the result's repetitions are
 * fewer. The results must be those of the scalar instruction set on one thread: bit for bit, or, for BLIS and peers, within
 * sl_case_bound. Of a batch with a tail y, mostly padding, is not asked for: the final h is what is checked, in one call more in
 * which the longest row ends early too. A gradient must be the library's on one thread, bit for bit, or, for peers, within
 * sl_gradient_bound (gradient.h, which tells what that one is held against).
 * @retval BAD_DATA    the results are wrong; the message tells where, what was expected and found.
 * @retval UNSUPPORTED this machine lacks the ISA, or the peer does not compute such a case.
 * @return else what the peer's calls return
 */
SLUICE_WARN_UNUSED sluice_status sl_fixture_run(sl_fixture *fixture, const sl_setting *setting, const sl_timing_plan *plan,
                                                sl_result *result, sluice_error *error);

/** The network, and the batch with the arrays that the last run's results are in, for as long as the bed. */
void sl_fixture_look(const sl_fixture *fixture, const sluice_model **model, sluice_batch *batch);

/** The gradients of the last run beside the right ones; NULL: none are computed. They live as long as the bed. */
const sl_gradients *sl_fixture_get_gradients(const sl_fixture *fixture);

/** NULL is allowed. */
void sl_fixture_destroy(sl_fixture *fixture);

#endif
