/* A model's network: made of layers and parameters, and described. */
#include "py_core.h"

#include <string.h>

/* The cells of a layer's dict: one dict for each direction. */
static int set_cells(const core_state *state, sluice_layer *layer, PyObject *cells, core_hold *hold)
{
    PyObject *tuple = PySequence_Tuple(cells);
    const size_t directions = layer->direction == SLUICE_DIRECTION_BOTH ? 2 : 1;
    sluice_cell *at = tuple ? core_hold_allocate(hold, directions, sizeof *at) : NULL;
    int failed = at ? 0 : -1;
    if (!failed && (size_t)PyTuple_Size(tuple) != directions) {
        PyErr_Format(PyExc_ValueError, "cells: %zu are expected, one of each direction", directions);
        failed = -1;
    }
    for (size_t k = 0; !failed && k < directions; k++) {
        at[k].struct_size = sizeof *at;
        failed = core_fields_set_dict(state, CORE_CELL, &at[k], PyTuple_GetItem(tuple, (Py_ssize_t)k), hold);
    }
    Py_XDECREF(tuple);
    layer->cells = at;
    return failed;
}

/* A layer of a dict: fields of sluice_layer, and perhaps cells. */
static int set_layer(const core_state *state, sluice_layer *layer, PyObject *dict, core_hold *hold)
{
    PyObject *fields = PyDict_New(), *cells = NULL;
    if (!fields || PyDict_Update(fields, dict)) {
        Py_XDECREF(fields);
        return -1;
    }
    cells = PyDict_GetItemString(fields, "cells");
    Py_XINCREF(cells);
    int failed = cells ? PyDict_DelItemString(fields, "cells") : 0;
    layer->struct_size = sizeof *layer;
    failed = failed ? failed : core_fields_set_dict(state, CORE_LAYER, layer, fields, hold);
    if (!failed && cells && cells != Py_None)
        failed = set_cells(state, layer, cells, hold);
    Py_XDECREF(cells);
    Py_DECREF(fields);
    return failed;
}

/* of_network(layers, parameters, **fields of sluice_network) */
PyObject *core_model_of_network(PyObject *type, PyObject *args, PyObject *kwargs)
{
    const core_state *state = PyType_GetModuleState((PyTypeObject *)type);
    sluice_network network = {.struct_size = sizeof network};
    sluice_gradient parameters = {0}; /* whose parameters are as sluice_parameter's, but that they may be written */
    PyObject *given[2], *layers = NULL;
    core_hold hold;
    sluice_model *model = NULL;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "OO:of_network", &given[0], &given[1]))
        return NULL;
    core_hold_begin(&hold);
    layers = PySequence_Tuple(given[0]);
    network.layer_count = layers ? (size_t)PyTuple_Size(layers) : 0;
    sluice_layer *at = layers ? core_hold_allocate(&hold, network.layer_count, sizeof *at) : NULL;
    network.layers = at;
    int failed = at ? 0 : -1;
    if (!failed)
        failed = core_fields_set_dict(state, CORE_NETWORK, &network, kwargs, &hold);
    for (size_t k = 0; !failed && k < network.layer_count; k++)
        failed = set_layer(state, &at[k], PyTuple_GetItem(layers, (Py_ssize_t)k), &hold);
    failed = failed ? failed : core_argument_set(state, "parameters", CORE_PARAMETERS, &parameters, given[1], &hold);
    sluice_parameter *list = failed ? NULL : core_hold_allocate(&hold, parameters.parameter_count, sizeof *list);
    for (size_t k = 0; list && k < parameters.parameter_count; k++) {
        const sluice_parameter_gradient *from = &parameters.parameters[k];
        list[k] = (sluice_parameter){.layer = from->layer,
                                     .direction = from->direction,
                                     .tensor = from->tensor,
                                     .count = from->count,
                                     .values = from->values};
    }
    if (list) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_model_create_network(&network, list, parameters.parameter_count, NULL, &model, &error);
        Py_END_ALLOW_THREADS
    }
    core_hold_end(&hold);
    Py_XDECREF(layers);
    return list ? core_model_wrap(state, status, model, &error) : NULL;
}

static PyObject *describe_cells(const core_state *state, const sluice_layer *layer)
{
    const size_t directions = layer->cells ? (layer->direction == SLUICE_DIRECTION_BOTH ? 2 : 1) : 0;
    PyObject *list = PyList_New(0);
    for (size_t k = 0; list && k < directions; k++)
        core_append(&list, core_fields_get(state, CORE_CELL, &layer->cells[k]));
    return list;
}

/* Set an item of a dict, giving up the value; 0, or -1 with an exception, also where there is no value. */
static int set_item(PyObject *dict, const char *name, PyObject *value)
{
    const int failed = dict && value ? PyDict_SetItemString(dict, name, value) : -1;
    Py_XDECREF(value);
    return failed;
}

static PyObject *describe_layers(const core_state *state, const sluice_model *model, const sluice_network *network)
{
    PyObject *list = PyList_New(0);
    for (size_t k = 0; list && k < network->layer_count; k++) {
        PyObject *layer = core_fields_get(state, CORE_LAYER, &network->layers[k]);
        if (!layer || set_item(layer, "width", PyLong_FromSize_t(sluice_model_get_width(model, k))) ||
            set_item(layer, "cells", describe_cells(state, &network->layers[k])))
            Py_CLEAR(layer);
        core_append(&list, layer);
    }
    return list;
}

static PyObject *list_classes(const sluice_model *model, size_t classes)
{
    if (!sluice_model_get_class(model, 0))
        return Py_NewRef(Py_None);
    PyObject *list = PyList_New(0);
    for (size_t k = 0; list && k < classes; k++)
        core_append(&list, core_text(sluice_model_get_class(model, k)));
    return list;
}

static PyObject *get_series(const sluice_model *model)
{
    const char *series = sluice_model_get_series(model);
    return series ? core_text(series) : Py_NewRef(Py_None);
}

PyObject *core_model_describe(PyObject *self, PyObject *unused)
{
    (void)unused;
    const core_state *state = core_state_of(self);
    const sluice_model *model = ((core_model *)self)->model;
    sluice_network network = {.struct_size = sizeof network};
    sluice_shape shape = {.struct_size = sizeof shape};
    if (sluice_model_get_network(model, &network) || sluice_model_get_shape(model, &shape))
        return core_raise_argument(state, "no such model");
    PyObject *dict = core_fields_get(state, CORE_NETWORK, &network);
    if (!dict || set_item(dict, "layers", describe_layers(state, model, &network)) ||
        set_item(dict, "is_shape", PyBool_FromLong(sluice_model_is_shape(model))) ||
        set_item(dict, "vocabulary", PyLong_FromSize_t(shape.vocabulary)) ||
        set_item(dict, "classes", PyLong_FromSize_t(shape.classes)) ||
        set_item(dict, "class_names", list_classes(model, shape.classes)) || set_item(dict, "series", get_series(model)) ||
        set_item(dict, "notes", core_text(sluice_model_get_notes(model))))
        Py_CLEAR(dict);
    return dict;
}

/* A copy of a parameter as bytes, in a tuple with its place. */
static PyObject *copy_parameter(size_t layer, size_t direction, int tensor, const float *values, size_t count)
{
    return Py_BuildValue("(nniy#)", (Py_ssize_t)layer, (Py_ssize_t)direction, tensor, (const char *)values,
                         (Py_ssize_t)(count * sizeof *values));
}

PyObject *core_model_tensors(PyObject *self, PyObject *unused)
{
    (void)unused;
    const sluice_model *model = ((core_model *)self)->model;
    sluice_network network = {.struct_size = sizeof network};
    PyObject *list =
        sluice_model_get_network(model, &network) ? core_raise_argument(core_state_of(self), "no such model") : PyList_New(0);
    for (size_t place = 0; list && place < 2 * network.layer_count; place++)
        for (int tensor = 0; list && tensor <= SLUICE_TENSOR_SHIFT; tensor++) {
            size_t count;
            const float *values = sluice_model_get_parameter(model, place / 2, place % 2, (sluice_tensor)tensor, &count);
            if (values)
                core_append(&list, copy_parameter(place / 2, place % 2, tensor, values, count));
        }
    return list;
}
