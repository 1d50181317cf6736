/*
 * store/postgresql_alerts.c - alerts and the outbox.
 *
 * Alerts are rows that people may edit: names instead of numbers, thresholds with the digits that were written. A row that cannot be understood is told
 * once and left out; it does not stop the others.
 *
 * The outbox is fxmon_event in the order of its numbers, and a number for each destination. One process serves a destination at a time: it holds an
 * advisory lock as long as its connection lives, and others see an empty outbox.
 */
#include "store/postgresql.h"

#include "base/error.h"
#include "base/log.h"

#include <stdio.h>

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

/* ---- alerts --------------------------------------------------------------------------------------------------- */

fxmon_result fxi_postgresql_alert_add(void *state, fxmon_alert *alert, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer;
    int64_t time = alert->created != 0 ? alert->created : p->env->now(p->env->user);
    time -= (time % 1000 + 1000) % 1000; /* created_at is a timestamptz for people: microseconds */
    fxi_postgresql_add_text(&q, alert->pair.text);
    fxi_postgresql_add_text(&q, fxmon_condition_name(alert->condition));
    fxi_postgresql_add_decimal(&q, alert->threshold);
    fxi_postgresql_add_integer(&q, alert->active);
    fxi_postgresql_add_time(&q, time);
    fxi_postgresql_add_decimal(&q, alert->clear);
    fxi_postgresql_add_integer(&q, alert->hold);
    fxi_postgresql_add_integer(&q, alert->cooldown);
    fxi_postgresql_add_text(&q, name_of(repeat_names, COUNT(repeat_names), alert->repeat));
    fxi_postgresql_add_text(&q, name_of(severity_names, COUNT(severity_names), alert->severity));
    fxmon_result result = fxi_postgresql_ask(p, FXI_PG_ALERT_ADD, &q, FXI_POSTGRESQL_CALL, "adding an alert to", &answer, error);
    if (result == FXMON_DONE) {
        alert->id = fxi_postgresql_integer(answer, 0, 0);
        alert->version = 1;
        alert->created = time;
        PQclear(answer);
    }
    return result;
}

fxmon_result fxi_postgresql_alert_remove(void *state, int64_t id, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer;
    fxi_postgresql_add_integer(&q, id);
    fxmon_result result = fxi_postgresql_ask(p, FXI_PG_ALERT_REMOVE, &q, FXI_POSTGRESQL_CALL, "removing an alert from", &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    if (strcmp(PQcmdTuples(answer), "0") == 0) {
        fxi_fail(error, FXMON_E_NOT_FOUND, "id", "there is no alert %lld", (long long)id);
        result = FXMON_REFUSED;
    }
    PQclear(answer);
    return result;
}

/* Columns 0 to 11 of FXI_PG_ALERT_EACH. NULL, or what is wrong with the row. */
static const char *read_alert(const PGresult *a, int row, fxmon_alert *out)
{
    char word[32];
    memset(out, 0, sizeof(*out));
    out->id = fxi_postgresql_integer(a, row, 0);
    out->version = (int32_t)fxi_postgresql_integer(a, row, 1);
    if (fxmon_pair_parse(PQgetvalue(a, row, 2), (size_t)PQgetlength(a, row, 2), &out->pair) != FXMON_OK) {
        return "pair";
    }
    fxi_postgresql_text_into(a, row, 3, word, sizeof(word));
    out->condition = condition_of(word);
    if (out->condition == 0) {
        return "condition";
    }
    if (!fxi_postgresql_number(a, row, 4, &out->threshold) || out->threshold.mantissa <= 0) {
        return "threshold";
    }
    if (!fxi_postgresql_number(a, row, 5, &out->clear) || (out->clear.mantissa <= 0 && PQgetisnull(a, row, 5) == 0)) {
        return "clear";
    }
    out->hold = fxi_postgresql_integer(a, row, 6);
    out->cooldown = fxi_postgresql_integer(a, row, 7);
    fxi_postgresql_text_into(a, row, 8, word, sizeof(word));
    out->repeat = number_of(repeat_names, COUNT(repeat_names), word);
    fxi_postgresql_text_into(a, row, 9, word, sizeof(word));
    out->severity = number_of(severity_names, COUNT(severity_names), word);
    if (out->repeat < 0 || out->severity < 0) {
        return out->repeat < 0 ? "repeat" : "severity";
    }
    out->active = fxi_postgresql_integer(a, row, 10) != 0;
    out->created = fxi_postgresql_time_ns(fxi_postgresql_integer(a, row, 11), 0);
    return NULL;
}

/* Columns 12 to 21. */
static void read_state(const PGresult *a, int row, fxmon_alert_state *out)
{
    *out = (fxmon_alert_state){.alert_id = fxi_postgresql_integer(a, row, 12),
                               .version = (int32_t)fxi_postgresql_integer(a, row, 13),
                               .side = (int8_t)fxi_postgresql_integer(a, row, 14),
                               .phase = (int8_t)fxi_postgresql_integer(a, row, 15),
                               .since = fxi_postgresql_integer(a, row, 16),
                               .fired = fxi_postgresql_integer(a, row, 17),
                               .fired_count = fxi_postgresql_integer(a, row, 18),
                               .suppressed = fxi_postgresql_integer(a, row, 19),
                               .last_time = fxi_postgresql_integer(a, row, 21)};
    fxi_postgresql_number(a, row, 20, &out->worst);
}

static void complain_once(fxi_postgresql *p, const fxmon_alert *alert, const char *column)
{
    char place[sizeof(p->complained)];
    snprintf(place, sizeof(place), "%lld.%d %s", (long long)alert->id, (int)alert->version, column);
    if (strcmp(place, p->complained) != 0) {
        memcpy(p->complained, place, sizeof(place));
        fxi_log(p->env, FXMON_LOG_WARNING, "postgresql", "alert %lld is left out: its %s in user_alerts cannot be understood", (long long)alert->id, column);
    }
}

fxmon_result fxi_postgresql_alert_each(void *state, bool only_active, fxmon_alert_fn fn, void *user, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer;
    fxi_postgresql_add_integer(&q, only_active);
    fxmon_result result = fxi_postgresql_ask(p, FXI_PG_ALERT_EACH, &q, FXI_POSTGRESQL_LONG, "reading alerts from", &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    for (int row = 0; row < PQntuples(answer); row++) {
        fxmon_alert alert;
        fxmon_alert_state remembered;
        const char *problem = read_alert(answer, row, &alert);
        if (problem != NULL) {
            complain_once(p, &alert, problem);
            continue;
        }
        bool has_state = PQgetisnull(answer, row, 12) == 0;
        if (has_state) {
            read_state(answer, row, &remembered);
        }
        if (!fn(user, &alert, has_state ? &remembered : NULL)) {
            break;
        }
    }
    PQclear(answer);
    return FXMON_DONE;
}

fxmon_result fxi_postgresql_alert_generation(void *state, int64_t *generation, fxmon_error *error)
{
    fxi_postgresql *p = state;
    PGresult *answer;
    fxmon_result result = fxi_postgresql_ask(p, FXI_PG_GENERATION, NULL, FXI_POSTGRESQL_CALL, "reading the generation of alerts from", &answer, error);
    if (result == FXMON_DONE) {
        *generation = PQntuples(answer) == 1 ? fxi_postgresql_integer(answer, 0, 0) : 0;
        PQclear(answer);
    }
    return result;
}

/* ---- events ------------------------------------------------------------------------------------------------------ */

/* Columns in the order of EVENT_NAMES. */
static void read_event(const PGresult *a, int row, fxmon_stored_event *out)
{
    fxmon_event *event = &out->event;
    memset(out, 0, sizeof(*out));
    out->id = fxi_postgresql_integer(a, row, 0);
    out->recorded = fxi_postgresql_integer(a, row, 1);
    fxi_postgresql_text_into(a, row, 2, out->message, sizeof(out->message));
    fxi_postgresql_text_into(a, row, 3, event->id, sizeof(event->id));
    event->alert_id = fxi_postgresql_integer(a, row, 4);
    event->version = (int32_t)fxi_postgresql_integer(a, row, 5);
    event->kind = (int32_t)fxi_postgresql_integer(a, row, 6);
    event->condition = (int32_t)fxi_postgresql_integer(a, row, 7);
    event->severity = (int32_t)fxi_postgresql_integer(a, row, 8);
    fxi_postgresql_text_into(a, row, 9, event->pair.text, sizeof(event->pair.text));
    fxi_postgresql_number(a, row, 10, &event->threshold);
    fxi_postgresql_number(a, row, 11, &event->rate);
    event->time = fxi_postgresql_integer(a, row, 12);
    event->duration = fxi_postgresql_integer(a, row, 13);
    fxi_postgresql_number(a, row, 14, &event->worst);
    event->suppressed = fxi_postgresql_integer(a, row, 15);
    fxi_postgresql_text_into(a, row, 16, event->source, sizeof(event->source));
    event->partition = (int32_t)fxi_postgresql_integer(a, row, 17);
    event->offset = fxi_postgresql_integer(a, row, 18);
}

static fxmon_result each_event(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *q, fxmon_event_fn fn, void *user,
                               fxmon_error *error)
{
    PGresult *answer;
    fxmon_result result = fxi_postgresql_ask(p, which, q, FXI_POSTGRESQL_LONG, "reading alert events from", &answer, error);
    for (int row = 0; result == FXMON_DONE && row < PQntuples(answer); row++) {
        fxmon_stored_event event;
        read_event(answer, row, &event);
        if (!fn(user, &event)) {
            break;
        }
    }
    if (result == FXMON_DONE) {
        PQclear(answer);
    }
    return result;
}

fxmon_result fxi_postgresql_events(void *state, int64_t limit, int64_t offset, fxmon_event_fn fn, void *user, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    fxi_postgresql_add_integer(&q, limit);
    fxi_postgresql_add_integer(&q, offset);
    return each_event(state, FXI_PG_EVENT_EACH, &q, fn, user, error);
}

/* *mine: this connection serves the destination. */
static fxmon_result hold_outbox(fxi_postgresql *p, const char *destination, bool *mine, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer;
    uint64_t key = UINT64_C(14695981039346656037), known;
    for (const unsigned char *c = (const unsigned char *)destination; *c != '\0'; c++) {
        key = (key ^ *c) * UINT64_C(1099511628211);
    }
    *mine = false;
    fxmon_result result = p->open ? FXMON_DONE : fxi_postgresql_connect(p, error); /* a new connection holds nothing */
    if (result != FXMON_DONE || (p->outboxes != NULL && fxi_map_get(p->outboxes, &key, &known))) {
        *mine = result == FXMON_DONE;
        return result;
    }
    fxi_postgresql_add_text(&q, destination);
    result = fxi_postgresql_ask(p, FXI_PG_OUTBOX_LOCK, &q, FXI_POSTGRESQL_CALL, "taking the outbox of", &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    *mine = fxi_postgresql_integer(answer, 0, 0) != 0;
    PQclear(answer);
    return !*mine || fxi_map_put(p->outboxes, &key, 1) == FXMON_OK ? FXMON_DONE : fxi_postgresql_no_memory(error);
}

fxmon_result fxi_postgresql_outbox_each(void *state, const char *destination, int64_t limit, fxmon_event_fn fn, void *user, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q = {.count = 0};
    bool mine;
    fxmon_result result = hold_outbox(p, destination, &mine, error);
    if (result != FXMON_DONE || !mine) {
        return result;
    }
    fxi_postgresql_add_text(&q, destination);
    fxi_postgresql_add_integer(&q, limit);
    return each_event(p, FXI_PG_OUTBOX_EACH, &q, fn, user, error);
}

fxmon_result fxi_postgresql_outbox_done(void *state, const char *destination, int64_t through_id, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q = {.count = 0};
    fxi_postgresql_add_text(&q, destination);
    fxi_postgresql_add_integer(&q, through_id);
    return fxi_postgresql_ask(p, FXI_PG_OUTBOX_DONE, &q, FXI_POSTGRESQL_CALL, "noting what was notified in", NULL, error);
}
