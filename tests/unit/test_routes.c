/* The routes without a network: every body, filter and refusal, against a store in memory. Answers are read by another JSON library. */
#include "../support/memory_store.h"
#include "../support/support.h"
#include "serve/serve.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define T0 (INT64_C(1770201000) * FXMON_SECOND) /* 2026-02-04T10:30:00Z */
#define MINUTE (60 * FXMON_SECOND)

static int64_t test_now = T0 + 200 * MINUTE;
static int64_t now_fn(void *user) { (void)user; return test_now; }
static bool stopping_fn(void *user) { (void)user; return false; }
static void log_fn(void *user, int level, const char *component, const char *text) { (void)user; (void)level; (void)component; (void)text; }
static const char *cors_option;
static const char *option_fn(void *user, const char *name) { (void)user; return strcmp(name, "cors-origin") == 0 ? cors_option : NULL; }

static fxt_memory_store *memory;
static fxi_hub *hub;
static fxi_server *server;

static void set_up_with(bool with_hub)
{
    fxmon_env env = {sizeof env, NULL, now_fn, now_fn, stopping_fn, log_fn, option_fn};
    fxi_server_config config = {.listen = "127.0.0.1:0", .store = &fxt_memory_ops, .store_url = "memory:", .env = env};
    fxmon_error error;
    memory = fxt_memory = calloc(1, sizeof *memory);
    ck_assert_ptr_nonnull(memory);
    test_now = T0 + 200 * MINUTE;
    if (with_hub) {
        ck_assert_ptr_nonnull(hub = fxi_hub_new(20));
        config.hub = hub;
    }
    server = fxi_server_new(&config, &error);
    ck_assert_msg(server != NULL, "%s", error.text);
    for (int i = 0; i < 150; i++) {
        char rate[32];
        snprintf(rate, sizeof rate, "0.8%03d", i);
        fxt_memory_rate(memory, "USD/EUR", rate, T0 + i * MINUTE, i ? 0.001 : NAN, "one");
    }
}

static void set_up(void)
{
    fxmon_rate rates[3] = {0};
    fxmon_message message = {.time = T0, .ingested = T0 + FXMON_SECOND, .base = "USD", .source = "one", .count = 3, .rates = rates};
    set_up_with(true);
    fxmon_pair_parse("USD/JPY", 7, &rates[0].pair);
    fxmon_pair_parse("USD/EUR", 7, &rates[1].pair);
    fxmon_pair_parse("USD/CHF", 7, &rates[2].pair);
    fxmon_decimal_parse("154.20", 6, &rates[0].mid);
    fxmon_decimal_parse("0.8470", 6, &rates[1].mid);
    fxmon_decimal_parse("0.88", 4, &rates[2].mid);
    ck_assert_int_eq(fxi_hub_stage.apply(hub, &message, NULL, NULL), FXMON_DONE);
    message.time += MINUTE;
    message.count = 2; /* one sample of CHF only */
    fxmon_decimal_parse("0.8490", 6, &rates[1].mid);
    ck_assert_int_eq(fxi_hub_stage.apply(hub, &message, NULL, NULL), FXMON_DONE);
    fxi_hub_publish(hub);
}

static void tear_down(void)
{
    fxi_server_free(server);
    fxi_hub_free(hub);
    ck_assert_int_eq(memory->opened, 0);
    free(memory);
    hub = NULL;
    cors_option = NULL;
}

typedef struct answer {
    int status;
    json_t *json;
    char type[80], etag[80], location[64], allow[64], text[2000];
    int retry_after;
} answer;

static answer last; /* of the test that runs */

static const answer *ask_with(const char *method, const char *target, const char *fields, const char *body)
{
    char text[4096];
    int n = snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\n%sContent-Length: %zu\r\n\r\n", method, target, fields, body ? strlen(body) : 0);
    fxi_head head;
    fxi_request q;
    fxi_reply r;
    const char *data;
    size_t length;
    fxi_head_read(text, (size_t)n, &head);
    ck_assert_msg(head.status == 0 && head.length == (size_t)n, "%s: %d", target, head.status);
    memset(&q, 0, sizeof q);
    q.server = server;
    q.head = &head;
    q.raw = head.target.at;
    q.raw_length = head.target.length;
    q.now = test_now;
    q.body = body;
    q.body_length = body ? strlen(body) : 0;
    fxi_reply_init(&r);
    if (!fxi_serve_early(&q, &r))
        fxi_serve(&q, &r);
    json_decref(last.json);
    memset(&last, 0, sizeof last);
    last.status = r.status;
    last.retry_after = r.retry_after;
    snprintf(last.type, sizeof last.type, "%s", r.type ? r.type : "");
    snprintf(last.etag, sizeof last.etag, "%s", r.etag);
    snprintf(last.location, sizeof last.location, "%s", r.location);
    snprintf(last.allow, sizeof last.allow, "%s", r.allow);
    data = r.fixed ? r.fixed : r.body.data;
    length = r.fixed ? r.fixed_length : r.body.length;
    snprintf(last.text, sizeof last.text, "%.*s", (int)length, data ? data : "");
    if (strstr(last.type, "json")) {
        json_error_t where;
        last.json = json_loadb(data, length, JSON_REJECT_DUPLICATES | JSON_DISABLE_EOF_CHECK, &where);
        ck_assert_msg(last.json != NULL, "%s: %s in %.200s", target, where.text, data);
    }
    fxi_reply_free(&r);
    return &last;
}

static const answer *get(const char *target) { return ask_with("GET", target, "", NULL); }
static const answer *post(const char *body) { return ask_with("POST", "/alerts", "Content-Type: application/json\r\n", body); }

static const char *member(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    return text ? text : "(none)";
}

static void expect_problem(const answer *a, int status, const char *type, const char *field)
{
    char urn[96];
    ck_assert_msg(a->status == status, "status %d, expected %d: %s", a->status, status, a->text);
    ck_assert_str_eq(a->type, "application/problem+json");
    ck_assert_int_eq(json_integer_value(json_object_get(a->json, "status")), status);
    snprintf(urn, sizeof urn, "urn:fxmon:problem:%s", type);
    ck_assert_str_eq(member(a->json, "type"), urn);
    ck_assert_uint_gt(strlen(member(a->json, "title")), 0);
    ck_assert_uint_gt(strlen(member(a->json, "detail")), 0);
    ck_assert_str_eq(member(a->json, "field"), field ? field : "(none)");
}

START_TEST(test_rates)
{
    const answer *a = get("/rates");
    const json_t *eur;
    ck_assert_int_eq(a->status, 200);
    ck_assert_str_eq(a->type, "application/json");
    ck_assert_uint_eq(json_array_size(a->json), 3);
    ck_assert_str_eq(member(json_array_get(a->json, 0), "pair"), "USD/CHF");
    ck_assert(json_is_null(json_object_get(json_array_get(a->json, 0), "volatility"))); /* one price: unknown, not 0 */
    eur = json_array_get(a->json, 1);
    ck_assert_str_eq(member(eur, "pair"), "USD/EUR");
    ck_assert_str_eq(member(eur, "timestamp"), "2026-02-04T10:31:00Z");
    ck_assert_str_eq(member(eur, "base"), "USD");
    ck_assert_str_eq(member(eur, "quote"), "EUR");
    ck_assert_str_eq(member(eur, "source"), "one");
    ck_assert_str_eq(member(eur, "ingested_at"), "2026-02-04T10:30:01Z");
    ck_assert_int_eq(json_integer_value(json_object_get(eur, "age_seconds")), 199 * 60);
    ck_assert(json_is_false(json_object_get(eur, "stale")));
    ck_assert_ptr_nonnull(strstr(a->text, "\"rate\":0.8490,\"volatility\":0.00141421356237309")); /* the provider's digits; sd of 0.847 and 0.849 */
    ck_assert_ptr_nonnull(strstr(a->text, "\"previous\":0.8470"));
    ck_assert(json_real_value(json_object_get(json_array_get(a->json, 2), "volatility")) == 0.0);
    ck_assert(json_is_number(json_object_get(json_array_get(a->json, 2), "volatility"))); /* constant: 0 */
    a = get("/api/v1/rates?pair=usd-eur");
    ck_assert_uint_eq(json_array_size(a->json), 1);
    ck_assert_uint_eq(json_array_size(get("/rates?pair=GBP/EUR")->json), 0);
    ck_assert_uint_eq(json_array_size(get("/rates?source=two")->json), 0);
    ck_assert_uint_eq(json_array_size(get("/rates?source=one")->json), 3);
    expect_problem(get("/rates?pair=x"), 422, "bad-parameter", "pair");
    ck_assert_uint_eq(json_array_size(json_object_get(json_array_get(json_object_get(get("/api/v1/live")->json, "rates"), 1), "line")), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(get("/sources")->json, 0), "pairs")), 3);
}
END_TEST

START_TEST(test_rates_of_several_sources)
{
    fxmon_rate rate = {0};
    fxmon_message message = {.time = T0 + 2 * MINUTE, .base = "USD", .source = "another", .count = 1, .rates = &rate};
    fxmon_pair_parse("USD/EUR", 7, &rate.pair);
    fxmon_decimal_parse("0.85", 4, &rate.mid);
    fxi_hub_stage.apply(hub, &message, NULL, NULL);
    fxi_hub_publish(hub);
    ck_assert_uint_eq(json_array_size(get("/rates")->json), 3);
    ck_assert_str_eq(member(get("/rates/USD-EUR")->json, "source"), "another");
    ck_assert_str_eq(member(get("/rates/USD-EUR?source=one")->json, "source"), "one");
    ck_assert_uint_eq(json_array_size(get("/sources")->json), 2);
}
END_TEST

START_TEST(test_tags)
{
    char first[80], fields[200];
    fxmon_rate rate = {0};
    fxmon_message message = {.time = T0 + 2 * MINUTE, .base = "USD", .source = "one", .count = 1, .rates = &rate};
    snprintf(first, sizeof first, "%s", get("/rates")->etag);
    ck_assert_int_eq(strncmp(first, "W/\"", 3), 0);
    snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", first);
    ck_assert_int_eq(ask_with("GET", "/rates", fields, NULL)->status, 304);
    ck_assert_str_eq(last.text, "");
    ck_assert_str_eq(last.etag, first);
    fxmon_pair_parse("USD/EUR", 7, &rate.pair);
    fxmon_decimal_parse("0.86", 4, &rate.mid);
    fxi_hub_stage.apply(hub, &message, NULL, NULL);
    fxi_hub_publish(hub);
    ck_assert_int_eq(ask_with("GET", "/rates", fields, NULL)->status, 200);
    ck_assert_str_ne(last.etag, first);
    snprintf(first, sizeof first, "%s", last.etag);
    test_now += 3 * 86400 * FXMON_SECOND; /* the rates turn stale: another answer */
    ck_assert_str_ne(get("/rates")->etag, first);
    ck_assert(json_is_true(json_object_get(json_array_get(last.json, 0), "stale")));
}
END_TEST

typedef struct pair_row { const char *path; int status; } pair_row;
static const pair_row pair_rows[] = {
    {"/rates/USD%2FEUR/history", 200}, {"/rates/USD%2fEUR/history", 200}, {"/rates/usd%2feur/history", 200}, {"/rates/USD-EUR/history", 200},
    {"/rates/usd-eur/history", 200}, {"/rates/USD_EUR/history", 200}, {"/rates/USDEUR/history", 200}, {"/rates/usdeur/history", 200},
    {"/rates/USD/EUR/history", 200}, {"/rates/usd/eur/history", 200}, {"/api/v1/rates/USD%2FEUR/history", 200}, {"/api/v1/rates/USD/EUR/history", 200},
    {"/rates/USD%3AEUR/history", 200}, {"/rates/%55SD-EUR/history", 200},
    {"/rates/USD%252FEUR/history", 400}, {"/rates/USD%00EUR/history", 400}, {"/rates/USD%2/history", 400}, {"/rates/USD%zzEUR/history", 400},
    {"/rates/USD%c0%afEUR/history", 400}, {"/rates/USD..EUR/history", 400}, {"/rates/../USD-EUR/history", 400}, {"/rates/USD-EUR;v=1/history", 400},
    {"/rates/USD%5CEUR/history", 400}, {"/rates//history", 400}, {"/rates/USD-EUR//history", 400}, {"/rates/USD-EUR-GBP-JPY-CHF/history", 400},
    {"/rates/USD/history", 400}, {"/rates/US/history", 400}, {"/rates/USD%2F/history", 400}, {"/rates/USD%2FEUR%2FGBP/history", 400},
    {"/rates/USD/EUR/GBP/history", 404}, {"/rates/USD-GBP/history", 404}, {"/rates/USD-QQQ/history", 404}, {"/rates/USD-EUR/histories", 404},
};

START_TEST(test_pair_paths)
{
    const answer *a = get(pair_rows[_i].path);
    ck_assert_msg(a->status == pair_rows[_i].status, "%s: %d, expected %d", pair_rows[_i].path, a->status, pair_rows[_i].status);
    if (a->status == 200)
        ck_assert_uint_eq(json_array_size(a->json), 100);
    else
        ck_assert_str_eq(a->type, "application/problem+json");
}
END_TEST

START_TEST(test_history)
{
    const answer *a = get("/rates/USD-EUR/history");
    ck_assert_str_eq(member(json_array_get(a->json, 0), "timestamp"), "2026-02-04T12:59:00Z"); /* newest first */
    ck_assert_ptr_nonnull(strstr(a->text, "\"rate\":0.8149,\"volatility\":0.001"));
    a = get("/rates/USD-EUR/history?limit=2&offset=148");
    ck_assert_uint_eq(json_array_size(a->json), 2);
    ck_assert_str_eq(member(json_array_get(a->json, 1), "timestamp"), "2026-02-04T10:30:00Z");
    ck_assert(json_is_null(json_object_get(json_array_get(a->json, 1), "volatility")));
    ck_assert_uint_eq(json_array_size(get("/rates/USD-EUR/history?offset=150")->json), 0);
    a = get("/rates/USD-EUR/history?hours=2"); /* oldest first, from now on back */
    ck_assert_uint_eq(json_array_size(a->json), 70);
    ck_assert_str_eq(member(json_array_get(a->json, 0), "timestamp"), "2026-02-04T11:50:00Z");
    ck_assert_str_eq(member(json_array_get(get("/rates/USD-EUR/history?hours=2&order=desc")->json, 0), "timestamp"), "2026-02-04T12:59:00Z");
    ck_assert_str_eq(member(json_array_get(get("/rates/USD-EUR/history?order=asc")->json, 0), "timestamp"), "2026-02-04T10:30:00Z");
    a = get("/rates/USD-EUR/history?from=2026-02-04T10:31:00Z&to=2026-02-04T10:33:00Z"); /* half-open */
    ck_assert_uint_eq(json_array_size(a->json), 2);
    ck_assert_str_eq(member(json_array_get(a->json, 0), "timestamp"), "2026-02-04T10:32:00Z");
    ck_assert_uint_eq(json_array_size(get("/rates/USD-EUR/history?limit=1000")->json), 150);
    ck_assert_uint_eq(json_array_size(get("/rates/USD-EUR/history?limit=1")->json), 1);
    expect_problem(get("/rates/USD-EUR/history?limit=1001"), 422, "bad-parameter", "limit");
    expect_problem(get("/rates/USD-EUR/history?limit=0"), 422, "bad-parameter", "limit");
    expect_problem(get("/rates/USD-EUR/history?limit=ten"), 422, "bad-parameter", "limit");
    expect_problem(get("/rates/USD-EUR/history?offset=-1"), 422, "bad-parameter", "offset");
    expect_problem(get("/rates/USD-EUR/history?hours=0"), 422, "bad-parameter", "hours");
    expect_problem(get("/rates/USD-EUR/history?hours=721"), 422, "bad-parameter", "hours");
    expect_problem(get("/rates/USD-EUR/history?hours=2&from=2026-02-04"), 422, "bad-parameter", "hours");
    expect_problem(get("/rates/USD-EUR/history?from=yesterday"), 422, "bad-parameter", "from");
    expect_problem(get("/rates/USD-EUR/history?from=2026-02-05&to=2026-02-04"), 422, "bad-parameter", "to");
    expect_problem(get("/rates/USD-EUR/history?from=2020-01-01&to=2022-01-01"), 422, "bad-parameter", "to");
    expect_problem(get("/rates/USD-EUR/history?order=up"), 422, "bad-parameter", "order");
    expect_problem(get("/rates/USD-EUR/history?limt=3"), 422, "unknown-parameter", "limt");
    ck_assert_ptr_nonnull(strstr(member(last.json, "detail"), "\"limit\""));
    expect_problem(get("/rates/USD-EUR/history?limit=3&limit=4"), 422, "bad-parameter", "limit");
    expect_problem(get("/rates/USD-GBP/history"), 404, "no-data", "pair");
    expect_problem(get("/rates/USD-QQQ/history"), 404, "unknown-currency", "pair");
    expect_problem(get("/rates/USD-EUR/history?source=two"), 404, "no-data", "pair");
    expect_problem(get("/rates/USD-QQQ"), 404, "unknown-currency", "pair");
    expect_problem(get("/rates/USD-GBP"), 404, "no-data", "pair");
    expect_problem(get("/rates/USD-EUR-GBP"), 400, "bad-pair", "pair");
}
END_TEST

START_TEST(test_alerts)
{
    const answer *a = post("{\"pair\":\"usd-eur\",\"condition\":\"above\",\"threshold\":0.90}");
    ck_assert_msg(a->status == 201, "%s", a->text);
    ck_assert_str_eq(a->location, "/api/v1/alerts/1");
    ck_assert_int_eq(json_integer_value(json_object_get(a->json, "id")), 1);
    ck_assert_str_eq(member(a->json, "pair"), "USD/EUR");
    ck_assert_str_eq(member(a->json, "condition"), "above");
    ck_assert(json_is_true(json_object_get(a->json, "active")));
    ck_assert_str_eq(member(a->json, "created_at"), "2026-02-04T13:50:00Z");
    ck_assert_ptr_nonnull(strstr(a->text, "\"threshold\":0.90"));
    ck_assert_int_eq(post("{\"pair\":\"USD/JPY\",\"condition\":\"below\",\"threshold\":150}")->status, 201);
    a = get("/alerts");
    ck_assert_uint_eq(json_array_size(a->json), 2);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(a->json, 0), "id")), 2); /* newest first */
    ck_assert_uint_eq(json_array_size(get("/alerts?pair=USDJPY")->json), 1);
    ck_assert_uint_eq(json_array_size(get("/alerts?active=true")->json), 2);
    ck_assert_uint_eq(json_array_size(get("/alerts?active=false")->json), 0);
    ck_assert_uint_eq(json_array_size(get("/alerts?limit=1&offset=1")->json), 1);
    ck_assert_uint_eq(json_array_size(get("/alerts?offset=5")->json), 0);
    expect_problem(get("/alerts?active=maybe"), 422, "bad-parameter", "active");
    ck_assert_str_eq(member(get("/api/v1/alerts/2")->json, "pair"), "USD/JPY");
    a = ask_with("DELETE", "/alerts/2", "", NULL);
    ck_assert_int_eq(a->status, 200);
    ck_assert(json_is_true(json_object_get(a->json, "success")));
    ck_assert_uint_gt(strlen(member(a->json, "message")), 0);
    expect_problem(ask_with("DELETE", "/alerts/2", "", NULL), 404, "no-such-alert", "id");
    ck_assert_str_eq(member(last.json, "detail"), "Alert with ID 2 not found");
    expect_problem(get("/alerts/2"), 404, "no-such-alert", "id");
    ck_assert_int_eq(ask_with("DELETE", "/alerts/x", "", NULL)->status, 404);
    ck_assert_int_eq(ask_with("DELETE", "/alerts/0", "", NULL)->status, 404);
    ck_assert_int_eq(ask_with("DELETE", "/alerts/99999999999999999999", "", NULL)->status, 404);
}
END_TEST

typedef struct body_row { const char *body; int status; const char *field; } body_row;
static const body_row bodies[] = {
    {"", 422, NULL}, {"{", 422, NULL}, {"null", 422, NULL}, {"[]", 422, NULL}, {"{\"pair\":\"USD/EUR\"", 422, NULL},
    {"{\"condition\":\"above\",\"threshold\":1}", 422, "pair"}, {"{\"pair\":\"USD/EUR\",\"threshold\":1}", 422, "condition"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\"}", 422, "threshold"}, {"{\"pair\":1,\"condition\":\"above\",\"threshold\":1}", 422, "pair"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":\"1\"}", 422, "threshold"}, {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":null}", 422, "threshold"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":0}", 400, "threshold"}, {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":-0.5}", 400, "threshold"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"sideways\",\"threshold\":1}", 400, "condition"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":1,\"id\":7}", 422, "id"}, {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":1,\"owner\":1}", 422, "owner"},
    {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":1}x", 422, NULL}, {"{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":NaN}", 422, NULL},
};

START_TEST(test_bad_alerts)
{
    const answer *a = post(bodies[_i].body);
    ck_assert_msg(a->status == bodies[_i].status, "%s: %d %s", bodies[_i].body, a->status, a->text);
    ck_assert_str_eq(a->type, "application/problem+json");
    if (bodies[_i].field)
        ck_assert_str_eq(member(a->json, "field"), bodies[_i].field);
    ck_assert_uint_eq(memory->alerts, 0);
}
END_TEST

START_TEST(test_events)
{
    const answer *a;
    for (int i = 0; i < 600; i++)
        fxt_memory_event(memory, 7, "USD/EUR", "0.905", T0 + i * MINUTE);
    a = get("/alerts/history");
    ck_assert_uint_eq(json_array_size(a->json), 50);
    a = get("/api/v1/alerts/history?limit=500&offset=1");
    ck_assert_uint_eq(json_array_size(a->json), 500);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(a->json, 0), "id")), 599);
    ck_assert_int_eq(json_integer_value(json_object_get(json_array_get(a->json, 0), "alert_id")), 7);
    ck_assert_str_eq(member(json_array_get(a->json, 0), "message"), "USD/EUR went above 0.9 (current: 0.905)");
    ck_assert_str_eq(member(json_array_get(a->json, 0), "pair"), "USD/EUR");
    ck_assert(json_real_value(json_object_get(json_array_get(a->json, 0), "rate")) == 0.905);
    ck_assert_uint_gt(strlen(member(json_array_get(a->json, 0), "triggered_at")), 19);
    expect_problem(get("/alerts/history?limit=501"), 422, "bad-parameter", "limit");
    expect_problem(get("/alerts/history?limit=0"), 422, "bad-parameter", "limit");
}
END_TEST

START_TEST(test_methods)
{
    ck_assert_int_eq(ask_with("OPTIONS", "/alerts", "", NULL)->status, 204);
    ck_assert_str_eq(last.allow, "POST, GET, HEAD, OPTIONS");
    expect_problem(ask_with("DELETE", "/rates", "", NULL), 405, "method-not-allowed", NULL);
    ck_assert_str_eq(last.allow, "GET, HEAD, OPTIONS");
    expect_problem(ask_with("TRACE", "/rates", "", NULL), 405, "method-not-allowed", NULL);
    expect_problem(ask_with("PUT", "/alerts/1", "", NULL), 405, "method-not-allowed", NULL);
    ck_assert_str_eq(last.allow, "GET, HEAD, DELETE, OPTIONS");
    ck_assert_int_eq(ask_with("HEAD", "/rates", "", NULL)->status, 200);
    expect_problem(ask_with("OPTIONS", "/nothing", "", NULL), 404, "no-such-resource", NULL);
    expect_problem(get("/api/v1"), 404, "no-such-resource", NULL);
    expect_problem(get("/api/v1/docs"), 404, "no-such-resource", NULL);
    expect_problem(get("/api/v2/rates"), 404, "no-such-resource", NULL);
    expect_problem(ask_with("GET", "/rates", "Accept: text/html\r\n", NULL), 406, "not-acceptable", NULL);
    expect_problem(ask_with("GET", "/rates", "Accept: image/*\r\n", NULL), 406, "not-acceptable", NULL);
    ck_assert_int_eq(ask_with("GET", "/rates", "Accept: application/*\r\n", NULL)->status, 200);
    ck_assert_int_eq(ask_with("GET", "/rates", "Accept: text/html,*/*;q=0.8\r\n", NULL)->status, 200);
    expect_problem(ask_with("POST", "/alerts", "", "{}"), 415, "unsupported-media-type", NULL);
    expect_problem(ask_with("POST", "/alerts", "Content-Type: text/plain\r\n", "{}"), 415, "unsupported-media-type", NULL);
    expect_problem(ask_with("POST", "/alerts", "Content-Type: text/plain, application/json\r\n", "{}"), 415, "unsupported-media-type", NULL);
    ck_assert_int_eq(ask_with("POST", "/alerts", "Content-Type: application/json; charset=utf-8\r\n", "{}")->status, 422);
}
END_TEST

START_TEST(test_pages)
{
    const answer *a = get("/");
    ck_assert_str_eq(a->type, "application/json");
    ck_assert_int_eq(strncmp(member(a->json, "name"), "FX Rate Monitor", 15), 0);
    ck_assert_str_eq(member(a->json, "version"), fxmon_version());
    ck_assert_str_eq(member(a->json, "status"), "operational");
    ck_assert_str_eq(member(json_object_get(json_object_get(a->json, "endpoints"), "rates"), "current"), "/rates");
    a = ask_with("GET", "/", "Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n", NULL);
    ck_assert_str_eq(a->type, "text/html; charset=utf-8");
    ck_assert_int_eq(strncmp(a->text, "<!doctype html>", 15), 0);
    for (const fxi_web_file *f = fxi_web_files; f->name; f++) {
        char path[64], fields[128];
        bool page = strstr(f->name, ".html") != NULL;
        snprintf(path, sizeof path, "/assets/%s", f->name);
        ck_assert_int_eq(get(path)->status, page ? 404 : 200);
        if (page)
            continue;
        ck_assert_str_eq(last.type, f->type);
        snprintf(fields, sizeof fields, "If-None-Match: %s\r\n", f->etag);
        ck_assert_int_eq(ask_with("GET", path, fields, NULL)->status, 304);
        ck_assert_msg(!memmem(f->data, f->length, "http://cdn", 10) && !memmem(f->data, f->length, "innerHTML", 9), "%s", f->name);
    }
    ck_assert_int_eq(get("/assets/nothing.js")->status, 404);
    ck_assert_int_eq(get("/docs")->status, 200);
}
END_TEST

/* Pages must live under the policy that is sent with them: nothing inline, nothing from elsewhere. */
START_TEST(test_policy)
{
    for (const fxi_web_file *f = fxi_web_files; f->name; f++) {
        if (!strstr(f->name, ".html"))
            continue;
        ck_assert_msg(!memmem(f->data, f->length, "<style", 6) && !memmem(f->data, f->length, " style=", 7) && !memmem(f->data, f->length, " onclick=", 9) &&
                          !memmem(f->data, f->length, "//", 2) && !memmem(f->data, f->length, "<script>", 8), "%s", f->name);
    }
}
END_TEST

START_TEST(test_store_away)
{
    static const char *const paths[] = {"/rates/USD-EUR/history", "/alerts", "/alerts/1", "/alerts/history"};
    memory->away = true;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        test_now += 2 * FXMON_SECOND;
        expect_problem(get(paths[i]), 503, "store-unavailable", NULL);
        ck_assert_int_gt(last.retry_after, 0);
        ck_assert_ptr_null(strstr(last.text, "secret"));
    }
    test_now += 2 * FXMON_SECOND;
    expect_problem(post("{\"pair\":\"USD/EUR\",\"condition\":\"above\",\"threshold\":1}"), 503, "store-unavailable", NULL);
    test_now += 2 * FXMON_SECOND;
    expect_problem(ask_with("DELETE", "/alerts/1", "", NULL), 503, "store-unavailable", NULL);
    ck_assert_int_eq(get("/rates")->status, 200); /* from memory */
    memory->away = false;
    expect_problem(get("/alerts"), 503, "store-unavailable", NULL); /* not asked again at once */
    test_now += 2 * FXMON_SECOND;
    ck_assert_int_eq(get("/alerts")->status, 200);
}
END_TEST

typedef struct header_list { char text[4096]; } header_list;
static void put_header(void *user, const char *name, const char *value)
{
    header_list *l = user;
    snprintf(l->text + strlen(l->text), sizeof l->text - strlen(l->text), "%s: %s\n", name, value);
}

static const char *headers_for(const char *origin, fxi_reply *r)
{
    static header_list l;
    fxi_head head = {.origin = {origin, strlen(origin)}};
    l.text[0] = '\0';
    fxi_reply_headers(r, server, &head, put_header, &l);
    return l.text;
}

START_TEST(test_headers)
{
    fxi_reply r;
    const char *text;
    fxi_reply_init(&r);
    fxi_reply_json(&r);
    text = headers_for("http://evil.example", &r);
    ck_assert_ptr_nonnull(strstr(text, "X-Content-Type-Options: nosniff\n"));
    ck_assert_ptr_nonnull(strstr(text, "Cache-Control: no-store\n"));
    ck_assert_ptr_nonnull(strstr(text, "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\n"));
    ck_assert_ptr_nonnull(strstr(text, "X-Frame-Options: DENY\n"));
    ck_assert_ptr_nonnull(strstr(text, "Referrer-Policy: no-referrer\n"));
    ck_assert_ptr_null(strstr(text, "Access-Control"));
    ck_assert_ptr_null(strstr(text, "Server:"));
    server->cors = strcpy(malloc(64), "https://a.example,https://b.example");
    ck_assert_ptr_nonnull(strstr(headers_for("https://b.example", &r), "Access-Control-Allow-Origin: https://b.example\n"));
    ck_assert_ptr_nonnull(strstr(headers_for("https://b.example", &r), "Vary: Origin\n"));
    ck_assert_ptr_null(strstr(headers_for("https://b.example.evil", &r), "Access-Control"));
    ck_assert_ptr_null(strstr(headers_for("https://b.exampl", &r), "Access-Control"));
    ck_assert_ptr_null(strstr(headers_for("http://b.example", &r), "Access-Control"));
    r.status = 204;
    strcpy(r.allow, "POST, GET, HEAD, OPTIONS");
    ck_assert_ptr_nonnull(strstr(headers_for("https://a.example", &r), "Access-Control-Allow-Methods: POST, GET, HEAD, OPTIONS\n"));
    strcpy(server->cors, "*");
    ck_assert_ptr_nonnull(strstr(headers_for("https://x.example", &r), "Access-Control-Allow-Origin: *\n"));
    ck_assert_ptr_null(strstr(headers_for("https://x.example", &r), "Credentials"));
    ck_assert_ptr_nonnull(strstr(headers_for("https://x.example", &r), "Access-Control-Allow-Methods: GET, HEAD, OPTIONS\n"));
    free(server->cors);
    server->cors = NULL;
    fxi_reply_free(&r);
}
END_TEST

START_TEST(test_configuration)
{
    static const struct { const char *listen; int code; } rows[] = {
        {"127.0.0.1:0", 0}, {"[::1]:0", 0}, {"127.1.2.3:80", 0}, {"8000", 0}, {"0.0.0.0:8000", FXMON_E_CONFIG}, {":8000", FXMON_E_CONFIG}, {"[::]:8000", FXMON_E_CONFIG},
        {"192.0.2.1:80", FXMON_E_CONFIG}, {"127.0.0.1", FXMON_E_CONFIG}, {"127.0.0.1:x", FXMON_E_CONFIG}, {"127.0.0.1:65536", FXMON_E_CONFIG}, {"::1:80", FXMON_E_CONFIG},
        {"", FXMON_E_CONFIG}};
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        fxi_server_config config = server->config;
        fxmon_error error = {0};
        fxi_server *s;
        config.listen = rows[i].listen;
        s = fxi_server_new(&config, &error);
        ck_assert_msg((s == NULL) == (rows[i].code != 0) && (s || error.code == rows[i].code), "%s: %d %s", rows[i].listen, error.code, error.text);
        ck_assert(s || strcmp(error.field, "listen") == 0);
        fxi_server_free(s);
    }
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("routes");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, test_rates);
    tcase_add_test(tests, test_rates_of_several_sources);
    tcase_add_test(tests, test_tags);
    tcase_add_loop_test(tests, test_pair_paths, 0, (int)(sizeof pair_rows / sizeof *pair_rows));
    tcase_add_test(tests, test_history);
    tcase_add_test(tests, test_alerts);
    tcase_add_loop_test(tests, test_bad_alerts, 0, (int)(sizeof bodies / sizeof *bodies));
    tcase_add_test(tests, test_events);
    tcase_add_test(tests, test_methods);
    tcase_add_test(tests, test_pages);
    tcase_add_test(tests, test_policy);
    tcase_add_test(tests, test_store_away);
    tcase_add_test(tests, test_headers);
    tcase_add_test(tests, test_configuration);
    return support_run("routes", tests);
}
