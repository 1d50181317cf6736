/* api/lanes.c - what a handle is told to do: each call makes a worker. Nothing is opened before it runs. */
#include <stdio.h>
#include <string.h>

#include "api/handle.h"
#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/sha256.h"
#include "base/url.h"
#include "lane/lane.h"
#include "lane/produce.h"
#include "lane/sink_stage.h"
#include "lane/store_stage.h"

#define NAME_TEXT 48
#define DESTINATION_TEXT 256
#define TWIN_TEXT 9

/* "sqlite" of sqlite:fx.db, "stdout" of -. */
static void lane_name(const char *url, char out[NAME_TEXT])
{
    size_t length = strcspn(url, ":");
    if (strcmp(url, "-") == 0)
        url = "stdout", length = 6;
    length = length < NAME_TEXT - 1 ? length : NAME_TEXT - 1;
    memcpy(out, url, length);
    out[length] = '\0';
}

static const char *required(const fxmon *m, const char *name, fxmon_error *error)
{
    const char *value = fxi_options_get(m->options, name);
    if (!value)
        fxi_fail(error, FXMON_E_CONFIG, name, "%s: not set", name);
    return value;
}

/* Lanes of one name must not share a consumer group, or each would see a part of the log: the second and later ones are told apart by their destination. */
static void tell_apart(const fxmon *m, const char *name, const char *url, const char *destination, char out[TWIN_TEXT])
{
    char other[NAME_TEXT];
    uint8_t digest[32];
    size_t twins = 0;
    for (size_t i = 0; i < m->slot_count; i++) {
        if (m->slots[i].url)
            lane_name(m->slots[i].url, other);
        twins += url ? m->slots[i].url && strcmp(name, other) == 0 : !m->slots[i].url && m->slots[i].worker.ops == &fxi_lane_worker;
    }
    out[0] = '\0';
    if (twins == 0)
        return;
    fxi_sha256(url ? (const void *)destination : (const void *)&twins, url ? strlen(destination) : sizeof twins, digest);
    snprintf(out, TWIN_TEXT, "%02x%02x%02x%02x", digest[0], digest[1], digest[2], digest[3]);
}

/* A lane over a stage; the stage is closed on failure. */
static int add_lane(fxmon *m, const fxi_stage_ops *stage, void *stage_state, const char *name, const char *component, const char *url, bool follow,
                    fxmon_error *error)
{
    char destination[DESTINATION_TEXT] = "", twin[TWIN_TEXT];
    fxmon_error problem;
    fxi_error_clear(&problem);
    (void)fxi_board_announce(m, FXI_PULSE_CONSUMER, component, &problem);
    const char *from = problem.code == FXMON_OK ? required(m, "from", &problem) : NULL;
    const fxmon_stream_ops *stream = from ? fxi_registry_find(&m->registry, FXI_KIND_STREAM, from, "from", &problem) : NULL;
    if (stream && !stream->open_reader)
        fxi_fail(&problem, FXMON_E_UNSUPPORTED, "from", "from: %.100s can only be written", from);
    if (url)
        fxi_url_redact(url, destination, sizeof destination);
    tell_apart(m, name, url, destination, twin);
    fxi_lane_config config = {.env = &m->hard_env, .stop = &m->stop, .stream = stream, .from = from, .group = fxi_options_get(m->options, "group"),
                              .stage = stage, .stage_state = stage_state, .name = name, .twin = twin, .destination = destination, .follow = follow,
                              .board = m->board, .component = m->slots[m->slot_count].component};
    if (problem.code == FXMON_OK && !follow) /* who only looks sets nothing aside */
        fxi_dead_log_new(&m->hard_env, &m->registry, from, &config.dead_log, &problem);
    fxi_lane *lane = problem.code == FXMON_OK ? fxi_lane_new(&config, &problem) : NULL;
    if (!lane) {
        fxi_dead_log_free(config.dead_log);
        stage->close(stage_state);
        if (error)
            *error = problem;
        return problem.code;
    }
    return fxi_handle_add(m, &fxi_lane_worker, lane, url, error);
}

int fxmon_produce(fxmon *m, fxmon_error *error)
{
    int code = fxi_handle_check(m, "fxmon_produce", error);
    if (code != FXMON_OK)
        return code;
    fxmon_error problem;
    fxi_error_clear(&problem);
    fxi_produce_config config = {.env = &m->hard_env, .source_env = &m->env, .stop = &m->stop, .registry = &m->registry};
    config.from = fxi_board_announce(m, FXI_PULSE_PRODUCER, "produce", &problem) == FXMON_OK ? required(m, "from", &problem) : NULL;
    config.to = config.from ? required(m, "to", &problem) : NULL;
    fxi_produce *produce = config.to ? fxi_produce_new(&config, &problem) : NULL;
    if (!produce) {
        if (error)
            *error = problem;
        return problem.code;
    }
    return fxi_handle_add(m, &fxi_produce_worker, produce, NULL, error);
}

int fxmon_sink(fxmon *m, const char *url, fxmon_error *error)
{
    char name[NAME_TEXT], component[NAME_TEXT + 16] = "consume/";
    int code = fxi_handle_check(m, "fxmon_sink", error);
    if (code != FXMON_OK)
        return code;
    if (!url || !*url)
        return fxi_fail(error, FXMON_E_ARGUMENT, "sink", "sink: the URL is empty");
    for (size_t i = 0; i < m->slot_count; i++)
        if (m->slots[i].url && strcmp(m->slots[i].url, url) == 0)
            return fxi_fail(error, FXMON_E_EXISTS, "sink", "sink: the same destination is there already");
    lane_name(url, name);
    memcpy(component + strlen(component), name, strlen(name) + 1);
    void *state = NULL;
    if (fxi_registry_lookup(&m->registry, FXI_KIND_STORE, url)) {
        const fxmon_store_ops *store = fxi_registry_find(&m->registry, FXI_KIND_STORE, url, "sink", error);
        if (!store)
            return FXMON_E_UNSUPPORTED;
        code = fxi_board_candidate(m, url, error);
        if (code == FXMON_OK)
            code = fxi_store_stage_new(store, url, &state, error);
        return code == FXMON_OK ? add_lane(m, &fxi_store_stage, state, name, component, url, false, error) : code;
    }
    fxmon_error problem;
    fxi_error_clear(&problem);
    const fxmon_sink_ops *sink = fxi_registry_find(&m->registry, FXI_KIND_SINK, url, "sink", &problem);
    if (!sink) {
        if (error)
            *error = problem;
        return problem.code;
    }
    code = fxi_sink_stage_new(sink, url, &state, error);
    return code == FXMON_OK ? add_lane(m, &fxi_sink_stage, state, name, component, url, false, error) : code;
}

int fxmon_sink_custom(fxmon *m, const fxmon_custom_sink *sink, void *user, fxmon_error *error)
{
    int code = fxi_handle_check(m, "fxmon_sink_custom", error);
    if (code != FXMON_OK)
        return code;
    if (!sink || sink->size < sizeof *sink || !sink->write)
        return fxi_fail(error, FXMON_E_ARGUMENT, "sink", "a sink needs size = sizeof(fxmon_custom_sink) and a function write");
    void *state = NULL;
    code = fxi_sink_stage_custom(sink, user, &state, error);
    return code == FXMON_OK ? add_lane(m, &fxi_sink_stage, state, "custom", "consume/custom", NULL, false, error) : code;
}

static const fxmon_store_ops *find_store(fxmon *m, const char *url, int *code, fxmon_error *error)
{
    fxmon_error problem;
    fxi_error_clear(&problem);
    const fxmon_store_ops *ops = NULL;
    if (!url || !*url)
        fxi_fail(&problem, FXMON_E_ARGUMENT, "store", "store: the URL is empty");
    else
        ops = fxi_registry_find(&m->registry, FXI_KIND_STORE, url, "store", &problem);
    *code = problem.code;
    if (!ops && error)
        *error = problem;
    return ops;
}

int fxmon_alerting(fxmon *m, const char *store, fxmon_error *error)
{
    int code = fxi_handle_check(m, "fxmon_alerting", error);
    if (code != FXMON_OK)
        return code;
    if (m->alerts)
        return fxi_fail(error, FXMON_E_EXISTS, "store", "the handle has an alert lane already");
    const fxmon_store_ops *ops = find_store(m, store, &code, error);
    if (!ops)
        return code;
    fxi_alert_stage *stage = NULL;
    code = fxi_board_candidate(m, store, error);
    if (code == FXMON_OK)
        code = fxi_alert_stage_new(ops, store, &stage, error);
    if (code != FXMON_OK)
        return code;
    code = add_lane(m, &fxi_alert_stage_ops, stage, "alert", "alert", store, false, error);
    if (code == FXMON_OK)
        m->alerts = stage;
    return code;
}

int fxmon_notify(fxmon *m, const char *url, fxmon_error *error)
{
    int code = fxi_handle_check(m, "fxmon_notify", error);
    if (code != FXMON_OK)
        return code;
    if (!url || !*url)
        return fxi_fail(error, FXMON_E_ARGUMENT, "notify", "notify: the URL is empty");
    if (!m->alerts)
        return fxi_fail(error, FXMON_E_STATE, "notify", "notify: needs an alert lane; call fxmon_alerting first");
    fxmon_error problem;
    fxi_error_clear(&problem);
    const fxmon_notify_ops *ops = fxi_registry_find(&m->registry, FXI_KIND_NOTIFY, url, "notify", &problem);
    if (!ops) {
        if (error)
            *error = problem;
        return problem.code;
    }
    return fxi_alert_stage_notify(m->alerts, &m->env, ops, url, error);
}

int fxmon_listen_port(const fxmon *m)
{
    return m && m->serving ? fxi_serving_port(m->serving) : 0;
}

/* ---- serving ------------------------------------------------------------------------------------------------- */

#if FXI_WITH_MICROHTTPD
#include "serve/server.h"

/* Hub and server of a handle. The server is a worker that starts it and waits for the stop; the lane that fills the hub is another. */
struct fxi_serving {
    fxmon *handle;
    fxi_hub *hub;
    fxi_server *server;
    bool started;
};

static int serving_turn(void *state, const fxi_turn *turn, int64_t *wait_ns, fxmon_error *error)
{
    struct fxi_serving *serving = state;
    (void)turn;
    *wait_ns = 3600 * FXMON_SECOND;
    if (fxi_stop_count(&serving->handle->stop)) {
        fxi_server_stop(serving->server);
        return FXMON_E_STOPPED;
    }
    if (!serving->started) {
        int code = fxi_server_start(serving->server, error);
        if (code != FXMON_OK)
            return code;
        serving->started = true;
    }
    return FXMON_OK;
}

static int serving_pollfd(void *state)
{
    (void)state;
    return -1;
}

static void serving_close(void *state)
{
    struct fxi_serving *serving = state;
    fxi_server_free(serving->server);
    serving->server = NULL;
}

static const fxi_worker_ops serving_worker = {.turn = serving_turn, .pollfd = serving_pollfd, .status = NULL, .close = serving_close};

int fxi_serving_port(const struct fxi_serving *serving)
{
    return serving->server ? fxi_server_port(serving->server) : 0;
}

void fxi_serving_free(struct fxi_serving *serving)
{
    if (!serving)
        return;
    fxi_server_free(serving->server);
    fxi_hub_free(serving->hub);
    fxi_free(serving);
}

static int serving_status(void *user, bool (*fn)(void *user, const fxmon_status *status), void *fn_user)
{
    return fxmon_status_each(user, fn, fn_user);
}

int fxmon_serve(fxmon *m, const char *listen, const char *store, fxmon_error *error)
{
    int code = fxi_handle_check(m, "fxmon_serve", error);
    if (code != FXMON_OK)
        return code;
    if (m->serving)
        return fxi_fail(error, FXMON_E_EXISTS, "listen", "the handle serves already");
    const fxmon_store_ops *ops = store ? find_store(m, store, &code, error) : NULL;
    if ((store && !ops) || (store && (code = fxi_board_candidate(m, store, error)) != FXMON_OK))
        return code;
    struct fxi_serving *serving = fxi_calloc(1, sizeof *serving);
    if (!serving)
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for the server");
    m->serving = serving;
    serving->handle = m;
    const char *from = fxi_options_get(m->options, "from");
    if (from && !(serving->hub = fxi_hub_new((size_t)fxi_env_integer(&m->env, "window", 20)))) {
        code = fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for the live hub");
        goto failed;
    }
    fxi_server_config config = {.listen = listen, .store = ops, .store_url = store, .hub = serving->hub, .log_url = from, .env = m->env,
                                .each_status = serving_status, .status_user = m};
    fxmon_error problem;
    fxi_error_clear(&problem);
    serving->server = fxi_server_new(&config, &problem);
    if (!serving->server) {
        code = problem.code;
        if (error)
            *error = problem;
        goto failed;
    }
    if (serving->hub) {
        code = add_lane(m, &fxi_hub_stage, serving->hub, "live", "serve", NULL, true, error);
        if (code != FXMON_OK)
            goto failed;
    }
    if (!serving->hub) /* otherwise its lane stands for it */
        code = fxi_board_announce(m, FXI_PULSE_SERVER, "serve", error);
    if (code == FXMON_OK)
        code = fxi_handle_add(m, &serving_worker, serving, NULL, error);
    if (code == FXMON_OK)
        return FXMON_OK;
    if (serving->hub)
        return code; /* the lane uses the hub: both go with the handle */
failed:
    m->serving = NULL;
    fxi_serving_free(serving);
    return code;
}
#else
int fxi_serving_port(const struct fxi_serving *serving)
{
    (void)serving;
    return 0;
}

void fxi_serving_free(struct fxi_serving *serving)
{
    (void)serving;
}

int fxmon_serve(fxmon *m, const char *listen, const char *store, fxmon_error *error)
{
    (void)listen;
    (void)store;
    int code = fxi_handle_check(m, "fxmon_serve", error);
    return code != FXMON_OK ? code : fxi_fail(error, FXMON_E_UNSUPPORTED, "listen", "HTTP: built without libmicrohttpd");
}
#endif
