/*
 * serve/server.h - the HTTP side and the live hub, as api/ uses them. Order of life:
 *   hub = fxi_hub_new(window); run a lane with (&fxi_hub_stage, hub); server = fxi_server_new(&config); fxi_server_start; ...
 *   fxi_server_stop; fxi_server_free; stop the lane; fxi_hub_free.
 * Only in builds with libmicrohttpd (FXI_WITH_MICROHTTPD).
 */
#ifndef FXI_SERVER_H
#define FXI_SERVER_H
#include "lane/stage.h"

/** Newest quote, statistics and a short line of each (pair, source), in memory. One thread writes (the lane), any thread reads. */
typedef struct fxi_hub fxi_hub;
fxi_hub *fxi_hub_new(size_t window); /* volatility window; NULL: out of memory */
void fxi_hub_free(fxi_hub *hub);     /* NULL is fine; no lane and no server may use it any more */
/**
 * The stage of the live lane; its state is the fxi_hub. It keeps no progress: claim always answers "from the first record", so that
 * after every start the statistics are those of the whole log. close leaves the hub to its owner.
 */
extern const fxi_stage_ops fxi_hub_stage;

typedef struct fxi_server fxi_server;
typedef struct fxi_server_config {
    const char *listen;           /* HOST:PORT, [::1]:PORT, :PORT or PORT; NULL: option "listen" */
    const fxmon_store_ops *store; /* NULL: no store, then history and alerts answer 503 */
    const char *store_url;
    fxi_hub *hub;                 /* NULL: current rates come from the store */
    const char *log_url;          /* of the live lane, for /health (shown redacted); NULL: none */
    /** Copied. Its functions are called from the server's threads too, so they must be safe there: options must not change once it runs. */
    fxmon_env env;
    /** The lanes of the handle, for /health; called about once a second from a thread of the server. NULL: none. */
    int (*each_status)(void *user, bool (*fn)(void *user, const fxmon_status *status), void *fn_user);
    void *status_user;
} fxi_server_config;

/** Checks configuration and options (listen, insecure-no-auth, cors-origin, stale-after); opens nothing. Texts are copied. */
fxi_server *fxi_server_new(const fxi_server_config *config, fxmon_error *error);
/** Binds, then answers from threads of its own. A store that is away does not stop the start: it answers 503 until it is back. */
int fxi_server_start(fxi_server *server, fxmon_error *error);
int fxi_server_port(const fxi_server *server); /* port in use; 0 before the start */
void fxi_server_stop(fxi_server *server);      /* closes connections, joins the threads; may be started again */
void fxi_server_free(fxi_server *server);      /* stops too; NULL is fine */
#endif
