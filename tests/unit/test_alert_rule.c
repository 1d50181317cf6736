/* Rule lines: what is accepted and what it means, what is refused and what the error says. */
#include "../support/support.h"
#include "core/alert.h"

#include <string.h>

static const struct {
    const char *text, *canonical;
} accepted[] = {
    {"USD/EUR above 0.9", "USD/EUR above 0.9"},
    {"  usd-eur\tABOVE   0.90 \r\n", "USD/EUR above 0.90"},
    {"usdjpy Below 100 FOR 90s", "USD/JPY below 100 for 1m30s"},
    {"USD/EUR cross_up 0.9 clear 0.895 for 30s cooldown 1h repeat every severity critical",
     "USD/EUR cross_up 0.9 clear 0.895 for 30s cooldown 1h repeat every severity critical"},
    {"USD/EUR cross_down 0.9 severity warning cooldown 15m clear 0.91", "USD/EUR cross_down 0.9 clear 0.91 cooldown 15m"},
    {"USD/EUR cross 0.9 repeat ONCE clear 0.95", "USD/EUR cross 0.9 clear 0.95 repeat once"},
    {"USD/EUR above 0.9 repeat episode cooldown 0s", "USD/EUR above 0.9"},
    {"USD/EUR above 0.9 clear 0.9", "USD/EUR above 0.9 clear 0.9"},
    {"USD/EUR above 9e-1 for 45", "USD/EUR above 0.9 for 45s"},
};

static const struct {
    const char *text;
    int code;
    const char *field, *says;
} refused[] = {
    {"", FXMON_E_SYNTAX, "pair", "a pair is expected"},
    {"EURO above 0.9", FXMON_E_PAIR, "EURO", "not a currency pair"},
    {"USD/EUR", FXMON_E_SYNTAX, "condition", "above, below, cross_up, cross_down, cross"},
    {"USD/EUR abvoe 0.9", FXMON_E_SYNTAX, "abvoe", "did you mean above"},
    {"USD/EUR > 0.9", FXMON_E_SYNTAX, ">", "expected above, below"},
    {"USD/EUR above", FXMON_E_SYNTAX, "threshold", "a threshold is expected"},
    {"USD/EUR above 0,9", FXMON_E_SYNTAX, "0,9", "not a number such as 0.9"},
    {"USD/EUR above 0", FXMON_E_RANGE, "0", "positive"},
    {"USD/EUR above -0.9", FXMON_E_RANGE, "-0.9", "positive"},
    {"USD/EUR above nan", FXMON_E_SYNTAX, "nan", "not a number"},
    {"USD/EUR above 0.1234567890123456789", FXMON_E_RANGE, "0.1234567890123456789", "18 decimals"},
    {"USD/EUR above 0.9 clear 0.91", FXMON_E_RANGE, "clear", "at or below its threshold"},
    {"USD/EUR cross_down 0.9 clear 0.8", FXMON_E_RANGE, "clear", "at or above its threshold"},
    {"USD/EUR above 0.9 clear", FXMON_E_SYNTAX, "clear", "expected"},
    {"USD/EUR above 0.9 cler 0.8", FXMON_E_SYNTAX, "cler", "did you mean clear"},
    {"USD/EUR above 0.9 for soon", FXMON_E_SYNTAX, "soon", "not a duration"},
    {"USD/EUR above 0.9 for 1s for 2s", FXMON_E_SYNTAX, "for", "given twice"},
    {"USD/EUR above 0.9 repeat twice", FXMON_E_SYNTAX, "twice", "episode, every or once"},
    {"USD/EUR above 0.9 severity criticla", FXMON_E_SYNTAX, "criticla", "did you mean critical"},
    {"USD/EUR above 0.9 0.8", FXMON_E_SYNTAX, "0.8", "clear, for, cooldown, repeat or severity"},
};

START_TEST(accepts)
{
    fxmon_alert rule;
    fxmon_error error = {.text = ""};
    char text[256];
    ck_assert_msg(fxmon_alert_parse(accepted[_i].text, strlen(accepted[_i].text), &rule, &error) == FXMON_OK, "%s", error.text);
    size_t length = fxmon_alert_format(&rule, text, sizeof text);
    ck_assert_str_eq(text, accepted[_i].canonical);
    ck_assert_uint_eq(length, strlen(text));
    ck_assert_int_eq(rule.version, 1);
    ck_assert(rule.active);
    char shorter[8];
    ck_assert_uint_eq(fxmon_alert_format(&rule, shorter, sizeof shorter), length);
    ck_assert_int_eq(shorter[7], '\0');
}
END_TEST

START_TEST(refuses)
{
    fxmon_alert rule = {.id = 77};
    fxmon_error error;
    int code = fxmon_alert_parse(refused[_i].text, strlen(refused[_i].text), &rule, &error);
    ck_assert_msg(code == refused[_i].code, "%s: code %d: %s", refused[_i].text, code, error.text);
    ck_assert_int_eq(error.code, code);
    ck_assert_str_eq(error.field, refused[_i].field);
    ck_assert_msg(strstr(error.text, refused[_i].says) != NULL, "%s: \"%s\" does not say \"%s\"", refused[_i].text, error.text,
                  refused[_i].says);
    ck_assert_int_eq(rule.id, 77);
    ck_assert_int_eq(fxmon_alert_parse(refused[_i].text, strlen(refused[_i].text), &rule, NULL), code);
}
END_TEST

START_TEST(values)
{
    fxmon_alert rule;
    static const char text[] = "USD/EUR below 0.9 clear 0.905 for 1h30m cooldown 250ms repeat once severity critical";
    ck_assert_int_eq(fxmon_alert_parse(text, sizeof text - 1, &rule, NULL), FXMON_OK);
    ck_assert_str_eq(rule.pair.text, "USD/EUR");
    ck_assert_int_eq(rule.condition, FXMON_BELOW);
    ck_assert_int_eq(rule.threshold.mantissa, 9);
    ck_assert_int_eq(rule.clear.mantissa, 905);
    ck_assert_int_eq(rule.hold, 5400 * FXMON_SECOND);
    ck_assert_int_eq(rule.cooldown, FXMON_SECOND / 4);
    ck_assert_int_eq(rule.repeat, FXMON_ONCE);
    ck_assert_int_eq(rule.severity, FXMON_CRITICAL);
}
END_TEST

START_TEST(names)
{
    ck_assert_str_eq(fxmon_condition_name(FXMON_CROSS), "cross");
    ck_assert_ptr_null(fxmon_condition_name(0));
    ck_assert_ptr_null(fxmon_condition_name(6));
    ck_assert_int_eq(fxi_condition_find("Cross_Down", 10), FXMON_CROSS_DOWN);
    ck_assert_int_eq(fxi_condition_find("crossdown", 9), -1);
    ck_assert_str_eq(fxi_phase_name(FXMON_PHASE_COOLDOWN), "cooldown");
    ck_assert_ptr_null(fxi_event_kind_name(4));
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("alert_rule");
    tcase_add_loop_test(tests, accepts, 0, (int)(sizeof accepted / sizeof accepted[0]));
    tcase_add_loop_test(tests, refuses, 0, (int)(sizeof refused / sizeof refused[0]));
    tcase_add_test(tests, values);
    tcase_add_test(tests, names);
    return support_run("alert_rule", tests);
}
