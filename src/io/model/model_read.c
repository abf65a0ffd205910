/* sluice_model_load: a file's tensors, found by name, become a model. */
#include "base/struct_size.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/size.h"
#include "model/model.h"
#include "io/label.h"
#include "io/model/model_write.h"
#include "io/model/load_notes.h"

#include <math.h>

/* ---- Values ---------------------------------------------------------------------------------------------------------------- */

static sluice_status check_finite(const sl_safetensors *file, const sl_tensor *tensor, const float *values, sluice_error *error)
{
    for (size_t k = 0; k < tensor->elements; k++)
        if (!isfinite(values[k]))
            return sl_fail(error, SLUICE_STATUS_BAD_DATA,
                           "%s: byte %zu: tensor \"%s\": element %zu: expected a finite number, found %s", file->input.name,
                           file->data_at + tensor->begin + k * ((tensor->end - tensor->begin) / tensor->elements),
                           sl_label_get(tensor->name).text, k, isnan(values[k]) ? "NaN" : "infinity");
    return SLUICE_STATUS_OK;
}

/* Read every tensor of the binding, one behind the other, into `block`; values[k] points to tensors[k]'s. */
static sluice_status read_values(const sl_safetensors *file, const sl_binding *binding, float *block, const float **values,
                                 sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; k < binding->count && status == SLUICE_STATUS_OK; k++) {
        const sl_tensor *tensor = binding->tensors[k];
        if (!tensor)
            continue;
        values[k] = block;
        status = sl_safetensors_read(file, tensor, block, error);
        if (status == SLUICE_STATUS_OK)
            status = check_finite(file, tensor, block, error);
        block += tensor->elements;
    }
    return status;
}

/* ---- The model ------------------------------------------------------------------------------------------------------------- */

/* A model of values[k] for each tensors[k] of the binding. */
static sluice_status create(const sl_safetensors *file, const sl_binding *binding, const float *const *values, sluice_model **model,
                            sluice_error *error)
{
    const size_t cells = binding->cells;
    const float *const *extras = values + SL_CELL_PARTS * cells;
    sluice_shape shape = binding->shape;
    shape.struct_size = sizeof shape;
    const sluice_weights weights = {.struct_size = sizeof weights,
                                    .shape = &shape,
                                    .weight_ih = values + SL_WEIGHT_IH * cells,
                                    .weight_hh = values + SL_WEIGHT_HH * cells,
                                    .bias_ih = binding->shape.has_bias ? values + SL_BIAS_IH * cells : NULL,
                                    .bias_hh = binding->shape.has_bias ? values + SL_BIAS_HH * cells : NULL,
                                    .embedding = extras[SL_EMBEDDING],
                                    .head_weight = extras[SL_HEAD_WEIGHT],
                                    .head_bias = extras[SL_HEAD_BIAS],
                                    .class_names = binding->classes};
    sluice_error inner = {0};
    const sluice_status status = sluice_model_create(&weights, model, &inner);
    if (status != SLUICE_STATUS_OK)
        (void)sl_fail(error, status, "%s: LSTM \"%s\": %s", file->input.name,
                      sl_label_get_part(binding->prefix, binding->prefix_bytes).text, inner.message);
    return status;
}

static sluice_status read_and_create(const sl_safetensors *file, const sl_binding *binding, sluice_model **model,
                                     sluice_error *error)
{
    size_t elements = 0;
    for (size_t k = 0; k < binding->count; k++)
        if (binding->tensors[k] && !sl_size_add(elements, binding->tensors[k]->elements, &elements))
            return sl_fail_size(error, file->input.name);
    float *block = sl_alloc_array(elements, sizeof *block);
    const float **values = sl_alloc_array(binding->count, sizeof *values);
    sluice_status status = SLUICE_STATUS_OK;
    if (!block || !values)
        status = sl_fail_memory(error, "the weights of a file", elements * sizeof *block);
    if (status == SLUICE_STATUS_OK)
        status = read_values(file, binding, block, values, error);
    if (status == SLUICE_STATUS_OK)
        status = create(file, binding, values, model, error);
    sl_free(values);
    sl_free(block);
    return status;
}

sluice_status sl_model_file_read(sl_safetensors *file, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    sluice_model *made = NULL;
    sl_binding binding = {0};
    sluice_status status = sl_names_bind(file, names, &binding, error);
    if (status == SLUICE_STATUS_OK)
        status = read_and_create(file, &binding, &made, error);
    if (status == SLUICE_STATUS_OK)
        status = sl_load_notes_set(made, file, &binding, error);
    if (status == SLUICE_STATUS_OK)
        *model = made;
    else
        sluice_model_destroy(made);
    sl_names_release(&binding);
    return status;
}

sluice_status sluice_model_load(const char *path, const sluice_names *names, sluice_model **model, sluice_error *error)
{
    if (!model)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "model: expected a place for the result, found NULL");
    *model = NULL;
    if (!path)
        return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT, "path: expected the name of a file, found NULL");
    sluice_names known = {0};
    sluice_status status =
        names ? sl_struct_take(&known, names, SL_STRUCT(sluice_names), "sluice_model_load", error) : SLUICE_STATUS_OK;
    if (status)
        return status;
    sl_safetensors *file;
    status = sl_safetensors_open(path, &file, error);
    if (status == SLUICE_STATUS_OK)
        status = sl_model_file_read(file, &known, model, error);
    sl_safetensors_close(file);
    return status;
}
