#include "io/model/tensor_values.h"

#include "base/size.h"

#include <math.h>

static sluice_status check_finite(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t count,
                                  const float *values, const char *what, sluice_error *error)
{
    for (size_t k = 0; k < count; k++)
        if (!isfinite(values[k]))
            return sl_source_fail_element(source, tensor, first + k, error, "expected a finite %s, found %s", what,
                                          isnan(values[k]) ? "NaN" : "infinity");
    return SLUICE_STATUS_OK;
}

sluice_status sl_tensor_values_read(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t count,
                                    float *values, sluice_error *error)
{
    bool finite = true;
    const sluice_status status = sl_source_read(source, tensor, first, count, values, &finite, error);
    return status || finite ? status : check_finite(source, tensor, first, count, values, "number", error);
}

sluice_status sl_tensor_values_add(const sl_tensor_source *source, const sl_tensor *tensor, size_t first, size_t count, float *sums,
                                   sluice_error *error)
{
    float values[1024];
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t done = 0, n; !status && done < count; done += n) {
        n = sl_size_min(count - done, sizeof values / sizeof values[0]);
        status = sl_tensor_values_read(source, tensor, first + done, n, values, error);
        for (size_t k = 0; !status && k < n; k++)
            sums[done + k] += values[k];
        if (!status)
            status = check_finite(source, tensor, first + done, n, sums + done, "sum with the other bias", error);
    }
    return status;
}
