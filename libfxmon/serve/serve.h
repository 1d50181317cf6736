/* serve/serve.h - what the parts of the HTTP side share: the server, a request, a reply, the table of routes. Nothing here knows the HTTP library. */
#ifndef FXI_SERVE_H
#define FXI_SERVE_H
#include "base/buf.h"
#include "serve/head.h"
#include "serve/hub.h"
#include "serve/target.h"

#define FXI_REQUEST_BODY 65536          /* longer: 413 */
#define FXI_REPLY_BODY (8u << 20)       /* most bytes of one answer */
#define FXI_STORE_RETRY FXMON_SECOND    /* a store that is away is tried again after this */

typedef struct fxi_watch fxi_watch;
typedef struct fxi_door fxi_door;
typedef struct fxi_httpd fxi_httpd;

/** Connections to the store that belong to one thread, opened when first needed and again after failures. */
typedef struct fxi_desk {
    void *reader, *writer;
    int64_t retry_at;      /* monotonic: not tried before */
    fxmon_error error;     /* of the last attempt */
} fxi_desk;

struct fxi_server {
    fxi_server_config config;  /* texts are own copies */
    char *listen, *store_url, *log_url, *cors;
    char host[64];
    int port;                  /* asked for */
    int64_t stale_after, started;
    fxi_hub *hub, *own_hub;    /* own_hub: fed from the store */
    fxi_desk desk;             /* of the thread that handles requests */
    fxi_watch *watch;
    fxi_httpd *http;
    fxi_door *door;
};

typedef struct fxi_request fxi_request;

typedef struct fxi_reply {
    int status;
    const char *type;          /* media type */
    fxi_buf body;
    const char *fixed;         /* instead of body: bytes that live as long as the program */
    size_t fixed_length;
    const char *cache;         /* Cache-Control; NULL: no-store */
    char etag[80], location[64], allow[64];
    int retry_after;           /* seconds, 0 none */
    bool page;                 /* for people: the page's Content-Security-Policy */
    bool varies;               /* depends on Accept */
    bool close;
} fxi_reply;

typedef void (*fxi_handler)(fxi_request *q, fxi_reply *r);

typedef struct fxi_param { const char *name, *schema, *text; } fxi_param; /* schema: a JSON Schema */
enum { FXI_ROUTE_PARAMS = 8 };

/** A row of the table of routes: routing, 405, 422 for unknown parameters and the OpenAPI document all come from it. */
typedef struct fxi_route {
    const char *method, *pattern; /* "/rates/{pair}/history" */
    fxi_handler handler;
    bool versioned;               /* also under /api/v1 */
    const char *type;             /* media types of the answer, separated by a space */
    const char *answer;           /* name of the schema of the answer: "Rate[]" for an array; NULL: not JSON */
    const char *body;             /* name of the schema of the request's body; NULL: none */
    int success;                  /* 200, 201 */
    const char *problems;         /* "404 422 503" */
    const char *summary;
    fxi_param params[FXI_ROUTE_PARAMS];
} fxi_route;
extern const fxi_route fxi_routes[];
extern const size_t fxi_route_count;

struct fxi_request {
    fxi_server *server;
    const fxi_head *head;
    const fxi_route *route;
    const char *raw;           /* target as it came */
    size_t raw_length;
    fxi_target target;
    fxmon_pair pair;           /* of {pair} */
    int64_t id;                /* of {id} */
    const char *file;          /* of {file} */
    const char *body;
    size_t body_length;
    int64_t now;
};

/* route.c: everything but the network. The head has been judged; body may be NULL. */
void fxi_serve(fxi_request *q, fxi_reply *r);
/** Does the request have to be refused before its body is read? Fills r then. */
bool fxi_serve_early(fxi_request *q, fxi_reply *r);

/* reply.c */
void fxi_reply_init(fxi_reply *r);
void fxi_reply_free(fxi_reply *r);
/** application/problem+json; field may be NULL. Replaces what the reply held. */
void fxi_reply_problem(fxi_reply *r, const fxi_request *q, int status, const char *type, const char *field, const char *format, ...)
    __attribute__((format(printf, 6, 7)));
void fxi_reply_refusal(fxi_reply *r, const fxi_request *q, const fxi_head *head); /* of a head that was judged bad */
void fxi_reply_store_away(fxi_reply *r, const fxi_request *q, const fxmon_error *error);
void fxi_reply_json(fxi_reply *r);                          /* 200, application/json */
const char *fxi_status_text(int status);

/* Every answer carries these: fn is called with name and value. */
void fxi_reply_headers(const fxi_reply *r, const fxi_server *server, const fxi_head *head,
                       void (*fn)(void *user, const char *name, const char *value), void *user);

/* parameters; false: the reply is a 422 that names the field */
bool fxi_param_integer(fxi_request *q, fxi_reply *r, const char *name, int64_t minimum, int64_t maximum, int64_t *value);
bool fxi_param_time(fxi_request *q, fxi_reply *r, const char *name, int64_t *value);
bool fxi_param_pair(fxi_request *q, fxi_reply *r, const char *name, fxmon_pair *pair, bool *given);
bool fxi_param_bool(fxi_request *q, fxi_reply *r, const char *name, bool *value, bool *given);

/* desk.c */
void *fxi_desk_reader(fxi_desk *d, const fxi_server *s); /* NULL: away, d->error says why */
void *fxi_desk_writer(fxi_desk *d, const fxi_server *s);
/** After a failed call: connections are given up when the store failed, kept when the request was wrong. */
void fxi_desk_failed(fxi_desk *d, const fxi_server *s, fxmon_result result, const fxmon_error *error);
void fxi_desk_close(fxi_desk *d, const fxi_server *s);

/* rates.c */
bool fxi_rates_encode(const fxi_snapshot *s, const fxmon_pair *only, const char *source, int64_t now, int64_t stale_after, bool lines, fxi_buf *out);
/** Weak: ages in the body move on while the rates are the same. Changes with the generation and when a rate turns stale. */
void fxi_rates_etag(const fxi_server *s, const fxi_snapshot *snapshot, int64_t now, char out[80]);
void fxi_get_rates(fxi_request *q, fxi_reply *r);
void fxi_get_rate(fxi_request *q, fxi_reply *r);
void fxi_get_live(fxi_request *q, fxi_reply *r);
void fxi_get_sources(fxi_request *q, fxi_reply *r);
/* history.c */
void fxi_get_history(fxi_request *q, fxi_reply *r);
/* alerts.c */
void fxi_get_alerts(fxi_request *q, fxi_reply *r);
void fxi_post_alert(fxi_request *q, fxi_reply *r);
void fxi_get_alert(fxi_request *q, fxi_reply *r);
void fxi_delete_alert(fxi_request *q, fxi_reply *r);
void fxi_get_events(fxi_request *q, fxi_reply *r);
/* health.c */
void fxi_get_health(fxi_request *q, fxi_reply *r);
void fxi_get_ready(fxi_request *q, fxi_reply *r);
/* fleet.c */
void fxi_get_system(fxi_request *q, fxi_reply *r);
void fxi_get_consumers(fxi_request *q, fxi_reply *r);
void fxi_get_producers(fxi_request *q, fxi_reply *r);
void fxi_get_source_health(fxi_request *q, fxi_reply *r);
void fxi_get_assignment(fxi_request *q, fxi_reply *r);
void fxi_get_rebalances(fxi_request *q, fxi_reply *r);
/* page.c */
void fxi_get_root(fxi_request *q, fxi_reply *r);
void fxi_get_asset(fxi_request *q, fxi_reply *r);
void fxi_get_docs(fxi_request *q, fxi_reply *r);
/* openapi.c */
void fxi_get_openapi(fxi_request *q, fxi_reply *r);
bool fxi_openapi_encode(fxi_buf *out);

/* watch.c: a thread that looks at everything once a second, so that no request has to */
typedef struct fxi_component { char name[48], status[16], message[192]; bool critical; } fxi_component;
enum { FXI_COMPONENTS = 32 };
typedef struct fxi_condition { int64_t looked; size_t count; bool ready; fxi_component component[FXI_COMPONENTS]; } fxi_condition;
fxi_watch *fxi_watch_new(fxi_server *server);
int fxi_watch_start(fxi_watch *w, fxmon_error *error);
void fxi_watch_stop(fxi_watch *w);
void fxi_watch_free(fxi_watch *w);
void fxi_watch_condition(fxi_watch *w, fxi_condition *out);

/* door.c: accepts, counts, reads first heads, ends late connections */
typedef bool (*fxi_deliver_fn)(void *user, int fd, const void *address, unsigned length); /* takes fd, even when it answers false */
fxi_door *fxi_door_new(fxi_server *server, fxi_deliver_fn deliver, void *user);
int fxi_door_start(fxi_door *d, fxmon_error *error);
int fxi_door_port(const fxi_door *d);
void fxi_door_stop(fxi_door *d);
void fxi_door_free(fxi_door *d);
/* from the HTTP library's thread */
long fxi_door_place(fxi_door *d, int fd);                          /* of a delivered fd in the door's table, until it left; -1: not there */
void fxi_door_deadline(fxi_door *d, long place, int64_t after_ns); /* end it unless said otherwise within this time */
void fxi_door_left(fxi_door *d, int fd);                           /* fd is about to be closed */

/* httpd.c: libmicrohttpd */
fxi_httpd *fxi_httpd_new(fxi_server *server);
int fxi_httpd_start(fxi_httpd *h, fxmon_error *error);
bool fxi_httpd_deliver(void *httpd, int fd, const void *address, unsigned length);
void fxi_httpd_stop(fxi_httpd *h);
void fxi_httpd_free(fxi_httpd *h);

/* web.c is made by embed.sh from web/ */
typedef struct fxi_web_file { const char *name, *type, *etag; const char *data; size_t length; } fxi_web_file;
extern const fxi_web_file fxi_web_files[];
const fxi_web_file *fxi_web_find(const char *name); /* page.c */
#endif
