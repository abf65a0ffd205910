#include "cli/cli_options.h"
#include "cli/series/series_windows.h"
#include "cli/train/layer_list.h"
#include "program/options/option_words.h"

#include "base/error.h"
#include "io/label.h"
#include "io/network/function_words.h"
#include "program/options/option_kinds.h"

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
