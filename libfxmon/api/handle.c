/*
 * api/handle.c - making, setting and freeing a handle.
 *
 * A handle is two-phased: everything is said first, then it runs. So nothing that a lane's thread reads can change under it, and the lanes need no lock
 * for options and drivers.
 */
#include "api/handle.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/mem.h"

/* ---- what drivers may ask ------------------------------------------------------------------------------ */

static int64_t host_now(void *user)
{
    const fxmon *m = user;
    return m->now ? m->now(m->user) : fxi_clock_wall();
}

static int64_t host_monotonic(void *user)
{
    const fxmon *m = user;
    return m->monotonic ? m->monotonic(m->user) : fxi_clock_monotonic();
}

static bool host_stopping(void *user)
{
    const fxmon *m = user;
    return fxi_stop_count(&m->stop) >= 1;
}

static bool host_stopping_hard(void *user)
{
    const fxmon *m = user;
    return fxi_stop_count(&m->stop) >= 2;
}

static void host_log(void *user, int level, const char *component, const char *text)
{
    const fxmon *m = user;
    if (m->log)
        m->log(m->user, level, component, text);
}

static const char *host_option(void *user, const char *name)
{
    const fxmon *m = user;
    return fxi_options_get(m->options, name);
}

/* ---- life -------------------------------------------------------------------------------------------------- */

static int open_poll(fxmon *m, fxmon_error *error)
{
    m->poll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (m->poll_fd < 0)
        return fxi_fail_errno(error, errno, "create", "epoll");
    struct epoll_event event = {.events = EPOLLIN, .data.fd = m->stop.fd};
    if (epoll_ctl(m->poll_fd, EPOLL_CTL_ADD, m->stop.fd, &event) != 0)
        return fxi_fail_errno(error, errno, "watch", "eventfd");
    return FXMON_OK;
}

static int set_up(fxmon *m, const fxmon_options *given, fxmon_error *error)
{
    fxmon_options options = {0};
    if (given)
        memcpy(&options, given, given->size < sizeof options ? given->size : sizeof options);
    m->user = options.user;
    m->log = options.log;
    m->now = options.now;
    m->monotonic = options.monotonic;
    m->env = (fxmon_env){.size = sizeof(fxmon_env), .user = m, .now = host_now, .monotonic = host_monotonic, .stopping = host_stopping,
                         .log = host_log, .option = host_option};
    m->hard_env = m->env;
    m->hard_env.stopping = host_stopping_hard;
    m->options = fxi_options_new();
    if (!m->options)
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a handle");
    int code = fxi_stop_open(&m->stop, error);
    if (code == FXMON_OK)
        code = open_poll(m, error);
    if (code == FXMON_OK && options.from)
        code = fxi_options_set(m->options, "from", options.from, error);
    if (code == FXMON_OK && options.to)
        code = fxi_options_set(m->options, "to", options.to, error);
    return code;
}

fxmon *fxmon_new(const fxmon_options *options, fxmon_error *error)
{
    fxi_error_clear(error);
    if (options && options->size == 0) {
        fxi_fail(error, FXMON_E_ARGUMENT, "size", "options need size = sizeof(fxmon_options)");
        return NULL;
    }
    fxmon *m = fxi_calloc(1, sizeof *m);
    if (!m) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a handle");
        return NULL;
    }
    m->stop.fd = m->poll_fd = -1;
    if (set_up(m, options, error) != FXMON_OK) {
        fxmon_free(m);
        return NULL;
    }
    return m;
}

void fxmon_free(fxmon *m)
{
    if (!m)
        return;
    for (size_t i = m->slot_count; i-- > 0;) { /* the server first: it was added after the lane that feeds it */
        if (m->slots[i].worker.state != m->board)
            m->slots[i].worker.ops->close(m->slots[i].worker.state);
        fxi_free(m->slots[i].url);
    }
    fxi_board_free(m->board); /* last: lanes point to it */
    fxi_free(m->board_url);
    fxi_serving_free(m->serving);
    if (m->poll_fd >= 0)
        close(m->poll_fd);
    fxi_stop_close(&m->stop);
    fxi_registry_free(&m->registry);
    fxi_options_free(m->options);
    fxi_free(m);
}

int fxi_handle_check(const fxmon *m, const char *what, fxmon_error *error)
{
    fxi_error_clear(error);
    if (!m)
        return fxi_fail(error, FXMON_E_ARGUMENT, "m", "%s: the handle is NULL", what);
    if (m->started)
        return fxi_fail(error, FXMON_E_STATE, "", "%s: the handle runs already; everything has to be said before", what);
    return FXMON_OK;
}

int fxi_handle_add(fxmon *m, const fxi_worker_ops *ops, void *state, const char *url, fxmon_error *error)
{
    char *copy = url ? fxi_strdup(url) : NULL;
    if (m->slot_count == FXI_WORKERS_MAXIMUM || (url && !copy)) {
        ops->close(state);
        fxi_free(copy);
        if (url && !copy)
            return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory");
        return fxi_fail(error, FXMON_E_RANGE, "", "a handle has at most %d lanes", FXI_WORKERS_MAXIMUM);
    }
    struct fxi_slot *slot = &m->slots[m->slot_count++]; /* zero, but for what was announced */
    slot->worker = (fxi_worker){.ops = ops, .state = state};
    slot->url = copy;
    slot->watched = -1;
    slot->handle = m;
    return FXMON_OK;
}

/* ---- options and drivers --------------------------------------------------------------------------------------- */

int fxmon_set(fxmon *m, const char *name, const char *value, fxmon_error *error)
{
    int code = fxi_handle_check(m, "fxmon_set", error);
    if (code != FXMON_OK)
        return code;
    if (!name)
        return fxi_fail(error, FXMON_E_ARGUMENT, "name", "fxmon_set: the name is NULL");
    const fxmon_option_info *row = fxmon_option_find(name);
    if (row && row->program_only)
        return fxi_fail(error, FXMON_E_OPTION, name, "%s has a meaning for the programs only", name);
    return fxi_options_set(m->options, name, value, error);
}

const char *fxmon_get(const fxmon *m, const char *name)
{
    return m && name ? fxi_options_get(m->options, name) : NULL;
}

static int register_driver(fxmon *m, enum fxi_kind kind, const void *ops, bool complete, fxmon_error *error)
{
    int code = fxi_handle_check(m, "fxmon_register", error);
    if (code != FXMON_OK)
        return code;
    if (!ops || !complete)
        return fxi_fail(error, FXMON_E_ARGUMENT, "ops", "the driver's table lacks a function that is not optional");
    return fxi_registry_add(&m->registry, kind, ops, error);
}

int fxmon_register_source(fxmon *m, const fxmon_source_ops *ops, fxmon_error *error)
{
    bool complete = ops && ops->size >= sizeof *ops && ops->open && ops->next && ops->close;
    return register_driver(m, FXI_KIND_SOURCE, ops, complete, error);
}

int fxmon_register_stream(fxmon *m, const fxmon_stream_ops *ops, fxmon_error *error)
{
    bool reads = ops && ops->size >= sizeof *ops && ops->open_reader && ops->read && ops->seek && ops->bounds && ops->close_reader;
    bool writes = ops && ops->size >= sizeof *ops && ops->open_writer && ops->append && ops->close_writer;
    return register_driver(m, FXI_KIND_STREAM, ops, reads || writes, error);
}

int fxmon_register_sink(fxmon *m, const fxmon_sink_ops *ops, fxmon_error *error)
{
    bool complete = ops && ops->size >= sizeof *ops && ops->open && ops->write && ops->flush && ops->close;
    return register_driver(m, FXI_KIND_SINK, ops, complete, error);
}

int fxmon_register_store(fxmon *m, const fxmon_store_ops *ops, fxmon_error *error)
{
    bool complete = ops && ops->size >= sizeof *ops && ops->open && ops->close && ops->claim && ops->begin && ops->put_rows && ops->put_dead &&
                    ops->commit && ops->rollback;
    return register_driver(m, FXI_KIND_STORE, ops, complete, error);
}

int fxmon_register_notify(fxmon *m, const fxmon_notify_ops *ops, fxmon_error *error)
{
    bool complete = ops && ops->size >= sizeof *ops && ops->open && ops->send && ops->close;
    return register_driver(m, FXI_KIND_NOTIFY, ops, complete, error);
}

const char *fxmon_feature_at(size_t index)
{
    return fxi_builtin_feature(index);
}

/* ---- one append ------------------------------------------------------------------------------------------------- */

int fxmon_append(fxmon *m, const char *log, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    fxmon_error problem;
    void *writer = NULL;
    fxi_error_clear(error);
    fxi_error_clear(&problem);
    if (!m || !log || !*log || (!records && count > 0))
        return fxi_fail(error, FXMON_E_ARGUMENT, "log", "fxmon_append: an argument is NULL or empty");
    const fxmon_stream_ops *stream = fxi_registry_find(&m->registry, FXI_KIND_STREAM, log, "log", &problem);
    fxmon_result result = FXMON_FATAL;
    if (stream && !stream->append)
        fxi_fail(&problem, FXMON_E_UNSUPPORTED, "log", "%.100s can only be read", log);
    else if (stream)
        result = stream->open_writer(&m->hard_env, log, &writer, &problem);
    if (writer) {
        if (result == FXMON_DONE && count > 0)
            result = stream->append(writer, records, count, &problem);
        stream->close_writer(writer);
    }
    int code = fxi_result_code(result, &problem, "appending to the log");
    if (code != FXMON_OK && error)
        *error = problem;
    return code;
}
