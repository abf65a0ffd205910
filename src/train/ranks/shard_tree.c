#include "train/ranks/shard_tree.h"

#include "base/size.h"
#include "base/system/cpu.h"
#include "base/system/threads.h"

#include <assert.h>
#include <stdbool.h>

enum {
    SLICE = 4096,             /* elements for which all additions are made before the next: they stay in the L1 and L2 cache */
    ONE_THREAD_BELOW = 32768, /* with fewer elements, one thread is done before a second one has started */
};

/* Whether the node is its parent, which has no right half. */
static bool is_parent_too(const sl_tree *tree, sl_tree_node node)
{
    return (size_t)1 << node.level < tree->shards && node.index % 2 == 0 && (node.index + 1) << node.level >= tree->shards;
}

size_t sl_tree_put(sl_tree *tree, sl_tree_node node)
{
    assert(tree->count < SL_TREE_MOST);
    size_t additions = 0;
    tree->nodes[tree->count++] = node;
    for (;;) {
        sl_tree_node *last = &tree->nodes[tree->count - 1];
        if (tree->count > 1 && last->index % 2 == 1 && last[-1].level == last->level && last[-1].index + 1 == last->index) {
            tree->count--;
            additions++;
            last--;
        } else if (!is_parent_too(tree, *last)) {
            return additions;
        }
        last->level++;
        last->index /= 2;
    }
}

void sl_tree_put_shards(sl_tree *tree, size_t first, size_t end)
{
    while (first < end) {
        unsigned level = 0;
        while (first >> level << level == first && (first >> level) % 2 == 0 && ((first >> level) + 2) << level <= end)
            level++;
        sl_tree_put(tree, (sl_tree_node){level, first >> level, NULL});
        first += (size_t)1 << level;
    }
}

typedef struct job {
    const sl_tree *tree;
    size_t additions, first, end;
} job;

static void add_slices(void *context, unsigned thread, unsigned threads)
{
    const job *work = context;
    const sl_tree_node *left = &work->tree->nodes[work->tree->count - 1];
    const sl_float_mode mode = sl_float_mode_set(false);
    for (size_t at = work->first + thread * (size_t)SLICE; at < work->end; at += threads * (size_t)SLICE)
        for (size_t k = work->additions; k-- > 0;) {
            const size_t count = sl_size_min(SLICE, work->end - at);
            float *restrict to = left[k].values + at;
            const float *restrict from = left[k + 1].values + at;
            for (size_t j = 0; j < count; j++)
                to[j] += from[j];
        }
    sl_float_mode_restore(mode);
}

void sl_tree_add(const sl_tree *tree, size_t additions, size_t first, size_t end, unsigned threads)
{
    job work = {tree, additions, first, end};
    if (additions && end > first)
        sl_threads_run(end - first < ONE_THREAD_BELOW ? 1 : threads, add_slices, &work);
}

double sl_tree_sum(double *numbers, size_t shards)
{
    const sl_float_mode mode = sl_float_mode_set(false);
    for (size_t half = 1; half < shards; half *= 2)
        for (size_t left = 0; left + half < shards; left += 2 * half)
            numbers[left] += numbers[left + half];
    sl_float_mode_restore(mode);
    return shards ? numbers[0] : 0;
}
