/* The program sluice: which command, and what the whole program has to set up. */
#include "advice.h"
#include "commands.h"
#include "interrupt.h"
#include "paths.h"
#include "report.h"
#include "sluice.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "Usage: sluice COMMAND ...\n"
                           "LSTM networks over batches of sequences on CPUs.\n"
                           "\n"
                           "  run MODEL [options]   run a model over lines of text, or NumPy arrays\n"
                           "  train [options]       train a model on labelled lines, or NumPy arrays\n"
                           "  info MODEL [--json]   tell what is in a model file\n"
                           "  info MODEL --explain --batch N --steps T   tell how a batch would be computed\n"
                           "  info --env [--json]   tell what would be used on this machine, and why\n"
                           "  COMMAND --help        all options of a command, with examples\n"
                           "  --version             this library, BLIS, OpenMP, instruction set\n"
                           "\n"
                           "MODEL is a safetensors file with torch's names.\n"
                           "\n"
                           "Examples:\n"
                           "  sluice info langid.safetensors\n"
                           "  sluice run langid.safetensors --text < /usr/share/dict/words > answers.tsv\n"
                           "  sluice run lstm.safetensors -i x.npy -o y.npy --hn hn.npy --stats\n"
                           "  sluice train --text words.tsv --validate-share 0.1 -o model.safetensors\n"
                           "\n"
                           "Environment: SLUICE_NUM_THREADS, SLUICE_ISA, SLUICE_GEMM; OMP_... and\n"
                           "BLIS_ARCH_TYPE are honoured.\n"
                           "Exit: 0 ok, 1 run-time failure, 2 usage, 65 bad data, 66 no such input, 74 I/O,\n"
                           "130 interrupted.\n";

sl_exit sl_command_version(void)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    sluice_error error;
    if (sluice_environment_get(NULL, &environment, &error))
        return sl_report_error(&error);
    sl_version_print("sluice", NULL, &environment);
    return SL_EXIT_OK;
}

static sl_exit run_command(int argc, char **argv)
{
    if (argc < 2) {
        fputs(help, stderr);
        return SL_EXIT_USAGE;
    }
    const char *command = argv[1];
    if (strcmp(command, "run") == 0)
        return sl_command_run(argc - 1, argv + 1);
    if (strcmp(command, "train") == 0)
        return sl_command_train(argc - 1, argv + 1);
    if (strcmp(command, "info") == 0)
        return sl_command_info(argc - 1, argv + 1);
    if (strcmp(command, "--version") == 0)
        return sl_command_version();
    if (strcmp(command, "--help") == 0 || strcmp(command, "-h") == 0) {
        fputs(help, stdout);
        return SL_EXIT_OK;
    }
    return sl_report(SL_EXIT_USAGE, "command '%s' is not known; expected run, info, train, --help or --version", command);
}

int main(int argc, char **argv)
{
    sl_paths_hold_standard();
    sl_interrupt_install();
    /* BLIS reads its variable once, at its first use, and a release older than the CPU would run five times slower without. */
    sluice_error error;
    const sl_exit code = sl_blis_advise(&error) ? sl_report_error(&error) : run_command(argc, argv);
    return (int)sl_interrupt_finish(sl_report_flush(code));
}
