#include "io/saved/checkpoint_options.h"

#include "base/error.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_key[] = "format", format_value[] = "sluice-trainer 1";
/* Of trainers with options that earlier releases do not know, and must not go on without. */
static const char second_format_value[] = "sluice-trainer 2";

/* ---- One option ------------------------------------------------------------------------------------------------------------ */

typedef enum kind { WORD, REAL, SINGLE, SIZE, COUNT, INTEGER } kind; /* an enum, double, float, size_t, uint64_t, int */

static const char *name_optimizer(unsigned value)
{
    return sluice_optimizer_get_name((sluice_optimizer)value);
}

static const char *name_rate(unsigned value)
{
    return sluice_rate_get_name((sluice_rate)value);
}

static const char *name_loss(unsigned value)
{
    return sluice_loss_get_name((sluice_loss_kind)value);
}

static const struct field {
    const char *key;
    kind kind;
    size_t at;                     /* offset in sl_checkpoint_options */
    const char *(*name)(unsigned); /* of WORD: of a value of the enum, NULL past the last */
    bool is_second;                /* in the second format alone */
} fields[] = {
    {"optimizer", WORD, offsetof(sl_checkpoint_options, options.optimizer), name_optimizer},
    {"rate", REAL, offsetof(sl_checkpoint_options, options.rate)},
    {"momentum", REAL, offsetof(sl_checkpoint_options, options.momentum)},
    {"beta1", REAL, offsetof(sl_checkpoint_options, options.beta1)},
    {"beta2", REAL, offsetof(sl_checkpoint_options, options.beta2)},
    {"epsilon", REAL, offsetof(sl_checkpoint_options, options.epsilon)},
    {"weight_decay", REAL, offsetof(sl_checkpoint_options, options.weight_decay)},
    {"clip", REAL, offsetof(sl_checkpoint_options, options.clip)},
    {"schedule", WORD, offsetof(sl_checkpoint_options, options.schedule), name_rate},
    {"total_steps", COUNT, offsetof(sl_checkpoint_options, options.total_steps)},
    {"warmup_steps", COUNT, offsetof(sl_checkpoint_options, options.warmup_steps)},
    {"loss", WORD, offsetof(sl_checkpoint_options, options.loss), name_loss},
    {"every_step", INTEGER, offsetof(sl_checkpoint_options, options.every_step)},
    {"ignore", INTEGER, offsetof(sl_checkpoint_options, options.ignore)},
    {"label_smoothing", SINGLE, offsetof(sl_checkpoint_options, options.label_smoothing)},
    {"dropout", SINGLE, offsetof(sl_checkpoint_options, options.dropout)},
    {"seed", COUNT, offsetof(sl_checkpoint_options, options.seed)},
    {"recompute", SIZE, offsetof(sl_checkpoint_options, options.recompute)},
    {"step", COUNT, offsetof(sl_checkpoint_options, step)},
    {"shards", SIZE, offsetof(sl_checkpoint_options, options.shards), .is_second = true},
    {"delta", REAL, offsetof(sl_checkpoint_options, options.delta), .is_second = true},
    {"quantiles", SIZE, offsetof(sl_checkpoint_options, options.quantile_count), .is_second = true},
    {"first_trained", SIZE, offsetof(sl_checkpoint_options, options.first_trained), .is_second = true},
    {"rate_factor", REAL, offsetof(sl_checkpoint_options, rate_factor), .is_second = true},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

typedef struct spelling {
    char text[64];
} spelling;

/* The exact value as a whole hexadecimal number times a power of two: without a decimal point, which differs between locales. */
static spelling format_real(double value)
{
    enum { DIGITS = 53 };
    spelling made = {"not finite"};
    if (!isfinite(value))
        return made;
    int exponent;
    uint64_t digits = (uint64_t)ldexp(fabs(frexp(value, &exponent)), DIGITS);
    exponent -= DIGITS;
    while (digits && digits % 2 == 0) {
        digits /= 2;
        exponent++;
    }
    snprintf(made.text, sizeof made.text, "%s0x%" PRIx64 "p%d", signbit(value) ? "-" : "", digits, digits ? exponent : 0);
    return made;
}

static spelling format_field(const struct field *field, const sl_checkpoint_options *from)
{
    const void *at = (const char *)from + field->at;
    spelling made;
    switch (field->kind) {
    case WORD:
        snprintf(made.text, sizeof made.text, "%s", field->name(*(const unsigned *)at));
        break;
    case REAL:
        return format_real(*(const double *)at);
    case SINGLE:
        return format_real((double)*(const float *)at);
    case SIZE:
        snprintf(made.text, sizeof made.text, "%zu", *(const size_t *)at);
        break;
    case COUNT:
        snprintf(made.text, sizeof made.text, "%" PRIu64, *(const uint64_t *)at);
        break;
    case INTEGER:
        snprintf(made.text, sizeof made.text, "%d", *(const int *)at);
    }
    return made;
}

/* Set the field to the value of the text, as far as C's own conversions understand it. */
static void read_field(const struct field *field, const char *value, sl_checkpoint_options *to)
{
    void *at = (char *)to + field->at;
    switch (field->kind) {
    case WORD:
        for (unsigned k = 0; field->name(k); k++)
            if (strcmp(value, field->name(k)) == 0)
                *(unsigned *)at = k;
        break;
    case REAL:
        *(double *)at = strtod(value, NULL);
        break;
    case SINGLE:
        *(float *)at = (float)strtod(value, NULL);
        break;
    case SIZE:
        *(size_t *)at = strtoull(value, NULL, 10);
        break;
    case COUNT:
        *(uint64_t *)at = strtoull(value, NULL, 10);
        break;
    case INTEGER:
        *(int *)at = (int)strtol(value, NULL, 10);
    }
}

/* What a field's text should be, for an error message. */
static spelling get_expected(const struct field *field)
{
    spelling made = {"a whole number in its range"};
    if (field->kind == REAL || field->kind == SINGLE)
        return (spelling){"a number as 0x3p-1, which is 1.5"};
    size_t at = 0;
    for (unsigned k = 0; field->kind == WORD && field->name(k); k++)
        at += (size_t)snprintf(made.text + at, sizeof made.text - at, "%s%s", k ? ", " : "one of ", field->name(k));
    return made;
}

/* Read a field. What is read has to be written the same again, so no other spelling, no value out of its type's range, and
 * neither NaN nor infinity is accepted. */
static sluice_status read_entry(const sl_tensor_source *source, const struct field *field, sl_checkpoint_options *to,
                                sluice_error *error)
{
    const char *value = sl_source_find_metadata(source, field->key);
    if (!value)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: metadata \"%s\" is missing; take another checkpoint", source->input.name,
                       field->key);
    read_field(field, value, to);
    if (strcmp(format_field(field, to).text, value) == 0)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: metadata \"%s\": expected %s, found \"%.80s\"; take another checkpoint",
                   source->input.name, field->key, get_expected(field).text, value);
}

/* ---- All of them ----------------------------------------------------------------------------------------------------------- */

void sl_checkpoint_options_put(sl_writer *writer, const sl_checkpoint_options *options)
{
    const sluice_trainer_options *of = &options->options;
    const bool is_second = of->shards > 1 || of->loss > SLUICE_LOSS_SQUARED_ERROR || of->first_trained || options->rate_factor != 1;
    sl_writer_put_metadata(writer, format_key, is_second ? second_format_value : format_value);
    for (size_t k = 0; k < FIELDS; k++)
        if (is_second || !fields[k].is_second)
            sl_writer_put_metadata(writer, fields[k].key, format_field(&fields[k], options).text);
}

sluice_status sl_checkpoint_options_read(const sl_tensor_source *source, sl_checkpoint_options *options, sluice_error *error)
{
    *options = (sl_checkpoint_options){.options = {.struct_size = sizeof options->options}, .rate_factor = 1};
    const char *format = sl_source_find_metadata(source, format_key);
    const bool is_second = format && strcmp(format, second_format_value) == 0;
    if (!format || (!is_second && strcmp(format, format_value) != 0))
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: expected a checkpoint, whose metadata have \"%s\" as \"%s\", found %s%.80s%s", source->input.name,
                       format_key, format_value, format ? "\"" : "none", format ? format : "", format ? "\"" : "");
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < FIELDS; k++)
        if (is_second || !fields[k].is_second)
            status = read_entry(source, &fields[k], options, error);
    return status;
}
