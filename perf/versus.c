#include "versus.h"

#include "base/threads.h"

#include <string.h>

static const char *text_of(const json_t *row, const char *key)
{
    const char *text = json_string_value(json_object_get(row, key));
    return text ? text : "";
}

static double number_of(const json_t *row, const char *key)
{
    return json_number_value(json_object_get(row, key));
}

/* The most GFLOP/s of those that the row competes with; 0: none. */
static double find_best(const json_t *rows, const json_t *row)
{
    double best = 0;
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *other = json_array_get(rows, k);
        if (strcmp(text_of(other, "peer"), text_of(row, "peer")) == 0 || number_of(other, "threads") != number_of(row, "threads"))
            continue;
        if (number_of(other, "gflops") > best)
            best = number_of(other, "gflops");
    }
    return best;
}

int sl_versus_fill(json_t *rows)
{
    const double cpus = sl_threads_cpus();
    for (size_t k = 0; k < json_array_size(rows); k++) {
        json_t *row = json_array_get(rows, k);
        /* Beyond the CPUs an engine keeps to them, others do not. */
        const double best = number_of(row, "threads") > cpus ? 0 : find_best(rows, row);
        if (json_object_set_new(row, "vs_best", best > 0 ? json_real(number_of(row, "gflops") / best) : json_null()) != 0)
            return -1;
    }
    return 0;
}
