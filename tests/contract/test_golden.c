/* Our results against torch.nn.LSTM's float64 ones, for every instruction set: the error has to be no larger than torch's own
 * in float32 on the same case.
 *
 * The rule, per case: with e the errors of y, hn, cn and logits together, rms(e) <= rms(torch float32's e), with no allowance.
 * The root of the mean square is the rule and not the largest error, because the largest of a few hundred rounding errors is a
 * matter of luck: of two equally good implementations each loses half of the cases. The largest errors are compared over all
 * cases together, where the count is in the thousands. torch's figures are in the golden files, from the BLAS that
 * make_golden.py names. */
#include "golden/golden.h"
#include "sluice_tools.h"

#include <math.h>

typedef struct errors {
    double worst, rms;
} errors;

static errors measure(const golden_case *golden)
{
    const float *const got[GOLDEN_OUTPUTS] = {golden->batch.y, golden->batch.hn, golden->batch.cn, golden->batch.logits};
    errors found = {0.0, 0.0};
    size_t count = 0;
    for (size_t j = 0; j < GOLDEN_OUTPUTS; j++)
        for (size_t k = 0; k < golden->counts[j]; k++, count++) {
            const double error = fabs(got[j][k] - golden->want[j][k]);
            ck_assert_msg(!isnan(error), "%s[%zu] is NaN", golden_outputs[j], k);
            found.worst = fmax(found.worst, error);
            found.rms += error * error;
        }
    found.rms = sqrt(found.rms / (double)count);
    return found;
}

/* All cases on one instruction set. */
static void run_all(sluice_isa isa)
{
    double worst = 0.0, torch_worst = 0.0;
    size_t failed = 0;
    const char *const isa_name = sluice_isa_get_name(isa);
    for (size_t j = 0; j < GOLDEN_COUNT; j++) {
        golden_case golden = golden_load(golden_names[j]);
        test_network_build(&golden.network);
        const sluice_engine_options options = test_options(isa, 2, SLUICE_SCHEDULE_AUTO);
        test_run_once(golden.network.model, &options, &golden.batch.batch);
        const errors found = measure(&golden);
        const bool good = found.rms <= golden.torch_rms;
        printf("%-6s %-12s rms %.3g, torch float32 %.3g (%.2f); largest %.3g, torch %.3g%s\n", isa_name, golden_names[j], found.rms,
               golden.torch_rms, found.rms / golden.torch_rms, found.worst, golden.torch_worst, good ? "" : "  WORSE");
        failed += !good;
        worst = fmax(worst, found.worst);
        torch_worst = fmax(torch_worst, golden.torch_worst);
        golden_free(&golden);
    }
    fflush(stdout);
    ck_assert_msg(failed == 0, "%s: %zu of %d cases have a larger error than torch float32", isa_name, failed, (int)GOLDEN_COUNT);
    ck_assert_msg(worst <= torch_worst, "%s: largest error %.3g, torch float32's %.3g", isa_name, worst, torch_worst);
}

TEST(no_worse_than_torch)
{
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < isas.count; j++)
        run_all(isas.isa[j]);
}
