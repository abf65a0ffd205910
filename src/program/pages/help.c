#include "program/pages/help.h"

#include "program/exit.h"

#include <string.h>

enum { WIDTH = 80, HELP_COLUMN = 27, TEXT_BYTES = 1024 };

const sl_variable *sl_help_get_variable(size_t k)
{
    static const sl_variable variables[] = {
        {"SLUICE_NUM_THREADS", "number of threads where --threads is not given; it takes precedence over OMP_NUM_THREADS"},
        {"SLUICE_ISA", "use at most this instruction set (auto, scalar, avx2 or avx512) where --isa is not given"},
        {"SLUICE_GEMM", "how matrices are multiplied (auto, fused or blis) where --gemm is not given; training is always fused"},
        {"OMP_NUM_THREADS",
         "threads to use where nothing else says how many; by default the least of CPU affinity, the cgroup's CPU "
         "quota and the number of physical cores"},
        {"OMP_PROC_BIND, OMP_PLACES, OMP_WAIT_POLICY", "where threads run and how they wait: read by the OpenMP runtime"},
        {"BLIS_ARCH_TYPE", "the kernels that BLIS uses; where BLIS does not know the CPU, the programs set it"},
    };
    return k < sizeof variables / sizeof variables[0] ? &variables[k] : NULL;
}

/* Write the words of `text` up to `end`, from `column` on, each further line indented by `indent`. Ends the line. */
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

/* Each line of `text` behind `first`, or below it. */
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
    const char *standard = sl_option_get_standard(option), *joint = "";
    int column =
        option->letter ? fprintf(stream, "  -%c, --%s", option->letter, option->name) : fprintf(stream, "  --%s", option->name);
    if (option->metavar)
        column += fprintf(stream, "%s%s", option->metavar[0] == '[' ? "" : " ", option->metavar);
    if (column + 2 > HELP_COLUMN)
        column = fprintf(stream, "\n") - 1;
    fprintf(stream, "%*s", HELP_COLUMN - column, "");
    if (option->choice) {
        sl_option_list_choices(option, ", ", choices);
        joint = standard ? "; " : "";
    }
    snprintf(text, sizeof text, "%s%s%s%s%s%s%s", option->help, option->choice || standard ? " (" : "", choices, joint,
             standard ? "default: " : "", standard ? standard : "", option->choice || standard ? ")" : "");
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

/* Environment variables and exit codes in short; the manual has their meaning. */
static void write_environment(const sl_program *program, FILE *stream)
{
    char text[TEXT_BYTES];
    const char *joint = "";
    int used = snprintf(text, sizeof text, "Environment: ");
    for (size_t k = 0; sl_help_get_variable(k); k++, joint = ", ")
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%s", joint, sl_help_get_variable(k)->names);
    fputc('\n', stream);
    write_paragraph(stream, text);
    used = snprintf(text, sizeof text, "Exit status: ");
    joint = "";
    for (size_t k = 0; sl_exit_get_meaning(k); k++, joint = ", ")
        used += snprintf(text + used, sizeof text - (size_t)used, "%s%d %s", joint, sl_exit_get_meaning(k)->code,
                         sl_exit_get_meaning(k)->name);
    snprintf(text + used, sizeof text - (size_t)used, "; more in man %s", program->name);
    write_paragraph(stream, text);
}

void sl_help_write(const sl_program *program, const sl_page *page, FILE *stream)
{
    char name[64];
    snprintf(name, sizeof name, "%s%s%s ", program->name, page->name ? " " : "", page->name ? page->name : "");
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
