/* All tensors among the values of a pickle, with the names that torch's state_dict() would give them: of dicts in dicts, of pickled modules,
 * and of TorchScript's objects. An optimizer's state is left out. */
#ifndef SLUICE_IO_TORCH_TORCH_WALK_H
#define SLUICE_IO_TORCH_TORCH_WALK_H

#include "io/torch/pickle.h"

enum { SL_TORCH_MAX_NAME = 1000 }; /* bytes */

typedef struct sl_torch_leaf {
    const char *path;   /* keys and attributes from the root on, with dots between them */
    size_t group_bytes; /* of them that lead to what holds the tensors: "model_state_dict." */
    sl_value group;     /* that dict or object: the outermost which has a tensor itself, or is a module; 0: none */
    sl_value tensor;
    const char *name; /* that it is known by, set by sl_torch_names_set: the path or an end of it */
} sl_torch_leaf;

typedef struct sl_torch_leaves {
    sl_torch_leaf *leaves; /* [count], in the order of the pickle; owned */
    size_t count;
    char *paths; /* owns them */
} sl_torch_leaves;

/** Find all tensors. Marks the values as seen, and takes memory from pickle->room. BAD_DATA, NO_MEMORY; *leaves is then zeroed. */
sluice_status sl_torch_walk(sl_pickle *pickle, sl_torch_leaves *leaves, sluice_error *error);

/** A zeroed one is allowed. */
void sl_torch_leaves_release(sl_torch_leaves *leaves);

#endif
