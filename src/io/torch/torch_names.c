#include "io/torch/torch_names.h"

#include <stdlib.h>
#include <string.h>

/* Leaves of one group, which follow each other. */
typedef struct run {
    sl_torch_leaf *leaves;
    size_t count;
} run;

static run get_run(const sl_torch_leaves *leaves, size_t first)
{
    size_t end = first + 1;
    while (end < leaves->count && leaves->leaves[end].group == leaves->leaves[first].group)
        end++;
    return (run){leaves->leaves + first, end - first};
}

static bool ends_with(const char *text, const char *end)
{
    const size_t bytes = strlen(text), tail = strlen(end);
    return bytes >= tail && strcmp(text + bytes - tail, end) == 0;
}

static bool has_lstm_tensor(run of)
{
    for (size_t k = 0; k < of.count; k++)
        if (ends_with(of.leaves[k].path, "weight_ih_l0") || ends_with(of.leaves[k].path, "weight_ih"))
            return true;
    return false;
}

/* Whether all names begin with this, and have more behind it. */
static bool all_begin(run of, const char *begin)
{
    const size_t bytes = strlen(begin);
    for (size_t k = 0; k < of.count; k++)
        if (strncmp(of.leaves[k].name, begin, bytes) != 0 || !of.leaves[k].name[bytes])
            return false;
    return true;
}

static void move_names(run of, size_t bytes)
{
    for (size_t k = 0; k < of.count; k++)
        of.leaves[k].name += bytes;
}

static void shorten(run of)
{
    static const char *const wrappers[] = {"module.", "_orig_mod."};
    enum { MOST = 8 }; /* each pass over the names has to be worth it */
    for (size_t k = 0; k < of.count; k++)
        of.leaves[k].name += of.leaves[k].group_bytes;
    for (int k = 0; k < MOST; k++)
        if (all_begin(of, wrappers[k % 2]))
            move_names(of, strlen(wrappers[k % 2]));
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const sl_torch_leaf *)a)->name, ((const sl_torch_leaf *)b)->name);
}

static const sl_torch_leaf *sort(sl_torch_leaves *leaves)
{
    if (leaves->count)
        qsort(leaves->leaves, leaves->count, sizeof *leaves->leaves, compare_names);
    for (size_t k = 1; k < leaves->count; k++)
        if (compare_names(&leaves->leaves[k - 1], &leaves->leaves[k]) == 0)
            return &leaves->leaves[k];
    return NULL;
}

static void set_paths(sl_torch_leaves *leaves)
{
    for (size_t k = 0; k < leaves->count; k++)
        leaves->leaves[k].name = leaves->leaves[k].path;
}

const sl_torch_leaf *sl_torch_names_set(sl_torch_leaves *leaves, bool *has_lstm)
{
    run only = {0};
    size_t lstms = 0;
    set_paths(leaves);
    for (size_t first = 0; first < leaves->count;) {
        const run of = get_run(leaves, first);
        if (has_lstm_tensor(of)) {
            lstms++;
            only = of;
        } else if (of.count == leaves->count) {
            only = of;
        }
        first += of.count;
    }
    *has_lstm = lstms > 0;
    if (lstms <= 1 && only.count) {
        shorten(only);
        if (!sort(leaves))
            return NULL;
        set_paths(leaves);
    }
    return sort(leaves);
}
