#include "cli/train/training.h"

#include "cli/command_line.h"
#include "program/options/option_words.h"

/* With a constant gradient, SGD moves a weight by rate / (1 - momentum) times the gradient, whose norm --clip bounds. */
static double get_sgd_step(const sluice_trainer_options *o)
{
    return o->rate / (1 - o->momentum) * (o->clip > 0 && o->clip < 1 ? o->clip : 1);
}

static void note_rate(const sluice_trainer_options *o)
{
    static const double ADAM_MOST = 0.1, SGD_MOST = 10, LEAST = 1e-8;
    const bool is_sgd = o->optimizer == SLUICE_OPTIMIZER_SGD;
    const char *name = sl_words_optimizer(o->optimizer), *usual = is_sgd ? "0.001 to 1" : "0.0001 to 0.01";
    if (is_sgd ? get_sgd_step(o) > SGD_MOST : o->rate > ADAM_MOST)
        sl_report_note("--rate %g is high for %s%s, and the loss may not go down; usual are %s", o->rate, name,
                       is_sgd && o->momentum > 0 ? " with this --momentum" : "", usual);
    if (o->rate < LEAST)
        sl_report_note("--rate %g is so low that the weights hardly change; usual for %s are %s", o->rate, name, usual);
}

static void note_regularization(const sluice_trainer_options *o)
{
    static const double DECAY_MOST = 1, MOMENTUM_MOST = 0.999, CLIP_LEAST = 1e-3, DROPOUT_MOST = 0.9, SMOOTHING_MOST = 0.5;
    if (o->weight_decay >= DECAY_MOST || o->rate * o->weight_decay >= DECAY_MOST)
        sl_report_note("--weight-decay %g moves the weights to 0 faster than the data can change them; usual are 0 to 0.1",
                       o->weight_decay);
    if (o->momentum > MOMENTUM_MOST)
        sl_report_note("--momentum %g averages over the last %.0f updates; usual are 0.9 to 0.99", o->momentum,
                       1 / (1 - o->momentum));
    if (o->clip > 0 && o->clip < CLIP_LEAST)
        sl_report_note("--clip %g scales almost every gradient down; usual are 0.1 to 10", o->clip);
    if (o->dropout > DROPOUT_MOST)
        sl_report_note("--dropout %g leaves few values to train on; usual are 0.1 to 0.5", (double)o->dropout);
    if (o->label_smoothing > SMOOTHING_MOST)
        sl_report_note("--label-smoothing %g spreads more over all classes than it leaves on the label; usual are 0.05 to 0.2",
                       (double)o->label_smoothing);
}

static void note_course(const sl_training *train, uint64_t updates)
{
    static const double SHARE_MOST = 0.5;
    const sl_train_options *o = &train->options->train;
    const size_t batch = train->options->batch, rows = train->dataset.order.count;
    if (sl_command_line_is_given(train->options, "batch") && batch > rows)
        sl_report_note("--batch %zu is more than the %zu training rows, so that an epoch is one batch; usual are 16 to 512", batch,
                       rows);
    if (o->trainer.warmup_steps && o->trainer.warmup_steps >= updates)
        sl_report_note(
            "--warmup %llu is no less than the %llu updates of %zu epochs, so that the rate only rises; usual are 1 %% to "
            "10 %% of them",
            (unsigned long long)o->trainer.warmup_steps, (unsigned long long)updates, o->epochs);
    if (o->rate_schedule.factor > 0 && o->epochs <= o->rate_schedule.patience + 2)
        sl_report_note(
            "--rate-schedule plateau waits for more than %zu epochs without improvement, so that %zu epochs do not lower the "
            "rate; usual is a tenth of --epochs",
            o->rate_schedule.patience, o->epochs);
    if (o->validate_share > SHARE_MOST)
        sl_report_note("--validate-share %g leaves %zu rows for training; usual are 0.05 to 0.3", o->validate_share, rows);
}

static void note_weights(const sl_training *train)
{
    static const float RATIO_MOST = 1000;
    const float *weights = train->class_weights.values;
    float least = 0, most = 0; /* of those above 0 */
    for (size_t k = 0; weights && k < train->shape.classes; k++) {
        least = weights[k] > 0 && (least == 0 || weights[k] < least) ? weights[k] : least;
        most = weights[k] > most ? weights[k] : most;
    }
    if (most > RATIO_MOST * least)
        sl_report_note(
            "--class-weights: the largest is %.4g times the smallest, so that a few targets dominate the loss; usual are "
            "ratios up to 100",
            (double)most / (double)least);
}

void sl_train_note_options(const sl_training *train, uint64_t updates)
{
    note_rate(&train->options->train.trainer);
    note_regularization(&train->options->train.trainer);
    note_course(train, updates);
    note_weights(train);
}
