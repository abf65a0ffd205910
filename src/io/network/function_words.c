#include "io/network/function_words.h"

#include <stdio.h>
#include <string.h>

/* Set the parameters that frameworks take by default; false: there are none that they agree on. */
static bool set_default(sluice_function function, sluice_activation *activation)
{
    *activation = (sluice_activation){.function = function};
    switch (function) {
    case SLUICE_FUNCTION_LEAKY_RELU:
        activation->alpha = 0.01f;
        return true;
    case SLUICE_FUNCTION_ELU:
        activation->alpha = 1;
        return true;
    case SLUICE_FUNCTION_HARD_SIGMOID:
        activation->alpha = 1.0f / 6;
        activation->beta = 0.5f;
        return true;
    case SLUICE_FUNCTION_DEFAULT:
    case SLUICE_FUNCTION_THRESHOLD_RELU:
    case SLUICE_FUNCTION_AFFINE:
    case SLUICE_FUNCTION_SCALED_TANH:
        return false;
    default:
        return true;
    }
}

bool sl_function_word_find(const char *text, size_t bytes, sluice_activation *activation)
{
    sluice_activation found;
    const char *name;
    for (unsigned k = 0; (name = sluice_function_get_name((sluice_function)k)); k++)
        if (strlen(name) == bytes && memcmp(text, name, bytes) == 0 && set_default((sluice_function)k, &found)) {
            *activation = found;
            return true;
        }
    return false;
}

const char *sl_function_word_get(size_t index)
{
    sluice_activation unused;
    const char *name;
    for (unsigned k = 0; (name = sluice_function_get_name((sluice_function)k)); k++)
        if (set_default((sluice_function)k, &unused) && !index--)
            return name;
    return NULL;
}

sl_function_words sl_function_words_list(void)
{
    sl_function_words list = {""};
    const char *name;
    for (size_t k = 0, used = 0; (name = sl_function_word_get(k)); k++)
        used += (size_t)snprintf(list.text + used, sizeof list.text - used, "%s%s", k ? ", " : "", name);
    return list;
}
