/* The engine: a model made ready for this CPU. Immutable once created, but for its tuned plans, its idle
 * workspaces, and sluice_engine_set_model. */
#ifndef SLUICE_ENGINE_ENGINE_H
#define SLUICE_ENGINE_ENGINE_H

#include "base/memory.h"
#include "base/size.h"
#include "kernel/kernel.h"
#include "model/layer_chain.h"
#include "sluice_tools.h"

#include <stdbool.h>

/** One direction of one layer, packed. */
typedef struct sl_packed {
    const sl_layer_dir *dir;   /* its sizes */
    size_t width;              /* floats of a packed row of its gates */
    size_t h_stride, c_stride; /* floats between rows of its h, and of its c and m */
    sluice_cell cell;          /* its description, with the activations that DEFAULT stands for */
    bool x_within_one;         /* x, and h, are outputs of cells that stay within +-1: as integers they have the scale 1/127 */
    bool h_within_one;
    bool is_plain;               /* the fused step computes its cell: it has no options but biases, projection and initial state */
    unsigned phases;             /* of an iteration: threads that share the layer-direction wait for each other after each */
    float *panels;               /* fused: memory of weights_ih and weights_hh, whose panels of one block follow each other */
    sl_packed_matrix weights_ih; /* fused: W; no words where there is a table */
    sl_packed_matrix weights_hh; /* fused: U */
    sl_packed_matrix weights_table;   /* W, where there is a table */
    sl_packed_matrix weights_back;    /* for training: U transposed, as sl_step_grad reads it; no panels for BLIS */
    float *transpose_ih;              /* BLIS: [inputs][width]; NULL otherwise and where there is a table */
    float *transpose_hh;              /* BLIS: [H][width] */
    float *bias;                      /* packed row */
    float *weight_ih;                 /* for training: canonical [4H][inputs] */
    float *weight_hh;                 /* for training by BLIS: canonical [4H][H or P] */
    sl_packed_matrix projection;      /* W_p, a block being 4 * lanes of the P outputs; no panels without one, and for BLIS */
    sl_packed_matrix projection_back; /* for training: W_p transposed, a block being 4 * lanes of the units; no panels for BLIS */
    float *transpose_projection;      /* BLIS: [H][projection_width]; NULL otherwise */
    float *weight_projection;         /* for training by BLIS: canonical [P][H] */
    float *projection_bias;           /* packed row; zeros without a bias */
    size_t projection_width;          /* floats of such a row; 0: no projection */
    float *peepholes;                 /* [3][c_stride], or NULL */
    float *gain, *shift;              /* of layer normalisation: [5][c_stride] each, or NULL */
    float *initial_h, *initial_c;     /* the states before the first step that were learned; NULL: zeros */
    float *table;                     /* layer 0 with an embedding: [V] packed rows, embedding x W + b; else NULL */
} sl_packed;

typedef enum sl_step_kind { SL_STEP_DENSE, SL_STEP_AFFINE, SL_STEP_ACTIVATION, SL_STEP_MERGE } sl_step_kind;

/** A layer that computes each step by itself; also the merge of an LSTM layer's two directions. */
typedef struct sl_step_layer {
    sl_step_kind kind;
    size_t layer;           /* of the network */
    size_t inputs, outputs; /* floats of a step */
    size_t width;           /* floats of a row of its results in scratch memory: whole packed rows */
    sluice_merge merge;
    sluice_activation activation;
    sl_packed_matrix weights; /* dense: W */
    float *bias;              /* dense: packed row, zeros without a bias */
    float *scale, *shift;     /* affine */
    float *weight;            /* dense, for training: canonical [outputs][inputs] */
} sl_step_layer;

/** The layers besides the LSTM layers and the embedding, and where they stand. */
typedef struct sl_step_layers {
    sl_step_layer *all; /* [count] in the network's order */
    size_t count;
    size_t *before;       /* [lstm_layers + 1]: the first behind LSTM layer l - 1: all[before[l]] .. all[before[l+1] - 1] stand
                           * before layer l, those from before[lstm_layers] on behind the last */
    size_t reduced;       /* where the steps are reduced to one vector: before all[reduced] */
    sluice_steps reduces; /* and how; ALL: they are not */
    size_t *input_buffer; /* [lstm_layers] the buffer that LSTM layer l reads; SIZE_MAX: the batch's input */
    bool merges;          /* all[before[lstm_layers]] merges the directions of the last LSTM layer */
    bool takes_steps;     /* the network's end is made of outputs of the last LSTM layer at its steps, by other layers */
    size_t widest;        /* floats of a vector: the largest width and inputs; 0: there are no such layers */
} sl_step_layers;

/** What schedules follow from: the CPU, and sizes that the engine's weights have against its caches. */
typedef struct sl_limits {
    size_t l1d_bytes, l2_bytes, l3_bytes; /* as one core sees them; never 0 */
    unsigned cpus;                        /* that this process may use */
    size_t auto_hoisted_rows;   /* input products are hoisted for so few running rows, even if a plan does not ask for it */
    size_t row_block_rows;      /* most rows of a row block */
    size_t hoist_product_rows;  /* rows x steps of one hoisted input product; at least a row block's of one step */
    size_t layer_buffer_floats; /* aim for the buffers between layers */
} sl_limits;

/** Sizes that follow from the network and the kernels. */
typedef struct sl_engine_sizes {
    size_t layer_lines, all_lines; /* cache lines of units: of the LSTM layer that has most, and of all */
    size_t widest_row;             /* floats of the longest packed row of gates */
    size_t widest_state;           /* the longest row of h or c */
    size_t widest_buffer;          /* floats of a step in a buffer between layers */
    size_t prepared_stride;   /* floats between rows of words that are multiplied with weights of fewer bits; 0: there are none */
    size_t between;           /* arrays that layers write for other layers */
    size_t wavefront_buffers; /* buffers for these in a wavefront; in other plans 2 at most */
    bool wavefronts;          /* whether all LSTM layers can run at once, each a time chunk behind the one below it */
} sl_engine_sizes;

/** An execution plan, how a batch is computed; see sluice_candidate. It takes thread_groups * threads_per_group threads at most. */
typedef struct sl_exec_plan {
    unsigned thread_groups, threads_per_group;
    bool hoists, wavefront;
} sl_exec_plan;

/** A plan that measuring has found to be the fastest for batches of `rows` rows of `steps` steps each. */
typedef struct sl_tuned_plan {
    size_t rows, steps;
    sl_exec_plan plan;
    double seconds;
} sl_tuned_plan;

struct sluice_engine {
    sluice_shape shape;  /* of the model */
    sl_network *network; /* a copy of the model's; owned */
    sl_cell_kind cell;
    const sl_kernel *kernel;
    sluice_gemm gemm;
    sluice_precision precision;
    sluice_schedule schedule;
    unsigned threads;
    int flush_to_zero;
    bool has_bf16_dot; /* with bf16: products of pairs by the CPU's own instruction */
    bool training;
    unsigned long models; /* that it has been given */
    size_t packed_bytes, table_bytes;
    sl_packed *layers; /* [layer-directions] */
    float *embedding;  /* [V][I]; NULL where a network made of a shape has a table and is not for training */
    sl_step_layers steps;
    sl_engine_sizes sizes;
    sl_limits limits;
    sluice_machine machine;     /* by which plans are weighed */
    sl_tuned_plan *tuned_plans; /* [tuned_plan_count], sorted by rows, then steps; owned */
    size_t tuned_plan_count;
    struct sl_pool *pool; /* workspaces of calls that bring none */
};

/** Zeroed floats, counted in the engine's packed_bytes; NULL: there is no memory. Sizes were checked when the model was made. */
static inline float *sl_engine_take_floats(sluice_engine *engine, size_t count)
{
    float *floats = sl_alloc_array(count, sizeof *floats);
    engine->packed_bytes += floats ? count * sizeof *floats : 0;
    return floats;
}

/** Whether outputs of the last LSTM layer may have to go to a buffer, for layers behind it or to be merged; y is copied from there. */
static inline bool sl_engine_may_keep(const sluice_engine *engine)
{
    return engine->steps.takes_steps || engine->steps.merges;
}

/** Whether subnormals are flushed while it computes. */
static inline bool sl_engine_flushes(const sluice_engine *engine)
{
    return engine->flush_to_zero || engine->precision == SLUICE_PRECISION_BF16;
}

/** Whether input products are made ahead in any plan: BLIS adds those of h to them, and the step multiplies with weights of one
 *  format. */
static inline bool sl_engine_always_hoists(const sluice_engine *engine)
{
    return engine->gemm == SLUICE_GEMM_BLIS ||
           (engine->layers[0].weights_ih.words && engine->layers[0].weights_ih.format != engine->layers[0].weights_hh.format);
}

/** The head of a network made of a shape; NULL: there is none. */
static inline const sl_step_layer *sl_engine_head(const sluice_engine *engine)
{
    return engine->network->is_shape && engine->steps.count ? &engine->steps.all[engine->steps.count - 1] : NULL;
}

/** A row's length in floats rounded up to an odd number of cache lines, so that the rows of a tile do not fall into the same cache
 * set. */
static inline size_t sl_odd_lines(size_t floats)
{
    const size_t lines = sl_size_div_up(floats, SL_LINE_FLOATS);
    return (lines + (lines % 2 == 0)) * SL_LINE_FLOATS;
}

/** Describe a step of `blocks` blocks of units of a layer-direction, from `block` on. Its rows, their pointers and states are the
 * caller's to fill in. Fields are set one by one: a struct that is made elsewhere and copied has to wait for the stores. */
static inline void sl_engine_set_step(const sluice_engine *engine, const sl_packed *packed, size_t block, size_t blocks,
                                      sl_step *step)
{
    const size_t units = blocks * engine->kernel->lanes, rest = packed->dir->hidden - block * engine->kernel->lanes;
    step->units = units < rest ? units : rest;
    sl_packed_set_range(&packed->weights_ih, block, blocks, &step->weights_ih);
    sl_packed_set_range(&packed->weights_hh, block, blocks, &step->weights_hh);
    step->h_stride = packed->h_stride;
    step->state_stride = packed->c_stride;
    step->gate_stride = packed->dir->hidden;
    step->y = NULL;
    step->gates = NULL;
    step->c_kept = NULL;
}

#endif
