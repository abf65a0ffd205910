#include "perf/measure/context.h"

#include "perf/git.h"
#include "perf/report/row_fields.h"

#include "base/system/system_file.h"
#include "base/system/thread_count.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

extern char **environ;

/* ---- The machine ------------------------------------------------------------------------------------------------------------ */

/* Properties of this machine, and of the part of it that this process may use, as the system reports them; "unknown" where it does not
 * report one. */
typedef struct machine {
    char cpu_id[64];    /* vendor, family, model, stepping: "AuthenticAMD 25 1 1"; no microcode, which changes under one CPU */
    char caches[96];    /* of one core's view: "L1d 32 KiB, L2 512 KiB, L3 32768 KiB" */
    char cpus[160];     /* number of threads that is used by default, and what limits it: affinity, cores, cgroup quota */
    char affinity[256]; /* the CPUs on which the process may run: "0-3,8" */
    char governor[32];  /* of the first CPU's frequency; "unknown" where the system has none, as in a virtual machine */
    char system[160];   /* the kernel's name, release and machine */
    char date[32];      /* now: "2026-01-31T12:00:00Z" */
} machine;

/* The value behind a key of /proc/cpuinfo, "model" for example, up to the line's end. */
static bool find_value(const char *text, const char *key, char *value, size_t bytes)
{
    const size_t length = strlen(key);
    for (const char *line = text; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        const char *behind = line + length;
        if (strncmp(line, key, length) != 0)
            continue;
        behind += strspn(behind, " \t");
        if (*behind != ':')
            continue;
        behind += 1 + strspn(behind + 1, " \t");
        snprintf(value, bytes, "%.*s", (int)strcspn(behind, "\n"), behind);
        return true;
    }
    return false;
}

static void get_cpu_id(char *id, size_t bytes)
{
    char text[4096], vendor[32], family[12], model[12], stepping[12];
    snprintf(id, bytes, "unknown");
    if (sl_text_read("/proc/cpuinfo", text, sizeof text) && find_value(text, "vendor_id", vendor, sizeof vendor) &&
        find_value(text, "cpu family", family, sizeof family) && find_value(text, "model", model, sizeof model) &&
        find_value(text, "stepping", stepping, sizeof stepping))
        snprintf(id, bytes, "%.30s %.10s %.10s %.10s", vendor, family, model, stepping);
}

/* Set or, without a value, unset a variable. */
static void put_variable(const char *name, const char *value)
{
    if (value)
        setenv(name, value, 1);
    else
        unsetenv(name);
}

/* The library gives a reason for its number of threads only where no variable sets the number. */
static void get_cpus(char *reason, size_t bytes)
{
    static const char *const names[] = {"SLUICE_NUM_THREADS", "OMP_NUM_THREADS"};
    char *kept[2];
    unsigned threads;
    char why[128];
    for (size_t k = 0; k < 2; k++) {
        const char *value = getenv(names[k]);
        kept[k] = value ? strdup(value) : NULL;
        unsetenv(names[k]);
    }
    if (sl_threads_choose(0, &threads, why, sizeof why, NULL))
        snprintf(reason, bytes, "unknown");
    else
        snprintf(reason, bytes, "%u by %s", threads, why);
    for (size_t k = 0; k < 2; k++) {
        put_variable(names[k], kept[k]);
        free(kept[k]);
    }
}

static void get_affinity(char *text, size_t bytes)
{
    char status[8192];
    snprintf(text, bytes, "unknown");
    if (sl_text_read("/proc/self/status", status, sizeof status))
        (void)find_value(status, "Cpus_allowed_list", text, bytes);
}

static void get_governor(char *text, size_t bytes)
{
    if (!sl_text_read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", text, bytes))
        snprintf(text, bytes, "unknown");
    text[strcspn(text, "\n")] = '\0';
}

static void get_system(char *text, size_t bytes)
{
    struct utsname name;
    if (uname(&name) == 0)
        snprintf(text, bytes, "%.40s %.64s %.40s", name.sysname, name.release, name.machine);
    else
        snprintf(text, bytes, "unknown");
}

static void get_date(char *text, size_t bytes)
{
    const time_t now = time(NULL);
    struct tm utc;
    if (!gmtime_r(&now, &utc) || !strftime(text, bytes, "%Y-%m-%dT%H:%M:%SZ", &utc))
        snprintf(text, bytes, "unknown");
}

static void get_machine(const sluice_environment *environment, machine *found)
{
    get_cpu_id(found->cpu_id, sizeof found->cpu_id);
    snprintf(found->caches, sizeof found->caches, "L1d %zu KiB, L2 %zu KiB, L3 %zu KiB", environment->l1d_bytes / 1024,
             environment->l2_bytes / 1024, environment->l3_bytes / 1024);
    get_cpus(found->cpus, sizeof found->cpus);
    get_affinity(found->affinity, sizeof found->affinity);
    get_governor(found->governor, sizeof found->governor);
    get_system(found->system, sizeof found->system);
    get_date(found->date, sizeof found->date);
}

/* ---- The run ---------------------------------------------------------------------------------------------------------------- */

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
    machine here;
    get_machine(environment, &here);
    char *variables = join(environ, is_setting), *command = join(argv, is_any);
    const char *slash = argv[0] ? strrchr(argv[0], '/') : NULL;
    const sl_context_row row = {.version = sluice_version_get(),
                                .git = SLUICE_GIT,
                                .cpu = environment->cpu,
                                .cpu_id = here.cpu_id,
                                .caches = here.caches,
                                .cpus = here.cpus,
                                .affinity = here.affinity,
                                .governor = here.governor,
                                .system = here.system,
                                .compiler = COMPILER " (" SLUICE_BUILD ")",
                                .flags = SLUICE_FLAGS,
                                .blis = environment->blis_version,
                                .blis_config = environment->blis_config,
                                .openmp = environment->openmp,
                                .environment = variables,
                                .date = here.date,
                                .command = command && slash ? command + (slash + 1 - argv[0]) : command};
    json_t *context = variables && command ? sl_fields_to_row(&sl_context_fields, &row) : NULL;
    free(variables);
    free(command);
    return context;
}
