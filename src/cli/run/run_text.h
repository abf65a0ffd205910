/* `sluice run` with lines of text. */
#ifndef SLUICE_CLI_RUN_RUN_TEXT_H
#define SLUICE_CLI_RUN_RUN_TEXT_H

#include "cli/run/run_session.h"

/** Read all input, run the model, and write all output. SL_EXIT_INTERRUPTED is not reported. */
sl_exit sl_run_text(sl_run_session *run);

#endif
