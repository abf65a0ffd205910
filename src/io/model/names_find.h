/* The parts of sl_names_bind: the LSTM, the embedding and the head. Each marks what it takes as used. */
#ifndef SLUICE_IO_MODEL_NAMES_FIND_H
#define SLUICE_IO_MODEL_NAMES_FIND_H

#include "io/model/names.h"

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

/** Fail with a message about a tensor; `what` follows its name. */
sluice_status sl_names_fail(const sl_names_context *context, sluice_status status, const char *name, const char *what);

/** Check a tensor that is to be bound: its type can be read, its shape is [rows][columns], or [rows] with columns 0. `letters`
 *  is the shape as the documentation writes it. The tensor is used from then on. BAD_DATA. */
sluice_status sl_names_check_tensor(const sl_names_context *context, sl_tensor *tensor, size_t rows, size_t columns,
                                    const char *letters);

#endif
