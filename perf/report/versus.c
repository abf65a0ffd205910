#include "perf/report/versus.h"

#include "perf/report/record.h"

#include "base/system/thread_count.h"

#include <string.h>

/* The highest GFLOP/s of the other peers with as many threads; 0: none. */
static double find_best(const json_t *rows, const json_t *row)
{
    double best = 0;
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *other = json_array_get(rows, k);
        if (strcmp(sl_record_text(other, "peer"), sl_record_text(row, "peer")) == 0 ||
            sl_record_number(other, "threads") != sl_record_number(row, "threads"))
            continue;
        if (sl_record_number(other, "gflops") > best)
            best = sl_record_number(other, "gflops");
    }
    return best;
}

int sl_versus_fill(json_t *rows)
{
    const double cpus = sl_threads_cpus();
    for (size_t k = 0; k < json_array_size(rows); k++) {
        json_t *row = json_array_get(rows, k);
        /* With more threads than CPUs an engine uses only as many as there are CPUs, and other peers use all. */
        const double best = sl_record_number(row, "threads") > cpus ? 0 : find_best(rows, row);
        if (json_object_set_new(row, "vs_best", best > 0 ? json_real(sl_record_number(row, "gflops") / best) : json_null()) != 0)
            return -1;
    }
    return 0;
}
