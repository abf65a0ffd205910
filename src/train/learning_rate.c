#include "train/learning_rate.h"

#include "base/exact_math.h"

/* Cosine annealing from one rate to another; part in 0..1. */
static double half_cosine(double from, double to, double part)
{
    return to + (from - to) / 2 * (1 + sl_cos_pi(part));
}

/* The rate of torch's OneCycleLR(max_lr=rate, total_steps) with cycle_momentum=False. The rate rises from step 0 to step
 * 0.3 total - 1, which need not be an integer, and falls from there to step total - 1. */
static double one_cycle(double rate, uint64_t total_steps, uint64_t step)
{
    const double first = rate / 25, last = first / 1e4, top = 0.3 * (double)total_steps - 1, end = (double)total_steps - 1;
    const double at = step < total_steps ? (double)step : end;
    return at <= top ? half_cosine(first, rate, at / top) : half_cosine(rate, last, (at - top) / (end - top));
}

double sl_rate_get(const sluice_trainer_options *options, uint64_t step)
{
    const uint64_t warm = options->warmup_steps, total = options->total_steps;
    if (options->schedule == SLUICE_RATE_ONE_CYCLE)
        return one_cycle(options->rate, total, step);
    if (step < warm)
        return options->rate * ((double)(step + 1) / (double)warm);
    if (options->schedule == SLUICE_RATE_CONSTANT)
        return options->rate;
    return step < total ? half_cosine(options->rate, 0, (double)(step - warm) / (double)(total - warm)) : 0;
}
