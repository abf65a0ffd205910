/*
 * Sluice: training. Initial models, the tape that a forward call writes, gradients through time, losses, and the trainer, which
 * updates a model's weights. It includes sluice_network.h and sluice.h, whose words and contracts hold here. SPDX-License-Identifier: MIT
 */
#ifndef SLUICE_TRAIN_H
#define SLUICE_TRAIN_H

#include "sluice_network.h"

#if defined(__cplusplus) && !defined(SLUICE_DECLARATIONS_ONLY)
extern "C" {
#endif

/* ---- Models to be trained -------------------------------------------------------------------------------------------------- */

typedef enum sluice_initializer {
    SLUICE_INITIALIZER_TORCH = 0, /**< as SLUICE_INITIALIZER_UNIFORM, but the embedding standard normal, as torch.nn.Embedding's */
    SLUICE_INITIALIZER_KERAS,  /**< W, head: Glorot uniform; U: orthogonal (each [4H][H] as a whole); b zero but the forget gate's
                                       1; embedding uniform in +-0.05, as Keras has them */
    SLUICE_INITIALIZER_UNIFORM /**< all uniform in +-1/sqrt(H), as torch.nn.LSTM begins, also b and the head; the embedding uniform
                                       in +-1 */
} sluice_initializer;

/** Build a model with initial weights; the same seed gives the same weights on every machine.
 *  @param class_names C strings, copied; NULL: none. Errors as sluice_model_create. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_create_initial(const sluice_shape *shape, sluice_initializer initializer,
                                                                        uint64_t seed, const char *const *class_names,
                                                                        sluice_model **model, sluice_error *error);

/**
 * The same of a network. Each layer begins as the framework's own: an LSTM layer, its projection too, and the embedding as above;
 * dense with KERAS Glorot uniform and b zero, else W and b uniform in +-1/sqrt(in), as torch.nn.Linear; affine with scale 1 and shift
 * 0. With KERAS, a projection is Glorot uniform. Parameters that only other options of cells have are 0, gains 1.
 * @retval as sluice_model_create_network.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_create_initial_network(const sluice_network *network,
                                                                                sluice_initializer initializer, uint64_t seed,
                                                                                const char *const *class_names,
                                                                                sluice_model **model, sluice_error *error);

/** Set the forget gates' biases of all LSTM layers, b_ih + b_hh, before training: with 1 or 2 a cell begins by keeping its state.
 *  Not while another call reads the model. BAD_ARGUMENT: a layer has no biases, the value is not finite, model is NULL. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_set_forget_bias(sluice_model *model, float value, sluice_error *error);

/**
 * Give the engine another model of the same shape: its weights are packed anew, in place, without allocating (but once, where those
 * of before were packed in 16 bits, sluice_precision, and these are not such numbers). No call may be using the engine meanwhile, and
 * a tape written before is lost to sluice_backward.
 * @retval BAD_ARGUMENT engine or model is NULL, or the shape is another.
 * @retval NO_MEMORY    the engine is as it was.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_engine_set_model(sluice_engine *engine, const sluice_model *model,
                                                                    sluice_error *error);

/** How weights are given to an engine. Start from zeros ({0}) and set struct_size. */
typedef struct sluice_weights_options {
    size_t struct_size; /**< sizeof(sluice_weights_options) */
    int unchecked; /**< 1: whether weights are NaN or infinite is not checked; those that are spread as the equations have it, but with
                        int8 what comes of them is not defined */
} sluice_weights_options;

/**
 * The same with weights from the caller's arrays, on all the engine's threads and with no model between: as sluice_model_create and
 * sluice_engine_set_model, to the bit, in a fraction of the time. For networks made of a sluice_shape. The arrays are read during
 * the call alone; class_names are ignored.
 * @param options NULL: defaults.
 * @retval BAD_ARGUMENT engine is NULL, or its network no sluice_shape's; another shape; a NULL array that the shape asks for.
 * @retval BAD_DATA     a weight is NaN or infinite; the message names the array and the index.
 * @retval NO_MEMORY    as all that is returned but OK, leaves the engine as it was.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_engine_set_weights(sluice_engine *engine, const sluice_weights *weights,
                                                                      const sluice_weights_options *options, sluice_error *error);

/* ---- Tape: what a forward call leaves for its gradient --------------------------------------------------------------------- */

typedef struct sluice_tape_options {
    size_t struct_size; /**< sizeof(sluice_tape_options) */
    size_t recompute; /**< 0: keep the gates of all steps. S: keep the outputs and, of every S-th step, the states; sluice_backward
                         computes the gates of S steps at a time again, from the last; S is rounded up to where 512 steps of rows are
                         together. The same bits on the fused path, of long batches a fifth to a half of the bytes, and a third
                         more time */
    int keep; /**< 1: sluice_backward does not use the tape up, and called again has the same bits. Takes the bytes of the gates of the
                   widest layer and direction, and a copy of all gates in each call; with recompute nothing */
} sluice_tape_options;

/**
 * Make a tape for calls on `engine`, made with its option `training`; it must outlive the tape. A tape belongs to one batch at a
 * time: sluice_forward fills it (and lets it grow, so that later batches no larger, or with recompute of the same lengths, allocate
 * nothing), sluice_backward uses it up unless its option `keep` says otherwise.
 * Per step of each row it holds, for each layer and direction, the four gates, c, h and, with a projection, m; and of each step
 * layer the outputs, and what the function is applied to where that is needed. Batches with masks or `outputs` have no tape.
 * @param options NULL: defaults.
 * @retval BAD_ARGUMENT the engine was not made for training. NO_MEMORY
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_tape_create(const sluice_engine *engine, const sluice_tape_options *options,
                                                               sluice_tape **tape, sluice_error *error);

/** Bytes the tape holds now, the room in which sluice_backward works among them. */
SLUICE_API size_t sluice_tape_get_bytes(const sluice_tape *tape);

/** Bytes that a new tape takes for such a batch (lengths NULL: all `steps` long), without dropout; with it, D*H floats more per step
 *  of each row and layer but the first. BAD_ARGUMENT, UNSUPPORTED, BAD_DATA (a length), TOO_LARGE, NO_MEMORY. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_tape_required_bytes(const sluice_engine *engine,
                                                                       const sluice_tape_options *options, size_t rows,
                                                                       size_t steps, const int64_t *lengths, size_t *bytes,
                                                                       sluice_error *error);

/** Free the tape; NULL is allowed. */
SLUICE_API void sluice_tape_destroy(sluice_tape *tape);

/* ---- Backward -------------------------------------------------------------------------------------------------------------- */

/** Where the gradient of a layer's parameter goes, in the caller's memory. Its size stays. */
typedef struct sluice_parameter_gradient {
    size_t layer; /**< as sluice_parameter, which it is the gradient of */
    size_t direction;
    sluice_tensor tensor;
    size_t count; /**< of values */
    float *values;
} sluice_parameter_gradient;

/**
 * Gradients of a loss: those that come in, of the results of sluice_forward, and those that are wanted. Start from zeros ({0}) and
 * set struct_size. Each array has the shape of what it belongs to; the strides and offsets of dy and dx are as those of y and x in
 * sluice_batch, both strides 0 meaning contiguous, batch first. What lies past a row's end in dy or dstep_logits is not read.
 */
typedef struct sluice_gradient {
    size_t struct_size; /**< sizeof(sluice_gradient) */
    const float *dy;    /**< [N][T][D*H]; NULL: zero, as for all that come in */
    size_t dy_row_stride;
    size_t dy_step_stride;
    const float *dhn;          /**< [L*D][N][H] */
    const float *dcn;          /**< [L*D][N][H] */
    const float *dlogits;      /**< [N][C] */
    const float *dstep_logits; /**< [N][T][C] */

    float *dx; /**< [N][T][I], of a model without embedding; without accumulate, it becomes zero past a row's end, but with
                    dx_offsets or dx_step_offsets nothing is written there; NULL: not wanted, as for all that go out */
    size_t dx_row_stride;
    size_t dx_step_stride;
    const size_t *dx_offsets; /**< [N] where each row starts in dx, instead of n*dx_row_stride; NULL: by stride */
    float *dh0;               /**< [L*D][N][H] */
    float *dc0;               /**< [L*D][N][H] */
    float *const *weight_ih;  /**< L*D arrays [4H][in]; each may be NULL */
    float *const *weight_hh;  /**< L*D arrays [4H][H]; each may be NULL */
    float *const *bias;       /**< L*D arrays [4H], with respect to b_ih, and to b_hh, alike; each may be NULL */
    float *embedding;         /**< [V][I] */
    float *head_weight;       /**< [C][D*H] */
    float *head_bias;         /**< [C] */
    int accumulate;           /**< 1: add to what the arrays hold; 0: overwrite it */
    const sluice_parameter_gradient *parameters; /**< [parameter_count]: of any network's layers. None twice, nor one that an array
                                                      above is for */
    size_t parameter_count;
    const size_t *dy_offsets;      /**< [N] where each row starts in dy, instead of n*dy_row_stride; NULL: by stride */
    const size_t *dy_step_offsets; /**< [T] where each step lies from there, instead of t*dy_step_stride; NULL: by stride */
    const size_t *dx_step_offsets; /**< [T] likewise of dx */
} sluice_gradient;

/**
 * The gradient of the batch that the tape holds, through all its steps (Werbos 1990). With d. the gradient with respect to . and
 * h', c', c'' the states before and after:
 *
 *     dh  = dy + U' da (of the step after)          dc = dc'' f'' + dh o (1 - tanh(c)^2)
 *     da_i = dc g i(1 - i)    da_f = dc c' f(1 - f)    da_g = dc i (1 - g^2)    da_o = dh tanh(c) o(1 - o)
 *     dW = sum da x^T    dU = sum da h'^T    db = sum da    dx = W' da
 *
 * With a projection, what is said of dh above is of dm, the gradient of m = o tanh(c): dm = W_p' dh, dW_p = sum dh m^T, db_p = sum dh,
 * where dh is 0 if h is at projection_clip. A layer y = f(a) has da = dy f'(a), with softmax da_k = y_k (dy_k - sum dy_j y_j); dense,
 * a = W x + b, as above; affine dscale = sum da x, dshift = sum da, dx = da scale. At a kink f' is that of the left side, as torch has
 * it: 0 of relu, alpha of leaky relu and elu, but 0 at both ends of hard sigmoid. MEAN gives each step 1/n of the gradient, MAX all of it to the first step that has the
 * maximum.
 *
 * Of a sluice_network dy belongs to y of the last LSTM layer, merged; dlogits to the network's end where it gives one vector for
 * each row, dstep_logits where it gives outputs at every step; dhn, dcn, dh0 and dc0 are laid out as hn and cn are there, and the
 * L*D arrays are those of its layer-directions. head_weight and head_bias are a last dense layer's. Cells with other options than
 * biases and projections have no gradient: sluice_engine_create refuses them for training.
 *
 * The batch's x or tokens are read again and must be as they were. Uses up the tape, unless its option `keep` is 1. Runs on as many
 * threads as sluice_forward. A gradient that nothing contributes to is +0.
 *
 * On the fused path the gradients of a batch are the same bits at any thread count and schedule, on any instruction set, with
 * `recompute` or without, and whatever BLIS there is. Sums over steps are cut on a grid that the batch's lengths alone decide; in each
 * part a product is one chain of fused multiply-adds from zero in index order, and the parts are added in a fixed order. On the BLIS
 * path products are BLIS's on the same grid: the bits depend on its release and configuration, on the instruction set and the threads,
 * and on `recompute`, which computes gates again in products of other sizes.
 *
 * @retval BAD_ARGUMENT tape or gradient is NULL, the tape holds no batch, or one of another model than the engine has now, an array
 *                      is asked for or given that the model has no counterpart of, dx strides overlap, step offsets beside a step stride. Nothing is written, and the
 *                      tape holds what it held.
 * @retval TOO_LARGE
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_backward(sluice_tape *tape, const sluice_gradient *gradient,
                                                            sluice_error *error);

/* ---- Loss ------------------------------------------------------------------------------------------------------------------ */

typedef enum sluice_loss_kind {
    SLUICE_LOSS_CROSS_ENTROPY = 0, /**< of softmax(outputs) with labels */
    SLUICE_LOSS_SQUARED_ERROR,     /**< mean over the outputs' elements of (output - value)^2; as all below, of values */
    SLUICE_LOSS_ABSOLUTE_ERROR,    /**< of |output - value|, as torch.nn.L1Loss; gradient 0 where they are equal */
    SLUICE_LOSS_HUBER,   /**< Huber 1964, as torch.nn.HuberLoss: with e = output - value, of e^2 / 2 where |e| <= delta, else
                                        delta (|e| - delta / 2) */
    SLUICE_LOSS_QUANTILE /**< Koenker & Bassett 1978, the pinball loss: with e = value - output and quantile q, of
                                        max(q e, (q - 1) e); gradient 1/2 - q where e is 0, as torch.maximum halves it. An output
                                        for each value and quantile: see `quantiles` */
} sluice_loss_kind;

/** "cross-entropy", "squared-error", "absolute-error", "huber" or "quantile"; NULL for another value. As the two below: the words of
 *  the programs and of checkpoints. */
SLUICE_API const char *sluice_loss_get_name(sluice_loss_kind kind);

/** Most quantiles of a loss. */
#define SLUICE_MAX_QUANTILES 64

/** A loss, the mean over the counted targets, and its gradient. Start from zeros ({0}) and set struct_size.
 *
 *  With class_weights w it is torch.nn.CrossEntropyLoss(weight=w, label_smoothing=s): for a target of label y, with p the softmax of
 *  its C outputs, (1 - s) w[y] (-log p[y]) + s/C sum over k of w[k] (-log p[k]); their sum over the counted targets is divided by the
 *  sum of their w[y]. If that is 0, loss and gradient are 0.
 *
 *  With sample_weights a target's loss is multiplied by its weight, and in that sum its w[y], or 1 where there are no class weights:
 *  the loss is the weighted mean, as sklearn.metrics' sample_weight has it (Keras divides by the number of targets). A target of
 *  weight 0 does not count, and its outputs, label and values are not read. */
typedef struct sluice_loss {
    size_t struct_size; /**< sizeof(sluice_loss) */
    sluice_loss_kind kind;
    size_t rows;            /**< N */
    size_t steps;           /**< T; 1 for outputs [N][width], such as logits */
    size_t width;           /**< of an output: C for logits */
    const int64_t *lengths; /**< [N], each 0..T; NULL: all T. Only steps before a row's end count */
    const float *outputs;   /**< [N][T][width] */
    const int32_t *labels;  /**< cross-entropy: [N][T], each 0..width-1, or `ignore` */
    const float *values;    /**< losses of values: [N][T][width], quantile: [N][T][width / Q] */
    int32_t ignore;         /**< a label that does not count; must be negative, 0 meaning -100 as in torch */
    float label_smoothing;  /**< 0 <= s < 1: the target is (1 - s) on the label and s / width on every class */
    float *gradient;        /**< like outputs, zero where nothing counts; NULL: not wanted */

    double loss;    /**< set: the mean, or this part of it; 0 if nothing counts */
    size_t counted; /**< set: targets that counted (a step of a row each) */
    size_t right;   /**< set, cross-entropy: outputs largest at the label (the first of equals) */

    const float *class_weights; /**< cross-entropy: [width], each finite and >= 0, one at least above 0; NULL: all 1 */
    double weight;              /**< set: the sum of the targets' weights, or `counted`: what the sum of the losses is divided by,
                                     unless total_weight is given */
    double total_weight; /**< what it is divided by instead: the weight of all shards of a batch, so that their losses and gradients
                              add up to the batch's; 1: the sum itself. Finite, > 0; 0: this loss's own weight */
    const float *sample_weights; /**< [N][T], each finite and >= 0; what lies past a row's end is not read; NULL: all 1 */
    double delta;                /**< Huber: > 0; 0: 1 */
    const float *quantiles;      /**< quantile: [Q], each above 0 and below 1; else NULL. Those of one value are neighbours: output
                                      v*Q + k is quantile k of value v */
    size_t quantile_count;       /**< Q, at most SLUICE_MAX_QUANTILES; width is a multiple of it */
} sluice_loss;

/**
 * Compute a loss and its gradient. Sums are taken in the order of rows and steps, in double precision.
 * @retval BAD_ARGUMENT a NULL array that the kind needs, or an option out of range.
 * @retval TOO_LARGE
 * @retval BAD_DATA     a label, a length or a sample weight out of range, an output or a value that is NaN or infinite; the message
 *                      has row and step. What is set is then not defined.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_loss_compute(sluice_loss *loss, sluice_error *error);

/* ---- Ranks: processes that train one model together ------------------------------------------------------------------------- */

/*
 * A batch is cut into S shards, by a rule that knows the batch alone. Each shard's gradient, divided by the weight of the whole batch,
 * is exact in bits, and the shards' gradients are added in a fixed binary tree: node (level, index) covers the shards
 * [index << level, (index + 1) << level); it is the sum of its two halves at the level below, or where it has no right half, its left
 * one. Rank r of R has the shards S*r/R .. S*(r+1)/R - 1, rounded down; beyond S, ranks have none. So the bits are those of S shards on
 * one process, whatever R is; with S = 1 they are those of a batch that is not cut.
 *
 * The library owns the tree, the caller the transport: MPI, gloo, sockets. The functions below that take an exchange are called by all
 * its ranks, in the same order with the same sizes, and so are sluice_trainer_step and sluice_trainer_evaluate of a trainer that has
 * one; no other function exchanges anything. A rank whose call is refused for its trainer or its exchange, or by sluice_exchange_gather,
 * exchanges nothing, and the others wait for it; all else that fails on one rank fails on all, with the same status and message. Where
 * the transport fails, ranks may end with different statuses: start them all anew, from a checkpoint.
 */

/** Most shards of a batch. */
#define SLUICE_MAX_SHARDS 65536

/** How a rank exchanges data with the others. Start from zeros ({0}) and set struct_size. */
typedef struct sluice_exchange {
    size_t struct_size; /**< sizeof(sluice_exchange) */
    size_t rank;        /**< 0..ranks-1 */
    size_t ranks;       /**< R, at most SLUICE_MAX_SHARDS; 0 or 1: alone, and the function may be NULL */
    void *context;      /**< passed to the function; a trainer uses it until it has another exchange or is destroyed */
    /** Send `sent_bytes` to rank `to`, and receive exactly `received_bytes` from rank `from`, which sends as many; the two may be
     *  different ranks. A count may be 0, which the other side knows, and its pointer NULL; the arrays do not overlap.
     *  Returns when both are done; 0: they are. Messages between two ranks stay in order. Another value ends the call that needed it
     *  with SLUICE_STATUS_IO. */
    int (*send_receive)(void *context, size_t to, const void *sent, size_t sent_bytes, size_t from, void *received,
                        size_t received_bytes);
    int from_thread; /**< 1: the function may be called from a thread that the trainer makes as well as from its caller's, never from
                          two at a time (MPI_THREAD_SERIALIZED); gradients of one layer are then exchanged while those of the layers
                          before it are computed. That thread takes no signals */
} sluice_exchange;

/** Cut a batch: *bounds* [shards + 1] get the first row of each shard, and `rows`. Rows stay in order, and the shards have nearly
 *  equal sums of steps. @param lengths NULL: all have `steps`. BAD_ARGUMENT (0 shards, or too many), BAD_DATA (a length), TOO_LARGE. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_shards_cut(size_t rows, size_t steps, const int64_t *lengths, size_t shards,
                                                              size_t *bounds, sluice_error *error);

/** The shards of a rank, *first .. *end - 1; as in sluice_exchange, ranks 0 means alone. */
SLUICE_API void sluice_shards_of_rank(size_t shards, size_t rank, size_t ranks, size_t *first, size_t *end);

/** Give every rank the block [bytes] of each: `all` [R][bytes], by rank. exchange NULL: alone. IO, BAD_ARGUMENT. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_exchange_gather(const sluice_exchange *exchange, const void *block, size_t bytes,
                                                                   void *all, sluice_error *error);

/**
 * Add vectors of floats, one for each shard, in the tree above, and give every rank the sum: the same bits on any number of ranks.
 * @param vectors the arrays [count] of this rank's shards, by shard, which are used up.
 * @param sum     [count], on every rank; may be the first of the vectors, else overlaps none.
 * @retval IO, BAD_ARGUMENT, NO_MEMORY, TOO_LARGE: sum and vectors are then of no use.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_exchange_sum(const sluice_exchange *exchange, size_t shards,
                                                                float *const *vectors, size_t count, float *sum,
                                                                sluice_error *error);

/* ---- Trainer: a model being trained. One call at a time. ------------------------------------------------------------------- */

typedef struct sluice_trainer sluice_trainer;

typedef enum sluice_optimizer {
    SLUICE_OPTIMIZER_ADAM = 0, /**< Kingma & Ba 2015; weight_decay is added to the gradient */
    SLUICE_OPTIMIZER_ADAMW,    /**< Loshchilov & Hutter 2019: weights shrink by rate * weight_decay besides */
    SLUICE_OPTIMIZER_SGD       /**< v = momentum v + g, w -= rate v; weight_decay is added to the gradient */
} sluice_optimizer;

/** "adam", "adamw" or "sgd"; NULL for another value. */
SLUICE_API const char *sluice_optimizer_get_name(sluice_optimizer optimizer);

typedef enum sluice_rate {
    SLUICE_RATE_CONSTANT = 0,
    SLUICE_RATE_COSINE,   /**< from rate to 0 along half a cosine over total_steps */
    SLUICE_RATE_ONE_CYCLE /**< Smith & Topin 2018 as torch's OneCycleLR: rate/25 up to rate over three tenths of total_steps, down to
                               rate/250000 over the rest, along half cosines. Its warm-up is its own: warmup_steps is ignored */
} sluice_rate;

/** "constant", "cosine" or "one-cycle"; NULL for another value. */
SLUICE_API const char *sluice_rate_get_name(sluice_rate rate);

/** How to train. Zeros mean the defaults named; NULL is all of them. */
typedef struct sluice_trainer_options {
    size_t struct_size; /**< sizeof(sluice_trainer_options) */
    sluice_optimizer optimizer;
    double rate;     /**< learning rate, the highest; 0: 1e-3 */
    double momentum; /**< SGD: 0 <= momentum < 1 */
    double beta1;    /**< Adam, AdamW; 0: 0.9 */
    double beta2;    /**< Adam, AdamW; 0: 0.999 */
    double epsilon;  /**< Adam, AdamW: 1e-16..1; 0: 1e-8 */
    double weight_decay;
    double clip; /**< a gradient whose norm over all tensors is larger is scaled down to it; 0: none */
    sluice_rate schedule;
    uint64_t total_steps;  /**< of cosine and one-cycle, which need it; beyond it the rate stays at its last */
    uint64_t warmup_steps; /**< constant and cosine: the rate rises in a line over so many steps first, of cosine's total_steps */
    sluice_loss_kind loss;
    int every_step; /**< 1: a target for each step (step_logits, or y where there is no head); 0: one a row (logits). A
                         sluice_network has one of the two */
    int32_t ignore; /**< as sluice_loss */
    float label_smoothing;
    float dropout;              /**< as sluice_batch; its keys come from seed and the step's number */
    uint64_t seed;              /**< of dropout */
    size_t recompute;           /**< as sluice_tape_options */
    const float *class_weights; /**< as sluice_loss, [C]; the trainer keeps a copy, and a checkpoint has them. NULL: none */
    size_t shards; /**< S: parts into which each batch is cut, below. They decide the gradient's last bits, and how many ranks can
                        share the work; 0: 1. At most SLUICE_MAX_SHARDS */
    double delta;  /**< as sluice_loss */
    const float *quantiles; /**< as sluice_loss; the trainer keeps a copy, and a checkpoint has them */
    size_t quantile_count;
    size_t first_trained; /**< layers before this one, by their index in the network, keep their weights; the gradient's norm leaves
                               them out */
} sluice_trainer_options;

/** What a step, or an evaluation, found. */
typedef struct sluice_report {
    size_t struct_size; /**< sizeof(sluice_report), set by the caller */
    double loss;        /**< before the update */
    size_t counted;     /**< as sluice_loss */
    size_t right;
    double norm;             /**< of the gradient, before clipping; 0 of an evaluation */
    double rate;             /**< learning rate used; 0 of an evaluation */
    uint64_t step;           /**< updates made so far */
    double weight;           /**< as sluice_loss; the loss over several batches is sum(loss * weight) / sum(weight) */
    double wait_seconds;     /**< with an exchange: how long this rank waited for others to come as far; elsewhere 0 */
    double exchange_seconds; /**< with an exchange: how long it exchanged gradients when there was nothing else to compute */
} sluice_report;

/**
 * Make a trainer with a copy of the model and an engine of its own.
 * @param engine_options as sluice_engine_create; `training` is set. NULL: defaults.
 * @retval BAD_ARGUMENT an option out of range; a loss that the model has no outputs for, or cross-entropy behind softmax.
 * @retval UNSUPPORTED  a cell has an option without a gradient; the message names layer and option. NO_MEMORY, TOO_LARGE
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_create(const sluice_model *model,
                                                                  const sluice_engine_options *engine_options,
                                                                  const sluice_trainer_options *options, sluice_trainer **trainer,
                                                                  sluice_error *error);

/**
 * One update: forward, loss, backward, clipping, optimiser. The same bits at any thread count and instruction set.
 * @param batch  inputs, lengths and, if need be, states or streams; its outputs may be asked for too. tape, logits and step_logits
 *               are the trainer's own and must be NULL here, dropout 0. max_threads is for the forward and the backward pass;
 *               loss and update use as many threads as the engine.
 * @param labels cross-entropy: [N], or [N][T] with every_step. Else NULL.
 * @param values losses of values: [N][C], or with every_step [N][T][C], or [N][T][D*H] without a head; of Q quantiles C / Q, or
 *               D*H / Q, instead. Else NULL.
 * @param report NULL: not wanted.
 * @retval BAD_DATA NaN or infinity in the row that the message names, in its data or, if those are finite, because training has
 *                  diverged; also as sluice_forward and sluice_loss_compute. No weight has changed, but streams have gone on.
 *                  Or the update itself made a weight or a moment infinite: then the trainer is of no more use, and
 *                  sluice_trainer_save refuses it.
 * @retval BAD_ARGUMENT, NO_MEMORY (while buffers grow; no weight has changed), TOO_LARGE
 * @retval IO       an exchange failed: no weight of this rank has changed, but another rank may have made the update.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_step(sluice_trainer *trainer, const sluice_batch *batch,
                                                                const int32_t *labels, const float *values, sluice_report *report,
                                                                sluice_error *error);

/** The loss of a batch as it stands, without dropout; nothing changes, but streams go on. Arguments and errors as
 *  sluice_trainer_step, but that the batch may ask for logits and step_logits. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_evaluate(sluice_trainer *trainer, const sluice_batch *batch,
                                                                    const int32_t *labels, const float *values,
                                                                    sluice_report *report, sluice_error *error);

/** For a loss of the caller's own: the trainer's engine, to make a tape with; and its gradient, all of whose weights' arrays are
 *  set, and as its parameters those that it has no array for, to be passed to sluice_backward and then to sluice_trainer_update. Both
 *  valid as long as the trainer. UNSUPPORTED: the gradient, of an older version, has no field for such parameters. */
SLUICE_API const sluice_engine *sluice_trainer_get_engine(const sluice_trainer *trainer);
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_get_gradient(sluice_trainer *trainer, sluice_gradient *gradient);

/**
 * Have the trainer share its batches with those of other ranks, all made of the same model and with the same options. sluice_trainer_step
 * and sluice_trainer_evaluate are then called by all of them. A batch's `rows`, `steps`, `lengths` and `shards` are those of the whole
 * batch, on every rank; all other arrays, labels and values too, hold the rows of this rank's shards alone, which may be NULL if there are
 * none; what is written for rows likewise; streams are a rank's own, their slots by default the indices of its rows. Status and
 * report, but its seconds, are the same on all ranks: one of them that fails makes all fail, with its message and, where there are
 * several, the rank before it; a row is counted in the whole batch. Then no weight has changed anywhere, but streams may have gone on,
 * and outputs been written, on some.
 * @param exchange copied; NULL: alone again.
 * @retval BAD_DATA ranks disagree: on the release, the options, the model or the updates made; the message says on which, and is the
 *                  same on all.
 * @retval BAD_ARGUMENT, IO, NO_MEMORY, TOO_LARGE: as all that is returned but OK, leaves the trainer with the exchange it had.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_set_exchange(sluice_trainer *trainer, const sluice_exchange *exchange,
                                                                        sluice_error *error);

/** Clip the gradient, update the weights, and have the engine take them. The report's loss is 0. With an exchange the gradient must be
 *  the sum over all ranks (sluice_exchange_sum).
 *  BAD_DATA: the gradient's norm is not finite, and no weight has changed; or, as sluice_trainer_step, the update overflowed. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_update(sluice_trainer *trainer, sluice_report *report,
                                                                  sluice_error *error);

/** Multiply the schedule's learning rate by this factor from the next update on, instead of the factor before, which is 1 in the
 *  beginning: for rates that follow a loss, as torch's ReduceLROnPlateau. Checkpoints keep it. With an exchange, all ranks set the
 *  same. BAD_ARGUMENT: trainer is NULL, or the factor is not a finite number above 0. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_set_rate_factor(sluice_trainer *trainer, double factor,
                                                                           sluice_error *error);

/** The factor. */
SLUICE_API double sluice_trainer_get_rate_factor(const sluice_trainer *trainer);

/** The model as trained so far; the trainer's, changed by the next update. */
SLUICE_API const sluice_model *sluice_trainer_get_model(const sluice_trainer *trainer);

/** The options as they are used, the defaults put in; class_weights are the trainer's own. Set options->struct_size first.
 *  BAD_ARGUMENT. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_get_options(const sluice_trainer *trainer,
                                                                       sluice_trainer_options *options);

/**
 * Write a checkpoint, replaced as a whole: weights, the optimiser's moments, the options and the number of steps. A safetensors file
 * whose weights sluice_model_load reads. One with class weights or streams is refused by Sluice 0.3, which would go on without them.
 * @param streams states to be saved with it, as truncated back-propagation carries them from one update to the next; NULL: none.
 * @param note    any text of the caller's; NULL: "".
 * @retval BAD_ARGUMENT trainer or path is NULL, or the streams are those of a network of another shape. IO, NO_MEMORY, TOO_LARGE
 * @retval BAD_DATA     a weight or a moment is NaN or infinite; the file stays as it was.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_save(const sluice_trainer *trainer, const sluice_streams *streams,
                                                                const char *path, const char *note, sluice_error *error);

/**
 * Make a trainer from a checkpoint; it goes on to the same bits as if it had never stopped.
 * @param streams set to the states that were saved with it, or to NULL if there were none; may be NULL: not wanted. They belong to
 *                the caller, and are used with the trainer's engine.
 * @param note set to a copy of the note, which the caller frees with sluice_free; may be NULL.
 * @retval BAD_ARGUMENT, NO_INPUT, IO, UNSUPPORTED, NO_MEMORY, TOO_LARGE
 * @retval BAD_DATA not a checkpoint, or a damaged one.
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_trainer_load(const char *path, const sluice_engine_options *engine_options,
                                                                sluice_trainer **trainer, sluice_streams **streams, char **note,
                                                                sluice_error *error);

/** Free the trainer; NULL is allowed. */
SLUICE_API void sluice_trainer_destroy(sluice_trainer *trainer);

#if defined(__cplusplus) && !defined(SLUICE_DECLARATIONS_ONLY)
}
#endif

#endif
