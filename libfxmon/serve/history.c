/* serve/history.c - GET /rates/{pair}/history: rows of the store. */
#include <string.h>

#include "serve/serve.h"

#define HISTORY_SPAN (INT64_C(366) * 86400 * FXMON_SECOND) /* of one question with both ends given */

typedef struct rows { fxi_buf *out; size_t count; } rows;

static bool put_row(void *user, const fxmon_stored_rate *rate)
{
    rows *to = user;
    fxi_buf *out = to->out;
    fxi_buf_puts(out, to->count++ ? ",{\"timestamp\":\"" : "{\"timestamp\":\"");
    fxi_buf_time(out, rate->time);
    fxi_buf_puts(out, "\",\"rate\":");
    fxi_buf_decimal(out, rate->rate);
    fxi_buf_puts(out, ",\"volatility\":");
    fxi_buf_double(out, rate->volatility);
    if (rate->bid.mantissa && rate->ask.mantissa) {
        fxi_buf_puts(out, ",\"bid\":");
        fxi_buf_decimal(out, rate->bid);
        fxi_buf_puts(out, ",\"ask\":");
        fxi_buf_decimal(out, rate->ask);
    }
    fxi_buf_puts(out, ",\"source\":");
    fxi_buf_jsonz(out, rate->source);
    fxi_buf_puts(out, ",\"ingested_at\":");
    if (rate->ingested) {
        fxi_buf_putc(out, '"');
        fxi_buf_time(out, rate->ingested);
        fxi_buf_putc(out, '"');
    } else
        fxi_buf_puts(out, "null");
    fxi_buf_putc(out, '}');
    return !out->failed;
}

static bool read_query(fxi_request *q, fxi_reply *r, fxmon_history_query *query)
{
    const char *order = fxi_target_param(&q->target, "order");
    bool hours_given = fxi_target_param(&q->target, "hours") != NULL;
    int64_t hours = 24;
    *query = (fxmon_history_query){.pair = q->pair, .from = INT64_MIN, .to = INT64_MAX, .limit = 100, .source = fxi_target_param(&q->target, "source")};
    if (!fxi_param_integer(q, r, "limit", 1, 1000, &query->limit) || !fxi_param_integer(q, r, "offset", 0, 1000000000, &query->offset) ||
        !fxi_param_integer(q, r, "hours", 1, 720, &hours) || !fxi_param_time(q, r, "from", &query->from) || !fxi_param_time(q, r, "to", &query->to))
        return false;
    if (order && strcmp(order, "asc") != 0 && strcmp(order, "desc") != 0) {
        fxi_reply_problem(r, q, 422, "bad-parameter", "order", "order is \"%s\", expected asc or desc", order);
        return false;
    }
    if (hours_given && (query->from != INT64_MIN || query->to != INT64_MAX)) {
        fxi_reply_problem(r, q, 422, "bad-parameter", "hours", "hours together with from or to: give one or the other");
        return false;
    }
    if (query->from != INT64_MIN && query->to != INT64_MAX && (query->from >= query->to || query->to - HISTORY_SPAN > query->from)) {
        fxi_reply_problem(r, q, 422, "bad-parameter", "to", "to must be after from, by at most 366 days");
        return false;
    }
    if (hours_given)
        query->from = q->now - hours * 3600 * FXMON_SECOND;
    query->ascending = order ? strcmp(order, "asc") == 0 : hours_given;
    return true;
}

void fxi_get_history(fxi_request *q, fxi_reply *r)
{
    fxi_server *s = q->server;
    fxmon_history_query query;
    fxmon_error error = {0};
    fxmon_result result;
    rows to = {&r->body, 0};
    void *store;
    if (!read_query(q, r, &query))
        return;
    if (!(store = fxi_desk_reader(&s->desk, s))) {
        fxi_reply_store_away(r, q, &s->desk.error);
        return;
    }
    fxi_reply_json(r);
    fxi_buf_putc(&r->body, '[');
    result = s->config.store->history(store, &query, put_row, &to, &error);
    fxi_buf_putc(&r->body, ']');
    if (result != FXMON_DONE) {
        fxi_desk_failed(&s->desk, s, result, &error);
        fxi_reply_store_away(r, q, &error);
    } else if (to.count == 0 && query.offset == 0) {
        bool windowed = query.from != INT64_MIN || query.to != INT64_MAX || query.source;
        if (!fxmon_pair_known(&q->pair))
            fxi_reply_problem(r, q, 404, "unknown-currency", "pair", "%s: not a currency of ISO 4217, and no rate of it is stored", q->pair.text);
        else
            fxi_reply_problem(r, q, 404, "no-data", "pair", "no rate of %s is stored%s", q->pair.text, windowed ? " for this time and source" : " yet");
    }
}
