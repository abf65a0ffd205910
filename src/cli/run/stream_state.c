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
        return sl_report(SL_EXIT_USAGE, "--state does not go with --text: a line is a complete sequence");
    if (options->h0 || options->c0)
        return sl_report(SL_EXIT_USAGE, "--state does not go with --h0 and --c0, because it has the initial states; give one or "
                                        "the other");
    return sl_paths_check_file(&(sl_path_argument){"--state", options->state, true}, "is both read and written");
}

static sl_exit take_file(sl_stream_state *state, const sl_run_session *run, size_t rows)
{
    const char *path = run->options->state;
    sluice_error error;
    if (sluice_streams_load(run->engine, path, &state->streams, &error))
        return sl_report_error(&error);
    const size_t slots = sluice_streams_get_slots(state->streams);
    if (slots != rows)
        return sl_report(SL_EXIT_DATA,
                         "%s: --state expected states of %zu rows (N of --input), found %zu; name a new file to begin with zeros",
                         path, rows, slots);
    return SL_EXIT_OK;
}

sl_exit sl_stream_state_open(sl_stream_state *state, const sl_run_session *run, size_t rows, size_t chunk)
{
    const char *path = run->options->state;
    if (!path)
        return SL_EXIT_OK;
    struct stat status;
    const bool exists = stat(path, &status) == 0 || errno != ENOENT;
    sl_exit code = exists ? take_file(state, run, rows) : SL_EXIT_OK;
    sluice_error error;
    if (!code && !exists && sluice_streams_create(run->engine, rows, &state->streams, &error))
        code = sl_report_error(&error);
    if (code)
        return code;
    state->slots = calloc(chunk, sizeof *state->slots);
    return state->slots ? SL_EXIT_OK : sl_report_memory_of_rows("the slots of --state");
}

const size_t *sl_stream_state_get_slots(sl_stream_state *state, size_t first, size_t rows)
{
    for (size_t n = 0; state->slots && n < rows; n++)
        state->slots[n] = first + n;
    return state->slots;
}

sl_exit sl_stream_state_save(const sl_stream_state *state, const sl_run_session *run)
{
    sluice_error error;
    return state->streams ? sl_report_status(sluice_streams_save(state->streams, run->options->state, &error), &error) : SL_EXIT_OK;
}

void sl_stream_state_close(sl_stream_state *state)
{
    sluice_streams_destroy(state->streams);
    free(state->slots);
    *state = (sl_stream_state){0};
}
