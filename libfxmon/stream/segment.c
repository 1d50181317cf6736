/*
 * stream/segment.c - names and lists of segments, and counting their lines.
 *
 * Counting is the only truth about record numbers: foreign programs append with >> and know nothing of any counter. It runs at
 * memory speed, happens once a rotation and once a seek, and the index shortens the latter.
 */
#include "stream/segment.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

#define WALK_CHUNK ((size_t)256 * 1024)
#define NUMBER_DIGITS 20

void fxi_segment_name(int64_t first, const char *suffix, char out[FXI_SEGMENT_NAME])
{
    snprintf(out, FXI_SEGMENT_NAME, "%020lld%s", (long long)first, suffix);
}

bool fxi_segment_number(const char *name, int64_t *first)
{
    int64_t number = 0;
    for (int i = 0; i < NUMBER_DIGITS; i++) {
        if (name[i] < '0' || name[i] > '9') {
            return false;
        }
        if (number > (INT64_MAX - (name[i] - '0')) / 10) {
            return false;
        }
        number = number * 10 + (name[i] - '0');
    }
    if (strcmp(name + NUMBER_DIGITS, ".ndjson") != 0) {
        return false;
    }
    *first = number;
    return true;
}

/* Files that belong to a log without being segments: dot files, the lock, the identity, indexes. */
static bool name_belongs(const char *name)
{
    size_t length = strlen(name);
    return name[0] == '.' || strncmp(name, "log.", 4) == 0 ||
           (length == NUMBER_DIGITS + 6 && strcmp(name + NUMBER_DIGITS, ".index") == 0);
}

static int compare_numbers(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
    return (x > y) - (x < y);
}

static int list_add(fxi_segments *list, int64_t number)
{
    if (list->count == list->capacity) {
        int64_t *grown = fxi_grow(list->first, &list->capacity, list->count + 1, sizeof *grown);
        if (!grown) {
            return FXMON_E_NOMEM;
        }
        list->first = grown;
    }
    list->first[list->count++] = number;
    return FXMON_OK;
}

int fxi_segments_list(int folder, fxi_segments *list, fxmon_error *error)
{
    list->count = 0;
    list->odd[0] = '\0';
    int fd = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        return fxi_fail_errno(error, errno, "cannot list", "the log's folder");
    }
    DIR *dir = fdopendir(fd);
    if (!dir) {
        int code = fxi_fail_errno(error, errno, "cannot list", "the log's folder");
        close(fd);
        return code;
    }
    int code = FXMON_OK;
    for (;;) {
        errno = 0;
        struct dirent *entry = readdir(dir);
        if (!entry) {
            if (errno) {
                code = fxi_fail_errno(error, errno, "cannot list", "the log's folder");
            }
            break;
        }
        int64_t number;
        if (!fxi_segment_number(entry->d_name, &number)) {
            if (!list->odd[0] && !name_belongs(entry->d_name)) {
                snprintf(list->odd, sizeof list->odd, "%.60s", entry->d_name);
            }
        } else if (list_add(list, number) != FXMON_OK) {
            code = fxi_fail(error, FXMON_E_NOMEM, "", "out of memory listing the log's segments");
            break;
        }
    }
    closedir(dir);
    if (list->count > 1) {
        qsort(list->first, list->count, sizeof *list->first, compare_numbers);
    }
    return code;
}

void fxi_segments_free(fxi_segments *list)
{
    fxi_free(list->first);
    memset(list, 0, sizeof *list);
}

long fxi_segments_find(const fxi_segments *list, int64_t number)
{
    size_t low = 0, high = list->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (list->first[middle] <= number) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return (long)low - 1;
}

static int walk_mark(fxi_walk *walk)
{
    if (walk->mark_count == walk->mark_capacity) {
        int64_t *grown = fxi_grow(walk->marks, &walk->mark_capacity, walk->mark_count + 1, sizeof *grown);
        if (!grown) {
            return FXMON_E_NOMEM;
        }
        walk->marks = grown;
    }
    walk->marks[walk->mark_count++] = walk->bytes;
    return FXMON_OK;
}

/* Count the lines of one piece that starts at file position `at`. */
static int walk_piece(fxi_walk *walk, const char *piece, size_t length, int64_t at, int64_t stop)
{
    const char *p = piece, *end = piece + length;
    while (walk->records < stop) {
        if (walk->records == (int64_t)walk->mark_count * FXI_SEGMENT_STEP && walk_mark(walk) != FXMON_OK) {
            return FXMON_E_NOMEM;
        }
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline) {
            break;
        }
        p = newline + 1;
        walk->records++;
        walk->bytes = at + (p - piece);
    }
    return FXMON_OK;
}

int fxi_walk_to(fxi_walk *walk, int fd, int64_t stop, fxmon_error *error)
{
    if (!walk->buffer && !(walk->buffer = fxi_alloc(WALK_CHUNK))) {
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory counting records");
    }
    int64_t at = walk->bytes;
    while (walk->records < stop) {
        ssize_t got = pread(fd, walk->buffer, WALK_CHUNK, at);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return fxi_fail_errno(error, errno, "cannot read", "a segment of the log");
        }
        if (got == 0) {
            break;
        }
        if (walk_piece(walk, walk->buffer, (size_t)got, at, stop) != FXMON_OK) {
            return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory counting records");
        }
        at += got;
    }
    walk->size = at > walk->bytes ? at : walk->bytes;
    return FXMON_OK;
}

void fxi_walk_free(fxi_walk *walk)
{
    fxi_free(walk->marks);
    fxi_free(walk->buffer);
    memset(walk, 0, sizeof *walk);
}
