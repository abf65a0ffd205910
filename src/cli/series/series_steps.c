#include "cli/series/series_steps.h"

#include "program/interrupt.h"
#include "program/report.h"

#include <errno.h>

sl_exit sl_series_steps_read(sl_series *series, size_t most, float *values, sl_series_rows *rows)
{
    sluice_error error;
    errno = 0;
    const sluice_status status = sl_series_read(series, most, values, rows, &error);
    if (sl_interrupt_seen())
        return SL_EXIT_INTERRUPTED;
    const bool is_other_signal = status == SLUICE_STATUS_IO && errno == EINTR;
    return is_other_signal ? SL_EXIT_OK : sl_report_status(status, &error);
}
