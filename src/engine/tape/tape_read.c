#include "engine/tape/tape_read.h"

size_t sl_tape_token(const sluice_tape *tape, bool reverse, size_t iteration, size_t sorted)
{
    return (size_t)tape->token_row[sorted][sl_tape_step(tape, reverse, sorted, iteration) * tape->batch.x_step_stride];
}

const float *sl_tape_x(const sluice_tape *tape, size_t k, size_t iteration, size_t sorted)
{
    const sluice_engine *engine = tape->engine;
    const sl_layer_dir *dir = &engine->network->dirs[k];
    if (dir->layer)
        return tape->inputs[dir->layer] + sl_tape_row_step(tape, dir->reverse, sorted, iteration) * dir->inputs;
    if (engine->shape.vocabulary)
        return engine->embedding + sl_tape_token(tape, dir->reverse, iteration, sorted) * dir->inputs;
    return tape->x_row[sorted] + sl_tape_step(tape, dir->reverse, sorted, iteration) * tape->batch.x_step_stride;
}

const float *sl_tape_h_before(const sluice_tape *tape, size_t k, size_t iteration, size_t sorted)
{
    const sl_network *network = tape->engine->network;
    const sl_layer_dir *dir = &network->dirs[k];
    if (iteration == 0)
        return tape->layer_dirs[k].h0 + sorted * dir->h_width;
    const size_t row_step = sl_tape_row_step(tape, dir->reverse, sorted, iteration - 1);
    return tape->outputs[dir->layer] + row_step * network->lstm[dir->layer].outputs + dir->first_output;
}
