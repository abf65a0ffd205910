#include "cli/cli_values.h"

#include "cli/cli_options.h"
#include "program/options/option_words.h"

#include "base/error.h"
#include "program/options/option_kinds.h"

#include <ctype.h>
#include <errno.h>
#include <float.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static bool read_whole(const char *text, unsigned long long *value)
{
    char *end;
    errno = 0;
    *value = strtoull(text, &end, 10);
    return isdigit((unsigned char)*text) && !*end && !errno;
}

static sluice_status read_number(const sl_option *option, const sl_argument *argument, const char *text, size_t *number,
                                 sluice_error *error)
{
    const size_t least = option->least ? option->least : 1, most = option->most ? option->most : SIZE_MAX;
    unsigned long long value;
    if (!read_whole(text, &value) || value < least || value > most)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected a number from %zu to %zu, found '%.200s'", argument->option,
                       least, most, text);
    *number = (size_t)value;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_number(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    return read_number(option, argument, argument->text, field, error);
}

static sluice_status parse_threads(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    size_t number = 0;
    const sluice_status status = read_number(option, argument, argument->text, &number, error);
    *(unsigned *)field = (unsigned)number;
    return status;
}

static sluice_status parse_seed(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    unsigned long long value;
    (void)option;
    if (!read_whole(argument->text, &value))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected a number from 0 to 2^64 - 1, found '%.200s'",
                       argument->option, argument->text);
    *(uint64_t *)field = value;
    return SLUICE_STATUS_OK;
}

/* A number that is finite as a float, which most of them become. */
static bool read_real(const char *text, double *value)
{
    char *end;
    *value = strtod(text, &end);
    return (isdigit((unsigned char)*text) || *text == '.') && !*end && *value <= (double)FLT_MAX;
}

static sluice_status take_real(bool good, double value, const char *expected, const sl_argument *argument, double *field,
                               sluice_error *error)
{
    if (!good)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected a number %s, found '%.200s'", argument->option, expected,
                       argument->text);
    *field = value;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_real(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    double value;
    (void)option;
    const bool good = read_real(argument->text, &value);
    return take_real(good, value, "from 0 to 3e38", argument, field, error);
}

static sluice_status parse_positive(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    double value;
    (void)option;
    const bool good = read_real(argument->text, &value) && (float)value > 0;
    return take_real(good, value, "above 0, 3e38 at most", argument, field, error);
}

static sluice_status parse_share(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    double value;
    (void)option;
    const bool good = read_real(argument->text, &value) && (float)value < 1;
    return take_real(good, value, "from 0 to less than 1", argument, field, error);
}

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

static sluice_status parse_initializer(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    unsigned value;
    const sluice_status status = sl_option_find_choice(option, argument, &value, error);
    ((sl_options *)field)->train.initializer = 1 + (size_t)value;
    return status;
}

/* --checkpoint-every N, of steps, or Nm, of minutes; the one given last counts. */
static sluice_status parse_every(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    sl_train_options *train = &((sl_options *)field)->train;
    char number[24];
    const size_t length = strlen(argument->text);
    const bool minutes = length && argument->text[length - 1] == 'm';
    if (length - minutes >= sizeof number)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: expected a number of steps, or of minutes with an 'm' behind, found '%.200s'", argument->option,
                       argument->text);
    memcpy(number, argument->text, length - minutes);
    number[length - minutes] = '\0';
    train->checkpoint_steps = train->checkpoint_minutes = 0;
    return read_number(option, argument, number, minutes ? &train->checkpoint_minutes : &train->checkpoint_steps, error);
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

const sl_option_kind sl_value_number = {parse_number, SL_COMPLETE_NOTHING};
const sl_option_kind sl_value_threads = {parse_threads, SL_COMPLETE_NOTHING};
const sl_option_kind sl_value_seed = {parse_seed, SL_COMPLETE_NOTHING};
const sl_option_kind sl_value_real = {parse_real, SL_COMPLETE_NOTHING};
const sl_option_kind sl_value_positive = {parse_positive, SL_COMPLETE_NOTHING};
const sl_option_kind sl_value_share = {parse_share, SL_COMPLETE_NOTHING};
const sl_option_kind sl_value_layout = {parse_layout, SL_COMPLETE_CHOICE};
const sl_option_kind sl_value_schedule = {parse_schedule, SL_COMPLETE_CHOICE};
const sl_option_kind sl_value_initializer = {parse_initializer, SL_COMPLETE_CHOICE};
const sl_option_kind sl_value_every = {parse_every, SL_COMPLETE_NOTHING};
const sl_option_kind sl_value_curve = {parse_curve, SL_COMPLETE_FILES};
