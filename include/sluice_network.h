/*
 * Sluice: networks as chains of layers, and the LSTM family. It includes sluice.h, whose words and contracts hold here.
 *
 * A network takes a batch's x, or tokens, through its layers one after the other: embedding, LSTM, dense, affine, activation, and at
 * most one reduction over the steps, behind which each row is one vector. sluice_shape describes the most frequent case in one
 * struct: equal plain LSTM layers between an embedding and a linear head. SPDX-License-Identifier: MIT
 */
#ifndef SLUICE_NETWORK_H
#define SLUICE_NETWORK_H

#include "sluice.h"

#if defined(__cplusplus) && !defined(SLUICE_DECLARATIONS_ONLY)
extern "C" {
#endif

/** Most layers of a sluice_network. (A sluice_shape may have more.) */
#define SLUICE_MAX_LAYERS 128

/* ---- Activations ----------------------------------------------------------------------------------------------------------- */

/**
 * A function of one number, but for softmax, which is one of all numbers of a layer at a step. a and b are alpha and beta.
 *
 * Largest errors over all 2^32 inputs, in units in the last place: sigmoid 0.96 and tanh 0.76 (SLUICE_ACTIVATION_MAX_ULP), all others
 * 0.502, being one rounding; tests/unit/test_functions.c measures them. Of softmax each exponential has that error, the sum and the
 * quotient are floats'. ELU of a > 0, SELU, softplus, softsign and scaled tanh are monotone. a x + b is one fused multiply-add.
 * A NaN gives the NaN of sluice.h, which makes a whole softmax NaN; so does what a formula leaves open: infinity times 0, and softmax
 * of +infinity, or of -infinity alone.
 */
typedef enum sluice_function {
    SLUICE_FUNCTION_DEFAULT = 0,    /**< the place's own: sigmoid of a cell's gates, tanh of its candidate and of c, else x */
    SLUICE_FUNCTION_LINEAR,         /**< x */
    SLUICE_FUNCTION_SIGMOID,        /**< 1 / (1 + exp(-x)) */
    SLUICE_FUNCTION_TANH,           /**< tanh(x) */
    SLUICE_FUNCTION_HARD_SIGMOID,   /**< max(0, min(1, a x + b)): Keras before 3 and ONNX have a = 0.2, b = 0.5; Keras 3 and torch
                                         a = 1/6, b = 0.5 */
    SLUICE_FUNCTION_RELU,           /**< max(0, x); of -0 it is -0 */
    SLUICE_FUNCTION_LEAKY_RELU,     /**< x for x >= 0, else a x */
    SLUICE_FUNCTION_THRESHOLD_RELU, /**< x for x > a, else 0 */
    SLUICE_FUNCTION_ELU,            /**< x for x >= 0, else a (exp(x) - 1) */
    SLUICE_FUNCTION_SELU,           /**< 1.0507009873554805 (x for x >= 0, else 1.6732632423543772 (exp(x) - 1)) */
    SLUICE_FUNCTION_SOFTPLUS,       /**< log(1 + exp(x)) */
    SLUICE_FUNCTION_SOFTSIGN,       /**< x / (1 + |x|) */
    SLUICE_FUNCTION_SWISH,          /**< x / (1 + exp(-x)), also called SiLU */
    SLUICE_FUNCTION_GELU,           /**< x (1 + erf(x / sqrt(2))) / 2 */
    SLUICE_FUNCTION_GELU_TANH,      /**< x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2 */
    SLUICE_FUNCTION_AFFINE,         /**< a x + b */
    SLUICE_FUNCTION_SCALED_TANH,    /**< a tanh(b x) */
    SLUICE_FUNCTION_SOFTMAX /**< exp(x_k - max) / (sum over j, in index order, of exp(x_j - max)); of layers, not of cells */
} sluice_function;

/** Its size stays. */
typedef struct sluice_activation {
    sluice_function function;
    float alpha, beta; /**< used as they are, where the function has them: there is no default */
} sluice_activation;

/** The function's name, "hard_sigmoid" for example; NULL for another value. As in files and on the command line. */
SLUICE_API const char *sluice_function_get_name(sluice_function function);

/* ---- Cells ----------------------------------------------------------------------------------------------------------------- */

/** What a cell has besides W and U; bits of sluice_cell's `parts`. */
enum {
    SLUICE_PART_BIAS = 1,            /**< b */
    SLUICE_PART_PEEPHOLES = 2,       /**< p_i, p_f, p_o */
    SLUICE_PART_PROJECTION_BIAS = 4, /**< b_p, of a layer with a projection */
    SLUICE_PART_NORM = 8,            /**< layer normalisation; without b */
    SLUICE_PART_INITIAL_STATE = 16   /**< h and c before the first step that were learned, instead of zeros */
};

/**
 * The cell of one direction of an LSTM layer. With x the input, h' and c' the states before, * elementwise, s, g^ and t the three
 * activations, LN layer normalisation or, without it, the identity, clip(v, m) = max(-m, min(m, v)):
 *
 *     a_k = LN_k(W_k x + b_k + U_k h')   for k = i, f, g, o
 *     i = s(clip(a_i + p_i * c', gate_clip))      f = s(clip(a_f + p_f * c' + forget_bias, gate_clip)), or 1 - i if coupled
 *     g = g^(clip(a_g, gate_clip))
 *     c = clip(LN_c(f * c' + i * g), cell_clip)
 *     o = s(clip(a_o + p_o * c, gate_clip))
 *     m = o * t(clip(c, gate_clip)); with output_unclipped m = o * t(c)
 *     h = m, or with a projection clip(W_p m + b_p, projection_clip)
 *
 *     LN_k(v)_j = gain_kj (v_j - mean) / sqrt(variance + norm_epsilon) + shift_kj, both over the H elements of v
 *
 * Peepholes: Gers & Schmidhuber 2000; projection: Sak, Senior & Beaufays 2014, torch's proj_size, TensorFlow's LSTMCell, whose
 * clips cell_clip and projection_clip are; gate_clip: ONNX's clip, where onnxruntime has output_unclipped; coupled: ONNX's
 * input_forget, Greff et al. 2017; layer normalisation: Ba, Kiros & Hinton 2016.
 *
 * The order of operations, which is part of the numeric contract: a_k as in sluice.h; a peephole is one fused multiply-add p * c + a;
 * forget_bias is added after it; i * g is rounded, and f * c' added to it by one fused multiply-add; mean and variance are sums of H
 * terms in index order, the latter by fused multiply-adds of (v_j - mean)^2, divided by H; LN_k(v)_j is one fused multiply-add of gain_kj
 * and (v_j - mean) / sqrt(variance + norm_epsilon); a projection's product is one chain of fused multiply-adds from zero, to which b_p
 * is added.
 */
typedef struct sluice_cell {
    size_t struct_size;          /**< sizeof(sluice_cell) */
    unsigned parts;              /**< SLUICE_PART_ bits */
    sluice_activation gate;      /**< s */
    sluice_activation candidate; /**< g^ */
    sluice_activation output;    /**< t */
    int coupled;                 /**< 1: f = 1 - i; what the weights of f hold is not used */
    int output_unclipped;
    float forget_bias;
    float gate_clip;       /**< > 0; 0: no limit, for all clips */
    float cell_clip;       /**< c is limited and stored so */
    float projection_clip; /**< of h */
    float norm_epsilon;    /**< > 0 with SLUICE_PART_NORM */
} sluice_cell;

/* ---- Layers ---------------------------------------------------------------------------------------------------------------- */

typedef enum sluice_layer_kind {
    SLUICE_LAYER_EMBEDDING = 1, /**< a row of a table [V][units] for each token; the first layer only */
    SLUICE_LAYER_LSTM,          /**< at least one of a network's layers */
    SLUICE_LAYER_DENSE,         /**< y = f(W x + b): W x one chain of fused multiply-adds from zero, to which b is added */
    SLUICE_LAYER_AFFINE,        /**< y = f(scale * x + shift), elementwise, one fused multiply-add: a folded batch norm */
    SLUICE_LAYER_ACTIVATION,    /**< y = f(x) */
    SLUICE_LAYER_REDUCE         /**< one vector of all steps of a row that are not masked; zeros where there are none */
} sluice_layer_kind;

typedef enum sluice_direction {
    SLUICE_DIRECTION_FORWARD = 0,
    SLUICE_DIRECTION_REVERSE, /**< from each row's last step to its first */
    SLUICE_DIRECTION_BOTH     /**< forward and reverse, merged */
} sluice_direction;

/** What becomes of h of both directions at a step. */
typedef enum sluice_merge {
    SLUICE_MERGE_CONCAT = 0, /**< forward beside reverse: twice the width; the others keep it */
    SLUICE_MERGE_SUM,
    SLUICE_MERGE_PRODUCT,
    SLUICE_MERGE_MEAN /**< (forward + reverse) / 2 */
} sluice_merge;

/** What an LSTM layer or a reduction gives of a row's steps. */
typedef enum sluice_steps {
    SLUICE_STEPS_ALL = 0,
    SLUICE_STEPS_FINAL, /**< of an LSTM layer: h after the last iteration of each direction, merged: the reverse direction's at step
                             0. Keras's return_sequences=False, torch's hn */
    SLUICE_STEPS_LAST,  /**< y at the row's last step that is not masked, where the reverse direction has just begun: out[:, -1] */
    SLUICE_STEPS_MEAN,  /**< of a reduction: the sum in the order of steps, divided by their number */
    SLUICE_STEPS_MAX    /**< of a reduction; a NaN at any step is NaN */
} sluice_steps;

typedef struct sluice_layer {
    size_t struct_size; /**< sizeof(sluice_layer), the same in all elements of an array */
    sluice_layer_kind kind;
    const char *name;             /**< no two alike, without control characters; NULL: made of kind and number, as "lstm_2" */
    size_t units;                 /**< LSTM: H; dense: outputs; embedding: width of its rows; else 0 */
    size_t vocabulary;            /**< embedding: V */
    sluice_activation activation; /**< dense, affine, activation */
    int has_bias;                 /**< dense */
    sluice_steps steps;           /**< LSTM: ALL, FINAL or LAST; reduction: LAST, MEAN or MAX; else ALL */
    sluice_direction direction;   /**< LSTM, as all that follow */
    sluice_merge merge;
    size_t projection;        /**< P, outputs of a direction, 1..H; 0: none, P is H */
    const sluice_cell *cells; /**< [D], of each direction; NULL: plain cells with biases */
    int processing_order;    /**< 1: a REVERSE layer gives its first iteration as step 0: Keras's go_backwards. In a row of n steps,
                                  y of step s is what it gives at step n-1-s of its input, masked or not; the layers behind it go by
                                  the mask as it is, at step s by that of step s */
    int masked_outputs_zero; /**< 1: y of a masked step is 0, not the last one's: Keras's zero_output_for_mask, Bidirectional */
} sluice_layer;

/** Steps that the network masks by itself, in each batch without a mask of its own: all as if sluice_batch's `mask` had them. */
typedef enum sluice_masking {
    SLUICE_MASKING_NONE = 0,
    SLUICE_MASKING_TOKEN, /**< those of token 0, of a network with an embedding: Keras's Embedding(mask_zero=True) */
    SLUICE_MASKING_VALUE  /**< those whose inputs are all equal to mask_value, to the bit but that -0 is 0: Keras's Masking */
} sluice_masking;

typedef struct sluice_network {
    size_t struct_size;         /**< sizeof(sluice_network) */
    size_t inputs;              /**< I, floats of a step of x; 0 with an embedding */
    size_t layer_count;         /**< 1..SLUICE_MAX_LAYERS */
    const sluice_layer *layers; /**< [layer_count], in the order in which they run */
    sluice_masking masking;
    float mask_value; /**< of MASKING_VALUE, finite; else 0 */
} sluice_network;

/*
 * What a sluice_batch has of a network's results, W being the width of a layer's outputs:
 *
 *     y            [N][T][W] of the last LSTM layer, its directions merged, also where only its final states go on
 *     logits       [N][C], what the last layer gives of a network that reduces the steps to one vector, C being its width
 *     step_logits  [N][T][C], what it gives of any other that has layers behind the last LSTM layer
 *     outputs      those of any other layer
 *     h0, hn       one LSTM layer after the other, each [D][N][P]; c0, cn likewise, each [D][N][H]. For equal layers that is
 *                  [L*D][N][H]. Of streams [D][P] and [D][H] of each layer.
 *
 * sluice_model_get_shape gives a summary of a network that is no shape: its numbers of LSTM layers and classes, the most directions
 * and hidden units. The k of sluice_model_get_tensor counts the directions of its LSTM layers.
 */

/* ---- Models ---------------------------------------------------------------------------------------------------------------- */

/** A layer's parameters of one kind, in the caller's memory. Its size stays. */
typedef struct sluice_parameter {
    size_t layer;     /**< index in the network */
    size_t direction; /**< of an LSTM layer, 0 or 1: index in its cells; else 0 */
    sluice_tensor tensor;
    size_t count; /**< of values */
    const float *values;
} sluice_parameter;

/**
 * Build a model of a network.
 * @param parameters [count], copied: each that the network has, once, in any order.
 * @param class_names as many as the last layer has outputs, copied; NULL: none, as of a network that ends with an LSTM layer of all
 *                    steps.
 * @retval BAD_ARGUMENT a network out of range, whose message begins with the layer: `layer 2 "dense": `; a parameter that is missing,
 *                      of another size, given twice, or that the network does not have.
 * @retval BAD_DATA     a parameter is NaN or infinite.
 * @retval NO_MEMORY, TOO_LARGE
 */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_create_network(const sluice_network *network,
                                                                        const sluice_parameter *parameters, size_t count,
                                                                        const char *const *class_names, sluice_model **model,
                                                                        sluice_error *error);

/** The model's network; set network->struct_size first. layers, names and cells are valid as long as the model. Models made of a
 *  sluice_shape have one as well, whose last layer, if there are classes, is dense. BAD_ARGUMENT */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_get_network(const sluice_model *model, sluice_network *network);

/** 1: the model was made of a sluice_shape, so that its dense layer, if it has one, is a head, which serves the final states (logits)
 *  and every step (step_logits) alike. 0: of a sluice_network, whose end gives one of them. */
SLUICE_API int sluice_model_is_shape(const sluice_model *model);

/** A layer's parameters, valid as long as the model; `count` (may be NULL) receives how many. NULL and 0 if there are none. */
SLUICE_API const float *sluice_model_get_parameter(const sluice_model *model, size_t layer, size_t direction, sluice_tensor tensor,
                                                   size_t *count);

/** Say how the model's inputs are made of long series, and what its outputs are: a text in UTF-8, copied, which sluice_model_save
 *  writes as the metadata entry `sluice_series` and sluice_model_load reads. The library does not look into it; the programs' form of
 *  it is in docs/files.md. Not while another call reads the model.
 *  @param text NULL: nothing is said.
 *  @retval BAD_ARGUMENT model is NULL, or a control character in the text. NO_MEMORY: the text is as it was. */
SLUICE_API SLUICE_WARN_UNUSED sluice_status sluice_model_set_series(sluice_model *model, const char *text, sluice_error *error);

/** That text, valid until another is set, as long as the model; NULL: nothing is said. */
SLUICE_API const char *sluice_model_get_series(const sluice_model *model);

/** Floats of a step of a layer's outputs; 0 if there is no such layer. */
SLUICE_API size_t sluice_model_get_width(const sluice_model *model, size_t layer);

#if defined(__cplusplus) && !defined(SLUICE_DECLARATIONS_ONLY)
}
#endif

#endif
