/* The conformance suite of sinks for text on standard output, NDJSON and CSV files, and what is a file's own. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const fxmon_sink_ops fxi_sink_text;

static test_host host;
static char folder[128], path[200], url[240];

static void setup(void)
{
    test_host_init(&host);
    test_folder_make(folder);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static fxmon_row row_of(int n)
{
    fxmon_row row = {.time = (int64_t)n * FXMON_SECOND, .rate = {n + 1, 2}, .volatility = 0.5, .samples = 2, .source = "test", .offset = n};
    ck_assert_int_eq(fxmon_pair_parse("USD/EUR", 7, &row.pair), FXMON_OK);
    return row;
}

static char *text_of_file(void)
{
    char *text = test_file_read(path, NULL);
    return text ? text : strdup("");
}

static const char *make(const char *name)
{
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(url, sizeof url, "file:%s", path);
    return url;
}

static const char *ndjson_make(void) { return make("out.ndjson"); }
static const char *csv_make(void) { return make("out.csv"); }
static const char *influx_make(void) { return make("out.influx"); }
#define ndjson_text text_of_file
#define csv_text text_of_file
#define influx_text text_of_file
#define out_text text_of_file

/* Standard output goes to a file in this process, which Check forked for the test. */
static const char *out_make(void)
{
    make("stdout");
    fflush(stdout);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0666);
    ck_assert_int_eq(dup2(fd, STDOUT_FILENO), STDOUT_FILENO);
    close(fd);
    return "-";
}

static const int ndjson_header = 0, csv_header = 1, influx_header = 0, out_header = 0;
static const bool ndjson_remembers = true, csv_remembers = true, influx_remembers = true, out_remembers = false;

#define SINK(name) ndjson_##name
#include "sink.inc"
#undef SINK
#define SINK(name) influx_##name
#include "sink.inc"
#undef SINK
#define SINK(name) csv_##name
#include "sink.inc"
#undef SINK
#define SINK(name) out_##name
#include "sink.inc"
#undef SINK

static void *opened(const char *at)
{
    void *sink;
    fxmon_error error = {0};
    ck_assert_msg(fxi_sink_text.open(&host.env, at, &sink, &error) == FXMON_DONE, "%s", error.text);
    return sink;
}

static void put(void *sink, int n)
{
    fxmon_error error;
    fxmon_row row = row_of(n);
    fxmon_progress progress = {.lane = "l", .stream = "s", .next_offset = n + 1, .checkpoint_offset = -1};
    ck_assert_int_eq(fxi_sink_text.write(sink, &row, 1, &error), FXMON_DONE);
    ck_assert_int_eq(fxi_sink_text.flush(sink, &progress, &error), FXMON_DONE);
}

START_TEST(unfinished_batch_is_cut_off)
{
    void *sink = opened(csv_make());
    put(sink, 0);
    fxi_sink_text.close(sink);
    char *before = text_of_file();
    for (size_t extra = 1; extra < 40; extra++) { /* what a killed process left behind the last noted size */
        test_file_append(path, "1970-01-01T00:00:09Z,USD/EUR,0.10,,,0.5", extra);
        fxi_sink_text.close(opened(url));
        char *after = text_of_file();
        ck_assert_str_eq(before, after);
        free(after);
    }
    sink = opened(url);
    put(sink, 1);
    fxi_sink_text.close(sink);
    char *after = text_of_file();
    ck_assert_int_eq(csv_lines(after), 2);
    ck_assert_int_eq(strncmp(after, before, strlen(before)), 0); /* the header came once */
    free(after);
    free(before);
}
END_TEST

START_TEST(output_that_shrank_is_an_error)
{
    void *sink = opened(ndjson_make());
    fxmon_error error;
    put(sink, 0);
    void *second;
    ck_assert_int_eq(fxi_sink_text.open(&host.env, url, &second, &error), FXMON_RETRY);
    ck_assert_int_eq(error.code, FXMON_E_BUSY); /* two processes on one file */
    fxi_sink_text.close(sink);
    ck_assert_int_eq(truncate(path, 3), 0);
    ck_assert_int_eq(fxi_sink_text.open(&host.env, url, &sink, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_CORRUPT);
    ck_assert_ptr_nonnull(strstr(error.text, "has 3 bytes"));
}
END_TEST

START_TEST(dead_letters_of_standard_output_are_logged)
{
    void *sink = opened("-");
    fxmon_error error;
    fxmon_dead_letter letter = {"lane", "-", 0, 41, "{\"a\"", 4, "syntax", "at byte 4: expected ':'", 0, 0};
    ck_assert_int_eq(fxi_sink_text.dead(sink, &letter, &error), FXMON_DONE);
    ck_assert_str_eq(host.log, "");
    ck_assert_int_eq(fxi_sink_text.flush(sink, NULL, &error), FXMON_DONE);
    ck_assert_str_eq(host.log, "dead-letter: {\"lane\":\"lane\",\"stream\":\"-\",\"partition\":0,\"offset\":41,\"reason\":\"syntax\","
                               "\"text\":\"at byte 4: expected ':'\",\"record\":\"{\\\"a\\\"\"}\n");
    fxi_sink_text.close(sink);
}
END_TEST

START_TEST(names_and_settings_are_checked)
{
    fxmon_error error;
    void *sink;
    char odd[300];
    ck_assert_int_eq(fxi_sink_text.open(&host.env, make("out.txt"), &sink, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_ARGUMENT);
    snprintf(odd, sizeof odd, "%s?format=xml", url);
    ck_assert_int_eq(fxi_sink_text.open(&host.env, odd, &sink, &error), FXMON_FATAL);
    ck_assert_str_eq(error.field, "format");
    snprintf(odd, sizeof odd, "%s?form=csv", url);
    ck_assert_int_eq(fxi_sink_text.open(&host.env, odd, &sink, &error), FXMON_FATAL);
    ck_assert_int_eq(error.code, FXMON_E_OPTION);
    snprintf(odd, sizeof odd, "%s?format=csv", url);
    sink = opened(odd);
    put(sink, 0);
    fxi_sink_text.close(sink);
    char *text = text_of_file();
    ck_assert_int_eq(csv_lines(text), 1);
    free(text);
}
END_TEST

START_TEST(memory_runs_out)
{
    failing_allocator_install();
    ndjson_make();
    long nth = 1;
    fxmon_error error;
    for (bool reached = true; reached; nth++) {
        long before = failing_allocator_alive();
        void *sink;
        fxmon_row row = row_of((int)nth);
        fxmon_dead_letter letter = {"l", "s", 0, nth, "x", 1, "syntax", "text", 0, 0};
        fxmon_progress progress = {.lane = "l", .stream = "s", .next_offset = nth, .checkpoint = (void *)&row, .checkpoint_size = 16, .checkpoint_offset = 0};
        failing_allocator_fail(nth);
        if (fxi_sink_text.open(&host.env, url, &sink, &error) == FXMON_DONE) {
            fxmon_progress loaded = {.lane = "l", .stream = "s"};
            fxmon_result result = fxi_sink_text.load(sink, &loaded, &error);
            fxmon_free_memory(result == FXMON_DONE ? loaded.checkpoint : NULL);
            fxi_sink_text.write(sink, &row, 1, &error);
            fxi_sink_text.dead(sink, &letter, &error);
            fxi_sink_text.flush(sink, &progress, &error);
            fxi_sink_text.close(sink);
        }
        reached = failing_allocator_failed();
        failing_allocator_fail(0);
        ck_assert_int_eq(failing_allocator_alive(), before);
    }
    ck_assert_int_gt(nth, 10);
    fxi_sink_text.close(opened(url)); /* and what it left can be opened */
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("sink");
    tcase_add_checked_fixture(tests, setup, teardown);
    ndjson_add(tests);
    csv_add(tests);
    influx_add(tests);
    out_add(tests);
    tcase_add_test(tests, unfinished_batch_is_cut_off);
    tcase_add_test(tests, output_that_shrank_is_an_error);
    tcase_add_test(tests, dead_letters_of_standard_output_are_logged);
    tcase_add_test(tests, names_and_settings_are_checked);
    tcase_add_test(tests, memory_runs_out);
    return support_run("sink", tests);
}
