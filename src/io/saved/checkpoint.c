/* sluice_trainer_save and sluice_trainer_load: a trainer as a safetensors file. Its weights are named and laid out as a model's;
 * behind each, [name].first and [name].second hold the optimiser's moments, as far as it has any; options and the number of steps
 * stand in the metadata, class weights are a tensor if there are any, and the note is one of bytes, since text need not be UTF-8.
 * Read as hostile input. */
#include "base/error.h"
#include "base/memory.h"
#include "model/model.h"
#include "io/label.h"
#include "io/model/model_write.h"
#include "train/trainer.h"

#include <inttypes.h>
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char format_key[] = "format", format_value[] = "sluice-trainer 1", note_name[] = "note",
                  weights_name[] = "class_weights";

/* ---- Options as text ------------------------------------------------------------------------------------------------------- */

/* What the metadata hold. */
typedef struct state {
    sluice_trainer_options options;
    uint64_t step;
} state;

typedef enum kind { WORD, REAL, SINGLE, SIZE, COUNT, INTEGER } kind; /* an enum, double, float, size_t, uint64_t, int */

static const char *const optimizers[] = {"adam", "adamw", "sgd", NULL};
static const char *const schedules[] = {"constant", "cosine", "one-cycle", NULL};
static const char *const losses[] = {"cross-entropy", "squared-error", NULL};

static const struct field {
    const char *key;
    kind kind;
    size_t at;                /* offset in state */
    const char *const *words; /* of WORD, in the order of the enum */
} fields[] = {
    {"optimizer", WORD, offsetof(state, options.optimizer), optimizers},
    {"rate", REAL, offsetof(state, options.rate)},
    {"momentum", REAL, offsetof(state, options.momentum)},
    {"beta1", REAL, offsetof(state, options.beta1)},
    {"beta2", REAL, offsetof(state, options.beta2)},
    {"epsilon", REAL, offsetof(state, options.epsilon)},
    {"weight_decay", REAL, offsetof(state, options.weight_decay)},
    {"clip", REAL, offsetof(state, options.clip)},
    {"schedule", WORD, offsetof(state, options.schedule), schedules},
    {"total_steps", COUNT, offsetof(state, options.total_steps)},
    {"warmup_steps", COUNT, offsetof(state, options.warmup_steps)},
    {"loss", WORD, offsetof(state, options.loss), losses},
    {"every_step", INTEGER, offsetof(state, options.every_step)},
    {"ignore", INTEGER, offsetof(state, options.ignore)},
    {"label_smoothing", SINGLE, offsetof(state, options.label_smoothing)},
    {"dropout", SINGLE, offsetof(state, options.dropout)},
    {"seed", COUNT, offsetof(state, options.seed)},
    {"recompute", SIZE, offsetof(state, options.recompute)},
    {"step", COUNT, offsetof(state, step)},
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

typedef struct spelling {
    char text[64];
} spelling;

/* Exactly, and without a point, on which locales differ: a whole hexadecimal number times a power of two. */
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

static spelling format_field(const struct field *field, const state *from)
{
    const void *at = (const char *)from + field->at;
    spelling made;
    switch (field->kind) {
    case WORD:
        snprintf(made.text, sizeof made.text, "%s", field->words[*(const unsigned *)at]);
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

/* The field as the text says, as far as C's own readers understand it. */
static void read_field(const struct field *field, const char *value, state *to)
{
    void *at = (char *)to + field->at;
    switch (field->kind) {
    case WORD:
        for (unsigned k = 0; field->words[k]; k++)
            if (strcmp(value, field->words[k]) == 0)
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

/* What a field's text should be, for a message. */
static spelling get_expected(const struct field *field)
{
    spelling made = {"a whole number in its range"};
    if (field->kind == REAL || field->kind == SINGLE)
        return (spelling){"a number as 0x3p-1, which is 1.5"};
    size_t at = 0;
    for (size_t k = 0; field->kind == WORD && field->words[k]; k++)
        at += (size_t)snprintf(made.text + at, sizeof made.text - at, "%s%s", k ? ", " : "one of ", field->words[k]);
    return made;
}

/* The field as the metadata have it: what is read has to be written the same again, so no other spelling, no value out of its
 * type's range, and neither NaN nor infinity passes. */
static sluice_status take_field(const sl_safetensors *file, const struct field *field, state *to, sluice_error *error)
{
    const char *value = sl_safetensors_find_metadata(file, field->key);
    if (!value)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: metadata \"%s\" is missing; take another checkpoint", file->input.name,
                       field->key);
    read_field(field, value, to);
    if (strcmp(format_field(field, to).text, value) == 0)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: metadata \"%s\": expected %s, found \"%.80s\"; take another checkpoint",
                   file->input.name, field->key, get_expected(field).text, value);
}

/* Take all of them; a file of another kind is told first. */
static sluice_status take_state(const sl_safetensors *file, state *to, sluice_error *error)
{
    *to = (state){.options = {.struct_size = sizeof to->options}};
    const char *format = sl_safetensors_find_metadata(file, format_key);
    if (!format || strcmp(format, format_value) != 0)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: expected a checkpoint, whose metadata have \"%s\" as \"%s\", found %s%.80s%s", file->input.name,
                       format_key, format_value, format ? "\"" : "none", format ? format : "", format ? "\"" : "");
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < FIELDS; k++)
        status = take_field(file, &fields[k], to, error);
    return status;
}

/* ---- Moments --------------------------------------------------------------------------------------------------------------- */

enum { MOMENTS = 2 };

static float *get_moment(const sl_trained *trained, int which)
{
    return which ? trained->second : trained->first;
}

/* The name of a tensor's moment; of the tensor itself for which = MOMENTS. */
static sl_tensor_name get_name(const sluice_trainer *trainer, const sl_trained *trained, int which)
{
    static const char *const ends[] = {".first", ".second", ""};
    const sluice_names names = sl_model_file_get_names();
    sl_tensor_name name = sl_model_file_get_name(&trainer->model->shape, &names, trained->tensor, trained->k);
    const size_t length = strlen(name.text);
    snprintf(name.text + length, sizeof name.text - length, "%s", ends[which]);
    return name;
}

/* A mean of squares is not negative. */
static sluice_status check_moment(const sl_safetensors *file, const sl_tensor *tensor, const float *values, bool squares,
                                  sluice_error *error)
{
    for (size_t k = 0; k < tensor->elements; k++)
        if (!isfinite(values[k]) || (squares && values[k] < 0))
            return sl_fail(
                error, SLUICE_STATUS_BAD_DATA,
                "%s: byte %zu: tensor \"%s\": element %zu: expected a finite number%s, found %s; take another checkpoint",
                file->input.name, file->data_at + tensor->begin + k * sizeof *values, tensor->name, k, squares ? " >= 0" : "",
                isnan(values[k])   ? "NaN"
                : isinf(values[k]) ? "infinity"
                                   : "one below 0");
    return SLUICE_STATUS_OK;
}

static sluice_status fail_missing(const sl_safetensors *file, const char *name, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: tensor \"%s\" is missing; take another checkpoint", file->input.name, name);
}

/* A tensor that must be there, of this type and [count]; it is used from then on. */
static sluice_status find_row(const sl_safetensors *file, const char *name, const char *dtype, size_t count, sl_tensor **found,
                              sluice_error *error)
{
    sl_tensor *tensor = *found = sl_safetensors_find(file, name);
    if (!tensor)
        return fail_missing(file, name, error);
    if (strcmp(tensor->dtype, dtype) != 0 || tensor->dims != 1 || (count && tensor->shape[0] != count))
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: byte %zu: tensor \"%s\": expected %s %s, found %s %s; take another checkpoint", file->input.name,
                       tensor->stated_at, name, dtype, count ? sl_shape_get_text(&count, 1).text : "[bytes]",
                       sl_label_get(tensor->dtype).text, sl_shape_get_text(tensor->shape, tensor->dims).text);
    tensor->used = true;
    return SLUICE_STATUS_OK;
}

static sluice_status read_moment(const sl_safetensors *file, const sluice_trainer *trainer, const sl_trained *trained, int which,
                                 sluice_error *error)
{
    float *values = get_moment(trained, which);
    if (!values)
        return SLUICE_STATUS_OK;
    sl_tensor *tensor;
    sluice_status status = find_row(file, get_name(trainer, trained, which).text, "F32", trained->count, &tensor, error);
    if (!status)
        status = sl_safetensors_read(file, tensor, values, error);
    return status ? status : check_moment(file, tensor, values, which == 1, error);
}

/* ---- Saving ---------------------------------------------------------------------------------------------------------------- */

static void put_moments(sl_writer *writer, const sluice_trainer *trainer)
{
    for (size_t k = 0; k < trainer->count; k++)
        for (int which = 0; which < MOMENTS; which++)
            if (get_moment(&trainer->trained[k], which))
                sl_model_file_put_finite(writer, get_name(trainer, &trainer->trained[k], which).text, &trainer->trained[k].count, 1,
                                         get_moment(&trainer->trained[k], which));
}

static void write_moments(sl_writer *writer, const sluice_trainer *trainer)
{
    for (size_t k = 0; k < trainer->count; k++)
        for (int which = 0; which < MOMENTS; which++)
            if (get_moment(&trainer->trained[k], which))
                sl_writer_write(writer, get_moment(&trainer->trained[k], which), trainer->trained[k].count * sizeof(float));
}

sluice_status sluice_trainer_save(const sluice_trainer *trainer, const char *path, const char *note, sluice_error *error)
{
    if (!trainer || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_save: %s is NULL", trainer ? "path" : "trainer");
    const state now = {.options = trainer->options, .step = trainer->step};
    const sluice_names names = sl_model_file_get_names();
    const size_t note_bytes = note ? strlen(note) : 0;
    sl_writer writer = {.error = error};
    sl_writer_put_metadata(&writer, format_key, format_value);
    for (size_t k = 0; k < FIELDS; k++)
        sl_writer_put_metadata(&writer, fields[k].key, format_field(&fields[k], &now).text);
    sl_model_file_put(&writer, trainer->model, &names);
    put_moments(&writer, trainer);
    if (trainer->class_weights)
        sl_model_file_put_finite(&writer, weights_name, &trainer->model->shape.classes, 1, trainer->class_weights);
    sl_writer_put_bytes(&writer, note_name, note_bytes);
    sl_writer_open(&writer, path);
    sl_model_file_write(&writer, trainer->model);
    write_moments(&writer, trainer);
    if (trainer->class_weights)
        sl_writer_write(&writer, trainer->class_weights, trainer->model->shape.classes * sizeof(float));
    sl_writer_write(&writer, note, note_bytes);
    return sl_writer_close(&writer);
}

/* ---- Loading --------------------------------------------------------------------------------------------------------------- */

/* The model, under the names that are given when a checkpoint is saved. */
static sluice_status read_model(sl_safetensors *file, sluice_model **model, sluice_error *error)
{
    sluice_names names = sl_model_file_get_names();
    if (!sl_safetensors_find(file, "fc.weight"))
        names.head = "";
    if (!sl_safetensors_find(file, "embedding.weight"))
        names.embedding = "";
    return sl_model_file_read(file, &names, model, error);
}

/* The moments of all tensors, each of which must be there: a model would do without the head's bias. */
static sluice_status read_moments(const sl_safetensors *file, const sluice_trainer *trainer, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < trainer->count; k++) {
        const sl_trained *trained = &trainer->trained[k];
        const sl_tensor_name name = get_name(trainer, trained, MOMENTS);
        if (!sl_safetensors_find(file, name.text))
            return fail_missing(file, name.text, error);
        for (int which = 0; !status && which < MOMENTS; which++)
            status = read_moment(file, trainer, trained, which, error);
    }
    return status;
}

/* The note, terminated; the caller frees it. */
static sluice_status read_note(const sl_safetensors *file, char **note, sluice_error *error)
{
    sl_tensor *tensor;
    sluice_status status = find_row(file, note_name, "U8", 0, &tensor, error);
    if (status)
        return status;
    char *text = sl_alloc(tensor->elements + 1); /* so many bytes are in the file, so one more fits */
    if (!text)
        return sl_fail_memory(error, "a checkpoint's note", tensor->elements + 1);
    status = sl_safetensors_read_bytes(file, tensor, text, error);
    if (!status && strlen(text) != tensor->elements)
        status = sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: tensor \"%s\": expected text, found a NUL byte",
                         file->input.name, file->data_at + tensor->begin + strlen(text), note_name);
    if (status)
        sl_free(text);
    else
        *note = text;
    return status;
}

/* What would be lost when the checkpoint is saved again. */
static sluice_status check_all_used(const sl_safetensors *file, sluice_error *error)
{
    for (size_t k = 0; k < file->count; k++)
        if (!file->tensors[k].used)
            return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: byte %zu: tensor \"%s\" belongs to no part of a checkpoint",
                           file->input.name, file->tensors[k].stated_at, sl_label_get(file->tensors[k].name).text);
    return SLUICE_STATUS_OK;
}

/* The class weights, NULL if the file has none or the model has no classes for them; the caller frees them. */
static sluice_status read_class_weights(const sl_safetensors *file, size_t classes, float **weights, sluice_error *error)
{
    sl_tensor *tensor;
    *weights = NULL;
    if (!classes || !sl_safetensors_find(file, weights_name))
        return SLUICE_STATUS_OK;
    const sluice_status status = find_row(file, weights_name, "F32", classes, &tensor, error);
    if (status)
        return status;
    *weights = sl_alloc_array(classes, sizeof **weights);
    return *weights ? sl_safetensors_read(file, tensor, *weights, error)
                    : sl_fail_memory(error, "a checkpoint's class weights", classes * sizeof **weights);
}

/* Options that a trainer of the model may have. */
static sluice_status check_options(const sl_safetensors *file, const sluice_model *model, sluice_trainer_options *options,
                                   sluice_error *error)
{
    sluice_error inner = {0};
    if (!sl_trainer_options_check(options, model, options, &inner))
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: metadata: %s; take another checkpoint", file->input.name, inner.message);
}

/* A trainer of the file's weights and options. */
static sluice_status make_trainer(sl_safetensors *file, const sluice_engine_options *engine_options, sluice_trainer **trainer,
                                  sluice_error *error)
{
    state read;
    sluice_model *model = NULL;
    float *weights = NULL;
    sluice_status status = take_state(file, &read, error);
    if (!status)
        status = read_model(file, &model, error);
    if (!status)
        status = read_class_weights(file, model->shape.classes, &weights, error);
    read.options.class_weights = weights;
    if (!status)
        status = check_options(file, model, &read.options, error);
    if (!status)
        status = sluice_trainer_create(model, engine_options, &read.options, trainer, error);
    if (!status)
        (*trainer)->step = read.step;
    sl_free(weights);
    sluice_model_destroy(model);
    return status;
}

sluice_status sluice_trainer_load(const char *path, const sluice_engine_options *engine_options, sluice_trainer **trainer,
                                  char **note, sluice_error *error)
{
    if (note)
        *note = NULL;
    if (!trainer)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_load: trainer is NULL");
    *trainer = NULL;
    if (!path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_load: path is NULL");
    sluice_trainer *made = NULL;
    char *text = NULL;
    sl_safetensors *file;
    sluice_status status = sl_safetensors_open(path, &file, error);
    if (!status)
        status = make_trainer(file, engine_options, &made, error);
    if (!status)
        status = read_moments(file, made, error);
    if (!status)
        status = read_note(file, &text, error);
    if (!status)
        status = check_all_used(file, error);
    sl_safetensors_close(file);
    if (!status)
        *trainer = made;
    else
        sluice_trainer_destroy(made);
    if (!status && note)
        *note = text;
    else
        sl_free(text);
    return status;
}
