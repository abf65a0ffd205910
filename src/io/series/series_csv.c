#include "io/series/series_csv.h"

#include "io/csv/csv.h"

static sluice_status create_block(const void *reader, sl_series_block *block, sluice_error *error)
{
    return sl_csv_create_block(reader, block, error);
}

static sluice_status fill(void *reader, sl_series_block *block, sluice_error *error)
{
    return sl_csv_read(reader, block, error);
}

static void close_csv(void *reader)
{
    sl_csv_close(reader);
}

sluice_status sl_series_open_csv(sl_text_input *text, const sl_csv_options *options, sl_series_source *source, sluice_error *error)
{
    static const sl_series_calls calls = {create_block, fill, NULL, close_csv};
    sl_csv *csv;
    const sluice_status status = sl_csv_open(text, options, &csv, error);
    if (status)
        return status;
    const sl_csv_columns *columns = sl_csv_get_columns(csv);
    *source =
        (sl_series_source){.reader = csv, .calls = &calls, .width = columns->values, .texts = columns->texts, .columns = columns};
    return SLUICE_STATUS_OK;
}
