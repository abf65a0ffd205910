/*
 * Sluice: tools. What looks at a file before it is loaded, at the machine and at an engine's decisions: the networks of a file, the
 * environment, execution plans, and their measurement.
 * A program that only computes does not need it. It includes sluice.h. SPDX-License-Identifier: MIT
 */
#ifndef SLUICE_TOOLS_H
#define SLUICE_TOOLS_H

#include "sluice.h"

#if defined(__cplusplus) && !defined(SLUICE_DECLARATIONS_ONLY)
extern "C" {
#endif

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

/** "scalar", "avx2", "avx512"; "auto" for 0; NULL for a value that is none. The names are those of SLUICE_ISA. */
SLUICE_API const char *sluice_isa_get_name(sluice_isa isa);
/** "fused", "blis"; "auto" for 0; NULL for a value that is none. */
SLUICE_API const char *sluice_gemm_get_name(sluice_gemm gemm);
/** "f32", "bf16", "int8"; "auto" for 0; NULL for a value that is none. The names are those of SLUICE_PRECISION. */
SLUICE_API const char *sluice_precision_get_name(sluice_precision precision);
/** "rows", "hoist", "units"; "auto" for 0; NULL for a value that is none. */
SLUICE_API const char *sluice_schedule_get_name(sluice_schedule schedule);

/* ---- Files: what there is to choose from ------------------------------------------------------------------------------------ */

/** One of the networks or LSTMs of a file, of which sluice_names chooses. Its texts are valid during the call only. */
typedef struct sluice_choice {
    size_t struct_size; /**< sizeof(sluice_choice), set by the library */
    const char *field;  /**< of sluice_names that chooses it: "network", "prefix" or "lstm" */
    const char *name;   /**< what the field has to be; NULL: the network has no name, and is alone in its file */
    size_t inputs;      /**< I; 0: an embedding comes first, or it is not known */
    size_t hidden;      /**< H of an LSTM; 0 of a network, or not known */
    size_t layers;      /**< of a network those of all kinds */
    size_t directions;  /**< of an LSTM 1 or 2; 0 of a network */
} sluice_choice;

/** What is called with each of them; `context` is the caller's. */
typedef void sluice_choice_visitor(void *context, const sluice_choice *choice);

/**
 * List what sluice_model_load can make a model of in a file: the networks of a description; else the LSTMs among a safetensors or
 * PyTorch file's tensors, each by its prefix (names.lstm takes several, too), in the order of their names; the LSTM nodes of an ONNX graph.
 * Of a Keras file nothing. Reads no weights, so that what is listed may still be refused.
 * @param visit called for each of them, from this thread; not at all where there is none.
 * @retval BAD_ARGUMENT path or visit is NULL. NO_INPUT, IO, BAD_DATA, UNSUPPORTED, NO_MEMORY, TOO_LARGE as sluice_model_load.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_list(const char *path, sluice_choice_visitor *visit, void *context,
                                                              sluice_error *error);

/* ---- Environment: the machine, and what would be chosen on it --------------------------------------------------------------- */

typedef struct sluice_environment {
    size_t struct_size;                   /**< sizeof(sluice_environment), of this version's or of 0.3's; set by the caller */
    sluice_isa isa;                       /**< chosen */
    sluice_isa best_isa;                  /**< the best this CPU and OS allow */
    sluice_gemm gemm;                     /**< chosen */
    unsigned threads;                     /**< chosen */
    int blis_is_generic;                  /**< BLIS runs its slow portable kernels here */
    size_t l1d_bytes, l2_bytes, l3_bytes; /**< of one core's view; 0: not known */
    char cpu[64];
    char isa_reason[160];
    char gemm_reason[160];
    char threads_reason[160];
    char blis_version[64];
    char blis_config[32];
    char openmp[64]; /**< the OpenMP runtime and version */
    /* Since 0.4, of the OpenMP runtime as well: */
    char openmp_binding[32]; /**< how threads are bound to places: "false" (they are not), "true", "primary", "close" or "spread" */
    char openmp_places[160]; /**< the places and their CPUs, "2: {0-1},{2-3}", cut with "..." where they are many; "none" */
    int openmp_dynamic;      /**< 1: the runtime may give fewer threads than asked for */
    unsigned openmp_thread_limit; /**< the most threads that it gives; 0: no limit is set */
    sluice_precision precision;   /**< chosen */
    char precision_reason[160];
} sluice_environment;

/**
 * Describe the machine and what sluice_engine_create would choose for `options` (NULL: defaults) and why. May make BLIS read its
 * environment.
 * @retval BAD_ARGUMENT an option or an environment variable has a value that is not known; UNSUPPORTED as sluice_engine_create.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_environment_get(const sluice_engine_options *options,
                                                                   sluice_environment *environment, sluice_error *error);

/**
 * Look at the environment variable BLIS_ARCH_TYPE before anything uses BLIS, as a program should. BLIS releases older than the
 * CPU fall to portable kernels, five times slower; the variable names a configuration instead. The library never sets it by
 * itself.
 * @param value set to the value a program should give the variable; to NULL if it is set, or BLIS knows this CPU.
 * @retval BAD_ARGUMENT the variable is set to what would make this release of BLIS abort, or use instructions this CPU lacks.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_blis_arch_recommend(const char **value, sluice_error *error);

/** Measure one thread's peak of fused multiply-adds at an ISA, in GFLOP/s: about 30 ms of registers-only work, best of several
 * runs. 0 if this machine lacks the ISA. SLUICE_ISA_AUTO is the best one. */
SLUICE_API double sluice_peak_measure(sluice_isa isa);

/* ---- Plan: how a batch would be computed ----------------------------------------------------------------------------------- */

/** An execution plan for a batch. Its rows are divided between `thread_groups`, and the threads of a group go through the steps of
 *  its rows together, each computing some of the units. No bit of the result depends on it. */
typedef struct sluice_candidate {
    size_t struct_size;       /**< sizeof(sluice_candidate), set by the caller */
    sluice_schedule schedule; /**< the nearest value of the option: ROWS and HOIST have one thread a group, UNITS several */
    unsigned thread_groups;
    unsigned threads_per_group;
    int hoists;     /**< products of x are made ahead of the recurrence, for a chunk of steps */
    int wavefront;  /**< a group's threads divide the units of all layers, each layer a chunk of steps behind the one below it */
    double cycles;  /**< estimate, in cycles of one core */
    double seconds; /**< as sluice_plan_measure found; 0: not measured */
} sluice_candidate;

typedef struct sluice_plan {
    size_t struct_size;     /**< sizeof(sluice_plan), set by the caller */
    size_t workspace_bytes; /**< that a new workspace for the batch takes */
    size_t candidates;      /**< how many execution plans were compared */
    size_t chosen;          /**< index of the one that sluice_forward would take */
    char reason[240];       /**< why this one, in words */
} sluice_plan;

/**
 * Find how a batch of `rows` rows and up to `steps` steps would be computed, why, and how much memory the call needs.
 * @param lengths [rows]; NULL: all `steps` long.
 * @retval BAD_ARGUMENT engine or plan is NULL, or plan's struct_size is not known.
 * @retval BAD_DATA     a length is outside 0..steps.
 * @retval TOO_LARGE, NO_MEMORY
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_plan_get(const sluice_engine *engine, size_t rows, size_t steps,
                                                            const int64_t *lengths, sluice_plan *plan, sluice_error *error);

/** Candidate `index` of those that sluice_plan_get compares for this batch, 0 <= index < plan.candidates, and its estimated cost.
 *  Errors as sluice_plan_get; BAD_ARGUMENT as well where there is no such candidate. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_plan_get_candidate(const sluice_engine *engine, size_t rows, size_t steps,
                                                                      const int64_t *lengths, size_t index,
                                                                      sluice_candidate *candidate, sluice_error *error);

/** Start from zeros ({0}) and set struct_size. */
typedef struct sluice_measure_options {
    size_t struct_size; /**< sizeof(sluice_measure_options) */
    int (*is_cancelled)(
        void *context); /**< asked between timings, by the calling thread: nonzero ends the measurement; NULL: none */
    void *context;      /**< its argument */
} sluice_measure_options;

/**
 * Time the candidates for batches of `rows` equal rows of `steps` steps, on zeros, and have the engine take the fastest for such
 * batches from now on. No call may be using the engine meanwhile. Takes some tens of calls' time.
 * @param options NULL: defaults.
 * @retval CANCELLED    is_cancelled returned nonzero. For these batches the engine takes the fastest so far if every candidate has
 *                      been timed once, else what it took before the call; plans of other batches stay.
 * @retval BAD_ARGUMENT engine is NULL, rows or steps 0, the engine's schedule is not AUTO or its path is BLIS, or the call stands
 *                      in a parallel region.
 * @retval TOO_LARGE    also when thousands of batch sizes have been measured already.
 * @retval NO_MEMORY
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_plan_measure(sluice_engine *engine, size_t rows, size_t steps,
                                                                const sluice_measure_options *options, sluice_error *error);

/** Write the plans that sluice_plan_measure found to a file, a text of one line a batch size, replaced as a whole.
 *  BAD_ARGUMENT, IO, NO_MEMORY. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_plan_save(const sluice_engine *engine, const char *path, sluice_error *error);

/**
 * Read plans that sluice_plan_save wrote. Those that the engine already has stay for the batch sizes that the file does not name.
 * No call may be using the engine meanwhile.
 * @retval BAD_ARGUMENT engine or path is NULL, or the engine's schedule is not AUTO or its path is BLIS.
 * @retval NO_INPUT, IO
 * @retval BAD_DATA     not such a file, or of another network shape, instruction set, precision, thread count or CPU. The engine
 *                      is unchanged.
 * @retval NO_MEMORY
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_plan_load(sluice_engine *engine, const char *path, sluice_error *error);

/* ---- Machine: figures of its speed ----------------------------------------------------------------------------------------- */

/**
 * How fast the machine is at what execution plans differ in, with the kernels of one instruction set. Engines estimate by them how long
 * each plan takes (sluice_candidate.cycles). All numbers are from 0.001 to 1e9; a cycle is one of a core's clock.
 */
typedef struct sluice_machine {
    size_t struct_size;       /**< sizeof(sluice_machine), set by the caller */
    sluice_isa isa;           /**< whose kernels these are the figures of */
    unsigned threads;         /**< of engines that were measured, of which as many ran as there are CPUs; 0: the table */
    double multiply_adds;     /**< vectors of fused multiply-adds that a core does in a cycle */
    double l2_bytes;          /**< bytes a cycle: weights from L2 to a core; */
    double l3_bytes;          /**< from L3 to one core; */
    double shared_l3_bytes;   /**< from L3 to each core while several read; */
    double dram_bytes;        /**< from main memory to one core; */
    double all_dram_bytes;    /**< from main memory to all cores together */
    double activation_cycles; /**< from the pre-activations to c and h, of one row and a vector of units */
    double barrier_cycles;    /**< of a barrier, and for each thread in it: */
    double barrier_thread_cycles;
    double region_cycles; /**< of beginning and ending a parallel region, and for each thread in it: */
    double region_thread_cycles;
    char cpu[64];     /**< its name */
    char version[16]; /**< of the library that measured */
    char source[160]; /**< where the figures come from, in words */
} sluice_machine;

/**
 * The figures that engines with these options (NULL: defaults) use if they are given none: those of the library's table for this family
 * of CPUs and the chosen instruction set. Measures nothing and reads no file.
 * @retval BAD_ARGUMENT machine's struct_size is not known, or as sluice_environment_get; UNSUPPORTED as that.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_machine_get(const sluice_engine_options *options, sluice_machine *machine,
                                                               sluice_error *error);

/**
 * Measure the figures with the kernels of the instruction set that such engines use, and as many threads, but no more than there are
 * CPUs. Takes about a second, and while it reads main memory four times as much memory as L3 has. Figures that cannot be measured here
 * are the table's: of several threads with one thread, of L3, and then of main memory, where L3 is no larger than four times L2, of main
 * memory where L3 is beyond 128 MiB, of caches and memory by scalar kernels. `options->machine` is not used. An otherwise idle machine gives the best figures.
 * @param until NULL: not cancelled.
 * @retval CANCELLED    until->is_cancelled returned nonzero; machine is unchanged.
 * @retval BAD_ARGUMENT as sluice_machine_get, or the call stands in a parallel region; UNSUPPORTED as sluice_machine_get.
 * @retval NO_MEMORY
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_machine_measure(const sluice_engine_options *options,
                                                                   const sluice_measure_options *until, sluice_machine *machine,
                                                                   sluice_error *error);

/** Write figures to a file, a JSON object, replaced as a whole; the numbers are rounded to thousandths. BAD_ARGUMENT (a figure is not
 *  from 0.001 to 1e9, or the ISA is none), IO, NO_MEMORY. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_machine_save(const sluice_machine *machine, const char *path,
                                                                sluice_error *error);

/**
 * Read figures that sluice_machine_save wrote, of this or of another machine: machine->cpu and version say of which.
 * @retval BAD_ARGUMENT path is NULL, or machine's struct_size is not known.
 * @retval NO_INPUT, IO
 * @retval BAD_DATA     not such a file, a figure missing, twice or out of range, or no instruction set of this library; the error has the
 *                      byte. machine is unchanged.
 * @retval NO_MEMORY
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_machine_load(const char *path, sluice_machine *machine, sluice_error *error);

#if defined(__cplusplus) && !defined(SLUICE_DECLARATIONS_ONLY)
}
#endif

#endif
