/* Writes, while the project is built, all that is installed from a program's table of options: make_pages DIRECTORY. */
#include "program/pages/help.h"

#include <errno.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

/* A new file of that name in the directory; NULL, and reported, if there can be none. */
static FILE *create(const char *directory, const char *front, const char *name, const char *end, char path[PATH_BYTES])
{
    snprintf(path, PATH_BYTES, "%s/%s%s%s", directory, front, name, end);
    FILE *stream = fopen(path, "w");
    if (!stream)
        fprintf(stderr, "make_pages: %s: cannot be created: %s\n", path, strerror(errno));
    return stream;
}

static bool finish(FILE *stream, const char *path)
{
    const bool failed = ferror(stream) != 0;
    if (!fclose(stream) && !failed)
        return true;
    fprintf(stderr, "make_pages: %s: cannot be written\n", path);
    return false;
}

static bool write_page(const sl_program *program, const sl_page *page, const char *directory)
{
    char path[PATH_BYTES], name[SL_PAGE_NAME_BYTES];
    FILE *stream = create(directory, "", sl_man_page_get_name(program, page, name), ".1", path);
    if (!stream)
        return false;
    sl_man_page_write(program, page, stream);
    return finish(stream, path);
}

static bool write_completion(const sl_program *program, void (*write)(const sl_program *program, FILE *stream),
                             const char *directory, const char *front)
{
    char path[PATH_BYTES];
    FILE *stream = create(directory, front, program->name, "", path);
    if (!stream)
        return false;
    write(program, stream);
    return finish(stream, path);
}

int main(int argc, char **argv)
{
    const sl_program *program = &sl_program_this;
    if (argc != 2) {
        fprintf(stderr, "usage: make_pages DIRECTORY\n");
        return 2;
    }
    bool good = write_completion(program, sl_completion_write_bash, argv[1], "") &&
                write_completion(program, sl_completion_write_zsh, argv[1], "_");
    for (size_t k = 0; good && k < program->page_count; k++)
        good = write_page(program, &program->pages[k], argv[1]);
    return good ? 0 : 1;
}
