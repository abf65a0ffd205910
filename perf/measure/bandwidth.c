#include "perf/measure/bandwidth.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/system/cpu.h"
#include "base/system/system_file.h"
#include "base/system/thread_count.h"
#include "base/system/threads.h"
#include "engine/clock_rate.h"

#include <stdint.h>
#include <stdlib.h>

/* Bytes that a thread reads in one call, at least: far longer than starting the threads takes. */
enum { CALL_BYTES = 1 << 26 };

/* Loads of one round: enough to keep every load port busy, and few enough for the registers that accumulate them. */
enum { LOADS = 8, WIDEST = 64, STRIDE = LOADS * WIDEST };

typedef uint32_t gather_function(const void *array, size_t bytes, size_t passes);

/* OR of all words of an array, a multiple of STRIDE bytes, read `passes` times: an operation of one cycle, which never
 * limits the loads. */
#define DEFINE_GATHER(name, attribute, width)                                                                                      \
    attribute static uint32_t name(const void *array, size_t bytes, size_t passes)                                                 \
    {                                                                                                                              \
        typedef uint32_t vector __attribute__((vector_size(width)));                                                               \
        vector seen[LOADS] = {{0}};                                                                                                \
        uint32_t all = 0;                                                                                                          \
        for (; passes; passes--) {                                                                                                 \
            const vector *at = array;                                                                                              \
            for (size_t left = bytes / sizeof(vector); left; left -= LOADS, at += LOADS)                                           \
                for (size_t k = 0; k < LOADS; k++)                                                                                 \
                    seen[k] |= at[k];                                                                                              \
            __asm__ volatile("" ::: "memory"); /* so that the next pass reads again */                                             \
        }                                                                                                                          \
        for (size_t k = 0; k < LOADS; k++)                                                                                         \
            for (size_t lane = 0; lane < sizeof(vector) / sizeof all; lane++)                                                      \
                all |= seen[k][lane];                                                                                              \
        return all;                                                                                                                \
    }

DEFINE_GATHER(gather_narrow, , 16)
#if defined(__x86_64__)
DEFINE_GATHER(gather_avx2, __attribute__((target("avx2"))), 32)
DEFINE_GATHER(gather_avx512, __attribute__((target("avx512f"))), 64)
#endif

static gather_function *choose_gather(void)
{
#if defined(__x86_64__)
    if (sl_cpu_runs(SLUICE_ISA_AVX2))
        return sl_cpu_runs(SLUICE_ISA_AVX512) ? gather_avx512 : gather_avx2;
#endif
    return gather_narrow;
}

const char *sl_level_get_name(sl_level level)
{
    static const char *const names[SL_LEVELS] = {"L1", "L2", "L3", "DRAM"};
    return names[level];
}

/* CPUs in a list as the system writes it, "0-3,8". */
static size_t count_cpus(char *list)
{
    size_t count = 0;
    char *end = list;
    while (*end >= '0' && *end <= '9') {
        const unsigned long first = strtoul(end, &end, 10);
        const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;
        count += last >= first ? last - first + 1 : 0;
        end += *end == ',';
    }
    return count;
}

/* How many of `threads` share a last-level cache, if one is filled after the other. */
static size_t count_sharers(unsigned threads)
{
    char list[1024];
    const size_t all = sl_text_read("/sys/devices/system/cpu/cpu0/cache/index3/shared_cpu_list", list, sizeof list)
                           ? sl_size_max(count_cpus(list), 1)
                           : threads;
    return sl_size_min(all, threads);
}

/* More threads than CPUs would take memory, and read no faster. */
static unsigned count_readers(unsigned threads)
{
    return (unsigned)sl_size_min(threads, sl_threads_cpus());
}

size_t sl_stream_thread_bytes(sl_level level, unsigned threads)
{
    enum { NO_CACHE = 1 << 25 }; /* assumed maximum of an unknown last-level cache */
    sl_cpu cpu;
    sl_cpu_get(&cpu);
    sl_cpu_read_caches(&cpu);
    const size_t share = cpu.l3_bytes / count_sharers(count_readers(threads));
    const size_t last = cpu.l3_bytes ? share : sl_size_max(cpu.l2_bytes, NO_CACHE);
    const size_t wanted[SL_LEVELS] = {cpu.l1d_bytes / 2, cpu.l2_bytes / 2, share / 2, 4 * last};
    return wanted[level] / STRIDE * STRIDE;
}

double sl_clock_rate(void *context)
{
    (void)context;
    return sl_clock_rate_measure();
}

/* One thread's array, on cache lines of its own. */
typedef struct part {
    _Alignas(64) uint32_t *array;
    uint32_t seen;
} part;

typedef struct reading {
    gather_function *gather;
    size_t bytes, passes;
    unsigned wanted, threads; /* threads: as many as ran */
    part *parts;              /* [wanted] */
} reading;

/* Fill the array, each 32nd of it with a bit of its own, so that a part that is not read is noticed. (An array that was never written may
 * be one page of zeros, mapped repeatedly.) */
static void fill_part(void *context, unsigned thread, unsigned threads)
{
    reading *r = context;
    part *own = &r->parts[thread];
    own->array = sl_alloc(r->bytes);
    const size_t words = r->bytes / sizeof *own->array;
    for (size_t k = 0; own->array && k < words; k++)
        own->array[k] = UINT32_C(1) << k * 32 / words;
    if (thread == 0)
        r->threads = threads;
}

static void read_part(void *context, unsigned thread, unsigned threads)
{
    const reading *r = context;
    (void)threads;
    r->parts[thread].seen = r->gather(r->parts[thread].array, r->bytes, r->passes);
}

static sluice_status call_read(void *context, sluice_error *error)
{
    const reading *r = context;
    sl_threads_run(r->wanted, read_part, context);
    for (unsigned k = 0; k < r->threads; k++)
        if (r->parts[k].seen != UINT32_MAX)
            return sl_fail(error, SLUICE_STATUS_BAD_DATA, "wrong result: thread %u read %x of an array that holds all 32 bits", k,
                           (unsigned)r->parts[k].seen);
    return SLUICE_STATUS_OK;
}

static sluice_status fill(reading *r, sluice_error *error)
{
    sl_threads_run(r->wanted, fill_part, r);
    for (unsigned k = 0; k < r->threads; k++)
        if (!r->parts[k].array)
            return sl_fail_memory(error, "an array to read", r->bytes);
    return SLUICE_STATUS_OK;
}

sluice_status sl_stream_run(sl_level level, unsigned threads, const sl_timing_plan *plan, sl_stream *stream, sluice_error *error)
{
    threads = count_readers(threads);
    reading r = {.gather = choose_gather(), .bytes = sl_stream_thread_bytes(level, threads), .wanted = threads};
    if (!r.bytes)
        return sl_fail(error, SLUICE_STATUS_UNSUPPORTED, "%s: the system reports no such cache", sl_level_get_name(level));
    r.passes = sl_size_div_up(CALL_BYTES, r.bytes);
    r.parts = sl_alloc_array(threads, sizeof *r.parts);
    if (!r.parts)
        return sl_fail_memory(error, "threads that read", threads * sizeof *r.parts);
    const sl_workload workload = {call_read, sl_clock_rate, &r};
    *stream = (sl_stream){.level = level, .thread_bytes = r.bytes};
    sluice_status status = fill(&r, error);
    status = status ? status : sl_measure(plan, &workload, &stream->timing, error);
    stream->threads = r.threads;
    stream->call_bytes = (double)r.bytes * (double)r.passes * r.threads;
    for (unsigned k = 0; k < threads; k++)
        sl_free(r.parts[k].array);
    sl_free(r.parts);
    return status;
}

double sl_stream_speed(const sl_stream *stream)
{
    return stream->timing.seconds.min > 0 ? stream->call_bytes / stream->timing.seconds.min : 0;
}

static sluice_status measure_level(sl_level level, unsigned threads, const sl_timing_plan *plan, double *gbytes,
                                   sluice_error *error)
{
    sl_stream stream;
    if (!sl_stream_thread_bytes(level, threads))
        return SLUICE_STATUS_OK;
    const sluice_status status = sl_stream_run(level, threads, plan, &stream, error);
    *gbytes = status ? 0 : sl_stream_speed(&stream) * 1e-9;
    return status;
}

sluice_status sl_bandwidth_measure(unsigned threads, const sl_timing_plan *plan, sl_bandwidth_row *row, sluice_error *error)
{
    *row = (sl_bandwidth_row){.read_threads = threads};
    double *const one[] = {&row->l2, &row->l3, &row->dram}, *const all[] = {&row->l2_all, &row->l3_all, &row->dram_all};
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < sizeof one / sizeof one[0]; k++) {
        status = measure_level(SL_LEVEL_L2 + (sl_level)k, 1, plan, one[k], error);
        status = status ? status : measure_level(SL_LEVEL_L2 + (sl_level)k, threads, plan, all[k], error);
    }
    return status;
}
