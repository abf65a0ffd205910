/* Finding the element of a batch's data that made its loss NaN or infinite. Called only once a loss is. */
#include "base/error.h"
#include "engine/batch_row.h"
#include "train/trainer.h"

#include <math.h>
#include <stdint.h>

static const char *name_kind(float value)
{
    return isnan(value) ? "NaN" : "infinite";
}

static sluice_status check_x(const sl_network *network, const sluice_batch *batch, size_t row, sluice_error *error)
{
    const sl_layout at = sl_layout_fill(sl_layout_of_x(batch), batch->steps, network->inputs);
    const size_t steps = sl_row_length(batch->lengths, batch->steps, row);
    for (size_t step = 0; step < steps; step++) {
        const float *x = batch->x + sl_layout_place(at, row, step);
        for (size_t k = 0; k < network->inputs; k++)
            if (!isfinite(x[k]))
                return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, step, "x [%zu] is %s; correct the data or leave the row out",
                                   k, name_kind(x[k]));
    }
    return SLUICE_STATUS_OK;
}

/* A row's h of layer-direction k, or its c, at `state`. */
static sluice_status check_state(const float *state, size_t width, const char *name, size_t k, size_t row, sluice_error *error)
{
    for (size_t unit = 0; unit < width; unit++)
        if (!isfinite(state[unit]))
            return sl_fail_row(error, SLUICE_STATUS_BAD_DATA, row, SIZE_MAX,
                               "%s [%zu][%zu][%zu] is %s; a row's initial state must be finite", name, k, row, unit,
                               name_kind(state[unit]));
    return SLUICE_STATUS_OK;
}

static sluice_status check_states(const sl_network *network, const sluice_batch *batch, size_t row, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; batch->h0 && !status && k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        status = check_state(batch->h0 + sl_h_offset(dir, batch->rows, row), dir->h_width, "h0", k, row, error);
    }
    for (size_t k = 0; batch->c0 && !status && k < network->layer_dirs; k++) {
        const sl_layer_dir *dir = &network->dirs[k];
        status = check_state(batch->c0 + sl_c_offset(dir, batch->rows, row), dir->c_width, "c0", k, row, error);
    }
    return status;
}

sluice_status sl_batch_check_finite(const sl_network *network, const sluice_batch *batch, size_t first, size_t end,
                                    sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t row = first; !status && row < end; row++) {
        if (batch->x)
            status = check_x(network, batch, row, error);
        if (!status)
            status = check_states(network, batch, row, error);
    }
    return status;
}
