/* The table of a program's options. The command line is parsed with it, and --help, manual pages and shell completions are written
 * from it. To add an option, add a row and the field that receives its value. */
#ifndef SLUICE_PROGRAM_OPTIONS_OPTION_TABLE_H
#define SLUICE_PROGRAM_OPTIONS_OPTION_TABLE_H

#include "sluice.h"

#include <stdbool.h>
#include <stddef.h>

/** Largest number of rows of a table. */
enum { SL_OPTIONS_MAX = 128 };

/** The value of a macro as text, for sl_option.default_text. */
#define SL_OPTION_TEXT_(number) #number
#define SL_OPTION_TEXT(number) SL_OPTION_TEXT_(number)

/** An option on the command line: its name for messages, "--batch", and its value; NULL where [=VALUE] was left out. */
typedef struct sl_argument {
    const char *option;
    const char *text;
} sl_argument;

/** What the shell offers as completions of a value. */
typedef enum sl_completion {
    SL_COMPLETE_NOTHING,
    SL_COMPLETE_FILES,
    SL_COMPLETE_WORD_OR_FILES, /* the metavar is "word|FILE", of one or more words */
    SL_COMPLETE_DIRECTORIES,
    SL_COMPLETE_CHOICE, /* one of the choices */
    SL_COMPLETE_CHOICES /* a list of them, separated by commas */
} sl_completion;

typedef struct sl_option sl_option;

/** C type of the field that receives a value. */
typedef enum sl_value_type {
    SL_TYPE_OTHER,
    SL_TYPE_BOOL,
    SL_TYPE_SIZE,
    SL_TYPE_UINT64,
    SL_TYPE_SEED, /* uint64_t, of which all 64 bits count */
    SL_TYPE_DOUBLE,
    SL_TYPE_FLOAT,
    SL_TYPE_CHOICE, /* an enum */
    SL_TYPE_TEXT    /* const char * */
} sl_value_type;

/** How a value is parsed. `field` is at the row's offset in the program's options. BAD_ARGUMENT. */
typedef struct sl_option_kind {
    sluice_status (*parse)(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error);
    sl_completion completion;
    sl_value_type type;
} sl_option_kind;

/** A row of the table. */
struct sl_option {
    const char *name;    /* without its dashes */
    char letter;         /* 0: none */
    unsigned commands;   /* bits of the pages (sl_page.command) that have the option */
    unsigned group;      /* of sl_program.groups */
    const char *metavar; /* placeholder of the value: "FILE"; "[=LIST]" if it may be left out; NULL: the option has no value */
    const sl_option_kind *kind;          /* see option_kinds.h */
    size_t offset;                       /* of the field in the program's options */
    const char *help;                    /* a sentence that begins with a small letter (or a name) and has no full stop */
    const char *(*choice)(size_t value); /* name of value 0, 1, ...; NULL past the last. NULL: the value is no choice */
    const char *default_text;            /* default value; NULL: choice 0, or `help` describes it */
    size_t least, most;                  /* bounds of a number */
    unsigned value;                      /* of a constant: the value that is stored */
    bool ends;                           /* arguments after it are not parsed: --help */
    bool recorded;                       /* part of a training checkpoint: it changes the trained model (train_record.h) */
    const char *variable;                /* of the environment, which the option takes precedence over. NULL: none */
};

/** A page of documentation: of the program, or of one of its commands. */
typedef struct sl_page {
    const char *name;     /* of the command; NULL: the program's own page, which is the first */
    unsigned command;     /* the bit in sl_option.commands */
    const char *summary;  /* one line, written like sl_option.help */
    const char *usage;    /* lines, without the name of program and command */
    const char *about;    /* paragraphs, separated by an empty line */
    const char *examples; /* shell command lines */
    sl_completion operands;
} sl_page;

typedef struct sl_program {
    const char *name;
    const char *const *groups; /* headings, NULL at the end */
    const sl_option *options;
    size_t option_count;
    const sl_page *pages;
    size_t page_count;
    const char *see_also; /* another program of the project */
} sl_program;

/** The table of this program; each program defines its own. */
extern const sl_program sl_program_this;

/** For each row of the table: whether the command line has the option. */
typedef struct sl_given {
    bool rows[SL_OPTIONS_MAX];
} sl_given;

/** Parse the options among the arguments after argv[0] into `options`, which has the fields at the offsets of the rows, and set
 *  `given`. Then optind is the index of the first operand, unless an option that ends the parsing was given. BAD_ARGUMENT. */
SLUICE_WARN_UNUSED sluice_status sl_option_table_parse(const sl_program *program, const sl_page *page, int argc, char **argv,
                                                       void *options, sl_given *given, sluice_error *error);

/** Whether an option was given; `name` with or without its dashes. */
bool sl_option_table_is_given(const sl_program *program, const sl_given *given, const char *name);

/** Set an option as `--name text` would (a flag ignores the text), unless it was given. Texts and paths are stored as pointers.
 *  BAD_ARGUMENT: the page has no such option, or the text is not a valid value. */
SLUICE_WARN_UNUSED sluice_status sl_option_table_set(const sl_program *program, const sl_page *page, const char *name,
                                                     const char *text, void *options, const sl_given *given, sluice_error *error);

/** The page of a command; NULL if there is no such command. */
const sl_page *sl_program_find_page(const sl_program *program, const char *command);

/** Iterate over the rows of a page in the order of the documentation, by group: the row after `option`, the first row after NULL;
 *  NULL at the end. */
const sl_option *sl_option_next(const sl_program *program, const sl_page *page, const sl_option *option);

/** List the choices: "auto, rows or hoist" where last_separator is " or ". Returns text. */
enum { SL_CHOICES_BYTES = 256 };
const char *sl_option_list_choices(const sl_option *option, const char *last_separator, char text[SL_CHOICES_BYTES]);

/** The default value as text; NULL if the documentation names none. */
const char *sl_option_get_default(const sl_option *option);

#endif
