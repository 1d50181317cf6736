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
#include "codec/rate.h"

enum member { PAIR, CONDITION, THRESHOLD, CLEAR, FOR, COOLDOWN, REPEAT, SEVERITY, MEMBERS };

static const char *const members[MEMBERS] = {"pair", "condition", "threshold", "clear", "for", "cooldown", "repeat", "severity"};
static const char *const read_only[] = {"id", "active", "created_at", "version", "state"};
static const char *const conditions[] = {"above", "below", "cross_up", "cross_down", "cross"};
static const char *const repeats[] = {"episode", "every", "once"};
static const char *const severities[] = {"warning", "critical"};
static const char *const kinds[] = {"fired", "repeated", "resolved"};
static const char *const sides[] = {"low", "unknown", "high"};
static const char *const phases[] = {"armed", "pending", "firing"};

static const char *name_of(const char *const *names, size_t count, int64_t index)
{
    return index >= 0 && (size_t)index < count ? names[index] : "unknown";
}

#define NAME_OF(names, index) name_of(names, sizeof(names) / sizeof *(names), index)

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

/* One word of a list; the index goes to *out. */
static int take_word(const fxi_json_span *span, const char *field, const char *const *names, size_t count, int *out, const char *expected,
                     fxmon_error *error)
{
    if (span->type != FXI_JSON_STRING) {
        return fail_type(field, span, expected, error);
    }
    for (size_t i = 0; i < count; i++) {
        if (fxi_json_span_is(span, names[i])) {
            *out = (int)i;
            return FXMON_OK;
        }
    }
    return fail_value(field, span, expected, error);
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

        code = length < 0 ? FXMON_E_SYNTAX : fxi_duration_parse(text, (size_t)length, out);
    } else {
        return fail_type(field, span, expected, error);
    }
    if (code != FXMON_OK || *out < 0) {
        return fail_value(field, span, expected, error);
    }
    return FXMON_OK;
}

/* The level that ends the alert lies on the side where it is quiet; for "cross" there is no such side. */
static int check_clear(const fxmon_alert *a, const fxi_json_span *span, fxmon_error *error)
{
    int order = fxmon_decimal_compare(a->clear, a->threshold);

    switch (a->condition) {
    case FXMON_ABOVE:
    case FXMON_CROSS_UP:
        return order <= 0 ? FXMON_OK : fail_value("clear", span, "a number not above the threshold", error);
    case FXMON_BELOW:
    case FXMON_CROSS_DOWN:
        return order >= 0 ? FXMON_OK : fail_value("clear", span, "a number not below the threshold", error);
    default:
        return fail_value("clear", span, "no clear level with condition cross", error);
    }
}

static int take_alert(const fxi_json_span found[MEMBERS], fxmon_alert *a, fxmon_error *error)
{
    int word = 0;
    int code = take_pair(&found[PAIR], &a->pair, error);

    if (code == FXMON_OK) {
        code = take_word(&found[CONDITION], "condition", conditions, sizeof conditions / sizeof *conditions, &word,
                         "above, below, cross_up, cross_down or cross", error);
        a->condition = FXMON_ABOVE + word;
    }
    if (code == FXMON_OK) {
        code = take_price(&found[THRESHOLD], "threshold", &a->threshold, error);
    }
    if (code == FXMON_OK && found[CLEAR].type != 0) {
        code = take_price(&found[CLEAR], "clear", &a->clear, error);
        code = code == FXMON_OK ? check_clear(a, &found[CLEAR], error) : code;
    }
    if (code == FXMON_OK && found[FOR].type != 0) {
        code = take_duration(&found[FOR], "for", &a->hold, error);
    }
    if (code == FXMON_OK && found[COOLDOWN].type != 0) {
        code = take_duration(&found[COOLDOWN], "cooldown", &a->cooldown, error);
    }
    if (code == FXMON_OK && found[REPEAT].type != 0) {
        code = take_word(&found[REPEAT], "repeat", repeats, sizeof repeats / sizeof *repeats, &word, "episode, every or once", error);
        a->repeat = word;
    }
    if (code == FXMON_OK && found[SEVERITY].type != 0) {
        code = take_word(&found[SEVERITY], "severity", severities, sizeof severities / sizeof *severities, &word, "warning or critical",
                         error);
        a->severity = word;
    }
    return code;
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
    fxi_buf_jsonz(out, NAME_OF(sides, state->side + 1));
    fxi_buf_puts(out, ",\"phase\":");
    fxi_buf_jsonz(out, NAME_OF(phases, state->phase));
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
    fxi_buf_jsonz(out, NAME_OF(conditions, alert->condition - FXMON_ABOVE));
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
    fxi_buf_jsonz(out, NAME_OF(repeats, alert->repeat));
    fxi_buf_puts(out, ",\"severity\":");
    fxi_buf_jsonz(out, NAME_OF(severities, alert->severity));
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
    fxi_buf_jsonz(out, NAME_OF(kinds, event->kind - FXMON_FIRED));
    fxi_buf_puts(out, ",\"time\":");
    put_time(out, event->time);
    fxi_buf_puts(out, ",\"source\":");
    fxi_buf_jsonz(out, event->source);
    fxi_buf_puts(out, ",\"severity\":");
    fxi_buf_jsonz(out, NAME_OF(severities, event->severity));
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
    fxi_buf_jsonz(out, NAME_OF(conditions, event->condition - FXMON_ABOVE));
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
    fxi_buf_jsonz(out, NAME_OF(conditions, event->condition - FXMON_ABOVE));
    fxi_buf_puts(out, ",\"threshold\":");
    fxi_buf_decimal(out, event->threshold);
    put_event_rest(out, event);
    return !out->failed;
}
