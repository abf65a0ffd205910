/* Ranks: an exchange whose transport is a Python function; shards of a batch, and what ranks give to each other. */
#include "py_core.h"

/* Memory that a function may use during its call alone; see close_view(). */
static PyObject *open_view(void *memory, size_t bytes, int flags)
{
    static char nothing[1];
    return PyMemoryView_FromMemory(bytes ? memory : nothing, (Py_ssize_t)bytes, flags);
}

/* Keep the first exception of the function, until core_exchange_raise(). */
static void keep_exception(core_exchange *exchange)
{
    if (exchange->raised[0])
        PyErr_Clear();
    else
        PyErr_Fetch(&exchange->raised[0], &exchange->raised[1], &exchange->raised[2]);
}

/* From here on the view, where it was kept, refuses to be read; an exception where its memory is in use. */
static void close_view(core_exchange *exchange, PyObject *view)
{
    if (view)
        Py_XDECREF(PyObject_CallMethod(view, "release", NULL));
    keep_exception(exchange);
    Py_XDECREF(view);
}

static int send_receive(void *context, size_t to, const void *sent, size_t sent_bytes, size_t from, void *received,
                        size_t received_bytes)
{
    core_exchange *exchange = context;
    const PyGILState_STATE gil = PyGILState_Ensure();
    PyObject *out = open_view((void *)sent, sent_bytes, PyBUF_READ);
    PyObject *in = out ? open_view(received, received_bytes, PyBUF_WRITE) : NULL;
    if (in)
        Py_XDECREF(PyObject_CallFunction(exchange->function, "nOnO", (Py_ssize_t)to, out, (Py_ssize_t)from, in));
    keep_exception(exchange);
    close_view(exchange, out);
    close_view(exchange, in);
    const int failed = exchange->raised[0] != NULL;
    PyGILState_Release(gil);
    return failed;
}

int core_exchange_begin(core_exchange *exchange, PyObject *value)
{
    Py_ssize_t rank, ranks;
    PyObject *function;
    *exchange = (core_exchange){.exchange = {.struct_size = sizeof exchange->exchange}};
    if (value == Py_None)
        return 0;
    if (!PyTuple_Check(value)) {
        PyErr_SetString(PyExc_TypeError, "exchange: a tuple is expected");
        return -1;
    }
    if (!PyArg_ParseTuple(value, "nnOp:exchange", &rank, &ranks, &function, &exchange->exchange.from_thread))
        return -1;
    exchange->function = Py_NewRef(function);
    exchange->exchange.rank = (size_t)rank;
    exchange->exchange.ranks = (size_t)ranks;
    exchange->exchange.context = exchange;
    exchange->exchange.send_receive = send_receive;
    return 0;
}

void core_exchange_end(core_exchange *exchange)
{
    Py_CLEAR(exchange->function);
    for (size_t k = 0; k < 3; k++)
        Py_CLEAR(exchange->raised[k]);
}

PyObject *core_exchange_raise(const core_state *state, core_exchange *exchange, const sluice_error *error)
{
    if (!exchange->raised[0])
        return core_raise(state, error);
    PyErr_Restore(exchange->raised[0], exchange->raised[1], exchange->raised[2]);
    exchange->raised[0] = exchange->raised[1] = exchange->raised[2] = NULL;
    return NULL;
}

/* exchange_gather(exchange, block): the blocks of all ranks, one after the other. */
PyObject *core_exchange_gather(PyObject *module, PyObject *args)
{
    core_exchange exchange;
    PyObject *given, *all = NULL;
    Py_buffer block;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "Oy*:exchange_gather", &given, &block))
        return NULL;
    if (!core_exchange_begin(&exchange, given)) {
        const size_t ranks = exchange.exchange.ranks ? exchange.exchange.ranks : 1, bytes = (size_t)block.len;
        all = bytes && ranks > PY_SSIZE_T_MAX / bytes ? PyErr_NoMemory()
                                                      : PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(ranks * bytes));
    }
    if (all) {
        char *at = PyBytes_AsString(all);
        Py_BEGIN_ALLOW_THREADS
        status = sluice_exchange_gather(&exchange.exchange, block.buf, (size_t)block.len, at, &error);
        Py_END_ALLOW_THREADS
    }
    if (status) {
        Py_CLEAR(all);
        core_exchange_raise(PyModule_GetState(module), &exchange, &error);
    }
    core_exchange_end(&exchange);
    PyBuffer_Release(&block);
    return all;
}

/* exchange_sum(exchange, shards, vectors, count, sum) */
PyObject *core_exchange_sum(PyObject *module, PyObject *args)
{
    const core_state *state = PyModule_GetState(module);
    core_exchange exchange;
    PyObject *given, *given_vectors, *given_sum;
    Py_ssize_t shards, count;
    float **vectors = NULL, *sum = NULL;
    core_hold hold;
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    if (!PyArg_ParseTuple(args, "OnOnO:exchange_sum", &given, &shards, &given_vectors, &count, &given_sum))
        return NULL;
    core_hold_begin(&hold);
    const int failed = core_exchange_begin(&exchange, given) ||
                       core_argument_set(state, "vectors", CORE_ADDRESSES, &vectors, given_vectors, &hold) ||
                       core_argument_set(state, "sum", CORE_F32_OUT, &sum, given_sum, &hold);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_exchange_sum(&exchange.exchange, (size_t)shards, vectors, (size_t)count, sum, &error);
        Py_END_ALLOW_THREADS
    }
    if (status)
        core_exchange_raise(state, &exchange, &error);
    core_exchange_end(&exchange);
    core_hold_end(&hold);
    return failed || status ? NULL : Py_NewRef(Py_None);
}

/* shards_cut(rows, steps, lengths, shards): the first row of each shard, and rows. */
PyObject *core_shards_cut(PyObject *module, PyObject *args)
{
    const core_state *state = PyModule_GetState(module);
    PyObject *given, *list = NULL;
    Py_ssize_t rows, steps, shards;
    const int64_t *lengths = NULL;
    core_hold hold;
    sluice_error error;
    if (!PyArg_ParseTuple(args, "nnOn:shards_cut", &rows, &steps, &given, &shards))
        return NULL;
    core_hold_begin(&hold);
    size_t *bounds = core_argument_set(state, "lengths", CORE_I64, &lengths, given, &hold)
                         ? NULL
                         : core_hold_allocate(&hold, (size_t)shards + 1, sizeof *bounds);
    if (bounds)
        list = sluice_shards_cut((size_t)rows, (size_t)steps, lengths, (size_t)shards, bounds, &error) ? core_raise(state, &error)
                                                                                                       : PyList_New(0);
    for (Py_ssize_t k = 0; list && k <= shards; k++)
        core_append(&list, PyLong_FromSize_t(bounds[k]));
    core_hold_end(&hold);
    return list;
}

/* shards_of_rank(shards, rank, ranks): (first, end) */
PyObject *core_shards_of_rank(PyObject *module, PyObject *args)
{
    (void)module;
    Py_ssize_t shards, rank, ranks;
    size_t first, end;
    if (!PyArg_ParseTuple(args, "nnn:shards_of_rank", &shards, &rank, &ranks))
        return NULL;
    sluice_shards_of_rank((size_t)shards, (size_t)rank, (size_t)ranks, &first, &end);
    return Py_BuildValue("(nn)", (Py_ssize_t)first, (Py_ssize_t)end);
}
