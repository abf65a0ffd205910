#include "engine/forward/tape_read.h"

size_t sl_tape_token(const sluice_tape *tape, size_t direction, size_t iteration, size_t sorted)
{
    return (size_t)tape->token_row[sorted][sl_tape_step(tape, direction, sorted, iteration) * tape->batch.x_step_stride];
}

const float *sl_tape_x(const sluice_tape *tape, size_t k, size_t iteration, size_t sorted)
{
    const sluice_engine *engine = tape->engine;
    const sluice_shape *shape = &engine->shape;
    const size_t layer = k / shape->directions, direction = k % shape->directions;
    if (layer)
        return tape->inputs[layer] + sl_tape_row_step(tape, direction, sorted, iteration) * engine->dims.outputs;
    if (shape->vocabulary)
        return engine->embedding + sl_tape_token(tape, direction, iteration, sorted) * shape->inputs;
    return tape->x_row[sorted] + sl_tape_step(tape, direction, sorted, iteration) * tape->batch.x_step_stride;
}

const float *sl_tape_h_before(const sluice_tape *tape, size_t k, size_t iteration, size_t sorted)
{
    const sl_dims *dims = &tape->engine->dims;
    const size_t directions = tape->engine->shape.directions, direction = k % directions;
    if (iteration == 0)
        return tape->layer_dirs[k].h0 + sorted * dims->h_width;
    const size_t row_step = sl_tape_row_step(tape, direction, sorted, iteration - 1);
    return tape->outputs[k / directions] + row_step * dims->outputs + direction * dims->h_width;
}
