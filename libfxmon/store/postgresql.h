/*
 * store/postgresql.h - what the files of the postgresql: store share. postgresql.c opens and closes, postgresql_connect.c makes the connection,
 * postgresql_ask.c talks over it, postgresql_schema.c knows the tables, postgresql_text.c the statements, postgresql_lane.c is claim/begin/commit,
 * postgresql_rows.c what a transaction puts, postgresql_month.c partitions and retention, postgresql_alerts.c alerts and events,
 * postgresql_query.c questions, postgresql_health.c what programs say of themselves.
 */
#ifndef FXI_STORE_POSTGRESQL_H
#define FXI_STORE_POSTGRESQL_H

#include "base/map.h"
#include "store/postgresql_encode.h"

#include <fxmon/plugin.h>
#include <libpq-fe.h>

#define FXI_POSTGRESQL_CONNECT (5 * FXMON_SECOND)      /* to make a connection */
#define FXI_POSTGRESQL_CALL (6 * FXMON_SECOND)         /* a little more than the server's own lock_timeout */
#define FXI_POSTGRESQL_LONG (31 * FXMON_SECOND)        /* rows and COMMIT: a little more than statement_timeout */
#define FXI_POSTGRESQL_FAREWELL FXMON_SECOND           /* what is left of a call when the host wants to stop */
#define FXI_POSTGRESQL_PARAMETERS 24
#define FXI_POSTGRESQL_LATEST_COLUMNS 15

/* Texts in postgresql_text.c. Those before FXI_PG_UNPREPARED are prepared when first used on a connection. */
enum fxi_postgresql_statement {
    FXI_PG_ADVANCE,
    FXI_PG_ADVANCE_SAVE,
    FXI_PG_LATEST_PUT,
    FXI_PG_STATE_PUT,
    FXI_PG_LAST_PUT,
    FXI_PG_EVENT_LOCK,
    FXI_PG_EVENT_ADD,
    FXI_PG_DEAD_ADD,
    FXI_PG_HEALTH_PUT,
    FXI_PG_GENERATION,
    FXI_PG_OUTBOX_EACH,
    FXI_PG_UNPREPARED,
    FXI_PG_STREAM_ID = FXI_PG_UNPREPARED,
    FXI_PG_STREAM_ADD,
    FXI_PG_CLAIM,
    FXI_PG_PLACE,
    FXI_PG_DEAD_EACH,
    FXI_PG_DEAD_RESOLVE,
    FXI_PG_EVENT_EACH,
    FXI_PG_LAST_EACH,
    FXI_PG_ALERT_ADD,
    FXI_PG_ALERT_REMOVE,
    FXI_PG_ALERT_EACH,
    FXI_PG_OUTBOX_LOCK,
    FXI_PG_OUTBOX_DONE,
    FXI_PG_LATEST_EACH,
    FXI_PG_HISTORY_DOWN,
    FXI_PG_HISTORY_UP,
    FXI_PG_HISTORY_SOURCE_DOWN,
    FXI_PG_HISTORY_SOURCE_UP,
    FXI_PG_HEALTH_EACH,
    FXI_PG_SOURCE_PUT,
    FXI_PG_SOURCE_EACH,
    FXI_PG_REBALANCE_PUT,
    FXI_PG_REBALANCE_EACH,
    FXI_PG_PLACE_EACH,
    FXI_PG_PING,
    FXI_PG_UNBLOCK,
    FXI_PG_SCHEMA_VERSION,
    FXI_PG_SCHEMA_NOTE,
    FXI_PG_LAYOUT,
    FXI_PG_MONTH_MAKE,
    FXI_PG_MONTH_DROP,
    FXI_PG_STATEMENTS
};
extern const char *const fxi_postgresql_text[FXI_PG_STATEMENTS];

/* Parameters of one statement, in order. Texts and blobs stay the caller's until it was sent. */
typedef struct fxi_postgresql_parameters {
    int count;
    const char *value[FXI_POSTGRESQL_PARAMETERS];
    int length[FXI_POSTGRESQL_PARAMETERS], format[FXI_POSTGRESQL_PARAMETERS];
    char number[FXI_POSTGRESQL_PARAMETERS][FXI_POSTGRESQL_NUMERIC];
} fxi_postgresql_parameters;

/* The newest row of a (pair, source, partition) in the open transaction. */
typedef struct fxi_postgresql_newest {
    uint64_t transaction; /* the row is of this one; another number: nothing yet */
    fxmon_row row;
    char source[FXMON_SOURCE_TEXT];
} fxi_postgresql_newest;

/* A COMMIT whose answer never came and could not be found out yet. */
typedef struct fxi_postgresql_doubt {
    char *lane, *stream; /* NULL: there is none */
    int32_t partition;
    int64_t before, after, epoch;
} fxi_postgresql_doubt;

/* What is sent with the COMMIT instead of alone: one array a column, and where each key stands in them. */
typedef struct fxi_postgresql_pending {
    fxmon_alert_state *state;
    size_t states, state_room;
    fxi_map *state_of; /* alert id -> index */
    fxmon_quote *last;
    size_t lasts, last_room;
    fxi_map *last_of;  /* pair -> index */
    char *lane;        /* of the last prices */
} fxi_postgresql_pending;

typedef struct fxi_postgresql {
    const fxmon_env *env;
    char *url, *name;      /* name: for texts, without password */
    char owner[64];
    bool read_only;
    PGconn *connection;    /* NULL: to be made */
    unsigned connections;  /* tried so far: the turn in a list of hosts */
    bool prepared[FXI_PG_UNPREPARED];
    fxi_map *outboxes;     /* destination hashes whose lock this connection holds */

    bool open, begun, lost; /* a transaction: begin was called; the server knows of it; its connection has gone */
    bool has_data, has_savepoint, has_events;
    bool blocked;          /* a call gave up waiting for a lock */
    int64_t stream;        /* of the last claim; rows and events belong to it. 0: no claim yet */
    char *stream_name;
    uint64_t transaction;  /* counts begins */
    fxi_postgresql_doubt doubt;

    fxi_buf out;           /* rows on their way */
    fxi_map *months;       /* months since year 0 that have been seen to; value 1 when they have a partition */
    int64_t month_from, month_to; /* of the last row: ns, half-open */
    int64_t maintained;    /* when months were last made ahead; 0 never */
    int64_t keep;          /* ns; 0: all */
    bool timescale;        /* was asked for */
    fxi_map *newest_of;    /* pair, source number, partition -> index of newest */
    fxi_map *sources;      /* name, NUL-padded -> number, of this process */
    char last_source[FXMON_SOURCE_TEXT];
    uint64_t last_source_id;
    fxi_postgresql_newest *newest;
    size_t newest_count, newest_capacity;
    size_t *touched;
    size_t touched_count, touched_capacity;
    fxi_postgresql_array column[FXI_POSTGRESQL_LATEST_COLUMNS];
    fxi_postgresql_pending pending;
    char complained[48];   /* the last alert row that could not be understood, so that it is told once */
} fxi_postgresql;

/* ---- postgresql_connect.c ---- */
fxmon_result fxi_postgresql_connect(fxi_postgresql *p, fxmon_error *error); /* nothing to do when there is a connection */
void fxi_postgresql_drop(fxi_postgresql *p);                                /* close it; an open transaction is lost */

/* ---- postgresql_ask.c ---- */
/** What the server said last, as a result and an error; `answer` may be NULL: the connection's own trouble, which also drops it. */
fxmon_result fxi_postgresql_fail(fxi_postgresql *p, const PGresult *answer, const char *what, fxmon_error *error);
fxmon_result fxi_postgresql_failed_text(fxi_postgresql *p, const char *state, const char *text, const char *what, fxmon_error *error);
fxmon_result fxi_postgresql_no_memory(fxmon_error *error);
int64_t fxi_postgresql_now(const fxi_postgresql *p);
int64_t fxi_postgresql_deadline(const fxi_postgresql *p, int64_t limit);
/** Wait until the socket is ready for one of POLLIN, POLLOUT. 0: too late, or the host wants to stop. Otherwise what it is ready for. */
int fxi_postgresql_wait(const fxi_postgresql *p, int events, int64_t *deadline);
/** Everything queued is sent. false: no connection any more, or too late. */
bool fxi_postgresql_flush(fxi_postgresql *p, int64_t *deadline);
/** The next answer; *answer NULL: no more of this statement. false: no connection any more, or too late. */
bool fxi_postgresql_next(fxi_postgresql *p, PGresult **answer, int64_t *deadline);
/** Run constant SQL of one or more statements that give no rows. Makes a connection when there is none and no transaction is open. */
fxmon_result fxi_postgresql_command(fxi_postgresql *p, const char *sql, int64_t limit, const char *what, fxmon_error *error);
/** Run a statement. Inside an open transaction it belongs to it. *answer (NULL: not wanted) is the caller's to PQclear. */
fxmon_result fxi_postgresql_ask(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *parameters, int64_t limit,
                                const char *what, PGresult **answer, fxmon_error *error);
/** Queue a statement in a pipeline, preparing it first when need be; *prepares counts those. */
bool fxi_postgresql_queue(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *parameters, bool *prepares);
/** BEGIN, if begin() was called and the server does not know yet. */
fxmon_result fxi_postgresql_start(fxi_postgresql *p, const char *what, fxmon_error *error);

void fxi_postgresql_add_text(fxi_postgresql_parameters *to, const char *text);              /* NULL: NULL */
void fxi_postgresql_add_blob(fxi_postgresql_parameters *to, const void *data, size_t length);
void fxi_postgresql_add_integer(fxi_postgresql_parameters *to, int64_t value);              /* bigint */
void fxi_postgresql_add_time(fxi_postgresql_parameters *to, int64_t ns);                       /* timestamptz */
void fxi_postgresql_add_double(fxi_postgresql_parameters *to, double value);                /* NAN: NULL */
void fxi_postgresql_add_decimal(fxi_postgresql_parameters *to, fxmon_decimal value);        /* numeric; NULL for mantissa 0 */
void fxi_postgresql_add_array(fxi_postgresql_parameters *to, const fxi_postgresql_array *array);
int64_t fxi_postgresql_integer(const PGresult *answer, int row, int column);                /* 0 for NULL */
double fxi_postgresql_double(const PGresult *answer, int row, int column);                  /* NAN for NULL */
bool fxi_postgresql_number(const PGresult *answer, int row, int column, fxmon_decimal *out); /* {0,0} for NULL; false: it does not fit */
void fxi_postgresql_text_into(const PGresult *answer, int row, int column, char *out, size_t size);

/* ---- postgresql_schema.c ---- */
fxmon_result fxi_postgresql_schema(fxi_postgresql *p, fxmon_error *error); /* create or migrate (read_only: only check) */

/* ---- postgresql_month.c ---- */
/** Partitions for the months of these rows, as far as they are missing. */
fxmon_result fxi_postgresql_months(fxi_postgresql *p, const fxmon_row *rows, size_t count, fxmon_error *error);
/** Once a day: months ahead, retention. Its troubles are logged; only a lost connection is an error. */
fxmon_result fxi_postgresql_maintain(fxi_postgresql *p, fxmon_error *error);

/* ---- postgresql_lane.c ---- */
fxmon_result fxi_postgresql_claim(void *state, fxmon_progress *progress, fxmon_error *error);
fxmon_result fxi_postgresql_begin(void *state, fxmon_error *error);
fxmon_result fxi_postgresql_commit(void *state, const fxmon_progress *before, int64_t next_offset, fxmon_error *error);
void fxi_postgresql_rollback(void *state);
/** The stream that rows and events of the open transaction belong to, or the error that there is none. */
fxmon_result fxi_postgresql_writing(fxi_postgresql *p, const char *what, fxmon_error *error);

/* ---- postgresql_rows.c ---- */
fxmon_result fxi_postgresql_put_rows(void *state, const fxmon_row *rows, size_t count, fxmon_error *error);
fxmon_result fxi_postgresql_put_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error);
/** Into a pipeline: the newest rows, states and last prices of the transaction. *queued counts statements. */
fxmon_result fxi_postgresql_queue_newest(fxi_postgresql *p, int *queued, fxmon_error *error);

/* ---- postgresql_alerts.c, postgresql_alert_lane.c ---- */
fxmon_result fxi_postgresql_queue_pending(fxi_postgresql *p, int *queued, fxmon_error *error);
void fxi_postgresql_forget_pending(fxi_postgresql *p);
fxmon_result fxi_postgresql_put_event(void *state, const fxmon_event *event, fxmon_error *error);
fxmon_result fxi_postgresql_put_alert_state(void *state, const fxmon_alert_state *alert_state, fxmon_error *error);
fxmon_result fxi_postgresql_put_last(void *state, const char *lane, const fxmon_quote *quote, fxmon_error *error);
fxmon_result fxi_postgresql_each_last(void *state, const char *lane, bool (*fn)(void *user, const fxmon_quote *quote), void *user,
                                      fxmon_error *error);
fxmon_result fxi_postgresql_alert_add(void *state, fxmon_alert *alert, fxmon_error *error);
fxmon_result fxi_postgresql_alert_remove(void *state, int64_t id, fxmon_error *error);
fxmon_result fxi_postgresql_alert_each(void *state, bool only_active, fxmon_alert_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_postgresql_alert_generation(void *state, int64_t *generation, fxmon_error *error);
fxmon_result fxi_postgresql_outbox_each(void *state, const char *destination, int64_t limit, fxmon_event_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_postgresql_outbox_done(void *state, const char *destination, int64_t through_id, fxmon_error *error);
fxmon_result fxi_postgresql_events(void *state, int64_t limit, int64_t offset, fxmon_event_fn fn, void *user, fxmon_error *error);

/* ---- postgresql_query.c ---- */
fxmon_result fxi_postgresql_latest(void *state, fxmon_rate_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_postgresql_history(void *state, const fxmon_history_query *query, fxmon_rate_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_postgresql_dead_each(void *state, int64_t limit, int64_t offset, fxmon_dead_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_postgresql_dead_resolve(void *state, int64_t id, int64_t time, fxmon_error *error);
fxmon_result fxi_postgresql_ping(void *state, fxmon_error *error);

/* ---- postgresql_health.c ---- */
fxmon_result fxi_postgresql_health_put(void *state, const fxmon_health *health, fxmon_error *error);
fxmon_result fxi_postgresql_health_each(void *state, fxmon_health_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_postgresql_source_put(void *state, const fxmon_source_health *source, fxmon_error *error);
fxmon_result fxi_postgresql_source_each(void *state, fxmon_source_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_postgresql_rebalance_put(void *state, const fxmon_rebalance *event, fxmon_error *error);
fxmon_result fxi_postgresql_rebalance_each(void *state, int64_t limit, int64_t offset, fxmon_rebalance_fn fn, void *user, fxmon_error *error);
fxmon_result fxi_postgresql_place_each(void *state, fxmon_place_fn fn, void *user, fxmon_error *error);

#endif
