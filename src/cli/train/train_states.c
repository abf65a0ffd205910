#include "cli/train/train_states.h"

#include <stdlib.h>
#include <string.h>

enum { DIGITS = 8 }; /* hexadecimal, of a float's bits */

static void read_floats(const char *text, size_t count, float *values)
{
    for (size_t k = 0; k < count; k++) {
        char digits[DIGITS + 1] = "";
        memcpy(digits, text + k * DIGITS, DIGITS);
        const uint32_t bits = (uint32_t)strtoul(digits, NULL, 16);
        memcpy(&values[k], &bits, sizeof bits);
    }
}

static sl_exit fail_damaged(const sl_training *train)
{
    return sl_report(SL_EXIT_DATA, "%s: expected the states of at most %zu rows in the checkpoint, found others; it is damaged",
                     train->options->train.resume, sl_order_get_most(&train->dataset.order));
}

/* Set the slots from the digits that earlier releases wrote: h and then c of one row after the other, each [L][H]. */
static sl_exit read_digits(const sl_training *train)
{
    const size_t count = train->shape.layers * train->shape.hidden, row = 2 * count * DIGITS,
                 length = strlen(train->position.states);
    if (length % row || length / row > sluice_streams_get_slots(train->streams) ||
        strspn(train->position.states, "0123456789abcdef") != length)
        return fail_damaged(train);
    float *state = malloc(2 * count * sizeof *state);
    if (!state)
        return sl_report_memory("a state");
    sluice_error error;
    sl_exit code = SL_EXIT_OK;
    for (size_t n = 0; !code && n < length / row; n++) {
        read_floats(train->position.states + n * row, 2 * count, state);
        if (sluice_streams_set(train->streams, n, state, state + count, &error))
            code = sl_report_error(&error);
    }
    free(state);
    return code;
}

sl_exit sl_states_restore(const sl_training *train)
{
    if (train->position.begin &&
        (!train->streams || sluice_streams_get_slots(train->streams) != sl_order_get_most(&train->dataset.order)))
        return fail_damaged(train);
    return train->position.states ? read_digits(train) : SL_EXIT_OK;
}
