/*
 * lane/relay.c - from the outbox to the notifiers.
 *
 * The outbox is the history itself: each destination has a number up to which it has acknowledged. A turn reads the next events behind that number,
 * sends them one by one, and writes the number of each as soon as it is acknowledged: a transaction an event, so that a crash between the two sends one
 * event again and not a whole turn of them; who gets them by mail or telephone is glad of it. The repeated one has the same id; none is
 * ever left out, and nothing is given up: a destination that is down keeps its place and is tried again after a random, growing wait, while the
 * others go on. Turns are short, because evaluation runs on the same thread: past the budget nothing new is begun.
 */
#include "lane/relay.h"

#include <string.h>

#include "base/buf.h"
#include "base/crash.h"
#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "codec/alert.h"
#include "lane/retry.h"

#define RELAY_BATCH 64                       /* events read from the outbox at a time */
#define RELAY_DESTINATIONS 64                /* of one store */
#define RELAY_EVENT_BYTES 16384              /* longest event as JSON */
#define RELAY_FATAL_WAIT (60 * FXMON_SECOND) /* between attempts at a destination that needs a person */

typedef struct destination {
    const fxmon_notify_ops *ops;
    char *url, *name; /* name: redacted, its key in the outbox */
    void *state;
    bool open, behind;
    int64_t due;      /* monotonic: no attempt before */
    fxi_retry retry;
    fxi_complaint complaint;
    fxmon_error error;
} destination;

struct fxi_relay {
    const fxmon_env *env;
    const fxmon_store_ops *store_ops;
    void *store;
    destination *destination;
    size_t count, capacity, turn; /* turn: who begins */
    fxmon_stored_event *event;
    size_t events;
};

fxi_relay *fxi_relay_new(void)
{
    fxi_relay *relay = fxi_calloc(1, sizeof *relay);
    if (relay)
        relay->event = fxi_calloc(RELAY_BATCH, sizeof *relay->event);
    if (relay && !relay->event) {
        fxi_free(relay);
        return NULL;
    }
    return relay;
}

void fxi_relay_free(fxi_relay *relay)
{
    if (!relay)
        return;
    for (size_t i = 0; i < relay->count; i++) {
        destination *d = &relay->destination[i];
        if (d->open)
            d->ops->close(d->state);
        fxi_free(d->url);
        fxi_free(d->name);
    }
    fxi_free(relay->destination);
    fxi_free(relay->event);
    fxi_free(relay);
}

static char *redacted(const char *url)
{
    char text[512];
    fxi_url_redact(url, text, sizeof text);
    return fxi_strdup(text);
}

int fxi_relay_add(fxi_relay *relay, const fxmon_notify_ops *ops, const char *url, fxmon_error *error)
{
    if (relay->count == RELAY_DESTINATIONS)
        return fxi_fail(error, FXMON_E_RANGE, "notify", "more than %d destinations", RELAY_DESTINATIONS);
    destination d = {.ops = ops, .url = fxi_strdup(url), .name = redacted(url)};
    destination *grown = fxi_grow(relay->destination, &relay->capacity, relay->count + 1, sizeof *grown);
    if (grown)
        relay->destination = grown;
    int code = !d.url || !d.name || !grown ? fxi_fail(error, FXMON_E_NOMEM, "notify", "out of memory") : FXMON_OK;
    for (size_t i = 0; code == FXMON_OK && i < relay->count; i++)
        if (strcmp(relay->destination[i].name, d.name) == 0)
            code = fxi_fail(error, FXMON_E_EXISTS, "notify", "%s is given twice", d.name);
    if (code == FXMON_OK) {
        relay->destination[relay->count++] = d;
    } else {
        fxi_free(d.url);
        fxi_free(d.name);
    }
    return code;
}

size_t fxi_relay_count(const fxi_relay *relay)
{
    return relay->count;
}

fxmon_result fxi_relay_open(fxi_relay *relay, const fxmon_env *env, const fxmon_store_ops *store_ops, void *store, fxmon_error *error)
{
    relay->env = env;
    relay->store_ops = store_ops;
    relay->store = store;
    for (size_t i = 0; i < relay->count; i++) {
        destination *d = &relay->destination[i];
        fxi_retry_init(&d->retry, fxi_env_duration(env, "retry-base", FXMON_SECOND / 10), fxi_env_duration(env, "retry-cap", 10 * FXMON_SECOND),
                       (uint64_t)env->monotonic(env->user) + i);
        fxmon_result result = store_ops->outbox_done(store, d->name, FXMON_OUTBOX_REGISTER, error);
        if (result != FXMON_DONE)
            return result;
        d->behind = true; /* until the outbox was looked at */
    }
    return FXMON_DONE;
}

static int64_t monotonic(const fxi_relay *relay)
{
    return relay->env->monotonic(relay->env->user);
}

static void failed(fxi_relay *relay, destination *d, fxmon_result result, const char *what)
{
    int64_t wait = fxi_retry_delay(&d->retry, relay->env->now(relay->env->user), d->error.retry_at);
    d->due = monotonic(relay) + (result == FXMON_FATAL ? RELAY_FATAL_WAIT : wait);
    d->behind = true;
    fxi_complain(&d->complaint, relay->env, "notify", "cannot %s %s: %s; events wait in the store", what, d->name, d->error.text);
}

static bool open_destination(fxi_relay *relay, destination *d)
{
    if (d->open)
        return true;
    fxi_error_clear(&d->error);
    fxmon_result result = d->ops->open(relay->env, d->url, &d->state, &d->error);
    d->open = result == FXMON_DONE;
    if (!d->open)
        failed(relay, d, result, "open");
    return d->open;
}

/* One event. True: acknowledged, or refused as such, which no repetition would change. */
static bool send_event(fxi_relay *relay, destination *d, const fxmon_stored_event *event)
{
    fxi_buf json;
    fxi_buf_init(&json, RELAY_EVENT_BYTES);
    fxi_error_clear(&d->error);
    fxmon_result result = FXMON_RETRY;
    if (fxi_event_encode(&event->event, &json) && !json.failed)
        result = d->ops->send(d->state, &event->event, json.data, json.length, &d->error);
    else
        fxi_fail(&d->error, FXMON_E_NOMEM, "", "out of memory for event %s", event->event.id);
    fxi_buf_free(&json);
    if (result == FXMON_REFUSED) {
        fxi_log(relay->env, FXMON_LOG_ERROR, "notify", "%s refuses event %s for good: %s; it stays in the history", d->name, event->event.id,
                d->error.text);
        return true;
    }
    if (result != FXMON_DONE) {
        failed(relay, d, result, "notify");
        return false;
    }
    fxi_retry_reset(&d->retry);
    fxi_relieve(&d->complaint, relay->env, "notify", d->name);
    return true;
}

static bool take_event(void *user, const fxmon_stored_event *event)
{
    fxi_relay *relay = user;
    relay->event[relay->events++] = *event;
    return relay->events < RELAY_BATCH;
}

static bool mark_event(fxi_relay *relay, destination *d, const fxmon_stored_event *event)
{
    FXI_CRASH("relay.sent");
    fxmon_error mark;
    fxi_error_clear(&mark);
    if (relay->store_ops->outbox_done(relay->store, d->name, event->id, &mark) != FXMON_DONE) {
        d->error = mark; /* the same event again later, with the same id */
        failed(relay, d, FXMON_RETRY, "note what was sent to");
        return false;
    }
    FXI_CRASH("relay.marked");
    return true;
}

/* The next events of a destination; false when there was nothing more to do for it now. */
static bool serve_destination(fxi_relay *relay, destination *d, int64_t until)
{
    fxmon_error *error = &d->error;
    relay->events = 0;
    fxi_error_clear(error);
    fxmon_result result = relay->store_ops->outbox_each(relay->store, d->name, RELAY_BATCH, take_event, relay, error);
    if (result != FXMON_DONE) {
        failed(relay, d, FXMON_RETRY, "read the outbox for");
        return false;
    }
    d->behind = relay->events > 0;
    if (relay->events == 0 || !open_destination(relay, d))
        return false;
    size_t sent = 0;
    bool going = true;
    while (going && sent < relay->events && !(sent > 0 && monotonic(relay) >= until)) {
        going = send_event(relay, d, &relay->event[sent]) && mark_event(relay, d, &relay->event[sent]);
        sent += going;
    }
    if (going && sent == relay->events && sent < RELAY_BATCH)
        d->behind = false;
    return going && d->behind;
}

/* A run until the end has delivered what it found, however long that takes, unless a destination fails or somebody asks it to stop. */
static bool drains(const fxi_relay *relay)
{
    const fxmon_env *env = relay->env;
    return fxi_env_bool(env, "until-end", false) && !(env->stopping && env->stopping(env->user));
}

static void say_what_waits(const fxi_relay *relay)
{
    for (size_t i = 0; i < relay->count; i++)
        if (relay->destination[i].behind)
            fxi_log(relay->env, FXMON_LOG_WARNING, "notify", "events for %s wait in the store; the next run sends them", relay->destination[i].name);
}

void fxi_relay_turn(fxi_relay *relay, int64_t budget, bool last)
{
    if (!relay->store || relay->count == 0)
        return;
    int64_t until = monotonic(relay) + budget;
    for (size_t i = 0; i < relay->count; i++) {
        destination *d = &relay->destination[(relay->turn + i) % relay->count];
        if (!last && d->due > monotonic(relay))
            continue;
        while (serve_destination(relay, d, until) && (monotonic(relay) < until || (last && drains(relay))))
            if (monotonic(relay) >= until)
                until = monotonic(relay) + budget;
        if (monotonic(relay) >= until && !last)
            break;
    }
    relay->turn = (relay->turn + 1) % relay->count;
    if (last)
        say_what_waits(relay);
}

void fxi_relay_trouble(const fxi_relay *relay, char *out, size_t size)
{
    out[0] = '\0';
    for (size_t i = 0; i < relay->count; i++) {
        const destination *d = &relay->destination[i];
        if (!d->behind || d->error.code == FXMON_OK)
            continue;
        fxi_buf text;
        fxi_buf_init(&text, 1024);
        if (fxi_buf_printf(&text, "notify %s: %s", d->name, d->error.text) && text.length > 0) {
            size_t length = text.length < size - 1 ? text.length : size - 1;
            memcpy(out, text.data, length);
            out[length] = '\0';
        }
        fxi_buf_free(&text);
        return;
    }
}
