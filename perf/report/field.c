#include "perf/report/field.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

char *sl_field_clean_text(const char *text)
{
    char *copy = strdup(text);
    for (char *p = copy; p && *p; p++)
        if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
            *p = '?';
    return copy;
}

static json_t *text_to_json(const char *text)
{
    char *copy = text ? sl_field_clean_text(text) : NULL;
    json_t *string = !text ? json_null() : copy ? json_string(copy) : NULL;
    free(copy);
    return string;
}

static json_t *size_to_json(size_t value, bool zero_is_null)
{
    return value == 0 && zero_is_null ? json_null() : json_integer((json_int_t)value);
}

static json_t *real_to_json(double value, unsigned flags)
{
    const bool is_unknown = (value == 0 && flags & SL_FIELD_ZERO_IS_NULL) || (isnan(value) && flags & SL_FIELD_NAN_IS_NULL);
    return is_unknown ? json_null() : json_real(value);
}

static json_t *value_to_json(const sl_field *field, const void *member)
{
    const bool zero_is_null = field->flags & SL_FIELD_ZERO_IS_NULL;
    switch (field->type) {
    case SL_FIELD_SIZE:
        return size_to_json(*(const size_t *)member, zero_is_null);
    case SL_FIELD_UNSIGNED:
        return size_to_json(*(const unsigned *)member, zero_is_null);
    case SL_FIELD_FLAG:
        return json_boolean(*(const bool *)member);
    case SL_FIELD_REAL:
        return real_to_json(*(const double *)member, field->flags);
    case SL_FIELD_TEXT:
        return text_to_json(*(const char *const *)member);
    }
    return NULL;
}

json_t *sl_fields_to_row(const sl_field_table *table, const void *values)
{
    json_t *row = json_object();
    bool failed = !row;
    for (size_t k = 0; !failed && k < table->count; k++) {
        const sl_field *field = &table->fields[k];
        failed = json_object_set_new(row, field->key, value_to_json(field, (const char *)values + field->offset)) != 0;
    }
    if (failed) {
        json_decref(row);
        row = NULL;
    }
    return row;
}

static bool has_type(const json_t *value, sl_field_type type)
{
    switch (type) {
    case SL_FIELD_SIZE:
    case SL_FIELD_UNSIGNED:
        return json_is_integer(value);
    case SL_FIELD_FLAG:
        return json_is_boolean(value);
    case SL_FIELD_REAL:
        return json_is_number(value);
    case SL_FIELD_TEXT:
        return json_is_string(value);
    }
    return false;
}

const char *sl_field_describe_type(sl_field_type type)
{
    static const char *const names[] = {
        [SL_FIELD_SIZE] = "a whole number", [SL_FIELD_UNSIGNED] = "a whole number",
        [SL_FIELD_FLAG] = "true or false",  [SL_FIELD_REAL] = "a number",
        [SL_FIELD_TEXT] = "a text",
    };
    return names[type];
}

const sl_field *sl_fields_find_invalid(const sl_field_table *table, const json_t *row)
{
    for (size_t k = 0; k < table->count; k++) {
        const sl_field *field = &table->fields[k];
        const json_t *value = json_object_get(row, field->key);
        const bool is_missing = !value || json_is_null(value);
        if (is_missing ? (field->flags & SL_FIELD_REQUIRED) != 0 : !has_type(value, field->type))
            return field;
    }
    return NULL;
}
