/*
 * lane/notify_log.c - alert events into a log, as --notify file:DIR or kafka://HOSTS/TOPIC: a log's writer under the notifier's table.
 *
 * It lies here because drivers do not know each other. Records are the events as JSON; readers of that log are what readers of any log are. The key is
 * the pair, so that the events of a pair keep their order in a log with partitions; where a log has headers, fxmon-event-id lets a reader drop the
 * repeats that "at least once" brings without reading the JSON.
 */
#include "base/error.h"
#include "base/mem.h"
#include "lane/registry.h"

extern const fxmon_notify_ops fxi_notify_file, fxi_notify_kafka;

struct notify_log {
    const fxmon_stream_ops *stream;
    void *writer;
};

static fxmon_result log_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    const fxmon_stream_ops *stream = fxi_registry_find(NULL, FXI_KIND_STREAM, url, "notify", error);
    struct notify_log *n = stream ? fxi_calloc(1, sizeof *n) : NULL;
    if (!stream)
        return FXMON_FATAL;
    if (!n) {
        fxi_fail(error, FXMON_E_NOMEM, "notify", "out of memory");
        return FXMON_RETRY;
    }
    n->stream = stream;
    fxmon_result result = stream->open_writer(env, url, &n->writer, error);
    if (result != FXMON_DONE) {
        fxi_free(n);
        return result;
    }
    *state = n;
    return FXMON_DONE;
}

static fxmon_result log_send(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error)
{
    const struct notify_log *n = state;
    fxmon_header id = {"fxmon-event-id", event->id};
    fxmon_blob record = {.key = event->pair.text, .data = json, .length = length, .headers = &id, .header_count = 1};
    return n->stream->append(n->writer, &record, 1, error);
}

static void log_close(void *state)
{
    struct notify_log *n = state;
    n->stream->close_writer(n->writer);
    fxi_free(n);
}

const fxmon_notify_ops fxi_notify_file = {
    .size = sizeof(fxmon_notify_ops), .schemes = "file", .open = log_open, .send = log_send, .close = log_close,
};

const fxmon_notify_ops fxi_notify_kafka = {
    .size = sizeof(fxmon_notify_ops), .schemes = "kafka", .open = log_open, .send = log_send, .close = log_close,
#if !FXI_WITH_RDKAFKA
    .unsupported = "built without librdkafka",
#endif
};
