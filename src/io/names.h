/* From tensor names, as torch.nn.LSTM gives them, to the places of a network: which tensor is which weight, and whether their
 * shapes fit each other. Reads no values. */
#ifndef SLUICE_IO_NAMES_H
#define SLUICE_IO_NAMES_H

#include "io/safetensors.h"

/** Tensors of one direction of one layer, then those that the network has once. */
enum { SL_WEIGHT_IH, SL_WEIGHT_HH, SL_BIAS_IH, SL_BIAS_HH, SL_CELL_PARTS };
enum { SL_EMBEDDING, SL_HEAD_WEIGHT, SL_HEAD_BIAS, SL_EXTRAS };

typedef struct sl_binding {
    sluice_shape shape; /* all sizes checked; every product of a tensor's dimensions fits */
    const char *prefix; /* of the LSTM's tensors; not terminated; the file's */
    size_t prefix_bytes;
    size_t cells;              /* L*D */
    size_t count;              /* of tensors: SL_CELL_PARTS*L*D + SL_EXTRAS */
    const sl_tensor **tensors; /* [SL_CELL_PARTS][L*D], index l*D + d, and the extras; NULL where there is none; owned */
    const sl_tensor **extras;  /* [SL_EXTRAS], the end of tensors */
    const char **classes;      /* [C] names, or NULL; owned, the names themselves are the file's */
} sl_binding;

/**
 * Find the network in a file, and mark what belongs to it as used. The names that `names` leaves open (all, if NULL) are found:
 * the one LSTM; the one other matrix named like an embedding whose rows are I wide, or "embedding" among several; the one other
 * [C][D*H] named [head].weight, or "fc" among several.
 * Cuts the metadata value "classes" at its commas. BAD_DATA, UNSUPPORTED (projections), NO_MEMORY; *binding is then empty.
 */
sluice_status sl_names_bind(sl_safetensors *file, const sluice_names *names, sl_binding *binding, sluice_error *error);

typedef struct sl_tensor_name {
    char text[SL_TENSOR_MAX_NAME + 64];
} sl_tensor_name;

/** The name of an LSTM's tensor, `kind` being one of SL_CELL_PARTS, behind a prefix (of no more than SL_TENSOR_MAX_NAME bytes that
 *  count). */
sl_tensor_name sl_names_get_cell(const char *prefix, size_t prefix_bytes, int kind, size_t layer, bool reverse);

/** Whether a class may have this name in a file: not empty, without commas and control characters. */
bool sl_names_class_is_plain(const char *name);

/** Free what the binding owns. A zeroed one is allowed. */
void sl_names_release(sl_binding *binding);

#endif
