/*
 * lane/produce.c - sources to log.
 *
 * Publications are collected until the source has nothing more for now or the batch is full, then appended at once, and counted when the log has
 * acknowledged them. While the log is away nothing is fetched: what a provider publishes meanwhile is still there afterwards, and a memory that grows
 * is no spool. As a load generator (--rate) the sources are asked with a clock that runs as fast as the rate needs.
 */
#include "lane/produce.h"

#include <pthread.h>
#include <string.h>

#include "base/crash.h"
#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/url.h"
#include "core/histogram.h"
#include "lane/breaker.h"
#include "lane/chain.h"
#include "lane/outgoing.h"
#include "lane/retry.h"
#include "lane/spool.h"
#include "lane/verdict.h"

#define LONGEST_WAIT FXMON_SECOND
#define SOURCES_EVERY FXMON_SECOND
#define DESTINATION_TEXT 256
#define BATCH 1000
#define BATCH_AHEAD 10000 /* to a log that sends while more is made: its end, where all is waited for, comes less often */
#define AHEAD 64          /* records that such a log is given at a time */
#define BYTES_SLACK (1 << 20) /* above batch-bytes, for the publication that fills the batch */
#define PROBE_TIMEOUT (30 * FXMON_SECOND)
#define BAD_LINES_SAID 10 /* bad records of a source that are logged one by one; all are counted */

struct fxi_produce {
    fxi_produce_config config;
    const fxmon_env *env;
    char *to;
    char destination[DESTINATION_TEXT];
    const fxmon_stream_ops *stream;
    void *writer;
    fxi_spool *spool;           /* instead of the writer, when there is one */
    fxi_chain *chain;
    fxi_outgoing out;
    fxi_breaker breaker;
    fxi_retry retry;
    fxi_complaint complaint;
    int64_t batch_maximum, batch_bytes, rate, duration;
    bool once, source_ended, answered, flush_now, spool_looked;
    bool more; /* the last publication was not the last of its fetch */
    int64_t started, produced;  /* for rate and duration */
    int64_t source_clock;       /* with a rate: the time that sources are told */
    int64_t wait_until;         /* monotonic: no append before */
    int64_t source_due;         /* ns UTC: no question before */
    fxmon_error error;
    pthread_mutex_t mutex;      /* guards shown and latency */
    fxmon_status shown, counted;
    fxmon_source_health sources[FXI_CHAIN_SOURCES]; /* guarded too */
    size_t source_count;
    int64_t sources_looked; /* monotonic; 0 not yet */
    fxi_histogram latency;      /* of acknowledgements, a value a message */
};

enum step { ON, WAIT, ENDED, FAILED };

static int64_t clock_of(const fxi_produce *p)
{
    return p->env->monotonic(p->env->user);
}

static int64_t wall(const fxi_produce *p)
{
    return p->env->now(p->env->user);
}

static void show(fxi_produce *p, const char *state)
{
    p->counted.lane = "produce";
    p->counted.destination = p->destination;
    p->counted.state = state;
    p->counted.last_error = p->error;
    int64_t now = clock_of(p);
    bool other = strcmp(p->shown.state ? p->shown.state : "", state) != 0, look = other || !p->sources_looked || now - p->sources_looked >= SOURCES_EVERY;
    pthread_mutex_lock(&p->mutex);
    p->shown = p->counted;
    if (look)
        p->source_count = fxi_chain_sources(p->chain, wall(p), p->sources);
    pthread_mutex_unlock(&p->mutex);
    if (look)
        p->sources_looked = now;
}

static void produce_sources(void *state, fxmon_source_fn fn, void *user)
{
    fxi_produce *p = state;
    fxmon_source_health row;
    for (size_t i = 0;; i++) {
        pthread_mutex_lock(&p->mutex);
        bool there = i < p->source_count, ended = strcmp(p->shown.state, "ended") == 0;
        if (there)
            row = p->sources[i];
        pthread_mutex_unlock(&p->mutex);
        if (!there)
            return;
        row.heartbeat = wall(p);
        if (ended && strcmp(row.status, "failed") != 0 && strcmp(row.status, "ended") != 0)
            memcpy(row.status, "stopped", sizeof "stopped"); /* in order: with --once, or by a signal */
        fxi_verdict_source(&row);
        if (!fn(user, &row))
            return;
    }
}

static void produce_status(void *state, fxmon_status *status)
{
    fxi_produce *p = state;
    pthread_mutex_lock(&p->mutex);
    *status = p->shown;
    status->ack_p50 = fxi_histogram_quantile(&p->latency, 500);
    status->ack_p99 = fxi_histogram_quantile(&p->latency, 990);
    status->ack_max = p->latency.maximum;
    pthread_mutex_unlock(&p->mutex);
}

static enum step fail(fxi_produce *p, const fxmon_error *error)
{
    p->error = *error;
    if (p->error.code == FXMON_OK)
        fxi_fail(&p->error, FXMON_E_IO, "", "the driver failed and did not say why");
    show(p, "failed");
    return FAILED;
}

/* ---- to the log ---------------------------------------------------------------------------------------- */

static bool over(const fxi_produce *p)
{
    return p->duration && clock_of(p) - p->started >= p->duration;
}

static enum step log_trouble(fxi_produce *p, fxmon_result result, const fxmon_error *error, const char *what)
{
    bool open = fxi_breaker_state_at(&p->breaker, clock_of(p)) == FXI_BREAKER_OPEN;
    if ((result != FXMON_RETRY && result != FXMON_WAIT) || ((p->once || over(p)) && open))
        return fail(p, error); /* with --once, or when --duration is over, somebody waits for the end: a few attempts, then the cause */
    p->error = *error;
    p->counted.retries++;
    p->wait_until = clock_of(p) + fxi_retry_delay(&p->retry, wall(p), error->retry_at);
    fxi_complain(&p->complaint, p->env, "produce", "%s %s: %s", what, p->destination, error->text);
    show(p, open ? "open" : "retrying");
    return WAIT;
}

static enum step append(fxi_produce *p)
{
    fxmon_error error;
    uint64_t ticket;
    int64_t later, now = clock_of(p);
    fxi_error_clear(&error);
    if (now < p->wait_until)
        return WAIT;
    if (!fxi_breaker_admit(&p->breaker, now, &ticket, &later)) {
        p->wait_until = now + later;
        return WAIT;
    }
    fxmon_result result = FXMON_DONE;
    FXI_CRASH("produce.append");
    if (!p->writer && !p->spool)
        result = p->stream->open_writer(p->env, p->to, &p->writer, &error);
    if (result != FXMON_DONE)
        p->writer = NULL;
    const fxmon_blob *blobs = result == FXMON_DONE ? fxi_outgoing_blobs(&p->out) : NULL;
    if (result == FXMON_DONE && !blobs) {
        fxi_fail(&error, FXMON_E_NOMEM, "to", "out of memory for a batch");
        result = FXMON_FATAL;
    }
    int64_t handed_over = clock_of(p);
    if (result == FXMON_DONE && p->out.count)
        result = p->spool ? fxi_spool_append(p->spool, blobs, p->out.count, &error) : p->stream->append(p->writer, blobs, p->out.count, &error);
    FXI_CRASH("produce.appended");
    fxi_breaker_result(&p->breaker, ticket, result != FXMON_RETRY, clock_of(p));
    if (result != FXMON_DONE)
        return log_trouble(p, result, &error, "append to");
    fxi_retry_reset(&p->retry);
    fxi_relieve(&p->complaint, p->env, "produce", "the log");
    p->counted.messages += (int64_t)p->out.count;
    p->counted.rows += p->out.rates;
    p->counted.commits += p->out.count > 0;
    for (size_t i = 0; i < p->out.count; i++)
        p->counted.bytes += (int64_t)blobs[i].length;
    pthread_mutex_lock(&p->mutex);
    fxi_histogram_add(&p->latency, clock_of(p) - handed_over, (int64_t)p->out.count);
    pthread_mutex_unlock(&p->mutex);
    fxi_outgoing_clear(&p->out);
    p->flush_now = false;
    fxi_error_clear(&p->error);
    show(p, "running");
    return ON;
}

/* Records that a log sends while the next ones are made. */
static void send_ahead(fxi_produce *p)
{
    if (!p->writer || !p->stream->ahead || p->error.code != FXMON_OK || p->out.count < p->out.ahead + AHEAD)
        return;
    const fxmon_blob *blobs = fxi_outgoing_blobs(&p->out);
    if (blobs)
        p->out.ahead = p->stream->ahead(p->writer, blobs, p->out.ahead, p->out.count);
}

/* ---- from the sources ------------------------------------------------------------------------------------ */

static enum step take(fxi_produce *p, fxmon_message *message)
{
    fxmon_error error;
    if (message->ingested == 0 && !fxi_chain_recorded(p->chain))
        message->ingested = wall(p);
    int code = fxi_outgoing_add(&p->out, message);
    if (code != FXMON_OK) {
        fxi_fail(&error, code, "", "a publication of %u rates cannot be taken: %s", message->count, fxmon_strerror(code));
        return fail(p, &error);
    }
    p->produced++;
    if (message->time > p->counted.newest_time)
        p->counted.newest_time = message->time;
    p->answered = true;
    if (p->once && !p->more && !fxi_chain_recorded(p->chain))
        p->source_ended = true;
    if ((int64_t)p->out.count >= p->batch_maximum || (int64_t)p->out.text.length >= p->batch_bytes)
        p->flush_now = true;
    else
        send_ahead(p);
    return ON;
}

static enum step source_trouble(fxi_produce *p, fxmon_result result, const fxmon_error *error, int64_t due)
{
    if (result == FXMON_FATAL || p->once)
        return fail(p, error);
    p->error = *error;
    p->counted.retries++;
    p->source_due = due;
    show(p, "retrying");
    return WAIT;
}

static enum step ask(fxi_produce *p)
{
    fxmon_message message = {0};
    fxmon_error error;
    int64_t due, now = wall(p);
    fxi_error_clear(&error);
    if (p->source_due > now)
        return WAIT;
    if (p->rate && p->source_clock > now)
        now = p->source_clock;
    fxmon_result result = fxi_chain_next(p->chain, now, &message, &due, &error);
    switch (result) {
    case FXMON_DONE:
        p->more = due <= now; /* the same fetch brought more: histories */
        return take(p, &message);
    case FXMON_REFUSED:
        if (p->counted.dead_letters++ < BAD_LINES_SAID)
            fxi_log(p->env, FXMON_LOG_WARNING, "produce", "%s: %s", fxi_chain_name(p->chain), error.text);
        p->error = error;
        return ON;
    case FXMON_END:
        p->source_ended = true;
        return ON;
    case FXMON_WAIT:
        if (p->once && p->answered && !fxi_chain_recorded(p->chain)) {
            p->source_ended = true;
            return ON;
        }
        if (p->rate) {
            p->source_clock = due; /* a load generator does not wait for the source's own pace */
            return due > now && due < INT64_MAX ? ON : WAIT;
        }
        p->source_due = due;
        return WAIT;
    default:
        return source_trouble(p, result, &error, due);
    }
}

/* ---- a turn ------------------------------------------------------------------------------------------------- */

/* With a rate: how many publications are due by now. */
static bool rate_allows(const fxi_produce *p)
{
    if (!p->rate)
        return true;
    double due = (double)(clock_of(p) - p->started) * (double)p->rate / (double)FXMON_SECOND;
    return (double)p->produced < due + 1;
}

static bool finished(const fxi_produce *p)
{
    if (p->rate && p->duration) /* exactly as many as asked for, even when the last ones are late */
        return p->source_ended || (double)p->produced >= (double)p->duration * (double)p->rate / (double)FXMON_SECOND;
    return p->source_ended || over(p);
}

static enum step ended(fxi_produce *p);

static enum step finish(fxi_produce *p)
{
    fxmon_error error;
    if (p->out.count)
        return append(p);
    if (p->once && !p->answered && p->source_ended) {
        fxi_fail(&error, FXMON_E_NO_DATA, "from", "%s gave no usable rate", fxi_chain_name(p->chain));
        return fail(p, &error);
    }
    return ended(p);
}

/* What the spool kept goes to the log before anything new. At the end there is one attempt more: what is left is safe, and the next run's. */
static enum step publish(fxi_produce *p, bool last)
{
    fxmon_error error;
    fxi_error_clear(&error);
    if (!last && p->spool_looked && clock_of(p) < fxi_spool_next(p->spool))
        return WAIT;
    p->spool_looked = true;
    fxmon_result result = fxi_spool_publish(p->spool, &error);
    if (result == FXMON_FATAL || result == FXMON_REFUSED)
        return fail(p, &error);
    if (result == FXMON_RETRY)
        return log_trouble(p, result, &error, "publish to");
    return result == FXMON_DONE ? ON : WAIT;
}

static enum step ended(fxi_produce *p)
{
    if (p->spool && fxi_spool_kept(p->spool) > 0) {
        enum step step = publish(p, true);
        if (step == ON || step == FAILED)
            return step;
        fxi_log(p->env, FXMON_LOG_WARNING, "produce", "%lld messages stay in the spool for the next run", (long long)fxi_spool_kept(p->spool));
    }
    show(p, "ended");
    return ENDED;
}

static enum step produce_step(fxi_produce *p)
{
    int stop = p->config.stop ? fxi_stop_count(p->config.stop) : 0;
    if (!p->started)
        p->started = clock_of(p);
    if (stop >= 2) {
        show(p, "ended");
        return ENDED;
    }
    if (stop == 1 && !p->out.count)
        return ended(p);
    if (stop == 1 || finished(p))
        return finish(p);
    if (p->spool && p->wait_until <= clock_of(p)) {
        enum step step = publish(p, false);
        if (step == ON || step == FAILED)
            return step;
    }
    if ((!p->writer && !p->spool) || p->flush_now)
        return append(p);
    enum step step = rate_allows(p) ? ask(p) : WAIT;
    if (step == WAIT && p->out.count)
        return append(p);
    return step;
}

static int64_t next_wait(const fxi_produce *p)
{
    int64_t now = clock_of(p), until = now + LONGEST_WAIT;
    if (p->out.count || p->flush_now || (!p->writer && !p->spool)) {
        until = p->wait_until < until ? p->wait_until : until;
    } else if (p->rate) {
        int64_t next = p->started + (int64_t)((double)p->produced * (double)FXMON_SECOND / (double)p->rate);
        until = next < until ? next : until;
    } else if (p->source_due < INT64_MAX - INT64_C(1) && p->source_due - wall(p) < until - now) {
        until = now + (p->source_due - wall(p));
    }
    if (p->spool && fxi_spool_next(p->spool) < until)
        until = fxi_spool_next(p->spool);
    int64_t last = p->started + p->duration;
    if (p->duration && !p->rate && last > now && last < until) /* when it is over what is left waits for the log, not for the clock */
        until = last;
    return until > now ? until - now : 0;
}

static int produce_turn(void *state, const fxi_turn *turn, int64_t *wait_ns, fxmon_error *error)
{
    fxi_produce *p = state;
    enum step step;
    do
        step = produce_step(p);
    while (step == ON && clock_of(p) < turn->deadline);
    *wait_ns = step == WAIT ? next_wait(p) : 0;
    if (step == WAIT && strcmp(p->shown.state, "retrying") != 0 && strcmp(p->shown.state, "open") != 0)
        show(p, "waiting");
    if (step == FAILED && error)
        *error = p->error;
    return step == FAILED ? p->error.code : step == ENDED ? FXMON_E_STOPPED : FXMON_OK;
}

static int produce_pollfd(void *state)
{
    (void)state;
    return -1;
}

/* ---- life ------------------------------------------------------------------------------------------------------ */

static void produce_close(void *state)
{
    fxi_produce *p = state;
    if (p->writer)
        p->stream->close_writer(p->writer);
    fxi_spool_free(p->spool);
    fxi_chain_free(p->chain);
    fxi_outgoing_free(&p->out);
    fxi_breaker_destroy(&p->breaker);
    pthread_mutex_destroy(&p->mutex);
    fxi_free(p->to);
    fxi_free(p);
}

static bool payload_fits(const fxi_produce *p, fxmon_error *error)
{
    if (!p->out.packed || !p->stream->lines)
        return true;
    char shown[DESTINATION_TEXT];
    fxi_url_redact(p->to, shown, sizeof shown);
    fxi_fail(error, FXMON_E_CONFIG, "payload", "payload: %.100s is a log of text lines, which cannot hold MessagePack; use json there", shown);
    return false;
}

fxi_produce *fxi_produce_new(const fxi_produce_config *config, fxmon_error *error)
{
    const fxmon_env *env = config->env;
    fxi_produce *p = fxi_calloc(1, sizeof *p);
    if (!p) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory");
        return NULL;
    }
    p->config = *config;
    p->env = env;
    pthread_mutex_init(&p->mutex, NULL);
    fxi_breaker_settings settings = {.threshold = (int)fxi_env_integer(env, "breaker-threshold", 5),
                                     .cooldown = fxi_env_duration(env, "breaker-cooldown", 30 * FXMON_SECOND),
                                     .factor = 1, .probe_timeout = PROBE_TIMEOUT};
    fxi_breaker_init(&p->breaker, &settings);
    fxi_retry_init(&p->retry, fxi_env_duration(env, "retry-base", FXMON_SECOND / 10), fxi_env_duration(env, "retry-cap", 10 * FXMON_SECOND),
                   (uint64_t)wall(p) ^ (uint64_t)(uintptr_t)p);
    p->batch_bytes = fxi_env_size(env, "batch-bytes", 8 << 20);
    p->rate = fxi_env_integer(env, "rate", 0);
    p->duration = fxi_env_duration(env, "duration", 0);
    p->once = fxi_env_bool(env, "once", false);
    fxi_outgoing_init(&p->out, (size_t)p->batch_bytes + BYTES_SLACK, fxi_env_bool(env, "split", false), fxi_env_bool(env, "crosses", false));
    p->out.packed = fxi_env_is(env, "payload", "msgpack");
    p->stream = fxi_registry_find(config->registry, FXI_KIND_STREAM, config->to, "to", error);
    p->batch_maximum = fxi_env_integer(env, "batch", p->stream && p->stream->ahead ? BATCH_AHEAD : BATCH);
    p->chain = p->stream ? fxi_chain_new(config->source_env, config->registry, config->from, error) : NULL;
    if (p->chain && !(p->to = fxi_strdup(config->to)))
        fxi_fail(error, FXMON_E_NOMEM, "to", "out of memory");
    bool spooling = p->to && fxi_env_text(env, "spool", NULL);
    if (spooling)
        p->spool = fxi_spool_new(env, config->registry, p->stream, p->to, error);
    if (!p->stream || !p->chain || !p->to || (spooling && !p->spool) || !payload_fits(p, error)) {
        produce_close(p);
        return NULL;
    }
    p->out.source = fxi_chain_first(p->chain);
    fxi_url_redact(config->to, p->destination, sizeof p->destination);
    show(p, "waiting");
    return p;
}

const fxi_worker_ops fxi_produce_worker = {.turn = produce_turn, .pollfd = produce_pollfd, .status = produce_status, .close = produce_close,
                                           .sources = produce_sources};
