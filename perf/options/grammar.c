#include "perf/options/grammar.h"

#include "base/error.h"
#include "base/size.h"
#include "program/options/number.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a message shows of a value, so that its remedy still fits. */
#define SHOWN "%s '%.120s'"
#define LIST_FORM "a list 16,32, a range 1-8 or a range 32-1024*2"
#define SECONDS_MAX 3600.0

/* Parse the number at *at and move behind it. `form` describes the expected syntax. */
static sluice_status take_number(const sl_argument *argument, const char *form, const char **at, size_t *value, sluice_error *error)
{
    uint64_t number;
    const char *start = *at;
    const sl_number_result result = sl_number_scan(at, &number);
    *value = (size_t)number;
    if (result == SL_NUMBER_MISSING)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": expected a number at character %td, found %s%.8s; write %s",
                       argument->option, argument->text, start - argument->text + 1, *start ? "" : "the end", start, form);
    if (result == SL_NUMBER_TOO_LARGE || *value != number)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": the number at character %td does not fit; the largest is %zu",
                       argument->option, argument->text, start - argument->text + 1, SIZE_MAX);
    return SLUICE_STATUS_OK;
}

static sluice_status fail_rest(const sl_argument *argument, const char *form, const char *at, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": did not expect '%.8s' at character %td; write %s", argument->option,
                   argument->text, at, at - argument->text + 1, form);
}

static sluice_status check_range(const sl_argument *argument, size_t value, size_t least, size_t most, sluice_error *error)
{
    if (value >= least && value <= most)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": %zu is out of range; the least is %zu, the largest %zu",
                   argument->option, argument->text, value, least, most);
}

sluice_status sl_grammar_seconds(const sl_argument *argument, double *value, sluice_error *error)
{
    if (!sl_number_parse_real(argument->text, value) || !(*value > 0 && *value <= SECONDS_MAX))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": expected seconds above 0, at most %g; write 0.1 for example",
                       argument->option, argument->text, SECONDS_MAX);
    return SLUICE_STATUS_OK;
}

sluice_status sl_grammar_share(const sl_argument *argument, double *value, sluice_error *error)
{
    if (!sl_number_parse_real(argument->text, value) || !(*value > 0 && *value < 1))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": expected a share above 0 and below 1; write 0.05 for example",
                       argument->option, argument->text);
    return SLUICE_STATUS_OK;
}

static sluice_status append(const sl_argument *argument, size_t value, sl_list *list, sluice_error *error)
{
    if (list->count == SL_LIST_MAX)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       SHOWN ": more than %d values; give fewer, or a range with a factor: 32-1024*2", argument->option,
                       argument->text, SL_LIST_MAX);
    list->values[list->count++] = value;
    return SLUICE_STATUS_OK;
}

/* Append first, then each next one up to last: the next number, or `factor` times as much when factor > 1. */
static sluice_status append_range(const sl_argument *argument, size_t first, size_t last, size_t factor, sl_list *list,
                                  sluice_error *error)
{
    sluice_status status;
    size_t value = first;
    bool fits;
    do {
        status = append(argument, value, list, error);
        fits = factor > 1 ? sl_size_mul(value, factor, &value) : sl_size_add(value, 1, &value);
    } while (!status && fits && value <= last);
    return status;
}

/* An item at *at: `a`, `a-b` or `a-b*k`. */
static sluice_status take_item(const sl_argument *argument, size_t most, const char **at, sl_list *list, sluice_error *error)
{
    size_t first, last, factor = 1;
    sluice_status status = take_number(argument, LIST_FORM, at, &first, error);
    status = status ? status : check_range(argument, first, 1, most, error);
    if (status || **at != '-')
        return status ? status : append(argument, first, list, error);
    ++*at;
    status = take_number(argument, LIST_FORM, at, &last, error);
    status = status ? status : check_range(argument, last, 1, most, error);
    if (status)
        return status;
    if (last < first)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": the range %zu-%zu runs backwards; write %zu-%zu",
                       argument->option, argument->text, first, last, last, first);
    if (**at == '*') {
        ++*at;
        status = take_number(argument, LIST_FORM, at, &factor, error);
        if (!status && factor < 2)
            status = sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": the factor %zu leads nowhere; the least is 2",
                             argument->option, argument->text, factor);
    }
    return status ? status : append_range(argument, first, last, factor, list, error);
}

sluice_status sl_grammar_list(const sl_argument *argument, size_t most, sl_list *list, sluice_error *error)
{
    const size_t before = list->count;
    const char *at = argument->text;
    sluice_status status;
    while (!(status = take_item(argument, most, &at, list, error)) && *at == ',')
        at++;
    if (!status && *at)
        status = fail_rest(argument, LIST_FORM, at, error);
    if (status)
        list->count = before;
    return status;
}

sluice_status sl_grammar_tuple(const sl_argument *argument, const char *form, size_t count, size_t most, size_t *values,
                               sluice_error *error)
{
    const char *at = argument->text;
    for (size_t k = 0; k < count; k++) {
        if (k && *at != ',')
            return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": expected %zu numbers %s, found %zu", argument->option,
                           argument->text, count, form, k);
        at += k > 0;
        sluice_status status = take_number(argument, form, &at, &values[k], error);
        status = status ? status : check_range(argument, values[k], 1, most, error);
        if (status)
            return status;
    }
    return *at ? fail_rest(argument, form, at, error) : SLUICE_STATUS_OK;
}

static sluice_status fail_name(const sl_argument *argument, const char *(*name)(size_t value), size_t length, const char *found,
                               sluice_error *error)
{
    char known[128] = "";
    for (size_t v = 0; name(v); v++) {
        const size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", v ? ", " : "", name(v));
    }
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, SHOWN ": '%.*s' is not known; choose of %s, separated by commas",
                   argument->option, argument->text, (int)sl_size_min(length, 40), found, known);
}

sluice_status sl_grammar_names(const sl_argument *argument, const char *(*name)(size_t value), sl_list *list, sluice_error *error)
{
    const size_t before = list->count;
    sluice_status status = SLUICE_STATUS_OK;
    for (const char *at = argument->text;; at++) {
        const size_t length = strcspn(at, ",");
        size_t v = 0;
        while (name(v) && (strlen(name(v)) != length || memcmp(name(v), at, length) != 0))
            v++;
        status = name(v) ? append(argument, v, list, error) : fail_name(argument, name, length, at, error);
        at += length;
        if (status || !*at)
            break;
    }
    if (status)
        list->count = before;
    return status;
}
