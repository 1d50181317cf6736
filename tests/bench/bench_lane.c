/*
 * tests/bench/bench_lane.c - a lane as a whole. Lines: name, value, unit, baseline, ratio.
 *
 * The baseline of the store lane is the least that has to be done: the same values, from memory, through one prepared statement into an empty table of the
 * same shape, in transactions of as many rows, with the same journal and the same synchronous setting.
 */
#include <fxmon/fxmon.h>

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MESSAGES "20000"
#define BATCH 1000 /* messages; option "batch" */
#define PAIRS 8
#define COLUMNS 17
#define ROUNDS 7
#define RESIDENT_LIMIT 16.0 /* MiB */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void must(int code, const fxmon_error *error)
{
    if (code == FXMON_OK)
        return;
    fprintf(stderr, "bench_lane: %s\n", error->text);
    exit(1);
}

static fxmon_result count_rows(void *user, const fxmon_row *rows, size_t count, fxmon_error *error)
{
    (void)rows;
    (void)error;
    *(size_t *)user += count;
    return FXMON_DONE;
}

static void make_log(const char *from, const char *to, const char *track)
{
    fxmon_error e;
    fxmon *m = fxmon_new(&(fxmon_options){.size = sizeof(fxmon_options), .from = from, .to = to}, &e);
    must(m ? FXMON_OK : e.code, &e);
    must(fxmon_set(m, "track", track, &e), &e);
    must(fxmon_produce(m, &e), &e);
    must(fxmon_run(m, &e), &e);
    fxmon_free(m);
}

/* Seconds of a lane to the end of the log; sink NULL: rows are only counted. */
static double run_lane(const char *from, const char *sink, size_t *rows)
{
    static const fxmon_custom_sink counter = {.size = sizeof counter, .write = count_rows};
    fxmon_error e;
    double begin = now();
    fxmon *m = fxmon_new(&(fxmon_options){.size = sizeof(fxmon_options), .from = from}, &e);
    must(m ? FXMON_OK : e.code, &e);
    must(fxmon_set(m, "until-end", "yes", &e), &e);
    must(sink ? fxmon_sink(m, sink, &e) : fxmon_sink_custom(m, &counter, rows, &e), &e);
    must(fxmon_run(m, &e), &e);
    fxmon_free(m);
    return now() - begin;
}

static void sql(sqlite3 *db, const char *text)
{
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "bench_lane: %s: %s\n", text, sqlite3_errmsg(db));
        exit(1);
    }
}

/* A value of a row: a number or NULL, for the table has nothing else. */
typedef struct cell {
    int type; /* as SQLite names it */
    int64_t integer;
    double real;
} cell;

/* All rows of the lane's table, in the order of the log. */
static cell *read_rows(sqlite3 *db, size_t *rows, char **shape)
{
    sqlite3_stmt *s;
    size_t capacity = 0;
    cell *cells = NULL;
    sqlite3_prepare_v2(db, "SELECT sql FROM sqlite_master WHERE name='fxmon_rate'", -1, &s, NULL);
    sqlite3_step(s);
    *shape = strdup((const char *)sqlite3_column_text(s, 0));
    sqlite3_finalize(s);
    sqlite3_prepare_v2(db, "SELECT * FROM fxmon_rate ORDER BY \"offset\", pair", -1, &s, NULL);
    for (*rows = 0; sqlite3_step(s) == SQLITE_ROW; (*rows)++) {
        if (*rows * COLUMNS == capacity) {
            capacity = capacity ? capacity * 2 : 1024 * COLUMNS;
            cells = realloc(cells, capacity * sizeof *cells);
            if (!cells)
                abort();
        }
        for (int i = 0; i < COLUMNS; i++)
            cells[*rows * COLUMNS + (size_t)i] =
                (cell){sqlite3_column_type(s, i), sqlite3_column_int64(s, i), sqlite3_column_double(s, i)};
    }
    sqlite3_finalize(s);
    return cells;
}

static void bare_insert(sqlite3_stmt *insert, const cell *row)
{
    for (int k = 0; k < COLUMNS; k++) {
        if (row[k].type == SQLITE_INTEGER)
            sqlite3_bind_int64(insert, k + 1, row[k].integer);
        else if (row[k].type == SQLITE_FLOAT)
            sqlite3_bind_double(insert, k + 1, row[k].real);
        else
            sqlite3_bind_null(insert, k + 1);
    }
    if (sqlite3_step(insert) != SQLITE_DONE)
        abort();
    sqlite3_reset(insert);
}

static double bare_inserts(const cell *cells, size_t rows, const char *shape)
{
    sqlite3 *db;
    sqlite3_stmt *insert;
    double begin = now();
    if (sqlite3_open_v2("bare.db", &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX, NULL) != SQLITE_OK)
        abort();
    sql(db, "PRAGMA journal_mode=WAL");
    sql(db, "PRAGMA synchronous=FULL");
    sql(db, shape);
    if (sqlite3_prepare_v3(db, "INSERT INTO fxmon_rate VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)", -1, SQLITE_PREPARE_PERSISTENT, &insert, NULL) !=
        SQLITE_OK)
        abort();
    for (size_t i = 0; i < rows; i++) {
        if (i % (BATCH * PAIRS) == 0)
            sql(db, i ? "COMMIT; BEGIN IMMEDIATE" : "BEGIN IMMEDIATE");
        bare_insert(insert, cells + i * COLUMNS);
    }
    sql(db, "COMMIT");
    sqlite3_finalize(insert);
    sqlite3_close(db);
    return now() - begin;
}

static void bench_store(void)
{
    sqlite3 *db;
    char *shape;
    size_t rows;
    double lane = 1e9, bare = 1e9;
    (void)run_lane("file:log", "sqlite:first.db", NULL);
    sqlite3_open("first.db", &db);
    cell *cells = read_rows(db, &rows, &shape);
    for (int i = 0; i < ROUNDS; i++) { /* old files go before the clock starts */
        unlink("lane.db");
        double a = run_lane("file:log", "sqlite:lane.db", NULL);
        unlink("bare.db");
        double b = bare_inserts(cells, rows, shape);
        lane = a < lane ? a : lane;
        bare = b < bare ? b : bare;
    }
    printf("file log to SQLite lane\t%.0f\trows/s\tbare batched INSERT %.0f\t%.2f\n", (double)rows / lane, (double)rows / bare, bare / lane);
    free(cells);
    free(shape);
    sqlite3_close(db);
}

static void bench_compute(void)
{
    struct stat file;
    double best = 1e9;
    if (stat("log/00000000000000000000.ndjson", &file) != 0)
        return;
    for (int i = 0; i < ROUNDS; i++) {
        size_t rows = 0;
        double t = run_lane("file:log", NULL, &rows);
        best = t < best ? t : best;
    }
    printf("file log read, decoded, volatilities\t%.0f\tMB/s\t\t\n", (double)file.st_size / 1e6 / best);
}

/* Each in a process of its own, so that nothing but the lane is in the one that is measured. */
static void bench_memory(void)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        make_log("sim:?seed=1&rate=max&count=2000", "file:wide", "all");
        exit(0);
    }
    waitpid(child, NULL, 0);
    child = fork();
    if (child == 0) {
        struct rusage use;
        (void)run_lane("file:wide", "sqlite:wide.db", NULL);
        getrusage(RUSAGE_SELF, &use);
        double mib = (double)use.ru_maxrss / 1024;
        printf("resident memory of a lane, all currencies to SQLite\t%.1f\tMiB\tbar %.0f\t%.2f\n", mib, RESIDENT_LIMIT, RESIDENT_LIMIT / mib);
        exit(0);
    }
    waitpid(child, NULL, 0);
}

int main(void)
{
    bench_memory();
    make_log("sim:?seed=1&rate=max&count=" MESSAGES, "file:log", "EUR,GBP,JPY,CAD,AUD,CHF,CNY,INR");
    bench_store();
    bench_compute();
    return 0;
}
