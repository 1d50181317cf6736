/* api/store.c - a store without a handle, for programs that manage alerts or read history. */
#include <string.h>

#include "api/handle.h"
#include "base/error.h"
#include "base/mem.h"
#include "lane/replay.h"
#include "lane/verdict.h"

struct fxmon_store {
    fxi_plain plain;
    const fxmon_store_ops *ops;
    void *state;
    bool read_only;
};

fxmon_store *fxmon_store_open(const char *url, bool read_only, fxmon_error *error)
{
    fxmon_error problem;
    fxi_error_clear(error);
    fxi_error_clear(&problem);
    fxmon_store *store = NULL;
    const fxmon_store_ops *ops = NULL;
    if (!url || !*url)
        fxi_fail(&problem, FXMON_E_ARGUMENT, "store", "store: the URL is empty");
    else
        ops = fxi_registry_find(NULL, FXI_KIND_STORE, url, "store", &problem);
    if (ops && !(store = fxi_calloc(1, sizeof *store)))
        fxi_fail(&problem, FXMON_E_NOMEM, "", "out of memory for a store");
    if (store) {
        fxi_plain_init(&store->plain);
        store->ops = ops;
        store->read_only = read_only;
        if (fxi_result_code(ops->open(&store->plain.env, url, read_only, &store->state, &problem), &problem, "opening the store") == FXMON_OK)
            return store;
        fxi_free(store);
    }
    if (error)
        *error = problem;
    return NULL;
}

void fxmon_store_close(fxmon_store *store)
{
    if (!store)
        return;
    store->ops->close(store->state);
    fxi_free(store);
}

/* The common end of all calls. `problem` is what the driver filled. */
static int answer(fxmon_result result, fxmon_error *problem, const char *what, fxmon_error *error)
{
    int code = fxi_result_code(result, problem, what);
    if (code != FXMON_OK && error)
        *error = *problem;
    return code;
}

static int check(const fxmon_store *store, bool usable, bool implemented, const char *what, fxmon_error *error)
{
    fxi_error_clear(error);
    if (!store || !usable)
        return fxi_fail(error, FXMON_E_ARGUMENT, "", "%s: an argument is NULL or out of its range", what);
    if (!implemented)
        return fxi_fail(error, FXMON_E_UNSUPPORTED, "store", "%s: this store cannot do that", what);
    return FXMON_OK;
}

int fxmon_store_alert_add(fxmon_store *store, fxmon_alert *alert, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check(store, alert != NULL, store && store->ops->alert_add, "fxmon_store_alert_add", error);
    if (code == FXMON_OK && store->read_only)
        code = fxi_fail(error, FXMON_E_STATE, "store", "the store was opened for reading only");
    return code == FXMON_OK ? answer(store->ops->alert_add(store->state, alert, &problem), &problem, "adding the alert", error) : code;
}

int fxmon_store_alert_remove(fxmon_store *store, int64_t id, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check(store, true, store && store->ops->alert_remove, "fxmon_store_alert_remove", error);
    if (code == FXMON_OK && store->read_only)
        code = fxi_fail(error, FXMON_E_STATE, "store", "the store was opened for reading only");
    return code == FXMON_OK ? answer(store->ops->alert_remove(store->state, id, &problem), &problem, "removing the alert", error) : code;
}

int fxmon_store_alert_each(fxmon_store *store, fxmon_alert_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check(store, fn != NULL, store && store->ops->alert_each, "fxmon_store_alert_each", error);
    return code == FXMON_OK ? answer(store->ops->alert_each(store->state, false, fn, user, &problem), &problem, "reading alerts", error) : code;
}

int fxmon_store_events(fxmon_store *store, int64_t limit, int64_t offset, fxmon_event_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check(store, fn && limit >= 0 && offset >= 0, store && store->ops->events, "fxmon_store_events", error);
    return code == FXMON_OK ? answer(store->ops->events(store->state, limit, offset, fn, user, &problem), &problem, "reading events", error) : code;
}

int fxmon_store_latest(fxmon_store *store, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check(store, fn != NULL, store && store->ops->latest, "fxmon_store_latest", error);
    return code == FXMON_OK ? answer(store->ops->latest(store->state, fn, user, &problem), &problem, "reading rates", error) : code;
}

int fxmon_store_history(fxmon_store *store, const fxmon_history_query *query, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    bool usable = fn && query && query->limit >= 0 && query->offset >= 0;
    int code = check(store, usable, store && store->ops->history, "fxmon_store_history", error);
    return code == FXMON_OK ? answer(store->ops->history(store->state, query, fn, user, &problem), &problem, "reading history", error) : code;
}

int fxmon_store_dead_each(fxmon_store *store, int64_t limit, int64_t offset, fxmon_dead_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check(store, fn && limit >= 0 && offset >= 0, store && store->ops->dead_each, "fxmon_store_dead_each", error);
    return code == FXMON_OK ? answer(store->ops->dead_each(store->state, limit, offset, fn, user, &problem), &problem, "reading dead letters", error)
                            : code;
}

static int check_writable(const fxmon_store *store, bool usable, bool implemented, const char *what, fxmon_error *error)
{
    int code = check(store, usable, implemented, what, error);
    return code == FXMON_OK && store->read_only ? fxi_fail(error, FXMON_E_STATE, "store", "the store was opened for reading only") : code;
}

int fxmon_store_dead_resolve(fxmon_store *store, int64_t id, int64_t time, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check_writable(store, time >= 0, store && store->ops->dead_resolve, "fxmon_store_dead_resolve", error);
    return code == FXMON_OK ? answer(store->ops->dead_resolve(store->state, id, time, &problem), &problem, "marking the dead letter", error) : code;
}

int fxmon_store_dead_replay(fxmon_store *store, const fxmon_dead_letter *letter, int64_t id, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check_writable(store, letter && letter->stream && (letter->data || letter->length == 0), store && store->ops->dead_resolve,
                              "fxmon_store_dead_replay", error);
    if (code != FXMON_OK)
        return code;
    int64_t now = store->plain.env.now(store->plain.env.user);
    return answer(fxi_replay(store->ops, store->state, letter, id, now, &problem), &problem, "replaying the dead letter", error);
}

struct judging {
    int64_t now;
    fxmon_health_fn fn;
    void *user;
};

static bool judge(void *user, const fxmon_health *health)
{
    struct judging *j = user;
    fxmon_health row = *health;
    fxi_verdict_silence(&row, j->now);
    return j->fn(j->user, &row);
}

int fxmon_store_health_each(fxmon_store *store, fxmon_health_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    struct judging j = {.fn = fn, .user = user};
    int code = check(store, fn != NULL, store && store->ops->health_each, "fxmon_store_health_each", error);
    if (code != FXMON_OK)
        return code;
    j.now = store->plain.env.now(store->plain.env.user);
    return answer(store->ops->health_each(store->state, judge, &j, &problem), &problem, "reading health rows", error);
}

struct judging_source {
    int64_t now;
    fxmon_source_fn fn;
    void *user;
};

static bool judge_source(void *user, const fxmon_source_health *source)
{
    struct judging_source *j = user;
    fxmon_source_health row = *source;
    fxi_verdict_source_silence(&row, j->now);
    return j->fn(j->user, &row);
}

int fxmon_store_source_each(fxmon_store *store, fxmon_source_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    struct judging_source j = {.fn = fn, .user = user};
    int code = check(store, fn != NULL, store && store->ops->source_each, "fxmon_store_source_each", error);
    if (code != FXMON_OK)
        return code;
    j.now = store->plain.env.now(store->plain.env.user);
    return answer(store->ops->source_each(store->state, judge_source, &j, &problem), &problem, "reading sources", error);
}

int fxmon_store_rebalance_each(fxmon_store *store, int64_t limit, int64_t offset, fxmon_rebalance_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check(store, fn && limit >= 0 && offset >= 0, store && store->ops->rebalance_each, "fxmon_store_rebalance_each", error);
    return code == FXMON_OK ? answer(store->ops->rebalance_each(store->state, limit, offset, fn, user, &problem), &problem, "reading rebalances", error)
                            : code;
}

int fxmon_store_place_each(fxmon_store *store, fxmon_place_fn fn, void *user, fxmon_error *error)
{
    fxmon_error problem = {0};
    int code = check(store, fn != NULL, store && store->ops->place_each, "fxmon_store_place_each", error);
    return code == FXMON_OK ? answer(store->ops->place_each(store->state, fn, user, &problem), &problem, "reading places", error) : code;
}
