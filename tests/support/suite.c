/* The suite of a test program, and how it is run. */
#include "support/suite.h"

#include "kernel/kernel.h"

#include <errno.h>

Suite *test_suite(void)
{
    static Suite *suite;
    return suite ? suite : (suite = suite_create(program_invocation_short_name));
}

TCase *test_tcase(const char *name)
{
    static struct {
        const char *name;
        TCase *tcase;
    } known[16];
    size_t k = 0;
    while (known[k].tcase && strcmp(known[k].name, name) != 0)
        if (++k == sizeof known / sizeof known[0])
            abort();
    if (!known[k].tcase) {
        known[k].name = name;
        known[k].tcase = tcase_create(name);
        tcase_set_tags(known[k].tcase, name);
        tcase_set_timeout(known[k].tcase, 0); /* Meson ends what hangs */
        suite_add_tcase(test_suite(), known[k].tcase);
    }
    return known[k].tcase;
}

void test_begin(void)
{
    static const char *const names[] = {"SLUICE_NUM_THREADS", "SLUICE_ISA",      "SLUICE_GEMM",
                                        "SLUICE_PRECISION",   "OMP_NUM_THREADS", "OMP_THREAD_LIMIT"};
    for (size_t j = 0; j < sizeof names / sizeof names[0]; j++)
        unsetenv(names[j]);
    for (size_t k = 0; k < sl_isa_count(); k++)
        if (!sl_isa_runs_here(sl_isa_at(k)))
            printf("skipped: this machine lacks %s\n", sl_isa_get_name(sl_isa_at(k)));
}

int test_run(Suite *suite)
{
    printf("seed %" PRIu64 " (set SLUICE_TEST_SEED to change it)\n", test_seed());
    fflush(stdout);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    const int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
