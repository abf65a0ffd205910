/* What the user asked for on the command line of a command; and what sluice's table of options has of its own. */
#ifndef SLUICE_CLI_CLI_OPTIONS_H
#define SLUICE_CLI_CLI_OPTIONS_H

#include "cli/output/row_format.h"
#include "cli/series/series_options.h"
#include "cli/shards/shard_choice.h"
#include "program/options/option_table.h"
#include "program/progress.h"
#include "sluice_tools.h"
#include "sluice_train.h"

#include <stdbool.h>
#include <stdint.h>

/** Commands, as bits; NONE is the program without a command. */
typedef enum sl_command {
    SL_COMMAND_INFO = 1,
    SL_COMMAND_RUN = 2,
    SL_COMMAND_TRAIN = 4,
    SL_COMMAND_NONE = 8,
    SL_COMMAND_CONVERT = 16,
    SL_COMMAND_MERGE = 32,
    SL_COMMAND_EVALUATE = 64
} sl_command;

/** Defaults of train; macros, because the table of options has them as text. */
#define SL_TRAIN_EPOCHS 10
#define SL_TRAIN_BATCH 64
#define SL_TRAIN_RATE 0.001
#define SL_TRAIN_HIDDEN 128
#define SL_TRAIN_LAYERS 1
#define SL_TRAIN_EMBEDDING 32

/** --layers N, or LIST. */
typedef struct sl_train_layers {
    size_t count;     /* N; 0: not given */
    const char *list; /* LIST (train/layer_list.h); NULL: not given */
} sl_train_layers;

/** --loss; of --values, squared error unless given. */
typedef struct sl_train_loss {
    const char *text; /* NULL: not given */
    sluice_loss_kind kind;
    double delta;                          /* of Huber */
    float quantiles[SLUICE_MAX_QUANTILES]; /* [quantile_count] */
    size_t quantile_count;
} sl_train_loss;

/** What a loss of values is called, as "mean squared error". */
const char *sl_loss_get_words(sluice_loss_kind kind);

/** --rate-schedule. */
typedef struct sl_train_schedule {
    const char *text;
    sluice_rate rate; /* constant of a plateau */
    double factor;    /* of a plateau: by which the rate is multiplied; 0: it is none */
    size_t patience;  /* epochs without improvement that it waits for */
} sl_train_schedule;

/** Options of train; evaluate has text, labels, values and loss of them. Paths are NULL, numbers 0 when not given. */
typedef struct sl_train_options {
    const char *text, *labels, *values;                                          /* training data, besides input and lengths */
    const char *validate, *validate_lengths, *validate_labels, *validate_values; /* validation data */
    double validate_share;
    double validate_last;        /* share of each series */
    bool standardize, normalize; /* with series */
    const char *from;            /* the model to start from */
    bool new_head;               /* with from */
    size_t hidden, embedding, vocabulary, classes;
    sl_train_layers layers;
    double forget_bias;
    bool bidirectional, no_bias, no_head;
    sluice_initializer initializer;
    size_t epochs, patience;
    sluice_precision precision; /* of the evaluation of validation data; AUTO: f32 */
    sl_train_loss loss;
    sl_train_schedule rate_schedule;
    sluice_trainer_options trainer; /* optimiser, rate, dropout and so on; train_setup.c sets what depends on the data */
    size_t truncate;
    bool every_step;
    const char *checkpoint, *resume;
    size_t checkpoint_steps;   /* --checkpoint-every N */
    size_t checkpoint_minutes; /* --checkpoint-every Nm */
    const char *curve_svg, *curve_csv;
    const char *class_weights; /* "balanced", or a file */
    const char *sample_weights, *weight_column;
    bool head_only;
} sl_train_options;

/** Options of all commands. Paths are NULL when not given. */
typedef struct sl_options {
    const char *model;
    const char *converted; /* convert: OUT */
    const char *input, *lengths, *h0,
        *c0;          /* inputs of run, where input is "-" unless given; train has input and lengths, info lengths */
    const char *mask; /* run, info */
    const char *output, *hn, *cn, *head;      /* outputs of run; train has output */
    sl_row_format format;                     /* run: of output and head; AUTO: by the names of the files */
    sl_row_format output_format, head_format; /* run: which that is for each */
    sl_shard_choice shard;                    /* run: the part of the input */
    bool skip_done, in_place;                 /* run: with shard */
    char *const *outs;                        /* merge: OUT..., NULL at the end */
    bool removes;                             /* merge: --remove */
    const char *layer;                        /* run: whose outputs --output has */
    const char *keep;                         /* run: columns of a table, with series */
    size_t season;                            /* evaluate: with series */
    const char *picture;                      /* evaluate */
    const char *state;                        /* run: read if it exists, and written */
    bool step_first;                          /* run, info: --layout tnc */
    bool text;                                /* run, info */
    bool keep_cr;                             /* run, train, info: with text */
    size_t top;                               /* run: classes that output has for a row; 0: not given */
    bool stats;                               /* run, train */
    bool env;                                 /* info */
    bool json, help, version;
    size_t rows;         /* run, info: rows in memory at once; 0: choose */
    bool explain;        /* info */
    const char *compare; /* info: input, whose outputs are compared with those of f32 */
    size_t batch, steps; /* info: N and T to explain; train: N. 0: not given */
    bool measure;        /* --schedule measure; engine.schedule is AUTO then */
    const char *plans;
    const char *machine;            /* --machine; NULL: not given */
    sluice_machine machine_figures; /* what engine.machine points to, from sl_command_line_choose_machine on */
    sl_progress_mode progress;
    sluice_names names;
    sluice_engine_options engine;
    sl_series_options series; /* train */
    sl_train_options train;
    sl_given given; /* for sl_command_line_is_given */
} sl_options;

/** The pages of sluice's documentation: what --help and the manual say besides the options. */
enum { SL_PAGES = 7 };
extern const sl_page sl_pages[SL_PAGES];

/** Kinds of option values that only sluice has. Their field is the whole sl_options; of layers, loss, rate and shard, a
 *  sl_train_layers, sl_train_loss, sl_train_schedule or sl_shard_choice. */
extern const sl_option_kind sl_value_layout, sl_value_schedule, sl_value_every, sl_value_curve, sl_value_layers, sl_value_loss,
    sl_value_rate, sl_value_shard;

/** const char *: one of the row's choices; functions separated by commas; columns likewise; a delimiter; steps K, or A-B. */
extern const sl_option_kind sl_value_word, sl_value_functions, sl_value_columns, sl_value_delimiter, sl_value_horizon;

/** double: a fraction >= 0 and < 1, or as many percent, as 20%. */
extern const sl_option_kind sl_value_share;

#endif
