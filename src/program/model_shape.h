/* A model's shape, and its network, as values. */
#ifndef SLUICE_PROGRAM_MODEL_SHAPE_H
#define SLUICE_PROGRAM_MODEL_SHAPE_H

#include "sluice_network.h"

#include <assert.h>

static inline sluice_shape sl_model_shape(const sluice_model *model)
{
    sluice_shape shape = {.struct_size = sizeof shape};
    const sluice_status status = sluice_model_get_shape(model, &shape);
    assert(!status); /* neither is NULL, and the size is known */
    (void)status;
    return shape;
}

/** Its layers are valid as long as the model. */
static inline sluice_network sl_model_network(const sluice_model *model)
{
    sluice_network network = {.struct_size = sizeof network};
    const sluice_status status = sluice_model_get_network(model, &network);
    assert(!status);
    (void)status;
    return network;
}

#endif
