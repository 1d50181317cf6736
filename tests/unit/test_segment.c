/*
 * Segments of a file log: torn and zero-filled tails at every byte, foreign appends, rotation, retention and gaps, indexes deleted and corrupted, readers that follow,
 * odd files, records that are too long.
 */
#include "../support/log_folder.h"
#include "../support/support.h"
#include "stream/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[128], url[512], first_segment[256];
static test_host host;

static void setup(void)
{
    test_host_init(&host);
    test_folder_make(folder);
    snprintf(url, sizeof url, "file:%s/log", folder);
    snprintf(first_segment, sizeof first_segment, "%s/log/00000000000000000000.ndjson", folder);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static void *writer_at(const char *place)
{
    void *writer;
    fxmon_error error = {0};
    ck_assert_msg(fxi_stream_file.open_writer(&host.env, place, &writer, &error) == FXMON_DONE, "%s", error.text);
    return writer;
}

static void append(void *writer, const char *text)
{
    fxmon_error error = {0};
    ck_assert_msg(test_log_append(writer, text, &error) == FXMON_DONE, "%s", error.text);
}

static void append_once(const char *text)
{
    void *writer = writer_at(url);
    append(writer, text);
    fxi_stream_file.close_writer(writer);
}

static void segment_path(int64_t first, const char *suffix, char out[256])
{
    char name[FXI_SEGMENT_NAME];
    fxi_segment_name(first, suffix, name);
    snprintf(out, 256, "%s/log/%s", folder, name);
}

START_TEST(appended_is_read)
{
    void *writer = writer_at(url);
    fxmon_blob batch[3] = {{"k", "{\"a\":1}", 7, NULL, 0}, {NULL, "{\"b\":22}", 8, NULL, 0}, {NULL, "x", 1, NULL, 0}};
    fxmon_error error = {0};
    ck_assert_int_eq(fxi_stream_file.append(writer, batch, 3, &error), FXMON_DONE);
    append(writer, "last");
    fxi_stream_file.close_writer(writer);
    size_t length;
    char *text = test_file_read(first_segment, &length);
    ck_assert_str_eq(text, "{\"a\":1}\n{\"b\":22}\nx\nlast\n");
    free(text);
    test_lines lines;
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.count, 4);
    ck_assert_str_eq(lines.text[1], "{\"b\":22}");
    ck_assert_str_eq(lines.text[3], "last");
    for (size_t i = 0; i < 4; i++) {
        ck_assert_int_eq(lines.offset[i], i);
    }
    test_lines_free(&lines);
}
END_TEST

START_TEST(bad_records_are_refused)
{
    void *writer = writer_at(url);
    fxmon_blob batch[2] = {{NULL, "good", 4, NULL, 0}, {NULL, "two\nlines", 9, NULL, 0}};
    fxmon_error error = {0};
    ck_assert_int_eq(fxi_stream_file.append(writer, batch, 2, &error), FXMON_REFUSED);
    ck_assert_ptr_nonnull(strstr(error.text, "record 1 of the batch has a newline at byte 3"));
    batch[1] = (fxmon_blob){NULL, "", 0, NULL, 0};
    ck_assert_int_eq(fxi_stream_file.append(writer, batch, 2, &error), FXMON_REFUSED);
    char *big = malloc(1048577);
    memset(big, 'x', 1048577);
    batch[1] = (fxmon_blob){NULL, big, 1048577, NULL, 0};
    ck_assert_int_eq(fxi_stream_file.append(writer, batch, 2, &error), FXMON_REFUSED);
    ck_assert_int_eq(error.code, FXMON_E_TOO_LARGE);
    batch[1].length--;
    ck_assert_int_eq(fxi_stream_file.append(writer, batch, 2, &error), FXMON_DONE);
    free(big);
    fxi_stream_file.close_writer(writer);
    test_lines lines;
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.count, 2); /* nothing of the refused batches is there */
    ck_assert(!lines.oversize[1]);
    ck_assert_int_eq(strlen(lines.text[1]), 1048576);
    test_lines_free(&lines);
}
END_TEST

/* Cut the segment inside its last record, at every byte: the reader hands out the whole lines, the next writer ends the torn one. */
START_TEST(cut_at_every_byte)
{
    const char *text = "{\"n\":0}\n{\"n\":1}\n{\"timestamp\":\"2015-01-02\",\"base\":\"USD\"}\n";
    size_t whole = strlen("{\"n\":0}\n{\"n\":1}\n"), length = strlen(text);
    fxi_stream_file.close_writer(writer_at(url));
    for (size_t cut = whole; cut <= length; cut++) {
        test_file_write(first_segment, text, cut);
        test_lines lines;
        test_log_all(url, &lines);
        ck_assert_int_eq(lines.count, cut == length ? 3 : 2);
        test_lines_free(&lines);
        append_once("{\"n\":3}");
        test_log_all(url, &lines);
        bool torn = cut > whole && cut < length;
        ck_assert_int_eq(lines.count, 3 + (cut > whole));
        ck_assert_str_eq(lines.text[lines.count - 1], "{\"n\":3}");
        if (torn) { /* one line of its own, a part of the record and nothing else */
            ck_assert_int_eq(strlen(lines.text[2]), cut - whole);
            ck_assert_int_eq(memcmp(lines.text[2], text + whole, cut - whole), 0);
        }
        test_lines_free(&lines);
    }
}
END_TEST

START_TEST(tail_of_zeros)
{
    static char zeros[3000000];
    const size_t sizes[] = {1, 4095, 4096, 600000, 3000000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        fxi_stream_file.close_writer(writer_at(url));
        test_file_write(first_segment, "{\"n\":0}\n", 8);
        test_file_append(first_segment, zeros, sizes[i]);
        test_lines lines;
        test_log_all(url, &lines);
        ck_assert_int_eq(lines.count, 1);
        test_lines_free(&lines);
        append_once("{\"n\":2}");
        test_log_all(url, &lines);
        ck_assert_int_eq(lines.count, 3);
        ck_assert_int_eq(lines.text[1][0], 0);
        ck_assert_int_eq(lines.oversize[1], sizes[i] > 1048576);
        ck_assert_str_eq(lines.text[2], "{\"n\":2}");
        ck_assert_int_eq(lines.offset[2], 2);
        test_lines_free(&lines);
    }
}
END_TEST

START_TEST(foreign_appends_count)
{
    snprintf(url, sizeof url, "file:%s/log?segment=4k&sync=none", folder);
    void *writer = writer_at(url);
    char text[128], path[256];
    int64_t total = 0;
    for (int i = 0; i < 600; i++) {
        snprintf(text, sizeof text, "{\"ours\":%d,\"fill\":\"0123456789012345678901234567890123456789\"}", i);
        append(writer, text);
        total++;
        if (i % 3 == 0) { /* to the newest segment, as a shell script would */
            segment_path(((fxi_log_writer *)writer)->first, ".ndjson", path);
            snprintf(text, sizeof text, "{\"foreign\":%d}\n", i);
            test_file_append(path, text, strlen(text));
            total++;
        }
    }
    fxi_stream_file.close_writer(writer);
    test_lines lines;
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.count, total);
    int ours = 0, foreign = 0;
    for (size_t i = 0; i < lines.count; i++) {
        ck_assert_int_eq(lines.offset[i], i);
        if (lines.text[i][2] == 'o') {
            ck_assert_int_eq(atoi(lines.text[i] + 8), ours++);
        } else {
            ck_assert_int_eq(atoi(lines.text[i] + 11), foreign);
            foreign += 3;
        }
    }
    ck_assert_int_eq(lines.gap_from, -1);
    test_lines_free(&lines);
}
END_TEST

/* Lines that a foreign program writes to a segment after its rotation: carried over once, never numbered twice. */
START_TEST(late_lines_are_carried_over)
{
    snprintf(url, sizeof url, "file:%s/log?segment=4k&sync=none", folder);
    void *writer = writer_at(url);
    FILE *foreign = fopen(first_segment, "a"); /* holds the segment open over the rotation */
    ck_assert_ptr_nonnull(foreign);
    char fill[3000];
    memset(fill, 'f', sizeof fill - 1);
    fill[sizeof fill - 1] = '\0';
    append(writer, fill);
    append(writer, fill); /* rotates */
    fputs("{\"late\":1}\n{\"late\":2}\n", foreign);
    fflush(foreign);
    test_lines lines;
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.count, 2);
    test_lines_free(&lines);
    append(writer, "after");
    fputs("{\"late\":3}\n{\"unfinished", foreign);
    fclose(foreign);
    fxi_stream_file.close_writer(writer);
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.count, 6);
    const char *expected[] = {fill, fill, "{\"late\":1}", "{\"late\":2}", "after", "{\"late\":3}"};
    for (size_t i = 0; i < 6; i++) {
        ck_assert_str_eq(lines.text[i], expected[i]);
        ck_assert_int_eq(lines.offset[i], i);
    }
    test_lines_free(&lines);
}
END_TEST

START_TEST(every_offset_can_be_sought)
{
    snprintf(url, sizeof url, "file:%s/log?segment=300k&sync=none", folder);
    void *writer = writer_at(url);
    char text[96];
    const int total = 20000;
    for (int i = 0; i < total; i++) {
        snprintf(text, sizeof text, "{\"n\":%d,\"fill\":\"%.*s\"}", i, i % 40, "0123456789012345678901234567890123456789");
        append(writer, text);
    }
    fxi_stream_file.close_writer(writer);
    fxmon_error error = {0};
    for (int way = 0; way < 4; way++) { /* with index; without; corrupted; of another segment */
        char path[256], other[256];
        segment_path(0, ".index", path);
        segment_path(0, ".other", other);
        if (way == 0) {
            ck_assert_int_eq(access(path, R_OK), 0);
        } else if (way == 1) {
            unlink(path);
        } else {
            size_t length;
            char *index = test_file_read(first_segment, &length);
            free(index);
            index = malloc(length);
            memset(index, way == 2 ? '7' : '\n', length);
            test_file_write(path, index, length);
            free(index);
        }
        void *reader = test_log_reader(&host, url);
        int64_t first, end;
        ck_assert_int_eq(fxi_stream_file.bounds(reader, 0, &first, &end, &error), FXMON_DONE);
        ck_assert_int_eq(first, 0);
        ck_assert_int_eq(end, total);
        for (int n = 0; n < total; n += way == 0 ? 37 : 1021) {
            fxmon_record record;
            size_t count;
            ck_assert_msg(fxi_stream_file.seek(reader, 0, n, &error) == FXMON_DONE, "%s", error.text);
            ck_assert_int_eq(fxi_stream_file.read(reader, &record, 1, &count, 0, &error), FXMON_DONE);
            ck_assert_int_eq(count, 1);
            ck_assert_int_eq(record.offset, n);
            ck_assert_int_eq(atoi(record.data + 5), n);
        }
        ck_assert_int_eq(fxi_stream_file.seek(reader, 0, total, &error), FXMON_DONE);
        ck_assert_int_eq(fxi_stream_file.seek(reader, 0, total + 1, &error), FXMON_FATAL);
        ck_assert_int_eq(error.code, FXMON_E_GAP);
        fxi_stream_file.close_reader(reader);
    }
}
END_TEST

/* An index with a right checksum of its own whose segment has changed is not believed. */
START_TEST(index_of_other_content)
{
    snprintf(url, sizeof url, "file:%s/log?segment=64k&sync=none", folder);
    void *writer = writer_at(url);
    for (int i = 0; i < 4000; i++) {
        append(writer, "{\"same\":\"length\",\"of\":\"all\"}");
    }
    fxi_stream_file.close_writer(writer);
    size_t length;
    char *text = test_file_read(first_segment, &length);
    size_t lines_before = 0;
    for (size_t i = 0; i < length; i++) {
        lines_before += text[i] == '\n';
    }
    ck_assert_int_gt(lines_before, 2000);
    for (size_t i = 0; i < length - 100; i += 50) { /* other lines in a segment of the same size */
        text[i] = 'X';
    }
    text[length - 50] = 'Y';
    chmod(first_segment, 0644);
    test_file_write(first_segment, text, length);
    int64_t wanted = 0;
    size_t at = 0;
    while (wanted < 1500) {
        wanted += text[at++] == '\n';
    }
    void *reader = test_log_reader(&host, url);
    fxmon_error error = {0};
    fxmon_record record;
    size_t count;
    ck_assert_int_eq(fxi_stream_file.seek(reader, 0, 1500, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_stream_file.read(reader, &record, 1, &count, 0, &error), FXMON_DONE);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(memcmp(record.data, text + at, record.length + 1), 0);
    fxi_stream_file.close_reader(reader);
    free(text);
}
END_TEST

START_TEST(retention_leaves_a_gap)
{
    snprintf(url, sizeof url, "file:%s/log?segment=4k&retain-bytes=16k&sync=none", folder);
    void *writer = writer_at(url);
    char text[200];
    void *early = test_log_reader(&host, url);
    test_lines before = {0};
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "{\"n\":%d,\"fill\":\"%0100d\"}", i, i);
        append(writer, text);
        if (i == 10) {
            test_log_drain(early, &before);
            ck_assert_int_eq(before.count, 11);
        }
    }
    fxmon_error error = {0};
    int64_t first, end;
    ck_assert_int_eq(fxi_stream_file.bounds(early, 0, &first, &end, &error), FXMON_DONE);
    ck_assert_int_eq(end, 1000);
    ck_assert_int_gt(first, 800);
    test_log_drain(early, &before); /* it has its segment open still, then the gap */
    ck_assert_int_eq(before.gap_to, first);
    ck_assert_int_gt(before.gap_from, 10);
    for (size_t i = 0; i < before.count; i++) {
        ck_assert_int_eq(atoi(before.text[i] + 5), before.offset[i]);
    }
    ck_assert_int_eq(before.offset[before.count - 1], 999);
    fxmon_record record;
    size_t count;
    ck_assert_int_eq(fxi_stream_file.seek(early, 0, 5, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_stream_file.read(early, &record, 1, &count, 0, &error), FXMON_DONE);
    ck_assert_int_eq(record.kind, FXMON_GAP);
    ck_assert_int_eq(record.from, 5);
    ck_assert_int_eq(record.offset, first);
    ck_assert_int_eq(fxi_stream_file.read(early, &record, 1, &count, 0, &error), FXMON_DONE);
    ck_assert_int_eq(count, 0); /* nothing before the lane has decided */
    test_lines_free(&before);
    fxi_stream_file.close_reader(early);
    fxi_stream_file.close_writer(writer);
}
END_TEST

START_TEST(rotation_and_retention_by_age)
{
    snprintf(url, sizeof url, "file:%s/log?segment-age=1h&retain=3h", folder);
    void *writer = writer_at(url);
    append(writer, "zero");
    append(writer, "one");
    host.ahead = 3601 * FXMON_SECOND;
    append(writer, "two"); /* in a segment of its own */
    char path[256];
    segment_path(2, ".ndjson", path);
    ck_assert_int_eq(access(path, R_OK), 0);
    ck_assert_int_eq(access(first_segment, R_OK), 0);
    host.ahead = 4 * 3600 * FXMON_SECOND;
    append(writer, "three");
    ck_assert_int_ne(access(first_segment, R_OK), 0);
    fxi_stream_file.close_writer(writer);
}
END_TEST

START_TEST(follow_over_rotation)
{
    snprintf(url, sizeof url, "file:%s/log?segment=4k&sync=none", folder);
    void *reader;
    fxmon_error error = {0};
    fxmon_record record;
    size_t count;
    /* the folder is not there yet: the reader waits and makes nothing */
    ck_assert_int_eq(fxi_stream_file.open_reader(&host.env, url, "g", &reader, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_stream_file.read(reader, &record, 1, &count, 0, &error), FXMON_DONE);
    ck_assert_int_eq(count, 0);
    char path[256];
    snprintf(path, sizeof path, "%s/log", folder);
    ck_assert_int_ne(access(path, F_OK), 0);
    void *writer = writer_at(url);
    ck_assert_int_eq(fxi_stream_file.read(reader, &record, 1, &count, 0, &error), FXMON_DONE);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(record.kind, FXMON_ASSIGNED);
    ck_assert_int_ge(fxi_stream_file.pollfd(reader), 0);
    char text[128];
    for (int i = 0; i < 500; i++) {
        snprintf(text, sizeof text, "{\"n\":%d,\"fill\":\"0123456789012345678901234567890123456789\"}", i);
        append(writer, text);
        ck_assert_int_eq(fxi_stream_file.read(reader, &record, 1, &count, 1000, &error), FXMON_DONE);
        ck_assert_int_eq(count, 1);
        ck_assert_int_eq(record.offset, i);
        ck_assert_int_eq(atoi(record.data + 5), i);
    }
    fxi_stream_file.close_writer(writer);
    fxi_stream_file.close_reader(reader);
}
END_TEST

START_TEST(unfinished_end_of_a_closed_segment)
{
    append_once("zero");
    char path[256];
    test_file_append(first_segment, "unfinished", 10);
    segment_path(2, ".ndjson", path);
    test_file_write(path, "two\n", 4);
    test_lines lines;
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.count, 3);
    ck_assert_str_eq(lines.text[1], "unfinished");
    ck_assert_int_eq(lines.offset[2], 2);
    test_lines_free(&lines);
    /* and one that misses lines is a gap */
    segment_path(10, ".ndjson", path);
    test_file_write(path, "ten\n", 4);
    test_log_all(url, &lines);
    ck_assert_int_eq(lines.count, 4);
    ck_assert_int_eq(lines.gap_from, 3);
    ck_assert_int_eq(lines.gap_to, 10);
    test_lines_free(&lines);
    for (int64_t n = 0; n < 12; n++) { /* every place in it can be sought */
        void *reader = test_log_reader(&host, url);
        fxmon_error error = {0};
        fxmon_record record;
        size_t count;
        fxmon_result result = fxi_stream_file.seek(reader, 0, n, &error);
        ck_assert_int_eq(result, n <= 11 ? FXMON_DONE : FXMON_FATAL);
        ck_assert_int_eq(fxi_stream_file.read(reader, &record, 1, &count, 0, &error), FXMON_DONE);
        ck_assert_int_eq(count, n < 11);
        if (n < 11) {
            ck_assert_int_eq(record.kind, n >= 3 && n < 10 ? FXMON_GAP : FXMON_RECORD);
            ck_assert_int_eq(record.offset, n >= 3 && n < 10 ? 10 : n);
        }
        fxi_stream_file.close_reader(reader);
    }
}
END_TEST

START_TEST(odd_files_are_ignored_once)
{
    append_once("zero");
    char path[256];
    snprintf(path, sizeof path, "%s/log/notes.txt", folder);
    test_file_write(path, "x", 1);
    void *reader = test_log_reader(&host, url);
    test_lines lines = {0};
    test_log_drain(reader, &lines);
    ck_assert_int_eq(lines.count, 1);
    const char *said = strstr(host.log, "notes.txt");
    ck_assert_ptr_nonnull(said);
    fxmon_error error = {0};
    ck_assert_int_eq(fxi_stream_file.seek(reader, 0, 0, &error), FXMON_DONE);
    ck_assert_ptr_null(strstr(said + 1, "notes.txt"));
    test_lines_free(&lines);
    fxi_stream_file.close_reader(reader);
}
END_TEST

START_TEST(cut_under_a_reader)
{
    append_once("zero");
    append_once("one");
    void *reader = test_log_reader(&host, url);
    test_lines lines = {0};
    test_log_drain(reader, &lines);
    ck_assert_int_eq(truncate(first_segment, 5), 0);
    test_log_drain(reader, &lines);
    ck_assert_int_eq(lines.result, FXMON_FATAL);
    ck_assert_int_eq(lines.error.code, FXMON_E_GAP);
    test_lines_free(&lines);
    fxi_stream_file.close_reader(reader);
}
END_TEST

START_TEST(identity_is_kept)
{
    append_once("zero");
    void *a = test_log_reader(&host, url), *b = test_log_reader(&host, url);
    ck_assert_int_eq(strlen(fxi_stream_file.identity(a)), 5 + 32);
    ck_assert_str_eq(fxi_stream_file.identity(a), fxi_stream_file.identity(b));
    fxi_stream_file.close_reader(a);
    fxi_stream_file.close_reader(b);
    char path[256];
    snprintf(path, sizeof path, "%s/log/log.id", folder);
    test_file_write(path, "nonsense\n", 9);
    fxmon_error error = {0};
    void *reader;
    ck_assert_int_eq(fxi_stream_file.open_reader(&host.env, url, "g", &reader, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_CORRUPT);
}
END_TEST

START_TEST(settings_are_checked)
{
    static const struct { const char *query; int code; const char *field; } bad[] = {
        {"sync=always", FXMON_E_RANGE, "sync"}, {"segment=1k", FXMON_E_RANGE, "segment"}, {"segmnt=1M", FXMON_E_OPTION, "segmnt"},
        {"retain=-1s", FXMON_E_RANGE, "retain"}, {"max-record=1G", FXMON_E_RANGE, "max-record"}};
    void *state;
    fxmon_error error;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        snprintf(url, sizeof url, "file:%s/log?%s", folder, bad[i].query);
        ck_assert_int_eq(fxi_stream_file.open_writer(&host.env, url, &state, &error), FXMON_FATAL);
        ck_assert_int_eq(error.code, bad[i].code);
        ck_assert_str_eq(error.field, bad[i].field);
    }
    test_host_set(&host, "segment-bytes", "5k");
    test_host_set(&host, "sync", "none");
    snprintf(url, sizeof url, "file:%s/log?segment=6k", folder);
    fxi_folder_settings s;
    ck_assert_int_eq(fxi_folder_settings_read(&host.env, url, &s, &error), FXMON_OK);
    ck_assert_int_eq(s.segment_bytes, 6 * 1024);
    ck_assert(!s.sync);
    fxi_folder_settings_free(&s);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("segment");
    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, appended_is_read);
    tcase_add_test(tests, bad_records_are_refused);
    tcase_add_test(tests, cut_at_every_byte);
    tcase_add_test(tests, tail_of_zeros);
    tcase_add_test(tests, foreign_appends_count);
    tcase_add_test(tests, late_lines_are_carried_over);
    tcase_add_test(tests, every_offset_can_be_sought);
    tcase_add_test(tests, index_of_other_content);
    tcase_add_test(tests, retention_leaves_a_gap);
    tcase_add_test(tests, rotation_and_retention_by_age);
    tcase_add_test(tests, follow_over_rotation);
    tcase_add_test(tests, unfinished_end_of_a_closed_segment);
    tcase_add_test(tests, odd_files_are_ignored_once);
    tcase_add_test(tests, cut_under_a_reader);
    tcase_add_test(tests, identity_is_kept);
    tcase_add_test(tests, settings_are_checked);
    return support_run("segment", tests);
}
