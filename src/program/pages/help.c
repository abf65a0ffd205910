#include "program/pages/help.h"

#include "program/exit.h"

#include <errno.h>
#include <string.h>

enum { WIDTH = 80, HELP_COLUMN = 27, TEXT_BYTES = 1024 };

const sl_variable *sl_help_get_variable(size_t k)
{
    static const sl_variable variables[] = {
        {"SLUICE_NUM_THREADS", "number of threads, unless --threads is given; it takes precedence over OMP_NUM_THREADS"},
        {"SLUICE_ISA", "use at most this instruction set, unless --isa is given"},
        {"SLUICE_GEMM", "how matrices are multiplied, fused or by BLIS, unless --gemm is given"},
        {"SLUICE_MACHINE", "auto, table or a file: figures of the machine's speed, unless --machine is given"},
        {"SLUICE_PRECISION",
         "precision of the LSTM layers' products, unless --precision is given; training is f32 whatever it says"},
        {"OMP_NUM_THREADS",
         "number of threads where neither --threads nor SLUICE_NUM_THREADS is given; by default the least of CPU affinity, "
         "the CPU quota of the cgroup and the number of physical cores"},
        {"OMP_PROC_BIND, OMP_PLACES, OMP_WAIT_POLICY", "on which CPUs threads run and how they wait: read by the OpenMP runtime"},
        {"BLIS_ARCH_TYPE", "the kernels that BLIS uses; if BLIS does not know the CPU, the programs set it"},
    };
    return k < sizeof variables / sizeof variables[0] ? &variables[k] : NULL;
}

/* Write the words of `text` up to `end`, beginning at `column`; the following lines are indented by `indent`. Ends the last line. */
static void write_words(FILE *stream, const char *text, const char *end, int column, int indent)
{
    bool first = true;
    while (text < end) {
        const int length = (int)strcspn(text, " \n");
        if (!first && column + 1 + length > WIDTH) {
            fprintf(stream, "\n%*s", indent, "");
            column = indent;
        } else if (!first) {
            fputc(' ', stream);
            column++;
        }
        fprintf(stream, "%.*s", length, text);
        column += length;
        text += length + 1;
        first = false;
    }
    fputc('\n', stream);
}

static void write_paragraph(FILE *stream, const char *text)
{
    write_words(stream, text, text + strlen(text), 0, 0);
}

/* Write each line of `text` after `first` and `name`; after "Usage: " the following lines are aligned with the first one. */
static void write_lines(FILE *stream, const char *first, const char *name, const char *text)
{
    while (*text) {
        const size_t length = strcspn(text, "\n");
        fprintf(stream, "%s%s%.*s\n", first, name, (int)length, text);
        text += length + (text[length] == '\n');
        if (strcmp(first, "Usage: ") == 0)
            first = "       ";
    }
}

static void write_about(FILE *stream, const char *text)
{
    while (*text) {
        const char *end = strstr(text, "\n\n");
        end = end ? end : text + strlen(text);
        write_words(stream, text, end, 0, 0);
        fputc('\n', stream);
        text = end + strspn(end, "\n");
    }
}

static void write_option(FILE *stream, const sl_option *option)
{
    char text[TEXT_BYTES], choices[SL_CHOICES_BYTES] = "";
    const char *default_text = sl_option_get_default(option), *separator = "";
    int column =
        option->letter ? fprintf(stream, "  -%c, --%s", option->letter, option->name) : fprintf(stream, "  --%s", option->name);
    if (option->metavar)
        column += fprintf(stream, "%s%s", option->metavar[0] == '[' ? "" : " ", option->metavar);
    if (column + 2 > HELP_COLUMN)
        column = fprintf(stream, "\n") - 1;
    fprintf(stream, "%*s", HELP_COLUMN - column, "");
    if (option->choice) {
        sl_option_list_choices(option, ", ", choices);
        separator = default_text ? "; " : "";
    }
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", option->help, option->choice || default_text ? " (" : "", choices, separator,
             default_text ? "default: " : "", default_text ? default_text : "", option->choice || default_text ? ")" : "");
    write_words(stream, text, text + strlen(text), HELP_COLUMN, HELP_COLUMN);
}

static void write_options(const sl_program *program, const sl_page *page, FILE *stream)
{
    const sl_option *last = NULL;
    for (const sl_option *option = NULL; (option = sl_option_next(program, page, option)); last = option) {
        if (!last || option->group != last->group)
            fprintf(stream, "%s%s:\n", last ? "\n" : "", program->groups[option->group]);
        write_option(stream, option);
    }
}

static void write_commands(const sl_program *program, FILE *stream)
{
    fprintf(stream, "Commands:\n");
    for (size_t k = 1; k < program->page_count; k++)
        fprintf(stream, "  %-14s %s\n", program->pages[k].name, program->pages[k].summary);
    fprintf(stream, "  %-14s %s\n\n", "help [COMMAND]", "show the options of a command, with examples");
}

/* The names of environment variables and exit codes; the manual explains them. */
static void write_environment(const sl_program *program, FILE *stream)
{
    char text[TEXT_BYTES];
    const char *separator = "";
    int used = snprintf(text, sizeof text, "Environment: ");
    for (size_t k = 0; sl_help_get_variable(k); k++, separator = ", ")
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", separator, sl_help_get_variable(k)->names);
    fputc('\n', stream);
    write_paragraph(stream, text);
    used = snprintf(text, sizeof text, "Exit status: ");
    separator = "";
    for (size_t k = 0; sl_exit_get_meaning(k); k++, separator = ", ")
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%d %s", separator, sl_exit_get_meaning(k)->code,
                         sl_exit_get_meaning(k)->name);
    snprintf(text + used, sizeof text - (size_t)used, "; more in man %s", program->name);
    write_paragraph(stream, text);
}

void sl_help_write(const sl_program *program, const sl_page *page, FILE *stream)
{
    char name[256];
    snprintf(name, sizeof name, "%s%s%s ", program_invocation_short_name, page->name ? " " : "", page->name ? page->name : "");
    write_lines(stream, "Usage: ", name, page->usage);
    fprintf(stream, "Examples:\n");
    write_lines(stream, "  ", "", page->examples);
    fputc('\n', stream);
    write_about(stream, page->about);
    if (page == program->pages && program->page_count > 1)
        write_commands(program, stream);
    write_options(program, page, stream);
    if (page == program->pages)
        write_environment(program, stream);
}

void sl_version_print(const char *program, const char *build, const sluice_environment *environment)
{
    const sluice_environment *e = environment;
    printf("%s %s", program, sluice_version_get());
    if (build)
        printf(" (%s)", build);
    printf("\nBLIS %s, configuration %s\nOpenMP %s\nISA %s, %s\n", e->blis_version, e->blis_config, e->openmp,
           sluice_isa_get_name(e->isa), e->isa_reason);
}
