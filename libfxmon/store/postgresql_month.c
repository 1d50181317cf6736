/*
 * store/postgresql_month.c - months of fx_rates: made ahead, made when rows need them, dropped when they are too old.
 *
 * A month that rows need is made before their transaction has begun, in a transaction of its own: making it waits for readers of the default partition, and
 * nobody should have to wait for us meanwhile. The store works without any month, too: then rows lie in fx_rates_default. So a month that cannot be made
 * (a role that may not create tables) is told once and not tried again; only a lost connection or a lock that others hold is a reason to come back.
 */
#include "store/postgresql.h"

#include "base/error.h"
#include "base/log.h"

#include <time.h>

#define DAY (86400 * FXMON_SECOND)
#define MONTHS_AHEAD 2
#define OLDEST_MONTH (1990 * 12) /* older rows, and those of a future far away, stay in the default partition: no month for each mistyped year */

static int month_of(int64_t ns)
{
    time_t seconds = (time_t)(ns / FXMON_SECOND - (ns % FXMON_SECOND < 0));
    struct tm parts;
    return gmtime_r(&seconds, &parts) == NULL ? 0 : (parts.tm_year + 1900) * 12 + parts.tm_mon;
}

/* ns of the beginning, held at the ends of int64_t */
static int64_t month_begin(int month)
{
    struct tm parts = {.tm_year = month / 12 - 1900, .tm_mon = month % 12, .tm_mday = 1};
    int64_t out;
    time_t seconds = timegm(&parts);
    return __builtin_mul_overflow((int64_t)seconds, FXMON_SECOND, &out) ? (seconds < 0 ? INT64_MIN : INT64_MAX) : out;
}

/* Ask outside of the transaction that was announced but has not begun. */
static fxmon_result ask_apart(fxi_postgresql *p, enum fxi_postgresql_statement which, const fxi_postgresql_parameters *q, PGresult **answer, fxmon_error *error)
{
    bool announced = p->open && !p->begun;
    if (announced) {
        p->open = false;
    }
    fxmon_result result = fxi_postgresql_ask(p, which, q, FXI_POSTGRESQL_LONG, "keeping the months of", answer, error);
    if (announced) {
        p->open = true;
        p->lost = p->connection == NULL;
    }
    return result;
}

/* A month that cannot be made is told, and its rows go to the default partition. */
static fxmon_result forgive(fxi_postgresql *p, fxmon_result result, const char *consequence, fxmon_error *error)
{
    if (result == FXMON_DONE || result == FXMON_RETRY || p->begun || error->code == FXMON_E_NOMEM) {
        return result;
    }
    fxi_log(p->env, FXMON_LOG_WARNING, "postgresql", "%s: %.280s", consequence, error->text);
    return FXMON_DONE;
}

static fxmon_result make_month(fxi_postgresql *p, int month, fxmon_error *error)
{
    int32_t key = month;
    fxi_postgresql_parameters q = {.count = 0};
    fxmon_error trouble;
    if (fxi_map_get(p->months, &key, NULL)) {
        return FXMON_DONE;
    }
    fxi_postgresql_add_integer(&q, month / 12);
    fxi_postgresql_add_integer(&q, month % 12 + 1);
    fxmon_result result = forgive(p, ask_apart(p, FXI_PG_MONTH_MAKE, &q, NULL, &trouble), "rows of a month go to fx_rates_default", &trouble);
    if (result != FXMON_DONE) {
        if (error != NULL) {
            *error = trouble;
        }
        return result;
    }
    return fxi_map_put(p->months, &key, 1) == FXMON_OK ? FXMON_DONE : fxi_postgresql_no_memory(error);
}

fxmon_result fxi_postgresql_months(fxi_postgresql *p, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    fxmon_result result = FXMON_DONE;
    for (size_t i = 0; result == FXMON_DONE && i < count; i++) {
        if (rows[i].time >= p->month_from && rows[i].time < p->month_to) {
            continue;
        }
        int month = month_of(rows[i].time);
        if (month >= OLDEST_MONTH && month <= month_of(p->env->now(p->env->user)) + MONTHS_AHEAD) {
            result = make_month(p, month, error);
        }
        if (result == FXMON_DONE) {
            p->month_from = month_begin(month);
            p->month_to = month_begin(month + 1);
        }
    }
    return result;
}

static fxmon_result drop_months(fxi_postgresql *p, int64_t before, fxmon_error *error)
{
    fxi_postgresql_parameters q = {.count = 0};
    PGresult *answer = NULL;
    fxi_postgresql_add_time(&q, before);
    fxmon_result result = ask_apart(p, FXI_PG_MONTH_DROP, &q, &answer, error);
    if (result == FXMON_DONE) {
        int64_t dropped = fxi_postgresql_integer(answer, 0, 0);
        PQclear(answer);
        if (dropped > 0) {
            fxi_log(p->env, FXMON_LOG_INFO, "postgresql", "dropped %lld months (with TimescaleDB: chunks) of rates that --keep has ended", (long long)dropped);
        }
    }
    return result;
}

fxmon_result fxi_postgresql_maintain(fxi_postgresql *p, fxmon_error *error)
{
    int64_t now = p->env->now(p->env->user), turn = now - now % DAY;
    fxmon_error trouble;
    fxmon_result result = FXMON_DONE;
    if (p->read_only || (p->maintained != 0 && turn <= p->maintained)) {
        return FXMON_DONE;
    }
    for (int i = 0; result == FXMON_DONE && i <= MONTHS_AHEAD; i++) {
        result = make_month(p, month_of(now) + i, error);
    }
    if (result == FXMON_DONE && p->keep > 0) {
        result = drop_months(p, now - p->keep, &trouble);
        if (result == FXMON_RETRY && p->connection != NULL) {
            fxi_log(p->env, FXMON_LOG_WARNING, "postgresql", "old months are dropped another day: %.280s", trouble.text); /* locked by others */
            result = FXMON_DONE;
        }
        result = forgive(p, result, "old months cannot be dropped", &trouble);
        if (result != FXMON_DONE && error != NULL) {
            *error = trouble;
        }
        p->month_from = p->month_to = 0; /* what was known may have been dropped */
    }
    if (result == FXMON_DONE) {
        p->maintained = turn;
    }
    return result;
}
