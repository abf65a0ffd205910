/* Random cases of the forward pass (support/cases/scene.h), every output compared by memcmp with the plain loops of support/oracle/plain.c. A
 * case that fails is made smaller as long as it does, and printed as a line; with that line in SLUICE_TEST_CASE it is run alone, in
 * this process. SLUICE_TEST_CASES is how many there are. */
#include "base/size.h"
#include "engine/schedule/tuned_plan_list.h"
#include "support/float_blocks.h"
#include "support/oracle/plain.h"
#include "support/cases/scene.h"
#include "support/suite.h"

#include <signal.h>
#include <string.h>
#include <unistd.h>

/* ---- Running and comparing ---- */

/* An output, and what its indices are called. */
typedef struct view {
    const char *name;
    const float *got, *want;
    size_t count;
    struct {
        const char *name;
        size_t size, stride;
    } index[3];
} view;

static test_verdict compare(const view *v)
{
    test_verdict verdict = {""};
    if (!v->got || v->count == 0 || memcmp(v->got, v->want, v->count * sizeof *v->got) == 0)
        return verdict;
    for (size_t a = 0; a < v->index[0].size; a++)
        for (size_t b = 0; b < v->index[1].size; b++)
            for (size_t c = 0; c < v->index[2].size; c++) {
                const size_t at = a * v->index[0].stride + b * v->index[1].stride + c * v->index[2].stride;
                const uint32_t got = bits_of(v->got[at]), want = bits_of(v->want[at]);
                if (got == want)
                    continue;
                snprintf(verdict.text, sizeof verdict.text,
                         "%s: %s %zu, %s %zu, %s %zu is %08" PRIx32 " (%.9g), expected %08" PRIx32 " (%.9g)", v->name,
                         v->index[0].name, a, v->index[1].name, b, v->index[2].name, c, got, (double)v->got[at], want,
                         (double)v->want[at]);
                return verdict;
            }
    snprintf(verdict.text, sizeof verdict.text, "%s: something between its rows and steps was written", v->name);
    return verdict;
}

static test_verdict compare_outputs(const test_scene *s)
{
    const size_t hidden = s->shape.hidden, rows = s->value[ROWS], k = s->shape.layers * s->shape.directions;
    const view views[] = {
        {"y",
         s->got.y,
         s->want.y,
         s->y.count,
         {{"row", rows, s->y.row}, {"step", s->value[STEPS], s->y.step}, {"unit", s->y.width, 1}}},
        {"hn", s->got.hn, s->want.hn, s->states, {{"l*D+d", k, rows * hidden}, {"row", rows, hidden}, {"unit", hidden, 1}}},
        {"cn", s->got.cn, s->want.cn, s->states, {{"l*D+d", k, rows * hidden}, {"row", rows, hidden}, {"unit", hidden, 1}}},
        {"logits",
         s->got.logits,
         s->want.logits,
         s->logits,
         {{"batch", 1, 0}, {"row", rows, s->shape.classes}, {"class", s->shape.classes, 1}}},
    };
    test_verdict verdict = {""};
    for (size_t j = 0; j < sizeof views / sizeof views[0] && !verdict.text[0]; j++)
        verdict = compare(&views[j]);
    return verdict;
}

/* Store the case's plan as the tuned plan of its batch. */
static sluice_status store_plan(const test_scene *s, sluice_engine *engine, sluice_error *error)
{
    const uint64_t *v = s->value;
    if (v[SCHEDULE] != AUTO || v[GROUPS] == 0)
        return SLUICE_STATUS_OK;
    const size_t groups = sl_size_min(v[GROUPS], v[THREADS]);
    const size_t threads_per_group = sl_size_min(v[THREADS_PER_GROUP], v[THREADS] / groups);
    const sl_exec_plan plan = {.thread_groups = (unsigned)groups,
                               .threads_per_group = (unsigned)threads_per_group,
                               .hoists = v[HOISTS],
                               .wavefront = v[WAVEFRONT] && v[LAYERS] > 1 && v[DIRECTIONS] == 1 && threads_per_group > 1};
    const sl_tuned_plan entry = {.rows = v[ROWS], .steps = v[STEPS], .plan = plan, .seconds = 1.0};
    return sl_tuned_plan_store(engine, &entry, error);
}

static void tighten_limits(const test_scene *s, sluice_engine *engine)
{
    const uint64_t *v = s->value;
    sl_limits *limits = &engine->limits;
    limits->cpus = v[ALL_CPUS] ? (unsigned)v[THREADS] : limits->cpus;
    limits->row_block_rows = v[GROUP_ROWS] ? v[GROUP_ROWS] : limits->row_block_rows;
    limits->hoist_product_rows = sl_size_max(v[HOIST_ROWS] ? v[HOIST_ROWS] : limits->hoist_product_rows, limits->row_block_rows);
    limits->layer_buffer_floats = v[STACK_FLOATS] ? v[STACK_FLOATS] : limits->layer_buffer_floats;
    limits->auto_hoisted_rows = v[FEW_ROWS] ? v[FEW_ROWS] : limits->auto_hoisted_rows;
}

/* Batches of any size whose values are all NaN, so that what they leave behind in the workspace does not go unseen. */
static sluice_status run_before(const test_scene *s, const sluice_engine *engine, sluice_workspace *workspace, sluice_error *error)
{
    uint64_t random = s->value[SEED] + 1;
    sluice_status status = SLUICE_STATUS_OK;
    for (uint64_t j = 0; j < s->value[BEFORE] && !status; j++) {
        const size_t rows = test_scene_draw_small(ROWS, &random), steps = test_scene_draw_small(STEPS, &random);
        OWNED(test_batch) batch = test_batch_random(&s->shape, rows, steps, TEST_RAGGED | TEST_STATES, &random);
        test_prefill(batch.x, batch.x_count);
        test_prefill(batch.h0, batch.state_count);
        test_prefill(batch.c0, batch.state_count);
        status = sluice_forward(engine, workspace, &batch.batch, error);
    }
    return status;
}

static sluice_status run_engine(const test_scene *s, sluice_error *error)
{
    const uint64_t *v = s->value;
    sluice_schedule schedule;
    OWNED_HANDLE(sluice_engine) engine = NULL;
    OWNED_HANDLE(sluice_workspace) workspace = NULL;
    (void)test_scene_schedule(&(const test_case){.value = {[SCHEDULE] = v[SCHEDULE]}}, &schedule);
    const sluice_engine_options options = test_options((sluice_isa)v[ISA], (unsigned)v[THREADS], schedule);
    sluice_status status = sluice_engine_create(s->network.model, &options, &engine, error);
    if (!status) {
        tighten_limits(s, engine);
        status = store_plan(s, engine, error);
    }
    if (!status && v[WORKSPACE] != POOLED) {
        const bool fitted = v[WORKSPACE] == FITTED;
        status = sluice_workspace_create(engine, fitted ? v[ROWS] : 0, fitted ? v[STEPS] : 0, &workspace, error);
    }
    if (!status)
        status = run_before(s, engine, workspace, error);
    const sluice_batch batch = test_scene_batch(s, &s->got);
    if (!status)
        status = sluice_forward(engine, workspace, &batch, error);
    return status;
}

static test_verdict run_case(const test_case *given)
{
    test_verdict verdict = {""};
    if (!test_scene_possible(given))
        return verdict;
    OWNED(test_scene) s = test_scene_make(given);
    const sluice_batch want = test_scene_batch(&s, &s.want);
    test_plain_forward(&s.network.weights, &want);
    sluice_error error = {0};
    if (run_engine(&s, &error))
        snprintf(verdict.text, sizeof verdict.text, "it is refused: %.400s", error.message);
    else
        verdict = compare_outputs(&s);
    return verdict;
}

/* ---- The cases ---- */

static size_t count_cases(void)
{
    const char *text = getenv("SLUICE_TEST_CASES");
    const size_t count = text ? strtoull(text, NULL, 10) : test_by_depth(1000, 1000, 3000);
    ck_assert_msg(count > 0, "SLUICE_TEST_CASES is %s", text);
    return count;
}

/* A few times, since a race of threads is not lost each time. */
static test_verdict run_apart(const test_case *given)
{
    enum { TIMES = 3, SECONDS = 10 };
    const test_case same[TIMES] = {*given, *given, *given};
    test_verdict verdict;
    test_cases_apart(same, TIMES, run_case, SECONDS, &verdict);
    return verdict;
}

START_TEST(random_cases)
{
    enum { SECONDS = 120 };
    const size_t count = count_cases();
    FREED test_case *cases = calloc(count, sizeof *cases);
    for (size_t j = 0; j < count; j++)
        cases[j] = test_scene_draw(test_seed() + j);
    test_verdict why;
    const size_t at = test_cases_apart(cases, count, run_case, SECONDS, &why);
    printf("%zu of %zu random cases are right\n", at, count);
    if (at < count) {
        char line[TEST_LINE_BYTES];
        test_case_print(&test_scene_fields, &cases[at], line);
        printf("case %zu: %s\nSLUICE_TEST_CASE=\"%s\"\n", at, why.text, line);
        const test_verdict alone = run_apart(&cases[at]);
        ck_assert_msg(alone.text[0], "%s; but not when it is run alone\nSLUICE_TEST_CASE=\"%s\"", why.text, line);
        why = alone;
        const test_case smallest = test_case_shrink(&test_scene_fields, cases[at], run_apart, &why);
        test_case_print(&test_scene_fields, &smallest, line);
        ck_abort_msg("%s\nSLUICE_TEST_CASE=\"%s\"", why.text, line);
    }
}
END_TEST

START_TEST(given_case)
{
    test_case given;
    test_verdict verdict = test_case_parse(&test_scene_fields, getenv("SLUICE_TEST_CASE"), &given);
    ck_assert_msg(!verdict.text[0], "SLUICE_TEST_CASE: %s", verdict.text);
    ck_assert_msg(test_scene_possible(&given), "SLUICE_TEST_CASE: not on this machine, or not by this library");
    verdict = run_case(&given);
    ck_assert_msg(!verdict.text[0], "%s", verdict.text);
}
END_TEST

/* ---- Whether they would be found ---- */

/* Every output, and what lies between the rows and steps of y, is looked at: one flipped bit of any is reported by its place. */
START_TEST(flipped_bits)
{
    test_case given;
    const char *line = "seed=7 layers=2 rows=3 steps=4 hidden=5 classes=6 directions=2 y_layout=steps y_padding=2";
    ck_assert_str_eq(test_case_parse(&test_scene_fields, line, &given).text, "");
    OWNED(test_scene) s = test_scene_make(&given);
    const sluice_batch got = test_scene_batch(&s, &s.got), want = test_scene_batch(&s, &s.want);
    test_plain_forward(&s.network.weights, &got);
    test_plain_forward(&s.network.weights, &want);
    ck_assert_str_eq(compare_outputs(&s).text, "");
    const struct {
        float *at;
        const char *message;
    } flips[] = {
        {s.got.y + s.y.row + 3 * s.y.step + 9, "y: row 1, step 3, unit 9 is "},
        {s.got.y + s.y.width, "y: something between its rows and steps"},
        {s.got.hn, "hn: l*D+d 0, row 0, unit 0 is "},
        {s.got.cn + s.states - 1, "cn: l*D+d 3, row 2, unit 4 is "},
        {s.got.logits + 8, "logits: batch 0, row 1, class 2 is "},
    };
    for (size_t j = 0; j < sizeof flips / sizeof flips[0]; j++) {
        unsigned char *byte = (unsigned char *)flips[j].at;
        *byte ^= 1;
        const test_verdict verdict = compare_outputs(&s);
        ck_assert_msg(strncmp(verdict.text, flips[j].message, strlen(flips[j].message)) == 0, "%s, not: %s", verdict.text,
                      flips[j].message);
        *byte ^= 1;
    }
}
END_TEST

START_TEST(lines)
{
    static const char *const wrong[] = {"rows", "raws=3", "rows=", "rows=3x", "rows=0", "rows=51", "isa=sse", "isa=", "seed=-1"};
    test_case read;
    for (uint64_t j = 0; j < 500; j++) {
        const test_case drawn = test_scene_draw(test_seed() + j);
        char line[TEST_LINE_BYTES];
        test_case_print(&test_scene_fields, &drawn, line);
        ck_assert_str_eq(test_case_parse(&test_scene_fields, line, &read).text, "");
        ck_assert_msg(memcmp(read.value, drawn.value, sizeof read.value) == 0, "\"%s\" is read as another case", line);
    }
    for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++)
        ck_assert_msg(test_case_parse(&test_scene_fields, wrong[j], &read).text[0], "\"%s\" is taken", wrong[j]);
}
END_TEST

static test_verdict verdict_of(bool failing)
{
    return (test_verdict){.text = {failing ? '!' : '\0'}};
}

static test_verdict fail_by_sizes(const test_case *given)
{
    return verdict_of(given->value[HIDDEN] >= 17 && given->value[ROWS] >= 5);
}

static test_verdict fail_by_words(const test_case *given)
{
    const uint64_t *v = given->value;
    return verdict_of(v[SCHEDULE] == AUTO && v[LENGTHS] > UNIFORM && v[THREADS] > 2 && v[ROWS] > v[DIRECTIONS]);
}

/* The scheme of a crash: only the end of the process reports it. */
static test_verdict die_by_sizes(const test_case *given)
{
    if (fail_by_sizes(given).text[0])
        raise(SIGKILL);
    return verdict_of(false);
}

static test_verdict die_apart(const test_case *given)
{
    test_verdict verdict;
    test_cases_apart(given, 1, die_by_sizes, 60, &verdict);
    return verdict;
}

/* Draw until `count` cases have failed, and have each shrunk to the line. */
static void check_shrinking(test_judge *judge, unsigned count, const char *smallest)
{
    unsigned failed = 0;
    for (uint64_t seed = test_seed(); failed < count; seed++) {
        test_case drawn = test_scene_draw(seed);
        test_verdict why = judge(&drawn);
        if (!why.text[0])
            continue;
        failed++;
        char line[TEST_LINE_BYTES];
        drawn = test_case_shrink(&test_scene_fields, drawn, judge, &why);
        ck_assert_msg(why.text[0] && judge(&drawn).text[0], "what it was shrunk to does not fail");
        drawn.value[SEED] = 0;
        test_case_print(&test_scene_fields, &drawn, line);
        ck_assert_str_eq(line, smallest);
    }
}

START_TEST(seeded_failures)
{
    check_shrinking(fail_by_sizes, 100, "rows=5 hidden=17");
    check_shrinking(fail_by_words, 20, "rows=2 lengths=tail schedule=auto threads=3");
}
END_TEST

START_TEST(seeded_crashes)
{
    check_shrinking(die_apart, 3, "rows=5 hidden=17");
}
END_TEST

static test_verdict hang_at_three_rows(const test_case *given)
{
    while (given->value[ROWS] == 3)
        pause();
    return verdict_of(given->value[ROWS] > 5);
}

/* Which of several cases failed, and how. */
START_TEST(apart)
{
    test_case cases[4];
    for (uint64_t j = 0; j < 4; j++) {
        cases[j] = test_scene_draw(test_seed());
        cases[j].value[HIDDEN] = 20;
        cases[j].value[ROWS] = 1 + j;
    }
    test_verdict why;
    ck_assert_uint_eq(test_cases_apart(cases, 4, die_by_sizes, 60, &why), 4);
    ck_assert_str_eq(why.text, "");
    ck_assert_uint_eq(test_cases_apart(cases, 4, hang_at_three_rows, 1, &why), 2);
    ck_assert_str_eq(why.text, "it came to no end within 1 seconds");
    cases[2].value[ROWS] = 5;
    ck_assert_uint_eq(test_cases_apart(cases, 4, die_by_sizes, 60, &why), 2);
    ck_assert_ptr_nonnull(strstr(why.text, "it was ended by signal 9"));
    cases[2].value[ROWS] = 6;
    ck_assert_uint_eq(test_cases_apart(cases, 4, hang_at_three_rows, 60, &why), 2);
    ck_assert_str_eq(why.text, "!");
}
END_TEST

int main(void)
{
    test_begin();
    Suite *suite = suite_create("random");
    TCase *tcase = tcase_create("random");
    if (getenv("SLUICE_TEST_CASE")) {
        tcase_add_test(tcase, given_case);
    } else {
        tcase_add_test(tcase, flipped_bits);
        tcase_add_test(tcase, lines);
        tcase_add_test(tcase, seeded_failures);
        if (test_cases_are_apart()) {
            tcase_add_test(tcase, seeded_crashes);
            tcase_add_test(tcase, apart);
        }
        tcase_add_test(tcase, random_cases);
    }
    suite_add_tcase(suite, tcase);
    return test_run(suite);
}
