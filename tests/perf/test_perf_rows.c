/* sluice-bench's rows: their fields and arithmetic, every format, and that cases of all kinds are checked and timed. */
#include "support/suite.h"

#include "perf/bench/fixture.h"
#include "perf/bench/result_row.h"
#include "perf/cases/deviation.h"
#include "program/options/option_words.h"
#include "perf/measure/context.h"
#include "perf/report/result_rows.h"
#include "perf/report/row_fields.h"

#include <limits.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

TEST_HANDLE(sl_fixture, sl_fixture_destroy)

/* ---- Rows and formats ------------------------------------------------------------------------------------------------------ */

static sl_result sample_result(void)
{
    return (sl_result){.shape = {.steps = 50,
                                 .batch = 64,
                                 .input = 100,
                                 .hidden = 256,
                                 .layers = 2,
                                 .directions = 2,
                                 .ragged = SL_RAGGED_UNIFORM,
                                 .seed = 7},
                       .setting = {2, SLUICE_ISA_AVX2, SLUICE_GEMM_FUSED, SLUICE_SCHEDULE_HOIST, false, SLUICE_PRECISION_INT8},
                       .plan = {0, SLUICE_SCHEDULE_UNITS, 2, 3, 1, 0, 1e6, 0},
                       .total_steps = 1600,
                       .timing = {{0.5, 0.6, 0.9}, {50, 90, 100}, 3, 10},
                       .setup_seconds = 0.25,
                       .workspace_bytes = 4096,
                       .accuracy = {0.000612, 0.00005, 0}};
}

static json_t *to_row(const sl_result *result)
{
    sl_case_row row;
    sl_result_row_fill(result, &row);
    return sl_fields_to_row(&sl_case_fields, &row);
}

static json_t *sample_context(void)
{
    sluice_environment environment = {.struct_size = sizeof environment};
    strcpy(environment.cpu, "a \"CPU\", new \xff"); /* what a format has to quote, and what is no UTF-8 */
    strcpy(environment.blis_version, "0.9.0");
    strcpy(environment.blis_config, "zen3");
    strcpy(environment.openmp, "libgomp");
    setenv("OMP_WAIT_POLICY", "passive", 1);
    return sl_context_create(&environment, (char *[]){NULL});
}

/* A report of a result in so many rows, with the columns of `shown` besides the usual ones; to be freed. */
static char *write_rows(sl_bench_format format, const sl_result *result, size_t rows, unsigned shown, json_t *context)
{
    char path[] = "/tmp/sluice-test-perf-XXXXXX";
    const int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    close(fd);
    sl_bench_report *report;
    ck_assert_int_eq(sl_bench_report_create(path, format, &sl_case_fields, shown, context, &report, NULL), 0);
    for (size_t k = 0; k < rows; k++)
        ck_assert_int_eq(sl_bench_report_add(report, to_row(result), NULL), 0);
    ck_assert_int_eq(sl_bench_report_commit(report, NULL), 0);
    char *text = calloc(1, 1 << 16);
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(text);
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_lt(fread(text, 1, (1 << 16) - 1, file), (1 << 16) - 1);
    fclose(file);
    unlink(path);
    return text;
}

static char *write_report(sl_bench_format format, size_t rows)
{
    const sl_result result = sample_result();
    json_t *context = sample_context();
    char *const text = write_rows(format, &result, rows, 0, context);
    json_decref(context);
    return text;
}

static const char *const fields[] = {"steps",
                                     "batch",
                                     "input",
                                     "hidden",
                                     "layers",
                                     "directions",
                                     "ragged",
                                     "train",
                                     "threads",
                                     "isa",
                                     "gemm",
                                     "precision",
                                     "schedule",
                                     "way",
                                     "teams",
                                     "members",
                                     "hoists",
                                     "wavefront",
                                     "seconds_min",
                                     "seconds_median",
                                     "sequences_per_second",
                                     "steps_per_second",
                                     "gflops",
                                     "peak_gflops",
                                     "fraction_of_peak",
                                     "error",
                                     "error_rms",
                                     "dependence",
                                     "setup_seconds",
                                     "workspace_bytes",
                                     "version",
                                     "git",
                                     "cpu",
                                     "compiler",
                                     "blis",
                                     "blis_config",
                                     "openmp",
                                     "environment"};
enum { FIELDS = sizeof fields / sizeof fields[0] };

TEST(a_json_row_has_every_field)
{
    FREED char *text = write_report(SL_BENCH_JSON, 2);
    json_t *rows = json_loads(text, 0, NULL);
    ck_assert_msg(json_array_size(rows) == 2, "%s", text);
    const json_t *row = json_array_get(rows, 1);
    for (size_t k = 0; k < FIELDS; k++)
        ck_assert_msg(json_object_get(row, fields[k]) && !json_is_null(json_object_get(row, fields[k])), "no %s in %s", fields[k],
                      text);
    /* Useful work by hand: layer 0 reads 100, layer 1 both directions' 512; 2 operations, 4 gates, 2 directions, 1600 real
     * steps. */
    const double flop = 2.0 * 4 * 256 * 2 * ((100 + 256) + (512 + 256)) * 1600;
    ck_assert_double_eq_tol(json_real_value(json_object_get(row, "gflops")), flop / 0.5 * 1e-9, 1e-8);
    ck_assert_double_eq_tol(json_real_value(json_object_get(row, "peak_gflops")), 200, 1e-6);
    ck_assert_double_eq_tol(json_real_value(json_object_get(row, "fraction_of_peak")), flop / 0.5 * 1e-9 / 200, 1e-8);
    ck_assert_double_eq_tol(json_real_value(json_object_get(row, "sequences_per_second")), 128, 1e-6);
    ck_assert_double_eq_tol(json_real_value(json_object_get(row, "steps_per_second")), 3200, 1e-5);
    ck_assert_str_eq(json_string_value(json_object_get(row, "ragged")), "uniform");
    ck_assert(json_is_false(json_object_get(row, "train")));
    ck_assert_str_eq(json_string_value(json_object_get(row, "schedule")), "hoist");
    ck_assert_str_eq(json_string_value(json_object_get(row, "way")), "2x3");
    ck_assert_int_eq(json_integer_value(json_object_get(row, "teams")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(row, "members")), 3);
    ck_assert(json_is_true(json_object_get(row, "hoists")) && json_is_false(json_object_get(row, "wavefront")));
    ck_assert_str_eq(json_string_value(json_object_get(row, "cpu")), "a \"CPU\", new ?");
    ck_assert(strstr(json_string_value(json_object_get(row, "environment")), "OMP_WAIT_POLICY=passive"));
    json_decref(rows);
}

TEST(a_way_has_a_short_name)
{
    static const struct {
        sluice_candidate way;
        const char *name;
    } candidates[] = {
        {{0, SLUICE_SCHEDULE_ROWS, 2, 1, 0, 0, 0, 0}, "rows"},
        {{0, SLUICE_SCHEDULE_HOIST, 1, 1, 1, 0, 0, 0}, "hoist"},
        {{0, SLUICE_SCHEDULE_UNITS, 1, 2, 1, 0, 0, 0}, "units2"},
        {{0, SLUICE_SCHEDULE_UNITS, 1, 8, 0, 1, 0, 0}, "units8w"},
        {{0, SLUICE_SCHEDULE_UNITS, 16, 4, 1, 0, 0, 0}, "16x4"},
        {{0, SLUICE_SCHEDULE_UNITS, UINT_MAX, UINT_MAX, 1, 1, 0, 0}, "4294967295x4294967295w"},
        {{0, SLUICE_SCHEDULE_HOIST, 1, 1, 1, 1, 0, 0}, "hoistw"},
    };
    for (size_t k = 0; k < sizeof candidates / sizeof candidates[0]; k++) {
        char text[SL_WORDS_CANDIDATE];
        ck_assert_str_eq(sl_words_candidate(&candidates[k].way, text), candidates[k].name);
    }
}

TEST(measuring_is_named)
{
    sl_result result = sample_result();
    result.setting.schedule = SLUICE_SCHEDULE_AUTO;
    result.setting.measure = true;
    json_t *row = to_row(&result);
    ck_assert_str_eq(json_string_value(json_object_get(row, "schedule")), "measure");
    json_decref(row);
    ck_assert_str_eq(sl_words_schedule(SLUICE_SCHEDULE_UNITS), "units");
    ck_assert_ptr_null(sl_words_schedule(SL_WORDS_MEASURE + 1));
}

static char *write_shown(const sl_result *result, unsigned shown)
{
    return write_rows(SL_BENCH_TABLE, result, 1, shown, NULL);
}

TEST(accuracy_has_columns_where_precisions_are_compared)
{
    sl_result result = sample_result();
    FREED char *usual = write_shown(&result, 0), *low = write_shown(&result, SL_FIELD_OF_PRECISIONS);
    ck_assert_msg(!strstr(usual, "prec") && !strstr(usual, "depends"), "%s", usual);
    ck_assert_msg(strstr(low, " int8 ") && strstr(low, " 6.1e-04 5.0e-05       0\n"), "%s", low);
    result.accuracy = (sl_accuracy){NAN, NAN, NAN};
    result.setting.precision = SLUICE_PRECISION_F32;
    json_t *row = to_row(&result);
    for (const char *const *key = (const char *const[]){"error", "error_rms", "dependence", NULL}; *key; key++)
        ck_assert(json_is_null(json_object_get(row, *key)));
    json_decref(row);
}

/* A share of the peak above 1 is marked in f32 alone. */
TEST(impossible_shares_are_marked)
{
    sl_result result = sample_result();
    result.timing.seconds.min = 0.03;
    FREED char *low = write_shown(&result, 0);
    result.setting.precision = SLUICE_PRECISION_F32;
    FREED char *f32 = write_shown(&result, 0);
    ck_assert_msg(strstr(low, " 1.228") && !strchr(low, '!'), "%s", low);
    ck_assert_msg(strstr(f32, " 1.228!"), "%s", f32);
}

/* ---- Deviations ------------------------------------------------------------------------------------------------------------ */

TEST(deviations_add_up)
{
    const float expected[] = {1, 2, 3, 4}, found[] = {1, 2.5f, 3, 2}, wrong[] = {1, NAN, 3, 9};
    sl_deviation deviation = {0};
    ck_assert_uint_eq(sl_deviation_add(&deviation, 4, expected, expected, 0), 4);
    ck_assert_double_eq(deviation.largest, 0);
    ck_assert_uint_eq(sl_deviation_add(&deviation, 4, found, expected, 0.5), 3); /* the bound is permitted */
    ck_assert(deviation.largest == 2 && deviation.count == 8);
    ck_assert_double_eq_tol(sl_deviation_rms(&deviation), sqrt((0.25 + 4) / 8), 1e-15);
    ck_assert_uint_eq(sl_deviation_add(&deviation, 4, wrong, expected, INFINITY), 1);
    ck_assert(isnan(deviation.largest)); /* whatever followed */
}

TEST(no_rows_are_valid_json)
{
    FREED char *text = write_report(SL_BENCH_JSON, 0);
    json_t *rows = json_loads(text, 0, NULL);
    ck_assert_msg(json_is_array(rows) && json_array_size(rows) == 0, "%s", text);
    json_decref(rows);
}

/* Lines of a text; each must end in a newline. */
static size_t count_lines(const char *text)
{
    size_t lines = 0;
    for (const char *p = text; *p; p++)
        lines += *p == '\n';
    ck_assert_msg(*text && text[strlen(text) - 1] == '\n', "no newline ends '%s'", text);
    return lines;
}

TEST(every_format_writes_its_lines)
{
    json_t *context = sample_context();
    const size_t said = json_object_size(context);
    const size_t lines[] = {said + 1 + 3, 1 + 3, 5, 3, said + 1 + 2 + 3};
    json_decref(context);
    for (size_t format = 0; sl_bench_format_get_name(format); format++) {
        FREED char *text = write_report((sl_bench_format)format, 3);
        ck_assert_msg(count_lines(text) == lines[format], "%s: %s", sl_bench_format_get_name(format), text);
        if (format == SL_BENCH_CSV) {
            ck_assert_msg(strstr(text, ",\"a \"\"CPU\"\", new ?\","), "%s", text);
            ck_assert_msg(strncmp(text, "steps,batch,input,", 18) == 0, "%s", text);
            ck_assert_msg(strstr(text, "\n50,64,100,256,2,2,,uniform,false,,2,avx2,fused,int8,hoist,2x3,2,3,true,false,0.5,0.6,"),
                          "%s", text);
        }
        if (format == SL_BENCH_TABLE || format == SL_BENCH_MD)
            ck_assert_msg(strstr(text, "500.000") && strstr(text, "600.000") && strstr(text, "2x3"), "%s", text); /* ms */
    }
}

TEST(an_aborted_report_leaves_nothing)
{
    char path[] = "/tmp/sluice-test-perf-XXXXXX", inside[64];
    ck_assert_ptr_nonnull(mkdtemp(path));
    snprintf(inside, sizeof inside, "%s/report.csv", path);
    const sl_result result = sample_result();
    json_t *context = sample_context();
    sl_bench_report *report;
    ck_assert_int_eq(sl_bench_report_create(inside, SL_BENCH_CSV, &sl_case_fields, 0, context, &report, NULL), 0);
    ck_assert_int_eq(sl_bench_report_add(report, to_row(&result), NULL), 0);
    sl_bench_report_abort(report);
    json_decref(context);
    ck_assert_int_eq(rmdir(path), 0); /* empty */
}

TEST(a_row_without_memory_is_an_error)
{
    json_t *context = sample_context();
    sl_bench_report *report;
    ck_assert_int_eq(sl_bench_report_create("/dev/null", SL_BENCH_CSV, &sl_case_fields, 0, context, &report, NULL), 0);
    ck_assert_int_eq(sl_bench_report_add(report, NULL, NULL), SLUICE_STATUS_NO_MEMORY);
    sl_bench_report_abort(report);
    json_decref(context);
}

/* ---- Cases ----------------------------------------------------------------------------------------------------------------- */

#define CHECKED_FLOP 1e5

/* Shapes that reach every way of choosing the slice that is checked. */
static const sl_case cases[] = {
    {.steps = 1, .batch = 1, .input = 1, .hidden = 1, .layers = 1, .directions = 1, .seed = 1},
    {.steps = 7, .batch = 2, .input = 3, .hidden = 5, .layers = 2, .directions = 2, .ragged = SL_RAGGED_UNIFORM, .seed = 2},
    {.steps = 9, .batch = 33, .input = 17, .hidden = 20, .layers = 1, .directions = 1, .ragged = SL_RAGGED_UNIFORM, .seed = 3},
    {.steps = 40, .batch = 4, .input = 16, .hidden = 16, .layers = 1, .directions = 1, .seed = 4},  /* too much to check whole, */
    {.steps = 20, .batch = 3, .input = 16, .hidden = 16, .layers = 1, .directions = 2, .seed = 5},  /* and still checked whole */
    {.steps = 3, .batch = 4, .input = 300, .hidden = 256, .layers = 1, .directions = 1, .seed = 6}, /* BLIS has other bits here */
    {.steps = 600, .batch = 9, .input = 5, .hidden = 16, .layers = 1, .directions = 1, .ragged = SL_RAGGED_TAIL, .seed = 7},
    {.steps = 300, .batch = 2, .input = 5, .hidden = 16, .layers = 2, .directions = 2, .ragged = SL_RAGGED_TAIL, .seed = 8},
    {.steps = 3, .batch = 1, .input = 2, .hidden = 3, .layers = 2, .directions = 1, .ragged = SL_RAGGED_TAIL, .seed = 9},
};

/* The sum of the lengths is what the case's kind of them allows. */
static void check_steps(const sl_case *shape, uint64_t total)
{
    const uint64_t most = shape->batch * shape->steps, rest = shape->steps < SL_TAIL ? 1 : shape->steps / SL_TAIL;
    if (shape->ragged == SL_RAGGED_UNIFORM)
        ck_assert(total <= most && total >= shape->batch);
    else
        ck_assert_uint_eq(total, shape->ragged ? shape->steps + (shape->batch - 1) * rest : most);
}

TEST_EACH(a_case_is_checked_and_timed, cases)
{
    const sl_timing_plan plan = {1e-6, 2, 0, NULL};
    OWNED_HANDLE(sl_fixture) fixture = NULL;
    sl_result result;
    sluice_error error = {0};
    ck_assert_msg(sl_fixture_create(&cases[_i], CHECKED_FLOP, &fixture, &error) == 0, "%s", error.message);
    for (unsigned gemm = SLUICE_GEMM_FUSED; gemm <= SLUICE_GEMM_BLIS; gemm++) {
        const sl_setting setting = {.threads = 2, .gemm = (sluice_gemm)gemm};
        ck_assert_msg(sl_fixture_run(fixture, &setting, &plan, &result, &error) == 0, "%s", error.message);
        ck_assert_uint_eq(result.setting.gemm, gemm);
        ck_assert(result.setting.isa != SLUICE_ISA_AUTO && result.setting.threads >= 1 && result.timing.repetitions == 2);
        ck_assert(result.timing.seconds.min > 0 && result.timing.reference.max > 0 && result.workspace_bytes > 0);
        ck_assert(result.plan.thread_groups >= 1 && result.plan.threads_per_group >= 1);
        check_steps(&cases[_i], result.total_steps);
    }
}

/* Of the library, whose low precisions have the bits of its scalar kernels, whatever the neighbours are. */
TEST_EACH(a_low_precision_is_checked_and_its_accuracy_measured, cases)
{
    const sl_timing_plan plan = {1e-6, 1, 0, NULL};
    const sl_case *shape = &cases[_i];
    OWNED_HANDLE(sl_fixture) fixture = NULL;
    sl_result result;
    sluice_error error = {0};
    ck_assert_msg(sl_fixture_create(shape, CHECKED_FLOP, &fixture, &error) == 0, "%s", error.message);
    for (sluice_precision precision = SLUICE_PRECISION_F32; precision <= SLUICE_PRECISION_INT8; precision++) {
        const bool is_f32 = precision == SLUICE_PRECISION_F32;
        const sl_setting setting = {.threads = 2, .gemm = SLUICE_GEMM_FUSED, .precision = precision, .has_accuracy = is_f32};
        ck_assert_msg(sl_fixture_run(fixture, &setting, &plan, &result, &error) == 0, "%s", error.message);
        ck_assert_int_eq(result.setting.precision, precision);
        const sl_accuracy *found = &result.accuracy;
        ck_assert(shape->batch > 1 ? found->dependence == 0 : isnan(found->dependence));
        ck_assert(is_f32 ? found->error == 0 : found->error <= sl_precision_bound(shape, precision));
        ck_assert(found->error_rms <= found->error);
    }
}

TEST(accuracy_of_f32_is_measured_if_asked_for)
{
    const sl_timing_plan plan = {1e-6, 1, 0, NULL};
    const sl_setting setting = {.gemm = SLUICE_GEMM_FUSED, .precision = SLUICE_PRECISION_F32};
    OWNED_HANDLE(sl_fixture) fixture = NULL;
    sl_result result;
    sluice_error error = {0};
    ck_assert_msg(sl_fixture_create(&cases[0], CHECKED_FLOP, &fixture, &error) == 0, "%s", error.message);
    ck_assert_msg(sl_fixture_run(fixture, &setting, &plan, &result, &error) == 0, "%s", error.message);
    ck_assert(isnan(result.accuracy.error) && isnan(result.accuracy.error_rms) && isnan(result.accuracy.dependence));
}

/* By hand: 6 steps, times the root of 1 + I / H of the widest layer. */
TEST(bounds_of_low_precision_grow_with_the_terms)
{
    sl_case shape = {.steps = 1, .batch = 1, .input = 30, .hidden = 10, .layers = 1, .directions = 1};
    ck_assert_double_eq_tol(sl_precision_bound(&shape, SLUICE_PRECISION_INT8), 6 * 2 / 127.0, 1e-12);
    ck_assert_double_eq_tol(sl_precision_bound(&shape, SLUICE_PRECISION_BF16), 6 * 2 / 256.0, 1e-12);
    shape.layers = 2;
    shape.directions = 8; /* which no case has: 80 inputs */
    ck_assert_double_eq_tol(sl_precision_bound(&shape, SLUICE_PRECISION_BF16), 6 * 3 / 256.0, 1e-12);
}

TEST(training_is_in_f32)
{
    const sl_timing_plan plan = {1e-6, 1, 0, NULL};
    const sl_setting setting = {.precision = SLUICE_PRECISION_BF16, .gemm = SLUICE_GEMM_FUSED};
    sl_case shape = cases[0];
    shape.train = SL_TRAIN_FORWARD;
    OWNED_HANDLE(sl_fixture) fixture = NULL;
    sl_result result;
    sluice_error error = {0};
    ck_assert_msg(sl_fixture_create(&shape, CHECKED_FLOP, &fixture, &error) == 0, "%s", error.message);
    ck_assert_int_eq(sl_fixture_run(fixture, &setting, &plan, &result, &error), SLUICE_STATUS_UNSUPPORTED);
    ck_assert_msg(strstr(error.message, "sluice trains in f32 alone") && strstr(error.message, "bf16"), "%s", error.message);
}

TEST(measuring_is_for_equal_rows)
{
    const sl_timing_plan plan = {1e-6, 1, 0, NULL};
    const sl_case shapes[] = {cases[0], cases[1]};
    for (size_t k = 0; k < 2; k++) {
        for (unsigned gemm = SLUICE_GEMM_FUSED; gemm <= SLUICE_GEMM_BLIS; gemm++) {
            const sl_setting setting = {.threads = 2, .gemm = (sluice_gemm)gemm, .measure = true};
            OWNED_HANDLE(sl_fixture) fixture = NULL;
            sl_result result;
            sluice_error error = {0};
            ck_assert_msg(sl_fixture_create(&shapes[k], CHECKED_FLOP, &fixture, &error) == 0, "%s", error.message);
            ck_assert_msg(sl_fixture_run(fixture, &setting, &plan, &result, &error) == 0, "%s", error.message);
            ck_assert_int_eq(result.setting.measure, gemm == SLUICE_GEMM_FUSED && !shapes[k].ragged);
        }
    }
}
