/*
 * stream/folder.c - settings, identity and lock of a file log's folder.
 *
 * The identity appears whole or not at all: it is written to a file of its own and then linked to its name, which fails if somebody was faster. Both then read
 * the same name.
 */
#include "stream/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/url.h"
#include "base/value.h"

#define IDENTITY_FILE "log.id"
#define IDENTITY_DIGITS 32
#define LOCK_FILE "log.lock"
#define LOCK_NUMBER 20

static int64_t clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (int64_t)t.tv_sec * FXMON_SECOND + t.tv_nsec;
}

int64_t fxi_folder_now(const fxmon_env *env)
{
    return env && env->now ? env->now(env->user) : clock_of(CLOCK_REALTIME);
}

int64_t fxi_folder_monotonic(const fxmon_env *env)
{
    return env && env->monotonic ? env->monotonic(env->user) : clock_of(CLOCK_MONOTONIC);
}

/* ---- settings ---- */

typedef int (*value_parser)(const char *text, size_t length, int64_t *out);

static int sync_parse(const char *text, size_t length, int64_t *out)
{
    *out = length == 5 && memcmp(text, "batch", 5) == 0;
    return *out || (length == 4 && memcmp(text, "none", 4) == 0) ? FXMON_OK : FXMON_E_SYNTAX;
}

/* Name in the URL, name of the option, what is expected. */
typedef struct setting {
    const char *parameter, *option, *expected, *initial;
    value_parser parse;
    int64_t minimum, value;
} setting;

enum { SYNC, SEGMENT_BYTES, SEGMENT_AGE, RETENTION, RETENTION_BYTES, MAX_RECORD, SETTINGS };

static void settings_table(setting out[SETTINGS])
{
    const setting table[SETTINGS] = {
        [SYNC] = {"sync", "sync", "batch or none", "batch", sync_parse, 0, 0},
        [SEGMENT_BYTES] = {"segment", "segment-bytes", "a size from 4k, such as 64MiB", "64MiB", fxi_size_parse, 4096, 0},
        [SEGMENT_AGE] = {"segment-age", "segment-age", "a duration from 1s, such as 1d", "1d", fxmon_duration_parse, FXMON_SECOND, 0},
        [RETENTION] = {"retain", "retention", "a duration from 1s, such as 30d", NULL, fxmon_duration_parse, FXMON_SECOND, 0},
        [RETENTION_BYTES] = {"retain-bytes", "retention-bytes", "a size from 4k, such as 10GiB", NULL, fxi_size_parse, 4096, 0},
        [MAX_RECORD] = {"max-record", "max-record", "a size from 1k to 64MiB", "1MiB", fxi_size_parse, 1024, 0},
    };
    memcpy(out, table, sizeof table);
}

static int setting_take(setting *s, const char *name, const char *text, fxmon_error *error)
{
    if (s->parse(text, strlen(text), &s->value) != FXMON_OK || s->value < s->minimum ||
        (s->parse == fxi_size_parse && s->minimum == 1024 && s->value > 64 * 1024 * 1024)) {
        return fxi_fail(error, FXMON_E_RANGE, name, "%s=%.60s: expected %s", name, text, s->expected);
    }
    return FXMON_OK;
}

typedef struct parameters {
    setting *table;
    fxmon_error *error;
    int code;
} parameters;

static bool parameter_take(void *user, const char *name, const char *value)
{
    parameters *p = user;
    const char *names[2 * SETTINGS + 1];
    for (int i = 0; i < SETTINGS; i++) {
        if (strcmp(name, p->table[i].parameter) == 0 || strcmp(name, p->table[i].option) == 0) {
            p->code = setting_take(&p->table[i], name, value, p->error);
            return p->code == FXMON_OK;
        }
        names[2 * i] = p->table[i].parameter;
        names[2 * i + 1] = p->table[i].option;
    }
    names[2 * SETTINGS] = NULL;
    const char *near = fxi_nearest(name, names);
    p->code = fxi_fail(p->error, FXMON_E_OPTION, name, "a file log has no parameter '%.40s'%s%s%s", name, near ? "; did you mean '" : "",
                       near ? near : "", near ? "'?" : "");
    return false;
}

int fxi_folder_settings_read(const fxmon_env *env, const char *url, fxi_folder_settings *out, fxmon_error *error)
{
    setting table[SETTINGS];
    fxi_url parsed;
    memset(out, 0, sizeof *out);
    int code = fxi_url_parse(url, &parsed, error);
    if (code != FXMON_OK) {
        return code;
    }
    settings_table(table);
    for (int i = 0; i < SETTINGS && code == FXMON_OK; i++) {
        const char *text = fxi_env_text(env, table[i].option, NULL);
        if (!text) {
            text = table[i].initial;
        }
        code = text ? setting_take(&table[i], table[i].option, text, error) : FXMON_OK;
    }
    parameters p = {table, error, code};
    if (code == FXMON_OK && parsed.query) {
        fxi_url_each_param(&parsed, parameter_take, &p);
        code = p.code;
    }
    if (code == FXMON_OK && (parsed.host || parsed.path[0] == '\0')) {
        code = fxi_fail(error, FXMON_E_ARGUMENT, "file", "%.100s: expected file:FOLDER", url);
    }
    if (code == FXMON_OK && !(out->path = fxi_strdup(parsed.path))) {
        code = fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a file log");
    }
    out->sync = table[SYNC].value != 0;
    out->segment_bytes = table[SEGMENT_BYTES].value;
    out->segment_age = table[SEGMENT_AGE].value;
    out->retention = table[RETENTION].value;
    out->retention_bytes = table[RETENTION_BYTES].value;
    out->max_record = table[MAX_RECORD].value;
    fxi_url_free(&parsed);
    return code;
}

void fxi_folder_settings_free(fxi_folder_settings *settings)
{
    fxi_free(settings->path);
    settings->path = NULL;
}

/* ---- the folder ---- */

/* mkdir of one folder, whose entry in its parent is made to last. */
static bool make_one(const char *path)
{
    if (mkdir(path, 0777) != 0) {
        return errno == EEXIST;
    }
    char parent[4096];
    snprintf(parent, sizeof parent, "%s", path);
    char *slash = strrchr(parent, '/');
    if (slash == parent) {
        slash[1] = '\0';
    } else if (slash) {
        *slash = '\0';
    } else {
        snprintf(parent, sizeof parent, ".");
    }
    int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        fsync(fd); /* best effort: where it matters the segment's own fsync of the folder follows */
        close(fd);
    }
    return true;
}

int fxi_folder_open(const char *path, bool create)
{
    char part[4096];
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 || errno != ENOENT || !create) {
        return fd;
    }
    size_t length = strlen(path);
    if (length >= sizeof part) {
        errno = ENAMETOOLONG;
        return -1;
    }
    for (size_t i = 1; i <= length; i++) {
        if ((path[i] == '/' || path[i] == '\0') && path[i - 1] != '/') {
            memcpy(part, path, i);
            part[i] = '\0';
            if (!make_one(part)) {
                return -1;
            }
        }
    }
    return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* ---- identity ---- */

static bool identity_read(int folder, char out[FXI_FOLDER_IDENTITY])
{
    char text[IDENTITY_DIGITS + 2] = "";
    int fd = openat(folder, IDENTITY_FILE, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        return false;
    }
    ssize_t got;
    do {
        got = read(fd, text, IDENTITY_DIGITS + 1);
    } while (got < 0 && errno == EINTR);
    close(fd);
    if (got < IDENTITY_DIGITS || strspn(text, "0123456789abcdef") != IDENTITY_DIGITS) {
        errno = EINVAL;
        return false;
    }
    snprintf(out, FXI_FOLDER_IDENTITY, "file:%.32s", text);
    return true;
}

static void identity_make(int folder)
{
    unsigned char random[IDENTITY_DIGITS / 2];
    char text[IDENTITY_DIGITS + 2], temporary[64];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
        return;
    }
    for (size_t i = 0; i < sizeof random; i++) {
        snprintf(text + 2 * i, 3, "%02x", (unsigned)random[i]);
    }
    text[IDENTITY_DIGITS] = '\n';
    snprintf(temporary, sizeof temporary, ".log.id.%.16s", text);
    int fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (fd < 0) {
        return;
    }
    bool good = write(fd, text, IDENTITY_DIGITS + 1) == IDENTITY_DIGITS + 1 && fsync(fd) == 0;
    good = close(fd) == 0 && good;
    if (good && linkat(folder, temporary, folder, IDENTITY_FILE, 0) != 0 && errno != EEXIST) {
        /* a file system without hard links */
        if (renameat2(folder, temporary, folder, IDENTITY_FILE, RENAME_NOREPLACE) == 0) {
            return;
        }
    }
    unlinkat(folder, temporary, 0);
}

int fxi_folder_identity(int folder, char out[FXI_FOLDER_IDENTITY], fxmon_error *error)
{
    if (identity_read(folder, out)) {
        return FXMON_OK;
    }
    if (errno == ENOENT) {
        identity_make(folder);
        if (identity_read(folder, out)) {
            return FXMON_OK;
        }
    }
    if (errno == EINVAL) {
        return fxi_fail(error, FXMON_E_CORRUPT, "log.id", "the log's file log.id should hold 32 hexadecimal digits: restore it, since progress is kept under that name");
    }
    struct stat st;
    if (errno != ENOENT || fstat(folder, &st) != 0) {
        return fxi_fail_errno(error, errno, "cannot read", "the log's file log.id");
    }
    snprintf(out, FXI_FOLDER_IDENTITY, "file:%llx-%llx", (unsigned long long)st.st_dev, (unsigned long long)st.st_ino);
    return FXMON_OK;
}

/* ---- the writers' lock ---- */

int fxi_folder_lock_open(int folder, fxmon_error *error)
{
    int fd = openat(folder, LOCK_FILE, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
    if (fd < 0) {
        fxi_fail_errno(error, errno, "cannot open", "the log's file log.lock");
    }
    return fd;
}

fxmon_result fxi_folder_lock(const fxmon_env *env, int lock, fxmon_error *error)
{
    int64_t start = -1;
    for (int64_t pause = 50000;; pause = pause < 5000000 ? pause * 2 : pause) {
        if (flock(lock, LOCK_EX | LOCK_NB) == 0) {
            return FXMON_DONE;
        }
        if (errno != EWOULDBLOCK && errno != EINTR) {
            fxi_fail_errno(error, errno, "cannot lock", "the log's file log.lock");
            return FXMON_RETRY;
        }
        int64_t now = fxi_folder_monotonic(env);
        if (start < 0) {
            start = now;
        }
        if (now - start > FXI_FOLDER_LOCK_WAIT || (env && env->stopping && env->stopping(env->user) && now - start > FXMON_SECOND)) {
            fxi_fail(error, FXMON_E_BUSY, "log.lock", "another writer of the log holds its lock for more than %lld ms",
                     (long long)((now - start) / 1000000));
            return FXMON_RETRY;
        }
        struct timespec t = {0, (long)pause};
        ppoll(NULL, 0, &t, NULL);
    }
}

void fxi_folder_unlock(int lock)
{
    flock(lock, LOCK_UN);
}

int64_t fxi_folder_active(int lock)
{
    char text[LOCK_NUMBER + 1];
    if (pread(lock, text, sizeof text, 0) != (ssize_t)sizeof text || text[LOCK_NUMBER] != '\n') {
        return -1;
    }
    int64_t number = 0;
    for (int i = 0; i < LOCK_NUMBER; i++) {
        if (text[i] < '0' || text[i] > '9' || number > (INT64_MAX - 9) / 10) {
            return -1;
        }
        number = number * 10 + (text[i] - '0');
    }
    return number;
}

bool fxi_folder_active_set(int lock, int64_t first)
{
    char text[LOCK_NUMBER + 2];
    if (first < 0) {
        snprintf(text, sizeof text, "%20s\n", "rotating");
    } else {
        snprintf(text, sizeof text, "%020lld\n", (long long)first);
    }
    if (pwrite(lock, text, LOCK_NUMBER + 1, 0) == LOCK_NUMBER + 1) {
        return true;
    }
    return ftruncate(lock, 0) == 0; /* an unknown number is always right: the next writer lists the folder */
}
