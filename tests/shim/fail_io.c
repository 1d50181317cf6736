/*
 * tests/shim/fail_io.c - an LD_PRELOAD library that makes one system call on chosen files fail.
 *
 *   FAIL_IO_PATH   only calls on paths that contain this text
 *   FAIL_IO_NTH    which of those calls fails, counted over the process from 1; 0 none
 *   FAIL_IO_HOW    an errno by number, or "short": write only half of what was asked
 *   FAIL_IO_FROM=1 the nth and every later one fail
 * Calls: open openat write pwrite writev fdatasync fsync rename renameat ftruncate fallocate.
 * A test that runs with the library preloaded finds the counters by dlsym and sets them itself.
 */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

/* Found by dlsym and set by tests that walk over every n in one process. */
extern long fail_io_nth, fail_io_count, fail_io_hits;
extern int fail_io_errno, fail_io_from;
extern char fail_io_path[256];
long fail_io_nth = -1;
long fail_io_count;
long fail_io_hits;
int fail_io_errno;
int fail_io_from;
char fail_io_path[256];

static void settings(void)
{
    if (fail_io_nth >= 0) {
        return;
    }
    const char *nth = getenv("FAIL_IO_NTH"), *how = getenv("FAIL_IO_HOW"), *path = getenv("FAIL_IO_PATH"), *from = getenv("FAIL_IO_FROM");
    fail_io_nth = nth ? strtol(nth, NULL, 10) : 0;
    fail_io_errno = how && strcmp(how, "short") != 0 ? (int)strtol(how, NULL, 10) : 0;
    fail_io_from = from && *from == '1';
    snprintf(fail_io_path, sizeof fail_io_path, "%s", path ? path : "");
}

/* Is this the call that fails? */
static int due(const char *path)
{
    settings();
    if (fail_io_nth == 0 || !path || !strstr(path, fail_io_path)) {
        return 0;
    }
    fail_io_count++;
    if (fail_io_count == fail_io_nth || (fail_io_from && fail_io_count > fail_io_nth)) {
        fail_io_hits++;
        return 1;
    }
    return 0;
}

static int due_fd(int fd)
{
    char link[64], path[1024];
    settings();
    if (fail_io_nth == 0) {
        return 0;
    }
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) {
        return 0;
    }
    path[length] = '\0';
    return due(path);
}

static int due_at(int fd, const char *name)
{
    char link[64], path[2048] = "";
    settings();
    if (fail_io_nth == 0) {
        return 0;
    }
    if (name[0] != '/' && fd != AT_FDCWD) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, 1024);
        path[length < 0 ? 0 : length] = '\0';
    }
    size_t used = strlen(path);
    snprintf(path + used, sizeof path - used, "/%s", name);
    return due(path);
}

#define REAL(name, type) ((type)dlsym(RTLD_NEXT, name))
#define FAILS(condition)                 \
    do {                                 \
        if (condition) {                 \
            errno = fail_io_errno ? fail_io_errno : EIO; \
            return -1;                   \
        }                                \
    } while (0)

ssize_t write(int fd, const void *data, size_t length);
ssize_t write(int fd, const void *data, size_t length)
{
    ssize_t (*real)(int, const void *, size_t) = REAL("write", ssize_t (*)(int, const void *, size_t));
    if (due_fd(fd)) {
        if (fail_io_errno == 0 && length > 1) {
            return real(fd, data, length / 2);
        }
        FAILS(1);
    }
    return real(fd, data, length);
}

static ssize_t pwrite_as(const char *name, int fd, const void *data, size_t length, off_t at)
{
    ssize_t (*real)(int, const void *, size_t, off_t) = REAL(name, ssize_t (*)(int, const void *, size_t, off_t));
    if (due_fd(fd)) {
        if (fail_io_errno == 0 && length > 1) {
            return real(fd, data, length / 2, at);
        }
        FAILS(1);
    }
    return real(fd, data, length, at);
}

ssize_t pwrite(int fd, const void *data, size_t length, off_t at);
ssize_t pwrite(int fd, const void *data, size_t length, off_t at)
{
    return pwrite_as("pwrite", fd, data, length, at);
}

ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at);
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t at)
{
    return pwrite_as("pwrite64", fd, data, length, at);
}

ssize_t writev(int fd, const struct iovec *parts, int count);
ssize_t writev(int fd, const struct iovec *parts, int count)
{
    ssize_t (*real)(int, const struct iovec *, int) = REAL("writev", ssize_t (*)(int, const struct iovec *, int));
    if (due_fd(fd)) {
        if (fail_io_errno == 0 && count > 1) {
            return real(fd, parts, count / 2);
        }
        FAILS(1);
    }
    return real(fd, parts, count);
}

#define BY_FD(name)                                       \
    int name(int fd);                                     \
    int name(int fd)                                      \
    {                                                     \
        FAILS(due_fd(fd));                                \
        return REAL(#name, int (*)(int))(fd);             \
    }
BY_FD(fdatasync)
BY_FD(fsync)

int ftruncate(int fd, off_t length);
int ftruncate(int fd, off_t length)
{
    FAILS(due_fd(fd));
    return REAL("ftruncate", int (*)(int, off_t))(fd, length);
}

int fallocate(int fd, int mode, off_t at, off_t length);
int fallocate(int fd, int mode, off_t at, off_t length)
{
    FAILS(due_fd(fd));
    return REAL("fallocate", int (*)(int, int, off_t, off_t))(fd, mode, at, length);
}

int rename(const char *from, const char *to);
int rename(const char *from, const char *to)
{
    FAILS(due(from));
    return REAL("rename", int (*)(const char *, const char *))(from, to);
}

int renameat(int from_fd, const char *from, int to_fd, const char *to);
int renameat(int from_fd, const char *from, int to_fd, const char *to)
{
    FAILS(due_at(from_fd, from));
    return REAL("renameat", int (*)(int, const char *, int, const char *))(from_fd, from, to_fd, to);
}

#define OPEN_AS(name)                                                         \
    int name(const char *path, int flags, ...);                               \
    int name(const char *path, int flags, ...)                                \
    {                                                                         \
        va_list rest;                                                         \
        va_start(rest, flags);                                                \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                         \
        FAILS(due(path));                                                     \
        return REAL(#name, int (*)(const char *, int, ...))(path, flags, mode); \
    }
OPEN_AS(open)
OPEN_AS(open64)

#define OPENAT_AS(name)                                                       \
    int name(int fd, const char *path, int flags, ...);                       \
    int name(int fd, const char *path, int flags, ...)                        \
    {                                                                         \
        va_list rest;                                                         \
        va_start(rest, flags);                                                \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; \
        va_end(rest);                                                         \
        FAILS(due_at(fd, path));                                              \
        return REAL(#name, int (*)(int, const char *, int, ...))(fd, path, flags, mode); \
    }
OPENAT_AS(openat)
OPENAT_AS(openat64)
