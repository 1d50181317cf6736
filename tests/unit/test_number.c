/* Doubles as text: read back by strtod, and never longer than the shortest precision of printf that reads back. */
#include "../support/support.h"
#include "base/decimal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    double value;
    const char *text;
} known[] = {
    {0.0, "0"}, {-0.0, "-0"}, {1, "1"}, {-1.5, "-1.5"}, {0.847, "0.847"}, {156.23, "156.23"}, {0.1, "0.1"}, {0.3, "0.3"},
    {1.0 / 3, "0.3333333333333333"}, {1e-5, "0.00001"}, {1.5e-5, "0.000015"}, {1e-6, "1e-6"}, {1e-7, "1e-7"}, {1.25e-12, "1.25e-12"},
    {1e15, "1000000000000000"}, {1e16, "10000000000000000"}, {1e17, "1e17"}, {123456789012345680.0, "1.2345678901234568e17"},
    {9007199254740993.0, "9007199254740992"}, {5e-324, "5e-324"}, {1.7976931348623157e308, "1.7976931348623157e308"},
    {2.2250738585072014e-308, "2.2250738585072014e-308"}, {9.5367431640625e-07, "9.5367431640625e-7"}, {1e23, "1e23"}, {2e-44, "2e-44"},
};

START_TEST(known_texts)
{
    char text[FXMON_DOUBLE_TEXT];
    ck_assert_uint_eq(fxmon_double_format(known[_i].value, text), strlen(known[_i].text));
    ck_assert_str_eq(text, known[_i].text);
}
END_TEST

START_TEST(no_numbers)
{
    char text[FXMON_DOUBLE_TEXT];
    ck_assert_uint_eq(fxmon_double_format(NAN, text), 4);
    ck_assert_str_eq(text, "null");
    fxmon_double_format(-INFINITY, text);
    ck_assert_str_eq(text, "null");
}
END_TEST

static int count_digits(const char *text)
{
    char digits[32];
    int count = 0;
    for (; *text != '\0' && *text != 'e'; text++) {
        if (*text >= '0' && *text <= '9' && (count > 0 || *text != '0')) {
            digits[count++] = *text;
        }
    }
    while (count > 1 && digits[count - 1] == '0') {
        count--;
    }
    return count;
}

static double random_double(fxi_random *r, long i)
{
    uint64_t bits = fxi_random_next(r);
    double value;
    memcpy(&value, &bits, sizeof(value));
    switch (i % 4) {
    case 0: /* prices */
        return (double)fxi_random_below(r, 100000000) / 1e5;
    case 1: /* powers of two and their neighbours: the interval is lopsided there */
        value = ldexp(1, (int)fxi_random_below(r, 2098) - 1074);
        return i % 8 == 1 ? value : nextafter(value, i % 16 == 5 ? 0 : INFINITY);
    case 2: /* computed numbers of ordinary size */
        return fxi_random_unit(r) / (1 + fxi_random_unit(r));
    default:
        return isfinite(value) ? value : 1;
    }
}

START_TEST(shortest_round_trip)
{
    fxi_random r;
    property_seed(&r, "shortest_round_trip");
    for (long i = property_cases(300000); i > 0; i--) {
        double value = random_double(&r, i);
        char text[FXMON_DOUBLE_TEXT], other[64];
        ck_assert_uint_eq(fxmon_double_format(value, text), strlen(text));
        if (!isfinite(value)) {
            continue;
        }
        ck_assert_msg(strtod(text, NULL) == value, "%a became %s", value, text);
        int precision = 0;
        do {
            snprintf(other, sizeof(other), "%.*e", precision++, value);
        } while (strtod(other, NULL) != value);
        ck_assert_msg(count_digits(text) <= count_digits(other), "%s is longer than %s", text, other);
        if (count_digits(text) == count_digits(other)) { /* and as near as printf's */
            ck_assert_msg(fabsl(strtold(text, NULL) - (long double)value) <= fabsl(strtold(other, NULL) - (long double)value) || fabs(value) < 1e-300,
                          "%s is further from %a than %s", text, value, other);
        }
    }
}
END_TEST

START_TEST(decimals_of_doubles)
{
    fxmon_decimal value = {0, 0};
    ck_assert_int_eq(fxi_decimal_from_double(0.847, &value), FXMON_OK);
    ck_assert(value.mantissa == 847 && value.scale == 3);
    ck_assert_int_eq(fxi_decimal_from_double(-1200, &value), FXMON_OK);
    ck_assert(value.mantissa == -1200 && value.scale == 0);
    ck_assert_int_eq(fxi_decimal_from_double(1e-18, &value), FXMON_OK);
    ck_assert(value.mantissa == 1 && value.scale == 18);
    ck_assert_int_eq(fxi_decimal_from_double(1e-19, &value), FXMON_E_RANGE);
    ck_assert_int_eq(fxi_decimal_from_double(1e19, &value), FXMON_E_RANGE);
    ck_assert_int_eq(fxi_decimal_from_double(NAN, &value), FXMON_E_RANGE);
    ck_assert_int_eq(fxi_decimal_round(0.84705, 4, &value), FXMON_OK);
    ck_assert(value.mantissa == 847 && value.scale == 3); /* 0.8470|5: to the even side, without the zero */
    ck_assert_int_eq(fxi_decimal_round(0.84715, 4, &value), FXMON_OK);
    ck_assert(value.mantissa == 8472 && value.scale == 4);
    ck_assert_int_eq(fxi_decimal_round(9.9996, 4, &value), FXMON_OK);
    ck_assert(value.mantissa == 10 && value.scale == 0);
    ck_assert_int_eq(fxi_decimal_round(123456, 2, &value), FXMON_OK);
    ck_assert(value.mantissa == 120000 && value.scale == 0);
    ck_assert_int_eq(fxi_decimal_round(1, 0, &value), FXMON_E_ARGUMENT);
    ck_assert_int_eq(fxi_decimal_round(1, 18, &value), FXMON_E_ARGUMENT);
    fxi_random r;
    property_seed(&r, "decimals_of_doubles");
    for (long i = property_cases(100000); i > 0; i--) {
        double price = (double)(1 + fxi_random_below(&r, UINT64_C(1000000000000))) / 1e7;
        ck_assert_int_eq(fxi_decimal_from_double(price, &value), FXMON_OK);
        ck_assert(fxmon_decimal_to_double(value) == price);
    }
}
END_TEST

START_TEST(comma_locale)
{
    char text[FXMON_DOUBLE_TEXT];
    if (property_comma_locale()) {
        fxmon_double_format(0.847, text);
        ck_assert_str_eq(text, "0.847");
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("number");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, known_texts, 0, sizeof(known) / sizeof(known[0]));
    tcase_add_test(tests, no_numbers);
    tcase_add_test(tests, shortest_round_trip);
    tcase_add_test(tests, decimals_of_doubles);
    tcase_add_test(tests, comma_locale);
    return support_run("number", tests);
}
