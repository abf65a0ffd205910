/* Binding a network's weights to the tensors of a file, by the names that torch.nn.LSTM and LSTMCell give them: which tensor is
 * which weight, and whether their shapes fit each other. Reads no values. */
#ifndef SLUICE_IO_MODEL_NAMES_H
#define SLUICE_IO_MODEL_NAMES_H

#include "io/model/names_find.h"

/** The metadata entry of sluice_model_get_series. */
#define SL_SERIES_KEY "sluice_series"

/**
 * Find the network in a file, and mark the tensors that belong to it as used. The names that `names` leaves open (all, if NULL) are
 * found where there is only one candidate:
 * the one LSTM or LSTMCell (several are BAD_DATA, but for those that names->lstm lists);
 * the one other matrix named like an embedding, and not like one of positions, whose rows are I wide;
 * the one other [C][D*H] named [head].weight, unless another layer takes its outputs or it is named like attention.
 * Splits the metadata value "classes" at its commas in place; unless that gives a printable name for each class, there are no class
 * names. BAD_DATA, BAD_ARGUMENT, UNSUPPORTED, NO_MEMORY; *network is then zeroed.
 */
sluice_status sl_names_bind(sl_tensor_source *source, const sluice_names *names, sl_bound_network *network, sluice_error *error);

/** Free what it owns. A zeroed one is allowed. */
void sl_names_release(sl_bound_network *network);

#endif
