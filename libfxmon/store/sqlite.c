/*
 * store/sqlite.c - the store sqlite:FILE, its connection and its errors.
 *
 * One connection a handle, WAL, so that readers never wait and several programs use one file at once. Writers begin with BEGIN IMMEDIATE:
 * a transaction that has begun cannot fail for want of the lock half way. Whoever meets a writer waits at most FXI_SQLITE_WAIT, and less
 * when the host wants to stop. Nothing a user wrote ever becomes SQL text: all statements are constants.
 */
#include "store/sqlite.h"

#include "base/decimal.h"
#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#define BUSY_PAUSE_MAXIMUM 20 /* ms between two looks at a lock */
#define WAL_KEPT "67108864"   /* bytes of the -wal file that stay after a checkpoint */

/* ---- errors ------------------------------------------------------------------------------------------------ */

fxmon_result fxi_sqlite_no_memory(fxmon_error *error)
{
    fxi_fail(error, FXMON_E_NOMEM, NULL, "out of memory");
    return FXMON_FATAL;
}

static int code_of_io(fxi_sqlite *s)
{
    int number = sqlite3_system_errno(s->db);
    return number == ENOSPC || number == EDQUOT ? FXMON_E_DISK_FULL : number == ENOENT ? FXMON_E_NOT_FOUND : FXMON_E_IO;
}

fxmon_result fxi_sqlite_fail(fxi_sqlite *s, const char *what, fxmon_error *error)
{
    static const struct {
        int primary, code;
        fxmon_result result;
    } table[] = {
        {SQLITE_BUSY, FXMON_E_BUSY, FXMON_RETRY},         {SQLITE_LOCKED, FXMON_E_BUSY, FXMON_RETRY},
        {SQLITE_PROTOCOL, FXMON_E_BUSY, FXMON_RETRY},     {SQLITE_INTERRUPT, FXMON_E_STOPPED, FXMON_RETRY},
        {SQLITE_SCHEMA, FXMON_E_BUSY, FXMON_RETRY},       {SQLITE_FULL, FXMON_E_DISK_FULL, FXMON_RETRY},
        {SQLITE_NOMEM, FXMON_E_NOMEM, FXMON_FATAL},       {SQLITE_CORRUPT, FXMON_E_CORRUPT, FXMON_FATAL},
        {SQLITE_NOTADB, FXMON_E_CORRUPT, FXMON_FATAL},    {SQLITE_CONSTRAINT, FXMON_E_DUPLICATE, FXMON_FATAL},
        {SQLITE_TOOBIG, FXMON_E_TOO_LARGE, FXMON_REFUSED}, {SQLITE_READONLY, FXMON_E_STATE, FXMON_FATAL},
        {SQLITE_PERM, FXMON_E_IO, FXMON_FATAL},           {SQLITE_AUTH, FXMON_E_IO, FXMON_FATAL},
    };
    int extended = s->db == NULL ? SQLITE_NOMEM : sqlite3_extended_errcode(s->db);
    int primary = extended & 0xFF, code = FXMON_E_STATE;
    fxmon_result result = FXMON_FATAL;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        if (table[i].primary == primary) {
            code = table[i].code;
            result = table[i].result;
        }
    }
    if (extended == SQLITE_CONSTRAINT_CHECK || extended == SQLITE_CONSTRAINT_NOTNULL) {
        code = FXMON_E_RANGE;
        result = FXMON_REFUSED;
    } else if (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN) {
        code = extended == SQLITE_IOERR_NOMEM ? FXMON_E_NOMEM : code_of_io(s);
        result = FXMON_RETRY;
    }
    fxi_fail(error, code, NULL, "%s%s%s: %s", what, strcmp(what, "cannot open") == 0 ? " " : " in ", s->path, s->db == NULL ? "out of memory" : sqlite3_errmsg(s->db));
    return result;
}

/* ---- statements --------------------------------------------------------------------------------------------- */

sqlite3_stmt *fxi_sqlite_prepare(fxi_sqlite *s, enum fxi_sqlite_statement which, fxmon_result *result, fxmon_error *error)
{
    sqlite3_stmt **statement = &s->statements[which];
    if (*statement == NULL && sqlite3_prepare_v3(s->db, fxi_sqlite_text[which], -1, SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK) {
        *result = fxi_sqlite_fail(s, "preparing a statement", error);
        return NULL;
    }
    *result = FXMON_DONE;
    return *statement;
}

fxmon_result fxi_sqlite_run(fxi_sqlite *s, sqlite3_stmt *statement, const char *what, fxmon_error *error)
{
    int code = sqlite3_step(statement);
    fxmon_result result = code == SQLITE_DONE || code == SQLITE_ROW ? FXMON_DONE : fxi_sqlite_fail(s, what, error);
    sqlite3_reset(statement);
    return result;
}

bool fxi_sqlite_step(fxi_sqlite *s, sqlite3_stmt *statement, const char *what, fxmon_result *result, fxmon_error *error)
{
    int code = sqlite3_step(statement);
    if (code == SQLITE_ROW) {
        return true;
    }
    *result = code == SQLITE_DONE ? FXMON_DONE : fxi_sqlite_fail(s, what, error);
    sqlite3_reset(statement);
    return false;
}

void fxi_sqlite_bind_text(sqlite3_stmt *statement, int column, const char *text)
{
    if (text == NULL) {
        sqlite3_bind_null(statement, column);
    } else {
        sqlite3_bind_text(statement, column, text, -1, SQLITE_STATIC);
    }
}

void fxi_sqlite_bind_decimal(sqlite3_stmt *statement, int column, fxmon_decimal value)
{
    if (value.mantissa == 0) {
        sqlite3_bind_null(statement, column);
        sqlite3_bind_null(statement, column + 1);
    } else {
        sqlite3_bind_int64(statement, column, value.mantissa);
        sqlite3_bind_int(statement, column + 1, value.scale);
    }
}

void fxi_sqlite_bind_decimal_text(sqlite3_stmt *statement, int column, fxmon_decimal value)
{
    if (value.mantissa == 0) {
        sqlite3_bind_null(statement, column);
    } else {
        char text[FXMON_DECIMAL_TEXT];
        size_t length = fxmon_decimal_format(value, text);
        sqlite3_bind_text(statement, column, text, (int)length, SQLITE_TRANSIENT);
    }
}

fxmon_decimal fxi_sqlite_decimal(sqlite3_stmt *statement, int column)
{
    int scale = sqlite3_column_int(statement, column + 1);
    return (fxmon_decimal){sqlite3_column_int64(statement, column), scale < 0 || scale > 18 ? 0 : scale};
}

fxmon_decimal fxi_sqlite_decimal_text(sqlite3_stmt *statement, int column)
{
    fxmon_decimal value = {0, 0};
    int type = sqlite3_column_type(statement, column);
    if (type == SQLITE_FLOAT) {
        if (fxi_decimal_from_double(sqlite3_column_double(statement, column), &value) != FXMON_OK) {
            value = (fxmon_decimal){0, 0};
        }
    } else if (type != SQLITE_NULL) {
        const char *text = (const char *)sqlite3_column_text(statement, column);
        if (text == NULL || fxmon_decimal_parse(text, (size_t)sqlite3_column_bytes(statement, column), &value) != FXMON_OK) {
            value = (fxmon_decimal){0, 0};
        }
    }
    return value;
}

void fxi_sqlite_text_into(sqlite3_stmt *statement, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(statement, column);
    size_t length = text == NULL ? 0 : strnlen(text, size - 1);
    memset(out, 0, size);
    if (length > 0) {
        memcpy(out, text, length);
    }
}

/* ---- open and close ----------------------------------------------------------------------------------------- */

/* SQLite asks whether to look at the lock again; tries starts at 0 with each new wait. */
static int wait_for_lock(void *user, int tries)
{
    fxi_sqlite *s = user;
    int64_t now = s->env->monotonic(s->env->user);
    if (tries == 0) {
        s->waiting_since = now;
    }
    if (now - s->waiting_since >= FXI_SQLITE_WAIT || (s->env->stopping != NULL && s->env->stopping(s->env->user))) {
        return 0;
    }
    int pause = tries < BUSY_PAUSE_MAXIMUM ? tries + 1 : BUSY_PAUSE_MAXIMUM;
    struct timespec time = {0, pause * 1000000L};
    nanosleep(&time, NULL);
    return 1;
}

typedef struct url_check {
    bool read_only, must_exist;
    char unknown[64];
} url_check;

static bool check_parameter(void *user, const char *name, const char *value)
{
    url_check *check = user;
    if (strcmp(name, "mode") == 0 && strcmp(value, "ro") == 0) {
        check->read_only = true;
    } else if (strcmp(name, "mode") == 0 && strcmp(value, "rw") == 0) {
        check->must_exist = true;
    } else if (strcmp(name, "mode") != 0 || strcmp(value, "rwc") != 0) {
        size_t length = strnlen(name, sizeof(check->unknown) - 1);
        memcpy(check->unknown, name, length);
        check->unknown[length] = '\0';
        return false;
    }
    return true;
}

static fxmon_result read_url(fxi_sqlite *s, const char *text, url_check *check, fxmon_error *error)
{
    fxi_url url;
    fxmon_result result = FXMON_DONE;
    int code = fxi_url_parse(text, &url, error);
    if (code != FXMON_OK) {
        return FXMON_FATAL;
    }
    fxi_url_each_param(&url, check_parameter, check);
    if (check->unknown[0] != '\0') {
        fxi_fail(error, FXMON_E_OPTION, check->unknown, "sqlite: does not know the parameter %s as given: expected mode=ro, rw or rwc",
                 check->unknown);
        result = FXMON_FATAL;
    } else if (url.path[0] == '\0' || strncmp(url.path, "file:", 5) == 0) {
        fxi_fail(error, FXMON_E_ARGUMENT, "url", "sqlite: needs the name of a file: expected sqlite:FILE");
        result = FXMON_FATAL;
    } else {
        s->path = fxi_strdup(url.path);
        result = s->path == NULL ? fxi_sqlite_no_memory(error) : FXMON_DONE;
    }
    fxi_url_free(&url);
    return result;
}

static fxmon_result execute(fxi_sqlite *s, const char *sql, fxmon_error *error)
{
    return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? FXMON_DONE : fxi_sqlite_fail(s, "cannot open", error);
}

/* WAL is a property of the file: set once, then only looked at, because changing it needs the file for oneself. */
static fxmon_result set_journal(fxi_sqlite *s, fxmon_error *error)
{
    sqlite3_stmt *statement;
    char mode[16];
    if (sqlite3_prepare_v2(s->db, "PRAGMA journal_mode", -1, &statement, NULL) != SQLITE_OK || sqlite3_step(statement) != SQLITE_ROW) {
        fxmon_result result = fxi_sqlite_fail(s, "cannot open", error);
        sqlite3_finalize(statement);
        return result;
    }
    fxi_sqlite_text_into(statement, 0, mode, sizeof(mode));
    sqlite3_finalize(statement);
    return strcmp(mode, "wal") == 0 ? FXMON_DONE : execute(s, "PRAGMA journal_mode=WAL", error);
}

static fxmon_result set_pragmas(fxi_sqlite *s, fxmon_error *error)
{
    const char *level = fxi_env_text(s->env, "sqlite-synchronous", NULL);
    const char *synchronous = NULL;
    if (level == NULL || strcmp(level, "full") == 0) {
        synchronous = "PRAGMA synchronous=FULL";
    } else if (strcmp(level, "normal") == 0) {
        synchronous = "PRAGMA synchronous=NORMAL";
    } else {
        fxi_fail(error, FXMON_E_RANGE, "sqlite-synchronous", "\"%.40s\" is no level: expected full or normal", level);
        return FXMON_FATAL;
    }
    fxmon_result result = FXMON_DONE;
    if (!s->read_only) {
        result = set_journal(s, error);
    }
    if (result == FXMON_DONE) {
        result = execute(s, synchronous, error);
    }
    if (result == FXMON_DONE) {
        result = execute(s, "PRAGMA trusted_schema=OFF; PRAGMA temp_store=MEMORY; PRAGMA journal_size_limit=" WAL_KEPT, error);
    }
    return result;
}

static fxmon_result open_file(fxi_sqlite *s, const url_check *check, fxmon_error *error)
{
    int flags = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
    flags |= s->read_only ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE | (check->must_exist ? 0 : SQLITE_OPEN_CREATE);
    if (sqlite3_open_v2(s->path, &s->db, flags, NULL) != SQLITE_OK) {
        fxmon_result result = fxi_sqlite_fail(s, "cannot open", error);
        int number = s->db ? sqlite3_system_errno(s->db) : 0; /* says more than "unable to open database file" */
        if (number != 0) {
            fxi_fail_errno(error, number, "cannot open", s->path);
        }
        return result;
    }
    sqlite3_busy_handler(s->db, wait_for_lock, s);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    fxmon_result result = set_pragmas(s, error);
    return result == FXMON_DONE ? fxi_sqlite_schema(s, error) : result;
}

static void sqlite_close(void *state)
{
    fxi_sqlite *s = state;
    if (s == NULL) {
        return;
    }
    for (size_t i = 0; i < FXI_SQL_STATEMENTS; i++) {
        sqlite3_finalize(s->statements[i]);
    }
    sqlite3_close(s->db);
    fxi_map_free(s->pairs);
    fxi_map_free(s->sources);
    fxi_map_free(s->newest_of);
    fxi_free(s->newest);
    fxi_free(s->touched);
    fxi_free(s->stream_name);
    fxi_free(s->path);
    fxi_free(s);
}

static fxmon_result sqlite_open(const fxmon_env *env, const char *url, bool read_only, void **state, fxmon_error *error)
{
    *state = NULL;
    fxi_sqlite *s = fxi_calloc(1, sizeof(*s));
    if (s == NULL) {
        return fxi_sqlite_no_memory(error);
    }
    s->env = env;
    s->pairs = fxi_map_new(sizeof(fxmon_pair));
    s->sources = fxi_map_new(FXMON_SOURCE_TEXT);
    s->newest_of = fxi_map_new(2 * sizeof(int64_t));
    url_check check = {0};
    fxmon_result result = s->pairs == NULL || s->sources == NULL || s->newest_of == NULL ? fxi_sqlite_no_memory(error)
                                                                                        : read_url(s, url, &check, error);
    if (result == FXMON_DONE) {
        s->read_only = read_only || check.read_only;
        result = open_file(s, &check, error);
    }
    if (result != FXMON_DONE) {
        sqlite_close(s);
        return result;
    }
    *state = s;
    return FXMON_DONE;
}

const fxmon_store_ops fxi_store_sqlite = {
    .size = sizeof(fxmon_store_ops),
    .schemes = "sqlite",
    .open = sqlite_open,
    .close = sqlite_close,
    .claim = fxi_sqlite_claim,
    .begin = fxi_sqlite_begin,
    .put_rows = fxi_sqlite_put_rows,
    .put_dead = fxi_sqlite_put_dead,
    .put_event = fxi_sqlite_put_event,
    .put_alert_state = fxi_sqlite_put_alert_state,
    .put_last = fxi_sqlite_put_last,
    .commit = fxi_sqlite_commit,
    .rollback = fxi_sqlite_rollback,
    .each_last = fxi_sqlite_each_last,
    .alert_add = fxi_sqlite_alert_add,
    .alert_remove = fxi_sqlite_alert_remove,
    .alert_each = fxi_sqlite_alert_each,
    .alert_generation = fxi_sqlite_alert_generation,
    .outbox_each = fxi_sqlite_outbox_each,
    .outbox_done = fxi_sqlite_outbox_done,
    .latest = fxi_sqlite_latest,
    .history = fxi_sqlite_history,
    .events = fxi_sqlite_events,
    .dead_each = fxi_sqlite_dead_each,
    .health_put = fxi_sqlite_health_put,
    .health_each = fxi_sqlite_health_each,
    .source_put = fxi_sqlite_source_put,
    .source_each = fxi_sqlite_source_each,
    .ping = fxi_sqlite_ping,
    .rebalance_put = fxi_sqlite_rebalance_put,
    .rebalance_each = fxi_sqlite_rebalance_each,
    .place_each = fxi_sqlite_place_each,
    .dead_resolve = fxi_sqlite_dead_resolve,
};
