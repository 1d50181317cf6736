/*
 * stream/place.c - where a reader stands: the folder, its segments, seeking, following.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "stream/reader.h"

#define WATCHED (IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)
#define INDEX_WORTH ((int64_t)4 * 1024 * 1024) /* a seek that had to count this many bytes leaves an index behind */
#define OPEN_TRIES 8

void fxi_reader_leave(fxi_log_reader *r)
{
    if (r->segment >= 0) {
        close(r->segment);
        r->segment = -1;
    }
    r->at = r->filled = 0;
    r->is_long = false;
    r->long_end = 0;
}

/* inotify is a convenience: without it (limits, network file systems) the folder is listed at every look. */
static void watch(fxi_log_reader *r)
{
    char path[64];
    r->watch = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    snprintf(path, sizeof path, "/proc/self/fd/%d", r->folder);
    if (r->watch >= 0 && inotify_add_watch(r->watch, path, WATCHED) < 0 &&
        inotify_add_watch(r->watch, r->settings.path, WATCHED) < 0) {
        close(r->watch);
        r->watch = -1;
    }
}

int fxi_reader_folder(fxi_log_reader *r, fxmon_error *error)
{
    if (r->folder >= 0) {
        return FXMON_OK;
    }
    int folder = fxi_folder_open(r->settings.path, false);
    if (folder < 0) {
        return errno == ENOENT ? FXMON_OK : fxi_fail_errno(error, errno, "cannot open the log's folder", r->settings.path);
    }
    int code = fxi_folder_identity(folder, r->identity, error);
    if (code != FXMON_OK) {
        close(folder);
        return code;
    }
    r->folder = folder;
    r->stale = true;
    watch(r);
    return FXMON_OK;
}

/* Read away what inotify has to say. */
static void drain(fxi_log_reader *r)
{
    char events[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
    if (r->watch < 0) {
        r->stale = true;
        return;
    }
    ssize_t got;
    while ((got = read(r->watch, events, sizeof events)) > 0) {
        for (ssize_t at = 0; at < got;) {
            const struct inotify_event *event = (const struct inotify_event *)(const void *)(events + at);
            at += (ssize_t)(sizeof *event + event->len);
            if (event->mask & (uint32_t)~IN_MODIFY) {
                r->stale = true;
            }
        }
    }
}

static int list(fxi_log_reader *r, fxmon_error *error)
{
    r->stale = false;
    int code = fxi_segments_list(r->folder, &r->list, error);
    if (code != FXMON_OK) {
        r->stale = true;
    } else if (r->list.odd[0] && !r->warned) {
        r->warned = true;
        fxi_log(r->env, FXMON_LOG_WARNING, "log", "%s: '%s' is not a file of a log and is ignored", r->settings.path, r->list.odd);
    }
    return code;
}

static int64_t after(const fxi_log_reader *r, int64_t first)
{
    long at = fxi_segments_find(&r->list, first);
    return (size_t)(at + 1) < r->list.count ? r->list.first[at + 1] : INT64_MAX;
}

static int open_segment(const fxi_log_reader *r, int64_t first)
{
    char name[FXI_SEGMENT_NAME];
    fxi_segment_name(first, ".ndjson", name);
    return openat(r->folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
}

static void mark_gap(fxi_log_reader *r, int64_t from, int64_t to)
{
    fxi_reader_leave(r);
    r->gap = true;
    r->gap_from = from;
    r->gap_to = to;
    r->number = to;
}

static int beyond(fxmon_error *error, const fxi_log_reader *r, int64_t offset, int64_t end)
{
    return fxi_fail(error, FXMON_E_GAP, "offset",
                    "%.150s ends at record %lld, but %lld was to be read: the log was cut or made anew. Restore it, or start with another group", r->settings.path,
                    (long long)end, (long long)offset);
}

/* Stand at record `offset` of the segment that holds it, which is open as fd. */
static int stand(fxi_log_reader *r, int fd, int64_t first, int64_t offset, fxmon_error *error)
{
    fxi_walk walk = {0};
    int64_t target = offset == INT64_MAX ? INT64_MAX : offset - first;
    int64_t from = 0;
    if (target > 0) {
        fxi_index_load(r->folder, first, fd, target == INT64_MAX ? INT64_MAX : target, &walk);
        from = walk.bytes;
    }
    int code = fxi_walk_to(&walk, fd, target, error);
    int64_t reached = first + walk.records;
    int64_t limit = after(r, first);
    if (code == FXMON_OK && walk.bytes - from > INDEX_WORTH) {
        fxi_index_save(r->folder, first, fd, &walk);
    }
    if (code == FXMON_OK && offset != INT64_MAX && reached < offset) {
        if (limit == INT64_MAX) {
            code = beyond(error, r, offset, reached);
        } else if (reached + 1 == offset && walk.size > walk.bytes) { /* behind the unfinished line that ends a closed segment */
            walk.bytes = walk.size;
            reached = offset;
        } else {
            mark_gap(r, offset, limit);
            close(fd);
            fxi_walk_free(&walk);
            return FXMON_OK;
        }
    }
    if (code != FXMON_OK) {
        close(fd);
    } else {
        fxi_reader_leave(r);
        r->segment = fd;
        r->first = first;
        r->limit = limit;
        r->number = reached;
        r->position = walk.bytes;
    }
    fxi_walk_free(&walk);
    return code;
}

int fxi_reader_seek(fxi_log_reader *r, int64_t offset, fxmon_error *error)
{
    int code = fxi_reader_folder(r, error);
    if (code != FXMON_OK) {
        return code;
    }
    for (int i = 0; i < OPEN_TRIES; i++) {
        if (r->folder >= 0) {
            drain(r);
            code = list(r, error);
        }
        if (code != FXMON_OK) {
            return code;
        }
        if (r->folder < 0 || r->list.count == 0) {
            fxi_reader_leave(r);
            r->number = offset == FXMON_OFFSET_END ? 0 : offset;
            return offset > 0 ? beyond(error, r, offset, 0) : FXMON_OK;
        }
        int64_t kept = r->list.first[0], newest = r->list.first[r->list.count - 1];
        if (offset >= 0 && offset < kept) {
            mark_gap(r, offset, kept);
            return FXMON_OK;
        }
        int64_t place = offset == FXMON_OFFSET_FIRST ? kept : offset == FXMON_OFFSET_END ? newest
                                                              : r->list.first[fxi_segments_find(&r->list, offset)];
        int fd = open_segment(r, place);
        if (fd >= 0) {
            return stand(r, fd, place, offset == FXMON_OFFSET_FIRST ? kept : offset == FXMON_OFFSET_END ? INT64_MAX : offset, error);
        }
        if (errno != ENOENT) {
            return fxi_fail_errno(error, errno, "cannot open", "a segment of the log");
        }
        /* dropped or renamed since it was listed */
    }
    return fxi_fail(error, FXMON_E_BUSY, "", "%.150s: segments come and go faster than they can be opened", r->settings.path);
}

int fxi_reader_look(fxi_log_reader *r, bool idle, fxmon_error *error)
{
    (void)idle;
    drain(r);
    if (!r->stale) {
        return FXMON_OK;
    }
    int code = list(r, error);
    if (code == FXMON_OK) {
        r->limit = after(r, r->first);
    }
    return code;
}

/* Lines behind the limit have no number: the writer that rotated carries them over, or somebody should know. */
static void tell_late(const fxi_log_reader *r)
{
    struct stat st;
    if (r->number == r->limit && fstat(r->segment, &st) == 0 && st.st_size > r->position) {
        fxi_log(r->env, FXMON_LOG_WARNING, "log",
                "%s: %lld bytes were appended to segment %020lld after it was closed; they are not read here, a running writer carries them over",
                r->settings.path, (long long)(st.st_size - r->position), (long long)r->first);
    }
}

int fxi_reader_next(fxi_log_reader *r, fxmon_error *error)
{
    int64_t wanted = r->number;
    tell_late(r);
    int fd = open_segment(r, r->limit);
    if (fd < 0 && errno != ENOENT) {
        return fxi_fail_errno(error, errno, "cannot open", "a segment of the log");
    }
    if (fd < 0) { /* renamed while it was new, or dropped: look again what follows */
        int code = list(r, error);
        if (code == FXMON_OK) {
            r->limit = after(r, r->first);
        }
        return code;
    }
    if (wanted < r->limit) {
        close(fd);
        mark_gap(r, wanted, r->limit);
        return FXMON_OK;
    }
    int64_t first = r->limit;
    fxi_reader_leave(r);
    r->segment = fd;
    r->first = first;
    r->position = 0;
    r->limit = after(r, first);
    return FXMON_OK;
}

int fxi_reader_shrunk(fxi_log_reader *r, fxmon_error *error)
{
    struct stat st;
    if (fstat(r->segment, &st) != 0) {
        return fxi_fail_errno(error, errno, "cannot look at", "a segment of the log");
    }
    if (st.st_size < r->position) {
        return fxi_fail(error, FXMON_E_GAP, "offset", "%.150s: the segment %020lld was cut from %lld to %lld bytes while it was read", r->settings.path,
                        (long long)r->first, (long long)r->position, (long long)st.st_size);
    }
    if (st.st_nlink == 0) { /* the newest segment is never dropped by retention */
        int code = list(r, error);
        r->limit = code == FXMON_OK ? after(r, r->first) : r->limit;
        if (code == FXMON_OK && r->limit == INT64_MAX) {
            return fxi_fail(error, FXMON_E_GAP, "offset", "%.150s: the log was removed or made anew while it was read", r->settings.path);
        }
        return code;
    }
    return FXMON_OK;
}

int fxi_reader_bounds(fxi_log_reader *r, int64_t *first, int64_t *end, fxmon_error *error)
{
    for (int i = 0; i < OPEN_TRIES; i++) {
        int code = list(r, error);
        if (code != FXMON_OK || r->list.count == 0) {
            return code;
        }
        int64_t newest = r->list.first[r->list.count - 1];
        int fd = open_segment(r, newest);
        if (fd < 0 && errno == ENOENT) {
            continue;
        }
        if (fd < 0) {
            return fxi_fail_errno(error, errno, "cannot open", "a segment of the log");
        }
        if (r->tail_first != newest) {
            fxi_walk_free(&r->tail);
            r->tail_first = newest;
            fxi_index_load(r->folder, newest, fd, INT64_MAX, &r->tail);
        }
        code = fxi_walk_to(&r->tail, fd, INT64_MAX, error);
        close(fd);
        *first = r->list.first[0];
        *end = newest + r->tail.records;
        return code;
    }
    return fxi_fail(error, FXMON_E_BUSY, "", "%.150s: segments come and go faster than they can be opened", r->settings.path);
}
