#include "program/pages/help.h"

#include <string.h>

/* Write the name of the program as the name of a shell function. */
static void put_function(const sl_program *program, FILE *stream)
{
    for (const char *c = program->name; *c; c++)
        fputc(*c == '-' ? '_' : *c, stream);
}

static const char *name_of(const sl_page *page)
{
    return page->name ? page->name : "";
}

static void put_commands(const sl_program *program, FILE *stream)
{
    for (size_t k = 1; k < program->page_count; k++)
        fprintf(stream, "%s%s", k > 1 ? " " : "", program->pages[k].name);
}

static void put_choices(const sl_option *option, const char *separator, FILE *stream)
{
    for (size_t value = 0; option->choice && option->choice(value); value++)
        fprintf(stream, "%s%s", value ? separator : "", option->choice(value));
}

/* Write the words of a metavar "word|word|FILE". */
static void put_words(const sl_option *option, FILE *stream)
{
    const char *const file = strrchr(option->metavar, '|');
    for (const char *c = option->metavar; c < file; c++)
        fputc(*c == '|' ? ' ' : *c, stream);
}

/* ---- bash ------------------------------------------------------------------------------------------------------------------ */

/* Write the patterns after which a value is completed: "run --input", "run --input=" and "run -i"; for an optional value only the
 * second and third. */
static void put_patterns(const sl_page *page, const sl_option *option, FILE *stream)
{
    if (option->metavar[0] != '[')
        fprintf(stream, "'%s --%s' | ", name_of(page), option->name);
    fprintf(stream, "'%s --%s='", name_of(page), option->name);
    if (option->letter)
        fprintf(stream, " | '%s -%c'", name_of(page), option->letter);
}

static void write_bash_value(const sl_page *page, const sl_option *option, FILE *stream)
{
    fputs("    ", stream);
    put_patterns(page, option, stream);
    switch (option->kind->completion) {
    case SL_COMPLETE_FILES:
        fputs(") kind=files ;;\n", stream);
        break;
    case SL_COMPLETE_WORD_OR_FILES:
        fputs(") kind=files words='", stream);
        put_words(option, stream);
        fputs("' ;;\n", stream);
        break;
    case SL_COMPLETE_DIRECTORIES:
        fputs(") kind=directories ;;\n", stream);
        break;
    case SL_COMPLETE_CHOICE:
    case SL_COMPLETE_CHOICES:
        fprintf(stream, ") kind=%s words='", option->kind->completion == SL_COMPLETE_CHOICES ? "list" : "words");
        put_choices(option, " ", stream);
        fputs("' ;;\n", stream);
        break;
    default:
        fputs(") return ;;\n", stream);
    }
}

/* Write what is completed where no value is expected: an option, or an operand. */
static void write_bash_page(const sl_program *program, const sl_page *page, FILE *stream)
{
    const sl_option *option = NULL;
    fprintf(stream, "    '%s -'*) words='", name_of(page));
    while ((option = sl_option_next(program, page, option)))
        fprintf(stream, "--%s%s ", option->name, option->metavar && option->metavar[0] == '[' ? "=" : "");
    fputs("' ;;\n", stream);
    if (page->operands == SL_COMPLETE_FILES)
        fprintf(stream, "    '%s '*) kind=files ;;\n", name_of(page));
}

static void write_bash_cases(const sl_program *program, FILE *stream)
{
    fputs("    case \"$command $option\" in\n", stream);
    for (size_t k = 0; k < program->page_count; k++)
        for (const sl_option *option = NULL; (option = sl_option_next(program, &program->pages[k], option));)
            if (option->metavar)
                write_bash_value(&program->pages[k], option, stream);
    fputs("    *) kind= ;;\n    esac\n    [[ $kind ]] || case \"$command $current\" in\n", stream);
    for (size_t k = 0; k < program->page_count; k++)
        write_bash_page(program, &program->pages[k], stream);
    if (program->page_count > 1) {
        fputs("    ' '* | 'help '*) words='", stream);
        put_commands(program, stream);
        fputs("'; [[ $command ]] || words+=' help' ;;\n", stream);
    }
    fputs("    esac\n", stream);
}

void sl_completion_write_bash(const sl_program *program, FILE *stream)
{
    fprintf(stream, "# bash completion for %s, written from its table of options\n_", program->name);
    put_function(program, stream);
    fprintf(stream,
            "()\n{\n"
            "    local current=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]}\n"
            "    local command= kind=words words= front=\n"
            "    COMPREPLY=()\n"
            "    # --option=value comes as three words.\n"
            "    if [[ $current == '=' ]]; then\n"
            "        option+='=' current=\n"
            "    elif [[ $option == '=' ]] && ((COMP_CWORD > 1)); then\n"
            "        option=${COMP_WORDS[COMP_CWORD - 2]}=\n"
            "    fi\n%s",
            program->page_count > 1 ? "    ((COMP_CWORD > 1)) && command=${COMP_WORDS[1]}\n" : "");
    write_bash_cases(program, stream);
    fputs("    case $kind in\n"
          "    files) mapfile -t COMPREPLY < <(compgen -f -W \"$words\" -- \"$current\") ;;\n"
          "    directories) mapfile -t COMPREPLY < <(compgen -d -- \"$current\") ;;\n"
          "    *)\n"
          "        [[ $kind == list && $current == *,* ]] && front=${current%,*},\n"
          "        mapfile -t COMPREPLY < <(compgen -P \"$front\" -W \"$words\" -- \"${current#\"$front\"}\")\n"
          "        return\n"
          "        ;;\n"
          "    esac\n"
          "    compopt -o filenames 2>/dev/null\n"
          "}\n"
          "complete -F _",
          stream);
    put_function(program, stream);
    fprintf(stream, " %s\n", program->name);
}

/* ---- zsh ------------------------------------------------------------------------------------------------------------------- */

/* Write text within the single quotes of a specification of _arguments, with brackets and colons escaped. */
static void put_quoted(const char *text, FILE *stream)
{
    for (; *text; text++) {
        if (*text == '\'')
            fputs("'\\'", stream);
        else if (strchr("[]:\\", *text))
            fputc('\\', stream);
        fputc(*text, stream);
    }
}

static void write_zsh_value(const sl_option *option, FILE *stream)
{
    const size_t front = strspn(option->metavar, "[=");
    fprintf(stream, "%s%.*s:", front ? "::" : ":", (int)(front ? strcspn(option->metavar, "]") - front : strlen(option->metavar)),
            option->metavar + front);
    switch (option->kind->completion) {
    case SL_COMPLETE_FILES:
        fputs("_files", stream);
        break;
    case SL_COMPLETE_WORD_OR_FILES:
        fputs("{compadd - ", stream);
        put_words(option, stream);
        fputs("; _files}", stream);
        break;
    case SL_COMPLETE_DIRECTORIES:
        fputs("_files -/", stream);
        break;
    case SL_COMPLETE_CHOICE:
        fputc('(', stream);
        put_choices(option, " ", stream);
        fputc(')', stream);
        break;
    case SL_COMPLETE_CHOICES:
        fputs("_sequence compadd - ", stream);
        put_choices(option, " ", stream);
        break;
    default:
        fputc(' ', stream); /* no completion */
    }
}

static void write_zsh_option(const sl_option *option, const char *indent, FILE *stream)
{
    const char *separator = !option->metavar ? "" : option->metavar[0] == '[' ? "=-" : "=";
    fprintf(stream, " \\\n%s    ", indent);
    if (option->letter)
        fprintf(stream, "'(-%c --%s)'{-%c%s,--%s%s}'[", option->letter, option->name, option->letter, option->metavar ? "+" : "",
                option->name, separator);
    else
        fprintf(stream, "'*--%s%s[", option->name, separator);
    put_quoted(option->help, stream);
    fputc(']', stream);
    if (option->metavar)
        write_zsh_value(option, stream);
    fputc('\'', stream);
}

static void write_zsh_page(const sl_program *program, const sl_page *page, const char *indent, FILE *stream)
{
    fprintf(stream, "%s_arguments -s", indent);
    for (const sl_option *option = NULL; (option = sl_option_next(program, page, option));)
        write_zsh_option(option, indent, stream);
    if (page->operands == SL_COMPLETE_FILES)
        fprintf(stream, " \\\n%s    '*:file:_files'", indent);
    fputc('\n', stream);
}

static void write_zsh_commands(const sl_program *program, FILE *stream)
{
    fputs("    local -a commands=(\n", stream);
    for (size_t k = 1; k < program->page_count; k++) {
        fprintf(stream, "        '%s:", program->pages[k].name);
        put_quoted(program->pages[k].summary, stream);
        fputs("'\n", stream);
    }
    fputs("        'help:show the options of a command, with examples'\n    )\n"
          "    if ((CURRENT == 2)) && [[ $words[2] != -* ]]; then\n"
          "        _describe command commands\n"
          "        return\n"
          "    fi\n"
          "    local command=$words[2]\n"
          "    if [[ $command != -* ]]; then\n"
          "        shift words\n"
          "        ((CURRENT--))\n"
          "    fi\n"
          "    case $command in\n",
          stream);
    for (size_t k = 1; k < program->page_count; k++) {
        fprintf(stream, "    %s)\n", program->pages[k].name);
        write_zsh_page(program, &program->pages[k], "        ", stream);
        fputs("        ;;\n", stream);
    }
    fputs("    help) _arguments '1:command:(", stream);
    put_commands(program, stream);
    fputs(")' ;;\n    *)\n", stream);
    write_zsh_page(program, &program->pages[0], "        ", stream);
    fputs("        ;;\n    esac\n", stream);
}

void sl_completion_write_zsh(const sl_program *program, FILE *stream)
{
    fprintf(stream, "#compdef %s\n# Written from the table of options.\n_", program->name);
    put_function(program, stream);
    fputs("()\n{\n", stream);
    if (program->page_count > 1)
        write_zsh_commands(program, stream);
    else
        write_zsh_page(program, &program->pages[0], "    ", stream);
    fputs("}\n_", stream);
    put_function(program, stream);
    fputs(" \"$@\"\n", stream);
}
