/*
 * store/postgresql_lane.c - rows once each: rows, dead letters, alert events and the place in the log are one transaction.
 *
 * claim bumps the epoch of (lane, stream, partition); commit moves the place from where the lane believes it is to where it wants it, if
 * epoch and place are still those (compare and set, the last statement of the transaction). It goes to the server together with COMMIT in one
 * pipeline, so no round trip lies between them. That no COMMIT happens when the place did not move is made sure by the statement itself: it divides by the
 * number of places it moved, and the server runs nothing behind an error.
 *
 * BEGIN is not sent by begin() but with the first statement, for the same reason.
 *
 * A COMMIT whose answer never came: a new connection asks for the place, and waits for whoever holds it locked, which is the lost transaction if it is
 * still alive. The place is the answer. When even that cannot be asked, the doubt is kept and resolved by the next begin().
 */
#include "store/postgresql.h"

#include "base/crash.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"

#define DIVISION_BY_ZERO "22012"
#define PIPELINE_MAXIMUM 16 /* answers of one commit */

/* ---- transactions ------------------------------------------------------------------------------------------------ */

static void reset_transaction(fxi_postgresql *p)
{
    p->open = p->begun = p->lost = p->has_data = p->has_savepoint = p->has_events = false;
    p->touched_count = 0;
    p->transaction++;
    fxi_postgresql_forget_pending(p);
}

fxmon_result fxi_postgresql_writing(fxi_postgresql *p, const char *what, fxmon_error *error)
{
    if (!p->open) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s %s: there is no open transaction", what, p->name);
        return FXMON_FATAL;
    }
    if (p->stream == 0) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s %s: nothing was claimed", what, p->name);
        return FXMON_FATAL;
    }
    if (p->lost) {
        fxi_fail(error, FXMON_E_NETWORK, NULL, "%s %s: the connection was lost in the middle of the transaction", what, p->name);
        return FXMON_RETRY;
    }
    p->has_data = true;
    return FXMON_DONE;
}

void fxi_postgresql_rollback(void *state)
{
    fxi_postgresql *p = state;
    fxmon_error ignored;
    if (p->begun && p->connection != NULL) {
        p->begun = false;
        if (fxi_postgresql_command(p, "ROLLBACK", FXI_POSTGRESQL_CALL, "rolling back in", &ignored) != FXMON_DONE) {
            fxi_postgresql_drop(p);
        }
    }
    reset_transaction(p);
}

/* ---- places -------------------------------------------------------------------------------------------------------- */

static void add_place(fxi_postgresql_parameters *q, const char *lane, const char *stream, int32_t partition)
{
    q->count = 0;
    fxi_postgresql_add_text(q, lane);
    fxi_postgresql_add_text(q, stream);
    fxi_postgresql_add_integer(q, partition);
}

static void forget_doubt(fxi_postgresql_doubt *d)
{
    fxi_free(d->lane);
    fxi_free(d->stream);
    *d = (fxi_postgresql_doubt){.lane = NULL};
}

/* DONE: the commit took effect. RETRY with *resolved: it did not. FENCED: the place is another's. RETRY without: cannot be said now. */
static fxmon_result ask_place(fxi_postgresql *p, const fxi_postgresql_doubt *d, bool *resolved, fxmon_error *error)
{
    fxi_postgresql_parameters q;
    PGresult *answer;
    *resolved = false;
    add_place(&q, d->lane, d->stream, d->partition);
    fxmon_result result = fxi_postgresql_ask(p, FXI_PG_PLACE, &q, FXI_POSTGRESQL_CALL, "looking for the outcome of a commit in", &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    int64_t next = PQntuples(answer) == 1 ? fxi_postgresql_integer(answer, 0, 0) : -1;
    int64_t epoch = PQntuples(answer) == 1 ? fxi_postgresql_integer(answer, 0, 1) : -1;
    PQclear(answer);
    *resolved = true;
    if (epoch == d->epoch && next == d->after && next != d->before) {
        return FXMON_DONE;
    }
    if (epoch == d->epoch && (next == d->before || next == -1)) {
        fxi_fail(error, FXMON_E_NETWORK, NULL, "the connection to %s was lost while committing, and the commit did not take place", p->name);
        return FXMON_RETRY;
    }
    fxi_fail(error, FXMON_E_FENCED, NULL, "%s: another process has taken over lane %s of %s", p->name, d->lane, d->stream);
    return FXMON_FENCED;
}

static void keep_doubt(fxi_postgresql *p, const fxmon_progress *before, int64_t next_offset)
{
    forget_doubt(&p->doubt);
    p->doubt = (fxi_postgresql_doubt){.lane = fxi_strdup(before->lane), .stream = fxi_strdup(before->stream), .partition = before->partition,
                                      .before = before->next_offset, .after = next_offset, .epoch = before->epoch};
    if (p->doubt.lane == NULL || p->doubt.stream == NULL) {
        forget_doubt(&p->doubt); /* the key of fx_rates and the place itself still stop a repetition */
    }
}

static fxmon_result resolve_doubt(fxi_postgresql *p, fxmon_error *error)
{
    bool resolved;
    if (p->doubt.lane == NULL) {
        return FXMON_DONE;
    }
    fxmon_result result = ask_place(p, &p->doubt, &resolved, error);
    if (!resolved) {
        return result;
    }
    if (result == FXMON_DONE) {
        fxi_fail(error, FXMON_E_FENCED, NULL, "%s: the last commit of lane %s did take place: the lane goes on behind it", p->name, p->doubt.lane);
        result = FXMON_FENCED;
    } else if (result == FXMON_RETRY) {
        result = FXMON_DONE; /* nothing was kept: this begin is the repetition */
    }
    forget_doubt(&p->doubt);
    return result;
}

/*
 * A process that was stopped in the middle of sending rows holds their keys, and no time limit of the server ends a session that waits for the rest of a
 * statement. So whoever gave up waiting for a lock ends such sessions: those of this program and role that have waited for their process for as long as
 * they may be idle in a transaction.
 */
static fxmon_result end_stopped_sessions(fxi_postgresql *p, fxmon_error *error)
{
    PGresult *answer;
    if (!p->blocked) {
        return FXMON_DONE;
    }
    fxmon_result result = fxi_postgresql_ask(p, FXI_PG_UNBLOCK, NULL, FXI_POSTGRESQL_CALL, "ending stopped sessions of", &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    p->blocked = false;
    int64_t ended = fxi_postgresql_integer(answer, 0, 0);
    PQclear(answer);
    if (ended > 0) {
        fxi_log(p->env, FXMON_LOG_WARNING, "postgresql", "ended %lld sessions that held locks while their process stood still", (long long)ended);
    }
    return FXMON_DONE;
}

fxmon_result fxi_postgresql_begin(void *state, fxmon_error *error)
{
    fxi_postgresql *p = state;
    if (p->open) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s: a transaction is open already", p->name);
        return FXMON_FATAL;
    }
    fxmon_result result = fxi_postgresql_connect(p, error);
    if (result == FXMON_DONE) {
        result = end_stopped_sessions(p, error);
    }
    if (result == FXMON_DONE) {
        result = resolve_doubt(p, error);
    }
    if (result == FXMON_DONE) {
        result = fxi_postgresql_maintain(p, error);
    }
    if (result == FXMON_DONE) {
        reset_transaction(p);
        p->open = true;
    }
    return result;
}

/* ---- claim ----------------------------------------------------------------------------------------------------------- */

static fxmon_result stream_number(fxi_postgresql *p, const char *stream, int64_t *id, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer = NULL;
    fxi_postgresql_add_text(&q, stream);
    /* looked up before it is added: an addition that finds it there would use up a number each time */
    for (int attempt = 0; attempt < 3; attempt++) {
        fxmon_result result = fxi_postgresql_ask(p, FXI_PG_STREAM_ID, &q, FXI_POSTGRESQL_CALL, "looking up the log in", &answer, error);
        if (result != FXMON_DONE) {
            return result;
        }
        *id = PQntuples(answer) == 1 ? fxi_postgresql_integer(answer, 0, 0) : 0;
        PQclear(answer);
        if (*id != 0) {
            return FXMON_DONE;
        }
        result = fxi_postgresql_ask(p, FXI_PG_STREAM_ADD, &q, FXI_POSTGRESQL_CALL, "adding the log to", NULL, error);
        if (result != FXMON_DONE) {
            return result;
        }
    }
    fxi_fail(error, FXMON_E_BUSY, NULL, "%s: the log %.100s was removed while it was added", p->name, stream);
    return FXMON_RETRY;
}

static fxmon_result read_claim(const PGresult *answer, fxmon_progress *progress, fxmon_error *error)
{
    progress->next_offset = fxi_postgresql_integer(answer, 0, 0);
    progress->epoch = fxi_postgresql_integer(answer, 0, 1);
    if (PQgetisnull(answer, 0, 3) != 0) {
        return FXMON_DONE;
    }
    size_t size = (size_t)PQgetlength(answer, 0, 3);
    progress->checkpoint = fxi_alloc(size);
    if (progress->checkpoint == NULL) {
        return fxi_postgresql_no_memory(error);
    }
    if (size > 0) {
        memcpy(progress->checkpoint, PQgetvalue(answer, 0, 3), size);
    }
    progress->checkpoint_size = size;
    progress->checkpoint_offset = fxi_postgresql_integer(answer, 0, 2);
    return FXMON_DONE;
}

fxmon_result fxi_postgresql_claim(void *state, fxmon_progress *progress, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q;
    PGresult *answer = NULL;
    int64_t stream = 0;
    progress->checkpoint = NULL;
    progress->checkpoint_size = 0;
    progress->checkpoint_offset = -1;
    if (p->open) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s: a transaction is open already", p->name);
        return FXMON_FATAL;
    }
    char *name = fxi_strdup(progress->stream);
    if (name == NULL) {
        return fxi_postgresql_no_memory(error);
    }
    fxmon_result result = end_stopped_sessions(p, error);
    if (result == FXMON_DONE) {
        result = stream_number(p, progress->stream, &stream, error);
    }
    if (result == FXMON_DONE) {
        add_place(&q, progress->lane, progress->stream, progress->partition);
        fxi_postgresql_add_text(&q, p->owner);
        fxi_postgresql_add_integer(&q, p->env->now(p->env->user));
        result = fxi_postgresql_ask(p, FXI_PG_CLAIM, &q, FXI_POSTGRESQL_CALL, "claiming a place in", &answer, error);
    }
    if (result == FXMON_DONE) {
        result = read_claim(answer, progress, error);
        PQclear(answer);
    }
    if (result != FXMON_DONE) {
        fxi_free(name);
        return result;
    }
    if (p->doubt.lane != NULL && p->doubt.partition == progress->partition && strcmp(p->doubt.lane, progress->lane) == 0) {
        forget_doubt(&p->doubt); /* the claim has waited for it */
    }
    fxi_free(p->stream_name);
    p->stream_name = name;
    p->stream = stream;
    return FXMON_DONE;
}

/* ---- commit ------------------------------------------------------------------------------------------------------------- */

typedef struct pipeline {
    enum fxi_postgresql_statement which[PIPELINE_MAXIMUM];
    int count;
    bool sent; /* COMMIT is among what was handed to the connection */
} pipeline;

static bool queue_advance(fxi_postgresql *p, const fxmon_progress *before, int64_t next_offset, int *queued)
{
    fxi_postgresql_parameters q;
    bool save = before->checkpoint != NULL, prepares;
    add_place(&q, before->lane, before->stream, before->partition);
    fxi_postgresql_add_integer(&q, next_offset);
    fxi_postgresql_add_integer(&q, p->env->now(p->env->user));
    fxi_postgresql_add_integer(&q, before->epoch);
    fxi_postgresql_add_integer(&q, before->next_offset);
    if (save) {
        fxi_postgresql_add_integer(&q, before->checkpoint_offset);
        fxi_postgresql_add_blob(&q, before->checkpoint, before->checkpoint_size);
    }
    if (!fxi_postgresql_queue(p, save ? FXI_PG_ADVANCE_SAVE : FXI_PG_ADVANCE, &q, &prepares)) {
        return false;
    }
    *queued += 1 + prepares;
    return true;
}

/* All that is left of the transaction, up to COMMIT. *queued: answers to expect; *committing: COMMIT may have left. */
static fxmon_result queue_commit(fxi_postgresql *p, const fxmon_progress *before, int64_t next_offset, int *queued, bool *committing, fxmon_error *error)
{
    static const char what[] = "committing in";
    if (PQenterPipelineMode(p->connection) == 0) {
        return fxi_postgresql_fail(p, NULL, what, error);
    }
    if (!p->begun) {
        if (PQsendQueryParams(p->connection, "BEGIN", 0, NULL, NULL, NULL, NULL, 1) == 0) {
            return fxi_postgresql_fail(p, NULL, what, error);
        }
        ++*queued;
    }
    fxmon_result result = fxi_postgresql_queue_newest(p, queued, error);
    if (result == FXMON_DONE) {
        result = fxi_postgresql_queue_pending(p, queued, error);
    }
    if (result != FXMON_DONE) {
        return result;
    }
    if (!queue_advance(p, before, next_offset, queued) || PQsendQueryParams(p->connection, "COMMIT", 0, NULL, NULL, NULL, NULL, 1) == 0) {
        return fxi_postgresql_fail(p, NULL, what, error);
    }
    ++*queued;
    *committing = true;
    return PQpipelineSync(p->connection) == 0 ? fxi_postgresql_fail(p, NULL, what, error) : FXMON_DONE;
}

/* The answers of the pipeline, each followed by a NULL, up to the sync. *known: the server has said whether it committed. */
static fxmon_result take_commit(fxi_postgresql *p, int queued, bool *known, fxmon_error *error)
{
    int64_t deadline = fxi_postgresql_deadline(p, FXI_POSTGRESQL_LONG);
    fxmon_result result = FXMON_DONE;
    bool fenced = false, alive = fxi_postgresql_flush(p, &deadline);
    *known = false;
    for (int i = 0; alive && i <= queued; i++) {
        PGresult *answer, *end = NULL;
        alive = fxi_postgresql_next(p, &answer, &deadline);
        if (!alive) {
            break;
        }
        ExecStatusType status = answer == NULL ? PGRES_FATAL_ERROR : PQresultStatus(answer);
        if (i == queued) {
            alive = status == PGRES_PIPELINE_SYNC;
        } else if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) {
            *known = i == queued - 1 && strcmp(PQcmdStatus(answer), "COMMIT") == 0;
        } else if (status != PGRES_PIPELINE_ABORTED && result == FXMON_DONE && !fenced) {
            const char *state = answer == NULL ? NULL : PQresultErrorField(answer, PG_DIAG_SQLSTATE);
            fenced = state != NULL && strcmp(state, DIVISION_BY_ZERO) == 0;
            /* an error of COMMIT itself that ends the connection says nothing about the commit */
            *known = state != NULL && !(i == queued - 1 && strncmp(state, "57P", 3) == 0);
            result = fenced ? FXMON_DONE : fxi_postgresql_fail(p, answer, "committing in", error);
            alive = p->connection != NULL;
        }
        PQclear(answer);
        if (alive && i < queued) {
            alive = fxi_postgresql_next(p, &end, &deadline);
            PQclear(end);
        }
    }
    if (!alive || p->connection == NULL || PQexitPipelineMode(p->connection) == 0) {
        if (p->connection != NULL && (*known || result != FXMON_DONE)) {
            fxi_postgresql_drop(p);
        } else if (result == FXMON_DONE) {
            result = fxi_postgresql_fail(p, NULL, "committing in", error);
        }
    }
    return fenced ? FXMON_FENCED : *known && result == FXMON_DONE ? FXMON_DONE : result;
}

static void remember_prepared(fxi_postgresql *p, bool save, bool newest, bool states, bool lasts)
{
    p->prepared[save ? FXI_PG_ADVANCE_SAVE : FXI_PG_ADVANCE] = true;
    p->prepared[FXI_PG_LATEST_PUT] |= newest;
    p->prepared[FXI_PG_STATE_PUT] |= states;
    p->prepared[FXI_PG_LAST_PUT] |= lasts;
}

static fxmon_result resolve_commit(fxi_postgresql *p, const fxmon_progress *before, int64_t next_offset, fxmon_result failed, fxmon_error *error)
{
    bool resolved;
    fxmon_error answer;
    fxi_postgresql_drop(p);
    reset_transaction(p);
    keep_doubt(p, before, next_offset);
    if (p->doubt.lane == NULL) {
        return failed;
    }
    fxmon_result result = ask_place(p, &p->doubt, &resolved, &answer);
    if (!resolved) {
        return failed; /* the doubt stays; the error of the commit says why */
    }
    forget_doubt(&p->doubt);
    if (result != FXMON_DONE && error != NULL) {
        *error = answer;
    }
    return result;
}

static fxmon_result may_commit(fxi_postgresql *p, const fxmon_progress *before, fxmon_error *error)
{
    if (!p->open) {
        fxi_fail(error, FXMON_E_STATE, NULL, "committing in %s: there is no open transaction", p->name);
        return FXMON_FATAL;
    }
    if (p->has_data && strcmp(before->stream, p->stream_name) != 0) {
        fxi_fail(error, FXMON_E_STATE, NULL, "%s: rows of %s were put, but %s is committed", p->name, p->stream_name, before->stream);
        return FXMON_FATAL;
    }
    if (p->lost || p->connection == NULL) {
        fxi_fail(error, FXMON_E_NETWORK, NULL, "committing in %s: the connection was lost in the middle of the transaction", p->name);
        return FXMON_RETRY;
    }
    return FXMON_DONE;
}

fxmon_result fxi_postgresql_commit(void *state, const fxmon_progress *before, int64_t next_offset, fxmon_error *error)
{
    fxi_postgresql *p = state;
    int queued = 0;
    bool committing = false, known = true;
    fxmon_result result = may_commit(p, before, error);
    if (result != FXMON_DONE) {
        fxi_postgresql_rollback(p);
        return result;
    }
    bool save = before->checkpoint != NULL, newest = p->touched_count > 0, states = p->pending.states > 0, lasts = p->pending.lasts > 0;
    FXI_CRASH("postgresql.commit");
    result = queue_commit(p, before, next_offset, &queued, &committing, error);
    FXI_CRASH("postgresql.sent");
    if (result == FXMON_DONE) {
        result = take_commit(p, queued, &known, error);
        FXI_CRASH("postgresql.committed");
    } else if (p->connection != NULL) {
        fxi_postgresql_drop(p); /* half a pipeline */
    }
    if (committing && !known) {
        return resolve_commit(p, before, next_offset, result == FXMON_DONE ? FXMON_RETRY : result, error);
    }
    if (result == FXMON_DONE) {
        remember_prepared(p, save, newest, states, lasts);
        reset_transaction(p);
        return FXMON_DONE;
    }
    if (p->connection != NULL) { /* some of what the pipeline prepared is there, some is not */
        fxmon_error ignored;
        p->begun = false;
        memset(p->prepared, 0, sizeof(p->prepared));
        if (fxi_postgresql_command(p, "ROLLBACK;DEALLOCATE ALL", FXI_POSTGRESQL_CALL, "rolling back in", &ignored) != FXMON_DONE) {
            fxi_postgresql_drop(p);
        }
    }
    reset_transaction(p);
    if (result == FXMON_FENCED) {
        fxi_fail(error, FXMON_E_FENCED, NULL, "%s: another process has taken over lane %s of %s", p->name, before->lane, before->stream);
    }
    return result;
}
