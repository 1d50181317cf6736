/* The conformance suite of streams for the file log and for pipes, and what is a pipe's own. */
#include "../support/log_folder.h"
#include "../support/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const fxmon_stream_ops fxi_stream_pipe;

static test_host host;
static char folder[128], url[200];
static int saved_output = -1;

static void setup(void)
{
    test_host_init(&host);
    test_folder_make(folder);
}

static void teardown(void)
{
    test_folder_remove(folder);
}

static const char *file_make(void)
{
    snprintf(url, sizeof url, "file:%s/log", folder);
    return url;
}

static void file_stop_writing(void)
{
}

/* Standard output and input of this process (Check forks one per test) become the two ends of a pipe. */
static const char *pipe_make(void)
{
    int ends[2];
    fflush(stdout);
    saved_output = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 10);
    ck_assert_int_eq(pipe(ends), 0);
    ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
    ck_assert_int_eq(dup2(ends[1], STDOUT_FILENO), STDOUT_FILENO);
    close(ends[0]);
    close(ends[1]);
    return "-";
}

static void pipe_stop_writing(void)
{
    dup2(saved_output, STDOUT_FILENO); /* the last writing end is closed with this */
}

static const bool file_replays = true, pipe_replays = false, file_lines = true, pipe_lines = true;
#define file_ops fxi_stream_file
#define pipe_ops fxi_stream_pipe

#define STREAM(name) file_##name
#include "stream.inc"
#undef STREAM
#define STREAM(name) pipe_##name
#include "stream.inc"
#undef STREAM

static void input_is(const char *data, size_t length)
{
    char path[200];
    snprintf(path, sizeof path, "%s/input", folder);
    test_file_write(path, data, length);
    int fd = open(path, O_RDONLY);
    ck_assert_int_eq(dup2(fd, STDIN_FILENO), STDIN_FILENO);
    close(fd);
}

START_TEST(pipe_last_line_needs_no_newline)
{
    input_is("one\ntwo", 7);
    void *reader;
    fxmon_error error;
    char text[64][64];
    int64_t offset[64];
    fxmon_record record;
    size_t count;
    ck_assert_int_eq(fxi_stream_pipe.open_reader(&host.env, "-", "g", &reader, &error), FXMON_DONE);
    pipe_assigned(reader);
    ck_assert_int_eq(pipe_collect(reader, text, offset), 2);
    ck_assert_str_eq(text[1], "two");
    ck_assert_int_eq(fxi_stream_pipe.read(reader, &record, 1, &count, 0, &error), FXMON_END);
    fxi_stream_pipe.close_reader(reader);
}
END_TEST

START_TEST(pipe_long_lines_do_not_stop_it)
{
    size_t length = 3000000;
    char *input = malloc(length + 16);
    memset(input, 'x', length);
    memcpy(input, "one\n", 4);
    memcpy(input + length, "\nthree\n", 7);
    input_is(input, length + 7);
    free(input);
    void *reader;
    fxmon_error error;
    fxmon_record records[8];
    size_t count = 0, seen = 0;
    test_host_set(&host, "max-record", "64k");
    ck_assert_int_eq(fxi_stream_pipe.open_reader(&host.env, "-", "g", &reader, &error), FXMON_DONE);
    for (int i = 0; i < 1000 && seen < 4; i++) {
        ck_assert_int_eq(fxi_stream_pipe.read(reader, records, 8, &count, 0, &error), FXMON_DONE);
        for (size_t k = 0; k < count; k++, seen++) {
            if (seen == 2) {
                ck_assert(records[k].oversize);
                ck_assert_int_eq(records[k].length, 4096);
                ck_assert_int_eq(records[k].data[4095], 'x');
            } else if (seen == 3) {
                ck_assert(!records[k].oversize);
                ck_assert_int_eq(memcmp(records[k].data, "three", 5), 0);
                ck_assert_int_eq(records[k].offset, 2);
            }
        }
    }
    ck_assert_int_eq(seen, 4);
    fxi_stream_pipe.close_reader(reader);
}
END_TEST

START_TEST(pipe_without_reader_ends_quietly)
{
    void *writer;
    fxmon_error error;
    pipe_make();
    close(STDIN_FILENO);
    ck_assert_int_eq(fxi_stream_pipe.open_writer(&host.env, "-", &writer, &error), FXMON_DONE);
    fxmon_result result = pipe_append(writer, "one", "two", &error);
    pipe_stop_writing();
    ck_assert_int_eq(result, FXMON_END); /* and no SIGPIPE: this line is reached */
    ck_assert_int_eq(error.code, FXMON_E_STOPPED);
    fxi_stream_pipe.close_writer(writer);
}
END_TEST

int main(void)
{
    TCase *tests = tcase_create("stream");
    tcase_add_checked_fixture(tests, setup, teardown);
    file_add(tests);
    pipe_add(tests);
    tcase_add_test(tests, pipe_last_line_needs_no_newline);
    tcase_add_test(tests, pipe_long_lines_do_not_stop_it);
    tcase_add_test(tests, pipe_without_reader_ends_quietly);
    return support_run("stream", tests);
}
