#include "program/blis_arch.h"

#include "sluice_tools.h"

#include <stdlib.h>

static bool was_set;

sluice_status sl_blis_arch_set(sluice_error *error)
{
    const char *value;
    const sluice_status status = sluice_blis_arch_recommend(&value, error);
    was_set = !status && value && setenv("BLIS_ARCH_TYPE", value, 0) == 0;
    return status;
}

bool sl_blis_arch_was_set(void)
{
    return was_set;
}
