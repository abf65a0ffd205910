#include "engine/api/timed_calls.h"

#include "base/clock.h"
#include "engine/forward/workspace.h"

#include <assert.h>

double sl_calls_time(sluice_workspace *workspace, const sluice_batch *batch, double least)
{
    for (size_t calls = 1;; calls *= 2) {
        const double start = sl_clock_get();
        for (size_t k = 0; k < calls; k++) {
            const sluice_status status = sluice_forward(workspace->engine, workspace, batch, NULL);
            assert(!status); /* the batch is valid, and fits the workspace */
            (void)status;
        }
        const double seconds = sl_clock_get() - start;
        if (seconds >= least)
            return seconds / (double)calls;
    }
}
