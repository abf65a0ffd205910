/* The state of `sluice train`: types only. Each part has one file that changes it. */
#ifndef SLUICE_CLI_TRAIN_TRAINING_H
#define SLUICE_CLI_TRAIN_TRAINING_H

#include "cli/cli_options.h"
#include "cli/stats.h"
#include "cli/train/data/dataset.h"
#include "cli/train/data/minibatch.h"
#include "cli/train/train_curve.h"

#include <jansson.h>

/** Evaluation results of one class; of --values, of one output. */
typedef struct sl_output_score {
    uint64_t counted, right;
    double squares; /* sum of squared errors */
} sl_output_score;

/** The evaluation of the model on the validation rows (train_evaluate.c). */
typedef struct sl_evaluation {
    float *outputs; /* of a batch */
    size_t outputs_room;
    size_t count;            /* classes, or outputs */
    sl_output_score *scores; /* [count], of the last evaluation */
} sl_evaluation;

/** The best epoch so far (train_best.c). */
typedef struct sl_best {
    uint64_t epoch;          /* from 1; 0: none yet */
    uint64_t digest;         /* of the model's weights */
    sl_score score;          /* of validation; without validation, of training */
    sl_output_score *scores; /* [evaluation.count]; zeros without validation */
} sl_best;

/** How far training has come (train_loop.c). */
typedef struct sl_position {
    uint64_t epoch, batch; /* complete epochs; complete batches of the next epoch */
    size_t begin;          /* --truncate: the first time step of the next part of the batch; 0: the batch has not begun */
    char *states;          /* the states before `begin` as digits, from a checkpoint of release 0.3; NULL: none; owned */
    uint64_t step;         /* updates */
    double rate;           /* learning rate of the last update */
    sl_score sum;          /* over the batches of the epoch; the loss is not yet divided by the weight */
} sl_position;

/** --class-weights (train_weights.c). */
typedef struct sl_class_weights {
    const float *values; /* [classes], of the trainer or `owned`; NULL: none */
    float *owned;
} sl_class_weights;

/** --checkpoint and --resume (train_checkpoint.c). */
typedef struct sl_checkpoint_state {
    json_t *note;         /* of the checkpoint of --resume, which holds texts of the options; owned */
    uint64_t data_digest; /* of the dataset of the run that --resume continues */
    uint64_t saved_step;  /* updates when the last checkpoint was written */
    double saved_at;      /* clock at that time */
} sl_checkpoint_state;

typedef struct sl_training {
    const sl_options *options; /* with defaults, except for those that depend on the data */
    sl_dataset dataset;
    sl_minibatch minibatch;
    sluice_trainer *trainer;
    sluice_shape shape;
    sluice_engine_info info;
    sluice_streams *streams; /* --truncate: a slot for each row of a batch */
    sl_class_weights class_weights;
    sl_evaluation evaluation;
    sl_position position;
    sl_curve curve;
    sl_best best;
    sl_checkpoint_state checkpoint;
    sl_stats stats;
    char progress_text[96];
} sl_training;

#endif
