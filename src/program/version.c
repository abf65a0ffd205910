#include "program/version.h"

#include <stdio.h>

void sl_version_print(const char *program, const char *build, const sluice_environment *environment)
{
    const sluice_environment *e = environment;
    printf("%s %s", program, sluice_version_get());
    if (build)
        printf(" (%s)", build);
    printf("\nBLIS %s, configuration %s\nOpenMP %s\nISA %s, %s\n", e->blis_version, e->blis_config, e->openmp,
           sluice_isa_get_name(e->isa), e->isa_reason);
}
