/* A model's shape as a value. */
#ifndef SLUICE_PROGRAM_MODEL_SHAPE_H
#define SLUICE_PROGRAM_MODEL_SHAPE_H

#include "sluice.h"

#include <assert.h>

static inline sluice_shape sl_model_shape(const sluice_model *model)
{
    sluice_shape shape = {.struct_size = sizeof shape};
    const sluice_status status = sluice_model_get_shape(model, &shape);
    assert(!status); /* neither is NULL, and the size is known */
    (void)status;
    return shape;
}

#endif
