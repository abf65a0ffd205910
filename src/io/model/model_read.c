/* A file's tensors, found by name or by a description, become a model. Each is read straight into the model's own memory, so that
 * loading takes no more memory than the model. */
#include "io/model/model_read.h"

#include "base/error.h"
#include "base/size.h"
#include "base/system/cpu.h"
#include "io/label.h"
#include "io/model/load_notes.h"
#include "io/model/names_build.h"
#include "io/model/tensor_values.h"
#include "io/network/description_read.h"
#include "io/network/network_build.h"
#include "io/network/network_read.h"
#include "model/model.h"

typedef struct model_reader {
    const sl_tensor_source *source;
    const sl_binding *binding;
    sluice_model *model;
    sluice_error *error;
} model_reader;

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

/* Read a whole tensor; NULL: there is none, and the model keeps zeros. */
static sluice_status read_tensor(const model_reader *reader, const sl_tensor *tensor, float *values)
{
    return tensor ? sl_tensor_values_read(reader->source, tensor, 0, tensor->elements, values, reader->error) : SLUICE_STATUS_OK;
}

/* Read a tensor whose first dimension is 4H with `step`, gate by gate, each to its place in the model's order. */
static sluice_status read_gates(const model_reader *reader, const sl_tensor *tensor, sl_tensor_values_reader *step, float *values)
{
    const size_t gate_elements = tensor->elements / SL_GATES;
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t gate = 0; !status && gate < SL_GATES; gate++)
        status = step(reader->source, tensor, reader->binding->gate_order[gate] * gate_elements, gate_elements,
                      values + gate * gate_elements, reader->error);
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
    sluice_status status = read_gates(reader, tensors[SL_WEIGHT_IH * stride], sl_tensor_values_read,
                                      sl_model_get_of_dir(reader->model, k, SLUICE_TENSOR_WEIGHT_IH));
    if (!status)
        status = read_gates(reader, tensors[SL_WEIGHT_HH * stride], sl_tensor_values_read,
                            sl_model_get_of_dir(reader->model, k, SLUICE_TENSOR_WEIGHT_HH));
    if (!status && binding->shape.has_bias)
        status = read_gates(reader, tensors[SL_BIAS_IH * stride], sl_tensor_values_read, bias);
    if (!status && binding->shape.has_bias)
        status = read_gates(reader, tensors[SL_BIAS_HH * stride], sl_tensor_values_add, bias);
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

/* Tensors may share their bytes, and a small file so ask for a large model. */
static sluice_status check_bytes(const sl_tensor_source *source, const sl_binding *binding, sluice_error *error)
{
    size_t bytes = 0;
    bool fits = true;
    for (size_t k = 0; k < binding->count; k++)
        fits = fits && (!binding->tensors[k] || sl_size_add(bytes, binding->tensors[k]->elements, &bytes));
    fits = fits && sl_size_mul(bytes, sizeof(float), &bytes);
    return sl_build_check_bytes(source, fits ? bytes : SIZE_MAX, error);
}

sluice_status sl_model_read_bound(const sl_tensor_source *source, const sl_binding *binding, sluice_model **model,
                                  sluice_error *error)
{
    sluice_error inner = {0};
    model_reader reader = {.source = source, .binding = binding, .error = error};
    sluice_status status = check_bytes(source, binding, error);
    if (status)
        return status;
    status = sl_model_allocate(&binding->shape, &reader.model, &inner);
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

static sluice_status read_named(sl_tensor_source *source, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    sluice_model *made = NULL;
    sl_bound_network network = {0};
    sluice_status status = sl_names_bind(source, names, &network, error);
    if (!status)
        status = network.is_shape ? sl_model_read_bound(source, network.lstms, &made, error)
                                  : sl_names_build(source, &network, &made, error);
    if (!status)
        status = sl_load_notes_set(made, source, &network, error);
    if (!status)
        *model = made;
    else
        sluice_model_destroy(made);
    sl_names_release(&network);
    return status;
}

/* The first of the fields that is given; NULL: none. */
typedef struct given_name {
    const char *field, *value;
} given_name;

static given_name find_given(const given_name *names, size_t count)
{
    for (size_t k = 0; k < count; k++)
        if (names[k].value)
            return names[k];
    return (given_name){NULL, NULL};
}

/* Names of tensors are for a file without a description, a network's name for one with it, and what a configuration leaves open for the
 * files of other programs. */
static sluice_status check_names(const sl_tensor_source *source, const sluice_names *names, bool is_described, sluice_error *error)
{
    const given_name of_tensors[] = {{"prefix", names->prefix},
                                     {"head", names->head},
                                     {"embedding", names->embedding},
                                     {"lstm", names->lstm},
                                     {"head_activation", names->head_activation},
                                     {"head_input", names->head_input}};
    const given_name of_others[] = {{"activation", names->activation},
                                    {"recurrent_activation", names->recurrent_activation},
                                    {"to", names->to},
                                    {"onnx_clip", names->onnx_clip}};
    const given_name tensor = find_given(of_tensors, sizeof of_tensors / sizeof *of_tensors);
    const given_name other = find_given(of_others, sizeof of_others / sizeof *of_others);
    if (is_described && tensor.field)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                       "%s: names.%s is \"%s\", but the file has a description, which names all tensors; leave it NULL",
                       source->input.name, tensor.field, sl_label_get(tensor.value).text);
    if (other.field)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "%s: names.%s is \"%s\", but this is no %s file; leave it NULL",
                       source->input.name, other.field, sl_label_get(other.value).text,
                       other.value == names->onnx_clip ? "ONNX"
                       : other.value == names->to      ? "Keras or ONNX"
                                                       : "Keras");
    if (!is_described && names->network)
        return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                       "%s: no network \"%s\": the file has no description that names networks; leave names.network NULL",
                       source->input.name, sl_label_get(names->network).text);
    return SLUICE_STATUS_OK;
}

/* Other programs may use the entry, too; what cannot be its text is passed over. */
static sluice_status set_series(const sl_tensor_source *source, sluice_model *model, sluice_error *error)
{
    const sluice_status status = sluice_model_set_series(model, sl_source_find_metadata(source, SL_SERIES_KEY), error);
    return status == SLUICE_STATUS_BAD_ARGUMENT ? SLUICE_STATUS_OK : status;
}

sluice_status sl_model_read(sl_tensor_source *source, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    static const sluice_names open = {0};
    const sluice_names *wanted = names ? names : &open;
    const bool is_described = sl_description_exists(source);
    sluice_model *made = NULL;
    sluice_status status = check_names(source, wanted, is_described, error);
    if (!status)
        status = is_described ? sl_network_read(source, wanted->network, &made, error) : read_named(source, wanted, &made, error);
    if (!status)
        status = set_series(source, made, error);
    if (!status)
        *model = made;
    else
        sluice_model_destroy(made);
    return status;
}

sluice_status sl_model_list(sl_tensor_source *source, sluice_choice_visitor *visit, void *context, sluice_error *error)
{
    return sl_description_exists(source) ? sl_description_list(source, visit, context, error)
                                         : sl_names_list_lstms(source, visit, context, error);
}
