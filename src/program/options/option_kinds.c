#include "program/options/option_kinds.h"

#include "base/error.h"
#include "base/size.h"
#include "program/options/number.h"

#include <float.h>
#include <stdint.h>
#include <string.h>

_Static_assert(sizeof(sluice_isa) == sizeof(unsigned), "enums that take a choice are as wide as unsigned");

static sluice_status parse_flag(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option, (void)argument, (void)error;
    *(bool *)field = true;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_constant(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)argument, (void)error;
    memcpy(field, &option->value, sizeof option->value);
    return SLUICE_STATUS_OK;
}

static sluice_status parse_text(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option, (void)error;
    memcpy(field, &argument->text, sizeof argument->text);
    return SLUICE_STATUS_OK;
}

static sluice_status parse_path(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    if (!*argument->text)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected the name of a file, found ''", argument->option);
    return parse_text(option, argument, field, error);
}

sluice_status sl_option_find_choice(const sl_option *option, const sl_argument *argument, unsigned *value, sluice_error *error)
{
    char known[SL_CHOICES_BYTES];
    const char *name;
    for (*value = 0; (name = option->choice(*value)); ++*value)
        if (strcmp(name, argument->text) == 0)
            return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: '%.200s' is not known; expected one of %s", argument->option,
                   argument->text, sl_option_list_choices(option, ", ", known));
}

static sluice_status parse_choice(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    unsigned value;
    const sluice_status status = sl_option_find_choice(option, argument, &value, error);
    if (!status)
        memcpy(field, &value, sizeof value);
    return status;
}

/* ---- Numbers --------------------------------------------------------------------------------------------------------------- */

static sluice_status parse_range(const sl_argument *argument, const char *text, uint64_t least, uint64_t most, uint64_t *number,
                                 sluice_error *error)
{
    if (sl_number_parse(text, number) && *number >= least && *number <= most)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected a number from %llu to %llu, found '%.200s'", argument->option,
                   (unsigned long long)least, (unsigned long long)most, text);
}

static sluice_status parse_number(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    uint64_t number;
    const sluice_status status =
        parse_range(argument, argument->text, option->least, option->most ? option->most : SIZE_MAX, &number, error);
    *(size_t *)field = (size_t)number;
    return status;
}

static sluice_status parse_unsigned(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    size_t number;
    const sluice_status status = parse_number(option, argument, &number, error);
    *(unsigned *)field = (unsigned)number;
    return status;
}

sluice_status sl_option_parse_count(const sl_option *option, const sl_argument *argument, const char *text, size_t *count,
                                    sluice_error *error)
{
    uint64_t number;
    const sluice_status status =
        parse_range(argument, text, sl_size_max(option->least, 1), option->most ? option->most : SIZE_MAX, &number, error);
    *count = (size_t)number;
    return status;
}

static sluice_status parse_count(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    return sl_option_parse_count(option, argument, argument->text, field, error);
}

static sluice_status parse_count64(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    size_t count;
    const sluice_status status = parse_count(option, argument, &count, error);
    *(uint64_t *)field = count;
    return status;
}

static sluice_status parse_seed(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    (void)option;
    return parse_range(argument, argument->text, 0, UINT64_MAX, field, error);
}

static sluice_status fail_real(const sl_argument *argument, const char *expected, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: expected a number %s, found '%.200s'", argument->option, expected,
                   argument->text);
}

static sluice_status parse_real(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    double value;
    (void)option;
    if (!sl_number_parse_real(argument->text, &value) || value > (double)FLT_MAX)
        return fail_real(argument, "from 0 to 3e38", error);
    *(double *)field = value;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_positive(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    double value;
    (void)option;
    if (!sl_number_parse_real(argument->text, &value) || value > (double)FLT_MAX || (float)value <= 0)
        return fail_real(argument, "above 0, 3e38 at most", error);
    *(double *)field = value;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_fraction(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    double value;
    (void)option;
    if (!sl_number_parse_real(argument->text, &value) || (float)value >= 1)
        return fail_real(argument, "from 0 to less than 1", error);
    *(double *)field = value;
    return SLUICE_STATUS_OK;
}

static sluice_status parse_fraction_f32(const sl_option *option, const sl_argument *argument, void *field, sluice_error *error)
{
    double value = 0;
    const sluice_status status = parse_fraction(option, argument, &value, error);
    *(float *)field = (float)value;
    return status;
}

/* ---- Kinds ----------------------------------------------------------------------------------------------------------------- */

const sl_option_kind sl_kind_flag = {parse_flag, SL_COMPLETE_NOTHING, SL_TYPE_BOOL};
const sl_option_kind sl_kind_constant = {parse_constant, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
const sl_option_kind sl_kind_text = {parse_text, SL_COMPLETE_NOTHING, SL_TYPE_TEXT};
const sl_option_kind sl_kind_file = {parse_path, SL_COMPLETE_FILES, SL_TYPE_TEXT};
const sl_option_kind sl_kind_word_or_file = {parse_path, SL_COMPLETE_WORD_OR_FILES, SL_TYPE_TEXT};
const sl_option_kind sl_kind_directory = {parse_path, SL_COMPLETE_DIRECTORIES, SL_TYPE_TEXT};
const sl_option_kind sl_kind_choice = {parse_choice, SL_COMPLETE_CHOICE, SL_TYPE_CHOICE};
const sl_option_kind sl_kind_number = {parse_number, SL_COMPLETE_NOTHING, SL_TYPE_SIZE};
const sl_option_kind sl_kind_unsigned = {parse_unsigned, SL_COMPLETE_NOTHING, SL_TYPE_OTHER};
const sl_option_kind sl_kind_count = {parse_count, SL_COMPLETE_NOTHING, SL_TYPE_SIZE};
const sl_option_kind sl_kind_count64 = {parse_count64, SL_COMPLETE_NOTHING, SL_TYPE_UINT64};
const sl_option_kind sl_kind_seed = {parse_seed, SL_COMPLETE_NOTHING, SL_TYPE_SEED};
const sl_option_kind sl_kind_real = {parse_real, SL_COMPLETE_NOTHING, SL_TYPE_DOUBLE};
const sl_option_kind sl_kind_positive = {parse_positive, SL_COMPLETE_NOTHING, SL_TYPE_DOUBLE};
const sl_option_kind sl_kind_fraction = {parse_fraction, SL_COMPLETE_NOTHING, SL_TYPE_DOUBLE};
const sl_option_kind sl_kind_fraction_f32 = {parse_fraction_f32, SL_COMPLETE_NOTHING, SL_TYPE_FLOAT};
