/*
 * tests/support/log_folder.h - what tests of streams and sinks share: a host environment with settable options and clock, temporary folders, whole files, and reading a
 * file log to its end.
 */
#ifndef FXMON_TEST_LOG_FOLDER_H
#define FXMON_TEST_LOG_FOLDER_H

#include <fxmon/plugin.h>

/** An env for drivers. Options by name; the wall clock is the system's plus `ahead`; what is logged is collected. */
typedef struct test_host {
    fxmon_env env;
    struct { char name[32], value[96]; } option[16];
    int options;
    int64_t ahead;
    bool stopping;
    char log[16384];
} test_host;
void test_host_init(test_host *host);
void test_host_set(test_host *host, const char *name, const char *value);

/** A new folder under TMPDIR, removed with everything in it by test_folder_remove. */
void test_folder_make(char out[128]);
void test_folder_remove(const char *path);

char *test_file_read(const char *path, size_t *length);            /* free() it; NULL: no such file */
void test_file_write(const char *path, const void *data, size_t length);  /* replaces */
void test_file_append(const char *path, const void *data, size_t length); /* as >> does */

extern const fxmon_stream_ops fxi_stream_file;

/** What a reader handed out, until nothing came any more. */
typedef struct test_lines {
    char **text;
    int64_t *offset;
    bool *oversize;
    size_t count, capacity;
    int64_t gap_from, gap_to; /* the last gap, -1 none */
    fxmon_result result;      /* of the last read */
    fxmon_error error;
} test_lines;
void *test_log_reader(test_host *host, const char *url);           /* with FXMON_ASSIGNED already read */
void test_log_drain(void *reader, test_lines *lines);              /* adds; goes on at gaps */
void test_lines_free(test_lines *lines);
/** Everything in the log, from its first record. */
void test_log_all(const char *url, test_lines *lines);
fxmon_result test_log_append(void *writer, const char *text, fxmon_error *error); /* one record */

#endif
