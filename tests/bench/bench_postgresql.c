/*
 * tests/bench/bench_postgresql.c - rows a second through the postgresql: store (put_rows and commit, 8,000 rows a batch), against psql's binary COPY of
 * the same rows into the same table with the same key, in one go. Rounds alternate, the table is emptied before each, and the median counts. Also the
 * store's own CPU. Lines: name, value, unit, baseline, ratio. Needs DATABASE_URL and psql; FXMON_BENCH_ROWS says how many rows.
 */
#if FXI_WITH_PQ
#include "base/clock.h"
#include "store/postgresql.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern const fxmon_store_ops fxi_store_postgresql;
#define STORE fxi_store_postgresql

#define PAIRS 56
#define ROUNDS 3
#define BATCH 8000
#define ROWS 1400000
#define COPY_FILE "rows.copy"

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
static bool stopping(void *user)
{
    (void)user;
    return false;
}
static void say(void *user, int level, const char *component, const char *text)
{
    (void)user;
    if (level <= FXMON_LOG_WARNING) {
        fprintf(stderr, "%s: %s\n", component, text);
    }
}
static const fxmon_env env = {.size = sizeof(fxmon_env), .now = wall, .monotonic = monotonic, .stopping = stopping, .log = say};

static fxmon_row rows[BATCH];

static void fill(int64_t first, int count)
{
    for (int i = 0; i < count; i++) {
        int64_t record = (first + i) / PAIRS, pair = (first + i) % PAIRS;
        fxmon_row *row = &rows[i];
        *row = (fxmon_row){.time = INT64_C(1700000000000000000) + record * 100000000, .ingested = INT64_C(1700000000000000000) + record * 100000000 + 5000000,
                           .rate = {84701 + (record * 7 + pair * 131) % 9973, 5}, .volatility = 0.000123 * (double)(1 + record % 89), .samples = 20,
                           .source = "exchangerate-api.com", .offset = record};
        snprintf(row->pair.text, sizeof(row->pair.text), "USD/%c%c%c", 'A' + (int)(pair % 26), 'A' + (int)(pair / 26), 'X');
    }
}

static void fail(const char *what, const fxmon_error *error)
{
    fprintf(stderr, "bench_postgresql: %s: %s\n", what, error == NULL ? "" : error->text);
    exit(1);
}

static void psql(const char *sql)
{
    pid_t child = fork();
    if (child == 0) {
        execlp("psql", "psql", "-qXAt", "-v", "ON_ERROR_STOP=1", getenv("DATABASE_URL"), "-c", sql, (char *)NULL);
        _exit(127);
    }
    int status = 1;
    waitpid(child, &status, 0);
    if (status != 0) {
        fail(sql, NULL);
    }
}

/* The rows as psql will send them. */
static void write_file(int64_t total)
{
    fxi_buf out;
    fxi_postgresql_row_frame frame = {.written = fxi_clock_wall(), .stream = 1, .consumer = "benchmark:12345"};
    FILE *file = fopen(COPY_FILE, "w");
    fxi_buf_init(&out, 8 << 20);
    if (file == NULL) {
        fail(COPY_FILE, NULL);
    }
    fxi_postgresql_copy_begin(&out);
    for (int64_t first = 0; first < total; first += BATCH) {
        int count = total - first < BATCH ? (int)(total - first) : BATCH;
        fill(first, count);
        for (int i = 0; i < count; i++) {
            fxi_postgresql_copy_row(&out, &frame, &rows[i]);
        }
        fwrite(out.data, 1, out.length, file);
        fxi_buf_clear(&out);
    }
    fxi_postgresql_copy_end(&out);
    fwrite(out.data, 1, out.length, file);
    fxi_buf_free(&out);
    fclose(file);
}

static double own_cpu(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) + (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

static void empty_table(void)
{
    psql("TRUNCATE fx_rates; DELETE FROM fxmon_latest; UPDATE fxmon_progress SET next_offset=-1");
    psql("CHECKPOINT");
}

static double through_psql(int64_t total)
{
    empty_table();
    int64_t start = fxi_clock_monotonic();
    psql("\\copy fx_rates(" FXI_POSTGRESQL_COPY_COLUMNS ") FROM '" COPY_FILE "' (FORMAT binary)");
    return (double)total / ((double)(fxi_clock_monotonic() - start) / 1e9);
}

static double through_store(void *store, int64_t total, double *cpu)
{
    fxmon_error error;
    fxmon_progress progress = {.lane = "bench", .stream = "file:bench", .partition = 0};
    int64_t spent = 0;
    *cpu = 0;
    empty_table();
    if (STORE.claim(store, &progress, &error) != FXMON_DONE) {
        fail("claim", &error);
    }
    for (int64_t first = 0; first < total; first += BATCH) {
        int count = total - first < BATCH ? (int)(total - first) : BATCH;
        fill(first, count);
        double cpu_before = own_cpu();
        int64_t start = fxi_clock_monotonic();
        if (STORE.begin(store, &error) != FXMON_DONE || STORE.put_rows(store, rows, (size_t)count, &error) != FXMON_DONE ||
            STORE.commit(store, &progress, first + count, &error) != FXMON_DONE) {
            fail("a batch", &error);
        }
        spent += fxi_clock_monotonic() - start;
        *cpu += own_cpu() - cpu_before;
        progress.next_offset = first + count;
    }
    return (double)total / ((double)spent / 1e9);
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(void)
{
    const char *text = getenv("FXMON_BENCH_ROWS"), *url = getenv("DATABASE_URL");
    int64_t total = text == NULL ? ROWS : strtoll(text, NULL, 10);
    double store_rate[ROUNDS], psql_rate[ROUNDS], cpu[ROUNDS];
    fxmon_error error;
    void *store;
    if (url == NULL || total < PAIRS) {
        fprintf(stderr, "bench_postgresql: skipped: DATABASE_URL names no server (tests/bench/cluster/postgresql.sh starts one)\n");
        return 0;
    }
    if (STORE.open(&env, url, false, &store, &error) != FXMON_DONE) {
        fail("open", &error);
    }
    psql("SELECT fxmon_make_month('2023-11-01')");
    write_file(total);
    for (int i = 0; i < ROUNDS; i++) {
        psql_rate[i] = through_psql(total);
        store_rate[i] = through_store(store, total, &cpu[i]);
    }
    STORE.close(store);
    unlink(COPY_FILE);
    qsort(psql_rate, ROUNDS, sizeof(double), ascending);
    qsort(store_rate, ROUNDS, sizeof(double), ascending);
    qsort(cpu, ROUNDS, sizeof(double), ascending);
    printf("postgresql: rows, batches of %d\t%.0f\trows/s\tpsql binary COPY in one go %.0f\t%.2f\n", BATCH, store_rate[ROUNDS / 2], psql_rate[ROUNDS / 2],
           store_rate[ROUNDS / 2] / psql_rate[ROUNDS / 2]);
    printf("postgresql: own CPU of a million rows\t%.3f\ts\t\t\n", cpu[ROUNDS / 2] * 1e6 / (double)total);
    return 0;
}
#else
int main(void)
{
    return 0;
}
#endif
