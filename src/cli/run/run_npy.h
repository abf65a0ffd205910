/* `sluice run` with NumPy files. */
#ifndef SLUICE_CLI_RUN_RUN_NPY_H
#define SLUICE_CLI_RUN_RUN_NPY_H

#include "cli/run/run_session.h"

/** Read all input, run the model, and write all output. SL_EXIT_INTERRUPTED is not reported. */
sl_exit sl_run_npy(sl_run_session *run);

#endif
