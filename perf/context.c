#include "context.h"

#include "git.h"

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
    char *copy = strdup(text);
    if (!copy)
        return NULL;
    for (char *p = copy; *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    json_t *string = json_string(copy);
    free(copy);
    return string;
}

static int is_setting(const char *variable)
{
    static const char *const prefixes[] = {"OMP_", "GOMP_", "KMP_", "BLIS_", "SLUICE_"};
    for (size_t k = 0; k < sizeof prefixes / sizeof prefixes[0]; k++)
        if (strncmp(variable, prefixes[k], strlen(prefixes[k])) == 0)
            return 1;
    return 0;
}

static json_t *settings(void)
{
    char *text = NULL;
    size_t bytes;
    FILE *stream = open_memstream(&text, &bytes);
    if (!stream)
        return NULL;
    const char *separator = "";
    for (char **variable = environ; *variable; variable++)
        if (is_setting(*variable)) {
            fprintf(stream, "%s%s", separator, *variable);
            separator = " ";
        }
    json_t *string = fclose(stream) == 0 ? clean_string(text) : NULL;
    free(text);
    return string;
}

json_t *sl_context_create(const sluice_environment *environment)
{
    /* clang-format off */
    return json_pack("{so so so so so so so so}",
                     "version", clean_string(sluice_version_get()),
                     "git", clean_string(SLUICE_GIT),
                     "cpu", clean_string(environment->cpu),
                     "compiler", clean_string(COMPILER " (" SLUICE_BUILD ")"),
                     "blis", clean_string(environment->blis_version),
                     "blis_config", clean_string(environment->blis_config),
                     "openmp", clean_string(environment->openmp),
                     "environment", settings());
    /* clang-format on */
}
