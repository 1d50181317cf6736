/*
 * lane/builtin.c - the drivers of this build. The only file that names them: a new driver is one line here.
 * What a build leaves out stays known, so that its URL is answered by "built without ..." instead of "unknown".
 */
#include "lane/registry.h"

/* sources */
extern const fxmon_source_ops fxi_source_http, fxi_source_sim, fxi_source_replay, fxi_source_exec;
static const fxmon_source_ops *const sources[] = {
    &fxi_source_sim,
    &fxi_source_http,
    &fxi_source_replay,
    &fxi_source_exec,
    NULL};

/* logs */
extern const fxmon_stream_ops fxi_stream_file, fxi_stream_pipe;
#if FXI_WITH_RDKAFKA
extern const fxmon_stream_ops fxi_stream_kafka;
#else
static const fxmon_stream_ops fxi_stream_kafka = {.size = sizeof(fxmon_stream_ops), .schemes = "kafka", .unsupported = "built without librdkafka"};
#endif
static const fxmon_stream_ops *const streams[] = {
    &fxi_stream_file,
    &fxi_stream_pipe,
    &fxi_stream_kafka,
    NULL};

/* stores */
#if FXI_WITH_SQLITE
extern const fxmon_store_ops fxi_store_sqlite;
#else
static const fxmon_store_ops fxi_store_sqlite = {.size = sizeof(fxmon_store_ops), .schemes = "sqlite", .unsupported = "built without SQLite"};
#endif
#if FXI_WITH_PQ
extern const fxmon_store_ops fxi_store_postgresql;
#else
static const fxmon_store_ops fxi_store_postgresql = {.size = sizeof(fxmon_store_ops), .schemes = "postgresql postgres", .unsupported = "built without libpq"};
#endif
static const fxmon_store_ops *const stores[] = {
    &fxi_store_sqlite,
    &fxi_store_postgresql,
    NULL};

/* sinks */
extern const fxmon_sink_ops fxi_sink_text;
#if FXI_WITH_HIREDIS
extern const fxmon_sink_ops fxi_sink_redis;
#else
static const fxmon_sink_ops fxi_sink_redis = {.size = sizeof(fxmon_sink_ops), .schemes = "redis rediss unix", .unsupported = "built without hiredis"};
#endif
#if FXI_WITH_CURL
extern const fxmon_sink_ops fxi_sink_elasticsearch;
#else
static const fxmon_sink_ops fxi_sink_elasticsearch = {.size = sizeof(fxmon_sink_ops),
                                                      .schemes = "elasticsearch+http elasticsearch+https opensearch+http opensearch+https",
                                                      .unsupported = "built without libcurl"};
#endif
static const fxmon_sink_ops *const sinks[] = {
    &fxi_sink_text,
    &fxi_sink_redis,
    &fxi_sink_elasticsearch,
    NULL};

/* notifiers */
extern const fxmon_notify_ops fxi_notify_text, fxi_notify_exec, fxi_notify_file, fxi_notify_kafka;
#if FXI_WITH_HIREDIS
extern const fxmon_notify_ops fxi_notify_redis;
#else
static const fxmon_notify_ops fxi_notify_redis = {.size = sizeof(fxmon_notify_ops), .schemes = "redis rediss unix", .unsupported = "built without hiredis"};
#endif
#if FXI_WITH_CURL
extern const fxmon_notify_ops fxi_notify_elasticsearch;
#else
static const fxmon_notify_ops fxi_notify_elasticsearch = {.size = sizeof(fxmon_notify_ops),
                                                          .schemes = "elasticsearch+http elasticsearch+https opensearch+http opensearch+https",
                                                          .unsupported = "built without libcurl"};
#endif
static const fxmon_notify_ops *const notifiers[] = {
    &fxi_notify_text,
    &fxi_notify_exec,
    &fxi_notify_file,
    &fxi_notify_kafka,
    &fxi_notify_redis,
    &fxi_notify_elasticsearch,
    NULL};

static const void *entry(enum fxi_kind kind, size_t index)
{
    switch (kind) {
    case FXI_KIND_SOURCE:
        return index < sizeof sources / sizeof sources[0] ? sources[index] : NULL;
    case FXI_KIND_STREAM:
        return index < sizeof streams / sizeof streams[0] ? streams[index] : NULL;
    case FXI_KIND_STORE:
        return index < sizeof stores / sizeof stores[0] ? stores[index] : NULL;
    case FXI_KIND_SINK:
        return index < sizeof sinks / sizeof sinks[0] ? sinks[index] : NULL;
    default:
        return index < sizeof notifiers / sizeof notifiers[0] ? notifiers[index] : NULL;
    }
}

const fxi_driver *fxi_builtin_at(enum fxi_kind kind, size_t index)
{
    return entry(kind, index);
}

const char *fxi_builtin_feature(size_t index)
{
    static const char *const features[] = {
        FXI_WITH_CURL ? "curl: yes" : "curl: built without libcurl, no providers over HTTP, no Elasticsearch",
        FXI_WITH_SQLITE ? "sqlite: yes" : "sqlite: built without SQLite, no store",
        FXI_WITH_RDKAFKA ? "kafka: yes" : "kafka: built without librdkafka",
        FXI_WITH_MICROHTTPD ? "http server: yes" : "http server: built without libmicrohttpd",
        FXI_WITH_PQ ? "postgresql: yes" : "postgresql: built without libpq, no PostgreSQL",
        FXI_WITH_HIREDIS ? "redis: yes, without TLS" : "redis: built without hiredis, no Redis",
    };
    return index < sizeof features / sizeof features[0] ? features[index] : NULL;
}
