/* Forward and backward: a call's fields from its keywords, and the call without the GIL. */
#include "py_core.h"

static int refuse_positional(Py_ssize_t count)
{
    if (count)
        PyErr_SetString(PyExc_TypeError, "keyword arguments only");
    return count ? -1 : 0;
}

size_t *core_calls(const core_state *state, core_engine *engine)
{
    if (engine->forks != state->forks) {
        engine->forks = state->forks;
        engine->calls = 0;
    }
    return &engine->calls;
}

int core_refuse_changed(const core_state *state, const core_engine *engine)
{
    if (engine->changes)
        core_raise_argument(state, "the engine is being given other weights or plans by another thread; wait for that call's end");
    return engine->changes ? -1 : 0;
}

static int refuse_busy(const core_state *state, const core_engine *engine, const core_tape *tape)
{
    const bool is_taken = tape && tape->is_used;
    if (core_refuse_changed(state, engine))
        return -1;
    if (is_taken)
        core_raise_argument(state, "the tape is used by another thread's call; make one for each thread");
    return is_taken ? -1 : 0;
}

PyObject *core_forward(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    const core_state *state = core_state_of(self);
    core_engine *engine = (core_engine *)self;
    sluice_batch batch = {.struct_size = sizeof batch};
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    core_hold hold;
    core_hold_begin(&hold);
    int failed = refuse_positional(count) || core_fields_set(state, CORE_BATCH, &batch, values, names, &hold);
    core_tape *tape = (core_tape *)hold.tape;
    core_streams *streams = (core_streams *)hold.streams;
    failed = failed || refuse_busy(state, engine, tape);
    if (!failed) {
        ++*core_calls(state, engine);
        if (tape)
            tape->is_used = true;
        if (streams)
            streams->calls++;
        Py_BEGIN_ALLOW_THREADS
        status = sluice_forward(engine->engine, NULL, &batch, &error);
        Py_END_ALLOW_THREADS
        engine->calls--;
        if (tape)
            tape->is_used = false;
        if (streams)
            streams->calls--;
    }
    core_hold_end(&hold);
    return failed ? NULL : core_finish(state, status, &error);
}

PyObject *core_backward(PyObject *self, PyObject *const *values, Py_ssize_t count, PyObject *names)
{
    const core_state *state = core_state_of(self);
    core_tape *tape = (core_tape *)self;
    sluice_gradient gradient = {.struct_size = sizeof gradient};
    sluice_error error;
    sluice_status status = SLUICE_STATUS_OK;
    core_hold hold;
    core_hold_begin(&hold);
    int failed = refuse_positional(count) || core_fields_set(state, CORE_GRADIENT, &gradient, values, names, &hold) ||
                 refuse_busy(state, tape->owner, tape);
    if (!failed) {
        ++*core_calls(state, tape->owner);
        tape->is_used = true;
        Py_BEGIN_ALLOW_THREADS
        status = sluice_backward(tape->tape, &gradient, &error);
        Py_END_ALLOW_THREADS
        tape->owner->calls--;
        tape->is_used = false;
    }
    core_hold_end(&hold);
    return failed ? NULL : core_finish(state, status, &error);
}
