/* The table of options: how a row is read, which rows were given, in what order they are documented. */
#include "support/suite.h"
#include "support/words.h"

#include "program/pages/help.h"
#include "program/options/option_kinds.h"

#include <errno.h>
#include <getopt.h>
#include <stdint.h>
#include <string.h>

enum { ONE = 1, TWO = 2, LATE = 0, EARLY = 1 };

typedef enum colour { RED, GREEN, BLUE } colour;

typedef struct fields {
    const char *file, *text;
    bool flag, help;
    size_t number, count;
    float fraction;
    colour colour, constant;
} fields;

static const char *colour_name(size_t value)
{
    static const char *const names[] = {"red", "green", "blue"};
    return value < 3 ? names[value] : NULL;
}

static const char *const groups[] = {"Zeroth", "First", NULL};
#define FIELD(name) offsetof(fields, name)
static const sl_option table[] = {
    {"file", 'f', ONE, EARLY, "FILE", &sl_kind_file, FIELD(file), "a file"},
    {"flag", 0, ONE | TWO, LATE, NULL, &sl_kind_flag, FIELD(flag), "a flag"},
    {"same", 0, ONE, EARLY, NULL, &sl_kind_flag, FIELD(flag), "a flag of one command"},
    {"same", 'f', TWO, EARLY, "TEXT", &sl_kind_text, FIELD(text), "a text of another command", .default_text = "none"},
    {"colour", 0, ONE | TWO, LATE, "NAME", &sl_kind_choice, FIELD(colour), "a colour", colour_name, .variable = "TEST_COLOUR"},
    {"blue", 0, TWO, LATE, NULL, &sl_kind_constant, FIELD(constant), "a constant", .value = BLUE},
    {"maybe", 0, TWO, LATE, "[=TEXT]", &sl_kind_text, FIELD(text), "a text that may be left out"},
    {"number", 0, TWO, LATE, "N", &sl_kind_number, FIELD(number), "a number", .most = 9},
    {"count", 'c', TWO, LATE, "[=N]", &sl_kind_count, FIELD(count), "a count"},
    {"fraction", 0, TWO, LATE, "F", &sl_kind_fraction_f32, FIELD(fraction), "a fraction"},
    {"help", 'h', ONE | TWO, EARLY, NULL, &sl_kind_flag, FIELD(help), "help", .ends = true},
};
static const sl_page pages[] = {
    {NULL, ONE, "summary", "[OPTION]...", "First paragraph.\n\nSecond paragraph.", "program --flag"},
    {"two", TWO, "summary", "WORD", "About.", "program two"},
};
static const sl_program program = {"program", groups, table, sizeof table / sizeof table[0], pages, 2, "other"};

/* Parse words separated by blanks as command `page`. */
static sluice_status parse(size_t page, const char *line, fields *things, sl_given *given, sluice_error *error)
{
    static test_words words;
    static char name[] = "program";
    test_words_split(&words, name, line);
    memset(things, 0, sizeof *things);
    memset(given, 0xff, sizeof *given);
    return sl_option_table_parse(&program, &pages[page], words.argc, words.argv, things, given, error);
}

TEST(values_reach_their_fields)
{
    fields things;
    sl_given given;
    ck_assert_int_eq(parse(0, "-f a --flag operand --colour=green", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_str_eq(things.file, "a");
    ck_assert(things.flag && things.colour == GREEN && !things.help);
    ck_assert_int_eq(optind, 5); /* the operand has been moved behind */
    ck_assert_int_eq(parse(1, "-f a --blue", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_str_eq(things.text, "a");
    ck_assert(things.constant == BLUE && !things.file);
    ck_assert_int_eq(parse(1, "--maybe=x", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_str_eq(things.text, "x");
    ck_assert_int_eq(parse(1, "--maybe x", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_ptr_null(things.text);
}

TEST(numbers_are_parsed)
{
    fields things;
    sl_given given;
    ck_assert_int_eq(parse(1, "--number 9 -c18446744073709551615 --fraction .5", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(things.number, 9);
    ck_assert_uint_eq(things.count, SIZE_MAX); /* a letter with an optional value: -cN */
    ck_assert(things.fraction == 0.5F);
    ck_assert_int_eq(parse(1, "--number 0", &things, &given, NULL), SLUICE_STATUS_OK);
}

TEST(given_options_are_known)
{
    fields things;
    sl_given given;
    ck_assert_int_eq(parse(1, "--same x --colour red", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert(sl_option_table_is_given(&program, &given, "same") && sl_option_table_is_given(&program, &given, "--same"));
    ck_assert(sl_option_table_is_given(&program, &given, "--colour")); /* though the value is the default */
    ck_assert(!sl_option_table_is_given(&program, &given, "--flag") && !sl_option_table_is_given(&program, &given, "--absent"));
    ck_assert(!given.rows[2] && given.rows[3]); /* that of the command */
    ck_assert_int_eq(parse(1, "--col red", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert(sl_option_table_is_given(&program, &given, "--colour"));
}

TEST(an_option_that_was_not_given_can_be_taken)
{
    fields things;
    sl_given given;
    sluice_error error = {0};
    ck_assert_int_eq(parse(1, "--same given", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sl_option_table_set(&program, &pages[1], "--same", "taken", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_str_eq(things.text, "given");
    ck_assert_int_eq(sl_option_table_set(&program, &pages[1], "colour", "blue", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sl_option_table_set(&program, &pages[1], "flag", NULL, &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert(things.colour == BLUE && things.flag);
    ck_assert_int_eq(sl_option_table_set(&program, &pages[1], "file", "x", &things, &given, &error),
                     SLUICE_STATUS_BAD_ARGUMENT); /* of another command */
    ck_assert_str_eq(error.message, "--file is not an option of program two");
    ck_assert_int_eq(sl_option_table_set(&program, &pages[1], "colour", "pink", &things, &given, &error),
                     SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert(things.colour == BLUE && !things.file);
}

TEST(the_environment_is_left_alone)
{
    fields things;
    sl_given given;
    setenv("TEST_COLOUR", "blue", 1);
    ck_assert_int_eq(parse(0, "--flag", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_str_eq(getenv("TEST_COLOUR"), "blue");
    ck_assert_int_eq(parse(0, "--colour red", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert_str_eq(getenv("TEST_COLOUR"), "blue");
    unsetenv("TEST_COLOUR");
}

TEST(nothing_is_read_behind_help)
{
    fields things;
    sl_given given;
    ck_assert_int_eq(parse(0, "--help --flag --absent", &things, &given, NULL), SLUICE_STATUS_OK);
    ck_assert(things.help && !things.flag);
}

static const struct {
    size_t page;
    const char *line, *says;
} wrong[] = {
    {0, "--absent", "option '--absent' is not known; see program --help"},
    {1, "--file x", "option '--file' is not known; see program two --help"},
    {0, "-z", "option '-z' is not known; see program --help"},
    {0, "--flag=1", "option '--flag=1' takes no value; see program --help"},
    {0, "--file", "'--file' needs a value; see program --help"},
    {0, "-f", "'-f' needs a value; see program --help"},
    {0, "--f x", "option '--f' is not unique; write it out; see program --help"},
    {0, "--colour pink", "--colour: 'pink' is not known; expected one of red, green, blue"},
    {0, "--file=", "--file: expected the name of a file, found ''"},
    {1, "--number 10", "--number: expected a number from 0 to 9, found '10'"},
    {1, "--number 9,", "--number: expected a number from 0 to 9, found '9,'"},
    {1, "--number=-1", "--number: expected a number from 0 to 9, found '-1'"},
    {1, "--count=0", "--count: expected a number from 1 to 18446744073709551615, found '0'"},
    {1, "--count=18446744073709551616", "--count: expected a number from 1 to 18446744073709551615, found '18446744073709551616'"},
    {1, "--fraction 1", "--fraction: expected a number from 0 to less than 1, found '1'"},
    {1, "--fraction nan", "--fraction: expected a number from 0 to less than 1, found 'nan'"},
};

TEST_EACH(wrong_words_are_refused, wrong)
{
    fields things;
    sl_given given;
    sluice_error error = {0};
    ck_assert_int_eq(parse(wrong[_i].page, wrong[_i].line, &things, &given, &error), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_str_eq(error.message, wrong[_i].says);
}

TEST(documentation_goes_by_group)
{
    static const size_t expected[2][5] = {{1, 4, 0, 2, 10}, {1, 4, 5, 6, 7}};
    for (size_t page = 0; page < 2; page++) {
        const sl_option *option = NULL;
        for (size_t k = 0; k < 5; k++) {
            option = sl_option_next(&program, &pages[page], option);
            ck_assert_ptr_eq(option, &table[expected[page][k]]);
        }
        ck_assert(!sl_option_next(&program, &pages[page], option) == (page == 0));
    }
    ck_assert_str_eq(sl_option_get_default(&table[3]), "none");
    ck_assert_str_eq(sl_option_get_default(&table[4]), "red");
    ck_assert_ptr_null(sl_option_get_default(&table[0]));
    ck_assert_ptr_eq(sl_program_find_page(&program, "two"), &pages[1]);
    ck_assert_ptr_null(sl_program_find_page(&program, "three"));
}

TEST(help_is_the_table)
{
    static const char expected[] = "Usage: program [OPTION]...\n"
                                   "Examples:\n"
                                   "  program --flag\n"
                                   "\n"
                                   "First paragraph.\n"
                                   "\n"
                                   "Second paragraph.\n"
                                   "\n"
                                   "Commands:\n"
                                   "  two            summary\n"
                                   "  help [COMMAND] show the options of a command, with examples\n"
                                   "\n"
                                   "Zeroth:\n"
                                   "  --flag                   a flag\n"
                                   "  --colour NAME            a colour (red, green, blue; default: red)\n"
                                   "\n"
                                   "First:\n"
                                   "  -f, --file FILE          a file\n"
                                   "  --same                   a flag of one command\n"
                                   "  -h, --help               help\n";
    char name[] = "program", *const before = program_invocation_short_name;
    FREED char *text = NULL;
    size_t bytes = 0;
    FILE *stream = open_memstream(&text, &bytes);
    ck_assert_ptr_nonnull(stream);
    program_invocation_short_name = name; /* the usage names what was started */
    sl_help_write(&program, &pages[0], stream);
    program_invocation_short_name = before;
    fclose(stream);
    ck_assert_uint_gt(bytes, sizeof expected);
    text[sizeof expected - 1] = '\0'; /* behind it are variables and exit codes */
    ck_assert_str_eq(text, expected);
}
