/* What `sluice train` tells: a line an epoch, and at the end what came of it. */
#include "cli/train/train.h"

#include "program/format.h"

#include <inttypes.h>
#include <stdio.h>

enum { SCORE_BYTES = 96, NAME_COLUMNS = 24 };

static const char *describe(const sl_train *train, const sl_score *score, char text[SCORE_BYTES])
{
    if (train->curve.has_classes)
        snprintf(text, SCORE_BYTES, score->loss < 1e6 ? "loss %.4f, accuracy %.2f %%" : "loss %.4g, accuracy %.2f %%", score->loss,
                 100 * sl_score_get_accuracy(score));
    else
        snprintf(text, SCORE_BYTES, "mean squared error %.6g", score->loss);
    return text;
}

static void tell_file(const char *option, const char *path)
{
    fprintf(stderr, ", %s ", option);
    sl_format_print_clean(path, SIZE_MAX, stderr);
}

void sl_train_tell_resumed(const sl_train *train)
{
    const sl_options *o = train->options;
    if (!o->train.resume || o->progress == SL_PROGRESS_NEVER)
        return;
    fprintf(stderr, "goes on after step %" PRIu64, train->step);
    tell_file(o->train.text ? "--text" : "--input", o->train.text ? o->train.text : o->input);
    tell_file("--output", o->output);
    tell_file("--checkpoint", o->train.checkpoint);
    fprintf(stderr, "\n");
}

void sl_train_tell_epoch(const sl_train *train, bool is_best)
{
    if (train->options->progress == SL_PROGRESS_NEVER)
        return;
    const sl_epoch *epoch = &train->curve.epochs[train->curve.count - 1];
    const double rate = train->stats.run_seconds > 0 ? (double)train->stats.rows / train->stats.run_seconds : 0;
    char text[SCORE_BYTES], count[SL_FORMAT_COUNT];
    sl_progress_clear();
    fprintf(stderr, "epoch %zu of %zu: %s", train->curve.count, train->options->train.epochs,
            describe(train, &epoch->training, text));
    if (train->tried)
        fprintf(stderr, "; validation %s%s", describe(train, &epoch->validation, text), is_best ? ", the best" : "");
    fprintf(stderr, "; rate %.3g, %s rows/s\n", epoch->rate, sl_format_count((uint64_t)rate, count));
}

/* Name of class k, or of an output, as messages have it: the number where there is none. */
static const char *get_name(const sl_train *train, size_t k, char index[SL_FORMAT_COUNT])
{
    const char *name = train->curve.has_classes ? sluice_model_get_class(sluice_trainer_get_model(train->trainer), k) : NULL;
    if (name)
        return name;
    snprintf(index, SL_FORMAT_COUNT, "%zu", k);
    return index;
}

static double get_share(const sl_tally *tally)
{
    return tally->counted ? (double)tally->right / (double)tally->counted : 0;
}

static double get_error(const sl_tally *tally)
{
    return tally->counted ? tally->squares / (double)tally->counted : 0;
}

/* ---- As JSON ---------------------------------------------------------------------------------------------------------------- */

static json_t *score_to_json(const sl_train *train, const sl_score *score)
{
    json_t *object = json_pack("{sf sI}", "loss", score->loss, "counted", (json_int_t)score->counted);
    if (object && train->curve.has_classes) {
        json_object_set_new(object, "right", json_integer((json_int_t)score->right));
        json_object_set_new(object, "accuracy", json_real(sl_score_get_accuracy(score)));
    }
    return object;
}

static json_t *tallies_to_json(const sl_train *train)
{
    json_t *list = json_array();
    char index[SL_FORMAT_COUNT];
    for (size_t k = 0; list && k < train->tallies; k++) {
        const sl_tally *tally = &train->best.tally[k];
        json_array_append_new(list, train->curve.has_classes
                                        ? json_pack("{so sf sI sI}", "class", sl_format_json(get_name(train, k, index)), "accuracy",
                                                    get_share(tally), "right", (json_int_t)tally->right, "counted",
                                                    (json_int_t)tally->counted)
                                        : json_pack("{sI sf}", "output", (json_int_t)k, "mean_squared_error", get_error(tally)));
    }
    return list;
}

static json_t *summary_to_json(const sl_train *train)
{
    const sl_epoch *epoch = &train->curve.epochs[train->best.epoch - 1];
    json_t *object = json_pack("{so sI sI sI so}", "model", sl_format_json(train->options->output), "epochs",
                               (json_int_t)train->epoch, "best_epoch", (json_int_t)train->best.epoch, "steps",
                               (json_int_t)train->step, "training", score_to_json(train, &epoch->training));
    if (object && train->class_weights) {
        json_t *weights = json_array();
        for (size_t k = 0; weights && k < train->shape.classes; k++)
            json_array_append_new(weights, json_real((double)train->class_weights[k]));
        json_object_set_new(object, "class_weights", weights);
    }
    if (object && train->tried) {
        json_object_set_new(object, "validation", score_to_json(train, &epoch->validation));
        json_object_set_new(object, train->curve.has_classes ? "classes" : "outputs", tallies_to_json(train));
    }
    return object;
}

/* ---- As a table ------------------------------------------------------------------------------------------------------------- */

/* A name in a column, the bytes of its UTF-8 that go on not counted as columns. */
static void print_name(const char *name)
{
    int columns = 0;
    sl_format_print_clean(name, SIZE_MAX, stdout);
    for (; *name; name++)
        columns += ((unsigned char)*name & 0xc0) != 0x80;
    printf("%*s", columns < NAME_COLUMNS ? NAME_COLUMNS - columns : 1, "");
}

static void print_tallies(const sl_train *train)
{
    char index[SL_FORMAT_COUNT], right[SL_FORMAT_COUNT], of[SL_FORMAT_COUNT];
    print_name(train->curve.has_classes ? "class" : "output");
    printf(train->curve.has_classes ? "accuracy       right          of\n" : "mean squared error\n");
    for (size_t k = 0; k < train->tallies; k++) {
        const sl_tally *tally = &train->best.tally[k];
        print_name(get_name(train, k, index));
        if (!train->curve.has_classes)
            printf("%.6g\n", get_error(tally));
        else if (tally->counted)
            printf("%6.2f %% %11s %11s\n", 100 * get_share(tally), sl_format_count(tally->right, right),
                   sl_format_count(tally->counted, of));
        else
            printf("%8s %11s %11s\n", "-", "0", "0");
    }
}

static void print_score(const sl_train *train, const char *name, const sl_score *score)
{
    char text[SCORE_BYTES], right[SL_FORMAT_COUNT], of[SL_FORMAT_COUNT];
    printf("%-14s%s", name, describe(train, score, text));
    if (train->curve.has_classes)
        printf(" (%s of %s)", sl_format_count(score->right, right), sl_format_count(score->counted, of));
    printf("\n");
}

sl_exit sl_train_summarize(const sl_train *train)
{
    if (train->options->json)
        return sl_format_print_json(summary_to_json(train), stdout);
    const sl_epoch *epoch = &train->curve.epochs[train->best.epoch - 1];
    char count[SL_FORMAT_COUNT];
    printf("model         ");
    sl_format_print_clean(train->options->output, SIZE_MAX, stdout);
    printf("\nepoch         %" PRIu64 " of %" PRIu64 " (%s steps in all)\n", train->best.epoch, train->epoch,
           sl_format_count(train->step, count));
    print_score(train, "training", &epoch->training);
    if (train->tried) {
        print_score(train, "validation", &epoch->validation);
        print_tallies(train);
    }
    return SL_EXIT_OK;
}
