/* tests/unit/test_freshness.c - publications that are due and missing: by cadence, by the source's own word, over weekends; against a slow count by hand. */
#include "../support/support.h"

#include "core/freshness.h"

#include <string.h>

#define HOUR (3600 * FXMON_SECOND)
#define DAY (24 * HOUR)

static int64_t at(const char *text)
{
    int64_t time;
    ck_assert_int_eq(fxmon_time_parse(text, strlen(text), &time), FXMON_OK);
    return time;
}

START_TEST(counted_by_the_cadence)
{
    const fxi_rhythm hourly = {.cadence = HOUR};
    int64_t published = at("2026-11-20T10:00:00Z");
    ck_assert_int_eq(fxi_freshness_expected(&hourly, published, 0), at("2026-11-20T11:00:00Z"));
    static const struct {
        const char *now;
        int64_t missed;
    } cases[] = {{"2026-11-20T09:00:00Z", 0}, {"2026-11-20T10:59:00Z", 0}, {"2026-11-20T11:07:29Z", 0}, {"2026-11-20T11:07:30Z", 1},
                 {"2026-11-20T12:07:29Z", 1}, {"2026-11-20T12:07:30Z", 2}, {"2026-11-22T10:30:00Z", 48}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(fxi_freshness_missed(&hourly, published, 0, at(cases[i].now)) == cases[i].missed, "%s: %lld", cases[i].now,
                      (long long)fxi_freshness_missed(&hourly, published, 0, at(cases[i].now)));
}
END_TEST

START_TEST(what_is_not_known)
{
    const fxi_rhythm none = {.cadence = 0}, hourly = {.cadence = HOUR};
    int64_t published = at("2026-11-20T10:00:00Z"), now = at("2026-11-25T10:00:00Z");
    ck_assert_int_eq(fxi_freshness_missed(&none, published, 0, now), -1);
    ck_assert_int_eq(fxi_freshness_missed(&hourly, 0, 0, now), -1); /* nothing was published yet */
    ck_assert_int_eq(fxi_freshness_expected(&none, published, 0), 0);
    ck_assert_int_eq(fxi_freshness_expected(&none, published, published + HOUR), published + HOUR);
    ck_assert_int_eq(fxi_freshness_missed(&hourly, published, 0, INT64_MAX), FXI_FRESHNESS_MOST);
    const fxi_rhythm working = {.cadence = FXMON_SECOND, .weekdays = true};
    ck_assert_int_eq(fxi_freshness_missed(&working, published, 0, now), FXI_FRESHNESS_MOST);
}
END_TEST

START_TEST(by_the_own_word_of_the_source)
{
    const fxi_rhythm daily = {.cadence = DAY};
    int64_t published = at("2026-11-20T00:00:01Z"), next = at("2026-11-21T00:02:31Z");
    ck_assert_int_eq(fxi_freshness_expected(&daily, published, next), next);
    ck_assert_int_eq(fxi_freshness_expected(&daily, published, published), published + DAY); /* an announcement of what was */
    ck_assert_int_eq(fxi_freshness_missed(&daily, published, next, at("2026-11-21T03:02:30Z")), 0);
    ck_assert_int_eq(fxi_freshness_missed(&daily, published, next, at("2026-11-21T03:02:31Z")), 1);
    ck_assert_int_eq(fxi_freshness_missed(&daily, published, next, at("2026-11-23T03:02:30Z")), 2);
}
END_TEST

/* The reference rates of a central bank: of working days, closed at about 15:00 UTC, three hours of grace. */
START_TEST(working_days)
{
    const fxi_rhythm ecb = {.cadence = DAY, .delay = 15 * HOUR, .weekdays = true};
    static const struct {
        const char *published, *expected, *now;
        int64_t missed;
    } cases[] = {
        {"2026-11-19T00:00:00Z", "2026-11-20T15:00:00Z", "2026-11-20T17:59:59Z", 0}, /* Thursday's, on Friday */
        {"2026-11-19T00:00:00Z", "2026-11-20T15:00:00Z", "2026-11-20T18:00:00Z", 1},
        {"2026-11-19T00:00:00Z", "2026-11-20T15:00:00Z", "2026-11-23T17:59:59Z", 1}, /* no more are due on the weekend */
        {"2026-11-19T00:00:00Z", "2026-11-20T15:00:00Z", "2026-11-23T18:00:00Z", 2},
        {"2026-11-20T00:00:00Z", "2026-11-23T15:00:00Z", "2026-11-22T23:00:00Z", 0}, /* Friday's, over the weekend */
        {"2026-11-20T00:00:00Z", "2026-11-23T15:00:00Z", "2026-11-23T17:00:00Z", 0},
        {"2026-11-20T00:00:00Z", "2026-11-23T15:00:00Z", "2026-12-07T18:00:00Z", 11},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        int64_t published = at(cases[i].published), missed = fxi_freshness_missed(&ecb, published, 0, at(cases[i].now));
        ck_assert_int_eq(fxi_freshness_expected(&ecb, published, 0), at(cases[i].expected));
        ck_assert_msg(missed == cases[i].missed, "%s: %lld", cases[i].now, (long long)missed);
    }
}
END_TEST

/* A count by hand: hour after hour, which publications exist and could have been fetched. */
START_TEST(against_a_walk)
{
    for (int64_t hours = 1; hours <= 48; hours += hours < 4 ? 1 : 11) {
        for (int weekdays = 0; weekdays < 2; weekdays++) {
            const fxi_rhythm r = {.cadence = hours * HOUR, .delay = 5 * HOUR, .weekdays = weekdays != 0};
            int64_t published = at("2026-11-18T12:00:00Z"); /* a Wednesday */
            for (int64_t now = published; now < published + 12 * DAY; now += HOUR / 2) {
                int64_t count = 0;
                for (int64_t time = published + r.cadence; time + r.delay + r.cadence / 8 <= now; time += r.cadence) {
                    int64_t weekday = (time / DAY + 3) % 7;
                    count += !(weekdays && r.cadence <= DAY && weekday >= 5);
                }
                int64_t missed = fxi_freshness_missed(&r, published, 0, now);
                ck_assert_msg(missed == count, "every %lld h, weekdays %d, after %lld h: %lld, not %lld", (long long)hours, weekdays, (long long)((now - published) / HOUR),
                              (long long)missed, (long long)count);
            }
        }
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("freshness");
    tcase_add_test(tests, counted_by_the_cadence);
    tcase_add_test(tests, what_is_not_known);
    tcase_add_test(tests, by_the_own_word_of_the_source);
    tcase_add_test(tests, working_days);
    tcase_add_test(tests, against_a_walk);
    return support_run("freshness", tests);
}
