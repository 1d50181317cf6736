/*
 * tests/unit/test_volatility.c - the rolling deviation: known values, flat windows, spikes, order, and that the narrow and the wide way agree.
 *
 * With FXMON_ORACLE_IN and FXMON_ORACLE_OUT set it is a filter instead: lines "window N" and prices in, the value after each price out as the 16 hexadecimal digits
 * of its double. tests/e2e/volatility_oracle.sh compares them with Python.
 */
#include "../support/support.h"

#include "core/exact.h"

#include <fxmon/core.h>

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t bits(double value)
{
    uint64_t out;
    memcpy(&out, &value, sizeof(out));
    return out;
}

static void add(fxmon_volatility *v, const char *text)
{
    fxmon_decimal price;
    ck_assert_int_eq(fxmon_decimal_parse(text, strlen(text), &price), FXMON_OK);
    ck_assert_int_eq(fxmon_volatility_add(v, price), FXMON_OK);
}

static double fresh(const fxmon_decimal *price, size_t count, size_t window)
{
    fxmon_volatility *v = fxmon_volatility_new(window);
    for (size_t i = 0; i < count; i++)
        ck_assert_int_eq(fxmon_volatility_add(v, price[i]), FXMON_OK);
    double value = fxmon_volatility_value(v);
    fxmon_volatility_free(v);
    return value;
}

static const struct {
    const char *prices;
    double expected;
} known[] = {
    {"0.847 0.848 0.846", 0.001},
    {"0.85 0.86 0.84 0.87 0.85 0.86", 0.010488088481701516},
    {"1 2", 0.7071067811865476},
    {"0.85 0.850", 0.0},
    {"7 7 7 7 7 8", 0.4082482904638631},
    {"5 0 0 0 0", 2.23606797749979},
    {"10000000.1 10000000.3 10000000.1 10000000.3 10000000.1 10000000.3 10000000.1 10000000.3 10000000.1 10000000.3 10000000.1 10000000.3 10000000.1 10000000.3 "
     "10000000.1 10000000.3 10000000.1 10000000.3 10000000.1 10000000.3", 0.1025978352085154},
    {"100000000000000000 1.08512", 70710678118654752.0},
    {"0.000000000000000001 0.000000000000000003", 1.4142135623730951e-18},
    {"9223372036854775807 0.000000000000000001", 6521908912666391552.0},
};

START_TEST(known_values)
{
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        fxmon_volatility *v = fxmon_volatility_new(20);
        char text[400], *rest = text;
        memcpy(text, known[i].prices, strlen(known[i].prices) + 1);
        for (char *word = strtok_r(text, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest))
            add(v, word);
        double value = fxmon_volatility_value(v);
        ck_assert_msg(fabs(value - known[i].expected) <= 1e-15 * known[i].expected, "%s: %.17g", known[i].prices, value);
        fxmon_volatility_free(v);
    }
}
END_TEST

START_TEST(limits)
{
    ck_assert_ptr_null(fxmon_volatility_new(0));
    ck_assert_ptr_null(fxmon_volatility_new(1));
    ck_assert_ptr_null(fxmon_volatility_new(1000001));
    ck_assert_ptr_null(fxmon_volatility_new(SIZE_MAX));
    fxmon_volatility_free(NULL);
    fxmon_volatility *v = fxmon_volatility_new(3);
    ck_assert(isnan(fxmon_volatility_value(v)));
    add(v, "1.5");
    ck_assert(isnan(fxmon_volatility_value(v)));
    ck_assert_int_eq(fxmon_volatility_add(v, (fxmon_decimal){1, 19}), FXMON_E_RANGE);
    ck_assert_int_eq(fxmon_volatility_add(v, (fxmon_decimal){1, -1}), FXMON_E_RANGE);
    ck_assert_uint_eq(fxmon_volatility_count(v), 1);
    add(v, "1.50");
    add(v, "3");
    add(v, "4.0");
    ck_assert_uint_eq(fxmon_volatility_count(v), 3);
    static const fxmon_decimal kept[3] = {{150, 2}, {3, 0}, {40, 1}}; /* digits as written, oldest first */
    for (size_t i = 0; i < 3; i++) {
        fxmon_decimal price = fxmon_volatility_price(v, i);
        ck_assert(price.mantissa == kept[i].mantissa && price.scale == kept[i].scale);
    }
    ck_assert_int_eq(fxmon_volatility_price(v, 3).mantissa, 0);
    fxmon_volatility_reset(v);
    ck_assert_uint_eq(fxmon_volatility_count(v), 0);
    ck_assert(isnan(fxmon_volatility_value(v)));
    add(v, "2");
    add(v, "2");
    ck_assert_uint_eq(bits(fxmon_volatility_value(v)), 0);
    fxmon_volatility_free(v);
    v = fxmon_volatility_new(1000000);
    for (int i = 0; i < 1000; i++)
        add(v, i % 2 ? "1.1" : "1.2");
    ck_assert_msg(fabs(fxmon_volatility_value(v) - 0.05002501876563868) < 1e-16, "%.17g", fxmon_volatility_value(v));
    fxmon_volatility_free(v);
}
END_TEST

/* Whatever was there before: a flat window is +0.0 to the bit, and one unit of noise is not. */
START_TEST(flat_is_zero)
{
    static const char *const before[] = {"100000000000000000", "0.000000000000000001", "1.08512", "9223372036854775807"};
    for (size_t k = 0; k < 4; k++) {
        fxmon_volatility *v = fxmon_volatility_new(20);
        for (int i = 0; i < 7; i++)
            add(v, before[k]);
        for (int i = 0; i < 20; i++)
            add(v, "1.08513");
        ck_assert_uint_eq(bits(fxmon_volatility_value(v)), 0);
        add(v, "1.08514");
        double value = fxmon_volatility_value(v);
        ck_assert_msg(fabs(value - 1e-5 / sqrt(20)) < 1e-20, "%.17g", value);
        for (int i = 0; i < 20; i++)
            add(v, "1.0851400");
        ck_assert_uint_eq(bits(fxmon_volatility_value(v)), 0);
        fxmon_volatility_free(v);
    }
}
END_TEST

/* A stream with spikes, changing decimals and levels: each value is that of a new object given the window alone, forwards, backwards, or after another past. */
static void stream_equals_fresh(fxi_random *r, size_t window, long steps, bool wild)
{
    fxmon_decimal *recent = calloc(window, sizeof(*recent)), *turned = calloc(window, sizeof(*turned));
    fxmon_volatility *v = fxmon_volatility_new(window);
    size_t count = 0;
    int64_t level = 108512;
    for (long i = 0; i < steps; i++) {
        level += (int64_t)fxi_random_below(r, 61) - 30;
        fxmon_decimal price = {level, 5};
        uint64_t event = fxi_random_below(r, wild ? 8 : 200);
        if (event == 0)
            price = (fxmon_decimal){property_integer(r), (int32_t)fxi_random_below(r, 19)};
        else if (event == 1)
            price = (fxmon_decimal){level * 1000 + 7, 8};
        else if (event == 2)
            price.mantissa *= 1000000;
        ck_assert_int_eq(fxmon_volatility_add(v, price), FXMON_OK);
        if (count == window)
            memmove(recent, recent + 1, (window - 1) * sizeof(*recent));
        count += count < window;
        recent[count - 1] = price;
        for (size_t k = 0; k < count; k++)
            turned[k] = recent[count - 1 - k];
        uint64_t streamed = bits(fxmon_volatility_value(v));
        if (count < 2)
            continue;
        ck_assert_uint_eq(streamed, bits(fresh(recent, count, window)));
        ck_assert_uint_eq(streamed, bits(fresh(turned, count, window)));
        ck_assert_uint_eq(streamed, bits(fresh(recent, count, count + 17)));
        for (size_t k = 0; k < count; k++) {
            fxmon_decimal kept = fxmon_volatility_price(v, k);
            ck_assert(kept.mantissa == recent[k].mantissa && kept.scale == recent[k].scale);
        }
    }
    fxmon_volatility_free(v);
    free(recent);
    free(turned);
}

START_TEST(streams)
{
    fxi_random r;
    property_seed(&r, "streams");
    stream_equals_fresh(&r, 20, property_cases(2000), false);
    stream_equals_fresh(&r, 20, property_cases(2000), true);
    stream_equals_fresh(&r, 2, property_cases(4000), true);
    stream_equals_fresh(&r, 63, property_cases(500), true);
}
END_TEST

/* TA-Lib's ladder: the same digits, ten times smaller at each step, give the same deviation, ten times smaller. */
START_TEST(scale_invariance)
{
    fxi_random r;
    property_seed(&r, "scale_invariance");
    for (long round = property_cases(200); round > 0; round--) {
        int64_t mantissa[20];
        for (int i = 0; i < 20; i++)
            mantissa[i] = 108512 + (int64_t)fxi_random_below(&r, 100);
        double at_zero = NAN;
        for (int32_t scale = 0; scale <= 18; scale++) {
            fxmon_decimal price[20];
            for (int i = 0; i < 20; i++)
                price[i] = (fxmon_decimal){mantissa[i], scale};
            double value = fresh(price, 20, 20);
            at_zero = scale == 0 ? value : at_zero;
            ck_assert_msg(fabs(value * pow(10, scale) / at_zero - 1) < 5e-16, "scale %d: %.17g", scale, value);
        }
    }
}
END_TEST

/*
 * A root y of n/d is the nearest double when (y - half)^2 * d <= n <= (y + half)^2 * d; in integers of 384 bits, with y = m * 2^e and halves (2m -+ 1) * 2^(e-1).
 */
static void check_root(uint64_t n, uint64_t d)
{
    fxi_divisor divisor;
    int exponent;
    fxi_divisor_set(&divisor, d);
    double y = fxi_root(n, &divisor, 0);
    uint64_t m = (uint64_t)ldexp(frexp(y, &exponent), 54); /* two times the mantissa */
    exponent -= 54;
    ck_assert_int_lt(exponent, 0);
    fxi_wide left = fxi_wide_from(n), four = fxi_wide_from(4), wide_d = fxi_wide_from(d);
    for (int i = exponent; i < 0; i++)
        left = fxi_wide_multiply(&left, &four);
    for (int side = -1; side <= 1; side += 2) {
        fxi_wide limit = fxi_wide_from(m + (uint64_t)(int64_t)side);
        limit = fxi_wide_multiply(&limit, &limit);
        limit = fxi_wide_multiply(&limit, &wide_d);
        fxi_wide room = side < 0 ? left : limit;
        fxi_wide_subtract(&room, side < 0 ? &limit : &left);
        ck_assert_msg(room.limb[FXI_WIDE_LIMBS - 1] >> 63 == 0, "root of %" PRIu64 "/%" PRIu64 ": %a is not the nearest", n, d, y);
        ck_assert_msg(!fxi_wide_is_zero(&room) || (m & 2) == 0, "a tie went to the odd neighbour");
    }
    fxi_wide wide = fxi_wide_from(n);
    ck_assert_uint_eq(bits(fxi_root_wide(&wide, &d, 1, 0)), bits(y));
}

START_TEST(root_is_nearest)
{
    fxi_random r;
    property_seed(&r, "root_is_nearest");
    for (long round = property_cases(50000); round > 0; round--) {
        uint64_t n = fxi_random_next(&r) >> fxi_random_below(&r, 63), d = fxi_random_next(&r) >> fxi_random_below(&r, 60);
        if (n != 0 && d != 0)
            check_root(n, d);
    }
    for (uint64_t k = 1; k < 3000; k++) { /* squares and what lies next to them */
        check_root(k * k, 1);
        check_root(k * k + 1, 1);
        check_root(k * k * 1000003 * 1000003 - 1, (k + 1) * (k + 1));
    }
    /* (2^54 + odd)/2^k as a root is a tie between two doubles: the wide way takes squares of that size */
    for (uint64_t k = 1; k < 200; k += 2) {
        fxi_wide tie = fxi_wide_from((UINT64_C(1) << 53) + k), one = fxi_wide_from(1);
        tie = fxi_wide_multiply(&tie, &tie);
        fxi_wide above = tie, below = tie;
        uint64_t unit = 1;
        fxi_wide_add(&above, &one);
        fxi_wide_subtract(&below, &one);
        double low = (double)((UINT64_C(1) << 53) + k - 1), high = (double)((UINT64_C(1) << 53) + k + 1);
        ck_assert(fxi_root_wide(&below, &unit, 1, 0) == low);
        ck_assert(fxi_root_wide(&above, &unit, 1, 0) == high);
        ck_assert(fxi_root_wide(&tie, &unit, 1, 0) == (k % 4 == 1 ? low : high));
        fxi_divisor whole;
        fxi_divisor_set(&whole, 1);
        for (int shift = 0; shift <= 20; shift += 2) { /* the last bit counts, wherever it lies */
            fxi_u128 n = ((fxi_u128)((UINT64_C(1) << 53) + k) * ((UINT64_C(1) << 53) + k)) << shift;
            ck_assert(fxi_root(n, &whole, shift / 2) == (k % 4 == 1 ? low : high));
            ck_assert(fxi_root(n + 1, &whole, shift / 2) == high);
            ck_assert(fxi_root(n - 1, &whole, shift / 2) == low);
        }
    }
}
END_TEST

START_TEST(allocation_failure)
{
    failing_allocator_install();
    failing_allocator_fail(1);
    ck_assert_ptr_null(fxmon_volatility_new(20));
    failing_allocator_fail(0);
    fxmon_volatility *v = fxmon_volatility_new(20);
    ck_assert_ptr_nonnull(v);
    failing_allocator_fail_from(1); /* nothing is allocated from here on */
    add(v, "1.5");
    for (int i = 0; i < 100; i++)
        add(v, i % 10 ? "1.08512" : "123456789012345678");
    ck_assert(fxmon_volatility_value(v) > 0);
    ck_assert_int_eq(failing_allocator_count(), 0);
    fxmon_volatility_free(v);
    ck_assert_int_eq(failing_allocator_alive(), 0);
}
END_TEST

static int oracle(const char *in_name, const char *out_name)
{
    FILE *in = fopen(in_name, "r"), *out = fopen(out_name, "w");
    fxmon_volatility *v = NULL;
    char line[64];
    fxmon_decimal price;
    if (in == NULL || out == NULL)
        return 2;
    while (fgets(line, sizeof(line), in) != NULL) {
        size_t length = strcspn(line, "\n");
        if (strncmp(line, "window ", 7) == 0) {
            fxmon_volatility_free(v);
            v = fxmon_volatility_new(strtoul(line + 7, NULL, 10));
            if (v == NULL)
                return 2;
        } else if (v == NULL || fxmon_decimal_parse(line, length, &price) != FXMON_OK || fxmon_volatility_add(v, price) != FXMON_OK) {
            return 2;
        } else {
            fprintf(out, "%016" PRIx64 "\n", bits(fxmon_volatility_value(v)));
        }
    }
    fxmon_volatility_free(v);
    fclose(in);
    return fclose(out) == 0 ? 0 : 2;
}

int main(void)
{
    if (getenv("FXMON_ORACLE_IN") != NULL && getenv("FXMON_ORACLE_OUT") != NULL)
        return oracle(getenv("FXMON_ORACLE_IN"), getenv("FXMON_ORACLE_OUT"));
    TCase *tests = tcase_create("volatility");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, known_values);
    tcase_add_test(tests, limits);
    tcase_add_test(tests, flat_is_zero);
    tcase_add_test(tests, streams);
    tcase_add_test(tests, scale_invariance);
    tcase_add_test(tests, root_is_nearest);
    tcase_add_test(tests, allocation_failure);
    return support_run("volatility", tests);
}
