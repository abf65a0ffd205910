#include "cli/run/stream_state.h"

#include "program/paths.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/stat.h>

sl_exit sl_stream_state_check(const sl_options *options)
{
    if (!options->state)
        return SL_EXIT_OK;
    if (options->text)
        return sl_report(SL_EXIT_USAGE, "--state does not go with --text: a line is a whole sequence, which ends with it");
    if (options->h0 || options->c0)
        return sl_report(SL_EXIT_USAGE, "--state does not go with --h0 and --c0: it says itself where the rows begin; give one or "
                                        "the other");
    return sl_paths_check_file(&(sl_place){"--state", options->state, true}, "is both read and written");
}

static sl_exit take_file(sl_stream_state *carry, const sl_run *run, size_t rows)
{
    const char *path = run->options->state;
    sluice_error error;
    if (sluice_streams_load(run->engine, path, &carry->streams, &error))
        return sl_report_error(&error);
    const size_t slots = sluice_streams_get_slots(carry->streams);
    if (slots != rows)
        return sl_report(SL_EXIT_DATA,
                         "%s: --state expected states of %zu rows (N of --input), found %zu; name a file that is not there to "
                         "begin with zeros",
                         path, rows, slots);
    return SL_EXIT_OK;
}

sl_exit sl_stream_state_open(sl_stream_state *carry, const sl_run *run, size_t rows, size_t chunk)
{
    const char *path = run->options->state;
    if (!path)
        return SL_EXIT_OK;
    struct stat status;
    const bool exists = stat(path, &status) == 0 || errno != ENOENT;
    sl_exit code = exists ? take_file(carry, run, rows) : SL_EXIT_OK;
    sluice_error error;
    if (!code && !exists && sluice_streams_create(run->engine, rows, &carry->streams, &error))
        code = sl_report_error(&error);
    if (code)
        return code;
    carry->slots = calloc(chunk, sizeof *carry->slots);
    return carry->slots ? SL_EXIT_OK : sl_report_memory_of_rows("the slots of --state");
}

const size_t *sl_stream_state_get_slots(sl_stream_state *carry, size_t first, size_t rows)
{
    for (size_t n = 0; carry->slots && n < rows; n++)
        carry->slots[n] = first + n;
    return carry->slots;
}

sl_exit sl_stream_state_save(const sl_stream_state *carry, const sl_run *run)
{
    sluice_error error;
    if (carry->streams && sluice_streams_save(carry->streams, run->options->state, &error))
        return sl_report_error(&error);
    return SL_EXIT_OK;
}

void sl_stream_state_close(sl_stream_state *carry)
{
    sluice_streams_destroy(carry->streams);
    free(carry->slots);
    *carry = (sl_stream_state){0};
}
