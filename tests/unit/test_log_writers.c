/*
 * File log under load: four writing processes, readers that follow over rotation, foreign appends, kill -9 of a writer at random moments, memory that runs out.
 */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WRITERS 4
#define EACH 25000
#define BATCH 50

static char folder[128], url[512];
static test_host host;

static void setup(void)
{
    test_host_init(&host);
    test_folder_make(folder);
    snprintf(url, sizeof url, "file:%s/log?segment=256k&sync=none", folder);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static int record_text(char out[160], int writer, int n)
{
    return snprintf(out, 160, "{\"w\":%d,\"n\":%d,\"fill\":\"%0*d\"}", writer, n, 1 + n % 90, 0);
}

/* A process that appends [from, to) in batches; *acked is raised after each acknowledgement. Ends with _exit. */
static void write_records(int writer, int from, int to, int batch, volatile int *acked)
{
    void *state;
    fxmon_error error;
    char text[BATCH][160];
    fxmon_blob blobs[BATCH];
    if (fxi_stream_file.open_writer(&host.env, url, &state, &error) != FXMON_DONE) {
        _exit(2);
    }
    while (from < to) {
        int count = to - from < batch ? to - from : batch;
        for (int i = 0; i < count; i++) {
            blobs[i] = (fxmon_blob){.data = text[i], .length = (size_t)record_text(text[i], writer, from + i)};
        }
        fxmon_result result = fxi_stream_file.append(state, blobs, (size_t)count, &error);
        if (result == FXMON_DONE) {
            from += count;
            *acked = from;
        } else if (error.code != FXMON_E_BUSY) {
            _exit(3);
        }
    }
    fxi_stream_file.close_writer(state);
    _exit(0);
}

typedef struct tally {
    int next[WRITERS];
    int64_t offset, bad;
} tally;

/* Per writer in order, none missing, none torn; numbers without a hole. */
static void check_record(tally *t, const fxmon_record *r)
{
    char expected[160], text[160];
    int writer = -1, n = -1;
    ck_assert_int_eq(r->kind, FXMON_RECORD);
    ck_assert_int_eq(r->offset, t->offset);
    t->offset++;
    ck_assert_int_lt(r->length, sizeof text);
    memcpy(text, r->data, r->length);
    text[r->length] = '\0';
    if (strncmp(text, "{\"w\":", 5) == 0) {
        writer = atoi(text + 5);
        const char *comma = strstr(text, "\"n\":");
        n = comma ? atoi(comma + 4) : -1;
    }
    ck_assert_msg(writer >= 0 && writer < WRITERS, "%s", text);
    record_text(expected, writer, n);
    ck_assert_str_eq(text, expected);
    ck_assert_msg(n == t->next[writer], "writer %d: %d after %d", writer, n, t->next[writer] - 1);
    t->next[writer]++;
}

START_TEST(four_writers_and_a_reader)
{
    int *acked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child[WRITERS];
    void *first_writer;
    fxmon_error error;
    ck_assert_int_eq(fxi_stream_file.open_writer(&host.env, url, &first_writer, &error), FXMON_DONE);
    fxi_stream_file.close_writer(first_writer);
    void *reader = test_log_reader(&host, url);
    for (int w = 0; w < WRITERS; w++) {
        child[w] = fork();
        if (child[w] == 0) {
            write_records(w, 0, EACH, BATCH, &acked[w]);
        }
    }
    tally t = {0};
    static fxmon_record records[512];
    while (t.offset < (int64_t)WRITERS * EACH) {
        size_t count;
        ck_assert_msg(fxi_stream_file.read(reader, records, 512, &count, 30000, &error) == FXMON_DONE, "%s", error.text);
        ck_assert_msg(count > 0, "nothing for 30 s at %lld", (long long)t.offset);
        for (size_t i = 0; i < count; i++) {
            check_record(&t, &records[i]);
        }
    }
    for (int w = 0; w < WRITERS; w++) {
        int status;
        waitpid(child[w], &status, 0);
        ck_assert_int_eq(status, 0);
        ck_assert_int_eq(t.next[w], EACH);
        ck_assert_int_eq(acked[w], EACH);
    }
    int64_t first, end;
    ck_assert_int_eq(fxi_stream_file.bounds(reader, 0, &first, &end, &error), FXMON_DONE);
    ck_assert_int_eq(end, WRITERS * EACH);
    fxi_stream_file.close_reader(reader);
    tally again = {0}; /* and once more from the beginning, out of rotated segments */
    reader = test_log_reader(&host, url);
    size_t count;
    while (fxi_stream_file.read(reader, records, 512, &count, 0, &error) == FXMON_DONE && count > 0) {
        for (size_t i = 0; i < count; i++) {
            check_record(&again, &records[i]);
        }
    }
    ck_assert_int_eq(again.offset, WRITERS * EACH);
    fxi_stream_file.close_reader(reader);
}
END_TEST

/* Killed anywhere, the writer is followed by another that goes on behind what was acknowledged. */
START_TEST(killed_writers)
{
    fxi_random random;
    property_seed(&random, "killed_writers");
    snprintf(url, sizeof url, "file:%s/log?segment=64k&sync=batch", folder);
    volatile int *acked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    int kills = 0;
    long rounds = property_cases(60);
    for (long round = 0; round < rounds; round++) {
        pid_t child = fork();
        if (child == 0) {
            write_records(0, *acked, 1 << 30, 1 + (int)(round % BATCH), acked);
        }
        int begin = *acked, more = 1 + (int)fxi_random_below(&random, 400), status;
        for (int spins = 0; *acked < begin + more && spins < 2000000; spins++) {
            struct timespec t = {0, (long)fxi_random_below(&random, 50000)};
            nanosleep(&t, NULL);
            if (waitpid(child, &status, WNOHANG) != 0) {
                ck_abort_msg("the writer ended by itself, status %d", status);
            }
        }
        kill(child, SIGKILL);
        waitpid(child, &status, 0);
        kills += WIFSIGNALED(status);
    }
    ck_assert_int_eq(kills, rounds);
    test_lines lines;
    test_log_all(url, &lines);
    int next = 0;
    for (size_t i = 0; i < lines.count; i++) {
        char expected[160];
        int n = strncmp(lines.text[i], "{\"w\":0,\"n\":", 11) == 0 ? atoi(lines.text[i] + 11) : -1;
        record_text(expected, 0, n);
        if (n < 0 || strcmp(lines.text[i], expected) != 0) {
            ck_assert_ptr_null(strchr(lines.text[i], '}')); /* torn: it must not look whole */
            continue;
        }
        ck_assert_int_le(n, next); /* again from the last acknowledged one after a kill between write and answer, never ahead */
        next = n + 1 > next ? n + 1 : next;
        ck_assert_int_eq(lines.offset[i], i);
    }
    ck_assert_int_ge(next, *acked);
    ck_assert_int_eq(lines.gap_from, -1);
    test_lines_free(&lines);
}
END_TEST

START_TEST(foreign_program_beside_writers)
{
    int *acked = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    snprintf(url, sizeof url, "file:%s/log?segment=1M&sync=none", folder);
    pid_t writers[2];
    for (int w = 0; w < 2; w++) {
        if ((writers[w] = fork()) == 0) {
            write_records(w, 0, 4000, 10, &acked[w]);
        }
    }
    char command[512];
    snprintf(command, sizeof command,
             "i=0; until [ -e '%s/log/00000000000000000000.ndjson' ]; do :; done; while [ $i -lt 2000 ]; do echo \"{\\\"foreign\\\":$i}\" >> "
             "'%s/log/00000000000000000000.ndjson'; i=$((i+1)); done",
             folder, folder);
    pid_t shell = fork();
    if (shell == 0) {
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(9);
    }
    int status;
    for (int w = 0; w < 2; w++) {
        waitpid(writers[w], &status, 0);
        ck_assert_int_eq(status, 0);
    }
    waitpid(shell, &status, 0);
    ck_assert_int_eq(status, 0);
    test_lines lines;
    test_log_all(url, &lines);
    int foreign = 0, next[2] = {0, 0};
    for (size_t i = 0; i < lines.count; i++) {
        if (strncmp(lines.text[i], "{\"foreign\":", 11) == 0) {
            ck_assert_int_eq(atoi(lines.text[i] + 11), foreign++);
        } else {
            char expected[160];
            int w = lines.text[i][5] - '0';
            ck_assert_msg(w == 0 || w == 1, "record %zu is '%s'", i, lines.text[i]);
            record_text(expected, w, next[w]++);
            ck_assert_str_eq(lines.text[i], expected);
        }
    }
    ck_assert_int_eq(foreign, 2000);
    ck_assert_int_eq(next[0] + next[1], 8000);
    test_lines_free(&lines);
}
END_TEST

START_TEST(memory_runs_out)
{
    failing_allocator_install();
    snprintf(url, sizeof url, "file:%s/log?segment=4k&sync=none", folder);
    fxmon_error error;
    char big[3000];
    memset(big, 'b', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    int acked = 0;
    long nth = 1;
    for (bool reached = true; reached; nth++) {
        void *writer = NULL, *reader = NULL;
        long before = failing_allocator_alive();
        failing_allocator_fail(nth);
        if (fxi_stream_file.open_writer(&host.env, url, &writer, &error) == FXMON_DONE) {
            for (int i = 0; i < 3; i++) {
                acked += test_log_append(writer, big, &error) == FXMON_DONE;
            }
        } else {
            ck_assert_int_eq(error.code, FXMON_E_NOMEM);
        }
        fxi_stream_file.close_writer(writer);
        if (fxi_stream_file.open_reader(&host.env, url, "g", &reader, &error) == FXMON_DONE) {
            fxmon_record records[8];
            size_t count;
            int64_t first, end;
            for (int i = 0; i < 3; i++) {
                if (fxi_stream_file.read(reader, records, 8, &count, 0, &error) != FXMON_DONE) {
                    ck_assert_int_eq(error.code, FXMON_E_NOMEM);
                }
            }
            fxi_stream_file.bounds(reader, 0, &first, &end, &error);
            fxi_stream_file.seek(reader, 0, 1, &error);
        }
        fxi_stream_file.close_reader(reader);
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(failing_allocator_alive(), before);
    }
    ck_assert_int_gt(nth, 10);
    test_lines lines;
    test_log_all(url, &lines);
    ck_assert_int_ge(lines.count, acked);
    for (size_t i = 0; i < lines.count; i++) {
        ck_assert_str_eq(lines.text[i], big);
    }
    test_lines_free(&lines);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("log_writers");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 180);
    tcase_add_test(tests, four_writers_and_a_reader);
    tcase_add_test(tests, killed_writers);
    tcase_add_test(tests, foreign_program_beside_writers);
    tcase_add_test(tests, memory_runs_out);
    return support_run("log_writers", tests);
}
