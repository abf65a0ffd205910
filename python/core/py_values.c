/* One field of a struct from a Python object, and the other way. */
#include "py_core.h"

#include <stdlib.h>
#include <string.h>

void core_hold_begin(core_hold *hold)
{
    hold->buffers = hold->lists = 0; /* the arrays are filled as they are used */
    hold->list = NULL;
    hold->tape = hold->streams = NULL;
}

void core_hold_end(core_hold *hold)
{
    while (hold->buffers)
        PyBuffer_Release(&hold->buffer[--hold->buffers]);
    while (hold->lists)
        PyMem_Free(hold->list[--hold->lists]);
    PyMem_Free(hold->list);
}

void *core_hold_allocate(core_hold *hold, size_t count, size_t bytes)
{
    void **list = PyMem_Realloc(hold->list, (hold->lists + 1) * sizeof *list);
    if (list)
        hold->list = list;
    void *memory = list ? PyMem_Calloc(count ? count : 1, bytes) : NULL;
    if (!memory)
        return PyErr_NoMemory();
    hold->list[hold->lists++] = memory;
    return memory;
}

/* The letters of the buffer protocol for a kind of array, and its bytes an element. */
static const char *letters_of(core_kind kind, size_t *bytes)
{
    *bytes = 4;
    switch (kind) {
    case CORE_I32:
        return sizeof(long) == 4 ? "il" : "i";
    case CORE_U8:
        *bytes = 1;
        return "B?";
    case CORE_I64:
        *bytes = 8;
        return sizeof(long) == 8 ? "lq" : "q";
    case CORE_SIZES:
        *bytes = sizeof(size_t);
        return "NLQ";
    default:
        return "f";
    }
}

static int reject_buffer(const core_field *field, const Py_buffer *view)
{
    PyErr_Format(PyExc_TypeError, "%s: an array of %s is expected, aligned and in the machine's byte order; its format is \"%s\"",
                 field->name,
                 field->kind == CORE_I32     ? "int32"
                 : field->kind == CORE_U8    ? "uint8"
                 : field->kind == CORE_I64   ? "int64"
                 : field->kind == CORE_SIZES ? "uint64"
                                             : "float32",
                 view->format ? view->format : "B");
    return -1;
}

/* An array's address: an int, or of an object whose buffer is held. */
static int set_array(const core_field *field, void *at, PyObject *value, core_hold *hold)
{
    size_t bytes;
    const char *letters = letters_of(field->kind, &bytes);
    const bool is_output = field->kind == CORE_F32_OUT;
    void *address = NULL;
    if (PyLong_Check(value)) {
        address = PyLong_AsVoidPtr(value);
        if (!address && PyErr_Occurred())
            return -1;
    } else if (value != Py_None) {
        Py_buffer *view = &hold->buffer[hold->buffers];
        const int flags = (field->strided ? PyBUF_STRIDES : PyBUF_C_CONTIGUOUS) | PyBUF_FORMAT | (is_output ? PyBUF_WRITABLE : 0);
        if (hold->buffers == CORE_MAX_ARRAYS || PyObject_GetBuffer(value, view, flags))
            return -1;
        hold->buffers++;
        const char *format = view->format ? view->format : "B";
        format += *format == '@';
        if ((size_t)view->itemsize != bytes || format[0] == '\0' || format[1] != '\0' || !strchr(letters, format[0]) ||
            (size_t)view->buf % bytes)
            return reject_buffer(field, view);
        address = view->buf;
    }
    memcpy((char *)at + field->offset, &address, sizeof address);
    return 0;
}

/* A tuple of the elements of a sequence, and their number. NULL with an exception. */
static PyObject *tuple_of(PyObject *value, size_t *count)
{
    PyObject *tuple = PySequence_Tuple(value);
    *count = tuple ? (size_t)PyTuple_Size(tuple) : 0;
    return tuple;
}

static int set_addresses(const core_field *field, void *at, PyObject *value, core_hold *hold)
{
    size_t count;
    PyObject *tuple = value == Py_None ? NULL : tuple_of(value, &count);
    if (!tuple)
        return value == Py_None ? 0 : -1;
    void **addresses = core_hold_allocate(hold, count, sizeof *addresses);
    for (size_t k = 0; addresses && k < count; k++) {
        PyObject *item = PyTuple_GetItem(tuple, (Py_ssize_t)k);
        addresses[k] = item == Py_None ? NULL : PyLong_AsVoidPtr(item);
    }
    Py_DECREF(tuple);
    memcpy((char *)at + field->offset, &addresses, sizeof addresses);
    return addresses && !PyErr_Occurred() ? 0 : -1;
}

/* Numbers of a tuple of `count` ints. */
static int get_numbers(PyObject *item, size_t *numbers, size_t count)
{
    PyObject *tuple = PySequence_Tuple(item);
    if (!tuple || (size_t)PyTuple_Size(tuple) != count) {
        if (tuple)
            PyErr_Format(PyExc_TypeError, "tuples of %zu ints are expected", count);
        Py_XDECREF(tuple);
        return -1;
    }
    for (size_t k = 0; k < count; k++)
        numbers[k] = PyLong_AsSize_t(PyTuple_GetItem(tuple, (Py_ssize_t)k));
    Py_DECREF(tuple);
    return PyErr_Occurred() ? -1 : 0;
}

enum { OUTPUT_NUMBERS = 4, PARAMETER_NUMBERS = 5 };

/* A sequence of tuples of `width` ints as numbers [*count][width], held; NULL with an exception. */
static const size_t *get_table(PyObject *value, size_t width, size_t *count, core_hold *hold)
{
    PyObject *tuple = tuple_of(value, count);
    size_t *numbers = tuple ? core_hold_allocate(hold, *count, width * sizeof *numbers) : NULL;
    for (size_t k = 0; numbers && k < *count; k++)
        if (get_numbers(PyTuple_GetItem(tuple, (Py_ssize_t)k), &numbers[k * width], width))
            numbers = NULL;
    Py_XDECREF(tuple);
    return numbers;
}

static int set_outputs(void *at, PyObject *value, core_hold *hold)
{
    sluice_batch *batch = at;
    const size_t *numbers = get_table(value, OUTPUT_NUMBERS, &batch->output_count, hold);
    sluice_output *outputs = numbers ? core_hold_allocate(hold, batch->output_count, sizeof *outputs) : NULL;
    for (size_t k = 0; outputs && k < batch->output_count; k++, numbers += OUTPUT_NUMBERS)
        outputs[k] =
            (sluice_output){.layer = numbers[0], .at = (float *)numbers[1], .row_stride = numbers[2], .step_stride = numbers[3]};
    batch->outputs = outputs;
    return outputs ? 0 : -1;
}

static int set_parameters(void *at, PyObject *value, core_hold *hold)
{
    sluice_gradient *gradient = at;
    const size_t *numbers = get_table(value, PARAMETER_NUMBERS, &gradient->parameter_count, hold);
    sluice_parameter_gradient *parameters =
        numbers ? core_hold_allocate(hold, gradient->parameter_count, sizeof *parameters) : NULL;
    for (size_t k = 0; parameters && k < gradient->parameter_count; k++, numbers += PARAMETER_NUMBERS)
        parameters[k] = (sluice_parameter_gradient){.layer = numbers[0],
                                                    .direction = numbers[1],
                                                    .tensor = (sluice_tensor)numbers[2],
                                                    .count = numbers[3],
                                                    .values = (float *)numbers[4]};
    gradient->parameters = parameters;
    return parameters ? 0 : -1;
}

static int set_activation(const core_field *field, void *at, PyObject *value)
{
    int function;
    float alpha, beta;
    PyObject *tuple = PySequence_Tuple(value);
    const int parsed = tuple && PyArg_ParseTuple(tuple, "iff", &function, &alpha, &beta);
    Py_XDECREF(tuple);
    if (!parsed)
        return -1;
    *(sluice_activation *)(void *)((char *)at + field->offset) =
        (sluice_activation){.function = (sluice_function)function, .alpha = alpha, .beta = beta};
    return 0;
}

static int set_text(const core_field *field, void *at, PyObject *value)
{
    const char *text = value == Py_None ? NULL : PyUnicode_AsUTF8AndSize(value, NULL);
    memcpy((char *)at + field->offset, &text, sizeof text);
    return text || value == Py_None ? 0 : -1;
}

/* A Tape or Streams of this module: their address in the struct, the object in the hold. */
static int set_object(const core_state *state, const core_field *field, void *at, PyObject *value, core_hold *hold)
{
    const bool is_tape = field->kind == CORE_TAPE;
    if (value == Py_None)
        return 0;
    if (Py_TYPE(value) != (is_tape ? state->tape : state->streams)) {
        PyErr_Format(PyExc_TypeError, "%s: an object of sluice._core.%s is expected", field->name, is_tape ? "Tape" : "Streams");
        return -1;
    }
    const void *address = is_tape ? (void *)((core_tape *)value)->tape : (void *)((core_streams *)value)->streams;
    *(is_tape ? &hold->tape : &hold->streams) = value;
    memcpy((char *)at + field->offset, &address, sizeof address);
    return 0;
}

/* Python's own exceptions of numbers name no field. */
static int reject_number(const core_field *field, PyObject *value)
{
    const char *expected = field->kind == CORE_INT                                  ? "an integer from -2**31 to 2**31 - 1"
                           : field->kind == CORE_UNSIGNED                           ? "an integer from 0 to 2**32 - 1"
                           : field->kind == CORE_SIZE || field->kind == CORE_UINT64 ? "an integer from 0 to 2**64 - 1"
                                                                                    : "a number";
    if (PyErr_ExceptionMatches(PyExc_OverflowError))
        PyErr_Format(PyExc_OverflowError, "%s: %S; expected %s", field->name, value, expected);
    else if (PyErr_ExceptionMatches(PyExc_TypeError))
        PyErr_Format(PyExc_TypeError, "%s: %R; expected %s", field->name, (PyObject *)Py_TYPE(value), expected);
    return -1;
}

static int set_number(const core_field *field, void *at, PyObject *value)
{
    char *place = (char *)at + field->offset;
    PyObject *integer = PyNumber_Index(value); /* NumPy's integers too */
    if (!integer)
        return reject_number(field, value);
    const size_t size = field->kind == CORE_SIZE ? PyLong_AsSize_t(integer) : 0;
    const unsigned long long wide = field->kind == CORE_UINT64 ? PyLong_AsUnsignedLongLong(integer) : 0;
    const unsigned long narrow = field->kind == CORE_UNSIGNED ? PyLong_AsUnsignedLong(integer) : 0;
    const long number = field->kind == CORE_INT ? PyLong_AsLong(integer) : 0;
    Py_DECREF(integer);
    if (narrow > UINT_MAX || number < INT_MIN || number > INT_MAX)
        PyErr_SetNone(PyExc_OverflowError);
    if (PyErr_Occurred())
        return reject_number(field, value);
    if (field->kind == CORE_SIZE)
        *(size_t *)(void *)place = size;
    else if (field->kind == CORE_UINT64)
        *(uint64_t *)(void *)place = wide;
    else if (field->kind == CORE_UNSIGNED)
        *(unsigned *)(void *)place = (unsigned)narrow;
    else
        *(int *)(void *)place = (int)number;
    return 0;
}

static int set_real(const core_field *field, void *at, PyObject *value)
{
    const double number = PyFloat_AsDouble(value);
    if (number == -1 && PyErr_Occurred())
        return reject_number(field, value);
    void *place = (char *)at + field->offset;
    if (field->kind == CORE_DOUBLE)
        *(double *)place = number;
    else
        *(float *)place = (float)number;
    return 0;
}

int core_field_set(const core_state *state, const core_field *field, void *at, PyObject *value, core_hold *hold)
{
    switch (field->kind) {
    case CORE_SIZE:
    case CORE_INT:
    case CORE_UNSIGNED:
    case CORE_UINT64:
        return set_number(field, at, value);
    case CORE_FLOAT:
    case CORE_DOUBLE:
        return set_real(field, at, value);
    case CORE_TEXT:
        return set_text(field, at, value);
    case CORE_ADDRESSES:
        return set_addresses(field, at, value, hold);
    case CORE_OUTPUTS:
        return set_outputs(at, value, hold);
    case CORE_PARAMETERS:
        return set_parameters(at, value, hold);
    case CORE_ACTIVATION:
        return set_activation(field, at, value);
    case CORE_TAPE:
    case CORE_STREAMS:
        return set_object(state, field, at, value, hold);
    default:
        return set_array(field, at, value, hold);
    }
}

int core_argument_set(const core_state *state, const char *name, core_kind kind, void *at, PyObject *value, core_hold *hold)
{
    const core_field field = {name, 0, kind, false};
    return core_field_set(state, &field, at, value, hold);
}

PyObject *core_field_get(const core_field *field, const void *at)
{
    const void *place = (const char *)at + field->offset;
    const sluice_activation *activation = place;
    switch (field->kind) {
    case CORE_SIZE:
        return PyLong_FromSize_t(*(const size_t *)place);
    case CORE_INT:
        return PyLong_FromLong(*(const int *)place);
    case CORE_UNSIGNED:
        return PyLong_FromUnsignedLong(*(const unsigned *)place);
    case CORE_UINT64:
        return PyLong_FromUnsignedLongLong(*(const uint64_t *)place);
    case CORE_FLOAT:
        return PyFloat_FromDouble(*(const float *)place);
    case CORE_DOUBLE:
        return PyFloat_FromDouble(*(const double *)place);
    case CORE_CHARS:
        return core_text(place);
    case CORE_TEXT:
        return core_text(*(const char *const *)place);
    case CORE_ACTIVATION:
        return Py_BuildValue("(idd)", (int)activation->function, (double)activation->alpha, (double)activation->beta);
    default:
        return Py_NewRef(Py_None);
    }
}
