/*
 * store/postgresql_ask.c - talking over the connection.
 *
 * The connection does not block: every wait is ours, has an end, and gets short when the host wants to stop. A call that came too late leaves a
 * connection on which an answer is still to come; such a connection is closed, and the next call outside a transaction makes a new one. Nothing a user
 * wrote ever becomes SQL text: statements are constants, values are parameters.
 */
#include "store/postgresql.h"

#include "base/error.h"
#include "base/utf8.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>

#define WAIT_SLICE 100 /* ms between two looks at whether the host wants to stop */
#define FAIL_TEXT 160  /* bytes of the server's words in an error */

/* ---- errors -------------------------------------------------------------------------------------------------- */

fxmon_result fxi_postgresql_no_memory(fxmon_error *error)
{
    fxi_fail(error, FXMON_E_NOMEM, NULL, "out of memory");
    return FXMON_FATAL;
}

/* The first row whose letters begin the SQLSTATE. */
static const struct failure {
    const char *state;
    int code;
    fxmon_result result;
} failures[] = {
    {"08", FXMON_E_NETWORK, FXMON_RETRY},   {"57P", FXMON_E_NETWORK, FXMON_RETRY},  {"57014", FXMON_E_TIMEOUT, FXMON_RETRY},
    {"57", FXMON_E_BUSY, FXMON_RETRY},      {"53100", FXMON_E_DISK_FULL, FXMON_RETRY}, {"53", FXMON_E_BUSY, FXMON_RETRY},
    {"40", FXMON_E_BUSY, FXMON_RETRY},      {"55P03", FXMON_E_BUSY, FXMON_RETRY},   {"55006", FXMON_E_BUSY, FXMON_RETRY},
    {"25006", FXMON_E_BUSY, FXMON_RETRY},   {"25P", FXMON_E_TIMEOUT, FXMON_RETRY},  {"58", FXMON_E_IO, FXMON_RETRY},
    {"XX001", FXMON_E_CORRUPT, FXMON_FATAL}, {"XX002", FXMON_E_CORRUPT, FXMON_FATAL}, {"XX", FXMON_E_IO, FXMON_RETRY},
    {"23505", FXMON_E_DUPLICATE, FXMON_FATAL}, {"22", FXMON_E_RANGE, FXMON_REFUSED}, {"23", FXMON_E_RANGE, FXMON_REFUSED},
    {"54", FXMON_E_TOO_LARGE, FXMON_REFUSED}, {"28", FXMON_E_CREDENTIALS, FXMON_FATAL}, {"3D", FXMON_E_CONFIG, FXMON_FATAL},
    {"42501", FXMON_E_CREDENTIALS, FXMON_FATAL}, {"42P01", FXMON_E_CONFIG, FXMON_FATAL}, {"0A", FXMON_E_UNSUPPORTED, FXMON_FATAL},
};

/* `state` "": the connection's own trouble. */
fxmon_result fxi_postgresql_failed_text(fxi_postgresql *p, const char *state, const char *text, const char *what, fxmon_error *error)
{
    char words[FAIL_TEXT + 1];
    size_t length = strnlen(text, FAIL_TEXT);
    int code = state[0] == '\0' ? FXMON_E_NETWORK : FXMON_E_STATE;
    fxmon_result result = state[0] == '\0' ? FXMON_RETRY : FXMON_FATAL;
    for (size_t i = 0; state[0] != '\0' && i < sizeof(failures) / sizeof(failures[0]); i++) {
        if (strncmp(state, failures[i].state, strlen(failures[i].state)) == 0) {
            code = failures[i].code;
            result = failures[i].result;
            break;
        }
    }
    memcpy(words, text, length);
    words[length] = '\0';
    for (char *c = words; *c != '\0'; c++) {
        *c = *c == '\n' || *c == '\t' ? ' ' : *c;
    }
    fxi_utf8_tidy(words);
    fxi_fail(error, code, NULL, "%s %s: %s%s%s%s", what, p->name, words, state[0] == '\0' ? "" : " (SQLSTATE ", state, state[0] == '\0' ? "" : ")");
    return result;
}

fxmon_result fxi_postgresql_fail(fxi_postgresql *p, const PGresult *answer, const char *what, fxmon_error *error)
{
    const char *state = answer == NULL ? NULL : PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    const char *text = answer == NULL ? NULL : PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
    bool stopping = p->env->stopping != NULL && p->env->stopping(p->env->user);
    if (state != NULL) {
        fxmon_result result = fxi_postgresql_failed_text(p, state, text == NULL ? "" : text, what, error);
        p->blocked = p->blocked || strcmp(state, "55P03") == 0;
        if (strncmp(state, "57P", 3) == 0 || strncmp(state, "08", 2) == 0 || strcmp(state, "25P03") == 0 || strcmp(state, "25006") == 0) {
            fxi_postgresql_drop(p); /* the server closes it, or it leads to a server that may only be read */
        }
        return result;
    }
    if (p->connection != NULL && PQstatus(p->connection) == CONNECTION_OK) {
        fxi_fail(error, stopping ? FXMON_E_STOPPED : FXMON_E_TIMEOUT, NULL, "%s %s: no answer in time", what, p->name);
    } else {
        const char *own = p->connection == NULL ? "" : PQerrorMessage(p->connection);
        fxi_postgresql_failed_text(p, "", own[0] == '\0' ? "the connection was lost" : own, what, error);
    }
    fxi_postgresql_drop(p);
    return FXMON_RETRY;
}

/* ---- waiting --------------------------------------------------------------------------------------------------- */

int64_t fxi_postgresql_now(const fxi_postgresql *p)
{
    return p->env->monotonic(p->env->user);
}

int64_t fxi_postgresql_deadline(const fxi_postgresql *p, int64_t limit)
{
    return fxi_postgresql_now(p) + limit;
}

int fxi_postgresql_wait(const fxi_postgresql *p, int events, int64_t *deadline)
{
    for (;;) {
        struct pollfd one = {.fd = PQsocket(p->connection), .events = (short)events};
        int64_t now = fxi_postgresql_now(p);
        if (p->env->stopping != NULL && p->env->stopping(p->env->user) && *deadline > now + FXI_POSTGRESQL_FAREWELL) {
            *deadline = now + FXI_POSTGRESQL_FAREWELL;
        }
        if (one.fd < 0) {
            return 0;
        }
        int64_t left = (*deadline - now) / (FXMON_SECOND / 1000) + 1;
        int ready = poll(&one, 1, now >= *deadline ? 0 : left < WAIT_SLICE ? (int)left : WAIT_SLICE);
        if (ready > 0) {
            return one.revents;
        }
        if ((ready == 0 && now >= *deadline) || (ready < 0 && errno != EINTR)) {
            return 0;
        }
    }
}

bool fxi_postgresql_flush(fxi_postgresql *p, int64_t *deadline)
{
    int left;
    while ((left = PQflush(p->connection)) == 1) {
        int ready = fxi_postgresql_wait(p, POLLIN | POLLOUT, deadline);
        /* what the server says meanwhile must be taken, or both sides wait for the other */
        if (ready == 0 || ((ready & POLLIN) != 0 && PQconsumeInput(p->connection) == 0)) {
            return false;
        }
    }
    return left == 0;
}

bool fxi_postgresql_next(fxi_postgresql *p, PGresult **answer, int64_t *deadline)
{
    *answer = NULL;
    while (PQisBusy(p->connection) != 0) {
        if (fxi_postgresql_wait(p, POLLIN, deadline) == 0 || PQconsumeInput(p->connection) == 0) {
            return false;
        }
    }
    *answer = PQgetResult(p->connection);
    return true;
}

/* ---- statements -------------------------------------------------------------------------------------------------- */

static bool is_fine(const PGresult *answer)
{
    ExecStatusType status = PQresultStatus(answer);
    return status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK || status == PGRES_COPY_IN;
}

/* Answers up to the end of what was sent. The last good one is handed out. */
static fxmon_result take_answers(fxi_postgresql *p, int64_t limit, const char *what, PGresult **out, fxmon_error *error)
{
    int64_t deadline = fxi_postgresql_deadline(p, limit);
    fxmon_result result = FXMON_DONE;
    PGresult *answer = NULL, *kept = NULL;
    bool alive = fxi_postgresql_flush(p, &deadline);
    while (alive && (alive = fxi_postgresql_next(p, &answer, &deadline)) && answer != NULL) {
        if (result == FXMON_DONE && !is_fine(answer)) {
            result = fxi_postgresql_fail(p, answer, what, error);
        }
        if (p->connection == NULL || result != FXMON_DONE) {
            PQclear(answer);
        } else {
            PQclear(kept);
            kept = answer;
        }
        alive = p->connection != NULL;
    }
    if (!alive && result == FXMON_DONE) {
        result = fxi_postgresql_fail(p, NULL, what, error);
    }
    if (out != NULL && result == FXMON_DONE) {
        *out = kept;
    } else {
        PQclear(kept);
    }
    return result;
}

fxmon_result fxi_postgresql_command(fxi_postgresql *p, const char *sql, int64_t limit, const char *what, fxmon_error *error)
{
    if (PQsendQuery(p->connection, sql) == 0) {
        return fxi_postgresql_fail(p, NULL, what, error);
    }
    return take_answers(p, limit, what, NULL, error);
}

static void name_of(enum fxi_postgresql_statement which, char name[8])
{
    snprintf(name, 8, "fx%d", (int)which);
}

static int send_statement(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *q)
{
    static const fxi_postgresql_parameters none = {.count = 0};
    char name[8];
    q = q == NULL ? &none : q;
    if (which >= FXI_PG_UNPREPARED) {
        return PQsendQueryParams(p->connection, fxi_postgresql_text[which], q->count, NULL, q->value, q->length, q->format, 1);
    }
    name_of(which, name);
    return PQsendQueryPrepared(p->connection, name, q->count, q->value, q->length, q->format, 1);
}

static int send_prepare(fxi_postgresql *p, enum fxi_postgresql_statement which)
{
    char name[8];
    name_of(which, name);
    return PQsendPrepare(p->connection, name, fxi_postgresql_text[which], 0, NULL);
}

/* A connection for a call: the one of the open transaction, or any. */
static fxmon_result ready(fxi_postgresql *p, const char *what, fxmon_error *error)
{
    if (p->open && p->lost) {
        fxi_fail(error, FXMON_E_NETWORK, NULL, "%s %s: the connection was lost in the middle of the transaction", what, p->name);
        return FXMON_RETRY;
    }
    return p->open ? fxi_postgresql_start(p, what, error) : fxi_postgresql_connect(p, error);
}

fxmon_result fxi_postgresql_start(fxi_postgresql *p, const char *what, fxmon_error *error)
{
    if (p->begun) {
        return FXMON_DONE;
    }
    fxmon_result result = fxi_postgresql_command(p, "BEGIN", FXI_POSTGRESQL_CALL, what, error);
    p->begun = result == FXMON_DONE;
    return result;
}

fxmon_result fxi_postgresql_ask(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *q, int64_t limit,
                                const char *what, PGresult **answer, fxmon_error *error)
{
    fxmon_result result = ready(p, what, error);
    if (answer != NULL) {
        *answer = NULL;
    }
    if (result == FXMON_DONE && which < FXI_PG_UNPREPARED && !p->prepared[which]) {
        result = send_prepare(p, which) == 0 ? fxi_postgresql_fail(p, NULL, what, error) : take_answers(p, limit, what, NULL, error);
        if (result == FXMON_DONE) {
            p->prepared[which] = true;
        }
    }
    if (result != FXMON_DONE) {
        return result;
    }
    if (send_statement(p, which, q) == 0) {
        return fxi_postgresql_fail(p, NULL, what, error);
    }
    return take_answers(p, limit, what, answer, error);
}

bool fxi_postgresql_queue(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *q, bool *prepares)
{
    *prepares = which < FXI_PG_UNPREPARED && !p->prepared[which];
    return (!*prepares || send_prepare(p, which) != 0) && send_statement(p, which, q) != 0;
}

/* ---- parameters ----------------------------------------------------------------------------------------------------- */

static void add(fxi_postgresql_parameters *to, const char *value, size_t length, int format)
{
    if (to->count < FXI_POSTGRESQL_PARAMETERS) {
        to->value[to->count] = value;
        to->length[to->count] = (int)length;
        to->format[to->count++] = format;
    }
}

void fxi_postgresql_add_text(fxi_postgresql_parameters *to, const char *text)
{
    add(to, text, 0, 0);
}

void fxi_postgresql_add_blob(fxi_postgresql_parameters *to, const void *data, size_t length)
{
    add(to, length == 0 ? "" : data, length, 1);
}

void fxi_postgresql_add_integer(fxi_postgresql_parameters *to, int64_t value)
{
    char *number = to->number[to->count % FXI_POSTGRESQL_PARAMETERS];
    fxi_postgresql_store64(number, (uint64_t)value);
    add(to, number, 8, 1);
}

void fxi_postgresql_add_time(fxi_postgresql_parameters *to, int64_t ns)
{
    fxi_postgresql_add_integer(to, fxi_postgresql_time_of(ns).microseconds);
}

void fxi_postgresql_add_double(fxi_postgresql_parameters *to, double value)
{
    int64_t bits;
    if (isnan(value)) {
        add(to, NULL, 0, 1);
        return;
    }
    memcpy(&bits, &value, sizeof(bits));
    fxi_postgresql_add_integer(to, bits);
}

void fxi_postgresql_add_decimal(fxi_postgresql_parameters *to, fxmon_decimal value)
{
    char *number = to->number[to->count % FXI_POSTGRESQL_PARAMETERS];
    if (value.mantissa == 0) {
        add(to, NULL, 0, 1);
        return;
    }
    add(to, number, fxi_postgresql_numeric(value, number), 1);
}

void fxi_postgresql_add_array(fxi_postgresql_parameters *to, const fxi_postgresql_array *array)
{
    add(to, array->bytes.data, array->bytes.length, 1);
}

/* ---- answers: all binary ------------------------------------------------------------------------------------------------ */

int64_t fxi_postgresql_integer(const PGresult *answer, int row, int column)
{
    return (int64_t)fxi_postgresql_load(PQgetvalue(answer, row, column), (size_t)PQgetlength(answer, row, column));
}

double fxi_postgresql_double(const PGresult *answer, int row, int column)
{
    double value = NAN;
    int64_t bits = fxi_postgresql_integer(answer, row, column);
    if (PQgetisnull(answer, row, column) == 0) {
        memcpy(&value, &bits, sizeof(value));
    }
    return value;
}

bool fxi_postgresql_number(const PGresult *answer, int row, int column, fxmon_decimal *out)
{
    *out = (fxmon_decimal){0, 0};
    return PQgetisnull(answer, row, column) != 0 || fxi_postgresql_decimal(PQgetvalue(answer, row, column), (size_t)PQgetlength(answer, row, column), out);
}

void fxi_postgresql_text_into(const PGresult *answer, int row, int column, char *out, size_t size)
{
    size_t length = (size_t)PQgetlength(answer, row, column);
    length = length < size ? length : size - 1;
    memset(out, 0, size);
    memcpy(out, PQgetvalue(answer, row, column), length);
}
