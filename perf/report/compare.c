#include "perf/report/compare.h"

#include "perf/report/record.h"
#include "perf/report/row_fields.h"

#include "base/error.h"
#include "base/system/thread_count.h"

#include <math.h>
#include <string.h>

/* A row of the comparison. */
typedef struct compared {
    const char *label;
    size_t threads;
    const char *figure;
    double before, now, ratio, noise;
    const char *verdict;
} compared;

/* clang-format off */
static const sl_field fields[] = {
    {"case", offsetof(compared, label), SL_FIELD_TEXT, 0, "", "work and setting", {"case", -36}},
    {"threads", offsetof(compared, threads), SL_FIELD_SIZE, 0, "", "threads", {"thr", 3}},
    {"figure", offsetof(compared, figure), SL_FIELD_TEXT, 0, "", "what is compared", {"figure", -14}},
    {"old", offsetof(compared, before), SL_FIELD_REAL, 0, "", "the old figure", {"old", 10, 4}},
    {"new", offsetof(compared, now), SL_FIELD_REAL, 0, "", "the new figure", {"new", 10, 4}},
    {"ratio", offsetof(compared, ratio), SL_FIELD_REAL, 0, "", "new over old", {"ratio", 6, 3}},
    {"noise", offsetof(compared, noise), SL_FIELD_REAL, 0, "", "possible error of the ratio", {"noise", 6, 3}},
    {"verdict", offsetof(compared, verdict), SL_FIELD_TEXT, 0, "", "the verdict", {"verdict", -7}},
};
/* clang-format on */
const sl_field_table sl_compare_fields = {sizeof fields / sizeof fields[0], fields};

const char *sl_verdict_get_name(sl_verdict verdict)
{
    static const char *const names[] = {"same", "faster", "slower", "unsure"};
    return names[verdict];
}

sl_verdict sl_verdict_reach(double ratio, double noise, double threshold)
{
    const double change = fabs(ratio - 1);
    if (change <= threshold)
        return noise <= threshold ? SL_VERDICT_SAME : SL_VERDICT_UNSURE;
    if (change <= noise)
        return SL_VERDICT_UNSURE;
    return ratio > 1 ? SL_VERDICT_FASTER : SL_VERDICT_SLOWER;
}

/* The sum of the squares of a row's spreads. */
static double squares(const json_t *row)
{
    const double spread = sl_record_number(row, "spread"), peak = sl_record_number(row, "peak_spread");
    const double clock = sl_record_number(row, "clock_spread");
    return spread * spread + peak * peak + clock * clock;
}

double sl_compare_noise(const json_t *old_row, const json_t *new_row)
{
    return sqrt(squares(old_row) + squares(new_row));
}

double sl_compare_figure(const json_t *row, const char **name)
{
    const double share = sl_record_number(row, "fraction_of_peak"), cycles = sl_record_number(row, "cycles_per_element");
    const double bytes = sl_record_number(row, "gbytes_per_second"), seconds = sl_record_number(row, "seconds_min");
    *name = share > 0 ? "share of peak" : cycles > 0 ? "results/cycle" : bytes > 0 ? "GB/s" : "calls/s";
    if (share > 0)
        return share;
    if (cycles > 0)
        return 1 / cycles;
    return bytes > 0 ? bytes : seconds > 0 ? 1 / seconds : 0;
}

/* Whether the figures of two rows can be compared. */
static bool is_partner(const json_t *a, const json_t *b)
{
    const char *of_a, *of_b;
    const double x = sl_compare_figure(a, &of_a), y = sl_compare_figure(b, &of_b);
    return sl_record_is_alike(a, b, true) && strcmp(of_a, of_b) == 0 && x > 0 && y > 0 && isfinite(y / x) && isfinite(x / y);
}

/* The best of the partners of `row`; NULL: there is none. */
static const json_t *find_best(const json_t *rows, const json_t *row)
{
    const json_t *best = NULL, *other;
    const char *name;
    size_t k;
    json_array_foreach(rows, k, other)
    {
        if (is_partner(other, row) && (!best || sl_compare_figure(other, &name) > sl_compare_figure(best, &name)))
            best = other;
    }
    return best;
}

static size_t count_alone(const json_t *rows, const json_t *others)
{
    const json_t *row;
    size_t k, alone = 0;
    json_array_foreach(rows, k, row)
    {
        alone += find_best(others, row) == NULL;
    }
    return alone;
}

static sluice_status add_row(const json_t *old_row, const json_t *new_row, double threshold, sl_bench_report *report,
                             sl_comparison *comparison, sluice_error *error)
{
    char label[SL_LABEL_BYTES];
    const char *name, *new_name;
    const double before = sl_compare_figure(old_row, &name), now = sl_compare_figure(new_row, &new_name);
    const double ratio = now / before, noise = sl_compare_noise(old_row, new_row);
    const bool is_possible = !sl_row_exceeds_peak(old_row) && !sl_row_exceeds_peak(new_row);
    const sl_verdict verdict = is_possible ? sl_verdict_reach(ratio, noise, threshold) : SL_VERDICT_UNSURE;
    comparison->rows++;
    comparison->slower += verdict == SL_VERDICT_SLOWER;
    comparison->unsure += verdict == SL_VERDICT_UNSURE;
    const compared values = {.label = sl_record_label(new_row, label),
                             .threads = (size_t)sl_record_number(new_row, "threads"),
                             .figure = name,
                             .before = before,
                             .now = now,
                             .ratio = ratio,
                             .noise = noise,
                             .verdict = sl_verdict_get_name(verdict)};
    return sl_bench_report_add(report, sl_fields_to_row(&sl_compare_fields, &values), error);
}

sluice_status sl_compare_run(const json_t *old_rows, const json_t *new_rows, double threshold, sl_bench_report *report,
                             sl_comparison *comparison, sluice_error *error)
{
    const json_t *row;
    size_t k;
    sluice_status status = SLUICE_STATUS_OK;
    *comparison = (sl_comparison){.old_only = count_alone(old_rows, new_rows), .new_only = count_alone(new_rows, old_rows)};
    json_array_foreach(new_rows, k, row)
    {
        const json_t *old_row = find_best(old_rows, row);
        if (!status && old_row)
            status = add_row(old_row, row, threshold, report, comparison, error);
    }
    if (!status && !comparison->rows)
        status = sl_fail(error, SLUICE_STATUS_BAD_DATA,
                         "nothing to compare: no row of the old record (%zu) has the shape, the setting, the threads and the kind "
                         "of figure of a new one (%zu); run what the old record ran",
                         json_array_size(old_rows), json_array_size(new_rows));
    return status;
}

const char *sl_compare_context(const json_t *old_row, const json_t *new_row, size_t k)
{
    for (size_t f = 0; f < sl_context_fields.count; f++) {
        const sl_field *field = &sl_context_fields.fields[f];
        if (field->flags & SL_FIELD_CONDITION && !sl_record_is_same(old_row, new_row, field->key) && k-- == 0)
            return field->key;
    }
    return NULL;
}

/* ---- Among peers ----------------------------------------------------------------------------------------------------------- */

/* The highest GFLOP/s of the other peers in the same precision with as many threads; 0: none. */
static double find_best_peer(const json_t *rows, const json_t *row)
{
    double best = 0;
    for (size_t k = 0; k < json_array_size(rows); k++) {
        const json_t *other = json_array_get(rows, k);
        if (strcmp(sl_record_text(other, "peer"), sl_record_text(row, "peer")) == 0 ||
            sl_record_number(other, "threads") != sl_record_number(row, "threads") || !sl_record_is_same(other, row, "precision"))
            continue;
        if (sl_record_number(other, "gflops") > best)
            best = sl_record_number(other, "gflops");
    }
    return best;
}

int sl_versus_fill(json_t *rows)
{
    const double cpus = sl_threads_cpus();
    for (size_t k = 0; k < json_array_size(rows); k++) {
        json_t *row = json_array_get(rows, k);
        /* With more threads than CPUs an engine uses only as many as there are CPUs, and other peers use all. */
        const double best = sl_record_number(row, "threads") > cpus ? 0 : find_best_peer(rows, row);
        if (json_object_set_new(row, "vs_best", best > 0 ? json_real(sl_record_number(row, "gflops") / best) : json_null()) != 0)
            return -1;
    }
    return 0;
}
