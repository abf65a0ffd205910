/* The commands of sluice, for a program that has only to bring the means by which its ranks exchange data. */
#ifndef SLUICE_CLI_CLI_MAIN_H
#define SLUICE_CLI_CLI_MAIN_H

#include "sluice_train.h"

/** Call it first in main, before anything opens a file or waits: from then on a signal is a request to stop. */
void sl_cli_begin(void);

/** Run the command that the arguments name, as one of the ranks of an exchange, all of which call this; NULL: alone. `sharing`: how
 *  many ranks, with this one, run on the same CPUs. Returns the exit code, the same on all ranks; only rank 0 prints. */
int sl_cli_main(int argc, char **argv, const sluice_exchange *exchange, unsigned sharing);

#endif
