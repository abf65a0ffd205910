/* The reference for a gradient: rows through the network and back in double precision, by the equations of sluice.h and without any
 * optimisation. */
#ifndef SLUICE_PERF_CASES_REFERENCE_F64_H
#define SLUICE_PERF_CASES_REFERENCE_F64_H

#include "sluice_train.h"

typedef struct sl_reference_f64 sl_reference_f64;

/** Gradients, in double precision, of a row and of the rows so far. */
typedef struct sl_reference_f64_result {
    const double *dx;               /* [its length][I], of the last row, as are */
    const double *dh0, *dc0;        /* [L*D][H] */
    const double *const *weight_ih; /* L*D arrays [4H][in], the sum over all rows, as are */
    const double *const *weight_hh; /* [4H][H] */
    const double *const *bias;      /* [4H] */
} sl_reference_f64_result;

/** Room for rows of up to `steps` steps of a network without embedding and head; the model outlives it. NO_MEMORY, TOO_LARGE. */
SLUICE_WARN_UNUSED sluice_status sl_reference_f64_create(const sluice_model *model, size_t steps, sl_reference_f64 **reference,
                                                         sluice_error *error);

/** Run a row of a batch whose arrays are contiguous, batch first, or whose rows of x start at x_offsets; states begin with zeros.
 *  What comes in is the gradient's dy, dhn and dcn, each NULL or contiguous. */
void sl_reference_f64_add(sl_reference_f64 *reference, const sluice_batch *batch, const sluice_gradient *gradient, size_t row);

/** Valid as long as the reference. */
sl_reference_f64_result sl_reference_f64_get(const sl_reference_f64 *reference);

/** NULL is allowed. */
void sl_reference_f64_destroy(sl_reference_f64 *reference);

#endif
