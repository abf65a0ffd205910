#include "program/exit.h"
#include "program/pages/help.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- Text ------------------------------------------------------------------------------------------------------------------ */

/* Escape the characters that have a meaning in roff, or that roff would replace by typographic ones which a shell does not know. */
static void put_char(FILE *stream, char c)
{
    static const char *const escapes[][2] = {{"\\", "\\e"},  {"-", "\\-"},   {"'", "\\(aq"}, {"\"", "\\(dq"},
                                             {"`", "\\(ga"}, {"^", "\\(ha"}, {"~", "\\(ti"}};
    for (size_t k = 0; k < sizeof escapes / sizeof escapes[0]; k++) {
        if (c == escapes[k][0][0]) {
            fputs(escapes[k][1], stream);
            return;
        }
    }
    fputc(c, stream);
}

static void put_chars(FILE *stream, const char *text, size_t count)
{
    for (size_t k = 0; k < count; k++)
        put_char(stream, text[k]);
}

static void put_string(FILE *stream, const char *text)
{
    put_chars(stream, text, strlen(text));
}

static void put_font(FILE *stream, char font, const char *text, size_t count)
{
    fprintf(stream, "\\f%c", font);
    put_chars(stream, text, count);
    fputs("\\fR", stream);
}

/* Write a word; if it is an option, in bold. "\\&" stands before a full stop because roff reads a line that begins with one as a
 * request. */
static void put_word(FILE *stream, const char *word, size_t length)
{
    const size_t front = strspn(word, "[(");
    size_t name = strspn(word + front, "-");
    const bool is_option = front < length && name && name <= 2 && isalpha((unsigned char)word[front + name]);
    while (is_option && front + name < length && (isalnum((unsigned char)word[front + name]) || word[front + name] == '-'))
        name++;
    if (word[0] == '.')
        fputs("\\&", stream);
    if (!is_option) {
        put_chars(stream, word, length);
        return;
    }
    put_chars(stream, word, front);
    put_font(stream, 'B', word + front, name);
    put_chars(stream, word + front + name, length - front - name);
}

/* Write the words up to `end` in lines of less than 80 columns. Each sentence begins a new line, as is usual in roff sources. */
static void put_words(FILE *stream, const char *text, const char *end)
{
    enum { WIDTH = 50 }; /* counted without the escapes */
    size_t column = 0;
    while (text < end) {
        const size_t length = strcspn(text, " \n");
        put_word(stream, text, length);
        column += length + 1;
        const bool ends_sentence = length > 1 && text[length - 1] == '.' && text[length - 2] != '.';
        const bool ends = text + length >= end || column > WIDTH || ends_sentence;
        fputc(ends ? '\n' : ' ', stream);
        column = ends ? 0 : column;
        text += length + (text[length] != '\0');
    }
}

/* Write a sentence of the table, which begins with a small letter and has no full stop, with a capital letter and a full stop. */
static void put_sentence(FILE *stream, const char *text)
{
    char sentence[1024];
    snprintf(sentence, sizeof sentence, "%c%s.", toupper((unsigned char)text[0]), text + 1);
    put_words(stream, sentence, sentence + strlen(sentence));
}

static void put_paragraphs(FILE *stream, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        end = end ? end : text + strlen(text);
        put_words(stream, text, end);
        text = end + strspn(end, "\n");
        if (*text)
            fputs(".PP\n", stream);
    }
}

/* ---- Sections -------------------------------------------------------------------------------------------------------------- */

const char *sl_man_page_get_name(const sl_program *program, const sl_page *page, char text[SL_PAGE_NAME_BYTES])
{
    snprintf(text, SL_PAGE_NAME_BYTES, "%s%s%s", program->name, page->name ? "-" : "", page->name ? page->name : "");
    return text;
}

static void write_title(const char *name, FILE *stream)
{
    const char *epoch = getenv("SOURCE_DATE_EPOCH");
    const time_t seconds = epoch ? (time_t)strtoll(epoch, NULL, 10) : 0;
    struct tm fields;
    char date[16] = "";
    if (epoch && gmtime_r(&seconds, &fields))
        strftime(date, sizeof date, "%Y-%m-%d", &fields);
    fputs(".TH ", stream);
    for (const char *c = name; *c; c++)
        put_char(stream, (char)toupper((unsigned char)*c));
    fprintf(stream, " 1 \"%s\" \"Sluice %s\" \"Sluice manual\"\n", date, sluice_version_get());
}

static void write_synopsis(const sl_program *program, const sl_page *page, FILE *stream)
{
    fputs(".SH SYNOPSIS\n", stream);
    for (const char *line = page->usage; *line;) {
        const size_t length = strcspn(line, "\n");
        put_font(stream, 'B', program->name, strlen(program->name));
        if (page->name) {
            fputc(' ', stream);
            put_font(stream, 'B', page->name, strlen(page->name));
        }
        fputc('\n', stream);
        put_words(stream, line, line + length);
        line += length + (line[length] == '\n');
        if (*line)
            fputs(".br\n", stream);
    }
}

static void write_commands(const sl_program *program, FILE *stream)
{
    char name[SL_PAGE_NAME_BYTES];
    fputs(".SH COMMANDS\n", stream);
    for (size_t k = 1; k < program->page_count; k++) {
        const sl_page *page = &program->pages[k];
        fprintf(stream, ".TP\n\\fB%s\\fR\n", page->name);
        put_sentence(stream, page->summary);
        fputs("See ", stream);
        put_string(stream, sl_man_page_get_name(program, page, name));
        fputs("(1).\n", stream);
    }
    fputs(".TP\n\\fBhelp\\fR [\\fICOMMAND\\fR]\nShow the options of a command, with examples.\n", stream);
}

static void write_choices(const sl_option *option, FILE *stream)
{
    char choices[SL_CHOICES_BYTES], text[SL_CHOICES_BYTES + 64];
    sl_option_list_choices(option, " or ", choices);
    const bool is_list = option->kind->completion == SL_COMPLETE_CHOICES;
    snprintf(text, sizeof text, is_list ? "one or more, separated by commas, of %s" : "one of %s", choices);
    put_sentence(stream, text);
}

static void write_option(const sl_option *option, FILE *stream)
{
    const char *default_text = sl_option_get_default(option);
    char text[128];
    fputs(".TP\n", stream);
    if (option->letter)
        fprintf(stream, "\\fB\\-%c\\fR, ", option->letter);
    fputs("\\fB\\-\\-", stream);
    put_string(stream, option->name);
    fputs("\\fR", stream);
    if (option->metavar) {
        fputs(option->metavar[0] == '[' ? "" : " ", stream);
        put_font(stream, 'I', option->metavar, strlen(option->metavar));
    }
    fputc('\n', stream);
    put_sentence(stream, option->help);
    if (option->choice)
        write_choices(option, stream);
    if (default_text) {
        snprintf(text, sizeof text, "the default is %s", default_text);
        put_sentence(stream, text);
    }
    if (option->variable) {
        snprintf(text, sizeof text, "takes precedence over the environment variable %s", option->variable);
        put_sentence(stream, text);
    }
}

static void write_options(const sl_program *program, const sl_page *page, FILE *stream)
{
    const sl_option *last = NULL;
    fputs(".SH OPTIONS\n", stream);
    for (const sl_option *option = NULL; (option = sl_option_next(program, page, option)); last = option) {
        if (!last || option->group != last->group) {
            fputs(".SS ", stream);
            put_string(stream, program->groups[option->group]);
            fputc('\n', stream);
        }
        write_option(option, stream);
    }
}

static void write_examples(const sl_page *page, FILE *stream)
{
    fputs(".SH EXAMPLES\n.EX\n", stream);
    put_string(stream, page->examples);
    fputs("\n.EE\n", stream);
}

/* The sections that are the same on all pages. */
/* A variable's effect and, where an option has the same choices, its values. */
static void write_variable(const sl_program *program, const sl_variable *variable, FILE *stream)
{
    fprintf(stream, ".TP\n\\fB%s\\fR\n", variable->names);
    put_sentence(stream, variable->help);
    for (size_t k = 0; k < program->option_count; k++) {
        const sl_option *option = &program->options[k];
        char choices[SL_CHOICES_BYTES], text[SL_CHOICES_BYTES + 64];
        if (!option->choice || !option->variable || strcmp(option->variable, variable->names) != 0)
            continue;
        snprintf(text, sizeof text, "one of %s", sl_option_list_choices(option, " or ", choices));
        put_sentence(stream, text);
    }
}

static void write_surroundings(const sl_program *program, FILE *stream)
{
    fputs(".SH ENVIRONMENT\n", stream);
    for (size_t k = 0; sl_help_get_variable(k); k++)
        write_variable(program, sl_help_get_variable(k), stream);
    fputs(".SH FILES\n.TP\n\\fI.sluice\\-XXXXXXXXXXXXXXXX.tmp\\fR\n", stream);
    put_sentence(
        stream,
        "on a file system without unnamed temporary files, such as NFS or FAT, an output is written under such a name in its "
        "folder until it is complete; a run that was killed may leave it there, and it may be deleted");
    fputs(".SH EXIT STATUS\n", stream);
    for (size_t k = 0; sl_exit_get_meaning(k); k++) {
        fprintf(stream, ".TP\n\\fB%d\\fR\n", sl_exit_get_meaning(k)->code);
        put_sentence(stream, sl_exit_get_meaning(k)->meaning);
    }
}

static void write_see_also(const sl_program *program, const sl_page *page, FILE *stream)
{
    char name[SL_PAGE_NAME_BYTES];
    fputs(".SH SEE ALSO\n", stream);
    for (size_t k = 0; k < program->page_count; k++) {
        if (&program->pages[k] != page) {
            put_string(stream, sl_man_page_get_name(program, &program->pages[k], name));
            fputs("(1),\n", stream);
        }
    }
    put_string(stream, program->see_also);
    fputs("(1)\n", stream);
}

void sl_man_page_write(const sl_program *program, const sl_page *page, FILE *stream)
{
    char name[SL_PAGE_NAME_BYTES];
    write_title(sl_man_page_get_name(program, page, name), stream);
    fputs(".SH NAME\n", stream);
    put_string(stream, name);
    fputs(" \\- ", stream);
    put_string(stream, page->summary);
    fputc('\n', stream);
    write_synopsis(program, page, stream);
    fputs(".SH DESCRIPTION\n", stream);
    put_paragraphs(stream, page->about);
    if (page == program->pages && program->page_count > 1)
        write_commands(program, stream);
    write_options(program, page, stream);
    write_examples(page, stream);
    write_surroundings(program, stream);
    write_see_also(program, page, stream);
}
