/* The fields of the structs that Python gives or gets, by name. */
#include "py_core.h"

#define FIELD(type, field, kind)                                                                                                   \
    {                                                                                                                              \
#field, offsetof(type, field), kind, false                                                                                 \
    }
#define STRIDED(type, field, kind)                                                                                                 \
    {                                                                                                                              \
#field, offsetof(type, field), kind, true                                                                                  \
    }
#define PART(type, part, field, kind)                                                                                              \
    {                                                                                                                              \
#field, offsetof(type, part.field), kind, false                                                                            \
    }

static const core_field batch[] = {
    FIELD(sluice_batch, steps, CORE_SIZE),
    FIELD(sluice_batch, rows, CORE_SIZE),
    STRIDED(sluice_batch, x, CORE_F32),
    FIELD(sluice_batch, x_row_stride, CORE_SIZE),
    FIELD(sluice_batch, x_step_stride, CORE_SIZE),
    STRIDED(sluice_batch, y, CORE_F32_OUT),
    FIELD(sluice_batch, y_row_stride, CORE_SIZE),
    FIELD(sluice_batch, y_step_stride, CORE_SIZE),
    FIELD(sluice_batch, lengths, CORE_I64),
    STRIDED(sluice_batch, tokens, CORE_I32),
    STRIDED(sluice_batch, byte_tokens, CORE_U8),
    FIELD(sluice_batch, x_offsets, CORE_SIZES),
    FIELD(sluice_batch, x_step_offsets, CORE_SIZES),
    FIELD(sluice_batch, y_offsets, CORE_SIZES),
    FIELD(sluice_batch, y_step_offsets, CORE_SIZES),
    FIELD(sluice_batch, h0, CORE_F32),
    FIELD(sluice_batch, c0, CORE_F32),
    FIELD(sluice_batch, hn, CORE_F32_OUT),
    FIELD(sluice_batch, cn, CORE_F32_OUT),
    FIELD(sluice_batch, logits, CORE_F32_OUT),
    FIELD(sluice_batch, step_logits, CORE_F32_OUT),
    FIELD(sluice_batch, streams, CORE_STREAMS),
    FIELD(sluice_batch, slots, CORE_SIZES),
    FIELD(sluice_batch, tape, CORE_TAPE),
    FIELD(sluice_batch, dropout, CORE_FLOAT),
    FIELD(sluice_batch, dropout_key, CORE_UINT64),
    FIELD(sluice_batch, max_threads, CORE_UNSIGNED),
    FIELD(sluice_batch, sample_weights, CORE_F32),
    STRIDED(sluice_batch, mask, CORE_U8),
    FIELD(sluice_batch, mask_row_stride, CORE_SIZE),
    FIELD(sluice_batch, mask_step_stride, CORE_SIZE),
    FIELD(sluice_batch, outputs, CORE_OUTPUTS),
};

static const core_field gradient[] = {
    STRIDED(sluice_gradient, dy, CORE_F32),
    FIELD(sluice_gradient, dy_row_stride, CORE_SIZE),
    FIELD(sluice_gradient, dy_step_stride, CORE_SIZE),
    FIELD(sluice_gradient, dhn, CORE_F32),
    FIELD(sluice_gradient, dcn, CORE_F32),
    FIELD(sluice_gradient, dlogits, CORE_F32),
    FIELD(sluice_gradient, dstep_logits, CORE_F32),
    STRIDED(sluice_gradient, dx, CORE_F32_OUT),
    FIELD(sluice_gradient, dx_row_stride, CORE_SIZE),
    FIELD(sluice_gradient, dx_step_stride, CORE_SIZE),
    FIELD(sluice_gradient, dx_offsets, CORE_SIZES),
    FIELD(sluice_gradient, dy_offsets, CORE_SIZES),
    FIELD(sluice_gradient, dy_step_offsets, CORE_SIZES),
    FIELD(sluice_gradient, dx_step_offsets, CORE_SIZES),
    FIELD(sluice_gradient, dh0, CORE_F32_OUT),
    FIELD(sluice_gradient, dc0, CORE_F32_OUT),
    FIELD(sluice_gradient, weight_ih, CORE_ADDRESSES),
    FIELD(sluice_gradient, weight_hh, CORE_ADDRESSES),
    FIELD(sluice_gradient, bias, CORE_ADDRESSES),
    FIELD(sluice_gradient, embedding, CORE_F32_OUT),
    FIELD(sluice_gradient, head_weight, CORE_F32_OUT),
    FIELD(sluice_gradient, head_bias, CORE_F32_OUT),
    FIELD(sluice_gradient, accumulate, CORE_INT),
    FIELD(sluice_gradient, parameters, CORE_PARAMETERS),
};

static const core_field weights[] = {
    PART(core_weights, shape, layers, CORE_SIZE),           PART(core_weights, shape, directions, CORE_SIZE),
    PART(core_weights, shape, inputs, CORE_SIZE),           PART(core_weights, shape, hidden, CORE_SIZE),
    PART(core_weights, shape, has_bias, CORE_INT),          PART(core_weights, shape, vocabulary, CORE_SIZE),
    PART(core_weights, shape, classes, CORE_SIZE),          PART(core_weights, weights, weight_ih, CORE_ADDRESSES),
    PART(core_weights, weights, weight_hh, CORE_ADDRESSES), PART(core_weights, weights, bias_ih, CORE_ADDRESSES),
    PART(core_weights, weights, bias_hh, CORE_ADDRESSES),   PART(core_weights, weights, embedding, CORE_F32),
    PART(core_weights, weights, head_weight, CORE_F32),     PART(core_weights, weights, head_bias, CORE_F32),
    PART(core_weights, options, unchecked, CORE_INT),
};

static const core_field engine_options[] = {
    FIELD(sluice_engine_options, isa, CORE_INT),           FIELD(sluice_engine_options, gemm, CORE_INT),
    FIELD(sluice_engine_options, schedule, CORE_INT),      FIELD(sluice_engine_options, threads, CORE_UNSIGNED),
    FIELD(sluice_engine_options, flush_to_zero, CORE_INT), FIELD(sluice_engine_options, training, CORE_INT),
    FIELD(sluice_engine_options, precision, CORE_INT),
};

static const core_field training[] = {
    PART(core_training, engine, isa, CORE_INT),
    PART(core_training, engine, gemm, CORE_INT),
    PART(core_training, engine, threads, CORE_UNSIGNED),
    PART(core_training, trainer, optimizer, CORE_INT),
    PART(core_training, trainer, rate, CORE_DOUBLE),
    PART(core_training, trainer, momentum, CORE_DOUBLE),
    PART(core_training, trainer, beta1, CORE_DOUBLE),
    PART(core_training, trainer, beta2, CORE_DOUBLE),
    PART(core_training, trainer, epsilon, CORE_DOUBLE),
    PART(core_training, trainer, weight_decay, CORE_DOUBLE),
    PART(core_training, trainer, clip, CORE_DOUBLE),
    PART(core_training, trainer, schedule, CORE_INT),
    PART(core_training, trainer, total_steps, CORE_UINT64),
    PART(core_training, trainer, warmup_steps, CORE_UINT64),
    PART(core_training, trainer, loss, CORE_INT),
    PART(core_training, trainer, every_step, CORE_INT),
    PART(core_training, trainer, ignore, CORE_INT),
    PART(core_training, trainer, label_smoothing, CORE_FLOAT),
    PART(core_training, trainer, dropout, CORE_FLOAT),
    PART(core_training, trainer, seed, CORE_UINT64),
    PART(core_training, trainer, recompute, CORE_SIZE),
    PART(core_training, trainer, class_weights, CORE_F32),
    PART(core_training, trainer, shards, CORE_SIZE),
    PART(core_training, trainer, delta, CORE_DOUBLE),
    PART(core_training, trainer, quantiles, CORE_F32),
    PART(core_training, trainer, quantile_count, CORE_SIZE),
};

static const core_field names[] = {
    FIELD(sluice_names, prefix, CORE_TEXT),
    FIELD(sluice_names, head, CORE_TEXT),
    FIELD(sluice_names, embedding, CORE_TEXT),
    FIELD(sluice_names, network, CORE_TEXT),
    FIELD(sluice_names, lstm, CORE_TEXT),
    FIELD(sluice_names, head_activation, CORE_TEXT),
    FIELD(sluice_names, head_input, CORE_TEXT),
    FIELD(sluice_names, activation, CORE_TEXT),
    FIELD(sluice_names, recurrent_activation, CORE_TEXT),
    FIELD(sluice_names, to, CORE_TEXT),
    FIELD(sluice_names, onnx_clip, CORE_TEXT),
};

static const core_field network[] = {
    FIELD(sluice_network, inputs, CORE_SIZE),
    FIELD(sluice_network, masking, CORE_INT),
    FIELD(sluice_network, mask_value, CORE_FLOAT),
};

static const core_field layer[] = {
    FIELD(sluice_layer, kind, CORE_INT),
    FIELD(sluice_layer, name, CORE_TEXT),
    FIELD(sluice_layer, units, CORE_SIZE),
    FIELD(sluice_layer, vocabulary, CORE_SIZE),
    FIELD(sluice_layer, activation, CORE_ACTIVATION),
    FIELD(sluice_layer, has_bias, CORE_INT),
    FIELD(sluice_layer, steps, CORE_INT),
    FIELD(sluice_layer, direction, CORE_INT),
    FIELD(sluice_layer, merge, CORE_INT),
    FIELD(sluice_layer, projection, CORE_SIZE),
    FIELD(sluice_layer, processing_order, CORE_INT),
    FIELD(sluice_layer, masked_outputs_zero, CORE_INT),
};

static const core_field cell[] = {
    FIELD(sluice_cell, parts, CORE_UNSIGNED),       FIELD(sluice_cell, gate, CORE_ACTIVATION),
    FIELD(sluice_cell, candidate, CORE_ACTIVATION), FIELD(sluice_cell, output, CORE_ACTIVATION),
    FIELD(sluice_cell, coupled, CORE_INT),          FIELD(sluice_cell, output_unclipped, CORE_INT),
    FIELD(sluice_cell, forget_bias, CORE_FLOAT),    FIELD(sluice_cell, gate_clip, CORE_FLOAT),
    FIELD(sluice_cell, cell_clip, CORE_FLOAT),      FIELD(sluice_cell, projection_clip, CORE_FLOAT),
    FIELD(sluice_cell, norm_epsilon, CORE_FLOAT),
};

static const core_field engine_info[] = {
    FIELD(sluice_engine_info, isa, CORE_INT),           FIELD(sluice_engine_info, gemm, CORE_INT),
    FIELD(sluice_engine_info, schedule, CORE_INT),      FIELD(sluice_engine_info, threads, CORE_UNSIGNED),
    FIELD(sluice_engine_info, packed_bytes, CORE_SIZE), FIELD(sluice_engine_info, table_bytes, CORE_SIZE),
    FIELD(sluice_engine_info, lanes, CORE_SIZE),        FIELD(sluice_engine_info, precision, CORE_INT),
};

static const core_field plan[] = {
    FIELD(sluice_plan, workspace_bytes, CORE_SIZE),
    FIELD(sluice_plan, chosen, CORE_SIZE),
    FIELD(sluice_plan, reason, CORE_CHARS),
};

static const core_field candidate[] = {
    FIELD(sluice_candidate, schedule, CORE_INT),
    FIELD(sluice_candidate, thread_groups, CORE_UNSIGNED),
    FIELD(sluice_candidate, threads_per_group, CORE_UNSIGNED),
    FIELD(sluice_candidate, hoists, CORE_INT),
    FIELD(sluice_candidate, wavefront, CORE_INT),
    FIELD(sluice_candidate, cycles, CORE_DOUBLE),
    FIELD(sluice_candidate, seconds, CORE_DOUBLE),
};

static const core_field report[] = {
    FIELD(sluice_report, loss, CORE_DOUBLE),   FIELD(sluice_report, counted, CORE_SIZE), FIELD(sluice_report, right, CORE_SIZE),
    FIELD(sluice_report, norm, CORE_DOUBLE),   FIELD(sluice_report, rate, CORE_DOUBLE),  FIELD(sluice_report, step, CORE_UINT64),
    FIELD(sluice_report, weight, CORE_DOUBLE),
};

static const core_field environment[] = {
    FIELD(sluice_environment, isa, CORE_INT),
    FIELD(sluice_environment, best_isa, CORE_INT),
    FIELD(sluice_environment, gemm, CORE_INT),
    FIELD(sluice_environment, threads, CORE_UNSIGNED),
    FIELD(sluice_environment, blis_is_generic, CORE_INT),
    FIELD(sluice_environment, cpu, CORE_CHARS),
    FIELD(sluice_environment, isa_reason, CORE_CHARS),
    FIELD(sluice_environment, gemm_reason, CORE_CHARS),
    FIELD(sluice_environment, threads_reason, CORE_CHARS),
    FIELD(sluice_environment, blis_version, CORE_CHARS),
    FIELD(sluice_environment, blis_config, CORE_CHARS),
    FIELD(sluice_environment, openmp, CORE_CHARS),
    FIELD(sluice_environment, openmp_binding, CORE_CHARS),
    FIELD(sluice_environment, openmp_places, CORE_CHARS),
    FIELD(sluice_environment, precision, CORE_INT),
    FIELD(sluice_environment, precision_reason, CORE_CHARS),
};

#define TABLE(array)                                                                                                               \
    {                                                                                                                              \
        array, sizeof(array) / sizeof(array)[0]                                                                                    \
    }
static const struct {
    const core_field *fields;
    size_t count;
} tables[CORE_STRUCTS] = {
    [CORE_BATCH] = TABLE(batch),       [CORE_GRADIENT] = TABLE(gradient),
    [CORE_WEIGHTS] = TABLE(weights),   [CORE_ENGINE_OPTIONS] = TABLE(engine_options),
    [CORE_TRAINING] = TABLE(training), [CORE_NAMES] = TABLE(names),
    [CORE_NETWORK] = TABLE(network),   [CORE_LAYER] = TABLE(layer),
    [CORE_CELL] = TABLE(cell),         [CORE_ENGINE_INFO] = TABLE(engine_info),
    [CORE_PLAN] = TABLE(plan),         [CORE_CANDIDATE] = TABLE(candidate),
    [CORE_REPORT] = TABLE(report),     [CORE_ENVIRONMENT] = TABLE(environment),
};

int core_fields_intern(core_state *state)
{
    for (size_t which = 0; which < CORE_STRUCTS; which++)
        for (size_t k = 0; k < tables[which].count; k++) {
            state->names[which][k] = PyUnicode_InternFromString(tables[which].fields[k].name);
            if (!state->names[which][k])
                return -1;
        }
    return 0;
}

/* The field of a name, looked for from *next on: callers mostly give fields in the order of the table. NULL with an exception. */
static const core_field *find(const core_state *state, core_struct which, PyObject *name, size_t *next)
{
    const size_t count = tables[which].count;
    for (size_t tried = 0; tried < count; tried++) {
        const size_t k = (*next + tried) % count;
        if (state->names[which][k] == name) {
            *next = (k + 1) % count;
            return &tables[which].fields[k];
        }
    }
    for (size_t k = 0; k < count; k++) /* a name that is not interned */
        if (PyUnicode_Check(name) && !PyUnicode_Compare(state->names[which][k], name))
            return &tables[which].fields[k];
    PyErr_Format(PyExc_TypeError, "unexpected keyword argument %R", name);
    return NULL;
}

int core_fields_set(const core_state *state, core_struct which, void *at, PyObject *const *values, Py_ssize_t positional,
                    PyObject *given, core_hold *hold)
{
    const Py_ssize_t count = given ? PyTuple_Size(given) : 0;
    size_t next = 0;
    if (positional) {
        PyErr_SetString(PyExc_TypeError, "keyword arguments only");
        return -1;
    }
    for (Py_ssize_t k = 0; k < count; k++) {
        const core_field *field = find(state, which, PyTuple_GetItem(given, k), &next);
        if (!field || core_field_set(state, field, at, values[k], hold))
            return -1;
    }
    return 0;
}

int core_fields_set_dict(const core_state *state, core_struct which, void *at, PyObject *fields, core_hold *hold)
{
    PyObject *name, *value;
    Py_ssize_t position = 0;
    size_t next = 0;
    if (fields && !PyDict_Check(fields)) {
        PyErr_Format(PyExc_TypeError, "a dict of fields is expected, not %R", fields);
        return -1;
    }
    while (fields && PyDict_Next(fields, &position, &name, &value)) {
        const core_field *field = find(state, which, name, &next);
        if (!field || core_field_set(state, field, at, value, hold))
            return -1;
    }
    return 0;
}

int core_options_set(const core_state *state, sluice_engine_options *options, PyObject *fields)
{
    core_hold hold;
    core_hold_begin(&hold);
    const int failed = core_fields_set_dict(state, CORE_ENGINE_OPTIONS, options, fields, &hold);
    core_hold_end(&hold);
    return failed;
}

PyObject *core_fields_get(const core_state *state, core_struct which, const void *at)
{
    PyObject *dict = PyDict_New();
    for (size_t k = 0; dict && k < tables[which].count; k++) {
        PyObject *value = core_field_get(&tables[which].fields[k], at);
        if (!value || PyDict_SetItem(dict, state->names[which][k], value))
            Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}
