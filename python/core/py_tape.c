/* Tape: what a forward call leaves for its gradient. */
#include "py_core.h"

static PyObject *tape_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const core_state *state = PyType_GetModuleState(type);
    sluice_tape_options options = {.struct_size = sizeof options};
    PyObject *owner;
    sluice_error error;
    if (kwargs && PyDict_Size(kwargs)) {
        PyErr_SetString(PyExc_TypeError, "Tape takes no keyword arguments");
        return NULL;
    }
    if (!PyArg_ParseTuple(args, "O!|p:Tape", state->engine, &owner, &options.keep) ||
        core_refuse_changed(state, (core_engine *)owner))
        return NULL;
    core_tape *tape = (core_tape *)PyType_GenericAlloc(type, 0);
    if (!tape)
        return NULL;
    if (sluice_tape_create(((core_engine *)owner)->engine, &options, &tape->tape, &error)) {
        Py_DECREF(tape);
        return core_raise(state, &error);
    }
    tape->owner = (core_engine *)Py_NewRef(owner);
    return (PyObject *)tape;
}

static void tape_dealloc(PyObject *self)
{
    sluice_tape_destroy(((core_tape *)self)->tape);
    Py_XDECREF((PyObject *)((core_tape *)self)->owner); /* it outlives the tape */
    core_free(self);
}

static PyMethodDef tape_methods[] = {
    {"backward", (PyCFunction)(void (*)(void))core_backward, METH_FASTCALL | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tape_slots[] = {
    {Py_tp_new, tape_new},
    {Py_tp_dealloc, tape_dealloc},
    {Py_tp_methods, tape_methods},
    {0, NULL},
};

PyType_Spec core_tape_spec = {"sluice._core.Tape", sizeof(core_tape), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE, tape_slots};
