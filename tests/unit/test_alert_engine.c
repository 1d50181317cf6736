/* The alert engine: worked timelines, and everything else by comparison with the brute-force model on random rules, changes and prices. */
#include "../support/alert_model.h"
#include "../support/support.h"
#include "core/alert.h"

#include <stdio.h>

static fxmon_decimal decimal(const char *text)
{
    fxmon_decimal value;
    ck_assert_int_eq(fxmon_decimal_parse(text, strlen(text), &value), FXMON_OK);
    return value;
}

static fxmon_quote quote_of(const char *pair, int64_t seconds, fxmon_decimal mid)
{
    fxmon_quote quote = {.time = seconds * FXMON_SECOND, .mid = mid, .source = "test"};
    ck_assert_int_eq(fxmon_pair_parse(pair, strlen(pair), &quote.pair), FXMON_OK);
    return quote;
}

/* Prices "0.89 0.91 ..." one a second; the events as "kind@second" with "+n" for n suppressed, separated by spaces. */
static void play(fxmon_alerts *alerts, int64_t *second, const char *prices, const char *expected)
{
    char got[512] = "";
    char copy[512];
    snprintf(copy, sizeof copy, "%s", prices);
    char *rest = copy;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        fxmon_quote quote = quote_of("USD/EUR", ++*second, decimal(word));
        fxmon_event event;
        for (fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote); fxmon_alert_next(&it, &event);) {
            size_t length = strlen(got);
            snprintf(got + length, sizeof got - length, "%s%s@%lld", length ? " " : "", fxi_event_kind_name(event.kind),
                     (long long)(event.time / FXMON_SECOND));
            length = strlen(got);
            if (event.suppressed)
                snprintf(got + length, sizeof got - length, "+%lld", (long long)event.suppressed);
        }
    }
    ck_assert_str_eq(got, expected);
}

static const struct {
    const char *rule, *prices, *events;
} timelines[] = {
    {"USD/EUR above 0.9", "0.91 0.92", "fired@1"},
    {"USD/EUR above 0.9", "0.89 0.90 0.900 0.901", "fired@4"},
    {"USD/EUR above 0.9", "0.901 0.9 0.901 0.899 0.902", "fired@1 resolved@4 fired@5"},
    {"USD/EUR below 0.85", "0.847 0.849 0.86", "fired@1 resolved@3"},
    {"USD/EUR cross_up 0.9", "0.91 0.89 0.91", "fired@3"},
    {"USD/EUR cross_up 0.9", "0.9 0.91", "fired@2"},
    {"USD/EUR cross_down 0.9", "0.89 0.91 0.89 0.91", "fired@3"},
    {"USD/EUR cross 0.9", "0.89 0.91 0.89 0.9 0.91", "fired@2 fired@3 fired@5"},
    {"USD/EUR above 0.9 clear 0.895", "0.91 0.898 0.901 0.895 0.8949 0.899 0.9001", "fired@1 resolved@5 fired@7"},
    {"USD/EUR below 0.9 clear 0.905", "0.89 0.902 0.899 0.906 0.89", "fired@1 resolved@4 fired@5"},
    {"USD/EUR above 0.9 for 3s", "0.91 0.91 0.91 0.91 0.91", "fired@4"},
    {"USD/EUR above 0.9 for 3s", "0.91 0.91 0.89 0.91 0.91 0.91 0.91", "fired@7"},
    {"USD/EUR cross_up 0.9 for 2s", "0.89 0.91 0.91 0.91 0.89 0.91 0.89", "fired@4"},
    {"USD/EUR above 0.9 cooldown 5s", "0.91 0.89 0.91 0.89 0.91 0.92 0.91", "fired@1 resolved@2 fired@6+2"},
    {"USD/EUR cross_up 0.9 cooldown 4s", "0.89 0.91 0.89 0.91 0.89 0.91 0.91", "fired@2 fired@6+1"},
    {"USD/EUR above 0.9 repeat every", "0.91 0.92 0.9 0.91 0.89", "fired@1 repeated@2 repeated@4 resolved@5"},
    {"USD/EUR above 0.9 repeat every cooldown 2s", "0.91 0.91 0.91 0.91 0.91", "fired@1 repeated@3 repeated@5"},
    {"USD/EUR above 0.9 repeat once", "0.91 0.89 0.91", "fired@1"},
    {"USD/EUR cross 0.9 repeat once", "0.91 0.89 0.91", "fired@2"},
    {"USD/EUR cross 0.9 clear 0.895", "0.897 0.901 0.896 0.894 0.899 0.9 0.91", "fired@2 fired@4 fired@7"},
    {"USD/EUR above 5000000000000000000", "1 5000000000000000001 1", "fired@2 resolved@3"},
    {"USD/EUR above 0.000000000000000001", "0.000000000000000001 0.000000000000000002 1000000000000000000", "fired@2"},
};

START_TEST(timeline)
{
    fxmon_error error;
    fxmon_alerts *alerts = fxmon_alerts_new();
    int64_t second = 0;
    ck_assert_msg(fxmon_alerts_add(alerts, timelines[_i].rule, &error) == FXMON_OK, "%s", error.text);
    play(alerts, &second, timelines[_i].prices, timelines[_i].events);
    fxmon_alerts_free(alerts);
}
END_TEST

/* The same, but after every sample the alerts move to a new set by way of their saved states, as after a restart. */
START_TEST(timeline_with_restarts)
{
    fxmon_alert rule;
    ck_assert_int_eq(fxmon_alert_parse(timelines[_i].rule, strlen(timelines[_i].rule), &rule, NULL), FXMON_OK);
    rule.id = 1;
    fxmon_alerts *alerts = fxmon_alerts_new();
    ck_assert_int_eq(fxmon_alerts_insert(alerts, &rule, NULL, NULL), FXMON_OK);
    int64_t second = 0;
    char prices[512], events[512] = "";
    snprintf(prices, sizeof prices, "%s", timelines[_i].prices);
    char *rest = prices;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        fxmon_quote quote = quote_of("USD/EUR", ++second, decimal(word));
        fxmon_event event;
        for (fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote); fxmon_alert_next(&it, &event);) {
            size_t length = strlen(events);
            int n = snprintf(events + length, sizeof events - length, "%s%s@%lld", length ? " " : "", fxi_event_kind_name(event.kind),
                             (long long)(event.time / FXMON_SECOND));
            if (event.suppressed)
                snprintf(events + length + n, sizeof events - length - n, "+%lld", (long long)event.suppressed);
        }
        fxmon_alerts *next = fxmon_alerts_new();
        fxmon_alert_state state = *fxmon_alerts_state(alerts, 1);
        ck_assert_int_eq(fxmon_alerts_insert(next, fxmon_alerts_find(alerts, 1), &state, NULL), FXMON_OK);
        fxmon_alerts_free(alerts);
        alerts = next;
        for (fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote); fxmon_alert_next(&it, &event);)
            ck_abort_msg("the sample before the restart was evaluated again");
    }
    ck_assert_str_eq(events, timelines[_i].events);
    fxmon_alerts_free(alerts);
}
END_TEST

START_TEST(resolved_tells_duration_and_worst)
{
    fxmon_alerts *alerts = fxmon_alerts_new();
    ck_assert_int_eq(fxmon_alerts_add(alerts, "USD/EUR above 0.9", NULL), FXMON_OK);
    static const char *const prices[] = {"0.905", "0.910", "0.93", "0.91", "0.9", "0.88"};
    fxmon_event event = {.kind = 0};
    for (int i = 0; i < 6; i++) {
        fxmon_quote quote = quote_of("USD/EUR", i, decimal(prices[i]));
        fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote);
        while (fxmon_alert_next(&it, &event))
            ;
    }
    ck_assert_int_eq(event.kind, FXMON_RESOLVED);
    ck_assert_int_eq(event.duration, 5 * FXMON_SECOND);
    ck_assert_int_eq(event.worst.mantissa, 93);
    char text[192];
    fxmon_event_message(&event, text, sizeof text);
    ck_assert_str_eq(text, "USD/EUR is no longer above 0.9 (current: 0.88)");
    fxmon_alerts_free(alerts);
}
END_TEST

START_TEST(late_and_repeated_samples_do_nothing)
{
    fxmon_alerts *alerts = fxmon_alerts_new();
    ck_assert_int_eq(fxmon_alerts_add(alerts, "USD/EUR above 0.9 repeat every", NULL), FXMON_OK);
    static const struct { int second; const char *price; int events; } samples[] = {
        {10, "0.91", 1}, {10, "0.91", 0}, {10, "0.5", 0}, {9, "0.5", 0}, {11, "0.92", 1}, {3, "0.92", 0}};
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        fxmon_quote quote = quote_of("USD/EUR", samples[i].second, decimal(samples[i].price));
        fxmon_event event;
        int events = 0;
        for (fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote); fxmon_alert_next(&it, &event);)
            events++;
        ck_assert_int_eq(events, samples[i].events);
    }
    fxmon_alerts_free(alerts);
}
END_TEST

START_TEST(identity_is_that_of_the_record)
{
    fxmon_event a = {.alert_id = 7, .version = 2, .kind = FXMON_FIRED, .partition = 3, .offset = 41};
    fxi_event_identify(&a, "file:log");
    /* printf '7|2|file:log|3|41|fired' | sha256sum | cut -c1-32 */
    ck_assert_str_eq(a.id, "c6b2ab219b337e2baea0c4232a7587de");
    fxmon_event b = a;
    b.offset = 42;
    fxi_event_identify(&b, "file:log");
    ck_assert_str_ne(a.id, b.id);
}
END_TEST

START_TEST(message_of_the_seed)
{
    fxmon_event event = {.kind = FXMON_FIRED, .condition = FXMON_ABOVE, .threshold = {9, 1}, .rate = {905, 3}};
    fxmon_pair_make("USD", "EUR", &event.pair);
    char text[192];
    ck_assert_uint_eq(fxmon_event_message(&event, text, sizeof text), 39);
    ck_assert_str_eq(text, "USD/EUR went above 0.9 (current: 0.905)");
    event.condition = FXMON_CROSS;
    event.rate = (fxmon_decimal){899, 3};
    fxmon_event_message(&event, text, sizeof text);
    ck_assert_str_eq(text, "USD/EUR went below 0.9 (current: 0.899)");
    event.kind = FXMON_REPEATED;
    event.condition = FXMON_BELOW;
    fxmon_event_message(&event, text, sizeof text);
    ck_assert_str_eq(text, "USD/EUR is still below 0.9 (current: 0.899)");
}
END_TEST

/* ---- random ------------------------------------------------------------------------------------------- */

static int64_t between(fxi_random *r, int64_t low, int64_t high)
{
    return low + (int64_t)fxi_random_below(r, (uint64_t)(high - low + 1));
}

/* Levels on a coarse grid around 1, so that prices meet them exactly; sometimes with more decimals, sometimes out of all proportion. */
static fxmon_decimal random_level(fxi_random *r)
{
    switch (fxi_random_below(r, 12)) {
    case 0:
        return (fxmon_decimal){10000000 + between(r, -50000, 50000), 7};
    case 1:
        return (fxmon_decimal){10000 + between(r, -50, 50), 4};
    case 2:
        return fxi_random_below(r, 8) == 0 ? (fxmon_decimal){INT64_C(5000000000000000000) + between(r, -2, 2), 0} : (fxmon_decimal){1, 0};
    case 3:
        return fxi_random_below(r, 8) == 0 ? (fxmon_decimal){INT64_C(1000000000000000000) + between(r, -3, 3), 18} : (fxmon_decimal){10, 1};
    default:
        return (fxmon_decimal){1000 + between(r, -12, 12), 3};
    }
}

static fxmon_alert random_rule(fxi_random *r, int64_t id)
{
    fxmon_alert rule = {.id = id, .version = 1, .active = true};
    fxmon_pair_make(fxi_random_below(r, 4) == 0 ? "GBP" : "USD", "EUR", &rule.pair);
    rule.condition = (int32_t)between(r, FXMON_ABOVE, FXMON_CROSS);
    rule.threshold = random_level(r);
    if (fxi_random_below(r, 2) == 0) {
        rule.clear = random_level(r);
        int order = fxmon_decimal_compare(rule.clear, rule.threshold);
        bool rising = rule.condition == FXMON_ABOVE || rule.condition == FXMON_CROSS_UP;
        if (rule.condition != FXMON_CROSS && (rising ? order > 0 : order < 0)) {
            fxmon_decimal swap = rule.clear;
            rule.clear = rule.threshold;
            rule.threshold = swap;
        }
    }
    rule.hold = fxi_random_below(r, 2) ? 0 : between(r, 0, 6) * FXMON_SECOND;
    rule.cooldown = fxi_random_below(r, 2) ? 0 : between(r, 0, 15) * FXMON_SECOND;
    rule.repeat = (int32_t)between(r, FXMON_EPISODE, FXMON_ONCE);
    if (rule.repeat == FXMON_ONCE && fxi_random_below(r, 2))
        rule.repeat = FXMON_EPISODE;
    return rule;
}

static fxmon_decimal random_price(fxi_random *r, int64_t *walk)
{
    switch (fxi_random_below(r, 40)) {
    case 0:
        *walk = between(r, 980, 1020) * 1000;
        break;
    case 1:
        return random_level(r);
    case 2:
        return (fxmon_decimal){INT64_C(5000000000000000000) + between(r, -2, 2), 0};
    case 3:
        return (fxmon_decimal){INT64_C(1000000000000000000) + between(r, -3, 3), 18};
    case 4:
        return (fxmon_decimal){between(r, 995, 1005), 3};
    default:
        *walk += fxi_random_below(r, 3) == 0 ? 0 : between(r, -1, 1) * (fxi_random_below(r, 3) == 0 ? 1 : 1000);
    }
    /* plateaus at a level, with and without the zeros */
    return *walk % 1000 == 0 && fxi_random_below(r, 2) ? (fxmon_decimal){*walk / 1000, 3} : (fxmon_decimal){*walk, 6};
}

static void compare_events(model *m, fxmon_alerts *alerts, const fxmon_quote *quote, fxmon_event *expected)
{
    size_t count = model_check(m, quote, expected), got = 0;
    fxmon_event event;
    fxmon_alert_iter it = fxmon_alerts_check(alerts, quote);
    while (fxmon_alert_next(&it, &event)) {
        ck_assert_uint_lt(got, count);
        const fxmon_event *e = &expected[got++];
        char rule[160];
        fxmon_alert_format(&m->alert[e->alert_id - 1].rule, rule, sizeof rule);
        ck_assert_msg(event.alert_id == e->alert_id && event.kind == e->kind, "price %lld e-%d: %s of alert %lld, expected %s of %lld (%s)",
                      (long long)quote->mid.mantissa, (int)quote->mid.scale, fxi_event_kind_name(event.kind), (long long)event.alert_id,
                      fxi_event_kind_name(e->kind), (long long)e->alert_id, rule);
        ck_assert_int_eq(event.suppressed, e->suppressed);
        ck_assert_int_eq(event.duration, e->duration);
        ck_assert_int_eq(fxmon_decimal_compare(event.worst, e->worst), 0);
        ck_assert_int_eq(event.time, quote->time);
    }
    ck_assert_uint_eq(got, count);
}

static fxmon_alerts *reborn(fxmon_alerts *old, const model *m)
{
    fxmon_alerts *alerts = fxmon_alerts_new();
    for (size_t i = 0; i < fxmon_alerts_count(old); i++) {
        const fxmon_alert *alert = fxi_alerts_item(old, i);
        fxmon_alert_state state = *fxmon_alerts_state(old, alert->id);
        ck_assert_int_eq(fxmon_alerts_insert(alerts, alert, &state, NULL), FXMON_OK);
    }
    static const char *const bases[] = {"USD", "GBP"};
    for (int p = 0; p < 2; p++) {
        fxmon_pair pair;
        fxmon_pair_make(bases[p], "EUR", &pair);
        if (m->any[p])
            ck_assert_int_eq(fxi_alerts_last(alerts, &pair, m->last[p]), FXMON_OK);
    }
    fxmon_alerts_free(old);
    return alerts;
}

static void random_change(fxi_random *r, model *m, fxmon_alerts **alerts)
{
    uint64_t choice = fxi_random_below(r, 60);
    if (choice < 6 && m->count < MODEL_ALERTS) {
        fxmon_alert rule = random_rule(r, (int64_t)m->count + 1);
        ck_assert_int_eq(fxmon_alerts_insert(*alerts, &rule, NULL, NULL), FXMON_OK);
        model_add(m, &rule);
    } else if (choice < 9 && m->count > 0) {
        int64_t id = between(r, 1, (int64_t)m->count);
        bool there = m->alert[id - 1].there;
        ck_assert_int_eq(fxmon_alerts_remove(*alerts, id), there ? FXMON_OK : FXMON_E_NOT_FOUND);
        model_remove(m, id);
    } else if (choice == 9) {
        *alerts = reborn(*alerts, m);
    }
}

START_TEST(same_as_brute_force)
{
    fxi_random r;
    property_seed(&r, "alert engine against brute force");
    model *m = malloc(sizeof *m);
    fxmon_event *expected = malloc(MODEL_ALERTS * sizeof *expected);
    for (long round = property_cases(150); round > 0; round--) {
        memset(m, 0, sizeof *m);
        fxmon_alerts *alerts = fxmon_alerts_new();
        int64_t walk = 1000000, second = 0;
        for (int i = 0; i < 100; i++) {
            fxmon_alert rule = random_rule(&r, i + 1);
            ck_assert_int_eq(fxmon_alerts_insert(alerts, &rule, NULL, NULL), FXMON_OK);
            model_add(m, &rule);
        }
        for (int step = 0; step < 800; step++) {
            random_change(&r, m, &alerts);
            second += fxi_random_below(&r, 20) == 0 ? between(&r, -3, 0) : between(&r, 1, 2);
            fxmon_quote quote = quote_of(fxi_random_below(&r, 4) == 0 ? "GBP/EUR" : "USD/EUR", second, random_price(&r, &walk));
            compare_events(m, alerts, &quote, expected);
        }
        fxmon_alerts_free(alerts);
    }
    free(expected);
    free(m);
}
END_TEST

/* A storm at one level, fetched in part: what the host does not fetch has happened all the same. */
START_TEST(iteration_may_be_abandoned)
{
    fxmon_alerts *alerts = fxmon_alerts_new();
    for (int i = 0; i < 2000; i++)
        ck_assert_int_eq(fxmon_alerts_add(alerts, i % 2 ? "USD/EUR cross_up 1" : "USD/EUR above 1 clear 0.9", NULL), FXMON_OK);
    fxmon_event event;
    fxmon_quote quote = quote_of("USD/EUR", 1, decimal("0.95"));
    fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote);
    ck_assert(!fxmon_alert_next(&it, &event));
    quote = quote_of("USD/EUR", 2, decimal("1.1"));
    it = fxmon_alerts_check(alerts, &quote);
    for (int64_t id = 1; id <= 10; id++) {
        ck_assert(fxmon_alert_next(&it, &event));
        ck_assert_int_eq(event.alert_id, id);
    }
    ck_assert_int_eq(fxmon_alerts_remove(alerts, 1), FXMON_OK);
    ck_assert(!fxmon_alert_next(&it, &event));
    for (int64_t id = 2; id <= 2000; id++)
        ck_assert_int_eq(fxmon_alerts_state(alerts, id)->fired_count, 1);
    fxmon_alerts_free(alerts);
}
END_TEST

static int count_changed;
static bool count_one(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    (void)user;
    ck_assert_int_eq(alert->id, state->alert_id);
    count_changed++;
    return true;
}

START_TEST(changed_states_are_those_that_changed)
{
    fxmon_alerts *alerts = fxmon_alerts_new();
    fxmon_alerts_add(alerts, "USD/EUR above 0.9", NULL);
    fxmon_alerts_add(alerts, "USD/EUR above 0.95", NULL);
    int64_t second = 0;
    static const struct { const char *price; int changed; } steps[] = {{"0.85", 2}, {"0.86", 0}, {"0.91", 1}, {"0.92", 1}, {"0.915", 0}, {"0.96", 2}};
    for (size_t i = 0; i < 6; i++) {
        fxmon_quote quote = quote_of("USD/EUR", ++second, decimal(steps[i].price));
        fxmon_event event;
        for (fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote); fxmon_alert_next(&it, &event);)
            ;
        count_changed = 0;
        fxi_alerts_changed(alerts, count_one, NULL);
        fxi_alerts_saved(alerts);
        ck_assert_msg(count_changed == steps[i].changed, "after %s: %d changed", steps[i].price, count_changed);
    }
    fxmon_alerts_free(alerts);
}
END_TEST

START_TEST(survives_failing_allocations)
{
    failing_allocator_install();
    for (long nth = 1;; nth++) {
        failing_allocator_fail(nth);
        fxmon_alerts *alerts = fxmon_alerts_new();
        bool failed = alerts == NULL;
        int64_t inserted = 0;
        for (int i = 0; alerts != NULL && i < 600; i++) {
            fxmon_alert rule = {.id = i + 1, .version = 1, .active = true, .condition = 1 + i % 5, .threshold = {900 + i % 7, 3}};
            fxmon_pair_make(i % 3 ? "USD" : "GBP", "EUR", &rule.pair);
            int code = fxmon_alerts_insert(alerts, &rule, NULL, NULL);
            ck_assert(code == FXMON_OK || code == FXMON_E_NOMEM);
            inserted += code == FXMON_OK;
            failed |= code != FXMON_OK;
        }
        if (alerts != NULL) {
            ck_assert_uint_eq(fxmon_alerts_count(alerts), (size_t)inserted);
            int64_t second = 0;
            fxmon_event event;
            for (int i = 0; i < 20; i++) {
                fxmon_quote quote = quote_of("USD/EUR", ++second, (fxmon_decimal){899 + i % 9, 3});
                for (fxmon_alert_iter it = fxmon_alerts_check(alerts, &quote); fxmon_alert_next(&it, &event);)
                    ck_assert(fxmon_alerts_find(alerts, event.alert_id) != NULL);
            }
        }
        bool reached = failing_allocator_failed();
        failing_allocator_fail(0);
        fxmon_alerts_free(alerts);
        ck_assert_int_eq(failing_allocator_alive(), 0);
        ck_assert_int_eq(failed, reached);
        if (!reached)
            break;
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("alert_engine");
    tcase_set_timeout(tests, 120);
    int lines = (int)(sizeof timelines / sizeof timelines[0]);
    tcase_add_loop_test(tests, timeline, 0, lines);
    tcase_add_loop_test(tests, timeline_with_restarts, 0, lines);
    tcase_add_test(tests, resolved_tells_duration_and_worst);
    tcase_add_test(tests, late_and_repeated_samples_do_nothing);
    tcase_add_test(tests, identity_is_that_of_the_record);
    tcase_add_test(tests, message_of_the_seed);
    tcase_add_test(tests, same_as_brute_force);
    tcase_add_test(tests, iteration_may_be_abandoned);
    tcase_add_test(tests, changed_states_are_those_that_changed);
    tcase_add_test(tests, survives_failing_allocations);
    return support_run("alert_engine", tests);
}
