/* tests/unit/test_cross.c - crosses: the golden table, IEEE division, exact quotients. */
#include "../support/support.h"

#include "core/cross.h"
#include "core/exact.h"

#include <math.h>
#include <string.h>

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof(a)) == 0;
}

/* USD rates of the eight currencies in the order of the example, and what their 28 crosses are to 8 digits. */
static const char *const usd[8] = {"0.847", "0.789", "110.25", "1.258", "1.312", "0.912", "6.456", "74.123"};
static const double golden[28] = {
    0.93152302, 130.16529, 1.4852420, 1.5489965, 1.0767414, 7.6221960, 87.512397, 139.73384, 1.5944233, 1.6628644, 1.1558935, 8.1825095, 93.945501, 0.011410431,
    0.011900227, 0.0082721088, 0.058557823, 0.67231746, 1.0429253, 0.72496025, 5.1319555, 58.921304, 0.69512195, 4.9207317, 56.496189, 7.0789474, 81.275219, 11.481258,
};

START_TEST(golden_crosses)
{
    fxmon_decimal rate[8];
    double leg[8], out[28];
    for (int i = 0; i < 8; i++) {
        ck_assert_int_eq(fxmon_decimal_parse(usd[i], strlen(usd[i]), &rate[i]), FXMON_OK);
        leg[i] = fxmon_decimal_to_double(rate[i]);
    }
    fxmon_cross_all(leg, 8, out);
    for (int i = 0, k = 0; i < 8; i++) {
        for (int j = i + 1; j < 8; j++, k++) {
            ck_assert_msg(fabs(out[k] - golden[k]) <= 0.5000001e-7 * pow(10, floor(log10(golden[k]))), "%d/%d: %.10g", i, j, out[k]);
            double mid = fxmon_cross_mid(rate[i], rate[j]);
            ck_assert_msg(fabs(mid - out[k]) <= 2.3e-16 * mid, "%d/%d: %.17g against %.17g", i, j, mid, out[k]);
        }
    }
}
END_TEST

/* Every length from 0 to 40 and two odd ones, rates of every magnitude, zeros and infinities too: the same bits as a division. */
START_TEST(all_is_division)
{
    static double rate[166], out[166 * 165 / 2 + 4];
    fxi_random r;
    property_seed(&r, "all_is_division");
    for (long round = property_cases(40); round > 0; round--) {
        for (size_t n = 0; n <= 166; n += n < 40 ? 1 : 63) {
            for (size_t i = 0; i < n; i++) {
                rate[i] = ldexp(1 + fxi_random_unit(&r), (int)fxi_random_below(&r, 60) - 30);
                if (round % 4 == 0 && fxi_random_below(&r, 8) == 0)
                    rate[i] = fxi_random_below(&r, 2) ? ldexp(fxi_random_unit(&r), -1020) : ldexp(1 + fxi_random_unit(&r), 1023);
            }
            size_t total = n == 0 ? 0 : n * (n - 1) / 2;
            for (size_t k = 0; k < total + 4; k++)
                out[k] = -7.0;
            fxmon_cross_all(rate, n, out);
            size_t k = 0;
            for (size_t i = 0; i < n; i++) {
                for (size_t j = i + 1; j < n; j++, k++) {
                    volatile double quotient = rate[j] / rate[i];
                    ck_assert_msg(same_bits(out[k], quotient), "n %zu, %zu/%zu: %a / %a", n, i, j, rate[j], rate[i]);
                }
            }
            for (; k < total + 4; k++)
                ck_assert_msg(out[k] == -7.0, "n %zu: written past the end", n);
        }
    }
}
END_TEST

/* |n/d - q| is at most half a unit of the last place of q, judged in integers of 384 bits: 2*|n*2^k - m*d*2^j| <= d*2^j for q = m*2^(j-k). */
static void check_ratio(fxi_u128 n, fxi_u128 d)
{
    int exponent;
    double q = fxi_ratio(n, d);
    uint64_t m = (uint64_t)ldexp(frexp(q, &exponent), 53);
    exponent -= 53;
    ck_assert_int_lt(exponent, 130);
    fxi_wide power = fxi_wide_from(1), two = fxi_wide_from(2);
    for (int i = exponent > 0 ? exponent : -exponent; i > 0; i--)
        power = fxi_wide_multiply(&power, &two);
    fxi_wide left = fxi_wide_from(n), unit = fxi_wide_from(d), mantissa = fxi_wide_from(m);
    if (exponent > 0)
        unit = fxi_wide_multiply(&unit, &power);
    else
        left = fxi_wide_multiply(&left, &power);
    fxi_wide right = fxi_wide_multiply(&unit, &mantissa);
    fxi_wide difference = left;
    fxi_wide_subtract(&difference, &right);
    if (difference.limb[FXI_WIDE_LIMBS - 1] >> 63 != 0) {
        difference = right;
        fxi_wide_subtract(&difference, &left);
    }
    fxi_wide_add(&difference, &difference);
    fxi_wide slack = unit;
    fxi_wide_subtract(&slack, &difference);
    ck_assert_msg(slack.limb[FXI_WIDE_LIMBS - 1] >> 63 == 0, "not the nearest: %a", q);
    ck_assert_msg(!fxi_wide_is_zero(&slack) || (m & 1) == 0, "a tie went to the odd neighbour: %a", q);
}

START_TEST(ratio_is_nearest)
{
    fxi_random r;
    property_seed(&r, "ratio_is_nearest");
    for (long round = property_cases(20000); round > 0; round--) {
        fxi_u128 n = ((fxi_u128)fxi_random_next(&r) << 64 | fxi_random_next(&r)) >> (1 + fxi_random_below(&r, 126));
        fxi_u128 d = ((fxi_u128)fxi_random_next(&r) << 64 | fxi_random_next(&r)) >> (1 + fxi_random_below(&r, 126));
        if (n != 0 && d != 0)
            check_ratio(n, d);
    }
    /* exact ties, and their neighbours */
    fxi_u128 odd = ((fxi_u128)1 << 54) + 2;
    for (int k = -1; k <= 1; k++) {
        check_ratio((odd + (fxi_u128)1) * 8 + (fxi_u128)k, 8);
        check_ratio((odd + (fxi_u128)3) * 8 + (fxi_u128)k, 8);
    }
    check_ratio(((fxi_u128)1 << 127) - 1, 1);
    check_ratio(1, ((fxi_u128)1 << 127) - 1);
}
END_TEST

START_TEST(mid_properties)
{
    fxi_random r;
    property_seed(&r, "mid_properties");
    for (long round = property_cases(20000); round > 0; round--) {
        fxmon_decimal a = {(int64_t)(1 + fxi_random_below(&r, 100000000)), (int32_t)fxi_random_below(&r, 9)};
        fxmon_decimal b = {(int64_t)(1 + fxi_random_below(&r, 100000000)), (int32_t)fxi_random_below(&r, 9)};
        fxmon_decimal c = {(int64_t)(1 + fxi_random_below(&r, 100000000)), (int32_t)fxi_random_below(&r, 9)};
        double ab = fxmon_cross_mid(a, b), ba = fxmon_cross_mid(b, a), bc = fxmon_cross_mid(b, c), ac = fxmon_cross_mid(a, c);
        ck_assert_msg(fabs(ab * ba - 1) <= 4.5e-16, "%a * %a", ab, ba);
        ck_assert_msg(fabs(ab * bc - ac) <= 5e-16 * ac, "triangle: %a * %a, %a", ab, bc, ac);
        ck_assert(same_bits(fxmon_cross_mid(a, a), 1.0));
        fxmon_decimal longer = {a.mantissa * 1000, a.scale + 3};
        ck_assert(same_bits(fxmon_cross_mid(longer, b), ab));
        fxi_leg product[2] = {{a, false}, {b, true}};
        ck_assert(same_bits(fxi_cross_legs(product, 2), ba));
    }
    fxmon_decimal one = {1, 0}, zero = {0, 0}, negative = {-1, 0}, wrong = {1, 19};
    ck_assert(isnan(fxmon_cross_mid(zero, one)) && isnan(fxmon_cross_mid(one, zero)));
    ck_assert(isnan(fxmon_cross_mid(negative, one)) && isnan(fxmon_cross_mid(wrong, one)));
    fxmon_decimal most = {INT64_MAX, 0}, least = {1, 18};
    ck_assert(fxmon_cross_mid(least, most) == 9223372036854775807.0 * 1e18);
    fxi_leg legs[2] = {{{INT64_MAX, 18}, true}, {{INT64_MAX, 18}, true}};
    double inverse = fxi_cross_legs(legs, 2); /* 1/9.22.../9.22... */
    ck_assert_msg(fabs(inverse - 1 / (9.223372036854775807 * 9.223372036854775807)) < 1e-17, "%a", inverse);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("cross");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, golden_crosses);
    tcase_add_test(tests, all_is_division);
    tcase_add_test(tests, ratio_is_nearest);
    tcase_add_test(tests, mid_properties);
    return support_run("cross", tests);
}
