#include "base/system/openmp.h"

#include <limits.h>
#include <omp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool sl_openmp_get_place(int place, cpu_set_t *cpus)
{
    int ids[CPU_SETSIZE];
    const int count = omp_get_place_num_procs(place);
    CPU_ZERO(cpus);
    if (count > CPU_SETSIZE)
        return false;
    omp_get_place_proc_ids(place, ids);
    for (int k = 0; k < count; k++)
        if (ids[k] >= 0 && ids[k] < CPU_SETSIZE)
            CPU_SET(ids[k], cpus);
    return true;
}

/* Add to a text; what does not fit is cut. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t bytes, const char *format, ...)
{
    const size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, bytes - used, format, arguments);
    va_end(arguments);
}

/* The CPUs of a place, "{0-1,4}". */
static void append_place(int place, char *text, size_t bytes)
{
    cpu_set_t cpus;
    const char *before = "{";
    if (!sl_openmp_get_place(place, &cpus))
        CPU_ZERO(&cpus);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &cpus))
            continue;
        const int first = cpu;
        while (cpu + 1 < CPU_SETSIZE && CPU_ISSET(cpu + 1, &cpus))
            cpu++;
        append(text, bytes, first == cpu ? "%s%d" : "%s%d-%d", before, first, cpu);
        before = ",";
    }
    append(text, bytes, "%s}", *before == '{' ? "{" : "");
}

/* "2: {0},{1}", cut with "..." where not all fit, or "none". */
static void describe_places(char *text, size_t bytes)
{
    const int places = omp_get_num_places();
    snprintf(text, bytes, places > 0 ? "%d:" : "none", places);
    for (int place = 0; place < places; place++) {
        const size_t used = strlen(text);
        append(text, bytes, "%s", place ? "," : " ");
        append_place(place, text, bytes);
        if (strlen(text) + sizeof ",..." > bytes) {
            snprintf(text + used, bytes - used, "%s", place ? ",..." : " ...");
            return;
        }
    }
}

void sl_openmp_describe(sluice_environment *environment)
{
#if defined(__clang__)
    const char *runtime = "LLVM libomp";
#else
    const char *runtime = "GNU libgomp";
#endif
    static const char *const bindings[] = {"false", "true", "primary", "close", "spread"};
    const unsigned bind = (unsigned)omp_get_proc_bind();
    const int limit_set = omp_get_thread_limit();
    sluice_environment *e = environment;
    snprintf(e->openmp, sizeof e->openmp, "%s, OpenMP %d", runtime, _OPENMP);
    snprintf(e->openmp_binding, sizeof e->openmp_binding, "%s",
             bind < sizeof bindings / sizeof bindings[0] ? bindings[bind] : "the runtime's own way"); /* LLVM's has one more */
    describe_places(e->openmp_places, sizeof e->openmp_places);
    e->openmp_dynamic = omp_get_dynamic() != 0;
    e->openmp_thread_limit = limit_set > 0 && limit_set < INT_MAX ? (unsigned)limit_set : 0;
}
