/*
 * store/postgresql_query.c - questions. Answers are whole before the first row is handed over, so that whoever takes the rows may ask the store again; only
 * a long history is handed over row by row while it comes.
 */
#include "store/postgresql.h"

#include "base/error.h"
#include "base/mem.h"

#define WHOLE_HISTORY 10000 /* rows of an answer that is kept whole */
#define DRAIN_MAXIMUM 10000 /* rows read in vain after the taker has had enough; then the connection is closed */

/* Columns in the order of STORED_RATE. */
static void read_rate(const PGresult *a, int row, fxmon_stored_rate *out)
{
    memset(out, 0, sizeof(*out));
    fxi_postgresql_text_into(a, row, 0, out->pair.text, sizeof(out->pair.text));
    out->time = fxi_postgresql_time_ns(fxi_postgresql_integer(a, row, 1), (int)fxi_postgresql_integer(a, row, 2));
    if (PQgetisnull(a, row, 3) == 0) {
        out->ingested = fxi_postgresql_time_ns(fxi_postgresql_integer(a, row, 3), (int)fxi_postgresql_integer(a, row, 4));
    }
    fxi_postgresql_number(a, row, 5, &out->rate); /* a cross with more digits than a decimal holds is rounded */
    fxi_postgresql_number(a, row, 6, &out->bid);
    fxi_postgresql_number(a, row, 7, &out->ask);
    out->volatility = fxi_postgresql_double(a, row, 8);
    fxi_postgresql_text_into(a, row, 9, out->source, sizeof(out->source));
    out->partition = (int32_t)fxi_postgresql_integer(a, row, 10);
    out->offset = fxi_postgresql_integer(a, row, 11);
}

static bool give_rates(const PGresult *answer, fxmon_rate_fn fn, void *user)
{
    for (int row = 0; row < PQntuples(answer); row++) {
        fxmon_stored_rate rate;
        read_rate(answer, row, &rate);
        if (!fn(user, &rate)) {
            return false;
        }
    }
    return true;
}

static const char what[] = "reading rates from";

static fxmon_result whole_answer(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *q, fxmon_rate_fn fn, void *user,
                                 fxmon_error *error)
{
    PGresult *answer;
    fxmon_result result = fxi_postgresql_ask(p, which, q, FXI_POSTGRESQL_LONG, what, &answer, error);
    if (result == FXMON_DONE) {
        give_rates(answer, fn, user);
        PQclear(answer);
    }
    return result;
}

/* Row by row. The taker must not ask the store meanwhile. */
static fxmon_result long_answer(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *q, fxmon_rate_fn fn, void *user,
                                fxmon_error *error)
{
    fxmon_result result = fxi_postgresql_connect(p, error);
    if (result != FXMON_DONE) {
        return result;
    }
    int64_t deadline = fxi_postgresql_deadline(p, FXI_POSTGRESQL_LONG);
    bool wanted = true, alive = PQsendQueryParams(p->connection, fxi_postgresql_text[which], q->count, NULL, q->value, q->length, q->format, 1) != 0 &&
                                PQsetSingleRowMode(p->connection) != 0 && fxi_postgresql_flush(p, &deadline);
    PGresult *answer = NULL;
    int in_vain = 0;
    while (alive && (alive = fxi_postgresql_next(p, &answer, &deadline)) && answer != NULL) {
        ExecStatusType status = PQresultStatus(answer);
        if (status != PGRES_SINGLE_TUPLE && status != PGRES_TUPLES_OK && result == FXMON_DONE) {
            result = fxi_postgresql_fail(p, answer, what, error);
        }
        wanted = wanted && result == FXMON_DONE && give_rates(answer, fn, user);
        PQclear(answer);
        if (p->connection == NULL || (!wanted && ++in_vain > DRAIN_MAXIMUM)) {
            fxi_postgresql_drop(p);
            return result;
        }
        deadline = fxi_postgresql_deadline(p, FXI_POSTGRESQL_LONG); /* for each row: the taker may be slow */
    }
    return alive ? result : fxi_postgresql_fail(p, NULL, what, error);
}

fxmon_result fxi_postgresql_latest(void *state, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    return whole_answer(state, FXI_PG_LATEST_EACH, NULL, fn, user, error);
}

fxmon_result fxi_postgresql_history(void *state, const fxmon_history_query *query, fxmon_rate_fn fn, void *user, fxmon_error *error)
{
    fxi_postgresql *p = state;
    fxi_postgresql_parameters q = {.count = 0};
    enum fxi_postgresql_statement which = query->source == NULL ? (query->ascending ? FXI_PG_HISTORY_UP : FXI_PG_HISTORY_DOWN)
                                                                : (query->ascending ? FXI_PG_HISTORY_SOURCE_UP : FXI_PG_HISTORY_SOURCE_DOWN);
    fxi_postgresql_add_text(&q, query->pair.text);
    fxi_postgresql_add_time(&q, query->from);
    fxi_postgresql_add_integer(&q, fxi_postgresql_time_of(query->from).nanoseconds);
    fxi_postgresql_add_time(&q, query->to);
    fxi_postgresql_add_integer(&q, fxi_postgresql_time_of(query->to).nanoseconds);
    fxi_postgresql_add_integer(&q, query->limit < 0 ? INT64_MAX : query->limit);
    fxi_postgresql_add_integer(&q, query->offset < 0 ? 0 : query->offset);
    if (query->source != NULL) {
        fxi_postgresql_add_text(&q, query->source);
    }
    bool whole = p->open || (query->limit >= 0 && query->limit <= WHOLE_HISTORY);
    return whole ? whole_answer(p, which, &q, fn, user, error) : long_answer(p, which, &q, fn, user, error);
}

/* A text of the answer with the NUL that libpq puts behind every value. */
static const char *text_at(const PGresult *answer, int row, int column)
{
    return PQgetvalue(answer, row, column);
}

fxmon_result fxi_postgresql_dead_each(void *state, int64_t limit, int64_t offset, fxmon_dead_fn fn, void *user, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer;
    fxi_postgresql_add_integer(&q, limit);
    fxi_postgresql_add_integer(&q, offset);
    fxmon_result result = fxi_postgresql_ask(state, FXI_PG_DEAD_EACH, &q, FXI_POSTGRESQL_LONG, "reading dead letters from", &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    for (int row = 0; row < PQntuples(answer); row++) {
        fxmon_dead_letter letter = {.lane = text_at(answer, row, 1),
                                    .stream = text_at(answer, row, 2),
                                    .partition = (int32_t)fxi_postgresql_integer(answer, row, 3),
                                    .offset = fxi_postgresql_integer(answer, row, 4),
                                    .data = PQgetvalue(answer, row, 5),
                                    .length = (size_t)PQgetlength(answer, row, 5),
                                    .reason = text_at(answer, row, 6),
                                    .text = text_at(answer, row, 7),
                                    .first_seen = fxi_postgresql_integer(answer, row, 8),
                                    .resolved = fxi_postgresql_integer(answer, row, 9)};
        if (!fn(user, &letter, fxi_postgresql_integer(answer, row, 0))) {
            break;
        }
    }
    PQclear(answer);
    return FXMON_DONE;
}

fxmon_result fxi_postgresql_dead_resolve(void *state, int64_t id, int64_t time, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer;
    fxi_postgresql_add_integer(&q, id);
    fxi_postgresql_add_integer(&q, time);
    fxmon_result result = fxi_postgresql_ask(state, FXI_PG_DEAD_RESOLVE, &q, FXI_POSTGRESQL_CALL, "resolving a dead letter in", &answer, error);
    if (result != FXMON_DONE) {
        return result;
    }
    if (strcmp(PQcmdTuples(answer), "0") == 0) {
        fxi_fail(error, FXMON_E_NOT_FOUND, "id", "there is no dead letter %lld", (long long)id);
        result = FXMON_REFUSED;
    }
    PQclear(answer);
    return result;
}

fxmon_result fxi_postgresql_ping(void *state, fxmon_error *error)
{
    return fxi_postgresql_ask(state, FXI_PG_PING, NULL, FXI_POSTGRESQL_CALL, "asking", NULL, error);
}
