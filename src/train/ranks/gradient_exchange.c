#include "train/ranks/gradient_exchange.h"

#include "base/error.h"
#include "base/memory.h"
#include "base/system/background_thread.h"
#include "engine/schedule/limits.h"
#include "model/model.h"

#include <stdbool.h>

/* Elements of the gradient that are exchanged together. */
typedef struct segment {
    size_t first, count;
} segment;

struct sl_gradient_exchange {
    const sluice_trainer *trainer;
    sluice_exchange exchange;
    float *scratch;
    segment *segments; /* [segment_count]: what is behind the last LSTM layer; these, the last first; all others */
    size_t segment_count;
    sl_tree tree;
    size_t additions;
    bool has_thread; /* then the lock guards what is below, and the exchange belongs to the thread while done < segment_count */
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t ready, done; /* segments */
    bool ends;
    sluice_status status;
    sluice_error error;
};

/* ---- Segments -------------------------------------------------------------------------------------------------------------- */

/* The segment of a tensor. */
static size_t segment_of(const sl_network *network, const sl_trained *trained)
{
    const sl_lstm_layer *lstm = sl_network_get_lstm(network, trained->layer);
    if (lstm)
        return network->lstm_layers - (size_t)(lstm - network->lstm);
    return trained->layer > network->lstm[network->lstm_layers - 1].layer ? 0 : network->lstm_layers + 1;
}

/* The tensors of a segment are neighbours: those of LSTM layers by layer, then the others by layer. */
static void find_segments(sl_gradient_exchange *exchange)
{
    const sluice_trainer *trainer = exchange->trainer;
    for (size_t k = 0; k < trainer->count; k++) {
        const size_t from = (size_t)(trainer->trained[k].gradient - trainer->gradients);
        const size_t end =
            k + 1 < trainer->count ? (size_t)(trainer->trained[k + 1].gradient - trainer->gradients) : trainer->floats;
        segment *of = &exchange->segments[segment_of(trainer->model->network, &trainer->trained[k])];
        of->first = of->count ? of->first : from;
        of->count = end - of->first;
    }
}

/* Add a segment, for this rank's shards and then for all. */
static sluice_status add_segment(sl_gradient_exchange *exchange, size_t index, unsigned threads, sluice_error *error)
{
    const segment of = exchange->segments[index];
    sl_tree_add(&exchange->tree, exchange->additions, of.first, of.first + of.count, threads);
    return sl_exchange_sum(&exchange->exchange, &exchange->tree, of.first, of.count, exchange->trainer->gradients,
                           exchange->scratch, threads, error);
}

/* ---- The thread ------------------------------------------------------------------------------------------------------------ */

/* Take segments as they become ready. One that fails makes all later ones of the sum fail. */
static void *run_thread(void *context)
{
    sl_gradient_exchange *exchange = context;
    pthread_mutex_lock(&exchange->lock);
    for (;;) {
        while (exchange->done == exchange->ready && !exchange->ends)
            pthread_cond_wait(&exchange->changed, &exchange->lock);
        if (exchange->ends)
            break;
        sluice_status status = exchange->status;
        const size_t index = exchange->done;
        pthread_mutex_unlock(&exchange->lock);
        if (!status) /* on this thread alone: OpenMP's are computing */
            status = add_segment(exchange, index, 1, &exchange->error);
        pthread_mutex_lock(&exchange->lock);
        exchange->status = status;
        exchange->done++;
        pthread_cond_broadcast(&exchange->changed);
    }
    pthread_mutex_unlock(&exchange->lock);
    return NULL;
}

static bool start_thread(sl_gradient_exchange *exchange)
{
    pthread_mutex_init(&exchange->lock, NULL);
    pthread_cond_init(&exchange->changed, NULL);
    exchange->has_thread = sl_background_thread_start(&exchange->thread, run_thread, exchange) == 0;
    if (!exchange->has_thread) {
        pthread_cond_destroy(&exchange->changed);
        pthread_mutex_destroy(&exchange->lock);
    }
    return exchange->has_thread;
}

/* Have the thread take so many segments. */
static void set_ready(sl_gradient_exchange *exchange, size_t count)
{
    pthread_mutex_lock(&exchange->lock);
    exchange->ready = count;
    pthread_cond_broadcast(&exchange->changed);
    pthread_mutex_unlock(&exchange->lock);
}

/* ---- As an object ---------------------------------------------------------------------------------------------------------- */

sluice_status sl_gradient_exchange_create(const sluice_trainer *trainer, const sluice_exchange *exchange,
                                          sl_gradient_exchange **made, sluice_error *error)
{
    size_t floats;
    *made = NULL;
    const sluice_status status = sl_exchange_scratch(exchange, trainer->options.shards, trainer->floats, &floats, error);
    if (status)
        return status;
    sl_gradient_exchange *now = sl_alloc(sizeof *now);
    if (now) {
        *now = (sl_gradient_exchange){
            .trainer = trainer, .exchange = *exchange, .segment_count = trainer->model->network->lstm_layers + 2};
        now->scratch = sl_alloc_array(floats, sizeof *now->scratch);
        now->segments = sl_alloc_array(now->segment_count, sizeof *now->segments);
    }
    if (!now || !now->scratch || !now->segments || (exchange->ranks > 1 && exchange->from_thread && !start_thread(now))) {
        sl_gradient_exchange_destroy(now);
        return sl_fail_memory(error, "the exchange of gradients", floats * sizeof(float));
    }
    find_segments(now);
    *made = now;
    return SLUICE_STATUS_OK;
}

void sl_gradient_exchange_destroy(sl_gradient_exchange *exchange)
{
    if (!exchange)
        return;
    if (exchange->has_thread) {
        pthread_mutex_lock(&exchange->lock);
        exchange->ends = true;
        pthread_cond_broadcast(&exchange->changed);
        pthread_mutex_unlock(&exchange->lock);
        pthread_join(exchange->thread, NULL);
        pthread_cond_destroy(&exchange->changed);
        pthread_mutex_destroy(&exchange->lock);
    }
    sl_free(exchange->scratch);
    sl_free(exchange->segments);
    sl_free(exchange);
}

void sl_gradient_exchange_begin(sl_gradient_exchange *exchange, const sl_tree *tree, size_t additions)
{
    /* The thread, if any, waits: it has done all that was ready. */
    exchange->tree = *tree;
    exchange->additions = additions;
    exchange->status = SLUICE_STATUS_OK;
    if (exchange->has_thread)
        pthread_mutex_lock(&exchange->lock);
    exchange->ready = exchange->done = 0;
    if (exchange->has_thread)
        pthread_mutex_unlock(&exchange->lock);
}

void sl_gradient_exchange_complete(void *exchange, size_t lstm_layer)
{
    sl_gradient_exchange *of = exchange;
    if (of->has_thread)
        set_ready(of, of->segment_count - 1 - lstm_layer);
}

sluice_status sl_gradient_exchange_end(sl_gradient_exchange *exchange, sluice_error *error)
{
    const unsigned threads = sl_workers(exchange->trainer->engine);
    sluice_status status = SLUICE_STATUS_OK;
    if (!exchange->has_thread) {
        for (size_t index = 0; !status && index < exchange->segment_count; index++)
            status = add_segment(exchange, index, threads, error);
        return status;
    }
    set_ready(exchange, exchange->segment_count);
    pthread_mutex_lock(&exchange->lock);
    while (exchange->done < exchange->segment_count)
        pthread_cond_wait(&exchange->changed, &exchange->lock);
    status = exchange->status;
    pthread_mutex_unlock(&exchange->lock);
    if (status && error)
        *error = exchange->error;
    return status;
}
