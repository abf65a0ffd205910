/* sluice_trainer_save and sluice_trainer_load: a trainer as a safetensors file. Its weights are named and laid out as a model's;
 * after them, [name].first and [name].second hold the optimiser's moments, if it has any. Options and the number of steps are
 * metadata, class weights, quantiles and the states of streams are tensors if there are any, and the note is a tensor of bytes, because
 * text need not be UTF-8. Read as hostile input. */
#include "base/error.h"
#include "base/memory.h"
#include "engine/streams.h"
#include "io/label.h"
#include "io/model/model_read.h"
#include "io/model/model_write.h"
#include "io/network/description_read.h"
#include "io/network/network_tensors.h"
#include "io/safetensors/safetensors.h"
#include "io/saved/checkpoint_options.h"
#include "io/saved/streams_file.h"
#include "model/model.h"
#include "train/trainer.h"
#include "train/trainer_options.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const char note_name[] = "note", weights_name[] = "class_weights", quantiles_name[] = "note.quantiles";
/* Named after the tensor "note", so that sluice_model_load does not take them for a layer behind the head
 * (sl_names_is_of_tensor). */
static const char *const states_names[2] = {"note.streams.h", "note.streams.c"};

/* ---- Moments --------------------------------------------------------------------------------------------------------------- */

enum { MOMENTS = 2 };

static float *get_moment(const sl_trained *trained, int which)
{
    return which ? trained->second : trained->first;
}

/* The name of a tensor of a shape's model. */
static sl_tensor_name get_shape_name(const sluice_trainer *trainer, const sl_trained *trained)
{
    const sl_network *network = trainer->model->network;
    const sluice_names names = sl_model_file_get_names();
    const sl_lstm_layer *lstm = sl_network_get_lstm(network, trained->layer);
    const size_t k = lstm ? lstm->first + trained->direction : 0;
    const bool is_head = network->description.layers[trained->layer].kind == SLUICE_LAYER_DENSE;
    const sluice_tensor tensor = !is_head                                  ? trained->tensor
                                 : trained->tensor == SLUICE_TENSOR_WEIGHT ? SLUICE_TENSOR_HEAD_WEIGHT
                                                                           : SLUICE_TENSOR_HEAD_BIAS;
    return sl_model_file_get_name(&trainer->model->shape, &names, tensor, k);
}

/* A search for the name of a tensor of another network's model. */
typedef struct search {
    const sl_trained *trained;
    sl_tensor_name name;
} search;

static sluice_status take_name(void *context, const sl_network_tensor *tensor)
{
    search *of = context;
    if (tensor->layer == of->trained->layer && tensor->direction == of->trained->direction &&
        tensor->tensor == of->trained->tensor && !tensor->is_addend)
        snprintf(of->name.text, sizeof of->name.text, "%.*s", SL_WRITER_MAX_NAME + 1,
                 tensor->name.text); /* the writer refuses longer ones */
    return SLUICE_STATUS_OK;
}

static sl_tensor_name get_network_name(const sluice_trainer *trainer, const sl_trained *trained)
{
    search of = {.trained = trained};
    (void)sl_network_visit(trainer->model->network, NULL, take_name, &of);
    return of.name;
}

/* The name of a tensor's moment; of the tensor itself for which = MOMENTS. */
static sl_tensor_name get_name(const sluice_trainer *trainer, const sl_trained *trained, int which)
{
    static const char *const ends[] = {".first", ".second", ""};
    sl_tensor_name name = trainer->model->network->is_shape ? get_shape_name(trainer, trained) : get_network_name(trainer, trained);
    const size_t length = strlen(name.text);
    snprintf(name.text + length, sizeof name.text - length, "%s", ends[which]);
    return name;
}

/* A mean of squares is not negative. */
static sluice_status check_moment(const sl_tensor_source *source, const sl_tensor *tensor, const float *values, bool squares,
                                  sluice_error *error)
{
    for (size_t k = 0; k < tensor->elements; k++)
        if (!isfinite(values[k]) || (squares && values[k] < 0))
            return sl_source_fail_element(source, tensor, k, error, "expected a finite number%s, found %s; take another checkpoint",
                                          squares ? " >= 0" : "",
                                          isnan(values[k])   ? "NaN"
                                          : isinf(values[k]) ? "infinity"
                                                             : "one below 0");
    return SLUICE_STATUS_OK;
}

static sluice_status fail_missing(const sl_tensor_source *source, const char *name, sluice_error *error)
{
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: tensor \"%s\" is missing; take another checkpoint", source->input.name,
                   name);
}

/* Find a tensor that must exist, of this type and shape [count] (0: any); it is used from then on. */
static sluice_status find_row(const sl_tensor_source *source, const char *name, const char *dtype, size_t count, sl_tensor **found,
                              sluice_error *error)
{
    sl_tensor *tensor = *found = sl_source_find(source, name);
    if (!tensor)
        return fail_missing(source, name, error);
    if (strcmp(tensor->dtype, dtype) != 0 || tensor->dims != 1 || (count && tensor->shape[0] != count))
        return sl_source_fail_tensor(source, tensor, error, "expected %s %s, found %s %s; take another checkpoint", dtype,
                                     count ? sl_shape_get_text(&count, 1).text : "[bytes]", sl_label_get(tensor->dtype).text,
                                     sl_shape_get_text(tensor->shape, tensor->dims).text);
    tensor->used = true;
    return SLUICE_STATUS_OK;
}

static sluice_status read_moment(const sl_tensor_source *source, const sluice_trainer *trainer, const sl_trained *trained,
                                 int which, sluice_error *error)
{
    float *values = get_moment(trained, which);
    if (!values)
        return SLUICE_STATUS_OK;
    sl_tensor *tensor;
    sluice_status status = find_row(source, get_name(trainer, trained, which).text, "F32", trained->count, &tensor, error);
    if (!status)
        status = sl_source_read(source, tensor, 0, tensor->elements, values, NULL, error);
    return status ? status : check_moment(source, tensor, values, which == 1, error);
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

/* Put all tensors, of which the writer then expects the values in this order. */
static void put_all(sl_writer *writer, const sluice_trainer *trainer, const sluice_streams *streams, size_t note_bytes)
{
    const sluice_names names = sl_model_file_get_names();
    sl_model_file_put(writer, trainer->model, &names);
    put_moments(writer, trainer);
    if (trainer->class_weights)
        sl_model_file_put_finite(writer, weights_name, &trainer->model->shape.classes, 1, trainer->class_weights);
    if (trainer->options.quantile_count)
        sl_model_file_put_finite(writer, quantiles_name, &trainer->options.quantile_count, 1, trainer->quantiles);
    if (streams)
        sl_streams_put(writer, streams, states_names);
    sl_writer_put_bytes(writer, note_name, note_bytes);
}

static void write_all(sl_writer *writer, const sluice_trainer *trainer, const sluice_streams *streams, const char *note,
                      size_t note_bytes)
{
    sl_model_file_write(writer, trainer->model);
    write_moments(writer, trainer);
    if (trainer->class_weights)
        sl_writer_write(writer, trainer->class_weights, trainer->model->shape.classes * sizeof(float));
    sl_writer_write(writer, trainer->quantiles, trainer->options.quantile_count * sizeof(float));
    if (streams)
        sl_streams_write(writer, streams);
    sl_writer_write(writer, note, note_bytes);
}

sluice_status sluice_trainer_save(const sluice_trainer *trainer, const sluice_streams *streams, const char *path, const char *note,
                                  sluice_error *error)
{
    if (!trainer || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_save: %s is NULL", trainer ? "path" : "trainer");
    if (streams && !sl_streams_fit(streams, trainer->model->network))
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_save: the streams are of a network of another shape");
    const sl_checkpoint_options options = {.options = trainer->options, .step = trainer->step, .rate_factor = trainer->rate_factor};
    const size_t note_bytes = note ? strlen(note) : 0;
    sl_writer writer = {.error = error};
    sl_checkpoint_options_put(&writer, &options);
    put_all(&writer, trainer, streams, note_bytes);
    sl_writer_open(&writer, path);
    write_all(&writer, trainer, streams, note, note_bytes);
    return sl_writer_close(&writer);
}

/* ---- Loading --------------------------------------------------------------------------------------------------------------- */

/* The model, under the names that are given when a checkpoint is saved, or as its description says. */
static sluice_status read_model(sl_tensor_source *source, sluice_model **model, sluice_error *error)
{
    sluice_names names = sl_model_file_get_names();
    if (sl_description_exists(source))
        return sl_model_read(source, NULL, model, error);
    if (!sl_source_find(source, "fc.weight"))
        names.head = "";
    if (!sl_source_find(source, "embedding.weight"))
        names.embedding = "";
    return sl_model_read(source, &names, model, error);
}

/* The moments of all tensors, each of which must be there: a model would do without the head's bias. */
static sluice_status read_moments(const sl_tensor_source *source, const sluice_trainer *trainer, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < trainer->count; k++) {
        const sl_trained *trained = &trainer->trained[k];
        const sl_tensor_name name = get_name(trainer, trained, MOMENTS);
        if (!sl_source_find(source, name.text))
            return fail_missing(source, name.text, error);
        for (int which = 0; !status && which < MOMENTS; which++)
            status = read_moment(source, trainer, trained, which, error);
    }
    return status;
}

/* The note, terminated; the caller frees it. */
static sluice_status read_note(const sl_tensor_source *source, char **note, sluice_error *error)
{
    sl_tensor *tensor;
    sluice_status status = find_row(source, note_name, "U8", 0, &tensor, error);
    if (status)
        return status;
    char *text = sl_alloc(tensor->elements + 1); /* so many bytes are in the source, so one more fits */
    if (!text)
        return sl_fail_memory(error, "a checkpoint's note", tensor->elements + 1);
    status = sl_source_read_bytes(source, tensor, text, error);
    if (!status && strlen(text) != tensor->elements)
        status = sl_source_fail_element(source, tensor, strlen(text), error, "expected text, found a NUL byte");
    if (status)
        sl_free(text);
    else
        *note = text;
    return status;
}

/* What would be lost when the checkpoint is saved again. */
static sluice_status check_all_used(const sl_tensor_source *source, sluice_error *error)
{
    const sl_tensor *unused = sl_source_find_unused(source);
    return unused ? sl_source_fail_tensor(source, unused, error, "it is no part of a checkpoint; take another checkpoint")
                  : SLUICE_STATUS_OK;
}

/* Floats of an option, NULL if there are none; the caller frees them. */
static sluice_status read_floats(const sl_tensor_source *source, const char *name, size_t count, float **floats,
                                 sluice_error *error)
{
    sl_tensor *tensor;
    *floats = NULL;
    if (!count)
        return SLUICE_STATUS_OK;
    const sluice_status status = find_row(source, name, "F32", count, &tensor, error);
    if (status)
        return status;
    *floats = sl_alloc_array(count, sizeof **floats);
    return *floats ? sl_source_read(source, tensor, 0, count, *floats, NULL, error)
                   : sl_fail_memory(error, "the options of a checkpoint", count * sizeof **floats);
}

/* Options that a trainer of the model may have. */
static sluice_status check_options(const sl_tensor_source *source, const sluice_model *model, sluice_trainer_options *options,
                                   sluice_error *error)
{
    sluice_error inner = {0};
    if (!sl_trainer_options_check(options, model, options, &inner))
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA, "%s: metadata: %s; take another checkpoint", source->input.name, inner.message);
}

static sluice_status set_rate_factor(const sl_tensor_source *source, sluice_trainer *trainer, double factor, sluice_error *error)
{
    if (!sluice_trainer_set_rate_factor(trainer, factor, NULL))
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                   "%s: metadata \"rate_factor\": expected a finite number above 0, found %g; take another checkpoint",
                   source->input.name, factor);
}

/* A trainer of the file's weights and options. */
static sluice_status make_trainer(sl_tensor_source *source, const sluice_engine_options *engine_options, sluice_trainer **trainer,
                                  sluice_error *error)
{
    sl_checkpoint_options read;
    sluice_model *model = NULL;
    float *weights = NULL, *quantiles = NULL;
    sluice_status status = sl_checkpoint_options_read(source, &read, error);
    if (!status)
        status = read_model(source, &model, error);
    if (!status && sl_source_find(source, weights_name))
        status = read_floats(source, weights_name, model->shape.classes, &weights, error);
    if (!status)
        status = read_floats(source, quantiles_name, read.options.quantile_count, &quantiles, error);
    read.options.class_weights = weights;
    read.options.quantiles = quantiles;
    if (!status)
        status = check_options(source, model, &read.options, error);
    if (!status)
        status = sluice_trainer_create(model, engine_options, &read.options, trainer, error);
    if (!status)
        (*trainer)->step = read.step;
    if (!status)
        status = set_rate_factor(source, *trainer, read.rate_factor, error);
    sl_free(weights);
    sl_free(quantiles);
    sluice_model_destroy(model);
    return status;
}

/* The states, if the checkpoint has any. */
static sluice_status read_streams(const sl_tensor_source *source, const sluice_engine *engine, sluice_streams **streams,
                                  sluice_error *error)
{
    return sl_streams_are_in(source, states_names) ? sl_streams_read(source, states_names, engine, streams, error)
                                                   : SLUICE_STATUS_OK;
}

/* What a checkpoint holds. */
typedef struct content {
    sluice_trainer *trainer;
    sluice_streams *streams; /* or NULL */
    char *note;
} content;

static sluice_status read_all(sl_tensor_source *source, const sluice_engine_options *engine_options, content *read,
                              sluice_error *error)
{
    sluice_status status = make_trainer(source, engine_options, &read->trainer, error);
    if (!status)
        status = read_moments(source, read->trainer, error);
    if (!status)
        status = read_streams(source, read->trainer->engine, &read->streams, error);
    if (!status)
        status = read_note(source, &read->note, error);
    return status ? status : check_all_used(source, error);
}

sluice_status sluice_trainer_load(const char *path, const sluice_engine_options *engine_options, sluice_trainer **trainer,
                                  sluice_streams **streams, char **note, sluice_error *error)
{
    content unwanted = {0}, read = {0};
    note = note ? note : &unwanted.note;
    streams = streams ? streams : &unwanted.streams;
    *note = NULL;
    *streams = NULL;
    if (!trainer)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_load: trainer is NULL");
    *trainer = NULL;
    if (!path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_trainer_load: path is NULL");
    sl_tensor_source source;
    sluice_status status = sl_safetensors_open(path, &source, error);
    if (!status)
        status = read_all(&source, engine_options, &read, error);
    sl_source_release(&source);
    if (status) {
        sluice_trainer_destroy(read.trainer);
        unwanted = read;
    } else {
        *trainer = read.trainer;
        *streams = read.streams;
        *note = read.note;
    }
    sluice_streams_destroy(unwanted.streams);
    sl_free(unwanted.note);
    return status;
}
