/* Files of tuned plans: loading gives what was saved; every damaged file is refused with the line, and the engine's plans stay. */
#include "base/system/cpu.h"
#include "engine/schedule/tuned_plan_list.h"

#include "support/files.h"
#include "support/message.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_train.h"
#include "sluice_tools.h"

enum { THREADS = 6, ROOM = 4096 };

static const sluice_shape stack = {TEST_LDIH(2, 1, 3, 5), .has_bias = 1};
static const sluice_shape both_ways = {TEST_LDIH(2, 2, 3, 5), .has_bias = 1};

static sluice_engine *make_engine(const sluice_shape *shape, const sluice_engine_options *options)
{
    OWNED_HANDLE(sluice_model) model = NULL;
    sluice_engine *engine;
    SUCCEEDS(sluice_model_create_initial, shape, SLUICE_INITIALIZER_UNIFORM, 1, NULL, &model);
    SUCCEEDS(sluice_engine_create, model, options, &engine);
    return engine;
}

static sluice_engine *make_auto(const sluice_shape *shape)
{
    const sluice_engine_options options = test_options(SLUICE_ISA_SCALAR, THREADS, SLUICE_SCHEDULE_AUTO);
    return make_engine(shape, &options);
}

static void learn(sluice_engine *engine, const sl_tuned_plan *entries, size_t count)
{
    for (size_t k = 0; k < count; k++)
        ck_assert_int_eq(sl_tuned_plan_store(engine, &entries[k], NULL), SLUICE_STATUS_OK);
}

static const sl_tuned_plan *find(const sluice_engine *engine, size_t rows, size_t steps)
{
    for (size_t k = 0; k < engine->tuned_plan_count; k++)
        if (engine->tuned_plans[k].rows == rows && engine->tuned_plans[k].steps == steps)
            return &engine->tuned_plans[k];
    return NULL;
}

/* The engine knows these, seconds to the nanosecond, and no more. */
static void check_knows(const sluice_engine *engine, const sl_tuned_plan *entries, size_t count)
{
    ck_assert_uint_eq(engine->tuned_plan_count, count);
    for (size_t k = 0; k < count; k++) {
        const sl_tuned_plan *found = find(engine, entries[k].rows, entries[k].steps);
        ck_assert_msg(found != NULL, "%zu rows of %zu steps are not known", entries[k].rows, entries[k].steps);
        ck_assert_uint_eq(found->plan.thread_groups, entries[k].plan.thread_groups);
        ck_assert_uint_eq(found->plan.threads_per_group, entries[k].plan.threads_per_group);
        ck_assert_int_eq(found->plan.hoists, entries[k].plan.hoists);
        ck_assert_int_eq(found->plan.wavefront, entries[k].plan.wavefront);
        ck_assert_double_eq_tol(found->seconds, entries[k].seconds, 0.6e-9);
    }
}

static const sl_tuned_plan entries[] = {
    {64, 50, {2, 1, false, false}, 0.001234567},
    {1, 100, {1, 6, true, true}, 0.25},
    {SIZE_MAX, SIZE_MAX, {2, 3, false, true}, 123456.789},
    {1, 1, {1, 1, true, false}, 1e-9},
};
enum { ENTRIES = sizeof entries / sizeof entries[0] };

/* ---- What is right --------------------------------------------------------------------------------------------------------- */

TEST(what_is_saved_is_loaded)
{
    for (size_t count = 0; count <= ENTRIES; count++) {
        OWNED_HANDLE(sluice_engine) from = make_auto(&stack);
        OWNED_HANDLE(sluice_engine) to = make_auto(&stack);
        learn(from, entries, count);
        SUCCEEDS(sluice_plan_save, from, test_path("plans"));
        SUCCEEDS(sluice_plan_load, to, test_path("plans"));
        check_knows(to, entries, count);
        SUCCEEDS(sluice_plan_save, to, test_path("again"));
        test_bytes first = test_file_read(test_path("plans")), second = test_file_read(test_path("again"));
        ck_assert_uint_eq(first.size, second.size);
        test_bytes_free(&first);
        test_bytes_free(&second);
        ck_assert_uint_eq(test_folder_count(0), 2);
    }
}

TEST(the_file_is_the_one_described)
{
    sl_cpu cpu;
    char expected[ROOM];
    OWNED_HANDLE(sluice_engine) engine = make_auto(&stack);
    sl_cpu_get(&cpu);
    learn(engine, entries, 2);
    ck_assert_int_eq(sluice_plan_save(engine, test_path("plans"), NULL), SLUICE_STATUS_OK);
    snprintf(expected, sizeof expected,
             "sluice-plans 1\n"
             "network layers=2 directions=1 inputs=3 hidden=5 vocabulary=0\n"
             "machine isa=scalar gemm=fused threads=6 cpu=%s\n"
             "rows=64 steps=50 teams=2 members=1 hoists=0 wavefront=0 seconds=0.001234567\n"
             "rows=1 steps=100 teams=1 members=6 hoists=1 wavefront=1 seconds=0.250000000\n",
             cpu.name);
    OWNED(test_bytes) file = test_file_read(test_path("plans"));
    test_bytes_add(&file, "", 1);
    ck_assert_uint_eq(file.size, strlen(expected) + 1);
    for (const char *line = strtok(expected, "\n"); line; line = strtok(NULL, "\n")) /* in the order of measuring, or of the file */
        ck_assert_msg(strstr((const char *)file.data, line) != NULL, "\"%s\" is not in\n%s", line, (const char *)file.data);
}

TEST(loading_adds_and_replaces)
{
    const sl_tuned_plan own[] = {{64, 50, {6, 1, true, false}, 9}, {7, 7, {3, 2, false, false}, 8}};
    OWNED_HANDLE(sluice_engine) from = make_auto(&stack);
    OWNED_HANDLE(sluice_engine) to = make_auto(&stack);
    learn(from, entries, ENTRIES);
    learn(to, own, 2);
    ck_assert_int_eq(sluice_plan_save(from, test_path("plans"), NULL), SLUICE_STATUS_OK);
    ck_assert_int_eq(sluice_plan_load(to, test_path("plans"), NULL), SLUICE_STATUS_OK);
    const sl_tuned_plan *replaced = find(to, 64, 50), *kept = find(to, 7, 7);
    ck_assert_uint_eq(to->tuned_plan_count, ENTRIES + 1);
    ck_assert(replaced && replaced->plan.thread_groups == 2 && !replaced->plan.hoists);
    ck_assert(kept && kept->plan.threads_per_group == 2 && kept->seconds == 8);
}

TEST(what_was_measured_is_saved_and_planned)
{
    sluice_plan first = {.struct_size = sizeof first}, second = first;
    sluice_candidate chosen = {.struct_size = sizeof chosen};
    const sluice_engine_options options = test_options(SLUICE_ISA_SCALAR, 2, SLUICE_SCHEDULE_AUTO);
    OWNED_HANDLE(sluice_engine) from = make_engine(&stack, &options);
    OWNED_HANDLE(sluice_engine) to = make_engine(&stack, &options);
    SUCCEEDS(sluice_plan_measure, from, 3, 4, NULL);
    SUCCEEDS(sluice_plan_save, from, test_path("plans"));
    SUCCEEDS(sluice_plan_load, to, test_path("plans"));
    SUCCEEDS(sluice_plan_get, from, 3, 4, NULL, &first);
    SUCCEEDS(sluice_plan_get, to, 3, 4, NULL, &second);
    ck_assert_uint_eq(first.chosen, second.chosen);
    SUCCEEDS(sluice_plan_get_candidate, to, 3, 4, NULL, second.chosen, &chosen);
    ck_assert_double_gt(chosen.seconds, 0);
}

/* The ways that a file may teach are more than those that measuring would: all give the right bits. */
TEST_LOOP(any_way_has_the_same_bits, 0, 2)
{
    const sluice_shape shape = {TEST_LDIH(2, _i ? 2 : 1, 3, 20), .has_bias = 1};
    enum { BATCH = 7, STEPS = 9 };
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1, &random);
    OWNED(test_batch) batch = test_batch_random(&shape, BATCH, STEPS, TEST_STATES, &random);
    OWNED(test_rows) rows = test_reference(&shape, network.model, &batch);
    const test_isa_list isas = test_isas();
    OWNED(test_runner) runner = test_runner_create(network.model, isas.isa[isas.count - 1], THREADS, SLUICE_SCHEDULE_AUTO);
    for (unsigned groups = 1; groups <= THREADS; groups++)
        for (unsigned threads = 1; groups * threads <= THREADS; threads++)
            for (unsigned flags = 0; flags < (shape.directions == 1 ? 4 : 2); flags++) {
                sl_tuned_plan entry = {BATCH, STEPS, {groups, threads, flags & 1, flags & 2}, 1};
                learn(runner.engine, &entry, 1);
                ck_assert_int_eq(sluice_plan_save(runner.engine, test_path("plans"), NULL), SLUICE_STATUS_OK);
                runner.engine->tuned_plan_count = 0;
                ck_assert_int_eq(sluice_plan_load(runner.engine, test_path("plans"), NULL), SLUICE_STATUS_OK);
                test_against(&runner, &shape, &batch, &rows, 0);
            }
}

TEST(seconds_need_no_nine_places)
{
    static const struct {
        const char *text;
        double seconds;
    } forms[] = {{"0.5", 0.5}, {"1.0", 1}, {"0.001234", 0.001234}, {"0.000000001", 1e-9}, {"1000000000.0", 1e9}};
    for (size_t k = 0; k < sizeof forms / sizeof forms[0]; k++) {
        OWNED_HANDLE(sluice_engine) engine = make_auto(&stack);
        char line[128];
        snprintf(line, sizeof line, "rows=1 steps=1 teams=1 members=1 hoists=0 wavefront=0 seconds=%s\n", forms[k].text);
        ck_assert_int_eq(sluice_plan_save(engine, test_path("plans"), NULL), SLUICE_STATUS_OK);
        OWNED(test_bytes) file = test_file_read(test_path("plans"));
        test_bytes_add_text(&file, line);
        test_file_write(test_path("plans"), file.data, file.size);
        SUCCEEDS(sluice_plan_load, engine, test_path("plans"));
        ck_assert_double_eq_tol(engine->tuned_plans[0].seconds, forms[k].seconds, 1e-15 * forms[k].seconds);
    }
}

/* ---- What is wrong --------------------------------------------------------------------------------------------------------- */

/* Loading is refused with BAD_DATA, the file's name and `part`, and the engine knows what it knew. */
static void check_refused(const char *name, const sluice_shape *shape, const void *data, size_t size, const char *part)
{
    const sl_tuned_plan own[] = {{64, 50, {6, 1, true, false}, 9}, {7, 7, {3, 2, false, false}, 8}};
    const char *path = test_path("bad");
    sluice_error error = {0};
    OWNED_HANDLE(sluice_engine) engine = make_auto(shape);
    learn(engine, own, 2);
    test_file_write(path, data, size);
    const sluice_status status = sluice_plan_load(engine, path, &error);
    ck_assert_msg(status == SLUICE_STATUS_BAD_DATA, "%s: status %d: %s", name, status, error.message);
    test_check_message(name, &error, status, part);
    test_check_message(name, &error, status, path);
    test_check_message(name, &error, status, "expected");
    test_check_message(name, &error, status, "found");
    check_knows(engine, own, 2);
    ck_assert_int_eq(sluice_plan_load(engine, path, NULL), SLUICE_STATUS_BAD_DATA);
}

/* The head that such an engine writes, and two good lines. */
static void make_good(const sluice_shape *shape, char text[ROOM])
{
    OWNED_HANDLE(sluice_engine) engine = make_auto(shape);
    learn(engine, entries, 1);
    ck_assert_int_eq(sluice_plan_save(engine, test_path("good"), NULL), SLUICE_STATUS_OK);
    OWNED(test_bytes) file = test_file_read(test_path("good"));
    ck_assert_uint_lt(file.size, ROOM / 2);
    memcpy(text, file.data, file.size);
    strcpy(text + file.size, "rows=8 steps=9 teams=2 members=3 hoists=1 wavefront=0 seconds=0.5\n");
}

/* What stands in a good file is written over by something else; the message has `part`. */
static const struct {
    const char *from, *to, *part;
} damages[] = {
    {"sluice-plans 1", "sluice-plans 2", "line 1: expected \"sluice-plans 1\", found \"sluice-plans 2\""},
    {"sluice-plans 1", "", "line 1: expected \"sluice-plans 1\", found the end of the line"},
    {"sluice-plans 1\n", "", "line 1:"},
    {"sluice-plans 1\n", "\n sluice-plans 1\n", "line 1:"},
    {"sluice-plans 1", "sluice-plans 1 ", "line 1:"},
    {"sluice-plans 1", "sluice-plans 1\r", "line 1:"},
    {"layers=2", "layers=3", "line 2: expected \"network layers=2"},
    {"directions=1", "directions=2", "line 2:"},
    {"inputs=3", "inputs=4", "line 2:"},
    {"hidden=5", "hidden=05", "line 2:"},
    {"vocabulary=0", "vocabulary=1", "line 2:"},
    {"vocabulary=0", "vocabulary=0 more=1", "line 2:"},
    {"isa=scalar", "isa=avx2", "line 3: expected \"machine isa=scalar"},
    {"gemm=fused", "gemm=blis", "line 3:"},
    {"threads=6", "threads=5", "line 3:"},
    {"cpu=", "cpu=Other ", "line 3:"},
    {"rows=64", "rows=0", "line 4: expected \"rows=\" and a number from 1 to 18446744073709551615, found \"rows=0 steps="},
    {"rows=64", "rows=-1", "line 4:"},
    {"rows=64", "rows=+64", "line 4:"},
    {"rows=64", "rows=064", "line 4:"},
    {"rows=64", "rows=", "line 4:"},
    {"rows=64", "rows=64x", "line 4: expected \" steps=\""},
    {"rows=64", "rows=18446744073709551616", "line 4:"},
    {"rows=64", "rows=184467440737095516150", "line 4:"},
    {"rows=64", " rows=64", "line 4:"},
    {"rows=64", "columns=64", "line 4:"},
    {"rows=64 ", "", "line 4:"},
    {"rows=64", "\nrows=64", "line 4: expected \"rows=\" and a number from 1 to 18446744073709551615, found the end of the line"},
    {" steps=50", "  steps=50", "line 4:"},
    {" steps=50", "\tsteps=50", "line 4:"},
    {"steps=50", "steps=0", "line 4:"},
    {"teams=2 members=1", "teams=0 members=1", "line 4: expected \" teams=\" and a number from 1 to 6"},
    {"teams=2 members=1", "teams=7 members=1", "line 4:"},
    {"teams=2 members=1", "teams=2 members=0", "line 4: expected \" members=\" and a number from 1 to 3"},
    {"teams=2 members=1", "teams=2 members=4", "line 4:"},
    {"teams=2 members=1", "teams=4294967298 members=1", "line 4:"},
    {"members=3", "members=4", "line 5:"},
    {"hoists=0", "hoists=2", "line 4: expected \" hoists=\" and a number from 0 to 1"},
    {"hoists=0", "hoists=yes", "line 4:"},
    {"wavefront=0", "wavefront=2", "line 4: expected \" wavefront=\""},
    {"seconds=0.001234567", "seconds=0.000000000", "line 4: expected \" seconds=\""},
    {"seconds=0.001234567", "seconds=0", "line 4:"},
    {"seconds=0.001234567", "seconds=1", "line 4:"},
    {"seconds=0.001234567", "seconds=1.", "line 4:"},
    {"seconds=0.001234567", "seconds=.5", "line 4:"},
    {"seconds=0.001234567", "seconds=-0.5", "line 4:"},
    {"seconds=0.001234567", "seconds=0.0012345678", "line 4:"},
    {"seconds=0.001234567", "seconds=1.0012345678", "line 4:"},
    {"seconds=0.001234567", "seconds=0,001234567", "line 4:"},
    {"seconds=0.001234567", "seconds=inf", "line 4:"},
    {"seconds=0.001234567", "seconds=nan", "line 4:"},
    {"seconds=0.001234567", "seconds=1e-3", "line 4:"},
    {"seconds=0.001234567", "seconds=1.0e9", "line 4:"},
    {"seconds=0.001234567", "seconds=1000000001.0", "line 4:"},
    {"seconds=0.001234567", "seconds=99999999999999999999.0", "line 4:"},
    {"seconds=0.001234567", "seconds=0.001234567 ", "line 4:"},
    {"seconds=0.001234567", "seconds=0.001234567 more=1", "line 4:"},
    {"seconds=0.001234567", "second=0.001234567", "line 4:"},
    {"seconds=0.5\n", "seconds=0.5", "line 5: expected a line's end, found the end of the file"},
    {"seconds=0.5\n", "seconds=0.5\n\n", "line 6:"},
    {"seconds=0.5\n", "seconds=0.5\nrow", "line 6: expected a line's end"},
    {"rows=8 steps=9", "rows=64 steps=50", "line 5: expected another batch size, found 64 rows of 50 steps as in line 4"},
};

TEST_EACH(damages_are_refused, damages)
{
    char good[ROOM], bad[2 * ROOM];
    make_good(&stack, good);
    const char *at = strstr(good, damages[_i].from);
    ck_assert_msg(at != NULL, "\"%s\" is not in\n%s", damages[_i].from, good);
    snprintf(bad, sizeof bad, "%.*s%s%s", (int)(at - good), good, damages[_i].to, at + strlen(damages[_i].from));
    check_refused(damages[_i].to, &stack, bad, strlen(bad), damages[_i].part);
}

TEST(a_wavefront_needs_a_stack)
{
    char text[ROOM];
    make_good(&both_ways, text);
    char *flag = strstr(text, "wavefront=0");
    ck_assert_ptr_nonnull(flag);
    flag[strlen("wavefront=")] = '1';
    check_refused("wavefront", &both_ways, text, strlen(text), "line 4: expected no wavefront");
}

TEST(cut_files_are_refused)
{
    char text[ROOM];
    make_good(&stack, text);
    size_t whole = 0; /* of the file's lines, without the first three an error, and with more of them what a file may be */
    for (size_t size = 0; size < strlen(text); size++) {
        whole += size && text[size - 1] == '\n';
        if (whole < 3 || text[size - 1] != '\n') {
            char line[32];
            snprintf(line, sizeof line, "line %zu: expected", whole + 1);
            check_refused("cut", &stack, text, size, line);
        }
    }
}

TEST(bytes_that_are_no_text)
{
    char text[ROOM];
    make_good(&stack, text);
    const size_t size = strlen(text);
    strstr(text, "steps=50")[0] = '\0';
    check_refused("NUL", &stack, text, size, "line 4: expected text, found a NUL byte");
    static char large[(1 << 20) + 1];
    memset(large, '\n', sizeof large);
    check_refused("large", &stack, large, sizeof large, "byte 1048576");
    make_good(&stack, text);
    memcpy(large, text, size);
    memset(large + size, 'x', sizeof large - 1 - size);
    check_refused("long line", &stack, large, sizeof large - 1, "line 6: expected a line's end");
}

/* Bytes changed at random: refused, or a file as good as any; and never both. */
TEST(mutations)
{
    uint64_t random = test_seed();
    const size_t rounds = test_by_depth(300, 1000, 3000);
    char good[ROOM], bad[ROOM];
    make_good(&stack, good);
    const size_t size = strlen(good);
    OWNED_HANDLE(sluice_engine) engine = make_auto(&stack);
    for (size_t k = 0; k < rounds; k++) {
        memcpy(bad, good, size);
        for (uint64_t changes = 1 + test_random(&random) % 3; changes; changes--)
            bad[test_random(&random) % size] =
                test_random(&random) % 2 ? (char)test_random(&random) : "0123456789 =\n."[test_random(&random) % 14];
        test_file_write(test_path("bad"), bad, size);
        sluice_error error = {0};
        const size_t before = engine->tuned_plan_count;
        const sluice_status status = sluice_plan_load(engine, test_path("bad"), &error);
        if (status) {
            ck_assert_int_eq(status, SLUICE_STATUS_BAD_DATA);
            ck_assert_uint_eq(engine->tuned_plan_count, before);
            test_check_message("mutation", &error, status, "measure again");
        }
        for (size_t j = 0; j < engine->tuned_plan_count; j++) {
            const sl_tuned_plan *entry = &engine->tuned_plans[j];
            ck_assert(entry->rows && entry->steps && entry->plan.thread_groups && entry->plan.threads_per_group &&
                      entry->seconds > 0);
            ck_assert_uint_le(entry->plan.thread_groups * entry->plan.threads_per_group, THREADS);
        }
    }
}

/* What is the fastest in one precision is not in another. */
TEST(each_precision_has_its_own)
{
    sluice_engine_options options = test_options(SLUICE_ISA_SCALAR, 2, SLUICE_SCHEDULE_AUTO);
    for (int saved = SLUICE_PRECISION_F32; sluice_precision_get_name((sluice_precision)saved); saved++)
        for (int loaded = SLUICE_PRECISION_F32; sluice_precision_get_name((sluice_precision)loaded); loaded++) {
            options.precision = (sluice_precision)saved;
            OWNED_HANDLE(sluice_engine) from = make_engine(&stack, &options);
            options.precision = (sluice_precision)loaded;
            OWNED_HANDLE(sluice_engine) to = make_engine(&stack, &options);
            SUCCEEDS(sluice_plan_measure, from, 3, 4, NULL);
            SUCCEEDS(sluice_plan_save, from, test_path("plans"));
            if (saved == loaded)
                SUCCEEDS(sluice_plan_load, to, test_path("plans"));
            else
                REFUSED(SLUICE_STATUS_BAD_DATA, "\"machine isa=", sluice_plan_load, to, test_path("plans"));
            ck_assert_uint_eq(to->tuned_plan_count, saved == loaded);
        }
}

/* ---- Other failures -------------------------------------------------------------------------------------------------------- */

TEST(engines_that_do_not_choose)
{
    OWNED_HANDLE(sluice_engine) from = make_auto(&stack);
    ck_assert_int_eq(sluice_plan_save(from, test_path("plans"), NULL), SLUICE_STATUS_OK);
    const sluice_engine_options options = test_options(SLUICE_ISA_SCALAR, THREADS, SLUICE_SCHEDULE_HOIST);
    OWNED_HANDLE(sluice_engine) fixed = make_engine(&stack, &options);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "hoist", sluice_plan_load, fixed, test_path("plans"));
}

TEST(arguments)
{
    OWNED_HANDLE(sluice_engine) engine = make_auto(&stack);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "engine", sluice_plan_save, NULL, "x");
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "path", sluice_plan_save, engine, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "engine", sluice_plan_load, NULL, "x");
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "path", sluice_plan_load, engine, NULL);
    REFUSED(SLUICE_STATUS_NO_INPUT, "absent", sluice_plan_load, engine, test_path("absent"));
    REFUSED(SLUICE_STATUS_NO_INPUT, test_folder, sluice_plan_load, engine, test_folder);
    REFUSED(SLUICE_STATUS_IO, "absent/", sluice_plan_save, engine, test_path("absent/plans"));
    REFUSED(SLUICE_STATUS_IO, "/dev/full", sluice_plan_save, engine, "/dev/full");
    ck_assert_uint_eq(test_folder_count(0), 0);
}

TEST_FIXTURE(test_folder_setup, test_folder_teardown)

/* Chains whose shapes, which are summaries, are the same. */
static sluice_engine *make_chain(size_t second)
{
    const sluice_layer layers[] = {{.struct_size = sizeof *layers, .kind = SLUICE_LAYER_LSTM, .units = 8},
                                   {.struct_size = sizeof *layers, .kind = SLUICE_LAYER_LSTM, .units = second}};
    const sluice_network network = {sizeof network, 3, 2, layers};
    sluice_model *model;
    sluice_engine *engine;
    SUCCEEDS(sluice_model_create_initial_network, &network, SLUICE_INITIALIZER_TORCH, 1, NULL, &model);
    SUCCEEDS(sluice_engine_create, model, NULL, &engine);
    sluice_model_destroy(model);
    return engine;
}

TEST(chains_are_distinguished)
{
    sluice_engine *one = make_chain(5), *other = make_chain(4);
    SUCCEEDS(sluice_plan_save, one, test_path("chain"));
    SUCCEEDS(sluice_plan_load, one, test_path("chain"));
    REFUSED(SLUICE_STATUS_BAD_DATA, "network", sluice_plan_load, other, test_path("chain"));
    sluice_engine_destroy(one);
    sluice_engine_destroy(other);
}
