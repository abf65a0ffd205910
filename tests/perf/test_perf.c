/* sluice-bench: the grammar of its lists, what its options span, the harness's arithmetic. */
#include "base/clock.h"
#include "support/message.h"
#include "support/suite.h"
#include "support/cases/bench_words.h"

#include "perf/options/grammar.h"
#include "perf/measure/harness.h"
#include "perf/options/bench_options.h"

#include <getopt.h>
#include <string.h>

static const char *isa_name(size_t value)
{
    return sluice_isa_get_name((sluice_isa)value);
}

/* ---- The grammar ----------------------------------------------------------------------------------------------------------- */

static const struct {
    const char *text;
    size_t count;
    size_t values[8];
} good_lists[] = {
    {"7", 1, {7}},
    {"16,32", 2, {16, 32}},
    {"1-4", 4, {1, 2, 3, 4}},
    {"5-5", 1, {5}},
    {"32-1024*2", 6, {32, 64, 128, 256, 512, 1024}},
    {"3-100*3", 4, {3, 9, 27, 81}},
    {"1-2,10,20-80*2", 6, {1, 2, 10, 20, 40, 80}},
    {"4096-4096*7", 1, {4096}},
    {"0012", 1, {12}},
};

TEST_EACH(lists_are_read, good_lists)
{
    const size_t expected = good_lists[_i].count;
    sl_list list = {.count = 1, .values = {99}};
    const sl_argument argument = {"--batch", good_lists[_i].text};
    ck_assert_int_eq(sl_grammar_list(&argument, 4096, &list, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(list.count, 1 + expected);
    ck_assert_uint_eq(list.values[0], 99); /* what was there stays */
    for (size_t k = 0; k < expected; k++)
        ck_assert_uint_eq(list.values[1 + k], good_lists[_i].values[k]);
}

/* A list that is wrong, and words of the message that says so. */
static const struct {
    const char *text, *says;
} bad_lists[] = {
    {"", "character 1, found the end"},
    {"x", "character 1, found x"},
    {"4x", "did not expect 'x' at character 2"},
    {"4,", "character 3, found the end"},
    {",4", "character 1, found ,4"},
    {"4,,5", "character 3"},
    {"4-", "character 3, found the end"},
    {"-4", "character 1"},
    {"+4", "character 1"},
    {" 4", "character 1"},
    {"4 ", "character 2"},
    {"8-2", "write 2-8"},
    {"1-8*", "character 5"},
    {"1-8*1", "the least is 2"},
    {"1-8*0", "the least is 2"},
    {"1-8*2*2", "did not expect '*2'"},
    {"1-8-9", "did not expect '-9'"},
    {"8*2", "did not expect '*2'"},
    {"0", "0 is out of range; the least is 1"},
    {"0-4", "0 is out of range"},
    {"4097", "the largest 4096"},
    {"1-4097*2", "the largest 4096"},
    {"1-1025", "more than 1024 values"},
    {"18446744073709551616", "does not fit"},
    {"99999999999999999999999999", "does not fit"},
    {"0x10", "out of range"},
    {"1e3", "did not expect 'e3'"},
    {"4.5", "did not expect '.5'"},
};

TEST_EACH(wrong_lists_are_refused, bad_lists)
{
    sl_list list = {.count = 1, .values = {99}};
    sluice_error error = {0};
    const sl_argument argument = {"--batch", bad_lists[_i].text};
    ck_assert_int_eq(sl_grammar_list(&argument, 4096, &list, &error), SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_int_eq(error.status, SLUICE_STATUS_BAD_ARGUMENT);
    ck_assert_msg(strstr(error.message, bad_lists[_i].says), "'%s': '%s' is not in '%s'", argument.text, bad_lists[_i].says,
                  error.message);
    ck_assert_msg(strstr(error.message, "--batch") == error.message, "the option is not named: %s", error.message);
    ck_assert_uint_eq(list.count, 1);
}

TEST(a_range_ends_at_the_largest_number)
{
    sl_list list = {0};
    const sl_argument last = {"--x", "18446744073709551614-18446744073709551615"},
                      power = {"--x", "1-18446744073709551615*4294967296"};
    ck_assert_int_eq(sl_grammar_list(&last, SIZE_MAX, &list, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(list.count, 2);
    ck_assert_uint_eq(list.values[1], SIZE_MAX);
    ck_assert_int_eq(sl_grammar_list(&power, SIZE_MAX, &list, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(list.count, 4);
    ck_assert_uint_eq(list.values[3], (size_t)1 << 32);
}

TEST(tuples_are_whole)
{
    static const char *const wrong[] = {"",     "1",     "1,2",      "1,2,",    "1,2,3,4", "1,2,3,",
                                        "1,,3", "0,2,3", "1,2,9999", "1-2,2,3", "a,b,c"};
    size_t values[3];
    sluice_error error = {0};
    ck_assert_int_eq(sl_grammar_tuple(&(sl_argument){"--case", "50,64,256"}, "T,N,H", 3, 4096, values, NULL), SLUICE_STATUS_OK);
    ck_assert(values[0] == 50 && values[1] == 64 && values[2] == 256);
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        const sl_argument argument = {"--case", wrong[k]};
        ck_assert_msg(sl_grammar_tuple(&argument, "T,N,H", 3, 4096, values, &error) == SLUICE_STATUS_BAD_ARGUMENT, "'%s'",
                      wrong[k]);
        ck_assert_msg(strstr(error.message, "--case"), "%s", error.message);
    }
}

TEST(names_are_those_of_the_library)
{
    static const char *const wrong[] = {"", "avx", "avx22", "AVX2", "scalar,", ",scalar", "scalar,,avx2", "scalar avx2"};
    sl_list list = {0};
    sluice_error error = {0};
    ck_assert_int_eq(sl_grammar_names(&(sl_argument){"--isa", "avx2,scalar,auto"}, isa_name, &list, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(list.count, 3);
    ck_assert(list.values[0] == SLUICE_ISA_AVX2 && list.values[1] == SLUICE_ISA_SCALAR && list.values[2] == SLUICE_ISA_AUTO);
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++) {
        const sl_argument argument = {"--isa", wrong[k]};
        ck_assert_msg(sl_grammar_names(&argument, isa_name, &list, &error) == SLUICE_STATUS_BAD_ARGUMENT, "'%s'", wrong[k]);
        ck_assert_msg(strstr(error.message, "auto, scalar, avx2, avx512"), "%s", error.message);
        ck_assert_uint_eq(list.count, 3);
    }
}

TEST(seconds_have_a_range)
{
    static const char *const wrong[] = {"", "0", "-1", "nan", "inf", "1s", "3601", "x"};
    double seconds;
    ck_assert_int_eq(sl_grammar_seconds(&(sl_argument){"--min-time", "0.25"}, &seconds, NULL), SLUICE_STATUS_OK);
    ck_assert_double_eq(seconds, 0.25);
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
        ck_assert_int_eq(sl_grammar_seconds(&(sl_argument){"--min-time", wrong[k]}, &seconds, NULL), SLUICE_STATUS_BAD_ARGUMENT);
}

/* ---- The command line ------------------------------------------------------------------------------------------------------ */

TEST(options_span_all_combinations)
{
    static sl_bench_options options;
    size_t shapes, settings;
    const char *line =
        "--steps 5,6 --batch 1-3 --hidden 8,16 --input 4 --layers 1,2 10,20,30 --threads 1,2 --isa scalar,avx2 --case 1,2,3";
    ck_assert_int_eq(test_bench_parse(line, &options, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(shapes, (2 * 3 * 2 * 1 + 2) * 2);
    ck_assert_uint_eq(settings, 4);
    unsigned seen[2][3][2][2] = {0}, cases[2] = {0};
    for (size_t k = 0; k < shapes; k++) {
        const sl_case shape = sl_bench_options_get_case(&options, k);
        if (shape.steps == 10 || shape.steps == 1) {
            ck_assert_uint_eq(shape.input, shape.hidden);
            cases[shape.steps == 10] += shape.layers == 1 ? 1 : 16;
            continue;
        }
        ck_assert_uint_eq(shape.input, 4);
        seen[shape.steps - 5][shape.batch - 1][shape.hidden / 16][shape.layers - 1]++;
    }
    for (size_t k = 0; k < sizeof seen / sizeof(unsigned); k++)
        ck_assert_uint_eq((&seen[0][0][0][0])[k], 1);
    ck_assert(cases[0] == 17 && cases[1] == 17); /* with one and with two layers, once each */
    const sl_setting first = sl_bench_options_get_setting(&options, 0), last = sl_bench_options_get_setting(&options, 3);
    ck_assert(first.threads == 1 && first.isa == SLUICE_ISA_SCALAR && last.threads == 2 && last.isa == SLUICE_ISA_AVX2);
}

TEST(defaults_make_a_run)
{
    static sl_bench_options options;
    size_t shapes, settings;
    ck_assert_int_eq(test_bench_parse("", &options, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), SLUICE_STATUS_OK);
    ck_assert(shapes == 7 && settings == 1 && options.action == SL_ACTION_CASES && options.format == SL_BENCH_TABLE);
    ck_assert_uint_eq(sl_bench_options_get_setting(&options, 0).threads, 0);
    ck_assert_int_eq(test_bench_parse("--hidden 48", &options, NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), SLUICE_STATUS_OK);
    const sl_case shape = sl_bench_options_get_case(&options, 0);
    ck_assert(shapes == 1 && shape.hidden == 48 && shape.input == 48 && shape.layers == 1 && shape.directions == 1 &&
              !shape.ragged);
    ck_assert_int_eq(test_bench_parse("--kernels --bidirectional --ragged uniform --format md -o f", &options, NULL),
                     SLUICE_STATUS_OK);
    ck_assert(options.action == SL_ACTION_KERNELS && options.format == SL_BENCH_MD);
    const sl_case both = sl_bench_options_get_case(&options, 0);
    ck_assert(both.directions == 2 && both.ragged == SL_RAGGED_UNIFORM);
    ck_assert_str_eq(options.output, "f");
}

TEST(measuring_is_a_schedule)
{
    static sl_bench_options options;
    ck_assert_int_eq(test_bench_parse("--schedule auto,units,measure --ragged tail", &options, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_eq(options.schedule.count, 3);
    const sl_setting units = sl_bench_options_get_setting(&options, 1), measure = sl_bench_options_get_setting(&options, 2);
    ck_assert(!units.measure && units.schedule == SLUICE_SCHEDULE_UNITS);
    ck_assert(measure.measure && measure.schedule == SLUICE_SCHEDULE_AUTO);
    ck_assert_int_eq(sl_bench_options_get_case(&options, 0).ragged, SL_RAGGED_TAIL);
}

/* Threads vary fastest, then precisions; a set that compares them has all, unless some are asked for. */
TEST(precisions_are_swept)
{
    static sl_bench_options options;
    size_t shapes, settings;
    ck_assert_int_eq(test_bench_parse("--precision f32,int8 --threads 1,2 --isa scalar,avx2", &options, NULL), 0);
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, NULL), 0);
    ck_assert_uint_eq(settings, 8);
    for (size_t k = 0; k < settings; k++) {
        const sl_setting setting = sl_bench_options_get_setting(&options, k);
        ck_assert(setting.threads == 1 + k % 2 && setting.isa == (k < 4 ? SLUICE_ISA_SCALAR : SLUICE_ISA_AVX2));
        ck_assert(setting.precision == (k / 2 % 2 ? SLUICE_PRECISION_INT8 : SLUICE_PRECISION_F32) && setting.has_accuracy);
    }
    ck_assert_int_eq(test_bench_parse("--set precision", &options, NULL), 0);
    ck_assert(options.precision.count == 3 && options.precision.values[0] == SLUICE_PRECISION_F32 &&
              options.precision.values[1] == SLUICE_PRECISION_BF16 && options.precision.values[2] == SLUICE_PRECISION_INT8);
    ck_assert_int_eq(test_bench_parse("--set precision --precision f32", &options, NULL), 0);
    ck_assert(options.precision.count == 1 && !sl_bench_options_get_setting(&options, 0).has_accuracy);
    ck_assert_int_eq(test_bench_parse("", &options, NULL), 0);
    ck_assert(options.precision.count == 1 && options.precision.values[0] == SLUICE_PRECISION_AUTO);
}

TEST(wrong_options_are_refused)
{
    static const char *const wrong[] = {"--batch 0",
                                        "--format xml",
                                        "--format csv,md",
                                        "--ragged no",
                                        "--precision f16",
                                        "--repetitions 0",
                                        "--repetitions 1001",
                                        "--threads 1025",
                                        "--seed 9223372036854775808",
                                        "1,2",
                                        "--batch 1073741825"};
    static sl_bench_options options;
    for (size_t k = 0; k < sizeof wrong / sizeof wrong[0]; k++)
        ck_assert_msg(test_bench_parse(wrong[k], &options, NULL) == SLUICE_STATUS_BAD_ARGUMENT, "'%s'", wrong[k]);
}

TEST(too_many_combinations_are_refused)
{
    static sl_bench_options options;
    size_t shapes, settings;
    const char *line = "--steps 1-1024 --batch 1-1024 --input 1-1024 --hidden 1-1024 --layers 1-1024 --threads 1-1024";
    sluice_error error = {0};
    ck_assert_int_eq(test_bench_parse(line, &options, NULL), SLUICE_STATUS_OK);
    SUCCEEDS(sl_bench_options_count, &options, &shapes, &settings);
    options.isa.count = SL_LIST_MAX; /* 2^70: no command line is that long */
    ck_assert_int_eq(sl_bench_options_count(&options, &shapes, &settings, &error), SLUICE_STATUS_BAD_ARGUMENT);
}

/* ---- The harness ----------------------------------------------------------------------------------------------------------- */

TEST(a_summary_is_min_median_max)
{
    double one[] = {3}, odd[] = {5, 1, 4, 2, 9}, even[] = {8, 1, 2, 4};
    const sl_summary a = sl_summarise(1, one), b = sl_summarise(5, odd), c = sl_summarise(4, even);
    ck_assert(a.min == 3 && a.median == 3 && a.max == 3);
    ck_assert(b.min == 1 && b.median == 4 && b.max == 9);
    ck_assert(c.min == 1 && c.median == 3 && c.max == 8);
}

TEST(a_spread_is_relative)
{
    sl_timing timing = {.seconds = {2, 2.125, 7}, .reference = {1, 100, 104}};
    ck_assert_double_eq(sl_timing_spread(&timing), 0.0625);
    ck_assert_double_eq_tol(sl_timing_reference_spread(&timing), 0.04, 1e-15);
    ck_assert(!sl_timing_is_busy(&timing));
    timing.seconds.median = 2.5;
    ck_assert(sl_timing_is_busy(&timing));
    timing.seconds.median = 2;
    timing.reference.median = 80;
    ck_assert(sl_timing_is_busy(&timing));
    sl_bench_tally tally = {0};
    sl_bench_tally_add(&tally, &timing);
    timing.reference = (sl_summary){0};
    sl_bench_tally_add(&tally, &timing);
    ck_assert(tally.rows == 2 && tally.busy == 1);
}

typedef struct probe {
    size_t calls, references, fails_at, best_at;
    size_t calls_before_first_reference;
} probe;

static sluice_status count_call(void *context, sluice_error *error)
{
    probe *p = context;
    (void)error;
    return ++p->calls == p->fails_at ? SLUICE_STATUS_NO_MEMORY : SLUICE_STATUS_OK;
}

static double count_reference(void *context)
{
    probe *p = context;
    if (p->references++ == 0)
        p->calls_before_first_reference = p->calls;
    return p->references == p->best_at ? 50 : 40;
}

static size_t asked;

static bool stop_after_a_while(void)
{
    return ++asked > 4;
}

TEST(repetitions_and_references_alternate)
{
    enum { WARMUP = 5, REPETITIONS = 7, REFERENCES = REPETITIONS + 1 }; /* before, between and after */
    const sl_timing_plan plan = {1e-5, REPETITIONS, WARMUP, NULL};
    for (size_t best_at = 1; best_at <= REFERENCES; best_at++) {
        probe p = {.best_at = best_at};
        sl_timing timing;
        const double start = sl_clock_get();
        ck_assert_int_eq(sl_measure(&plan, &(sl_workload){count_call, count_reference, &p}, &timing, NULL), SLUICE_STATUS_OK);
        const double elapsed = sl_clock_get() - start;
        ck_assert_uint_eq(timing.repetitions, REPETITIONS);
        ck_assert_uint_eq(p.references, REFERENCES);
        ck_assert_double_eq(timing.reference.max, 50);
        ck_assert_double_eq(timing.reference.median, 40);
        const size_t calibration = 2 * timing.calls - 1, rewarming = timing.calls > 1 ? REPETITIONS : 0;
        ck_assert_uint_eq(p.calls_before_first_reference, WARMUP + calibration);
        ck_assert_uint_eq(p.calls, WARMUP + calibration + rewarming + REPETITIONS * timing.calls);
        ck_assert(timing.seconds.min > 0 && timing.seconds.min <= timing.seconds.median &&
                  timing.seconds.median <= timing.seconds.max);
        ck_assert_double_le(timing.seconds.min * (double)timing.calls * REPETITIONS,
                            elapsed); /* of one call, and no more than there was */
    }
}

TEST(a_failing_call_ends_it)
{
    const sl_timing_plan plan = {1e-5, 7, 2, NULL};
    for (size_t fails_at = 1; fails_at <= 40; fails_at++) { /* in the warm-up, the calibration and perhaps the repetitions */
        probe p = {.fails_at = fails_at};
        sl_timing timing;
        ck_assert_int_eq(sl_measure(&plan, &(sl_workload){count_call, count_reference, &p}, &timing, NULL),
                         SLUICE_STATUS_NO_MEMORY);
        ck_assert_uint_eq(p.calls, fails_at);
        ck_assert_uint_eq(timing.repetitions, 0);
    }
}

TEST(a_stop_ends_it)
{
    probe p = {0};
    sl_timing timing;
    const sl_timing_plan plan = {1e-9, 100, 0, stop_after_a_while};
    asked = 0;
    ck_assert_int_eq(sl_measure(&plan, &(sl_workload){count_call, NULL, &p}, &timing, NULL), SLUICE_STATUS_OK);
    ck_assert_uint_lt(timing.repetitions, 5);
    ck_assert_double_eq(timing.reference.max, 0);
}
