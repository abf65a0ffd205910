#include "options.h"

#include "commands.h"
#include "mistake.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind {
    TEXT,
    FILE_NAME,
    FLAG,
    NUMBER,
    SEED,
    REAL,     /* >= 0 */
    POSITIVE, /* > 0 */
    SHARE,    /* 0 <= s < 1 */
    THREADS,
    CURVE,
    EVERY,
    ISA, /* from here on: a choice of words */
    GEMM,
    SCHEDULE,
    LAYOUT,
    PROGRESS,
    OPTIMIZER,
    RATE,
    INITIALIZER
} option_kind;

typedef struct option_entry {
    const char *name;
    char letter; /* 0: none */
    int commands;
    option_kind kind;
    size_t offset; /* of the field that takes the value of one of the kinds up to SHARE */
} option_entry;

enum { INFO = SL_COMMAND_INFO, RUN = SL_COMMAND_RUN, TRAIN = SL_COMMAND_TRAIN, BOTH = INFO | RUN, ALL = BOTH | TRAIN };

#define FIELD(name) offsetof(sl_options, name)
static const option_entry entries[] = {
    {"input", 'i', RUN | TRAIN, FILE_NAME, FIELD(input)},
    {"lengths", 0, ALL, FILE_NAME, FIELD(lengths)},
    {"h0", 0, RUN, FILE_NAME, FIELD(h0)},
    {"c0", 0, RUN, FILE_NAME, FIELD(c0)},
    {"state", 0, RUN, FILE_NAME, FIELD(state)},
    {"output", 'o', RUN | TRAIN, FILE_NAME, FIELD(output)},
    {"hn", 0, RUN, FILE_NAME, FIELD(hn)},
    {"cn", 0, RUN, FILE_NAME, FIELD(cn)},
    {"head", 0, RUN, FILE_NAME, FIELD(head)},
    {"layout", 0, RUN, LAYOUT, 0},
    {"text", 0, RUN, FLAG, FIELD(text)},
    {"rows", 0, RUN, NUMBER, FIELD(rows)},
    {"progress", 0, RUN | TRAIN, PROGRESS, 0},
    {"stats", 0, RUN | TRAIN, FLAG, FIELD(stats)},
    {"env", 0, INFO, FLAG, FIELD(env)},
    {"explain", 0, INFO, FLAG, FIELD(explain)},
    {"batch", 0, INFO | TRAIN, NUMBER, FIELD(batch)},
    {"steps", 0, INFO, NUMBER, FIELD(steps)},
    {"json", 0, ALL, FLAG, FIELD(json)},
    {"text", 0, TRAIN, FILE_NAME, FIELD(train.text)},
    {"labels", 0, TRAIN, FILE_NAME, FIELD(train.labels)},
    {"values", 0, TRAIN, FILE_NAME, FIELD(train.values)},
    {"validate", 0, TRAIN, FILE_NAME, FIELD(train.validate)},
    {"validate-lengths", 0, TRAIN, FILE_NAME, FIELD(train.validate_lengths)},
    {"validate-labels", 0, TRAIN, FILE_NAME, FIELD(train.validate_labels)},
    {"validate-values", 0, TRAIN, FILE_NAME, FIELD(train.validate_values)},
    {"validate-share", 0, TRAIN, SHARE, FIELD(train.validate_share)},
    {"from", 0, TRAIN, FILE_NAME, FIELD(train.from)},
    {"hidden", 0, TRAIN, NUMBER, FIELD(train.hidden)},
    {"layers", 0, TRAIN, NUMBER, FIELD(train.layers)},
    {"bidirectional", 0, TRAIN, FLAG, FIELD(train.bidirectional)},
    {"embedding", 0, TRAIN, NUMBER, FIELD(train.embedding)},
    {"vocabulary", 0, TRAIN, NUMBER, FIELD(train.vocabulary)},
    {"classes", 0, TRAIN, NUMBER, FIELD(train.classes)},
    {"no-bias", 0, TRAIN, FLAG, FIELD(train.no_bias)},
    {"no-head", 0, TRAIN, FLAG, FIELD(train.no_head)},
    {"init", 0, TRAIN, INITIALIZER, 0},
    {"epochs", 0, TRAIN, NUMBER, FIELD(train.epochs)},
    {"patience", 0, TRAIN, NUMBER, FIELD(train.patience)},
    {"optimizer", 0, TRAIN, OPTIMIZER, 0},
    {"rate", 0, TRAIN, POSITIVE, FIELD(train.rate)},
    {"rate-schedule", 0, TRAIN, RATE, 0},
    {"warmup", 0, TRAIN, NUMBER, FIELD(train.warmup)},
    {"momentum", 0, TRAIN, SHARE, FIELD(train.momentum)},
    {"weight-decay", 0, TRAIN, REAL, FIELD(train.weight_decay)},
    {"clip", 0, TRAIN, POSITIVE, FIELD(train.clip)},
    {"dropout", 0, TRAIN, SHARE, FIELD(train.dropout)},
    {"label-smoothing", 0, TRAIN, SHARE, FIELD(train.label_smoothing)},
    {"class-weights", 0, TRAIN, FILE_NAME, FIELD(train.class_weights)},
    {"every-step", 0, TRAIN, FLAG, FIELD(train.every_step)},
    {"truncate", 0, TRAIN, NUMBER, FIELD(train.truncate)},
    {"recompute", 0, TRAIN, NUMBER, FIELD(train.recompute)},
    {"seed", 0, TRAIN, SEED, FIELD(train.seed)},
    {"checkpoint", 0, TRAIN, FILE_NAME, FIELD(train.checkpoint)},
    {"checkpoint-every", 0, TRAIN, EVERY, 0},
    {"resume", 0, TRAIN, FILE_NAME, FIELD(train.resume)},
    {"curve", 0, TRAIN, CURVE, 0},
    {"prefix", 0, ALL, TEXT, FIELD(names.prefix)},
    {"head-name", 0, ALL, TEXT, FIELD(names.head)},
    {"embedding-name", 0, ALL, TEXT, FIELD(names.embedding)},
    {"threads", 0, ALL, THREADS, 0},
    {"isa", 0, ALL, ISA, 0},
    {"gemm", 0, BOTH, GEMM, 0},
    {"schedule", 0, BOTH, SCHEDULE, 0},
    {"plans", 0, BOTH, FILE_NAME, FIELD(plans)},
    {"help", 'h', ALL, FLAG, FIELD(help)},
    {"version", 0, ALL, FLAG, FIELD(version)},
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };
_Static_assert(ENTRIES <= SL_OPTIONS_GIVEN_WORDS * SL_OPTIONS_WORD_BITS, "sl_options.given has a bit for each option");

static const char *command_name(sl_command command)
{
    return command == SL_COMMAND_RUN ? "run" : command == SL_COMMAND_TRAIN ? "train" : "info";
}

static const char *layout_name(int value)
{
    static const char *const names[] = {"ntc", "tnc"};
    return (unsigned)value < 2 ? names[value] : NULL;
}

/* Name of value number `value` of a choice; NULL past the last. */
static const char *choice_name(option_kind kind, int value)
{
    switch (kind) {
    case ISA:
        return sluice_isa_get_name((sluice_isa)value);
    case GEMM:
        return sluice_gemm_get_name((sluice_gemm)value);
    case SCHEDULE:
        return sl_words_schedule((size_t)value);
    case PROGRESS:
        return sl_progress_get_name((sl_progress_mode)value);
    case OPTIMIZER:
        return sl_words_optimizer((size_t)value);
    case RATE:
        return sl_words_rate((size_t)value);
    case INITIALIZER:
        return sl_words_initializer((size_t)value);
    default:
        return layout_name(value);
    }
}

static sl_exit parse_choice(const option_entry *entry, const char *text, int *value)
{
    char known[128] = "";
    const char *name;
    for (*value = 0; (name = choice_name(entry->kind, *value)); ++*value) {
        if (strcmp(name, text) == 0)
            return SL_EXIT_OK;
        if (strlen(known) + strlen(name) + 3 < sizeof known) {
            strcat(known, *known ? ", " : "");
            strcat(known, name);
        }
    }
    return sl_report(SL_EXIT_USAGE, "--%s: '%s' is not known; expected one of %s", entry->name, text, known);
}

static sl_exit parse_number(const option_entry *entry, const char *text, size_t most, size_t *number)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno || value < 1 || value > most)
        return sl_report(SL_EXIT_USAGE, "--%s: expected a number from 1 to %zu, found '%s'", entry->name, most, text);
    *number = (size_t)value;
    return SL_EXIT_OK;
}

/* More is refused by the library too. */
enum { THREADS_MAX = 1024 };

static sl_exit parse_threads(const option_entry *entry, const char *text, sl_options *options)
{
    size_t number = 0;
    const sl_exit code = parse_number(entry, text, THREADS_MAX, &number);
    unsetenv("SLUICE_NUM_THREADS");
    options->engine.threads = (unsigned)number;
    return code;
}

static sl_exit parse_seed(const option_entry *entry, const char *text, uint64_t *seed)
{
    char *end;
    errno = 0;
    const unsigned long long value = strtoull(text, &end, 10);
    if (!isdigit((unsigned char)*text) || *end || errno)
        return sl_report(SL_EXIT_USAGE, "--%s: expected a number from 0 to 2^64 - 1, found '%s'", entry->name, text);
    *seed = value;
    return SL_EXIT_OK;
}

static sl_exit parse_real(const option_entry *entry, const char *text, double *real)
{
    char *end;
    const double value = strtod(text, &end);
    const bool given =
        (isdigit((unsigned char)*text) || *text == '.') && !*end && value <= (double)FLT_MAX; /* most of them end as floats */
    if (given && (entry->kind == POSITIVE ? (float)value > 0 : entry->kind == REAL || (float)value < 1)) {
        *real = value;
        return SL_EXIT_OK;
    }
    return sl_report(SL_EXIT_USAGE, "--%s: expected a number %s, found '%s'", entry->name,
                     entry->kind == POSITIVE ? "above 0, 3e38 at most"
                     : entry->kind == REAL   ? "from 0 to 3e38"
                                             : "from 0 to less than 1",
                     text);
}

/* --checkpoint-every N, of steps, or Nm, of minutes; the one given last counts. */
static sl_exit parse_every(const option_entry *entry, const char *text, sl_train_options *train)
{
    char number[24];
    const size_t length = strlen(text);
    const bool minutes = length && text[length - 1] == 'm';
    if (length - minutes >= sizeof number)
        return sl_report(SL_EXIT_USAGE, "--%s: expected a number of steps, or of minutes with an 'm' behind, found '%s'",
                         entry->name, text);
    memcpy(number, text, length - minutes);
    number[length - minutes] = '\0';
    train->checkpoint_steps = train->checkpoint_minutes = 0;
    return parse_number(entry, number, UINT32_MAX, minutes ? &train->checkpoint_minutes : &train->checkpoint_steps);
}

static sl_exit parse_curve(const option_entry *entry, const char *text, sl_train_options *train)
{
    const char *dot = strrchr(text, '.');
    if (!dot || (strcmp(dot, ".svg") != 0 && strcmp(dot, ".csv") != 0))
        return sl_report(SL_EXIT_USAGE, "--%s: expected the name of a file that ends in .svg or .csv, found '%s'", entry->name,
                         text);
    *(strcmp(dot, ".svg") ? &train->curve_csv : &train->curve_svg) = text;
    return SL_EXIT_OK;
}

static void take_choice(option_kind kind, int value, sl_options *options)
{
    switch (kind) {
    case ISA:
        unsetenv("SLUICE_ISA");
        options->engine.isa = (sluice_isa)value;
        break;
    case GEMM:
        unsetenv("SLUICE_GEMM");
        options->engine.gemm = (sluice_gemm)value;
        break;
    case SCHEDULE:
        options->measure = value == SL_WORDS_MEASURE;
        options->engine.schedule = options->measure ? SLUICE_SCHEDULE_AUTO : (sluice_schedule)value;
        break;
    case PROGRESS:
        options->progress = (sl_progress_mode)value;
        break;
    case OPTIMIZER:
        options->train.optimizer = (sluice_optimizer)value;
        break;
    case RATE:
        options->train.schedule = (sluice_rate)value;
        break;
    case INITIALIZER:
        options->train.initializer = 1 + (size_t)value;
        break;
    default:
        options->step_first = value == 1;
    }
}

static sl_exit parse_value(const option_entry *entry, const char *text, sl_options *options)
{
    void *field = (char *)options + entry->offset;
    int value = 0;
    sl_exit code;
    switch (entry->kind) {
    case FILE_NAME:
        if (!*text)
            return sl_report(SL_EXIT_USAGE, "--%s: expected the name of a file, found ''", entry->name);
        /* fall through */
    case TEXT:
        memcpy(field, &text, sizeof text);
        return SL_EXIT_OK;
    case FLAG:
        *(bool *)field = true;
        return SL_EXIT_OK;
    case NUMBER:
        return parse_number(entry, text, SIZE_MAX, field);
    case SEED:
        return parse_seed(entry, text, field);
    case REAL:
    case POSITIVE:
    case SHARE:
        return parse_real(entry, text, field);
    case THREADS:
        return parse_threads(entry, text, options);
    case CURVE:
        return parse_curve(entry, text, &options->train);
    case EVERY:
        return parse_every(entry, text, &options->train);
    default:
        code = parse_choice(entry, text, &value);
        if (!code)
            take_choice(entry->kind, value, options);
        return code;
    }
}

static const option_entry *find_letter(int letter, sl_command command)
{
    for (size_t k = 0; k < ENTRIES; k++)
        if (letter && entries[k].letter == letter && entries[k].commands & (int)command)
            return &entries[k];
    return NULL;
}

/* getopt_long's tables of a command's options: `letters` as it wants them, an option's value its index + 256. */
static void fill_tables(sl_command command, struct option *table, char *letters)
{
    *letters++ = ':';
    for (size_t k = 0; k < ENTRIES; k++) {
        if (!(entries[k].commands & (int)command))
            continue;
        const int argument = entries[k].kind == FLAG ? no_argument : required_argument;
        *table++ = (struct option){entries[k].name, argument, NULL, (int)k + 256};
        if (entries[k].letter) {
            *letters++ = entries[k].letter;
            if (argument == required_argument)
                *letters++ = ':';
        }
    }
    *table = (struct option){0};
    *letters = '\0';
}

static sl_exit parse_options(sl_command command, int argc, char **argv, sl_options *options)
{
    struct option table[ENTRIES + 1];
    char letters[2 * ENTRIES + 2];
    fill_tables(command, table, letters);
    opterr = 0;
    int found;
    while ((found = getopt_long(argc, argv, letters, table, NULL)) != -1) {
        char mistake[SL_MISTAKE_BYTES];
        if (found == ':' || found == '?')
            return sl_report(SL_EXIT_USAGE, "%s; see sluice %s --help", sl_mistake_describe(found, argv, table, mistake),
                             command_name(command));
        const option_entry *entry = found >= 256 ? &entries[found - 256] : find_letter(found, command);
        const sl_exit code = parse_value(entry, optarg, options);
        if (code)
            return code;
        const size_t index = (size_t)(entry - entries);
        options->given[index / SL_OPTIONS_WORD_BITS] |= UINT64_C(1) << index % SL_OPTIONS_WORD_BITS;
    }
    return SL_EXIT_OK;
}

/* The option of train of this name; ENTRIES if there is none. */
static size_t find_train(const char *name)
{
    size_t k = 0;
    while (k < ENTRIES && !(entries[k].commands & TRAIN && strcmp(entries[k].name, name) == 0))
        k++;
    return k;
}

bool sl_options_is_given(const sl_options *options, const char *name)
{
    const size_t k = find_train(name);
    return k < ENTRIES && options->given[k / SL_OPTIONS_WORD_BITS] >> k % SL_OPTIONS_WORD_BITS & 1;
}

sl_exit sl_options_take(sl_options *options, const char *name, const char *text)
{
    const size_t k = find_train(name);
    if (k == ENTRIES)
        return sl_report(SL_EXIT_USAGE, "--%s is not an option of sluice train", name);
    return sl_options_is_given(options, name) ? SL_EXIT_OK : parse_value(&entries[k], text, options);
}

sl_exit sl_options_parse(sl_command command, int argc, char **argv, sl_options *options)
{
    *options = (sl_options){.names.struct_size = sizeof options->names, .engine.struct_size = sizeof options->engine};
    const sl_exit code = parse_options(command, argc, argv, options);
    if (code || options->help || options->version)
        return code;
    if (command == SL_COMMAND_TRAIN && argc > optind)
        return sl_report(SL_EXIT_USAGE, "'%s' is no option; data are named by --text or --input; see sluice train --help",
                         argv[optind]);
    if (argc - optind > 1)
        return sl_report(SL_EXIT_USAGE, "one MODEL expected, found '%s' besides '%s'; see sluice %s --help", argv[optind + 1],
                         argv[optind], command_name(command));
    options->model = argv[optind];
    if (options->model && !*options->model)
        return sl_report(SL_EXIT_USAGE, "MODEL: expected the name of a file, found ''");
    return SL_EXIT_OK;
}

sl_exit sl_options_begin(sl_command command, int argc, char **argv, const char *help, sl_options *options, bool *over)
{
    *over = false;
    const sl_exit code = sl_options_parse(command, argc, argv, options);
    if (code)
        return code;
    *over = options->version || options->help;
    if (options->version)
        return sl_command_version();
    if (options->help)
        fputs(help, stdout);
    return SL_EXIT_OK;
}
