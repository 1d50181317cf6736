/*
 * tests/bench/bench_store.c - rows a second through the sqlite: store (put_rows and commit), against bare prepared INSERTs with the same values
 * into the same table in the same file, same synchronous level. Rounds alternate and the median of each counts. Lines: name, value, unit,
 * baseline, ratio.
 */
#include "base/clock.h"
#include "store/sqlite.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const fxmon_store_ops fxi_store_sqlite;

#define PAIRS 8
#define ROUNDS 5
#define ROWS_A_ROUND 160000

static int64_t wall(void *user)
{
    (void)user;
    return fxi_clock_wall();
}
static int64_t monotonic(void *user)
{
    (void)user;
    return fxi_clock_monotonic();
}

static fxmon_row rows[8000];

static void fill(int64_t offset, int count)
{
    static const char *const names[PAIRS] = {"USD/EUR", "USD/GBP", "USD/JPY", "USD/CAD", "USD/AUD", "USD/CHF", "USD/CNY", "USD/INR"};
    for (int i = 0; i < count; i++) {
        int64_t record = offset + i / PAIRS;
        fxmon_row *row = &rows[i];
        *row = (fxmon_row){.time = INT64_C(1700000000000000000) + record * 1000000000, .ingested = INT64_C(1700000000000000000) + record * 1000000000,
                           .rate = {84701 + record % 997, 5}, .volatility = 0.000123 * (double)(1 + record % 89), .samples = 20,
                           .source = "exchangerate-api.com", .offset = record};
        memcpy(row->pair.text, names[i % PAIRS], 7);
    }
}

static double through_store(void *store, fxmon_progress *progress, int batch)
{
    fxmon_error error;
    int64_t start = fxi_clock_monotonic(), spent = 0;
    for (int done = 0; done < ROWS_A_ROUND; done += batch) {
        int64_t from = progress->next_offset < 0 ? 0 : progress->next_offset, filling = fxi_clock_monotonic();
        fill(from, batch);
        spent += fxi_clock_monotonic() - filling;
        if (fxi_store_sqlite.begin(store, &error) != FXMON_DONE || fxi_store_sqlite.put_rows(store, rows, (size_t)batch, &error) != FXMON_DONE ||
            fxi_store_sqlite.commit(store, progress, from + batch / PAIRS, &error) != FXMON_DONE) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
        progress->next_offset = from + batch / PAIRS;
    }
    return ROWS_A_ROUND / ((double)(fxi_clock_monotonic() - start - spent) / 1e9);
}

static void bare_insert(sqlite3_stmt *statement, const fxmon_row *row, int pair)
{
    sqlite3_bind_int64(statement, 1, pair);
    sqlite3_bind_int64(statement, 2, row->time);
    sqlite3_bind_int64(statement, 3, 1);
    sqlite3_bind_int(statement, 4, 0);
    sqlite3_bind_int64(statement, 5, row->offset);
    sqlite3_bind_int(statement, 6, 0);
    sqlite3_bind_int64(statement, 7, row->rate.mantissa);
    sqlite3_bind_int(statement, 8, row->rate.scale);
    sqlite3_bind_double(statement, 14, row->volatility);
    sqlite3_bind_int64(statement, 15, row->samples);
    sqlite3_bind_int64(statement, 16, 1);
    sqlite3_bind_int64(statement, 17, row->ingested);
    if (sqlite3_step(statement) != SQLITE_DONE) {
        exit(1);
    }
    sqlite3_reset(statement);
}

static double bare(sqlite3 *db, int64_t *offset, int batch)
{
    sqlite3_stmt *statement;
    if (sqlite3_prepare_v2(db, fxi_sqlite_text[FXI_SQL_RATE_ADD], -1, &statement, NULL) != SQLITE_OK) {
        exit(1);
    }
    int64_t start = fxi_clock_monotonic(), spent = 0;
    for (int done = 0; done < ROWS_A_ROUND; done += batch) {
        int64_t filling = fxi_clock_monotonic();
        fill(*offset, batch);
        spent += fxi_clock_monotonic() - filling;
        sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        for (int i = 0; i < batch; i++) {
            bare_insert(statement, &rows[i], 1 + i % PAIRS);
        }
        if (sqlite3_exec(db, "COMMIT", NULL, NULL, NULL) != SQLITE_OK) {
            exit(1);
        }
        *offset += batch / PAIRS;
    }
    sqlite3_finalize(statement);
    return ROWS_A_ROUND / ((double)(fxi_clock_monotonic() - start - spent) / 1e9);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof(*values), by_size);
    return values[ROUNDS / 2];
}

static void measure(const fxmon_env *env, int batch)
{
    void *stores[2];
    fxmon_error error;
    fxmon_progress progress[2];
    double own[ROUNDS], base[ROUNDS];
    char url[64];
    for (int i = 0; i < 2; i++) {
        snprintf(url, sizeof(url), "sqlite:bench-%d-%d.db", batch, i);
        unlink(url + strlen("sqlite:"));
        progress[i] = (fxmon_progress){.lane = "bench", .stream = "bench"};
        if (fxi_store_sqlite.open(env, url, false, &stores[i], &error) != FXMON_DONE ||
            fxi_store_sqlite.claim(stores[i], &progress[i], &error) != FXMON_DONE) {
            fprintf(stderr, "%s\n", error.text);
            exit(1);
        }
    }
    int64_t offset = 0;
    for (int i = 0; i < ROUNDS; i++) {
        own[i] = through_store(stores[0], &progress[0], batch);
        base[i] = bare(((fxi_sqlite *)stores[1])->db, &offset, batch);
    }
    for (int i = 0; i < 2; i++) {
        fxi_store_sqlite.close(stores[i]);
        snprintf(url, sizeof(url), "bench-%d-%d.db", batch, i);
        unlink(url);
    }
    double value = median(own), baseline = median(base);
    printf("sqlite store, %d rows a transaction\t%.0f\trows/s\tbare prepared INSERT %.0f\t%.2f\n", batch, value, baseline, value / baseline);
}

int main(void)
{
    fxmon_env env = {.size = sizeof(env), .now = wall, .monotonic = monotonic};
    measure(&env, 800);
    measure(&env, 8000);
    return 0;
}
