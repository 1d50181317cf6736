/*
 * Alerts as JSON. Reading is strict, since this is what strangers POST: one object, each member known, once, and of its type. A member that
 * only the server sets (id, active, created_at, version, state) is refused rather than ignored: who sends it believes it does something.
 */
#include "codec/alert.h"

#include <string.h>

#include "base/error.h"
#include "base/value.h"
#include "codec/excerpt.h"
#include "codec/json.h"
#include "core/alert.h"

enum member { PAIR, CONDITION, THRESHOLD, CLEAR, FOR, COOLDOWN, REPEAT, SEVERITY, MEMBERS };

static const char *const members[MEMBERS] = {"pair", "condition", "threshold", "clear", "for", "cooldown", "repeat", "severity"};
static const char *const read_only[] = {"id", "active", "created_at", "version", "state"};
static const char *const sides[] = {"low", "unknown", "high"};

/* ---- reading ---- */

static int fail_member(const fxi_json *j, fxmon_error *error)
{
    char field[64], shown[FXI_EXCERPT];

    fxi_excerpt_name(j->text, j->length, field, sizeof field);
    for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++) {
        if (fxi_json_is(j, read_only[i])) {
            return fxi_fail(error, FXMON_E_MALFORMED, field, "member '%s' is set by fxmon alone", read_only[i]);
        }
    }
    return fxi_fail(error, FXMON_E_MALFORMED, field,
                    "unknown member %s: expected pair, condition, threshold, clear, for, cooldown, repeat, severity",
                    fxi_excerpt(j->text, j->length, shown));
}

static int fail_type(const char *field, const fxi_json_span *span, const char *expected, fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    if (span->type == 0) {
        return fxi_fail(error, FXMON_E_MALFORMED, field, "member '%s' is missing: expected %s", field, expected);
    }
    return fxi_fail(error, FXMON_E_MALFORMED, field, "'%s' is %s (%s): expected %s", field, fxi_json_type_name(span->type),
                    fxi_excerpt(span->text, span->length, shown), expected);
}

static int fail_value(const char *field, const fxi_json_span *span, const char *expected, fxmon_error *error)
{
    char shown[FXI_EXCERPT];

    return fxi_fail(error, FXMON_E_RANGE, field, "'%s' is %s: expected %s", field, fxi_excerpt(span->text, span->length, shown), expected);
}

static int find_members(const char *data, size_t length, fxi_json_span found[MEMBERS], fxmon_error *error)
{
    fxi_json j;
    int token;

    memset(found, 0, MEMBERS * sizeof *found);
    fxi_json_init(&j, data, length);
    token = fxi_json_next(&j);
    if (token != FXI_JSON_OBJECT) {
        return fxi_fail(error, FXMON_E_MALFORMED, "", "an alert is an object, this is %s", fxi_json_type_name(token));
    }
    while (fxi_json_next(&j) == FXI_JSON_NAME) {
        int i = 0;

        while (i < MEMBERS && !fxi_json_is(&j, members[i])) {
            i++;
        }
        if (i == MEMBERS) {
            return fail_member(&j, error);
        }
        fxi_json_value(&j, &found[i]);
    }
    for (int i = CLEAR; i < MEMBERS; i++) {
        if (found[i].type == FXI_JSON_NULL) {
            found[i].type = 0; /* an optional member that is null is absent */
        }
    }
    return FXMON_OK;
}

static int take_pair(const fxi_json_span *span, fxmon_pair *out, fxmon_error *error)
{
    char text[32];
    long length = fxi_json_span_string(span, text, sizeof text);

    if (span->type != FXI_JSON_STRING) {
        return fail_type("pair", span, "a string such as \"USD/EUR\"", error);
    }
    if (length < 0 || fxmon_pair_parse(text, (size_t)length, out) != FXMON_OK) {
        return fail_value("pair", span, "a pair such as USD/EUR", error);
    }
    return FXMON_OK;
}

static int take_price(const fxi_json_span *span, const char *field, fxmon_decimal *out, fxmon_error *error)
{
    if (span->type != FXI_JSON_NUMBER) {
        return fail_type(field, span, "a number", error);
    }
    if (fxmon_decimal_parse(span->text, span->length, out) != FXMON_OK || out->mantissa <= 0 ||
        (out->scale == 0 && out->mantissa > INT64_C(1000000000000000000))) {
        return fail_value(field, span, "a positive number from 1e-18 to 1e18 with at most 18 decimals", error);
    }
    return FXMON_OK;
}

/* One word that `find` knows. */
static int take_word(const fxi_json_span *span, const char *field, int (*find)(const char *, size_t), int32_t *out, const char *expected,
                     fxmon_error *error)
{
    char text[24];
    long length = fxi_json_span_string(span, text, sizeof text);
    int word;

    if (span->type != FXI_JSON_STRING) {
        return fail_type(field, span, expected, error);
    }
    word = length < 0 ? -1 : find(text, (size_t)length);
    if (word < 0) {
        return fail_value(field, span, expected, error);
    }
    *out = word;
    return FXMON_OK;
}

static int take_duration(const fxi_json_span *span, const char *field, int64_t *out, fxmon_error *error)
{
    static const char expected[] = "a duration: seconds as a number, or text such as \"1h30m\"";
    int code = FXMON_OK;

    if (span->type == FXI_JSON_NUMBER) {
        fxmon_decimal seconds, whole;

        code = fxmon_decimal_parse(span->text, span->length, &seconds);
        code = code == FXMON_OK ? fxmon_decimal_rescale(seconds, 9, &whole) : code;
        *out = code == FXMON_OK ? whole.mantissa : 0;
    } else if (span->type == FXI_JSON_STRING) {
        char text[40];
        long length = fxi_json_span_string(span, text, sizeof text);

        code = length < 0 ? FXMON_E_SYNTAX : fxmon_duration_parse(text, (size_t)length, out);
    } else {
        return fail_type(field, span, expected, error);
    }
    if (code != FXMON_OK || *out < 0) {
        return fail_value(field, span, expected, error);
    }
    return FXMON_OK;
}

static int take_alert(const fxi_json_span found[MEMBERS], fxmon_alert *a, fxmon_error *error)
{
    int code = take_pair(&found[PAIR], &a->pair, error);

    if (code == FXMON_OK) {
        code = take_word(&found[CONDITION], "condition", fxi_condition_find, &a->condition, "above, below, cross_up, cross_down or cross",
                         error);
    }
    if (code == FXMON_OK) {
        code = take_price(&found[THRESHOLD], "threshold", &a->threshold, error);
    }
    if (code == FXMON_OK && found[CLEAR].type != 0) {
        code = take_price(&found[CLEAR], "clear", &a->clear, error);
    }
    if (code == FXMON_OK && found[FOR].type != 0) {
        code = take_duration(&found[FOR], "for", &a->hold, error);
    }
    if (code == FXMON_OK && found[COOLDOWN].type != 0) {
        code = take_duration(&found[COOLDOWN], "cooldown", &a->cooldown, error);
    }
    if (code == FXMON_OK && found[REPEAT].type != 0) {
        code = take_word(&found[REPEAT], "repeat", fxi_repeat_find, &a->repeat, "episode, every or once", error);
    }
    if (code == FXMON_OK && found[SEVERITY].type != 0) {
        code = take_word(&found[SEVERITY], "severity", fxi_severity_find, &a->severity, "warning or critical", error);
    }
    return code == FXMON_OK ? fxi_alert_validate(a, error) : code;
}

int fxi_alert_decode(const char *data, size_t length, fxmon_alert *out, fxmon_error *error)
{
    fxmon_alert alert = {.version = 1, .repeat = FXMON_EPISODE, .severity = FXMON_WARNING, .active = true};
    fxi_json_span found[MEMBERS];
    fxmon_error own;
    int code;

    if (error == NULL) {
        error = &own;
    }
    if (!fxi_json_valid(data, length, error)) {
        return error->code;
    }
    code = find_members(data, length, found, error);
    if (code == FXMON_OK) {
        code = take_alert(found, &alert, error);
    }
    if (code == FXMON_OK) {
        *out = alert;
    }
    return code;
}

/* ---- writing ---- */

static void put_time(fxi_buf *out, int64_t time)
{
    if (time == 0) {
        fxi_buf_puts(out, "null");
        return;
    }
    fxi_buf_putc(out, '"');
    fxi_buf_time(out, time);
    fxi_buf_putc(out, '"');
}

/* ns as a number of seconds, without needless zeros */
static void put_seconds(fxi_buf *out, int64_t ns)
{
    fxmon_decimal seconds = {ns, 9};

    while (seconds.scale > 0 && seconds.mantissa % 10 == 0) {
        seconds.mantissa /= 10;
        seconds.scale--;
    }
    fxi_buf_decimal(out, seconds);
}

static void put_state(fxi_buf *out, const fxmon_alert_state *state)
{
    fxi_buf_puts(out, ",\"state\":{\"side\":");
    fxi_buf_jsonz(out, state->side >= -1 && state->side <= 1 ? sides[state->side + 1] : NULL);
    fxi_buf_puts(out, ",\"phase\":");
    fxi_buf_jsonz(out, fxi_phase_name(state->phase));
    fxi_buf_puts(out, ",\"since\":");
    put_time(out, state->since);
    fxi_buf_puts(out, ",\"fired\":");
    put_time(out, state->fired);
    fxi_buf_puts(out, ",\"fired_count\":");
    fxi_buf_int(out, state->fired_count);
    fxi_buf_puts(out, ",\"suppressed\":");
    fxi_buf_int(out, state->suppressed);
    if (state->worst.mantissa != 0) {
        fxi_buf_puts(out, ",\"worst\":");
        fxi_buf_decimal(out, state->worst);
    }
    fxi_buf_puts(out, ",\"last_time\":");
    put_time(out, state->last_time);
    fxi_buf_putc(out, '}');
}

bool fxi_alert_encode(const fxmon_alert *alert, const fxmon_alert_state *state, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"id\":");
    fxi_buf_int(out, alert->id);
    fxi_buf_puts(out, ",\"pair\":");
    fxi_buf_jsonz(out, alert->pair.text);
    fxi_buf_puts(out, ",\"condition\":");
    fxi_buf_jsonz(out, fxmon_condition_name(alert->condition));
    fxi_buf_puts(out, ",\"threshold\":");
    fxi_buf_decimal(out, alert->threshold);
    fxi_buf_puts(out, alert->active ? ",\"active\":true,\"created_at\":" : ",\"active\":false,\"created_at\":");
    put_time(out, alert->created);
    if (alert->clear.mantissa != 0) {
        fxi_buf_puts(out, ",\"clear\":");
        fxi_buf_decimal(out, alert->clear);
    }
    if (alert->hold != 0) {
        fxi_buf_puts(out, ",\"for\":");
        put_seconds(out, alert->hold);
    }
    fxi_buf_puts(out, ",\"cooldown\":");
    put_seconds(out, alert->cooldown);
    fxi_buf_puts(out, ",\"repeat\":");
    fxi_buf_jsonz(out, fxi_repeat_name(alert->repeat));
    fxi_buf_puts(out, ",\"severity\":");
    fxi_buf_jsonz(out, fxi_severity_name(alert->severity));
    fxi_buf_puts(out, ",\"version\":");
    fxi_buf_int(out, alert->version);
    if (state != NULL) {
        put_state(out, state);
    }
    fxi_buf_putc(out, '}');
    return !out->failed;
}

/* What an event says after its first members, the same in both bodies. */
static void put_event_rest(fxi_buf *out, const fxmon_event *event)
{
    fxi_buf_puts(out, ",\"kind\":");
    fxi_buf_jsonz(out, fxi_event_kind_name(event->kind));
    fxi_buf_puts(out, ",\"time\":");
    put_time(out, event->time);
    fxi_buf_puts(out, ",\"source\":");
    fxi_buf_jsonz(out, event->source);
    fxi_buf_puts(out, ",\"severity\":");
    fxi_buf_jsonz(out, fxi_severity_name(event->severity));
    fxi_buf_puts(out, ",\"partition\":");
    fxi_buf_int(out, event->partition);
    fxi_buf_puts(out, ",\"offset\":");
    fxi_buf_int(out, event->offset);
    if (event->suppressed != 0) {
        fxi_buf_puts(out, ",\"suppressed\":");
        fxi_buf_int(out, event->suppressed);
    }
    if (event->kind == FXMON_RESOLVED) {
        fxi_buf_puts(out, ",\"duration\":");
        put_seconds(out, event->duration);
        if (event->worst.mantissa != 0) {
            fxi_buf_puts(out, ",\"worst\":");
            fxi_buf_decimal(out, event->worst);
        }
    }
    fxi_buf_putc(out, '}');
}

bool fxi_event_encode(const fxmon_event *event, fxi_buf *out)
{
    char message[192];

    fxmon_event_message(event, message, sizeof message);
    fxi_buf_puts(out, "{\"event_id\":");
    fxi_buf_jsonz(out, event->id);
    fxi_buf_puts(out, ",\"alert_id\":");
    fxi_buf_int(out, event->alert_id);
    fxi_buf_puts(out, ",\"pair\":");
    fxi_buf_jsonz(out, event->pair.text);
    fxi_buf_puts(out, ",\"condition\":");
    fxi_buf_jsonz(out, fxmon_condition_name(event->condition));
    fxi_buf_puts(out, ",\"threshold\":");
    fxi_buf_decimal(out, event->threshold);
    fxi_buf_puts(out, ",\"current_rate\":");
    fxi_buf_decimal(out, event->rate);
    fxi_buf_puts(out, ",\"message\":");
    fxi_buf_jsonz(out, message);
    put_event_rest(out, event);
    return !out->failed;
}

bool fxi_stored_event_encode(const fxmon_stored_event *stored, fxi_buf *out)
{
    const fxmon_event *event = &stored->event;

    fxi_buf_puts(out, "{\"id\":");
    fxi_buf_int(out, stored->id);
    fxi_buf_puts(out, ",\"alert_id\":");
    fxi_buf_int(out, event->alert_id);
    fxi_buf_puts(out, ",\"pair\":");
    fxi_buf_jsonz(out, event->pair.text);
    fxi_buf_puts(out, ",\"rate\":");
    fxi_buf_decimal(out, event->rate);
    fxi_buf_puts(out, ",\"message\":");
    fxi_buf_jsonz(out, stored->message);
    fxi_buf_puts(out, ",\"triggered_at\":");
    put_time(out, event->time);
    fxi_buf_puts(out, ",\"recorded_at\":");
    put_time(out, stored->recorded);
    fxi_buf_puts(out, ",\"event_id\":");
    fxi_buf_jsonz(out, event->id);
    fxi_buf_puts(out, ",\"condition\":");
    fxi_buf_jsonz(out, fxmon_condition_name(event->condition));
    fxi_buf_puts(out, ",\"threshold\":");
    fxi_buf_decimal(out, event->threshold);
    put_event_rest(out, event);
    return !out->failed;
}
