/*
 * stream/kafka_consumer.c - the life of a reader: its handle of librdkafka, the group that it joins and leaves.
 *
 * A member that has a name is thrown out for ever (a fatal error of its handle) when the coordinator meets a request of an earlier membership under that name, as a commit that was
 * under way while brokers failed. When the name is one that this process holds the lock of (kafka_member.c) nobody else can have joined under it, so the handle is made anew;
 * a name that was given by the user may really be another's, and that needs a person.
 */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/kafka.h"

#define SLICE_MS 100
#define CLOSE_LIMIT FXMON_SECOND

static int open_handle(fxi_kafka_reader *r, fxmon_error *error)
{
    char text[256];
    rd_kafka_conf_t *conf = fxi_kafka_reader_conf(r->env, &r->place, r->group, r->name.id, error);
    if (!conf) {
        return error->code;
    }
    rd_kafka_conf_set_opaque(conf, r);
    fxi_kafka_link_callbacks(conf);
    if (r->group) {
        rd_kafka_conf_set_rebalance_cb(conf, fxi_kafka_rebalance);
    }
    r->rk = rd_kafka_new(RD_KAFKA_CONSUMER, conf, text, sizeof text);
    if (!r->rk) {
        rd_kafka_conf_destroy(conf);
        return fxi_fail(error, FXMON_E_CONFIG, "kafka", "kafka: %.180s", text);
    }
    rd_kafka_poll_set_consumer(r->rk);
    rd_kafka_set_log_queue(r->rk, NULL);
    r->queue = rd_kafka_queue_get_consumer(r->rk);
    r->topic = rd_kafka_topic_new(r->rk, r->place.topic, NULL);
    if (!r->queue || !r->topic || r->event < 0) {
        return fxi_fail(error, FXMON_E_NOMEM, "kafka", "out of memory or descriptors for a consumer");
    }
    static const uint64_t one = 1;
    rd_kafka_queue_io_event_enable(r->queue, r->event, &one, sizeof one);
    return FXMON_OK;
}

static int subscribe(fxi_kafka_reader *r, fxmon_error *error)
{
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(topics, r->place.topic, RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t err = rd_kafka_subscribe(r->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return err == RD_KAFKA_RESP_ERR_NO_ERROR ? FXMON_OK : fxi_fail(error, FXMON_E_CONFIG, "group", "group: %.150s", rd_kafka_err2str(err));
}

static int begin(fxi_kafka_reader *r, fxmon_error *error)
{
    int code = open_handle(r, error);
    return code == FXMON_OK && r->group ? subscribe(r, error) : code;
}

void fxi_kafka_let_go(fxi_kafka_reader *r)
{
    for (size_t i = 0; i < r->held_count; i++) {
        rd_kafka_message_destroy(r->held[i]);
    }
    r->held_count = 0;
}

/* ---- the end of a handle ---------------------------------------------------------------------------------------- */

static int64_t quiet_now(void *user)
{
    (void)user;
    return fxi_clock_wall();
}

static int64_t quiet_monotonic(void *user)
{
    (void)user;
    return fxi_clock_monotonic();
}

/* What ends a handle may outlive the host that the reader was made for. */
static const fxmon_env quiet = {.size = sizeof quiet, .now = quiet_now, .monotonic = quiet_monotonic};

static void take_event(fxi_kafka_reader *r, rd_kafka_event_t *event)
{
    if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
        fxi_kafka_rebalance(r->rk, rd_kafka_event_error(event), rd_kafka_event_topic_partition_list(event), r);
    }
    if (event) {
        rd_kafka_event_destroy(event);
    }
}

/* So that others need not wait for the end of the session. A member with a name does not leave: it may be back soon. */
static void leave(fxi_kafka_reader *r)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(r->rk);
    rd_kafka_message_t *m;
    while ((m = rd_kafka_consumer_poll(r->rk, 0)) != NULL) { /* a rebalance that nobody has answered yet is answered while the group still listens */
        rd_kafka_message_destroy(m);
    }
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(r->rk, queue);
    if (error) {
        rd_kafka_error_destroy(error);
    }
    while (!error && !rd_kafka_consumer_closed(r->rk)) {
        take_event(r, rd_kafka_queue_poll(queue, SLICE_MS / 10));
    }
    rd_kafka_queue_destroy(queue);
}

static void end(fxi_kafka_reader *r)
{
    fxi_kafka_commit(r, true);
    fxi_kafka_revoke_end(r);
    if (r->queue) {
        rd_kafka_queue_io_event_enable(r->queue, -1, NULL, 0);
    }
    if (r->group && !r->name.id[0]) {
        leave(r);
    }
    if (r->topic) {
        rd_kafka_topic_destroy(r->topic);
    }
    if (r->queue) {
        rd_kafka_queue_destroy(r->queue);
    }
    rd_kafka_destroy_flags(r->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    r->rk = NULL;
    r->topic = NULL;
    r->queue = NULL;
}

static void *end_thread(void *user)
{
    fxi_kafka_reader *r = user;
    end(r);
    pthread_mutex_lock(&r->ending.lock);
    r->ending.over = true;
    pthread_cond_signal(&r->ending.done);
    pthread_mutex_unlock(&r->ending.lock);
    return NULL;
}

static bool wait_for_end(fxi_kafka_reader *r)
{
    int64_t until = fxi_clock_monotonic() + CLOSE_LIMIT;
    int64_t seconds = until / FXMON_SECOND;
    struct timespec at = {.tv_sec = seconds, .tv_nsec = until - seconds * FXMON_SECOND};
    int result = 0;
    pthread_mutex_lock(&r->ending.lock);
    while (!r->ending.over && result != ETIMEDOUT) {
        result = pthread_cond_clockwait(&r->ending.done, &r->ending.lock, CLOCK_MONOTONIC, &at);
    }
    bool over = r->ending.over;
    pthread_mutex_unlock(&r->ending.lock);
    return over;
}

/*
 * Ends the handle, not the reader; false: it could not be waited for. An answer to a rebalance that meets the end of the handle is never answered itself, and the caller hangs for
 * good (librdkafka 2.0 to 2.6 at least); so may one whose broker is gone. Nothing depends on a clean end, so a thread does it, and when that does not come back
 * in time it keeps the handle and the reader with it: some memory, in a rare case, instead of a program that does not stop.
 */
static bool end_in_time(fxi_kafka_reader *r)
{
    pthread_t thread;
    sigset_t all, before;
    fxi_kafka_let_go(r);
    if (!r->rk) {
        return true;
    }
    const fxmon_env *env = r->env;
    r->closing = true;
    r->env = r->link.env = &quiet;
    r->ending.over = false;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool threaded = pthread_create(&thread, NULL, end_thread, r) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (!threaded) {
        end(r);
    } else if (wait_for_end(r)) {
        pthread_join(thread, NULL);
    } else {
        pthread_detach(thread);
        fxi_log(env, FXMON_LOG_DEBUG, "kafka", "the end of a reader of the group %s does not come; not waiting for it", r->group ? r->group : "");
        return false;
    }
    r->env = r->link.env = env;
    r->closing = false;
    return true;
}

int fxi_kafka_renew(fxi_kafka_reader *r, fxmon_error *error)
{
    fxi_log(r->env, FXMON_LOG_INFO, "kafka", "joining the group of %s anew: it has a later place of this member", r->place.topic);
    fxi_kafka_abandon(r, "lost: the group knew this member by an older place");
    if (!end_in_time(r)) {
        r->abandoned = true;
        return fxi_fail(error, FXMON_E_STATE, "group", "the connection to the group cannot be ended");
    }
    int code = begin(r, error);
    r->link.renew = code != FXMON_OK;
    return code;
}

fxmon_result fxi_kafka_open_reader(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error)
{
    fxmon_error problem;
    fxi_kafka_reader *r = fxi_calloc(1, sizeof *r);
    *state = NULL;
    fxi_error_clear(&problem);
    if (!r) {
        return fxi_kafka_result(fxi_fail(error, FXMON_E_NOMEM, "", "out of memory"));
    }
    r->link.env = r->env = env;
    r->event = r->name.lock = -1;
    r->grouped = group != NULL;
    r->until_end = fxi_env_bool(env, "until-end", false);
    r->max_record = fxi_kafka_max_record(env);
    r->member.generation = -1;
    r->member.began = fxi_kafka_now(env);
    pthread_mutex_init(&r->ending.lock, NULL);
    pthread_cond_init(&r->ending.done, NULL);
    r->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    int code = fxi_kafka_place_parse(url, &r->place, &problem);
    if (code == FXMON_OK && group && !(r->group = fxi_strdup(group))) {
        code = fxi_fail(&problem, FXMON_E_NOMEM, "", "out of memory");
    }
    if (code == FXMON_OK && group) {
        code = fxi_kafka_member_open(&r->name, env, r->place.servers, group, &problem);
    }
    if (code == FXMON_OK) {
        r->link.own_name = r->name.lock >= 0;
        code = begin(r, &problem);
    }
    if (code != FXMON_OK) {
        fxi_kafka_close_reader(r);
        if (error) {
            *error = problem;
        }
        return fxi_kafka_result(code);
    }
    *state = r;
    return FXMON_DONE;
}

void fxi_kafka_close_reader(void *state)
{
    fxi_kafka_reader *r = state;
    if (!r || r->abandoned || !end_in_time(r)) {
        return;
    }
    if (r->event >= 0) {
        close(r->event);
    }
    pthread_cond_destroy(&r->ending.done);
    pthread_mutex_destroy(&r->ending.lock);
    fxi_kafka_member_close(&r->name);
    fxi_kafka_place_free(&r->place);
    fxi_free(r->group);
    fxi_free(r->identity);
    fxi_free(r->parts);
    fxi_free(r->news);
    fxi_free(r->held);
    fxi_free(r);
}
