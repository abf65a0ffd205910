/* The command line of every command: what options there are, and what the user asked for. */
#ifndef SLUICE_CLI_CLI_OPTIONS_H
#define SLUICE_CLI_CLI_OPTIONS_H

#include "program/progress.h"
#include "program/options/option_table.h"
#include "program/report.h"
#include "sluice_train.h"

#include <stdbool.h>
#include <stdint.h>

/** Commands, as bits; the last is the program without one. */
typedef enum sl_command { SL_COMMAND_INFO = 1, SL_COMMAND_RUN = 2, SL_COMMAND_TRAIN = 4, SL_COMMAND_NONE = 8 } sl_command;

/** What train takes where an option is not given; macros, for the table has them as text. */
#define SL_TRAIN_EPOCHS 10
#define SL_TRAIN_BATCH 64
#define SL_TRAIN_RATE 0.001
#define SL_TRAIN_HIDDEN 128
#define SL_TRAIN_LAYERS 1
#define SL_TRAIN_EMBEDDING 32

/** What train alone is asked for. Paths are NULL, numbers 0 when not given. */
typedef struct sl_train_options {
    const char *text, *labels, *values;                                          /* what is read, beside input and lengths */
    const char *validate, *validate_lengths, *validate_labels, *validate_values; /* likewise, for validation */
    double validate_share;
    const char *from; /* a model to go on from */
    size_t hidden, layers, embedding, vocabulary, classes;
    bool bidirectional, no_bias, no_head;
    size_t initializer; /* 1 + the sluice_initializer */
    size_t epochs, patience;
    sluice_optimizer optimizer;
    sluice_rate schedule;
    double rate, momentum, weight_decay, clip, dropout, label_smoothing;
    size_t warmup, truncate, recompute;
    bool every_step;
    uint64_t seed;
    const char *checkpoint, *resume;
    size_t checkpoint_steps;   /* --checkpoint-every N */
    size_t checkpoint_minutes; /* --checkpoint-every Nm */
    const char *curve_svg, *curve_csv;
    const char *class_weights; /* "balanced", or a file */
} sl_train_options;

/** Paths are NULL when not given. */
typedef struct sl_options {
    const char *model;
    const char *input, *lengths, *h0, *c0; /* run: what is read; input is "-" unless given. train: input, lengths */
    const char *output, *hn, *cn, *head;   /* run: what is written. train: output */
    const char *state;                     /* run: read if it is there, and written */
    bool step_first;                       /* run: --layout tnc */
    bool text;                             /* run */
    bool keep_cr;                          /* run, train: with text */
    size_t top;                            /* run: classes that a line is answered with; 0: not given */
    bool stats;                            /* run, train */
    bool env;                              /* info */
    bool json, help, version;
    size_t rows;         /* run: at once; 0: choose */
    bool explain;        /* info */
    size_t batch, steps; /* info: N and T to explain; train: N. 0: not given */
    bool measure;        /* --schedule measure; engine.schedule is AUTO then */
    const char *plans;
    sl_progress_mode progress;
    sluice_names names;
    sluice_engine_options engine;
    sl_train_options train;
    sl_given given; /* sl_options_is_given reads it */
} sl_options;

/** Read the arguments after the command's name, argv[0]. Errors are reported. */
sl_exit sl_options_parse(sl_command command, int argc, char **argv, sl_options *options);

/** sl_options_parse, and what --version and --help ask for: that is printed, and *over set. */
sl_exit sl_options_begin(sl_command command, int argc, char **argv, sl_options *options, bool *over);

/** Whether the command line had an option: sl_options_is_given(options, "--epochs"). */
bool sl_options_is_given(const sl_options *options, const char *name);

/** Set an option of train as `--name text` would (a flag ignores the text), unless the command line had it. Texts and paths are kept
 *  as pointers. Errors are reported. */
sl_exit sl_options_take(sl_options *options, const char *name, const char *text);

/** Print what --version shows. */
sl_exit sl_options_version(void);

/** Print the --help of a command, or of the program for NULL. */
sl_exit sl_options_help(const char *command);

#endif
