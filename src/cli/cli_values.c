#include "cli/cli_options.h"
#include "cli/series/series_windows.h"
#include "cli/train/layer_list.h"
#include "program/options/option_words.h"

#include "base/error.h"
#include "io/label.h"
#include "io/network/function_words.h"
#include "program/options/number.h"
#include "program/options/option_kinds.h"

#include <float.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static sluice_status parse_layout(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    unsigned value;
    const sluice_status status = sl_option_find_choice(option, argument, &value, error);
    ((sl_options *)field)->step_first = !status && value == 1;
    return status;
}

static sluice_status parse_schedule(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_options *options = field;
    unsigned value;
    const sluice_status status = sl_option_find_choice(option, argument, &value, error);
    if (status)
        return status;
    options->measure = value == SL_WORDS_MEASURE;
    options->engine.schedule = options->measure ? SLUICE_SCHEDULE_AUTO : (sluice_schedule)value;
    return SLUICE_STATUS_OK;
}

/* --checkpoint-every N, of updates, or Nm, of minutes. If it is given more than once, the last one is used. */
static sluice_status parse_every(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_train_options *train = &((sl_options *)field)->train;
    char number[24];
    const size_t length = strlen(argument->text);
    const bool minutes = length && argument->text[length - 1] == 'm';
    if (length - minutes >= sizeof number)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: expected a number of updates, or a number of minutes followed by 'm', found '%.200s'", argument->option,
                       argument->text);
    memcpy(number, argument->text, length - minutes);
    number[length - minutes] = '\0';
    train->checkpoint_steps = train->checkpoint_minutes = 0;
    return sl_option_parse_count(option, argument, number, minutes ? &train->checkpoint_minutes : &train->checkpoint_steps, error);
}

static sluice_status parse_curve(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_train_options *train = &((sl_options *)field)->train;
    const char *dot = strrchr(argument->text, '.');
    (void)option;
    if (!dot || (strcmp(dot, ".svg") != 0 && strcmp(dot, ".csv") != 0))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: expected the name of a file that ends in .svg or .csv, found '%.200s'", argument->option,
                       argument->text);
    *(strcmp(dot, ".svg") ? &train->curve_csv : &train->curve_svg) = argument->text;
    return SLUICE_STATUS_OK;
}

/* --layers N or LIST, whichever is given last. A list is parsed again when the data are known. */
static sluice_status parse_layers(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_train_layers *layers = field;
    sl_layer_list list;
    const bool is_list = *argument->text && !strchr("+-0123456789", *argument->text);
    *layers = (sl_train_layers){.list = is_list ? argument->text : NULL};
    return is_list ? sl_layer_list_parse(argument->option, argument->text, &list, error)
                   : sl_option_parse_count(option, argument, argument->text, &layers->count, error);
}

enum { PART_BYTES = 64 };

/* Copy a part of a text that ends at `end`; false: it is too long for a word or a number. */
static bool copy_part(const char *text, size_t bytes, char part[PART_BYTES])
{
    snprintf(part, PART_BYTES, "%.*s", (int)(bytes < PART_BYTES ? bytes : PART_BYTES), text);
    return bytes < PART_BYTES;
}

/* NAME or NAME:REST, the name being one of the row's choices. *rest is NULL if there is none. */
static sluice_status parse_name(const sl_option *option, const sl_argument *argument, unsigned *value, const char **rest,
                                sluice_error *error)
{
    char name[PART_BYTES];
    const size_t bytes = strcspn(argument->text, ":");
    sl_argument named = *argument;
    if (copy_part(argument->text, bytes, name))
        named.text = name;
    *rest = argument->text[bytes] ? argument->text + bytes + 1 : NULL;
    return sl_option_find_choice(option, &named, value, error);
}

const char *sl_loss_get_words(sluice_loss_kind kind)
{
    static const char *const words[] = {[SLUICE_LOSS_SQUARED_ERROR] = "mean squared error",
                                        [SLUICE_LOSS_ABSOLUTE_ERROR] = "mean absolute error",
                                        [SLUICE_LOSS_HUBER] = "mean Huber loss",
                                        [SLUICE_LOSS_QUANTILE] = "mean quantile loss"};
    return words[kind];
}

/* Numbers above 0 and below 1, separated by commas. */
static bool parse_quantiles(const char *text, sl_train_loss *loss)
{
    char part[PART_BYTES];
    double value;
    for (loss->quantile_count = 0; text; text = strchr(text, ',') ? strchr(text, ',') + 1 : NULL) {
        if (loss->quantile_count == SLUICE_MAX_QUANTILES || !copy_part(text, strcspn(text, ","), part) ||
            !sl_number_parse_real(part, &value) || !((float)value > 0 && (float)value < 1))
            return false;
        loss->quantiles[loss->quantile_count++] = (float)value;
    }
    return true;
}

/* The choices are in the order of sluice_loss_kind, from squared error on. */
static sluice_status parse_loss(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_train_loss *loss = field;
    unsigned value;
    const char *rest;
    const sluice_status status = parse_name(option, argument, &value, &rest, error);
    if (status)
        return status;
    *loss = (sl_train_loss){.text = argument->text, .kind = (sluice_loss_kind)(SLUICE_LOSS_SQUARED_ERROR + value), .delta = 1};
    bool is_right = !rest;
    if (loss->kind == SLUICE_LOSS_HUBER && rest)
        is_right = sl_number_parse_real(rest, &loss->delta) && loss->delta > 0 && loss->delta <= (double)FLT_MAX;
    else if (loss->kind == SLUICE_LOSS_QUANTILE)
        is_right = parse_quantiles(rest ? rest : "0.1,0.5,0.9", loss);
    return is_right
               ? SLUICE_STATUS_OK
               : sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                         "%s: expected squared, absolute, huber, huber:DELTA with a number above 0, or quantile:Q,Q,... with up "
                         "to %d numbers above 0 and below 1, found '%.200s'",
                         argument->option, SLUICE_MAX_QUANTILES, argument->text);
}

/* FACTOR,PATIENCE */
static bool parse_plateau(const char *text, sl_train_schedule *schedule)
{
    char factor[PART_BYTES];
    uint64_t patience;
    const size_t bytes = strcspn(text, ",");
    if (!text[bytes] || !copy_part(text, bytes, factor) || !sl_number_parse_real(factor, &schedule->factor) ||
        !sl_number_parse(text + bytes + 1, &patience) || patience > UINT32_MAX)
        return false;
    schedule->patience = (size_t)patience;
    return schedule->factor > 0 && schedule->factor < 1;
}

/* The choices are those of sluice_rate, and then the plateau, by default as torch's ReduceLROnPlateau. */
static sluice_status parse_rate(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_train_schedule *schedule = field;
    unsigned value;
    const char *rest;
    const sluice_status status = parse_name(option, argument, &value, &rest, error);
    if (status)
        return status;
    const bool is_plateau = !sluice_rate_get_name((sluice_rate)value);
    *schedule = (sl_train_schedule){.text = argument->text, .rate = is_plateau ? SLUICE_RATE_CONSTANT : (sluice_rate)value};
    if (is_plateau ? parse_plateau(rest ? rest : "0.1,10", schedule) : !rest)
        return SLUICE_STATUS_OK;
    return sl_fail(
        error, SLUICE_STATUS_BAD_ARGUMENT,
        "%s: expected plateau:FACTOR,PATIENCE with a factor above 0 and below 1 and a number of epochs, or a schedule's name "
        "alone, found '%.200s'",
        argument->option, argument->text);
}

static sluice_status parse_word(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    unsigned value;
    const sluice_status status = sl_option_find_choice(option, argument, &value, error);
    if (!status)
        *(const char **)field = argument->text;
    return status;
}

/* An empty word leaves a layer linear. */
static sluice_status parse_functions(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sluice_activation unused;
    (void)option;
    for (const char *word = argument->text; word; word = strchr(word, ',') ? strchr(word, ',') + 1 : NULL) {
        const size_t bytes = strcspn(word, ",");
        if (bytes && !sl_function_word_find(word, bytes, &unused))
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected functions separated by commas, of %s, found '%s'",
                           argument->option, sl_function_words_list().text, sl_label_get_part(word, bytes).text);
    }
    *(const char **)field = argument->text;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_shard(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option;
    return sl_shard_choice_parse(argument->option, argument->text, field, error);
}

static sluice_status parse_columns(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    const char *at = argument->text;
    (void)option;
    for (size_t bytes = strcspn(at, ","); bytes && at[bytes]; bytes = strcspn(at, ","))
        at += bytes + 1;
    if (!strcspn(at, ","))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: expected names or numbers of columns, separated by commas, found '%.200s'", argument->option,
                       argument->text);
    *(const char **)field = argument->text;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_delimiter(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option;
    if (!sl_series_delimiter_find(argument->text))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected one character, as ';', or tab, found '%.200s'",
                       argument->option, argument->text);
    *(const char **)field = argument->text;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_horizon(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    size_t first, last;
    (void)option;
    const sluice_status status = sl_horizon_parse(argument->option, argument->text, &first, &last, error);
    if (!status)
        *(const char **)field = argument->text;
    return status;
}

static sluice_status parse_share(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    enum { ENOUGH = 32, PERCENT = 100 };
    char number[ENOUGH];
    const size_t length = strlen(argument->text);
    const bool is_percent = length && argument->text[length - 1] == '%';
    char *end = NULL;
    double share = -1;
    (void)option;
    if (length && length < sizeof number && (argument->text[0] == '.' || (argument->text[0] >= '0' && argument->text[0] <= '9'))) {
        memcpy(number, argument->text, length - is_percent);
        number[length - is_percent] = '\0';
        share = strtod(number, &end) / (is_percent ? PERCENT : 1);
    }
    if (!end || *end || !(share >= 0 && share < 1))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected a fraction below 1, as 0.2, or 20%%, found '%.200s'",
                       argument->option, argument->text);
    *(double *)field = share;
    return SLUICE_STATUS_OK;
}

const sl_option_kind sl_value_columns = {parse_columns, SL_COMPLETE_NOTHING, SL_TYPE_TEXT};
const sl_option_kind sl_value_delimiter = {parse_delimiter, SL_COMPLETE_NOTHING, SL_TYPE_TEXT};
const sl_option_kind sl_value_horizon = {parse_horizon, SL_COMPLETE_NOTHING, SL_TYPE_TEXT};
const sl_option_kind sl_value_share = {parse_share, SL_COMPLETE_NOTHING, SL_TYPE_DOUBLE};
const sl_option_kind sl_value_word = {parse_word, SL_COMPLETE_CHOICE, SL_TYPE_TEXT};
const sl_option_kind sl_value_functions = {parse_functions, SL_COMPLETE_CHOICES, SL_TYPE_TEXT};
const sl_option_kind sl_value_layout = {parse_layout, SL_COMPLETE_CHOICE, SL_TYPE_OTHER};
const sl_option_kind sl_value_schedule = {parse_schedule, SL_COMPLETE_CHOICE, SL_TYPE_OTHER};
const sl_option_kind sl_value_every = {parse_every, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
const sl_option_kind sl_value_shard = {parse_shard, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
const sl_option_kind sl_value_layers = {parse_layers, SL_COMPLETE_NOTHING, SL_TYPE_SIZE}; /* of a list: train_record.c */
const sl_option_kind sl_value_curve = {parse_curve, SL_COMPLETE_FILES, SL_TYPE_OTHER};
const sl_option_kind sl_value_loss = {parse_loss, SL_COMPLETE_CHOICE, SL_TYPE_TEXT};
const sl_option_kind sl_value_rate = {parse_rate, SL_COMPLETE_CHOICE, SL_TYPE_TEXT};
