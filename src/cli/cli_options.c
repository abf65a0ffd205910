#include "cli/cli_options.h"

#include "cli/cli_pages.h"
#include "cli/cli_values.h"
#include "program/version.h"
#include "program/options/option_words.h"

#include "system/threads.h"
#include "program/pages/help.h"
#include "program/options/option_kinds.h"

#include <getopt.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

static const char *layout_name(size_t value)
{
    static const char *const names[] = {"ntc", "tnc"};
    return value < 2 ? names[value] : NULL;
}

static const char *progress_name(size_t value)
{
    return sl_progress_get_name((sl_progress_mode)value);
}

enum { INFO = SL_COMMAND_INFO, RUN = SL_COMMAND_RUN, TRAIN = SL_COMMAND_TRAIN, ALL = INFO | RUN | TRAIN };
enum { MODE, DATA, RESULTS, NETWORK, TRAINING, NAMES, COMPUTING, REPORTING, GENERAL };
static const char *const groups[] = {
    [MODE] = "What to show", [DATA] = "Input",          [RESULTS] = "Output",      [NETWORK] = "Network", [TRAINING] = "Training",
    [NAMES] = "Tensors",     [COMPUTING] = "Computing", [REPORTING] = "Reporting", [GENERAL] = "General", [GENERAL + 1] = NULL,
};

#define FIELD(name) offsetof(sl_options, name)
#define TEXT(number) SL_OPTION_TEXT(number)
static const sl_option table[] = {
    {"env", 0, INFO, MODE, NULL, &sl_kind_flag, FIELD(env), "show what would be used on this machine, and why"},
    {"explain", 0, INFO, MODE, NULL, &sl_kind_flag, FIELD(explain), "show how a batch would be computed, and why"},
    {"batch", 0, INFO, MODE, "N", &sl_value_number, FIELD(batch), "rows of the batch to explain"},
    {"steps", 0, INFO, MODE, "T", &sl_value_number, FIELD(steps), "steps of each row of the batch to explain"},

    {"text", 0, RUN, DATA, NULL, &sl_kind_flag, FIELD(text), "read lines and answer each, instead of .npy files"},
    {"text", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.text),
     "lines LABEL<TAB>TEXT, gzipped or not; the bytes of TEXT are the row's tokens"},
    {"keep-cr", 0, RUN | TRAIN, DATA, NULL, &sl_kind_flag, FIELD(keep_cr),
     "keep the CR of lines of text that end in CR LF; by default it is dropped, with a note"},
    {"input", 'i', RUN, DATA, "FILE", &sl_kind_file, FIELD(input),
     "the rows: inputs [N][T][I], or tokens [N][T]; with --text, lines of text, gzipped or not", .standard = "-"},
    {"input", 'i', TRAIN, DATA, "FILE", &sl_kind_file, FIELD(input), "the rows: inputs [N][T][I], or tokens [N][T]"},
    {"lengths", 0, ALL, DATA, "FILE", &sl_kind_file, FIELD(lengths), "steps of each row, [N]; by default all have T"},
    {"layout", 0, RUN, DATA, "LAYOUT", &sl_value_layout, 0, "order of the axes of --input and --output: rows or steps first",
     layout_name},
    {"h0", 0, RUN, DATA, "FILE", &sl_kind_file, FIELD(h0), "initial hidden states, [L*D][N][H]; by default zeros"},
    {"c0", 0, RUN, DATA, "FILE", &sl_kind_file, FIELD(c0), "initial cell states, [L*D][N][H]; by default zeros"},
    {"state", 0, RUN, DATA, "FILE", &sl_kind_file, FIELD(state),
     "safetensors file of states: rows continue from it if it exists, and their final states are written to it"},
    {"labels", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.labels),
     "class of each row [N], or of each step [N][T]; negative ones are ignored"},
    {"values", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.values),
     "values to predict instead of classes, for each row [N][C], or [N] if C is 1, or for each step [N][T][C]"},
    {"validate", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.validate),
     "rows to validate the model with after each epoch, as --text or --input"},
    {"validate-lengths", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.validate_lengths),
     "steps of the rows of --validate, as --lengths"},
    {"validate-labels", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.validate_labels),
     "classes of the rows of --validate, as --labels"},
    {"validate-values", 0, TRAIN, DATA, "FILE", &sl_kind_file, FIELD(train.validate_values),
     "values of the rows of --validate, as --values"},
    {"validate-share", 0, TRAIN, DATA, "S", &sl_value_share, FIELD(train.validate_share),
     "instead of --validate, the share of the rows to hold out for validation, chosen by --seed"},

    {"output", 'o', RUN, RESULTS, "FILE", &sl_kind_file, FIELD(output),
     "hidden states of the last layer, [N][T][D*H], zero past a row's end; with --text the answers, by default '-'"},
    {"top", 0, RUN, RESULTS, "K", &sl_value_number, FIELD(top), "with --text, answer with the K most probable classes",
     .standard = "1"},
    {"hn", 0, RUN, RESULTS, "FILE", &sl_kind_file, FIELD(hn), "final hidden states, [L*D][N][H]"},
    {"cn", 0, RUN, RESULTS, "FILE", &sl_kind_file, FIELD(cn), "final cell states, [L*D][N][H]"},
    {"head", 0, RUN, RESULTS, "FILE", &sl_kind_file, FIELD(head), "outputs of the head after each row's last step, [N][C]"},
    {"output", 'o', TRAIN, RESULTS, "FILE", &sl_kind_file, FIELD(output),
     "the model of the best epoch: the most right in validation, or the least loss"},
    {"checkpoint", 0, TRAIN, RESULTS, "FILE", &sl_kind_file, FIELD(train.checkpoint),
     "write a checkpoint after each epoch, when training is interrupted, and as --checkpoint-every says"},
    {"checkpoint-every", 0, TRAIN, RESULTS, "N[m]", &sl_value_every, 0,
     "write a checkpoint every N updates, or every N minutes (Nm)", .most = UINT32_MAX},
    {"resume", 0, TRAIN, RESULTS, "FILE", &sl_kind_file, FIELD(train.resume),
     "continue from a checkpoint, with its options and files where none are given; it is also written unless --checkpoint names "
     "another; ends with the bytes of an uninterrupted run"},
    {"curve", 0, TRAIN, RESULTS, "FILE", &sl_value_curve, 0,
     "write the learning curve as .svg or .csv; may be given once for each"},

    {"hidden", 0, TRAIN, NETWORK, "N", &sl_value_number, FIELD(train.hidden), "hidden units of each layer and direction",
     .standard = TEXT(SL_TRAIN_HIDDEN)},
    {"layers", 0, TRAIN, NETWORK, "N", &sl_value_number, FIELD(train.layers), "number of LSTM layers",
     .standard = TEXT(SL_TRAIN_LAYERS)},
    {"bidirectional", 0, TRAIN, NETWORK, NULL, &sl_kind_flag, FIELD(train.bidirectional), "run each layer in both directions"},
    {"embedding", 0, TRAIN, NETWORK, "N", &sl_value_number, FIELD(train.embedding), "width of the embedding of tokens",
     .standard = TEXT(SL_TRAIN_EMBEDDING)},
    {"vocabulary", 0, TRAIN, NETWORK, "N", &sl_value_number, FIELD(train.vocabulary),
     "number of different tokens of --input; by default what the data need"},
    {"classes", 0, TRAIN, NETWORK, "N", &sl_value_number, FIELD(train.classes),
     "number of classes of --labels; by default what the data need"},
    {"no-bias", 0, TRAIN, NETWORK, NULL, &sl_kind_flag, FIELD(train.no_bias), "leave the biases of the LSTM layers out"},
    {"no-head", 0, TRAIN, NETWORK, NULL, &sl_kind_flag, FIELD(train.no_head),
     "leave the linear head out: --values are of the last layer's hidden state"},
    {"init", 0, TRAIN, NETWORK, "NAME", &sl_value_initializer, 0, "whose initial weights to draw", sl_words_initializer},
    {"from", 0, TRAIN, NETWORK, "MODEL", &sl_kind_file, FIELD(train.from), "start with a trained model instead of a new network"},

    {"epochs", 0, TRAIN, TRAINING, "N", &sl_value_number, FIELD(train.epochs), "how often to go through the rows",
     .standard = TEXT(SL_TRAIN_EPOCHS)},
    {"batch", 0, TRAIN, TRAINING, "N", &sl_value_number, FIELD(batch), "rows of each batch", .standard = TEXT(SL_TRAIN_BATCH)},
    {"patience", 0, TRAIN, TRAINING, "EPOCHS", &sl_value_number, FIELD(train.patience),
     "stop when validation has not improved for so many epochs"},
    {"optimizer", 0, TRAIN, TRAINING, "NAME", &sl_kind_choice, FIELD(train.optimizer), "how weights are updated",
     sl_words_optimizer},
    {"rate", 0, TRAIN, TRAINING, "R", &sl_value_positive, FIELD(train.rate), "learning rate, the highest of the schedule",
     .standard = TEXT(SL_TRAIN_RATE)},
    {"rate-schedule", 0, TRAIN, TRAINING, "NAME", &sl_kind_choice, FIELD(train.schedule),
     "how the learning rate changes over the updates", sl_words_rate},
    {"warmup", 0, TRAIN, TRAINING, "N", &sl_value_number, FIELD(train.warmup),
     "raise the learning rate linearly over the first N updates"},
    {"momentum", 0, TRAIN, TRAINING, "M", &sl_value_share, FIELD(train.momentum), "momentum of --optimizer sgd", .standard = "0"},
    {"weight-decay", 0, TRAIN, TRAINING, "W", &sl_value_real, FIELD(train.weight_decay),
     "penalty on large weights; of adamw decoupled from the gradient", .standard = "0"},
    {"clip", 0, TRAIN, TRAINING, "NORM", &sl_value_positive, FIELD(train.clip), "scale a gradient with a larger norm down to NORM"},
    {"dropout", 0, TRAIN, TRAINING, "P", &sl_value_share, FIELD(train.dropout),
     "between layers, set outputs to zero with probability P", .standard = "0"},
    {"label-smoothing", 0, TRAIN, TRAINING, "S", &sl_value_share, FIELD(train.label_smoothing),
     "share of each target that is spread evenly over all classes", .standard = "0"},
    {"class-weights", 0, TRAIN, TRAINING, "balanced|FILE", &sl_kind_word_or_file, FIELD(train.class_weights),
     "weigh each class in the loss of training and validation: by its rarity, or by lines CLASS<TAB>WEIGHT"},
    {"every-step", 0, TRAIN, TRAINING, NULL, &sl_kind_flag, FIELD(train.every_step),
     "learn a row's label or value at every step, not only at its last"},
    {"truncate", 0, TRAIN, TRAINING, "T", &sl_value_number, FIELD(train.truncate),
     "truncated backpropagation: cut rows after every T steps, update after each part, and carry the states on to the next"},
    {"recompute", 0, TRAIN, TRAINING, "T", &sl_value_number, FIELD(train.recompute),
     "save memory on long rows: keep the states of every T-th step and compute the steps in between again for the gradient"},
    {"seed", 0, TRAIN, TRAINING, "N", &sl_value_seed, FIELD(train.seed),
     "seed of initial weights, order of rows, --validate-share and dropout", .standard = "0"},

    {"prefix", 0, ALL, NAMES, "NAME", &sl_kind_text, FIELD(names.prefix),
     "the names of the LSTM's tensors begin with NAME: 'lstm.' for lstm.weight_ih_l0"},
    {"head-name", 0, ALL, NAMES, "NAME", &sl_kind_text, FIELD(names.head), "the head is NAME.weight and NAME.bias; '' for none"},
    {"embedding-name", 0, ALL, NAMES, "NAME", &sl_kind_text, FIELD(names.embedding), "the embedding is NAME.weight; '' for none"},

    {"rows", 0, RUN, COMPUTING, "N", &sl_value_number, FIELD(rows), "rows held in memory at once; by default chosen by their size"},
    {"threads", 0, ALL, COMPUTING, "N", &sl_value_threads, FIELD(engine.threads),
     "number of threads; by default chosen for the machine", .most = SL_THREADS_MAX, .variable = "SLUICE_NUM_THREADS"},
    {"isa", 0, ALL, COMPUTING, "NAME", &sl_kind_choice, FIELD(engine.isa), "instruction set of the kernels", sl_words_isa,
     .variable = "SLUICE_ISA"},
    {"gemm", 0, INFO | RUN, COMPUTING, "NAME", &sl_kind_choice, FIELD(engine.gemm), "how matrices are multiplied", sl_words_gemm,
     .variable = "SLUICE_GEMM"},
    {"schedule", 0, INFO | RUN, COMPUTING, "NAME", &sl_value_schedule, 0,
     "how work is divided over threads; measure times the candidates first", sl_words_schedule},
    {"plans", 0, INFO | RUN, COMPUTING, "FILE", &sl_kind_file, FIELD(plans),
     "plans measured before; --schedule measure saves its own to it, too"},

    {"progress", 0, RUN | TRAIN, REPORTING, "WHEN", &sl_kind_choice, FIELD(progress),
     "show a progress bar on standard error; auto: if it is a terminal", progress_name},
    {"stats", 0, RUN | TRAIN, REPORTING, NULL, &sl_kind_flag, FIELD(stats),
     "print speed and share of the peak on standard error at the end"},
    {"json", 0, INFO, REPORTING, NULL, &sl_kind_flag, FIELD(json), "print one JSON object instead of a table"},
    {"json", 0, RUN, REPORTING, NULL, &sl_kind_flag, FIELD(json), "print --stats as JSON"},
    {"json", 0, TRAIN, REPORTING, NULL, &sl_kind_flag, FIELD(json), "print the summary, and --stats, as JSON"},

    {"help", 'h', ALL | SL_COMMAND_NONE, GENERAL, NULL, &sl_kind_flag, FIELD(help), "show this help", .ends = true},
    {"version", 0, ALL | SL_COMMAND_NONE, GENERAL, NULL, &sl_kind_flag, FIELD(version),
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

/* What is left behind the options. */
static sl_exit take_operands(sl_command command, int argc, char **argv, sl_options *options)
{
    if (command == SL_COMMAND_TRAIN && argc > optind)
        return sl_report(SL_EXIT_USAGE, "'%s' is no option; data are named by --text or --input; see sluice train --help",
                         argv[optind]);
    if (argc - optind > 1)
        return sl_report(SL_EXIT_USAGE, "one MODEL expected, found '%s' besides '%s'; see sluice %s --help", argv[optind + 1],
                         argv[optind], get_page(command)->name);
    options->model = argv[optind];
    if (options->model && !*options->model)
        return sl_report(SL_EXIT_USAGE, "MODEL: expected the name of a file, found ''");
    return SL_EXIT_OK;
}

sl_exit sl_options_parse(sl_command command, int argc, char **argv, sl_options *options)
{
    sluice_error error;
    *options = (sl_options){.names.struct_size = sizeof options->names, .engine.struct_size = sizeof options->engine};
    if (sl_option_table_parse(&sl_program_this, get_page(command), argc, argv, options, &options->given, &error))
        return sl_report_error(&error);
    return options->help || options->version ? SL_EXIT_OK : take_operands(command, argc, argv, options);
}

sl_exit sl_options_version(void)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    sluice_error error;
    if (sluice_environment_get(NULL, &environment, &error))
        return sl_report_error(&error);
    sl_version_print("sluice", NULL, &environment);
    return SL_EXIT_OK;
}

sl_exit sl_options_begin(sl_command command, int argc, char **argv, sl_options *options, bool *over)
{
    *over = false;
    const sl_exit code = sl_options_parse(command, argc, argv, options);
    if (code)
        return code;
    *over = options->version || options->help;
    if (options->version)
        return sl_options_version();
    return options->help ? sl_options_help(get_page(command)->name) : SL_EXIT_OK;
}

bool sl_options_is_given(const sl_options *options, const char *name)
{
    return sl_option_table_is_given(&sl_program_this, &options->given, name);
}

sl_exit sl_options_take(sl_options *options, const char *name, const char *text)
{
    sluice_error error;
    return sl_option_table_take(&sl_program_this, get_page(SL_COMMAND_TRAIN), name, text, options, &options->given, &error)
               ? sl_report_error(&error)
               : SL_EXIT_OK;
}

sl_exit sl_options_help(const char *command)
{
    static const char *const general[] = {"help", "--help", "-h"};
    const sl_page *page = command ? sl_program_find_page(&sl_program_this, command) : sl_pages;
    for (size_t k = 0; command && k < sizeof general / sizeof general[0]; k++)
        page = strcmp(command, general[k]) == 0 ? sl_pages : page;
    if (!page)
        return sl_report(SL_EXIT_USAGE, "command '%s' is not known; expected run, train or info; see sluice help", command);
    sl_help_write(&sl_program_this, page, stdout);
    return SL_EXIT_OK;
}
