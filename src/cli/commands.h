/* The commands of the program sluice: info, run and train get their arguments from their name on. Each returns the exit code. */
#ifndef SLUICE_CLI_COMMANDS_H
#define SLUICE_CLI_COMMANDS_H

#include "program/report.h"

sl_exit sl_command_info(int argc, char **argv);
sl_exit sl_command_run(int argc, char **argv);
sl_exit sl_command_train(int argc, char **argv);

#endif
