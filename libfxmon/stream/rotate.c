/*
 * stream/rotate.c - the writer's segments: opening the newest, beginning the next, dropping old ones. Everything here runs under the lock.
 *
 * The number of a new segment is the number of the old one plus the lines in it, counted at that moment, foreign ones included. A foreign program
 * may append between the counting and the creation of the new file: the old segment is counted once more afterwards and the new one, still empty and known to
 * nobody who holds the lock, gets the right name. What foreign programs append to the old segment after that (they still have it open) is late: readers stop where
 * the next segment begins, and the writer that rotated carries such lines over to the open segment.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/log.h"

#define RENAME_TRIES 16
#define CARRY_MAXIMUM ((int64_t)16 * 1024 * 1024)

void fxi_writer_detach(fxi_log_writer *w)
{
    if (w->segment >= 0) {
        close(w->segment);
        w->segment = -1;
    }
}

/* When the segment was made; where the file system does not tell, now. */
static int64_t born_at(const fxi_log_writer *w, int fd)
{
    struct statx sx;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_BTIME, &sx) == 0 && (sx.stx_mask & STATX_BTIME)) {
        return (int64_t)sx.stx_btime.tv_sec * FXMON_SECOND + sx.stx_btime.tv_nsec;
    }
    return fxi_folder_now(w->env);
}

static int folder_sync(const fxi_log_writer *w, fxmon_error *error)
{
    int failed = 0;
    if (w->settings.sync) {
        do {
            failed = fsync(w->folder);
        } while (failed != 0 && errno == EINTR);
    }
    return failed ? fxi_fail_errno(error, errno, "cannot make durable", "the log's folder") : FXMON_OK;
}

/* Make fd, the segment with this number, the one to write to. */
static void take(fxi_log_writer *w, int fd, int64_t first, int64_t clean)
{
    fxi_writer_detach(w);
    w->segment = fd;
    w->first = first;
    w->clean = clean;
    w->reserved = 0;
    w->born = born_at(w, fd);
}

static int open_segment(const fxi_log_writer *w, int64_t first, int flags, fxmon_error *error)
{
    char name[FXI_SEGMENT_NAME];
    fxi_segment_name(first, ".ndjson", name);
    int fd;
    do {
        fd = openat(w->folder, name, O_RDWR | O_APPEND | O_CLOEXEC | O_NOFOLLOW | flags, 0666);
    } while (fd < 0 && errno == EINTR);
    if (fd < 0) {
        fxi_fail_errno(error, errno, flags & O_CREAT ? "cannot create segment" : "cannot open segment", name);
    }
    return fd;
}

/* Somebody may have removed the folder under us: what is written into it then is nowhere. */
static int folder_there(const fxi_log_writer *w, fxmon_error *error)
{
    struct stat st;
    if (fstat(w->folder, &st) == 0 && st.st_nlink > 0) {
        return FXMON_OK;
    }
    return fxi_fail(error, FXMON_E_IO, "", "the log's folder %.200s was removed while it was written to", w->settings.path);
}

int fxi_writer_attach(fxi_log_writer *w, fxmon_error *error)
{
    fxi_segments list = {0};
    int code = folder_there(w, error);
    if (code == FXMON_OK) {
        code = fxi_segments_list(w->folder, &list, error);
    }
    if (code == FXMON_OK && list.odd[0]) {
        fxi_log(w->env, FXMON_LOG_WARNING, "log", "%s: '%s' is not a file of a log and is ignored", w->settings.path, list.odd);
    }
    if (code == FXMON_OK) {
        int64_t first = list.count ? list.first[list.count - 1] : 0;
        int fd = open_segment(w, first, list.count ? 0 : O_CREAT, error);
        if (fd < 0) {
            code = error ? error->code : FXMON_E_IO;
        } else if ((code = folder_sync(w, error)) != FXMON_OK || !fxi_folder_active_set(w->lock, first)) {
            code = code != FXMON_OK ? code : fxi_fail_errno(error, errno, "cannot write", "the log's file log.lock");
            close(fd);
        } else {
            take(w, fd, first, -1);
        }
    }
    fxi_segments_free(&list);
    return code;
}

/* End an unfinished last line. If that cannot be written, the end of the segment ends the line. */
static void close_off(fxi_log_writer *w)
{
    int64_t size = lseek(w->segment, 0, SEEK_END), start;
    if (fxi_writer_whole(w->segment, &size) == 0) {
        fxi_writer_put(w->segment, "\n", 1, &start, "a segment of the log", NULL);
    }
}

/* Lines of the old segment now, an unfinished one included. */
static int count_lines(fxi_log_writer *w, fxi_walk *walk, int64_t *lines, fxmon_error *error)
{
    int code = fxi_walk_to(walk, w->segment, INT64_MAX, error);
    *lines = walk->records + (walk->size > walk->bytes);
    return code;
}

/* The new segment, named by the count; renamed as long as foreign appends change it. */
static int begin_next(fxi_log_writer *w, fxi_walk *walk, int64_t *next, int *out, fxmon_error *error)
{
    char name[FXI_SEGMENT_NAME], right[FXI_SEGMENT_NAME];
    int64_t lines, again;
    int code = count_lines(w, walk, &lines, error);
    if (code != FXMON_OK) {
        return code;
    }
    if (lines == 0 || w->first > INT64_MAX - lines) {
        return fxi_fail(error, FXMON_E_STATE, "", "a segment of the log has no lines to close");
    }
    *next = w->first + lines;
    int fd = open_segment(w, *next, O_CREAT | O_EXCL, error);
    if (fd < 0) {
        return error ? error->code : FXMON_E_IO;
    }
    for (int i = 0; i < RENAME_TRIES; i++) {
        code = count_lines(w, walk, &again, error);
        if (code != FXMON_OK || again == lines) {
            break;
        }
        fxi_segment_name(*next, ".ndjson", name);
        fxi_segment_name(w->first + again, ".ndjson", right);
        if (renameat(w->folder, name, w->folder, right) != 0) {
            code = fxi_fail_errno(error, errno, "cannot rename segment", name);
            break;
        }
        lines = again;
        *next = w->first + lines;
    }
    if (code != FXMON_OK) {
        fxi_segment_name(*next, ".ndjson", name);
        unlinkat(w->folder, name, 0);
        close(fd);
        return code;
    }
    *out = fd;
    return FXMON_OK;
}

int fxi_writer_rotate(fxi_log_writer *w, fxmon_error *error)
{
    fxi_walk walk = {0};
    int64_t next = 0;
    int fd = -1;
    if (w->previous >= 0) { /* its last chance */
        fxi_writer_carry(w, NULL);
    }
    close_off(w);
    if (!fxi_folder_active_set(w->lock, -1)) {
        return fxi_fail_errno(error, errno, "cannot write", "the log's file log.lock");
    }
    int code = begin_next(w, &walk, &next, &fd, error);
    if (code == FXMON_OK) {
        struct stat st;
        if (fstat(w->segment, &st) == 0) { /* >> on a closed segment fails from now on, for whoever does not have it open */
            fchmod(w->segment, st.st_mode & 07555);
        }
        fxi_index_save(w->folder, w->first, w->segment, &walk);
        if (w->previous >= 0) {
            close(w->previous);
        }
        w->previous = w->segment;
        w->previous_first = w->first;
        w->previous_size = walk.size;
        w->segment = -1;
        take(w, fd, next, 0);
        code = folder_sync(w, error);
        /* without its durable name the segment takes nothing: the next append attaches and tries again */
        if (code == FXMON_OK && fxi_folder_active_set(w->lock, next)) {
            fxi_writer_sweep(w);
        }
    }
    fxi_walk_free(&walk);
    return code;
}

int fxi_writer_carry(fxi_log_writer *w, fxmon_error *error)
{
    struct stat st;
    if (fstat(w->previous, &st) != 0 || st.st_size <= w->previous_size) {
        return FXMON_OK;
    }
    int64_t length = st.st_size - w->previous_size;
    length = length < CARRY_MAXIMUM ? length : CARRY_MAXIMUM;
    char *text = fxi_alloc((size_t)length + 1);
    if (!text) {
        return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory carrying late lines over");
    }
    int code = FXMON_OK;
    text[0] = '\n';
    ssize_t got = pread(w->previous, text + 1, (size_t)length, w->previous_size);
    const char *newline = got > 0 ? memrchr(text + 1, '\n', (size_t)got) : NULL;
    if (newline) {
        int64_t start, size = lseek(w->segment, 0, SEEK_END);
        bool torn = fxi_writer_whole(w->segment, &size) == 0;
        w->clean = -1;
        size_t carried = (size_t)(newline - text);
        code = fxi_writer_put(w->segment, torn ? text : text + 1, carried + (torn ? 1 : 0), &start, "a segment of the log", error);
        if (code == FXMON_OK) {
            w->previous_size += (int64_t)carried;
            fxi_log(w->env, FXMON_LOG_WARNING, "log",
                    "%s: %lld bytes that another program appended to the closed segment %020lld were carried over to %020lld", w->settings.path,
                    (long long)carried, (long long)w->previous_first, (long long)w->first);
        }
    }
    fxi_free(text);
    return code;
}

static void drop(fxi_log_writer *w, int64_t first)
{
    char name[FXI_SEGMENT_NAME];
    fxi_segment_name(first, ".index", name);
    unlinkat(w->folder, name, 0);
    fxi_segment_name(first, ".ndjson", name);
    if (unlinkat(w->folder, name, 0) == 0) {
        fxi_log(w->env, FXMON_LOG_INFO, "log", "%s: dropped segment %s by retention", w->settings.path, name);
    } else {
        fxmon_error error;
        fxi_fail_errno(&error, errno, "cannot drop segment", name);
        fxi_log(w->env, FXMON_LOG_WARNING, "log", "%s: %s", w->settings.path, error.text);
    }
}

void fxi_writer_sweep(fxi_log_writer *w)
{
    if (w->settings.retention <= 0 && w->settings.retention_bytes <= 0) {
        return;
    }
    fxi_segments list = {0};
    int64_t total = 0, now = fxi_folder_now(w->env);
    char name[FXI_SEGMENT_NAME];
    struct stat st;
    if (fxi_segments_list(w->folder, &list, NULL) == FXMON_OK) {
        for (size_t i = 0; i < list.count; i++) {
            fxi_segment_name(list.first[i], ".ndjson", name);
            total += fstatat(w->folder, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ? (int64_t)st.st_size : 0;
        }
    }
    /* oldest first, never the newest, and no holes: the first that stays ends it */
    for (size_t i = 0; i + 1 < list.count && list.first[i] < w->first; i++) {
        fxi_segment_name(list.first[i], ".ndjson", name);
        if (fstatat(w->folder, name, &st, AT_SYMLINK_NOFOLLOW) != 0) {
            continue;
        }
        int64_t written = (int64_t)st.st_mtim.tv_sec * FXMON_SECOND + st.st_mtim.tv_nsec;
        bool old = w->settings.retention > 0 && now - written > w->settings.retention;
        bool much = w->settings.retention_bytes > 0 && total > w->settings.retention_bytes;
        if (!old && !much) {
            break;
        }
        drop(w, list.first[i]);
        total -= (int64_t)st.st_size;
    }
    fxi_segments_free(&list);
}
