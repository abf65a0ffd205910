/* Cases: an LSTM of some shape run over a batch with some setting, checked, then timed. */
#ifndef SLUICE_PERF_CASES_CASE_H
#define SLUICE_PERF_CASES_CASE_H

#include "perf/measure/harness.h"
#include "perf/report/result_rows.h"
#include "sluice_tools.h"

/** The lengths of a batch's rows. */
typedef enum sl_ragged {
    SL_RAGGED_NONE,    /* all have T steps */
    SL_RAGGED_UNIFORM, /* uniform in 1..T */
    SL_RAGGED_TAIL     /* the middle row has T steps, each other one T / SL_TAIL, at least 1 */
} sl_ragged;

enum { SL_TAIL = 250 };

/** What of a training step is computed. */
typedef enum sl_train {
    SL_TRAIN_NONE,    /* inference */
    SL_TRAIN_FORWARD, /* the outputs, and the tape that a gradient needs */
    SL_TRAIN_BOTH     /* these, and the gradient: of x, h0, c0 and all weights, for gradients that come in of y, hn and cn */
} sl_train;

/** "none", "uniform", "tail" for 0, 1, 2; NULL for a value that is none. */
const char *sl_ragged_get_name(size_t ragged);

/** "none", "forward", "both" for 0, 1, 2; NULL for a value that is none. */
const char *sl_train_get_name(size_t train);

/** What is computed. */
typedef struct sl_case {
    size_t steps, batch, input, hidden, layers;
    size_t directions; /* 1 or 2 */
    sl_ragged ragged;
    uint64_t seed; /* of weights, inputs, lengths and the gradients that come in */
    sl_train train;
} sl_case;

/** Whatever computes it; peer.h has them. */
typedef struct sl_peer sl_peer;

/** How it is computed; zeros are the library's choice. */
typedef struct sl_setting {
    unsigned threads;
    sluice_isa isa;
    sluice_gemm gemm;
    sluice_schedule schedule;
    bool measure;        /* time the candidates first; schedule is AUTO then */
    const sl_peer *peer; /* NULL: the library */
} sl_setting;

typedef struct sl_result {
    sl_case shape;
    sl_setting setting;   /* as it was run: what the library chose, and what the environment made of it */
    sluice_candidate way; /* that the engine chose for the batch */
    uint64_t total_steps; /* the sum of the lengths */
    sl_timing timing;     /* reference: one thread's FMA peak in GFLOP/s at that ISA; for BLIS and peers, at the best one */
    double setup_seconds; /* making the peer (the engine and its workspace), and measuring */
    size_t workspace_bytes;
    size_t tape_bytes; /* what the forward pass leaves for the gradient, the room of the latter with it; 0: nothing, or not known */
} sl_result;

/** A case's model, inputs, room for outputs, and the right answer for a slice of it; serves any number of settings. */
typedef struct sl_fixture sl_fixture;

/** Those of a case, with the right ones; gradient.h has them. */
typedef struct sl_gradients sl_gradients;

/** Work that a program can spend on the right answer: the scalar kernels do it in about a second. */
#define SL_CHECKED_FLOP 4e8

/** Whether the machine's memory, and the address space that a limit leaves this process, have room for the case, before any of it is taken. NO_MEMORY, with what it needs. */
SLUICE_WARN_UNUSED sluice_status sl_case_check(const sl_case *shape, sluice_error *error);

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
SLUICE_WARN_UNUSED sluice_status sl_fixture_run(sl_fixture *fixture, const sl_setting *setting, const sl_plan *plan,
                                                sl_result *result, sluice_error *error);

/** The network, and the batch with the arrays that the last run's results are in, for as long as the bed. */
void sl_fixture_look(const sl_fixture *fixture, const sluice_model **model, sluice_batch *batch);

/** The gradients of the last run beside the right ones; NULL: none are computed. They live as long as the bed. */
const sl_gradients *sl_fixture_get_gradients(const sl_fixture *fixture);

/** How far results may be off whose sums were made in another order than the library's: (I + H) / 16 + 8 float epsilons, where I is
 * the widest layer's input. */
float sl_case_bound(const sl_case *shape);

/** NULL is allowed. */
void sl_fixture_destroy(sl_fixture *fixture);

/** Useful work of a case in floating-point operations, a multiply-add being two: 2*4H*(in+H)*D for each layer and real step, and
 * thrice that where the gradient is computed. */
double sl_result_flop(const sl_result *result);

/** The case's dimensions as a row, and behind them `more`, whose reference is taken over; NULL when there is no memory. */
json_t *sl_case_to_row(const sl_case *shape, json_t *more);

/** The result as a row, without the context; NULL when there is no memory. */
json_t *sl_result_to_row(const sl_result *result);

/** The columns that people see of such a row: the last SL_PEER_COLUMNS are for several peers. */
enum { SL_RESULT_COLUMNS = 21, SL_PEER_COLUMNS = 2 };
extern const sl_column sl_result_columns[SL_RESULT_COLUMNS];

#endif
