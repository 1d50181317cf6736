/*
 * lane/board.c - see board.h.
 *
 * Rows of health are states: only the newest counts, so what could not be written needs no queue. Rebalances are events: they wait in a bounded ring, in
 * their order, each until the store has taken it. After a failure the connection is given up and a new one tried with backoff; nothing else waits for that.
 * The end of the board is that of the last other worker: then there is one attempt to say how each ended.
 */
#include "lane/board.h"

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "lane/retry.h"

#define LOOK_EVERY FXMON_SECOND
#define DESTINATION_TEXT 256

struct subject {
    fxi_pulse pulse;
    int64_t written; /* monotonic; 0 never */
    bool due;
};

struct fxi_board {
    fxi_board_config config;
    const fxmon_store_ops *ops;
    char *url;
    char destination[DESTINATION_TEXT];
    void *store;
    struct subject *subjects;
    size_t subject_count, subject_capacity, visited;
    int64_t begun, looked; /* monotonic */
    int64_t sources_written; /* monotonic; 0 never */
    bool sources_due;
    bool sources_failed;
    bool out_of_memory;
    fxi_retry retry;
    int64_t wait_until; /* monotonic: no attempt before */
    fxi_complaint complaint;
    int wake;           /* eventfd */
    pthread_mutex_t mutex; /* guards the queue */
    fxmon_rebalance *queue;
    size_t first, waiting, heard; /* heard: of those that wait, the oldest ones that the pulses know of */
    int64_t dropped;
};

static int64_t monotonic(const fxi_board *b)
{
    return b->config.env->monotonic(b->config.env->user);
}

static int64_t wall(const fxi_board *b)
{
    return b->config.env->now(b->config.env->user);
}

/* ---- being told ------------------------------------------------------------------------------------------- */

void fxi_board_wake(fxi_board *b)
{
    uint64_t one = 1;
    if (b && b->wake >= 0 && write(b->wake, &one, sizeof one) < 0)
        return; /* a full counter is readable, which is all that is wanted */
}

void fxi_board_rebalance(fxi_board *b, const fxmon_rebalance *event)
{
    if (!b || !b->queue)
        return;
    pthread_mutex_lock(&b->mutex);
    if (b->waiting == FXI_BOARD_QUEUE) {
        b->first = (b->first + 1) % FXI_BOARD_QUEUE;
        b->waiting--;
        b->heard -= b->heard > 0;
        b->dropped++;
    }
    b->queue[(b->first + b->waiting++) % FXI_BOARD_QUEUE] = *event;
    pthread_mutex_unlock(&b->mutex);
    fxi_board_wake(b);
}

/* The oldest one, which stays until `take_event`. *place says which: the ring may drop it meanwhile. */
static bool peek_event(fxi_board *b, fxmon_rebalance *event, size_t *place)
{
    pthread_mutex_lock(&b->mutex);
    bool any = b->waiting > 0;
    *place = b->first;
    if (any)
        *event = b->queue[b->first];
    pthread_mutex_unlock(&b->mutex);
    return any;
}

/* The next one that no pulse knows of. */
static bool next_unheard(fxi_board *b, fxmon_rebalance *event)
{
    pthread_mutex_lock(&b->mutex);
    bool any = b->heard < b->waiting;
    if (any)
        *event = b->queue[(b->first + b->heard++) % FXI_BOARD_QUEUE];
    pthread_mutex_unlock(&b->mutex);
    return any;
}

static void take_event(fxi_board *b, size_t place)
{
    pthread_mutex_lock(&b->mutex);
    if (b->waiting > 0 && b->first == place) {
        b->first = (b->first + 1) % FXI_BOARD_QUEUE;
        b->waiting--;
        b->heard -= b->heard > 0;
    }
    pthread_mutex_unlock(&b->mutex);
}

/* ---- looking ------------------------------------------------------------------------------------------------ */

static struct subject *add_subject(fxi_board *b, enum fxi_pulse_kind kind, const char *component, const char *group)
{
    struct subject *grown = fxi_grow(b->subjects, &b->subject_capacity, b->subject_count + 1, sizeof *grown);
    if (!grown) {
        b->out_of_memory = true; /* it goes untold */
        return NULL;
    }
    b->subjects = grown;
    struct subject *s = &b->subjects[b->subject_count++];
    s->written = 0;
    s->due = false;
    fxi_pulse_init(&s->pulse, kind, component, group, monotonic(b), wall(b));
    return s;
}

static bool look_at(void *user, enum fxi_pulse_kind kind, const char *component, const char *group, const fxmon_status *status)
{
    fxi_board *b = user;
    size_t index = b->visited++;
    struct subject *s = index < b->subject_count ? &b->subjects[index] : add_subject(b, kind, component, group);
    if (!s)
        return false;
    int64_t now = monotonic(b);
    bool changed = fxi_pulse_look(&s->pulse, status, now, wall(b));
    bool first = !s->written && now - b->begun >= FXI_BOARD_FIRST;
    s->due |= first || (s->written && (changed || now - s->written >= FXI_HEARTBEAT));
    return true;
}

static void look(fxi_board *b)
{
    int64_t now = monotonic(b);
    b->visited = 0;
    b->looked = now;
    b->sources_due |= b->sources_written ? now - b->sources_written >= FXI_HEARTBEAT : now - b->begun >= FXI_BOARD_FIRST;
    b->config.each(b->config.user, look_at, b);
}

static void hear(fxi_board *b, const fxmon_rebalance *event)
{
    for (size_t i = 0; i < b->subject_count; i++) {
        struct subject *s = &b->subjects[i];
        if (strcmp(s->pulse.row.component, event->component) != 0)
            continue;
        if (fxi_pulse_hear(&s->pulse, event, monotonic(b)))
            fxi_log(b->config.env, FXMON_LOG_WARNING, event->component,
                    "rebalance storm: %s was assigned partitions more than %d times within %d minutes; is it slower than the group allows, or killed again and "
                    "again?", event->member[0] ? event->member : event->instance, FXI_STORM_EVENTS, (int)(FXI_STORM_SPAN / (60 * FXMON_SECOND)));
        s->due |= s->written > 0;
    }
}

/* What the store does not take yet is heard all the same: a storm is to be told when it rages. */
static bool hear_news(fxi_board *b)
{
    fxmon_rebalance event;
    bool any = false;
    for (; next_unheard(b, &event); any = true)
        hear(b, &event);
    return any;
}

/* ---- writing ------------------------------------------------------------------------------------------------ */

static void failed(fxi_board *b, const char *what, const fxmon_error *error)
{
    if (b->store)
        b->ops->close(b->store);
    b->store = NULL;
    b->wait_until = monotonic(b) + fxi_retry_delay(&b->retry, wall(b), error->retry_at);
    fxi_complain(&b->complaint, b->config.env, "health", "%s %s: %s", what, b->destination, error->text[0] ? error->text : fxmon_strerror(error->code));
}

static bool open_store(fxi_board *b)
{
    fxmon_error error;
    if (b->store)
        return true;
    fxi_error_clear(&error);
    if (b->ops->open(b->config.env, b->url, false, &b->store, &error) == FXMON_DONE)
        return true;
    b->store = NULL;
    failed(b, "cannot open", &error);
    return false;
}

static bool write_events(fxi_board *b)
{
    fxmon_rebalance event;
    fxmon_error error;
    size_t place;
    while (peek_event(b, &event, &place)) {
        fxi_error_clear(&error);
        fxmon_result result = b->ops->rebalance_put ? b->ops->rebalance_put(b->store, &event, &error) : FXMON_DONE;
        if (result != FXMON_DONE && result != FXMON_REFUSED) { /* refused: it would be the next time too */
            failed(b, "cannot write a rebalance to", &error);
            return false;
        }
        take_event(b, place);
    }
    return true;
}

static bool write_rows(fxi_board *b)
{
    fxmon_error error;
    for (size_t i = 0; i < b->subject_count; i++) {
        struct subject *s = &b->subjects[i];
        if (!s->due)
            continue;
        fxi_error_clear(&error);
        if (b->ops->health_put(b->store, &s->pulse.row, &error) != FXMON_DONE) {
            failed(b, "cannot write health to", &error);
            return false;
        }
        s->written = monotonic(b);
        s->due = false;
    }
    return true;
}

static bool write_source(void *user, const fxmon_source_health *source)
{
    fxi_board *b = user;
    fxmon_error error;
    fxi_error_clear(&error);
    fxmon_result result = b->ops->source_put(b->store, source, &error);
    b->sources_failed = result != FXMON_DONE && result != FXMON_REFUSED;
    if (b->sources_failed)
        failed(b, "cannot write a source to", &error);
    return !b->sources_failed;
}

static bool write_sources(fxi_board *b)
{
    if (!b->sources_due)
        return true;
    b->sources_failed = false;
    if (b->ops->source_put && b->config.sources)
        b->config.sources(b->config.user, write_source, b);
    if (b->sources_failed)
        return false;
    b->sources_written = monotonic(b);
    b->sources_due = false;
    return true;
}

static bool anything_to_write(fxi_board *b)
{
    pthread_mutex_lock(&b->mutex);
    bool any = b->waiting > 0 || b->sources_due;
    pthread_mutex_unlock(&b->mutex);
    for (size_t i = 0; i < b->subject_count && !any; i++)
        any = b->subjects[i].due;
    return any;
}

static void tell(fxi_board *b)
{
    if (!anything_to_write(b) || !open_store(b) || !write_events(b) || !write_rows(b) || !write_sources(b))
        return;
    fxi_retry_reset(&b->retry);
    b->wait_until = 0;
    fxi_relieve(&b->complaint, b->config.env, "health", "writing health");
    pthread_mutex_lock(&b->mutex);
    int64_t dropped = b->dropped;
    b->dropped = 0;
    pthread_mutex_unlock(&b->mutex);
    if (dropped)
        fxi_log(b->config.env, FXMON_LOG_WARNING, "health", "%lld rebalances were not written: the store was away for too long", (long long)dropped);
}

/* ---- the worker ----------------------------------------------------------------------------------------------- */

static int last_words(fxi_board *b)
{
    (void)hear_news(b);
    look(b);
    for (size_t i = 0; i < b->subject_count; i++)
        b->subjects[i].due = true;
    b->sources_due = true;
    tell(b);
    return FXMON_E_STOPPED;
}

static int board_turn(void *state, const fxi_turn *turn, int64_t *wait_ns, fxmon_error *error)
{
    fxi_board *b = state;
    uint64_t count;
    (void)turn;
    (void)error;
    bool alone = b->config.alone(b->config.user);
    if (read(b->wake, &count, sizeof count) < 0)
        count = 0; /* nobody called */
    if (alone)
        return last_words(b);
    int64_t now = monotonic(b);
    if (hear_news(b) || count || now - b->looked >= LOOK_EVERY)
        look(b);
    if (now >= b->wait_until)
        tell(b);
    now = monotonic(b);
    int64_t next = b->looked + LOOK_EVERY;
    *wait_ns = next > now ? next - now : 1;
    return FXMON_OK;
}

static int board_pollfd(void *state)
{
    return ((fxi_board *)state)->wake;
}

void fxi_board_free(fxi_board *b)
{
    if (!b)
        return;
    if (b->store)
        b->ops->close(b->store);
    if (b->wake >= 0)
        close(b->wake);
    pthread_mutex_destroy(&b->mutex);
    fxi_free(b->subjects);
    fxi_free(b->queue);
    fxi_free(b->url);
    fxi_free(b);
}

static void board_close(void *state)
{
    fxi_board_free(state);
}

fxi_board *fxi_board_new(const fxi_board_config *config, fxmon_error *error)
{
    fxi_board *b = fxi_calloc(1, sizeof *b);
    if (!b) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for the board");
        return NULL;
    }
    b->config = *config;
    pthread_mutex_init(&b->mutex, NULL);
    b->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (b->wake < 0) {
        fxi_fail_errno(error, errno, "create", "eventfd");
        fxi_board_free(b);
        return NULL;
    }
    fxi_retry_init(&b->retry, fxi_env_duration(config->env, "retry-base", FXMON_SECOND / 10), fxi_env_duration(config->env, "retry-cap", 10 * FXMON_SECOND),
                   (uint64_t)wall(b) ^ (uint64_t)(uintptr_t)b);
    return b;
}

int fxi_board_store(fxi_board *b, const fxmon_store_ops *ops, const char *url, fxmon_error *error)
{
    if (!ops->health_put)
        return fxi_fail(error, FXMON_E_UNSUPPORTED, "store", "store: keeps no health");
    /* Pulses are made by the first look. It is now, while nobody has done anything yet: what others do before this worker's first turn counts too. */
    b->out_of_memory = false;
    b->begun = monotonic(b);
    look(b);
    char *copy = b->out_of_memory ? NULL : fxi_strdup(url);
    fxmon_rebalance *queue = copy ? fxi_calloc(FXI_BOARD_QUEUE, sizeof *queue) : NULL;
    if (!queue) {
        fxi_free(copy);
        return fxi_fail(error, FXMON_E_NOMEM, "store", "out of memory for the board");
    }
    b->ops = ops;
    b->url = copy;
    b->queue = queue;
    fxi_url_redact(url, b->destination, sizeof b->destination);
    return FXMON_OK;
}

const fxi_worker_ops fxi_board_worker = {.turn = board_turn, .pollfd = board_pollfd, .status = NULL, .close = board_close};
