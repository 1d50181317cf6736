/* tests/support/log_folder.c - see log_folder.h. */
#include "log_folder.h"

#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static int64_t clock_now(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * FXMON_SECOND + t.tv_nsec;
}

static int64_t host_now(void *user)
{
    return clock_now(CLOCK_REALTIME) + ((test_host *)user)->ahead;
}

static int64_t host_monotonic(void *user)
{
    (void)user;
    return clock_now(CLOCK_MONOTONIC);
}

static bool host_stopping(void *user)
{
    return ((test_host *)user)->stopping;
}

static void host_log(void *user, int level, const char *component, const char *text)
{
    test_host *host = user;
    size_t used = strlen(host->log);
    (void)level;
    snprintf(host->log + used, sizeof host->log - used, "%s: %s\n", component, text);
}

static const char *host_option(void *user, const char *name)
{
    test_host *host = user;
    for (int i = 0; i < host->options; i++) {
        if (strcmp(host->option[i].name, name) == 0) {
            return host->option[i].value;
        }
    }
    return NULL;
}

void test_host_init(test_host *host)
{
    memset(host, 0, sizeof *host);
    host->env = (fxmon_env){sizeof(fxmon_env), host, host_now, host_monotonic, host_stopping, host_log, host_option};
}

void test_host_set(test_host *host, const char *name, const char *value)
{
    ck_assert_int_lt(host->options, 16);
    snprintf(host->option[host->options].name, sizeof host->option[0].name, "%s", name);
    snprintf(host->option[host->options++].value, sizeof host->option[0].value, "%s", value);
}

void test_folder_make(char out[128])
{
    const char *tmp = getenv("TMPDIR");
    snprintf(out, 128, "%s/fxmon-test-XXXXXX", tmp && strlen(tmp) < 90 ? tmp : "/tmp");
    ck_assert_ptr_nonnull(mkdtemp(out));
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

void test_folder_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

char *test_file_read(const char *path, size_t *length)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return NULL;
    }
    ck_assert_int_eq(fstat(fd, &st), 0);
    char *data = malloc((size_t)st.st_size + 1);
    ck_assert_ptr_nonnull(data);
    ck_assert_int_eq(read(fd, data, (size_t)st.st_size), st.st_size);
    data[st.st_size] = '\0';
    close(fd);
    if (length) {
        *length = (size_t)st.st_size;
    }
    return data;
}

static void put(const char *path, int flags, const void *data, size_t length)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | flags, 0666);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, data, length), (ssize_t)length);
    close(fd);
}

void test_file_write(const char *path, const void *data, size_t length)
{
    put(path, O_TRUNC, data, length);
}

void test_file_append(const char *path, const void *data, size_t length)
{
    put(path, O_APPEND, data, length);
}

void *test_log_reader(test_host *host, const char *url)
{
    void *reader;
    fxmon_error error = {0};
    fxmon_record record;
    size_t count;
    ck_assert_msg(fxi_stream_file.open_reader(&host->env, url, "test", &reader, &error) == FXMON_DONE, "%s", error.text);
    ck_assert_int_eq(fxi_stream_file.read(reader, &record, 1, &count, 0, &error), FXMON_DONE);
    ck_assert_int_eq(count, 1);
    ck_assert_int_eq(record.kind, FXMON_ASSIGNED);
    ck_assert_int_eq(record.partition, 0);
    return reader;
}

static void lines_add(test_lines *lines, const fxmon_record *record)
{
    if (lines->count == lines->capacity) {
        lines->capacity = lines->capacity ? lines->capacity * 2 : 64;
        lines->text = realloc(lines->text, lines->capacity * sizeof *lines->text);
        lines->offset = realloc(lines->offset, lines->capacity * sizeof *lines->offset);
        lines->oversize = realloc(lines->oversize, lines->capacity * sizeof *lines->oversize);
        ck_assert(lines->text && lines->offset && lines->oversize);
    }
    char *text = malloc(record->length + 1);
    ck_assert_ptr_nonnull(text);
    memcpy(text, record->data, record->length);
    text[record->length] = '\0';
    lines->text[lines->count] = text;
    lines->offset[lines->count] = record->offset;
    lines->oversize[lines->count++] = record->oversize;
}

void test_log_drain(void *reader, test_lines *lines)
{
    fxmon_record records[97];
    size_t count;
    if (lines->capacity == 0) {
        lines->gap_from = lines->gap_to = -1;
    }
    for (;;) {
        lines->result = fxi_stream_file.read(reader, records, 97, &count, 0, &lines->error);
        if (lines->result != FXMON_DONE || count == 0) {
            return;
        }
        for (size_t i = 0; i < count; i++) {
            if (records[i].kind == FXMON_GAP) {
                lines->gap_from = records[i].from;
                lines->gap_to = records[i].offset;
                ck_assert_int_eq(fxi_stream_file.seek(reader, 0, records[i].offset, &lines->error), FXMON_DONE);
            } else {
                ck_assert_int_eq(records[i].kind, FXMON_RECORD);
                lines_add(lines, &records[i]);
            }
        }
    }
}

void test_lines_free(test_lines *lines)
{
    for (size_t i = 0; i < lines->count; i++) {
        free(lines->text[i]);
    }
    free(lines->text);
    free(lines->offset);
    free(lines->oversize);
    memset(lines, 0, sizeof *lines);
}

void test_log_all(const char *url, test_lines *lines)
{
    test_host host;
    test_host_init(&host);
    memset(lines, 0, sizeof *lines);
    void *reader = test_log_reader(&host, url);
    test_log_drain(reader, lines);
    fxi_stream_file.close_reader(reader);
}

fxmon_result test_log_append(void *writer, const char *text, fxmon_error *error)
{
    fxmon_blob blob = {.data = text, .length = strlen(text)};
    return fxi_stream_file.append(writer, &blob, 1, error);
}
