/* serve/alerts.c - alerts and what they did. The codec decides what an alert is, the store keeps it; this file asks and answers. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "codec/alert.h"
#include "serve/serve.h"

#define ALERTS_HELD 1000000 /* more are not sorted in memory for a list */

typedef struct held { fxmon_alert alert; fxmon_alert_state state; bool has_state; } held;

typedef struct listing {
    held *rows;
    size_t count, capacity;
    int64_t id;              /* only this one; 0: all */
    const fxmon_pair *pair;  /* only these; NULL: all */
    const bool *active;
    bool failed;
} listing;

static bool hold_alert(void *user, const fxmon_alert *alert, const fxmon_alert_state *state)
{
    listing *l = user;
    held *grown;
    if ((l->id && alert->id != l->id) || (l->pair && fxmon_pair_compare(l->pair, &alert->pair) != 0) || (l->active && *l->active != alert->active))
        return true;
    if (l->count == ALERTS_HELD || !(grown = fxi_grow(l->rows, &l->capacity, l->count + 1, sizeof *l->rows))) {
        l->failed = true;
        return false;
    }
    l->rows = grown;
    l->rows[l->count].alert = *alert;
    l->rows[l->count].has_state = state != NULL;
    if (state)
        l->rows[l->count].state = *state;
    l->count++;
    return !l->id;
}

static int newest_first(const void *a, const void *b)
{
    int64_t x = ((const held *)a)->alert.id, y = ((const held *)b)->alert.id;
    return (x < y) - (x > y);
}

/* Ask the store; false after filling r. */
static bool list_alerts(fxi_request *q, fxi_reply *r, listing *l)
{
    fxi_server *s = q->server;
    fxmon_error error = {0};
    fxmon_result result;
    void *store = fxi_desk_reader(&s->desk, s);
    if (!store) {
        fxi_reply_store_away(r, q, &s->desk.error);
        return false;
    }
    result = s->config.store->alert_each(store, l->active && *l->active, hold_alert, l, &error);
    if (result != FXMON_DONE) {
        fxi_desk_failed(&s->desk, s, result, &error);
        fxi_reply_store_away(r, q, &error);
    } else if (l->failed)
        fxi_reply_problem(r, q, 500, NULL, NULL, "out of memory");
    return result == FXMON_DONE && !l->failed;
}

void fxi_get_alerts(fxi_request *q, fxi_reply *r)
{
    listing l = {0};
    fxmon_pair pair;
    bool active = false, pair_given, active_given;
    int64_t limit = 1000, offset = 0;
    if (!fxi_param_pair(q, r, "pair", &pair, &pair_given) || !fxi_param_bool(q, r, "active", &active, &active_given) ||
        !fxi_param_integer(q, r, "limit", 1, 1000, &limit) || !fxi_param_integer(q, r, "offset", 0, 1000000000, &offset))
        return;
    l.pair = pair_given ? &pair : NULL;
    l.active = active_given ? &active : NULL;
    if (list_alerts(q, r, &l)) {
        if (l.count)
            qsort(l.rows, l.count, sizeof *l.rows, newest_first);
        fxi_reply_json(r);
        fxi_buf_putc(&r->body, '[');
        for (size_t i = (size_t)offset; i < l.count && i < (size_t)(offset + limit); i++) {
            if (i > (size_t)offset)
                fxi_buf_putc(&r->body, ',');
            fxi_alert_encode(&l.rows[i].alert, l.rows[i].has_state ? &l.rows[i].state : NULL, &r->body);
        }
        fxi_buf_putc(&r->body, ']');
    }
    fxi_free(l.rows);
}

static void no_such_alert(fxi_request *q, fxi_reply *r)
{
    fxi_reply_problem(r, q, 404, "no-such-alert", "id", "Alert with ID %lld not found", (long long)q->id);
}

void fxi_get_alert(fxi_request *q, fxi_reply *r)
{
    listing l = {.id = q->id};
    if (list_alerts(q, r, &l)) {
        if (l.count == 0)
            no_such_alert(q, r);
        else {
            fxi_reply_json(r);
            fxi_alert_encode(&l.rows[0].alert, l.rows[0].has_state ? &l.rows[0].state : NULL, &r->body);
        }
    }
    fxi_free(l.rows);
}

void fxi_post_alert(fxi_request *q, fxi_reply *r)
{
    fxi_server *s = q->server;
    fxmon_alert alert;
    fxmon_error error = {0};
    fxmon_result result;
    void *store;
    int code = fxi_alert_decode(q->body ? q->body : "", q->body_length, &alert, &error);
    if (code != FXMON_OK) {
        int status = code == FXMON_E_RANGE ? 400 : code == FXMON_E_NOMEM ? 500 : 422;
        fxi_reply_problem(r, q, status, code == FXMON_E_SYNTAX ? "malformed-json" : "bad-alert", error.field, "%s", error.text);
        return;
    }
    alert.created = q->now;
    if (!(store = fxi_desk_writer(&s->desk, s))) {
        fxi_reply_store_away(r, q, &s->desk.error);
        return;
    }
    result = s->config.store->alert_add(store, &alert, &error);
    if (result == FXMON_REFUSED)
        fxi_reply_problem(r, q, 422, "bad-alert", error.field, "%s", error.text);
    else if (result != FXMON_DONE) {
        fxi_desk_failed(&s->desk, s, result, &error);
        fxi_reply_store_away(r, q, &error);
    } else {
        fxi_buf path;
        fxi_reply_json(r);
        r->status = 201;
        fxi_buf_init(&path, sizeof r->location);
        fxi_buf_puts(&path, "/api/v1/alerts/");
        fxi_buf_int(&path, alert.id);
        if (!path.failed)
            memcpy(r->location, path.data, path.length + 1);
        fxi_buf_free(&path);
        fxi_alert_encode(&alert, NULL, &r->body);
    }
}

void fxi_delete_alert(fxi_request *q, fxi_reply *r)
{
    fxi_server *s = q->server;
    fxmon_error error = {0};
    fxmon_result result;
    void *store = fxi_desk_writer(&s->desk, s);
    if (!store) {
        fxi_reply_store_away(r, q, &s->desk.error);
        return;
    }
    result = s->config.store->alert_remove(store, q->id, &error);
    if (result == FXMON_DONE) {
        fxi_reply_json(r);
        fxi_buf_puts(&r->body, "{\"success\":true,\"message\":\"Alert ");
        fxi_buf_int(&r->body, q->id);
        fxi_buf_puts(&r->body, " deleted\"}");
    } else if (error.code == FXMON_E_NOT_FOUND)
        no_such_alert(q, r);
    else {
        fxi_desk_failed(&s->desk, s, result, &error);
        fxi_reply_store_away(r, q, &error);
    }
}

typedef struct events { fxi_buf *out; size_t count; } events;

static bool put_event(void *user, const fxmon_stored_event *event)
{
    events *to = user;
    if (to->count++)
        fxi_buf_putc(to->out, ',');
    return fxi_stored_event_encode(event, to->out);
}

void fxi_get_events(fxi_request *q, fxi_reply *r)
{
    fxi_server *s = q->server;
    events to = {&r->body, 0};
    int64_t limit = 50, offset = 0;
    fxmon_error error = {0};
    fxmon_result result;
    void *store;
    if (!fxi_param_integer(q, r, "limit", 1, 500, &limit) || !fxi_param_integer(q, r, "offset", 0, 1000000000, &offset))
        return;
    if (!(store = fxi_desk_reader(&s->desk, s))) {
        fxi_reply_store_away(r, q, &s->desk.error);
        return;
    }
    fxi_reply_json(r);
    fxi_buf_putc(&r->body, '[');
    result = s->config.store->events(store, limit, offset, put_event, &to, &error);
    fxi_buf_putc(&r->body, ']');
    if (result != FXMON_DONE) {
        fxi_desk_failed(&s->desk, s, result, &error);
        fxi_reply_store_away(r, q, &error);
    }
}
