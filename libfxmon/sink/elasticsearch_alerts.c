/*
 * sink/elasticsearch_alerts.c - alert events into the data stream or index fx-alerts. A notifier by its table, it lives here because it is the sink's server, connection
 * and bulk.
 *
 * The id of a document is the event's, which is the same on every repeat. Repeats come after a process was killed, or after a request without an answer: events are looked
 * up before they are sent then, for the reason that elasticsearch.c gives.
 */
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "sink/elasticsearch.h"

#define CALL_LIMIT (5 * FXMON_SECOND)
#define DOUBTFUL 256 /* events after open that may be repeats: more than a relay sends before it notes that they were sent */

extern const fxmon_notify_ops fxi_notify_elasticsearch;

typedef struct elastic_alerts {
    fxi_elastic e;
    fxi_elastic_bulk bulk;
    int doubtful;
} elastic_alerts;

static void alerts_close(void *state)
{
    elastic_alerts *a = state;
    if (a) {
        fxi_elastic_disconnect(&a->e);
        fxi_elastic_bulk_free(&a->bulk);
        fxi_free(a);
    }
}

static fxmon_result alerts_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    *state = NULL;
    elastic_alerts *a = fxi_calloc(1, sizeof *a);
    if (!a) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a notifier");
        return FXMON_FATAL;
    }
    fxi_elastic_bulk_init(&a->bulk);
    a->doubtful = DOUBTFUL;
    fxmon_result result = fxi_elastic_connect(&a->e, env, url, error);
    if (result == FXMON_DONE) {
        fxi_elastic_http_begin(a->e.http, CALL_LIMIT);
        result = fxi_elastic_setup(&a->e, error);
    }
    if (result != FXMON_DONE) {
        alerts_close(a);
        return result;
    }
    *state = a;
    return FXMON_DONE;
}

static bool put_event(elastic_alerts *a, const fxmon_event *event, const char *json, size_t length)
{
    fxi_elastic_item item = {.partition = 0, .offset = 0, .row = true};
    fxi_elastic_bulk_clear(&a->bulk);
    size_t mark = fxi_elastic_bulk_begin(&a->bulk, a->e.names.alerts, &item);
    fxi_buf_puts(&a->bulk.text, event->id);
    fxi_elastic_bulk_id(&a->bulk, mark, &item);
    return fxi_elastic_event(event, json, length, &a->bulk.text) && fxi_elastic_bulk_end(&a->bulk, mark, &item);
}

static fxmon_result alerts_send(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error)
{
    elastic_alerts *a = state;
    fxmon_result result = FXMON_DONE;
    fxi_elastic_http_begin(a->e.http, CALL_LIMIT);
    if (a->bulk.missing)
        result = fxi_elastic_setup(&a->e, error);
    if (result == FXMON_DONE && !put_event(a, event, json, length)) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for event %s", event->id);
        return FXMON_FATAL;
    }
    if (result == FXMON_DONE && a->e.streams && a->doubtful > 0)
        result = fxi_elastic_refresh(&a->e, a->e.names.alerts, error);
    if (result == FXMON_DONE && a->e.streams && a->doubtful > 0)
        result = fxi_elastic_bulk_recall(&a->bulk, &a->e, a->e.names.alerts, 0, 0, error);
    if (result == FXMON_DONE)
        result = fxi_elastic_bulk_deliver(&a->bulk, &a->e, error);
    if (result == FXMON_DONE && a->bulk.refused_count > 0) {
        fxi_fail(error, FXMON_E_REJECTED, "", "%s: %.240s", a->bulk.refused[0].type, a->bulk.refused[0].reason);
        result = FXMON_REFUSED;
    }
    if (result == FXMON_RETRY)
        a->doubtful = DOUBTFUL;
    else if (a->doubtful > 0)
        a->doubtful--;
    return result;
}

const fxmon_notify_ops fxi_notify_elasticsearch = {
    .size = sizeof(fxmon_notify_ops),
    .schemes = "elasticsearch+http elasticsearch+https opensearch+http opensearch+https",
    .open = alerts_open,
    .send = alerts_send,
    .close = alerts_close,
};
