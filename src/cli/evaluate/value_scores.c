#include "cli/evaluate/value_scores.h"

#include "base/value_loss.h"

#include <math.h>

void sl_value_score_add(sl_value_score *score, const sl_train_loss *loss, size_t k, float output, float target)
{
    const double off = (double)output - (double)target, error = fabs(off);
    const double quantile = loss->quantile_count ? (double)loss->quantiles[k % loss->quantile_count] : 0;
    score->counted++;
    score->below += target < output;
    score->losses += sl_loss_term(loss->kind, off, loss->delta, quantile);
    score->absolute += error;
    score->squares += error * error;
    if (target == 0)
        score->zeros++;
    else
        score->shares += error / fabs((double)target);
}

void sl_value_score_join(sl_value_score *score, const sl_value_score *other)
{
    score->counted += other->counted;
    score->zeros += other->zeros;
    score->absolute += other->absolute;
    score->squares += other->squares;
    score->shares += other->shares;
    score->below += other->below;
    score->losses += other->losses;
}

double sl_value_score_get_loss(const sl_value_score *score)
{
    return score->counted ? score->losses / (double)score->counted : NAN;
}

double sl_value_score_get_below(const sl_value_score *score)
{
    return score->counted ? (double)score->below / (double)score->counted : NAN;
}

double sl_value_score_get_mae(const sl_value_score *score)
{
    return score->counted ? score->absolute / (double)score->counted : NAN;
}

double sl_value_score_get_rmse(const sl_value_score *score)
{
    return score->counted ? sqrt(score->squares / (double)score->counted) : NAN;
}

double sl_value_score_get_mape(const sl_value_score *score)
{
    const uint64_t counted = score->counted - score->zeros;
    return counted ? 100 * score->shares / (double)counted : NAN;
}
