/* Cases: the shape of an LSTM, or a named network, and of its batch, the setting it is computed with, and the result of timing it. */
#ifndef SLUICE_PERF_CASES_CASE_H
#define SLUICE_PERF_CASES_CASE_H

#include "perf/cases/named_network.h"
#include "perf/measure/harness.h"
#include "sluice_tools.h"

/** The lengths of a batch's rows. */
typedef enum sl_ragged {
    SL_RAGGED_NONE,    /* all have T steps */
    SL_RAGGED_UNIFORM, /* uniform in 1..T */
    SL_RAGGED_TAIL     /* the middle row has T steps, each other one T / SL_TAIL, at least 1 */
} sl_ragged;

enum { SL_TAIL = 250 };

/** What of a training step is computed. */
typedef enum sl_train_pass {
    SL_TRAIN_NONE,    /* inference */
    SL_TRAIN_FORWARD, /* the outputs, and the tape that a gradient needs */
    SL_TRAIN_BOTH     /* these, and the gradients of x, h0, c0 and all weights from incoming gradients of y, hn and cn */
} sl_train_pass;

/** "none", "uniform", "tail" for 0, 1, 2; NULL for a value that is none. */
const char *sl_ragged_get_name(size_t ragged);

/** "none", "forward", "both" for 0, 1, 2; NULL for a value that is none. */
const char *sl_train_pass_get_name(size_t train);

/** What is computed. */
typedef struct sl_case {
    size_t steps, batch, input, hidden, layers;
    size_t directions; /* 1 or 2 */
    sl_ragged ragged;
    uint64_t seed; /* of weights, inputs, lengths and incoming gradients */
    sl_train_pass train;
    sl_named_network network; /* SL_NETWORK_NONE: of equal layers, as these numbers say. Else sl_case_of_network has set them */
} sl_case;

/** A named network's case, of inference and equal rows; `hidden` are the units of its first LSTM layer, `directions` the most. */
sl_case sl_case_of_network(sl_named_network network, size_t steps, size_t batch, uint64_t seed);

/** What computes a case: perf/peers/peer.h. */
typedef struct sl_peer sl_peer;

/** How it is computed; zeros are the library's choice. */
typedef struct sl_setting {
    unsigned threads;
    sluice_isa isa;
    sluice_gemm gemm;
    sluice_schedule schedule;
    bool measure; /* time the candidates first; schedule is AUTO then */
    sluice_precision precision;
    bool has_accuracy;             /* the accuracy of f32 is measured, too; that of a low precision always is */
    const sl_peer *peer;           /* NULL: the library */
    const sluice_machine *machine; /* figures by which AUTO chooses; NULL: the library's table */
} sl_setting;

/** Leave out what says nothing of a peer with kernels of its own. */
static inline void sl_setting_clear_kernels(sl_setting *setting)
{
    setting->isa = SLUICE_ISA_AUTO;
    setting->gemm = SLUICE_GEMM_AUTO;
    setting->schedule = SLUICE_SCHEDULE_AUTO;
    setting->measure = false;
}

/** Whether a precision is less than f32. */
static inline bool sl_precision_is_low(sluice_precision precision)
{
    return precision > SLUICE_PRECISION_F32;
}

/** What a precision does to the outputs; NaN: not measured. */
typedef struct sl_accuracy {
    double error, error_rms; /* largest and root mean square difference from the library's f32, over all rows */
    double dependence; /* largest change of an even row's outputs where x of each odd row is SL_NEIGHBOUR_SCALE times as large */
} sl_accuracy;

enum { SL_NEIGHBOUR_SCALE = 4 };

typedef struct sl_result {
    sl_case shape;
    sl_setting setting;    /* as it was used, after the library's choices and the environment were applied */
    sluice_candidate plan; /* the execution plan that the engine chose for the batch; zeros for a peer */
    uint64_t total_steps;  /* the sum of the lengths */
    sl_timing timing;      /* reference: one thread's FMA peak in GFLOP/s at that ISA; for BLIS and peers, at the best one */
    double setup_seconds;  /* making the peer (the engine and its workspace), and measuring */
    size_t workspace_bytes;
    size_t tape_bytes; /* the tape with the scratch memory of the backward pass; 0: none, or not known */
    sl_accuracy accuracy;
} sl_result;

/** The length of a row of the batch; `state` is that of the random numbers. */
size_t sl_case_choose_length(const sl_case *shape, size_t row, uint64_t *state);

/** Have the batch's y go to an array; of a network that ends otherwise than with all steps of an LSTM layer, its end, by `output`, which
 *  the batch then points to. */
void sl_case_put_y(const sl_case *shape, float *y, sluice_output *output, sluice_batch *batch);

/** Check, before anything is allocated, that the case fits into the machine's memory and into the address space that a limit leaves
 *  this process. NO_MEMORY, with the bytes that it needs. */
SLUICE_WARN_UNUSED sluice_status sl_case_check(const sl_case *shape, sluice_error *error);

/** Permitted error of results whose sums were added in another order than the library's: (I + H) / 16 + 8 float epsilons, where I is
 * the widest layer's input. */
float sl_case_bound(const sl_case *shape);

/** Permitted difference of a low precision from the library's f32: 6 sqrt(1 + I / H) steps of the numbers that are multiplied, where I
 * is the widest layer's input, H of a network its first layer's units, and a step 1/127 of int8, 2^-8 of bf16. */
double sl_precision_bound(const sl_case *shape, sluice_precision precision);

/** Useful work of one real step of one row of a forward pass: 2*4H*(in+H)*D for each layer, a multiply-add being two; of a network all
 * its matrices that are multiplied at a step. */
double sl_case_flop_per_step(const sl_case *shape);

/** Useful work of a case in floating-point operations, a multiply-add being two: that of its real steps, thrice where the gradient is
 * computed, and of a network what it computes once for each row. */
double sl_result_flop(const sl_result *result);

#endif
