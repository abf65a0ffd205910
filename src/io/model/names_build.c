/* A network out of tensors that were found by their names, where no sluice_shape describes it: projections, LSTMs of several sizes, more
 * than one dense layer, activations, a head of one vector for each row. */
#include "io/model/names_build.h"

#include "base/error.h"
#include "io/network/network_build.h"

/* What a layer-direction has, and where in a binding's tensors it is. */
static const struct {
    int kind;
    sluice_tensor tensor;
    bool has_gates, adds;
} parts[] = {
    {SL_WEIGHT_IH, SLUICE_TENSOR_WEIGHT_IH, true, false},   {SL_WEIGHT_HH, SLUICE_TENSOR_WEIGHT_HH, true, false},
    {SL_BIAS_IH, SLUICE_TENSOR_BIAS, true, false},          {SL_BIAS_HH, SLUICE_TENSOR_BIAS, true, true},
    {SL_WEIGHT_HR, SLUICE_TENSOR_PROJECTION, false, false},
};

static sluice_status fill(sl_build *build, sluice_tensor tensor, const sl_tensor *from, sluice_error *error)
{
    const sl_fill whole = {.layer = sl_build_count(build) - 1, .tensor = tensor, .from = sl_view_get_rows(from, 0, from->shape[0])};
    return sl_build_fill(build, &whole, error);
}

static sluice_status fill_layer_dir(sl_build *build, const sl_binding *binding, size_t layer_dir, sluice_error *error)
{
    sl_fill fill = {.layer = sl_build_count(build) - 1, .direction = layer_dir % binding->shape.directions};
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < sizeof parts / sizeof *parts; k++) {
        const sl_tensor *from = binding->tensors[(size_t)parts[k].kind * binding->layer_dirs + layer_dir];
        if (!from)
            continue;
        fill.tensor = parts[k].tensor;
        fill.adds = parts[k].adds;
        fill.from = sl_view_get_rows(from, 0, from->shape[0]);
        status =
            parts[k].has_gates ? sl_build_fill_gates(build, &fill, binding->gate_order, error) : sl_build_fill(build, &fill, error);
    }
    return status;
}

/* The layers are named by the prefix without the dot or underscore at its end: "lstm", "lstm_2". */
static sluice_status add_lstm_layer(sl_build *build, const sl_binding *binding, size_t index, sluice_error *error)
{
    size_t bytes = binding->prefix_bytes;
    while (bytes && (binding->prefix[bytes - 1] == '.' || binding->prefix[bytes - 1] == '_'))
        bytes--;
    sluice_layer *layer;
    sluice_status status = sl_build_add(build, SLUICE_LAYER_LSTM, binding->prefix, bytes, &layer, error);
    if (status)
        return status;
    layer->units = binding->shape.hidden;
    layer->projection = binding->projection;
    if (binding->shape.has_bias)
        layer->cells = NULL; /* plain ones */
    layer->direction = binding->shape.directions == 2 ? SLUICE_DIRECTION_BOTH : SLUICE_DIRECTION_FORWARD;
    for (size_t d = 0; !status && d < binding->shape.directions; d++) {
        sl_build_get_cell(build, sl_build_count(build) - 1, d)->parts = 0; /* without biases */
        status = fill_layer_dir(build, binding, index * binding->shape.directions + d, error);
    }
    return status;
}

static sluice_status add_lstms(sl_build *build, const sl_bound_network *network, sluice_error *error)
{
    sluice_status status = SLUICE_STATUS_OK;
    for (size_t k = 0; !status && k < network->count; k++)
        for (size_t layer = 0; !status && layer < network->lstms[k].shape.layers; layer++)
            status = add_lstm_layer(build, &network->lstms[k], layer, error);
    if (!status)
        sl_build_get(build, sl_build_count(build) - 1)->steps = network->steps;
    return status;
}

static sluice_status add_embedding(sl_build *build, const sl_binding *binding, sluice_error *error)
{
    const sl_tensor *weight = binding->extras[SL_EMBEDDING];
    if (!weight) {
        sl_build_set_inputs(build, binding->shape.inputs);
        return SLUICE_STATUS_OK;
    }
    sluice_layer *layer;
    const sluice_status status =
        sl_build_add(build, SLUICE_LAYER_EMBEDDING, weight->name, sl_names_get_stem(weight->name), &layer, error);
    if (status)
        return status;
    layer->units = binding->shape.inputs;
    layer->vocabulary = binding->shape.vocabulary;
    return fill(build, SLUICE_TENSOR_EMBEDDING, weight, error);
}

static sluice_status add_dense(sl_build *build, const sl_bound_dense *dense, sluice_error *error)
{
    sluice_layer *layer;
    sluice_status status =
        sl_build_add(build, SLUICE_LAYER_DENSE, dense->weight->name, sl_names_get_stem(dense->weight->name), &layer, error);
    if (status)
        return status;
    layer->units = dense->weight->shape[0];
    layer->has_bias = dense->bias != NULL;
    layer->activation = dense->activation;
    status = fill(build, SLUICE_TENSOR_WEIGHT, dense->weight, error);
    return status || !dense->bias ? status : fill(build, SLUICE_TENSOR_BIAS, dense->bias, error);
}

sluice_status sl_names_build(const sl_tensor_source *source, const sl_bound_network *network, sluice_model **model,
                             sluice_error *error)
{
    sl_build *build = NULL;
    sluice_model *made = NULL;
    sluice_status status = sl_build_create(source, source->input.size, &build, error);
    if (!status)
        status = sl_build_hold(build, source->count * sizeof *source->tensors, error);
    if (!status)
        status = add_embedding(build, network->lstms, error);
    if (!status)
        status = add_lstms(build, network, error);
    for (size_t k = 0; !status && k < network->dense_count; k++)
        status = add_dense(build, &network->dense[k], error);
    if (!status)
        status = sl_build_finish(build, &made, error);
    const char *const *classes = (const char *const *)network->lstms[network->count - 1].classes;
    if (!status && classes)
        status = sl_model_set_classes(made, classes, error);
    sl_build_destroy(build);
    if (!status)
        *model = made;
    else
        sluice_model_destroy(made);
    return status;
}
