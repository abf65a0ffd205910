/* sluice_model_save: a model becomes a file's tensors, under torch's names. */
#include "io/model/model_write.h"

#include "base/error.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "io/model/class_names.h"
#include "model/model.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* ---- Names ----------------------------------------------------------------------------------------------------------------- */

sluice_names sl_model_file_get_names(void)
{
    return (sluice_names){.struct_size = sizeof(sluice_names), .prefix = "lstm.", .head = "fc", .embedding = "embedding"};
}

/* A name that is too long stays too long, and the writer refuses it. */
static sl_tensor_name join(const char *stem, const char *end)
{
    sl_tensor_name made;
    snprintf(made.text, sizeof made.text, "%.*s%s", SL_WRITER_MAX_NAME, stem, end);
    return made;
}

sl_tensor_name sl_model_file_get_name(const sluice_shape *shape, const sluice_names *names, sluice_tensor tensor, size_t k)
{
    static const int kinds[] = {
        [SLUICE_TENSOR_WEIGHT_IH] = SL_WEIGHT_IH, [SLUICE_TENSOR_WEIGHT_HH] = SL_WEIGHT_HH, [SLUICE_TENSOR_BIAS] = SL_BIAS_IH};
    if (tensor == SLUICE_TENSOR_EMBEDDING)
        return join(names->embedding, ".weight");
    if (tensor == SLUICE_TENSOR_HEAD_WEIGHT || tensor == SLUICE_TENSOR_HEAD_BIAS)
        return join(names->head, tensor == SLUICE_TENSOR_HEAD_WEIGHT ? ".weight" : ".bias");
    return join(names->prefix, sl_names_get_suffix(kinds[tensor], k / shape->directions, k % shape->directions).text);
}

/* ---- Tensors --------------------------------------------------------------------------------------------------------------- */

/* A tensor of the file. */
typedef struct stored {
    sl_tensor_name name;
    size_t shape[2], dims;
    const float *values; /* NULL: negative zeros */
} stored;

typedef void action(sl_writer *writer, const stored *tensor);

void sl_model_file_put_finite(sl_writer *writer, const char *name, const size_t *shape, size_t dims, const float *values)
{
    const size_t count = shape[0] * (dims > 1 ? shape[1] : 1);
    for (size_t k = 0; !writer->status && k < count; k++)
        if (!isfinite(values[k]))
            writer->status = sl_fail(writer->error, SLUICE_STATUS_BAD_DATA,
                                     "tensor \"%s\": element %zu is %s, as training has diverged; nothing was saved", name, k,
                                     isnan(values[k]) ? "NaN" : "infinite");
    sl_writer_put_tensor(writer, name, shape, dims);
}

static void put_tensor(sl_writer *writer, const stored *tensor)
{
    if (tensor->values)
        sl_model_file_put_finite(writer, tensor->name.text, tensor->shape, tensor->dims, tensor->values);
    else
        sl_writer_put_tensor(writer, tensor->name.text, tensor->shape, tensor->dims);
}

/* Adding -0 to b changes nothing, not even the sign of a zero. */
static void write_tensor(sl_writer *writer, const stored *tensor)
{
    enum { ROOM = 1024 };
    const size_t count = tensor->shape[0] * (tensor->dims > 1 ? tensor->shape[1] : 1);
    if (tensor->values) {
        sl_writer_write(writer, tensor->values, count * sizeof(float));
        return;
    }
    float zeros[ROOM];
    for (size_t k = 0; k < ROOM; k++)
        zeros[k] = -0.0f;
    for (size_t done = 0; done < count; done += ROOM)
        sl_writer_write(writer, zeros, sl_size_min(ROOM, count - done) * sizeof(float));
}

/* A tensor of the model, [rows][columns], or [rows] with columns 0. */
static stored make(const sluice_model *model, const sluice_names *names, sluice_tensor tensor, size_t k, size_t rows,
                   size_t columns)
{
    return (stored){.name = sl_model_file_get_name(&model->shape, names, tensor, k),
                    .shape = {rows, columns},
                    .dims = columns ? 2 : 1,
                    .values = sluice_model_get_tensor(model, tensor, k, NULL)};
}

/* Call `act` with every tensor of a layer-direction. */
static void visit_layer_dir(sl_writer *writer, const sluice_model *model, const sluice_names *names, size_t k, action *act)
{
    const sluice_shape *shape = &model->shape;
    const size_t rows = 4 * shape->hidden;
    stored tensor = make(model, names, SLUICE_TENSOR_WEIGHT_IH, k, rows, model->network->dirs[k].inputs);
    act(writer, &tensor);
    tensor = make(model, names, SLUICE_TENSOR_WEIGHT_HH, k, rows, shape->hidden);
    act(writer, &tensor);
    if (!shape->has_bias)
        return;
    tensor = make(model, names, SLUICE_TENSOR_BIAS, k, rows, 0);
    act(writer, &tensor);
    tensor.name = join(names->prefix, sl_names_get_suffix(SL_BIAS_HH, k / shape->directions, k % shape->directions).text);
    tensor.values = NULL;
    act(writer, &tensor);
}

/* Call `act` with every tensor, in the file's order. */
static void visit(sl_writer *writer, const sluice_model *model, const sluice_names *names, action *act)
{
    const sluice_shape *shape = &model->shape;
    stored tensor;
    if (shape->vocabulary) {
        tensor = make(model, names, SLUICE_TENSOR_EMBEDDING, 0, shape->vocabulary, shape->inputs);
        act(writer, &tensor);
    }
    for (size_t k = 0; k < model->network->layer_dirs; k++)
        visit_layer_dir(writer, model, names, k, act);
    if (shape->classes) {
        tensor = make(model, names, SLUICE_TENSOR_HEAD_WEIGHT, 0, shape->classes, model->network->outputs);
        act(writer, &tensor);
        tensor = make(model, names, SLUICE_TENSOR_HEAD_BIAS, 0, shape->classes, 0);
        act(writer, &tensor);
    }
}

/* ---- The file -------------------------------------------------------------------------------------------------------------- */

/* A name has to be one by which the tensor can be requested when the file is loaded. */
static sluice_status check_names(const sluice_shape *shape, const sluice_names *names, sluice_error *error)
{
    const bool no_head = shape->classes && !*names->head, no_embedding = shape->vocabulary && !*names->embedding;
    if (no_head || no_embedding)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "names.%s: expected a name, as the model has one, found \"\"",
                       no_head ? "head" : "embedding");
    if (shape->classes && shape->vocabulary && strcmp(names->head, names->embedding) == 0)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "names: expected two names for head and embedding, found \"%.80s\" for both", names->head);
    return SLUICE_STATUS_OK;
}

void sl_model_file_put(sl_writer *writer, const sluice_model *model, const sluice_names *names)
{
    if (!writer->status)
        writer->status = check_names(&model->shape, names, writer->error);
    if (!writer->status && model->classes)
        sl_class_names_put(writer, model);
    visit(writer, model, names, put_tensor);
}

void sl_model_file_write(sl_writer *writer, const sluice_model *model)
{
    const sluice_names names = sl_model_file_get_names();
    visit(writer, model, &names, write_tensor);
}

sluice_status sluice_model_save(const sluice_model *model, const char *path, const sluice_names *names, sluice_error *error)
{
    if (!model || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_model_save: %s is NULL", model ? "path" : "model");
    sluice_names known = {0};
    const sluice_status status =
        names ? sl_struct_take(&known, names, SL_STRUCT(sluice_names), "sluice_model_save", error) : SLUICE_STATUS_OK;
    if (status)
        return status;
    sluice_names given = sl_model_file_get_names();
    if (known.prefix)
        given.prefix = known.prefix;
    if (known.head)
        given.head = known.head;
    if (known.embedding)
        given.embedding = known.embedding;
    sl_writer writer = {.error = error};
    sl_writer_put_metadata(&writer, "format", "pt"); /* which loaders for torch require */
    sl_model_file_put(&writer, model, &given);
    sl_writer_open(&writer, path);
    sl_model_file_write(&writer, model);
    return sl_writer_close(&writer);
}
