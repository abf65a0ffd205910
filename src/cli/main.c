/* The program sluice: which command, and what the whole program has to set up. */
#include "program/blis_arch.h"
#include "cli/commands.h"
#include "program/interrupt.h"
#include "cli/cli_options.h"
#include "program/paths.h"
#include "program/report.h"
#include "sluice.h"

#include "program/pages/help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* help [COMMAND] */
static sl_exit show_help(int argc, char **argv)
{
    if (argc > 2)
        return sl_report(SL_EXIT_USAGE, "one command expected behind help, found '%s' besides '%s'", argv[2], argv[1]);
    return sl_options_help(argc > 1 ? argv[1] : NULL);
}

static sl_exit run_command(int argc, char **argv)
{
    if (argc < 2) {
        sl_help_write(&sl_program_this, sl_program_this.pages, stderr);
        return SL_EXIT_USAGE;
    }
    const char *command = argv[1];
    if (strcmp(command, "run") == 0)
        return sl_command_run(argc - 1, argv + 1);
    if (strcmp(command, "train") == 0)
        return sl_command_train(argc - 1, argv + 1);
    if (strcmp(command, "info") == 0)
        return sl_command_info(argc - 1, argv + 1);
    if (strcmp(command, "help") == 0)
        return show_help(argc - 1, argv + 1);
    if (strcmp(command, "--version") == 0)
        return sl_options_version();
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0)
        return sl_options_help(NULL);
    return sl_report(SL_EXIT_USAGE, "command '%s' is not known; expected run, info, train, help, --help or --version", command);
}

int main(int argc, char **argv)
{
    sl_paths_hold_standard();
    sl_interrupt_install();
    /* BLIS reads its variable once, at its first use, and a release older than the CPU would run five times slower without. */
    sluice_error error;
    const sl_exit code = sl_blis_arch_set(&error) ? sl_report_error(&error) : run_command(argc, argv);
    return (int)sl_interrupt_finish(sl_report_flush(code));
}
