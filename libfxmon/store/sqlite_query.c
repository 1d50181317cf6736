/* store/sqlite_query.c - questions. Statements are reset as soon as the last row was handed over: an open one would pin the write-ahead log. */
#include "base/decimal.h"
#include "base/error.h"
#include "store/sqlite.h"

#include <math.h>
#include <string.h>

/* A computed rate (a cross) as digits: as many as a decimal of 18 places holds. */
static fxmon_decimal digits_of(double value)
{
    fxmon_decimal out = {0, 0};
    for (int digits = 17; digits > 0 && fxi_decimal_round(value, digits, &out) != FXMON_OK; digits--) {
        out = (fxmon_decimal){0, 0};
    }
    return out;
}

/* Columns in the order of STORED_RATE. */
static void read_rate(sqlite3_stmt *row, fxmon_stored_rate *out)
{
    memset(out, 0, sizeof(*out));
    fxi_sqlite_text_into(row, 0, out->pair.text, sizeof(out->pair.text));
    out->time = sqlite3_column_int64(row, 1);
    out->ingested = sqlite3_column_int64(row, 2);
    out->rate = sqlite3_column_type(row, 3) == SQLITE_NULL ? digits_of(sqlite3_column_double(row, 9)) : fxi_sqlite_decimal(row, 3);
    out->bid = fxi_sqlite_decimal(row, 5);
    out->ask = fxi_sqlite_decimal(row, 7);
    out->volatility = sqlite3_column_type(row, 10) == SQLITE_NULL ? NAN : sqlite3_column_double(row, 10);
    fxi_sqlite_text_into(row, 11, out->source, sizeof(out->source));
    out->partition = sqlite3_column_int(row, 12);
    out->offset = sqlite3_column_int64(row, 13);
}

static fxmon_result each_rate(fxi_sqlite *s, sqlite3_stmt *statement, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    while (fxi_sqlite_step(s, statement, "reading rates", &result, error)) {
        fxmon_stored_rate rate;
        read_rate(statement, &rate);
        if (!fn(user, &rate)) {
            break;
        }
    }
    sqlite3_reset(statement);
    sqlite3_clear_bindings(statement);
    return result;
}

fxmon_result fxi_sqlite_latest(void *state, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_LATEST_EACH, &result, error);
    return statement == NULL ? result : each_rate(s, statement, fn, user, error);
}

fxmon_result fxi_sqlite_history(void *state, const fxmon_history_query *query, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    enum fxi_sqlite_statement which = query->source == NULL ? (query->ascending ? FXI_SQL_HISTORY_UP : FXI_SQL_HISTORY_DOWN)
                                                            : (query->ascending ? FXI_SQL_HISTORY_SOURCE_UP : FXI_SQL_HISTORY_SOURCE_DOWN);
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, which, &result, error);
    if (statement == NULL) {
        return result;
    }
    fxi_sqlite_bind_text(statement, 1, query->pair.text);
    sqlite3_bind_int64(statement, 2, query->from);
    sqlite3_bind_int64(statement, 3, query->to);
    sqlite3_bind_int64(statement, 4, query->limit);
    sqlite3_bind_int64(statement, 5, query->offset);
    if (query->source != NULL) {
        fxi_sqlite_bind_text(statement, 6, query->source);
    }
    return each_rate(s, statement, fn, user, error);
}

fxmon_result fxi_sqlite_dead_each(void *state, int64_t limit, int64_t offset, fxmon_dead_fn fn, void *user, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_DEAD_EACH, &result, error);
    if (statement == NULL) {
        return result;
    }
    sqlite3_bind_int64(statement, 1, limit);
    sqlite3_bind_int64(statement, 2, offset);
    while (fxi_sqlite_step(s, statement, "reading dead letters", &result, error)) {
        /* The blob before its size: asking for the size first might convert it. */
        const char *data = sqlite3_column_blob(statement, 5);
        fxmon_dead_letter letter = {.lane = (const char *)sqlite3_column_text(statement, 1),
                                    .stream = (const char *)sqlite3_column_text(statement, 2),
                                    .partition = sqlite3_column_int(statement, 3),
                                    .offset = sqlite3_column_int64(statement, 4),
                                    .data = data == NULL ? "" : data,
                                    .length = (size_t)sqlite3_column_bytes(statement, 5),
                                    .reason = (const char *)sqlite3_column_text(statement, 6),
                                    .text = (const char *)sqlite3_column_text(statement, 7),
                                    .first_seen = sqlite3_column_int64(statement, 8),
                                    .resolved = sqlite3_column_int64(statement, 9)};
        if (letter.lane == NULL || letter.stream == NULL || letter.reason == NULL || letter.text == NULL) {
            result = fxi_sqlite_no_memory(error); /* the columns are NOT NULL */
            break;
        }
        if (!fn(user, &letter, sqlite3_column_int64(statement, 0))) {
            break;
        }
    }
    sqlite3_reset(statement);
    return result;
}

fxmon_result fxi_sqlite_ping(void *state, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_PING, &result, error);
    return statement == NULL ? result : fxi_sqlite_run(s, statement, "asking", error);
}
