/* sl_format_float: the fewest digits from which a float is read back. The reference tries 1, 2, 3, ... digits with printf and strtof. */
#include "support/suite.h"

#include "program/format.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static float from_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* The digits of a number as text, without sign, point, exponent and zeros around them. */
static size_t take_digits(const char *text, char *digits)
{
    size_t count = 0;
    for (; *text && *text != 'e'; text++)
        if (*text >= '0' && *text <= '9' && (count || *text != '0'))
            digits[count++] = *text;
    while (count && digits[count - 1] == '0')
        count--;
    digits[count] = '\0';
    return count;
}

static void check(float value)
{
    char text[SL_FORMAT_FLOAT + 1], nearest[32], digits[32], expected[32];
    memset(text, 'x', sizeof text);
    *sl_format_float(value, text) = '\0';
    const float back = strtof(text, NULL);
    ck_assert_msg(memcmp(&back, &value, sizeof value) == 0, "%.9g is written as %s", (double)value, text);
    int count = 1;
    do
        snprintf(nearest, sizeof nearest, "%.*e", count - 1, (double)value);
    while (count++ < FLT_DECIMAL_DIG && strtof(nearest, NULL) != value);
    (void)take_digits(text, digits);
    (void)take_digits(nearest, expected);
    ck_assert_msg(strcmp(digits, expected) == 0, "%.9g is written as %s, expected the digits of %s", (double)value, text, nearest);
}

TEST(whole_numbers_are_written_as_printf_does)
{
    uint64_t number = 0, state = 1;
    for (int k = 0; k < 20000; k++) {
        char text[SL_FORMAT_WHOLE + 1], expected[32];
        memset(text, 'x', sizeof text);
        char *end = sl_format_whole(number, text);
        ck_assert(end - text <= SL_FORMAT_WHOLE && *end == 'x');
        *end = '\0';
        snprintf(expected, sizeof expected, "%llu", (unsigned long long)number);
        ck_assert_msg(strcmp(text, expected) == 0, "%s is written as %s", expected, text);
        state = state * UINT64_C(6364136223846793005) + 1442695040888963407U;
        number = k < 1000 ? (uint64_t)k : k == 1000 ? UINT64_MAX : state >> (state >> 58);
    }
}

TEST(floats_are_written_with_the_fewest_digits)
{
    static const uint32_t first[] = {1, 2, 0x7fffff, 0x800000, 0x7f7fffff, 0x3dcccccd, 0x4b800000, 0x4b800001, 0x4cbebc20};
    for (size_t k = 0; k < sizeof first / sizeof *first; k++) {
        check(from_bits(first[k]));
        check(-from_bits(first[k]));
    }
    for (int exponent = -149; exponent <= 127; exponent++) { /* powers of two, and their neighbours */
        const float power = ldexpf(1, exponent);
        check(power);
        check(nextafterf(power, 0) > 0 ? nextafterf(power, 0) : power);
        check(nextafterf(power, INFINITY));
    }
    for (uint32_t k = 0; k <= 1000; k++) { /* what people write */
        check((float)k);
        check((float)k / 1000);
        check((float)k * 1e-5F);
        check((float)k * 1e7F);
    }
    const uint64_t stride = test_by_depth(1 << 16, 1 << 11, 1 << 17);
    for (uint64_t bits = 12345; bits < 0x7f800000; bits += stride + 3)
        check(from_bits((uint32_t)bits));
}

TEST(floats_have_the_form_that_people_expect)
{
    static const struct {
        float value;
        const char *text;
    } cases[] = {{0, "0"},
                 {-0.0F, "-0"},
                 {0.1F, "0.1"},
                 {-1.5F, "-1.5"},
                 {3, "3"},
                 {100, "100"},
                 {16777216, "16777216"},
                 {123456789.0F, "123456790"},
                 {999999940.0F, "999999940"},
                 {1e9F, "1e9"},
                 {1.25e10F, "1.25e10"},
                 {0.00001F, "0.00001"},
                 {1e-6F, "1e-6"},
                 {1.5e-7F, "1.5e-7"},
                 {FLT_MAX, "3.4028235e38"},
                 {1e-45F, "1e-45"},
                 {NAN, "nan"},
                 {INFINITY, "inf"},
                 {-INFINITY, "-inf"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        char text[SL_FORMAT_FLOAT + 1];
        *sl_format_float(cases[k].value, text) = '\0';
        ck_assert_str_eq(text, cases[k].text);
    }
}
