/* Finds the command, and sets up what concerns the whole process. */
#include "cli/cli_main.h"

#include "cli/command_line.h"
#include "program/blis_arch.h"
#include "program/interrupt.h"
#include "program/pages/help.h"
#include "program/paths.h"
#include "program/ranks/rank_group.h"
#include "program/report.h"

#include <string.h>

/* help [COMMAND] */
static sl_exit show_help(int argc, char **argv)
{
    if (argc > 2)
        return sl_report(SL_EXIT_USAGE, "expected one command after help, found '%s' besides '%s'", argv[2], argv[1]);
    return sl_command_line_print_help(argc > 1 ? argv[1] : NULL);
}

/* --help and --version. */
static sl_exit show_program(int argc, char **argv)
{
    sl_options options;
    bool done;
    return sl_command_line_parse(SL_COMMAND_NONE, argc, argv, &options, &done);
}

static const struct {
    const char *name;
    sl_exit (*run)(int argc, char **argv); /* gets the arguments from the name of the command on */
    int skipped;                           /* arguments before these */
    bool is_alone;                         /* not for several ranks */
} commands[] = {
    {"run", sl_command_run, 1, false},    {"train", sl_command_train, 1, false},
    {"merge", sl_command_merge, 1, true}, {"evaluate", sl_command_evaluate, 1, true},
    {"info", sl_command_info, 1, true},   {"convert", sl_command_convert, 1, true},
    {"help", show_help, 1, false},        {"--version", show_program, 0, false},
    {"--help", show_program, 0, false},   {"-h", show_program, 0, false},
};

static sl_exit run_command(int argc, char **argv)
{
    if (argc < 2) {
        if (sl_group_is_first())
            sl_help_write(&sl_program_this, sl_program_this.pages, stderr);
        return SL_EXIT_USAGE;
    }
    for (size_t k = 0; k < sizeof commands / sizeof commands[0]; k++)
        if (strcmp(argv[1], commands[k].name) == 0 && sl_group_count() > 1 && commands[k].is_alone)
            return sl_report(SL_EXIT_USAGE, "%s is for one process; start sluice %s, or mpirun -n 1", argv[1], argv[1]);
        else if (strcmp(argv[1], commands[k].name) == 0)
            return commands[k].run(argc - commands[k].skipped, argv + commands[k].skipped);
    return sl_report(SL_EXIT_USAGE,
                     "command '%s' is not known; expected run, train, evaluate, merge, info, convert, help, --help or --version",
                     argv[1]);
}

void sl_cli_begin(void)
{
    sl_paths_hold_standard();
    sl_interrupt_install();
}

int sl_cli_main(int argc, char **argv, const sluice_exchange *exchange, unsigned sharing)
{
    sluice_error error;
    sl_exit code = sl_group_install(exchange, sharing);
    /* BLIS reads BLIS_ARCH_TYPE once, at its first use. A BLIS that is older than the CPU would otherwise be five times slower. */
    code = code || !sl_blis_arch_set(&error) ? code : sl_report_error(&error);
    code = sl_group_agree(code);
    code = code ? code : sl_group_compare(argc > 1 ? argv[1] : "");
    code = code ? code : run_command(argc, argv);
    return (int)sl_interrupt_finish(sl_group_finish(sl_report_flush(code)));
}
