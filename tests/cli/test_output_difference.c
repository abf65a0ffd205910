/* What sluice info --compare sums over outputs: differences, the reference's own size, what is not finite, and classes. */
#include "support/suite.h"

#include "cli/class_order.h"
#include "cli/info/output_difference.h"

#include <float.h>
#include <math.h>

TEST(nothing_differs_by_nothing)
{
    const sl_output_difference none = {0};
    ck_assert_double_eq(sl_output_difference_get_rms(&none, none.squares), 0);
    sl_output_difference same = {0};
    const float values[] = {0.0f, -0.0f, 1.5f, -FLT_MAX, FLT_TRUE_MIN};
    sl_output_difference_add(&same, values, values, 5);
    sl_output_difference_add(&same, values, values, 0);
    ck_assert_uint_eq(same.elements, 5);
    ck_assert_uint_eq(same.finite, 5);
    ck_assert(same.largest == 0 && same.squares == 0 && !same.nonfinite && !same.nonfinite_reference);
    ck_assert_double_eq(same.largest_reference, (double)FLT_MAX);
}

/* All values and squares here are exact. The pieces are those of chunks. */
TEST(differences_are_summed)
{
    const float values[] = {1.0f, -2.0f, 0.5f, 3.0f, 0.0f}, reference[] = {1.25f, 2.0f, 0.5f, 2.0f, -0.125f};
    for (size_t piece = 1; piece <= 5; piece++) {
        sl_output_difference sum = {0};
        for (size_t at = 0; at < 5; at += piece)
            sl_output_difference_add(&sum, values + at, reference + at, piece < 5 - at ? piece : 5 - at);
        ck_assert_uint_eq(sum.elements, 5);
        ck_assert_double_eq(sum.largest, 4);
        ck_assert_double_eq(sum.squares, 0.0625 + 16 + 0 + 1 + 0.015625);
        ck_assert_double_eq(sum.largest_reference, 2);
        ck_assert_double_eq(sum.squares_reference, 1.5625 + 4 + 0.25 + 4 + 0.015625);
        ck_assert_double_eq(sl_output_difference_get_rms(&sum, 20), 2);
    }
}

/* The differences of floats that overflow a float, or vanish beside it, do neither here. */
TEST(differences_of_any_size)
{
    sl_output_difference sum = {0};
    const float values[] = {FLT_MAX, 0.0f}, reference[] = {-FLT_MAX, FLT_TRUE_MIN};
    sl_output_difference_add(&sum, values, reference, 1);
    ck_assert_double_eq(sum.largest, 2 * (double)FLT_MAX);
    ck_assert_double_eq(sum.squares, 4 * (double)FLT_MAX * (double)FLT_MAX);
    sum = (sl_output_difference){0};
    sl_output_difference_add(&sum, values + 1, reference + 1, 1);
    ck_assert_double_eq(sum.largest, (double)FLT_TRUE_MIN);
    ck_assert_double_gt(sum.squares, 0);
}

TEST(what_is_not_finite_is_left_out)
{
    sl_output_difference sum = {0};
    const float values[] = {NAN, INFINITY, -INFINITY, 1.0f, NAN, 2.0f, INFINITY};
    const float reference[] = {1.0f, INFINITY, 7.0f, NAN, NAN, 2.5f, -INFINITY};
    sl_output_difference_add(&sum, values, reference, 7);
    ck_assert_uint_eq(sum.elements, 7);
    ck_assert_uint_eq(sum.finite, 1);
    ck_assert_uint_eq(sum.nonfinite, 5);
    ck_assert_uint_eq(sum.nonfinite_reference, 4);
    ck_assert(sum.largest == 0.5 && sum.squares == 0.25 && sum.largest_reference == 2.5 && sum.squares_reference == 6.25);
    ck_assert_double_eq(sl_output_difference_get_rms(&sum, sum.squares), 0.5);
}

TEST(classes_are_those_of_run)
{
    static const struct {
        float outputs[4];
        size_t class;
    } cases[] = {{{1, 2, 3, 0}, 2},         {{-1, -2, -3, -4}, 0},   {{1, 3, 3, 3}, 1},
                 {{0.0f, -0.0f, 0, 0}, 0},  {{NAN, -5, -6, NAN}, 1}, {{NAN, NAN, NAN, -INFINITY}, 3},
                 {{NAN, NAN, NAN, NAN}, 0}, {{2, NAN, 3, NAN}, 2},   {{5, INFINITY, INFINITY, NAN}, 1}};
    for (size_t k = 0; k < sizeof cases / sizeof cases[0]; k++)
        ck_assert_msg(sl_class_find(cases[k].outputs, 4) == cases[k].class, "case %zu", k);
    ck_assert_uint_eq(sl_class_find(cases[0].outputs, 1), 0);
}
