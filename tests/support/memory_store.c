/* tests/support/memory_store.c */
#include "memory_store.h"

#include <stdio.h>
#include <string.h>

fxt_memory_store *fxt_memory;

static fxmon_result away(fxmon_error *error)
{
    if (error) {
        memset(error, 0, sizeof *error);
        error->code = FXMON_E_IO;
        snprintf(error->text, sizeof error->text, "/secret/path: gone");
    }
    return FXMON_RETRY;
}

static fxmon_result memory_open(const fxmon_env *env, const char *url, bool read_only, void **state, fxmon_error *error)
{
    (void)env;
    (void)url;
    (void)read_only;
    if (fxt_memory->away)
        return away(error);
    fxt_memory->opened++;
    *state = fxt_memory;
    return FXMON_DONE;
}

static void memory_close(void *state)
{
    fxt_memory_store *m = state;
    m->opened--;
}

static fxmon_result memory_alert_add(void *state, fxmon_alert *alert, fxmon_error *error)
{
    fxt_memory_store *m = state;
    if (m->away || m->alerts == FXT_STORE_ALERTS)
        return away(error);
    alert->id = ++m->next_id;
    alert->version = 1;
    alert->active = true;
    m->alert[m->alerts++] = *alert;
    return FXMON_DONE;
}

static fxmon_result memory_alert_remove(void *state, int64_t id, fxmon_error *error)
{
    fxt_memory_store *m = state;
    if (m->away)
        return away(error);
    for (size_t i = 0; i < m->alerts; i++)
        if (m->alert[i].id == id) {
            memmove(&m->alert[i], &m->alert[i + 1], (m->alerts - i - 1) * sizeof *m->alert);
            m->alerts--;
            return FXMON_DONE;
        }
    memset(error, 0, sizeof *error);
    error->code = FXMON_E_NOT_FOUND;
    return FXMON_REFUSED;
}

static fxmon_result memory_alert_each(void *state, bool only_active, fxmon_alert_fn fn, void *user, fxmon_error *error)
{
    fxt_memory_store *m = state;
    if (m->away)
        return away(error);
    for (size_t i = 0; i < m->alerts; i++)
        if ((!only_active || m->alert[i].active) && !fn(user, &m->alert[i], NULL))
            break;
    return FXMON_DONE;
}

static fxmon_result memory_latest(void *state, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    fxt_memory_store *m = state;
    if (m->away)
        return away(error);
    for (size_t i = 0; i < m->rates; i++) {
        bool newest = true;
        for (size_t j = i + 1; j < m->rates && newest; j++)
            newest = fxmon_pair_compare(&m->rate[i].pair, &m->rate[j].pair) != 0 || strcmp(m->rate[i].source, m->rate[j].source) != 0;
        if (newest && !fn(user, &m->rate[i]))
            break;
    }
    return FXMON_DONE;
}

static fxmon_result memory_history(void *state, const fxmon_history_query *query, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    fxt_memory_store *m = state;
    int64_t skipped = 0, given = 0;
    if (m->away)
        return away(error);
    for (size_t n = 0; n < m->rates && given < query->limit; n++) {
        const fxmon_stored_rate *r = &m->rate[query->ascending ? n : m->rates - 1 - n];
        if (fxmon_pair_compare(&r->pair, &query->pair) != 0 || r->time < query->from || r->time >= query->to ||
            (query->source && strcmp(query->source, r->source) != 0))
            continue;
        if (skipped++ < query->offset)
            continue;
        given++;
        if (!fn(user, r))
            break;
    }
    return FXMON_DONE;
}

static fxmon_result memory_events(void *state, int64_t limit, int64_t offset, fxmon_event_fn fn, void *user, fxmon_error *error)
{
    fxt_memory_store *m = state;
    if (m->away)
        return away(error);
    for (int64_t n = 0; n < limit && offset + n < (int64_t)m->events; n++)
        if (!fn(user, &m->event[(int64_t)m->events - 1 - offset - n]))
            break;
    return FXMON_DONE;
}

static fxmon_result memory_health_each(void *state, fxmon_health_fn fn, void *user, fxmon_error *error)
{
    fxt_memory_store *m = state;
    (void)fn;
    (void)user;
    return m->away ? away(error) : FXMON_DONE;
}

static fxmon_result memory_ping(void *state, fxmon_error *error)
{
    fxt_memory_store *m = state;
    return m->away ? away(error) : FXMON_DONE;
}

const fxmon_store_ops fxt_memory_ops = {
    .size = sizeof(fxmon_store_ops), .schemes = "memory", .open = memory_open, .close = memory_close, .alert_add = memory_alert_add,
    .alert_remove = memory_alert_remove, .alert_each = memory_alert_each, .latest = memory_latest, .history = memory_history, .events = memory_events,
    .health_each = memory_health_each, .ping = memory_ping,
};

void fxt_memory_rate(fxt_memory_store *m, const char *pair, const char *rate, int64_t time, double volatility, const char *source)
{
    fxmon_stored_rate *r = &m->rate[m->rates++];
    memset(r, 0, sizeof *r);
    fxmon_pair_parse(pair, strlen(pair), &r->pair);
    fxmon_decimal_parse(rate, strlen(rate), &r->rate);
    r->time = time;
    r->ingested = time + FXMON_SECOND;
    r->volatility = volatility;
    snprintf(r->source, sizeof r->source, "%s", source);
}

void fxt_memory_event(fxt_memory_store *m, int64_t alert_id, const char *pair, const char *rate, int64_t time)
{
    fxmon_stored_event *e = &m->event[m->events++];
    memset(e, 0, sizeof *e);
    e->id = (int64_t)m->events;
    e->recorded = time;
    e->event.alert_id = alert_id;
    e->event.kind = FXMON_FIRED;
    e->event.condition = FXMON_ABOVE;
    e->event.time = time;
    snprintf(e->event.id, sizeof e->event.id, "%032d", (int)m->events);
    fxmon_pair_parse(pair, strlen(pair), &e->event.pair);
    fxmon_decimal_parse(rate, strlen(rate), &e->event.rate);
    e->event.threshold = e->event.rate;
    snprintf(e->message, sizeof e->message, "%s went above 0.9 (current: %s)", pair, rate);
}
