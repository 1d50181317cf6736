/* store/postgresql.c - the store postgresql://: opening, closing, and the table of its functions. One connection a handle. */
#include "store/postgresql.h"

#include "base/env.h"
#include "base/error.h"
#include "base/instance.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/value.h"

#define CHUNKS_MAXIMUM (1 << 20) /* bytes of the buffer of rows: sent long before */

static void postgresql_close(void *state)
{
    fxi_postgresql *p = state;
    if (p == NULL) {
        return;
    }
    fxi_postgresql_rollback(p);
    fxi_postgresql_drop(p);
    for (size_t i = 0; i < sizeof(p->column) / sizeof(p->column[0]); i++) {
        fxi_postgresql_array_free(&p->column[i]);
    }
    fxi_map_free(p->pending.state_of);
    fxi_map_free(p->pending.last_of);
    fxi_free(p->pending.state);
    fxi_free(p->pending.last);
    fxi_free(p->pending.lane);
    fxi_map_free(p->months);
    fxi_map_free(p->newest_of);
    fxi_map_free(p->sources);
    fxi_free(p->newest);
    fxi_free(p->touched);
    fxi_buf_free(&p->out);
    fxi_free(p->doubt.lane);
    fxi_free(p->doubt.stream);
    fxi_free(p->stream_name);
    fxi_free(p->name);
    if (p->url != NULL) {
        explicit_bzero(p->url, strlen(p->url));
    }
    fxi_free(p->url);
    fxi_free(p);
}

static fxmon_result read_options(fxi_postgresql *p, fxmon_error *error)
{
    const char *keep = fxi_env_text(p->env, "keep", NULL), *timescale = fxi_env_text(p->env, "timescale", NULL);
    if (keep != NULL && (fxmon_duration_parse(keep, strlen(keep), &p->keep) != FXMON_OK || p->keep <= 0)) {
        fxi_fail(error, FXMON_E_RANGE, "keep", "\"%.40s\" is no time to keep rates: expected a duration such as 400d", keep);
        return FXMON_FATAL;
    }
    if (timescale != NULL && fxi_bool_parse(timescale, strlen(timescale), &p->timescale) != FXMON_OK) {
        fxi_fail(error, FXMON_E_RANGE, "timescale", "\"%.40s\" is neither yes nor no", timescale);
        return FXMON_FATAL;
    }
    return FXMON_DONE;
}

static fxmon_result make(fxi_postgresql *p, const char *url, fxmon_error *error)
{
    char name[256];
    fxi_url_redact(url, name, sizeof(name));
    p->url = fxi_strdup(url);
    p->name = fxi_strdup(name);
    p->months = fxi_map_new(sizeof(int32_t));
    p->newest_of = fxi_map_new(sizeof(fxmon_pair) + 2 * sizeof(int64_t));
    p->sources = fxi_map_new(FXMON_SOURCE_TEXT);
    fxi_buf_init(&p->out, CHUNKS_MAXIMUM);
    fxi_instance(p->owner);
    return p->url == NULL || p->name == NULL || p->months == NULL || p->newest_of == NULL || p->sources == NULL ? fxi_postgresql_no_memory(error) : FXMON_DONE;
}

static fxmon_result postgresql_open(const fxmon_env *env, const char *url, bool read_only, void **state, fxmon_error *error)
{
    *state = NULL;
    fxi_postgresql *p = fxi_calloc(1, sizeof(*p));
    if (p == NULL) {
        return fxi_postgresql_no_memory(error);
    }
    p->env = env;
    p->read_only = read_only;
    fxmon_result result = make(p, url, error);
    if (result == FXMON_DONE) {
        result = read_options(p, error);
    }
    if (result == FXMON_DONE) {
        result = fxi_postgresql_connect(p, error);
    }
    if (result == FXMON_DONE) {
        result = fxi_postgresql_schema(p, error);
    }
    if (result == FXMON_DONE) {
        result = fxi_postgresql_maintain(p, error);
    }
    if (result != FXMON_DONE) {
        postgresql_close(p);
        return result;
    }
    *state = p;
    return FXMON_DONE;
}

const fxmon_store_ops fxi_store_postgresql = {
    .size = sizeof(fxmon_store_ops),
    .schemes = "postgresql postgres",
    .open = postgresql_open,
    .close = postgresql_close,
    .claim = fxi_postgresql_claim,
    .begin = fxi_postgresql_begin,
    .put_rows = fxi_postgresql_put_rows,
    .put_dead = fxi_postgresql_put_dead,
    .put_event = fxi_postgresql_put_event,
    .put_alert_state = fxi_postgresql_put_alert_state,
    .put_last = fxi_postgresql_put_last,
    .commit = fxi_postgresql_commit,
    .rollback = fxi_postgresql_rollback,
    .each_last = fxi_postgresql_each_last,
    .alert_add = fxi_postgresql_alert_add,
    .alert_remove = fxi_postgresql_alert_remove,
    .alert_each = fxi_postgresql_alert_each,
    .alert_generation = fxi_postgresql_alert_generation,
    .outbox_each = fxi_postgresql_outbox_each,
    .outbox_done = fxi_postgresql_outbox_done,
    .latest = fxi_postgresql_latest,
    .history = fxi_postgresql_history,
    .events = fxi_postgresql_events,
    .dead_each = fxi_postgresql_dead_each,
    .health_put = fxi_postgresql_health_put,
    .health_each = fxi_postgresql_health_each,
    .source_put = fxi_postgresql_source_put,
    .source_each = fxi_postgresql_source_each,
    .ping = fxi_postgresql_ping,
    .rebalance_put = fxi_postgresql_rebalance_put,
    .rebalance_each = fxi_postgresql_rebalance_each,
    .place_each = fxi_postgresql_place_each,
    .dead_resolve = fxi_postgresql_dead_resolve,
};
