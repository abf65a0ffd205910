#include "base/threads.h"

#include "base/error.h"
#include "base/text.h"

#include <omp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* CPUs that a "quota period" pair in microseconds allows, rounded up; 0: no limit. */
static unsigned quota_cpus(double quota, double period)
{
    if (!(quota > 0 && period > 0))
        return 0;
    const double cpus = quota / period + 0.999;
    return cpus < SL_THREADS_MAX ? (unsigned)cpus : SL_THREADS_MAX;
}

/* Whether a comma-separated list of cgroup controllers, "cpu,cpuacct" for example, has this one. */
static bool has_controller(const char *list, const char *name)
{
    const size_t length = strlen(name);
    for (; list; list = strchr(list, ',')) {
        list += *list == ',';
        if (strncmp(list, name, length) == 0 && (list[length] == ',' || list[length] == '\0'))
            return true;
    }
    return false;
}

/* The CPUs of OpenMP's places, where OMP_PROC_BIND or OMP_PLACES has made them; false if there are none. The runtime then binds
 * the first thread to one of them as the program starts, so that its affinity no longer tells what the process may use. */
static bool places_cpus(cpu_set_t *cpus)
{
    CPU_ZERO(cpus);
    for (int place = 0; place < omp_get_num_places(); place++) {
        int ids[CPU_SETSIZE];
        const int count = omp_get_place_num_procs(place);
        if (count > CPU_SETSIZE)
            return false;
        omp_get_place_proc_ids(place, ids);
        for (int k = 0; k < count; k++)
            if (ids[k] >= 0 && ids[k] < CPU_SETSIZE)
                CPU_SET(ids[k], cpus);
    }
    return CPU_COUNT(cpus) > 0;
}

/* The tightest CPU quota of this process's cgroup and those above it; 0: none. */
static unsigned cgroup_cpus(void)
{
    unsigned least = 0;
    char groups[4096];
    if (!sl_text_read("/proc/self/cgroup", groups, sizeof groups))
        return 0;
    for (char *line = groups, *next; *line; line = next) {
        next = line + strcspn(line, "\n");
        if (*next)
            *next++ = '\0';
        char *controllers = strchr(line, ':');
        char *path = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!path)
            continue;
        *path++ = '\0';
        const bool version2 = controllers[1] == '\0';
        if (!version2 && !has_controller(controllers + 1, "cpu"))
            continue;
        for (;;) { /* this group, then its parents up to the root that is mounted here */
            char name[4200], text[64], period_text[64];
            unsigned cpus = 0;
            double quota, period;
            if (version2) {
                snprintf(name, sizeof name, "/sys/fs/cgroup%s/cpu.max", path);
                if (sl_text_read(name, text, sizeof text) && sscanf(text, "%lf %lf", &quota, &period) == 2)
                    cpus = quota_cpus(quota, period);
            } else {
                snprintf(name, sizeof name, "/sys/fs/cgroup/cpu%s/cpu.cfs_quota_us", path);
                const bool has_quota = sl_text_read(name, text, sizeof text);
                snprintf(name, sizeof name, "/sys/fs/cgroup/cpu%s/cpu.cfs_period_us", path);
                if (has_quota && sl_text_read(name, period_text, sizeof period_text))
                    cpus = quota_cpus(strtod(text, NULL), strtod(period_text, NULL));
            }
            if (cpus && (!least || cpus < least))
                least = cpus;
            char *slash = strrchr(path, '/');
            if (!slash || !*path)
                break;
            *slash = '\0';
        }
    }
    return least;
}

/* CPUs this process may run on, their number returned; `allowed` receives them, or none where there are too many to tell. */
static unsigned affinity_cpus(cpu_set_t *allowed)
{
    if (places_cpus(allowed) || sched_getaffinity(0, sizeof *allowed, allowed) == 0)
        return (unsigned)CPU_COUNT(allowed);
    CPU_ZERO(allowed); /* more than 1,024 CPUs: believe OpenMP */
    return (unsigned)omp_get_num_procs();
}

/* The number of different cores among CPUs. */
static unsigned count_cores(const cpu_set_t *allowed)
{
    unsigned cores = 0;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, allowed))
            continue;
        /* "0,64" or "0-1": the core is counted at its first thread, or at one whose first thread is not ours to use. */
        char name[96], text[64];
        int first = cpu;
        snprintf(name, sizeof name, "/sys/devices/system/cpu/cpu%d/topology/thread_siblings_list", cpu);
        if (sl_text_read(name, text, sizeof text))
            first = atoi(text);
        if (first == cpu || first < 0 || first >= CPU_SETSIZE || !CPU_ISSET(first, allowed))
            cores++;
    }
    return cores;
}

unsigned sl_threads_cpus(void)
{
    cpu_set_t allowed;
    const unsigned cpus = affinity_cpus(&allowed), quota = cgroup_cpus();
    const unsigned least = quota && quota < cpus ? quota : cpus;
    return least ? least : 1;
}

static void choose_by_machine(unsigned *threads, char *reason, size_t reason_bytes)
{
    cpu_set_t allowed;
    const unsigned cpus = affinity_cpus(&allowed), told = count_cores(&allowed), cores = told ? told : cpus, quota = cgroup_cpus();
    unsigned least = cpus;
    const char *why = "CPU affinity";
    if (cores < least) {
        least = cores;
        why = "physical cores";
    }
    if (quota && quota < least) {
        least = quota;
        why = "cgroup CPU quota";
    }
    *threads = least < SL_THREADS_MAX ? least : SL_THREADS_MAX;
    char quota_text[32];
    snprintf(quota_text, sizeof quota_text, quota ? "%u" : "none", quota);
    snprintf(reason, reason_bytes, "%s (affinity %u, physical cores %u, cgroup quota %s)", why, cpus, cores, quota_text);
}

sluice_status sl_threads_choose(unsigned option, unsigned *threads, char *reason, size_t reason_bytes, sluice_error *error)
{
    const char *text = getenv("SLUICE_NUM_THREADS");
    if (text && *text) {
        char *end;
        const unsigned long value = strtoul(text, &end, 10);
        if (*end || text[0] == '-' || value < 1 || value > SL_THREADS_MAX)
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "SLUICE_NUM_THREADS is \"%s\"; expected a whole number in 1..%d",
                           text, SL_THREADS_MAX);
        *threads = (unsigned)value;
        snprintf(reason, reason_bytes, "SLUICE_NUM_THREADS");
    } else if (option) {
        if (option > SL_THREADS_MAX)
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%u threads asked for; the most is %d", option, SL_THREADS_MAX);
        *threads = option;
        snprintf(reason, reason_bytes, "asked for");
    } else if (getenv("OMP_NUM_THREADS") && *getenv("OMP_NUM_THREADS")) {
        const int most = omp_get_max_threads();
        *threads = most < 1 ? 1 : most > SL_THREADS_MAX ? SL_THREADS_MAX : (unsigned)most;
        snprintf(reason, reason_bytes, "OMP_NUM_THREADS");
    } else {
        choose_by_machine(threads, reason, reason_bytes);
    }
    const int limit = omp_get_thread_limit();
    if (limit > 0 && *threads > (unsigned)limit) {
        *threads = (unsigned)limit;
        snprintf(reason, reason_bytes, "OMP_THREAD_LIMIT");
    }
    return SLUICE_STATUS_OK;
}

/* GNU's OpenMP keeps its sleeping workers over a fork, where they are threads that no longer exist: the child's first region
 * would wait for them for ever. So the workers are given back before a fork; the next region makes new ones. */
static void release_workers(void)
{
    (void)omp_pause_resource_all(omp_pause_soft);
}

static void watch_forks(void)
{
    (void)pthread_atfork(release_workers, NULL, NULL); /* it fails for lack of memory only, and then forks are as they were */
}

bool sl_threads_alone(void)
{
    return omp_in_parallel();
}

void sl_threads_run(unsigned wanted, void (*work)(void *context, unsigned thread, unsigned threads), void *context)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (wanted <= 1 || sl_threads_alone()) {
        work(context, 0, 1);
        return;
    }
    pthread_once(&once, watch_forks);
#pragma omp parallel num_threads(wanted)
    work(context, (unsigned)omp_get_thread_num(), (unsigned)omp_get_num_threads());
}

void sl_threads_describe(char *text, size_t bytes)
{
#if defined(__clang__)
    const char *runtime = "LLVM libomp";
#else
    const char *runtime = "GNU libgomp";
#endif
    snprintf(text, bytes, "%s, OpenMP %d", runtime, _OPENMP);
}
