/*
 * serve/watch.c - one thread that looks at store, log and lanes once a second, so that a request for /health costs nothing and cannot be held up by what it
 * reports. Without a live lane it also feeds the hub from the store: then "current" is at most a second behind it.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "lane/verdict.h"
#include "serve/serve.h"

#define LOOK_EVERY FXMON_SECOND

struct fxi_watch {
    fxi_server *server;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    bool running, stopping;
    fxi_desk desk;            /* of this thread */
    fxi_complaint complaint;
    fxi_condition condition;  /* under the lock */
};

fxi_watch *fxi_watch_new(fxi_server *server)
{
    fxi_watch *w = fxi_calloc(1, sizeof *w);
    pthread_condattr_t attributes;
    if (!w)
        return NULL;
    w->server = server;
    if (pthread_mutex_init(&w->lock, NULL) != 0)
        goto no_lock;
    if (pthread_condattr_init(&attributes) != 0)
        goto no_wake;
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    if (pthread_cond_init(&w->wake, &attributes) != 0) {
        pthread_condattr_destroy(&attributes);
        goto no_wake;
    }
    pthread_condattr_destroy(&attributes);
    return w;
no_wake:
    pthread_mutex_destroy(&w->lock);
no_lock:
    fxi_free(w);
    return NULL;
}

static fxi_component *add_component(fxi_condition *c, const char *name, bool healthy, bool critical)
{
    fxi_component *component;
    if (c->count == FXI_COMPONENTS)
        return NULL;
    component = &c->component[c->count++];
    memset(component, 0, sizeof *component);
    snprintf(component->name, sizeof component->name, "%s", name);
    snprintf(component->status, sizeof component->status, "%s", healthy ? "healthy" : "unhealthy");
    component->critical = critical;
    if (critical && !healthy)
        c->ready = false;
    return component;
}

typedef struct feeding { fxi_hub *hub; const fxi_server *server; void *store; bool fresh; } feeding;

static bool feed_point(void *user, const fxmon_stored_rate *rate)
{
    feeding *f = user;
    return fxi_hub_feed(f->hub, rate) == FXMON_OK;
}

typedef struct backlog { size_t count; fxmon_stored_rate rows[FXI_HUB_LINE]; } backlog;

static bool keep_point(void *user, const fxmon_stored_rate *rate)
{
    backlog *b = user;
    b->rows[b->count++] = *rate;
    return b->count < FXI_HUB_LINE;
}

/* A series seen for the first time: its last points, oldest first, so that it begins with a line. */
static void feed_backlog(feeding *f, const fxmon_stored_rate *newest)
{
    fxmon_history_query query = {.pair = newest->pair, .from = INT64_MIN, .to = INT64_MAX, .limit = FXI_HUB_LINE, .source = newest->source};
    backlog *b = fxi_calloc(1, sizeof *b);
    fxmon_error error = {0};
    if (!b)
        return;
    if (f->server->config.store->history(f->store, &query, keep_point, b, &error) == FXMON_DONE)
        for (size_t i = b->count; i-- > 0;)
            feed_point(f, &b->rows[i]);
    fxi_free(b);
}

typedef struct latest { fxmon_stored_rate *rows; size_t count, capacity; } latest;

static bool keep_latest(void *user, const fxmon_stored_rate *rate)
{
    latest *l = user;
    fxmon_stored_rate *grown = l->count < FXI_HUB_SERIES ? fxi_grow(l->rows, &l->capacity, l->count + 1, sizeof *l->rows) : NULL;
    if (!grown)
        return false;
    l->rows = grown;
    l->rows[l->count++] = *rate;
    return true;
}

static fxmon_result feed_hub(fxi_watch *w, void *store, fxmon_error *error)
{
    fxi_server *s = w->server;
    feeding f = {s->own_hub, s, store, false};
    latest l = {0};
    fxmon_result result = s->config.store->latest(store, keep_latest, &l, error);
    for (size_t i = 0; result == FXMON_DONE && i < l.count; i++) {
        if (!fxi_hub_has(s->own_hub, &l.rows[i].pair, l.rows[i].source))
            feed_backlog(&f, &l.rows[i]);
        feed_point(&f, &l.rows[i]);
    }
    fxi_free(l.rows);
    fxi_hub_publish(s->own_hub);
    return result;
}

typedef struct hearing { fxi_condition *condition; int64_t now; } hearing;

static bool hear_component(void *user, const fxmon_health *row)
{
    hearing *h = user;
    fxmon_health health = *row;
    fxi_verdict_silence(&health, h->now);
    bool failed = strcmp(health.status, "failed") == 0;
    fxi_component *c = add_component(h->condition, health.component, !health.silent && !failed, false);
    if (!c)
        return false;
    if (!health.silent && strcmp(health.status, "ok") != 0 && strcmp(health.status, "idle") != 0)
        snprintf(c->status, sizeof c->status, "%s", health.status);
    snprintf(c->message, sizeof c->message, "%s%lld s ago, %lld messages, lag %lld", health.silent ? "silent: last sign of life " : "last sign of life ",
             (long long)((h->now - health.heartbeat) / FXMON_SECOND), (long long)health.messages, (long long)health.lag);
    return true;
}

static void look_at_store(fxi_watch *w, fxi_condition *c, int64_t now)
{
    fxi_server *s = w->server;
    const fxmon_env *env = &s->config.env;
    fxmon_error error = {0};
    fxmon_result result = FXMON_RETRY;
    hearing h = {c, now};
    fxi_component *component;
    void *store = fxi_desk_reader(&w->desk, s);
    if (!s->config.store)
        return;
    if (store) {
        result = s->config.store->ping(store, &error);
        if (result == FXMON_DONE && s->own_hub)
            result = feed_hub(w, store, &error);
        if (result != FXMON_DONE)
            fxi_desk_failed(&w->desk, s, result, &error);
    } else
        error = w->desk.error;
    component = add_component(c, "database", result == FXMON_DONE, true);
    if (component)
        snprintf(component->message, sizeof component->message, "%s", result == FXMON_DONE ? "answers" : fxmon_strerror(error.code));
    if (result != FXMON_DONE)
        fxi_complain(&w->complaint, env, "serve", "store: %s", error.text);
    else {
        fxi_relieve(&w->complaint, env, "serve", "store");
        (void)s->config.store->health_each(store, hear_component, &h, &error);
    }
}

static bool look_at_lane(void *user, const fxmon_status *status)
{
    fxi_condition *c = user;
    char name[sizeof c->component->name];
    bool failed = strcmp(status->state, "failed") == 0, live = strcmp(status->lane, "live") == 0;
    bool waiting = strcmp(status->state, "retrying") == 0 || strcmp(status->state, "open") == 0;
    int64_t next = status->next_offset > 0 ? status->next_offset : 0;
    fxi_component *component;
    snprintf(name, sizeof name, "%s%s", live ? "" : "lane/", live ? "log" : status->lane);
    component = add_component(c, name, !failed && !(live && waiting), live);
    if (!component)
        return false;
    if (waiting && !live)
        snprintf(component->status, sizeof component->status, "degraded");
    snprintf(component->message, sizeof component->message, "%s, %lld messages, lag %lld%s%s", status->state, (long long)status->messages,
             (long long)(status->end_offset > next ? status->end_offset - next : 0),
             status->last_error.code ? ", last error: " : "", status->last_error.code ? fxmon_strerror(status->last_error.code) : "");
    return true;
}

static void look_at_rates(fxi_watch *w, fxi_condition *c, int64_t now)
{
    int64_t newest = fxi_hub_newest(w->server->hub), age = now > newest ? now - newest : 0;
    fxi_component *component = add_component(c, "rates", newest != 0, true);
    if (!component)
        return;
    if (newest == 0) {
        snprintf(component->status, sizeof component->status, "waiting");
        snprintf(component->message, sizeof component->message, "no rate was seen yet");
        return;
    }
    if (age >= w->server->stale_after)
        snprintf(component->status, sizeof component->status, "stale");
    snprintf(component->message, sizeof component->message, "newest rate is %lld s old", (long long)(age / FXMON_SECOND));
}

static void look(fxi_watch *w)
{
    const fxi_server_config *config = &w->server->config;
    const fxmon_env *env = &config->env;
    int64_t now = env->now(env->user);
    fxi_condition c = {.ready = true};
    look_at_store(w, &c, now);
    if (config->each_status)
        (void)config->each_status(config->status_user, look_at_lane, &c);
    look_at_rates(w, &c, now);
    c.looked = env->monotonic(env->user);
    pthread_mutex_lock(&w->lock);
    w->condition = c;
    pthread_mutex_unlock(&w->lock);
}

static void *watch_main(void *user)
{
    fxi_watch *w = user;
    struct timespec until;
    pthread_mutex_lock(&w->lock);
    while (!w->stopping) {
        pthread_mutex_unlock(&w->lock);
        look(w);
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += LOOK_EVERY / FXMON_SECOND;
        pthread_mutex_lock(&w->lock);
        while (!w->stopping && pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT)
            ;
    }
    pthread_mutex_unlock(&w->lock);
    fxi_desk_close(&w->desk, w->server);
    return NULL;
}

int fxi_watch_start(fxi_watch *w, fxmon_error *error)
{
    int problem;
    look(w); /* the first answer must not say that nothing is known */
    w->stopping = false;
    problem = pthread_create(&w->thread, NULL, watch_main, w);
    if (problem)
        return fxi_fail_errno(error, problem, "start a thread", "watch");
    w->running = true;
    return FXMON_OK;
}

void fxi_watch_stop(fxi_watch *w)
{
    if (!w || !w->running)
        return;
    pthread_mutex_lock(&w->lock);
    w->stopping = true;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    w->running = false;
}

void fxi_watch_free(fxi_watch *w)
{
    if (!w)
        return;
    fxi_watch_stop(w);
    fxi_desk_close(&w->desk, w->server);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    fxi_free(w);
}

void fxi_watch_condition(fxi_watch *w, fxi_condition *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->condition;
    pthread_mutex_unlock(&w->lock);
}
