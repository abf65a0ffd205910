/* Steps of series, as the commands read them. */
#ifndef SLUICE_CLI_SERIES_SERIES_STEPS_H
#define SLUICE_CLI_SERIES_SERIES_STEPS_H

#include "io/series/series.h"
#include "program/exit.h"

/** sl_series_read, into *rows; none where a signal came that means nothing: read again. Errors are reported. SL_EXIT_INTERRUPTED, which is
 *  not: a signal arrived that ends the command. */
sl_exit sl_series_steps_read(sl_series *series, size_t most, float *values, sl_series_rows *rows);

#endif
