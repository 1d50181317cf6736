/* Alerts and events as JSON: what is taken, what is refused with which field, and the bodies that go out. */
#include "codec/alert.h"
#include "../support/support.h"

#include <jansson.h>
#include <string.h>

#define FIRST "{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":0.90"

static int decode(const char *text, fxmon_alert *alert, fxmon_error *error)
{
    *error = (fxmon_error){0};
    return fxi_alert_decode(text, strlen(text), alert, error);
}

START_TEST(accepts)
{
    fxmon_alert a;
    fxmon_error error;

    ck_assert_int_eq(decode(FIRST "}", &a, &error), FXMON_OK);
    ck_assert_str_eq(a.pair.text, "USD/EUR");
    ck_assert(a.condition == FXMON_ABOVE && a.repeat == FXMON_EPISODE && a.severity == FXMON_WARNING && a.active && a.version == 1 && a.id == 0);
    ck_assert(a.threshold.mantissa == 90 && a.threshold.scale == 2 && a.clear.mantissa == 0 && a.hold == 0 && a.cooldown == 0);
    ck_assert_int_eq(decode(FIRST ",\"clear\":0.895,\"for\":\"1h30m\",\"cooldown\":0.5,\"repeat\":\"every\",\"severity\":\"critical\"}", &a, &error), FXMON_OK);
    ck_assert(a.clear.mantissa == 895 && a.hold == 5400 * FXMON_SECOND && a.cooldown == FXMON_SECOND / 2);
    ck_assert(a.repeat == FXMON_EVERY && a.severity == FXMON_CRITICAL);
    ck_assert_int_eq(decode("{\"pair\":\"usd-eur\",\"condition\":\"cross_down\",\"threshold\":1,\"clear\":null}", &a, &error), FXMON_OK);
    ck_assert_str_eq(a.pair.text, "USD/EUR");
    ck_assert_int_eq(a.condition, FXMON_CROSS_DOWN);
}
END_TEST

START_TEST(is_the_rule_line)
{
    static const char rule[] = "USD/EUR above 0.90 clear 0.895 for 30s cooldown 5m repeat every severity critical";
    static const char body[] = FIRST ",\"clear\":0.895,\"for\":30,\"cooldown\":300,\"repeat\":\"every\",\"severity\":\"critical\"}";
    fxmon_alert a, b;
    fxmon_error error;

    ck_assert_int_eq(fxmon_alert_parse(rule, strlen(rule), &a, &error), FXMON_OK);
    ck_assert_int_eq(decode(body, &b, &error), FXMON_OK);
    ck_assert_mem_eq(&a.pair, &b.pair, sizeof a.pair);
    ck_assert(a.condition == b.condition && a.repeat == b.repeat && a.severity == b.severity && a.hold == b.hold && a.cooldown == b.cooldown);
    ck_assert(a.threshold.mantissa == b.threshold.mantissa && a.threshold.scale == b.threshold.scale);
    ck_assert(a.clear.mantissa == b.clear.mantissa && a.clear.scale == b.clear.scale && a.active == b.active && a.version == b.version);
}
END_TEST

static const struct {
    const char *text;
    int code;
    const char *field;
} refused[] = {
    {"", FXMON_E_SYNTAX, ""},
    {"{", FXMON_E_SYNTAX, ""},
    {"[]", FXMON_E_MALFORMED, ""},
    {"{}", FXMON_E_MALFORMED, "pair"},
    {"{\"pair\":\"USD/EUR\",\"threshold\":1}", FXMON_E_MALFORMED, "condition"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\"}", FXMON_E_MALFORMED, "threshold"},
    {"{\"pair\":1,\"condition\":\"above\",\"threshold\":1}", FXMON_E_MALFORMED, "pair"},
    {"{\"pair\":\"USD\",\"condition\":\"above\",\"threshold\":1}", FXMON_E_RANGE, "pair"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"over\",\"threshold\":1}", FXMON_E_RANGE, "condition"},
    {"{\"pair\":\"USD/EUR\",\"condition\":true,\"threshold\":1}", FXMON_E_MALFORMED, "condition"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":\"0.9\"}", FXMON_E_MALFORMED, "threshold"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":0}", FXMON_E_RANGE, "threshold"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":-1}", FXMON_E_RANGE, "threshold"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":1e30}", FXMON_E_RANGE, "threshold"},
    {FIRST ",\"clear\":0.91}", FXMON_E_RANGE, "clear"},
    {FIRST ",\"clear\":[]}", FXMON_E_MALFORMED, "clear"},
    {FIRST ",\"for\":\"soon\"}", FXMON_E_RANGE, "for"},
    {FIRST ",\"for\":-1}", FXMON_E_RANGE, "for"},
    {FIRST ",\"cooldown\":{}}", FXMON_E_MALFORMED, "cooldown"},
    {FIRST ",\"repeat\":\"twice\"}", FXMON_E_RANGE, "repeat"},
    {FIRST ",\"severity\":\"mild\"}", FXMON_E_RANGE, "severity"},
    {FIRST ",\"id\":7}", FXMON_E_MALFORMED, "id"},
    {FIRST ",\"active\":false}", FXMON_E_MALFORMED, "active"},
    {FIRST ",\"colour\":1}", FXMON_E_MALFORMED, "colour"},
    {FIRST ",\"threshold\":0.91}", FXMON_E_MALFORMED, "threshold"},
};

START_TEST(refuses)
{
    fxmon_alert a = {.id = 99};
    fxmon_error error;

    ck_assert_int_eq(decode(refused[_i].text, &a, &error), refused[_i].code);
    ck_assert_str_eq(error.field, refused[_i].field);
    ck_assert_int_ne(error.text[0], '\0');
    ck_assert_int_eq(a.id, 99);
}
END_TEST

static void check(fxi_buf *out, const char *expected)
{
    json_t *value = json_loads(out->data, JSON_REJECT_DUPLICATES, NULL);

    ck_assert_ptr_nonnull(value);
    json_decref(value);
    ck_assert_str_eq(out->data, expected);
    fxi_buf_free(out);
}

START_TEST(alert_body)
{
    fxmon_alert a;
    fxmon_alert_state state = {.side = 1, .phase = FXMON_PHASE_FIRING, .since = FXMON_SECOND, .fired = 2 * FXMON_SECOND, .fired_count = 3, .worst = {91, 2}};
    fxmon_error error;
    fxi_buf out;

    ck_assert_int_eq(decode(FIRST "}", &a, &error), FXMON_OK);
    a.id = 7;
    a.created = INT64_C(1770201000) * FXMON_SECOND;
    fxi_buf_init(&out, 4096);
    ck_assert(fxi_alert_encode(&a, NULL, &out));
    check(&out, "{\"id\":7,\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":0.90,\"active\":true,\"created_at\":\"2026-02-04T10:30:00Z\","
                "\"cooldown\":0,\"repeat\":\"episode\",\"severity\":\"warning\",\"version\":1}");
    a.clear = (fxmon_decimal){895, 3};
    a.hold = 1500 * INT64_C(1000000);
    a.active = false;
    fxi_buf_init(&out, 4096);
    ck_assert(fxi_alert_encode(&a, &state, &out));
    check(&out, "{\"id\":7,\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":0.90,\"active\":false,\"created_at\":\"2026-02-04T10:30:00Z\","
                "\"clear\":0.895,\"for\":1.5,\"cooldown\":0,\"repeat\":\"episode\",\"severity\":\"warning\",\"version\":1,"
                "\"state\":{\"side\":\"high\",\"phase\":\"firing\",\"since\":\"1970-01-01T00:00:01Z\",\"fired\":\"1970-01-01T00:00:02Z\","
                "\"fired_count\":3,\"suppressed\":0,\"worst\":0.91,\"last_time\":null}}");
}
END_TEST

START_TEST(event_bodies)
{
    fxmon_stored_event s = {.id = 5, .recorded = INT64_C(1770201001) * FXMON_SECOND, .message = "USD/EUR went above 0.9 (current: 0.905)"};
    fxmon_event *e = &s.event;
    fxi_buf out;

    memcpy(e->id, "0123456789abcdef0123456789abcdef", 33);
    e->alert_id = 7;
    e->version = 1;
    e->kind = FXMON_FIRED;
    e->condition = FXMON_ABOVE;
    memcpy(e->pair.text, "USD/EUR", 8);
    e->threshold = (fxmon_decimal){9, 1};
    e->rate = (fxmon_decimal){905, 3};
    e->time = INT64_C(1770201000) * FXMON_SECOND;
    memcpy(e->source, "s", 2);
    e->offset = 41;
    fxi_buf_init(&out, 4096);
    ck_assert(fxi_event_encode(e, &out));
    check(&out, "{\"event_id\":\"0123456789abcdef0123456789abcdef\",\"alert_id\":7,\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":0.9,"
                "\"current_rate\":0.905,\"message\":\"USD/EUR went above 0.9 (current: 0.905)\",\"kind\":\"fired\",\"time\":\"2026-02-04T10:30:00Z\","
                "\"source\":\"s\",\"severity\":\"warning\",\"partition\":0,\"offset\":41}");
    e->kind = FXMON_RESOLVED;
    e->duration = 90 * FXMON_SECOND;
    e->worst = (fxmon_decimal){91, 2};
    fxi_buf_init(&out, 4096);
    ck_assert(fxi_stored_event_encode(&s, &out));
    check(&out, "{\"id\":5,\"alert_id\":7,\"pair\":\"USD/EUR\",\"rate\":0.905,\"message\":\"USD/EUR went above 0.9 (current: 0.905)\","
                "\"triggered_at\":\"2026-02-04T10:30:00Z\",\"recorded_at\":\"2026-02-04T10:30:01Z\",\"event_id\":\"0123456789abcdef0123456789abcdef\","
                "\"condition\":\"above\",\"threshold\":0.9,\"kind\":\"resolved\",\"time\":\"2026-02-04T10:30:00Z\",\"source\":\"s\",\"severity\":\"warning\","
                "\"partition\":0,\"offset\":41,\"duration\":90,\"worst\":0.91}");
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("alert_codec");

    tcase_add_test(tests, accepts);
    tcase_add_test(tests, is_the_rule_line);
    tcase_add_loop_test(tests, refuses, 0, sizeof refused / sizeof *refused);
    tcase_add_test(tests, alert_body);
    tcase_add_test(tests, event_bodies);
    return support_run("alert_codec", tests);
}
