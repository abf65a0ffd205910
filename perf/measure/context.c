#include "perf/measure/context.h"

#include "perf/report/result_rows.h"

#include "perf/git.h"
#include "perf/measure/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

extern char **environ;

/* JSON wants UTF-8, and an environment variable may hold anything: what is not printable ASCII becomes '?'. */
static json_t *clean_string(const char *text)
{
    char *copy = sl_report_clean(text);
    json_t *string = copy ? json_string(copy) : NULL;
    free(copy);
    return string;
}

static int is_setting(const char *variable)
{
    static const char *const prefixes[] = {"OMP_", "GOMP_", "KMP_", "BLIS_", "ONEDNN_", "DNNL_", "SLUICE_"};
    for (size_t k = 0; k < sizeof prefixes / sizeof prefixes[0]; k++)
        if (strncmp(variable, prefixes[k], strlen(prefixes[k])) == 0)
            return 1;
    return 0;
}

static int is_any(const char *word)
{
    (void)word;
    return 1;
}

/* Those of a list of words, which NULL ends, that are wanted, separated by blanks. */
static json_t *join(char **words, int (*is_wanted)(const char *word))
{
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream)
        return NULL;
    const char *separator = "";
    for (; *words; words++)
        if (is_wanted(*words)) {
            fprintf(stream, "%s%s", separator, *words);
            separator = " ";
        }
    json_t *string = fclose(stream) == 0 ? clean_string(text) : NULL;
    free(text);
    return string;
}

json_t *sl_context_create(const sluice_environment *environment)
{
    sl_machine machine;
    sl_machine_get(environment, &machine);
    /* clang-format off */
    return json_pack("{so so so so so so so so so so so so so so so so}",
                     "version", clean_string(sluice_version_get()),
                     "git", clean_string(SLUICE_GIT),
                     "cpu", clean_string(environment->cpu),
                     "cpu_id", clean_string(machine.cpu_id),
                     "caches", clean_string(machine.caches),
                     "cpus", clean_string(machine.cpus),
                     "affinity", clean_string(machine.affinity),
                     "governor", clean_string(machine.governor),
                     "system", clean_string(machine.system),
                     "compiler", clean_string(COMPILER " (" SLUICE_BUILD ")"),
                     "flags", clean_string(SLUICE_FLAGS),
                     "blis", clean_string(environment->blis_version),
                     "blis_config", clean_string(environment->blis_config),
                     "openmp", clean_string(environment->openmp),
                     "environment", join(environ, is_setting),
                     "date", clean_string(machine.date));
    /* clang-format on */
}

bool sl_context_add_command(json_t *context, char **argv)
{
    json_t *command = join(argv, is_any);
    const char *slash = argv[0] ? strrchr(argv[0], '/') : NULL;
    if (command && slash && json_string_set(command, json_string_value(command) + (slash + 1 - argv[0])) != 0) {
        json_decref(command);
        command = NULL;
    }
    return json_object_set_new(context, "command", command) == 0;
}
