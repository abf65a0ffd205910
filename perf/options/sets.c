#include "perf/options/sets.h"

#include "base/random.h"
#include "base/size.h"

#include <math.h>

#define COUNT(array) (sizeof(array) / sizeof(array)[0])

/* One table, of which each set is a stretch, so that "all" is the table. First what runs when no shape is asked for and is of no
 * set. */
static const sl_set_case cases[] = {
    {50, 128, 1024, SL_RAGGED_NONE},
    /* precision: this, those of threads and the first of small */
    {50, 64, 512, SL_RAGGED_NONE},
    /* threads: many rows, few, one, and a network that no cache of one core holds */
    {50, 64, 256, SL_RAGGED_NONE},
    {50, 256, 256, SL_RAGGED_NONE},
    {100, 8, 256, SL_RAGGED_NONE},
    {100, 1, 512, SL_RAGGED_NONE},
    /* small: little work a step, or hardly any */
    {100, 32, 128, SL_RAGGED_NONE},
    {100, 31, 64, SL_RAGGED_NONE},
    {30, 16, 32, SL_RAGGED_NONE},
    {100, 1, 128, SL_RAGGED_NONE},
    {1, 1, 64, SL_RAGGED_NONE},
    /* ragged */
    {200, 256, 256, SL_RAGGED_UNIFORM},
    {200, 32, 128, SL_RAGGED_UNIFORM},
    {50, 17, 512, SL_RAGGED_UNIFORM},
    {5000, 1001, 128, SL_RAGGED_TAIL},
    /* train */
    {50, 64, 256, SL_RAGGED_NONE, SL_TRAIN_BOTH},
    {50, 64, 512, SL_RAGGED_NONE, SL_TRAIN_BOTH},
    {100, 32, 128, SL_RAGGED_NONE, SL_TRAIN_BOTH},
    {100, 31, 64, SL_RAGGED_NONE, SL_TRAIN_BOTH},
    {100, 256, 256, SL_RAGGED_UNIFORM, SL_TRAIN_BOTH},
};
enum { PRECISION_FIRST = 1, THREADS_FIRST = 2, SMALL_FIRST = 6, RAGGED_FIRST = 11, TRAIN_FIRST = 15 };

static const sl_set_network networks[] = {
    {50, 64, SL_NETWORK_128_64_PLAIN},     {50, 64, SL_NETWORK_128_64_DENSE}, {100, 1, SL_NETWORK_128_64_PLAIN},
    {100, 1, SL_NETWORK_128_64_DENSE},     {50, 64, SL_NETWORK_BILSTM_PLAIN}, {50, 64, SL_NETWORK_BILSTM},
    {50, 64, SL_NETWORK_PROJECTION_PLAIN}, {50, 64, SL_NETWORK_PROJECTION},   {50, 64, SL_NETWORK_HARD_SIGMOID_PLAIN},
    {50, 64, SL_NETWORK_HARD_SIGMOID},
};

enum { RANDOM_CASES = 100 };

static const sl_set sets[] = {
    {"small", false, false, RAGGED_FIRST - SMALL_FIRST, cases + SMALL_FIRST, 0, NULL},
    {"ragged", false, false, TRAIN_FIRST - RAGGED_FIRST, cases + RAGGED_FIRST, 0, NULL},
    {"threads", true, false, SMALL_FIRST - THREADS_FIRST, cases + THREADS_FIRST, 0, NULL},
    {"train", false, false, COUNT(cases) - TRAIN_FIRST, cases + TRAIN_FIRST, 0, NULL},
    {"precision", false, true, SMALL_FIRST + 1 - PRECISION_FIRST, cases + PRECISION_FIRST, 0, NULL},
    {"networks", false, false, 0, cases, COUNT(networks), networks},
    {"all", true, false, COUNT(cases), cases, COUNT(networks), networks},
    {"random", false, false, RANDOM_CASES, NULL, 0, NULL},
};

const char *sl_set_get_name(size_t value)
{
    return value < COUNT(sets) ? sets[value].name : NULL;
}

sl_set sl_set_get(size_t value)
{
    return sets[value];
}

/* A whole number from least to most, each power of two as likely as another. */
static size_t draw(uint64_t *state, double least, double most)
{
    const double share = 0x1p-53 * (double)(sl_random_next(state) >> 11);
    return (size_t)(least * pow((most + 1) / least, share));
}

/* A shape of up to 200 steps and rows, and 16 to 1,024 hidden units; so few steps that a call takes half a second at most. */
static sl_set_case draw_case(size_t k)
{
    const double flop_most = 2e10;
    uint64_t state = k;
    sl_set_case drawn = {.batch = draw(&state, 1, 200), .hidden = draw(&state, 16, 1024)};
    const double steps_most = flop_most / (16 * (double)drawn.batch * (double)drawn.hidden * (double)drawn.hidden);
    drawn.steps = draw(&state, 1, fmax(1, fmin(200, steps_most)));
    return drawn;
}

sl_set_case sl_set_get_case(size_t value, size_t k)
{
    return sets[value].cases ? sets[value].cases[k] : draw_case(k);
}

const char *sl_scaling_get_name(size_t value)
{
    static const char *const names[] = {"none", "strong", "weak"};
    return value < COUNT(names) ? names[value] : NULL;
}

static void append(sl_list *list, size_t value)
{
    const bool rises = list->count == 0 || value > list->values[list->count - 1];
    if (rises && list->count < SL_LIST_MAX)
        list->values[list->count++] = value;
}

void sl_scaling_fill_threads(size_t cores, sl_list *threads)
{
    threads->count = 0;
    for (size_t power = 1; power < cores; power *= 2) {
        append(threads, power);
        if (power > 1)
            append(threads, sl_size_min(power + power / 2, cores));
    }
    append(threads, cores);
    append(threads, cores + sl_size_max(cores / 2, 1));
    append(threads, 2 * cores);
}
