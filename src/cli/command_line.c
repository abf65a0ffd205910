#include "cli/command_line.h"

#include "base/system/thread_count.h"
#include "cli/cli_options.h"
#include "io/network/function_words.h"
#include "program/machine/machine_choice.h"
#include "program/options/option_kinds.h"
#include "program/options/option_words.h"
#include "program/pages/help.h"
#include "program/ranks/rank_group.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- The table -------------------------------------------------------------------------------------------------------------- */

static const char *layout_name(size_t value)
{
    static const char *const names[] = {"ntc", "tnc"};
    return value < 2 ? names[value] : NULL;
}

/* What the options of other programs' files may be, the default first. */
static const char *head_input_word(size_t value)
{
    static const char *const names[] = {"every", "final", "last"};
    return value < sizeof names / sizeof *names ? names[value] : NULL;
}

static const char *clip_word(size_t value)
{
    static const char *const names[] = {"onnx", "ort"};
    return value < sizeof names / sizeof *names ? names[value] : NULL;
}

static const char *loss_word(size_t value)
{
    static const char *const names[] = {"squared", "absolute", "huber", "quantile"};
    return value < sizeof names / sizeof *names ? names[value] : NULL;
}

/* The library's schedules, and one more. */
static const char *rate_word(size_t value)
{
    const char *name = sl_words_rate(value);
    return name ? name : value && sl_words_rate(value - 1) ? "plateau" : NULL;
}

static const char *activation_word(size_t value)
{
    static const char *const names[] = {"tanh", "sigmoid",  "hard_sigmoid", "relu",  "linear", "elu",
                                        "selu", "softplus", "softsign",     "swish", "gelu"};
    return value < sizeof names / sizeof *names ? names[value] : NULL;
}

static const char *recurrent_word(size_t value)
{
    static const char *const names[] = {"sigmoid", "hard_sigmoid", "tanh", "relu", "linear", "softsign"};
    return value < sizeof names / sizeof *names ? names[value] : NULL;
}

enum {
    INFO = SL_COMMAND_INFO,
    RUN = SL_COMMAND_RUN,
    TRAIN = SL_COMMAND_TRAIN,
    MERGE = SL_COMMAND_MERGE,
    EVALUATE = SL_COMMAND_EVALUATE,
    ALL = INFO | RUN | TRAIN | EVALUATE,
    LOADING = ALL | SL_COMMAND_CONVERT,
    COMMANDS = LOADING | MERGE
};
enum { MODE, DATA, RESULTS, NETWORK, TRAINING, NAMES, COMPUTING, REPORTING, GENERAL };
static const char *const groups[] = {
    [MODE] = "What to show",   [DATA] = "Input",          [RESULTS] = "Output",
    [NETWORK] = "Network",     [TRAINING] = "Training",   [NAMES] = "Reading of MODEL",
    [COMPUTING] = "Computing", [REPORTING] = "Reporting", [GENERAL] = "General",
    [GENERAL + 1] = NULL,
};

#define FIELD(name) offsetof(sl_options, name)
#define TEXT(number) SL_OPTION_TEXT(number)
static const sl_option table[] = {
    {"env", 0, INFO, MODE, NULL, &sl_kind_flag, FIELD(env),
     "show the instruction set, threads and libraries that would be used on this machine, and why"},
    {"explain", 0, INFO, MODE, NULL, &sl_kind_flag, FIELD(explain), "show the execution plan for a batch, and why"},
    {"batch", 0, INFO, MODE, "N", &sl_kind_count, FIELD(batch), "rows of the batch to explain"},
    {"steps", 0, INFO, MODE, "T", &sl_kind_count, FIELD(steps), "steps of each row of the batch to explain"},
    {"compare", 0, INFO, MODE, "FILE", &sl_kind_file, FIELD(compare),
     "show how far the outputs of --precision are from those of f32, for the rows of FILE: inputs [N][T][I], or tokens [N][T]; "
     "with --text, lines of text, may be gzipped; of a model that was trained on windows, series, a table (CSV) or numbers"},

    {"text", 0, INFO, DATA, NULL, &sl_kind_flag, FIELD(text), "the file of --compare has lines of text; it is no .npy file"},
    {"text", 0, RUN, DATA, NULL, &sl_kind_flag, FIELD(text),
     "read lines of text, not .npy files, and write the class of each line"},
    {"text", 0, TRAIN | EVALUATE, DATA, "FILE", &sl_kind_file, FIELD(train.text),
     "lines LABEL<TAB>TEXT, may be gzipped; the bytes of TEXT are the tokens of the row"},
    {"keep-cr", 0, ALL, DATA, NULL, &sl_kind_flag, FIELD(keep_cr),
     "keep the CR of lines that end in CR LF; by default it is dropped, with a note"},
    {"input", 'i', RUN, DATA, "FILE", &sl_kind_file, FIELD(input),
     "the rows: inputs [N][T][I], or tokens [N][T]; with --text, lines of text, may be gzipped; of a model that was trained on "
     "series: a table (CSV), or numbers [T], [T][I] or [N][T][I]",
     .default_text = "-"},
    {"input", 'i', TRAIN | EVALUATE, DATA, "FILE", &sl_kind_file, FIELD(input),
     "the rows: inputs [N][T][I], or tokens [N][T]; with --target, series: a table (CSV), or numbers [T], [T][I] or [N][T][I] of a "
     ".npy file or of an array in an archive, FILE.npz:NAME; table and .npy may be gzipped"},
    {"window", 0, TRAIN, DATA, "W", &sl_kind_count, FIELD(series.window),
     "train on windows of series, W steps each, to forecast --target; they overlap in memory", .most = UINT32_MAX,
     .recorded = true},
    {"hop", 0, TRAIN, DATA, "H", &sl_kind_count, FIELD(series.hop), "steps from the beginning of a window to that of the next",
     .most = UINT32_MAX, .default_text = "1", .recorded = true},
    {"window", 0, RUN | EVALUATE, DATA, "W", &sl_kind_count, FIELD(series.window),
     "of a model that was trained on windows: steps of a window; by default as in training", .most = UINT32_MAX},
    {"hop", 0, RUN | EVALUATE, DATA, "H", &sl_kind_count, FIELD(series.hop),
     "of such a model: steps from the beginning of a window to that of the next; by default as in training", .most = UINT32_MAX},
    {"keep", 0, RUN, DATA, "LIST", &sl_value_columns, FIELD(keep),
     "of such a model: columns of the table, as the time, whose text at the last step of each window is written, too"},
    {"season", 0, EVALUATE, DATA, "S", &sl_kind_count, FIELD(season),
     "of such a model: compare with the value of S steps before the target, or of as many seasons as the horizon has; 1: the last "
     "one",
     .most = UINT32_MAX, .default_text = "1"},
    {"target", 0, TRAIN, DATA, "LIST", &sl_value_columns, FIELD(series.targets),
     "columns to forecast, by names or by numbers from 1 on; of windows, or without --window at every step of whole series, which "
     "--truncate trains on in parts",
     .recorded = true},
    {"horizon", 0, TRAIN, DATA, "K|A-B", &sl_value_horizon, FIELD(series.horizon),
     "how many steps behind a window's last one, or behind each step, its targets are: K, or each from A to B; the outputs are all "
     "targets at A, then at A+1",
     .default_text = "1", .recorded = true},
    {"columns", 0, TRAIN, DATA, "LIST", &sl_value_columns, FIELD(series.columns),
     "columns that are inputs, by names or by numbers from 1 on; by default all, the targets too", .recorded = true},
    {"sequence-column", 0, ALL, DATA, "NAME", &sl_kind_text, FIELD(series.sequence_column),
     "rows of a table that follow each other and have the same text in this column are a series; by default all rows are one",
     .recorded = true},
    {"delimiter", 0, ALL, DATA, "C", &sl_value_delimiter, FIELD(series.delimiter),
     "what separates a table's cells, or tab; by default a tab, semicolon or comma, whichever the first row has", .recorded = true},
    {"header", 0, ALL, DATA, "WHETHER", &sl_value_word, FIELD(series.header),
     "whether a table's first row has names; auto: if no cell of it is a number", sl_series_header_word, .recorded = true},
    {"missing", 0, ALL, DATA, "WHAT", &sl_value_word, FIELD(series.missing),
     "what an empty cell, NA or NaN is: an error, 0, or the number before it in its series", sl_series_missing_word,
     .recorded = true},
    {"standardize", 0, TRAIN, DATA, NULL, &sl_kind_flag, FIELD(train.standardize),
     "scale each column to mean 0 and deviation 1 over the steps for training; the model's file has the scaling in it and gives "
     "forecasts in the units of the data",
     .recorded = true},
    {"normalize", 0, TRAIN, DATA, NULL, &sl_kind_flag, FIELD(train.normalize), "likewise, to least 0 and most 1", .recorded = true},
    {"lengths", 0, ALL, DATA, "FILE", &sl_kind_file, FIELD(lengths), "number of steps of each row, [N]; by default T for all"},
    {"mask", 0, INFO | RUN | EVALUATE, DATA, "FILE", &sl_kind_file, FIELD(mask),
     "which steps count, b1 or u1 [N][T]; a step whose element is 0 is masked: it leaves the states as they are; without it the "
     "steps that the model masks by itself, as sluice info says"},
    {"layout", 0, RUN, DATA, "LAYOUT", &sl_value_layout, 0,
     "order of the axes of --input, --mask and outputs of steps: rows first or steps first", layout_name},
    {"layout", 0, EVALUATE, DATA, "LAYOUT", &sl_value_layout, 0,
     "order of the axes of --input, --mask and targets of steps: rows first or steps first", layout_name},
    {"layout", 0, INFO, DATA, "LAYOUT", &sl_value_layout, 0, "order of the axes of --compare and --mask: rows first or steps first",
     layout_name},
    {"h0", 0, RUN, DATA, "FILE", &sl_kind_file, FIELD(h0),
     "initial hidden states, [L*D][N][H], or where layers differ in size the .npz of --hn; by default zeros, or what the network "
     "has learned"},
    {"c0", 0, RUN, DATA, "FILE", &sl_kind_file, FIELD(c0),
     "initial cell states, [L*D][N][H], or the .npz of --cn; by default likewise"},
    {"state", 0, RUN, DATA, "FILE", &sl_kind_file, FIELD(state),
     "safetensors file of states: rows continue from the states in it, if it exists; their final states are written to it"},
    {"labels", 0, TRAIN | EVALUATE, DATA, "FILE", &sl_kind_file, FIELD(train.labels),
     "class of each row [N], or of each step [N][T]; negative labels are ignored"},
    {"values", 0, TRAIN | EVALUATE, DATA, "FILE", &sl_kind_file, FIELD(train.values),
     "values to predict instead of classes, for each row [N][C], or [N] if C is 1, or for each step [N][T][C]"},
    {"validate", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.validate),
     "rows on which to evaluate the model after each epoch; a file like that of --text or --input"},
    {"validate-lengths", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.validate_lengths),
     "steps of the rows of --validate, as --lengths"},
    {"validate-labels", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.validate_labels),
     "classes of the rows of --validate, as --labels"},
    {"validate-values", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.validate_values),
     "values of the rows of --validate, as --values"},
    {"validate-share", 0, TRAIN, DATA, "S", &sl_kind_fraction, FIELD(train.validate_share),
     "instead of --validate, the fraction of the rows to hold out for validation, chosen at random by --seed", .recorded = true},

    {"validate-last", 0, TRAIN, DATA, "SHARE", &sl_value_share, FIELD(train.validate_last),
     "with --target: hold out the last part of each series, as 0.2 or 20%; no step of it is an input or target of training",
     .recorded = true},

    {"output", 'o', RUN, RESULTS, "FILE", &sl_kind_file, FIELD(output),
     "outputs of the network: of its last layer, [N][T][W], zero after the end of a row, or [N][W] if it gives one vector for each "
     "row; of a model with torch's tensor names, hidden states of the last LSTM layer, [N][T][D*H]; with --text the classes, by "
     "default '-'"},
    {"layer", 0, RUN, RESULTS, "NAME", &sl_kind_text, FIELD(layer),
     "have --output write the outputs of this layer instead, [N][T][W], or [N][W] if it gives one vector for each row; sluice info "
     "lists the layers"},
    {"format", 0, RUN, RESULTS, "NAME", &sl_kind_choice, FIELD(format),
     "format of --output and --head: npy; csv, a table with a header; jsonl, a JSON object a line; lines, of --text and --top, "
     "LABEL<TAB>PROBABILITY; auto: that of the suffix .npy, .csv or .jsonl, else lines or npy",
     sl_row_format_get_name},
    {"top", 0, RUN, RESULTS, "K", &sl_kind_count, FIELD(top),
     "have --output write the K most probable classes of each row, or step, and their probabilities; with --text by default 1"},
    {"hn", 0, RUN, RESULTS, "FILE", &sl_kind_file, FIELD(hn),
     "final hidden states, [L*D][N][H]; where the layers' sizes differ, an .npz file with an array [D][N][H] for each LSTM layer"},
    {"cn", 0, RUN, RESULTS, "FILE", &sl_kind_file, FIELD(cn), "final cell states, as --hn"},
    {"head", 0, RUN, RESULTS, "FILE", &sl_kind_file, FIELD(head),
     "outputs of the head after each row's last step, [N][C]; of other networks those of the last layer, [N][C] or [N][T][C]"},
    {"shard", 0, RUN, RESULTS, "K/N|auto|auto/N", &sl_value_shard, FIELD(shard),
     "run only part K of N of the input, of as many steps, windows of series or bytes of lines as the others, and write each "
     "output FILE as FILE.part-K-of-N (as 0003 of 0016), for sluice merge FILE; auto: K and N of MPI or of a Slurm array; auto/N: "
     "K of an indexed Kubernetes job"},
    {"skip-done", 0, RUN, RESULTS, NULL, &sl_kind_flag, FIELD(skip_done),
     "with --shard, do nothing if the part is there already, of the same model, options and input; a part of others is an error"},
    {"in-place", 0, RUN, RESULTS, NULL, &sl_kind_flag, FIELD(in_place),
     "with --shard, write the part straight to its rows of one .npy file of all parts, FILE.parts-of-N, to which sluice merge "
     "gives its name"},
    {"picture", 0, EVALUATE, RESULTS, "FILE", &sl_kind_file, FIELD(picture),
     "draw a picture, .svg: of classes the confusion table; of values the first 400 outputs and their targets, and of quantiles "
     "the band between the outer ones"},
    {"remove", 0, MERGE, RESULTS, NULL, &sl_kind_flag, FIELD(removes), "remove the parts once OUT is written"},
    {"output", 'o', TRAIN, RESULTS, "FILE", &sl_kind_file, FIELD(output),
     "the model of the best epoch: with the highest validation accuracy, or with the least loss"},
    {"checkpoint", 0, TRAIN, RESULTS, "FILE", &sl_kind_file, FIELD(train.checkpoint),
     "write a checkpoint after each epoch, when training is interrupted, and at the intervals of --checkpoint-every"},
    {"checkpoint-every", 0, TRAIN, RESULTS, "N[m]", &sl_value_every, 0,
     "write a checkpoint every N updates, or every N minutes (Nm)", .most = UINT32_MAX},
    {"resume", 0, TRAIN, RESULTS, "FILE", &sl_kind_file, FIELD(train.resume),
     "continue from a checkpoint, with its options and files where none are given; the file is also written unless --checkpoint "
     "names another; the result is bitwise identical to that of an uninterrupted run"},
    {"curve", 0, TRAIN, RESULTS, "FILE", &sl_value_curve, 0,
     "write the learning curve as .svg or .csv; may be given once for each"},

    {"layers", 0, TRAIN, NETWORK, "N|LIST", &sl_value_layers, FIELD(train.layers),
     "number of LSTM layers; or the layers one by one, as lstm:128:both,lstm:64,dense:32:relu",
     .default_text = TEXT(SL_TRAIN_LAYERS), .recorded = true},
    {"hidden", 0, TRAIN, NETWORK, "N", &sl_kind_count, FIELD(train.hidden), "hidden units of each layer and direction",
     .default_text = TEXT(SL_TRAIN_HIDDEN), .recorded = true},
    {"bidirectional", 0, TRAIN, NETWORK, NULL, &sl_kind_flag, FIELD(train.bidirectional), "run each layer in both directions",
     .recorded = true},
    {"embedding", 0, TRAIN, NETWORK, "N", &sl_kind_count, FIELD(train.embedding), "width of the embedding of tokens",
     .default_text = TEXT(SL_TRAIN_EMBEDDING), .recorded = true},
    {"vocabulary", 0, TRAIN, NETWORK, "N", &sl_kind_count, FIELD(train.vocabulary),
     "number of different tokens of --input; by default 1 + the largest token", .recorded = true},
    {"classes", 0, TRAIN, NETWORK, "N", &sl_kind_count, FIELD(train.classes),
     "number of classes of --labels; by default 1 + the largest label", .recorded = true},
    {"no-bias", 0, TRAIN, NETWORK, NULL, &sl_kind_flag, FIELD(train.no_bias), "LSTM layers without biases", .recorded = true},
    {"no-head", 0, TRAIN, NETWORK, NULL, &sl_kind_flag, FIELD(train.no_head),
     "no linear head: --values are targets of the hidden state of the last layer", .recorded = true},
    {"from", 0, TRAIN, NETWORK, "MODEL", &sl_kind_file, FIELD(train.from), "start with a trained model instead of a new network",
     .recorded = true},
    {"new-head", 0, TRAIN, NETWORK, NULL, &sl_kind_flag, FIELD(train.new_head),
     "with --from: make the last dense layer anew, with as many outputs as the data have classes or values; all other weights are "
     "kept",
     .recorded = true},
    {"forget-bias", 0, TRAIN, NETWORK, "B", &sl_kind_positive, FIELD(train.forget_bias),
     "initial bias of the forget gates, with which cells begin by keeping their states; by default that of --init",
     .recorded = true},
    {"init", 0, TRAIN, NETWORK, "NAME", &sl_kind_choice, FIELD(train.initializer),
     "distribution of the initial weights: that of PyTorch or of Keras", sl_words_initializer, .recorded = true},

    {"epochs", 0, TRAIN, TRAINING, "N", &sl_kind_count, FIELD(train.epochs), "number of passes over the training rows",
     .default_text = TEXT(SL_TRAIN_EPOCHS)},
    {"batch", 0, TRAIN, TRAINING, "N", &sl_kind_count, FIELD(batch), "rows of each batch", .default_text = TEXT(SL_TRAIN_BATCH),
     .recorded = true},
    {"shards", 0, TRAIN, TRAINING, "S", &sl_kind_count, FIELD(train.trainer.shards),
     "cut each batch into S parts, whose gradients are added in a fixed order; so the result is the same on any number of ranks of "
     "sluice-mpi, up to S of which have work",
     .most = SLUICE_MAX_SHARDS, .default_text = "1", .recorded = true},
    {"patience", 0, TRAIN, TRAINING, "EPOCHS", &sl_kind_count, FIELD(train.patience),
     "stop when validation has not improved for EPOCHS epochs"},
    {"optimizer", 0, TRAIN, TRAINING, "NAME", &sl_kind_choice, FIELD(train.trainer.optimizer), "update rule of the weights",
     sl_words_optimizer, .recorded = true},
    {"rate", 0, TRAIN, TRAINING, "R", &sl_kind_positive, FIELD(train.trainer.rate),
     "learning rate; with a schedule, the highest one", .default_text = TEXT(SL_TRAIN_RATE), .recorded = true},
    {"rate-schedule", 0, TRAIN, TRAINING, "NAME", &sl_value_rate, FIELD(train.rate_schedule),
     "how the learning rate changes over the updates; plateau:FACTOR,PATIENCE: it is multiplied by FACTOR when the loss, of "
     "validation if there is any, has not improved for more than PATIENCE epochs, by default plateau:0.1,10",
     rate_word, .recorded = true},
    {"warmup", 0, TRAIN, TRAINING, "N", &sl_kind_count64, FIELD(train.trainer.warmup_steps),
     "raise the learning rate linearly over the first N updates", .recorded = true},
    {"momentum", 0, TRAIN, TRAINING, "M", &sl_kind_fraction, FIELD(train.trainer.momentum), "momentum of --optimizer sgd",
     .default_text = "0", .recorded = true},
    {"weight-decay", 0, TRAIN, TRAINING, "W", &sl_kind_real, FIELD(train.trainer.weight_decay),
     "L2 penalty on weights; with adamw decoupled from the gradient", .default_text = "0", .recorded = true},
    {"clip", 0, TRAIN, TRAINING, "NORM", &sl_kind_positive, FIELD(train.trainer.clip),
     "clip the gradient: scale it down to NORM if its norm is larger", .recorded = true},
    {"dropout", 0, TRAIN, TRAINING, "P", &sl_kind_fraction_f32, FIELD(train.trainer.dropout),
     "dropout between layers: set outputs to zero with probability P", .default_text = "0", .recorded = true},
    {"label-smoothing", 0, TRAIN, TRAINING, "S", &sl_kind_fraction_f32, FIELD(train.trainer.label_smoothing),
     "fraction of each target that is spread evenly over all classes", .default_text = "0", .recorded = true},
    {"class-weights", 0, TRAIN, TRAINING, "balanced|FILE", &sl_kind_word_or_file, FIELD(train.class_weights),
     "weight of each class in the loss of training and validation: by inverse frequency, or from lines CLASS<TAB>WEIGHT"},
    {"loss", 0, TRAIN, TRAINING, "NAME", &sl_value_loss, FIELD(train.loss),
     "loss of --values: squared or absolute error; huber:DELTA, squared up to DELTA and linear beyond, by default 1; "
     "quantile:Q,Q,... trains an output for each value and quantile Q, by default 0.1,0.5,0.9",
     loss_word, .recorded = true},
    {"loss", 0, EVALUATE, DATA, "NAME", &sl_value_loss, FIELD(train.loss),
     "loss of --values that is printed, as of train; quantile:Q,Q,...: the outputs are these quantiles of each value", loss_word},
    {"sample-weights", 0, TRAIN, TRAINING, "FILE", &sl_kind_file, FIELD(train.sample_weights),
     "weight of each row in the loss, [N], or of each step, [N][T], of series [T] or [N][T]: a window has the weight of the step "
     "of its first target; a target of weight 0 does not count; not of the rows of --validate"},
    {"weight-column", 0, TRAIN, TRAINING, "NAME", &sl_kind_text, FIELD(train.weight_column),
     "column of series that has the weights of --sample-weights, by name or by number from 1 on; it is no input", .recorded = true},
    {"head-only", 0, TRAIN, TRAINING, NULL, &sl_kind_flag, FIELD(train.head_only),
     "train the last dense layer alone, and keep all other weights: of a new network the random ones, a baseline for what training "
     "of LSTM layers gains",
     .recorded = true},
    {"every-step", 0, EVALUATE, DATA, NULL, &sl_kind_flag, FIELD(train.every_step),
     "use the label or value of a row as the target of each step, as train does"},
    {"every-step", 0, TRAIN, TRAINING, NULL, &sl_kind_flag, FIELD(train.every_step),
     "use the label or value of a row as the target of each step, not only of the last", .recorded = true},
    {"truncate", 0, TRAIN, TRAINING, "T", &sl_kind_count, FIELD(train.truncate),
     "truncated backpropagation through time: divide rows into parts of T steps, update after each part, and begin the next part "
     "with the states at its end",
     .recorded = true},
    {"recompute", 0, TRAIN, TRAINING, "T", &sl_kind_count, FIELD(train.trainer.recompute),
     "save memory on long rows: store the states of every T-th step only, and recompute the steps in between for the gradient",
     .recorded = true},
    {"seed", 0, TRAIN, TRAINING, "N", &sl_kind_seed, FIELD(train.trainer.seed),
     "random seed of initial weights, order of rows, --validate-share and dropout", .default_text = "0", .recorded = true},

    {"network", 0, LOADING, NAMES, "NAME", &sl_kind_text, FIELD(names.network),
     "name of the network, where the file has several; of train, the name it is written with"},
    {"prefix", 0, LOADING, NAMES, "NAME", &sl_kind_text, FIELD(names.prefix),
     "prefix of the names of the LSTM tensors: 'lstm.' for lstm.weight_ih_l0"},
    {"head-name", 0, LOADING, NAMES, "NAME[,NAME]", &sl_kind_text, FIELD(names.head),
     "the head is NAME.weight and NAME.bias; '' for no head; NAME,NAME: dense layers one after the other"},
    {"embedding-name", 0, LOADING, NAMES, "NAME", &sl_kind_text, FIELD(names.embedding),
     "the embedding is NAME.weight; '' for no embedding"},
    {"lstm", 0, LOADING, NAMES, "NAME[,NAME]", &sl_kind_text, FIELD(names.lstm),
     "LSTMs that run one after the other: lstm1,lstm2; or the one of several, or of a graph, that is run alone"},
    {"head-activation", 0, LOADING, NAMES, "LIST", &sl_value_functions, FIELD(names.head_activation),
     "functions of the dense layers of --head-name, separated by commas", sl_function_word_get},
    {"head-input", 0, LOADING, NAMES, "STEPS", &sl_value_word, FIELD(names.head_input),
     "what the head of a network reads: every step, the final states (h_n), or the last step (out[:, -1])", head_input_word},
    {"activation", 0, LOADING, NAMES, "NAME", &sl_value_word, FIELD(names.activation),
     "activation of the cells of a Keras file without a configuration", activation_word},
    {"recurrent-activation", 0, LOADING, NAMES, "NAME", &sl_value_word, FIELD(names.recurrent_activation),
     "that of their gates; hard_sigmoid, of Keras before 2.3, has slope 0.2", recurrent_word},
    {"to", 0, LOADING, NAMES, "LAYER", &sl_kind_text, FIELD(names.to), "the last layer that is run, of a Keras or ONNX file"},
    {"onnx-clip", 0, LOADING, NAMES, "WHOSE", &sl_value_word, FIELD(names.onnx_clip),
     "where LSTM nodes with clip limit: as ONNX says, or as onnxruntime (ort) does, which leaves h's input alone", clip_word},

    {"rows", 0, INFO | RUN | EVALUATE, COMPUTING, "N", &sl_kind_count, FIELD(rows),
     "number of rows in memory at once; by default chosen by their size"},
    {"threads", 0, ALL, COMPUTING, "N", &sl_kind_unsigned, FIELD(engine.threads),
     "number of threads; by default chosen for the machine", .least = 1, .most = SL_THREADS_MAX, .variable = "SLUICE_NUM_THREADS"},
    {"isa", 0, ALL, COMPUTING, "NAME", &sl_kind_choice, FIELD(engine.isa), "instruction set of the kernels", sl_words_isa,
     .variable = "SLUICE_ISA"},
    {"gemm", 0, ALL, COMPUTING, "NAME", &sl_kind_choice, FIELD(engine.gemm), "how matrices are multiplied", sl_words_gemm,
     .variable = "SLUICE_GEMM"},
    {"precision", 0, INFO | RUN | EVALUATE, COMPUTING, "NAME", &sl_kind_choice, FIELD(engine.precision),
     "precision of the products of LSTM layers", sl_words_precision, .variable = "SLUICE_PRECISION"},
    {"precision", 0, TRAIN, COMPUTING, "NAME", &sl_kind_choice, FIELD(train.precision),
     "precision in which rows for validation are computed; training itself is always in f32, and so is validation with auto",
     sl_words_precision},
    {"schedule", 0, INFO | RUN, COMPUTING, "NAME", &sl_value_schedule, 0,
     "how work is divided over threads; measure: time the candidates first", sl_words_schedule},
    {"plans", 0, INFO | RUN, COMPUTING, "FILE", &sl_kind_file, FIELD(plans),
     "file of tuned plans, which --schedule measure also writes"},
    {"machine", 0, ALL, COMPUTING, "auto|table|FILE", &sl_kind_word_or_file, FIELD(machine),
     "figures of the machine's speed, by which --schedule auto chooses: those that were measured and kept in the user's cache, if "
     "there are any; the library's table; or those of a file like the one in the cache",
     .default_text = "auto", .variable = "SLUICE_MACHINE"},

    {"progress", 0, RUN | TRAIN | EVALUATE, REPORTING, "WHEN", &sl_kind_choice, FIELD(progress),
     "show a progress bar on standard error; auto: if it is a terminal", sl_progress_get_name},
    {"stats", 0, RUN | TRAIN, REPORTING, NULL, &sl_kind_flag, FIELD(stats),
     "print speed and share of the peak on standard error at the end"},
    {"json", 0, INFO | EVALUATE, REPORTING, NULL, &sl_kind_flag, FIELD(json), "print one JSON object instead of a table"},
    {"json", 0, RUN, REPORTING, NULL, &sl_kind_flag, FIELD(json), "print --stats as JSON"},
    {"json", 0, TRAIN, REPORTING, NULL, &sl_kind_flag, FIELD(json), "print the summary, and --stats, as JSON"},

    {"help", 'h', COMMANDS | SL_COMMAND_NONE, GENERAL, NULL, &sl_kind_flag, FIELD(help), "show this help", .ends = true},
    {"version", 0, COMMANDS | SL_COMMAND_NONE, GENERAL, NULL, &sl_kind_flag, FIELD(version),
     "show the versions of the library, BLIS and OpenMP, and the instruction set in use", .ends = true},
};

const sl_program sl_program_this = {"sluice", groups, table, sizeof table / sizeof table[0], sl_pages, SL_PAGES, "sluice-bench"};

static const sl_page *get_page(sl_command command)
{
    const sl_page *page = sl_pages;
    while (page->command != (unsigned)command)
        page++;
    return page;
}

/* ---- Parsing ---------------------------------------------------------------------------------------------------------------- */

static sl_exit take_operands(sl_command command, int argc, char **argv, sl_options *options)
{
    if (command == SL_COMMAND_TRAIN && argc > optind)
        return sl_report(SL_EXIT_USAGE, "'%s' is not an option; name the data with --text or --input; see sluice train --help",
                         argv[optind]);
    const bool has_output = command == SL_COMMAND_CONVERT;
    options->outs = argv + optind;
    if (command == SL_COMMAND_MERGE)
        return SL_EXIT_OK;
    if (argc - optind > 1 + has_output)
        return sl_report(SL_EXIT_USAGE, "expected %s, found '%s' besides '%s'; see sluice %s --help",
                         has_output ? "FILE and OUT" : "one MODEL", argv[optind + 1 + has_output], argv[optind + has_output],
                         get_page(command)->name);
    if (has_output && argc - optind == 2)
        options->converted = argv[optind + 1];
    options->model = argv[optind];
    if (options->model && !*options->model)
        return sl_report(SL_EXIT_USAGE, "MODEL: expected the name of a file, found ''");
    return SL_EXIT_OK;
}

static sl_exit print_version(void)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    sluice_error error;
    if (sluice_environment_get(NULL, &environment, &error))
        return sl_report_error(&error);
    sl_version_print("sluice", NULL, &environment);
    return SL_EXIT_OK;
}

/* Ranks on the same CPUs share these, where nothing says how many threads each has. */
static void share_threads(sluice_engine_options *engine)
{
    const char *variables[] = {getenv("SLUICE_NUM_THREADS"), getenv("OMP_NUM_THREADS")};
    const unsigned sharing = sl_group_get_sharing();
    unsigned threads;
    char reason[256];
    sluice_error error;
    if (engine->threads || sharing < 2 || (variables[0] && *variables[0]) || (variables[1] && *variables[1]) ||
        sl_threads_choose(0, &threads, reason, sizeof reason, &error))
        return;
    engine->threads = threads > sharing ? threads / sharing : 1;
}

sl_exit sl_command_line_parse(sl_command command, int argc, char **argv, sl_options *options, bool *done)
{
    sluice_error error;
    *done = false;
    *options = (sl_options){.names.struct_size = sizeof options->names,
                            .engine.struct_size = sizeof options->engine,
                            .train.trainer.struct_size = sizeof options->train.trainer};
    if (sl_option_table_parse(&sl_program_this, get_page(command), argc, argv, options, &options->given, &error))
        return sl_report_error(&error);
    share_threads(&options->engine);
    options->progress = sl_group_is_first() ? options->progress : SL_PROGRESS_NEVER;
    *done = options->version || options->help;
    if (options->version)
        return print_version();
    return options->help ? sl_command_line_print_help(get_page(command)->name) : take_operands(command, argc, argv, options);
}

bool sl_command_line_is_given(const sl_options *options, const char *name)
{
    return sl_option_table_is_given(&sl_program_this, &options->given, name);
}

sl_exit sl_command_line_set(sl_options *options, const char *name, const char *text)
{
    sluice_error error;
    return sl_report_status(
        sl_option_table_set(&sl_program_this, get_page(SL_COMMAND_TRAIN), name, text, options, &options->given, &error), &error);
}

sl_exit sl_command_line_choose_machine(sl_options *options, bool measures)
{
    sluice_error error;
    const sluice_status status = sl_machine_choose(options->machine, measures, &options->engine, &options->machine_figures, &error);
    return status == SLUICE_STATUS_CANCELLED ? SL_EXIT_INTERRUPTED : sl_report_status(status, &error);
}

sl_exit sl_command_line_print_help(const char *command)
{
    static const char *const general[] = {"help", "--help", "-h"};
    const sl_page *page = command ? sl_program_find_page(&sl_program_this, command) : sl_pages;
    for (size_t k = 0; command && k < sizeof general / sizeof general[0]; k++)
        page = strcmp(command, general[k]) == 0 ? sl_pages : page;
    if (!page)
        return sl_report(SL_EXIT_USAGE,
                         "command '%s' is not known; expected run, train, evaluate, merge, info or convert; see sluice help",
                         command);
    sl_help_write(&sl_program_this, page, stdout);
    return SL_EXIT_OK;
}
