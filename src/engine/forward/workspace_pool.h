/* The pool of an engine: idle workspaces for calls without one of their own, and the number of running calls. */
#ifndef SLUICE_ENGINE_FORWARD_WORKSPACE_POOL_H
#define SLUICE_ENGINE_FORWARD_WORKSPACE_POOL_H

#include "engine/schedule/scratch_sizes.h"

/** Any number of threads may use it at once. */
typedef struct sl_pool sl_pool;

/** NULL: out of memory. */
sl_pool *sl_pool_create(void);

/** Take a workspace that fits, made or grown if need be. *workspace is NULL on failure. NO_MEMORY, TOO_LARGE. */
sluice_status sl_pool_take(sl_pool *pool, const sluice_engine *engine, const sl_batch_size *size, sluice_workspace **workspace,
                           sluice_error *error);

void sl_pool_give_back(sl_pool *pool, sluice_workspace *workspace);

/** Begin, and end, a call; begin returns how many are now running, this one included. */
unsigned sl_pool_begin(sl_pool *pool);
void sl_pool_end(sl_pool *pool);

/** Free the pool and its workspaces; NULL is allowed. */
void sl_pool_destroy(sl_pool *pool);

#endif
