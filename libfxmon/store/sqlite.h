/*
 * store/sqlite.h - what the files of the sqlite: store share. sqlite.c opens and closes, sqlite_schema.c knows the tables, sqlite_lane.c is
 * claim/begin/put/commit, sqlite_alerts.c alerts and their events, sqlite_health.c what
 * programs say of themselves and where lanes stand, sqlite_query.c answers questions about rates.
 */
#ifndef FXI_STORE_SQLITE_H
#define FXI_STORE_SQLITE_H

#include "base/map.h"

#include <fxmon/plugin.h>
#include <sqlite3.h>

#define FXI_SQLITE_WAIT (5 * FXMON_SECOND) /* how long a call waits for another writer */

/* Prepared when first used, kept until close. The texts are in sqlite_schema.c. */
enum fxi_sqlite_statement {
    FXI_SQL_BEGIN,
    FXI_SQL_COMMIT,
    FXI_SQL_ROLLBACK,
    FXI_SQL_PAIR_ID,
    FXI_SQL_PAIR_ADD,
    FXI_SQL_SOURCE_ID,
    FXI_SQL_SOURCE_ADD,
    FXI_SQL_STREAM_ID,
    FXI_SQL_STREAM_ADD,
    FXI_SQL_CLAIM,
    FXI_SQL_CHECKPOINT_GET,
    FXI_SQL_CHECKPOINT_PUT,
    FXI_SQL_ADVANCE,
    FXI_SQL_PROGRESS_GET,
    FXI_SQL_RATE_ADD,
    FXI_SQL_LATEST_PUT,
    FXI_SQL_DEAD_ADD,
    FXI_SQL_DEAD_EACH,
    FXI_SQL_EVENT_ADD,
    FXI_SQL_EVENT_EACH,
    FXI_SQL_STATE_PUT,
    FXI_SQL_LAST_PUT,
    FXI_SQL_LAST_EACH,
    FXI_SQL_ALERT_ADD,
    FXI_SQL_ALERT_REMOVE,
    FXI_SQL_ALERT_EACH,
    FXI_SQL_GENERATION,
    FXI_SQL_OUTBOX_EACH,
    FXI_SQL_OUTBOX_DONE,
    FXI_SQL_LATEST_EACH,
    FXI_SQL_HISTORY_DOWN,
    FXI_SQL_HISTORY_UP,
    FXI_SQL_HISTORY_SOURCE_DOWN,
    FXI_SQL_HISTORY_SOURCE_UP,
    FXI_SQL_HEALTH_PUT,
    FXI_SQL_HEALTH_EACH,
    FXI_SQL_SOURCE_PUT,
    FXI_SQL_SOURCE_EACH,
    FXI_SQL_REBALANCE_PUT,
    FXI_SQL_REBALANCE_EACH,
    FXI_SQL_PLACE_EACH,
    FXI_SQL_DEAD_RESOLVE,
    FXI_SQL_PING,
    FXI_SQL_STATEMENTS
};
extern const char *const fxi_sqlite_text[FXI_SQL_STATEMENTS];

/* The newest row of a (pair, source) in the open transaction, written to fxmon_latest at its end. */
typedef struct fxi_sqlite_newest {
    int64_t pair, source;
    uint64_t transaction; /* the row is of this one; another number: nothing yet */
    fxmon_row row;
} fxi_sqlite_newest;

typedef struct fxi_sqlite {
    const fxmon_env *env;
    sqlite3 *db;
    char *path;
    bool read_only;
    sqlite3_stmt *statements[FXI_SQL_STATEMENTS];
    int64_t waiting_since; /* of the busy handler, monotonic */

    int64_t stream;        /* of the last claim; rows and events belong to it. 0: no claim yet */
    char *stream_name;
    uint64_t transaction;  /* counts begins */
    bool has_data;         /* the open transaction holds rows or events */
    bool dictionary_grew;  /* the open transaction added words: forget them when it is rolled back */
    fxi_map *pairs;        /* fxmon_pair -> id */
    fxi_map *sources;      /* name, NUL-padded -> id */
    char last_source[FXMON_SOURCE_TEXT];
    int64_t last_source_id;
    fxi_map *newest_of;    /* pair id, source id -> index of newest */
    fxi_sqlite_newest *newest;
    size_t newest_count, newest_capacity;
    size_t *touched;       /* indexes of newest that this transaction changed */
    size_t touched_count, touched_capacity;
    char complained[48];   /* the last alert row that could not be understood, so that it is told once */
} fxi_sqlite;

/* sqlite.c */
/** The statement, reset and ready to bind; NULL: error filled, *result set. */
sqlite3_stmt *fxi_sqlite_prepare(fxi_sqlite *s, enum fxi_sqlite_statement which, fxmon_result *result, fxmon_error *error);
/** Run a statement that gives no rows. Resets it. */
fxmon_result fxi_sqlite_run(fxi_sqlite *s, sqlite3_stmt *statement, const char *what, fxmon_error *error);
/** What SQLite said last, as a result and an error: "WHAT in PATH: database is locked". */
fxmon_result fxi_sqlite_fail(fxi_sqlite *s, const char *what, fxmon_error *error);
fxmon_result fxi_sqlite_no_memory(fxmon_error *error);
/** Read on: true for a row; at the end or on an error false, with *result set and the statement reset. */
bool fxi_sqlite_step(fxi_sqlite *s, sqlite3_stmt *statement, const char *what, fxmon_result *result, fxmon_error *error);
void fxi_sqlite_bind_text(sqlite3_stmt *statement, int column, const char *text); /* text stays the caller's until the step; NULL: NULL */
void fxi_sqlite_bind_decimal(sqlite3_stmt *statement, int column, fxmon_decimal value); /* two columns; NULLs for mantissa 0 */
void fxi_sqlite_bind_decimal_text(sqlite3_stmt *statement, int column, fxmon_decimal value); /* one column; NULL for mantissa 0 */
fxmon_decimal fxi_sqlite_decimal(sqlite3_stmt *statement, int column);      /* from two columns; {0,0} for NULL */
fxmon_decimal fxi_sqlite_decimal_text(sqlite3_stmt *statement, int column); /* from text or a number; {0,0} if it is none */
void fxi_sqlite_text_into(sqlite3_stmt *statement, int column, char *out, size_t size); /* "" for NULL; cut to size */

/* sqlite_schema.c */
/** Create or migrate the tables (read_only: only check them). */
fxmon_result fxi_sqlite_schema(fxi_sqlite *s, fxmon_error *error);

/* sqlite_lane.c */
fxmon_result fxi_sqlite_claim(void *state, fxmon_progress *progress, fxmon_error *error);
fxmon_result fxi_sqlite_begin(void *state, fxmon_error *error);
fxmon_result fxi_sqlite_put_rows(void *state, const fxmon_row *rows, size_t count, fxmon_error *error);
fxmon_result fxi_sqlite_put_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error);
fxmon_result fxi_sqlite_commit(void *state, const fxmon_progress *before, int64_t next_offset, fxmon_error *error);
void fxi_sqlite_rollback(void *state);
/** The stream that rows and events of the open transaction belong to, or the error that there is none. */
fxmon_result fxi_sqlite_writing(fxi_sqlite *s, const char *what, fxmon_error *error);

/* sqlite_alerts.c */
fxmon_result fxi_sqlite_put_event(void *state, const fxmon_event *event, fxmon_error *error);
fxmon_result fxi_sqlite_put_alert_state(void *state, const fxmon_alert_state *alert_state, fxmon_error *error);
fxmon_result fxi_sqlite_put_last(void *state, const char *lane, const fxmon_quote *quote, fxmon_error *error);
fxmon_result fxi_sqlite_each_last(void *state, const char *lane, bool (*fn)(void *user, const fxmon_quote *quote), void *user,
                                  fxmon_error *error);
fxmon_result fxi_sqlite_alert_add(void *state, fxmon_alert *alert, fxmon_error *error);
fxmon_result fxi_sqlite_alert_remove(void *state, int64_t id, fxmon_error *error);
fxmon_result fxi_sqlite_alert_each(void *state, bool only_active, fxmon_alert_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_sqlite_alert_generation(void *state, int64_t *generation, fxmon_error *error);
fxmon_result fxi_sqlite_outbox_each(void *state, const char *destination, int64_t limit, fxmon_event_fn fn, void *user,
                                    fxmon_error *error);
fxmon_result fxi_sqlite_outbox_done(void *state, const char *destination, int64_t through_id, fxmon_error *error);
fxmon_result fxi_sqlite_events(void *state, int64_t limit, int64_t offset, fxmon_event_fn fn, void *user, fxmon_error *error);

/* sqlite_query.c */
fxmon_result fxi_sqlite_latest(void *state, fxmon_rate_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_sqlite_history(void *state, const fxmon_history_query *query, fxmon_rate_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_sqlite_dead_each(void *state, int64_t limit, int64_t offset, fxmon_dead_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_sqlite_ping(void *state, fxmon_error *error);

/* sqlite_health.c */
fxmon_result fxi_sqlite_health_put(void *state, const fxmon_health *health, fxmon_error *error);
fxmon_result fxi_sqlite_health_each(void *state, fxmon_health_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_sqlite_source_put(void *state, const fxmon_source_health *source, fxmon_error *error);
fxmon_result fxi_sqlite_source_each(void *state, fxmon_source_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_sqlite_rebalance_put(void *state, const fxmon_rebalance *event, fxmon_error *error);
fxmon_result fxi_sqlite_rebalance_each(void *state, int64_t limit, int64_t offset, fxmon_rebalance_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_sqlite_place_each(void *state, fxmon_place_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_sqlite_dead_resolve(void *state, int64_t id, int64_t time, fxmon_error *error);

#endif
