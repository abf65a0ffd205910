#include "perf/measure/machine.h"

#include "base/system/system_file.h"
#include "base/system/thread_count.h"

#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

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

void sl_machine_get(const sluice_environment *environment, sl_machine *machine)
{
    get_cpu_id(machine->cpu_id, sizeof machine->cpu_id);
    snprintf(machine->caches, sizeof machine->caches, "L1d %zu KiB, L2 %zu KiB, L3 %zu KiB", environment->l1d_bytes / 1024,
             environment->l2_bytes / 1024, environment->l3_bytes / 1024);
    get_cpus(machine->cpus, sizeof machine->cpus);
    get_affinity(machine->affinity, sizeof machine->affinity);
    get_governor(machine->governor, sizeof machine->governor);
    get_system(machine->system, sizeof machine->system);
    get_date(machine->date, sizeof machine->date);
}
