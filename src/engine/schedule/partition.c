#include "engine/schedule/partition.h"

#include "base/size.h"
#include "engine/schedule/cost_model.h"

#include <string.h>

/* Radix sort by eight bits at a time, of as many bits as `steps` has. */
void sl_sort_by_length(size_t *order, size_t *scratch, size_t rows, size_t steps, const int64_t *lengths)
{
    for (unsigned shift = 0; shift < 64 && steps >> shift != 0; shift += 8) {
        size_t count[257] = {0};
        for (size_t k = 0; k < rows; k++)
            count[256 - ((uint64_t)lengths[order[k]] >> shift & 255)]++;
        for (size_t digit = 1; digit <= 256; digit++)
            count[digit] += count[digit - 1];
        for (size_t k = 0; k < rows; k++)
            scratch[count[255 - ((uint64_t)lengths[order[k]] >> shift & 255)]++] = order[k];
        memcpy(order, scratch, rows * sizeof *order);
    }
}

/* Thread groups in a heap, the one with the least work at the top; of two with equal work, the first. */
static bool has_less_work(const sl_partition *partition, unsigned a, unsigned b)
{
    return partition->work[a] != partition->work[b] ? partition->work[a] < partition->work[b] : a < b;
}

static void sift_down(const sl_partition *partition)
{
    const unsigned groups = partition->plan.thread_groups, top = partition->heap[0];
    unsigned at = 0;
    for (unsigned child; (child = 2 * at + 1) < groups; at = child) {
        child += child + 1 < groups && has_less_work(partition, partition->heap[child + 1], partition->heap[child]);
        if (!has_less_work(partition, partition->heap[child], top))
            break;
        partition->heap[at] = partition->heap[child];
    }
    partition->heap[at] = top;
}

/* Count the longest rows, each of which would occupy one thread for longer than the others need for all shorter rows. `excess` is
 * of sl_single_row_excess. */
static size_t count_shared_rows(const sl_partition *partition, const sluice_engine *engine, const sl_batch_load *load,
                                const int64_t *lengths, double excess)
{
    const unsigned groups = partition->plan.thread_groups;
    if (engine->schedule != SLUICE_SCHEDULE_AUTO || partition->plan.threads_per_group > 1 || groups == 1 ||
        !sl_row_sharing_pays(engine, groups))
        return 0;
    double rest = (double)load->total_steps;
    size_t shared = 0;
    for (; shared < load->rows; shared++) {
        const double length = (double)lengths[partition->sorted[shared]];
        if (length * (1 + excess) * groups <= rest + length * excess)
            break;
        rest -= length;
    }
    return shared;
}

/* Contiguous rows for each group: neighbours may share cache lines of the outputs. */
static void divide_equal_rows(sl_partition *partition, size_t rows)
{
    const unsigned groups = partition->plan.thread_groups;
    for (size_t k = 0; k < rows; k++)
        partition->order[k] = k;
    for (unsigned group = 0; group <= groups; group++)
        partition->first[group] = rows / groups * group + sl_size_min(rows % groups, group);
}

/* Set the owner of each row that is not shared: longest rows first, each to the group that has the least work (Graham 1969). A
 * group's first row is also its longest, and runs alone at the end. Leaves the number of rows of group g in first[g + 1]. */
static void choose_owners(sl_partition *partition, size_t rows, const int64_t *lengths, double excess)
{
    const unsigned groups = partition->plan.thread_groups;
    memset(partition->first, 0, (groups + 1) * sizeof *partition->first);
    for (unsigned group = 0; group < groups; group++) {
        partition->work[group] = 0;
        partition->heap[group] = group;
    }
    for (size_t k = partition->shared_rows; k < rows; k++) {
        const unsigned least = partition->heap[0];
        const double length = (double)lengths[partition->sorted[k]];
        /* A row of no steps is some work too. */
        partition->work[least] += length * (partition->first[least + 1] ? 1 : 1 + excess) + 1;
        partition->owner[k] = least;
        partition->first[least + 1]++;
        sift_down(partition);
    }
}

/* Write the rows of each group to `order`, from the number of rows in first[group + 1]. */
static void order_by_owner(sl_partition *partition, size_t rows)
{
    const unsigned groups = partition->plan.thread_groups;
    size_t *first = partition->first;
    first[0] = partition->shared_rows;
    for (unsigned group = 0; group < groups; group++)
        first[group + 1] += first[group];
    for (size_t k = partition->shared_rows; k < rows; k++)
        partition->order[first[partition->owner[k]]++] = partition->sorted[k];
    for (unsigned group = groups; group > 0; group--) /* each is now where the next one begins */
        first[group] = first[group - 1];
    first[0] = partition->shared_rows;
}

void sl_partition_rows(sl_partition *partition, const sluice_engine *engine, const sl_batch_load *load, const int64_t *lengths)
{
    partition->shared_rows = 0;
    if (load->equal) {
        divide_equal_rows(partition, load->rows);
        return;
    }
    for (size_t k = 0; k < load->rows; k++)
        partition->sorted[k] = k;
    sl_sort_by_length(partition->sorted, partition->order, load->rows, load->steps, lengths);
    const double excess = sl_single_row_excess(engine, partition->plan.threads_per_group);
    partition->shared_rows = count_shared_rows(partition, engine, load, lengths, excess);
    memcpy(partition->order, partition->sorted, partition->shared_rows * sizeof *partition->order);
    choose_owners(partition, load->rows, lengths, excess);
    order_by_owner(partition, load->rows);
}
