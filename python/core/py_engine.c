/* Engine: made of a Model, given other weights, asked for its plans. */
#include "py_core.h"

static PyObject *engine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const core_state *state = PyType_GetModuleState(type);
    sluice_engine_options options = {.struct_size = sizeof options};
    core_model *model;
    sluice_error error;
    sluice_status status;
    if (!PyArg_ParseTuple(args, "O!:Engine", state->model, &model) || core_options_set(state, &options, kwargs))
        return NULL;
    core_engine *engine = (core_engine *)PyType_GenericAlloc(type, 0);
    if (!engine)
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = sluice_engine_create(model->model, &options, &engine->engine, &error);
    Py_END_ALLOW_THREADS
    if (status) {
        Py_DECREF(engine);
        return core_raise(state, &error);
    }
    return (PyObject *)engine;
}

static void engine_dealloc(PyObject *self)
{
    sluice_engine_destroy(((core_engine *)self)->engine);
    core_free(self);
}

/* What changes an engine wants it alone. */
static int begin_change(const core_state *state, core_engine *engine)
{
    if (*core_calls(state, engine) || engine->changes) {
        core_raise_argument(state, "the engine is used by another thread's call; wait for its end");
        return -1;
    }
    engine->changes = true;
    return 0;
}

static PyObject *end_change(const core_state *state, core_engine *engine, sluice_status status, const sluice_error *error)
{
    engine->changes = false;
    return core_finish(state, status, error);
}

static PyObject *engine_set_model(PyObject *self, PyObject *argument)
{
    const core_state *state = core_state_of(self);
    core_engine *engine = (core_engine *)self;
    sluice_error error;
    sluice_status status;
    if (Py_TYPE(argument) != state->model) {
        PyErr_SetString(PyExc_TypeError, "set_model: a Model is expected");
        return NULL;
    }
    if (begin_change(state, engine))
        return NULL;
    Py_BEGIN_ALLOW_THREADS
    status = sluice_engine_set_model(engine->engine, ((core_model *)argument)->model, &error);
    Py_END_ALLOW_THREADS
    return end_change(state, engine, status, &error);
}

static PyObject *engine_set_weights(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    const core_state *state = core_state_of(self);
    core_engine *engine = (core_engine *)self;
    core_weights given = {.weights = {.struct_size = sizeof given.weights},
                          .shape = {.struct_size = sizeof given.shape},
                          .options = {.struct_size = sizeof given.options}};
    core_hold hold;
    sluice_error error;
    sluice_status status;
    PyObject *result = NULL;
    given.weights.shape = &given.shape;
    core_hold_begin(&hold);
    if (!core_fields_set(state, CORE_WEIGHTS, &given, values, count, names, &hold) && !begin_change(state, engine)) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_engine_set_weights(engine->engine, &given.weights, &given.options, &error);
        Py_END_ALLOW_THREADS
        result = end_change(state, engine, status, &error);
    }
    core_hold_end(&hold);
    return result;
}

static PyObject *engine_info(PyObject *self, PyObject *unused)
{
    (void)unused;
    sluice_engine_info info = {.struct_size = sizeof info};
    const sluice_status status = sluice_engine_get_info(((core_engine *)self)->engine, &info);
    return status ? core_raise_argument(core_state_of(self), "no such engine")
                  : core_fields_get(core_state_of(self), CORE_ENGINE_INFO, &info);
}

static PyObject *list_candidates(const core_state *state, const sluice_engine *engine, size_t rows, size_t steps,
                                 const int64_t *lengths, size_t count)
{
    PyObject *list = PyList_New(0);
    for (size_t k = 0; list && k < count; k++) {
        sluice_candidate candidate = {.struct_size = sizeof candidate};
        sluice_error error;
        core_append(&list, sluice_plan_get_candidate(engine, rows, steps, lengths, k, &candidate, &error)
                               ? core_raise(state, &error)
                               : core_fields_get(state, CORE_CANDIDATE, &candidate));
    }
    return list;
}

static PyObject *engine_plan(PyObject *self, PyObject *args)
{
    const core_state *state = core_state_of(self);
    const sluice_engine *engine = ((core_engine *)self)->engine;
    sluice_plan plan = {.struct_size = sizeof plan};
    Py_ssize_t rows, steps;
    PyObject *given = Py_None, *dict = NULL;
    const int64_t *lengths = NULL;
    core_hold hold;
    sluice_error error;
    if (!PyArg_ParseTuple(args, "nn|O:plan", &rows, &steps, &given))
        return NULL;
    if (rows < 0 || steps < 0)
        return core_raise_argument(state, "rows and steps are not negative");
    if (core_refuse_changed(state, (core_engine *)self))
        return NULL;
    core_hold_begin(&hold);
    if (!core_argument_set(state, "lengths", CORE_I64, &lengths, given, &hold)) {
        const sluice_status status = sluice_plan_get(engine, (size_t)rows, (size_t)steps, lengths, &plan, &error);
        dict = status ? core_raise(state, &error) : core_fields_get(state, CORE_PLAN, &plan);
        PyObject *list = dict ? list_candidates(state, engine, (size_t)rows, (size_t)steps, lengths, plan.candidates) : NULL;
        if (!list || PyDict_SetItemString(dict, "candidates", list))
            Py_CLEAR(dict);
        Py_XDECREF(list);
    }
    core_hold_end(&hold);
    return dict;
}

static PyMethodDef methods[] = {
    {"forward", (PyCFunction)(void (*)(void))core_forward, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"set_model", engine_set_model, METH_O, NULL},
    {"set_weights", (PyCFunction)(void (*)(void))engine_set_weights, METH_FASTCALL | METH_KEYWORDS, NULL},
    {"info", engine_info, METH_NOARGS, NULL},
    {"plan", engine_plan, METH_VARARGS, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, engine_new},
    {Py_tp_dealloc, engine_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec core_engine_spec = {"sluice._core.Engine", sizeof(core_engine), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                                slots};
