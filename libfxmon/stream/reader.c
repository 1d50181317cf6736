/*
 * stream/reader.c - reading a file log.
 *
 * One pread fills a buffer from the first line that was not handed out yet, and lines are pointers into it. The piece of a line at the end of the buffer is never kept: the next
 * pread begins with that line again, so that what a writer may have changed there is never glued to what was read before.
 *
 * A segment ends where the next one begins: by its number, not by its bytes. Whether there is a next one is looked up (inotify, else by listing) after the bytes were read and before
 * their lines are handed out, so no line gets a number that belongs to the next segment. Numbers missing between two segments are a gap and said to be one.
 */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/log.h"
#include "base/mem.h"
#include "stream/reader.h"

#define CHUNK ((size_t)512 * 1024)
#define OVERSIZE_KEPT ((size_t)4096)
#define POLL_MS 250

static fxmon_result result_of(int code)
{
    return code == FXMON_OK ? FXMON_DONE : fxmon_retriable(code) ? FXMON_RETRY : FXMON_FATAL;
}

/* Whoever follows waits for the log to be made, and is told so: it may be a mistyped name. Whoever wants what is there until its end can't have it. */
static int missing_folder(const fxi_log_reader *r, fxmon_error *error)
{
    if (fxi_env_bool(r->env, "until-end", false)) {
        return fxi_fail(error, FXMON_E_IO, "from", "there is no log %.200s, so there is no end of it to read to", r->settings.path);
    }
    fxi_log(r->env, FXMON_LOG_INFO, "log", "%s: there is no such folder yet; waiting for it", r->settings.path);
    return FXMON_OK;
}

fxmon_result fxi_log_open_reader(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error)
{
    (void)group; /* progress lies with the destinations */
    fxi_log_reader *r = fxi_calloc(1, sizeof *r);
    *state = NULL;
    if (!r) {
        return result_of(fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a file log"));
    }
    r->env = env;
    r->folder = r->watch = r->segment = -1;
    r->number = FXMON_OFFSET_FIRST;
    int code = fxi_folder_settings_read(env, url, &r->settings, error);
    if (code == FXMON_OK) {
        r->capacity = CHUNK;
        r->data = fxi_alloc(r->capacity);
        code = r->data ? FXMON_OK : fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a file log");
    }
    if (code == FXMON_OK) {
        code = fxi_reader_folder(r, error);
    }
    if (code == FXMON_OK && r->folder < 0) {
        code = missing_folder(r, error);
    }
    if (code != FXMON_OK) {
        bool missing = r->folder < 0 && code == FXMON_E_IO && fxi_env_bool(env, "until-end", false);
        fxi_log_close_reader(r);
        return missing ? FXMON_FATAL : result_of(code);
    }
    *state = r;
    return FXMON_DONE;
}

void fxi_log_close_reader(void *state)
{
    fxi_log_reader *r = state;
    if (!r) {
        return;
    }
    fxi_reader_leave(r);
    if (r->watch >= 0) {
        close(r->watch);
    }
    if (r->folder >= 0) {
        close(r->folder);
    }
    fxi_segments_free(&r->list);
    fxi_walk_free(&r->tail);
    fxi_folder_settings_free(&r->settings);
    fxi_free(r->data);
    fxi_free(r);
}

const char *fxi_log_identity(void *state)
{
    return ((fxi_log_reader *)state)->identity;
}

int fxi_log_pollfd(void *state)
{
    return ((fxi_log_reader *)state)->watch;
}

fxmon_result fxi_log_pause(void *state, int32_t partition, bool paused)
{
    (void)partition;
    ((fxi_log_reader *)state)->paused = paused;
    return FXMON_DONE;
}

fxmon_result fxi_log_seek(void *state, int32_t partition, int64_t offset, fxmon_error *error)
{
    fxi_log_reader *r = state;
    if (partition != 0 || offset < FXMON_OFFSET_FIRST) {
        return result_of(fxi_fail(error, FXMON_E_ARGUMENT, "offset", "a file log has partition 0 and offsets from 0; asked for %d, %lld", (int)partition,
                                  (long long)offset));
    }
    r->gap = r->halted = false;
    return result_of(fxi_reader_seek(r, offset, error));
}

fxmon_result fxi_log_bounds(void *state, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error)
{
    fxi_log_reader *r = state;
    *first = *end = 0;
    if (partition != 0) {
        return result_of(fxi_fail(error, FXMON_E_ARGUMENT, "partition", "a file log has partition 0 only; asked for %d", (int)partition));
    }
    int code = fxi_reader_folder(r, error);
    return result_of(code != FXMON_OK || r->folder < 0 ? code : fxi_reader_bounds(r, first, end, error));
}

/* ---- lines ---- */

static void record_of(const fxi_log_reader *r, fxmon_record *out, const char *line, size_t length)
{
    out->kind = FXMON_RECORD;
    out->partition = 0;
    out->offset = r->number;
    out->from = 0;
    out->timestamp = 0;
    out->data = line;
    out->oversize = length > (size_t)r->settings.max_record;
    out->length = out->oversize && length > OVERSIZE_KEPT ? OVERSIZE_KEPT : length;
}

/* Whole lines that are in the buffer. */
static size_t take_lines(fxi_log_reader *r, fxmon_record *records, size_t max)
{
    const char *p = r->data + r->at, *end = r->data + r->filled;
    size_t n = 0;
    while (n < max && r->number < r->limit) {
        const char *newline = memchr(p, '\n', (size_t)(end - p));
        if (!newline) {
            break;
        }
        record_of(r, &records[n++], p, (size_t)(newline - p));
        r->number++;
        p = newline + 1;
    }
    size_t used = (size_t)(p - r->data) - r->at;
    r->at += used;
    r->position += (int64_t)used;
    return n;
}

static ssize_t read_at(int fd, char *out, size_t length, int64_t at)
{
    ssize_t got;
    do {
        got = pread(fd, out, length, at);
    } while (got < 0 && errno == EINTR);
    return got;
}

/*
 * A line longer than the buffer may grow: find its end. *found: r->long_end is behind its newline. The first bytes are at the start of the buffer; how far the search got is
 * remembered for the next call.
 */
static int long_line(fxi_log_reader *r, bool *found, fxmon_error *error)
{
    *found = false;
    if (r->long_end <= r->position) {
        r->long_end = r->position + (int64_t)r->filled;
    }
    for (;;) {
        ssize_t got = read_at(r->segment, r->data + OVERSIZE_KEPT, r->capacity - OVERSIZE_KEPT, r->long_end);
        if (got < 0) {
            return fxi_fail_errno(error, errno, "cannot read", "a segment of the log");
        }
        if (got == 0) {
            return FXMON_OK;
        }
        const char *newline = memchr(r->data + OVERSIZE_KEPT, '\n', (size_t)got);
        if (newline) {
            r->long_end += newline + 1 - (r->data + OVERSIZE_KEPT);
            *found = true;
            return FXMON_OK;
        }
        r->long_end += got;
    }
}

/* Fill the buffer from r->position. *end: nothing but an unfinished line (r->filled bytes of it) is left now. */
static int refill(fxi_log_reader *r, bool *end, fxmon_error *error)
{
    *end = false;
    r->at = 0;
    for (;;) {
        ssize_t got = read_at(r->segment, r->data, r->capacity, r->position);
        if (got < 0) {
            r->filled = 0;
            return fxi_fail_errno(error, errno, "cannot read", "a segment of the log");
        }
        r->filled = (size_t)got;
        if (r->filled < r->capacity || memchr(r->data, '\n', r->filled)) {
            *end = r->filled == 0 || !memchr(r->data, '\n', r->filled);
            r->is_long = false;
            return FXMON_OK;
        }
        if (r->capacity > (size_t)r->settings.max_record) {
            r->is_long = true;
            return FXMON_OK;
        }
        size_t wish = r->capacity * 2 > (size_t)r->settings.max_record ? (size_t)r->settings.max_record + 1 : r->capacity * 2;
        char *grown = fxi_realloc(r->data, wish);
        if (!grown) {
            r->filled = 0;
            return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a record of more than %lld bytes", (long long)r->capacity);
        }
        r->data = grown;
        r->capacity = wish;
    }
}

/* The line without a newline that ends a closed segment, r->filled bytes of it, is a record: the rotation ended it. */
static void take_rest(fxi_log_reader *r, fxmon_record *out, size_t length)
{
    record_of(r, out, r->data, length);
    if (r->is_long) {
        out->oversize = true;
        out->length = OVERSIZE_KEPT;
    }
    r->position = r->is_long ? r->long_end : r->position + (int64_t)length;
    r->number++;
    r->at = r->filled = 0;
    r->is_long = false;
}

static void gap_record(fxi_log_reader *r, fxmon_record *out)
{
    memset(out, 0, sizeof *out);
    out->kind = FXMON_GAP;
    out->from = r->gap_from;
    out->offset = r->gap_to;
    r->gap = false;
    r->halted = true;
}

/* The open segment: one step towards records. *moved: something changed, try again. */
static int step(fxi_log_reader *r, fxmon_record *records, size_t max, size_t *count, bool *moved, fxmon_error *error)
{
    bool end = false, found = false;
    int code = r->number < r->limit ? refill(r, &end, error) : FXMON_OK;
    if (code != FXMON_OK) {
        return code;
    }
    if (r->number < r->limit && r->is_long) {
        code = long_line(r, &found, error);
        r->filled = r->at = 0; /* what is behind the first bytes is of the search */
        end = !found;
    }
    if (code == FXMON_OK && r->limit == INT64_MAX) {
        code = fxi_reader_look(r, end && r->number < r->limit, error);
        if (r->limit != INT64_MAX) { /* there is a next segment now: read once more what the old one got until then */
            r->filled = r->at = 0;
            *moved = true;
            return code;
        }
    }
    if (code != FXMON_OK) {
        return code;
    }
    if (r->number >= r->limit) {
        *moved = true;
        return fxi_reader_next(r, error);
    }
    if (found) {
        take_rest(r, records, OVERSIZE_KEPT);
        *count = 1;
        return FXMON_OK;
    }
    if (!end) {
        *count = take_lines(r, records, max);
        return FXMON_OK;
    }
    if (r->limit == INT64_MAX) {
        r->at = r->filled = 0;
        return fxi_reader_shrunk(r, error);
    }
    if (r->filled > 0 || r->is_long) {
        take_rest(r, records, r->filled);
        *count = 1;
        return FXMON_OK;
    }
    *moved = true;
    return fxi_reader_next(r, error);
}

static void wait_for_more(fxi_log_reader *r, int64_t until)
{
    int64_t left = (until - fxi_folder_monotonic(r->env) + 999999) / 1000000;
    if (left > 0) {
        struct pollfd p = {r->watch, POLLIN, 0};
        poll(&p, r->watch >= 0, left > POLL_MS ? POLL_MS : (int)left);
    }
}

static int read_some(fxi_log_reader *r, fxmon_record *records, size_t max, size_t *count, bool *moved, fxmon_error *error)
{
    *moved = false;
    if (r->gap) {
        gap_record(r, records);
        *count = 1;
        return FXMON_OK;
    }
    if (!r->assigned || r->segment < 0) {
        int code = fxi_reader_folder(r, error);
        if (code != FXMON_OK || r->folder < 0) {
            return code;
        }
        if (!r->assigned) {
            memset(records, 0, sizeof *records);
            records->kind = FXMON_ASSIGNED;
            r->assigned = true;
            *count = 1;
            return FXMON_OK;
        }
    }
    if (r->paused || r->halted) {
        return FXMON_OK;
    }
    if (r->segment < 0) {
        int code = fxi_reader_seek(r, r->number, error);
        *moved = code == FXMON_OK && (r->segment >= 0 || r->gap);
        return code;
    }
    if (r->at < r->filled && (*count = take_lines(r, records, max)) > 0) {
        return FXMON_OK;
    }
    return step(r, records, max, count, moved, error);
}

fxmon_result fxi_log_read(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error)
{
    fxi_log_reader *r = state;
    *count = 0;
    if (max == 0) {
        return FXMON_DONE;
    }
    int64_t until = 0;
    for (;;) {
        bool moved = false;
        int code = read_some(r, records, max, count, &moved, error);
        if (code != FXMON_OK) {
            return result_of(code);
        }
        if (*count > 0) {
            return FXMON_DONE;
        }
        if (moved) {
            continue;
        }
        if (timeout_ms <= 0 || (r->env && r->env->stopping && r->env->stopping(r->env->user))) {
            return FXMON_DONE;
        }
        int64_t now = fxi_folder_monotonic(r->env);
        if (until == 0) {
            until = now + (int64_t)timeout_ms * 1000000;
        }
        if (now >= until) {
            return FXMON_DONE;
        }
        wait_for_more(r, until);
    }
}
