/* The state of `sluice train`, each part of which has one file that changes it, and what these files do. */
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
    double losses; /* of --values: the sum */
} sl_output_score;

/** The evaluation of the model on the validation rows (train_evaluate.c). */
typedef struct sl_evaluation {
    sluice_engine *engine; /* of --precision bf16 or int8; NULL: the trainer's own, which is f32 */
    float *outputs;        /* of a batch */
    float *y;              /* likewise, from which `engine` makes the outputs of a head at every step */
    size_t outputs_room, y_room;
    size_t count;            /* classes, or outputs */
    sl_output_score *scores; /* [count], of the last evaluation */
    size_t shards;           /* most of a rank */
    sl_score *shard_scores;  /* [shards], of the rows of this rank's shards, then zeros; with `engine` */
    sl_output_score *parts;  /* [part_count][count], of which `scores` are the sums */
    size_t part_count;       /* `shards`, likewise, as sums of losses have to be added in one order; of classes 1 */
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
    bool is_chained;      /* it is that of sl_dataset_get_chained_digest */
    uint64_t saved_step;  /* updates when the last checkpoint was written */
    double saved_at;      /* clock at that time */
} sl_checkpoint_state;

typedef struct sl_training {
    const sl_options *options; /* with defaults, except for those that depend on the data */
    sl_dataset dataset;
    sl_minibatch minibatch;
    sluice_trainer *trainer;
    sluice_shape shape; /* of a chain of layers a summary */
    size_t outputs;     /* floats of a target */
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

/* ---- Files of their own: train_setup.c, train_weights.c and so on ------------------------------------------------------------- */

/** Read the data and make the trainer; with --resume, from the checkpoint that has been loaded. */
sl_exit sl_train_set_up(sl_training *train);

/* ---- --class-weights --------------------------------------------------------------------------------------------------------- */

/** Set train->class_weights; data and network must be there. With --resume the class weights are those of the checkpoint, and others
 *  are refused. */
sl_exit sl_train_set_class_weights(sl_training *train);

/** Whether --class-weights is the word "balanced" and not a file. */
bool sl_train_is_balanced(const sl_train_options *options);

/** Print the class weights, if there are any, on standard error. */
void sl_train_report_weights(const sl_training *train);

/** Print notes on values of options that are allowed, but far from usual; `updates` is the number of updates of all epochs. */
void sl_train_note_options(const sl_training *train, uint64_t updates);

/** Train all remaining epochs. SL_EXIT_INTERRUPTED is reported, and a checkpoint is written first if one is asked for. */
sl_exit sl_train_run_epochs(sl_training *train);

/** Make room for the scores, and train->evaluation.engine, if --precision asks for one; trainer and shards must be there. */
sl_exit sl_train_set_up_evaluation(sl_training *train);

/** Evaluate the model on the validation rows: *score and train->evaluation. SL_EXIT_INTERRUPTED is not reported. */
sl_exit sl_train_evaluate(sl_training *train, sl_score *score);

/* ---- The best model so far, and whether training is complete ----------------------------------------------------------------- */

/** Update train->best after an epoch with this score. *is_best: the epoch is the best so far. */
sl_exit sl_train_update_best(sl_training *train, const sl_score *score, bool *is_best);

/** The digest of the weights that the model's file would have now. */
sl_exit sl_train_get_digest(const sl_training *train, uint64_t *digest);

/** Whether no epoch is left, because of --epochs or --patience. */
bool sl_train_is_over(const sl_training *train);

/** The model whose file is to have the scaling of the data: `model` with layers in front and behind, to be destroyed; NULL: `model` is
 *  that of the file. Errors are reported. */
sl_exit sl_train_make_file_model(const sl_training *train, const sluice_model *model, sluice_model **made);

/** The names that the model's file has: those of the command line, but for what only says how --from is read. */
sluice_names sl_train_get_names(const sl_training *train, const sluice_model *model);

/** Write the current model to --output. */
sl_exit sl_train_save_model(const sl_training *train);

/* ---- Windows of series ------------------------------------------------------------------------------------------------------- */

/** Replace the model of --from, or NULL, by that which is trained: if it has a scaling, which the data get then, without it. *forecast
 *  is what the model says, for sl_forecast_release. */
sl_exit sl_train_take_scaling(sl_training *train, sluice_model **loaded, sl_forecast *forecast);

/** When the data have been read: refuse other columns than those of a scaling that was taken. */
sl_exit sl_train_check_scaling(const sl_training *train, const sl_forecast *forecast);

/** Have a new model that is not scaled say how it forecasts. */
sl_exit sl_train_describe_model(const sl_training *train, sluice_model *model);

/* ---- --checkpoint and --resume ----------------------------------------------------------------------------------------------- */

/** Write the checkpoint; no-op without --checkpoint. */
sl_exit sl_checkpoint_save(sl_training *train);

/** Whether a checkpoint is due according to --checkpoint-every. */
bool sl_checkpoint_is_due(const sl_training *train);

/** --resume, first step: create the trainer, restore the position, and set the options that the command line leaves out to their
 *  values in the checkpoint. */
sl_exit sl_checkpoint_load(sl_training *train, sl_options *options);

/** Second step, when the options have their defaults: refuse options that would change the result. */
sl_exit sl_checkpoint_compare(const sl_training *train);

/** Third step, when the data are there: refuse other data than those of the checkpoint, and make sure that --output holds the best
 *  model so far. */
sl_exit sl_checkpoint_check(const sl_training *train);

/* ---- On several ranks --------------------------------------------------------------------------------------------------------- */

/** First step, before anything is read: refuse options that differ from those of rank 0. Alone: no-op, as the next two. */
sl_exit sl_train_compare_options(const sl_training *train);

/** Second step: refuse data other than those of rank 0, as far as the dataset's digest has them, before the ranks share the rows. */
sl_exit sl_train_compare_data(const sl_training *train);

/** Third step: have the trainer share its batches with those of the other ranks. */
sl_exit sl_train_join_ranks(const sl_training *train);

/** Bring the states of all rows of the selected batch into the streams of rank 0. */
sl_exit sl_train_gather_states(const sl_training *train);

/* ---- What the command train prints while it runs and at its end -------------------------------------------------------------- */

/** Print a line about a resumed run on standard error: its position and its files. */
void sl_train_report_resumed(const sl_training *train);

/** Print a line about the last complete epoch on standard error. */
void sl_train_report_epoch(const sl_training *train, bool is_best);

/** Print the summary on standard output. */
sl_exit sl_train_summarize(const sl_training *train);

/** Report why the library refused train->minibatch, with the number of the row in its file. */
sl_exit sl_train_report_failure(const sl_training *train, const sluice_error *error);

#endif
