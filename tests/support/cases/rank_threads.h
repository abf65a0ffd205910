/* Ranks that are threads of a test, with a transport between them: queues of messages. */
#ifndef SLUICE_TESTS_RANK_THREADS_H
#define SLUICE_TESTS_RANK_THREADS_H

#include "support/suite.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

enum { TEST_RANKS_MOST = 8 };

typedef struct test_message {
    struct test_message *next;
    size_t bytes;
    unsigned char content[];
} test_message;

/** What the ranks have in common. Start from zeros with `ranks` set. */
typedef struct test_hub {
    size_t ranks;
    bool sends_empty; /* messages of 0 bytes are messages too; else there is none where both sides know of 0 bytes */
    size_t failing;   /* this rank's ... */
    long fails_at;    /* ... so manieth call fails, the first is 1, and then those of all; 0: none does */
    pthread_mutex_t lock;
    pthread_cond_t sent;
    bool is_broken;
    test_message *queues[TEST_RANKS_MOST][TEST_RANKS_MOST]; /* from, to */
    test_message **awaited[TEST_RANKS_MOST];                /* the queue from which a rank waits for a message; NULL: none */
    bool has_ended[TEST_RANKS_MOST];
    bool waits_in_vain; /* every rank that has not ended waits for another one: then the hub is broken */
} test_hub;

/** One rank: the context of its exchange, and what the test's function gets. */
typedef struct test_rank {
    test_hub *hub;
    size_t rank;
    long calls;
    atomic_int inside;
    sluice_exchange exchange;
    void *context;
    void (*run)(struct test_rank *);
} test_rank;

static inline void test_hub_put(test_hub *hub, size_t from, size_t to, const void *sent, size_t bytes)
{
    test_message *message = malloc(sizeof *message + bytes), **at = &hub->queues[from][to];
    ck_assert_ptr_nonnull(message);
    *message = (test_message){.bytes = bytes};
    if (bytes)
        memcpy(message->content, sent, bytes);
    while (*at)
        at = &(*at)->next;
    *at = message;
    pthread_cond_broadcast(&hub->sent);
}

/* Break the hub if no rank can go on. */
static inline void test_hub_check(test_hub *hub)
{
    for (size_t k = 0; k < hub->ranks; k++)
        if (!hub->has_ended[k] && (!hub->awaited[k] || *hub->awaited[k]))
            return;
    for (size_t k = 0; k < hub->ranks; k++)
        hub->waits_in_vain = hub->waits_in_vain || (!hub->has_ended[k] && !hub->is_broken);
    hub->is_broken = hub->is_broken || hub->waits_in_vain;
    pthread_cond_broadcast(&hub->sent);
}

static inline int test_hub_take(test_hub *hub, size_t from, size_t to, void *received, size_t bytes)
{
    test_message **at = &hub->queues[from][to];
    hub->awaited[to] = at;
    test_hub_check(hub);
    while (!*at && !hub->is_broken)
        pthread_cond_wait(&hub->sent, &hub->lock);
    hub->awaited[to] = NULL;
    test_message *message = *at;
    if (!message)
        return 7;
    ck_assert_msg(message->bytes == bytes, "rank %zu sent %zu bytes, rank %zu expects %zu", from, message->bytes, to, bytes);
    if (bytes)
        memcpy(received, message->content, bytes);
    *at = message->next;
    free(message);
    return 0;
}

static inline int test_send_receive(void *context, size_t to, const void *sent, size_t sent_bytes, size_t from, void *received,
                                    size_t received_bytes)
{
    test_rank *rank = context;
    test_hub *hub = rank->hub;
    int result = 0;
    ck_assert(to < hub->ranks && from < hub->ranks);
    ck_assert_int_eq(atomic_fetch_add(&rank->inside, 1), 0);
    pthread_mutex_lock(&hub->lock);
    if (++rank->calls == hub->fails_at && rank->rank == hub->failing) {
        hub->is_broken = true;
        pthread_cond_broadcast(&hub->sent);
        result = 5;
    }
    if (!result && (sent_bytes || hub->sends_empty))
        test_hub_put(hub, rank->rank, to, sent, sent_bytes);
    if (!result && (received_bytes || hub->sends_empty))
        result = test_hub_take(hub, from, rank->rank, received, received_bytes);
    pthread_mutex_unlock(&hub->lock);
    atomic_fetch_sub(&rank->inside, 1);
    return result;
}

static inline void *test_rank_start(void *context)
{
    test_rank *rank = context;
    rank->run(rank);
    pthread_mutex_lock(&rank->hub->lock);
    rank->hub->has_ended[rank->rank] = true;
    test_hub_check(rank->hub);
    pthread_mutex_unlock(&rank->hub->lock);
    return NULL;
}

/** Run a function on every rank at the same time; contexts [ranks] of context_bytes each. Every message has been received then,
 *  unless the hub is broken, and no rank has waited for one in vain. */
static inline void test_ranks_run(test_hub *hub, void (*run)(test_rank *), void *contexts, size_t context_bytes, int from_thread)
{
    test_rank ranks[TEST_RANKS_MOST];
    pthread_t threads[TEST_RANKS_MOST];
    ck_assert_uint_le(hub->ranks, TEST_RANKS_MOST);
    pthread_mutex_init(&hub->lock, NULL);
    pthread_cond_init(&hub->sent, NULL);
    for (size_t k = 0; k < hub->ranks; k++) {
        ranks[k] = (test_rank){.hub = hub, .rank = k, .context = (char *)contexts + k * context_bytes, .run = run};
        ranks[k].exchange = (sluice_exchange){.struct_size = sizeof(sluice_exchange),
                                              .rank = k,
                                              .ranks = hub->ranks,
                                              .context = &ranks[k],
                                              .send_receive = test_send_receive,
                                              .from_thread = from_thread};
        ck_assert_int_eq(pthread_create(&threads[k], NULL, test_rank_start, &ranks[k]), 0);
    }
    for (size_t k = 0; k < hub->ranks; k++)
        pthread_join(threads[k], NULL);
    ck_assert_msg(!hub->waits_in_vain, "a rank waits for a message that no rank sends any more");
    for (size_t from = 0; from < hub->ranks; from++)
        for (size_t to = 0; to < hub->ranks; to++)
            while (hub->queues[from][to]) {
                test_message *message = hub->queues[from][to];
                ck_assert_msg(hub->is_broken, "a message of rank %zu to rank %zu was not received", from, to);
                hub->queues[from][to] = message->next;
                free(message);
            }
    pthread_mutex_destroy(&hub->lock);
    pthread_cond_destroy(&hub->sent);
}

#endif
