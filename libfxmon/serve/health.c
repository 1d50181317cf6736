/*
 * serve/health.c - /health says that this process lives and shows every component; its status code depends on nothing else, or a database's hiccup would have
 * every instance restarted. /ready is the one to route traffic by: 503 while store, log or rates keep it from answering with data.
 */
#include <string.h>

#include "serve/serve.h"

#define WATCH_LATE (5 * FXMON_SECOND) /* the watching thread should have looked within this time */

static void put_condition(const fxi_condition *c, const char *status, int64_t now, fxi_buf *out)
{
    fxi_buf_puts(out, "\"status\":");
    fxi_buf_jsonz(out, status);
    fxi_buf_puts(out, ",\"timestamp\":\"");
    fxi_buf_time(out, now);
    fxi_buf_puts(out, "\",\"components\":{");
    for (size_t i = 0; i < c->count; i++) {
        const fxi_component *component = &c->component[i];
        size_t same = 0; /* two instances of one component: the member names stay unique */
        for (size_t j = 0; j < i; j++)
            same += strcmp(c->component[j].name, component->name) == 0;
        if (i)
            fxi_buf_putc(out, ',');
        if (same) {
            fxi_buf name;
            fxi_buf_init(&name, 128);
            fxi_buf_printf(&name, "%s#%d", component->name, (int)same + 1);
            fxi_buf_jsonz(out, name.data ? name.data : component->name);
            fxi_buf_free(&name);
        } else
            fxi_buf_jsonz(out, component->name);
        fxi_buf_puts(out, ":{\"status\":");
        fxi_buf_jsonz(out, component->status);
        fxi_buf_puts(out, ",\"message\":");
        fxi_buf_jsonz(out, component->message);
        fxi_buf_puts(out, component->critical ? ",\"critical\":true}" : ",\"critical\":false}");
    }
    fxi_buf_puts(out, "}");
}

/*
 * Is anything broken? Old rates (a weekend, recorded data), none yet, and a consumer that ended as asked (cron) are shown and nothing to repair: what
 * is always degraded is looked at by nobody.
 */
static bool all_healthy(const fxi_condition *c)
{
    static const char *const sound[] = {"healthy", "stopped", "stale", "waiting", "starting", "rebalancing"};
    for (size_t i = 0; i < c->count; i++) {
        bool good = false;
        for (size_t j = 0; j < sizeof sound / sizeof sound[0] && !good; j++)
            good = strcmp(c->component[i].status, sound[j]) == 0;
        if (!good)
            return false;
    }
    return true;
}

void fxi_get_health(fxi_request *q, fxi_reply *r)
{
    const fxmon_env *env = &q->server->config.env;
    fxi_condition c;
    bool late;
    fxi_watch_condition(q->server->watch, &c);
    late = env->monotonic(env->user) - c.looked > WATCH_LATE;
    fxi_reply_json(r);
    fxi_buf_putc(&r->body, '{');
    put_condition(&c, all_healthy(&c) && !late ? "healthy" : "degraded", q->now, &r->body);
    fxi_buf_putc(&r->body, '}');
}

void fxi_get_ready(fxi_request *q, fxi_reply *r)
{
    const fxmon_env *env = &q->server->config.env;
    fxi_condition c;
    fxi_watch_condition(q->server->watch, &c);
    if (env->monotonic(env->user) - c.looked > WATCH_LATE)
        c.ready = false;
    fxi_reply_json(r);
    if (c.ready) {
        fxi_buf_putc(&r->body, '{');
        put_condition(&c, "healthy", q->now, &r->body);
        fxi_buf_putc(&r->body, '}');
        return;
    }
    r->status = 503;
    r->type = "application/problem+json";
    r->retry_after = 5;
    fxi_buf_puts(&r->body, "{\"type\":\"urn:fxmon:problem:not-ready\",\"title\":\"Not ready\",\"instance\":");
    fxi_buf_json(&r->body, q->raw, q->raw_length < 512 ? q->raw_length : 512);
    fxi_buf_puts(&r->body, ",\"detail\":{");
    put_condition(&c, "unhealthy", q->now, &r->body);
    fxi_buf_puts(&r->body, "},\"status\":503}");
}
