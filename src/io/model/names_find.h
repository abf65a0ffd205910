/* The parts of sl_names_bind: the LSTM, the embedding and the head, and what they find: the binding. Each marks what it takes as used. */
#ifndef SLUICE_IO_MODEL_NAMES_FIND_H
#define SLUICE_IO_MODEL_NAMES_FIND_H

#include "io/tensor_source.h"
#include "model/model.h"

/** Tensors of a layer-direction, then those that the network has once. */
enum { SL_WEIGHT_IH, SL_WEIGHT_HH, SL_BIAS_IH, SL_BIAS_HH, SL_LAYER_DIR_TENSORS };
enum { SL_EMBEDDING, SL_HEAD_WEIGHT, SL_HEAD_BIAS, SL_EXTRAS };

/** A sentence for the notes on a loaded model: "none, as ...", why no tensor was taken though some are candidates; or "took ...",
 *  that a head was taken whose name is not a usual one; "" if there is nothing to report. */
typedef struct sl_names_reason {
    char text[800];
} sl_names_reason;

typedef struct sl_binding {
    sluice_shape shape; /* all sizes checked; every product of a tensor's dimensions fits */
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

typedef struct sl_names_context {
    sl_tensor_source *source;
    sl_binding *binding;
    sluice_error *error;
} sl_names_context;

/** Find the LSTM with this prefix (NULL: the only one) and bind its tensors. BAD_DATA, UNSUPPORTED, NO_MEMORY. */
sluice_status sl_names_find_lstm(const sl_names_context *context, const char *prefix);

/** After the LSTM: find and bind the embedding with this stem (NULL: the only one; "": none). BAD_DATA, UNSUPPORTED. */
sluice_status sl_names_find_embedding(const sl_names_context *context, const char *stem);

/** After the embedding: the head likewise, and its bias. BAD_DATA. */
sluice_status sl_names_find_head(const sl_names_context *context, const char *stem);

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

/** Whether a tensor is named as an embedding usually is. */
bool sl_names_is_like_embedding(const char *name);

/** Fail with a message about a tensor; `what` follows its name. */
sluice_status sl_names_fail(const sl_names_context *context, sluice_status status, const char *name, const char *what);

/** Check a tensor that is to be bound: its type can be read, its shape is [rows][columns], or [rows] with columns 0. `letters`
 *  is the shape as the documentation writes it. The tensor is used from then on. BAD_DATA. */
sluice_status sl_names_check_tensor(const sl_names_context *context, sl_tensor *tensor, size_t rows, size_t columns,
                                    const char *letters);

#endif
