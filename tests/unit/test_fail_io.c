/*
 * File log and file sink when the disk fails: ENOSPC, EIO, EINTR, a short write at the k-th call, for every k until a run meets none. Runs itself again with tests/shim/fail_io.so
 * preloaded. What was acknowledged is there, in order; no torn record looks like a whole one; once the disk works again, everything does.
 */
#include "../support/log_folder.h"
#include "../support/support.h"
#include "codec/json.h"
#include "stream/log.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const fxmon_sink_ops fxi_sink_text;

static char folder[128], url[512];
static test_host host;
static struct { long *nth, *count, *hits; int *how, *from; char *path; } shim;

static void arm(long nth, int how, int from)
{
    *shim.count = *shim.hits = 0;
    *shim.how = how;
    *shim.from = from;
    *shim.nth = nth;
}

static void setup(void)
{
    test_host_init(&host);
    test_folder_make(folder);
    arm(0, 0, 0);
    snprintf(shim.path, 256, "%s/", folder);
}

static void teardown(void)
{
    arm(0, 0, 0);
    test_folder_remove(folder);
}

#define BATCHES 12
#define BATCH 7

/* One writer, twelve batches, each tried until acknowledged (bounded); acked[i] counts. */
static int write_batches(int *acked)
{
    void *writer = NULL;
    fxmon_error error;
    int failures = 0;
    for (int b = 0; b < BATCHES;) {
        if (!writer && fxi_stream_file.open_writer(&host.env, url, &writer, &error) != FXMON_DONE) {
            writer = NULL;
            if (++failures > 5) {
                break;
            }
            continue;
        }
        char text[BATCH][128];
        fxmon_blob blobs[BATCH];
        for (int i = 0; i < BATCH; i++) {
            snprintf(text[i], sizeof text[i], "{\"n\":%d,\"fill\":\"%0*d\"}", b * BATCH + i, 40 + i, 0);
            blobs[i] = (fxmon_blob){.data = text[i], .length = strlen(text[i])};
        }
        if (fxi_stream_file.append(writer, blobs, BATCH, &error) == FXMON_DONE) {
            acked[b++] = 1;
        } else if (++failures > 5) {
            break;
        }
    }
    if (writer) {
        fxi_stream_file.close_writer(writer);
    }
    return failures;
}

/* Every acknowledged record is there, whole, in order; a line that is JSON is one of ours, unchanged. */
static void check_log(const int *acked, long nth, int failures, int *extra)
{
    test_lines lines;
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.result, FXMON_DONE);
    int times[BATCHES * BATCH] = {0}, last = -1;
    for (size_t i = 0; i < lines.count; i++) {
        ck_assert_int_eq(lines.offset[i], i);
        if (!fxi_json_valid(lines.text[i], strlen(lines.text[i]), NULL)) {
            continue; /* torn: a dead letter */
        }
        int n = atoi(lines.text[i] + 5);
        char whole[128];
        snprintf(whole, sizeof whole, "{\"n\":%d,\"fill\":\"%0*d\"}", n, 40 + n % BATCH, 0);
        ck_assert_str_eq(lines.text[i], whole);
        times[n]++;
        last = n > last ? n : last;
    }
    *extra = 0;
    for (int n = 0; n < BATCHES * BATCH; n++) {
        ck_assert_msg(!acked[n / BATCH] || times[n] >= 1, "record %d lost, call %ld", n, nth);
        ck_assert_int_le(times[n], 1 + failures);
        *extra += times[n] > 1;
    }
    ck_assert_int_eq(lines.gap_from, -1);
    test_lines_free(&lines);
}

static void log_walk(const char *query, int how)
{
    long nth = 1;
    for (bool reached = true; reached; nth++) {
        int acked[BATCHES] = {0}, extra;
        snprintf(url, sizeof url, "file:%s/log-%ld?%s", folder, nth, query);
        arm(nth, how, 0);
        int failures = write_batches(acked);
        reached = *shim.hits > 0;
        arm(0, 0, 0);
        for (int b = 0; b < BATCHES; b++) {
            ck_assert_msg(acked[b], "batch %d was never acknowledged, call %ld", b, nth);
        }
        check_log(acked, nth, failures, &extra);
        ck_assert_int_le(extra, how == EINTR ? 0 : BATCH); /* once more only where an fdatasync failed */
    }
    ck_assert_int_gt(nth, 20); /* it was a walk */
}

START_TEST(log_enospc) { log_walk("segment=4k", ENOSPC); }
END_TEST
START_TEST(log_eio) { log_walk("segment=4k", EIO); }
END_TEST
START_TEST(log_eintr) { log_walk("segment=4k", EINTR); }
END_TEST
START_TEST(log_short) { log_walk("segment=4k", 0); }
END_TEST
START_TEST(log_without_sync) { log_walk("segment=4k&sync=none", EIO); }
END_TEST

/* The disk fills at the k-th call and stays full: nothing is acknowledged from then on; when there is space again the same batches go in. */
static void disk_full(int how)
{
    for (long nth = 1; nth < 60; nth++) {
        int acked[BATCHES] = {0}, later[BATCHES] = {0}, extra;
        snprintf(url, sizeof url, "file:%s/full-%ld?segment=4k", folder, nth);
        arm(nth, how, 1);
        int failures = write_batches(acked);
        bool met = *shim.hits > 0;
        arm(0, 0, 0);
        ck_assert_int_eq(write_batches(later), 0);
        for (int b = 0; b < BATCHES; b++) {
            acked[b] |= later[b];
        }
        check_log(acked, nth, failures + 1, &extra);
        if (!met) {
            break;
        }
    }
}

START_TEST(disk_stays_full) { disk_full(ENOSPC); }
END_TEST
START_TEST(disk_stays_broken) { disk_full(EIO); }
END_TEST

/* After a failed fdatasync nothing more goes into that segment, whoever asks. */
START_TEST(no_second_fdatasync)
{
    int found = 0;
    for (long nth = 1; nth < 40; nth++) {
        void *writer;
        fxmon_error error = {0};
        snprintf(url, sizeof url, "file:%s/sync-%ld", folder, nth);
        arm(0, 0, 0);
        ck_assert_int_eq(fxi_stream_file.open_writer(&host.env, url, &writer, &error), FXMON_DONE);
        arm(nth, EIO, 0);
        fxmon_result result = test_log_append(writer, "{\"n\":0}", &error);
        arm(0, 0, 0);
        int64_t before = ((fxi_log_writer *)writer)->first;
        bool undurable = result == FXMON_RETRY && strstr(error.text, "cannot make durable a segment");
        ck_assert_int_eq(test_log_append(writer, "{\"n\":1}", &error), FXMON_DONE);
        ck_assert_int_eq(((fxi_log_writer *)writer)->first, undurable ? before + 1 : before);
        found += undurable;
        fxi_stream_file.close_writer(writer);
    }
    ck_assert_int_eq(found, 1);
}
END_TEST

/* ---- the file sink: rows once each, whatever fails ---- */

static fxmon_row row_of(int n)
{
    fxmon_row row = {.time = (int64_t)n * FXMON_SECOND, .rate = {n + 1, 2}, .volatility = 0.5, .samples = 2, .source = "test", .offset = n};
    ck_assert_int_eq(fxmon_pair_parse("USD/EUR", 7, &row.pair), FXMON_OK);
    return row;
}

/* As a lane does: load, write, flush until it succeeds; reopen when it can't. Returns false when it gave up. */
static bool sink_run(int total)
{
    void *sink = NULL;
    fxmon_error error;
    for (int tries = 0; tries < 8; tries++) {
        fxmon_progress progress = {.lane = "lane", .stream = "file:x", .partition = 0};
        if (fxi_sink_text.open(&host.env, url, &sink, &error) != FXMON_DONE) {
            continue;
        }
        fxmon_result result = fxi_sink_text.load(sink, &progress, &error);
        ck_assert_int_eq(result, FXMON_DONE);
        fxmon_free_memory(progress.checkpoint);
        progress.checkpoint = NULL;
        int n = progress.next_offset < 0 ? 0 : (int)progress.next_offset;
        while (n < total && result == FXMON_DONE) {
            int to = n + 5 < total ? n + 5 : total;
            for (int i = n; i < to; i++) {
                fxmon_row row = row_of(i);
                ck_assert_int_eq(fxi_sink_text.write(sink, &row, 1, &error), FXMON_DONE);
            }
            fxmon_dead_letter letter = {"lane", "file:x", 0, n, "bad\xff", 4, "syntax", "at byte 3", 0, 0};
            ck_assert_int_eq(fxi_sink_text.dead(sink, &letter, &error), FXMON_DONE);
            progress.next_offset = to;
            progress.checkpoint = (void *)(intptr_t) "state";
            progress.checkpoint_size = 5;
            progress.checkpoint_offset = to;
            for (int flushes = 0; flushes < 3; flushes++) {
                result = fxi_sink_text.flush(sink, &progress, &error);
                if (result == FXMON_DONE) {
                    break;
                }
            }
            n = to;
        }
        fxi_sink_text.close(sink);
        if (result == FXMON_DONE) {
            return true;
        }
    }
    return false;
}

static void sink_walk(int how, int from, const char *suffix)
{
    long nth = 1;
    for (bool reached = true; reached && nth < 200; nth++) {
        char path[256], dead[300];
        snprintf(path, sizeof path, "%s/out-%ld%s", folder, nth, suffix);
        snprintf(dead, sizeof dead, "%s.dead.ndjson", path);
        snprintf(url, sizeof url, "file:%s", path);
        arm(nth, how, from);
        bool done = sink_run(23);
        reached = *shim.hits > 0;
        arm(0, 0, 0);
        ck_assert(done || from);
        ck_assert(sink_run(23));
        size_t length;
        char *text = test_file_read(path, &length), *letters = test_file_read(dead, NULL);
        int rows = 0, wanted = 0;
        for (char *p = text; *p; rows++) {
            char expected[64];
            char *newline = strchr(p, '\n');
            ck_assert_ptr_nonnull(newline);
            *newline = '\0';
            if (strcmp(suffix, ".csv") != 0 || rows > 0) {
                char decimal[FXMON_DECIMAL_TEXT];
                fxmon_decimal_format((fxmon_decimal){wanted + 1, 2}, decimal);
                snprintf(expected, sizeof expected, strcmp(suffix, ".csv") ? "\"rate\":%s" : ",%s,", decimal);
                ck_assert_msg(strstr(p, expected) != NULL, "call %ld: row %d is %s", nth, wanted, p);
                wanted++;
            }
            p = newline + 1;
        }
        ck_assert_int_eq(wanted, 23);
        int letter_lines = 0;
        for (char *p = letters; *p; p++) {
            letter_lines += *p == '\n';
        }
        ck_assert_int_eq(letter_lines, 5);
        ck_assert_ptr_nonnull(strstr(letters, "\"record_base64\":\"YmFk/w==\""));
        free(text);
        free(letters);
    }
    ck_assert_int_gt(nth, 20);
}

START_TEST(sink_enospc) { sink_walk(ENOSPC, 0, ".ndjson"); }
END_TEST
START_TEST(sink_eio) { sink_walk(EIO, 0, ".csv"); }
END_TEST
START_TEST(sink_eintr) { sink_walk(EINTR, 0, ".ndjson"); }
END_TEST
START_TEST(sink_short) { sink_walk(0, 0, ".csv"); }
END_TEST
START_TEST(sink_full_for_long) { sink_walk(ENOSPC, 1, ".csv"); }
END_TEST

int main(int argc, char **argv)
{
    (void)argc;
    shim.nth = (long *)dlsym(RTLD_DEFAULT, "fail_io_nth");
    if (!shim.nth) {
        char self[1024], library[1200];
        ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
        char *tests = NULL;
        if (length > 0) {
            self[length] = '\0';
            tests = strstr(self, "/tests/unit/");
        }
        if (!tests || getenv("FAIL_IO_LOADED")) {
            puts("the shim tests/shim/fail_io.so could not be loaded");
            return 1;
        }
        snprintf(library, sizeof library, "%.*s/tests/shim/fail_io.so", (int)(tests - self), self);
        if (access(library, R_OK) != 0) {
            printf("skipped: %s is not built\n", library);
            return 77;
        }
#ifdef __SANITIZE_ADDRESS__
        setenv("ASAN_OPTIONS", "verify_asan_link_order=0", 1);
#endif
        setenv("LD_PRELOAD", library, 1);
        setenv("FAIL_IO_LOADED", "1", 1);
        execv(self, argv);
        return 1;
    }
    unsetenv("LD_PRELOAD");
    shim.count = (long *)dlsym(RTLD_DEFAULT, "fail_io_count");
    shim.hits = (long *)dlsym(RTLD_DEFAULT, "fail_io_hits");
    shim.how = (int *)dlsym(RTLD_DEFAULT, "fail_io_errno");
    shim.from = (int *)dlsym(RTLD_DEFAULT, "fail_io_from");
    shim.path = (char *)dlsym(RTLD_DEFAULT, "fail_io_path");
    TCase *tests = tcase_create("fail_io");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 120);
    tcase_add_test(tests, log_enospc);
    tcase_add_test(tests, log_eio);
    tcase_add_test(tests, log_eintr);
    tcase_add_test(tests, log_short);
    tcase_add_test(tests, log_without_sync);
    tcase_add_test(tests, disk_stays_full);
    tcase_add_test(tests, disk_stays_broken);
    tcase_add_test(tests, no_second_fdatasync);
    tcase_add_test(tests, sink_enospc);
    tcase_add_test(tests, sink_eio);
    tcase_add_test(tests, sink_eintr);
    tcase_add_test(tests, sink_short);
    tcase_add_test(tests, sink_full_for_long);
    return support_run("fail_io", tests);
}
