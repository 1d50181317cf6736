/*
 * store/sqlite_lane.c - rows once each: rows, dead letters, alert events and the place in the log are one transaction.
 *
 * claim bumps the epoch of (lane, stream, partition); commit moves the place from where the lane believes it is to where it wants it, if
 * epoch and place are still those (compare and set). A lane that slept through its replacement finds no such row, and everything it
 * had put into the transaction goes with it. The key of fxmon_rate would catch what gets past that: INSERT is plain, a duplicate stops
 * the lane instead of being swallowed.
 *
 * fxmon_latest is written once for each (pair, source) and transaction, at its end, whatever number of rows there were.
 */
#include "base/crash.h"
#include "base/decimal.h"
#include "base/error.h"
#include "base/instance.h"
#include "base/mem.h"
#include "store/sqlite.h"

#include <math.h>
#include <string.h>

#define DOUBLE_EXACT (INT64_C(1) << 53)

/* ---- transactions ---------------------------------------------------------------------------------------------- */

static void forget_words(fxi_sqlite *s)
{
    const void *key;
    char copy[FXMON_SOURCE_TEXT];
    while (fxi_map_at(s->pairs, 0, &key, NULL)) {
        memcpy(copy, key, sizeof(fxmon_pair));
        fxi_map_remove(s->pairs, copy);
    }
    while (fxi_map_at(s->sources, 0, &key, NULL)) {
        memcpy(copy, key, sizeof(copy));
        fxi_map_remove(s->sources, copy);
    }
    s->last_source[0] = '\0';
    s->dictionary_grew = false;
}

fxmon_result fxi_sqlite_begin(void *state, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result;
    if (!sqlite3_get_autocommit(s->db)) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s: a transaction is open already", s->path);
        return FXMON_FATAL;
    }
    sqlite3_stmt *begin = fxi_sqlite_prepare(s, FXI_SQL_BEGIN, &result, error);
    if (begin != NULL) {
        result = fxi_sqlite_run(s, begin, "waiting for the other writer", error);
    }
    if (result == FXMON_DONE) {
        s->transaction++;
        s->touched_count = 0;
        s->has_data = false;
    }
    return result;
}

void fxi_sqlite_rollback(void *state)
{
    fxi_sqlite *s = state;
    if (!sqlite3_get_autocommit(s->db)) { /* after some errors SQLite has rolled back by itself */
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    }
    if (s->dictionary_grew) {
        forget_words(s);
    }
    s->touched_count = 0;
    s->has_data = false;
    s->transaction++;
}

fxmon_result fxi_sqlite_writing(fxi_sqlite *s, const char *what, fxmon_error *error)
{
    if (sqlite3_get_autocommit(s->db)) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s in %s: there is no open transaction", what, s->path);
        return FXMON_FATAL;
    }
    if (s->stream == 0) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s in %s: nothing was claimed", what, s->path);
        return FXMON_FATAL;
    }
    s->has_data = true;
    return FXMON_DONE;
}

/* ---- words ------------------------------------------------------------------------------------------------------- */

/* The number of a word, made when it is new. */
static fxmon_result number_of(fxi_sqlite *s, enum fxi_sqlite_statement find, enum fxi_sqlite_statement add, const char *word, int64_t *id,
                              fxmon_error *error)
{
    fxmon_result result;
    sqlite3_stmt *statement = fxi_sqlite_prepare(s, find, &result, error);
    if (statement == NULL) {
        return result;
    }
    fxi_sqlite_bind_text(statement, 1, word);
    if (fxi_sqlite_step(s, statement, "looking up a word", &result, error)) {
        *id = sqlite3_column_int64(statement, 0);
        sqlite3_reset(statement);
        return FXMON_DONE;
    }
    if (result != FXMON_DONE) {
        return result;
    }
    statement = fxi_sqlite_prepare(s, add, &result, error);
    if (statement == NULL) {
        return result;
    }
    fxi_sqlite_bind_text(statement, 1, word);
    result = fxi_sqlite_run(s, statement, "adding a word", error);
    *id = sqlite3_last_insert_rowid(s->db);
    s->dictionary_grew = true;
    return result;
}

static fxmon_result number_of_pair(fxi_sqlite *s, const fxmon_pair *pair, int64_t *id, fxmon_error *error)
{
    uint64_t known;
    if (fxi_map_get(s->pairs, pair, &known)) {
        *id = (int64_t)known;
        return FXMON_DONE;
    }
    fxmon_result result = number_of(s, FXI_SQL_PAIR_ID, FXI_SQL_PAIR_ADD, pair->text, id, error);
    if (result == FXMON_DONE && fxi_map_put(s->pairs, pair, (uint64_t)*id) != FXMON_OK) {
        return fxi_sqlite_no_memory(error);
    }
    return result;
}

static fxmon_result number_of_source(fxi_sqlite *s, const char *source, int64_t *id, fxmon_error *error)
{
    uint64_t known;
    if (s->last_source[0] != '\0' && strcmp(source, s->last_source) == 0) {
        *id = s->last_source_id;
        return FXMON_DONE;
    }
    char key[FXMON_SOURCE_TEXT] = {0};
    memcpy(key, source, strnlen(source, sizeof(key) - 1));
    fxmon_result result = FXMON_DONE;
    if (fxi_map_get(s->sources, key, &known)) {
        *id = (int64_t)known;
    } else {
        result = number_of(s, FXI_SQL_SOURCE_ID, FXI_SQL_SOURCE_ADD, key, id, error);
        if (result == FXMON_DONE && fxi_map_put(s->sources, key, (uint64_t)*id) != FXMON_OK) {
            return fxi_sqlite_no_memory(error);
        }
    }
    if (result == FXMON_DONE) {
        memcpy(s->last_source, key, sizeof(key));
        s->last_source_id = *id;
    }
    return result;
}

/* ---- claim --------------------------------------------------------------------------------------------------------- */

static fxmon_result bind_place(fxi_sqlite *s, enum fxi_sqlite_statement which, const fxmon_progress *progress, sqlite3_stmt **statement,
                               fxmon_error *error)
{
    fxmon_result result;
    *statement = fxi_sqlite_prepare(s, which, &result, error);
    if (*statement != NULL) {
        fxi_sqlite_bind_text(*statement, 1, progress->lane);
        fxi_sqlite_bind_text(*statement, 2, progress->stream);
        sqlite3_bind_int(*statement, 3, progress->partition);
    }
    return result;
}

static fxmon_result read_place(fxi_sqlite *s, fxmon_progress *progress, fxmon_error *error)
{
    sqlite3_stmt *statement;
    fxmon_result result = bind_place(s, FXI_SQL_PROGRESS_GET, progress, &statement, error);
    if (result != FXMON_DONE) {
        return result;
    }
    if (!fxi_sqlite_step(s, statement, "reading the place", &result, error)) {
        if (result == FXMON_DONE) {
            fxi_fail(error, FXMON_E_NOT_FOUND, NULL, "%s: lane %s has no place in %s", s->path, progress->lane, progress->stream);
            result = FXMON_FENCED;
        }
        return result;
    }
    progress->next_offset = sqlite3_column_int64(statement, 0);
    progress->epoch = sqlite3_column_int64(statement, 1);
    sqlite3_reset(statement);
    return FXMON_DONE;
}

static fxmon_result read_checkpoint(fxi_sqlite *s, fxmon_progress *progress, fxmon_error *error)
{
    sqlite3_stmt *statement;
    progress->checkpoint = NULL;
    progress->checkpoint_size = 0;
    progress->checkpoint_offset = -1;
    fxmon_result result = bind_place(s, FXI_SQL_CHECKPOINT_GET, progress, &statement, error);
    if (result != FXMON_DONE || !fxi_sqlite_step(s, statement, "reading the checkpoint", &result, error)) {
        return result;
    }
    const void *bytes = sqlite3_column_blob(statement, 1);
    size_t size = (size_t)sqlite3_column_bytes(statement, 1);
    progress->checkpoint = fxi_alloc(size);
    if (progress->checkpoint == NULL) {
        result = fxi_sqlite_no_memory(error);
    } else {
        if (size > 0) {
            memcpy(progress->checkpoint, bytes, size);
        }
        progress->checkpoint_size = size;
        progress->checkpoint_offset = sqlite3_column_int64(statement, 0);
    }
    sqlite3_reset(statement);
    return result;
}

static int64_t now_of(fxi_sqlite *s)
{
    return s->env->now(s->env->user);
}

static fxmon_result claim_in_transaction(fxi_sqlite *s, fxmon_progress *progress, int64_t *stream, fxmon_error *error)
{
    sqlite3_stmt *statement;
    char owner[64];
    fxi_instance(owner);
    fxmon_result result = number_of(s, FXI_SQL_STREAM_ID, FXI_SQL_STREAM_ADD, progress->stream, stream, error);
    if (result == FXMON_DONE) {
        result = bind_place(s, FXI_SQL_CLAIM, progress, &statement, error);
    }
    if (result == FXMON_DONE) {
        sqlite3_bind_int64(statement, 4, now_of(s));
        fxi_sqlite_bind_text(statement, 5, owner);
        result = fxi_sqlite_run(s, statement, "claiming the place", error);
    }
    if (result == FXMON_DONE) {
        result = read_place(s, progress, error);
    }
    if (result == FXMON_DONE) {
        result = read_checkpoint(s, progress, error);
    }
    return result;
}

fxmon_result fxi_sqlite_claim(void *state, fxmon_progress *progress, fxmon_error *error)
{
    fxi_sqlite *s = state;
    int64_t stream = 0;
    char *name = fxi_strdup(progress->stream);
    if (name == NULL) {
        return fxi_sqlite_no_memory(error);
    }
    fxmon_result result = fxi_sqlite_begin(s, error);
    if (result == FXMON_DONE) {
        result = claim_in_transaction(s, progress, &stream, error);
        sqlite3_stmt *commit = result == FXMON_DONE ? fxi_sqlite_prepare(s, FXI_SQL_COMMIT, &result, error) : NULL;
        if (commit != NULL) {
            result = fxi_sqlite_run(s, commit, "claiming the place", error);
        }
        if (result != FXMON_DONE) {
            fxi_sqlite_rollback(s);
            fxi_free(progress->checkpoint);
            progress->checkpoint = NULL;
            progress->checkpoint_size = 0;
        }
    }
    if (result == FXMON_DONE) {
        fxi_free(s->stream_name);
        s->stream_name = name;
        s->stream = stream;
        s->dictionary_grew = false;
    } else {
        fxi_free(name);
    }
    return result;
}

/* ---- rows ------------------------------------------------------------------------------------------------------------ */

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
    }
    if (problem == NULL) {
        return FXMON_DONE;
    }
    fxi_fail(error, FXMON_E_REJECTED, "row", "the row of %.15s at offset %lld %s", row->pair.text, (long long)row->offset, problem);
    return FXMON_REFUSED;
}

/* The rate as a double, where mantissa and scale do not give it; 0: they do. */
static double computed_of(const fxmon_row *row)
{
    return row->kind == FXMON_ROW_CROSS ? row->cross : row->rate.mantissa > DOUBLE_EXACT ? fxmon_decimal_to_double(row->rate) : 0;
}

/* What the rows of a message share. */
static void bind_record(sqlite3_stmt *statement, const fxmon_row *row, int64_t source)
{
    sqlite3_bind_int64(statement, 2, row->time);
    sqlite3_bind_int(statement, 4, row->partition);
    sqlite3_bind_int64(statement, 5, row->offset);
    sqlite3_bind_int64(statement, 16, source);
    if (row->ingested != 0) {
        sqlite3_bind_int64(statement, 17, row->ingested);
    } else {
        sqlite3_bind_null(statement, 17);
    }
}

/*
 * Both fxmon_rate and fxmon_latest: the columns are the same. `before` is the row whose values the statement holds still, or NULL; what is equal,
 * and most is, is not bound again.
 */
static void bind_row(sqlite3_stmt *statement, const fxmon_row *row, const fxmon_row *before, int64_t pair, int64_t source, int64_t stream)
{
    sqlite3_bind_int64(statement, 1, pair);
    if (before == NULL) {
        sqlite3_bind_int64(statement, 3, stream);
    }
    if (before == NULL || row->offset != before->offset || row->time != before->time || row->partition != before->partition ||
        row->ingested != before->ingested || row->source != before->source) {
        bind_record(statement, row, source);
    }
    if (before == NULL || row->kind != before->kind) {
        sqlite3_bind_int(statement, 6, (int)row->kind);
    }
    fxi_sqlite_bind_decimal(statement, 7, row->kind == FXMON_ROW_CROSS ? (fxmon_decimal){0, 0} : row->rate);
    double computed = computed_of(row);
    if (computed > 0) {
        sqlite3_bind_double(statement, 9, computed);
    } else if (before == NULL || computed_of(before) > 0) {
        sqlite3_bind_null(statement, 9);
    }
    if (before == NULL || row->bid.mantissa != 0 || before->bid.mantissa != 0) {
        fxi_sqlite_bind_decimal(statement, 10, row->bid);
    }
    if (before == NULL || row->ask.mantissa != 0 || before->ask.mantissa != 0) {
        fxi_sqlite_bind_decimal(statement, 12, row->ask);
    }
    sqlite3_bind_double(statement, 14, row->volatility); /* SQLite keeps NaN as NULL */
    sqlite3_bind_int64(statement, 15, row->samples);
}

/* Remember the row if it is the newest of its pair and source in this transaction. */
static fxmon_result note_newest(fxi_sqlite *s, const fxmon_row *row, int64_t pair, int64_t source, fxmon_error *error)
{
    const int64_t key[2] = {pair, source};
    uint64_t index;
    if (!fxi_map_get(s->newest_of, key, &index)) {
        fxi_sqlite_newest *grown = fxi_grow(s->newest, &s->newest_capacity, s->newest_count + 1, sizeof(*grown));
        if (grown == NULL) {
            return fxi_sqlite_no_memory(error);
        }
        s->newest = grown;
        index = s->newest_count;
        if (fxi_map_put(s->newest_of, key, index) != FXMON_OK) {
            return fxi_sqlite_no_memory(error);
        }
        s->newest[s->newest_count++] = (fxi_sqlite_newest){.pair = pair, .source = source};
    }
    fxi_sqlite_newest *newest = &s->newest[index];
    if (newest->transaction != s->transaction) {
        size_t *grown = fxi_grow(s->touched, &s->touched_capacity, s->touched_count + 1, sizeof(*grown));
        if (grown == NULL) {
            return fxi_sqlite_no_memory(error);
        }
        s->touched = grown;
        s->touched[s->touched_count++] = index;
        newest->transaction = s->transaction;
        newest->row = *row;
    } else if (row->time >= newest->row.time) {
        newest->row = *row;
    }
    newest->row.source = NULL; /* borrowed; its number is in newest->source */
    return FXMON_DONE;
}

static fxmon_result put_row(fxi_sqlite *s, sqlite3_stmt *statement, const fxmon_row *row, const fxmon_row *before, fxmon_error *error)
{
    int64_t pair, source;
    fxmon_result result = number_of_pair(s, &row->pair, &pair, error);
    if (result == FXMON_DONE) {
        result = number_of_source(s, row->source, &source, error);
    }
    if (result != FXMON_DONE) {
        return result;
    }
    bind_row(statement, row, before, pair, source, s->stream);
    if (sqlite3_step(statement) != SQLITE_DONE) {
        if (sqlite3_extended_errcode(s->db) == SQLITE_CONSTRAINT_PRIMARYKEY) {
            fxi_fail(error, FXMON_E_DUPLICATE, "offset", "%s holds %.15s of offset %lld, partition %d of %s already: it would be there twice", s->path,
                     row->pair.text, (long long)row->offset, (int)row->partition, s->stream_name);
            result = FXMON_FATAL;
        } else {
            result = fxi_sqlite_fail(s, "adding a rate", error);
        }
    }
    sqlite3_reset(statement);
    return result == FXMON_DONE && row->kind != FXMON_ROW_LATE ? note_newest(s, row, pair, source, error) : result;
}

fxmon_result fxi_sqlite_put_rows(void *state, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result = fxi_sqlite_writing(s, "adding rates", error);
    /* All are looked at before the first is put, so that a refusal leaves nothing behind. */
    for (size_t i = 0; result == FXMON_DONE && i < count; i++) {
        result = check_row(&rows[i], error);
    }
    sqlite3_stmt *statement = result == FXMON_DONE ? fxi_sqlite_prepare(s, FXI_SQL_RATE_ADD, &result, error) : NULL;
    for (size_t i = 0; statement != NULL && result == FXMON_DONE && i < count; i++) {
        result = put_row(s, statement, &rows[i], i == 0 ? NULL : &rows[i - 1], error);
    }
    return result;
}

static fxmon_result put_newest(fxi_sqlite *s, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    for (size_t i = 0; result == FXMON_DONE && i < s->touched_count; i++) {
        const fxi_sqlite_newest *newest = &s->newest[s->touched[i]];
        sqlite3_stmt *statement = fxi_sqlite_prepare(s, FXI_SQL_LATEST_PUT, &result, error);
        if (statement != NULL) {
            bind_row(statement, &newest->row, NULL, newest->pair, newest->source, s->stream);
            result = fxi_sqlite_run(s, statement, "keeping the newest rates", error);
        }
    }
    return result;
}

fxmon_result fxi_sqlite_put_dead(void *state, const fxmon_dead_letter *letter, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result = fxi_sqlite_writing(s, "adding a dead letter", error);
    sqlite3_stmt *statement = result == FXMON_DONE ? fxi_sqlite_prepare(s, FXI_SQL_DEAD_ADD, &result, error) : NULL;
    if (statement == NULL) {
        return result;
    }
    fxi_sqlite_bind_text(statement, 1, letter->lane);
    fxi_sqlite_bind_text(statement, 2, letter->stream);
    sqlite3_bind_int(statement, 3, letter->partition);
    sqlite3_bind_int64(statement, 4, letter->offset);
    sqlite3_bind_blob64(statement, 5, letter->length == 0 ? "" : letter->data, letter->length, SQLITE_STATIC);
    fxi_sqlite_bind_text(statement, 6, letter->reason == NULL ? "unknown" : letter->reason);
    fxi_sqlite_bind_text(statement, 7, letter->text == NULL ? "" : letter->text);
    sqlite3_bind_int64(statement, 8, letter->first_seen);
    result = fxi_sqlite_run(s, statement, "adding a dead letter", error);
    sqlite3_clear_bindings(statement);
    return result;
}

/* ---- commit -------------------------------------------------------------------------------------------------------------- */

static fxmon_result put_checkpoint(fxi_sqlite *s, const fxmon_progress *before, fxmon_error *error)
{
    sqlite3_stmt *statement;
    fxmon_result result = bind_place(s, FXI_SQL_CHECKPOINT_PUT, before, &statement, error);
    if (result == FXMON_DONE) {
        sqlite3_bind_int64(statement, 4, before->checkpoint_offset);
        sqlite3_bind_blob64(statement, 5, before->checkpoint, before->checkpoint_size, SQLITE_STATIC);
        result = fxi_sqlite_run(s, statement, "keeping the checkpoint", error);
        sqlite3_clear_bindings(statement);
    }
    return result;
}

static fxmon_result advance(fxi_sqlite *s, const fxmon_progress *before, int64_t next_offset, fxmon_error *error)
{
    sqlite3_stmt *statement;
    fxmon_result result = bind_place(s, FXI_SQL_ADVANCE, before, &statement, error);
    if (result != FXMON_DONE) {
        return result;
    }
    sqlite3_bind_int64(statement, 4, next_offset);
    sqlite3_bind_int64(statement, 5, now_of(s));
    sqlite3_bind_int64(statement, 6, before->epoch);
    sqlite3_bind_int64(statement, 7, before->next_offset);
    result = fxi_sqlite_run(s, statement, "moving the place", error);
    if (result == FXMON_DONE && sqlite3_changes(s->db) != 1) {
        fxi_fail(error, FXMON_E_FENCED, NULL, "%s: another process has taken over lane %s of %s", s->path, before->lane, before->stream);
        result = FXMON_FENCED;
    }
    return result;
}

/* COMMIT failed. Whether it took effect is in the file: the place moved, or it did not. */
static fxmon_result resolve_commit(fxi_sqlite *s, const fxmon_progress *before, int64_t next_offset, fxmon_result failed)
{
    fxmon_progress now = *before;
    fxmon_error ignored;
    fxi_sqlite_rollback(s);
    if (read_place(s, &now, &ignored) == FXMON_DONE && now.epoch == before->epoch && now.next_offset == next_offset &&
        next_offset != before->next_offset) {
        return FXMON_DONE;
    }
    return failed;
}

fxmon_result fxi_sqlite_commit(void *state, const fxmon_progress *before, int64_t next_offset, fxmon_error *error)
{
    fxi_sqlite *s = state;
    fxmon_result result = FXMON_DONE;
    if (sqlite3_get_autocommit(s->db)) {
        fxi_fail(error, FXMON_E_STATE, NULL, "committing in %s: there is no open transaction", s->path);
        return FXMON_FATAL;
    }
    if (s->has_data && strcmp(before->stream, s->stream_name) != 0) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s: rows of %s were put, but %s is committed", s->path, s->stream_name, before->stream);
        result = FXMON_FATAL;
    }
    if (result == FXMON_DONE) {
        result = put_newest(s, error);
    }
    if (result == FXMON_DONE && before->checkpoint != NULL) {
        result = put_checkpoint(s, before, error);
    }
    if (result == FXMON_DONE) {
        result = advance(s, before, next_offset, error);
    }
    sqlite3_stmt *commit = result == FXMON_DONE ? fxi_sqlite_prepare(s, FXI_SQL_COMMIT, &result, error) : NULL;
    if (commit == NULL) {
        fxi_sqlite_rollback(s);
        return result;
    }
    FXI_CRASH("sqlite.commit");
    result = fxi_sqlite_run(s, commit, "committing", error);
    FXI_CRASH("sqlite.committed");
    if (result != FXMON_DONE) {
        result = resolve_commit(s, before, next_offset, result);
    }
    if (result == FXMON_DONE) {
        s->dictionary_grew = false;
        s->touched_count = 0;
        s->has_data = false;
    }
    return result;
}
