/* Binding a network's weights to the tensors of a file, by the names that torch.nn.LSTM and LSTMCell give them: which tensor is
 * which weight, and whether their shapes fit each other. Reads no values. */
#ifndef SLUICE_IO_MODEL_NAMES_H
#define SLUICE_IO_MODEL_NAMES_H

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

/**
 * Find the network in a file, and mark the tensors that belong to it as used. The names that `names` leaves open (all, if NULL) are
 * found where there is only one candidate:
 * the one LSTM or LSTMCell (several are BAD_DATA);
 * the one other matrix named like an embedding, and not like one of positions, whose rows are I wide;
 * the one other [C][D*H] named [head].weight, unless another layer takes its outputs or it is named like attention.
 * Splits the metadata value "classes" at its commas in place; unless that gives a printable name for each class, there are no class
 * names. BAD_DATA, UNSUPPORTED (projections), NO_MEMORY; *binding is then zeroed.
 */
sluice_status sl_names_bind(sl_tensor_source *source, const sluice_names *names, sl_binding *binding, sluice_error *error);

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

/** Free what the binding owns. A zeroed one is allowed. */
void sl_names_release(sl_binding *binding);

#endif
