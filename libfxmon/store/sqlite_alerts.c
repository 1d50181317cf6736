/*
 * store/sqlite_alerts.c - alerts, what they remember, and their events.
 *
 * Alerts are rows that people may edit: names instead of numbers, thresholds as the digits that were written. A row that cannot be
 * understood is told once and left out; it does not stop the others.
 *
 * There is no outbox table of events: fxmon_event, in the order of its numbers, is the outbox, and each destination has a number up to which it
 * has been served. Numbers are given inside BEGIN IMMEDIATE and never used again (AUTOINCREMENT), so they appear in the order of commit and
 * no event can slip in behind that number.
 */
#include "base/error.h"
#include "base/log.h"
#include "store/sqlite.h"

#include <string.h>

static const char *const repeat_names[] = {"episode", "every", "once"};
static const char *const severity_names[] = {"warning", "critical"};

#define COUNT(names) ((int)(sizeof(names) / sizeof((names)[0])))

static const char *name_of(const char *const *names, int count, int number)
{
    return number >= 0 && number < count ? names[number] : "";
}

static int number_of(const char *const *names, int count, const char *name)
{
    for (int i = 0; i < count; i++) {
        if (strcmp(names[i], name) == 0) {
            return i;
        }
    }
    return -1;
}

static int condition_of(const char *name)
{
    for (int i = FXMON_ABOVE; i <= FXMON_CROSS; i++) {
        const char *known = fxmon_condition_name(i);
        if (known != NULL && strcmp(known, name) == 0) {
            return i;
        }
    }
    return 0;
}

/* ---- events --------------------------------------------------------------------------------------------------------- */

fxmon_result fxi_sqlite_put_event(void *state, const fxmon_event *event, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result = fxi_sqlite_writing(s, "adding an alert event", error);
    sqlite3_stmt *statement = result == FXMON_DONE ? fxi_sqlite_prepare(s, FXI_SQL_EVENT_ADD, &result, error) : NULL;
    if (statement == NULL) {
        return result;
    }
    char message[sizeof(((fxmon_stored_event *)NULL)->message)], rate[FXMON_DECIMAL_TEXT];
    fxmon_event_message(event, message, sizeof(message));
    fxmon_decimal_format(event->rate, rate);
    fxi_sqlite_bind_text(statement, 1, event->id);
    sqlite3_bind_int64(statement, 2, event->alert_id);
    sqlite3_bind_int(statement, 3, event->version);
    sqlite3_bind_int(statement, 4, event->kind);
    sqlite3_bind_int(statement, 5, event->condition);
    sqlite3_bind_int(statement, 6, event->severity);
    fxi_sqlite_bind_text(statement, 7, event->pair.text);
    fxi_sqlite_bind_decimal_text(statement, 8, event->threshold);
    sqlite3_bind_double(statement, 9, fxmon_decimal_to_double(event->rate));
    fxi_sqlite_bind_text(statement, 10, rate);
    sqlite3_bind_int64(statement, 11, event->time);
    sqlite3_bind_int64(statement, 12, event->duration);
    fxi_sqlite_bind_decimal_text(statement, 13, event->worst);
    sqlite3_bind_int64(statement, 14, event->suppressed);
    fxi_sqlite_bind_text(statement, 15, event->source);
    sqlite3_bind_int64(statement, 16, s->stream);
    sqlite3_bind_int(statement, 17, event->partition);
    sqlite3_bind_int64(statement, 18, event->offset);
    fxi_sqlite_bind_text(statement, 19, message);
    sqlite3_bind_int64(statement, 20, s->env->now(s->env->user));
    result = fxi_sqlite_run(s, statement, "adding an alert event", error);
    sqlite3_clear_bindings(statement);
    return result;
}

/* Columns in the order of EVENT_NAMES. */
static void read_event(sqlite3_stmt *row, fxmon_stored_event *out)
{
    fxmon_event *event = &out->event;
    memset(out, 0, sizeof(*out));
    out->id = sqlite3_column_int64(row, 0);
    out->recorded = sqlite3_column_int64(row, 1);
    fxi_sqlite_text_into(row, 2, out->message, sizeof(out->message));
    fxi_sqlite_text_into(row, 3, event->id, sizeof(event->id));
    event->alert_id = sqlite3_column_int64(row, 4);
    event->version = sqlite3_column_int(row, 5);
    event->kind = sqlite3_column_int(row, 6);
    event->condition = sqlite3_column_int(row, 7);
    event->severity = sqlite3_column_int(row, 8);
    fxi_sqlite_text_into(row, 9, event->pair.text, sizeof(event->pair.text));
    event->threshold = fxi_sqlite_decimal_text(row, 10);
    event->rate = fxi_sqlite_decimal_text(row, 11);
    event->time = sqlite3_column_int64(row, 12);
    event->duration = sqlite3_column_int64(row, 13);
    event->worst = fxi_sqlite_decimal_text(row, 14);
    event->suppressed = sqlite3_column_int64(row, 15);
    fxi_sqlite_text_into(row, 16, event->source, sizeof(event->source));
    event->partition = sqlite3_column_int(row, 17);
    event->offset = sqlite3_column_int64(row, 18);
}

static fxmon_result each_event(fxi_sqlite *s, sqlite3_stmt *statement, fxmon_event_fn fn, void *user, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    while (fxi_sqlite_step(s, statement, "reading alert events", &result, error)) {
        fxmon_stored_event event;
        read_event(statement, &event);
        if (!fn(user, &event)) {
            break;
        }
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result;
}

fxmon_result fxi_sqlite_events(void *state, int64_t limit, int64_t offset, fxmon_event_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_EVENT_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    sqlite3_bind_int64(statement, 1, limit);
    sqlite3_bind_int64(statement, 2, offset);
    return each_event(s, statement, fn, user, error);
}

fxmon_result fxi_sqlite_outbox_each(void *state, const char *destination, int64_t limit, fxmon_event_fn fn, void *user,
                                    fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_OUTBOX_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    fxi_sqlite_bind_text(statement, 1, destination);
    sqlite3_bind_int64(statement, 2, limit);
    return each_event(s, statement, fn, user, error);
}

fxmon_result fxi_sqlite_outbox_done(void *state, const char *destination, int64_t through_id, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_OUTBOX_DONE, &result, error);
    if (statement == NULL) {
        return result;
    }
    fxi_sqlite_bind_text(statement, 1, destination);
    sqlite3_bind_int64(statement, 2, through_id);
    result = fxi_sqlite_run(s, statement, "noting what was notified", error);
    sqlite3_clear_bindings(statement);
    return result;
}

/* ---- what alerts remember ---------------------------------------------------------------------------------------------- */

fxmon_result fxi_sqlite_put_alert_state(void *state, const fxmon_alert_state *a, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result = fxi_sqlite_writing(s, "keeping the state of an alert", error);
    sqlite3_stmt *statement = result == FXMON_DONE ? fxi_sqlite_prepare(s, FXI_SQL_STATE_PUT, &result, error) : NULL;
    if (statement == NULL) {
        return result;
    }
    sqlite3_bind_int64(statement, 1, a->alert_id);
    sqlite3_bind_int(statement, 2, a->version);
    sqlite3_bind_int(statement, 3, a->side);
    sqlite3_bind_int(statement, 4, a->phase);
    sqlite3_bind_int64(statement, 5, a->since);
    sqlite3_bind_int64(statement, 6, a->fired);
    sqlite3_bind_int64(statement, 7, a->fired_count);
    sqlite3_bind_int64(statement, 8, a->suppressed);
    fxi_sqlite_bind_decimal(statement, 9, a->worst);
    sqlite3_bind_int64(statement, 11, a->last_time);
    return fxi_sqlite_run(s, statement, "keeping the state of an alert", error);
}

fxmon_result fxi_sqlite_put_last(void *state, const char *lane, const fxmon_quote *quote, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result = fxi_sqlite_writing(s, "keeping a price", error);
    sqlite3_stmt *statement = result == FXMON_DONE ? fxi_sqlite_prepare(s, FXI_SQL_LAST_PUT, &result, error) : NULL;
    if (statement == NULL) {
        return result;
    }
    fxi_sqlite_bind_text(statement, 1, lane);
    fxi_sqlite_bind_text(statement, 2, quote->pair.text);
    sqlite3_bind_int64(statement, 3, quote->time);
    fxi_sqlite_bind_decimal(statement, 4, quote->mid);
    fxi_sqlite_bind_decimal(statement, 6, quote->bid);
    fxi_sqlite_bind_decimal(statement, 8, quote->ask);
    fxi_sqlite_bind_text(statement, 10, quote->source);
    result = fxi_sqlite_run(s, statement, "keeping a price", error);
    sqlite3_clear_bindings(statement);
    return result;
}

fxmon_result fxi_sqlite_each_last(void *state, const char *lane, bool (*fn)(void *user, const fxmon_quote *quote), void *user,
                                  fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_LAST_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    fxi_sqlite_bind_text(statement, 1, lane);
    while (fxi_sqlite_step(s, statement, "reading prices", &result, error)) {
        fxmon_quote quote = {.time = sqlite3_column_int64(statement, 1),
                             .mid = fxi_sqlite_decimal(statement, 2),
                             .bid = fxi_sqlite_decimal(statement, 4),
                             .ask = fxi_sqlite_decimal(statement, 6)};
        fxi_sqlite_text_into(statement, 0, quote.pair.text, sizeof(quote.pair.text));
        fxi_sqlite_text_into(statement, 8, quote.source, sizeof(quote.source));
        if (!fn(user, &quote)) {
            break;
        }
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result;
}

/* ---- alerts --------------------------------------------------------------------------------------------------------------- */

fxmon_result fxi_sqlite_alert_add(void *state, fxmon_alert *alert, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_ALERT_ADD, &result, error);
    if (statement == NULL) {
        return result;
    }
    char created[FXMON_TIME_TEXT];
    int64_t time = alert->created != 0 ? alert->created : s->env->now(s->env->user);
    fxmon_time_format(time, created);
    fxi_sqlite_bind_text(statement, 1, alert->pair.text);
    fxi_sqlite_bind_text(statement, 2, fxmon_condition_name(alert->condition));
    fxi_sqlite_bind_decimal_text(statement, 3, alert->threshold);
    sqlite3_bind_int(statement, 4, alert->active);
    fxi_sqlite_bind_text(statement, 5, created);
    fxi_sqlite_bind_decimal_text(statement, 6, alert->clear);
    sqlite3_bind_int64(statement, 7, alert->hold);
    sqlite3_bind_int64(statement, 8, alert->cooldown);
    fxi_sqlite_bind_text(statement, 9, name_of(repeat_names, COUNT(repeat_names), alert->repeat));
    fxi_sqlite_bind_text(statement, 10, name_of(severity_names, COUNT(severity_names), alert->severity));
    result = fxi_sqlite_run(s, statement, "adding an alert", error);
    sqlite3_clear_bindings(statement);
    if (result == FXMON_DONE) {
        alert->id = sqlite3_last_insert_rowid(s->db);
        alert->version = 1;
        alert->created = time;
    }
    return result;
}

fxmon_result fxi_sqlite_alert_remove(void *state, int64_t id, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_ALERT_REMOVE, &result, error);
    if (statement == NULL) {
        return result;
    }
    sqlite3_bind_int64(statement, 1, id);
    result = fxi_sqlite_run(s, statement, "removing an alert", error);
    if (result == FXMON_DONE && sqlite3_changes(s->db) == 0) {
        fxi_fail(error, FXMON_E_NOT_FOUND, "id", "there is no alert %lld", (long long)id);
        result = FXMON_REFUSED;
    }
    return result;
}

/* Columns 0 to 11 of FXI_SQL_ALERT_EACH. NULL, or what is wrong with the row. */
static const char *read_alert(sqlite3_stmt *row, fxmon_alert *out)
{
    char word[32];
    memset(out, 0, sizeof(*out));
    out->id = sqlite3_column_int64(row, 0);
    out->version = sqlite3_column_int(row, 1);
    const char *pair = (const char *)sqlite3_column_text(row, 2);
    if (pair == NULL || fxmon_pair_parse(pair, (size_t)sqlite3_column_bytes(row, 2), &out->pair) != FXMON_OK) {
        return "pair";
    }
    fxi_sqlite_text_into(row, 3, word, sizeof(word));
    out->condition = condition_of(word);
    if (out->condition == 0) {
        return "condition";
    }
    out->threshold = fxi_sqlite_decimal_text(row, 4);
    if (out->threshold.mantissa <= 0) {
        return "threshold";
    }
    out->clear = fxi_sqlite_decimal_text(row, 5);
    if (out->clear.mantissa < 0 || (out->clear.mantissa == 0 && sqlite3_column_type(row, 5) != SQLITE_NULL)) {
        return "clear";
    }
    out->hold = sqlite3_column_int64(row, 6);
    out->cooldown = sqlite3_column_int64(row, 7);
    fxi_sqlite_text_into(row, 8, word, sizeof(word));
    out->repeat = number_of(repeat_names, COUNT(repeat_names), word);
    fxi_sqlite_text_into(row, 9, word, sizeof(word));
    out->severity = number_of(severity_names, COUNT(severity_names), word);
    if (out->repeat < 0 || out->severity < 0) {
        return out->repeat < 0 ? "repeat" : "severity";
    }
    out->active = sqlite3_column_int(row, 10) != 0;
    const char *created = (const char *)sqlite3_column_text(row, 11);
    if (created == NULL || fxmon_time_parse(created, (size_t)sqlite3_column_bytes(row, 11), &out->created) != FXMON_OK) {
        out->created = 0;
    }
    return NULL;
}

/* Columns 12 to 22. */
static void read_state(sqlite3_stmt *row, fxmon_alert_state *out)
{
    *out = (fxmon_alert_state){.alert_id = sqlite3_column_int64(row, 12),
                               .version = sqlite3_column_int(row, 13),
                               .side = (int8_t)sqlite3_column_int(row, 14),
                               .phase = (int8_t)sqlite3_column_int(row, 15),
                               .since = sqlite3_column_int64(row, 16),
                               .fired = sqlite3_column_int64(row, 17),
                               .fired_count = sqlite3_column_int64(row, 18),
                               .suppressed = sqlite3_column_int64(row, 19),
                               .worst = fxi_sqlite_decimal(row, 20),
                               .last_time = sqlite3_column_int64(row, 22)};
}

static void complain_once(fxi_sqlite *s, const fxmon_alert *alert, const char *column)
{
    char place[sizeof(s->complained)];
    sqlite3_snprintf(sizeof(place), place, "%lld.%d %s", (long long)alert->id, (int)alert->version, column);
    if (strcmp(place, s->complained) != 0) {
        memcpy(s->complained, place, sizeof(place));
        fxi_log(s->env, FXMON_LOG_WARNING, "sqlite", "alert %lld is left out: its %s in user_alerts cannot be understood", (long long)alert->id, column);
    }
}

fxmon_result fxi_sqlite_alert_each(void *state, bool only_active, fxmon_alert_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_ALERT_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    sqlite3_bind_int(statement, 1, only_active);
    while (fxi_sqlite_step(s, statement, "reading alerts", &result, error)) {
        fxmon_alert alert;
        fxmon_alert_state remembered;
        const char *problem = read_alert(statement, &alert);
        if (problem != NULL) {
            complain_once(s, &alert, problem);
            continue;
        }
        bool has_state = sqlite3_column_type(statement, 12) != SQLITE_NULL;
        if (has_state) {
            read_state(statement, &remembered);
        }
        if (!fn(user, &alert, has_state ? &remembered : NULL)) {
            break;
        }
    }
    sqlite3_reset(statement);
    return result;
}

fxmon_result fxi_sqlite_alert_generation(void *state, int64_t *generation, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_GENERATION, &result, error);
    if (statement != NULL && fxi_sqlite_step(s, statement, "reading the generation of alerts", &result, error)) {
        *generation = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
    }
    return result;
}
