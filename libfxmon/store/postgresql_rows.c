/*
 * store/postgresql_rows.c - rows by COPY, dead letters, and the newest rows.
 *
 * COPY in its binary format is the fastest way in, and it has no conflict clause, which suits us: a row that is there already is an error that stops the
 * lane instead of being swallowed. All rows are looked at before the first one is sent. Should the server refuse one all the same, what was sent is
 * undone and REFUSED goes to the lane, which then offers them one by one.
 *
 * fxmon_latest is written once for each (pair, source, partition) and transaction, whatever number of rows there were, by one statement that travels with
 * the COMMIT. Its key has the partition, so that lanes never wait for each other's rows.
 */
#include "store/postgresql.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/utf8.h"

#include <math.h>
#include <stdlib.h>

#define CHUNK 65536               /* bytes of rows handed to the connection at a time */
#define COLUMN_MAXIMUM (64 << 20) /* bytes of one array parameter */
#define SAVEPOINT "SAVEPOINT fxmon_rows;"
#define COPY "COPY fx_rates(" FXI_POSTGRESQL_COPY_COLUMNS ") FROM STDIN (FORMAT binary)"

static fxmon_result check_row(const fxmon_row *row, fxmon_error *error)
{
    const char *problem = NULL;
    if (row->pair.text[0] == '\0' || row->pair.text[sizeof(row->pair.text) - 1] != '\0') {
        problem = "has no pair";
    } else if (row->source == NULL || row->source[0] == '\0') {
        problem = "has no source";
    } else if (row->kind > FXMON_ROW_CROSS) {
        problem = "has an unknown kind";
    } else if (row->kind == FXMON_ROW_CROSS ? !(row->cross > 0 && isfinite(row->cross)) : row->rate.mantissa <= 0) {
        problem = "has a rate that is not above zero";
    } else if (row->bid.mantissa < 0 || row->ask.mantissa < 0) {
        problem = "has a bid or ask below zero";
    }
    if (problem == NULL) {
        return FXMON_DONE;
    }
    fxi_fail(error, FXMON_E_REJECTED, "row", "the row of %.15s at offset %lld %s", row->pair.text, (long long)row->offset, problem);
    return FXMON_REFUSED;
}

/* The number of a source in this process; a source that is no text for the server is refused. */
static fxmon_result number_of_source(fxi_postgresql *p, const char *name, uint64_t *id, fxmon_error *error)
{
    if (strncmp(name, p->last_source, sizeof(p->last_source)) == 0) {
        *id = p->last_source_id;
        return FXMON_DONE;
    }
    char key[FXMON_SOURCE_TEXT] = {0};
    size_t length = strnlen(name, sizeof(key) - 1);
    memcpy(key, name, length);
    if (!fxi_map_get(p->sources, key, id)) {
        if (!fxi_utf8_valid(key, length)) {
            fxi_fail(error, FXMON_E_REJECTED, "source", "the name of a source is no UTF-8");
            return FXMON_REFUSED;
        }
        *id = fxi_map_count(p->sources) + 1;
        if (fxi_map_put(p->sources, key, *id) != FXMON_OK) {
            return fxi_postgresql_no_memory(error);
        }
    }
    memcpy(p->last_source, key, sizeof(key));
    p->last_source_id = *id;
    return FXMON_DONE;
}

/* ---- the newest ------------------------------------------------------------------------------------------------- */

typedef struct newest_key {
    fxmon_pair pair;
    uint64_t source;
    int64_t partition;
} newest_key;

/* Remember the row if it is the newest of its pair, source and partition in this transaction. */
static fxmon_result note_newest(fxi_postgresql *p, const fxmon_row *row, fxmon_error *error)
{
    uint64_t index, source;
    fxmon_result result = number_of_source(p, row->source, &source, error);
    if (result != FXMON_DONE) {
        return result;
    }
    const newest_key key = {row->pair, source, row->partition};
    if (!fxi_map_get(p->newest_of, &key, &index)) {
        fxi_postgresql_newest *grown = fxi_grow(p->newest, &p->newest_capacity, p->newest_count + 1, sizeof(*grown));
        if (grown == NULL) {
            return fxi_postgresql_no_memory(error);
        }
        p->newest = grown;
        index = p->newest_count;
        if (fxi_map_put(p->newest_of, &key, index) != FXMON_OK) {
            return fxi_postgresql_no_memory(error);
        }
        p->newest[p->newest_count++] = (fxi_postgresql_newest){.transaction = 0};
        memcpy(p->newest[index].source, p->last_source, sizeof(p->last_source));
    }
    fxi_postgresql_newest *newest = &p->newest[index];
    if (newest->transaction != p->transaction) {
        size_t *grown = fxi_grow(p->touched, &p->touched_capacity, p->touched_count + 1, sizeof(*grown));
        if (grown == NULL) {
            return fxi_postgresql_no_memory(error);
        }
        p->touched = grown;
        p->touched[p->touched_count++] = index;
        newest->transaction = p->transaction;
        newest->row = *row;
    } else if (row->time >= newest->row.time) {
        newest->row = *row;
    }
    return FXMON_DONE;
}

static void fill_times(fxi_postgresql_array *c, const fxmon_row *row)
{
    fxi_postgresql_time observed = fxi_postgresql_time_of(row->time), ingested = fxi_postgresql_time_of(row->ingested);
    fxi_postgresql_array_integer(&c[0], observed.microseconds);
    fxi_postgresql_array_integer(&c[1], observed.nanoseconds);
    if (row->ingested != 0) {
        fxi_postgresql_array_integer(&c[2], ingested.microseconds);
    } else {
        fxi_postgresql_array_null(&c[2]);
    }
    fxi_postgresql_array_integer(&c[3], row->ingested != 0 ? ingested.nanoseconds : 0);
}

/* The columns in the order of FXI_PG_LATEST_PUT. */
static bool fill_columns(fxi_postgresql *p)
{
    static const uint32_t types[FXI_POSTGRESQL_LATEST_COLUMNS] = {
        FXI_POSTGRESQL_TEXT, FXI_POSTGRESQL_TEXT, FXI_POSTGRESQL_INT8, FXI_POSTGRESQL_INT8, FXI_POSTGRESQL_INT8,
        FXI_POSTGRESQL_TIMESTAMPTZ, FXI_POSTGRESQL_INT8, FXI_POSTGRESQL_TIMESTAMPTZ, FXI_POSTGRESQL_INT8, FXI_POSTGRESQL_INT8,
        FXI_POSTGRESQL_INT8, FXI_POSTGRESQL_NUMERIC_TYPE, FXI_POSTGRESQL_NUMERIC_TYPE, FXI_POSTGRESQL_NUMERIC_TYPE, FXI_POSTGRESQL_FLOAT8};
    fxi_postgresql_array *c = p->column;
    bool fine = true;
    for (size_t i = 0; i < FXI_POSTGRESQL_LATEST_COLUMNS; i++) {
        fxi_postgresql_array_begin(&c[i], types[i], COLUMN_MAXIMUM);
    }
    for (size_t i = 0; i < p->touched_count; i++) {
        const fxi_postgresql_newest *newest = &p->newest[p->touched[i]];
        const fxmon_row *row = &newest->row;
        fxi_postgresql_array_text(&c[0], row->pair.text);
        fxi_postgresql_array_text(&c[1], newest->source);
        fxi_postgresql_array_integer(&c[2], p->stream);
        fxi_postgresql_array_integer(&c[3], row->partition);
        fxi_postgresql_array_integer(&c[4], row->offset);
        fill_times(&c[5], row);
        fxi_postgresql_array_integer(&c[9], row->kind);
        fxi_postgresql_array_integer(&c[10], row->samples);
        fxi_postgresql_array_rate(&c[11], row);
        fxi_postgresql_array_decimal(&c[12], row->bid);
        fxi_postgresql_array_decimal(&c[13], row->ask);
        fxi_postgresql_array_double(&c[14], row->volatility);
    }
    for (size_t i = 0; i < FXI_POSTGRESQL_LATEST_COLUMNS; i++) {
        fine = fxi_postgresql_array_end(&c[i]) && fine;
    }
    return fine;
}

fxmon_result fxi_postgresql_queue_newest(fxi_postgresql *p, int *queued, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    bool prepares;
    if (p->touched_count == 0) {
        return FXMON_DONE;
    }
    if (!fill_columns(p)) {
        return fxi_postgresql_no_memory(error);
    }
    for (size_t i = 0; i < FXI_POSTGRESQL_LATEST_COLUMNS; i++) {
        fxi_postgresql_add_array(&q, &p->column[i]);
    }
    if (!fxi_postgresql_queue(p, FXI_PG_LATEST_PUT, &q, &prepares)) {
        return fxi_postgresql_fail(p, NULL, "keeping the newest rates in", error);
    }
    *queued += 1 + prepares;
    return FXMON_DONE;
}

/* ---- COPY -------------------------------------------------------------------------------------------------------- */

static const char what[] = "adding rates to";

static fxmon_result send_chunk(fxi_postgresql *p, int64_t *deadline, fxmon_error *error)
{
    if (p->out.failed) {
        return fxi_postgresql_no_memory(error);
    }
    bool fine = PQputCopyData(p->connection, p->out.data, (int)p->out.length) == 1 && fxi_postgresql_flush(p, deadline);
    fxi_buf_clear(&p->out);
    return fine ? FXMON_DONE : fxi_postgresql_fail(p, NULL, what, error);
}

static fxmon_result send_rows(fxi_postgresql *p, const fxmon_row *rows, size_t count, int64_t *deadline, fxmon_error *error)
{
    fxi_postgresql_row_frame frame = {.written = p->env->now(p->env->user), .stream = (int16_t)p->stream, .consumer = p->owner};
    fxmon_result result = FXMON_DONE;
    fxi_buf_clear(&p->out);
    fxi_postgresql_copy_begin(&p->out);
    for (size_t i = 0; result == FXMON_DONE && i < count; i++) {
        if (!fxi_postgresql_copy_row(&p->out, &frame, &rows[i])) {
            return fxi_postgresql_no_memory(error);
        }
        if (p->out.length > CHUNK) {
            result = send_chunk(p, deadline, error);
        }
    }
    if (result == FXMON_DONE) {
        fxi_postgresql_copy_end(&p->out);
        result = send_chunk(p, deadline, error);
    }
    return result;
}

/* Up to the server's readiness for rows. The answers of the statements before COPY are passed over. */
static fxmon_result open_copy(fxi_postgresql *p, int64_t *deadline, fxmon_error *error)
{
    const char *sql = !p->begun ? "BEGIN;" COPY : p->has_savepoint ? "RELEASE SAVEPOINT fxmon_rows;" SAVEPOINT COPY : SAVEPOINT COPY;
    bool fresh = !p->begun;
    if (PQsendQuery(p->connection, sql) == 0 || !fxi_postgresql_flush(p, deadline)) {
        return fxi_postgresql_fail(p, NULL, what, error);
    }
    p->begun = true;
    p->has_savepoint = !fresh;
    for (;;) {
        PGresult *answer;
        bool alive = fxi_postgresql_next(p, &answer, deadline);
        ExecStatusType status = answer == NULL ? PGRES_FATAL_ERROR : PQresultStatus(answer);
        fxmon_result result = !alive || (status != PGRES_COMMAND_OK && status != PGRES_COPY_IN) ? fxi_postgresql_fail(p, answer, what, error) : FXMON_DONE;
        PQclear(answer);
        if (result != FXMON_DONE || status == PGRES_COPY_IN) {
            return result;
        }
    }
}

static fxmon_result close_copy(fxi_postgresql *p, int64_t *deadline, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    PGresult *answer = NULL;
    bool alive = PQputCopyEnd(p->connection, NULL) == 1 && fxi_postgresql_flush(p, deadline);
    while (alive && (alive = fxi_postgresql_next(p, &answer, deadline)) && answer != NULL) {
        if (PQresultStatus(answer) != PGRES_COMMAND_OK && result == FXMON_DONE) {
            result = fxi_postgresql_fail(p, answer, what, error);
        }
        PQclear(answer);
        alive = p->connection != NULL;
    }
    return alive || result != FXMON_DONE ? result : fxi_postgresql_fail(p, NULL, what, error);
}

/* The server refused a row: what was sent is undone, what was put before stays. */
static fxmon_result undo_copy(fxi_postgresql *p, fxmon_error *error)
{
    fxmon_error trouble;
    fxmon_result result = fxi_postgresql_command(p, p->has_savepoint ? "ROLLBACK TO SAVEPOINT fxmon_rows" : "ROLLBACK", FXI_POSTGRESQL_CALL, what, &trouble);
    p->begun = p->has_savepoint;
    if (result != FXMON_DONE && error != NULL) {
        *error = trouble;
    }
    return result == FXMON_DONE ? FXMON_REFUSED : result;
}

static fxmon_result copy_rows(fxi_postgresql *p, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    int64_t deadline = fxi_postgresql_deadline(p, FXI_POSTGRESQL_LONG);
    fxmon_result result = open_copy(p, &deadline, error);
    if (result == FXMON_DONE) {
        result = send_rows(p, rows, count, &deadline, error);
        if (result != FXMON_DONE) {
            fxi_postgresql_drop(p); /* in the middle of the rows there is no other way out */
            return result;
        }
        result = close_copy(p, &deadline, error);
    }
    if (result == FXMON_REFUSED) {
        result = undo_copy(p, error);
    }
    if (result == FXMON_FATAL && error != NULL && error->code == FXMON_E_DUPLICATE) {
        fxi_fail(error, FXMON_E_DUPLICATE, "offset", "%s holds a row of offsets %lld to %lld of %.80s already: it would be there twice", p->name,
                 (long long)rows[0].offset, (long long)rows[count - 1].offset, p->stream_name);
    }
    return result;
}

fxmon_result fxi_postgresql_put_rows(void *state, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    fxi_postgresql *p = state;
    uint64_t source;
    fxmon_result result = fxi_postgresql_writing(p, what, error);
    for (size_t i = 0; result == FXMON_DONE && i < count; i++) {
        result = check_row(&rows[i], error);
        if (result == FXMON_DONE) {
            result = number_of_source(p, rows[i].source, &source, error);
        }
    }
    if (result == FXMON_DONE && count > 0) {
        result = fxi_postgresql_months(p, rows, count, error);
    }
    if (result == FXMON_DONE && count > 0) {
        result = copy_rows(p, rows, count, error);
    }
    for (size_t i = 0; result == FXMON_DONE && i < count; i++) {
        if (rows[i].kind != FXMON_ROW_LATE) {
            result = note_newest(p, &rows[i], error);
        }
    }
    return result;
}

/* ---- dead letters --------------------------------------------------------------------------------------------------- */

#define LETTER_TEXT 4096 /* bytes of an explanation that are kept */

/* Text that came from outside may be cut in the middle of a character; the server takes whole ones only. */
static char *tidy_copy(const char *text, size_t maximum)
{
    char *copy = fxi_strndup(text, maximum);
    if (copy != NULL && !fxi_utf8_valid(copy, strlen(copy))) {
        fxi_utf8_tidy(copy);
    }
    return copy;
}

fxmon_result fxi_postgresql_put_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q = {.count = 0};
    fxmon_result result = fxi_postgresql_writing(p, "adding a dead letter to", error);
    if (result != FXMON_DONE) {
        return result;
    }
    char *text = tidy_copy(letter->text == NULL ? "" : letter->text, LETTER_TEXT);
    if (text == NULL) {
        return fxi_postgresql_no_memory(error);
    }
    fxi_postgresql_add_text(&q, letter->lane);
    fxi_postgresql_add_text(&q, letter->stream);
    fxi_postgresql_add_integer(&q, letter->partition);
    fxi_postgresql_add_integer(&q, letter->offset);
    fxi_postgresql_add_blob(&q, letter->data, letter->length);
    fxi_postgresql_add_text(&q, letter->reason == NULL ? "unknown" : letter->reason);
    fxi_postgresql_add_text(&q, text);
    fxi_postgresql_add_integer(&q, letter->first_seen);
    result = fxi_postgresql_ask(p, FXI_PG_DEAD_ADD, &q, FXI_POSTGRESQL_LONG, "adding a dead letter to", NULL, error);
    fxi_free(text);
    return result;
}
