#include "perf/measure/context.h"

#include "perf/git.h"
#include "perf/measure/machine.h"
#include "perf/report/row_fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

extern char **environ;

static bool is_setting(const char *variable)
{
    static const char *const prefixes[] = {"OMP_", "GOMP_", "KMP_", "BLIS_", "ONEDNN_", "DNNL_", "SLUICE_"};
    for (size_t k = 0; k < sizeof prefixes / sizeof prefixes[0]; k++)
        if (strncmp(variable, prefixes[k], strlen(prefixes[k])) == 0)
            return true;
    return false;
}

static bool is_any(const char *word)
{
    (void)word;
    return true;
}

/* The selected words of a list that NULL ends, separated by blanks; to be freed. NULL when there is no memory. */
static char *join(char **words, bool (*is_selected)(const char *word))
{
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream)
        return NULL;
    const char *separator = "";
    for (; *words; words++)
        if (is_selected(*words)) {
            fprintf(stream, "%s%s", separator, *words);
            separator = " ";
        }
    if (fclose(stream) == 0)
        return text;
    free(text);
    return NULL;
}

json_t *sl_context_create(const sluice_environment *environment, char **argv)
{
    sl_machine machine;
    sl_machine_get(environment, &machine);
    char *variables = join(environ, is_setting), *command = join(argv, is_any);
    const char *slash = argv[0] ? strrchr(argv[0], '/') : NULL;
    const sl_context_row row = {.version = sluice_version_get(),
                                .git = SLUICE_GIT,
                                .cpu = environment->cpu,
                                .cpu_id = machine.cpu_id,
                                .caches = machine.caches,
                                .cpus = machine.cpus,
                                .affinity = machine.affinity,
                                .governor = machine.governor,
                                .system = machine.system,
                                .compiler = COMPILER " (" SLUICE_BUILD ")",
                                .flags = SLUICE_FLAGS,
                                .blis = environment->blis_version,
                                .blis_config = environment->blis_config,
                                .openmp = environment->openmp,
                                .environment = variables,
                                .date = machine.date,
                                .command = command && slash ? command + (slash + 1 - argv[0]) : command};
    json_t *context = variables && command ? sl_fields_to_row(&sl_context_fields, &row) : NULL;
    free(variables);
    free(command);
    return context;
}
