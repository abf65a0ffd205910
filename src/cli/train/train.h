/* What `sluice train` has at hand while it learns, and the parts it is made of. */
#ifndef SLUICE_CLI_TRAIN_TRAIN_H
#define SLUICE_CLI_TRAIN_TRAIN_H

#include "cli/cli_options.h"
#include "cli/stats.h"
#include "cli/train/train_curve.h"
#include "cli/train/data/train_data.h"
#include "cli/train/data/minibatch.h"
#include "cli/train/data/train_order.h"

#include <jansson.h>

/** What became of the targets of one class; or, of values, of one output. */
typedef struct sl_tally {
    uint64_t counted, right;
    double squares; /* sum of squared errors */
} sl_tally;

typedef struct sl_best {
    uint64_t epoch;  /* from 1; 0: none yet */
    uint64_t digest; /* of the model's weights */
    sl_score score;  /* of validation, or of training where there is none */
    sl_tally *tally; /* [tallies]; zeros without validation */
} sl_best;

typedef struct sl_train {
    const sl_options *options; /* with the defaults put in, but for those that the data decide */
    sl_labels labels;          /* of text */
    sl_data data, validation;  /* the second is empty unless --validate names it */
    const sl_data *tried;      /* that the rows of trial number; NULL: no validation */
    sl_order order, trial;     /* of rows that are learnt, and of those that are tried */
    sluice_trainer *trainer;
    sluice_shape shape;
    sluice_engine_info info;
    sluice_streams *streams; /* --truncate: a slot for each row of a batch */
    sl_minibatch feed;
    float *outputs; /* of a batch that is tried */
    size_t outputs_room;
    const float *class_weights; /* [classes], the trainer's or own_weights; NULL: none */
    float *own_weights;         /* owned */
    size_t tallies;             /* classes, or outputs */
    sl_tally *tally;            /* [tallies] of the last trial */

    /* Where training stands. */
    uint64_t epoch, batch; /* epochs that have ended; batches of the next one that are learnt */
    size_t piece;          /* --truncate: the step where the batch's next piece begins; 0: its beginning */
    char *states;          /* of the rows before that piece, as digits of an earlier release's checkpoint; NULL: none; owned */
    uint64_t step;         /* updates made */
    double rate;           /* of the last one */
    sl_score sum;          /* over the epoch's batches, the loss not yet divided */
    sl_curve curve;
    sl_best best;

    json_t *note; /* of --resume's checkpoint, which holds texts of the options; owned */
    uint64_t data_digest;
    uint64_t saved_step; /* updates made when the last checkpoint was written */
    double saved_at;     /* the clock then */
    sl_stats stats;
    char words[96]; /* of the progress bar */
} sl_train;

/** The command line and the data into a trainer, at the beginning or, with --resume, where a checkpoint stands. */
sl_exit sl_train_set_up(sl_train *train);

/** All epochs that are left. SL_EXIT_INTERRUPTED: reported, the checkpoint being written if one is asked for. */
sl_exit sl_train_learn(sl_train *train);

/** --class-weights, the data and the network being there: set train->class_weights. A run that goes on has those that it began with,
 *  and refuses others. */
sl_exit sl_train_weigh(sl_train *train);

/** Whether --class-weights is the word "balanced", and no file. */
bool sl_train_is_balanced(const sl_train_options *options);

/** Report, before the first epoch, the values of options that are hardly meant. */
void sl_train_warn(const sl_train *train, uint64_t updates);

/** Try the rows of trial: score and train->tally. SL_EXIT_INTERRUPTED, without a word. */
sl_exit sl_train_evaluate(sl_train *train, sl_score *score);

/** Report why the library refused the batch in train->feed, naming the row as its file has it. */
sl_exit sl_train_fail(const sl_train *train, const sluice_error *error);

/** Whether a score is better than another: more right, of as many right ones less loss; of values less loss. */
bool sl_train_is_better(const sl_train *train, const sl_score *score, const sl_score *than);

/** Whether no epoch is left, because of --epochs or of --patience. */
bool sl_train_is_over(const sl_train *train);

/** A number that tells a model's weights from others. */
uint64_t sl_train_get_digest(const sluice_model *model);

/** Write the model as it stands to --output. */
sl_exit sl_train_save_model(const sl_train *train);

/** --checkpoint: write it; nothing is done without. */
sl_exit sl_checkpoint_save(sl_train *train);

/** Whether --checkpoint-every says that it is time. */
bool sl_checkpoint_is_due(const sl_train *train);

/** --resume, first part: make the trainer, stand where it stood, and set those of train's options that the command line leaves out
 *  as they were when the run began. */
sl_exit sl_checkpoint_load(sl_train *train, sl_options *options);

/** Second part, when the options have their defaults: refuses such as would lead elsewhere. */
sl_exit sl_checkpoint_compare(const sl_train *train);

/** Third part, when the data are there: refuses others than the run began with, and sees to it that --output holds the best model
 *  so far. */
sl_exit sl_checkpoint_check(const sl_train *train, uint64_t data_digest);

/** A line about a run that goes on, on standard error: where it stands, and its files. */
void sl_train_tell_resumed(const sl_train *train);

/** The class weights, if there are any, on standard error. */
void sl_train_tell_weights(const sl_train *train);

/** A line about the epoch that has ended, on standard error. */
void sl_train_tell_epoch(const sl_train *train, bool is_best);

/** What came of it, on standard output. */
sl_exit sl_train_summarize(const sl_train *train);

#endif
