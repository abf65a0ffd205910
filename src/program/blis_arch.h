/* Choosing the kernels of BLIS by BLIS_ARCH_TYPE, where BLIS does not know the CPU. */
#ifndef SLUICE_PROGRAM_BLIS_ARCH_H
#define SLUICE_PROGRAM_BLIS_ARCH_H

#include "sluice.h"

#include <stdbool.h>

/** Set BLIS_ARCH_TYPE as the library recommends, unless the user has set it. Call it before anything else uses BLIS. BAD_ARGUMENT if
 * the value of the user is one that BLIS or this CPU does not support. */
sluice_status sl_blis_arch_set(sluice_error *error);

/** Whether sl_blis_arch_set has set the variable. */
bool sl_blis_arch_was_set(void);

#endif
