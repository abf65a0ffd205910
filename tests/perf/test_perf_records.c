/* sluice-bench's sets and sweeps, the arithmetic of efficiency, records read back, the verdicts of a comparison, and the pictures'
 * writer. */
#include "support/suite.h"
#include "support/cases/bench_words.h"

#include "kernel/kernel.h"
#include "perf/report/compare.h"
#include "perf/measure/bandwidth.h"
#include "perf/options/bench_options.h"
#include "perf/measure/other_functions.h"
#include "perf/report/record.h"
#include "perf/report/row_fields.h"
#include "perf/report/plot.h"
#include "program/svg.h"
#include "perf/bench/sweep.h"

#include <math.h>
#include <string.h>
#include <unistd.h>

/* ---- Sets and sweeps -------------------------------------------------------------------------------------------------------- */

enum { SMALL, RAGGED, THREADS, TRAIN, PRECISION, NETWORKS, ALL, RANDOM, SETS };

static bool has_case(sl_set set, const sl_set_case *wanted)
{
    for (size_t k = 0; k < set.count; k++)
        if (set.cases[k].steps == wanted->steps && set.cases[k].batch == wanted->batch && set.cases[k].hidden == wanted->hidden &&
            set.cases[k].ragged == wanted->ragged && set.cases[k].train == wanted->train)
            return true;
    return false;
}

TEST(sets_are_what_their_names_say)
{
    static const char *const names[SETS] = {"small", "ragged", "threads", "train", "precision", "networks", "all", "random"};
    static const sl_set_case defaults[] = {{50, 64, 256, 0}, {50, 64, 512, 0}, {50, 128, 1024, 0}, {100, 32, 128, 0},
                                           {100, 8, 256, 0}, {100, 31, 64, 0}, {30, 16, 32, 0}};
    ck_assert_str_eq(sl_set_get_name(RANDOM), names[RANDOM]);
    for (size_t s = 0; s <= ALL; s++) {
        ck_assert_str_eq(sl_set_get_name(s), names[s]);
        const sl_set set = sl_set_get(s);
        ck_assert((set.count > 0) == (s != NETWORKS) && (set.network_count > 0) == (s == NETWORKS || s == ALL));
        ck_assert(set.scales == (s == THREADS || s == ALL));
        ck_assert(set.compares_precisions == (s == PRECISION));
        for (size_t k = 0; k < set.count; k++) {
            ck_assert(set.cases[k].steps > 0 && set.cases[k].batch > 0 && set.cases[k].hidden > 0);
            ck_assert_msg(has_case(sl_set_get(ALL), &set.cases[k]), "all lacks case %zu of %s", k, names[s]);
            if (s != ALL && s != TRAIN)
                ck_assert_int_eq(set.cases[k].ragged != SL_RAGGED_NONE, s == RAGGED);
            if (s == SMALL)
                ck_assert_uint_le(set.cases[k].hidden, 128);
        }
    }
    ck_assert_ptr_null(sl_set_get_name(SETS));
    ck_assert_uint_eq(sl_set_get(ALL).network_count, sl_set_get(NETWORKS).network_count);
    for (size_t k = 0; k < 7; k++)
        ck_assert(has_case(sl_set_get(ALL), &defaults[k]));
}

/* They are the same in every run, not all alike, and as large as sets.h says. */
TEST(random_shapes_are_drawn_by_their_number)
{
    const double flop_most = 2e10;
    const sl_set set = sl_set_get(RANDOM);
    size_t first_rows = 0, others = 0;
    ck_assert(set.count == 100 && !set.scales && !set.network_count);
    for (size_t k = 0; k < set.count; k++) {
        const sl_set_case one = sl_set_get_case(RANDOM, k), again = sl_set_get_case(RANDOM, k);
        ck_assert(one.steps == again.steps && one.batch == again.batch && one.hidden == again.hidden);
        ck_assert(one.steps >= 1 && one.steps <= 200 && one.batch >= 1 && one.batch <= 200);
        ck_assert(one.hidden >= 16 && one.hidden <= 1024 && one.ragged == SL_RAGGED_NONE && one.train == SL_TRAIN_NONE);
        ck_assert(one.steps == 1 || 16.0 * (double)(one.steps * one.batch * one.hidden * one.hidden) <= flop_most);
        first_rows = k ? first_rows : one.batch;
        others += one.batch != first_rows;
    }
    ck_assert_uint_gt(others, set.count / 2);
}

static const struct {
    size_t cores, count, threads[16];
} sweeps[] = {
    {1, 2, {1, 2}},
    {2, 4, {1, 2, 3, 4}},
    {3, 5, {1, 2, 3, 4, 6}},
    {4, 6, {1, 2, 3, 4, 6, 8}},
    {6, 7, {1, 2, 3, 4, 6, 9, 12}},
    {16, 10, {1, 2, 3, 4, 6, 8, 12, 16, 24, 32}},
    {96, 15, {1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 144, 192}},
};

TEST_EACH(a_sweep_runs_to_twice_the_cores, sweeps)
{
    sl_list list = {.count = 1, .values = {99}};
    sl_scaling_fill_threads(sweeps[_i].cores, &list);
    ck_assert_uint_eq(list.count, sweeps[_i].count);
    for (size_t k = 0; k < list.count; k++)
        ck_assert_uint_eq(list.values[k], sweeps[_i].threads[k]);
}

TEST(sets_come_after_the_shapes)
{
    static sl_bench_options options;
    size_t shapes, settings;
    const sl_set small = sl_set_get(SMALL), ragged = sl_set_get(RAGGED);
    ck_assert_int_eq(test_bench_parse("--set small,ragged 1,2,3 --ragged none,tail --directions 1,2", &options, NULL), 0);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), 0);
    ck_assert_uint_eq(shapes, 2 * (2 + small.count + ragged.count));
    ck_assert_uint_eq(settings, 1);
    ck_assert_int_eq(options.scaling, SL_SCALING_NONE);
    for (size_t k = 0; k < shapes; k++) {
        const sl_case shape = sl_bench_options_get_case(&options, k);
        const size_t set = k / 2 - 2;
        ck_assert_uint_eq(shape.directions, 1 + k % 2);
        ck_assert_uint_eq(shape.input, shape.hidden);
        if (k < 4)
            ck_assert(shape.steps == 1 && shape.ragged == (k < 2 ? SL_RAGGED_NONE : SL_RAGGED_TAIL));
        else if (set < small.count)
            ck_assert(shape.batch == small.cases[set].batch && shape.ragged == SL_RAGGED_NONE);
        else
            ck_assert(shape.batch == ragged.cases[set - small.count].batch && shape.ragged);
    }
    ck_assert_int_eq(test_bench_parse("--set small", &options, NULL), 0);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), 0);
    ck_assert_uint_eq(shapes, small.count);
}

TEST(a_sweep_begins_with_one_thread)
{
    static sl_bench_options options;
    ck_assert_int_eq(test_bench_parse("--set threads", &options, NULL), 0);
    ck_assert(options.scaling == SL_SCALING_STRONG && options.threads.count >= 2 && options.threads.values[0] == 1);
    ck_assert_int_eq(test_bench_parse("--set threads --scaling weak --threads 8,4,4,2", &options, NULL), 0);
    ck_assert(options.scaling == SL_SCALING_WEAK && options.threads.count == 4);
    for (size_t k = 0; k < 4; k++)
        ck_assert_uint_eq(options.threads.values[k], (size_t)1 << k);
    ck_assert_int_eq(test_bench_parse("--threads 4,2", &options, NULL), 0); /* no sweep that is reported: as it is */
    ck_assert(options.threads.count == 2 && options.threads.values[0] == 4);
}

TEST(wrong_words_are_refused)
{
    static const char *const wrong[] = {"--set large",     "--train=backward", "--scaling up",   "--scaling strong,weak",
                                        "--directions 3",  "--directions 0",   "--threshold 0",  "--threshold 1",
                                        "--threshold nan", "--threshold -0.1", "--threshold 5%", "--ragged none,no"};
    static sl_bench_options options;
    sluice_error error = {0};
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
        ck_assert_msg(test_bench_parse(wrong[k], &options, &error) == SLUICE_STATUS_BAD_ARGUMENT, "'%s'", wrong[k]);
    ck_assert_int_eq(test_bench_parse("--threshold 0.125", &options, NULL), 0);
    ck_assert_double_eq(options.threshold, 0.125);
}

TEST(efficiency_is_per_thread)
{
    ck_assert_double_eq(sl_sweep_efficiency(30, 4, 10), 0.75);
    ck_assert_double_eq(sl_sweep_efficiency(10, 1, 10), 1);
    ck_assert_double_eq(sl_sweep_efficiency(10, 1, 0), 0);
}

/* By hand: 10 steps, 8 rows, I = 3, H = 5; a step's weights are 4*5*(3 + 5) floats, those of x 4*5*3. A thread group reads them until its
 * longest row ends: of a tail one group's has T steps, the others' T / 250. */
TEST(bytes_are_weights_and_ends)
{
    sl_result result = {
        .shape = {10, 8, 3, 5, 1, 1, SL_RAGGED_NONE, 1}, .plan = {.thread_groups = 2, .threads_per_group = 1}, .total_steps = 80};
    ck_assert_double_eq(sl_sweep_bytes(&result), 4 * (2 * 10 * 160 + 80 * (3 + 5)));
    result.plan.hoists = 1;
    ck_assert_double_eq_tol(sl_sweep_bytes(&result), 4 * (2 * (10 * 100 + 60) + 80 * (3 + 5)), 1e-9);
    result.setting.precision = SLUICE_PRECISION_BF16; /* only the weights are shorter */
    ck_assert_double_eq_tol(sl_sweep_bytes(&result), 2 * 2 * (10 * 100 + 60) + 4 * 80 * (3 + 5), 1e-9);
    result.setting.precision = SLUICE_PRECISION_INT8;
    ck_assert_double_eq_tol(sl_sweep_bytes(&result), 2 * (10 * 100 + 60) + 4 * 80 * (3 + 5), 1e-9);
    result.setting.precision = SLUICE_PRECISION_F32;
    result.shape.ragged = SL_RAGGED_UNIFORM;
    result.total_steps = 44;
    ck_assert_double_eq_tol(sl_sweep_bytes(&result), 4 * (2 * (10 * 100 + 60) + 44 * (3 + 5)), 1e-9);
    result.shape.ragged = SL_RAGGED_TAIL; /* no y */
    result.total_steps = 17;
    ck_assert_double_eq_tol(sl_sweep_bytes(&result), 4 * (10 * 100 + 60 + 1 * 100 + 60 + 17 * 3), 1e-9);
    result.shape.steps = 500;
    result.total_steps = 514;
    result.plan = (sluice_candidate){.thread_groups = 3, .threads_per_group = 1};
    ck_assert_double_eq_tol(sl_sweep_bytes(&result), 4 * ((500 + 2 + 2) * 160 + 514 * 3), 1e-9);
    result.plan.thread_groups = 2;
    result.total_steps = 80;
    result.shape = (sl_case){10, 8, 3, 5, 2, 2, SL_RAGGED_NONE, 1}; /* the upper layer reads both directions */
    result.plan.hoists = 0;
    ck_assert_double_eq(sl_sweep_bytes(&result), 4 * (2 * 10 * 2 * 20 * ((3 + 5) + (10 + 5)) + 80 * (3 + 10)));
}

/* ---- Parts ------------------------------------------------------------------------------------------------------------------ */

TEST(memory_is_read_whole)
{
    const sl_timing_plan plan = {1e-6, 2, 0, NULL};
    for (unsigned threads = 1; threads <= 2; threads++) {
        for (sl_level level = SL_LEVEL_L1; level < SL_LEVEL_DRAM; level++) {
            sl_stream stream;
            sluice_error error = {0};
            const size_t bytes = sl_stream_thread_bytes(level, threads);
            if (!bytes)
                continue;
            ck_assert_uint_eq(bytes % 64, 0);
            ck_assert_msg(sl_stream_run(level, threads, &plan, &stream, &error) == 0, "%s", error.message);
            ck_assert(stream.thread_bytes == bytes && stream.threads >= 1 && stream.threads <= threads);
            ck_assert_double_ge(stream.call_bytes, (double)bytes * stream.threads);
            ck_assert_double_eq_tol(sl_stream_speed(&stream) * stream.timing.seconds.min / stream.call_bytes, 1, 1e-12);
        }
        ck_assert_uint_ge(sl_stream_thread_bytes(SL_LEVEL_DRAM, threads), sl_stream_thread_bytes(SL_LEVEL_L3, threads));
    }
}

TEST(others_compute_the_functions)
{
    enum { COUNT = 256 };
    float in[COUNT], out[COUNT];
    for (size_t k = 0; k < COUNT; k++)
        in[k] = ((float)k - COUNT / 2) / 16;
    for (size_t k = 0; sl_other_get(k); k++) {
        const sl_other *other = sl_other_get(k);
        if (other->isa && !sl_isa_runs_here(other->isa))
            continue;
        memset(out, 0xff, sizeof out);
        other->sigmoid(COUNT, in, out);
        for (size_t i = 0; i < COUNT; i++)
            ck_assert_double_eq_tol(out[i], 1 / (1 + exp(-in[i])), 4e-7);
        memset(out, 0xff, sizeof out);
        other->tanh(COUNT, in, out);
        for (size_t i = 0; i < COUNT; i++)
            ck_assert_double_eq_tol(out[i], tanh(in[i]), 4e-7);
    }
    ck_assert_str_eq(sl_other_get(0)->name, "libm");
}

/* ---- Records ---------------------------------------------------------------------------------------------------------------- */

#define ROW(fields) "{\"version\":\"1\",\"threads\":1,\"seconds_min\":0.5," fields "}"
#define CASE ROW("\"steps\":4,\"batch\":8,\"hidden\":16,\"input\":16")

/* Read a record that holds this text. */
static sluice_status read_text(const char *text, json_t **rows, sluice_error *error)
{
    char path[] = "/tmp/sluice-test-record-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    const sluice_status status = sl_record_read(path, rows, error);
    unlink(path);
    return status;
}

TEST(records_are_read_in_any_shape)
{
    static const struct {
        const char *text;
        size_t rows;
    } good[] = {{"[" CASE "]", 1},
                {CASE, 1},
                {CASE "\n" CASE "\n", 2},
                {"[" CASE "," CASE "]\n[\n" CASE "\n]\n", 3},
                {"[" ROW("\"kernel\":\"tanh\"") "]", 1}};
    for (size_t k = 0; k < sizeof good / sizeof good[0]; k++) {
        json_t *rows;
        sluice_error error = {0};
        ck_assert_msg(read_text(good[k].text, &rows, &error) == 0, "%s: %s", good[k].text, error.message);
        ck_assert_uint_eq(json_array_size(rows), good[k].rows);
        json_decref(rows);
    }
}

TEST(what_is_no_record_is_refused)
{
    static const char *const wrong[] = {"",
                                        "[]",
                                        "  \n",
                                        "x",
                                        "[" CASE,
                                        "[" CASE "] x",
                                        "3",
                                        "[3]",
                                        "[[" CASE "]]",
                                        "{\"steps\":4}",
                                        "[" CASE ",{}]",
                                        ROW("\"steps\":\"4\""),
                                        ROW("\"steps\":4,\"more\":[1]"),
                                        ROW("\"steps\":4,\"gflops\":\"x\""),
                                        "steps,batch\n4,8\n"};
    sluice_error error;
    json_t *rows;
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        error = (sluice_error){0};
        ck_assert_msg(read_text(wrong[k], &rows, &error) == SLUICE_STATUS_BAD_DATA, "'%s'", wrong[k]);
        ck_assert_ptr_null(rows);
        ck_assert_msg(strstr(error.message, "/tmp/sluice-test-record"), "%s", error.message);
    }
    ck_assert_int_eq(sl_record_read("/nonexistent/record", &rows, &error), SLUICE_STATUS_NO_INPUT);
}

TEST(texts_of_a_record_are_clean)
{
    json_t *rows;
    ck_assert_int_eq(read_text(ROW("\"steps\":4,\"isa\":\"a\\u001b[2J\\nb\\u007f\\u009b\",\"k\\u001b\":null"), &rows, NULL), 0);
    ck_assert_str_eq(sl_record_text(json_array_get(rows, 0), "isa"), "a?[2J?b???");
    ck_assert(json_is_null(json_object_get(json_array_get(rows, 0), "k?")));
    ck_assert_uint_eq(json_object_size(json_array_get(rows, 0)), 6 + 1); /* and the precision */
    json_decref(rows);
}

/* A record of a version without precisions is of f32; kernels have none. */
TEST(rows_without_a_precision_are_of_f32)
{
    json_t *old, *low, *kernel;
    char label[SL_LABEL_BYTES];
    ck_assert_int_eq(read_text(ROW("\"steps\":4,\"precision\":\"f32\"") ROW("\"steps\":4"), &old, NULL), 0);
    ck_assert_int_eq(read_text(ROW("\"steps\":4,\"precision\":\"int8\""), &low, NULL), 0);
    const json_t *row = json_array_get(old, 0), *of_before = json_array_get(old, 1), *int8 = json_array_get(low, 0);
    ck_assert(sl_record_is_alike(row, of_before, true) && !sl_record_is_alike(row, int8, true));
    ck_assert_ptr_null(strstr(sl_record_label(of_before, label), "f32"));
    ck_assert_ptr_nonnull(strstr(sl_record_label(int8, label), " int8"));
    ck_assert_int_eq(read_text(ROW("\"kernel\":\"tanh\""), &kernel, NULL), 0);
    ck_assert_ptr_null(json_object_get(json_array_get(kernel, 0), "precision"));
    json_decref(old);
    json_decref(low);
    json_decref(kernel);
}

/* Only f32 cannot exceed its own peak. */
TEST(a_low_precision_may_exceed_the_peak)
{
    json_t *rows = json_pack("[{sf} {ss sf} {ss sf} {ss sf}]", "fraction_of_peak", 1.2, "precision", "f32", "fraction_of_peak", 1.2,
                             "precision", "f32", "fraction_of_peak", 1.0, "precision", "int8", "fraction_of_peak", 3.1);
    static const bool expected[] = {true, true, false, false};
    for (size_t k = 0; k < 4; k++)
        ck_assert(sl_row_exceeds_peak(json_array_get(rows, k)) == expected[k]);
    json_decref(rows);
}

static json_t *make_row(const char *ragged, int batch, int threads, const char *scaling)
{
    return json_pack("{si si si si si si ss ss ss ss si ss ss}", "steps", 50, "batch", batch, "input", 64, "hidden", 64, "layers",
                     2, "directions", 1, "ragged", ragged, "isa", "avx2", "gemm", "fused", "schedule", "auto", "threads", threads,
                     "scaling", scaling, "peer", "sluice");
}

TEST(rows_are_alike_by_work_and_setting)
{
    json_t *a = make_row("none", 8, 1, "strong"), *b = make_row("none", 8, 2, "strong"), *c = make_row("tail", 8, 1, "strong");
    ck_assert(sl_record_is_alike(a, a, true) && !sl_record_is_alike(a, b, true) && sl_record_is_alike(a, b, false));
    ck_assert(!sl_record_is_alike(a, c, false));
    json_t *weak1 = make_row("none", 8, 1, "weak"), *weak2 = make_row("none", 16, 2, "weak"),
           *odd = make_row("none", 17, 2, "weak");
    ck_assert(sl_record_is_alike(weak1, weak2, false) && !sl_record_is_alike(weak1, weak2, true));
    ck_assert(!sl_record_is_alike(weak1, odd, false) && sl_record_is_alike(a, weak1, true));
    json_object_set_new(b, "isa", json_null());
    ck_assert(!sl_record_is_alike(a, b, false));
    char label[SL_LABEL_BYTES];
    ck_assert_str_eq(sl_record_label(a, label), "50,8,64 L2 avx2");
    ck_assert_str_eq(sl_record_label(c, label), "50,8,64 tail L2 avx2");
    ck_assert_str_eq(sl_record_label(weak2, label), "50,8t,64 L2 avx2");
    json_t *rows[] = {a, b, c, weak1, weak2, odd};
    for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++)
        json_decref(rows[k]);
}

/* ---- Comparing -------------------------------------------------------------------------------------------------------------- */

static const struct {
    double ratio, noise, threshold;
    sl_verdict verdict;
} verdicts[] = {
    {1.00, 0.01, 0.05, SL_VERDICT_SAME},   {1.04, 0.01, 0.05, SL_VERDICT_SAME},   {0.96, 0.05, 0.05, SL_VERDICT_SAME},
    {1.00, 0.06, 0.05, SL_VERDICT_UNSURE}, {0.96, 0.50, 0.05, SL_VERDICT_UNSURE}, {0.90, 0.11, 0.05, SL_VERDICT_UNSURE},
    {1.10, 0.11, 0.05, SL_VERDICT_UNSURE}, {0.90, 0.09, 0.05, SL_VERDICT_SLOWER}, {0.94, 0.01, 0.05, SL_VERDICT_SLOWER},
    {0.00, 0.90, 0.05, SL_VERDICT_SLOWER}, {1.06, 0.01, 0.05, SL_VERDICT_FASTER}, {2.00, 0.90, 0.05, SL_VERDICT_FASTER},
    {0.94, 0.01, 0.10, SL_VERDICT_SAME},   {0.94, 0.00, 0.01, SL_VERDICT_SLOWER},
};

TEST_EACH(a_verdict_asks_threshold_and_noise, verdicts)
{
    ck_assert_int_eq(sl_verdict_reach(verdicts[_i].ratio, verdicts[_i].noise, verdicts[_i].threshold), verdicts[_i].verdict);
}

TEST(noise_is_of_both_runs)
{
    json_t *a = json_pack("{sf sf}", "spread", 0.03, "peak_spread", 0.0),
           *b = json_pack("{sf sf}", "spread", 0.0, "peak_spread", 0.04);
    json_t *c = json_pack("{sf sf}", "spread", 0.12, "clock_spread", 0.05);
    ck_assert_double_eq_tol(sl_compare_noise(a, b), 0.05, 1e-12);
    ck_assert_double_eq_tol(sl_compare_noise(a, c), sqrt(0.03 * 0.03 + 0.12 * 0.12 + 0.05 * 0.05), 1e-12);
    json_decref(a);
    json_decref(b);
    json_decref(c);
}

TEST(a_figure_outlives_the_clock)
{
    static const struct {
        const char *row, *name;
        double figure;
    } figures[] = {{"{\"fraction_of_peak\":0.5,\"seconds_min\":2}", "share of peak", 0.5},
                   {"{\"cycles_per_element\":4.0,\"seconds_min\":2}", "results/cycle", 0.25},
                   {"{\"cycles_per_element\":null,\"gbytes_per_second\":30.0,\"seconds_min\":2}", "GB/s", 30},
                   {"{\"seconds_min\":2}", "calls/s", 0.5},
                   {"{}", "calls/s", 0}};
    for (size_t k = 0; k < sizeof figures / sizeof figures[0]; k++) {
        const char *name;
        json_t *row = json_loads(figures[k].row, 0, NULL);
        ck_assert_double_eq(sl_compare_figure(row, &name), figures[k].figure);
        ck_assert_str_eq(name, figures[k].name);
        json_decref(row);
    }
}

/* Rows of that many threads, with shares and no spread. */
static json_t *make_rows(size_t count, const int *threads, const double *shares)
{
    json_t *rows = json_array();
    for (size_t k = 0; k < count; k++) {
        json_t *row = make_row("none", 8, threads[k], "none");
        json_object_set_new(row, "fraction_of_peak", json_real(shares[k]));
        json_array_append_new(rows, row);
    }
    return rows;
}

static sl_bench_report *create_report(void)
{
    sl_bench_report *report;
    json_t *context = json_object();
    ck_assert_int_eq(sl_bench_report_create("/dev/null", SL_BENCH_JSON, &sl_compare_fields, 0, context, &report, NULL), 0);
    json_decref(context);
    return report;
}

TEST(a_comparison_counts_its_rows)
{
    json_t *old_rows =
        make_rows(5, (int[]){1, 1, 2, 3, 9}, (double[]){0.6, 0.8, 0.5, 0.5, 0.5}); /* of both first the better counts */
    json_t *new_rows = make_rows(4, (int[]){1, 2, 3, 7}, (double[]){0.7, 0.5, 0.6, 0.5});
    sl_comparison found;
    sl_bench_report *report = create_report();
    ck_assert_int_eq(sl_compare_run(old_rows, new_rows, 0.05, report, &found, NULL), 0);
    ck_assert(found.rows == 3 && found.slower == 1 && found.unsure == 0 && found.old_only == 1 && found.new_only == 1);
    static const char *const expected[] = {"slower", "same", "faster"};
    for (size_t k = 0; k < 3; k++) {
        const json_t *row = json_array_get(sl_bench_report_get_rows(report), k);
        ck_assert_str_eq(sl_record_text(row, "verdict"), expected[k]);
    }
    ck_assert_double_eq_tol(sl_record_number(json_array_get(sl_bench_report_get_rows(report), 0), "ratio"), 0.875, 1e-12);
    json_array_clear(new_rows);
    ck_assert_int_eq(sl_compare_run(old_rows, new_rows, 0.05, report, &found, NULL), SLUICE_STATUS_BAD_DATA);
    sl_bench_report_abort(report);
    json_decref(old_rows);
    json_decref(new_rows);
}

TEST(figures_of_two_kinds_are_no_partners)
{
    static const double old_shares[] = {0.5, 0, 0.5, 0.5}, new_shares[] = {0, 0.5, 1e-320, 0.5};
    json_t *old_rows = make_rows(4, (int[]){1, 2, 3, 4}, old_shares), *new_rows = make_rows(4, (int[]){1, 2, 3, 4}, new_shares);
    sl_comparison found;
    sl_bench_report *report = create_report();
    for (size_t k = 0; k < 4; k++) /* a figure of another kind than the old row's */
        json_object_set_new(json_array_get(new_rows, k), "seconds_min", json_real(1e-3));
    ck_assert_int_eq(sl_compare_run(old_rows, new_rows, 0.05, report, &found, NULL), 0);
    ck_assert(found.rows == 1 && found.old_only == 3 && found.new_only == 3);
    ck_assert_str_eq(sl_record_text(json_array_get(sl_bench_report_get_rows(report), 0), "verdict"), "same");
    json_array_remove(new_rows, 3);
    ck_assert_int_eq(sl_compare_run(old_rows, new_rows, 0.05, report, &found, NULL), SLUICE_STATUS_BAD_DATA);
    sl_bench_report_abort(report);
    json_decref(old_rows);
    json_decref(new_rows);
}

TEST(contexts_that_differ_are_named)
{
    json_t *a = json_pack("{ss ss ss}", "cpu", "x", "compiler", "gcc 12", "date", "1");
    json_t *b = json_pack("{ss ss ss}", "cpu", "x", "compiler", "gcc 13", "date", "2");
    ck_assert_str_eq(sl_compare_context(a, b, 0), "compiler");
    ck_assert_ptr_null(sl_compare_context(a, b, 1));
    ck_assert_ptr_null(sl_compare_context(a, a, 0));
    json_decref(a);
    json_decref(b);
}

/* ---- Pictures --------------------------------------------------------------------------------------------------------------- */

static const struct {
    sl_axis axis;
    size_t count;
    double ticks[12];
} axes[] = {
    {{0, 100, 0, 1, false, false}, 6, {0, 20, 40, 60, 80, 100}},
    {{0, 0.9, 0, 1, false, false}, 5, {0, 0.2, 0.4, 0.6, 0.8}},
    {{0.9, 4.1, 0, 1, false, true}, 4, {1, 2, 3, 4}},
    {{1, 128, 0, 1, false, true}, 6, {20, 40, 60, 80, 100, 120}},
    {{0.5, 30, 0, 1, true, false}, 6, {0.5, 1, 2, 5, 10, 20}},
    {{0.05, 3000, 0, 1, true, false}, 5, {0.1, 1, 10, 100, 1000}},
};

TEST_EACH(ticks_are_round, axes)
{
    const sl_axis *axis = &axes[_i].axis;
    double tick = sl_axis_next_tick(axis, 8, axis->logarithmic ? axis->least * (1 - 1e-6) : axis->least - 1e-6 * axis->most);
    for (size_t k = 0; k < axes[_i].count; k++, tick = sl_axis_next_tick(axis, 8, tick))
        ck_assert_double_eq_tol(tick, axes[_i].ticks[k], 1e-6 * axis->most);
    ck_assert_double_gt(tick, axis->most);
}

TEST(places_lie_between_the_ends)
{
    const sl_axis linear = {10, 20, 100, 200, false, false}, upward = {1, 100, 300, 100, true, false};
    ck_assert_double_eq_tol(sl_axis_place(&linear, 15), 150, 1e-9);
    ck_assert_double_eq_tol(sl_axis_place(&linear, 99), 200, 1e-9);
    ck_assert_double_eq_tol(sl_axis_place(&linear, 0), 100, 1e-9);
    ck_assert_double_eq_tol(sl_axis_place(&upward, 10), 200, 1e-9);
    ck_assert_double_eq_tol(sl_axis_place(&upward, 0), 300, 1e-9);
}

/* A field of a row, over that of one that a roofline shows; the first few leave it so. */
enum { SHOWN = 3 };
static const struct {
    const char *key;
    double value;
} fields[] = {
    /* clang-format off */
    {"cpus", 0}, {"flop_per_byte", 1e-300}, {"l3_gbytes_per_second_all", 1e308}, {"flop_per_byte", -1},
    {"flop_per_byte", 1e308}, {"gflops", 0}, {"gflops", 1e-323}, {"threads", 0},
    {"peak_gflops", 0}, {"peak_gflops", 1e308}, {"read_threads", 0}, {"dram_gbytes_per_second", -2},
    {"dram_gbytes_per_second_all", 0},
    /* clang-format on */
};

TEST_EACH(roofs_are_drawn_of_what_has_a_place, fields)
{
    json_t *row = make_row("none", 8, 1, "none"), *peer = make_row("none", 8, 1, "none");
    json_t *base = json_pack("{sf sf sf si sf sf}", "flop_per_byte", 4.0, "gflops", 20.0, "peak_gflops", 100.0, "read_threads", 2,
                             "dram_gbytes_per_second", 10.0, "dram_gbytes_per_second_all", 15.0);
    ck_assert(json_object_update(row, base) == 0 && json_object_update(peer, base) == 0);
    json_object_set_new(peer, "flop_per_byte", json_null());
    json_object_set_new(row, fields[_i].key, json_real(fields[_i].value));
    json_t *rows = json_pack("[oo]", peer, row);
    ck_assert_int_eq(sl_roofline_plot(rows, "/dev/null", NULL), _i < SHOWN ? SLUICE_STATUS_OK : SLUICE_STATUS_BAD_ARGUMENT);
    json_decref(base);
    json_decref(rows);
}

static const sl_axis endless[] = {
    {0, 1, 0, 1, true, false}, {5e-324, 1, 0, 1, true, false}, {1, INFINITY, 0, 1, true, false}, {0, INFINITY, 0, 1, false, false}};

TEST_EACH(ticks_come_to_an_end, endless)
{
    sl_svg svg;
    ck_assert(sl_svg_begin(&svg, 100, 50, ""));
    sl_svg_panel(&svg, &(sl_panel){endless[_i], endless[_i], "", "", ""});
    ck_assert_int_eq(sl_svg_end(&svg, "/dev/null", NULL), 0);
}

TEST(text_of_a_picture_is_escaped)
{
    char path[] = "/tmp/sluice-test-svg-XXXXXX", text[8192] = "";
    const int fd = mkstemp(path);
    sl_svg svg;
    ck_assert_int_ge(fd, 0);
    ck_assert(sl_svg_begin(&svg, 100, 50, "a<b"));
    sl_svg_text(&svg, (sl_point){1, 2}, SL_ANCHOR_END, "small", "<x> & \"y\" \x01z\xff");
    ck_assert_int_eq(sl_svg_end(&svg, path, NULL), 0);
    close(fd);
    FILE *file = fopen(path, "r");
    ck_assert_uint_gt(fread(text, 1, sizeof text - 1, file), 0);
    fclose(file);
    unlink(path);
    ck_assert_msg(strstr(text, "<title>a&lt;b</title>") && strstr(text, ">&lt;x&gt; &amp; &quot;y&quot; ?z?</text>"), "%s", text);
    ck_assert(strstr(text, "prefers-color-scheme: dark") && strcmp(text + strlen(text) - 7, "</svg>\n") == 0);
}
