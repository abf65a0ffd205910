#include "program/options/option_table.h"

#include "base/error.h"

#include <assert.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- Parsing --------------------------------------------------------------------------------------------------------------- */

/* The arguments of getopt_long for the options of a page. It returns index + LONG for a long option. */
enum { LONG = 256 };

static int get_argument(const sl_option *option)
{
    return !option->metavar ? no_argument : option->metavar[0] == '[' ? optional_argument : required_argument;
}

static void fill_tables(const sl_program *program, const sl_page *page, struct option *table, char *letters)
{
    *letters++ = ':';
    for (size_t k = 0; k < program->option_count; k++) {
        const sl_option *option = &program->options[k];
        if (!(option->commands & page->command))
            continue;
        *table++ = (struct option){option->name, get_argument(option), NULL, (int)k + LONG};
        if (option->letter) {
            *letters++ = option->letter;
            for (int colons = get_argument(option); colons; colons--) /* ":" for a value, "::" for an optional one */
                *letters++ = ':';
        }
    }
    *table = (struct option){0};
    *letters = '\0';
}

static size_t find_letter(const sl_program *program, const sl_page *page, int letter)
{
    size_t k = 0;
    while (program->options[k].letter != letter || !(program->options[k].commands & page->command))
        k++;
    return k;
}

enum { ERROR_BYTES = 256 };

/* Number of options of which the argument, without its dashes and its value, is an abbreviation. */
static unsigned count_matches(const char *word, const struct option *options)
{
    unsigned count = 0;
    word += strspn(word, "-");
    for (; options->name; options++)
        count += strncmp(options->name, word, strcspn(word, "=")) == 0;
    return count;
}

/* Describe the argument for which getopt_long has just returned `found`, ':' or '?': "'--rows' needs a value". The call had
 *  opterr 0 and a string of letters that begins with ':'. Returns text. */
static const char *describe_error(int found, char **argv, const struct option *options, char text[ERROR_BYTES])
{
    /* optind is the index after the rejected argument, unless that is in the middle of a group of letters such as -abc. */
    const char *word = argv[optind - 1];
    if (found == ':')
        snprintf(text, ERROR_BYTES, "'%.200s' needs a value", word);
    else if (optopt > 0 && optopt <= UCHAR_MAX && strncmp(word, "--", 2) != 0)
        snprintf(text, ERROR_BYTES, "option '-%c' is not known", optopt);
    else if (optopt)
        snprintf(text, ERROR_BYTES, "option '%.200s' takes no value", word);
    else if (count_matches(word, options) > 1)
        snprintf(text, ERROR_BYTES, "option '%.200s' is not unique; write it out", word);
    else
        snprintf(text, ERROR_BYTES, "option '%.200s' is not known", word);
    return text;
}

static sluice_status fail_argument(const sl_program *program, const sl_page *page, int found, char **argv,
                                   const struct option *table, sluice_error *error)
{
    char text[ERROR_BYTES];
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s; see %s%s%s --help", describe_error(found, argv, table, text),
                   program->name, page->name ? " " : "", page->name ? page->name : "");
}

static sluice_status parse_value(const sl_option *option, const char *text, void *options, sluice_error *error)
{
    char name[64];
    snprintf(name, sizeof name, "--%s", option->name);
    return option->kind->parse(option, &(sl_argument){name, text}, (char *)options + option->offset, error);
}

sluice_status sl_option_table_parse(const sl_program *program, const sl_page *page, int argc, char **argv, void *options,
                                    sl_given *given, sluice_error *error)
{
    struct option table[SL_OPTIONS_MAX + 1];
    char letters[3 * SL_OPTIONS_MAX + 2];
    int found;
    assert(program->option_count <= SL_OPTIONS_MAX);
    fill_tables(program, page, table, letters);
    *given = (sl_given){0};
    opterr = 0;
    while ((found = getopt_long(argc, argv, letters, table, NULL)) != -1) {
        if (found == ':' || found == '?')
            return fail_argument(program, page, found, argv, table, error);
        const size_t k = found >= LONG ? (size_t)found - LONG : find_letter(program, page, found);
        const sluice_status status = parse_value(&program->options[k], optarg, options, error);
        given->rows[k] = true;
        if (status || program->options[k].ends)
            return status;
    }
    return SLUICE_STATUS_OK;
}

bool sl_option_table_is_given(const sl_program *program, const sl_given *given, const char *name)
{
    name += strspn(name, "-");
    for (size_t k = 0; k < program->option_count; k++)
        if (given->rows[k] && strcmp(program->options[k].name, name) == 0)
            return true;
    return false;
}

sluice_status sl_option_table_set(const sl_program *program, const sl_page *page, const char *name, const char *text, void *options,
                                  const sl_given *given, sluice_error *error)
{
    name += strspn(name, "-");
    for (size_t k = 0; k < program->option_count; k++) {
        const sl_option *option = &program->options[k];
        if (option->commands & page->command && strcmp(option->name, name) == 0)
            return given->rows[k] ? SLUICE_STATUS_OK : parse_value(option, text, options, error);
    }
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "--%.200s is not an option of %s %s", name, program->name,
                   page->name ? page->name : "");
}

/* ---- Documentation ---------------------------------------------------------------------------------------------------------- */

const sl_page *sl_program_find_page(const sl_program *program, const char *command)
{
    for (size_t k = 0; k < program->page_count; k++)
        if (program->pages[k].name && strcmp(program->pages[k].name, command) == 0)
            return &program->pages[k];
    return NULL;
}

const sl_option *sl_option_next(const sl_program *program, const sl_page *page, const sl_option *option)
{
    const sl_option *end = program->options + program->option_count;
    size_t group = option ? option->group : 0;
    option = option ? option + 1 : program->options;
    for (; program->groups[group]; group++, option = program->options)
        for (; option < end; option++)
            if (option->group == group && option->commands & page->command)
                return option;
    return NULL;
}

const char *sl_option_list_choices(const sl_option *option, const char *last_separator, char text[SL_CHOICES_BYTES])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t value = 0; option->choice(value) && used < SL_CHOICES_BYTES; value++) {
        const char *separator = value == 0 ? "" : option->choice(value + 1) ? ", " : last_separator;
        used += (size_t)snprintf(text + used, SL_CHOICES_BYTES - used, "%s%s", separator, option->choice(value));
    }
    return text;
}

const char *sl_option_get_default(const sl_option *option)
{
    return option->default_text || !option->choice ? option->default_text : option->choice(0);
}
