#include "base/system/thread_count.h"

#include "base/clean.h"
#include "base/error.h"
#include "base/setting.h"
#include "base/system/cgroup.h"
#include "base/system/openmp.h"
#include "base/system/system_file.h"

#include <limits.h>
#include <omp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where this process may run. */
typedef struct allowance {
    cpu_set_t set;    /* empty where there are more CPUs than it has room for */
    unsigned cpus;    /* in it, or as many as OpenMP knows */
    unsigned threads; /* the most that the runtime can make there: each is made on the CPUs of a place */
} allowance;

/* Leave those of the CPUs that the system would bind a thread to. Only the system knows which exist, are switched on and are in its
 * cpuset, so it is asked, with the calling thread, which is put back by find_places. */
static void keep_real(cpu_set_t *cpus)
{
    if (sched_setaffinity(0, sizeof *cpus, cpus) || sched_getaffinity(0, sizeof *cpus, cpus))
        CPU_ZERO(cpus);
}

/* The most threads that GNU's runtime can make where `run` places behind the first have CPUs and `all` says whether all do. It puts
 * the threads on the first place, where the calling thread stays if there is no such CPU, and on those behind it in order; spread,
 * on places that are far apart. It ends the process if a thread cannot be made. */
static unsigned count_makeable(bool all, bool first, unsigned run)
{
    const omp_proc_bind_t bind = omp_get_proc_bind();
    if (all || (first && bind == omp_proc_bind_master))
        return SL_THREADS_MAX;
    return bind == omp_proc_bind_spread || bind == omp_proc_bind_master ? 1 : 1 + run;
}

/* The CPUs of OpenMP's places, where OMP_PROC_BIND or OMP_PLACES has made them; false if there are none. The runtime then binds
 * the first thread to one of them as the program starts, so its affinity is no longer the set that the process may use. A runtime
 * leaves out CPUs that OMP_PLACES names and the process may not use, but GNU's believes GOMP_CPU_AFFINITY. */
static bool find_places(allowance *found)
{
    const bool unchecked = getenv("GOMP_CPU_AFFINITY") != NULL;
    cpu_set_t before, cpus;
    unsigned real = 0, run = 0;
    bool first = false;
    const int places = omp_get_num_places();
    CPU_ZERO(&found->set);
    found->threads = SL_THREADS_MAX;
    if (places <= 0 || sched_getaffinity(0, sizeof before, &before))
        return false;
    for (int place = 0; place < places && sl_openmp_get_place(place, &cpus); place++) {
        if (unchecked)
            keep_real(&cpus);
        const bool has_cpus = CPU_COUNT(&cpus) > 0;
        real += has_cpus;
        first |= place == 0 && has_cpus;
        run += place == (int)run + 1 && has_cpus;
        CPU_OR(&found->set, &found->set, &cpus);
    }
    if (unchecked) {
        (void)sched_setaffinity(0, sizeof before, &before);
        found->threads = count_makeable(real == (unsigned)places, first, run);
    }
    return CPU_COUNT(&found->set) > 0;
}

static void find_allowance(allowance *found)
{
    if (find_places(found) || sched_getaffinity(0, sizeof found->set, &found->set) == 0) {
        found->cpus = (unsigned)CPU_COUNT(&found->set);
    } else {
        CPU_ZERO(&found->set); /* more than 1,024 CPUs: believe OpenMP */
        found->cpus = (unsigned)omp_get_num_procs();
    }
}

static unsigned least_of(unsigned a, unsigned b)
{
    return a < b ? a : b;
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

/* OMP_THREAD_LIMIT's number. */
static unsigned get_limit(void)
{
    const int limit = omp_get_thread_limit();
    return limit > 0 && limit < SL_THREADS_MAX ? (unsigned)limit : SL_THREADS_MAX;
}

unsigned sl_threads_most(void)
{
    allowance allowed;
    find_allowance(&allowed);
    return least_of(allowed.threads, get_limit());
}

unsigned sl_threads_cpus(void)
{
    allowance allowed;
    find_allowance(&allowed);
    const unsigned quota = sl_cgroup_cpus(""), cpus = least_of(allowed.cpus, least_of(allowed.threads, get_limit()));
    const unsigned least = quota ? least_of(quota, cpus) : cpus;
    return least ? least : 1;
}

static void choose_by_machine(const allowance *allowed, unsigned *threads, char *reason, size_t reason_bytes)
{
    const unsigned cpus = allowed->cpus, counted = count_cores(&allowed->set), cores = counted ? counted : cpus;
    const unsigned quota = sl_cgroup_cpus("");
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
    *threads = least_of(least, SL_THREADS_MAX);
    char quota_text[32];
    snprintf(quota_text, sizeof quota_text, quota ? "%u" : "none", quota);
    snprintf(reason, reason_bytes, "%s (affinity %u, physical cores %u, cgroup quota %s)", why, cpus, cores, quota_text);
}

/* A whole number in 1..most; 0: the text is none. `end` receives what stands behind it. */
static unsigned parse_count(const char *text, unsigned most, char **end)
{
    const long value = strtol(text, end, 10);
    return *end != text && value >= 1 && value <= (long)most ? (unsigned)value : 0;
}

/* The first number of OMP_NUM_THREADS, which has one for each level of nesting; 0: the runtime did not take it, for it is no list of
 * whole numbers above 0. */
static unsigned parse_levels(const char *text)
{
    unsigned first = 0;
    for (char *end;; text = end + 1) {
        const unsigned level = parse_count(text, INT_MAX, &end);
        end += strspn(end, " \t\n\v\f\r");
        if (!level || (*end && *end != ','))
            return 0;
        first = first ? first : level;
        if (!*end)
            return first;
    }
}

/* Where neither the library's variable nor the caller says how many: OMP_NUM_THREADS, or the machine. What is in effect may be
 * another number than the variable's: a program can set it, and the runtime reads the variable only as it is loaded. */
static void choose_unasked(const allowance *allowed, unsigned *threads, char *reason, size_t reason_bytes)
{
    const char *text = getenv("OMP_NUM_THREADS");
    const unsigned first = text ? parse_levels(text) : 0;
    if (!first) {
        choose_by_machine(allowed, threads, reason, reason_bytes);
        return;
    }
    const int most = omp_get_max_threads();
    *threads = most < 1 ? 1 : most > SL_THREADS_MAX ? SL_THREADS_MAX : (unsigned)most;
    snprintf(reason, reason_bytes, "%s",
             most == (int)first ? "OMP_NUM_THREADS" : "OpenMP's own number, which is no longer that of OMP_NUM_THREADS");
}

/* Say that OMP_NUM_THREADS was of no use, if so. */
static void note_invalid(char *reason, size_t reason_bytes)
{
    const char *text = getenv("OMP_NUM_THREADS");
    if (!text || !*text || parse_levels(text))
        return;
    const size_t used = strlen(reason);
    snprintf(reason + used, reason_bytes - used, "; OMP_NUM_THREADS=\"%.20s\" is not a list of numbers above 0: ignored", text);
    sl_clean(reason);
}

static void limit(unsigned most, const char *why, unsigned *threads, char *reason, size_t reason_bytes)
{
    if (*threads > most) {
        *threads = most;
        snprintf(reason, reason_bytes, "%s", why);
    }
}

sluice_status sl_threads_choose(unsigned option, unsigned *threads, char *reason, size_t reason_bytes, sluice_error *error)
{
    char text[SL_SETTING_BYTES], *end;
    bool asked = true;
    allowance allowed;
    find_allowance(&allowed);
    if (option) {
        if (option > SL_THREADS_MAX)
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%u threads asked for; the most is %d", option, SL_THREADS_MAX);
        *threads = option;
        snprintf(reason, reason_bytes, "asked for");
    } else if (sl_setting_get("SLUICE_NUM_THREADS", text)) {
        *threads = parse_count(text, SL_THREADS_MAX, &end);
        if (!*threads || *end)
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                           "SLUICE_NUM_THREADS is \"%s\"; expected auto, or a whole number in 1..%d", text, SL_THREADS_MAX);
        snprintf(reason, reason_bytes, "SLUICE_NUM_THREADS");
    } else {
        asked = false;
        choose_unasked(&allowed, threads, reason, reason_bytes);
    }
    limit(get_limit(), "OMP_THREAD_LIMIT", threads, reason, reason_bytes);
    limit(allowed.threads, "limited by GOMP_CPU_AFFINITY, which names CPUs that are not there", threads, reason, reason_bytes);
    if (!asked)
        note_invalid(reason, reason_bytes);
    return SLUICE_STATUS_OK;
}
