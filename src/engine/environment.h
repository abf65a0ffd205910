/* What an engine is to use: its options, the environment variables and the machine, weighed in one place. */
#ifndef SLUICE_ENGINE_ENVIRONMENT_H
#define SLUICE_ENGINE_ENVIRONMENT_H

#include "sluice.h"

typedef struct sl_choice {
    sluice_isa isa, best_isa;
    int isa_is_open; /* neither the caller nor a variable says which */
    sluice_gemm gemm;
    sluice_schedule schedule;
    sluice_precision precision;
    unsigned threads;
    int flush_to_zero, training;
    const struct sluice_machine *machine; /* the caller's; NULL: the table's figures */
    char isa_reason[160], gemm_reason[160], precision_reason[160], threads_reason[160];
} sl_choice;

/** options may be NULL, and of any known size. BAD_ARGUMENT for a value or a variable that is not known, UNSUPPORTED for an
 * instruction set that is asked for and not there. */
sluice_status sl_choose(const sluice_engine_options *options, sl_choice *choice, sluice_error *error);

#endif
