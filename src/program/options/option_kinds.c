#include "program/options/option_kinds.h"

#include "base/error.h"

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

const sl_option_kind sl_kind_flag = {parse_flag, SL_COMPLETE_NOTHING};
const sl_option_kind sl_kind_constant = {parse_constant, SL_COMPLETE_NOTHING};
const sl_option_kind sl_kind_text = {parse_text, SL_COMPLETE_NOTHING};
const sl_option_kind sl_kind_file = {parse_path, SL_COMPLETE_FILES};
const sl_option_kind sl_kind_word_or_file = {parse_path, SL_COMPLETE_WORD_OR_FILES};
const sl_option_kind sl_kind_directory = {parse_path, SL_COMPLETE_DIRECTORIES};
const sl_option_kind sl_kind_choice = {parse_choice, SL_COMPLETE_CHOICE};
