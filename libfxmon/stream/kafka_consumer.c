/*
 * stream/kafka_consumer.c - the life of a reader: its handle of librdkafka, the group that it joins and leaves.
 *
 * A member that has a name is thrown out for ever (a fatal error of its handle) when the coordinator meets a request of an earlier membership under that name, as a commit that was
 * under way while brokers failed. When the name is one that this process holds the lock of (kafka_member.c) nobody else can have joined under it, so the handle is made anew;
 * a name that was given by the user may really be another's, and that needs a person.
 */
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/value.h"
#include "stream/kafka.h"

#define SLICE_MS 100
#define CLOSE_LIMIT (2 * FXMON_SECOND)

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

/* Leaves the group. Bounded: a broker that does not answer must not keep a program from ending. */
static void leave(fxi_kafka_reader *r)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(r->rk);
    int64_t until = fxi_kafka_now(r->env) + CLOSE_LIMIT;
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(r->rk, queue);
    if (error) {
        rd_kafka_error_destroy(error);
    } else {
        while (!rd_kafka_consumer_closed(r->rk) && fxi_kafka_now(r->env) < until) {
            rd_kafka_event_t *event = rd_kafka_queue_poll(queue, SLICE_MS / 2);
            if (event && rd_kafka_event_type(event) == RD_KAFKA_EVENT_REBALANCE) {
                fxi_kafka_rebalance(r->rk, rd_kafka_event_error(event), rd_kafka_event_topic_partition_list(event), r);
            }
            if (event) {
                rd_kafka_event_destroy(event);
            }
        }
    }
    rd_kafka_queue_destroy(queue);
}

/* Ends the handle, not the reader. */
static void end(fxi_kafka_reader *r)
{
    if (!r->rk) {
        return;
    }
    r->closing = true;
    fxi_kafka_let_go(r);
    fxi_kafka_commit(r, true);
    fxi_kafka_revoke_end(r);
    if (r->queue) {
        rd_kafka_queue_io_event_enable(r->queue, -1, NULL, 0);
    }
    leave(r);
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
    r->closing = false;
}

int fxi_kafka_renew(fxi_kafka_reader *r, fxmon_error *error)
{
    fxi_log(r->env, FXMON_LOG_INFO, "kafka", "joining the group of %s anew: it has a later place of this member", r->place.topic);
    fxi_kafka_abandon(r, "lost: the group knew this member by an older place");
    end(r);
    int code = begin(r, error);
    r->link.renew = code != FXMON_OK;
    return code;
}

fxmon_result fxi_kafka_open_reader(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error)
{
    fxmon_error problem;
    bool yes = false;
    const char *until_end = fxi_kafka_option(env, "until-end");
    fxi_kafka_reader *r = fxi_calloc(1, sizeof *r);
    *state = NULL;
    fxi_error_clear(&problem);
    if (!r) {
        return fxi_kafka_result(fxi_fail(error, FXMON_E_NOMEM, "", "out of memory"));
    }
    r->link.env = r->env = env;
    r->event = r->name.lock = -1;
    r->grouped = group != NULL;
    r->until_end = until_end && fxi_bool_parse(until_end, strlen(until_end), &yes) == FXMON_OK && yes;
    r->max_record = fxi_kafka_max_record(env);
    r->member.generation = -1;
    r->member.began = fxi_kafka_now(env);
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
    if (!r) {
        return;
    }
    end(r);
    if (r->event >= 0) {
        close(r->event);
    }
    fxi_kafka_member_close(&r->name);
    fxi_kafka_place_free(&r->place);
    fxi_free(r->group);
    fxi_free(r->identity);
    fxi_free(r->parts);
    fxi_free(r->news);
    fxi_free(r->held);
    fxi_free(r);
}
