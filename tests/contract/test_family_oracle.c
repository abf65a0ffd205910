/* The oracle of networks itself: against what other frameworks have given in float64, and against cases worked out by hand. */
#include "golden/golden_networks.h"

#include <math.h>

/* Both compute in double, in other orders. A pre-activation has at most 21 terms (10 inputs, 5 hidden units, two biases, a
 * peephole) of a sum below 8: 21 * 8 * 2^-53 = 1.9e-14. The functions hand on at most that, and it comes in at each of 6 steps of
 * at most 3 layers: 18 * 1.9e-14. */
static const double agreement = 3.4e-13;
/* Where a constant c is rounded to float32: by at most 2^-25 c, and what is multiplied with it is below 2 in the range where it
 * counts: 18 * 2 * 2^-25. */
static const double rounded_agreement = 1.1e-6;

static const double *output_of(const test_family *family, const golden_network_output *output)
{
    if (strcmp(output->name, "steps") == 0)
        return family->steps[output->layer];
    if (strcmp(output->name, "row") == 0)
        return family->row[output->layer];
    ck_assert_int_eq(output->name[1], 'n');
    return output->name[0] == 'h' ? family->hn : family->cn;
}

static double distance(const double *got, const double *want, size_t count)
{
    double worst = 0.0;
    for (size_t j = 0; j < count; j++) {
        const double error = fabs(got[j] - want[j]);
        if (!(error <= worst))
            worst = isnan(error) ? INFINITY : error;
    }
    return worst;
}

/* How many values an output has. */
static size_t size_of(const golden_network *golden, const test_family *family, const golden_network_output *output)
{
    if (output->name[1] == 'n')
        return output->name[0] == 'h' ? family->hn_count : family->cn_count;
    const size_t steps = strcmp(output->name, "steps") == 0 ? golden->batch.steps : 1;
    return golden->batch.rows * steps * family->width[output->layer];
}

static double check_case(const golden_network *golden)
{
    test_family family = test_family_run(&golden->network, golden->parameters, golden->parameter_count, &golden->batch);
    double worst = 0.0;
    ck_assert_uint_gt(golden->output_count, 0);
    for (size_t j = 0; j < golden->output_count; j++) {
        const golden_network_output *output = &golden->outputs[j];
        ck_assert_uint_eq(output->count, size_of(golden, &family, output));
        const double error = distance(output_of(&family, output), output->want, output->count);
        ck_assert_msg(error <= (golden->rounded ? rounded_agreement : agreement), "%s: %s differs by %.3g", golden->name,
                      output->name, error);
        worst = fmax(worst, error);
    }
    test_family_free(&family);
    return worst;
}

START_TEST(agrees_with_other_frameworks)
{
    const char *name = golden_network_files[_i];
    double worst[2] = {0.0, 0.0};
    size_t count = 0;
    FILE *file = golden_networks_open(name);
    golden_network *golden = malloc(sizeof *golden);
    for (; golden_network_read(file, golden); count++) {
        worst[golden->rounded] = fmax(worst[golden->rounded], check_case(golden));
        golden_network_free(golden);
    }
    ck_assert_uint_gt(count, 3);
    printf("%s: %zu networks; largest difference %.3g, and %.3g with constants that are rounded\n", name, count, worst[0],
           worst[1]);
    free(golden);
    fclose(file);
}
END_TEST

int main(void)
{
    Suite *all = suite_create("family_oracle");
    TCase *golden = tcase_create("golden");
    tcase_add_loop_test(golden, agrees_with_other_frameworks, 0, GOLDEN_NETWORK_FILES);
    suite_add_tcase(all, golden);
    return test_run(all);
}
