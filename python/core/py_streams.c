/* Streams: a set of slots. */
#include "py_core.h"

/* Streams(engine, slots), or Streams(engine, path) of a file that save wrote. */
static PyObject *streams_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const core_state *state = PyType_GetModuleState(type);
    PyObject *engine, *from, *path = NULL;
    sluice_error error;
    sluice_status status;
    if (kwargs && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Streams takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O!O:Streams", state->engine, &engine, &from) || core_refuse_changed(state, (core_engine *)engine))
        return NULL;
    const bool is_count = PyLong_Check(from);
    const size_t slots = is_count ? PyLong_AsSize_t(from) : 0;
    if ((is_count && PyErr_Occurred()) || (!is_count && !PyUnicode_FSConverter(from, &path)))
        return NULL;
    core_streams *streams = (core_streams *)PyType_GenericAlloc(type, 0);
    if (streams) {
        core_engine *owner = (core_engine *)engine;
        const char *name = path ? PyBytes_AsString(path) : NULL;
        ++*core_calls(state, owner);
        Py_BEGIN_ALLOW_THREADS
        status = name ? sluice_streams_load(owner->engine, name, &streams->streams, &error)
                      : sluice_streams_create(owner->engine, slots, &streams->streams, &error);
        Py_END_ALLOW_THREADS
        owner->calls--;
        if (status) {
            Py_CLEAR(streams);
            core_raise(state, &error);
        }
    }
    Py_XDECREF(path);
    return (PyObject *)streams;
}

static void streams_dealloc(PyObject *self)
{
    sluice_streams_destroy(((core_streams *)self)->streams);
    core_free(self);
}

static PyObject *streams_get_slots(PyObject *self, void *unused)
{
    (void)unused;
    return PyLong_FromSize_t(sluice_streams_get_slots(((core_streams *)self)->streams));
}

/* get(slot, h, c) writes to arrays, set(slot, h, c) reads them; None: not wanted, or as in a new set. */
static PyObject *copy_state(PyObject *self, PyObject *args, core_kind kind)
{
    const core_state *state = core_state_of(self);
    sluice_streams *streams = ((core_streams *)self)->streams;
    float *h = NULL, *c = NULL;
    PyObject *given[2];
    Py_ssize_t slot;
    core_hold hold;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "nOO", &slot, &given[0], &given[1]))
        return NULL;
    core_hold_begin(&hold);
    const int failed =
        core_argument_set(state, "h", kind, &h, given[0], &hold) || core_argument_set(state, "c", kind, &c, given[1], &hold);
    if (!failed)
        status = kind == CORE_F32_OUT ? sluice_streams_get(streams, (size_t)slot, h, c, &error)
                                      : sluice_streams_set(streams, (size_t)slot, h, c, &error);
    core_hold_end(&hold);
    return failed ? NULL : core_finish(state, status, &error);
}

static PyObject *streams_get(PyObject *self, PyObject *args)
{
    return copy_state(self, args, CORE_F32_OUT);
}

static PyObject *streams_set(PyObject *self, PyObject *args)
{
    return copy_state(self, args, CORE_F32);
}

static PyObject *streams_save(PyObject *self, PyObject *argument)
{
    const core_state *state = core_state_of(self);
    const core_streams *streams = (core_streams *)self;
    PyObject *path;
    sluice_error error;
    sluice_status status;
    if (streams->calls)
        return core_raise_argument(state, "the streams are used by another thread's call; wait for its end");
    if (!PyUnicode_FSConverter(argument, &path))
        return NULL;
    status = sluice_streams_save(streams->streams, PyBytes_AsString(path), &error); /* with the GIL: no call may begin */
    Py_DECREF(path);
    return core_finish(state, status, &error);
}

static PyMethodDef methods[] = {
    {"get", streams_get, METH_VARARGS, NULL},
    {"set", streams_set, METH_VARARGS, NULL},
    {"save", streams_save, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef values[] = {
    {"slots", streams_get_slots, NULL, NULL, NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, streams_new}, {Py_tp_dealloc, streams_dealloc}, {Py_tp_methods, methods}, {Py_tp_getset, values}, {0, NULL},
};

PyType_Spec core_streams_spec = {"sluice._core.Streams", sizeof(core_streams), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                                 slots};
