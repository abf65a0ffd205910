/*
 * The backward pass. Its threads go through phases together: for each layer-direction, from the last layer to the first, the
 * iterations backwards (grad_steps.c: threads take row blocks), then the sums over all row-steps (grad_sums.c: threads take outputs,
 * and a fixed number of partial sums). Layers besides the LSTM layers come where they stand (grad_tail.c, grad_step_layers.c). Which
 * thread takes a task changes no bit of the result.
 */
#include "engine/backward/backward.h"

#include "base/system/cpu.h"
#include "base/system/threads.h"
#include "engine/backward/grad.h"
#include "engine/forward/workspace_pool.h"

typedef struct backward_call {
    const sluice_tape *tape;
    const sluice_gradient *gradient;
    const sl_backward_watch *watch;
    sl_task_queue queue;
} backward_call;

static void run_layer_dir(sl_grad_thread *thread, sl_grad_layer_dir *layer_dir)
{
    const sluice_tape *tape = thread->tape;
    layer_dir->from = layer_dir->to = tape->steps;
    sl_grad_begin_layer_dir(thread, layer_dir);
    for (size_t segment = tape->segments; segment-- > 0;) {
        layer_dir->segment = segment;
        layer_dir->from = tape->time_block[tape->segment[segment]];
        layer_dir->to = tape->time_block[tape->segment[segment + 1]];
        sl_grad_steps(thread, layer_dir);
        sl_grad_sums(thread, layer_dir);
        sl_grad_projection_sums(thread, layer_dir);
    }
    sl_grad_end_layer_dir(thread, layer_dir);
    sl_grad_end_projection(thread, layer_dir);
}

/* All threads have ended the last phase of the layers from an LSTM layer on. */
static void report(const backward_call *call, unsigned thread, size_t lstm_layer)
{
    if (thread == 0 && call->watch)
        call->watch->complete(call->watch->context, lstm_layer);
}

static void run_thread(void *context, unsigned index, unsigned threads)
{
    backward_call *call = context;
    const sluice_tape *tape = call->tape;
    const sl_network *network = tape->engine->network;
    const sl_step_layers *steps = &tape->engine->steps;
    const sl_float_mode mode = sl_float_mode_set(tape->engine->flush_to_zero);
    sl_grad_thread thread = {.tape = tape,
                             .gradient = call->gradient,
                             .scratch = &tape->scratch[index],
                             .tasks = {.queue = &call->queue, .index = index, .threads = threads}};
    float *dy = tape->dy[0], *dx = tape->dy[1];
    if (network->is_shape)
        sl_grad_head(&thread, dy);
    else
        sl_grad_tail(&thread, &dy, &dx);
    report(call, index, network->lstm_layers);
    for (size_t layer = network->lstm_layers; layer-- > 0;) {
        const sl_lstm_layer *lstm = &network->lstm[layer];
        for (size_t k = lstm->first; k < lstm->first + lstm->directions; k++) {
            sl_grad_layer_dir layer_dir = {.k = k,
                                           .dir = &network->dirs[k],
                                           .packed = &tape->engine->layers[k],
                                           .gates = tape->da ? tape->da : tape->layer_dirs[k].gates,
                                           .dy = dy,
                                           .dx = dx};
            run_layer_dir(&thread, &layer_dir);
        }
        report(call, index, layer);
        sl_grad_swap(&dy, &dx);
        const sl_grad_step_range before = {.first = steps->before[layer], .end = steps->before[layer + 1], .lstm_layer = layer};
        sl_grad_run_step_layers(&thread, &before, &dy, &dx);
    }
    sl_grad_inputs(&thread, dy);
    sl_float_mode_restore(mode);
}

/* The threads that are worth starting: a parallel region of several takes as long as some hundred thousand operations. */
static unsigned choose_threads(const sluice_tape *tape, unsigned calls)
{
    const double least = 1e6; /* operations of a thread */
    const sluice_engine *engine = tape->engine;
    double operations = 0;
    for (size_t k = 0; k < engine->network->layer_dirs; k++) {
        const sl_layer_dir *dir = &engine->network->dirs[k];
        operations += 16.0 * (double)dir->hidden * (double)(dir->inputs + dir->h_width);
    }
    for (size_t k = 0; !engine->network->is_shape && k < engine->steps.count; k++)
        operations += 4.0 * (double)engine->steps.all[k].inputs * (double)engine->steps.all[k].outputs;
    operations *= (double)tape->row_steps;
    size_t workers = sl_size_max(1, tape->threads / calls);
    if (tape->batch.max_threads)
        workers = sl_size_min(workers, tape->batch.max_threads);
    return operations < least * (double)workers ? (unsigned)(operations / least) + 1 : (unsigned)workers;
}

void sl_backward(sluice_tape *tape, const sluice_gradient *gradient, const sl_backward_watch *watch)
{
    backward_call call = {.tape = tape, .gradient = gradient, .watch = watch, .queue = {.flags = tape->phase_flags}};
    const unsigned calls = sl_pool_begin(tape->engine->pool);
    for (size_t k = 0; k < tape->threads; k++) {
        atomic_store_explicit(&tape->phase_flags[k].arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&tape->group_flags[k].arrived, 0, memory_order_relaxed);
    }
    sl_threads_run(choose_threads(tape, calls), run_thread, &call);
    sl_pool_end(tape->engine->pool);
}
