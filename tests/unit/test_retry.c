/* tests/unit/test_retry.c - delays stay in their bounds, are uniform in them, and never undercut what the other side asked for. */
#include "../support/support.h"

#include "lane/retry.h"

#include <math.h>
#include <stdlib.h>

#define MS INT64_C(1000000)
#define DRAWS 100000

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov-Smirnov distance of DRAWS values from U(0,1). */
static double distance(double *values)
{
    double worst = 0;
    qsort(values, DRAWS, sizeof values[0], by_value);
    for (int i = 0; i < DRAWS; i++) {
        double above = (i + 1.0) / DRAWS - values[i], below = values[i] - (double)i / DRAWS;
        worst = above > worst ? above : worst;
        worst = below > worst ? below : worst;
    }
    return worst;
}

START_TEST(bounds_double_up_to_the_cap)
{
    static const int64_t limit[] = {100, 200, 400, 800, 1600, 3200, 6400, 10000, 10000};
    fxi_random seed;
    property_seed(&seed, "retry bounds");
    for (long k = 0; k < property_cases(2000); k++) {
        fxi_retry r;
        fxi_retry_init(&r, 100 * MS, 10000 * MS, fxi_random_next(&seed));
        for (size_t n = 0; n < sizeof limit / sizeof limit[0]; n++) {
            int64_t delay = fxi_retry_delay(&r, 0, 0);
            ck_assert_int_ge(delay, 0);
            ck_assert_int_le(delay, limit[n] * MS);
        }
        fxi_retry_reset(&r);
        ck_assert_int_le(fxi_retry_delay(&r, 0, 0), 100 * MS);
    }
}
END_TEST

START_TEST(uniform_over_the_whole_interval)
{
    fxi_random seed;
    property_seed(&seed, "retry jitter");
    double *values = malloc(DRAWS * sizeof *values);
    ck_assert_ptr_nonnull(values);
    for (int attempt = 0; attempt < 9; attempt += 4) {
        for (int i = 0; i < DRAWS; i++) {
            fxi_retry r;
            fxi_retry_init(&r, 100 * MS, 10000 * MS, fxi_random_next(&seed));
            r.attempts = attempt;
            double limit = attempt == 0 ? 100e6 : attempt == 4 ? 1600e6 : 10000e6;
            values[i] = (double)fxi_retry_delay(&r, 0, 0) / limit;
        }
        double d = distance(values);
        ck_assert_msg(d < 2.3 / sqrt(DRAWS), "attempt %d: distance %g", attempt, d); /* 5 in 100,000 by chance */
    }
    free(values);
}
END_TEST

START_TEST(never_before_the_time_asked_for)
{
    fxi_random seed;
    property_seed(&seed, "retry-at");
    for (long k = 0; k < property_cases(10000); k++) {
        fxi_retry r;
        fxi_retry_init(&r, 100 * MS, 10000 * MS, fxi_random_next(&seed));
        int64_t now = (int64_t)fxi_random_below(&seed, 1000000 * MS), asked = (int64_t)fxi_random_below(&seed, 1000000 * MS);
        int64_t delay = fxi_retry_delay(&r, now, asked);
        ck_assert_int_ge(delay, asked > now ? asked - now : 0);
        ck_assert_int_le(delay, (asked > now ? asked - now : 0) + 100 * MS);
    }
}
END_TEST

START_TEST(survives_extreme_settings)
{
    fxi_retry r;
    fxi_retry_init(&r, 0, -5, 1);
    ck_assert_int_le(fxi_retry_delay(&r, 0, 0), 1);
    fxi_retry_init(&r, INT64_MAX / 2, INT64_MAX - 1, 1);
    for (int i = 0; i < 200; i++)
        ck_assert_int_ge(fxi_retry_delay(&r, 0, 0), 0);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("retry");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, bounds_double_up_to_the_cap);
    tcase_add_test(tests, uniform_over_the_whole_interval);
    tcase_add_test(tests, never_before_the_time_asked_for);
    tcase_add_test(tests, survives_extreme_settings);
    return support_run("retry", tests);
}
