#include "engine/schedule/candidates.h"

#include "base/size.h"
#include "engine/schedule/cost_model.h"
#include "engine/schedule/tuned_plan_list.h"

#include <math.h>

/* A list of plans. Those that are the same in effect, for few rows or where no x is multiplied, are listed once. */
typedef struct candidate_list {
    const sluice_engine *engine;
    const sl_batch_load *load;
    sl_exec_plan *plans;
    size_t count;
} candidate_list;

static void add(candidate_list *list, size_t threads, size_t threads_per_group, bool hoists, bool wavefront)
{
    sl_exec_plan *plan = &list->plans[list->count];
    plan->thread_groups = (unsigned)sl_size_max(1, sl_size_min(list->load->rows, threads / threads_per_group));
    plan->threads_per_group = (unsigned)threads_per_group;
    plan->hoists = hoists;
    plan->wavefront = wavefront;
    if (list->engine->schedule == SLUICE_SCHEDULE_AUTO)
        plan->hoists = sl_exec_plan_hoists(list->engine, list->load, plan);
    for (size_t k = 0; k < list->count; k++)
        if (sl_exec_plan_equals(&list->plans[k], plan))
            return;
    list->count++;
}

/* Groups of so many threads, which take layers one after the other or as a wavefront. */
static void add_groups(candidate_list *list, size_t threads_per_group)
{
    const sl_engine_sizes *sizes = &list->engine->sizes;
    const size_t threads = list->load->workers;
    if (threads_per_group > 0 && threads_per_group <= sizes->layer_lines)
        add(list, threads, threads_per_group, true, false);
    if (threads_per_group > 1 && sizes->wavefronts && threads_per_group <= sizes->all_lines)
        add(list, threads, threads_per_group, true, true);
}

size_t sl_candidates_list(const sluice_engine *engine, const sl_batch_load *load, sl_exec_plan plans[SL_CANDIDATES_MAX])
{
    /* Two plans each, four of whole and half the threads, and four of one thread per group: fewer than SL_CANDIDATES_MAX. */
    static const unsigned sizes[] = {2, 3, 4, 6, 8, 12, 16, 24, 32, 64};
    candidate_list list = {engine, load, plans, 0};
    const size_t threads = load->workers;
    const bool hoists = engine->schedule == SLUICE_SCHEDULE_HOIST || sl_engine_always_hoists(engine);
    if (hoists || engine->schedule == SLUICE_SCHEDULE_ROWS) {
        add(&list, threads, 1, hoists, false);
    } else if (engine->schedule == SLUICE_SCHEDULE_UNITS) {
        add_groups(&list, sl_size_min(threads, engine->sizes.layer_lines));
        if (engine->sizes.wavefronts) /* which can occupy more threads */
            add_groups(&list, sl_size_min(threads, engine->sizes.all_lines));
    } else if (threads == 1) { /* the commonest case, and short calls notice the time of a longer list */
        for (int with = 0; with < 2; with++)
            add(&list, 1, 1, with, false);
    } else {
        for (int with = 0; with < 2; with++)
            add(&list, threads, 1, with, false);
        for (size_t k = 0; k < sizeof sizes / sizeof sizes[0] && sizes[k] < threads; k++)
            add_groups(&list, sizes[k]);
        for (size_t groups = 2; groups > 0; groups--)
            add_groups(&list, threads / groups);
        for (int with = 0; with < 2; with++) /* a parallel region may cost more than it saves */
            add(&list, 1, 1, with, false);
    }
    return list.count;
}

sl_exec_plan sl_exec_plan_choose(const sluice_engine *engine, const sl_batch_load *load)
{
    const sl_tuned_plan *tuned = sl_tuned_plan_find(engine, load);
    if (tuned)
        return tuned->plan;
    sl_exec_plan plans[SL_CANDIDATES_MAX];
    const size_t count = sl_candidates_list(engine, load, plans);
    size_t best = 0;
    double least = INFINITY;
    /* Plans of one thread first: none of several is faster than its parallel region takes to begin, and short calls notice the time
     * of an estimate. */
    for (unsigned several = 0; count > 1 && several < 2; several++)
        for (size_t k = 0; k < count; k++) {
            const unsigned threads = plans[k].thread_groups * plans[k].threads_per_group;
            if ((threads > 1) != several || sl_region_cycles(threads) >= least)
                continue;
            const double cycles = sl_exec_plan_cycles(engine, load, &plans[k]);
            if (cycles < least) {
                least = cycles;
                best = k;
            }
        }
    return plans[best];
}
