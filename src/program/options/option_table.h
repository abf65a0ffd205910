/* The one table of a program's options: its command line is read by it, and its --help, manual pages and shell completions are
 * written from it. To add an option, add a row (and, unless it is a constant, the field that takes its value). */
#ifndef SLUICE_PROGRAM_OPTIONS_OPTION_TABLE_H
#define SLUICE_PROGRAM_OPTIONS_OPTION_TABLE_H

#include "sluice.h"

#include <stdbool.h>
#include <stddef.h>

/** Rows of a table, at most. */
enum { SL_OPTIONS_MAX = 128 };

/** A number that is a macro, as text: for sl_option.standard. */
#define SL_OPTION_TEXT_(number) #number
#define SL_OPTION_TEXT(number) SL_OPTION_TEXT_(number)

/** The option being read, for messages: "--batch", and the value that the user gave it; NULL where [=VALUE] was left out. */
typedef struct sl_argument {
    const char *option;
    const char *text;
} sl_argument;

/** What a shell completes a value with. */
typedef enum sl_completion {
    SL_COMPLETE_NOTHING,
    SL_COMPLETE_FILES,
    SL_COMPLETE_WORD_OR_FILES, /* of a metavar as "word|FILE" */
    SL_COMPLETE_DIRECTORIES,
    SL_COMPLETE_CHOICE, /* one of the choices */
    SL_COMPLETE_CHOICES /* a list of them, separated by commas */
} sl_completion;

typedef struct sl_option sl_option;

/** How a value is read. `field` is where the row's offset points to in the program's options. BAD_ARGUMENT. */
typedef struct sl_option_kind {
    sluice_status (*parse)(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error);
    sl_completion completion;
} sl_option_kind;

/** A row. */
struct sl_option {
    const char *name;           /* without its dashes */
    char letter;                /* 0: none */
    unsigned commands;          /* bits of the pages (sl_page.command) that have the option */
    unsigned group;             /* of sl_program.groups */
    const char *metavar;        /* of the value: "FILE"; "[=LIST]" if it may be left out; NULL: the option takes no value */
    const sl_option_kind *kind; /* option_kinds.h has those that both programs use */
    size_t offset;              /* of the field in the program's options */
    const char *help;           /* a sentence that begins with a small letter (or a name) and has no full stop */
    const char *(*choice)(size_t value); /* name of value 0, 1, ...; NULL past the last. NULL: the value is no choice */
    const char *standard;                /* what holds if the option is not given, as text; NULL: choice 0, or what `help` says */
    size_t least, most;                  /* of a number */
    unsigned value;                      /* of a constant: what is stored */
    bool ends;                           /* nothing behind it is read: --help */
    const char *variable;                /* of the environment, which the option takes precedence over. NULL: none */
};

/** A page of documentation: of the program, or of one of its commands. */
typedef struct sl_page {
    const char *name;     /* of the command; NULL: the program's own page, which is the first */
    unsigned command;     /* the bit in sl_option.commands */
    const char *summary;  /* one line, as sl_option.help */
    const char *usage;    /* lines, each what follows the name of program and command */
    const char *about;    /* paragraphs, with an empty line in between */
    const char *examples; /* lines, as typed at a shell */
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

/** The program that is built: each defines its own. */
extern const sl_program sl_program_this;

/** Which rows of the table the command line had. */
typedef struct sl_given {
    bool rows[SL_OPTIONS_MAX];
} sl_given;

/** Read the options among the arguments behind argv[0] into `options`, which has the fields at the rows' offsets, and set `given`.
 *  optind is then the first operand's index, unless an option that ends the reading was given. BAD_ARGUMENT. */
SLUICE_WARN_UNUSED sluice_status sl_option_table_parse(const sl_program *program, const sl_page *page, int argc, char **argv,
                                                       void *options, sl_given *given, sluice_error *error);

/** Whether an option was given; `name` with its dashes or without. */
bool sl_option_table_is_given(const sl_program *program, const sl_given *given, const char *name);

/** Set an option as `--name text` would (a flag ignores the text), unless it was given. Texts and paths are kept as pointers.
 *  BAD_ARGUMENT: the page has no such option, or the text is none for it. */
SLUICE_WARN_UNUSED sluice_status sl_option_table_take(const sl_program *program, const sl_page *page, const char *name,
                                                      const char *text, void *options, const sl_given *given, sluice_error *error);

/** The page of a command; NULL if there is no such command. */
const sl_page *sl_program_find_page(const sl_program *program, const char *command);

/** A page's rows in the order of the documentation, by group: the one after `option`, or the first after NULL; NULL at the end. */
const sl_option *sl_option_next(const sl_program *program, const sl_page *page, const sl_option *option);

/** The choices as text: "auto, rows or hoist", or with another last joint. Returns text. */
enum { SL_CHOICES_BYTES = 256 };
const char *sl_option_list_choices(const sl_option *option, const char *last_joint, char text[SL_CHOICES_BYTES]);

/** The default as text; NULL if there is none to be told. */
const char *sl_option_get_standard(const sl_option *option);

#endif
