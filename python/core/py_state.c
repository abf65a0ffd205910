/* The state of a module instance: exception classes, interned names; and how failures become exceptions. */
#include "py_core.h"

#include <string.h>

core_state *core_state_of(PyObject *self)
{
    return PyType_GetModuleState(Py_TYPE(self)); /* none of the types can be a base */
}

/* sluice._errors has the classes, BY_STATUS in the order of the statuses. */
static int fill_errors(core_state *state)
{
    PyObject *module = PyImport_ImportModule("sluice._errors");
    PyObject *classes = module ? PyObject_GetAttrString(module, "BY_STATUS") : NULL;
    int failed = classes ? 0 : -1;
    for (Py_ssize_t k = 1; !failed && k < CORE_STATUSES; k++) {
        state->errors[k] = PySequence_GetItem(classes, k);
        failed = state->errors[k] ? 0 : -1;
    }
    Py_XDECREF(classes);
    Py_XDECREF(module);
    return failed;
}

int core_state_fill(core_state *state)
{
    static const char *const places[CORE_ERROR_PLACES] = {"row", "step", "byte"};
    for (size_t k = 0; k < CORE_ERROR_PLACES; k++) {
        state->places[k] = PyUnicode_InternFromString(places[k]);
        if (!state->places[k])
            return -1;
    }
    return fill_errors(state) ? -1 : core_fields_intern(state);
}

void core_state_clear(core_state *state)
{
    Py_CLEAR(state->model);
    Py_CLEAR(state->engine);
    Py_CLEAR(state->tape);
    Py_CLEAR(state->streams);
    Py_CLEAR(state->trainer);
    for (size_t k = 0; k < CORE_STATUSES; k++)
        Py_CLEAR(state->errors[k]);
    for (size_t k = 0; k < CORE_ERROR_PLACES; k++)
        Py_CLEAR(state->places[k]);
    for (size_t k = 0; k < CORE_STRUCTS; k++)
        for (size_t field = 0; field < CORE_MAX_FIELDS; field++)
            Py_CLEAR(state->names[k][field]);
}

static int set_place(PyObject *exception, PyObject *name, size_t place)
{
    PyObject *value = place == SIZE_MAX ? Py_NewRef(Py_None) : PyLong_FromSize_t(place);
    const int failed = value ? PyObject_SetAttr(exception, name, value) : -1;
    Py_XDECREF(value);
    return failed;
}

PyObject *core_text(const char *text)
{
    return text ? PyUnicode_DecodeUTF8(text, (Py_ssize_t)strlen(text), "replace") : Py_NewRef(Py_None);
}

PyObject *core_raise(const core_state *state, const sluice_error *error)
{
    const size_t places[CORE_ERROR_PLACES] = {error->row, error->step, error->byte};
    PyObject *message = core_text(error->message);
    PyObject *exception = message ? PyObject_CallFunctionObjArgs(state->errors[error->status], message, NULL) : NULL;
    Py_XDECREF(message);
    int failed = exception ? 0 : -1;
    for (size_t k = 0; !failed && k < CORE_ERROR_PLACES; k++)
        failed = set_place(exception, state->places[k], places[k]);
    if (!failed)
        PyErr_SetObject((PyObject *)Py_TYPE(exception), exception);
    Py_XDECREF(exception);
    return NULL;
}

PyObject *core_raise_argument(const core_state *state, const char *message)
{
    PyErr_SetString(state->errors[SLUICE_STATUS_BAD_ARGUMENT], message);
    return NULL;
}

PyObject *core_finish(const core_state *state, sluice_status status, const sluice_error *error)
{
    return status ? core_raise(state, error) : Py_NewRef(Py_None);
}

void core_append(PyObject **list, PyObject *item)
{
    if (*list && (!item || PyList_Append(*list, item)))
        Py_CLEAR(*list);
    Py_XDECREF(item);
}

void core_free(PyObject *self)
{
    PyTypeObject *type = Py_TYPE(self);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(self);
    Py_DECREF(type);
}
