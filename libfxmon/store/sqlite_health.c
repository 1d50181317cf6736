/*
 * store/sqlite_health.c - what programs say of themselves: heartbeats, rebalances, and who stands where in the log. Each call is a transaction of its own
 * on a connection of its own (lane/board.h): it never waits inside the transaction of a lane. What is old goes away by triggers, in the same statement.
 */
#include "base/error.h"
#include "store/sqlite.h"

#include <string.h>

/* ---- heartbeats ------------------------------------------------------------------------------------------------ */

fxmon_result fxi_sqlite_health_put(void *state, const fxmon_health *h, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_HEALTH_PUT, &result, error);
    if (statement == NULL) {
        return result;
    }
    const int64_t counters[] = {h->heartbeat, h->messages, h->rows, h->dead_letters, h->last_offset, h->lag};
    const char *const names[] = {h->group, h->member, h->partitions, h->version};
    const int64_t figures[] = {h->started, h->interval, h->messages_last_minute, h->lag_ns};
    fxi_sqlite_bind_text(statement, 1, h->component);
    fxi_sqlite_bind_text(statement, 2, h->instance);
    fxi_sqlite_bind_text(statement, 3, h->status);
    for (int i = 0; i < 6; i++) {
        sqlite3_bind_int64(statement, 4 + i, counters[i]);
    }
    fxi_sqlite_bind_text(statement, 10, h->detail);
    sqlite3_bind_int(statement, 11, h->producer);
    for (int i = 0; i < 4; i++) {
        fxi_sqlite_bind_text(statement, 12 + i, names[i]);
        sqlite3_bind_int64(statement, 16 + i, figures[i]);
    }
    result = fxi_sqlite_run(s, statement, "writing health", error);
    sqlite3_clear_bindings(statement);
    return result;
}

static void read_health(sqlite3_stmt *row, fxmon_health *out)
{
    memset(out, 0, sizeof(*out));
    fxi_sqlite_text_into(row, 0, out->component, sizeof(out->component));
    fxi_sqlite_text_into(row, 1, out->instance, sizeof(out->instance));
    fxi_sqlite_text_into(row, 2, out->status, sizeof(out->status));
    out->heartbeat = sqlite3_column_int64(row, 3);
    out->messages = sqlite3_column_int64(row, 4);
    out->rows = sqlite3_column_int64(row, 5);
    out->dead_letters = sqlite3_column_int64(row, 6);
    out->last_offset = sqlite3_column_int64(row, 7);
    out->lag = sqlite3_column_int64(row, 8);
    fxi_sqlite_text_into(row, 9, out->detail, sizeof(out->detail));
    out->producer = sqlite3_column_int(row, 10) != 0;
    fxi_sqlite_text_into(row, 11, out->group, sizeof(out->group));
    fxi_sqlite_text_into(row, 12, out->member, sizeof(out->member));
    fxi_sqlite_text_into(row, 13, out->partitions, sizeof(out->partitions));
    fxi_sqlite_text_into(row, 14, out->version, sizeof(out->version));
    out->started = sqlite3_column_int64(row, 15);
    out->interval = sqlite3_column_int64(row, 16);
    out->messages_last_minute = sqlite3_column_int64(row, 17);
    out->lag_ns = sqlite3_column_int64(row, 18);
}

fxmon_result fxi_sqlite_health_each(void *state, fxmon_health_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_HEALTH_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    while (fxi_sqlite_step(s, statement, "reading health", &result, error)) {
        fxmon_health health;
        read_health(statement, &health);
        if (!fn(user, &health)) {
            break;
        }
    }
    sqlite3_reset(statement);
    return result;
}

/* ---- sources --------------------------------------------------------------------------------------------------- */

fxmon_result fxi_sqlite_source_put(void *state, const fxmon_source_health *h, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_SOURCE_PUT, &result, error);
    if (statement == NULL) {
        return result;
    }
    const char *const texts[] = {h->source, h->component, h->instance, h->log, h->status, h->error};
    const int64_t figures[] = {h->heartbeat, h->answered, h->failed, h->failures, h->publications, h->published, h->announced,
                               h->expected,  h->missed,   h->cadence, h->delay,   h->weekdays,     h->quota,     h->quota_used};
    for (int i = 0; i < 6; i++) {
        fxi_sqlite_bind_text(statement, 1 + i, texts[i]);
    }
    for (int i = 0; i < 14; i++) {
        sqlite3_bind_int64(statement, 7 + i, figures[i]);
    }
    result = fxi_sqlite_run(s, statement, "writing a source", error);
    sqlite3_clear_bindings(statement);
    return result;
}

static void read_source(sqlite3_stmt *row, fxmon_source_health *out)
{
    memset(out, 0, sizeof(*out));
    fxi_sqlite_text_into(row, 0, out->source, sizeof(out->source));
    fxi_sqlite_text_into(row, 1, out->component, sizeof(out->component));
    fxi_sqlite_text_into(row, 2, out->instance, sizeof(out->instance));
    fxi_sqlite_text_into(row, 3, out->log, sizeof(out->log));
    fxi_sqlite_text_into(row, 4, out->status, sizeof(out->status));
    fxi_sqlite_text_into(row, 5, out->error, sizeof(out->error));
    int64_t *const figures[] = {&out->heartbeat, &out->answered, &out->failed, &out->failures, &out->publications, &out->published, &out->announced,
                                &out->expected,  &out->missed,   &out->cadence, &out->delay};
    for (int i = 0; i < 11; i++) {
        *figures[i] = sqlite3_column_int64(row, 6 + i);
    }
    out->weekdays = sqlite3_column_int(row, 17) != 0;
    out->quota = sqlite3_column_int64(row, 18);
    out->quota_used = sqlite3_column_int64(row, 19);
}

fxmon_result fxi_sqlite_source_each(void *state, fxmon_source_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_SOURCE_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    while (fxi_sqlite_step(s, statement, "reading sources", &result, error)) {
        fxmon_source_health source;
        read_source(statement, &source);
        if (!fn(user, &source)) {
            break;
        }
    }
    sqlite3_reset(statement);
    return result;
}

/* ---- rebalances ------------------------------------------------------------------------------------------------ */

fxmon_result fxi_sqlite_rebalance_put(void *state, const fxmon_rebalance *event, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_REBALANCE_PUT, &result, error);
    if (statement == NULL) {
        return result;
    }
    const char *const texts[] = {event->component, event->instance, event->group, event->member, event->kind, event->partitions, event->assigned};
    sqlite3_bind_int64(statement, 1, event->time);
    for (int i = 0; i < 7; i++) {
        fxi_sqlite_bind_text(statement, 2 + i, texts[i]);
    }
    sqlite3_bind_int(statement, 9, event->generation);
    sqlite3_bind_int64(statement, 10, event->duration);
    fxi_sqlite_bind_text(statement, 11, event->reason);
    result = fxi_sqlite_run(s, statement, "writing a rebalance", error);
    sqlite3_clear_bindings(statement);
    return result;
}

static void read_rebalance(sqlite3_stmt *row, fxmon_rebalance *out)
{
    memset(out, 0, sizeof(*out));
    out->time = sqlite3_column_int64(row, 1);
    fxi_sqlite_text_into(row, 2, out->component, sizeof(out->component));
    fxi_sqlite_text_into(row, 3, out->instance, sizeof(out->instance));
    fxi_sqlite_text_into(row, 4, out->group, sizeof(out->group));
    fxi_sqlite_text_into(row, 5, out->member, sizeof(out->member));
    fxi_sqlite_text_into(row, 6, out->kind, sizeof(out->kind));
    fxi_sqlite_text_into(row, 7, out->partitions, sizeof(out->partitions));
    fxi_sqlite_text_into(row, 8, out->assigned, sizeof(out->assigned));
    out->generation = sqlite3_column_int(row, 9);
    out->duration = sqlite3_column_int64(row, 10);
    fxi_sqlite_text_into(row, 11, out->reason, sizeof(out->reason));
}

fxmon_result fxi_sqlite_rebalance_each(void *state, int64_t limit, int64_t offset, fxmon_rebalance_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_REBALANCE_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    sqlite3_bind_int64(statement, 1, limit);
    sqlite3_bind_int64(statement, 2, offset);
    while (fxi_sqlite_step(s, statement, "reading rebalances", &result, error)) {
        fxmon_rebalance event;
        read_rebalance(statement, &event);
        if (!fn(user, &event, sqlite3_column_int64(statement, 0))) {
            break;
        }
    }
    sqlite3_reset(statement);
    return result;
}

/* ---- places, and letters that were dealt with ------------------------------------------------------------------ */

fxmon_result fxi_sqlite_place_each(void *state, fxmon_place_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_PLACE_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    while (fxi_sqlite_step(s, statement, "reading places", &result, error)) {
        fxmon_place place = {.partition = sqlite3_column_int(statement, 2),
                             .next_offset = sqlite3_column_int64(statement, 3),
                             .epoch = sqlite3_column_int64(statement, 4),
                             .updated = sqlite3_column_int64(statement, 6)};
        fxi_sqlite_text_into(statement, 0, place.lane, sizeof(place.lane));
        fxi_sqlite_text_into(statement, 1, place.stream, sizeof(place.stream));
        fxi_sqlite_text_into(statement, 5, place.owner, sizeof(place.owner));
        if (!fn(user, &place)) {
            break;
        }
    }
    sqlite3_reset(statement);
    return result;
}

fxmon_result fxi_sqlite_dead_resolve(void *state, int64_t id, int64_t time, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_DEAD_RESOLVE, &result, error);
    if (statement == NULL) {
        return result;
    }
    sqlite3_bind_int64(statement, 1, id);
    sqlite3_bind_int64(statement, 2, time);
    result = fxi_sqlite_run(s, statement, "marking a dead letter", error);
    if (result == FXMON_DONE && sqlite3_changes(s->db) == 0) {
        fxi_fail(error, FXMON_E_NOT_FOUND, "id", "there is no dead letter %lld", (long long)id);
        result = FXMON_REFUSED;
    }
    return result;
}
