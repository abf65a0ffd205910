#include "cli/train/layer_list.h"

#include "base/error.h"
#include "io/network/function_words.h"
#include "program/options/number.h"

#include <float.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* A part of the text. */
typedef struct word {
    const char *text;
    size_t length;
} word;

typedef struct parser {
    const char *option, *text;
    word whole;        /* the layer that is parsed */
    const char *rest;  /* its words that are not parsed: begins with a colon, or is its end */
    sl_layer_list *to; /* whose last layer it is */
    sluice_error *error;
} parser;

enum { WORD_BYTES = 32, RESERVED = 2 /* an embedding and a head */ };

/* Fail at a word: `--layers: layer 2 'dens:32', character 10: ` and the message. */
static sluice_status fail(const parser *at, const char *place, const char *format, ...) __attribute__((format(printf, 3, 4)));
static sluice_status fail(const parser *at, const char *place, const char *format, ...)
{
    char message[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    return sl_fail(at->error, SLUICE_STATUS_BAD_ARGUMENT, "%s: layer %zu '%.*s', character %zu: %s", at->option, at->to->count,
                   (int)(at->whole.length < 64 ? at->whole.length : 64), at->whole.text, (size_t)(place - at->text) + 1, message);
}

static sluice_layer *layer_of(const parser *at)
{
    return &at->to->layers[at->to->count - 1];
}

/* ---- Words ------------------------------------------------------------------------------------------------------------------ */

/* The layer's next word; false: there is none. */
static bool next_word(parser *at, word *found)
{
    if (*at->rest != ':')
        return false;
    found->text = at->rest + 1;
    found->length = strcspn(found->text, ":,");
    at->rest = found->text + found->length;
    return true;
}

static bool equals(word found, const char *name)
{
    return strlen(name) == found.length && memcmp(found.text, name, found.length) == 0;
}

/* The word as a text of its own; one that is too long for any that is known is cut. */
static const char *copy_word(word found, char text[WORD_BYTES])
{
    snprintf(text, WORD_BYTES, "%.*s", (int)(found.length < WORD_BYTES ? found.length : WORD_BYTES - 1), found.text);
    return text;
}

static sluice_status fail_word(const parser *at, word found, const char *expected)
{
    char text[WORD_BYTES];
    return fail(at, found.text, "expected %s, found '%s'", expected, copy_word(found, text));
}

static sluice_status parse_size(const parser *at, word found, const char *expected, size_t *size)
{
    char text[WORD_BYTES];
    uint64_t number;
    if (found.length >= WORD_BYTES || !sl_number_parse(copy_word(found, text), &number) || !number || number > INT32_MAX)
        return fail_word(at, found, expected);
    *size = (size_t)number;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_units(parser *at)
{
    word found;
    return next_word(at, &found) ? parse_size(at, found, "a number of units from 1 on", &layer_of(at)->units)
                                 : fail(at, at->rest, "expected a colon and the number of units, found the end of the layer");
}

/* ---- Functions -------------------------------------------------------------------------------------------------------------- */

/* "relu", "leaky_relu=0.1". */
static sluice_status parse_function(const parser *at, word found)
{
    char list[sizeof(sl_function_words) + 32], text[WORD_BYTES];
    const char *equal = memchr(found.text, '=', found.length);
    const word name = {found.text, equal ? (size_t)(equal - found.text) : found.length};
    sluice_activation *activation = &layer_of(at)->activation;
    if (!sl_function_word_find(name.text, name.length, activation)) {
        snprintf(list, sizeof list, "a function, one of %s", sl_function_words_list().text);
        return fail_word(at, found, list);
    }
    if (!equal)
        return SLUICE_STATUS_OK;
    const word value = {equal + 1, found.length - name.length - 1};
    double number;
    if (activation->function != SLUICE_FUNCTION_LEAKY_RELU && activation->function != SLUICE_FUNCTION_ELU)
        return fail(at, equal, "expected no parameter; only leaky_relu and elu have one here");
    if (value.length >= WORD_BYTES || !sl_number_parse_real(copy_word(value, text), &number) || number > (double)FLT_MAX)
        return fail_word(at, value, "a number from 0 on");
    activation->alpha = (float)number;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_needed_function(parser *at)
{
    word found;
    return next_word(at, &found) ? parse_function(at, found)
                                 : fail(at, at->rest, "expected a colon and a function, found the end of the layer");
}

/* ---- Kinds ------------------------------------------------------------------------------------------------------------------ */

enum { DIRECTION = 1, MERGE = 2, STEPS = 4, PROJECTION = 8 };

/* Take a word of an LSTM layer; returns what it says, 0: not known. */
static int take_choice(sluice_layer *layer, word found)
{
    static const struct {
        const char *name;
        int what;
        unsigned value;
    } choices[] = {
        {"reverse", DIRECTION, SLUICE_DIRECTION_REVERSE},
        {"both", DIRECTION, SLUICE_DIRECTION_BOTH},
        {"sum", MERGE, SLUICE_MERGE_SUM},
        {"product", MERGE, SLUICE_MERGE_PRODUCT},
        {"mean", MERGE, SLUICE_MERGE_MEAN},
        {"final", STEPS, SLUICE_STEPS_FINAL},
        {"last", STEPS, SLUICE_STEPS_LAST},
    };
    for (size_t k = 0; k < sizeof choices / sizeof choices[0]; k++) {
        if (!equals(found, choices[k].name))
            continue;
        if (choices[k].what == DIRECTION)
            layer->direction = (sluice_direction)choices[k].value;
        else if (choices[k].what == MERGE)
            layer->merge = (sluice_merge)choices[k].value;
        else
            layer->steps = (sluice_steps)choices[k].value;
        return choices[k].what;
    }
    return 0;
}

static sluice_status parse_lstm(parser *at)
{
    static const char projection[] = "proj=";
    const size_t prefix = strlen(projection);
    sluice_layer *layer = layer_of(at);
    sluice_status status = parse_units(at);
    int taken = 0;
    for (word found; !status && next_word(at, &found);) {
        int what = take_choice(layer, found);
        if (found.length > prefix && memcmp(found.text, projection, prefix) == 0) {
            what = PROJECTION;
            status = parse_size(at, (word){found.text + prefix, found.length - prefix}, "a number of outputs from 1 on",
                                &layer->projection);
        }
        if (!status && !what)
            status = fail_word(at, found, "reverse, both, sum, product, mean, final, last or proj=P");
        else if (!status && (what & taken))
            status = fail_word(at, found, "each choice once");
        else if (!status && layer->projection > layer->units)
            status =
                fail(at, found.text, "expected a projection of at most %zu, the units, found %zu", layer->units, layer->projection);
        taken |= what;
    }
    if (!status && layer->merge && layer->direction != SLUICE_DIRECTION_BOTH)
        status = fail(at, at->whole.text, "sum, product and mean are of both directions; add both");
    return status;
}

static sluice_status parse_dense(parser *at)
{
    word found;
    const sluice_status status = parse_units(at);
    layer_of(at)->has_bias = 1;
    layer_of(at)->activation.function = SLUICE_FUNCTION_LINEAR;
    return !status && next_word(at, &found) ? parse_function(at, found) : status;
}

static sluice_status parse_reduce(parser *at)
{
    static const struct {
        const char *name;
        sluice_steps steps;
    } choices[] = {{"last", SLUICE_STEPS_LAST}, {"mean", SLUICE_STEPS_MEAN}, {"max", SLUICE_STEPS_MAX}};
    word found;
    if (!next_word(at, &found))
        return fail(at, at->rest, "expected a colon and last, mean or max, found the end of the layer");
    for (size_t k = 0; k < sizeof choices / sizeof choices[0]; k++)
        if (equals(found, choices[k].name)) {
            layer_of(at)->steps = choices[k].steps;
            return SLUICE_STATUS_OK;
        }
    return fail_word(at, found, "last, mean or max");
}

static const struct {
    const char *name;
    sluice_layer_kind kind;
    sluice_status (*parse)(parser *at);
} kinds[] = {
    {"lstm", SLUICE_LAYER_LSTM, parse_lstm},
    {"dense", SLUICE_LAYER_DENSE, parse_dense},
    {"activation", SLUICE_LAYER_ACTIVATION, parse_needed_function},
    {"reduce", SLUICE_LAYER_REDUCE, parse_reduce},
};

/* ---- The list --------------------------------------------------------------------------------------------------------------- */

/* Whether the layer that was parsed last can stand behind those before it. */
static sluice_status check_place(const parser *at)
{
    const sl_layer_list *list = at->to;
    const bool needs_steps = layer_of(at)->kind == SLUICE_LAYER_LSTM || layer_of(at)->kind == SLUICE_LAYER_REDUCE;
    bool has_lstm = layer_of(at)->kind == SLUICE_LAYER_LSTM;
    for (size_t k = 0; k + 1 < list->count; k++) {
        has_lstm = has_lstm || list->layers[k].kind == SLUICE_LAYER_LSTM;
        if (needs_steps && list->layers[k].steps != SLUICE_STEPS_ALL)
            return fail(at, at->whole.text, "it needs steps, and layer %zu gives one vector for a row", k + 1);
    }
    return layer_of(at)->kind == SLUICE_LAYER_REDUCE && !has_lstm
               ? fail(at, at->whole.text, "expected an LSTM layer before it, found none")
               : SLUICE_STATUS_OK;
}

static sluice_status parse_layer(parser *at)
{
    const word kind = {at->whole.text, strcspn(at->whole.text, ":,")};
    size_t k = 0;
    while (k < sizeof kinds / sizeof kinds[0] && !equals(kind, kinds[k].name))
        k++;
    if (k == sizeof kinds / sizeof kinds[0])
        return fail_word(at, kind, "lstm, dense, activation or reduce");
    *layer_of(at) = (sluice_layer){.struct_size = sizeof(sluice_layer), .kind = kinds[k].kind};
    at->rest = kind.text + kind.length;
    const sluice_status status = kinds[k].parse(at);
    word more;
    if (!status && next_word(at, &more))
        return fail_word(at, more, "the end of the layer");
    return status ? status : check_place(at);
}

sluice_status sl_layer_list_parse(const char *option, const char *text, sl_layer_list *list, sluice_error *error)
{
    bool has_lstm = false;
    *list = (sl_layer_list){0};
    for (const char *next = text; next;) {
        if (list->count == SLUICE_MAX_LAYERS - RESERVED)
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected at most %d layers, found more", option,
                           SLUICE_MAX_LAYERS - RESERVED);
        parser at = {.option = option, .text = text, .whole = {next, strcspn(next, ",")}, .to = list, .error = error};
        list->count++;
        const sluice_status status = parse_layer(&at);
        if (status)
            return status;
        has_lstm = has_lstm || layer_of(&at)->kind == SLUICE_LAYER_LSTM;
        next = next[at.whole.length] ? next + at.whole.length + 1 : NULL;
    }
    return has_lstm ? SLUICE_STATUS_OK
                    : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected an lstm layer among them, found none", option);
}

/* ---- Ends ------------------------------------------------------------------------------------------------------------------- */

/* Settle how the steps become what the targets are of. */
static sluice_status settle_steps(const char *option, sl_layer_list *list, bool every_step, sluice_error *error)
{
    size_t last = 0;
    for (size_t k = 0; k < list->count; k++) {
        if (list->layers[k].steps != SLUICE_STEPS_ALL)
            return every_step
                       ? sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                                 "%s: the targets are of every step, by --every-step or as [N][T], and layer %zu gives one vector "
                                 "for a row; give targets of rows, or leave out final, last and reduce",
                                 option, k + 1)
                       : SLUICE_STATUS_OK;
        last = list->layers[k].kind == SLUICE_LAYER_LSTM ? k : last;
    }
    if (!every_step)
        list->layers[last].steps = SLUICE_STEPS_FINAL;
    return SLUICE_STATUS_OK;
}

sluice_status sl_layer_list_complete(const char *option, sl_layer_list *list, const sl_layer_list_ends *ends, sluice_error *error)
{
    const sluice_status status = settle_steps(option, list, ends->every_step, error);
    if (status)
        return status;
    if (ends->outputs && list->layers[list->count - 1].activation.function == SLUICE_FUNCTION_SOFTMAX)
        return sl_fail(
            error, SLUICE_STATUS_BAD_ARGUMENT,
            "%s: the last layer has softmax, and a linear head of %zu outputs follows, whose loss has a softmax of its own; "
            "leave the layer out",
            option, ends->outputs);
    if (ends->vocabulary) {
        memmove(list->layers + 1, list->layers, list->count++ * sizeof list->layers[0]);
        list->layers[0] = (sluice_layer){.struct_size = sizeof(sluice_layer),
                                         .kind = SLUICE_LAYER_EMBEDDING,
                                         .units = ends->embedding,
                                         .vocabulary = ends->vocabulary};
    }
    if (ends->outputs)
        list->layers[list->count++] = (sluice_layer){.struct_size = sizeof(sluice_layer),
                                                     .kind = SLUICE_LAYER_DENSE,
                                                     .units = ends->outputs,
                                                     .has_bias = 1,
                                                     .activation.function = SLUICE_FUNCTION_LINEAR};
    return SLUICE_STATUS_OK;
}
