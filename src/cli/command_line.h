/* The commands of the program sluice, their command lines, and the text of --help and --version. */
#ifndef SLUICE_CLI_COMMAND_LINE_H
#define SLUICE_CLI_COMMAND_LINE_H

#include "cli/cli_options.h"
#include "program/report.h"

/** Parse the arguments after argv[0], the name of the command. If --version or --help is among them, print what it asks for and set
 *  *done. Errors are reported. */
sl_exit sl_command_line_parse(sl_command command, int argc, char **argv, sl_options *options, bool *done);

/** Whether the command line has an option: sl_command_line_is_given(options, "--epochs"). */
bool sl_command_line_is_given(const sl_options *options, const char *name);

/** Set an option of train as `--name text` would (a flag ignores the text), unless the command line has it. Texts and paths are
 *  stored as pointers. Errors are reported. */
sl_exit sl_command_line_set(sl_options *options, const char *name, const char *text);

/** Choose the figures of the machine for options->engine, as --machine asks (program/machine/machine_choice.h). Errors are reported;
 *  SL_EXIT_INTERRUPTED, which is not: a signal arrived while they were measured. */
sl_exit sl_command_line_choose_machine(sl_options *options, bool measures);

/** Print the --help of a command; for NULL, of the program. */
sl_exit sl_command_line_print_help(const char *command);

/** The commands. Each gets the arguments from its name on, and returns the exit code. */
sl_exit sl_command_info(int argc, char **argv);
sl_exit sl_command_run(int argc, char **argv);
sl_exit sl_command_train(int argc, char **argv);
sl_exit sl_command_convert(int argc, char **argv);
sl_exit sl_command_merge(int argc, char **argv);
sl_exit sl_command_evaluate(int argc, char **argv);

#endif
