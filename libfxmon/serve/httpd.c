/*
 * serve/httpd.c - libmicrohttpd, and the only file that knows it. One thread of the library answers all requests, so everything here but the start and the
 * stop runs in that thread and needs no lock.
 *
 * The answer to GET /rates is the hot one: it is built once for each change of the rates (and each second, because ages are in it) and the same response object is
 * queued for everybody.
 *
 * The library has parsed the head leniently when we see it. It says how long the head was, and the method it hands over is where the head begins in its
 * buffer; fxi_head_reread judges it there. A library that parses otherwise fails that test closed: with 400, not with a smuggled request.
 */
#include <microhttpd.h>
#include <string.h>

#include "base/error.h"
#include "base/mem.h"
#include "serve/serve.h"

#define POOL 32768                      /* memory of a connection: head, parsed fields, answer's head */
#define LIBRARY_CONNECTIONS 1100        /* above the door's limit, which is the one that counts */
#define LIBRARY_TIMEOUT 30u             /* seconds without a byte, behind the door's deadlines */
#define REQUESTS 1000                   /* of one connection */
#define IDLE_TIME (15 * FXMON_SECOND)   /* until the next head is complete */
#define ANSWER_TIME (20 * FXMON_SECOND) /* for the body, and for taking the answer */
#define BODY_SWALLOWED (1u << 20)       /* a chunked body above the limit is read to its end up to here, to say 413 */

enum phase { PHASE_NEW, PHASE_BODY, PHASE_ANSWERED };

typedef struct connection {
    int fd;
    long place; /* in the door's table */
    enum phase phase;
    unsigned requests;
    fxi_head head;
    fxi_buf body;
    size_t swallowed;
    size_t target_length;
    char target[FXI_HEAD_TARGET + 1];
} connection;

typedef struct shared {
    struct MHD_Response *full, *unchanged;
    uint64_t generation;
    int64_t second;
    char etag[80];
} shared;

struct fxi_httpd {
    fxi_server *server;
    struct MHD_Daemon *daemon;
    shared rates;
};

fxi_httpd *fxi_httpd_new(fxi_server *server)
{
    fxi_httpd *h = fxi_calloc(1, sizeof *h);
    if (h)
        h->server = server;
    return h;
}

static void add_header(void *user, const char *name, const char *value)
{
    (void)MHD_add_response_header(user, name, value);
}

/* A response that owns the reply's body (or points to its fixed bytes). NULL: out of memory. */
static struct MHD_Response *make_response(const fxi_httpd *h, fxi_reply *r, const fxi_head *head)
{
    struct MHD_Response *response;
    if (r->fixed)
        response = MHD_create_response_from_buffer(r->fixed_length, (void *)(uintptr_t)r->fixed, MHD_RESPMEM_PERSISTENT);
    else if (r->body.length == 0)
        response = MHD_create_response_from_buffer(0, (void *)(uintptr_t)"", MHD_RESPMEM_PERSISTENT);
    else {
        size_t length = r->body.length;
        char *data = fxi_buf_take(&r->body);
        if (!data)
            return NULL;
        response = MHD_create_response_from_buffer_with_free_callback(length, data, fxi_free);
        if (!response)
            fxi_free(data);
    }
    if (response)
        fxi_reply_headers(r, h->server, head, add_header, response);
    return response;
}

static enum MHD_Result queue_reply(const fxi_httpd *h, struct MHD_Connection *to, connection *c, fxi_reply *r)
{
    struct MHD_Response *response;
    enum MHD_Result queued = MHD_NO;
    if (c->requests >= REQUESTS)
        r->close = true;
    response = make_response(h, r, &c->head);
    if (response) {
        queued = MHD_queue_response(to, (unsigned)r->status, response);
        MHD_destroy_response(response);
    }
    fxi_reply_free(r);
    c->phase = PHASE_ANSWERED;
    return queued;
}

static void drop_shared(shared *s)
{
    if (s->full)
        MHD_destroy_response(s->full);
    if (s->unchanged)
        MHD_destroy_response(s->unchanged);
    memset(s, 0, sizeof *s);
}

static bool rebuild_rates(fxi_httpd *h, uint64_t generation, int64_t now)
{
    const fxi_snapshot *snapshot = fxi_hub_snapshot(h->server->hub);
    shared *s = &h->rates;
    fxi_reply r;
    drop_shared(s);
    if (!snapshot)
        return false;
    fxi_reply_init(&r);
    fxi_reply_json(&r);
    r.cache = "no-cache";
    fxi_rates_etag(h->server, snapshot, now, r.etag);
    memcpy(s->etag, r.etag, sizeof s->etag);
    if (fxi_rates_encode(snapshot, NULL, NULL, now, h->server->stale_after, false, &r.body))
        s->full = make_response(h, &r, NULL);
    fxi_buf_clear(&r.body);
    r.type = NULL;
    s->unchanged = make_response(h, &r, NULL);
    fxi_reply_free(&r);
    fxi_snapshot_release(h->server->hub, snapshot);
    s->generation = generation;
    s->second = now / FXMON_SECOND;
    return s->full && s->unchanged;
}

/* Is it the plain GET /rates of everybody? Then it is answered. */
static bool answer_shared(fxi_httpd *h, struct MHD_Connection *to, connection *c, int64_t now, enum MHD_Result *queued)
{
    shared *s = &h->rates;
    uint64_t generation;
    bool same;
    if (!((c->target_length == 6 && memcmp(c->target, "/rates", 6) == 0) || (c->target_length == 13 && memcmp(c->target, "/api/v1/rates", 13) == 0)) ||
        c->head.method.length != 3 || memcmp(c->head.method.at, "GET", 3) != 0 || h->server->own_hub || c->requests >= REQUESTS ||
        (h->server->cors && c->head.origin.length) ||
        (c->head.accept.length && !fxi_head_lists(c->head.accept, "*/*") && !fxi_head_lists(c->head.accept, "application/json")))
        return false;
    generation = fxi_hub_generation(h->server->hub);
    if ((!s->full || s->generation != generation || s->second != now / FXMON_SECOND) && !rebuild_rates(h, generation, now))
        return false;
    same = c->head.if_none_match.length && fxi_head_lists(c->head.if_none_match, s->etag + 2);
    *queued = MHD_queue_response(to, same ? 304 : 200, same ? s->unchanged : s->full);
    c->phase = PHASE_ANSWERED;
    return true;
}

static bool has_body(const fxi_head *head)
{
    for (size_t i = 0; i < head->content_length.length; i++)
        if (head->content_length.at[i] != '0')
            return true;
    return head->encodings > 0;
}

/* Judge the head in place. */
static void judge_head(struct MHD_Connection *from, connection *c, const char *method, const char *version)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(from, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    fxi_head *head = &c->head;
    size_t line;
    memset(head, 0, sizeof *head);
    head->method = (fxi_span){method, strlen(method)};
    head->target = (fxi_span){c->target, c->target_length <= FXI_HEAD_TARGET ? c->target_length : 0};
    if (c->target_length > FXI_HEAD_TARGET) {
        head->status = 414;
        head->reason = "request target too long: at most 4096 bytes";
        return;
    }
    line = head->method.length + 1 + c->target_length + 1;
    if (!info || info->header_size < line || version != method + line) {
        head->status = 400; /* white space or NUL bytes that the library stepped over */
        head->reason = "malformed request line";
        return;
    }
    for (size_t i = 0; i < c->target_length; i++) {
        if ((unsigned char)c->target[i] <= 0x20 || (unsigned char)c->target[i] >= 0x7f) {
            head->status = 400;
            head->reason = "malformed request target";
            return;
        }
    }
    fxi_head_reread(version, method + info->header_size, head);
}

/* The head is here. Answering now would make the library close the connection, so that is for what is refused; the rest is answered by last_call. */
static enum MHD_Result first_call(fxi_httpd *h, struct MHD_Connection *from, connection *c, const char *method, const char *version)
{
    fxi_request q = {.server = h->server, .head = &c->head, .raw = c->target};
    bool refused = true;
    fxi_reply r;
    fxi_door_deadline(h->server->door, c->place, ANSWER_TIME);
    c->requests++;
    c->phase = PHASE_BODY;
    judge_head(from, c, method, version);
    if (!c->head.status && !has_body(&c->head))
        return MHD_YES;
    q.raw_length = c->head.target.length;
    fxi_reply_init(&r);
    if (c->head.status)
        fxi_reply_refusal(&r, &q, &c->head);
    else
        refused = fxi_serve_early(&q, &r);
    if (refused) {
        r.close = true; /* a body that was not read is in the way of the next head */
        return queue_reply(h, from, c, &r);
    }
    fxi_reply_free(&r);
    return MHD_YES;
}

static enum MHD_Result last_call(fxi_httpd *h, struct MHD_Connection *from, connection *c)
{
    const fxmon_env *env = &h->server->config.env;
    fxi_request q = {.server = h->server, .head = &c->head, .raw = c->target, .raw_length = c->target_length, .now = env->now(env->user)};
    enum MHD_Result queued;
    fxi_reply r;
    if (answer_shared(h, from, c, q.now, &queued))
        return queued;
    fxi_reply_init(&r);
    if (c->swallowed > FXI_REQUEST_BODY) {
        fxi_reply_problem(&r, &q, 413, "body-too-large", NULL, "at most %d bytes", FXI_REQUEST_BODY);
        r.close = true;
    } else if (c->body.failed)
        fxi_reply_problem(&r, &q, 500, NULL, NULL, "out of memory");
    else if (!fxi_serve_early(&q, &r)) {
        q.body = c->body.data;
        q.body_length = c->body.length;
        fxi_serve(&q, &r);
    }
    return queue_reply(h, from, c, &r);
}

static enum MHD_Result on_request(void *user, struct MHD_Connection *from, const char *url, const char *method, const char *version,
                                  const char *upload, size_t *upload_size, void **context)
{
    fxi_httpd *h = user;
    connection *c = *context;
    (void)url;
    if (!c)
        return MHD_NO;
    if (c->phase == PHASE_NEW)
        return first_call(h, from, c, method, version);
    if (c->phase == PHASE_ANSWERED)
        return MHD_YES;
    if (*upload_size) {
        c->swallowed += *upload_size;
        if (c->swallowed <= FXI_REQUEST_BODY)
            fxi_buf_add(&c->body, upload, *upload_size);
        *upload_size = 0;
        return c->swallowed <= BODY_SWALLOWED ? MHD_YES : MHD_NO;
    }
    return last_call(h, from, c);
}

/* The raw target, before the library splits and decodes it. */
static void *on_target(void *user, const char *target, struct MHD_Connection *from)
{
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(from, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    connection *c = info ? info->socket_context : NULL;
    (void)user;
    if (!c)
        return NULL;
    c->phase = PHASE_NEW;
    c->swallowed = 0;
    c->target_length = target ? strlen(target) : 0;
    if (c->target_length <= FXI_HEAD_TARGET)
        memcpy(c->target, target ? target : "", c->target_length + 1);
    return c;
}

static size_t leave_escaped(void *user, struct MHD_Connection *from, char *text)
{
    (void)user;
    (void)from;
    return strlen(text);
}

static void on_completed(void *user, struct MHD_Connection *from, void **context, enum MHD_RequestTerminationCode why)
{
    fxi_httpd *h = user;
    connection *c = *context;
    (void)from;
    (void)why;
    if (!c)
        return;
    fxi_buf_free(&c->body);
    fxi_buf_init(&c->body, FXI_REQUEST_BODY);
    fxi_door_deadline(h->server->door, c->place, IDLE_TIME);
    *context = NULL;
}

static void on_connection(void *user, struct MHD_Connection *which, void **context, enum MHD_ConnectionNotificationCode what)
{
    fxi_httpd *h = user;
    connection *c;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        const union MHD_ConnectionInfo *info = MHD_get_connection_info(which, MHD_CONNECTION_INFO_CONNECTION_FD);
        *context = c = fxi_calloc(1, sizeof *c);
        if (c) {
            c->fd = info ? info->connect_fd : -1;
            c->place = fxi_door_place(h->server->door, c->fd);
            fxi_buf_init(&c->body, FXI_REQUEST_BODY);
        }
        return;
    }
    if ((c = *context)) {
        fxi_door_left(h->server->door, c->fd);
        fxi_buf_free(&c->body);
        fxi_free(c);
        *context = NULL;
    }
}

int fxi_httpd_start(fxi_httpd *h, fxmon_error *error)
{
    h->daemon = MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL, on_request, h,
                                 MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL, MHD_OPTION_CONNECTION_LIMIT, (unsigned)LIBRARY_CONNECTIONS,
                                 MHD_OPTION_CONNECTION_TIMEOUT, LIBRARY_TIMEOUT, MHD_OPTION_URI_LOG_CALLBACK, on_target, h,
                                 MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, h, MHD_OPTION_NOTIFY_COMPLETED, on_completed, h,
                                 MHD_OPTION_NOTIFY_CONNECTION, on_connection, h, MHD_OPTION_END);
    return h->daemon ? FXMON_OK : fxi_fail(error, FXMON_E_IO, "listen", "the HTTP library does not start");
}

bool fxi_httpd_deliver(void *httpd, int fd, const void *address, unsigned length)
{
    fxi_httpd *h = httpd;
    return MHD_add_connection(h->daemon, fd, address, (socklen_t)length) == MHD_YES;
}

void fxi_httpd_stop(fxi_httpd *h)
{
    if (!h || !h->daemon)
        return;
    MHD_stop_daemon(h->daemon);
    h->daemon = NULL;
    drop_shared(&h->rates);
}

void fxi_httpd_free(fxi_httpd *h)
{
    fxi_httpd_stop(h);
    fxi_free(h);
}
