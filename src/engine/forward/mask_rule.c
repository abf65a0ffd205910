#include "engine/forward/mask_rule.h"

#include "base/system/cpu.h"
#include "engine/batch_row.h"

/* The first step from `step` on that the rule masks; `steps` if there is none. */
static size_t find_step(const sl_network *network, const sluice_batch *batch, size_t row, size_t step, size_t steps)
{
    const sl_layout at = sl_layout_of_x(batch);
    if (network->description.masking == SLUICE_MASKING_TOKEN) {
        while (step < steps && sl_batch_token(batch, sl_layout_place(at, row, step)) != 0)
            step++;
        return step;
    }
    const float value = network->description.mask_value;
    for (; step < steps; step++) {
        const float *x = batch->x + sl_layout_place(at, row, step);
        size_t k = 0;
        while (k < network->inputs && x[k] == value)
            k++;
        if (k == network->inputs)
            break;
    }
    return step;
}

bool sl_mask_rule_find(const sl_network *network, const sluice_batch *batch, size_t *row, size_t *step)
{
    if (network->description.masking == SLUICE_MASKING_NONE)
        return false;
    const sl_float_mode mode = sl_float_mode_set(false); /* a subnormal number is not 0, in any mode of the caller's */
    bool found = false;
    for (size_t n = 0; n < batch->rows && !found; n++) {
        const size_t steps = sl_row_length(batch->lengths, batch->steps, n), first = find_step(network, batch, n, 0, steps);
        found = first < steps;
        *row = n;
        *step = first;
    }
    sl_float_mode_restore(mode);
    return found;
}

void sl_mask_rule_write(const sl_network *network, const sluice_batch *batch, uint8_t *mask, size_t row_stride)
{
    const sl_float_mode mode = sl_float_mode_set(false);
    for (size_t n = 0; n < batch->rows; n++) {
        const size_t steps = sl_row_length(batch->lengths, batch->steps, n);
        for (size_t step = 0; step < steps; step++) {
            const size_t masked = find_step(network, batch, n, step, steps);
            for (; step < masked; step++)
                mask[n * row_stride + step] = 1;
            if (step < steps)
                mask[n * row_stride + step] = 0;
        }
    }
    sl_float_mode_restore(mode);
}
