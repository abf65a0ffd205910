#include "perf/cases/case.h"

#include "base/error.h"
#include "base/random.h"
#include "base/size.h"

#include <float.h>
#include <math.h>
#include <sys/resource.h>
#include <unistd.h>

sl_case sl_case_of_network(sl_named_network network, size_t steps, size_t batch, uint64_t seed)
{
    const sluice_network *described = sl_named_network_get(network);
    const sl_network_work work = sl_network_work_get(described);
    return (sl_case){.steps = steps,
                     .batch = batch,
                     .input = described->inputs,
                     .hidden = work.hidden,
                     .layers = work.lstm_layers,
                     .directions = work.directions,
                     .seed = seed,
                     .network = network};
}

size_t sl_case_choose_length(const sl_case *shape, size_t row, uint64_t *state)
{
    switch (shape->ragged) {
    case SL_RAGGED_UNIFORM:
        return 1 + sl_random_next(state) % shape->steps;
    case SL_RAGGED_TAIL:
        return row == shape->batch / 2 ? shape->steps : sl_size_max(shape->steps / SL_TAIL, 1);
    default:
        return shape->steps;
    }
}

void sl_case_put_y(const sl_case *shape, float *y, sluice_output *output, sluice_batch *batch)
{
    const sluice_network *network = shape->network ? sl_named_network_get(shape->network) : NULL;
    const sluice_layer *last = network ? &network->layers[network->layer_count - 1] : NULL;
    if (!network || (last->kind == SLUICE_LAYER_LSTM && last->steps == SLUICE_STEPS_ALL)) {
        batch->y = y;
        return;
    }
    *output = (sluice_output){.layer = network->layer_count - 1, .at = y};
    batch->outputs = output;
    batch->output_count = 1;
}

double sl_case_flop_per_step(const sl_case *shape)
{
    if (shape->network)
        return sl_network_work_get(sl_named_network_get(shape->network)).flop_per_step;
    const double hidden = (double)shape->hidden, directions = (double)shape->directions;
    const double first = (double)shape->input + hidden, other = directions * hidden + hidden;
    return 8 * hidden * directions * (first + ((double)shape->layers - 1) * other);
}

double sl_result_flop(const sl_result *result)
{
    const sl_case *shape = &result->shape;
    const double passes = shape->train == SL_TRAIN_BOTH ? 3 : 1; /* da is multiplied by W and U, and by x and h' */
    const double of_steps = passes * sl_case_flop_per_step(shape) * (double)result->total_steps;
    if (!shape->network)
        return of_steps;
    return of_steps + sl_network_work_get(sl_named_network_get(shape->network)).flop_per_row * (double)shape->batch;
}

/* Bytes that the arrays of a case take at least: the weights, the batch's ends, of a network its inputs alone, and, in training, the
 * tape and the gradients. */
static double least_bytes(const sl_case *shape)
{
    const double rows = (double)shape->batch, inputs = (double)shape->input, units = (double)(shape->directions * shape->hidden);
    const double row_steps = rows * (double)shape->steps, layers = (double)shape->layers;
    const bool tail = shape->ragged == SL_RAGGED_TAIL; /* whose rows lie without padding, and have no y */
    const double held = tail ? row_steps / SL_TAIL : row_steps;
    double floats = sl_case_flop_per_step(shape) / 2 + held * inputs;
    if (!shape->network)
        floats += held * (tail ? 0 : units) + 2 * layers * rows * units;
    if (shape->train)
        floats += held * 6 * units * layers;
    if (shape->train == SL_TRAIN_BOTH)
        floats += held * (inputs + units);
    return sizeof(float) * floats + 3 * sizeof(size_t) * rows;
}

/* The machine's memory or, if that is less, the address space that this process may have (ulimit -v). */
static double memory_bytes(void)
{
    const double physical = (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGE_SIZE);
    struct rlimit limit;
    return getrlimit(RLIMIT_AS, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY ? fmin(physical, (double)limit.rlim_cur) : physical;
}

sluice_status sl_case_check(const sl_case *shape, sluice_error *error)
{
    const double gigabyte = 1e9, needed = least_bytes(shape) / gigabyte, there = memory_bytes() / gigabyte;
    if (needed <= there)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_NO_MEMORY,
                   "T=%zu N=%zu I=%zu H=%zu L=%zu D=%zu: takes %.3g GB at least, and there are %.3g GB of memory; use fewer steps, "
                   "a smaller batch or a smaller model",
                   shape->steps, shape->batch, shape->input, shape->hidden, shape->layers, shape->directions, needed, there);
}

const char *sl_ragged_get_name(size_t ragged)
{
    static const char *const names[] = {"none", "uniform", "tail"};
    return ragged < sizeof names / sizeof names[0] ? names[ragged] : NULL;
}

const char *sl_train_pass_get_name(size_t train)
{
    static const char *const names[] = {"none", "forward", "both"};
    return train < sizeof names / sizeof names[0] ? names[train] : NULL;
}

static size_t widest_input(const sl_case *shape)
{
    return shape->layers > 1 ? sl_size_max(shape->input, shape->directions * shape->hidden) : shape->input;
}

/* BLIS, and each peer, adds the I + H terms, each below 1, in an order of its own. Of 2..2048 terms and 30..400 steps that was seen
 * to change h by 0.011 epsilon a term at most, or by one epsilon, which is the activations'; a sixteenth leaves room for other
 * weights, layers and kernels. */
float sl_case_bound(const sl_case *shape)
{
    if (shape->network)
        return ((float)sl_network_work_get(sl_named_network_get(shape->network)).terms / 16 + 8) * FLT_EPSILON;
    return ((float)(widest_input(shape) + shape->hidden) / 16 + 8) * FLT_EPSILON;
}

/* The I + H products of a sum, of x below 1 and weights of about 1 / sqrt(H), are each off by a part of a step times the other
 * factor, independently: the sum by that times sqrt(I / H + 1). Six times as much is below what other weights do; peers were seen to reach a
 * seventh of it. */
double sl_precision_bound(const sl_case *shape, sluice_precision precision)
{
    const double step = precision == SLUICE_PRECISION_INT8 ? 1.0 / 127 : 1.0 / 256;
    return 6 * step * sqrt(1 + (double)widest_input(shape) / (double)shape->hidden);
}
