/* tests/unit/test_series.c - verdicts, separate sources, checkpoints. */
#include "../support/support.h"

#include "base/mem.h"
#include "core/series.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct outcome {
    enum fxi_verdict verdict;
    double volatility;
    uint32_t samples;
} outcome;

static fxmon_rate rate_of(const char *pair, int64_t mantissa, int32_t scale)
{
    fxmon_rate rate = {.mid = {mantissa, scale}};
    ck_assert_int_eq(fxmon_pair_parse(pair, strlen(pair), &rate.pair), FXMON_OK);
    return rate;
}

static outcome apply(fxi_series *s, const char *source, int64_t time, const fxmon_rate *rate)
{
    outcome o;
    ck_assert_int_eq(fxi_series_apply(s, source, time, rate, &o.verdict, &o.volatility, &o.samples), FXMON_OK);
    return o;
}

START_TEST(verdicts)
{
    fxi_series *s = fxi_series_new(20);
    fxmon_rate rate = rate_of("USD/EUR", 847, 3);
    outcome o = apply(s, "a", 100, &rate);
    ck_assert(o.verdict == FXI_NEW && isnan(o.volatility) && o.samples == 1);
    o = apply(s, "a", 100, &rate); /* a new poll of the same publication */
    ck_assert(o.verdict == FXI_REPEAT && isnan(o.volatility) && o.samples == 1);
    rate.mid = (fxmon_decimal){8470, 4}; /* the same value */
    ck_assert(apply(s, "a", 100, &rate).verdict == FXI_REPEAT);
    rate.bid = (fxmon_decimal){846, 3};
    ck_assert(apply(s, "a", 100, &rate).verdict == FXI_LATE); /* same time, another bid */
    rate = rate_of("USD/EUR", 848, 3);
    ck_assert(apply(s, "a", 100, &rate).verdict == FXI_LATE); /* same time, another rate */
    ck_assert(apply(s, "a", 99, &rate).verdict == FXI_LATE);
    o = apply(s, "a", 101, &rate);
    ck_assert(o.verdict == FXI_NEW && o.samples == 2 && fabs(o.volatility - 0.0007071067811865475) < 1e-18);
    ck_assert(apply(s, "a", INT64_MIN, &rate).verdict == FXI_LATE);
    o = apply(s, "b", 1, &rate); /* another source has its own statistics */
    ck_assert(o.verdict == FXI_NEW && o.samples == 1);
    rate = rate_of("EUR/USD", 1, 0);
    ck_assert(apply(s, "a", 1, &rate).samples == 1);
    ck_assert_uint_eq(fxi_series_count(s), 3);
    fxmon_quote quote;
    double volatility;
    uint32_t samples;
    ck_assert(fxi_series_at(s, 0, &quote, &volatility, &samples));
    ck_assert_str_eq(quote.pair.text, "USD/EUR");
    ck_assert_str_eq(quote.source, "a");
    ck_assert(quote.time == 101 && quote.mid.mantissa == 848 && samples == 2);
    fxmon_pair clean;
    fxmon_pair_parse("USD/EUR", 7, &clean);
    ck_assert_int_eq(fxmon_pair_compare(&quote.pair, &clean), 0);
    ck_assert(fxi_series_at(s, 1, &quote, &volatility, &samples));
    ck_assert_str_eq(quote.source, "b");
    ck_assert(isnan(volatility));
    ck_assert(!fxi_series_at(s, 3, &quote, &volatility, &samples));
    rate.mid.scale = 19;
    enum fxi_verdict verdict;
    ck_assert_int_eq(fxi_series_apply(s, "a", 9, &rate, &verdict, &volatility, &samples), FXMON_E_RANGE);
    fxi_series_clear(s);
    ck_assert_uint_eq(fxi_series_count(s), 0);
    rate = rate_of("USD/EUR", 1, 0);
    ck_assert(apply(s, "b", 1, &rate).samples == 1);
    fxi_series_free(s);
    fxi_series_free(NULL);
    ck_assert_ptr_null(fxi_series_new(1));
    ck_assert_ptr_null(fxi_series_new(1000001));
}
END_TEST

/* A message to come, from random choices. */
static outcome random_step(fxi_series *s, fxi_random *r, int64_t *clock)
{
    static const char *const pairs[] = {"USD/EUR", "USD/JPY", "EUR/GBP", "USDT/EUR", "USD/INR", "MATICX/USDTXX"};
    static const char *const sources[] = {"ecb", "open-er-api", "a source whose name is cut at forty bytes, one", "a source whose name is cut at forty bytes, two"};
    fxmon_rate rate = rate_of(pairs[fxi_random_below(r, 6)], 100000 + (int64_t)fxi_random_below(r, 50), (int32_t)fxi_random_below(r, 3) + 3);
    if (fxi_random_below(r, 40) == 0)
        rate.mid = (fxmon_decimal){property_integer(r), (int32_t)fxi_random_below(r, 19)};
    if (fxi_random_below(r, 3) == 0)
        rate.bid = rate.ask = (fxmon_decimal){100000, 5};
    *clock += (int64_t)fxi_random_below(r, 3);
    return apply(s, sources[fxi_random_below(r, 4)], *clock - (int64_t)fxi_random_below(r, 2), &rate);
}

static bool same(const outcome *a, const outcome *b)
{
    return a->verdict == b->verdict && a->samples == b->samples && memcmp(&a->volatility, &b->volatility, sizeof(a->volatility)) == 0;
}

/* Saved and restored at random places, it goes on as if nothing had happened, and saves the same bytes. */
START_TEST(checkpoint_goes_on)
{
    fxi_random r, copy;
    property_seed(&r, "checkpoint_goes_on");
    for (long round = property_cases(20); round > 0; round--) {
        size_t window = 2 + fxi_random_below(&r, 30);
        fxi_series *straight = fxi_series_new(window), *broken = fxi_series_new(window);
        int64_t clock_a = 0, clock_b = 0;
        for (int i = 0; i < 1000; i++) {
            copy = r;
            outcome a = random_step(straight, &r, &clock_a), b = random_step(broken, &copy, &clock_b);
            ck_assert_msg(same(&a, &b), "step %d", i);
            if (fxi_random_below(&r, 50) != 0)
                continue;
            size_t size, other_size;
            void *bytes = fxi_series_save(broken, &size), *other = fxi_series_save(straight, &other_size);
            ck_assert_uint_eq(size, other_size);
            ck_assert_mem_eq(bytes, other, size);
            fxi_series_free(broken);
            broken = fxi_series_new(window);
            ck_assert_int_eq(fxi_series_restore(broken, bytes, size), FXMON_OK);
            fxi_free(bytes);
            fxi_free(other);
        }
        fxi_series_free(straight);
        fxi_series_free(broken);
    }
}
END_TEST

/* No change of one byte, no cut and no longer text is taken; the state is empty then. */
START_TEST(damage_is_found)
{
    fxi_random r;
    int64_t clock = 0;
    fxi_random_seed(&r, 5);
    fxi_series *s = fxi_series_new(4), *target = fxi_series_new(4), *other = fxi_series_new(5);
    for (int i = 0; i < 60; i++)
        random_step(s, &r, &clock);
    size_t size;
    unsigned char *bytes = fxi_series_save(s, &size);
    ck_assert_int_eq(fxi_series_restore(target, bytes, size), FXMON_OK);
    ck_assert_uint_eq(fxi_series_count(target), fxi_series_count(s));
    for (size_t i = 0; i < size; i++) {
        bytes[i] ^= (unsigned char)(1 << i % 8);
        ck_assert_int_eq(fxi_series_restore(target, bytes, size), FXMON_E_CORRUPT);
        ck_assert_uint_eq(fxi_series_count(target), 0);
        bytes[i] ^= (unsigned char)(1 << i % 8);
    }
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *part = malloc(cut + 1); /* its own block: reading past the end shows */
        memcpy(part, bytes, cut);
        ck_assert_int_eq(fxi_series_restore(target, part, cut), FXMON_E_CORRUPT);
        free(part);
    }
    unsigned char *longer = calloc(1, size + 8);
    memcpy(longer, bytes, size);
    ck_assert_int_eq(fxi_series_restore(target, longer, size + 8), FXMON_E_CORRUPT);
    free(longer);
    ck_assert_int_eq(fxi_series_restore(target, NULL, 0), FXMON_E_CORRUPT);
    ck_assert_int_eq(fxi_series_restore(other, bytes, size), FXMON_E_STATE); /* another window */
    ck_assert_int_eq(fxi_series_restore(target, bytes, size), FXMON_OK);
    fxi_free(bytes);
    fxi_series_free(s);
    fxi_series_free(target);
    fxi_series_free(other);
}
END_TEST

START_TEST(many_series)
{
    fxi_series *s = fxi_series_new(3);
    for (int64_t round = 1; round <= 3; round++) {
        for (int i = 0; i < 5000; i++) {
            char pair[12] = "USD/AAA", source[8] = "s0";
            pair[4] = (char)('A' + i % 26);
            pair[5] = (char)('A' + i / 26 % 26);
            source[1] = (char)('0' + i / 676);
            fxmon_rate rate = rate_of(pair, 100 + round * round, 2);
            outcome o = apply(s, source, round, &rate);
            ck_assert(o.verdict == FXI_NEW && o.samples == (uint32_t)round);
        }
    }
    ck_assert_uint_eq(fxi_series_count(s), 5000);
    fxi_series_free(s);
}
END_TEST

START_TEST(allocation_failure)
{
    failing_allocator_install();
    for (long nth = 1;; nth++) {
        failing_allocator_fail(nth);
        fxi_series *s = fxi_series_new(3), *t = fxi_series_new(3);
        void *bytes = NULL;
        size_t size = 0, kept = 0;
        for (int i = 0; s != NULL && i < 40; i++) {
            char pair[12] = "USD/AAA", source[4] = "s0";
            pair[4] = (char)('A' + i % 20);
            source[1] = (char)('0' + i / 10);
            fxmon_rate rate = rate_of(pair, 100 + i, 2);
            outcome o;
            int code = fxi_series_apply(s, source, 5, &rate, &o.verdict, &o.volatility, &o.samples);
            ck_assert(code == FXMON_OK || code == FXMON_E_NOMEM);
            kept += code == FXMON_OK;
            ck_assert_uint_eq(fxi_series_count(s), kept);
            if (code != FXMON_OK) { /* nothing was applied: the next try is the first sample */
                code = fxi_series_apply(s, source, 5, &rate, &o.verdict, &o.volatility, &o.samples);
                ck_assert(code == FXMON_OK && o.verdict == FXI_NEW && o.samples == 1);
                kept++;
            }
        }
        if (s != NULL)
            bytes = fxi_series_save(s, &size);
        if (t != NULL && bytes != NULL) {
            int code = fxi_series_restore(t, bytes, size);
            ck_assert(code == FXMON_OK || code == FXMON_E_NOMEM);
            ck_assert_uint_eq(fxi_series_count(t), code == FXMON_OK ? kept : 0);
        }
        bool reached = failing_allocator_failed();
        failing_allocator_fail(0);
        fxi_free(bytes);
        fxi_series_free(s);
        fxi_series_free(t);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        if (!reached)
            break;
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("series");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, verdicts);
    tcase_add_test(tests, checkpoint_goes_on);
    tcase_add_test(tests, damage_is_found);
    tcase_add_test(tests, many_series);
    tcase_add_test(tests, allocation_failure);
    return support_run("series", tests);
}
