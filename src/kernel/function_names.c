#include "kernel/function_names.h"

#include <string.h>

/* In the order of the enumeration. */
static const char *const names[] = {"default",    "linear",         "sigmoid",   "tanh",   "hard_sigmoid", "relu",
                                    "leaky_relu", "threshold_relu", "elu",       "selu",   "softplus",     "softsign",
                                    "swish",      "gelu",           "gelu_tanh", "affine", "scaled_tanh",  "softmax"};
enum { NAMES = sizeof names / sizeof names[0] };
_Static_assert(NAMES == SLUICE_FUNCTION_SOFTMAX + 1, "each function has a name");

const char *sluice_function_get_name(sluice_function function)
{
    return (unsigned)function < NAMES ? names[function] : NULL;
}

bool sl_function_find(const char *name, sluice_function *function)
{
    for (size_t k = 0; k < NAMES; k++)
        if (strcmp(name, names[k]) == 0) {
            *function = (sluice_function)k;
            return true;
        }
    return false;
}
