/* sluice_model_load: a file's tensors, found by name, become a model. Each is read straight into the model's own memory, so that
 * loading takes no more memory than the model. */
#include "io/model/model_read.h"

#include "base/error.h"
#include "base/size.h"
#include "base/struct_size.h"
#include "base/system/cpu.h"
#include "io/label.h"
#include "io/model/load_notes.h"
#include "io/safetensors/safetensors.h"
#include "model/model.h"

#include <math.h>

typedef struct model_reader {
    const sl_tensor_source *source;
    const sl_binding *binding;
    sluice_model *model;
    sluice_error *error;
} model_reader;

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

static sluice_status check_finite(const model_reader *reader, const sl_tensor *tensor, size_t first, size_t count,
                                  const float *values, const char *what)
{
    for (size_t k = 0; k < count; k++)
        if (!isfinite(values[k]))
            return sl_source_fail_element(reader->source, tensor, first + k, reader->error, "expected a finite %s, found %s", what,
                                          isnan(values[k]) ? "NaN" : "infinity");
    return SLUICE_STATUS_OK;
}

static sluice_status read_values(const model_reader *reader, const sl_tensor *tensor, size_t first, size_t count, float *values)
{
    const sluice_status status = sl_source_read(reader->source, tensor, first, count, values, reader->error);
    return status ? status : check_finite(reader, tensor, first, count, values, "number");
}

/* Add elements of the tensor to `sums`. */
static sluice_status add_values(const model_reader *reader, const sl_tensor *tensor, size_t first, size_t count, float *sums)
{
    float values[1024];
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t done = 0, n; !status && done < count; done += n) {
        n = sl_size_min(count - done, sizeof values / sizeof values[0]);
        status = read_values(reader, tensor, first + done, n, values);
        for (size_t k = 0; !status && k < n; k++)
            sums[done + k] += values[k];
        if (!status)
            status = check_finite(reader, tensor, first + done, n, sums + done, "sum with the other bias");
    }
    return status;
}

/* Read a whole tensor; NULL: there is none, and the model keeps zeros. */
static sluice_status read_tensor(const model_reader *reader, const sl_tensor *tensor, float *values)
{
    return tensor ? read_values(reader, tensor, 0, tensor->elements, values) : SLUICE_STATUS_OK;
}

typedef sluice_status read_step(const model_reader *reader, const sl_tensor *tensor, size_t first, size_t count, float *values);

/* Read a tensor whose first dimension is 4H with `step`, gate by gate, each to its place in the model's order. */
static sluice_status read_gates(const model_reader *reader, const sl_tensor *tensor, read_step *step, float *values)
{
    const size_t gate_elements = tensor->elements / SL_GATES;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t gate = 0; !status && gate < SL_GATES; gate++)
        status =
            step(reader, tensor, reader->binding->gate_order[gate] * gate_elements, gate_elements, values + gate * gate_elements);
    return status;
}

/* ---- The model ------------------------------------------------------------------------------------------------------------- */

/* b_ih is read to the place of b, and b_hh added: one rounding. */
static sluice_status read_layer_dir(const model_reader *reader, size_t k)
{
    const sl_binding *binding = reader->binding;
    const sl_tensor *const *tensors = binding->tensors + k;
    const size_t stride = binding->layer_dirs;
    float *bias = sl_model_get_of_dir(reader->model, k, SLUICE_TENSOR_BIAS);
    sluice_status status = read_gates(reader, tensors[SL_WEIGHT_IH * stride], read_values,
                                      sl_model_get_of_dir(reader->model, k, SLUICE_TENSOR_WEIGHT_IH));
    if (!status)
        status = read_gates(reader, tensors[SL_WEIGHT_HH * stride], read_values,
                            sl_model_get_of_dir(reader->model, k, SLUICE_TENSOR_WEIGHT_HH));
    if (!status && binding->shape.has_bias)
        status = read_gates(reader, tensors[SL_BIAS_IH * stride], read_values, bias);
    if (!status && binding->shape.has_bias)
        status = read_gates(reader, tensors[SL_BIAS_HH * stride], add_values, bias);
    return status;
}

static sluice_status read_all(const model_reader *reader)
{
    const sl_binding *binding = reader->binding;
    const sluice_model *model = reader->model;
    float *const *last = model->layers[model->network->description.layer_count - 1].of[0];
    const sl_float_mode mode = sl_float_mode_set(false); /* the sums of biases are part of the result */
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < binding->layer_dirs; k++)
        status = read_layer_dir(reader, k);
    if (!status)
        status = read_tensor(reader, binding->extras[SL_EMBEDDING], model->layers[0].of[0][SLUICE_TENSOR_EMBEDDING]);
    if (!status)
        status = read_tensor(reader, binding->extras[SL_HEAD_WEIGHT], last[SLUICE_TENSOR_WEIGHT]);
    if (!status)
        status = read_tensor(reader, binding->extras[SL_HEAD_BIAS], last[SLUICE_TENSOR_BIAS]);
    sl_float_mode_restore(mode);
    return status;
}

sluice_status sl_model_read_bound(const sl_tensor_source *source, const sl_binding *binding, sluice_model **model,
                                  sluice_error *error)
{
    sluice_error inner = {0};
    model_reader reader = {.source = source, .binding = binding, .error = error};
    sluice_status status = sl_model_allocate(&binding->shape, &reader.model, &inner);
    if (status)
        return sl_fail(error, status, "%s: LSTM \"%s\": %s", source->input.name,
                       sl_label_get_part(binding->prefix, binding->prefix_bytes).text, inner.message);
    status = read_all(&reader);
    if (!status && binding->classes)
        status = sl_model_set_classes(reader.model, binding->classes, error);
    if (!status)
        *model = reader.model;
    else
        sluice_model_destroy(reader.model);
    return status;
}

sluice_status sl_model_read(sl_tensor_source *source, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    sluice_model *made = NULL;
    sl_binding binding = {0};
    sluice_status status = sl_names_bind(source, names, &binding, error);
    if (!status)
        status = sl_model_read_bound(source, &binding, &made, error);
    if (!status)
        status = sl_load_notes_set(made, source, &binding, error);
    if (!status)
        *model = made;
    else
        sluice_model_destroy(made);
    sl_names_release(&binding);
    return status;
}

/* ---- The calls ------------------------------------------------------------------------------------------------------------- */

/* Check a call's arguments; the names, which may be NULL, are copied. `expected` says what the input is to be. */
static sluice_status check_arguments(const char *expected, const void *input, const sluice_names *names, sluice_names *known,
                                     sluice_model **model, sluice_error *error)
{
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "model: expected a place for the result, found NULL");
    *model = NULL;
    if (!input)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s, found NULL", expected);
    *known = (sluice_names){0};
    return names ? sl_struct_take(known, names, SL_STRUCT(sluice_names), "names", error) : SLUICE_STATUS_OK;
}

/* Read from a source that was opened with this status. */
static sluice_status load(sluice_status status, sl_tensor_source *source, const sluice_names *names, sluice_model **model,
                          sluice_error *error)
{
    if (!status)
        status = sl_model_read(source, names, model, error);
    sl_source_release(source);
    return status;
}

sluice_status sluice_model_load(const char *path, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    sluice_names known;
    const sluice_status status = check_arguments("path: expected the name of a file", path, names, &known, model, error);
    sl_tensor_source source;
    return status ? status : load(sl_safetensors_open(path, &source, error), &source, &known, model, error);
}

sluice_status sluice_model_load_memory(const void *bytes, size_t size, const sluice_names *names, sluice_model **model,
                                       sluice_error *error)
{
    sluice_names known;
    const sluice_status status = check_arguments("bytes: expected the content of a file", bytes, names, &known, model, error);
    sl_tensor_source source;
    return status ? status : load(sl_safetensors_open_memory(bytes, size, &source, error), &source, &known, model, error);
}
