/* sluice train: a model from data. */
#include "train.h"

#include "base/clock.h"
#include "commands.h"
#include "paths.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] = "Usage: sluice train --text LINES -o MODEL [options]\n"
                           "       sluice train -i X.npy --labels L.npy | --values V.npy -o MODEL [options]\n"
                           "  --text FILE         lines LABEL<TAB>TEXT; the bytes of TEXT are the tokens\n"
                           "  -i, --input FILE    [N][T][I], or tokens [N][T]; --lengths FILE  [N]\n"
                           "  --labels FILE       [N] or [N][T], negative: ignored; --values FILE  ...[C]\n"
                           "  --validate FILE     (and --validate-lengths, -labels, -values), or part of the\n"
                           "                      rows by seed: --validate-share S\n"
                           "  --hidden N (128)  --layers N (1)  --bidirectional  --no-bias  --no-head\n"
                           "  --embedding N (32)  --vocabulary N  --classes N  --init torch|keras\n"
                           "  --from MODEL        go on from a model instead\n"
                           "  --epochs N (10)  --batch N (64)  --seed N (0)  --patience EPOCHS\n"
                           "  --optimizer adam|adamw|sgd  --momentum M  --weight-decay W  --clip NORM\n"
                           "  --rate R (0.001)  --rate-schedule constant|cosine|one-cycle  --warmup STEPS\n"
                           "  --dropout P  --label-smoothing S  --every-step  --truncate T  --recompute T\n"
                           "  -o, --output FILE   the best epoch's: most right in validation, or least error\n"
                           "  --checkpoint FILE   --checkpoint-every STEPS, or MINUTESm; later --resume FILE\n"
                           "  --curve FILE.svg|.csv  --stats  --json  --progress auto|always|never\n"
                           "  --threads N  --isa scalar|avx2|avx512  --prefix, ...: sluice info --help\n"
                           "Classes are numbered as their labels first appear. Arrays are .npy of any\n"
                           "numeric type, converted with a note where not f4, or for labels not integer.\n"
                           "Examples:\n"
                           "  sluice train --text words.tsv --validate-share 0.1 -o model.safetensors\n"
                           "  sluice train -i x.npy --labels y.npy -o m.safetensors --checkpoint c.st\n";

/* ---- Options --------------------------------------------------------------------------------------------------------------- */

static sl_exit check_data_options(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    if (!o->text == !options->input)
        return sl_report(SL_EXIT_USAGE, "expected either --text FILE or --input FILE; see sluice train --help");
    if (o->text && (options->lengths || o->labels || o->values || o->validate_lengths || o->validate_labels || o->validate_values ||
                    o->classes || o->vocabulary || o->no_head))
        return sl_report(SL_EXIT_USAGE,
                         "--text tells lengths and labels by itself; leave out --lengths, --labels, --values, --classes, "
                         "--vocabulary, --no-head and the likes of --validate-labels");
    if (options->input && !o->labels == !o->values)
        return sl_report(SL_EXIT_USAGE, "--input needs either --labels FILE or --values FILE");
    if (o->validate && o->validate_share > 0)
        return sl_report(SL_EXIT_USAGE, "--validate and --validate-share do not go together; give one of them");
    if (!o->validate && (o->validate_lengths || o->validate_labels || o->validate_values))
        return sl_report(SL_EXIT_USAGE, "--validate-lengths, --validate-labels and --validate-values go with --validate");
    if (o->validate && options->input && (!o->labels != !o->validate_labels || !o->values != !o->validate_values))
        return sl_report(SL_EXIT_USAGE, "--validate needs --validate-labels where there are --labels, and --validate-values where "
                                        "there are --values");
    if (o->patience && !o->validate && !(o->validate_share > 0))
        return sl_report(SL_EXIT_USAGE, "--patience needs rows to try the model on; give --validate or --validate-share");
    return SL_EXIT_OK;
}

static sl_exit check_network_options(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    if (o->from && (o->hidden || o->layers || o->bidirectional || o->embedding || o->vocabulary || o->classes || o->no_bias ||
                    o->no_head || o->initializer))
        return sl_report(SL_EXIT_USAGE,
                         "--from says what network it is; leave out --hidden, --layers, --bidirectional, --embedding, "
                         "--vocabulary, --classes, --no-bias, --no-head and --init");
    if (o->labels && o->no_head)
        return sl_report(SL_EXIT_USAGE, "--labels need a head; leave out --no-head");
    return SL_EXIT_OK;
}

static sl_exit check_training_options(const sl_options *options)
{
    enum { MOST_EPOCHS = 1000000 }; /* so that updates can be counted */
    const sl_train_options *o = &options->train;
    if (o->momentum > 0 && o->optimizer != SLUICE_OPTIMIZER_SGD)
        return sl_report(SL_EXIT_USAGE, "--momentum goes with --optimizer sgd");
    if (o->warmup && o->schedule == SLUICE_RATE_ONE_CYCLE)
        return sl_report(SL_EXIT_USAGE, "--warmup does not go with --rate-schedule one-cycle, which warms up by itself");
    if (o->label_smoothing > 0 && o->values)
        return sl_report(SL_EXIT_USAGE, "--label-smoothing goes with labels, not with --values");
    if (o->epochs > MOST_EPOCHS)
        return sl_report(SL_EXIT_USAGE, "--epochs: expected %d at most, found %zu", MOST_EPOCHS, o->epochs);
    if ((o->checkpoint_steps || o->checkpoint_minutes) && !o->checkpoint)
        return sl_report(SL_EXIT_USAGE, "--checkpoint-every needs --checkpoint FILE");
    return SL_EXIT_OK;
}

static sl_exit check_paths(const sl_options *options)
{
    const sl_train_options *o = &options->train;
    const bool same = o->resume && o->checkpoint && strcmp(o->resume, o->checkpoint) == 0;
    const sl_place places[] = {
        {"--text", o->text, false},
        {"--input", options->input, false},
        {"--lengths", options->lengths, false},
        {"--labels", o->labels, false},
        {"--values", o->values, false},
        {"--validate", o->validate, false},
        {"--validate-lengths", o->validate_lengths, false},
        {"--validate-labels", o->validate_labels, false},
        {"--validate-values", o->validate_values, false},
        {"--from", o->from, false},
        {"--resume", same ? NULL : o->resume, false},
        {"--output", options->output, true},
        {"--checkpoint", o->checkpoint, true},
        {"--curve", o->curve_csv, true},
        {"--curve", o->curve_svg, true},
    };
    const size_t count = sizeof places / sizeof places[0];
    if ((o->from && strcmp(o->from, "-") == 0) || (o->resume && strcmp(o->resume, "-") == 0))
        return sl_report(SL_EXIT_USAGE, "--from and --resume cannot be standard input; name a safetensors file");
    sl_exit code = sl_paths_check(places, count);
    for (size_t k = 0; !code && k < count; k++)
        if (places[k].is_output)
            code = sl_paths_check_place(&places[k]);
    return code;
}

/* So that a checkpoint has them, and --resume knows them however they are said. --from brings its own network. */
static void put_defaults(sl_options *options)
{
    enum { EPOCHS = 10, BATCH = 64, HIDDEN = 128, LAYERS = 1 };
    sl_train_options *o = &options->train;
    options->batch = options->batch ? options->batch : BATCH;
    o->epochs = o->epochs ? o->epochs : EPOCHS;
    o->rate = o->rate > 0 ? o->rate : 1e-3;
    if (o->from)
        return;
    o->hidden = o->hidden ? o->hidden : HIDDEN;
    o->layers = o->layers ? o->layers : LAYERS;
    o->initializer = o->initializer ? o->initializer : 1 + SLUICE_INITIALIZER_TORCH;
}

static sl_exit check_options(sl_options *options)
{
    if (!options->output)
        return sl_report(SL_EXIT_USAGE, "--output MODEL is missing; see sluice train --help");
    sl_exit code = check_data_options(options);
    if (!code)
        code = check_network_options(options);
    if (!code)
        code = check_training_options(options);
    if (code)
        return code;
    options->engine.gemm = SLUICE_GEMM_FUSED; /* SLUICE_GEMM=blis is for running: training has this path alone */
    put_defaults(options);
    if (options->train.resume && !options->train.checkpoint)
        options->train.checkpoint = options->train.resume;
    return check_paths(options);
}

/* ---- The command ------------------------------------------------------------------------------------------------------------ */

static void release(sl_train *train)
{
    sluice_streams_destroy(train->streams);
    free(train->states);
    sluice_trainer_destroy(train->trainer);
    sl_feed_release(&train->feed);
    sl_order_release(&train->order);
    sl_order_release(&train->trial);
    sl_data_release(&train->data);
    sl_data_release(&train->validation);
    sl_labels_release(&train->labels);
    sl_curve_release(&train->curve);
    free(train->outputs);
    free(train->tally);
    free(train->best.tally);
}

static sl_exit run_all(sl_train *train)
{
    sl_exit code = sl_train_set_up(train);
    if (code == SL_EXIT_INTERRUPTED)
        return sl_report(code, "interrupted while the data were read; nothing was written");
    if (code)
        return code;
    const double started = sl_clock_get();
    train->stats.training = true;
    code = sl_train_learn(train);
    train->stats.seconds = sl_clock_get() - started;
    if (!code)
        code = sl_train_summarize(train);
    if (!code && train->options->stats)
        code = sl_stats_print(&train->stats, &train->shape, &train->info, train->options->json);
    return code;
}

sl_exit sl_command_train(int argc, char **argv)
{
    sl_options options;
    bool over;
    sl_exit code = sl_options_begin(SL_COMMAND_TRAIN, argc, argv, help, &options, &over);
    if (code || over)
        return code;
    code = check_options(&options);
    if (code)
        return code;
    sl_train train = {.options = &options};
    code = run_all(&train);
    release(&train);
    return code;
}
