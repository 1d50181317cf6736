/* RFC 3339: a table, every day of the range against gmtime_r, round trips. */
#include "../support/support.h"

#include <fxmon/core.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static const struct {
    const char *text;
    int code;
    const char *canonical;
} times[] = {
    {"2026-02-04T10:30:00Z", FXMON_OK, "2026-02-04T10:30:00Z"},
    {"2026-02-04t10:30:00z", FXMON_OK, "2026-02-04T10:30:00Z"},
    {"2026-02-04 10:30:00Z", FXMON_OK, "2026-02-04T10:30:00Z"},
    {"2026-02-04T10:30:00.5Z", FXMON_OK, "2026-02-04T10:30:00.500Z"},
    {"2026-02-04T10:30:00.123456+00:00", FXMON_OK, "2026-02-04T10:30:00.123456Z"},
    {"2026-02-04T10:30:00.1234567899Z", FXMON_OK, "2026-02-04T10:30:00.123456789Z"},
    {"2026-02-04T10:30:00.000000000000Z", FXMON_OK, "2026-02-04T10:30:00Z"},
    {"2026-02-04T10:30:00-00:00", FXMON_OK, "2026-02-04T10:30:00Z"},
    {"2026-02-04T10:30:00+05:45", FXMON_OK, "2026-02-04T04:45:00Z"},
    {"2025-12-31T23:30:00-01:00", FXMON_OK, "2026-01-01T00:30:00Z"},
    {"2016-12-31T23:59:60Z", FXMON_OK, "2016-12-31T23:59:59.999999999Z"},
    {"2026-02-04", FXMON_OK, "2026-02-04T00:00:00Z"},
    {"1969-12-31T23:59:59.999999999Z", FXMON_OK, "1969-12-31T23:59:59.999999999Z"},
    {"1677-09-21T00:12:43.145224192Z", FXMON_OK, "1677-09-21T00:12:43.145224192Z"},
    {"1677-09-21T00:12:43.145224191Z", FXMON_E_RANGE, NULL},
    {"2262-04-11T23:47:16.854775807Z", FXMON_OK, "2262-04-11T23:47:16.854775807Z"},
    {"2262-04-11T23:47:16.854775808Z", FXMON_E_RANGE, NULL},
    {"0000-02-29", FXMON_E_RANGE, NULL},
    {"9999-12-31T23:59:59Z", FXMON_E_RANGE, NULL},
    {"2024-02-29", FXMON_OK, "2024-02-29T00:00:00Z"},
    {"2000-02-29", FXMON_OK, "2000-02-29T00:00:00Z"},
    {"2100-02-29", FXMON_E_RANGE, NULL},
    {"2023-02-29", FXMON_E_RANGE, NULL},
    {"2026-00-01", FXMON_E_RANGE, NULL},
    {"2026-13-01", FXMON_E_RANGE, NULL},
    {"2026-04-31", FXMON_E_RANGE, NULL},
    {"2026-04-00", FXMON_E_RANGE, NULL},
    {"2026-02-04T24:00:00Z", FXMON_E_RANGE, NULL},
    {"2026-02-04T10:60:00Z", FXMON_E_RANGE, NULL},
    {"2026-02-04T10:30:61Z", FXMON_E_RANGE, NULL},
    {"2026-02-04T10:30:00+24:00", FXMON_E_RANGE, NULL},
    {"2026-02-04T10:30:00+00:60", FXMON_E_RANGE, NULL},
    {"2026-02-04T10:30:00", FXMON_E_SYNTAX, NULL},
    {"2026-02-04T10:30Z", FXMON_E_SYNTAX, NULL},
    {"2026-02-04T10:30:00.Z", FXMON_E_SYNTAX, NULL},
    {"2026-02-04T10:30:00,5Z", FXMON_E_SYNTAX, NULL},
    {"2026-02-04T10:30:00+0000", FXMON_E_SYNTAX, NULL},
    {"2026-02-04T10:30:00Z ", FXMON_E_SYNTAX, NULL},
    {"2026-02-04T10:30:00ZZ", FXMON_E_SYNTAX, NULL},
    {"2026/02/04T10:30:00Z", FXMON_E_SYNTAX, NULL},
    {"2026-02-04_10:30:00Z", FXMON_E_SYNTAX, NULL},
    {"2026-02-04T10-30-00Z", FXMON_E_SYNTAX, NULL},
    {"2o26-02-04T10:30:00Z", FXMON_E_SYNTAX, NULL},
    {"2026-02-04T1:30:00Z0", FXMON_E_SYNTAX, NULL},
    {"2026-2-4", FXMON_E_SYNTAX, NULL},
    {"2026-02-0", FXMON_E_SYNTAX, NULL},
    {"2026-02-0x", FXMON_E_SYNTAX, NULL},
    {"", FXMON_E_SYNTAX, NULL},
};

START_TEST(table)
{
    int64_t time = 77;
    char text[FXMON_TIME_TEXT];
    int code = fxmon_time_parse(times[_i].text, strlen(times[_i].text), &time);
    ck_assert_msg(code == times[_i].code, "%s: %d", times[_i].text, code);
    if (code == FXMON_OK) {
        ck_assert_uint_eq(fxmon_time_format(time, text), strlen(times[_i].canonical));
        ck_assert_str_eq(text, times[_i].canonical);
    } else {
        ck_assert_int_eq(time, 77);
    }
}
END_TEST

/* One wrong byte at every place, every value of it: either refused, or what the canonical form says is the same instant. */
START_TEST(single_byte_changes)
{
    static const char right[] = "2026-02-04T10:30:00.123Z";
    for (size_t at = 0; at < sizeof(right) - 1; at++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof(right)], back[FXMON_TIME_TEXT];
            int64_t time, again;
            memcpy(text, right, sizeof(right));
            text[at] = (char)byte;
            if (fxmon_time_parse(text, sizeof(right) - 1, &time) == FXMON_OK) {
                bool digit = right[at] >= '0' && right[at] <= '9';
                ck_assert_msg(digit ? byte >= '0' && byte <= '9' : strchr("Tt Zz-:.", byte) != NULL, "byte %d at %zu", byte, at);
                ck_assert_int_eq(fxmon_time_parse(back, fxmon_time_format(time, back), &again), FXMON_OK);
                ck_assert_int_eq(time, again);
            }
        }
    }
}
END_TEST

START_TEST(every_day)
{
    for (int64_t day = -106751; day <= 106751; day++) {
        time_t seconds = (time_t)(day * 86400);
        struct tm calendar;
        gmtime_r(&seconds, &calendar);
        char expected[64], text[FXMON_TIME_TEXT];
        snprintf(expected, sizeof(expected), "%04d-%02d-%02dT00:00:00Z", calendar.tm_year + 1900, calendar.tm_mon + 1, calendar.tm_mday);
        fxmon_time_format(day * 86400 * FXMON_SECOND, text);
        ck_assert_str_eq(text, expected);
        int64_t back;
        ck_assert_int_eq(fxmon_time_parse(text, 10, &back), FXMON_OK);
        ck_assert_int_eq(back, day * 86400 * FXMON_SECOND);
    }
}
END_TEST

START_TEST(round_trip)
{
    fxi_random r;
    property_seed(&r, "round_trip");
    for (long i = property_cases(300000); i > 0; i--) {
        int64_t time = property_integer(&r), back;
        if (i % 2 == 0) {
            time = time / 1000000 * 1000000;
        }
        char text[FXMON_TIME_TEXT];
        size_t length = fxmon_time_format(time, text);
        ck_assert_uint_lt(length, FXMON_TIME_TEXT);
        ck_assert_int_eq(fxmon_time_parse(text, length, &back), FXMON_OK);
        ck_assert_msg(back == time, "%lld: %s", (long long)time, text);
        time_t seconds = (time_t)(time / FXMON_SECOND - (time % FXMON_SECOND < 0));
        struct tm calendar;
        gmtime_r(&seconds, &calendar);
        char expected[64];
        strftime(expected, sizeof(expected), "%Y-%m-%dT%H:%M:%S", &calendar);
        ck_assert_msg(strncmp(text, expected, 19) == 0, "%s, not %s", text, expected);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("time");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, table, 0, sizeof(times) / sizeof(times[0]));
    tcase_add_test(tests, single_byte_changes);
    tcase_add_test(tests, every_day);
    tcase_add_test(tests, round_trip);
    return support_run("time", tests);
}
