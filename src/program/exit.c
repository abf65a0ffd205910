#include "program/exit.h"

const sl_exit_meaning *sl_exit_get_meaning(size_t k)
{
    static const sl_exit_meaning meanings[] = {
        {SL_EXIT_OK, "ok", "success"},
        {SL_EXIT_FAILURE, "failure",
         "failure at run time: not enough memory, or something that this machine does not do; of sluice-bench also a wrong result, "
         "or one that is slower than --compare allows"},
        {SL_EXIT_USAGE, "usage", "the command line, or an environment variable, is wrong"},
        {SL_EXIT_DATA, "bad data", "the contents of an input file are wrong"},
        {SL_EXIT_NO_INPUT, "no input", "an input file does not exist or cannot be opened"},
        {SL_EXIT_IO, "I/O error", "reading or writing failed"},
        {SL_EXIT_INTERRUPTED, "interrupted", "a signal ended the program early"},
    };
    return k < sizeof meanings / sizeof meanings[0] ? &meanings[k] : NULL;
}

sl_exit sl_exit_of(sluice_status status)
{
    static const sl_exit codes[] = {
        [SLUICE_STATUS_OK] = SL_EXIT_OK,
        [SLUICE_STATUS_BAD_ARGUMENT] = SL_EXIT_USAGE,
        [SLUICE_STATUS_BAD_DATA] = SL_EXIT_DATA,
        [SLUICE_STATUS_NO_INPUT] = SL_EXIT_NO_INPUT,
        [SLUICE_STATUS_IO] = SL_EXIT_IO,
        [SLUICE_STATUS_NO_MEMORY] = SL_EXIT_FAILURE,
        [SLUICE_STATUS_TOO_LARGE] = SL_EXIT_DATA,
        [SLUICE_STATUS_UNSUPPORTED] = SL_EXIT_FAILURE,
        [SLUICE_STATUS_CANCELLED] = SL_EXIT_INTERRUPTED,
    };
    return (size_t)status < sizeof codes / sizeof codes[0] ? codes[status] : SL_EXIT_FAILURE;
}
