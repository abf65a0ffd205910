/* Exit codes of both programs. */
#ifndef SLUICE_PROGRAM_EXIT_H
#define SLUICE_PROGRAM_EXIT_H

#include "sluice.h"

typedef enum sl_exit {
    SL_EXIT_OK = 0,
    SL_EXIT_FAILURE = 1,      /* at run time: no memory, not on this machine */
    SL_EXIT_USAGE = 2,        /* the command line, or a variable of the environment */
    SL_EXIT_DATA = 65,        /* what a file holds */
    SL_EXIT_NO_INPUT = 66,    /* a file that is not there or cannot be opened */
    SL_EXIT_IO = 74,          /* reading or writing failed */
    SL_EXIT_INTERRUPTED = 130 /* SIGHUP, SIGINT, SIGTERM or SIGXCPU */
} sl_exit;

/** An exit code as the documentation has it: in a few words, and in a sentence without a full stop. */
typedef struct sl_exit_meaning {
    sl_exit code;
    const char *name;
    const char *meaning;
} sl_exit_meaning;

/** Meaning number k, in order of the codes; NULL past the last. */
const sl_exit_meaning *sl_exit_get_meaning(size_t k);

/** The exit code for what the library returned. A size that does not fit came out of a file: it is bad data to the user. */
sl_exit sl_exit_of(sluice_status status);

#endif
