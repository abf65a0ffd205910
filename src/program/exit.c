#include "program/exit.h"

#include <stdbool.h>

const sl_exit_meaning *sl_exit_get_meaning(size_t k)
{
    static const sl_exit_meaning meanings[] = {
        {SL_EXIT_OK, "ok", "success"},
        {SL_EXIT_FAILURE, "failure",
         "failure at run time: not enough memory, or a feature that this machine does not support; of sluice-bench also a wrong "
         "result, or one that is slower than --compare allows"},
        {SL_EXIT_USAGE, "usage", "the command line, or an environment variable, is wrong"},
        {SL_EXIT_DATA, "bad data", "the contents of an input file are wrong"},
        {SL_EXIT_NO_INPUT, "no input", "an input file does not exist or cannot be opened"},
        {SL_EXIT_IO, "I/O error", "reading or writing failed"},
        {SL_EXIT_INTERRUPTED, "interrupted", "a signal ended the program early"},
    };
    return k < sizeof meanings / sizeof meanings[0] ? &meanings[k] : NULL;
}

/* For each status: where data and sizes come from files, and where the program makes them itself. */
static const sl_exit codes[][2] = {
    [SLUICE_STATUS_OK] = {SL_EXIT_OK, SL_EXIT_OK},
    [SLUICE_STATUS_BAD_ARGUMENT] = {SL_EXIT_USAGE, SL_EXIT_USAGE},
    [SLUICE_STATUS_BAD_DATA] = {SL_EXIT_DATA, SL_EXIT_FAILURE},
    [SLUICE_STATUS_NO_INPUT] = {SL_EXIT_NO_INPUT, SL_EXIT_NO_INPUT},
    [SLUICE_STATUS_IO] = {SL_EXIT_IO, SL_EXIT_IO},
    [SLUICE_STATUS_NO_MEMORY] = {SL_EXIT_FAILURE, SL_EXIT_FAILURE},
    [SLUICE_STATUS_TOO_LARGE] = {SL_EXIT_DATA, SL_EXIT_FAILURE},
    [SLUICE_STATUS_UNSUPPORTED] = {SL_EXIT_FAILURE, SL_EXIT_FAILURE},
    [SLUICE_STATUS_CANCELLED] = {SL_EXIT_INTERRUPTED, SL_EXIT_INTERRUPTED},
};

static sl_exit look_up(sluice_status status, bool is_own)
{
    return (size_t)status < sizeof codes / sizeof codes[0] ? codes[status][is_own] : SL_EXIT_FAILURE;
}

sl_exit sl_exit_of(sluice_status status)
{
    return look_up(status, false);
}

sl_exit sl_exit_of_own_data(sluice_status status)
{
    return look_up(status, true);
}
