/* sluice_model_save: a model becomes a file's tensors, under torch's names. */
#include "io/model/model_write.h"

#include "base/error.h"
#include "base/struct_size.h"
#include "io/model/class_names.h"
#include "io/model/stored_tensor.h"
#include "io/network/network_write.h"
#include "model/model.h"

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

void sl_model_file_put_finite(sl_writer *writer, const char *name, const size_t *shape, size_t dims, const float *values)
{
    sl_stored_tensor_put(writer, &(sl_stored_tensor){name, {shape[0], dims > 1 ? shape[1] : 1}, dims, values});
}

/* Call `act` with a tensor of the model, [rows][columns], or [rows] with columns 0. */
static void visit_tensor(sl_writer *writer, const char *name, const float *values, size_t rows, size_t columns,
                         sl_stored_action *act)
{
    act(writer, &(sl_stored_tensor){name, {rows, columns}, columns ? 2 : 1, values});
}

/* Call `act` with every tensor of a layer-direction. */
static void visit_layer_dir(sl_writer *writer, const sluice_model *model, const sluice_names *names, size_t k,
                            sl_stored_action *act)
{
    const sluice_shape *shape = &model->shape;
    const sl_gate_parameters gates = sl_model_get_gates(model, k);
    const size_t rows = 4 * shape->hidden;
    visit_tensor(writer, sl_model_file_get_name(shape, names, SLUICE_TENSOR_WEIGHT_IH, k).text, gates.weight_ih, rows, gates.inputs,
                 act);
    visit_tensor(writer, sl_model_file_get_name(shape, names, SLUICE_TENSOR_WEIGHT_HH, k).text, gates.weight_hh, rows,
                 shape->hidden, act);
    if (!shape->has_bias)
        return;
    visit_tensor(writer, sl_model_file_get_name(shape, names, SLUICE_TENSOR_BIAS, k).text, gates.bias, rows, 0, act);
    const char *end = sl_names_get_suffix(SL_BIAS_HH, k / shape->directions, k % shape->directions).text;
    visit_tensor(writer, join(names->prefix, end).text, NULL, rows, 0, act);
}

/* Call `act` with a tensor that the network has once. */
static void visit_extra(sl_writer *writer, const sluice_model *model, const sluice_names *names, sluice_tensor tensor, size_t rows,
                        size_t columns, sl_stored_action *act)
{
    visit_tensor(writer, sl_model_file_get_name(&model->shape, names, tensor, 0).text,
                 sluice_model_get_tensor(model, tensor, 0, NULL), rows, columns, act);
}

/* Call `act` with every tensor of a model of a shape, in the file's order. */
static void visit_shape(sl_writer *writer, const sluice_model *model, const sluice_names *names, sl_stored_action *act)
{
    const sluice_shape *shape = &model->shape;
    if (shape->vocabulary)
        visit_extra(writer, model, names, SLUICE_TENSOR_EMBEDDING, shape->vocabulary, shape->inputs, act);
    for (size_t k = 0; k < model->network->layer_dirs; k++)
        visit_layer_dir(writer, model, names, k, act);
    if (shape->classes) {
        visit_extra(writer, model, names, SLUICE_TENSOR_HEAD_WEIGHT, shape->classes, model->network->outputs, act);
        visit_extra(writer, model, names, SLUICE_TENSOR_HEAD_BIAS, shape->classes, 0, act);
    }
}

/* Call `act` with every tensor, in the file's order. */
static void visit(sl_writer *writer, const sluice_model *model, const sluice_names *names, sl_stored_action *act)
{
    if (model->network->is_shape)
        visit_shape(writer, model, names, act);
    else
        sl_network_visit_stored(writer, model, names->network, act);
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
    const bool is_shape = model->network->is_shape;
    if (!writer->status && is_shape)
        writer->status = check_names(&model->shape, names, writer->error);
    if (!writer->status && model->classes)
        sl_class_names_put(writer, model);
    if (!writer->status && model->series)
        sl_writer_put_metadata(writer, SL_SERIES_KEY, model->series);
    if (!is_shape)
        sl_network_put_description(writer, model, names->network);
    visit(writer, model, names, sl_stored_tensor_put);
}

void sl_model_file_write(sl_writer *writer, const sluice_model *model)
{
    const sluice_names names = sl_model_file_get_names();
    visit(writer, model, &names, sl_stored_tensor_write);
}

/* The first field that is given and says how a file is read. */
static const char *find_reading(const sluice_names *names)
{
    return names->lstm                   ? "lstm"
           : names->head_activation      ? "head_activation"
           : names->head_input           ? "head_input"
           : names->activation           ? "activation"
           : names->recurrent_activation ? "recurrent_activation"
           : names->to                   ? "to"
           : names->onnx_clip            ? "onnx_clip"
                                         : NULL;
}

/* A network is saved with a description, which names its tensors; a shape without one, so that it has no name. */
static sluice_status check_given(const sluice_model *model, const sluice_names *names, sluice_error *error)
{
    const bool is_shape = model->network->is_shape;
    const char *reading = find_reading(names);
    const char *field = reading                      ? reading
                        : is_shape && names->network ? "network"
                        : is_shape                   ? NULL
                        : names->prefix              ? "prefix"
                        : names->head                ? "head"
                        : names->embedding           ? "embedding"
                                                     : NULL;
    if (!field)
        return SLUICE_STATUS_OK;
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "names.%s is given, but %s; leave it NULL", field,
                   reading    ? "it says how a file is read"
                   : is_shape ? "the file of a model of a sluice_shape names no network"
                              : "the tensors of a sluice_network are named after its layers");
}

sluice_status sluice_model_save(const sluice_model *model, const char *path, const sluice_names *names, sluice_error *error)
{
    if (!model || !path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "sluice_model_save: %s is NULL", model ? "path" : "model");
    sluice_names known = {0};
    sluice_status status =
        names ? sl_struct_take(&known, names, SL_STRUCT(sluice_names), "sluice_model_save", error) : SLUICE_STATUS_OK;
    if (!status)
        status = check_given(model, &known, error);
    if (status)
        return status;
    sluice_names given = sl_model_file_get_names();
    given.network = known.network;
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
