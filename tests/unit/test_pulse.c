/* tests/unit/test_pulse.c - the minute that slides, the histogram, verdicts by movement, storms of rebalances, rows that went silent: all without a clock. */
#include "../support/support.h"

#include "core/histogram.h"
#include "core/minute.h"
#include "lane/pulse.h"

#include <stdlib.h>
#include <string.h>

#define S FXMON_SECOND

/* ---- minute ---------------------------------------------------------------------------------------------------------- */

START_TEST(a_minute_slides)
{
    fxi_minute m = {.begun = 0};
    ck_assert_int_eq(fxi_minute_sum(&m, 5 * S), 0);
    fxi_minute_note(&m, 100 * S, 1000); /* what was before the first look is of no minute */
    ck_assert_int_eq(fxi_minute_sum(&m, 100 * S), 0);
    for (int i = 1; i <= 120; i++)
        fxi_minute_note(&m, (100 + i) * S, 1000 + i * 7);
    ck_assert_int_eq(fxi_minute_sum(&m, 220 * S), 60 * 7);
    ck_assert_int_eq(fxi_minute_sum(&m, 249 * S + S / 2), 31 * 7); /* nothing new: it empties, second by second */
    ck_assert_int_eq(fxi_minute_sum(&m, 279 * S), 7);
    ck_assert_int_eq(fxi_minute_sum(&m, 280 * S), 0);
    fxi_minute_note(&m, 300 * S, 5); /* a counter that began anew */
    ck_assert_int_eq(fxi_minute_sum(&m, 300 * S), 5);
    ck_assert_int_eq(fxi_minute_sum(&m, 100000 * S), 0);
}
END_TEST

/* Against the plain definition: growth noted in the sixty seconds that end with this one. */
START_TEST(a_minute_as_defined)
{
    fxi_random r;
    property_seed(&r, "a_minute_as_defined");
    for (long k = property_cases(50); k > 0; k--) {
        int64_t at[200], grown[200], now = 1000 * S, total = 0;
        fxi_minute m = {.begun = 0};
        fxi_minute_note(&m, now, 0);
        for (int i = 0; i < 200; i++) {
            now += (int64_t)fxi_random_below(&r, (uint64_t)(fxi_random_below(&r, 10) == 0 ? 90 * S : 3 * S));
            at[i] = now / S;
            grown[i] = (int64_t)fxi_random_below(&r, 1000);
            total += grown[i];
            fxi_minute_note(&m, now, total);
            int64_t expected = 0;
            for (int j = 0; j <= i; j++)
                expected += at[j] > now / S - 60 ? grown[j] : 0;
            ck_assert_int_eq(fxi_minute_sum(&m, now), expected);
        }
    }
}
END_TEST

/* ---- histogram -------------------------------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

START_TEST(quantiles_are_near)
{
    static fxi_histogram h;
    static int64_t value[5000];
    fxi_random r;
    property_seed(&r, "quantiles_are_near");
    for (long k = property_cases(20); k > 0; k--) {
        memset(&h, 0, sizeof h);
        for (int i = 0; i < 5000; i++) {
            value[i] = property_integer(&r);
            value[i] = value[i] < 0 ? 0 : value[i];
            fxi_histogram_add(&h, value[i], 1);
        }
        qsort(value, 5000, sizeof value[0], by_value);
        static const int permille[] = {1, 250, 500, 900, 990, 999, 1000};
        for (size_t i = 0; i < sizeof permille / sizeof permille[0]; i++) {
            int64_t exact = value[permille[i] * 5 - 1], got = fxi_histogram_quantile(&h, permille[i]);
            ck_assert_int_ge(got, exact);
            ck_assert_int_le(got - exact, exact / 32);
        }
        ck_assert_int_eq(fxi_histogram_quantile(&h, 1000), value[4999]);
    }
}
END_TEST

START_TEST(histogram_edges)
{
    static fxi_histogram h;
    ck_assert_int_eq(fxi_histogram_quantile(&h, 500), 0);
    fxi_histogram_add(&h, 7, 0);
    ck_assert_int_eq(h.total, 0);
    fxi_histogram_add(&h, -5, 1);
    ck_assert_int_eq(fxi_histogram_quantile(&h, 1000), 0);
    fxi_histogram_add(&h, INT64_MAX, 1);
    ck_assert_int_eq(fxi_histogram_quantile(&h, 500), 0);
    ck_assert_int_eq(fxi_histogram_quantile(&h, 501), INT64_MAX);
    fxi_histogram_add(&h, 63, 999998);
    ck_assert_int_eq(fxi_histogram_quantile(&h, 999), 63);
    ck_assert_int_eq(h.maximum, INT64_MAX);
}
END_TEST

/* ---- verdicts ----------------------------------------------------------------------------------------------------------- */

/* A lane as it would be looked at once a second: from and to at the beginning and the end, in equal steps. */
typedef struct story {
    const char *what;
    int seconds;
    int64_t next[2], end[2], age[2]; /* age in ms */
    const char *state, *verdict;
} story;

static const story stories[] = {
    {"nothing known yet", 10, {-1, -1}, {0, 0}, {0, 0}, "waiting", "starting"},
    {"an empty log", 60, {0, 0}, {0, 0}, {0, 0}, "waiting", "idle"},
    {"keeps up", 60, {0, 600}, {0, 600}, {0, 0}, "running", "ok"},
    {"no new messages", 60, {600, 600}, {600, 600}, {0, 0}, "waiting", "idle"},
    {"steady lag of an hour", 60, {0, 600}, {5000, 5600}, {3600000, 3600000}, "running", "ok"},
    {"catches up from an hour", 60, {0, 5000}, {6000, 6600}, {3600000, 600000}, "running", "ok"},
    {"grows, but below the floor", 60, {0, 500}, {0, 600}, {0, 9900}, "running", "ok"},
    {"grows over the floor", 60, {0, 500}, {0, 600}, {0, 10100}, "running", "slow"},
    {"falls behind by half a second a second", 60, {0, 300}, {0, 600}, {5000, 35000}, "running", "slow"},
    {"grows, but hardly", 60, {0, 500}, {0, 600}, {60000, 60900}, "running", "ok"},
    {"grows, too short to say", 29, {0, 300}, {0, 600}, {5000, 35000}, "running", "ok"},
    {"long enough to say", 30, {0, 300}, {0, 600}, {5000, 35000}, "running", "slow"},
    {"stands while the log moves", 60, {100, 100}, {100, 700}, {0, 60000}, "running", "stalled"},
    {"stands before records that wait", 40, {100, 100}, {700, 700}, {60000, 100000}, "running", "stalled"},
    {"stands, too short to say", 29, {100, 100}, {700, 700}, {60000, 60000}, "running", "ok"},
    {"the destination is away", 60, {100, 100}, {100, 700}, {0, 60000}, "retrying", "retrying"},
    {"left alone for a while", 60, {100, 100}, {100, 700}, {0, 60000}, "open", "retrying"},
    {"statistics are computed again", 60, {100, 100}, {700, 700}, {0, 60000}, "replaying", "starting"},
    {"ended", 60, {0, 600}, {0, 600}, {0, 0}, "ended", "stopped"},
    {"failed", 60, {0, 600}, {0, 600}, {0, 0}, "failed", "failed"},
};

static void tell(fxi_looks *looks, const story *s, int64_t from)
{
    for (int i = 0; i <= s->seconds; i++) {
        fxi_look look = {.at = from + i * S,
                         .next_offset = s->next[0] + (s->next[1] - s->next[0]) * i / s->seconds,
                         .end_offset = s->end[0] + (s->end[1] - s->end[0]) * i / s->seconds,
                         .age = (s->age[0] + (s->age[1] - s->age[0]) * i / s->seconds) * 1000000};
        fxi_looks_add(looks, &look);
    }
}

START_TEST(verdicts)
{
    for (size_t i = 0; i < sizeof stories / sizeof stories[0]; i++) {
        static fxi_looks looks;
        memset(&looks, 0, sizeof looks);
        tell(&looks, &stories[i], 1000 * S);
        const char *got = fxi_verdict(&looks, stories[i].state);
        ck_assert_msg(strcmp(got, stories[i].verdict) == 0, "%s: %s, expected %s", stories[i].what, got, stories[i].verdict);
    }
}
END_TEST

/* What was longer ago than the window is forgotten, and so is everything before a restart. */
START_TEST(verdicts_forget)
{
    static fxi_looks looks;
    static const story behind = {"", 60, {0, 300}, {0, 600}, {5000, 35000}, NULL, NULL}, steady = {"", 60, {300, 900}, {600, 1200}, {35000, 35000}, NULL, NULL};
    tell(&looks, &behind, 1000 * S);
    ck_assert_str_eq(fxi_verdict(&looks, "running"), "slow");
    tell(&looks, &steady, 1061 * S);
    ck_assert_str_eq(fxi_verdict(&looks, "running"), "ok");
    memset(&looks, 0, sizeof looks);
    tell(&looks, &behind, 1000 * S);
    fxi_look back = {.at = 1061 * S, .next_offset = 200, .end_offset = 600, .age = 60 * S}; /* claimed anew, at an older place */
    fxi_looks_add(&looks, &back);
    ck_assert_str_eq(fxi_verdict(&looks, "running"), "ok");
    ck_assert_uint_eq(looks.count, 1);
    ck_assert_str_eq(fxi_verdict(&(fxi_looks){.count = 0}, NULL), "starting");
}
END_TEST

START_TEST(silence)
{
    fxmon_health row = {.status = "slow", .heartbeat = 1000 * S, .interval = 5 * S};
    fxi_verdict_silence(&row, 1015 * S);
    ck_assert(!row.silent);
    ck_assert_str_eq(row.status, "slow");
    fxi_verdict_silence(&row, 1015 * S + 1);
    ck_assert(row.silent);
    ck_assert_str_eq(row.status, "stopped");
    fxmon_health ended = {.status = "failed", .heartbeat = 1000 * S, .interval = 5 * S}, unknown = {.status = "ok", .heartbeat = 1000 * S};
    fxi_verdict_silence(&ended, 9999 * S);
    ck_assert(!ended.silent);
    ck_assert_str_eq(ended.status, "failed");
    fxi_verdict_silence(&unknown, 1016 * S); /* a row without an interval: 5 s */
    ck_assert(unknown.silent);
}
END_TEST

/* A source as it was written is read later: what it misses is counted up to then, also when its producer is gone. */
START_TEST(silence_of_sources)
{
    const int64_t day = 86400 * S;
    const fxmon_source_health fresh = {.status = "fresh", .heartbeat = 1000 * day, .published = 1000 * day, .publications = 1, .cadence = day};
    static const struct {
        const char *status;
        int64_t later, missed;
        const char *seen;
        bool silent;
    } cases[] = {{"fresh", 15 * S, 0, "fresh", false},          {"fresh", 15 * S + 1, 0, "stopped", true}, {"fresh", 3 * 86400 * S + 3 * 3600 * S, 3, "late", true},
                 {"late", 10 * S, 0, "late", false},            {"failing", 10 * S, 0, "failing", false},  {"failed", 9 * 86400 * S, -1, "failed", false},
                 {"ended", 9 * 86400 * S, -1, "ended", false},  {"standby", 10 * S, -1, "standby", false}, {"standby", 9 * 86400 * S, -1, "stopped", true},
                 {"stopped", 9 * 86400 * S, -1, "stopped", false}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fxmon_source_health row = fresh;
        memset(row.status, 0, sizeof row.status);
        memcpy(row.status, cases[i].status, strlen(cases[i].status));
        row.missed = cases[i].missed < 0 ? -1 : 0;
        fxi_verdict_source_silence(&row, row.heartbeat + cases[i].later);
        ck_assert_msg(strcmp(row.status, cases[i].seen) == 0, "case %zu: %s", i, row.status);
        ck_assert_int_eq(row.missed, cases[i].missed);
        ck_assert(row.silent == cases[i].silent);
    }
}
END_TEST

/* ---- rows --------------------------------------------------------------------------------------------------------------- */

START_TEST(rows_of_a_member)
{
    static fxi_pulse p;
    fxmon_status s = {.state = "running", .next_offset = 10, .end_offset = 15, .messages = 10, .lag_ns = 7, .partitions = "0,1", .member = "m-1"};
    fxi_pulse_init(&p, FXI_PULSE_CONSUMER, "consume/x", "g", 100 * S, 50);
    ck_assert(fxi_pulse_look(&p, &s, 100 * S, 51));
    s.messages = 13;
    s.next_offset = 13;
    ck_assert(!fxi_pulse_look(&p, &s, 101 * S, 52)); /* nothing that is to be told soon */
    ck_assert_str_eq(p.row.status, "ok");
    ck_assert_int_eq(p.row.lag, 2);
    ck_assert_int_eq(p.row.lag_ns, 7);
    ck_assert_int_eq(p.row.last_offset, 12);
    ck_assert_int_eq(p.row.messages_last_minute, 3);
    ck_assert_int_eq(p.row.heartbeat, 52);
    ck_assert_int_eq(p.row.started, 50);
    ck_assert_int_eq(p.row.interval, 5 * S);
    ck_assert_str_eq(p.row.member, "m-1");
    ck_assert_str_eq(p.row.group, "g");
    ck_assert_str_ne(p.row.version, "");
    ck_assert(!p.row.producer);
    /* all partitions are taken away, then one comes back */
    fxmon_rebalance away = {.kind = "revoked", .partitions = "0,1"}, back = {.kind = "assigned", .partitions = "1", .assigned = "1"};
    fxi_pulse_hear(&p, &away, 102 * S);
    s.partitions[0] = '\0';
    ck_assert(fxi_pulse_look(&p, &s, 102 * S, 53));
    ck_assert_str_eq(p.row.status, "rebalancing");
    fxi_pulse_hear(&p, &back, 103 * S);
    memcpy(s.partitions, "1", 2);
    ck_assert(fxi_pulse_look(&p, &s, 103 * S, 54));
    ck_assert_str_eq(p.row.status, "ok");
    /* an error's text that is cut in the middle of a character stays text */
    s.last_error.code = FXMON_E_IO;
    memset(s.last_error.text, 'x', sizeof p.row.detail - 2);
    memcpy(s.last_error.text + sizeof p.row.detail - 2, "\xC3\xA4", 3);
    fxi_pulse_look(&p, &s, 104 * S, 55);
    ck_assert_uint_eq(strlen(p.row.detail), sizeof p.row.detail - 2);
}
END_TEST

START_TEST(rows_of_others)
{
    static fxi_pulse producer, server;
    fxmon_status s = {.state = "waiting", .next_offset = 0};
    fxi_pulse_init(&producer, FXI_PULSE_PRODUCER, "produce", "file:log", 0, 1);
    fxi_pulse_init(&server, FXI_PULSE_SERVER, "serve", NULL, 0, 1);
    fxi_pulse_look(&producer, &s, S, 1);
    ck_assert(producer.row.producer);
    ck_assert_str_eq(producer.row.status, "starting");
    s.messages = 5;
    fxi_pulse_look(&producer, &s, 2 * S, 1);
    ck_assert_str_eq(producer.row.status, "ok");
    ck_assert_int_eq(producer.row.lag, 0);
    for (int i = 3; i < 70; i++)
        fxi_pulse_look(&producer, &s, i * S, 1);
    ck_assert_str_eq(producer.row.status, "idle");
    ck_assert_int_eq(producer.row.messages_last_minute, 0);
    fxi_pulse_look(&server, &s, S, 1);
    ck_assert_str_eq(server.row.status, "ok");
    s.state = "ended";
    fxi_pulse_look(&server, &s, 2 * S, 1);
    ck_assert_str_eq(server.row.status, "stopped");
}
END_TEST

START_TEST(storms)
{
    static fxi_pulse p;
    fxmon_status s = {.state = "running", .next_offset = 0, .partitions = "0", .member = "churner"};
    fxmon_rebalance event = {.kind = "assigned", .assigned = "0", .member = "churner"}, revoked = {.kind = "revoked"};
    fxi_pulse_init(&p, FXI_PULSE_CONSUMER, "consume/x", "g", 0, 1);
    for (int i = 0; i < FXI_STORM_EVENTS; i++) {
        ck_assert(!fxi_pulse_hear(&p, &event, i * 10 * S));
        ck_assert(!fxi_pulse_hear(&p, &revoked, i * 10 * S + S)); /* counts with the next assignment */
    }
    ck_assert(fxi_pulse_hear(&p, &event, 60 * S)); /* the sixth within ten minutes */
    ck_assert(!fxi_pulse_hear(&p, &event, 70 * S)); /* told once */
    fxi_pulse_look(&p, &s, 71 * S, 1);
    ck_assert_ptr_nonnull(strstr(p.row.detail, "storm"));
    ck_assert_ptr_nonnull(strstr(p.row.detail, "churner"));
    fxi_pulse_look(&p, &s, 71 * S + FXI_STORM_SPAN, 1); /* it has calmed down */
    ck_assert_str_eq(p.row.detail, "");
    static fxi_pulse calm;
    fxi_pulse_init(&calm, FXI_PULSE_CONSUMER, "consume/x", "g", 0, 1);
    for (int i = 0; i < 50; i++)
        ck_assert(!fxi_pulse_hear(&calm, &event, i * 121 * S)); /* five in ten minutes, for ever */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("pulse");
    tcase_add_test(tests, a_minute_slides);
    tcase_add_test(tests, a_minute_as_defined);
    tcase_add_test(tests, quantiles_are_near);
    tcase_add_test(tests, histogram_edges);
    tcase_add_test(tests, verdicts);
    tcase_add_test(tests, verdicts_forget);
    tcase_add_test(tests, silence);
    tcase_add_test(tests, silence_of_sources);
    tcase_add_test(tests, rows_of_a_member);
    tcase_add_test(tests, rows_of_others);
    tcase_add_test(tests, storms);
    return support_run("pulse", tests);
}
