/*
 * serve/fleet.c - how all programs that write to the store are doing: consumers, producers, who has which partition, and what moved. Each answer is read
 * from the store when asked; rows are judged as they stand now, so that a program that was killed is called stopped after three of its intervals.
 */
#include <string.h>

#include "lane/verdict.h"
#include "serve/serve.h"

#define HOUR (3600 * FXMON_SECOND)
#define MISSED_MANY 2 /* one missed publication may be a holiday */

/* ---- members of the answers -------------------------------------------------------------------------------------- */

static void put_text(fxi_buf *out, const char *name, const char *text)
{
    fxi_buf_puts(out, ",\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "\":");
    fxi_buf_jsonz(out, text);
}

static void put_number(fxi_buf *out, const char *name, int64_t value)
{
    fxi_buf_puts(out, ",\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "\":");
    fxi_buf_int(out, value);
}

/* null below 0 */
static void put_count(fxi_buf *out, const char *name, int64_t value)
{
    if (value >= 0) {
        put_number(out, name, value);
        return;
    }
    fxi_buf_puts(out, ",\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "\":null");
}

static void put_time(fxi_buf *out, const char *name, int64_t time)
{
    fxi_buf_puts(out, ",\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, time ? "\":\"" : "\":null");
    if (time) {
        fxi_buf_time(out, time);
        fxi_buf_putc(out, '"');
    }
}

/* Nanoseconds as seconds with milliseconds; null below 0. */
static void put_seconds(fxi_buf *out, const char *name, int64_t ns)
{
    fxi_buf_puts(out, ",\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "\":");
    if (ns > 0)
        fxi_buf_decimal(out, (fxmon_decimal){ns / 1000000, 3});
    else
        fxi_buf_puts(out, ns < 0 ? "null" : "0");
}

/* "0,2,..." as [0,2] */
static void put_list(fxi_buf *out, const char *name, const char *list)
{
    size_t length = strspn(list, "0123456789,");
    while (length && list[length - 1] == ',')
        length--;
    fxi_buf_puts(out, ",\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "\":[");
    fxi_buf_add(out, list, length);
    fxi_buf_putc(out, ']');
}

/* "consume/sqlite host:1" */
static void put_id(fxi_buf *out, const char *name, const char *component, const char *instance)
{
    char id[160];
    size_t a = strlen(component), b = strlen(instance);
    memcpy(id, component, a);
    id[a] = ' ';
    memcpy(id + a + 1, instance, b + 1);
    if (name)
        put_text(out, name, id);
    else
        fxi_buf_jsonz(out, id);
}

static void put_consumer(const fxmon_health *h, int64_t now, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"id\":");
    put_id(out, NULL, h->component, h->instance);
    put_id(out, "consumer_id", h->component, h->instance);
    put_text(out, "status", h->status);
    put_time(out, "last_heartbeat", h->heartbeat);
    put_list(out, "assigned_partitions", h->partitions);
    put_number(out, "messages_processed_last_minute", h->silent ? 0 : h->messages_last_minute);
    put_text(out, "component", h->component);
    put_text(out, "instance", h->instance);
    put_text(out, "group", h->group);
    put_text(out, "member", h->member);
    put_text(out, "version", h->version);
    put_time(out, "started_at", h->started);
    put_number(out, "messages_processed", h->messages);
    put_number(out, "rows_written", h->rows);
    put_number(out, "dead_letters", h->dead_letters);
    put_number(out, "last_offset", h->last_offset);
    put_number(out, "lag", h->lag);
    put_seconds(out, "lag_seconds", h->lag_ns);
    put_seconds(out, "heartbeat_age_seconds", now > h->heartbeat ? now - h->heartbeat : 0);
    put_text(out, "detail", h->detail);
    fxi_buf_putc(out, '}');
}

static void put_producer(const fxmon_health *h, int64_t now, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"id\":");
    put_id(out, NULL, h->component, h->instance);
    put_id(out, "producer_id", h->component, h->instance);
    put_text(out, "type", h->component);
    put_text(out, "status", h->status);
    put_time(out, "last_heartbeat", h->heartbeat);
    put_number(out, "messages_sent_last_minute", h->silent ? 0 : h->messages_last_minute);
    put_text(out, "instance", h->instance);
    put_text(out, "log", h->group);
    put_text(out, "version", h->version);
    put_time(out, "started_at", h->started);
    put_number(out, "messages_sent", h->messages);
    put_seconds(out, "heartbeat_age_seconds", now > h->heartbeat ? now - h->heartbeat : 0);
    put_text(out, "detail", h->detail);
    fxi_buf_putc(out, '}');
}

static void put_source(const fxmon_source_health *s, int64_t now, fxi_buf *out)
{
    fxi_buf_puts(out, "{\"source\":");
    fxi_buf_jsonz(out, s->source);
    put_text(out, "status", s->status);
    put_time(out, "last_published_at", s->published);
    put_time(out, "next_expected_at", s->expected);
    put_count(out, "publications_missed", s->missed);
    put_seconds(out, "cadence_seconds", s->cadence ? s->cadence : -1);
    put_time(out, "last_answer_at", s->answered);
    put_number(out, "failures_in_a_row", s->failures);
    put_time(out, "last_error_at", s->failed);
    put_text(out, "last_error", s->error);
    put_number(out, "publications", s->publications);
    put_count(out, "quota", s->quota ? s->quota : -1);
    put_count(out, "quota_left", !s->quota ? -1 : s->quota > s->quota_used ? s->quota - s->quota_used : 0);
    put_text(out, "log", s->log);
    put_id(out, "producer_id", s->component, s->instance);
    put_time(out, "last_heartbeat", s->heartbeat);
    put_seconds(out, "heartbeat_age_seconds", now > s->heartbeat ? now - s->heartbeat : 0);
    fxi_buf_putc(out, '}');
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

enum shown { CONSUMERS, PRODUCERS, MEMBERS, SOURCES, NOTHING };

typedef struct fleet {
    fxi_buf *out;
    enum shown shown;
    size_t count; /* put to out */
    int64_t now, since; /* since: rebalances before it do not count */
    int64_t consumers[2], producers[2], per_minute[2]; /* [0] working, [1] gone; messages processed and sent */
    int64_t trouble, lag, lag_ns, rebalances;
    int64_t sources[3]; /* fresh or on standby, late, failing */
} fleet;

static bool working(const fxmon_health *h)
{
    return strcmp(h->status, "stopped") != 0 && strcmp(h->status, "failed") != 0;
}

static void count_row(fleet *f, const fxmon_health *h)
{
    bool works = working(h);
    (h->producer ? f->producers : f->consumers)[!works]++;
    f->trouble += h->silent || strcmp(h->status, "slow") == 0 || strcmp(h->status, "stalled") == 0 || strcmp(h->status, "retrying") == 0 ||
                  strcmp(h->status, "failed") == 0;
    if (!works)
        return;
    f->per_minute[h->producer] += h->messages_last_minute;
    f->lag += h->lag;
    f->lag_ns = h->lag_ns > f->lag_ns ? h->lag_ns : f->lag_ns;
}

static bool see_row(void *user, const fxmon_health *row)
{
    fleet *f = user;
    fxmon_health h = *row;
    fxi_verdict_silence(&h, f->now);
    count_row(f, &h);
    if (f->shown == NOTHING || h.producer != (f->shown == PRODUCERS) || (f->shown == MEMBERS && !working(&h)))
        return true;
    if (f->count++)
        fxi_buf_putc(f->out, ',');
    if (f->shown == PRODUCERS)
        put_producer(&h, f->now, f->out);
    else
        put_consumer(&h, f->now, f->out);
    return !f->out->failed;
}

static void count_source(fleet *f, const fxmon_source_health *s)
{
    bool failing = strcmp(s->status, "failing") == 0 || strcmp(s->status, "failed") == 0, late = strcmp(s->status, "late") == 0;
    if (!failing && !late && (strcmp(s->status, "stopped") == 0 || strcmp(s->status, "ended") == 0))
        return;
    f->sources[failing ? 2 : late ? 1 : 0]++;
    f->trouble += failing || (late && s->missed >= MISSED_MANY);
}

static bool see_source(void *user, const fxmon_source_health *row)
{
    fleet *f = user;
    fxmon_source_health s = *row;
    fxi_verdict_source_silence(&s, f->now);
    count_source(f, &s);
    if (f->shown != SOURCES)
        return true;
    if (f->count++)
        fxi_buf_putc(f->out, ',');
    put_source(&s, f->now, f->out);
    return !f->out->failed;
}

static bool see_place(void *user, const fxmon_place *p)
{
    fleet *f = user;
    fxi_buf_puts(f->out, f->count++ ? ",{\"lane\":" : "{\"lane\":");
    fxi_buf_jsonz(f->out, p->lane);
    put_text(f->out, "log", p->stream);
    put_number(f->out, "partition_number", p->partition);
    put_number(f->out, "next_offset", p->next_offset);
    put_number(f->out, "epoch", p->epoch);
    put_text(f->out, "owner", p->owner);
    put_time(f->out, "updated_at", p->updated);
    fxi_buf_putc(f->out, '}');
    return !f->out->failed;
}

static bool see_rebalance(void *user, const fxmon_rebalance *e, int64_t id)
{
    fleet *f = user;
    fxi_buf *out = f->out;
    fxi_buf_puts(out, f->count++ ? ",{\"id\":" : "{\"id\":");
    fxi_buf_int(out, id);
    put_id(out, "consumer_id", e->component, e->instance);
    put_text(out, "event_type", e->kind);
    put_list(out, "partitions", e->partitions);
    put_time(out, "timestamp", e->time);
    put_list(out, "assigned_partitions", e->assigned);
    put_text(out, "component", e->component);
    put_text(out, "instance", e->instance);
    put_text(out, "group", e->group);
    put_text(out, "member", e->member);
    if (e->generation >= 0)
        put_number(out, "generation", e->generation);
    else
        fxi_buf_puts(out, ",\"generation\":null");
    put_seconds(out, "duration_seconds", e->duration);
    put_text(out, "reason", e->reason);
    fxi_buf_putc(out, '}');
    return !out->failed;
}

static bool count_rebalance(void *user, const fxmon_rebalance *e, int64_t id)
{
    fleet *f = user;
    (void)id;
    f->rebalances += e->time >= f->since;
    return e->time >= f->since;
}

/* Ask the store; `open` and `close` are put around what fn puts. False after filling r. */
static bool ask(fxi_request *q, fxi_reply *r, fleet *f, fxmon_result (*question)(const fxi_server *s, void *store, fleet *f, fxmon_error *error))
{
    fxi_server *s = q->server;
    fxmon_error error = {0};
    void *store = fxi_desk_reader(&s->desk, s);
    if (!store) {
        fxi_reply_store_away(r, q, &s->desk.error);
        return false;
    }
    fxi_reply_json(r);
    f->out = &r->body;
    f->now = q->now;
    fxmon_result result = question(s, store, f, &error);
    if (result == FXMON_DONE)
        return true;
    fxi_desk_failed(&s->desk, s, result, &error);
    fxi_reply_store_away(r, q, &error);
    return false;
}

static fxmon_result ask_rows(const fxi_server *s, void *store, fleet *f, fxmon_error *error)
{
    return s->config.store->health_each ? s->config.store->health_each(store, see_row, f, error) : FXMON_DONE;
}

/* ---- the resources ------------------------------------------------------------------------------------------------- */

static fxmon_result list_rows(const fxi_server *s, void *store, fleet *f, fxmon_error *error)
{
    fxi_buf_putc(f->out, '[');
    fxmon_result result = ask_rows(s, store, f, error);
    fxi_buf_putc(f->out, ']');
    return result;
}

void fxi_get_consumers(fxi_request *q, fxi_reply *r)
{
    fleet f = {.shown = CONSUMERS};
    (void)ask(q, r, &f, list_rows);
}

void fxi_get_producers(fxi_request *q, fxi_reply *r)
{
    fleet f = {.shown = PRODUCERS};
    (void)ask(q, r, &f, list_rows);
}

static fxmon_result list_sources(const fxi_server *s, void *store, fleet *f, fxmon_error *error)
{
    fxi_buf_putc(f->out, '[');
    fxmon_result result = s->config.store->source_each ? s->config.store->source_each(store, see_source, f, error) : FXMON_DONE;
    fxi_buf_putc(f->out, ']');
    return result;
}

void fxi_get_source_health(fxi_request *q, fxi_reply *r)
{
    fleet f = {.shown = SOURCES};
    (void)ask(q, r, &f, list_sources);
}

static fxmon_result list_assignment(const fxi_server *s, void *store, fleet *f, fxmon_error *error)
{
    fxi_buf_puts(f->out, "{\"timestamp\":\"");
    fxi_buf_time(f->out, f->now);
    fxi_buf_puts(f->out, "\",\"members\":[");
    fxmon_result result = ask_rows(s, store, f, error);
    fxi_buf_puts(f->out, "],\"partitions\":[");
    f->count = 0;
    if (result == FXMON_DONE && s->config.store->place_each)
        result = s->config.store->place_each(store, see_place, f, error);
    fxi_buf_puts(f->out, "]}");
    return result;
}

void fxi_get_assignment(fxi_request *q, fxi_reply *r)
{
    fleet f = {.shown = MEMBERS};
    (void)ask(q, r, &f, list_assignment);
}

typedef struct paged { fleet fleet; int64_t limit, offset; } paged;

static fxmon_result list_rebalances(const fxi_server *s, void *store, fleet *f, fxmon_error *error)
{
    const paged *p = (const paged *)(const void *)f; /* the fleet is its first member */
    fxmon_result result = FXMON_DONE;
    fxi_buf_putc(f->out, '[');
    if (s->config.store->rebalance_each)
        result = s->config.store->rebalance_each(store, p->limit, p->offset, see_rebalance, f, error);
    fxi_buf_putc(f->out, ']');
    return result;
}

void fxi_get_rebalances(fxi_request *q, fxi_reply *r)
{
    paged p = {.limit = 50};
    if (!fxi_param_integer(q, r, "limit", 1, 500, &p.limit) || !fxi_param_integer(q, r, "offset", 0, 1000000000, &p.offset))
        return;
    (void)ask(q, r, &p.fleet, list_rebalances);
}

static fxmon_result count_all(const fxi_server *s, void *store, fleet *f, fxmon_error *error)
{
    fxmon_result result = ask_rows(s, store, f, error);
    if (result == FXMON_DONE && s->config.store->source_each)
        result = s->config.store->source_each(store, see_source, f, error);
    if (result == FXMON_DONE && s->config.store->rebalance_each)
        result = s->config.store->rebalance_each(store, INT64_MAX, 0, count_rebalance, f, error);
    return result;
}

static void put_counts(fxi_buf *out, const char *name, const int64_t count[2], const char *rate, int64_t per_minute)
{
    fxi_buf_puts(out, ",\"");
    fxi_buf_puts(out, name);
    fxi_buf_puts(out, "\":{\"working\":");
    fxi_buf_int(out, count[0]);
    put_number(out, "stopped", count[1]);
    put_number(out, rate, per_minute);
    fxi_buf_putc(out, '}');
}

void fxi_get_system(fxi_request *q, fxi_reply *r)
{
    fleet f = {.shown = NOTHING, .since = q->now - HOUR};
    if (!ask(q, r, &f, count_all))
        return;
    fxi_buf *out = &r->body;
    fxi_buf_puts(out, f.trouble ? "{\"status\":\"degraded\"" : "{\"status\":\"healthy\"");
    put_time(out, "timestamp", q->now);
    put_text(out, "version", FXMON_VERSION_STRING);
    put_counts(out, "consumers", f.consumers, "messages_processed_last_minute", f.per_minute[0]);
    put_counts(out, "producers", f.producers, "messages_sent_last_minute", f.per_minute[1]);
    fxi_buf_puts(out, ",\"sources\":{\"fresh\":");
    fxi_buf_int(out, f.sources[0]);
    put_number(out, "late", f.sources[1]);
    put_number(out, "failing", f.sources[2]);
    fxi_buf_putc(out, '}');
    put_number(out, "in_trouble", f.trouble);
    put_number(out, "lag", f.lag);
    put_seconds(out, "lag_seconds", f.lag_ns);
    put_number(out, "rebalances_last_hour", f.rebalances);
    fxi_buf_putc(out, '}');
}
