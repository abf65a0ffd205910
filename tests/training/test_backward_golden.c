/* Our gradients against torch.nn.LSTM's float64 ones, for every instruction set: each element within the bound of the running error
 * analysis (support/oracle/error_bound.h), and the root of the mean square error over all cases together no larger than torch's own in
 * float32. Of one case it may be: of the few hundred roundings in so small a network, luck decides which are larger. */
#include "golden/golden_gradients.h"
#include "sluice_tools.h"

#include <math.h>

/* Sums of squared errors. */
typedef struct squares {
    double ours, torch;
} squares;

static void measure(const golden_gradient *golden, const char *name, const char *isa, squares *all)
{
    const test_gradient *got = &golden->gradient;
    OWNED(test_adjoint) bounds = test_adjoint_run(&golden->base.network.weights, &golden->base.batch.batch, &got->gradient, NULL);
    double square = 0.0, share = 0.0;
    size_t count = 0;
    char place[128];
    for (size_t j = 0; j < TEST_INPUTS; j++) {
        snprintf(place, sizeof place, "%s, %s: gradient of %s", isa, name, test_input_names[j]);
        for (size_t m = 0; m < got->out_count[j]; m++)
            bounds.gradient[j][m].value = golden->want[j][m];
        if (got->out[j])
            share = fmax(share, test_within(got->out[j], bounds.gradient[j], got->out_count[j], place));
        for (size_t m = 0; m < got->out_count[j]; m++, count++)
            square += (got->out[j][m] - golden->want[j][m]) * (got->out[j][m] - golden->want[j][m]);
    }
    const double rms = sqrt(square / (double)count), torch_rms = golden->base.torch_rms;
    printf("%-6s %-12s rms %.3g, torch float32 %.3g (%.2f); %.2g of its bound\n", isa, name, rms, torch_rms, rms / torch_rms,
           share);
    all->ours += square;
    all->torch += torch_rms * torch_rms * (double)count;
}

/* All cases on one instruction set. */
static void run_all(sluice_isa isa)
{
    squares all = {0.0, 0.0};
    for (size_t j = 0; j < GOLDEN_GRADIENTS; j++) {
        OWNED(golden_gradient) golden = golden_gradient_load(golden_gradient_names[j]);
        test_gradient_poison(&golden.gradient, golden.base.network.weights.shape, &golden.base.batch.batch);
        test_network_build(&golden.base.network);
        OWNED(test_runner) runner = test_trainable(golden.base.network.model, isa, 2, SLUICE_SCHEDULE_AUTO);
        test_there_and_back(&runner, 0, &golden.base.batch.batch, &golden.gradient.gradient);
        measure(&golden, golden_gradient_names[j], sluice_isa_get_name(isa), &all);
    }
    printf("%-6s all together: %.2f of torch float32's root of the mean square\n", sluice_isa_get_name(isa),
           sqrt(all.ours / all.torch));
    fflush(stdout);
    ck_assert_double_le(all.ours, all.torch);
}

TEST(as_torch)
{
    const test_isa_list isas = test_isas();
    for (size_t j = 0; j < isas.count; j++)
        run_all(isas.isa[j]);
}
