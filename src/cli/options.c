#include "options.h"

#include "mistake.h"
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef enum option_kind { TEXT, FILE_NAME, FLAG, NUMBER, THREADS, ISA, GEMM, SCHEDULE, LAYOUT, PROGRESS } option_kind;

typedef struct option_entry {
    const char *name;
    char letter; /* 0: none */
    int commands;
    option_kind kind;
    size_t offset; /* of the field of a TEXT, a FILE_NAME, a FLAG or a NUMBER */
} option_entry;

enum { INFO = SL_COMMAND_INFO, RUN = SL_COMMAND_RUN, BOTH = INFO | RUN };

#define FIELD(name) offsetof(sl_options, name)
static const option_entry entries[] = {
    {"input", 'i', RUN, FILE_NAME, FIELD(input)},
    {"lengths", 0, BOTH, FILE_NAME, FIELD(lengths)},
    {"h0", 0, RUN, FILE_NAME, FIELD(h0)},
    {"c0", 0, RUN, FILE_NAME, FIELD(c0)},
    {"state", 0, RUN, FILE_NAME, FIELD(state)},
    {"output", 'o', RUN, FILE_NAME, FIELD(output)},
    {"hn", 0, RUN, FILE_NAME, FIELD(hn)},
    {"cn", 0, RUN, FILE_NAME, FIELD(cn)},
    {"head", 0, RUN, FILE_NAME, FIELD(head)},
    {"layout", 0, RUN, LAYOUT, 0},
    {"text", 0, RUN, FLAG, FIELD(text)},
    {"rows", 0, RUN, NUMBER, FIELD(rows)},
    {"progress", 0, RUN, PROGRESS, 0},
    {"stats", 0, RUN, FLAG, FIELD(stats)},
    {"env", 0, INFO, FLAG, FIELD(env)},
    {"explain", 0, INFO, FLAG, FIELD(explain)},
    {"batch", 0, INFO, NUMBER, FIELD(batch)},
    {"steps", 0, INFO, NUMBER, FIELD(steps)},
    {"json", 0, BOTH, FLAG, FIELD(json)},
    {"prefix", 0, BOTH, TEXT, FIELD(names.prefix)},
    {"head-name", 0, BOTH, TEXT, FIELD(names.head)},
    {"embedding-name", 0, BOTH, TEXT, FIELD(names.embedding)},
    {"threads", 0, BOTH, THREADS, 0},
    {"isa", 0, BOTH, ISA, 0},
    {"gemm", 0, BOTH, GEMM, 0},
    {"schedule", 0, BOTH, SCHEDULE, 0},
    {"plans", 0, BOTH, FILE_NAME, FIELD(plans)},
    {"help", 'h', BOTH, FLAG, FIELD(help)},
    {"version", 0, BOTH, FLAG, FIELD(version)},
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

static const char *command_name(sl_command command)
{
    return command == SL_COMMAND_RUN ? "run" : "info";
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

static sl_exit parse_value(const option_entry *entry, const char *text, sl_options *options)
{
    int value = 0;
    sl_exit code = SL_EXIT_OK;
    switch (entry->kind) {
    case FILE_NAME:
        if (!*text)
            return sl_report(SL_EXIT_USAGE, "--%s: expected the name of a file, found ''", entry->name);
        /* fall through */
    case TEXT:
        memcpy((char *)options + entry->offset, &text, sizeof text);
        return SL_EXIT_OK;
    case FLAG:
        *(bool *)((char *)options + entry->offset) = true;
        return SL_EXIT_OK;
    case NUMBER:
        return parse_number(entry, text, SIZE_MAX, (size_t *)((char *)options + entry->offset));
    case THREADS:
        return parse_threads(entry, text, options);
    default:
        code = parse_choice(entry, text, &value);
    }
    if (code)
        return code;
    if (entry->kind == ISA) {
        unsetenv("SLUICE_ISA");
        options->engine.isa = (sluice_isa)value;
    } else if (entry->kind == GEMM) {
        unsetenv("SLUICE_GEMM");
        options->engine.gemm = (sluice_gemm)value;
    } else if (entry->kind == SCHEDULE) {
        options->measure = value == SL_WORDS_MEASURE;
        options->engine.schedule = options->measure ? SLUICE_SCHEDULE_AUTO : (sluice_schedule)value;
    } else if (entry->kind == PROGRESS) {
        options->progress = (sl_progress_mode)value;
    } else {
        options->step_first = value == 1;
    }
    return SL_EXIT_OK;
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
    }
    return SL_EXIT_OK;
}

sl_exit sl_options_parse(sl_command command, int argc, char **argv, sl_options *options)
{
    *options = (sl_options){.names.struct_size = sizeof options->names, .engine.struct_size = sizeof options->engine};
    const sl_exit code = parse_options(command, argc, argv, options);
    if (code || options->help || options->version)
        return code;
    if (argc - optind > 1)
        return sl_report(SL_EXIT_USAGE, "one MODEL expected, found '%s' besides '%s'; see sluice %s --help", argv[optind + 1],
                         argv[optind], command_name(command));
    options->model = argv[optind];
    if (options->model && !*options->model)
        return sl_report(SL_EXIT_USAGE, "MODEL: expected the name of a file, found ''");
    return SL_EXIT_OK;
}
