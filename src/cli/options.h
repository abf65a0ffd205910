/* The command line of every command: what options there are, and what the user asked for. */
#ifndef SLUICE_CLI_OPTIONS_H
#define SLUICE_CLI_OPTIONS_H

#include "progress.h"
#include "report.h"
#include "sluice.h"

#include <stdbool.h>

typedef enum sl_command { SL_COMMAND_INFO = 1, SL_COMMAND_RUN = 2 } sl_command;

/** Paths are NULL when not given. */
typedef struct sl_options {
    const char *model;
    const char *input, *lengths, *h0, *c0; /* run: what is read; input is "-" unless given */
    const char *output, *hn, *cn, *head;   /* run: what is written */
    const char *state;                     /* run: read if it is there, and written */
    bool step_first;                       /* run: --layout tnc */
    bool text, stats;                      /* run */
    bool env;                              /* info */
    bool json, help, version;
    size_t rows;         /* run: at once; 0: choose */
    bool explain;        /* info */
    size_t batch, steps; /* info: N and T to explain; 0: not given */
    bool measure;        /* --schedule measure; engine.schedule is AUTO then */
    const char *plans;
    sl_progress_mode progress;
    sluice_names names;
    sluice_engine_options engine;
} sl_options;

/** Read the arguments after the command's name, argv[0]. Complaints are reported. An option that the environment also has a word
 * on is nearer to the user: the variable is unset. */
sl_exit sl_options_parse(sl_command command, int argc, char **argv, sl_options *options);

#endif
