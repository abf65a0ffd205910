#include "io/network/description_write.h"

#include "base/layer.h"
#include "io/measured_text.h"
#include "io/network/network_fields.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A name, which has no control characters, as a JSON string. */
static void put_name(sl_measured_text *to, const char *name)
{
    sl_measured_text_put(to, "\"");
    for (; *name; name++)
        sl_measured_text_put(to, *name == '"' || *name == '\\' ? "\\%c" : "%c", *name);
    sl_measured_text_put(to, "\"");
}

/* With the fewest digits that give the same float back, and a point whatever the locale has in its place. */
static void put_number(sl_measured_text *to, float value)
{
    enum { ENOUGH = 9 };
    char digits[64];
    for (int precision = 1; precision <= ENOUGH; precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, (double)value);
        if (strtof(digits, NULL) == value)
            break;
    }
    const size_t whole = strspn(digits, "-0123456789"), point = strcspn(digits + whole, "e0123456789");
    sl_measured_text_put(to, "%.*s%s%s", (int)whole, digits, point ? "." : "", digits + whole + point);
}

static void put_object(sl_measured_text *to, const sl_fields *fields, const void *from, const void *plain, unsigned kind);

static void put_cells(sl_measured_text *to, const sluice_layer *layer)
{
    sl_measured_text_put(to, "[");
    for (size_t d = 0; d < sl_layer_count_directions(layer); d++) {
        sl_measured_text_put(to, d ? "," : "");
        put_object(to, &sl_cell_fields, &layer->cells[d], &sl_cell_default, SL_EVERY_KIND);
    }
    sl_measured_text_put(to, "]");
}

/* Whether a field differs from its default. Numbers are compared by their bits: -0 is not 0. */
static bool differs(const sl_field *field, const void *from, const void *plain)
{
    const char *value = (const char *)from + field->at, *usual = (const char *)plain + field->at;
    switch (field->type) {
    case SL_FIELD_SIZE:
        return memcmp(value, usual, sizeof(size_t)) != 0;
    case SL_FIELD_NUMBER:
    case SL_FIELD_LIMIT:
        return memcmp(value, usual, sizeof(float)) != 0;
    case SL_FIELD_FLAG:
        return !*(const int *)value != !*(const int *)usual;
    case SL_FIELD_PART:
        return (*(const unsigned *)value & field->bit) != (*(const unsigned *)usual & field->bit);
    case SL_FIELD_WORD:
        return *(const unsigned *)value != *(const unsigned *)usual;
    case SL_FIELD_ACTIVATION:
        return memcmp(value, usual, sizeof(sluice_activation)) != 0;
    default:
        return *(const void *const *)value != NULL;
    }
}

static void put_value(sl_measured_text *to, const sl_field *field, const void *from)
{
    const void *value = (const char *)from + field->at;
    switch (field->type) {
    case SL_FIELD_SIZE:
        sl_measured_text_put(to, "%zu", *(const size_t *)value);
        break;
    case SL_FIELD_NUMBER:
    case SL_FIELD_LIMIT:
        put_number(to, *(const float *)value);
        break;
    case SL_FIELD_FLAG:
        sl_measured_text_put(to, *(const int *)value ? "true" : "false");
        break;
    case SL_FIELD_PART:
        sl_measured_text_put(to, *(const unsigned *)value & field->bit ? "true" : "false");
        break;
    case SL_FIELD_WORD:
        sl_measured_text_put(to, "\"%s\"", field->word(*(const unsigned *)value));
        break;
    case SL_FIELD_ACTIVATION:
        put_object(to, &sl_activation_fields, value, &sl_activation_default, SL_EVERY_KIND);
        break;
    case SL_FIELD_CELLS:
        put_cells(to, from);
        break;
    default:
        put_name(to, *(const char *const *)value);
    }
}

/* Put the fields that differ from their defaults, of those that the kinds in `kind` have. */
static void put_object(sl_measured_text *to, const sl_fields *fields, const void *from, const void *plain, unsigned kind)
{
    const char *before = "{";
    for (size_t k = 0; k < fields->count; k++) {
        const sl_field *field = &fields->list[k];
        if (!(field->kinds & kind) || !differs(field, from, plain))
            continue;
        sl_measured_text_put(to, "%s\"%s\":", before, field->key);
        put_value(to, field, from);
        before = ",";
    }
    sl_measured_text_put(to, *before == '{' ? "{}" : "}");
}

typedef struct described {
    const sluice_network *network;
    const char *name;
} described;

static void put_masking(sl_measured_text *to, const sluice_network *network)
{
    if (network->masking != SLUICE_MASKING_NONE)
        sl_measured_text_put(to, "\"masking\":\"%s\",", sl_masking_get_name((unsigned)network->masking));
    if (network->mask_value != 0) {
        sl_measured_text_put(to, "\"mask_value\":");
        put_number(to, network->mask_value);
        sl_measured_text_put(to, ",");
    }
}

static void put_description(sl_measured_text *to, const void *context)
{
    const described *from = context;
    sl_measured_text_put(to, "{\"version\":%d,\"networks\":[{", SL_DESCRIPTION_VERSION);
    if (from->name) {
        sl_measured_text_put(to, "\"name\":");
        put_name(to, from->name);
        sl_measured_text_put(to, ",");
    }
    if (from->network->inputs)
        sl_measured_text_put(to, "\"inputs\":%zu,", from->network->inputs);
    put_masking(to, from->network);
    for (size_t k = 0; k < from->network->layer_count; k++) {
        const sluice_layer *layer = &from->network->layers[k];
        sl_measured_text_put(to, k ? "," : "\"layers\":[");
        put_object(to, &sl_layer_fields, layer, &sl_layer_default, 1u << layer->kind);
    }
    sl_measured_text_put(to, "]}]}");
}

sluice_status sl_description_make(const sluice_network *network, const char *name, char **text, sluice_error *error)
{
    const described from = {network, name};
    return sl_measured_text_make(put_description, &from, "the description of a network", text, error);
}
