/*
 * The public headers as a program sees them: each macro and each constant is used once, so that one that does not compile, lost its meaning or
 * changed its value is seen here. tests/meta/papers.sh fails when a macro of include/fxmon is not named in this file.
 */
#include <fxmon/core.h>
#include <fxmon/fxmon.h>
#include <fxmon/plugin.h>
#include <fxmon/version.h>

#include "../support/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A function of this program with the library's own attribute. */
FXMON_API int declared_with_api(int number);

int declared_with_api(int number)
{
    return number + 1;
}

START_TEST(version_is_one)
{
    char text[64];
    snprintf(text, sizeof text, "%d.%d.%d", FXMON_VERSION_MAJOR, FXMON_VERSION_MINOR, FXMON_VERSION_PATCH);
    ck_assert_str_eq(text, FXMON_VERSION_STRING);
    ck_assert_str_eq(fxmon_version(), FXMON_VERSION_STRING);
    ck_assert_str_eq(FXMON_STRINGIFY(FXMON_VERSION_MAJOR) "." FXMON_STRINGIFY_(0), FXMON_STRINGIFY(FXMON_VERSION_MAJOR) ".0");
    ck_assert_int_eq(declared_with_api(1), 2);
}
END_TEST

/* Values are pinned for ever and have no holes, names are not used twice, and the programs have five statuses. */
START_TEST(error_map)
{
    static const struct row {
        const char *id;
        int code, value;
        const char *name, *text;
        int retriable, exit_status;
    } rows[] = {
#define ROW(id, value, name, text, retriable, exit_status) {#id, FXMON_E_##id, value, name, text, retriable, exit_status},
        FXMON_ERROR_MAP(ROW)
#undef ROW
    };
    int count = (int)(sizeof rows / sizeof rows[0]);
    ck_assert_int_eq(FXMON_OK, FXMON_E_OK);
    ck_assert_int_ge(count, 39);
    for (int i = 0; i < count; i++) {
        ck_assert_int_eq(rows[i].value, i);
        ck_assert_int_eq(rows[i].code, i);
        ck_assert_str_eq(fxmon_errname(i), rows[i].name);
        ck_assert_str_eq(fxmon_strerror(i), rows[i].text);
        ck_assert_int_eq(fxmon_retriable(i), rows[i].retriable);
        ck_assert_int_eq(fxmon_exit_status(i), rows[i].exit_status);
        ck_assert_msg(rows[i].exit_status >= 0 && rows[i].exit_status <= 4, "%s: exit status %d is not documented", rows[i].id,
                      rows[i].exit_status);
        ck_assert_uint_eq(strspn(rows[i].name, "abcdefghijklmnopqrstuvwxyz_"), strlen(rows[i].name));
        for (int j = 0; j < i; j++)
            ck_assert_msg(strcmp(rows[i].name, rows[j].name) != 0, "two errors are called %s", rows[i].name);
    }
    ck_assert_str_eq(fxmon_errname(count), "unknown");
    ck_assert_int_eq(fxmon_exit_status(count), 1);
    ck_assert(!fxmon_retriable(-1));
}
END_TEST

/* Numbers that are stored or sent: they may not move. */
START_TEST(constants)
{
    const int conditions[] = {FXMON_ABOVE, FXMON_BELOW, FXMON_CROSS_UP, FXMON_CROSS_DOWN, FXMON_CROSS};
    for (int i = 0; i < 5; i++)
        ck_assert_int_eq(conditions[i], i + 1);
    const int zero_based[][7] = {
        {FXMON_EPISODE, FXMON_EVERY, FXMON_ONCE, 3, 4, 5, 6},
        {FXMON_WARNING, FXMON_CRITICAL, 2, 3, 4, 5, 6},
        {FXMON_PHASE_ARMED, FXMON_PHASE_PENDING, FXMON_PHASE_FIRING, FXMON_PHASE_COOLDOWN, 4, 5, 6},
        {0, FXMON_FIRED, FXMON_REPEATED, FXMON_RESOLVED, 4, 5, 6},
        {FXMON_DONE, FXMON_RETRY, FXMON_FATAL, FXMON_REFUSED, FXMON_FENCED, FXMON_END, FXMON_WAIT},
        {FXMON_LOG_ERROR, FXMON_LOG_WARNING, FXMON_LOG_INFO, FXMON_LOG_DEBUG, 4, 5, 6},
        {FXMON_RECORD, FXMON_ASSIGNED, FXMON_REVOKED, FXMON_LOST, FXMON_GAP, 5, 6},
        {FXMON_ROW_QUOTE, FXMON_ROW_LATE, FXMON_ROW_CROSS, 3, 4, 5, 6},
        {FXMON_TYPE_TEXT, FXMON_TYPE_INTEGER, FXMON_TYPE_BOOL, FXMON_TYPE_DURATION, FXMON_TYPE_SIZE, FXMON_TYPE_CHOICE, FXMON_TYPE_LIST},
    };
    for (size_t row = 0; row < sizeof zero_based / sizeof zero_based[0]; row++)
        for (int i = 0; i < 7; i++)
            ck_assert_msg(zero_based[row][i] == i, "constant %d of group %zu is %d", i, row, zero_based[row][i]);
    ck_assert_int_eq(FXMON_TYPE_SECRET, FXMON_TYPE_LIST + 1);
    ck_assert_int_eq(FXMON_PRODUCE | FXMON_CONSUME | FXMON_ALERT | FXMON_SERVE, FXMON_ALL);
    ck_assert_int_eq(FXMON_SECOND, 1000000000);
    ck_assert_int_eq(FXMON_OFFSET_END, -1);
    ck_assert_int_eq(FXMON_OFFSET_FIRST, -2);
    ck_assert_int_lt(FXMON_OUTBOX_REGISTER, 0);
}
END_TEST

/* The room that headers promise is room enough for the longest text. */
START_TEST(room_for_texts)
{
    char decimal[FXMON_DECIMAL_TEXT], number[FXMON_DOUBLE_TEXT], time[FXMON_TIME_TEXT];
    ck_assert_uint_lt(fxmon_decimal_format((fxmon_decimal){INT64_MIN, 18}, decimal), FXMON_DECIMAL_TEXT);
    ck_assert_str_eq(decimal, "-9.223372036854775808");
    ck_assert_uint_lt(fxmon_double_format(-2.2250738585072014e-308, number), FXMON_DOUBLE_TEXT);
    ck_assert_double_eq(strtod(number, NULL), -2.2250738585072014e-308);
    ck_assert_uint_lt(fxmon_time_format(INT64_MAX, time), FXMON_TIME_TEXT);
    ck_assert_str_eq(time, "2262-04-11T23:47:16.854775807Z");
    fxmon_quote quote;
    ck_assert_uint_eq(sizeof quote.source, FXMON_SOURCE_TEXT);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("headers");
    tcase_add_test(tests, version_is_one);
    tcase_add_test(tests, error_map);
    tcase_add_test(tests, constants);
    tcase_add_test(tests, room_for_texts);
    return support_run("headers", tests);
}
