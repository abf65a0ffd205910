/* A fixture: the model and batch of a case, with the right answer for a part of it. It is computed with any setting and by any
 * peer, checked, then timed. */
#ifndef SLUICE_PERF_BENCH_FIXTURE_H
#define SLUICE_PERF_BENCH_FIXTURE_H

#include "perf/cases/case_gradient.h"
#include "perf/peers/peer.h"

/** A case's model, inputs, output arrays, and the expected outputs of a slice of it; serves any number of settings. */
typedef struct sl_fixture sl_fixture;

/** Work that a program may spend on the expected outputs: about a second of the scalar kernels. */
#define SL_CHECKED_FLOP 4e8

/** @param checked_flop work for the expected outputs, at most; but at least one row's step, or one whole row when the
 *                     reverse direction needs it.
 * @retval BAD_ARGUMENT, NO_MEMORY (sl_case_check's too), TOO_LARGE */
SLUICE_WARN_UNUSED sluice_status sl_fixture_create(const sl_case *shape, double checked_flop, sl_fixture **fixture,
                                                   sluice_error *error);

/**
 * Run the case with a setting: check the results, time it, check them again. When plan->stopped() the result's repetitions are
 * fewer. The results must be those of the scalar instruction set on one thread in the same precision: bit for bit, or, for BLIS and
 * peers, within sl_case_bound. Those of a low precision must also be the library's in f32 within sl_precision_bound, over all rows;
 * peers' need no more. The accuracy of a low precision is measured and, for inference if the setting has it, that of f32.
 *
 * Of a batch with a tail y, mostly padding, is not asked for: the final h is what is checked, in one call more in which the longest row
 * ends early too. Of a network the last layer's outputs are what is checked. A gradient must be the library's on one thread, bit for
 * bit, or, for BLIS and peers, within sl_gradient_bound (case_gradient.h, which says how the expected one is checked).
 * @retval BAD_DATA    the results are wrong; the message has the place, the expected and the computed number.
 * @retval UNSUPPORTED this machine lacks the ISA, or the peer does not compute such a case.
 * @return else what the peer's calls return
 */
SLUICE_WARN_UNUSED sluice_status sl_fixture_run(sl_fixture *fixture, const sl_setting *setting, const sl_timing_plan *plan,
                                                sl_result *result, sluice_error *error);

/** What a fixture's y is. */
typedef struct sl_fixture_y {
    const float *values; /* [N][T][width], or [N][width] of a network that gives a vector of a row; valid as long as the fixture */
    size_t width;
    bool gives_steps;
} sl_fixture_y;

/** The last run's y; of a network its last layer's outputs. */
sl_fixture_y sl_fixture_get_y(const sl_fixture *fixture);

/** The model, and the batch with the arrays that hold the last call's outputs: of a run whose accuracy was measured those beside other
 *  neighbours. Valid as long as the fixture. */
void sl_fixture_look(const sl_fixture *fixture, const sluice_model **model, sluice_batch *batch);

/** The computed gradients of the last run and the expected ones; NULL: the case has none. Valid as long as the fixture. */
const sl_gradients *sl_fixture_get_gradients(const sl_fixture *fixture);

/** NULL is allowed. */
void sl_fixture_destroy(sl_fixture *fixture);

#endif
