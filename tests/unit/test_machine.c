/* The figures of a machine: the table, their file, what engines take of them, and measuring. No bit of a result depends on them: checked
 * with figures near both ends of their range, which make engines choose other plans. */
#include "engine/engine.h"
#include "engine/schedule/candidates.h"
#include "engine/schedule/machine_figures.h"
#include "support/files.h"
#include "support/network.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <math.h>
#include <omp.h>
#include <string.h>

enum { FIGURES = 11 };

static const sluice_shape one = {TEST_LDIH(1, 1, 20, 100), .has_bias = 1};
static const sluice_shape stack = {TEST_LDIH(2, 1, 9, 40), .classes = 3, .has_bias = 1};

/* The table's figures for an instruction set. */
static sluice_machine table_of(sluice_isa isa)
{
    const sluice_engine_options options = test_options(isa, 2, SLUICE_SCHEDULE_AUTO);
    sluice_machine machine = {.struct_size = sizeof machine};
    SUCCEEDS(sluice_machine_get, &options, &machine);
    return machine;
}

static double *figure_of(sluice_machine *machine, size_t k)
{
    return sl_machine_figure_of(machine, sl_machine_figure_get(k));
}

static void check_same(sluice_machine *got, sluice_machine *want)
{
    for (size_t k = 0; k < FIGURES; k++)
        ck_assert_msg(*figure_of(got, k) == *figure_of(want, k), "%s: %.17g, expected %.17g", sl_machine_figure_get(k)->name,
                      *figure_of(got, k), *figure_of(want, k));
    ck_assert(got->isa == want->isa && got->threads == want->threads);
    ck_assert_str_eq(got->cpu, want->cpu);
    ck_assert_str_eq(got->version, want->version);
}

TEST(the_table_has_every_figure)
{
    const test_isa_list isas = test_isas();
    ck_assert_ptr_null(sl_machine_figure_get(FIGURES));
    for (size_t i = 0; i < isas.count; i++) {
        sluice_machine machine = table_of(isas.isa[i]);
        ck_assert_int_eq(machine.isa, isas.isa[i]);
        ck_assert_uint_eq(machine.threads, 0);
        ck_assert_str_eq(machine.version, sluice_version_get());
        ck_assert(machine.cpu[0] && strstr(machine.source, "table"));
        for (size_t k = 0; k < FIGURES; k++)
            ck_assert(*figure_of(&machine, k) > 0 && isfinite(*figure_of(&machine, k)));
        ck_assert_double_le(machine.dram_bytes, machine.l3_bytes);
        ck_assert_double_le(machine.l3_bytes, machine.l2_bytes);
        ck_assert_double_le(machine.shared_l3_bytes, machine.l3_bytes);
    }
}

TEST(refusals)
{
    sluice_machine machine = {.struct_size = sizeof machine}, small = {.struct_size = 16}, wrong = table_of(SLUICE_ISA_SCALAR);
    const sluice_engine_options options = {.struct_size = 3};
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NULL", sluice_machine_get, NULL, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_machine_get, NULL, &small);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_machine_get, &options, &machine);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_machine_measure, NULL, NULL, &small);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NULL", sluice_machine_load, "figures", NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "path", sluice_machine_load, NULL, &machine);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "path", sluice_machine_save, &wrong, NULL);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "NULL", sluice_machine_save, NULL, "figures");
    REFUSED(SLUICE_STATUS_NO_INPUT, "absent", sluice_machine_load, "/absent/figures", &machine);
    REFUSED(SLUICE_STATUS_IO, "absent", sluice_machine_save, &wrong, "/absent/figures");
    wrong.isa = (sluice_isa)77;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "instruction set", sluice_machine_save, &wrong, "/absent/figures");
    wrong = table_of(SLUICE_ISA_SCALAR);
    wrong.barrier_cycles = NAN;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "barrier_cycles", sluice_machine_save, &wrong, "/absent/figures");
}

/* Engines copy the figures that they are given, and refuse those that are none. */
TEST(engines_take_figures)
{
    static const double bad[] = {0, -1, NAN, INFINITY, 1e-9, 1e30};
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&one, 1.0f, &random);
    sluice_engine_options options = test_options(SLUICE_ISA_SCALAR, 2, SLUICE_SCHEDULE_AUTO);
    sluice_machine machine = table_of(SLUICE_ISA_SCALAR), table = machine;
    sluice_engine *engine;
    SUCCEEDS(sluice_engine_create, network.model, &options, &engine);
    check_same(&engine->machine, &table);
    sluice_engine_destroy(engine);

    options.machine = &machine;
    machine.l2_bytes = 12.5;
    SUCCEEDS(sluice_engine_create, network.model, &options, &engine);
    machine.l2_bytes = 1;
    ck_assert(engine->machine.l2_bytes == 12.5 && engine->machine.region_cycles == table.region_cycles);
    sluice_engine_destroy(engine);

    for (size_t k = 0; k < FIGURES; k++)
        for (size_t b = 0; b < sizeof bad / sizeof bad[0]; b++) {
            machine = table;
            *figure_of(&machine, k) = bad[b];
            REFUSED(SLUICE_STATUS_BAD_ARGUMENT, sl_machine_figure_get(k)->name, sluice_engine_create, network.model, &options,
                    &engine);
        }
    machine = table;
    machine.struct_size = 40;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_engine_create, network.model, &options, &engine);
    machine = table;
    machine.isa = SLUICE_ISA_AVX2;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "figures of instruction set avx2", sluice_engine_create, network.model, &options, &engine);
    machine.isa = (sluice_isa)77;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "none", sluice_engine_create, network.model, &options, &engine);
}

/* Figures with which multiply-adds, weights, barriers or regions are the dearest, or cost hardly anything. */
TEST(no_bit_depends_on_them)
{
    enum { ROWS = 7, STEPS = 9 };
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&stack, 1.0f, &random);
    OWNED(test_batch) want = test_batch_random(&stack, ROWS, STEPS, TEST_RAGGED | TEST_STATES, &random);
    const test_isa_list isas = test_isas();
    unsigned plans = 0; /* a bit for each number of thread groups that was chosen */
    for (size_t i = 0; i < isas.count; i++) {
        sluice_engine_options options = test_options(isas.isa[i], 3, SLUICE_SCHEDULE_AUTO);
        sluice_machine machine = table_of(isas.isa[i]);
        const sluice_machine table = machine;
        test_run_once(network.model, &options, &want.batch);
        float *const y = test_floats(want.y_count);
        memcpy(y, want.y, want.y_count * sizeof *y);
        options.machine = &machine;
        for (size_t k = 0; k < 2 * FIGURES; k++) {
            machine = table;
            *figure_of(&machine, k / 2) = k % 2 ? 1e7 : 1e-2;
            OWNED(test_runner) runner = test_runner_of(network.model, &options);
            runner.engine->limits.cpus = 3; /* however few there are */
            const sl_batch_load load = sl_batch_load_get(runner.engine, ROWS, STEPS, want.lengths);
            plans |= 1u << sl_exec_plan_choose(runner.engine, &load).thread_groups;
            test_batch_prefill(&want);
            test_forward(&runner, &want.batch);
            test_same_bits(want.y, y, want.y_count, sl_machine_figure_get(k / 2)->name);
        }
        free(y);
    }
    ck_assert_msg(plans & (plans - 1), "only one number of thread groups was chosen: %#x", plans);
}

/* ---- Choice ----------------------------------------------------------------------------------------------------------------- */

/* Whether an engine that takes the machine to have two CPUs hoists a batch. */
static bool hoists(const sluice_shape *shape, const sluice_machine *machine, size_t rows, size_t steps)
{
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(shape, 1.0f, &random);
    sluice_engine_options options = test_options(machine->isa, 2, SLUICE_SCHEDULE_AUTO);
    options.machine = machine;
    OWNED(test_runner) runner = test_runner_of(network.model, &options);
    runner.engine->limits.cpus = 2;
    const sl_batch_load load = sl_batch_load_get(runner.engine, rows, steps, NULL);
    return sl_exec_plan_choose(runner.engine, &load).hoists;
}

/* Weights that come slowly are read once for many steps; where they come fast, nothing is gained by writing the products of x to a
 * buffer, whose rate is L2's. One step without states has no products of h. */
TEST(figures_decide)
{
    static const sluice_shape large = {TEST_LDIH(1, 1, 256, 256), .has_bias = 1};
    sluice_machine machine = table_of(SLUICE_ISA_SCALAR);
    machine.multiply_adds = 100;
    machine.l3_bytes = machine.shared_l3_bytes = machine.dram_bytes = 1;
    ck_assert(hoists(&large, &machine, 64, 50));
    machine.l2_bytes = 1;
    machine.l3_bytes = machine.shared_l3_bytes = machine.dram_bytes = 1000;
    ck_assert(!hoists(&large, &machine, 64, 50));
    ck_assert(!hoists(&large, &machine, 64, 1));
}

/* ---- Measuring -------------------------------------------------------------------------------------------------------------- */

static int stop_after(void *context)
{
    unsigned *left = context;
    return *left == 0 || --*left == 0;
}

TEST(measuring_ends_when_asked_to)
{
    for (unsigned asked = 1; asked < 4; asked++) {
        unsigned left = asked;
        const sluice_measure_options until = {.struct_size = sizeof until, .is_cancelled = stop_after, .context = &left};
        sluice_machine machine = table_of(SLUICE_ISA_AUTO), before = machine;
        REFUSED(SLUICE_STATUS_CANCELLED, "cancelled", sluice_machine_measure, NULL, &until, &machine);
        check_same(&machine, &before);
    }
}

TEST(measured_figures_are_figures)
{
    const sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 2, SLUICE_SCHEDULE_AUTO);
    sluice_machine machine = {.struct_size = sizeof machine}, table;
    SUCCEEDS(sluice_machine_measure, &options, NULL, &machine);
    table = table_of(machine.isa);
    ck_assert(machine.threads >= 1 && machine.threads <= 2);
    ck_assert_str_eq(machine.cpu, table.cpu);
    ck_assert_ptr_nonnull(strstr(machine.source, "measured"));
    for (size_t k = 1; k < FIGURES; k++) { /* but for multiply_adds */
        const double factor = *figure_of(&machine, k) / *figure_of(&table, k);
        ck_assert_msg(factor > 1 / 8.1 && factor < 8.1, "%s: %g of the table's", sl_machine_figure_get(k)->name, factor);
    }
    ck_assert(machine.multiply_adds > 0 && isfinite(machine.multiply_adds));
}

TEST(measuring_is_refused_in_a_region)
{
    sluice_status status = SLUICE_STATUS_OK;
    sluice_error error = {0};
#pragma omp parallel num_threads(2)
#pragma omp master
    {
        sluice_machine machine = {.struct_size = sizeof machine};
        status = sluice_machine_measure(NULL, NULL, &machine, &error);
    }
    test_refused(status, SLUICE_STATUS_BAD_ARGUMENT, &error, "parallel region");
}

/* ---- The file --------------------------------------------------------------------------------------------------------------- */

TEST_FIXTURE(test_folder_setup, test_folder_teardown)

static const char written[] =
    "{\n  \"format\": \"sluice-machine 1\",\n  \"version\": \"0.4.0\",\n  \"cpu\": \"Some CPU\",\n  \"isa\": \"scalar\",\n"
    "  \"threads\": 3,\n  \"multiply_adds\": 2.000,\n  \"l2_bytes\": 31.250,\n  \"l3_bytes\": 25.001,\n"
    "  \"shared_l3_bytes\": 19.999,\n  \"dram_bytes\": 0.001,\n  \"all_dram_bytes\": 60.000,\n"
    "  \"activation_cycles\": 91.000,\n  \"barrier_cycles\": 35.000,\n  \"barrier_thread_cycles\": 60.500,\n"
    "  \"region_cycles\": 1000000000.000,\n  \"region_thread_cycles\": 400.000\n}\n";

TEST(what_is_saved_is_loaded)
{
    sluice_machine machine = {.struct_size = sizeof machine}, again = machine;
    test_file_write(test_path("figures"), written, sizeof written - 1);
    SUCCEEDS(sluice_machine_load, test_path("figures"), &machine);
    ck_assert(machine.isa == SLUICE_ISA_SCALAR && machine.threads == 3 && machine.l2_bytes == 31.25 && machine.dram_bytes == 1e-3);
    ck_assert(machine.l3_bytes == 25.001 && machine.region_cycles == 1e9 && machine.region_thread_cycles == 400);
    ck_assert_str_eq(machine.cpu, "Some CPU");
    ck_assert_ptr_nonnull(strstr(machine.source, "figures"));
    SUCCEEDS(sluice_machine_save, &machine, test_path("again"));
    OWNED(test_bytes) file = test_file_read(test_path("again"));
    ck_assert(file.size == sizeof written - 1 && memcmp(file.data, written, file.size) == 0);

    machine = table_of(SLUICE_ISA_SCALAR);
    machine.l2_bytes = 1 / 3.0;
    memset(machine.cpu, '"', sizeof machine.cpu); /* and no end */
    SUCCEEDS(sluice_machine_save, &machine, test_path("again"));
    SUCCEEDS(sluice_machine_load, test_path("again"), &again);
    ck_assert(again.l2_bytes == 0.333 && strlen(again.cpu) == sizeof again.cpu - 1 && again.cpu[0] == '?');
    ck_assert_uint_eq(test_folder_count(0), 2);
}

/* The file with some text of it replaced by another is refused at a byte: that where the text begins, and `behind` further. */
static const struct {
    const char *text, *by, *word;
    size_t behind;
} damages[] = {
    {"{\n  \"format\"", "[\n  \"format\"", "'{'", 0},
    {"sluice-machine 1", "sluice-machine 2", "sluice-machine 1", SIZE_MAX},
    {"\"scalar\"", "\"sse\"", "instruction set", 0},
    {"\"threads\": 3", "\"threads\": -3", "threads", 11},
    {"\"threads\": 3", "\"threads\": 99999999", "threads", 11},
    {"\"l2_bytes\"", "\"l4_bytes\"", "another", 0},
    {"\"l2_bytes\"", "\"l3_bytes\"", "twice", SIZE_MAX},
    {"\"l2_bytes\": 31.250", "\"l2_bytes\": 0", "l2_bytes", 12},
    {"\"l2_bytes\": 31.250", "\"l2_bytes\": -1", "l2_bytes", 12},
    {"\"l2_bytes\": 31.250", "\"l2_bytes\": 1e-9", "l2_bytes", 12},
    {"\"l2_bytes\": 31.250", "\"l2_bytes\": 1e30", "l2_bytes", 12},
    {"\"l2_bytes\": 31.250", "\"l2_bytes\": 1e99", "l2_bytes", 12},
    {"\"l2_bytes\": 31.250", "\"l2_bytes\": NaN", "l2_bytes", 12},
    {"\"l2_bytes\": 31.250", "\"l2_bytes\": \"31\"", "l2_bytes", 12},
    {"  \"l2_bytes\": 31.250,\n", "", "l2_bytes is missing", SIZE_MAX},
    {"  \"cpu\": \"Some CPU\",\n", "", "cpu is missing", SIZE_MAX},
    {"Some CPU", "0123456789012345678901234567890123456789012345678901234567890123", "less than 64", SIZE_MAX},
    {"400.000\n}", "400.000\n", "", SIZE_MAX},
    {"400.000\n}", "400.000\n}}", "", SIZE_MAX},
    {"400.000\n}", "400.000,\n}", "", SIZE_MAX},
};

TEST_EACH(damaged_files_are_refused, damages)
{
    const char *const at = strstr(written, damages[_i].text);
    sluice_machine machine = table_of(SLUICE_ISA_SCALAR), before = machine;
    sluice_error error = {0};
    OWNED(test_bytes) file = {0};
    ck_assert_ptr_nonnull(at);
    test_bytes_add(&file, written, (size_t)(at - written));
    test_bytes_add_text(&file, damages[_i].by);
    test_bytes_add_text(&file, at + strlen(damages[_i].text));
    test_file_write(test_path("figures"), file.data, file.size);
    const sluice_status status = sluice_machine_load(test_path("figures"), &machine, &error);
    test_check_refused(damages[_i].by, status, SLUICE_STATUS_BAD_DATA, &error, damages[_i].word);
    ck_assert_uint_ne(error.byte, SIZE_MAX);
    if (damages[_i].behind != SIZE_MAX)
        ck_assert_uint_eq(error.byte, (size_t)(at - written) + damages[_i].behind);
    check_same(&machine, &before);
}

/* However it is cut short, or grows beyond what such a file can be. */
TEST(cut_files_are_refused)
{
    for (size_t size = 0; size + 2 < sizeof written; size++) { /* without the closing brace, or more */
        sluice_machine machine = {.struct_size = sizeof machine};
        test_file_write(test_path("figures"), written, size);
        REFUSED(SLUICE_STATUS_BAD_DATA, "byte", sluice_machine_load, test_path("figures"), &machine);
    }
    sluice_machine machine = {.struct_size = sizeof machine};
    OWNED(test_bytes) file = {0};
    test_bytes_add(&file, written, sizeof written - 1);
    test_bytes_add_repeated(&file, " ", 5000);
    test_file_write(test_path("figures"), file.data, file.size);
    REFUSED(SLUICE_STATUS_BAD_DATA, "end of the file", sluice_machine_load, test_path("figures"), &machine);
}
