#include "cli/train/training.h"

#include "program/format.h"
#include "program/print_json.h"
#include "sluice_tools.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCORE_BYTES = 96, NAME_COLUMNS = 24 };

/* The key in JSON of the loss of --values. */
static const char *get_loss_key(const sl_training *train)
{
    static const char *const keys[] = {[SLUICE_LOSS_SQUARED_ERROR] = "mean_squared_error",
                                       [SLUICE_LOSS_ABSOLUTE_ERROR] = "mean_absolute_error",
                                       [SLUICE_LOSS_HUBER] = "mean_huber_loss",
                                       [SLUICE_LOSS_QUANTILE] = "mean_quantile_loss"};
    return keys[train->options->train.loss.kind];
}

static const char *get_loss_words(const sl_training *train)
{
    return sl_loss_get_words(train->options->train.loss.kind);
}

static const char *describe(const sl_training *train, const sl_score *score, char text[SCORE_BYTES])
{
    if (train->curve.has_classes)
        snprintf(text, SCORE_BYTES, score->loss < 1e6 ? "loss %.4f, accuracy %.2f %%" : "loss %.4g, accuracy %.2f %%", score->loss,
                 100 * sl_score_get_accuracy(score));
    else
        snprintf(text, SCORE_BYTES, "%s %.6g", get_loss_words(train), score->loss);
    return text;
}

static void print_file(const char *option, const char *path)
{
    fprintf(stderr, ", %s ", option);
    sl_format_print_clean(path, SIZE_MAX, stderr);
}

void sl_train_report_resumed(const sl_training *train)
{
    const sl_options *o = train->options;
    if (!o->train.resume || o->progress == SL_PROGRESS_NEVER)
        return;
    fprintf(stderr, "continues after step %" PRIu64, train->position.step);
    print_file(o->train.text ? "--text" : "--input", o->train.text ? o->train.text : o->input);
    print_file("--output", o->output);
    print_file("--checkpoint", o->train.checkpoint);
    fprintf(stderr, "\n");
}

void sl_train_report_epoch(const sl_training *train, bool is_best)
{
    if (train->options->progress == SL_PROGRESS_NEVER)
        return;
    const sl_epoch *epoch = &train->curve.epochs[train->curve.count - 1];
    const double rate = train->stats.run_seconds > 0 ? (double)train->stats.rows / train->stats.run_seconds : 0;
    char text[SCORE_BYTES], count[SL_FORMAT_COUNT];
    sl_progress_clear();
    fprintf(stderr, "epoch %zu of %zu: %s", train->curve.count, train->options->train.epochs,
            describe(train, &epoch->training, text));
    if (train->dataset.validation)
        fprintf(stderr, "; validation %s%s", describe(train, &epoch->validation, text), is_best ? ", the best" : "");
    fprintf(stderr, "; rate %.3g, %s rows/s\n", epoch->rate, sl_format_count((uint64_t)rate, count));
}

sl_exit sl_train_report_failure(const sl_training *train, const sluice_error *error)
{
    const sl_minibatch *minibatch = &train->minibatch;
    if (error->status != SLUICE_STATUS_BAD_DATA)
        return sl_report_error(error);
    /* The data have been checked, so the non-finite value comes from the weights. */
    const size_t row = error->row;
    char where[64] = "";
    if (row < minibatch->batch.rows)
        snprintf(where, sizeof where, "%s %zu: ", minibatch->data->row_name, sl_minibatch_get_number(minibatch, row));
    return sl_report(SL_EXIT_FAILURE,
                     "%s: %sepoch %llu, step %llu: training has diverged to non-finite numbers; lower --rate, or set --clip 1",
                     sl_report_input(minibatch->data->path), where, (unsigned long long)train->position.epoch + 1,
                     (unsigned long long)train->position.step + 1);
}

/* Name of class k, or of an output, for messages: its number if it has no name. */
static const char *get_name(const sl_training *train, size_t k, char index[SL_FORECAST_NAME_BYTES])
{
    const char *name = train->curve.has_classes ? sluice_model_get_class(sluice_trainer_get_model(train->trainer), k) : NULL;
    if (name)
        return name;
    if (train->dataset.data.windows)
        return sl_forecast_name_output(&train->dataset.forecast, k, index);
    snprintf(index, SL_FORECAST_NAME_BYTES, "%zu", k);
    return index;
}

static double get_accuracy(const sl_output_score *score)
{
    return score->counted ? (double)score->right / (double)score->counted : 0;
}

/* The mean loss of output k, in the units of the data, or their squares: all losses but these two grow with the square of the unit, that
 * of Huber with a DELTA of scaled numbers. */
static double get_mean_loss(const sl_training *train, size_t k)
{
    const sl_output_score *score = &train->best.scores[k];
    const sl_scaling *scaling = &train->dataset.scaling;
    const sluice_loss_kind kind = train->options->train.loss.kind;
    const double unit = scaling->kind == SL_SCALING_NONE ? 1 : (double)scaling->out_scale[k];
    const bool is_linear = kind == SLUICE_LOSS_ABSOLUTE_ERROR || kind == SLUICE_LOSS_QUANTILE;
    return score->counted ? score->losses / (double)score->counted * unit * (is_linear ? 1 : unit) : 0;
}

/* What the validation rows were computed with. */
static const char *get_precision(const sl_training *train)
{
    return sluice_precision_get_name(train->evaluation.engine ? train->options->train.precision : SLUICE_PRECISION_F32);
}

/* ---- As JSON ---------------------------------------------------------------------------------------------------------------- */

static json_t *score_to_json(const sl_training *train, const sl_score *score)
{
    json_t *object = json_pack("{sf sI}", "loss", score->loss, "counted", (json_int_t)score->counted);
    if (object && train->curve.has_classes) {
        json_object_set_new(object, "right", json_integer((json_int_t)score->right));
        json_object_set_new(object, "accuracy", json_real(sl_score_get_accuracy(score)));
    }
    return object;
}

static json_t *output_to_json(const sl_training *train, size_t k)
{
    const sl_train_loss *loss = &train->options->train.loss;
    const size_t each = loss->quantile_count ? loss->quantile_count : 1;
    json_t *object = json_pack("{sI sf}", "output", (json_int_t)k, get_loss_key(train), get_mean_loss(train, k));
    char name[SL_FORECAST_NAME_BYTES];
    if (object && train->dataset.data.windows)
        json_object_set_new(object, "name", sl_json_string(get_name(train, k, name)));
    if (object && loss->quantile_count) {
        json_object_set_new(object, "value", json_integer((json_int_t)(k / each)));
        json_object_set_new(object, "quantile", json_real((double)loss->quantiles[k % each]));
    }
    return object;
}

static json_t *scores_to_json(const sl_training *train)
{
    json_t *list = json_array();
    char index[SL_FORECAST_NAME_BYTES];
    for (size_t k = 0; list && k < train->evaluation.count; k++) {
        const sl_output_score *score = &train->best.scores[k];
        json_array_append_new(list, train->curve.has_classes
                                        ? json_pack("{so sf sI sI}", "class", sl_json_string(get_name(train, k, index)), "accuracy",
                                                    get_accuracy(score), "right", (json_int_t)score->right, "counted",
                                                    (json_int_t)score->counted)
                                        : output_to_json(train, k));
    }
    return list;
}

static json_t *summary_to_json(const sl_training *train)
{
    const sl_epoch *epoch = &train->curve.epochs[train->best.epoch - 1];
    json_t *object = json_pack("{so sI sI sI so}", "model", sl_json_string(train->options->output), "epochs",
                               (json_int_t)train->position.epoch, "best_epoch", (json_int_t)train->best.epoch, "steps",
                               (json_int_t)train->position.step, "training", score_to_json(train, &epoch->training));
    if (object && !train->curve.has_classes)
        json_object_set_new(object, "loss", json_string(sluice_loss_get_name(train->options->train.loss.kind)));
    if (object && train->options->train.head_only)
        json_object_set_new(object, "head_only", json_true());
    if (object && train->class_weights.values) {
        json_t *weights = json_array();
        for (size_t k = 0; weights && k < train->shape.classes; k++)
            json_array_append_new(weights, json_real((double)train->class_weights.values[k]));
        json_object_set_new(object, "class_weights", weights);
    }
    if (object && train->dataset.validation) {
        json_t *validation = score_to_json(train, &epoch->validation);
        json_object_set_new(validation, "precision", json_string(get_precision(train)));
        json_object_set_new(object, "validation", validation);
        json_object_set_new(object, train->curve.has_classes ? "classes" : "outputs", scores_to_json(train));
    }
    return object;
}

/* ---- As a table ------------------------------------------------------------------------------------------------------------- */

static void print_scores(const sl_training *train)
{
    char index[SL_FORECAST_NAME_BYTES], right[SL_FORMAT_COUNT], of[SL_FORMAT_COUNT];
    sl_format_print_name(train->curve.has_classes ? "class" : "output", NAME_COLUMNS, stdout);
    printf("%s\n", train->curve.has_classes ? "accuracy       right          of" : get_loss_words(train));
    for (size_t k = 0; k < train->evaluation.count; k++) {
        const sl_output_score *score = &train->best.scores[k];
        sl_format_print_name(get_name(train, k, index), NAME_COLUMNS, stdout);
        if (!train->curve.has_classes)
            printf("%.6g\n", get_mean_loss(train, k));
        else if (score->counted)
            printf("%6.2f %% %11s %11s\n", 100 * get_accuracy(score), sl_format_count(score->right, right),
                   sl_format_count(score->counted, of));
        else
            printf("%8s %11s %11s\n", "-", "0", "0");
    }
}

static void print_score(const sl_training *train, const char *name, const sl_score *score)
{
    char text[SCORE_BYTES], right[SL_FORMAT_COUNT], of[SL_FORMAT_COUNT];
    printf("%-14s%s", name, describe(train, score, text));
    if (train->curve.has_classes)
        printf(" (%s of %s)", sl_format_count(score->right, right), sl_format_count(score->counted, of));
    printf("\n");
}

sl_exit sl_train_summarize(const sl_training *train)
{
    if (train->options->json)
        return sl_json_print(summary_to_json(train), stdout);
    const sl_epoch *epoch = &train->curve.epochs[train->best.epoch - 1];
    char count[SL_FORMAT_COUNT];
    printf("model         ");
    sl_format_print_clean(train->options->output, SIZE_MAX, stdout);
    printf("\nepoch         %" PRIu64 " of %" PRIu64 " (%s steps in all)\n", train->best.epoch, train->position.epoch,
           sl_format_count(train->position.step, count));
    if (train->options->train.head_only)
        printf("trained       the last dense layer alone\n");
    print_score(train, "training", &epoch->training);
    if (train->dataset.validation) {
        print_score(train, "validation", &epoch->validation);
        if (train->evaluation.engine)
            printf("precision     %s, of validation\n", get_precision(train));
        print_scores(train);
    }
    return SL_EXIT_OK;
}
