#include "perf/measure/load_bench.h"

#include "base/error.h"
#include "base/memory.h"
#include "io/input.h"

#include <math.h>
#include <stdio.h>

typedef struct file {
    const char *path;
    size_t bytes;
    volatile size_t sink;
} file;

static sluice_status call_read(void *context, sluice_error *error)
{
    file *from = context;
    sl_input input;
    size_t got = 0, unusual = 0;
    sluice_status status = sl_input_open_regular(from->path, &input, error);
    if (status)
        return status;
    from->bytes = input.size;
    float *values = sl_alloc(input.size);
    status = values ? sl_input_read(&input, 0, values, input.size, &got, error) : sl_fail_memory(error, "a file", input.size);
    for (size_t k = 0; !status && k < got / sizeof *values; k++)
        unusual += !isfinite(values[k]);
    from->sink = unusual;
    sl_free(values);
    sl_input_close(&input);
    return status;
}

static sluice_status call_load(void *context, sluice_error *error)
{
    const file *from = context;
    sluice_model *model;
    const sluice_status status = sluice_model_load(from->path, NULL, &model, error);
    sluice_model_destroy(model);
    return status;
}

sluice_status sl_load_run(const char *path, const sl_micro_run *run, sluice_error *error)
{
    file from = {.path = path};
    sluice_status status = call_read(&from, error); /* also to have it in memory */
    sl_micro micro = {.kernel = "load", .by = "sluice", .threads = 1, .bytes = (double)from.bytes};
    snprintf(micro.shape, sizeof micro.shape, "%.1f MB", (double)from.bytes * 1e-6);
    status = status ? status : sl_micro_time(run, &micro, call_load, &from, error);
    micro.by = "read";
    return status ? status : sl_micro_time(run, &micro, call_read, &from, error);
}
