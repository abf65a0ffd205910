#include "cli/shards/shard_choice.h"

#include "base/error.h"
#include "program/options/number.h"
#include "sluice_train.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* ---- The text -------------------------------------------------------------------------------------------------------------- */

static bool parse_parts(const char *text, size_t *parts)
{
    uint64_t number;
    if (!sl_number_parse(text, &number) || !number || number > SLUICE_MAX_SHARDS)
        return false;
    *parts = (size_t)number;
    return true;
}

sluice_status sl_shard_choice_parse(const char *option, const char *text, sl_shard_choice *choice, sluice_error *error)
{
    static const char automatic[] = "auto";
    const size_t word = sizeof automatic - 1;
    *choice = (sl_shard_choice){.text = text};
    if (strcmp(text, automatic) == 0)
        return SLUICE_STATUS_OK;
    const bool is_auto = strncmp(text, automatic, word) == 0;
    const char *rest = is_auto ? text + word : text;
    uint64_t part = 0;
    if ((is_auto || (sl_number_scan(&rest, &part) == SL_NUMBER_OK && part)) && *rest == '/' &&
        parse_parts(rest + 1, &choice->parts) && part <= choice->parts) {
        choice->part = (size_t)part;
        return SLUICE_STATUS_OK;
    }
    return sl_fail(error, SLUICE_STATUS_BAD_ARGUMENT,
                   "%s: expected K/N, the K-th of N parts with 1 <= K <= N <= %d, or auto, or auto/N, found '%.200s'", option,
                   SLUICE_MAX_SHARDS, text);
}

/* ---- The environment ------------------------------------------------------------------------------------------------------- */

enum { LEAST, STEP, MOST, OTHERS }; /* what a source may say besides index and count */

/* Variables that say which process of how many this is. */
typedef struct source {
    const char *what, *index, *count;
    const char *others[OTHERS]; /* index = least + (K - 1) * step; NULL: 0, 1, and not said */
} source;

static const source sources[] = {
    {"Open MPI", "OMPI_COMM_WORLD_RANK", "OMPI_COMM_WORLD_SIZE", {NULL}},
    {"MPI", "PMI_RANK", "PMI_SIZE", {NULL}},
    {"a Slurm array",
     "SLURM_ARRAY_TASK_ID",
     "SLURM_ARRAY_TASK_COUNT",
     {"SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_MAX"}},
};
enum { SOURCES = sizeof sources / sizeof sources[0] };

static sl_exit read_variable(const char *name, uint64_t *value)
{
    const char *text = getenv(name);
    if (!text)
        return sl_report(SL_EXIT_USAGE, "--shard auto: %s is not set, and others of its kind are; give --shard K/N", name);
    if (!sl_number_parse(text, value))
        return sl_report(SL_EXIT_USAGE, "--shard auto: expected a number in %s, found '%.200s'; give --shard K/N", name, text);
    return SL_EXIT_OK;
}

/* K and N of a source whose index is set. */
static sl_exit read_source(const source *from, sl_shard_choice *choice)
{
    uint64_t index, count, others[OTHERS] = {[LEAST] = 0, [STEP] = 1, [MOST] = 0};
    sl_exit code = read_variable(from->index, &index);
    code = code ? code : read_variable(from->count, &count);
    for (size_t k = 0; !code && k < OTHERS && from->others[k]; k++)
        code = read_variable(from->others[k], &others[k]);
    if (code)
        return code;
    const uint64_t least = others[LEAST], step = others[STEP], most = others[MOST];
    if (count < 1 || count > SLUICE_MAX_SHARDS)
        return sl_report(SL_EXIT_USAGE, "--shard auto: expected a number of parts from 1 to %d in %s, found %s", SLUICE_MAX_SHARDS,
                         from->count, getenv(from->count));
    if (from->others[MOST] && (!step || most < least || (most - least) / step + 1 != count))
        return sl_report(SL_EXIT_USAGE,
                         "--shard auto: the array's %llu tasks are not MIN, MIN+STEP, ... up to MAX; use --array=MIN-MAX or "
                         "MIN-MAX:STEP, or give --shard K/N",
                         (unsigned long long)count);
    if (index < least || (index - least) % step || (index - least) / step >= count)
        return sl_report(SL_EXIT_USAGE, "--shard auto: %s is %llu, which is none of the %llu of %s; give --shard K/N", from->index,
                         (unsigned long long)index, (unsigned long long)count, from->what);
    choice->part = (size_t)((index - least) / step) + 1;
    choice->parts = (size_t)count;
    return SL_EXIT_OK;
}

/* A source of one process alone gives way to the others: srun starts even a single task as a rank. */
static sl_exit resolve_auto(sl_shard_choice *choice)
{
    const source *known = NULL;
    sl_shard_choice found = {0};
    for (const source *from = sources; from < sources + SOURCES; from++) {
        sl_shard_choice another = {0};
        if (!getenv(from->index))
            continue;
        const sl_exit code = read_source(from, &another);
        if (code)
            return code;
        if (known && found.parts > 1 && another.parts > 1 && (found.part != another.part || found.parts != another.parts))
            return sl_report(SL_EXIT_USAGE, "--shard auto: %s says part %zu of %zu and %s part %zu of %zu; give --shard K/N",
                             known->index, found.part, found.parts, from->index, another.part, another.parts);
        if (!known || another.parts > 1) {
            known = from;
            found = another;
        }
    }
    if (!known)
        return sl_report(
            SL_EXIT_USAGE,
            "--shard auto: expected OMPI_COMM_WORLD_RANK or PMI_RANK (MPI) or SLURM_ARRAY_TASK_ID (a Slurm array), found "
            "none set%s; give --shard K/N",
            getenv("JOB_COMPLETION_INDEX") ? " but JOB_COMPLETION_INDEX (Kubernetes), which wants --shard auto/N" : "");
    choice->part = found.part;
    choice->parts = found.parts;
    return SL_EXIT_OK;
}

static sl_exit resolve_index(sl_shard_choice *choice)
{
    const char *text = getenv("JOB_COMPLETION_INDEX");
    uint64_t index;
    if (!text)
        return sl_report(SL_EXIT_USAGE,
                         "--shard %s: expected JOB_COMPLETION_INDEX (an indexed Kubernetes job), which is not set; "
                         "give --shard K/N, or --shard auto with MPI or Slurm",
                         choice->text);
    if (!sl_number_parse(text, &index) || index >= choice->parts)
        return sl_report(SL_EXIT_USAGE,
                         "--shard %s: expected a number from 0 to %zu in JOB_COMPLETION_INDEX, found '%.200s'; give "
                         "N as the job's completions",
                         choice->text, choice->parts - 1, text);
    choice->part = (size_t)index + 1;
    return SL_EXIT_OK;
}

sl_exit sl_shard_choice_resolve(sl_shard_choice *choice)
{
    if (choice->part)
        return SL_EXIT_OK;
    return choice->parts ? resolve_index(choice) : resolve_auto(choice);
}

uint64_t sl_shard_choice_get_begin(uint64_t size, size_t part, size_t parts)
{
    const uint64_t before = part - 1;
    return size / parts * before + size % parts * before / parts; /* the second product is of two numbers up to `parts` */
}
