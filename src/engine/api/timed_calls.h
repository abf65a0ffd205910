/* How long calls take, for what measures execution plans and the machine. */
#ifndef SLUICE_ENGINE_API_TIMED_CALLS_H
#define SLUICE_ENGINE_API_TIMED_CALLS_H

#include "engine/schedule/candidates.h"
#include "sluice_tools.h"

/** Seconds of sluice_forward with a valid batch that fits the workspace: the mean of as many calls as together take `least` seconds. */
double sl_calls_time(sluice_workspace *workspace, const sluice_batch *batch, double least);

/** How the candidates of a batch are timed. */
typedef struct sl_candidate_timing {
    size_t rounds; /* timings of each */
    double least;  /* seconds of a timing, as sl_calls_time has it */
    sluice_measure_options until;
} sl_candidate_timing;

typedef struct sl_timed_candidates {
    sl_exec_plan plans[SL_CANDIDATES_MAX];
    double seconds[SL_CANDIDATES_MAX]; /* of a call, the least that was found */
    size_t count, fastest;
} sl_timed_candidates;

/**
 * Time the candidates for batches of `rows` equal rows of `steps` steps, on zeros, and have the engine take the fastest for such batches
 * from now on. CANCELLED as sluice_plan_measure, whose contract the engine's plans keep on every failure; NO_MEMORY, TOO_LARGE.
 */
sluice_status sl_candidates_time(sluice_engine *engine, size_t rows, size_t steps, const sl_candidate_timing *timing,
                                 sl_timed_candidates *found, sluice_error *error);

#endif
