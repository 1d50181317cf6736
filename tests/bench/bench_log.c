/*
 * tests/bench/bench_log.c - the file log against the bare system calls it is made of, on one file system in one run.
 * Prints name, value, unit, baseline, ratio (tab separated); a ratio above 1 is better than the baseline.
 */
#include "codec/message.h"

#include <fcntl.h>
#include <fxmon/plugin.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define BATCH 100
#define RECORDS 1000000
#define SYNCED 100
#define ROUNDS 5
#define SYNC_ROUNDS 21

extern const fxmon_stream_ops fxi_stream_file;

static const char message[] =
    "{\"timestamp\":\"2009-01-02T15:00:00Z\",\"base\":\"USD\",\"rates\":{\"USD/EUR\":0.721189,\"USD/GBP\":0.693062,\"USD/JPY\":91.331314,"
    "\"USD/CAD\":1.221838,\"USD/AUD\":1.434011,\"USD/CHF\":1.072696,\"USD/CNY\":6.823020,\"USD/INR\":48.409779},\"source\":\"ecb-derived\"}";

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    fprintf(stderr, "bench_log: %s\n", what);
    exit(1);
}

static void row(const char *name, double value, const char *unit, const char *other, double baseline)
{
    printf("%s\t%.4g\t%s\t%s %.4g\t%.2f\n", name, value, unit, other, baseline, value / baseline);
    fflush(stdout);
}

/* Messages a second through the log. */
static double append(const char *url, int batches)
{
    static const fxmon_env env = {.size = sizeof env};
    void *writer;
    fxmon_error error;
    fxmon_blob blobs[BATCH];
    for (int i = 0; i < BATCH; i++) {
        blobs[i] = (fxmon_blob){NULL, message, sizeof message - 1};
    }
    if (fxi_stream_file.open_writer(&env, url, &writer, &error) != FXMON_DONE) {
        die(error.text);
    }
    double start = now();
    for (int i = 0; i < batches; i++) {
        if (fxi_stream_file.append(writer, blobs, BATCH, &error) != FXMON_DONE) {
            die(error.text);
        }
    }
    double took = now() - start;
    fxi_stream_file.close_writer(writer);
    return batches * (double)BATCH / took;
}

/* The same bytes by write alone, or write and fdatasync. */
static double bare(const char *path, int batches, int sync)
{
    static char batch[BATCH * sizeof message];
    for (int i = 0; i < BATCH; i++) {
        memcpy(batch + (size_t)i * sizeof message, message, sizeof message - 1);
        batch[(size_t)(i + 1) * sizeof message - 1] = '\n';
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_TRUNC, 0666);
    double start = now();
    for (int i = 0; i < batches; i++) {
        if (write(fd, batch, sizeof batch) != (ssize_t)sizeof batch || (sync && fdatasync(fd) != 0)) {
            die("bare write failed");
        }
    }
    double took = now() - start;
    close(fd);
    return batches * (double)BATCH / took;
}

static double read_bare(const char *path)
{
    static char buffer[512 * 1024];
    int fd = open(path, O_RDONLY);
    double start = now();
    double total = 0;
    ssize_t got;
    while ((got = read(fd, buffer, sizeof buffer)) > 0) {
        total += (double)got;
    }
    close(fd);
    return total / (now() - start) / 1e9;
}

/* GB/s as lines; decoded too when there is a decoder. */
static double read_lines(const char *url, fxi_decoder *decoder)
{
    static const fxmon_env env = {.size = sizeof env};
    static fxmon_record records[1024];
    void *reader;
    fxmon_error error;
    size_t count;
    double bytes = 0;
    int64_t lines = 0;
    if (fxi_stream_file.open_reader(&env, url, "bench", &reader, &error) != FXMON_DONE) {
        die(error.text);
    }
    double start = now();
    while (lines < RECORDS) {
        if (fxi_stream_file.read(reader, records, 1024, &count, 0, &error) != FXMON_DONE || count == 0) {
            die("the log ended early");
        }
        for (size_t i = 0; i < count; i++) {
            if (records[i].kind == FXMON_RECORD) {
                bytes += (double)records[i].length + 1;
                lines++;
                if (decoder && !fxi_message_decode(decoder, records[i].data, records[i].length, &error)) {
                    die(error.text);
                }
            }
        }
    }
    double took = now() - start;
    fxi_stream_file.close_reader(reader);
    return bytes / took / 1e9;
}

static double best(double a, double b)
{
    return a > b ? a : b;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* A disk's syncs vary by half from one second to the next: many short turns, each on a new file, and the median of both. */
static void append_synced(double *ours, double *theirs)
{
    double log[SYNC_ROUNDS], plain[SYNC_ROUNDS];
    char url[64], path[64];
    for (int i = 0; i < SYNC_ROUNDS; i++) {
        snprintf(url, sizeof url, "file:sync-%d?sync=batch", i);
        snprintf(path, sizeof path, "bare-sync-%d", i);
        log[i] = append(url, SYNCED);
        plain[i] = bare(path, SYNCED, 1);
    }
    qsort(log, SYNC_ROUNDS, sizeof log[0], by_value);
    qsort(plain, SYNC_ROUNDS, sizeof plain[0], by_value);
    *ours = log[SYNC_ROUNDS / 2];
    *theirs = plain[SYNC_ROUNDS / 2];
}

int main(void)
{
    double ours = 0, theirs = 0, synced = 0, synced_bare = 0, lines = 0, decoded = 0, raw = 0;
    char url[64], path[64];
    for (int i = 0; i < ROUNDS; i++) { /* taking turns, so that both meet the same disk */
        snprintf(url, sizeof url, "file:log-%d?sync=none&segment=1G", i);
        snprintf(path, sizeof path, "bare-%d", i);
        ours = best(ours, append(url, RECORDS / BATCH));
        theirs = best(theirs, bare(path, RECORDS / BATCH, 0));
        if (i > 0) {
            unlink(path);
        }
    }
    append_synced(&synced, &synced_bare);
    fxi_decoder *decoder = fxi_decoder_new();
    for (int i = 0; i < ROUNDS; i++) {
        raw = best(raw, read_bare("bare-0"));
        lines = best(lines, read_lines("file:log-0", NULL));
        decoded = best(decoded, read_lines("file:log-0", decoder));
    }
    fxi_decoder_free(decoder);
    row("file log: append, sync=none", ours, "messages/s", "bare write", theirs);
    row("file log: append, sync=batch", synced, "messages/s", "bare write+fdatasync", synced_bare);
    row("file log: read as lines", lines, "GB/s", "bare read", raw);
    row("file log: read and decoded", decoded * 1000, "MB/s", "bar", 300);
    return 0;
}
