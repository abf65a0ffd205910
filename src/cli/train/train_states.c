#include "cli/train/train_states.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DIGITS = 8 }; /* of a float's bits */

/* Number of floats of h, and of c, of a slot. */
static size_t state_floats(const sl_training *train)
{
    return train->shape.layers * train->shape.hidden;
}

static void write_floats(const float *values, size_t count, char *text)
{
    for (size_t k = 0; k < count; k++) {
        uint32_t bits;
        memcpy(&bits, &values[k], sizeof bits);
        snprintf(text + k * DIGITS, DIGITS + 1, "%08" PRIx32, bits);
    }
}

static void read_floats(const char *text, size_t count, float *values)
{
    for (size_t k = 0; k < count; k++) {
        char digits[DIGITS + 1] = "";
        memcpy(digits, text + k * DIGITS, DIGITS);
        const uint32_t bits = (uint32_t)strtoul(digits, NULL, 16);
        memcpy(&values[k], &bits, sizeof bits);
    }
}

char *sl_states_write(const sl_training *train)
{
    if (train->position.states) /* the resumed batch has not begun yet */
        return strdup(train->position.states);
    const size_t count = state_floats(train), rows = train->position.begin ? train->minibatch.count : 0;
    char *text = calloc(rows * 2 * count * DIGITS + 1, 1);
    float *state = malloc(2 * count * sizeof *state);
    bool ok = text && state;
    for (size_t n = 0; ok && n < rows; n++) {
        ok = !sluice_streams_get(train->streams, n, state, state + count, NULL);
        write_floats(state, 2 * count, text + n * 2 * count * DIGITS);
    }
    free(state);
    if (ok)
        return text;
    free(text);
    return NULL;
}

sl_exit sl_states_restore(sl_training *train, size_t rows)
{
    const size_t count = state_floats(train), slot = 2 * count * DIGITS;
    if (!train->position.states || strlen(train->position.states) != rows * slot ||
        strspn(train->position.states, "0123456789abcdef") != rows * slot)
        return sl_report(SL_EXIT_DATA, "%s: expected the states of %zu rows in the checkpoint, found others; it is damaged",
                         train->options->train.resume, rows);
    float *state = malloc(2 * count * sizeof *state);
    if (!state)
        return sl_report_memory("a state");
    sluice_error error;
    sl_exit code = SL_EXIT_OK;
    for (size_t n = 0; !code && n < rows; n++) {
        read_floats(train->position.states + n * slot, 2 * count, state);
        if (sluice_streams_set(train->streams, n, state, state + count, &error))
            code = sl_report_error(&error);
    }
    free(state);
    if (code)
        return code;
    free(train->position.states);
    train->position.states = NULL;
    return SL_EXIT_OK;
}
