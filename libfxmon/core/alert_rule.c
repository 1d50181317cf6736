/*
 * core/alert_rule.c - the rule line, its names and its validation. The line, the JSON body of the API and the store all make the same fxmon_alert
 * and pass the same fxi_alert_validate, so an alert cannot mean one thing in a file and another over HTTP.
 */
#include "base/buf.h"
#include "base/error.h"
#include "base/value.h"
#include "core/alert.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

const char *const fxi_condition_names[] = {"above", "below", "cross_up", "cross_down", "cross", NULL};
static const char *const repeat_names[] = {"episode", "every", "once", NULL};
static const char *const severity_names[] = {"warning", "critical", NULL};
static const char *const phase_names[] = {"armed", "pending", "firing", "cooldown", NULL};
static const char *const event_kind_names[] = {"fired", "repeated", "resolved", NULL};
static const char *const clause_names[] = {"clear", "for", "cooldown", "repeat", "severity", NULL};
enum clause { CLAUSE_CLEAR, CLAUSE_FOR, CLAUSE_COOLDOWN, CLAUSE_REPEAT, CLAUSE_SEVERITY };

static const char *name_at(const char *const *names, int index)
{
    for (int i = 0; names[i] != NULL; i++)
        if (i == index)
            return names[i];
    return NULL;
}

static int name_find(const char *const *names, const char *text, size_t length)
{
    for (int i = 0; names[i] != NULL; i++)
        if (strlen(names[i]) == length && strncasecmp(names[i], text, length) == 0)
            return i;
    return -1;
}

const char *fxmon_condition_name(int condition)
{
    return name_at(fxi_condition_names, condition - FXMON_ABOVE);
}

const char *fxi_repeat_name(int repeat)
{
    return name_at(repeat_names, repeat);
}

const char *fxi_severity_name(int severity)
{
    return name_at(severity_names, severity);
}

const char *fxi_phase_name(int phase)
{
    return name_at(phase_names, phase);
}

const char *fxi_event_kind_name(int kind)
{
    return name_at(event_kind_names, kind - FXMON_FIRED);
}

int fxi_condition_find(const char *text, size_t length)
{
    int index = name_find(fxi_condition_names, text, length);
    return index < 0 ? -1 : index + FXMON_ABOVE;
}

int fxi_repeat_find(const char *text, size_t length)
{
    return name_find(repeat_names, text, length);
}

int fxi_severity_find(const char *text, size_t length)
{
    return name_find(severity_names, text, length);
}

/* ---- validation ---------------------------------------------------------------------------------- */

static int fail_level(fxmon_error *error, const char *field, fxmon_decimal value, const char *expected)
{
    char text[FXMON_DECIMAL_TEXT];
    fxmon_decimal_format(value, text);
    return fxi_fail(error, FXMON_E_RANGE, field, "%s %s: %s", field, text, expected);
}

static bool is_decimal(fxmon_decimal value)
{
    return value.scale >= 0 && value.scale <= 18;
}

int fxi_alert_validate(const fxmon_alert *alert, fxmon_error *error)
{
    fxmon_pair pair;
    size_t length = strnlen(alert->pair.text, sizeof alert->pair.text);
    if (fxmon_pair_parse(alert->pair.text, length, &pair) != FXMON_OK || memcmp(&pair, &alert->pair, sizeof pair) != 0)
        return fxi_fail(error, FXMON_E_PAIR, "pair", "pair \"%.*s\": expected two currency codes such as USD/EUR", (int)length,
                        alert->pair.text);
    if (fxmon_condition_name(alert->condition) == NULL)
        return fxi_fail(error, FXMON_E_RANGE, "condition",
                        "condition %d is unknown: expected above, below, cross_up, cross_down or cross", (int)alert->condition);
    if (!is_decimal(alert->threshold) || !is_decimal(alert->clear))
        return fxi_fail(error, FXMON_E_RANGE, "threshold", "a level has more than 18 decimals");
    if (alert->threshold.mantissa <= 0)
        return fail_level(error, "threshold", alert->threshold, "expected a positive number");
    if (alert->clear.mantissa < 0)
        return fail_level(error, "clear", alert->clear, "expected a positive number");
    if (alert->clear.mantissa > 0) {
        int order = fxmon_decimal_compare(alert->clear, alert->threshold);
        if ((alert->condition == FXMON_ABOVE || alert->condition == FXMON_CROSS_UP) && order > 0)
            return fail_level(error, "clear", alert->clear, "an alert for rising prices ends at or below its threshold");
        if ((alert->condition == FXMON_BELOW || alert->condition == FXMON_CROSS_DOWN) && order < 0)
            return fail_level(error, "clear", alert->clear, "an alert for falling prices ends at or above its threshold");
    }
    if (alert->hold < 0)
        return fxi_fail(error, FXMON_E_RANGE, "for", "for %lld ns: expected no negative duration", (long long)alert->hold);
    if (alert->cooldown < 0)
        return fxi_fail(error, FXMON_E_RANGE, "cooldown", "cooldown %lld ns: expected no negative duration", (long long)alert->cooldown);
    if (fxi_repeat_name(alert->repeat) == NULL)
        return fxi_fail(error, FXMON_E_RANGE, "repeat", "repeat %d is unknown: expected episode, every or once", (int)alert->repeat);
    if (fxi_severity_name(alert->severity) == NULL)
        return fxi_fail(error, FXMON_E_RANGE, "severity", "severity %d is unknown: expected warning or critical", (int)alert->severity);
    return FXMON_OK;
}

/* ---- parsing --------------------------------------------------------------------------------------- */

typedef struct word {
    const char *text;
    size_t length;
} word;

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool next_word(const char **at, const char *end, word *out)
{
    while (*at < end && is_blank(**at))
        (*at)++;
    out->text = *at;
    while (*at < end && !is_blank(**at))
        (*at)++;
    out->length = (size_t)(*at - out->text);
    return out->length > 0;
}

static void word_copy(word w, char *out, size_t size)
{
    size_t length = w.length < size - 1 ? w.length : size - 1;
    memcpy(out, w.text, length);
    out[length] = '\0';
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)out[i] < 0x20 || (unsigned char)out[i] >= 0x7f)
            out[i] = '?';
}

/* The word is not one of the names: say which would be near. The offending word is the field. */
static int fail_word(fxmon_error *error, word w, const char *what, const char *const *names, const char *expected)
{
    char text[40];
    char lower[40];
    word_copy(w, text, sizeof text);
    for (size_t i = 0; i < sizeof text; i++)
        lower[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] + 32 : text[i]);
    const char *near = names != NULL ? fxi_nearest(lower, names) : NULL;
    if (near != NULL)
        return fxi_fail(error, FXMON_E_SYNTAX, text, "\"%s\" is not %s: did you mean %s? Expected %s", text, what, near, expected);
    return fxi_fail(error, FXMON_E_SYNTAX, text, "\"%s\" is not %s: expected %s", text, what, expected);
}

static int fail_missing(fxmon_error *error, const char *field, const char *expected)
{
    return fxi_fail(error, FXMON_E_SYNTAX, field, "the rule ends where %s is expected, as in USD/EUR above 0.9 for 30s", expected);
}

static int parse_level(word w, const char *what, fxmon_decimal *out, fxmon_error *error)
{
    int code = fxmon_decimal_parse(w.text, w.length, out);
    if (code == FXMON_OK && out->mantissa > 0)
        return FXMON_OK;
    char text[40];
    word_copy(w, text, sizeof text);
    if (code == FXMON_E_SYNTAX)
        return fxi_fail(error, code, text, "%s \"%s\" is not a number such as 0.9", what, text);
    return fxi_fail(error, FXMON_E_RANGE, text, "%s %s: expected a positive number of at most 18 decimals", what, text);
}

static int parse_span(word w, const char *what, int64_t *out, fxmon_error *error)
{
    int code = fxmon_duration_parse(w.text, w.length, out);
    if (code == FXMON_OK && *out >= 0)
        return FXMON_OK;
    char text[40];
    word_copy(w, text, sizeof text);
    return fxi_fail(error, code == FXMON_OK ? FXMON_E_RANGE : code, text, "%s \"%s\" is not a duration such as 30s, 5m or 1h30m", what,
                    text);
}

static int parse_clause(int clause, word value, fxmon_alert *out, fxmon_error *error)
{
    int found;
    switch ((enum clause)clause) {
    case CLAUSE_CLEAR:
        return parse_level(value, "clear", &out->clear, error);
    case CLAUSE_FOR:
        return parse_span(value, "for", &out->hold, error);
    case CLAUSE_COOLDOWN:
        return parse_span(value, "cooldown", &out->cooldown, error);
    case CLAUSE_REPEAT:
        found = fxi_repeat_find(value.text, value.length);
        if (found < 0)
            return fail_word(error, value, "a kind of repeat", repeat_names, "episode, every or once");
        out->repeat = found;
        return FXMON_OK;
    case CLAUSE_SEVERITY:
    default:
        found = fxi_severity_find(value.text, value.length);
        if (found < 0)
            return fail_word(error, value, "a severity", severity_names, "warning or critical");
        out->severity = found;
        return FXMON_OK;
    }
}

static int parse_clauses(const char *at, const char *end, fxmon_alert *out, fxmon_error *error)
{
    unsigned given = 0;
    word w;
    while (next_word(&at, end, &w)) {
        int clause = name_find(clause_names, w.text, w.length);
        if (clause < 0)
            return fail_word(error, w, "known here", clause_names, "clear, for, cooldown, repeat or severity");
        if (given & 1u << clause)
            return fxi_fail(error, FXMON_E_SYNTAX, clause_names[clause], "\"%s\" is given twice", clause_names[clause]);
        given |= 1u << clause;
        word value;
        if (!next_word(&at, end, &value))
            return fail_missing(error, clause_names[clause], clause_names[clause]);
        int code = parse_clause(clause, value, out, error);
        if (code != FXMON_OK)
            return code;
    }
    return FXMON_OK;
}

int fxmon_alert_parse(const char *text, size_t length, fxmon_alert *out, fxmon_error *error)
{
    fxi_error_clear(error);
    if (text == NULL || out == NULL)
        return fxi_fail(error, FXMON_E_ARGUMENT, "rule", "no rule given");
    fxmon_alert alert = {.version = 1, .active = true};
    const char *at = text, *end = text + length;
    word w;
    if (!next_word(&at, end, &w))
        return fail_missing(error, "pair", "a pair");
    if (fxmon_pair_parse(w.text, w.length, &alert.pair) != FXMON_OK) {
        char shown[40];
        word_copy(w, shown, sizeof shown);
        return fxi_fail(error, FXMON_E_PAIR, shown, "\"%s\" is not a currency pair such as USD/EUR", shown);
    }
    if (!next_word(&at, end, &w))
        return fail_missing(error, "condition", "a condition (above, below, cross_up, cross_down, cross)");
    alert.condition = fxi_condition_find(w.text, w.length);
    if (alert.condition < 0)
        return fail_word(error, w, "a condition", fxi_condition_names, "above, below, cross_up, cross_down or cross");
    if (!next_word(&at, end, &w))
        return fail_missing(error, "threshold", "a threshold");
    int code = parse_level(w, "threshold", &alert.threshold, error);
    if (code == FXMON_OK)
        code = parse_clauses(at, end, &alert, error);
    if (code == FXMON_OK)
        code = fxi_alert_validate(&alert, error);
    if (code == FXMON_OK)
        *out = alert;
    return code;
}

/* ---- formatting -------------------------------------------------------------------------------------- */

size_t fxmon_alert_format(const fxmon_alert *alert, char *out, size_t size)
{
    char threshold[FXMON_DECIMAL_TEXT], clear[FXMON_DECIMAL_TEXT] = "";
    char hold[64] = "", cooldown[64] = "";
    const char *condition = fxmon_condition_name(alert->condition);
    const char *repeat = alert->repeat != FXMON_EPISODE ? fxi_repeat_name(alert->repeat) : NULL;
    const char *severity = alert->severity != FXMON_WARNING ? fxi_severity_name(alert->severity) : NULL;
    fxmon_decimal_format(alert->threshold, threshold);
    if (alert->clear.mantissa != 0)
        fxmon_decimal_format(alert->clear, clear);
    if (alert->hold != 0)
        fxi_duration_format(alert->hold, hold, sizeof hold);
    if (alert->cooldown != 0)
        fxi_duration_format(alert->cooldown, cooldown, sizeof cooldown);
    int length = snprintf(out, size, "%.16s %s %s%s%s%s%s%s%s%s%s%s%s", alert->pair.text, condition != NULL ? condition : "?", threshold,
                          clear[0] ? " clear " : "", clear, hold[0] ? " for " : "", hold, cooldown[0] ? " cooldown " : "", cooldown,
                          repeat != NULL ? " repeat " : "", repeat != NULL ? repeat : "", severity != NULL ? " severity " : "",
                          severity != NULL ? severity : "");
    return length < 0 ? 0 : (size_t)length;
}
