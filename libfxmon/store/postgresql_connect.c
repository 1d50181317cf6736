/*
 * store/postgresql_connect.c - making the connection.
 *
 * The URL goes to libpq as it is, so everything that libpq knows works: several hosts, sslmode, service files, PGPASSWORD and .pgpass. Connecting is done
 * step by step with an own time limit, because libpq's connect_timeout does not hold there. From a list of hosts the next one is tried first after each
 * attempt that failed, so that a host that swallows packets does not hide the others.
 *
 * A session has time limits of its own at the server: a process that was stopped in the middle of a transaction holds row locks that its
 * successor waits for, and neither our clock nor TCP would ever end that. Prepared statements and session locks need a session, so a pooler in
 * between must not hand out connections by transaction.
 */
#include "store/postgresql.h"

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/value.h"

#include <poll.h>

#define OPTIONS_MAXIMUM 64
#define FAREWELLS 4 /* reads of what an idle connection has to say */
#define OLDEST_SERVER 140000

static const char session_writer[] =
    "SET idle_in_transaction_session_timeout='10s';SET lock_timeout='5s';SET statement_timeout='30s';"
    "SET default_transaction_read_only=off;";
static const char session_reader[] =
    "SET idle_in_transaction_session_timeout='10s';SET lock_timeout='2s';SET statement_timeout='2s';"
    "SET default_transaction_read_only=on;";
static const char session_common[] =
    "SET tcp_keepalives_idle=10;SET tcp_keepalives_interval=5;SET tcp_keepalives_count=3;SET tcp_user_timeout='15s';"
    "SET client_connection_check_interval='5s';SET TimeZone='UTC';SET default_transaction_isolation='read committed';SET client_min_messages='warning'";

void fxi_postgresql_drop(fxi_postgresql *p)
{
    if (p->connection != NULL) {
        PQfinish(p->connection);
        p->connection = NULL;
    }
    memset(p->prepared, 0, sizeof(p->prepared));
    fxi_map_free(p->outboxes);
    p->outboxes = NULL;
    p->lost = p->open;
    p->begun = false;
}

static void log_notice(void *user, const PGresult *notice)
{
    const fxi_postgresql *p = user;
    const char *text = PQresultErrorField(notice, PG_DIAG_MESSAGE_PRIMARY);
    fxi_log(p->env, FXMON_LOG_DEBUG, "postgresql", "%.300s", text == NULL ? "" : text);
}

/* "a,b,c" begins with its nth entry; the others follow. In place, over a copy. */
static bool turn_list(char *list, unsigned turn)
{
    size_t count = 1, length = strlen(list);
    for (const char *c = list; *c != '\0'; c++) {
        count += *c == ',';
    }
    if (count == 1 || turn % count == 0) {
        return true;
    }
    char *copy = fxi_strdup(list);
    if (copy == NULL) {
        return false;
    }
    char *second = copy;
    for (size_t i = 0; i < turn % count; i++) {
        second = strchr(second, ',') + 1;
    }
    size_t head = (size_t)(second - copy);
    memcpy(list, second, length - head);
    list[length - head] = ',';
    memcpy(list + length - head + 1, copy, head - 1);
    fxi_free(copy);
    return true;
}

typedef struct settings {
    const char *name[OPTIONS_MAXIMUM + 1], *value[OPTIONS_MAXIMUM + 1];
    size_t count;
    int64_t limit;
} settings;

static void set(settings *s, const char *name, const char *value)
{
    for (size_t i = 0; i < s->count; i++) {
        if (strcmp(s->name[i], name) == 0) {
            return; /* the URL has it */
        }
    }
    if (s->count < OPTIONS_MAXIMUM) {
        s->name[s->count] = name;
        s->value[s->count++] = value;
    }
}

static fxmon_result read_settings(fxi_postgresql *p, PQconninfoOption *parsed, settings *s, fxmon_error *error)
{
    s->limit = FXI_POSTGRESQL_CONNECT;
    set(s, "client_encoding", "UTF8");
    for (PQconninfoOption *o = parsed; o->keyword != NULL; o++) {
        if (o->val == NULL || o->val[0] == '\0') {
            continue;
        }
        bool list = strcmp(o->keyword, "host") == 0 || strcmp(o->keyword, "hostaddr") == 0 || strcmp(o->keyword, "port") == 0;
        if (list && !turn_list(o->val, p->connections)) {
            return fxi_postgresql_no_memory(error);
        }
        int64_t seconds;
        if (strcmp(o->keyword, "connect_timeout") == 0 && fxi_integer_parse(o->val, strlen(o->val), &seconds) == FXMON_OK && seconds > 0 && seconds < 60) {
            s->limit = seconds * FXMON_SECOND;
        }
        set(s, o->keyword, o->val);
    }
    set(s, "fallback_application_name", "fxmon");
    set(s, "keepalives_idle", "10");
    set(s, "keepalives_interval", "5");
    set(s, "keepalives_count", "3");
    set(s, "tcp_user_timeout", "15000");
    return FXMON_DONE;
}

/* The server's answer to a connection has no fields yet; in the verbose text the SQLSTATE stands as ":  28P01: ". */
static fxmon_result connecting_failed(fxi_postgresql *p, fxmon_error *error)
{
    char state[6] = "", text[400];
    const char *all = PQerrorMessage(p->connection), *line = all;
    for (const char *c = strstr(all, ":  "); c != NULL; c = strstr(c + 1, ":  ")) {
        if (strspn(c + 3, "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 5 && c[8] == ':') {
            memcpy(state, c + 3, 5);
            line = c + 10;
        }
    }
    size_t length = strcspn(line, "\n");
    length = length < sizeof(text) ? length : sizeof(text) - 1;
    memcpy(text, line, length);
    text[length] = '\0';
    fxmon_result result = fxi_postgresql_failed_text(p, state, text, "cannot connect to", error);
    if (state[0] == '\0' && strncmp(text, "invalid ", 8) == 0) { /* a port, an sslmode: libpq has not tried anything */
        result = FXMON_FATAL;
        if (error != NULL) {
            error->code = FXMON_E_CONFIG;
        }
    }
    fxi_postgresql_drop(p);
    return result;
}

static fxmon_result wait_for_server(fxi_postgresql *p, int64_t limit, fxmon_error *error)
{
    int64_t deadline = fxi_postgresql_deadline(p, limit);
    PostgresPollingStatusType next = PGRES_POLLING_WRITING;
    while (next != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED || PQstatus(p->connection) == CONNECTION_BAD) {
            return connecting_failed(p, error);
        }
        if (fxi_postgresql_wait(p, next == PGRES_POLLING_READING ? POLLIN : POLLOUT, &deadline) == 0) {
            fxi_fail(error, FXMON_E_TIMEOUT, NULL, "cannot connect to %s: no answer in time", p->name);
            fxi_postgresql_drop(p);
            return FXMON_RETRY;
        }
        next = PQconnectPoll(p->connection);
    }
    return FXMON_DONE;
}

/* The connection is not used for anything before it is known what it leads to. */
static fxmon_result check_server(fxi_postgresql *p, fxmon_error *error)
{
    const char *encoding = PQparameterStatus(p->connection, "server_encoding");
    if (PQserverVersion(p->connection) < OLDEST_SERVER) {
        fxi_fail(error, FXMON_E_CONFIG, NULL, "%s runs PostgreSQL %d: 14 or newer is needed", p->name, PQserverVersion(p->connection) / 10000);
    } else if (encoding == NULL || strcmp(encoding, "UTF8") != 0) {
        fxi_fail(error, FXMON_E_CONFIG, NULL, "the database of %s has the encoding %.40s: UTF8 is needed", p->name, encoding == NULL ? "(none)" : encoding);
    } else {
        return FXMON_DONE;
    }
    return FXMON_FATAL;
}

static fxmon_result begin_session(fxi_postgresql *p, fxmon_error *error)
{
    fxmon_result result = check_server(p, error);
    if (result == FXMON_DONE) {
        result = fxi_postgresql_command(p, p->read_only ? session_reader : session_writer, FXI_POSTGRESQL_CALL, "setting up the session with", error);
    }
    if (result == FXMON_DONE) {
        result = fxi_postgresql_command(p, session_common, FXI_POSTGRESQL_CALL, "setting up the session with", error);
    }
    return result;
}

static fxmon_result start_connecting(fxi_postgresql *p, int64_t *limit, fxmon_error *error)
{
    settings s = {.count = 0};
    char *problem = NULL;
    PQconninfoOption *parsed = PQconninfoParse(p->url, &problem);
    if (parsed == NULL) {
        /* libpq quotes the whole URL in some of these texts, password and all */
        bool quotes = problem == NULL || strstr(problem, "//") != NULL;
        fxi_fail(error, FXMON_E_SYNTAX, "url", "%s is not understood%s%.100s: expected postgresql://USER@HOST:PORT/DATABASE?NAME=VALUE", p->name,
                 quotes ? "" : ": ", quotes ? "" : problem);
        PQfreemem(problem);
        return FXMON_FATAL;
    }
    fxmon_result result = read_settings(p, parsed, &s, error);
    if (result == FXMON_DONE) {
        p->connection = PQconnectStartParams(s.name, s.value, 0);
        result = p->connection == NULL ? fxi_postgresql_no_memory(error) : FXMON_DONE;
    }
    *limit = s.limit;
    PQconninfoFree(parsed);
    return result;
}

/* A server that went away meanwhile has closed the socket: then it can be read. */
static bool is_alive(const fxi_postgresql *p)
{
    if (p->connection == NULL || PQstatus(p->connection) != CONNECTION_OK) {
        return false;
    }
    struct pollfd one = {.fd = PQsocket(p->connection), .events = POLLIN};
    for (int i = 0; i < FAREWELLS && poll(&one, 1, 0) > 0; i++) { /* its last words first, then the end */
        if (PQconsumeInput(p->connection) == 0 || PQstatus(p->connection) != CONNECTION_OK) {
            return false;
        }
    }
    return true;
}

fxmon_result fxi_postgresql_connect(fxi_postgresql *p, fxmon_error *error)
{
    int64_t limit = 0;
    if (is_alive(p)) {
        return FXMON_DONE;
    }
    fxi_postgresql_drop(p);
    p->outboxes = fxi_map_new(sizeof(uint64_t));
    fxmon_result result = p->outboxes == NULL ? fxi_postgresql_no_memory(error) : start_connecting(p, &limit, error);
    if (result != FXMON_DONE) {
        return result;
    }
    PQsetErrorVerbosity(p->connection, PQERRORS_VERBOSE);
    PQsetNoticeReceiver(p->connection, log_notice, p);
    result = wait_for_server(p, limit, error);
    if (result == FXMON_DONE && PQsetnonblocking(p->connection, 1) != 0) {
        result = fxi_postgresql_fail(p, NULL, "setting up the session with", error);
    }
    if (result == FXMON_DONE) {
        result = begin_session(p, error);
    }
    if (result != FXMON_DONE) {
        p->connections++;
        fxi_postgresql_drop(p);
    }
    return result;
}
