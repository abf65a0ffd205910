/* The module sluice._core: its types, constants and functions without an object. */
#include "py_core.h"

static core_state *state_of_module(PyObject *module)
{
    return PyModule_GetState(module);
}

/* environment(**engine options): the machine, and what an engine would use. */
static PyObject *environment(PyObject *module, PyObject *args, PyObject *kwargs)
{
    const core_state *state = state_of_module(module);
    sluice_engine_options options = {.struct_size = sizeof options};
    sluice_environment found = {.struct_size = sizeof found};
    sluice_error error;
    if (!PyArg_ParseTuple(args, ":environment") || core_options_set(state, &options, kwargs))
        return NULL;
    return sluice_environment_get(&options, &found, &error) ? core_raise(state, &error)
                                                            : core_fields_get(state, CORE_ENVIRONMENT, &found);
}

/* count_fork(): called in the child of a fork. */
static PyObject *count_fork(PyObject *module, PyObject *unused)
{
    (void)unused;
    state_of_module(module)->forks++;
    return Py_NewRef(Py_None);
}

static PyMethodDef functions[] = {
    {"count_fork", count_fork, METH_NOARGS, NULL},
    {"exchange_gather", core_exchange_gather, METH_VARARGS, NULL},
    {"exchange_sum", core_exchange_sum, METH_VARARGS, NULL},
    {"shards_cut", core_shards_cut, METH_VARARGS, NULL},
    {"shards_of_rank", core_shards_of_rank, METH_VARARGS, NULL},
    {"environment", (PyCFunction)(void (*)(void))environment, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type)
{
    *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *type ? PyModule_AddType(module, *type) : -1;
}

/* Tuples of the words of enums, by value. */
static const char *const word_tuples[] = {"ISAS", "GEMMS", "SCHEDULES", "PRECISIONS", "FUNCTIONS"};
enum { WORD_TUPLES = sizeof word_tuples / sizeof word_tuples[0] };

/* The word of a value; NULL past the last. */
static const char *word_of(size_t tuple, int value)
{
    switch (tuple) {
    case 0:
        return sluice_isa_get_name((sluice_isa)value);
    case 1:
        return sluice_gemm_get_name((sluice_gemm)value);
    case 2:
        return sluice_schedule_get_name((sluice_schedule)value);
    case 3:
        return sluice_precision_get_name((sluice_precision)value);
    default:
        return sluice_function_get_name((sluice_function)value);
    }
}

static int add_words(PyObject *module)
{
    int failed = 0;
    for (size_t tuple = 0; !failed && tuple < WORD_TUPLES; tuple++) {
        PyObject *list = PyList_New(0);
        for (int value = 0; list && word_of(tuple, value); value++)
            core_append(&list, PyUnicode_FromString(word_of(tuple, value)));
        PyObject *words = list ? PyList_AsTuple(list) : NULL;
        failed = words ? PyModule_AddObjectRef(module, word_tuples[tuple], words) : -1;
        Py_XDECREF(words);
        Py_XDECREF(list);
    }
    return failed;
}

static int fill(PyObject *module)
{
    core_state *state = state_of_module(module);
    return core_state_fill(state) || add_type(module, &core_model_spec, &state->model) ||
                   add_type(module, &core_engine_spec, &state->engine) || add_type(module, &core_tape_spec, &state->tape) ||
                   add_type(module, &core_streams_spec, &state->streams) || add_type(module, &core_trainer_spec, &state->trainer) ||
                   add_words(module) || PyModule_AddStringConstant(module, "VERSION", sluice_version_get())
               ? -1
               : 0;
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
    const core_state *state = state_of_module(module);
    Py_VISIT(state->model);
    Py_VISIT(state->engine);
    Py_VISIT(state->tape);
    Py_VISIT(state->streams);
    Py_VISIT(state->trainer);
    for (size_t k = 0; k < CORE_STATUSES; k++)
        Py_VISIT(state->errors[k]);
    return 0;
}

static int clear(PyObject *module)
{
    core_state_clear(state_of_module(module));
    return 0;
}

static void release(void *module)
{
    clear(module);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)fill}, {0, NULL}};

static PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,  .m_name = "_core", .m_size = sizeof(core_state),
    .m_methods = functions, .m_slots = slots,  .m_traverse = traverse,
    .m_clear = clear,       .m_free = release,
};

PyMODINIT_FUNC PyInit__core(void);

PyMODINIT_FUNC PyInit__core(void)
{
    return PyModuleDef_Init(&definition);
}
