/* Names of the functions of sluice_network.h, as sluice_function_get_name has them. */
#ifndef SLUICE_KERNEL_FUNCTION_NAMES_H
#define SLUICE_KERNEL_FUNCTION_NAMES_H

#include "sluice_network.h"

#include <stdbool.h>

/** The function of a name, "hard_sigmoid" for example, into *function; false, and *function untouched, if there is none. */
bool sl_function_find(const char *name, sluice_function *function);

#endif
