#include "engine/tape/tape_read.h"

#include "engine/batch_row.h"

/* The element of the batch's x, or tokens, that a step begins with. */
static size_t find_x(const sluice_tape *tape, size_t step, size_t sorted)
{
    return tape->x_first[sorted] + tape->x_step[step];
}

size_t sl_tape_token(const sluice_tape *tape, bool reverse, size_t iteration, size_t sorted)
{
    return sl_batch_token(&tape->batch, find_x(tape, sl_tape_step(tape, reverse, sorted, iteration), sorted));
}

const float *sl_tape_network_input(const sluice_tape *tape, size_t step, size_t sorted)
{
    const sluice_engine *engine = tape->engine;
    if (engine->shape.vocabulary)
        return engine->embedding + sl_tape_token(tape, false, step, sorted) * engine->network->inputs;
    return tape->batch.x + find_x(tape, step, sorted);
}

const float *sl_tape_x(const sluice_tape *tape, size_t k, size_t iteration, size_t sorted)
{
    const sl_layer_dir *dir = &tape->engine->network->dirs[k];
    if (tape->inputs[dir->layer])
        return tape->inputs[dir->layer] + sl_tape_row_step(tape, dir->reverse, sorted, iteration) * dir->inputs;
    return sl_tape_network_input(tape, sl_tape_step(tape, dir->reverse, sorted, iteration), sorted);
}

const float *sl_tape_h_before(const sluice_tape *tape, size_t k, size_t iteration, size_t sorted)
{
    const sl_network *network = tape->engine->network;
    const sl_layer_dir *dir = &network->dirs[k];
    if (iteration == 0)
        return tape->layer_dirs[k].h0 + sorted * dir->h_width;
    const size_t row_step = sl_tape_output(tape, dir, iteration - 1, sorted);
    return tape->outputs[dir->layer] + row_step * network->lstm[dir->layer].outputs + dir->first_output;
}
