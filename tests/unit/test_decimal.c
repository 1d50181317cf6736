/* Decimals: a table of spellings, and properties against 128-bit integers. */
#include "base/decimal.h"
#include "../support/support.h"

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct {
    const char *text;
    int code;
    int64_t mantissa;
    int scale;
} spellings[] = {
    {"0", FXMON_OK, 0, 0},
    {"0.8470", FXMON_OK, 8470, 4},
    {"156.23", FXMON_OK, 15623, 2},
    {"-1.5", FXMON_OK, -15, 1},
    {"100", FXMON_OK, 100, 0},
    {"1e3", FXMON_OK, 1000, 0},
    {"1E+3", FXMON_OK, 1000, 0},
    {"1.50e1", FXMON_OK, 150, 1},
    {"100e-2", FXMON_OK, 100, 2},
    {"1.5e-3", FXMON_OK, 15, 4},
    {"0e99999999999999999999", FXMON_OK, 0, 0},
    {"-0.0", FXMON_OK, 0, 1},
    {"1e-18", FXMON_OK, 1, 18},
    {"1e-19", FXMON_E_RANGE, 0, 0},
    {"10e-19", FXMON_OK, 1, 18},
    {"1e18", FXMON_OK, INT64_C(1000000000000000000), 0},
    {"1e19", FXMON_E_RANGE, 0, 0},
    {"9223372036854775807", FXMON_OK, INT64_MAX, 0},
    {"9223372036854775808", FXMON_E_RANGE, 0, 0},
    {"-9223372036854775808", FXMON_OK, INT64_MIN, 0},
    {"-9223372036854775809", FXMON_E_RANGE, 0, 0},
    {"92233720368547758070", FXMON_E_RANGE, 0, 0},
    {"922337203685477580.70000000", FXMON_OK, INT64_MAX, 1},
    {"0.10000000000000000000000000", FXMON_OK, INT64_C(100000000000000000), 18},
    {"0.1000000000000000001", FXMON_E_RANGE, 0, 0},
    {"12345678.12345678", FXMON_OK, INT64_C(1234567812345678), 8},
    {"1234567.123456789", FXMON_OK, INT64_C(1234567123456789), 9},
    {"123456789.1", FXMON_OK, INT64_C(1234567891), 1},
    {"1e", FXMON_E_SYNTAX, 0, 0},
    {"1e+", FXMON_E_SYNTAX, 0, 0},
    {"", FXMON_E_SYNTAX, 0, 0},
    {"-", FXMON_E_SYNTAX, 0, 0},
    {"+1", FXMON_E_SYNTAX, 0, 0},
    {"01", FXMON_E_SYNTAX, 0, 0},
    {"00.5", FXMON_E_SYNTAX, 0, 0},
    {"1.", FXMON_E_SYNTAX, 0, 0},
    {".5", FXMON_E_SYNTAX, 0, 0},
    {"1,5", FXMON_E_SYNTAX, 0, 0},
    {" 1", FXMON_E_SYNTAX, 0, 0},
    {"1 ", FXMON_E_SYNTAX, 0, 0},
    {"1.2.3", FXMON_E_SYNTAX, 0, 0},
    {"0x10", FXMON_E_SYNTAX, 0, 0},
    {"NaN", FXMON_E_SYNTAX, 0, 0},
    {"1e5.5", FXMON_E_SYNTAX, 0, 0},
};

START_TEST(spelling)
{
    fxmon_decimal value = {77, 7};
    size_t length = strlen(spellings[_i].text);
    ck_assert_msg(fxmon_decimal_parse(spellings[_i].text, length, &value) == spellings[_i].code, "%s", spellings[_i].text);
    if (spellings[_i].code == FXMON_OK) {
        ck_assert_int_eq(value.mantissa, spellings[_i].mantissa);
        ck_assert_int_eq(value.scale, spellings[_i].scale);
    } else {
        ck_assert_int_eq(value.mantissa, 77); /* untouched */
    }
    /* the same in the middle of a longer text, at every distance from its end */
    for (size_t behind = 0; behind < 20 && spellings[_i].code == FXMON_OK; behind++) {
        char text[80];
        memcpy(text, spellings[_i].text, length);
        memset(text + length, ',', sizeof(text) - length);
        char *exact = malloc(length + behind); /* a sanitizer sees any read past the end */
        memcpy(exact, text, length + behind);
        int code;
        ck_assert_ptr_eq(fxi_decimal_scan(exact, exact + length + behind, &value, &code), exact + length);
        ck_assert_int_eq(value.mantissa, spellings[_i].mantissa);
        ck_assert_int_eq(value.scale, spellings[_i].scale);
        free(exact);
    }
}
END_TEST

static fxmon_decimal random_decimal(fxi_random *r)
{
    return (fxmon_decimal){property_integer(r), (int32_t)fxi_random_below(r, 19)};
}

/* The obvious way: divide and take remainders. */
static void print_plainly(fxmon_decimal value, char *out, size_t size)
{
    uint64_t magnitude = value.mantissa < 0 ? 0 - (uint64_t)value.mantissa : (uint64_t)value.mantissa;
    uint64_t power = (uint64_t)fxi_pow10[value.scale];
    const char *sign = value.mantissa < 0 ? "-" : "";
    if (value.scale == 0) {
        snprintf(out, size, "%s%" PRIu64, sign, magnitude);
    } else {
        snprintf(out, size, "%s%" PRIu64 ".%0*" PRIu64, sign, magnitude / power, value.scale, magnitude % power);
    }
}

START_TEST(text_round_trip)
{
    fxi_random r;
    property_seed(&r, "text_round_trip");
    for (long i = property_cases(200000); i > 0; i--) {
        fxmon_decimal value = random_decimal(&r), back = {0, 0};
        char text[FXMON_DECIMAL_TEXT], expected[64];
        size_t length = fxmon_decimal_format(value, text);
        print_plainly(value, expected, sizeof(expected));
        ck_assert_str_eq(text, expected);
        ck_assert_uint_eq(length, strlen(expected));
        ck_assert_int_eq(fxmon_decimal_parse(text, length, &back), FXMON_OK);
        ck_assert_int_eq(back.mantissa, value.mantissa);
        ck_assert_int_eq(back.scale, value.scale);
    }
}
END_TEST

START_TEST(exponents)
{
    fxi_random r;
    property_seed(&r, "exponents");
    for (long i = property_cases(100000); i > 0; i--) {
        fxmon_decimal value = random_decimal(&r), back;
        int exponent = (int)fxi_random_below(&r, 41) - 20;
        char text[64], digits[FXMON_DECIMAL_TEXT];
        fxmon_decimal_format(value, digits);
        snprintf(text, sizeof(text), "%s%c%d", digits, i % 2 ? 'e' : 'E', exponent);
        int code = fxmon_decimal_parse(text, strlen(text), &back);
        /* value = mantissa * 10^(exponent - scale): does any mantissa of 64 bits with a scale of 0..18 say the same? */
        __int128 mantissa = value.mantissa;
        int at = exponent - value.scale;
        while (mantissa != 0 && at < -18 && mantissa % 10 == 0) {
            mantissa /= 10;
            at++;
        }
        while (at > 0 && mantissa <= INT64_MAX && mantissa >= INT64_MIN) {
            mantissa *= 10;
            at--;
        }
        bool fits = mantissa == 0 || (at <= 0 && at >= -18 && mantissa <= INT64_MAX && mantissa >= INT64_MIN);
        ck_assert_msg((code == FXMON_OK) == fits, "%s: %d", text, code);
        if (code == FXMON_OK && value.mantissa != 0) {
            ck_assert_msg((__int128)back.mantissa * fxi_pow10[18 - back.scale] == mantissa * fxi_pow10[at > 0 ? 0 : 18 + at], "%s", text);
        } else if (code != FXMON_OK) {
            ck_assert_int_eq(code, FXMON_E_RANGE);
        }
    }
}
END_TEST

START_TEST(comparison)
{
    fxi_random r;
    property_seed(&r, "comparison");
    for (long i = property_cases(200000); i > 0; i--) {
        fxmon_decimal a = random_decimal(&r), b = random_decimal(&r);
        if (i % 3 == 0 && fxmon_decimal_rescale(a, b.scale, &b) != FXMON_OK) { /* equal values at other scales */
            b = a;
        }
        __int128 left = (__int128)a.mantissa * fxi_pow10[18 - a.scale], right = (__int128)b.mantissa * fxi_pow10[18 - b.scale];
        ck_assert_int_eq(fxmon_decimal_compare(a, b), (left > right) - (left < right));
        ck_assert_int_eq(fxmon_decimal_compare(b, a), (left < right) - (left > right));
    }
}
END_TEST

START_TEST(to_double)
{
    fxi_random r;
    property_seed(&r, "to_double");
    for (long i = property_cases(300000); i > 0; i--) {
        fxmon_decimal value = random_decimal(&r);
        if (i % 4 == 0) { /* near the middle between two doubles: where rounding goes wrong */
            uint64_t c = (UINT64_C(1) << 53) | (fxi_random_next(&r) >> 11);
            value.mantissa = (int64_t)(c * 2 + 1) << fxi_random_below(&r, 9);
            value.scale = 0;
            value.mantissa += (int64_t)fxi_random_below(&r, 3) - 1;
        }
        char text[FXMON_DECIMAL_TEXT];
        fxmon_decimal_format(value, text);
        double expected = strtod(text, NULL), got = fxmon_decimal_to_double(value);
        ck_assert_msg(got == expected, "%s gave %a, not %a", text, got, expected);
    }
}
END_TEST

START_TEST(rescale)
{
    fxmon_decimal out = {1, 1};
    ck_assert_int_eq(fxmon_decimal_rescale((fxmon_decimal){8470, 4}, 3, &out), FXMON_OK);
    ck_assert_int_eq(out.mantissa, 847);
    ck_assert_int_eq(out.scale, 3);
    ck_assert_int_eq(fxmon_decimal_rescale((fxmon_decimal){847, 3}, 2, &out), FXMON_E_RANGE);
    ck_assert_int_eq(fxmon_decimal_rescale((fxmon_decimal){-847, 3}, 18, &out), FXMON_OK);
    ck_assert_int_eq(out.mantissa, INT64_C(-847000000000000000));
    ck_assert_int_eq(fxmon_decimal_rescale((fxmon_decimal){10, 0}, 18, &out), FXMON_E_RANGE);
    ck_assert_int_eq(fxmon_decimal_rescale((fxmon_decimal){1, 0}, 19, &out), FXMON_E_RANGE);
    ck_assert_int_eq(fxmon_decimal_rescale((fxmon_decimal){1, 0}, -1, &out), FXMON_E_RANGE);
    ck_assert_int_eq(fxmon_decimal_rescale((fxmon_decimal){1, 44}, 1, &out), FXMON_E_ARGUMENT);
}
END_TEST

/* A decimal that a caller filled with nonsense must not make anybody read outside the table of powers. */
START_TEST(wild_scales)
{
    char text[FXMON_DECIMAL_TEXT];
    fxmon_decimal wild[] = {{5, -3}, {5, 100}, {INT64_MIN, INT32_MAX}, {INT64_MAX, INT32_MIN}};
    for (size_t i = 0; i < sizeof(wild) / sizeof(wild[0]); i++) {
        ck_assert_uint_lt(fxmon_decimal_format(wild[i], text), FXMON_DECIMAL_TEXT);
        ck_assert_int_eq(fxmon_decimal_compare(wild[i], wild[i]), 0);
        ck_assert(fxmon_decimal_to_double(wild[i]) != 0);
    }
}
END_TEST

START_TEST(comma_locale)
{
    if (property_comma_locale()) {
        fxmon_decimal value;
        char text[FXMON_DECIMAL_TEXT];
        ck_assert_int_eq(fxmon_decimal_parse("0.847", 5, &value), FXMON_OK);
        ck_assert_int_eq(value.mantissa, 847);
        fxmon_decimal_format(value, text);
        ck_assert_str_eq(text, "0.847");
        ck_assert(fxmon_decimal_to_double(value) == 0.847);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("decimal");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, spelling, 0, sizeof(spellings) / sizeof(spellings[0]));
    tcase_add_test(tests, text_round_trip);
    tcase_add_test(tests, exponents);
    tcase_add_test(tests, comparison);
    tcase_add_test(tests, to_double);
    tcase_add_test(tests, rescale);
    tcase_add_test(tests, wild_scales);
    tcase_add_test(tests, comma_locale);
    return support_run("decimal", tests);
}
