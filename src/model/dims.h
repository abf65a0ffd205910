/* Sizes that follow from a network's shape, computed once and kept by its model and its engine. */
#ifndef SLUICE_MODEL_DIMS_H
#define SLUICE_MODEL_DIMS_H

#include "kernel/cell_kind.h"
#include "sluice.h"

typedef struct sl_dims {
    size_t layer_dirs;   /* L*D layer-directions; layer l, direction d has index l*D + d */
    size_t gate_rows;    /* 4H: rows of W and U of a layer-direction */
    size_t h_width;      /* H: floats of h of a layer-direction */
    size_t c_width;      /* H: floats of its c */
    size_t outputs;      /* D*H: floats of a layer's output at a step */
    size_t widest_input; /* the larger of I and `outputs` */
    size_t step_inputs;  /* elements of a step of the batch's input: 1 token with an embedding, else I floats */
} sl_dims;

/** The shape has been checked, so that nothing overflows. */
static inline sl_dims sl_dims_get(const sluice_shape *shape)
{
    const size_t outputs = shape->directions * shape->hidden;
    return (sl_dims){.layer_dirs = shape->layers * shape->directions,
                     .gate_rows = SL_GATES * shape->hidden,
                     .h_width = shape->hidden,
                     .c_width = shape->hidden,
                     .outputs = outputs,
                     .widest_input = shape->inputs > outputs ? shape->inputs : outputs,
                     .step_inputs = shape->vocabulary ? 1 : shape->inputs};
}

#endif
