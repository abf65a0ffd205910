/* What sluice_environment_get says, and the library's own environment variables; OpenMP's, which are read once in a process, are in
 * test_threads.c and test_cli_env.py. */
#include "support/network.h"
#include "support/suite.h"
#include "sluice_tools.h"

#include <stddef.h>
#include <string.h>

static const sluice_shape shape = {TEST_LDIH(2, 2, 7, 21), .classes = 3, .has_bias = 1};

static sluice_status look(const sluice_engine_options *options, sluice_environment *found, sluice_error *error)
{
    *found = (sluice_environment){.struct_size = sizeof *found};
    *error = (sluice_error){0};
    return sluice_environment_get(options, found, error);
}

TEST(environment_is_reported)
{
    sluice_environment found;
    sluice_error error;
    ck_assert_int_eq(look(NULL, &found, &error), SLUICE_STATUS_OK);
    ck_assert(found.isa == found.best_isa && found.isa != SLUICE_ISA_AUTO);
    ck_assert_int_eq(found.gemm, SLUICE_GEMM_FUSED);
    ck_assert_int_eq(found.precision, SLUICE_PRECISION_F32);
    ck_assert_uint_ge(found.threads, 1);
    const char *const texts[] = {
        found.cpu,          found.isa_reason,  found.gemm_reason, found.precision_reason, found.threads_reason,
        found.blis_version, found.blis_config, found.openmp,      found.openmp_binding,   found.openmp_places};
    for (size_t j = 0; j < sizeof texts / sizeof texts[0]; j++)
        ck_assert_msg(*texts[j] != 0, "text %zu is empty", j);
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "environment", sluice_environment_get, NULL, NULL);
    found.struct_size = 2;
    REFUSED(SLUICE_STATUS_BAD_ARGUMENT, "struct_size", sluice_environment_get, NULL, &found);
}

/* Each variable decides where its option is 0, and nothing, be it ever so wrong, where the option is given. */
TEST(environment_variables)
{
    sluice_environment found;
    sluice_error error;
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 5, SLUICE_SCHEDULE_AUTO);
    setenv("SLUICE_NUM_THREADS", "3", 1);
    setenv("OMP_NUM_THREADS", "2", 1);
    ck_assert_int_eq(look(&options, &found, &error), SLUICE_STATUS_OK);
    ck_assert_uint_eq(found.threads, 5);
    ck_assert_str_eq(found.threads_reason, "asked for");
    options.threads = 0;
    ck_assert_int_eq(look(&options, &found, &error), SLUICE_STATUS_OK);
    ck_assert_uint_eq(found.threads, 3);

    setenv("SLUICE_ISA", "scalar", 1);
    ck_assert_int_eq(look(NULL, &found, &error), SLUICE_STATUS_OK);
    ck_assert_int_eq(found.isa, SLUICE_ISA_SCALAR);
    options.isa = found.best_isa;
    ck_assert_int_eq(look(&options, &found, &error), SLUICE_STATUS_OK);
    ck_assert_int_eq(found.isa, options.isa);
    ck_assert_str_eq(found.isa_reason, "asked for");

    setenv("SLUICE_GEMM", "blis", 1);
    ck_assert_int_eq(look(NULL, &found, &error), SLUICE_STATUS_OK);
    ck_assert_int_eq(found.gemm, SLUICE_GEMM_BLIS);
    ck_assert_int_eq(look(&options, &found, &error), SLUICE_STATUS_OK); /* these say fused */
    ck_assert_int_eq(found.gemm, SLUICE_GEMM_FUSED);

    options.precision = SLUICE_PRECISION_AUTO;
    setenv("SLUICE_PRECISION", "int8", 1);
    ck_assert_int_eq(look(&options, &found, &error), SLUICE_STATUS_OK);
    ck_assert_int_eq(found.precision, SLUICE_PRECISION_INT8);
    ck_assert_str_eq(found.precision_reason, "SLUICE_PRECISION; not faster than f32 for layers of fewer than 16 units");
    options.precision = SLUICE_PRECISION_BF16;
    ck_assert_int_eq(look(&options, &found, &error), SLUICE_STATUS_OK);
    ck_assert_int_eq(found.precision, SLUICE_PRECISION_BF16);
    ck_assert_ptr_eq(strstr(found.precision_reason, "asked for"), found.precision_reason);
    options.isa = SLUICE_ISA_SCALAR;
    ck_assert_int_eq(look(&options, &found, &error), SLUICE_STATUS_OK);
    ck_assert_ptr_nonnull(strstr(found.precision_reason, "; without vdpbf16ps"));

    options.threads = 2;
    setenv("SLUICE_NUM_THREADS", "many", 1);
    setenv("SLUICE_ISA", "mmx", 1);
    setenv("SLUICE_GEMM", "mkl", 1);
    setenv("SLUICE_PRECISION", "fp8", 1);
    SUCCEEDS(look, &options, &found);
    ck_assert_uint_eq(found.threads, 2);
}

/* Training and the BLIS path have f32 only: they ignore the variable, but not the option. */
TEST(precision_where_there_is_one)
{
    sluice_environment found;
    sluice_error error;
    for (unsigned k = 0; k < 2; k++) {
        sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO);
        options.training = k == 0;
        options.precision = SLUICE_PRECISION_AUTO;
        options.gemm = k ? SLUICE_GEMM_BLIS : SLUICE_GEMM_FUSED;
        setenv("SLUICE_PRECISION", "bf16", 1);
        SUCCEEDS(look, &options, &found);
        ck_assert_int_eq(found.precision, SLUICE_PRECISION_F32);
        ck_assert_ptr_nonnull(strstr(found.precision_reason, k ? "BLIS" : "training"));
        options.precision = SLUICE_PRECISION_F32;
        SUCCEEDS(look, &options, &found);
        for (options.precision = SLUICE_PRECISION_BF16; options.precision <= SLUICE_PRECISION_INT8; options.precision++) {
            test_refused(look(&options, &found, &error), SLUICE_STATUS_UNSUPPORTED, &error, "precision");
            test_names(&error, sluice_precision_get_name(options.precision));
        }
        setenv("SLUICE_PRECISION", "fp8", 1);
        options.precision = SLUICE_PRECISION_AUTO;
        test_refused(look(&options, &found, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, "SLUICE_PRECISION");
    }
}

/* An engine for which no instruction set is asked for takes the narrower one only where both make as many multiply-adds a cycle and its
 * vectors have less padding. */
TEST(units_that_fill_narrow_vectors)
{
    static const struct {
        size_t hidden;
        bool fill_avx2;
    } sizes[] = {{8, true}, {12, false}, {16, false}, {20, true}, {24, true}, {104, false}};
    sluice_machine machine = {.struct_size = sizeof machine}, narrow = machine;
    sluice_engine_options options = test_options(SLUICE_ISA_AUTO, 1, SLUICE_SCHEDULE_AUTO), avx2 = options;
    uint64_t random = test_seed();
    avx2.isa = SLUICE_ISA_AVX2;
    SUCCEEDS(sluice_machine_get, &options, &machine);
    const bool are_equal = machine.isa == SLUICE_ISA_AVX512 && sluice_machine_get(&avx2, &narrow, NULL) == SLUICE_STATUS_OK &&
                           16 * machine.multiply_adds == 8 * narrow.multiply_adds;
    for (size_t j = 0; j < sizeof sizes / sizeof sizes[0]; j++) {
        const sluice_shape units = {TEST_LDIH(1, 1, 7, sizes[j].hidden), .has_bias = 1};
        OWNED(test_network) network = test_network_random(&units, 1.0f, &random);
        for (unsigned way = 0; way < 5; way++) {
            sluice_engine_options asked = options;
            sluice_engine_info info = {.struct_size = sizeof info};
            sluice_engine *engine = NULL;
            unsetenv("SLUICE_ISA");
            if (way == 1)
                asked.machine = &machine; /* of another instruction set than the engine may take */
            else if (way == 2)
                asked.isa = machine.isa;
            else if (way == 3)
                asked.precision = SLUICE_PRECISION_INT8;
            else if (way == 4)
                setenv("SLUICE_ISA", sluice_isa_get_name(machine.isa), 1);
            SUCCEEDS(sluice_engine_create, network.model, &asked, &engine);
            ck_assert_int_eq(sluice_engine_get_info(engine, &info), SLUICE_STATUS_OK);
            sluice_engine_destroy(engine);
            const sluice_isa expected = way < 2 && are_equal && sizes[j].fill_avx2 ? SLUICE_ISA_AVX2 : machine.isa;
            ck_assert_msg(info.isa == expected, "%zu units, way %u: %s", sizes[j].hidden, way, sluice_isa_get_name(info.isa));
        }
    }
}

TEST(environment_variables_wrong)
{
    static const char *const wrong[][2] = {
        {"SLUICE_NUM_THREADS", "0"},
        {"SLUICE_NUM_THREADS", "-1"},
        {"SLUICE_NUM_THREADS", "two"},
        {"SLUICE_NUM_THREADS", "2x"},
        {"SLUICE_NUM_THREADS", "2 3"},
        {"SLUICE_NUM_THREADS", "1025"},
        {"SLUICE_NUM_THREADS", "99999999999999999999"},
        {"SLUICE_ISA", "sse2"},
        {"SLUICE_ISA", "AVX-2"},
        {"SLUICE_ISA", "AVX2"}, /* as --isa has it: in small letters */
        {"SLUICE_GEMM", "mkl"},
        {"SLUICE_GEMM", "blis, fused"},
        {"SLUICE_PRECISION", "fp8"},
        {"SLUICE_PRECISION", "INT8"},
    };
    uint64_t random = test_seed();
    OWNED(test_network) network = test_network_random(&shape, 1.0f, &random);
    for (size_t j = 0; j < sizeof wrong / sizeof wrong[0]; j++) {
        sluice_environment found;
        sluice_error error;
        sluice_engine *engine = (sluice_engine *)&engine;
        setenv(wrong[j][0], wrong[j][1], 1);
        test_refused(look(NULL, &found, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, wrong[j][0]);
        test_names(&error, wrong[j][0]);
        test_names(&error, wrong[j][1]);
        test_names(&error, "expected auto");
        test_refused(sluice_engine_create(network.model, NULL, &engine, &error), SLUICE_STATUS_BAD_ARGUMENT, &error, wrong[j][0]);
        ck_assert_ptr_null(engine);
        unsetenv(wrong[j][0]);
    }
}

/* A program built with the header of version 0.3 gives a smaller struct, and nothing behind it is written. */
TEST(older_struct)
{
    sluice_environment now, then;
    sluice_error error;
    memset(&then, 0x5a, sizeof then);
    then.struct_size = offsetof(sluice_environment, openmp_binding);
    ck_assert_int_eq(look(NULL, &now, &error), SLUICE_STATUS_OK);
    SUCCEEDS(sluice_environment_get, NULL, &then);
    ck_assert_uint_eq(then.struct_size, offsetof(sluice_environment, openmp_binding));
    ck_assert_str_eq(then.threads_reason, now.threads_reason);
    ck_assert_str_eq(then.openmp, now.openmp);
    const char *behind = (const char *)&then + then.struct_size;
    for (size_t k = 0; k < sizeof then - then.struct_size; k++)
        ck_assert_int_eq(behind[k], 0x5a);
}

/* Unset, blank and auto ask for nothing; blanks around a value are no part of it. */
TEST(environment_variables_blank)
{
    static const char *const names[] = {"SLUICE_NUM_THREADS", "SLUICE_ISA", "SLUICE_GEMM", "SLUICE_PRECISION"};
    static const char *const nothing[] = {"", " ", "\t \n", "auto", " auto\n"};
    sluice_environment plain, found;
    sluice_error error;
    ck_assert_int_eq(look(NULL, &plain, &error), SLUICE_STATUS_OK);
    for (size_t j = 0; j < sizeof names / sizeof names[0]; j++) {
        for (size_t k = 0; k < sizeof nothing / sizeof nothing[0]; k++) {
            setenv(names[j], nothing[k], 1);
            ck_assert_msg(look(NULL, &found, &error) == SLUICE_STATUS_OK, "%s=\"%s\": %s", names[j], nothing[k], error.message);
            ck_assert_msg(found.isa == plain.isa && found.gemm == plain.gemm && found.precision == plain.precision &&
                              found.threads == plain.threads,
                          "%s=\"%s\" is heard", names[j], nothing[k]);
            ck_assert_str_eq(found.isa_reason, plain.isa_reason);
            ck_assert_str_eq(found.gemm_reason, plain.gemm_reason);
            ck_assert_str_eq(found.precision_reason, plain.precision_reason);
            ck_assert_str_eq(found.threads_reason, plain.threads_reason);
        }
        unsetenv(names[j]);
    }
    setenv("SLUICE_NUM_THREADS", " 3\n", 1);
    setenv("SLUICE_ISA", "\tscalar ", 1);
    setenv("SLUICE_GEMM", " blis", 1);
    setenv("SLUICE_PRECISION", " f32\t", 1);
    ck_assert_int_eq(look(NULL, &found, &error), SLUICE_STATUS_OK);
    ck_assert_uint_eq(found.threads, 3);
    ck_assert_int_eq(found.isa, SLUICE_ISA_SCALAR);
    ck_assert_int_eq(found.gemm, SLUICE_GEMM_BLIS);
}
