/* Forward and backward: a call's fields from its keywords, and the call without the GIL. */
#include "py_core.h"

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

/* Count a call as one that uses these objects, of which tape and streams may be NULL; -1 with an exception where it may not. */
static int begin_use(const core_state *state, core_engine *engine, core_tape *tape, core_streams *streams)
{
    if (core_refuse_changed(state, engine))
        return -1;
    if (tape && tape->is_used) {
        core_raise_argument(state, "the tape is used by another thread's call; make one for each thread");
        return -1;
    }
    ++*core_calls(state, engine);
    if (tape)
        tape->is_used = true;
    if (streams)
        streams->calls++;
    return 0;
}

static void end_use(core_engine *engine, core_tape *tape, core_streams *streams)
{
    engine->calls--;
    if (tape)
        tape->is_used = false;
    if (streams)
        streams->calls--;
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
    int failed = core_fields_set(state, CORE_BATCH, &batch, values, count, names, &hold);
    core_tape *tape = (core_tape *)hold.tape;
    core_streams *streams = (core_streams *)hold.streams;
    failed = failed || begin_use(state, engine, tape, streams);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_forward(engine->engine, NULL, &batch, &error);
        Py_END_ALLOW_THREADS
        end_use(engine, tape, streams);
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
    const int failed =
        core_fields_set(state, CORE_GRADIENT, &gradient, values, count, names, &hold) || begin_use(state, tape->owner, tape, NULL);
    if (!failed) {
        Py_BEGIN_ALLOW_THREADS
        status = sluice_backward(tape->tape, &gradient, &error);
        Py_END_ALLOW_THREADS
        end_use(tape->owner, tape, NULL);
    }
    core_hold_end(&hold);
    return failed ? NULL : core_finish(state, status, &error);
}
