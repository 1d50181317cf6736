/*
 * stream/kafka_topic.c - the topic is made before it is first written to, or a broker that makes topics by itself would give it partitions and retention of its own.
 */
#include <string.h>

#include "base/buf.h"
#include "base/env.h"
#include "base/error.h"
#include "stream/kafka.h"

#define REQUEST_MS 3000
#define DAY_MS INT64_C(86400000)
#define ALERTS "fx-alerts"
#define LETTERS ".dlq"

/* A week of rates, a month of alert events and of dead letters, which people have to come to, unless said otherwise. */
static int64_t retention_ms(const fxmon_env *env, const char *topic)
{
    size_t length = strlen(topic), suffix = sizeof LETTERS - 1;
    bool longer = strcmp(topic, ALERTS) == 0 || (length > suffix && strcmp(topic + length - suffix, LETTERS) == 0);
    return fxi_env_duration(env, "topic-retention", (longer ? 30 : 7) * DAY_MS * 1000000) / 1000000;
}

static fxmon_result outcome(const rd_kafka_topic_result_t *topic, fxmon_error *error)
{
    rd_kafka_resp_err_t err = rd_kafka_topic_result_error(topic);
    const char *text = rd_kafka_topic_result_error_string(topic);
    switch (err) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED: /* whoever may not create may yet write to what is there; if it is not there, that says so */
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        return FXMON_DONE;
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
        fxi_fail(error, FXMON_E_CONFIG, err == RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR ? "topic-replication" : "topic-partitions",
                 "the broker does not create the topic: %.160s", text ? text : rd_kafka_err2str(err));
        return FXMON_FATAL;
    default:
        fxi_fail(error, FXMON_E_IO, "to", "the topic cannot be created: %.160s", text ? text : rd_kafka_err2str(err));
        return FXMON_RETRY;
    }
}

/* The answer, or why there is none. */
static fxmon_result wait_for(fxi_kafka_link *link, rd_kafka_t *rk, rd_kafka_queue_t *queue, fxmon_error *error)
{
    int64_t until = fxi_kafka_now(link->env) + (REQUEST_MS + 500) * INT64_C(1000000);
    rd_kafka_event_t *event = NULL;
    while (!event && link->fatal.code == FXMON_OK && fxi_kafka_now(link->env) < until && !fxi_kafka_stopping(link->env)) {
        event = rd_kafka_queue_poll(queue, 50);
        rd_kafka_poll(rk, 0); /* what the connection says */
    }
    if (link->fatal.code != FXMON_OK || !event || rd_kafka_event_error(event) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const char *why = link->trouble.code != FXMON_OK ? link->trouble.text : event ? rd_kafka_event_error_string(event) : "no answer";
        fxi_fail(error, FXMON_E_IO, "to", "no broker answers: %.180s", why);
        if (link->fatal.code != FXMON_OK) {
            *error = link->fatal;
        }
        if (event) {
            rd_kafka_event_destroy(event);
        }
        return link->fatal.code != FXMON_OK ? FXMON_FATAL : FXMON_RETRY;
    }
    size_t count = 0;
    const rd_kafka_topic_result_t **topics = rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event), &count);
    fxmon_result result = count == 1 ? outcome(topics[0], error) : FXMON_DONE;
    rd_kafka_event_destroy(event);
    return result;
}

fxmon_result fxi_kafka_topic_make(fxi_kafka_link *link, rd_kafka_t *rk, const char *topic, fxmon_error *error)
{
    char text[200];
    fxmon_result result = FXMON_FATAL;
    fxi_buf retention;
    fxi_buf_init(&retention, 32);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(rk);
    rd_kafka_AdminOptions_t *options = rd_kafka_AdminOptions_new(rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_NewTopic_t *wish = rd_kafka_NewTopic_new(topic, (int)fxi_env_integer(link->env, "topic-partitions", 1),
                                                      (int)fxi_env_integer(link->env, "topic-replication", -1), text, sizeof text);
    if (!wish || !options || !queue) {
        fxi_fail(error, FXMON_E_CONFIG, "topic-partitions", "topic-partitions: %.150s", wish ? "out of memory" : text);
        goto done;
    }
    fxi_buf_int(&retention, retention_ms(link->env, topic));
    if (retention.failed || rd_kafka_NewTopic_set_config(wish, "retention.ms", retention.data) != RD_KAFKA_RESP_ERR_NO_ERROR ||
        rd_kafka_AdminOptions_set_request_timeout(options, REQUEST_MS, text, sizeof text) != RD_KAFKA_RESP_ERR_NO_ERROR) {
        fxi_fail(error, FXMON_E_NOMEM, "to", "out of memory for a topic");
        goto done;
    }
    rd_kafka_CreateTopics(rk, &wish, 1, options, queue);
    result = wait_for(link, rk, queue, error);
done:
    if (wish) {
        rd_kafka_NewTopic_destroy(wish);
    }
    if (options) {
        rd_kafka_AdminOptions_destroy(options);
    }
    if (queue) {
        rd_kafka_queue_destroy(queue);
    }
    fxi_buf_free(&retention);
    return result;
}
