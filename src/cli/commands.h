/* The commands of the program sluice. Each gets the arguments from its name on, and returns the exit code. */
#ifndef SLUICE_CLI_COMMANDS_H
#define SLUICE_CLI_COMMANDS_H

#include "program/exit.h"

sl_exit sl_command_info(int argc, char **argv);
sl_exit sl_command_run(int argc, char **argv);
sl_exit sl_command_train(int argc, char **argv);

#endif
