/* serve/server.c - puts the parts together: door (accepts), http (answers), watch (looks around). Started in the order of who needs whom, stopped in the other. */
#include "serve/server.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "serve/address.h"
#include "serve/serve.h"

#define WINDOW_OF_FEEDING 20 /* of a hub that is fed from the store, whose rows bring their volatility: unused, but not zero */

static int check_listen(fxi_server *s, fxmon_error *error)
{
    struct sockaddr_storage at;
    socklen_t length;
    int code = fxi_address_split(s->listen, s->host, sizeof s->host, &s->port, error);
    if (code == FXMON_OK)
        code = fxi_address_resolve(s->host, s->port, &at, &length, error);
    if (code == FXMON_OK && !fxi_address_loopback(&at) && !fxi_env_bool(&s->config.env, "insecure-no-auth", false))
        code = fxi_fail(error, FXMON_E_CONFIG, "listen",
                        "%s can be reached from other machines, and whoever reaches it may change alerts: say insecure-no-auth, or listen on 127.0.0.1", s->listen);
    return code;
}

static int take_options(fxi_server *s, const fxi_server_config *config, fxmon_error *error)
{
    const char *listen = config->listen ? config->listen : fxi_env_text(&config->env, "listen", NULL), *cors = fxi_env_text(&config->env, "cors-origin", NULL), *stale;
    s->listen = fxi_strdup(listen ? listen : "127.0.0.1:8000");
    s->store_url = fxi_strdup(config->store_url);
    s->log_url = fxi_strdup(config->log_url);
    s->cors = cors && *cors ? fxi_strdup(cors) : NULL;
    if (!s->listen || (config->store_url && !s->store_url) || (config->log_url && !s->log_url) || (cors && *cors && !s->cors))
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory");
    s->config.listen = s->listen;
    s->config.store_url = s->store_url;
    s->config.log_url = s->log_url;
    s->stale_after = INT64_C(2) * 86400 * FXMON_SECOND;
    stale = fxi_env_text(&config->env, "stale-after", NULL);
    if (stale && fxmon_duration_parse(stale, strlen(stale), &s->stale_after) != FXMON_OK)
        return fxi_fail(error, FXMON_E_RANGE, "stale-after", "\"%.40s\": expected a duration as 90s or 2d", stale);
    return check_listen(s, error);
}

fxi_server *fxi_server_new(const fxi_server_config *config, fxmon_error *error)
{
    fxi_server *s = fxi_calloc(1, sizeof *s);
    if (!s) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory");
        return NULL;
    }
    s->config = *config;
    if (!config->store_url)
        s->config.store = NULL;
    if (take_options(s, config, error) != FXMON_OK)
        goto fail;
    if (!config->hub && !s->config.store) {
        fxi_fail(error, FXMON_E_CONFIG, "from", "nothing to serve: neither a log nor a store is given");
        goto fail;
    }
    if (!config->hub && !(s->own_hub = fxi_hub_new(WINDOW_OF_FEEDING)))
        goto no_memory;
    s->hub = config->hub ? config->hub : s->own_hub;
    s->watch = fxi_watch_new(s);
    s->http = fxi_httpd_new(s);
    s->door = s->http ? fxi_door_new(s, fxi_httpd_deliver, s->http) : NULL;
    if (s->watch && s->http && s->door)
        return s;
no_memory:
    fxi_fail(error, FXMON_E_NOMEM, "", "out of memory");
fail:
    fxi_server_free(s);
    return NULL;
}

static int start_parts(fxi_server *s, fxmon_error *error)
{
    int code = fxi_watch_start(s->watch, error);
    if (code == FXMON_OK)
        code = fxi_httpd_start(s->http, error);
    if (code == FXMON_OK)
        code = fxi_door_start(s->door, error);
    return code;
}

int fxi_server_start(fxi_server *s, fxmon_error *error)
{
    const fxmon_env *env = &s->config.env;
    sigset_t all, before;
    int code;
    s->started = env->now(env->user);
    if (s->config.store && !fxi_desk_writer(&s->desk, s)) /* makes the schema, so that reading works before anything was written */
        fxi_log(env, FXMON_LOG_WARNING, "serve", "store: %s; trying again", s->desk.error.text);
    sigfillset(&all); /* signals are the host's: its threads shall get them */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    code = start_parts(s, error);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (code != FXMON_OK)
        fxi_server_stop(s);
    else
        fxi_log(env, FXMON_LOG_INFO, "serve", "listening on http://%s%s%s:%d/", strchr(s->host, ':') ? "[" : "", s->host, strchr(s->host, ':') ? "]" : "",
                fxi_door_port(s->door));
    return code;
}

int fxi_server_port(const fxi_server *s)
{
    return fxi_door_port(s->door);
}

void fxi_server_stop(fxi_server *s)
{
    if (!s)
        return;
    fxi_door_stop(s->door); /* nobody new, then nobody */
    fxi_httpd_stop(s->http);
    fxi_watch_stop(s->watch);
    if (s->config.store)
        fxi_desk_close(&s->desk, s);
}

void fxi_server_free(fxi_server *s)
{
    if (!s)
        return;
    fxi_server_stop(s);
    fxi_httpd_free(s->http);
    fxi_door_free(s->door);
    fxi_watch_free(s->watch);
    fxi_hub_free(s->own_hub);
    fxi_free(s->listen);
    fxi_free(s->store_url);
    fxi_free(s->log_url);
    fxi_free(s->cors);
    fxi_free(s);
}
