/* The names by which a file's tensors are known: as a state_dict has them, wherever in the file it stands. */
#ifndef SLUICE_IO_TORCH_TORCH_NAMES_H
#define SLUICE_IO_TORCH_TORCH_NAMES_H

#include "io/torch/torch_walk.h"

/**
 * Set the leaves' names and sort them by name. Where one group has an LSTM, or is the only one, its names begin behind the path to
 * it, and behind `module.` and `_orig_mod.`, which torch.nn.DataParallel and torch.compile put before all of them. All other names are
 * whole paths; those of several LSTMs, raw and averaged ones for example, then differ in their prefix.
 * @param has_lstm set to whether there is a tensor named like an LSTM's first.
 * @return NULL, or a leaf whose name another has too.
 */
const sl_torch_leaf *sl_torch_names_set(sl_torch_leaves *leaves, bool *has_lstm);

#endif
