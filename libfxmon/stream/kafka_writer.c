/*
 * stream/kafka_writer.c - appending to a topic.
 *
 * An append hands the whole batch to librdkafka, sends it without waiting for more, and answers DONE when every record was acknowledged by all replicas in sync; reports are
 * counted, none is taken for granted. When the time is over the records stay queued and librdkafka goes on trying: the call comes again with the same records, which are then
 * waited for and not written twice (kafka_pending.c). They never expire on the way, since an expired record may have been written. Only when the producer itself fails for
 * good, or the process ends, records whose fate is unknown are written again by a new one, and may be there twice.
 */
#include <string.h>

#include "base/crash.h"
#include "base/error.h"
#include "base/mem.h"
#include "stream/kafka.h"

#define APPEND_LIMIT (4 * FXMON_SECOND)
#define STOPPING_LIMIT (2 * FXMON_SECOND) /* a last append while the program ends */
#define SLICE_MS 100

typedef struct writer {
    fxi_kafka_link link; /* first */
    const fxmon_env *env;
    fxi_kafka_place place;
    int64_t max_record;
    rd_kafka_t *rk;
    rd_kafka_topic_t *topic;
    fxi_kafka_pending pending;
    fxmon_error refused; /* why a record of this batch did not arrive */
    bool again;          /* a new producer is needed */
} writer;

/* ---- delivery ------------------------------------------------------------------------------------------------------- */

static void reported(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
    writer *w = opaque;
    (void)rk;
    fxi_kafka_pending_report(&w->pending, m->_private, m->err == RD_KAFKA_RESP_ERR_NO_ERROR);
    if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        w->link.down = false;
        return;
    }
    switch (m->err) {
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
        return;
    case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
    case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        fxi_fail(&w->refused, FXMON_E_TOO_LARGE, "record", "the broker does not take a record of %lld bytes (message.max.bytes of the topic)", (long long)m->len);
        return;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
        fxi_fail(&w->refused, FXMON_E_CREDENTIALS, "to", "this user may not write to %.100s", w->place.topic);
        return;
    default:
        fxi_fail(&w->link.trouble, FXMON_E_IO, "to", "%.80s: %.120s", w->place.topic, rd_kafka_err2str(m->err));
    }
}

/* ---- life ------------------------------------------------------------------------------------------------------------- */

static void disconnect(writer *w)
{
    if (!w->rk) {
        return;
    }
    rd_kafka_purge(w->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_poll(w->rk, 0);
    if (w->topic) {
        rd_kafka_topic_destroy(w->topic);
    }
    rd_kafka_destroy(w->rk);
    w->rk = NULL;
    w->topic = NULL;
}

static fxmon_result connect_writer(writer *w, fxmon_error *error)
{
    char text[256];
    rd_kafka_conf_t *conf = fxi_kafka_writer_conf(w->env, &w->place, error);
    if (!conf) {
        return fxi_kafka_result(error->code);
    }
    rd_kafka_conf_set_opaque(conf, w);
    fxi_kafka_link_callbacks(conf);
    rd_kafka_conf_set_dr_msg_cb(conf, reported);
    w->rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, text, sizeof text);
    if (!w->rk) {
        rd_kafka_conf_destroy(conf);
        return fxi_kafka_result(fxi_fail(error, FXMON_E_CONFIG, "kafka", "kafka: %.180s", text));
    }
    rd_kafka_set_log_queue(w->rk, NULL);
    w->again = false;
    fxi_error_clear(&w->link.fatal);
    fxmon_result result = fxi_kafka_topic_make(&w->link, w->rk, w->place.topic, error);
    if (result == FXMON_DONE && !(w->topic = rd_kafka_topic_new(w->rk, w->place.topic, NULL))) {
        result = fxi_kafka_result(fxi_fail(error, FXMON_E_NOMEM, "to", "out of memory for a topic"));
    }
    if (result != FXMON_DONE) {
        disconnect(w);
    }
    return result;
}

fxmon_result fxi_kafka_open_writer(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    fxmon_error problem;
    writer *w = fxi_calloc(1, sizeof *w);
    *state = NULL;
    fxi_error_clear(&problem);
    if (!w) {
        return fxi_kafka_result(fxi_fail(error, FXMON_E_NOMEM, "", "out of memory"));
    }
    w->link.env = w->env = env;
    w->max_record = fxi_kafka_max_record(env);
    fxmon_result result = fxi_kafka_result(fxi_kafka_place_parse(url, &w->place, &problem));
    if (result == FXMON_DONE) {
        result = connect_writer(w, &problem);
    }
    if (result != FXMON_DONE) {
        fxi_kafka_close_writer(w);
        if (error) {
            *error = problem;
        }
        return result;
    }
    *state = w;
    return FXMON_DONE;
}

void fxi_kafka_close_writer(void *state)
{
    writer *w = state;
    if (!w) {
        return;
    }
    disconnect(w); /* drops what an append gave up waiting for: nobody was told that it is there, and who kept it writes it again */
    fxi_kafka_pending_free(&w->pending);
    fxi_kafka_place_free(&w->place);
    fxi_free(w);
}

/* ---- append ------------------------------------------------------------------------------------------------------------- */

static fxmon_result check(const writer *w, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (records[i].length == 0) {
            fxi_fail(error, FXMON_E_ARGUMENT, "record", "record %lld of the batch is empty", (long long)i);
            return FXMON_REFUSED;
        }
        if ((int64_t)records[i].length > w->max_record) {
            fxi_fail(error, FXMON_E_TOO_LARGE, "record", "record %lld of the batch has %lld bytes; max-record allows %lld", (long long)i,
                     (long long)records[i].length, (long long)w->max_record);
            return FXMON_REFUSED;
        }
    }
    return FXMON_DONE;
}

static rd_kafka_resp_err_t with_headers(writer *w, const fxmon_blob *record, void *mark)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(record->header_count);
    rd_kafka_resp_err_t err = RD_KAFKA_RESP_ERR_NO_ERROR;
    for (size_t i = 0; i < record->header_count && err == RD_KAFKA_RESP_ERR_NO_ERROR; i++) {
        const char *value = record->headers[i].value;
        err = rd_kafka_header_add(headers, record->headers[i].name, -1, value, value ? (ssize_t)strlen(value) : 0);
    }
    if (err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        err = rd_kafka_producev(w->rk, RD_KAFKA_V_RKT(w->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_VALUE((void *)record->data, record->length),
                                RD_KAFKA_V_KEY(record->key, record->key ? strlen(record->key) : 0), RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_OPAQUE(mark),
                                RD_KAFKA_V_END);
    }
    if (err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        rd_kafka_headers_destroy(headers);
    }
    return err;
}

static rd_kafka_resp_err_t give(writer *w, const fxmon_blob *record, size_t index)
{
    void *mark = fxi_kafka_pending_mark(&w->pending, index);
    if (record->header_count > 0) {
        return with_headers(w, record, mark);
    }
    if (rd_kafka_produce(w->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)record->data, record->length, record->key,
                         record->key ? strlen(record->key) : 0, mark) == 0) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    return rd_kafka_last_error();
}

static int64_t deadline(const writer *w, int64_t began)
{
    return began + (fxi_kafka_stopping(w->env) ? STOPPING_LIMIT : APPEND_LIMIT);
}

/* One record to librdkafka, waiting for room in its queue. */
static fxmon_result send_one(writer *w, const fxmon_blob *record, size_t index, int64_t began, fxmon_error *error)
{
    for (;;) {
        rd_kafka_resp_err_t err = give(w, record, index);
        switch (err) {
        case RD_KAFKA_RESP_ERR_NO_ERROR:
            return FXMON_DONE;
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            if (fxi_kafka_now(w->env) >= deadline(w, began)) {
                fxi_fail(error, FXMON_E_TIMEOUT, "to", "the queue is full: %.180s",
                         w->link.trouble.code != FXMON_OK ? w->link.trouble.text : "the brokers do not acknowledge");
                return FXMON_RETRY;
            }
            rd_kafka_poll(w->rk, SLICE_MS / 2);
            break;
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
            fxi_fail(error, FXMON_E_TOO_LARGE, "record", "record %lld of the batch has %lld bytes: more than message.max.bytes", (long long)index,
                     (long long)record->length);
            return FXMON_REFUSED;
        case RD_KAFKA_RESP_ERR__FATAL:
            w->again = true;
            fxi_fail(error, FXMON_E_IO, "to", "the producer failed; a new one is made");
            return FXMON_RETRY;
        default: /* the topic is gone, or not known yet */
            fxi_fail(error, FXMON_E_IO, "to", "%.80s: %.120s", w->place.topic, rd_kafka_err2str(err));
            w->again = true;
            return FXMON_RETRY;
        }
    }
}

static fxmon_result send_all(writer *w, const fxmon_blob *records, size_t count, int64_t began, fxmon_error *error)
{
    size_t known = fxi_kafka_pending_match(&w->pending, records, count);
    fxmon_result result = FXMON_DONE;
    if (!fxi_kafka_pending_room(&w->pending, count)) {
        return fxi_kafka_result(fxi_fail(error, FXMON_E_NOMEM, "to", "out of memory for a batch of %lld records", (long long)count));
    }
    for (size_t i = 0; i < known && w->pending.failed > 0 && result == FXMON_DONE; i++) {
        if (w->pending.records[i].state == FXI_KAFKA_FAILED) {
            fxi_kafka_pending_again(&w->pending, i);
            result = send_one(w, &records[i], i, began, error);
            if (result != FXMON_DONE) {
                fxi_kafka_pending_report(&w->pending, fxi_kafka_pending_mark(&w->pending, i), false);
            }
        }
    }
    for (size_t i = known; i < count && result == FXMON_DONE; i++) {
        fxi_kafka_pending_add(&w->pending, &records[i]); /* before it is given: the report may come at once */
        result = send_one(w, &records[i], i, began, error);
        if (result != FXMON_DONE) {
            w->pending.count--;
        }
    }
    return result;
}

static fxmon_result wait_for_all(writer *w, size_t count, int64_t began, fxmon_error *error)
{
    while (w->pending.arrived < count && w->pending.failed == 0 && w->link.fatal.code == FXMON_OK) {
        if (fxi_kafka_now(w->env) >= deadline(w, began)) {
            fxi_fail(error, FXMON_E_TIMEOUT, "to", "%lld of %lld records are not acknowledged: %.150s", (long long)(count - w->pending.arrived), (long long)count,
                     w->link.trouble.code != FXMON_OK ? w->link.trouble.text : "the brokers do not answer");
            return FXMON_RETRY;
        }
        rd_kafka_flush(w->rk, SLICE_MS); /* sends now, and serves the reports */
    }
    if (w->pending.arrived >= count) {
        return FXMON_DONE;
    }
    if (w->refused.code != FXMON_OK) {
        *error = w->refused;
        return w->refused.code == FXMON_E_TOO_LARGE ? FXMON_REFUSED : FXMON_FATAL;
    }
    if (w->link.fatal.code != FXMON_OK && w->pending.failed == 0) {
        *error = w->link.fatal;
        return FXMON_FATAL;
    }
    w->again = w->again || w->link.fatal.code != FXMON_OK;
    fxi_fail(error, FXMON_E_IO, "to", "%lld of %lld records were not taken: %.150s", (long long)(count - w->pending.arrived), (long long)count, w->link.trouble.text);
    return FXMON_RETRY;
}

/* What flew with the old producer has an unknown fate: written again. */
static fxmon_result renew(writer *w, fxmon_error *error)
{
    disconnect(w); /* the reports of the purge mark what did not arrive */
    for (size_t i = 0; i < w->pending.count; i++) {
        fxi_kafka_pending_report(&w->pending, fxi_kafka_pending_mark(&w->pending, i), false);
    }
    return connect_writer(w, error);
}

/* While the caller makes more, librdkafka sends: the append finds most of its batch acknowledged. Whatever goes wrong here the append meets again, and tells. */
size_t fxi_kafka_ahead(void *state, const fxmon_blob *records, size_t before, size_t count)
{
    writer *w = state;
    size_t i = before;
    if (w->again || !w->rk || w->pending.count != before || !fxi_kafka_pending_room(&w->pending, count)) {
        return before;
    }
    for (; i < count && records[i].length > 0 && (int64_t)records[i].length <= w->max_record; i++) {
        fxi_kafka_pending_add(&w->pending, &records[i]);
        if (give(w, &records[i], i) != RD_KAFKA_RESP_ERR_NO_ERROR) {
            w->pending.count--;
            break;
        }
    }
    rd_kafka_poll(w->rk, 0);
    return i;
}

fxmon_result fxi_kafka_append(void *state, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    writer *w = state;
    int64_t began = fxi_kafka_now(w->env);
    if (count == 0) {
        return FXMON_DONE;
    }
    fxi_error_clear(&w->refused);
    fxmon_result result = check(w, records, count, error);
    if (result == FXMON_DONE && (w->again || !w->rk || rd_kafka_fatal_error(w->rk, NULL, 0) != RD_KAFKA_RESP_ERR_NO_ERROR)) {
        result = renew(w, error);
    }
    if (result == FXMON_DONE) {
        FXI_CRASH("kafka.append");
        result = send_all(w, records, count, began, error);
        FXI_CRASH("kafka.sent");
    }
    if (result == FXMON_DONE) {
        result = wait_for_all(w, count, began, error);
        FXI_CRASH("kafka.appended");
    }
    if (result == FXMON_DONE) {
        fxi_kafka_pending_clear(&w->pending);
        fxi_error_clear(&w->link.trouble);
    }
    return result;
}
