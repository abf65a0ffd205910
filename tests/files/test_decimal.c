/* Decimal numbers against strtof, bit for bit: random ones, the halfway points of floats, and what is no number. */
#include "io/csv/decimal.h"

#include "support/suite.h"

#include <math.h>

static locale_t plain;

static void setup(void)
{
    plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    ck_assert(plain != (locale_t)0);
}

static void teardown(void)
{
    freelocale(plain);
}

TEST_FIXTURE(setup, teardown)

/* The number `text`, which ends with a comma, by both functions against strtof. Whether the fast one could say. */
static bool compare(const char *text)
{
    char *end;
    const char *stop;
    const float wanted = strtof(text, &end);
    float value = NAN;
    ck_assert_msg(*end == ',', "%s", text);
    const sl_decimal_result result = sl_decimal_parse(text, (size_t)(end - text), plain, &value);
    ck_assert_msg(result == (isinf(wanted) ? SL_DECIMAL_LARGE : SL_DECIMAL_OK), "%s: %d", text, (int)result);
    ck_assert_msg(memcmp(&value, &wanted, sizeof value) == 0, "%s: %a, expected %a", text, value, wanted);
    value = NAN;
    if (!sl_decimal_read(text, &stop, &value))
        return false;
    ck_assert_msg(stop == end, "%s: %zu bytes", text, (size_t)(stop - text));
    ck_assert_msg(memcmp(&value, &wanted, sizeof value) == 0, "%s: %a, expected %a", text, value, wanted);
    return true;
}

/* A random decimal number in one of several forms. */
static void make(uint64_t *state, char text[200])
{
    const uint64_t bits = test_random(state);
    const double value = (double)(int64_t)(bits % 2000000007) / (double)((bits >> 32) % 100000 + 1);
    switch (test_random(state) % 8) {
    case 0:
        sprintf(text, "%.*f,", (int)(bits % 8), bits & 1 ? value : -value);
        break;
    case 1:
        sprintf(text, "%.17g,", value);
        break;
    case 2:
        sprintf(text, "%.18e,", value * 1e-9);
        break;
    case 3:
        sprintf(text, "%+g,", value);
        break;
    case 4:
        sprintf(text, "%.40f,", value / 1e6);
        break;
    case 5:
        sprintf(text, "%" PRIu64 "E%d,", bits, (int)(bits % 120) - 70);
        break;
    case 6:
        sprintf(text, "%s%" PRIu64 ".%" PRIu64 "e-%d,", bits & 1 ? "-000" : "", bits >> 50, bits >> (bits & 31), (int)(bits % 50));
        break;
    default:
        sprintf(text, "%" PRIu64 ".,", bits >> (bits & 63));
        break;
    }
}

TEST(random_numbers)
{
    uint64_t state = test_seed();
    const size_t tries = test_by_depth(100000, 1000000, 30000000);
    size_t fast = 0;
    char text[200];
    printf("seed %" PRIu64 "\n", state);
    for (size_t k = 0; k < tries; k++) {
        make(&state, text);
        fast += compare(text);
    }
    ck_assert_uint_gt(fast, tries / 2); /* else the slow path alone was tried */
}

/* Halfway points of neighbouring floats, as exact decimals, and a little beside: in every binade, subnormal numbers included. */
TEST(halfway_points)
{
    uint64_t state = test_seed();
    const size_t tries = test_by_depth(20000, 100000, 2000000);
    char text[400];
    printf("seed %" PRIu64 "\n", state);
    for (size_t k = 0; k < tries; k++) {
        const uint32_t lower = (uint32_t)test_random(&state) % 0x7f7fffff, upper = lower + 1;
        float below, above;
        memcpy(&below, &lower, sizeof below);
        memcpy(&above, &upper, sizeof above);
        size_t length = (size_t)sprintf(text, "%.*e", k % 3 ? 160 : 17, ((double)below + (double)above) / 2);
        if (k % 4 == 1) { /* beside the point, far behind it */
            char *mark = strchr(text, 'e');
            memmove(mark + 1, mark, length + 1 - (size_t)(mark - text));
            *mark = '1';
            length++;
        }
        strcpy(text + length, ",");
        compare(text);
    }
}

TEST(edges)
{
    static const char *const texts[] = {"0,",
                                        "-0,",
                                        "+0.0,",
                                        "0e5,",
                                        "1,",
                                        "16777217,",
                                        "16777219,",
                                        "9007199791611905,",
                                        "9007199791611904.0000000000000000001,",
                                        "3.4028235e38,",
                                        "3.40282346638528859811704183484516925440e+38,",
                                        "3.4028235677973366e38,",
                                        "1e38,",
                                        "1e39,",
                                        "-1e400,",
                                        "1e-45,",
                                        "7e-46,",
                                        "7.1e-46,",
                                        "1e-400,",
                                        "1.17549435e-38,",
                                        "1.1754942e-38,",
                                        "0.000000000000000000000000000000000000001,",
                                        "1e22,",
                                        "1e23,",
                                        "1e-22,",
                                        "1e-23,",
                                        "1e44,",
                                        "12345678901234567890123456789,",
                                        ".5,",
                                        "5.,",
                                        "00000000000000000000000001.5,",
                                        "0.00000000000000000000000000000000000000000000000000001e53,",
                                        "1e0000000000000000000000001,",
                                        "1e-00000000000000000000001,",
                                        "18446744073709551615,",
                                        "18446744073709551616,",
                                        "0.1e1,",
                                        "1E+2,"};
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++)
        compare(texts[k]);
}

TEST(words)
{
    float value;
    ck_assert_int_eq(sl_decimal_parse("inf", 3, plain, &value), SL_DECIMAL_OK);
    ck_assert_float_eq(value, INFINITY);
    ck_assert_int_eq(sl_decimal_parse("-Infinity", 9, plain, &value), SL_DECIMAL_OK);
    ck_assert_float_eq(value, -INFINITY);
    ck_assert_int_eq(sl_decimal_parse("-NaN", 4, plain, &value), SL_DECIMAL_OK);
    ck_assert_float_nan(value);
}

TEST(no_numbers)
{
    static const char *const texts[] = {"",   " 1",    "1 ",    "\v1",   "-",   "+",        ".",     "e5",
                                        "1e", "1e+",   "--1",   "1.2.3", "1,5", "0x10",     "0x1p3", "nan(1)",
                                        "in", "infin", "1_000", "1f",    "1d0", "\xd9\xa1", "one"};
    float value;
    for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
        const char *stop;
        char text[16];
        ck_assert_msg(sl_decimal_parse(texts[k], strlen(texts[k]), plain, &value) == SL_DECIMAL_NONE, "'%s'", texts[k]);
        snprintf(text, sizeof text, "%s;", texts[k]);
        ck_assert_msg(!sl_decimal_read(text, &stop, &value) || *stop != ';', "'%s'", texts[k]);
    }
    ck_assert_int_eq(sl_decimal_parse("1\0", 2, plain, &value), SL_DECIMAL_NONE);
}

/* A locale with a decimal comma changes nothing. */
TEST(locales)
{
    static const char *const names[] = {"de_DE.UTF-8", "de_DE.utf8", "fr_FR.UTF-8", "C.UTF-8"};
    size_t k = 0;
    while (k < 3 && !setlocale(LC_ALL, names[k]))
        k++;
    float value = NAN;
    const char *stop;
    ck_assert_int_eq(sl_decimal_parse("1.5e-60", 7, plain, &value), SL_DECIMAL_OK);
    ck_assert_int_eq(sl_decimal_parse("2.5", 3, plain, &value), SL_DECIMAL_OK);
    ck_assert_float_eq(value, 2.5f);
    ck_assert(sl_decimal_read("3.5,", &stop, &value) && value == 3.5f);
    setlocale(LC_ALL, "C");
}
