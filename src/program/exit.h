/* Exit codes of both programs. */
#ifndef SLUICE_PROGRAM_EXIT_H
#define SLUICE_PROGRAM_EXIT_H

#include "sluice.h"

typedef enum sl_exit {
    SL_EXIT_OK = 0,
    SL_EXIT_FAILURE = 1,      /* at run time: out of memory, or not supported on this machine */
    SL_EXIT_USAGE = 2,        /* the command line or an environment variable is wrong */
    SL_EXIT_DATA = 65,        /* the contents of an input file are wrong */
    SL_EXIT_NO_INPUT = 66,    /* an input file does not exist or cannot be opened */
    SL_EXIT_IO = 74,          /* reading or writing failed */
    SL_EXIT_INTERRUPTED = 130 /* SIGHUP, SIGINT, SIGTERM or SIGXCPU */
} sl_exit;

/** An exit code for the documentation: in a few words, and as a sentence without a full stop. */
typedef struct sl_exit_meaning {
    sl_exit code;
    const char *name;
    const char *meaning;
} sl_exit_meaning;

/** Entry k of the list of exit codes, in ascending order; NULL past the last. */
const sl_exit_meaning *sl_exit_get_meaning(size_t k);

/** The exit code for a status of the library: the only such map. The sizes that a program passes to the library come from files, so
 *  that TOO_LARGE is SL_EXIT_DATA, as BAD_DATA is. */
sl_exit sl_exit_of(sluice_status status);

/** Likewise, for a program that makes its data itself (sluice-bench): BAD_DATA is a wrong result, TOO_LARGE a shape that does not fit;
 *  both are SL_EXIT_FAILURE. */
sl_exit sl_exit_of_own_data(sluice_status status);

#endif
