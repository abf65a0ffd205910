/* The state of `sluice evaluate`: a model, its engine, and what was found so far. */
#ifndef SLUICE_CLI_EVALUATE_EVALUATION_H
#define SLUICE_CLI_EVALUATE_EVALUATION_H

#include "cli/cli_options.h"
#include "cli/evaluate/class_scores.h"
#include "cli/evaluate/value_scores.h"
#include "cli/series/forecast.h"
#include "program/report.h"
#include "sluice.h"

/** What --picture draws of values: the first targets, and the outputs for the first values of each. */
enum { SL_PICTURE_TARGETS = 400, SL_PICTURE_VALUES = 4 };

typedef struct sl_model_evaluation {
    const sl_options *options;
    const char *input, *targets; /* paths of the rows and of their targets, for messages */
    sluice_model *model;
    sluice_shape shape;
    sluice_engine *engine;
    sluice_engine_info info;
    size_t width;                 /* of an output: C, or values of a target */
    sl_train_loss loss;           /* of values; its quantiles are neighbours among the outputs, so that Q of them have one target */
    bool has_classes, every_step; /* targets are labels; there is one for each step */
    bool are_shares;              /* outputs are probabilities, not logits */
    const char *row_name;         /* "row" or "line", */
    size_t first_row, first_step; /* and the numbers of the first one and of a batch's first step, in messages */
    float *outputs, *y;           /* of a batch, [outputs_room], [y_room]; y where a head of each step reads it */
    size_t outputs_room, y_room;
    uint64_t rows, steps;
    sl_class_scores classes;
    sl_value_score *values; /* [width] */
    bool is_series;         /* the next three are of series */
    sl_forecast forecast;
    size_t season;         /* of the naive forecast, 1 or more */
    sl_value_score *naive; /* [width] its scores; NULL: there is none */
    float *picture[2];     /* outputs and targets, [SL_PICTURE_TARGETS][outputs of the picture]; NULL: not drawn */
    size_t picture_targets, picture_outputs; /* how many there are */
} sl_model_evaluation;

/** Once what the targets are is known: check that the model has such outputs, and make room for the scores. `target_width`: of values. */
sl_exit sl_model_evaluation_begin(sl_model_evaluation *evaluation, size_t target_width);

/** Run a batch, whose rows begin with row `first` of the input, and score its outputs: by labels, or by values, [rows] or
 *  [rows][steps], an output's Q-th part wide, of which those behind a row's end are not looked at. */
sl_exit sl_model_evaluation_add(sl_model_evaluation *evaluation, const sluice_batch *batch, size_t first, const int32_t *labels,
                                const float *values);

/** Memory for the outputs of a row of so many steps. */
double sl_model_evaluation_get_row_bytes(const sl_model_evaluation *evaluation, size_t steps);

/** Evaluate all rows of arrays, or of lines of text. SL_EXIT_INTERRUPTED is not reported. */
sl_exit sl_evaluate_npy(sl_model_evaluation *evaluation);
sl_exit sl_evaluate_text(sl_model_evaluation *evaluation);

/** Evaluate all windows of series; evaluation->forecast and season are set. */
sl_exit sl_evaluate_series(sl_model_evaluation *evaluation);

/** Print what was found, as a table or as JSON. */
sl_exit sl_evaluation_print(const sl_model_evaluation *evaluation);

/** How many outputs a value has: the number of quantiles, or 1. */
size_t sl_model_evaluation_count_quantiles(const sl_model_evaluation *evaluation);

/** Write the picture of --picture. */
sl_exit sl_evaluation_draw(const sl_model_evaluation *evaluation, const char *path);

#endif
