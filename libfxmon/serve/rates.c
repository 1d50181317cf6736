/* serve/rates.c - current rates out of a snapshot: /rates, /rates/{pair}, /live, /sources. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "serve/serve.h"

static void put_rate(const fxi_live *l, int64_t now, int64_t stale_after, bool line, fxi_buf *out)
{
    const fxmon_quote *quote = &l->quote;
    int64_t age = now > quote->time ? now - quote->time : 0;
    char code[8];
    fxi_buf_puts(out, "{\"pair\":");
    fxi_buf_jsonz(out, quote->pair.text);
    fxi_buf_puts(out, ",\"rate\":");
    fxi_buf_decimal(out, quote->mid);
    fxi_buf_puts(out, ",\"volatility\":");
    fxi_buf_double(out, l->volatility);
    fxi_buf_puts(out, ",\"timestamp\":\"");
    fxi_buf_time(out, quote->time);
    fxmon_pair_base(&quote->pair, code);
    fxi_buf_puts(out, "\",\"base\":");
    fxi_buf_jsonz(out, code);
    fxmon_pair_quote(&quote->pair, code);
    fxi_buf_puts(out, ",\"quote\":");
    fxi_buf_jsonz(out, code);
    if (quote->bid.mantissa && quote->ask.mantissa) {
        fxi_buf_puts(out, ",\"bid\":");
        fxi_buf_decimal(out, quote->bid);
        fxi_buf_puts(out, ",\"ask\":");
        fxi_buf_decimal(out, quote->ask);
    }
    fxi_buf_puts(out, ",\"previous\":");
    if (l->previous.mantissa)
        fxi_buf_decimal(out, l->previous);
    else
        fxi_buf_puts(out, "null");
    fxi_buf_puts(out, ",\"source\":");
    fxi_buf_jsonz(out, quote->source);
    fxi_buf_puts(out, ",\"observed_at\":\"");
    fxi_buf_time(out, quote->time);
    fxi_buf_puts(out, "\",\"ingested_at\":");
    if (l->ingested) {
        fxi_buf_putc(out, '"');
        fxi_buf_time(out, l->ingested);
        fxi_buf_putc(out, '"');
    } else
        fxi_buf_puts(out, "null");
    fxi_buf_puts(out, ",\"age_seconds\":");
    fxi_buf_int(out, age / FXMON_SECOND);
    fxi_buf_puts(out, age >= stale_after ? ",\"stale\":true" : ",\"stale\":false");
    if (line) {
        fxi_buf_puts(out, ",\"line\":[");
        for (uint32_t i = 0; i < l->points; i++) {
            fxi_buf_puts(out, i ? ",[" : "[");
            fxi_buf_int(out, l->line[i].time / 1000000);
            fxi_buf_putc(out, ',');
            fxi_buf_decimal(out, l->line[i].rate);
            fxi_buf_putc(out, ']');
        }
        fxi_buf_putc(out, ']');
    }
    fxi_buf_putc(out, '}');
}

static bool wanted(const fxi_snapshot *s, size_t i, const fxmon_pair *only, const char *source)
{
    const fxmon_quote *quote = &s->live[i].quote;
    if (only && fxmon_pair_compare(only, &quote->pair) != 0)
        return false;
    return source ? strcmp(source, quote->source) == 0 : fxi_snapshot_leads(s, i);
}

bool fxi_rates_encode(const fxi_snapshot *s, const fxmon_pair *only, const char *source, int64_t now, int64_t stale_after, bool lines, fxi_buf *out)
{
    bool first = true;
    fxi_buf_putc(out, '[');
    for (size_t i = 0; i < s->count; i++) {
        if (!wanted(s, i, only, source))
            continue;
        if (!first)
            fxi_buf_putc(out, ',');
        put_rate(&s->live[i], now, stale_after, lines, out);
        first = false;
    }
    fxi_buf_putc(out, ']');
    return !out->failed;
}

void fxi_rates_etag(const fxi_server *server, const fxi_snapshot *s, int64_t now, char out[80])
{
    long long stale = 0;
    for (size_t i = 0; i < s->count; i++)
        stale += now - s->live[i].quote.time >= server->stale_after;
    snprintf(out, 80, "W/\"%llx-%llx-%llx\"", (unsigned long long)server->started, (unsigned long long)s->generation, (unsigned long long)stale);
}

/* The snapshot to answer from; NULL after filling r. */
static const fxi_snapshot *take_snapshot(fxi_request *q, fxi_reply *r)
{
    const fxi_snapshot *s;
    if (q->server->own_hub && !fxi_desk_reader(&q->server->desk, q->server)) {
        fxi_reply_store_away(r, q, &q->server->desk.error);
        return NULL;
    }
    if (!(s = fxi_hub_snapshot(q->server->hub)))
        fxi_reply_problem(r, q, 500, NULL, NULL, "out of memory");
    return s;
}

/* 200 with a tag, or 304. False: there is no body to write. */
static bool begin_tagged(fxi_request *q, fxi_reply *r, const fxi_snapshot *s)
{
    fxi_reply_json(r);
    r->cache = "no-cache";
    fxi_rates_etag(q->server, s, q->now, r->etag);
    if (!fxi_head_lists(q->head->if_none_match, r->etag + 2) && !fxi_head_lists(q->head->if_none_match, "*"))
        return true;
    r->status = 304;
    r->type = NULL;
    return false;
}

void fxi_get_rates(fxi_request *q, fxi_reply *r)
{
    const fxi_snapshot *s;
    const char *source = fxi_target_param(&q->target, "source");
    fxmon_pair pair;
    bool given;
    if (!fxi_param_pair(q, r, "pair", &pair, &given) || !(s = take_snapshot(q, r)))
        return;
    if (begin_tagged(q, r, s))
        fxi_rates_encode(s, given ? &pair : NULL, source, q->now, q->server->stale_after, false, &r->body);
    fxi_snapshot_release(q->server->hub, s);
}

void fxi_get_rate(fxi_request *q, fxi_reply *r)
{
    const char *source = fxi_target_param(&q->target, "source");
    const fxi_snapshot *s = take_snapshot(q, r);
    size_t i = 0;
    if (!s)
        return;
    while (i < s->count && !wanted(s, i, &q->pair, source))
        i++;
    if (i < s->count) {
        if (begin_tagged(q, r, s))
            put_rate(&s->live[i], q->now, q->server->stale_after, false, &r->body);
    } else if (!fxmon_pair_known(&q->pair))
        fxi_reply_problem(r, q, 404, "unknown-currency", "pair", "%s: not a currency of ISO 4217, and no rate of it was seen", q->pair.text);
    else
        fxi_reply_problem(r, q, 404, "no-data", "pair", "no rate of %s was seen yet", q->pair.text);
    fxi_snapshot_release(q->server->hub, s);
}

void fxi_get_live(fxi_request *q, fxi_reply *r)
{
    const fxi_snapshot *s = take_snapshot(q, r);
    if (!s)
        return;
    if (begin_tagged(q, r, s)) {
        fxi_buf_puts(&r->body, "{\"timestamp\":\"");
        fxi_buf_time(&r->body, q->now);
        fxi_buf_puts(&r->body, "\",\"generation\":");
        fxi_buf_int(&r->body, (int64_t)s->generation);
        fxi_buf_puts(&r->body, ",\"rates\":");
        fxi_rates_encode(s, NULL, NULL, q->now, q->server->stale_after, true, &r->body);
        fxi_buf_putc(&r->body, '}');
    }
    fxi_snapshot_release(q->server->hub, s);
}

void fxi_get_sources(fxi_request *q, fxi_reply *r)
{
    const fxi_snapshot *s = take_snapshot(q, r);
    bool first = true;
    if (!s)
        return;
    fxi_reply_json(r);
    fxi_buf_putc(&r->body, '[');
    for (size_t i = 0; i < s->count; i++) {
        const char *source = s->live[i].quote.source;
        int64_t newest = INT64_MIN, age, pairs = 0;
        bool seen = false;
        for (size_t j = 0; j < i && !seen; j++)
            seen = strcmp(s->live[j].quote.source, source) == 0;
        if (seen)
            continue;
        for (size_t j = i; j < s->count; j++) {
            if (strcmp(s->live[j].quote.source, source) != 0)
                continue;
            pairs++;
            newest = s->live[j].quote.time > newest ? s->live[j].quote.time : newest;
        }
        age = q->now > newest ? q->now - newest : 0;
        fxi_buf_puts(&r->body, first ? "{\"source\":" : ",{\"source\":");
        first = false;
        fxi_buf_jsonz(&r->body, source);
        fxi_buf_puts(&r->body, ",\"pairs\":");
        fxi_buf_int(&r->body, pairs);
        fxi_buf_puts(&r->body, ",\"observed_at\":\"");
        fxi_buf_time(&r->body, newest);
        fxi_buf_puts(&r->body, "\",\"age_seconds\":");
        fxi_buf_int(&r->body, age / FXMON_SECOND);
        fxi_buf_puts(&r->body, age >= q->server->stale_after ? ",\"stale\":true}" : ",\"stale\":false}");
    }
    fxi_buf_putc(&r->body, ']');
    fxi_snapshot_release(q->server->hub, s);
}
