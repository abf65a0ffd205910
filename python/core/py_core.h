/*
 * sluice._core: the C interface as Python objects, with nothing added but the release of the GIL, exceptions, and checks of what would
 * be undefined behaviour. Written against the limited API of Python 3.11, so that one binary serves all later versions.
 *
 * A struct of the C interface is given by keywords named as its fields (py_fields.c). An array is an address, an int, which is not
 * looked into, or an object with the buffer protocol, whose type and alignment are checked and whose memory is held for the call; that
 * it is large enough is the caller's duty, the package's. No global state: what a module instance needs is in its core_state.
 */
#ifndef PY_CORE_H
#define PY_CORE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdbool.h>

#include <sluice_tools.h>
#include <sluice_train.h>

enum { CORE_MAX_FIELDS = 48, CORE_MAX_ARRAYS = 24, CORE_STATUSES = SLUICE_STATUS_CANCELLED + 1, CORE_ERROR_PLACES = 3 };

/** What a field of a struct holds, and so what Python gives for it and gets of it. */
typedef enum core_kind {
    CORE_SIZE,     /**< size_t */
    CORE_INT,      /**< int, or an enum */
    CORE_UNSIGNED, /**< unsigned */
    CORE_UINT64,
    CORE_FLOAT,
    CORE_DOUBLE,
    CORE_TEXT,       /**< const char *: str, or None */
    CORE_CHARS,      /**< char[]; only read */
    CORE_SIZES,      /**< const size_t *, as the kinds that follow an array, or None */
    CORE_F32,        /**< const float * */
    CORE_I32,        /**< const int32_t * */
    CORE_I64,        /**< const int64_t * */
    CORE_U8,         /**< const uint8_t * */
    CORE_F32_OUT,    /**< float * */
    CORE_ADDRESSES,  /**< an array of addresses: a sequence of ints, or None */
    CORE_OUTPUTS,    /**< outputs and output_count of sluice_batch: a sequence of (layer, address, row_stride, step_stride) */
    CORE_PARAMETERS, /**< parameters and parameter_count: a sequence of (layer, direction, tensor, count, address) */
    CORE_ACTIVATION, /**< sluice_activation: (function, alpha, beta) */
    CORE_TAPE,       /**< a Tape, or None */
    CORE_STREAMS     /**< Streams, or None */
} core_kind;

typedef struct core_field {
    const char *name;
    size_t offset;
    core_kind kind;
    bool strided; /**< an array that need not be contiguous */
} core_field;

/** The structs that are given or returned by their fields. */
typedef enum core_struct {
    CORE_BATCH,
    CORE_GRADIENT,
    CORE_WEIGHTS, /**< core_weights */
    CORE_ENGINE_OPTIONS,
    CORE_TRAINING, /**< core_training */
    CORE_NAMES,
    CORE_NETWORK,
    CORE_LAYER,
    CORE_CELL,
    CORE_ENGINE_INFO,
    CORE_PLAN,
    CORE_CANDIDATE,
    CORE_REPORT,
    CORE_ENVIRONMENT,
    CORE_STRUCTS
} core_struct;

/** Weights, their shape, and how an engine takes them, which are one set of keywords. */
typedef struct core_weights {
    sluice_weights weights;
    sluice_shape shape;
    sluice_weights_options options;
} core_weights;

/** A trainer's options and those of its engine. */
typedef struct core_training {
    sluice_engine_options engine;
    sluice_trainer_options trainer;
} core_training;

typedef struct core_state {
    PyTypeObject *model, *engine, *tape, *streams, *trainer;
    size_t forks;                                   /**< that led to this process */
    PyObject *errors[CORE_STATUSES];                /**< exception class for each status; none for OK */
    PyObject *places[CORE_ERROR_PLACES];            /**< their attributes "row", "step", "byte" */
    PyObject *names[CORE_STRUCTS][CORE_MAX_FIELDS]; /**< interned names of the fields */
} core_state;

/** Fill in errors from sluice._errors and the names. 0, or -1 with an exception. */
int core_state_fill(core_state *state);
/** Give up all that the state holds. */
void core_state_clear(core_state *state);
/** The state of the module that a type was made in; `self` is an object of such a type. */
core_state *core_state_of(PyObject *self);

/** A str of the library's text, in which what is no UTF-8 is replaced: of paths and files it quotes bytes, and cuts what is long. None
 *  for NULL. */
PyObject *core_text(const char *text);
/** Raise the exception of a failure; returns NULL. */
PyObject *core_raise(const core_state *state, const sluice_error *error);
/** Raise ArgumentError; returns NULL. */
PyObject *core_raise_argument(const core_state *state, const char *message);
/** None, or the exception of a failure. */
PyObject *core_finish(const core_state *state, sluice_status status, const sluice_error *error);
/** Append an item, which is given up, to a list; where one of them is NULL, or it fails, the list is NULL, with an exception. */
void core_append(PyObject **list, PyObject *item);

/** What a call holds of its arguments: memory of arrays, and the lists that are made of sequences. */
typedef struct core_hold {
    size_t buffers, lists;
    Py_buffer buffer[CORE_MAX_ARRAYS];
    void **list;              /**< as many as are asked for */
    PyObject *tape, *streams; /**< borrowed; NULL: none */
} core_hold;

void core_hold_begin(core_hold *hold);
void core_hold_end(core_hold *hold);
/** Memory until the hold ends, of zeros; NULL with an exception. */
void *core_hold_allocate(core_hold *hold, size_t count, size_t bytes);

/** Set one field of the struct at `at` from a Python object, whose memory is held as long as `hold`. 0, or -1 with an exception. */
int core_field_set(const core_state *state, const core_field *field, void *at, PyObject *value, core_hold *hold);
/** The same for an argument that is no field of a struct, into *at. */
int core_argument_set(const core_state *state, const char *name, core_kind kind, void *at, PyObject *value, core_hold *hold);
/** A field's value as a Python object. */
PyObject *core_field_get(const core_field *field, const void *at);

/** Set fields of a struct, which begins with zeros, from the keywords of a vectorcall, which may have no positional arguments. 0, or -1
 *  with an exception. */
int core_fields_set(const core_state *state, core_struct which, void *at, PyObject *const *values, Py_ssize_t positional,
                    PyObject *names, core_hold *hold);
/** The same from a dict; NULL: none. */
int core_fields_set_dict(const core_state *state, core_struct which, void *at, PyObject *fields, core_hold *hold);
/** The same for an engine's options, of which nothing has to be held. */
int core_options_set(const core_state *state, sluice_engine_options *options, PyObject *fields);
/** A dict of a struct's fields, arrays and objects left out. */
PyObject *core_fields_get(const core_state *state, core_struct which, const void *at);
/** Names of a struct's fields into the state. */
int core_fields_intern(core_state *state);

/** An exchange whose transport is a Python function. It must stay where it is, for it is its own context. */
typedef struct core_exchange {
    sluice_exchange exchange;
    PyObject *function;  /**< send_receive(to, sent, from, received) */
    PyObject *raised[3]; /**< exception of the function, as PyErr_Fetch() has it: the reason of a failure with SLUICE_STATUS_IO */
} core_exchange;

/** An exchange of None, alone, or a tuple (rank, ranks, function, from_thread). 0, or -1 with an exception; ended in both cases. */
int core_exchange_begin(core_exchange *exchange, PyObject *value);
void core_exchange_end(core_exchange *exchange);
/** Raise what the exchange's function has raised, else the exception of the failure; returns NULL. */
PyObject *core_exchange_raise(const core_state *state, core_exchange *exchange, const sluice_error *error);
/** The module's functions of ranks. */
PyObject *core_exchange_gather(PyObject *module, PyObject *args);
PyObject *core_exchange_sum(PyObject *module, PyObject *args);
PyObject *core_shards_cut(PyObject *module, PyObject *args);
PyObject *core_shards_of_rank(PyObject *module, PyObject *args);

typedef struct core_model {
    PyObject_HEAD sluice_model *model;
} core_model;

/** An engine is immutable for calls at the same time; what changes it wants it alone. Counted under the GIL. */
typedef struct core_engine {
    PyObject_HEAD sluice_engine *engine;
    size_t calls; /**< that use it now; core_calls() has it */
    size_t forks; /**< of core_state when they were counted */
    bool changes; /**< a call is changing it */
} core_engine;

typedef struct core_tape {
    PyObject_HEAD sluice_tape *tape;
    core_engine *owner;
    bool is_used; /**< by a call, now */
} core_tape;

typedef struct core_streams {
    PyObject_HEAD sluice_streams *streams;
    size_t calls; /**< that use the set now */
} core_streams;

extern PyType_Spec core_model_spec, core_engine_spec, core_tape_spec, core_streams_spec, core_trainer_spec;

/** An object of a model that a call has made, or an exception of the call's failure. */
PyObject *core_model_wrap(const core_state *state, sluice_status status, sluice_model *model, const sluice_error *error);
/** Methods of Model: of_network(layers, parameters, **fields), describe() and tensors(). */
PyObject *core_model_of_network(PyObject *type, PyObject *args, PyObject *kwargs);
PyObject *core_model_describe(PyObject *self, PyObject *unused);
PyObject *core_model_tensors(PyObject *self, PyObject *unused);

/** Destroys what an object owns; as tp_dealloc does for objects of heap types. */
void core_free(PyObject *self);

/** The count of calls that use an engine now. Those of other threads did not come along into the child of a fork. */
size_t *core_calls(const core_state *state, core_engine *engine);
/** Raise ArgumentError where a call is changing the engine, which nothing may read meanwhile. 0, or -1 with the exception. */
int core_refuse_changed(const core_state *state, const core_engine *engine);

/** An Engine's method forward(**fields of sluice_batch). */
PyObject *core_forward(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names);
/** A Tape's method backward(**fields of sluice_gradient). */
PyObject *core_backward(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names);

#endif
