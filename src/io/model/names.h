/* From tensor names, as torch.nn.LSTM and LSTMCell give them, to the places of a network: which tensor is which weight, and whether
 * their shapes fit each other. Reads no values. */
#ifndef SLUICE_IO_MODEL_NAMES_H
#define SLUICE_IO_MODEL_NAMES_H

#include "io/safetensors/safetensors.h"

/** Tensors of one direction of one layer, then those that the network has once. */
enum { SL_WEIGHT_IH, SL_WEIGHT_HH, SL_BIAS_IH, SL_BIAS_HH, SL_CELL_PARTS };
enum { SL_EMBEDDING, SL_HEAD_WEIGHT, SL_HEAD_BIAS, SL_EXTRAS };

/** Why no tensor was taken as the head, or as the embedding, though some could be it: "none, as ..."; or, of a head that is not named
 *  as one, "took ..."; "" if neither is so. */
typedef struct sl_names_doubt {
    char text[800];
} sl_names_doubt;

typedef struct sl_binding {
    sluice_shape shape; /* all sizes checked; every product of a tensor's dimensions fits */
    const char *prefix; /* of the LSTM's tensors; not terminated; the file's */
    size_t prefix_bytes;
    bool is_lstm_cell;         /* named as torch.nn.LSTMCell's, without the layer */
    size_t cells;              /* L*D */
    size_t count;              /* of tensors: SL_CELL_PARTS*L*D + SL_EXTRAS */
    const sl_tensor **tensors; /* [SL_CELL_PARTS][L*D], index l*D + d, and the extras; NULL where there is none; owned */
    const sl_tensor **extras;  /* [SL_EXTRAS], the end of tensors */
    const char **classes;      /* [C] names, or NULL; owned, the names themselves are the file's */
    sl_names_doubt head, embedding;
    sl_names_doubt classes_lack; /* why there are no class names, though metadata have some: "none, as ..." */
} sl_binding;

/**
 * Find the network in a file, and mark what belongs to it as used. The names that `names` leaves open (all, if NULL) are found
 * where there is one candidate only:
 * the one LSTM or LSTMCell (several are BAD_DATA);
 * the one other matrix named like an embedding, and not like one of positions, whose rows are I wide;
 * the one other [C][D*H] named [head].weight, unless another layer takes its outputs or it is named like attention.
 * Cuts the metadata value "classes" at its commas; what is not a name for each class gives none. BAD_DATA, UNSUPPORTED (projections), NO_MEMORY; *binding is then empty.
 */
sluice_status sl_names_bind(sl_safetensors *file, const sluice_names *names, sl_binding *binding, sluice_error *error);

/** What stands behind the prefix in the name of an LSTM's tensor: "bias_hh_l1_reverse". */
typedef struct sl_part_name {
    char text[64];
} sl_part_name;

/** `kind` is one of SL_CELL_PARTS. */
sl_part_name sl_names_get_part(int kind, size_t layer, bool reverse);

/** Bytes before ".weight" in a tensor's name; 0 if it is not of this form. */
size_t sl_names_get_stem(const char *name);

/** Whether a tensor is kept for another one, as an optimizer's moments and masks are: its name is another's, a dot, and more. */
bool sl_names_is_of_tensor(const sl_safetensors *file, const char *name);

/** Whether a tensor is named as an embedding is. */
bool sl_names_is_like_embedding(const char *name);

/** Whether a class may have this name in a file: not empty, without commas and control characters. */
bool sl_names_class_is_plain(const char *name);

/** Free what the binding owns. A zeroed one is allowed. */
void sl_names_release(sl_binding *binding);

#endif
