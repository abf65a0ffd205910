/* The tree in which what belongs to the shards of a batch is added (sluice_train.h). Some neighbouring shards, put in one after the
 * other, become the nodes that cover them: as few as there can be, each the sum of all its shards. */
#ifndef SLUICE_TRAIN_RANKS_SHARD_TREE_H
#define SLUICE_TRAIN_RANKS_SHARD_TREE_H

#include <stddef.h>

/** Most nodes of a tree at one time: SLUICE_MAX_SHARDS is 2^16, so that neighbouring shards are covered by 16 nodes of rising level,
 *  17 of falling level, and the one that is put in. */
enum { SL_TREE_MOST = 34 };

/** Node (level, index) covers the shards [index << level, (index + 1) << level). */
typedef struct sl_tree_node {
    unsigned level;
    size_t index;
    float *values;
} sl_tree_node;

/** Start with `shards`, of the whole batch, and count 0. */
typedef struct sl_tree {
    size_t shards, count;
    sl_tree_node nodes[SL_TREE_MOST]; /* [count], from the left, and behind them those that the last sl_tree_put merged */
} sl_tree;

/** Put in the node to the right of those that are there. Returns how many additions that makes, which sl_tree_add performs. */
size_t sl_tree_put(sl_tree *tree, sl_tree_node node);

/** The nodes of the shards first..end-1, without values, behind those that are there. */
void sl_tree_put_shards(sl_tree *tree, size_t first, size_t end);

/** Perform the `additions` of the last sl_tree_put for the elements first..end-1: into the left one's values each time. The same bits
 *  on any number of threads. */
void sl_tree_add(const sl_tree *tree, size_t additions, size_t first, size_t end, unsigned threads);

/** The root, of one number for each shard, [shards]; the numbers are used up. 0 of none. */
double sl_tree_sum(double *numbers, size_t shards);

#endif
