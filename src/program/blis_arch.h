/* Giving BLIS its configuration where it would not find one by itself. Both programs use it. */
#ifndef SLUICE_PROGRAM_BLIS_ARCH_H
#define SLUICE_PROGRAM_BLIS_ARCH_H

#include "sluice.h"

#include <stdbool.h>

/** Set BLIS_ARCH_TYPE as the library advises; call it before anything else uses BLIS. BAD_ARGUMENT if the user gave it a value
 * that BLIS or this CPU cannot take. */
sluice_status sl_blis_arch_set(sluice_error *error);

/** Whether sl_blis_arch_set has set the variable. */
bool sl_blis_arch_was_set(void);

#endif
