#include "cli/train/series/whole_series.h"

#include "base/size.h"

#include <stdlib.h>

/* Add the steps begin .. end - 1, of all series, as a row. */
static void add_row(sl_data *data, size_t begin, size_t end)
{
    if (begin >= end)
        return;
    data->offsets[data->rows] = begin * data->stride;
    data->lengths[data->rows++] = (int64_t)(end - begin);
    data->steps = sl_size_max(data->steps, end - begin);
}

sl_exit sl_whole_series_divide(sl_data *data, const size_t *lengths, size_t *training)
{
    enum { PARTS = 2 };
    const sl_series_table *series = &data->windows->series;
    const sl_windows *windows = &data->windows->windows;
    free(data->offsets);
    free(data->lengths);
    data->rows = data->steps = 0;
    data->offsets = calloc(PARTS * series->count, sizeof *data->offsets);
    data->lengths = calloc(PARTS * series->count, sizeof *data->lengths);
    if (!data->offsets || !data->lengths)
        return sl_report_memory("the series");
    for (size_t n = 0; n < series->count; n++) {
        const size_t length = lengths ? lengths[n] : sl_series_table_get_length(series, n);
        add_row(data, series->starts[n], series->starts[n] + length - sl_size_min(length, windows->last_horizon));
    }
    *training = data->rows;
    for (size_t n = 0; lengths && n < series->count; n++) {
        const size_t all = sl_series_table_get_length(series, n);
        add_row(data, series->starts[n] + lengths[n] - sl_size_min(lengths[n], windows->first_horizon),
                series->starts[n] + all - sl_size_min(all, windows->last_horizon));
    }
    return SL_EXIT_OK;
}
