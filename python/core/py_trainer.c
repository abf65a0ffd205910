/* Trainer: a model being trained, one call at a time. */
#include "py_core.h"

typedef struct core_trainer {
    PyObject_HEAD sluice_trainer *trainer;
    bool is_used; /**< by a call, now */
    core_exchange exchange;
} core_trainer;

/* Trainer(model, exchange, **options) */
static PyObject *trainer_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
    const core_state *state = PyType_GetModuleState(type);
    core_training given = {.engine = {.struct_size = sizeof given.engine}, .trainer = {.struct_size = sizeof given.trainer}};
    core_model *model;
    PyObject *exchange = Py_None;
    core_hold hold;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "O!|O:Trainer", state->model, &model, &exchange))
        return NULL;
    core_hold_begin(&hold);
    const int failed = core_fields_set_dict(state, CORE_TRAINING, &given, kwargs, &hold);
    core_trainer *trainer = failed ? NULL : (core_trainer *)PyType_GenericAlloc(type, 0);
    if (trainer && core_exchange_begin(&trainer->exchange, exchange))
        Py_CLEAR(trainer);
    if (trainer) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_trainer_create(model->model, &given.engine, &given.trainer, &trainer->trainer, &error);
        if (!status)
            status = sluice_trainer_set_exchange(trainer->trainer, &trainer->exchange.exchange, &error);
        Py_END_ALLOW_THREADS
    }
    core_hold_end(&hold);
    if (trainer && status) {
        core_exchange_raise(state, &trainer->exchange, &error);
        Py_CLEAR(trainer);
    }
    return (PyObject *)trainer;
}

static void trainer_dealloc(PyObject *self)
{
    sluice_trainer_destroy(((core_trainer *)self)->trainer);
    core_exchange_end(&((core_trainer *)self)->exchange);
    core_free(self);
}

/* One call at a time: the next would change what this one reads. */
static int begin_call(const core_state *state, core_trainer *trainer)
{
    if (trainer->is_used) {
        core_raise_argument(state, "the trainer is used by another thread's call; wait for its end");
        return -1;
    }
    trainer->is_used = true;
    return 0;
}

typedef sluice_status core_train(sluice_trainer *, const sluice_batch *, const int32_t *, const float *, sluice_report *,
                                 sluice_error *);

/* step(labels, values, **batch) and evaluate(...): the report's fields. */
static PyObject *run_batch(PyObject *self, PyObject *args, PyObject *kwargs, core_train *call)
{
    const core_state *state = core_state_of(self);
    core_trainer *trainer = (core_trainer *)self;
    sluice_batch batch = {.struct_size = sizeof batch};
    sluice_report report = {.struct_size = sizeof report};
    const int32_t *labels = NULL;
    const float *values = NULL;
    PyObject *given[2];
    core_hold hold;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "OO", &given[0], &given[1]))
        return NULL;
    core_hold_begin(&hold);
    const int failed = core_fields_set_dict(state, CORE_BATCH, &batch, kwargs, &hold) ||
                       core_argument_set(state, "labels", CORE_I32, &labels, given[0], &hold) ||
                       core_argument_set(state, "values", CORE_F32, &values, given[1], &hold) || begin_call(state, trainer);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        status = call(trainer->trainer, &batch, labels, values, &report, &error);
        Py_END_ALLOW_THREADS
        trainer->is_used = false;
    }
    core_hold_end(&hold);
    if (failed)
        return NULL;
    return status ? core_exchange_raise(state, &trainer->exchange, &error) : core_fields_get(state, CORE_REPORT, &report);
}

static PyObject *trainer_step(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return run_batch(self, args, kwargs, sluice_trainer_step);
}

static PyObject *trainer_evaluate(PyObject *self, PyObject *args, PyObject *kwargs)
{
    return run_batch(self, args, kwargs, sluice_trainer_evaluate);
}

/* save_model(path): the model as it is now. */
static PyObject *trainer_save_model(PyObject *self, PyObject *argument)
{
    const core_state *state = core_state_of(self);
    core_trainer *trainer = (core_trainer *)self;
    PyObject *path;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyUnicode_FSConverter(argument, &path))
        return NULL;
    const int failed = begin_call(state, trainer);
    if (!failed) {
        const char *name = PyBytes_AsString(path);
        Py_BEGIN_ALLOW_THREADS
        status = sluice_model_save(sluice_trainer_get_model(trainer->trainer), name, NULL, &error);
        Py_END_ALLOW_THREADS
        trainer->is_used = false;
    }
    Py_DECREF(path);
    return failed ? NULL : core_finish(state, status, &error);
}

static PyMethodDef methods[] = {
    {"step", (PyCFunction)(void (*)(void))trainer_step, METH_VARARGS | METH_KEYWORDS, NULL},
    {"evaluate", (PyCFunction)(void (*)(void))trainer_evaluate, METH_VARARGS | METH_KEYWORDS, NULL},
    {"save_model", trainer_save_model, METH_O, NULL},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_new, trainer_new},
    {Py_tp_dealloc, trainer_dealloc},
    {Py_tp_methods, methods},
    {0, NULL},
};

PyType_Spec core_trainer_spec = {"sluice._core.Trainer", sizeof(core_trainer), 0, Py_TPFLAGS_DEFAULT | Py_TPFLAGS_IMMUTABLETYPE,
                                 slots};
