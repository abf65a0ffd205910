/* Model: loaded, made of arrays, of a network or at random; saved and described. */
#include "py_core.h"

PyObject *core_model_wrap(const core_state *state, sluice_status status, sluice_model *model, const sluice_error *error)
{
    if (status)
        return core_raise(state, error);
    core_model *object = (core_model *)PyType_GenericAlloc(state->model, 0);
    if (object)
        object->model = model;
    else
        sluice_model_destroy(model);
    return (PyObject *)object;
}

/* load(path_or_bytes, **names) */
static PyObject *model_load(PyObject *type, PyObject *args, PyObject *kwargs)
{
    const core_state *state = PyType_GetModuleState((PyTypeObject *)type);
    sluice_names names = {.struct_size = sizeof names};
    PyObject *from, *path = NULL;
    core_hold hold;
    sluice_model *model = NULL;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "O:load", &from))
        return NULL;
    core_hold_begin(&hold);
    int failed = core_fields_set_dict(state, CORE_NAMES, &names, kwargs, &hold);
    Py_buffer bytes = {.obj = NULL};
    if (!failed)
        failed = PyUnicode_Check(from) ? !PyUnicode_FSConverter(from, &path) : PyObject_GetBuffer(from, &bytes, PyBUF_SIMPLE);
    if (!failed) {
        const char *name = path ? PyBytes_AsString(path) : NULL;
        Py_BEGIN_ALLOW_THREADS
        status = name ? sluice_model_load(name, &names, &model, &error)
                      : sluice_model_load_memory(bytes.buf, (size_t)bytes.len, &names, &model, &error);
        Py_END_ALLOW_THREADS
    }
    if (bytes.obj)
        PyBuffer_Release(&bytes);
    Py_XDECREF(path);
    core_hold_end(&hold);
    return failed ? NULL : core_model_wrap(state, status, model, &error);
}

/* of_weights(**fields of sluice_weights and its shape) */
static PyObject *model_of_weights(PyObject *type, PyObject *args, PyObject *kwargs)
{
    const core_state *state = PyType_GetModuleState((PyTypeObject *)type);
    core_weights given = {.weights = {.struct_size = sizeof given.weights}, .shape = {.struct_size = sizeof given.shape}};
    core_hold hold;
    sluice_model *model = NULL;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, ":of_weights"))
        return NULL;
    given.weights.shape = &given.shape;
    core_hold_begin(&hold);
    const int failed = core_fields_set_dict(state, CORE_WEIGHTS, &given, kwargs, &hold);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_model_create(&given.weights, &model, &error);
        Py_END_ALLOW_THREADS
    }
    core_hold_end(&hold);
    return failed ? NULL : core_model_wrap(state, status, model, &error);
}

/* C strings of a sequence of str, NULL for None; held by the hold, the str by the sequence's tuple, which is returned. */
static int get_class_names(PyObject *value, size_t classes, const char *const **names, PyObject **tuple, core_hold *hold)
{
    *names = NULL;
    *tuple = value == Py_None ? NULL : PySequence_Tuple(value);
    if (!*tuple)
        return value == Py_None ? 0 : -1;
    const char **texts = core_hold_allocate(hold, classes, sizeof *texts);
    if (!texts)
        return -1;
    if ((size_t)PyTuple_Size(*tuple) != classes) {
        PyErr_Format(PyExc_ValueError, "class_names: %zu names are expected, one of each class", classes);
        return -1;
    }
    for (size_t k = 0; k < classes; k++) {
        texts[k] = PyUnicode_AsUTF8AndSize(PyTuple_GetItem(*tuple, (Py_ssize_t)k), NULL);
        if (!texts[k])
            return -1;
    }
    *names = texts;
    return 0;
}

/* initial(initializer, seed, class_names, **fields of sluice_shape) */
static PyObject *model_initial(PyObject *type, PyObject *args, PyObject *kwargs)
{
    const core_state *state = PyType_GetModuleState((PyTypeObject *)type);
    core_weights given = {.shape = {.struct_size = sizeof given.shape}};
    int initializer;
    unsigned long long seed;
    PyObject *names, *tuple = NULL;
    const char *const *class_names;
    core_hold hold;
    sluice_model *model = NULL;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "iKO:initial", &initializer, &seed, &names))
        return NULL;
    core_hold_begin(&hold);
    int failed = core_fields_set_dict(state, CORE_WEIGHTS, &given, kwargs, &hold);
    failed = failed || get_class_names(names, given.shape.classes, &class_names, &tuple, &hold);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_model_create_initial(&given.shape, (sluice_initializer)initializer, seed, class_names, &model, &error);
        Py_END_ALLOW_THREADS
    }
    core_hold_end(&hold);
    Py_XDECREF(tuple);
    return failed ? NULL : core_model_wrap(state, status, model, &error);
}

static PyObject *model_save(PyObject *self, PyObject *args, PyObject *kwargs)
{
    const core_state *state = core_state_of(self);
    sluice_names names = {.struct_size = sizeof names};
    PyObject *path;
    core_hold hold;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "O&:save", PyUnicode_FSConverter, &path))
        return NULL;
    core_hold_begin(&hold);
    const int failed = core_fields_set_dict(state, CORE_NAMES, &names, kwargs, &hold);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_model_save(((core_model *)self)->model, PyBytes_AsString(path), &names, &error);
        Py_END_ALLOW_THREADS
    }
    core_hold_end(&hold);
    Py_DECREF(path);
    return failed ? NULL : core_finish(state, status, &error);
}

/* set_series(text): of a model that no other call reads yet. */
static PyObject *model_set_series(PyObject *self, PyObject *text)
{
    const core_state *state = core_state_of(self);
    const char *series = PyUnicode_AsUTF8AndSize(text, NULL);
    sluice_error error;
    if (!series)
        return NULL;
    return core_finish(state, sluice_model_set_series(((core_model *)self)->model, series, &error), &error);
}

static void model_dealloc(PyObject *self)
{
    sluice_model_destroy(((core_model *)self)->model);
    core_free(self);
}

static PyMethodDef methods[] = {
    {"load", (PyCFunction)(void (*)(void))model_load, METH_VARARGS | METH_KEYWORDS | METH_CLASS, NULL},
    {"of_weights", (PyCFunction)(void (*)(void))model_of_weights, METH_VARARGS | METH_KEYWORDS | METH_CLASS, NULL},
    {"of_network", (PyCFunction)(void (*)(void))core_model_of_network, METH_VARARGS | METH_KEYWORDS | METH_CLASS, NULL},
    {"initial", (PyCFunction)(void (*)(void))model_initial, METH_VARARGS | METH_KEYWORDS | METH_CLASS, NULL},
    {"save", (PyCFunction)(void (*)(void))model_save, METH_VARARGS | METH_KEYWORDS, NULL},
    {"set_series", model_set_series, METH_O, NULL},
    {"describe", core_model_describe, METH_NOARGS, NULL},
    {"tensors", core_model_tensors, METH_NOARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_dealloc, model_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec core_model_spec = {"sluice._core.Model", sizeof(core_model), 0,
                               Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE | Py_TPFLAGS_DISALLOW_INSTANTIATION, slots};
