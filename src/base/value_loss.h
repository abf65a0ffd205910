/* What one output adds to a loss of values, by how far it is off, output - value; and the derivative with respect to the output. */
#ifndef SLUICE_BASE_VALUE_LOSS_H
#define SLUICE_BASE_VALUE_LOSS_H

#include "sluice_train.h"

#include <math.h>

/** Of a kind with values, as sluice_loss_kind defines it. NaN gives NaN. */
static inline double sl_loss_term(sluice_loss_kind kind, double off, double delta, double quantile)
{
    const double size = fabs(off);
    switch (kind) {
    case SLUICE_LOSS_ABSOLUTE_ERROR:
        return size;
    case SLUICE_LOSS_HUBER:
        return size <= delta ? 0.5 * off * off : delta * (size - 0.5 * delta);
    case SLUICE_LOSS_QUANTILE:
        return off < 0 ? -quantile * off : (1 - quantile) * off;
    default:
        return off * off;
    }
}

/** Likewise, of finite numbers. Where there is no derivative, the middle of those on both sides. */
static inline double sl_loss_derivative(sluice_loss_kind kind, double off, double delta, double quantile)
{
    switch (kind) {
    case SLUICE_LOSS_ABSOLUTE_ERROR:
        return (off > 0) - (off < 0);
    case SLUICE_LOSS_HUBER:
        return off > delta ? delta : off < -delta ? -delta : off;
    case SLUICE_LOSS_QUANTILE:
        return off < 0 ? -quantile : off > 0 ? 1 - quantile : 0.5 - quantile;
    default:
        return 2 * off;
    }
}

#endif
