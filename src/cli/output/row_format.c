#include "cli/output/row_format.h"

#include <string.h>

static const char *const names[] = {"auto", "npy", "lines", "csv", "jsonl"};

const char *sl_row_format_get_name(size_t format)
{
    return format < sizeof names / sizeof *names ? names[format] : NULL;
}

sl_row_format sl_row_format_choose(sl_row_format wanted, const char *path, sl_row_format usual)
{
    const char *suffix = path ? strrchr(path, '.') : NULL;
    if (wanted || !suffix)
        return wanted ? wanted : usual;
    if (strcmp(suffix, ".npy") == 0)
        return SL_ROWS_NPY;
    if (strcmp(suffix, ".csv") == 0)
        return SL_ROWS_CSV;
    return strcmp(suffix, ".jsonl") == 0 ? SL_ROWS_JSONL : usual;
}
