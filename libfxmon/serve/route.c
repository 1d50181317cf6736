/*
 * serve/route.c - the table of routes and the way through it. Routing, 405 with Allow, the refusal of unknown parameters and the OpenAPI document
 * read the same rows, so what is documented is what is served.
 */
#include <stdio.h>
#include <string.h>

#include "base/value.h"
#include "serve/serve.h"

#define INTEGER(min, max, initial) "{\"type\":\"integer\",\"minimum\":" #min ",\"maximum\":" #max ",\"default\":" #initial "}"
#define OFFSET {"offset", INTEGER(0, 1000000000, 0), "How many to skip."}
#define TEXT "{\"type\":\"string\"}"
#define TIME "{\"type\":\"string\",\"examples\":[\"2026-02-04T10:30:00Z\",\"2026-02-04\"]}"
#define PAIR "{\"type\":\"string\",\"examples\":[\"USD/EUR\",\"USD-EUR\"]}"
#define JSON "application/json"
#define HTML "text/html"

const fxi_route fxi_routes[] = {
    {"GET", "/", fxi_get_root, false, JSON " " HTML, "Root", NULL, 200, "", "Name, version and endpoints; the live page for browsers.", {{0}}},
    {"GET", "/rates", fxi_get_rates, true, JSON, "Rate[]", NULL, 200, "422 503", "Current rates, sorted by pair.",
     {{"pair", PAIR, "Only this pair."}, {"source", TEXT, "Only what this source says, instead of the newest of all."}}},
    {"GET", "/rates/{pair}", fxi_get_rate, true, JSON, "Rate", NULL, 200, "404 503", "Current rate of one pair.",
     {{"source", TEXT, "Only what this source says."}}},
    {"GET", "/rates/{pair}/history", fxi_get_history, true, JSON, "HistoryRate[]", NULL, 200, "404 422 503",
     "Stored rates of one pair, newest first; oldest first with hours.",
     {{"limit", INTEGER(1, 1000, 100), "Most rows."}, OFFSET,
      {"hours", INTEGER(1, 720, 24), "Only the last hours, oldest first. Not together with from or to."},
      {"from", TIME, "Not before this time."}, {"to", TIME, "Before this time."},
      {"order", "{\"type\":\"string\",\"enum\":[\"asc\",\"desc\"]}", "Oldest or newest first."}, {"source", TEXT, "Only this source."}}},
    {"GET", "/live", fxi_get_live, true, JSON, "Live", NULL, 200, "503", "Current rates with the recent points of each, for the page.", {{0}}},
    {"GET", "/sources", fxi_get_sources, true, JSON, "Source[]", NULL, 200, "503", "The sources, and how old what they said is.", {{0}}},
    {"POST", "/alerts", fxi_post_alert, true, JSON, "Alert", "NewAlert", 201, "400 413 415 422 503", "Create an alert.", {{0}}},
    {"GET", "/alerts", fxi_get_alerts, true, JSON, "Alert[]", NULL, 200, "422 503", "Alerts, newest first.",
     {{"pair", PAIR, "Only alerts of this pair."}, {"active", "{\"type\":\"boolean\"}", "Only alerts that are active, or that are not."},
      {"limit", INTEGER(1, 1000, 1000), "Most rows."}, OFFSET}},
    {"GET", "/alerts/history", fxi_get_events, true, JSON, "AlertEvent[]", NULL, 200, "422 503", "What alerts did, newest first.",
     {{"limit", INTEGER(1, 500, 50), "Most rows."}, OFFSET}},
    {"GET", "/alerts/{id}", fxi_get_alert, true, JSON, "Alert", NULL, 200, "404 503", "One alert.", {{0}}},
    {"DELETE", "/alerts/{id}", fxi_delete_alert, true, JSON, "Deleted", NULL, 200, "404 503", "Delete an alert.", {{0}}},
    {"GET", "/health", fxi_get_health, true, JSON, "Health", NULL, 200, "", "Is the server alive, and how is each component?", {{0}}},
    {"GET", "/healthz", fxi_get_health, false, JSON, "Health", NULL, 200, "", "The same as /health.", {{0}}},
    {"GET", "/ready", fxi_get_ready, true, JSON, "Health", NULL, 200, "503", "Can it answer with data? 503 says which component keeps it from that.", {{0}}},
    {"GET", "/readyz", fxi_get_ready, false, JSON, "Health", NULL, 200, "503", "The same as /ready.", {{0}}},
    {"GET", "/api/system-status", fxi_get_system, false, JSON, "SystemStatus", NULL, 200, "503", "How all consumers and producers of the store are doing.", {{0}}},
    {"GET", "/api/consumer-health", fxi_get_consumers, false, JSON, "ConsumerHealth[]", NULL, 200, "503", "The last sign of life of each lane.", {{0}}},
    {"GET", "/api/producer-health", fxi_get_producers, false, JSON, "ProducerHealth[]", NULL, 200, "503", "The last sign of life of each producer.", {{0}}},
    {"GET", "/api/source-health", fxi_get_source_health, false, JSON, "SourceHealth[]", NULL, 200, "503",
     "When each source last published, what it misses by its rhythm, its last error, what is left of its quota.", {{0}}},
    {"GET", "/api/partition-assignment", fxi_get_assignment, false, JSON, "PartitionAssignment", NULL, 200, "503",
     "Which member has which partitions, and where each lane stands in them.", {{0}}},
    {"GET", "/api/rebalancing-events", fxi_get_rebalances, false, JSON, "RebalancingEvent[]", NULL, 200, "422 503", "Partitions that came and went, newest first.",
     {{"limit", INTEGER(1, 500, 50), "Most events."}, OFFSET}},
    {"GET", "/openapi.json", fxi_get_openapi, false, JSON, "OpenApi", NULL, 200, "", "This description.", {{0}}},
    {"GET", "/docs", fxi_get_docs, false, HTML, NULL, NULL, 200, "", "This description, for people.", {{0}}},
    {"GET", "/assets/{file}", fxi_get_asset, false, "text/css text/javascript image/svg+xml", NULL, NULL, 200, "404", "Files of the pages.", {{0}}},
};
const size_t fxi_route_count = sizeof fxi_routes / sizeof *fxi_routes;

/* Does one word of the pattern take segment i? Returns how many segments it takes, 0 for none, -1 with a problem in r. */
static int match_word(const char *word, size_t length, fxi_request *q, size_t i, size_t words_left)
{
    const fxi_target *t = &q->target;
    char both[2 * FXI_TARGET_SEGMENT];
    if (length == 6 && memcmp(word, "{pair}", 6) == 0) {
        /* USD/EUR as two segments: when there is one segment more than the pattern needs */
        if (t->segments - i == words_left + 1) {
            snprintf(both, sizeof both, "%s/%s", t->segment[i], t->segment[i + 1]);
            return strlen(both) <= 16 && fxmon_pair_parse(both, strlen(both), &q->pair) == FXMON_OK ? 2 : 0;
        }
        memset(&q->pair, 0, sizeof q->pair);
        if (strlen(t->segment[i]) <= 16)
            (void)fxmon_pair_parse(t->segment[i], strlen(t->segment[i]), &q->pair); /* "" is refused by fxi_serve, with a reason */
        return 1;
    }
    if (length == 4 && memcmp(word, "{id}", 4) == 0)
        return fxi_integer_parse(t->segment[i], strlen(t->segment[i]), &q->id) == FXMON_OK && q->id > 0 ? 1 : 0;
    if (length == 6 && memcmp(word, "{file}", 6) == 0) {
        q->file = t->segment[i];
        return 1;
    }
    return strlen(t->segment[i]) == length && memcmp(t->segment[i], word, length) == 0;
}

static bool match_pattern(const char *pattern, fxi_request *q, size_t first)
{
    size_t i = first, words = 0;
    for (const char *p = pattern; *p; p++)
        words += *p == '/' && p[1];
    while (*pattern == '/' && pattern[1]) {
        size_t length = strcspn(++pattern, "/");
        int taken;
        if (i >= q->target.segments)
            return false;
        taken = match_word(pattern, length, q, i, words);
        if (taken == 0)
            return false;
        i += (size_t)taken;
        words--;
        pattern += length;
    }
    return i == q->target.segments;
}

static bool method_serves(const char *route, fxi_span asked)
{
    if (asked.length == 4 && memcmp(asked.at, "HEAD", 4) == 0)
        return strcmp(route, "GET") == 0;
    return strlen(route) == asked.length && memcmp(route, asked.at, asked.length) == 0;
}

static void add_allowed(char *allow, size_t size, const char *method)
{
    size_t used = strlen(allow);
    if (!strstr(allow, method))
        snprintf(allow + used, size - used, "%s%s%s", used ? ", " : "", method, strcmp(method, "GET") == 0 ? ", HEAD" : "");
}

/* The row for this request; NULL after filling r (404, 405, 204 for OPTIONS). */
static const fxi_route *find_route(fxi_request *q, fxi_reply *r)
{
    bool versioned = q->target.segments >= 2 && strcmp(q->target.segment[0], "api") == 0 && strcmp(q->target.segment[1], "v1") == 0;
    char allow[sizeof r->allow] = "";
    for (size_t i = 0; i < fxi_route_count; i++) {
        const fxi_route *route = &fxi_routes[i];
        if ((versioned && !route->versioned) || !match_pattern(route->pattern, q, versioned ? 2 : 0))
            continue;
        if (method_serves(route->method, q->head->method))
            return route;
        add_allowed(allow, sizeof allow, route->method);
    }
    if (!allow[0]) {
        fxi_reply_problem(r, q, 404, "no-such-resource", NULL, "there is nothing at this path; /openapi.json lists what there is");
        return NULL;
    }
    add_allowed(allow, sizeof allow, "OPTIONS");
    memcpy(r->allow, allow, sizeof allow);
    if (q->head->method.length == 7 && memcmp(q->head->method.at, "OPTIONS", 7) == 0)
        r->status = 204;
    else
        fxi_reply_problem(r, q, 405, "method-not-allowed", NULL, "this resource allows %s", allow);
    return NULL;
}

static bool known_parameters(fxi_request *q, fxi_reply *r)
{
    const char *names[FXI_ROUTE_PARAMS + 1];
    size_t count = 0;
    while (count < FXI_ROUTE_PARAMS && q->route->params[count].name) {
        names[count] = q->route->params[count].name;
        count++;
    }
    names[count] = NULL;
    for (size_t p = 0; p < q->target.params; p++) {
        const char *name = q->target.param[p].name, *near;
        size_t i = 0;
        while (i < count && strcmp(names[i], name) != 0)
            i++;
        if (i < count)
            continue;
        near = fxi_nearest(name, names);
        if (near)
            fxi_reply_problem(r, q, 422, "unknown-parameter", name, "unknown query parameter \"%s\"; did you mean \"%s\"?", name, near);
        else
            fxi_reply_problem(r, q, 422, "unknown-parameter", name, "unknown query parameter \"%s\"", name);
        return false;
    }
    return true;
}

/* Is one of the route's media types wanted? */
static bool acceptable(const fxi_request *q)
{
    fxi_span accept = q->head->accept;
    char type[32], range[32];
    if (!accept.length || fxi_head_lists(accept, "*/*"))
        return true;
    for (const char *p = q->route->type; *p; p += strcspn(p, " "), p += strspn(p, " ")) {
        size_t length = strcspn(p, " "), slash = strcspn(p, "/");
        snprintf(type, sizeof type, "%.*s", (int)length, p);
        snprintf(range, sizeof range, "%.*s/*", (int)slash, p);
        if (fxi_head_lists(accept, type) || fxi_head_lists(accept, range))
            return true;
    }
    return false;
}

static bool body_is_json(const fxi_head *h)
{
    fxi_span type = h->content_type; /* no list, but the same parameters after ';' */
    return !memchr(type.at ? type.at : "", ',', type.length) && fxi_head_lists(type, "application/json");
}

static bool length_allowed(const fxi_head *h)
{
    size_t value = 0;
    for (size_t i = 0; i < h->content_length.length; i++) {
        value = value * 10 + (size_t)(h->content_length.at[i] - '0');
        if (value > FXI_REQUEST_BODY)
            return false;
    }
    return true;
}

bool fxi_serve_early(fxi_request *q, fxi_reply *r)
{
    fxmon_error error = {0};
    int code;
    if (!length_allowed(q->head)) {
        fxi_reply_problem(r, q, 413, "body-too-large", NULL, "at most %d bytes", FXI_REQUEST_BODY);
        r->close = true;
        return true;
    }
    code = fxi_target_parse(q->raw, q->raw_length, &q->target, &error);
    if (code != FXMON_OK) {
        fxi_reply_problem(r, q, code == FXMON_E_RANGE ? 422 : 400, code == FXMON_E_RANGE ? "bad-parameter" : "bad-path", error.field, "%s", error.text);
        return true;
    }
    if (!(q->route = find_route(q, r)))
        return true;
    if (strstr(q->route->pattern, "{pair}") && !q->pair.text[0])
        fxi_reply_problem(r, q, 400, "bad-pair", "pair", "\"%.16s\" is not a currency pair; expected USD-EUR, USD/EUR, USD_EUR or USDEUR",
                          q->target.segment[q->target.segments - 1 - (strstr(q->route->pattern, "}/") != NULL)]);
    else if (!acceptable(q))
        fxi_reply_problem(r, q, 406, "not-acceptable", NULL, "this resource comes as %s", q->route->type);
    else if (q->route->body && !body_is_json(q->head))
        fxi_reply_problem(r, q, 415, "unsupported-media-type", NULL, "the body must be application/json");
    else
        return !known_parameters(q, r);
    return true;
}

void fxi_serve(fxi_request *q, fxi_reply *r)
{
    q->route->handler(q, r);
    if (r->body.failed)
        fxi_reply_problem(r, q, 500, NULL, NULL, "out of memory");
}
