/* sim: message k is a function of (settings, k) and nothing else; shapes and pace are as set. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../support/source_env.h"
#include "../support/support.h"
#include "source/sim_levels.h"
#include "source/source.h"

static source_env env;

static void *must_open(const char *url, const char *const *options)
{
    void *state = NULL;
    fxmon_error error = {0};
    source_env_init(&env, options);
    ck_assert_msg(fxi_source_sim.open(&env.env, url, &state, &error) == FXMON_DONE, "%s: %s", url, error.text);
    return state;
}

/* The next message, the clock jumping to it. */
static void take(void *state, fxmon_message *message)
{
    fxmon_error error;
    int64_t due;
    ck_assert_int_eq(source_env_turn(&env, &fxi_source_sim, state, INT64_MAX / 4, message, &due, &error), FXMON_DONE);
}

static fxmon_decimal price_of(const fxmon_message *message, const char *pair)
{
    for (uint32_t i = 0; i < message->count; i++)
        if (strcmp(message->rates[i].pair.text, pair) == 0)
            return message->rates[i].mid;
    ck_abort_msg("%s is not in the message", pair);
    return (fxmon_decimal){0, 0};
}

START_TEST(the_same_seed_gives_the_same_messages)
{
    fxmon_message a, b;
    fxmon_rate copy[8];
    /* others tracked, other order, other pace: the pair's prices stay */
    void *first = must_open("sim:?seed=5&interval=1s&start=2026-01-01", NULL);
    source_env other = env;
    void *second = must_open("sim:?seed=5&rate=1&start=2026-01-01&track=CHF,SEK,EUR", NULL);
    void *third = must_open("sim:?seed=6&interval=1s&start=2026-01-01", NULL);
    int differ = 0;
    for (int k = 0; k < 500; k++) {
        env = other;
        env.env.user = &env;
        take(first, &a);
        other = env;
        ck_assert_uint_eq(a.count, 8);
        memcpy(copy, a.rates, sizeof copy);
        a.rates = copy;
        take(second, &b);
        ck_assert_int_eq(a.time, INT64_C(1767225600) * FXMON_SECOND + k * FXMON_SECOND);
        ck_assert_int_eq(b.time, a.time);
        ck_assert_int_eq(price_of(&a, "USD/EUR").mantissa, price_of(&b, "USD/EUR").mantissa);
        ck_assert_int_eq(price_of(&a, "USD/CHF").mantissa, price_of(&b, "USD/CHF").mantissa);
        take(third, &b);
        differ += price_of(&a, "USD/EUR").mantissa != price_of(&b, "USD/EUR").mantissa;
    }
    ck_assert_int_gt(differ, 450);
    fxi_source_sim.close(first);
    fxi_source_sim.close(second);
    fxi_source_sim.close(third);
}
END_TEST

START_TEST(digits_are_tenths_of_pips)
{
    fxmon_message m;
    void *state = must_open("sim:?track=EUR,JPY,INR,KRW,IDR,KWD,CLF", NULL);
    take(state, &m);
    ck_assert_int_eq(price_of(&m, "USD/EUR").scale, 5);
    ck_assert_int_eq(price_of(&m, "USD/JPY").scale, 3);
    ck_assert_int_eq(price_of(&m, "USD/INR").scale, 5);
    ck_assert_int_eq(price_of(&m, "USD/KRW").scale, 2);
    ck_assert_int_eq(price_of(&m, "USD/IDR").scale, 2);
    ck_assert_int_eq(price_of(&m, "USD/KWD").scale, 5);
    ck_assert_int_eq(price_of(&m, "USD/CLF").scale, 6);
    fxi_source_sim.close(state);
}
END_TEST

START_TEST(prices_stay_around_their_levels)
{
    fxmon_message m;
    void *state = must_open("sim:?seed=3&interval=1m&track=all&spike=0", NULL);
    double low = 1e9, high = 0;
    for (int k = 0; k < 2000; k++) {
        take(state, &m);
        ck_assert_uint_eq(m.count, 165); /* 166 currencies without the dollar itself */
        for (uint32_t i = 0; i < m.count; i++) {
            char quote[8];
            fxmon_pair_quote(&m.rates[i].pair, quote);
            double level = fxmon_decimal_to_double(fxi_sim_level_find(quote)->per_dollar);
            double ratio = fxmon_decimal_to_double(m.rates[i].mid) / level;
            ck_assert_msg(ratio > 0.98 && ratio < 1.02, "%s", m.rates[i].pair.text);
        }
        double euro = fxmon_decimal_to_double(price_of(&m, "USD/EUR"));
        low = fmin(low, euro);
        high = fmax(high, euro);
    }
    ck_assert(high / low > 1.004); /* three cycles of 0.2 % each do move it */
    fxi_source_sim.close(state);
}
END_TEST

START_TEST(noise_spikes_and_drift_are_as_set)
{
    fxmon_message m;
    enum { COUNT = 20000 };
    const double level = fxmon_decimal_to_double(fxi_sim_level_find("JPY")->per_dollar);
    void *state = must_open("sim:?seed=9&interval=1s&track=JPY&amplitude=0&noise=0.001&spike=0&drift=0", NULL);
    double sum = 0, squares = 0;
    for (int k = 0; k < COUNT; k++) {
        take(state, &m);
        double move = log(fxmon_decimal_to_double(m.rates[0].mid) / level);
        sum += move;
        squares += move * move;
    }
    double deviation = sqrt(squares / COUNT - (sum / COUNT) * (sum / COUNT));
    ck_assert_msg(deviation > 0.00097 && deviation < 0.00103, "standard deviation"); /* 3 % is six of its standard errors */
    fxi_source_sim.close(state);
    state = must_open("sim:?seed=9&interval=1s&track=JPY&amplitude=0&noise=0&spike=0.01&spike-size=0.05", NULL);
    int spikes = 0, up = 0;
    for (int k = 0; k < COUNT; k++) {
        take(state, &m);
        double move = log(fxmon_decimal_to_double(m.rates[0].mid) / level);
        ck_assert(fabs(move) < 1e-4 || fabs(fabs(move) - 0.05) < 1e-4);
        spikes += fabs(move) > 0.01;
        up += move > 0.01;
    }
    ck_assert_int_gt(spikes, 130); /* 200 expected, standard deviation 14 */
    ck_assert_int_lt(spikes, 270);
    ck_assert_int_gt(up, spikes / 4);
    ck_assert_int_lt(up, spikes * 3 / 4);
    fxi_source_sim.close(state);
    state = must_open("sim:?interval=1s&track=JPY&amplitude=0&noise=0&spike=0&drift=0.00001&count=1001", NULL);
    for (int k = 0; k < 1001; k++)
        take(state, &m);
    ck_assert(fabs(log(fxmon_decimal_to_double(m.rates[0].mid) / level) - 0.01) < 1e-4);
    fxi_source_sim.close(state);
}
END_TEST

START_TEST(spread)
{
    fxmon_message m;
    void *state = must_open("sim:?track=EUR,JPY&spread=0.001", NULL);
    for (int k = 0; k < 100; k++) {
        take(state, &m);
        for (uint32_t i = 0; i < m.count; i++) {
            const fxmon_rate *r = &m.rates[i];
            ck_assert_int_eq(r->bid.mantissa + r->ask.mantissa, 2 * r->mid.mantissa);
            double relative = (double)(r->ask.mantissa - r->bid.mantissa) / (double)r->mid.mantissa;
            ck_assert(relative > 0.00097 && relative < 0.00103);
        }
    }
    fxi_source_sim.close(state);
    state = must_open("sim:?track=EUR", NULL);
    take(state, &m);
    ck_assert_int_eq(m.rates[0].bid.mantissa, 0);
    fxi_source_sim.close(state);
}
END_TEST

START_TEST(pace)
{
    static const char *const options[] = {"interval", "7s", NULL}, *const load[] = {"interval", "30s", "rate", "3", NULL};
    fxmon_message m;
    fxmon_error error;
    int64_t due;
    void *state = must_open("sim:", options);
    int64_t start = env.now;
    ck_assert_int_eq(fxi_source_sim.next(state, env.now, &m, &due, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_source_sim.next(state, env.now, &m, &due, &error), FXMON_WAIT);
    ck_assert_int_eq(due, start + 7 * FXMON_SECOND);
    ck_assert_int_eq(fxi_source_sim.next(state, due - 1, &m, &due, &error), FXMON_WAIT);
    /* a host that was away for a minute gets all of them, with their own times */
    for (int k = 1; k <= 8; k++) {
        ck_assert_int_eq(fxi_source_sim.next(state, start + 60 * FXMON_SECOND, &m, &due, &error), FXMON_DONE);
        ck_assert_int_eq(m.time, start + k * 7 * FXMON_SECOND);
    }
    ck_assert_int_eq(fxi_source_sim.next(state, start + 60 * FXMON_SECOND, &m, &due, &error), FXMON_WAIT);
    fxi_source_sim.close(state);
    state = must_open("sim:", load); /* three a second, exactly: the 3000th comes after 1000 s */
    for (int k = 0; k <= 3000; k++)
        take(state, &m);
    ck_assert_int_eq(env.now, SOURCE_ENV_START + 1000 * FXMON_SECOND);
    fxi_source_sim.close(state);
    state = must_open("sim:?rate=max&interval=1s&count=100000", NULL);
    for (int k = 0; k < 100000; k++)
        ck_assert_int_eq(fxi_source_sim.next(state, env.now, &m, &due, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_source_sim.next(state, env.now, &m, &due, &error), FXMON_END);
    ck_assert_int_eq(m.time, SOURCE_ENV_START + 99999 * FXMON_SECOND);
    fxi_source_sim.close(state);
}
END_TEST

START_TEST(pairs_and_bases)
{
    static const char *const euro[] = {"base", "EUR", "track", "USD,EUR,GBP", NULL};
    fxmon_message m;
    void *state = must_open("sim:?pairs=EUR/USD,EURGBP+eur-jpy&noise=0&amplitude=0&spike=0", NULL);
    take(state, &m);
    ck_assert_str_eq(m.base, "EUR");
    ck_assert_uint_eq(m.count, 3);
    ck_assert_int_eq(price_of(&m, "EUR/USD").mantissa, 108870); /* the ECB's 1.0887 of 2015-12-31 */
    ck_assert_int_eq(price_of(&m, "EUR/JPY").mantissa, 131070);
    fxi_source_sim.close(state);
    state = must_open("sim:", euro);
    take(state, &m);
    ck_assert_str_eq(m.base, "EUR");
    ck_assert_uint_eq(m.count, 2);
    fxi_source_sim.close(state);
}
END_TEST

START_TEST(the_edge_of_time_is_an_error)
{
    fxmon_message m;
    fxmon_error error = {0};
    int64_t due;
    void *state = must_open("sim:?start=2262-04-11T23:47:00Z&interval=1h&rate=max", NULL);
    ck_assert_int_eq(fxi_source_sim.next(state, env.now, &m, &due, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_source_sim.next(state, env.now, &m, &due, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_RANGE);
    fxi_source_sim.close(state);
}
END_TEST

START_TEST(levels_are_sorted_and_whole)
{
    size_t count = 0;
    for (const fxi_sim_level *level; (level = fxi_sim_level_at(count)) != NULL; count++) {
        ck_assert_ptr_eq(fxi_sim_level_find(level->code), level);
        ck_assert_int_gt(level->per_dollar.mantissa, 0);
        if (count)
            ck_assert_int_lt(strcmp(fxi_sim_level_at(count - 1)->code, level->code), 0);
    }
    ck_assert_uint_eq(count, 166);
    ck_assert_ptr_null(fxi_sim_level_find("QQQ"));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sim");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_same_seed_gives_the_same_messages);
    tcase_add_test(tests, digits_are_tenths_of_pips);
    tcase_add_test(tests, prices_stay_around_their_levels);
    tcase_add_test(tests, noise_spikes_and_drift_are_as_set);
    tcase_add_test(tests, spread);
    tcase_add_test(tests, pace);
    tcase_add_test(tests, pairs_and_bases);
    tcase_add_test(tests, the_edge_of_time_is_an_error);
    tcase_add_test(tests, levels_are_sorted_and_whole);
    return support_run("sim", tests);
}
