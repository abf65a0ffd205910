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
    core_hold hold;
    sluice_error error;
    core_hold_begin(&hold);
    const int failed = core_fields_set_call(state, CORE_ENGINE_OPTIONS, &options, args, kwargs, &hold);
    core_hold_end(&hold);
    if (failed)
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
    {"environment", (PyCFunction)(void (*)(void))environment, METH_VARARGS | METH_KEYWORDS, NULL},
    {NULL, NULL, 0, NULL},
};

static int add_type(PyObject *module, PyType_Spec *spec, PyTypeObject **type)
{
    *type = (PyTypeObject *)PyType_FromModuleAndSpec(module, spec, NULL);
    return *type ? PyModule_AddType(module, *type) : -1;
}

/* The word of an enum's value; NULL past the last. */
typedef const char *core_name(int value);

static const char *isa_name(int value)
{
    return sluice_isa_get_name((sluice_isa)value);
}

static const char *gemm_name(int value)
{
    return sluice_gemm_get_name((sluice_gemm)value);
}

static const char *schedule_name(int value)
{
    return sluice_schedule_get_name((sluice_schedule)value);
}

static const char *precision_name(int value)
{
    return sluice_precision_get_name((sluice_precision)value);
}

static const char *function_name(int value)
{
    return sluice_function_get_name((sluice_function)value);
}

/* The names of an enum's values from 0 on, as a tuple named `name` of the module. */
static int add_names(PyObject *module, const char *name, core_name *get)
{
    PyObject *list = PyList_New(0), *tuple = NULL;
    for (int value = 0; list && get(value); value++) {
        PyObject *word = PyUnicode_FromString(get(value));
        if (!word || PyList_Append(list, word))
            Py_CLEAR(list);
        Py_XDECREF(word);
    }
    tuple = list ? PyList_AsTuple(list) : NULL;
    Py_XDECREF(list);
    const int failed = tuple ? PyModule_AddObjectRef(module, name, tuple) : -1;
    Py_XDECREF(tuple);
    return failed;
}

static int fill(PyObject *module)
{
    core_state *state = state_of_module(module);
    return core_state_fill(state) || add_type(module, &core_model_spec, &state->model) ||
                   add_type(module, &core_engine_spec, &state->engine) || add_type(module, &core_tape_spec, &state->tape) ||
                   add_type(module, &core_streams_spec, &state->streams) || add_type(module, &core_trainer_spec, &state->trainer) ||
                   add_names(module, "ISAS", isa_name) || add_names(module, "GEMMS", gemm_name) ||
                   add_names(module, "SCHEDULES", schedule_name) || add_names(module, "PRECISIONS", precision_name) ||
                   add_names(module, "FUNCTIONS", function_name) ||
                   PyModule_AddStringConstant(module, "VERSION", sluice_version_get())
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
