/* Series of a table: its rows, grouped by the sequence column. */
#ifndef SLUICE_IO_SERIES_SERIES_CSV_H
#define SLUICE_IO_SERIES_SERIES_CSV_H

#include "io/csv/csv_columns.h"
#include "io/series/series_source.h"

/** Take over a text, which is closed on failure: the errors of sl_csv_open. */
sluice_status sl_series_open_csv(sl_text_input *text, const sl_csv_options *options, sl_series_source *source, sluice_error *error);

#endif
