/* What sluice evaluate prints. */
#include "cli/evaluate/evaluation.h"

#include "cli/output/predictions.h"
#include "program/format.h"
#include "program/print_json.h"

#include <math.h>
#include <stdio.h>

enum { NAME_COLUMNS = 14, TABLE_MOST = 12, CELL_COLUMNS = 11 };

static double get_accuracy(const sl_class_scores *scores)
{
    return scores->counted ? (double)scores->all_right / (double)scores->counted : 0;
}

/* The mean of the loss that the trainer lessens. */
static double get_loss(const sl_model_evaluation *evaluation, const sl_value_score *all)
{
    const uint64_t counted = evaluation->has_classes ? evaluation->classes.counted : all->counted;
    return counted ? (evaluation->has_classes ? evaluation->classes.loss : all->losses) / (double)counted : 0;
}

/* The sums of all outputs; `scores` may be NULL. */
static sl_value_score join_values(const sl_value_score *scores, size_t count)
{
    sl_value_score all = {0};
    for (size_t k = 0; scores && k < count; k++)
        sl_value_score_join(&all, &scores[k]);
    return all;
}

static const char *get_output_name(const sl_model_evaluation *evaluation, size_t k, char name[SL_FORECAST_NAME_BYTES])
{
    if (evaluation->is_series)
        return sl_forecast_name_output(&evaluation->forecast, k, name);
    snprintf(name, SL_FORECAST_NAME_BYTES, "%zu", k);
    return name;
}

/* ---- As JSON --------------------------------------------------------------------------------------------------------------- */

static json_t *to_real(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}

static json_t *rates_to_json(sl_class_rates rates)
{
    return json_pack("{sf sf sf}", "precision", rates.precision, "recall", rates.recall, "f1", rates.f1);
}

static void add_classes(const sl_model_evaluation *evaluation, json_t *object)
{
    const sl_class_scores *scores = &evaluation->classes;
    json_t *list = json_array(), *confusion = scores->confusion ? json_array() : json_null();
    for (size_t k = 0; k < scores->classes; k++) {
        char index[SL_CLASS_INDEX_BYTES];
        json_t *row = rates_to_json(sl_class_scores_get_rates(scores, k)), *counts = scores->confusion ? json_array() : NULL;
        json_object_set_new(row, "class", sl_json_string(sl_class_get_name(evaluation->model, k, index)));
        json_object_set_new(row, "targets", json_integer((json_int_t)scores->labelled[k]));
        json_object_set_new(row, "answers", json_integer((json_int_t)scores->answered[k]));
        json_object_set_new(row, "right", json_integer((json_int_t)scores->right[k]));
        json_array_append_new(list, row);
        for (size_t to = 0; counts && to < scores->classes; to++)
            json_array_append_new(counts, json_integer((json_int_t)scores->confusion[k * scores->classes + to]));
        if (counts)
            json_array_append_new(confusion, counts);
    }
    json_object_set_new(object, "accuracy", json_real(get_accuracy(scores)));
    json_object_set_new(object, "right", json_integer((json_int_t)scores->all_right));
    json_object_set_new(object, "counted", json_integer((json_int_t)scores->counted));
    json_object_set_new(object, "ignored", json_integer((json_int_t)scores->ignored));
    json_object_set_new(object, "macro", rates_to_json(sl_class_scores_get_macro(scores)));
    json_object_set_new(object, "classes", list);
    json_object_set_new(object, "confusion", confusion);
}

static json_t *values_to_json(const sl_model_evaluation *evaluation, const sl_value_score *score)
{
    json_t *object = json_pack("{sI so so so sI}", "counted", (json_int_t)score->counted, "mae",
                               to_real(sl_value_score_get_mae(score)), "rmse", to_real(sl_value_score_get_rmse(score)), "mape",
                               to_real(sl_value_score_get_mape(score)), "zeros", (json_int_t)score->zeros);
    if (object && evaluation->loss.quantile_count) {
        json_object_set_new(object, "loss", to_real(sl_value_score_get_loss(score)));
        json_object_set_new(object, "below", to_real(sl_value_score_get_below(score)));
    }
    return object;
}

static void add_values(const sl_model_evaluation *evaluation, const sl_value_score *all, json_t *object)
{
    json_t *list = json_array();
    for (size_t k = 0; k < evaluation->width; k++) {
        char name[SL_FORECAST_NAME_BYTES];
        json_t *row = values_to_json(evaluation, &evaluation->values[k]);
        json_object_set_new(row, "output", json_integer((json_int_t)k));
        if (evaluation->loss.quantile_count)
            json_object_set_new(row, "quantile",
                                json_real((double)evaluation->loss.quantiles[k % evaluation->loss.quantile_count]));
        if (evaluation->is_series)
            json_object_set_new(row, "name", sl_json_string(get_output_name(evaluation, k, name)));
        if (evaluation->naive)
            json_object_set_new(row, "naive", values_to_json(evaluation, &evaluation->naive[k]));
        json_array_append_new(list, row);
    }
    json_object_set_new(object, "all", values_to_json(evaluation, all));
    if (evaluation->naive) {
        const sl_value_score naive = join_values(evaluation->naive, evaluation->width);
        json_object_set_new(object, "season", json_integer((json_int_t)evaluation->season));
        json_object_set_new(object, "naive", values_to_json(evaluation, &naive));
    }
    json_object_set_new(object, "outputs", list);
}

static json_t *to_json(const sl_model_evaluation *evaluation, const sl_value_score *all)
{
    json_t *object =
        json_pack("{so so sI sI ss sf}", "model", sl_json_string(evaluation->options->model), "input",
                  sl_json_string(evaluation->input), "rows", (json_int_t)evaluation->rows, "steps", (json_int_t)evaluation->steps,
                  "precision", sluice_precision_get_name(evaluation->info.precision), "loss", get_loss(evaluation, all));
    if (object && evaluation->has_classes)
        add_classes(evaluation, object);
    else if (object)
        add_values(evaluation, all, object);
    return object;
}

/* ---- As a table ------------------------------------------------------------------------------------------------------------ */

static void print_rates(const char *name, const char *targets, sl_class_rates rates)
{
    sl_format_print_name(name, NAME_COLUMNS, stdout);
    printf("%11s %11.4f %11.4f %11.4f\n", targets, rates.precision, rates.recall, rates.f1);
}

static void print_confusion(const sl_model_evaluation *evaluation)
{
    const sl_class_scores *scores = &evaluation->classes;
    char index[SL_CLASS_INDEX_BYTES], count[SL_FORMAT_COUNT];
    printf("\nlabel \\ answer");
    for (size_t k = 0; k < scores->classes; k++) {
        printf(" ");
        sl_format_print_name(sl_class_get_name(evaluation->model, k, index), k + 1 < scores->classes ? CELL_COLUMNS : 0, stdout);
    }
    for (size_t from = 0; from < scores->classes; from++) {
        printf("\n");
        sl_format_print_name(sl_class_get_name(evaluation->model, from, index), NAME_COLUMNS, stdout);
        for (size_t to = 0; to < scores->classes; to++)
            printf(to + 1 < scores->classes ? " %-*s" : " %.*s", CELL_COLUMNS,
                   sl_format_count(scores->confusion[from * scores->classes + to], count));
    }
    printf("\n");
}

static void print_classes(const sl_model_evaluation *evaluation)
{
    const sl_class_scores *scores = &evaluation->classes;
    char right[SL_FORMAT_COUNT], of[SL_FORMAT_COUNT], index[SL_CLASS_INDEX_BYTES];
    printf("accuracy      %.2f %% (%s of %s)\n", 100 * get_accuracy(scores), sl_format_count(scores->all_right, right),
           sl_format_count(scores->counted, of));
    if (scores->ignored)
        printf("ignored       %s targets\n", sl_format_count(scores->ignored, of));
    printf("\n");
    sl_format_print_name("class", NAME_COLUMNS, stdout);
    printf("%11s %11s %11s %11s\n", "targets", "precision", "recall", "F1");
    for (size_t k = 0; k < scores->classes; k++)
        print_rates(sl_class_get_name(evaluation->model, k, index), sl_format_count(scores->labelled[k], of),
                    sl_class_scores_get_rates(scores, k));
    print_rates("mean", sl_format_count(scores->counted, of), sl_class_scores_get_macro(scores));
    if (scores->confusion && scores->classes <= TABLE_MOST)
        print_confusion(evaluation);
}

static void print_errors(const sl_model_evaluation *evaluation, const char *name, const sl_value_score *score)
{
    char count[SL_FORMAT_COUNT], zeros[SL_FORMAT_COUNT];
    sl_format_print_name(name, NAME_COLUMNS, stdout);
    printf("%11s %12.6g %12.6g %10.2f %%", sl_format_count(score->counted, count), sl_value_score_get_mae(score),
           sl_value_score_get_rmse(score), sl_value_score_get_mape(score));
    if (evaluation->loss.quantile_count)
        printf(" %12.6g %8.2f %%", sl_value_score_get_loss(score), 100 * sl_value_score_get_below(score));
    if (score->zeros)
        printf(" (MAPE without %s that are 0)", sl_format_count(score->zeros, zeros));
    printf("\n");
}

static void print_values(const sl_model_evaluation *evaluation, const sl_value_score *all)
{
    printf("\n");
    sl_format_print_name("output", NAME_COLUMNS, stdout);
    printf("%11s %12s %12s %12s", "targets", "MAE", "RMSE", "MAPE");
    printf(evaluation->loss.quantile_count ? " %12s %10s\n" : "\n", "loss", "below");
    for (size_t k = 0; k < evaluation->width; k++) {
        char name[SL_FORECAST_NAME_BYTES];
        print_errors(evaluation, get_output_name(evaluation, k, name), &evaluation->values[k]);
        if (evaluation->naive)
            print_errors(evaluation, "  naive", &evaluation->naive[k]);
    }
    if (evaluation->width > 1)
        print_errors(evaluation, "all", all);
    const sl_value_score naive = join_values(evaluation->naive, evaluation->width);
    if (evaluation->naive && evaluation->width > 1)
        print_errors(evaluation, "  naive", &naive);
}

sl_exit sl_evaluation_print(const sl_model_evaluation *evaluation)
{
    const sl_value_score all = join_values(evaluation->values, evaluation->width);
    char rows[SL_FORMAT_COUNT], steps[SL_FORMAT_COUNT];
    if (evaluation->options->json)
        return sl_json_print(to_json(evaluation, &all), stdout);
    printf("model         ");
    sl_format_print_clean(evaluation->options->model, SIZE_MAX, stdout);
    printf("\ninput         ");
    sl_format_print_clean(sl_report_input(evaluation->input), SIZE_MAX, stdout);
    printf(": %s %ss, %s steps\n", sl_format_count(evaluation->rows, rows), evaluation->row_name,
           sl_format_count(evaluation->steps, steps));
    printf("precision     %s\nloss          %.6g (%s)\n", sluice_precision_get_name(evaluation->info.precision),
           get_loss(evaluation, &all), evaluation->has_classes ? "cross-entropy" : sl_loss_get_words(evaluation->loss.kind));
    if (evaluation->has_classes)
        print_classes(evaluation);
    else
        print_values(evaluation, &all);
    return SL_EXIT_OK;
}
