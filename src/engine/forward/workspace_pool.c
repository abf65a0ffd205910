#include "engine/forward/workspace_pool.h"

#include "base/memory.h"
#include "engine/forward/workspace.h"

#include <stdatomic.h>

/* Most idle workspaces; those of more calls at the same time are freed. */
enum { PLACES = 64 };

struct sl_pool {
    _Atomic(sluice_workspace *) idle[PLACES];
    atomic_uint calls;
};

sl_pool *sl_pool_create(void)
{
    return sl_alloc(sizeof(sl_pool));
}

/* Without a lock: the thread that exchanges a place's workspace for NULL owns it. The child of a fork lacks at most the workspaces
 * that other threads had taken. */
sluice_status sl_pool_take(sl_pool *pool, const sluice_engine *engine, const sl_batch_size *size, sluice_workspace **workspace,
                           sluice_error *error)
{
    *workspace = NULL;
    for (size_t k = 0; k < PLACES && !*workspace; k++)
        if (atomic_load_explicit(&pool->idle[k], memory_order_relaxed))
            *workspace = atomic_exchange_explicit(&pool->idle[k], NULL, memory_order_acquire);
    sluice_status status = SLUICE_STATUS_OK;
    if (!*workspace)
        status = sluice_workspace_create(engine, 0, 0, workspace, error);
    if (!status)
        status = sl_workspace_fit(*workspace, size, error);
    if (status && *workspace) {
        sl_pool_give_back(pool, *workspace);
        *workspace = NULL;
    }
    return status;
}

void sl_pool_give_back(sl_pool *pool, sluice_workspace *workspace)
{
    for (size_t k = 0; k < PLACES; k++) {
        sluice_workspace *none = NULL;
        if (atomic_compare_exchange_strong_explicit(&pool->idle[k], &none, workspace, memory_order_release, memory_order_relaxed))
            return;
    }
    sluice_workspace_destroy(workspace);
}

unsigned sl_pool_begin(sl_pool *pool)
{
    return atomic_fetch_add_explicit(&pool->calls, 1, memory_order_relaxed) + 1;
}

void sl_pool_end(sl_pool *pool)
{
    atomic_fetch_sub_explicit(&pool->calls, 1, memory_order_relaxed);
}

void sl_pool_destroy(sl_pool *pool)
{
    for (size_t k = 0; pool && k < PLACES; k++)
        sluice_workspace_destroy(atomic_load_explicit(&pool->idle[k], memory_order_relaxed));
    sl_free(pool);
}
