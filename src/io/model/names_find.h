/* The parts of sl_names_bind: the LSTM, the embedding and the head, and what they find: the binding. Each marks what it takes as used. */
#ifndef SLUICE_IO_MODEL_NAMES_FIND_H
#define SLUICE_IO_MODEL_NAMES_FIND_H

#include "io/tensor_source.h"
#include "model/model.h"
#include "sluice_network.h"
#include "sluice_tools.h"

/** Tensors of a layer-direction, then those that the network has once. */
enum { SL_WEIGHT_IH, SL_WEIGHT_HH, SL_BIAS_IH, SL_BIAS_HH, SL_WEIGHT_HR, SL_LAYER_DIR_TENSORS };
enum { SL_EMBEDDING, SL_HEAD_WEIGHT, SL_HEAD_BIAS, SL_EXTRAS };

/** A sentence for the notes on a loaded model: "none, as ...", why no tensor was taken though some are candidates; or "took ...",
 *  that a head was taken whose name is not a usual one; "" if there is nothing to report. */
typedef struct sl_names_reason {
    char text[800];
} sl_names_reason;

/** One LSTM's tensors; and of a network of one those around it. */
typedef struct sl_binding {
    sluice_shape shape; /* all sizes checked; every product of a tensor's dimensions fits */
    size_t projection;  /* P, with which no sluice_shape is the network's; 0: none */
    const char *prefix; /* of the LSTM's tensors; not terminated; the source owns it */
    size_t prefix_bytes;
    bool is_lstm_cell;                  /* named as torch.nn.LSTMCell's, without the layer */
    unsigned char gate_order[SL_GATES]; /* [g]: which of the four parts of a [4H] dimension in the file is gate g of the model */
    size_t layer_dirs;                  /* L*D */
    size_t count;                       /* of tensors: SL_LAYER_DIR_TENSORS*L*D + SL_EXTRAS */
    const sl_tensor **tensors; /* [SL_LAYER_DIR_TENSORS][L*D], index l*D + d, and the extras; NULL where there is none; owned */
    const sl_tensor **extras;  /* [SL_EXTRAS], the end of tensors */
    const char **classes;      /* [C] names, or NULL; the array is owned, the source owns the names */
    sl_names_reason head, embedding, class_names;
} sl_binding;

/** A dense layer behind the LSTMs. */
typedef struct sl_bound_dense {
    const sl_tensor *weight, *bias; /* bias NULL: it has none */
    sluice_activation activation;
} sl_bound_dense;

/** LSTMs one after the other, an embedding before and dense layers behind them. */
typedef struct sl_bound_network {
    sl_binding
        *lstms;   /* [count], owned, with their tensors; the first has the embedding and what is said of it, the last the head */
    size_t count; /* or the last dense layer, likewise, and the class names */
    sl_bound_dense *dense; /* [dense_count], owned */
    size_t dense_count;
    sluice_steps steps; /* of the last LSTM, which the first dense layer reads */
    bool is_shape;      /* a sluice_shape is the whole network */
} sl_bound_network;

typedef struct sl_names_context {
    sl_tensor_source *source;
    sl_binding *binding;
    sluice_error *error;
} sl_names_context;

/** Which LSTM is meant: that of a prefix, of `bytes` bytes; NULL: the only one. */
typedef struct sl_names_wanted {
    const char *prefix;
    size_t bytes;
    bool is_module; /* a dot may follow it: "lstm" is that of lstm.weight_ih_l0 */
} sl_names_wanted;

/** Find the LSTM and bind its tensors. BAD_DATA, NO_MEMORY. */
sluice_status sl_names_find_lstm(const sl_names_context *context, const sl_names_wanted *wanted);

/** Visit each LSTM of the source, by its prefix. NO_MEMORY. */
sluice_status sl_names_list_lstms(sl_tensor_source *source, sluice_choice_visitor *visit, void *context, sluice_error *error);

/** Floats of a step of its outputs: D*H, or D*P. */
size_t sl_names_get_width(const sl_binding *binding);

/** After the LSTM: find and bind the embedding with this stem (NULL: the only one; "": none). BAD_DATA, UNSUPPORTED. */
sluice_status sl_names_find_embedding(const sl_names_context *context, const char *stem);

/** After the embedding: the head likewise, and its bias. BAD_DATA. */
sluice_status sl_names_find_head(const sl_names_context *context, const char *stem);

/** After the embedding: the dense layers, of which the head may be the only one, and their activations and input. BAD_DATA,
 *  BAD_ARGUMENT (a word that is not known), NO_MEMORY. */
sluice_status sl_names_find_dense(const sl_names_context *context, const sluice_names *names, sl_bound_network *network);

/** What follows the prefix in the name of an LSTM's tensor: "bias_hh_l1_reverse". */
typedef struct sl_tensor_suffix {
    char text[64];
} sl_tensor_suffix;

/** `kind` is one of SL_LAYER_DIR_TENSORS. */
sl_tensor_suffix sl_names_get_suffix(int kind, size_t layer, bool reverse);

/** How many bytes precede ".weight" in a tensor's name; 0 if it does not end so. */
size_t sl_names_get_stem(const char *name);

/** Whether a tensor belongs to another tensor, as an optimizer's moments and masks do: its name is the other's, a dot, and more. */
bool sl_names_is_of_tensor(const sl_tensor_source *source, const char *name);

/** Whether values of a type can be weights: floating-point numbers. */
bool sl_names_is_readable(const sl_tensor *tensor);

/** Whether a tensor is named as an embedding usually is. */
bool sl_names_is_like_embedding(const char *name);

/** Fail with a message about a tensor; `what` follows its name. */
sluice_status sl_names_fail(const sl_names_context *context, sluice_status status, const char *name, const char *what);

/** Check a tensor that is to be bound: its type can be read, its shape is [rows][columns], or [rows] with columns 0. `letters`
 *  is the shape as the documentation writes it. The tensor is used from then on. BAD_DATA. */
sluice_status sl_names_check_tensor(const sl_names_context *context, sl_tensor *tensor, size_t rows, size_t columns,
                                    const char *letters);

/** Parts of a list that commas separate; 1 without any. */
static inline size_t sl_names_count_parts(const char *list)
{
    size_t count = 1;
    for (const char *c = list; *c; c++)
        count += *c == ',';
    return count;
}

#endif
