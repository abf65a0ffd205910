/*
 * The backward pass. Its threads go through phases together, meeting after each: for each strand, from the last layer to the first,
 * the turns backwards (grad_steps.c: rows are dealt in groups), then the sums over all cells (grad_sums.c: outputs are dealt, and a
 * fixed number of partial sums). Which thread takes which task is chance, and changes no bit.
 */
#include "engine/backward/backward.h"

#include "system/cpu.h"
#include "base/size.h"
#include "system/threads.h"
#include "engine/backward/grad.h"
#include "engine/forward/workspace_pool.h"

size_t sl_grad_next(sl_grad_thread *thread)
{
    return atomic_fetch_add_explicit(&thread->grad->taken[thread->phase % 2], 1, memory_order_relaxed);
}

void sl_grad_end_phase(sl_grad_thread *thread)
{
    if (thread->index == 0) /* all have left the phase before this one, whose counter is the next one's */
        atomic_store_explicit(&thread->grad->taken[(thread->phase + 1) % 2], 0, memory_order_relaxed);
    sl_barrier_wait(thread->tape->marks, thread->count, thread->index, &thread->arrivals);
    thread->phase++;
}

static void run_strand(sl_grad_thread *thread, sl_grad_layer_dir *layer_dir)
{
    const sluice_tape *tape = thread->tape;
    layer_dir->from = layer_dir->to = tape->steps;
    sl_grad_begin_layer_dir(thread, layer_dir);
    for (size_t segment = tape->segments; segment-- > 0;) {
        layer_dir->segment = segment;
        layer_dir->from = tape->block[tape->segment[segment]];
        layer_dir->to = tape->block[tape->segment[segment + 1]];
        sl_grad_steps(thread, layer_dir);
        sl_grad_sums(thread, layer_dir);
    }
    sl_grad_end_layer_dir(thread, layer_dir);
}

static void run_thread(void *context, unsigned index, unsigned threads)
{
    sl_grad *grad = context;
    sluice_tape *tape = grad->tape;
    const sluice_shape *shape = &tape->engine->shape;
    const sl_float_mode mode = sl_float_mode_set(tape->engine->flush_to_zero);
    sl_grad_thread thread = {.grad = grad, .tape = tape, .own = &tape->parts[index], .index = index, .count = threads};
    float *dy = tape->dy[0], *dx = tape->dy[1];
    sl_grad_head(&thread, dy);
    for (size_t layer = shape->layers; layer-- > 0;) {
        for (size_t direction = 0; direction < shape->directions; direction++) {
            sl_grad_layer_dir layer_dir = {
                .k = layer * shape->directions + direction, .layer = layer, .direction = direction, .dy = dy, .dx = dx};
            run_strand(&thread, &layer_dir);
        }
        float *swap = dy;
        dy = dx;
        dx = swap;
    }
    sl_grad_inputs(&thread, dy);
    sl_float_mode_restore(mode);
}

/* Not more threads than the work is worth: a region of several takes as long as some hundred thousand operations. */
static unsigned choose_threads(const sluice_tape *tape, unsigned calls)
{
    const double least = 1e6;
    const sluice_engine *engine = tape->engine;
    double operations = 0;
    for (size_t k = 0; k < engine->shape.layers * engine->shape.directions; k++)
        operations += 16.0 * (double)engine->shape.hidden * (double)(engine->layers[k].inputs + engine->shape.hidden);
    operations *= (double)tape->cells;
    const size_t workers = sl_size_max(1, tape->threads / calls);
    return operations < least * (double)workers ? (unsigned)(operations / least) + 1 : (unsigned)workers;
}

void sl_backward(sluice_tape *tape, const sluice_gradient *gradient)
{
    sl_grad grad = {.tape = tape, .gradient = gradient};
    const unsigned calls = sl_pool_begin(tape->engine->pool);
    for (size_t k = 0; k < tape->threads; k++) {
        atomic_store_explicit(&tape->marks[k].arrived, 0, memory_order_relaxed);
        atomic_store_explicit(&tape->team_marks[k].arrived, 0, memory_order_relaxed);
    }
    sl_threads_run(choose_threads(tape, calls), run_thread, &grad);
    sl_pool_end(tape->engine->pool);
}
