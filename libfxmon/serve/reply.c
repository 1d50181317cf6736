/* serve/reply.c - answers and their headers: one shape for every error (RFC 9457), one set of headers for every answer. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/value.h"
#include "serve/serve.h"

static const char api_policy[] = "default-src 'none'; frame-ancestors 'none'";
static const char page_policy[] = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; "
                                  "form-action 'none'; frame-ancestors 'none'";

void fxi_reply_init(fxi_reply *r)
{
    memset(r, 0, sizeof *r);
    fxi_buf_init(&r->body, FXI_REPLY_BODY);
}

void fxi_reply_free(fxi_reply *r)
{
    fxi_buf_free(&r->body);
}

const char *fxi_status_text(int status)
{
    static const struct { int status; const char *text; } table[] = {
        {200, "OK"}, {201, "Created"}, {204, "No Content"}, {304, "Not Modified"}, {400, "Bad Request"}, {404, "Not Found"},
        {405, "Method Not Allowed"}, {406, "Not Acceptable"}, {408, "Request Timeout"}, {413, "Content Too Large"}, {414, "URI Too Long"},
        {415, "Unsupported Media Type"}, {417, "Expectation Failed"}, {422, "Unprocessable Content"}, {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"}, {501, "Not Implemented"}, {503, "Service Unavailable"}, {505, "HTTP Version Not Supported"}};
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (table[i].status == status)
            return table[i].text;
    return "Error";
}

/* "unknown-currency" -> "Unknown currency" */
static bool put_title(fxi_buf *out, const char *type, int status)
{
    char title[64];
    size_t n = 0;
    if (!type)
        return fxi_buf_jsonz(out, fxi_status_text(status));
    for (; type[n] && n < sizeof title - 1; n++)
        title[n] = type[n] == '-' ? ' ' : type[n];
    title[n] = '\0';
    if (title[0] >= 'a' && title[0] <= 'z')
        title[0] = (char)(title[0] - 'a' + 'A');
    return fxi_buf_jsonz(out, title);
}

void fxi_reply_problem(fxi_reply *r, const fxi_request *q, int status, const char *type, const char *field, const char *format, ...)
{
    char detail[512];
    va_list arguments;
    va_start(arguments, format);
    if (vsnprintf(detail, sizeof detail, format, arguments) < 0)
        detail[0] = '\0';
    va_end(arguments);
    fxi_buf_clear(&r->body);
    r->fixed = NULL;
    r->status = status;
    r->type = "application/problem+json";
    r->cache = NULL;
    r->etag[0] = r->location[0] = '\0';
    r->page = false;
    fxi_buf_puts(&r->body, type ? "{\"type\":\"urn:fxmon:problem:" : "{\"type\":\"about:blank");
    fxi_buf_puts(&r->body, type ? type : "");
    fxi_buf_puts(&r->body, "\",\"title\":");
    put_title(&r->body, type, status);
    fxi_buf_puts(&r->body, ",\"status\":");
    fxi_buf_int(&r->body, status);
    fxi_buf_puts(&r->body, ",\"detail\":");
    fxi_buf_jsonz(&r->body, detail);
    if (q && q->raw_length) {
        fxi_buf_puts(&r->body, ",\"instance\":");
        fxi_buf_json(&r->body, q->raw, q->raw_length < 512 ? q->raw_length : 512);
    }
    if (field && *field) {
        fxi_buf_puts(&r->body, ",\"field\":");
        fxi_buf_jsonz(&r->body, field);
    }
    fxi_buf_puts(&r->body, "}\n");
}

void fxi_reply_refusal(fxi_reply *r, const fxi_request *q, const fxi_head *head)
{
    fxi_reply_problem(r, q, head->status, head->status == 400 ? "bad-request" : NULL, NULL, "%s", head->reason);
    r->close = true;
}

void fxi_reply_store_away(fxi_reply *r, const fxi_request *q, const fxmon_error *error)
{
    /* what the store says may name files and hosts: the log has it, the client gets the kind of error */
    fxi_reply_problem(r, q, 503, "store-unavailable", NULL, "%s%s",
                      error->code ? fxmon_strerror(error->code) : "the server was started without a store",
                      error->code ? "; try again in a few seconds" : "");
    r->retry_after = error->code ? 5 : 0;
}

void fxi_reply_json(fxi_reply *r)
{
    r->status = 200;
    r->type = "application/json";
}

static bool origin_allowed(const char *list, fxi_span origin)
{
    while (list && *list) {
        size_t length = strcspn(list, ", \n");
        if (length == origin.length && memcmp(list, origin.at, length) == 0)
            return true;
        list += length + strspn(list + length, ", \n");
    }
    return false;
}

static void cors_headers(const fxi_reply *r, const fxi_server *server, const fxi_head *head, void (*fn)(void *, const char *, const char *), void *user)
{
    char origin[256];
    bool any = strcmp(server->cors, "*") == 0;
    if (!any)
        fn(user, "Vary", "Origin");
    if (!head || !head->origin.length || head->origin.length >= sizeof origin || (!any && !origin_allowed(server->cors, head->origin)))
        return;
    memcpy(origin, head->origin.at, head->origin.length);
    origin[head->origin.length] = '\0';
    fn(user, "Access-Control-Allow-Origin", any ? "*" : origin);
    fn(user, "Access-Control-Expose-Headers", "ETag, Location, Retry-After");
    if (r->status == 204 && r->allow[0]) {
        fn(user, "Access-Control-Allow-Methods", any ? "GET, HEAD, OPTIONS" : r->allow); /* any page may read; one named page may write */
        fn(user, "Access-Control-Allow-Headers", "Content-Type, If-None-Match");
        fn(user, "Access-Control-Max-Age", "600");
    }
}

void fxi_reply_headers(const fxi_reply *r, const fxi_server *server, const fxi_head *head,
                       void (*fn)(void *user, const char *name, const char *value), void *user)
{
    char number[16];
    if (r->type)
        fn(user, "Content-Type", r->type);
    fn(user, "Cache-Control", r->cache ? r->cache : "no-store");
    fn(user, "X-Content-Type-Options", "nosniff");
    fn(user, "X-Frame-Options", "DENY");
    fn(user, "Referrer-Policy", "no-referrer");
    fn(user, "Content-Security-Policy", r->page ? page_policy : api_policy);
    if (r->etag[0])
        fn(user, "ETag", r->etag);
    if (r->location[0])
        fn(user, "Location", r->location);
    if (r->allow[0])
        fn(user, "Allow", r->allow);
    if (r->varies)
        fn(user, "Vary", "Accept");
    if (r->retry_after) {
        snprintf(number, sizeof number, "%d", r->retry_after);
        fn(user, "Retry-After", number);
    }
    if (r->close)
        fn(user, "Connection", "close");
    if (server->cors)
        cors_headers(r, server, head, fn, user);
}

bool fxi_param_integer(fxi_request *q, fxi_reply *r, const char *name, int64_t minimum, int64_t maximum, int64_t *value)
{
    const char *text = fxi_target_param(&q->target, name);
    if (!text)
        return true;
    if (fxi_integer_parse(text, strlen(text), value) == FXMON_OK && *value >= minimum && *value <= maximum)
        return true;
    fxi_reply_problem(r, q, 422, "bad-parameter", name, "%s is \"%s\", expected a whole number from %lld to %lld", name, text, (long long)minimum,
                      (long long)maximum);
    return false;
}

bool fxi_param_time(fxi_request *q, fxi_reply *r, const char *name, int64_t *value)
{
    const char *text = fxi_target_param(&q->target, name);
    if (!text || fxmon_time_parse(text, strlen(text), value) == FXMON_OK)
        return true;
    fxi_reply_problem(r, q, 422, "bad-parameter", name, "%s is \"%s\", expected a time as 2026-02-04T10:30:00Z or a date as 2026-02-04", name, text);
    return false;
}

bool fxi_param_pair(fxi_request *q, fxi_reply *r, const char *name, fxmon_pair *pair, bool *given)
{
    const char *text = fxi_target_param(&q->target, name);
    *given = text != NULL;
    if (!text || fxmon_pair_parse(text, strlen(text), pair) == FXMON_OK)
        return true;
    fxi_reply_problem(r, q, 422, "bad-parameter", name, "%s is \"%s\", expected a currency pair as USD/EUR or USD-EUR", name, text);
    return false;
}

bool fxi_param_bool(fxi_request *q, fxi_reply *r, const char *name, bool *value, bool *given)
{
    const char *text = fxi_target_param(&q->target, name);
    *given = text != NULL;
    if (!text || fxi_bool_parse(text, strlen(text), value) == FXMON_OK)
        return true;
    fxi_reply_problem(r, q, 422, "bad-parameter", name, "%s is \"%s\", expected true or false", name, text);
    return false;
}
