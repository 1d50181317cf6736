/*
 * stream/pipe.c - standard input and output as a log: "-".
 *
 * A pipe cannot be read again, so it has no identity; a record's number is its line's. The last line counts even without its newline, as for every text tool
 * (printf '{...}' | fxmon-consume --from -): if the writer died in it, the line is the beginning of a JSON object, which no decoder takes, and becomes a dead letter.
 * Standard input stays in blocking mode, since that mode belongs to everybody who shares it: poll comes before each read.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/env.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/value.h"

#include <fxmon/plugin.h>

#define CHUNK ((size_t)64 * 1024)
#define MAX_RECORD ((int64_t)1024 * 1024)
#define OVERSIZE_KEPT ((size_t)4096)
#define WRITE_MAXIMUM ((size_t)1024 * 1024 * 1024)
#define WRITE_LIMIT_MS 5000
#define LOOK_MS 50 /* between two looks at the stop */

extern const fxmon_stream_ops fxi_stream_pipe;

typedef struct pipe_reader {
    size_t max_record;
    char *data; /* [at, filled) is not handed out yet; a line too long keeps its first bytes only */
    size_t capacity, at, filled, searched;
    int64_t number;
    bool assigned, paused, ended, skipping;
} pipe_reader;

static fxmon_result reader_open(const fxmon_env *env, const char *url, const char *group, void **state, fxmon_error *error)
{
    (void)url;
    (void)group;
    int64_t most = MAX_RECORD;
    const char *text = fxi_env_text(env, "max-record", NULL);
    *state = NULL;
    if (text && (fxi_size_parse(text, strlen(text), &most) != FXMON_OK || most < 1024 || most > 64 * MAX_RECORD)) {
        fxi_fail(error, FXMON_E_RANGE, "max-record", "max-record=%.60s: expected a size from 1k to 64MiB", text);
        return FXMON_FATAL;
    }
    pipe_reader *r = fxi_calloc(1, sizeof *r);
    char *data = fxi_alloc(CHUNK);
    if (!r || !data) {
        fxi_free(r);
        fxi_free(data);
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory reading standard input");
        return FXMON_FATAL;
    }
    r->max_record = (size_t)most;
    r->data = data;
    r->capacity = CHUNK;
    *state = r;
    return FXMON_DONE;
}

static void reader_close(void *state)
{
    pipe_reader *r = state;
    if (r) {
        fxi_free(r->data);
        fxi_free(r);
    }
}

static const char *reader_identity(void *state)
{
    (void)state;
    return "";
}

static fxmon_result reader_pause(void *state, int32_t partition, bool paused)
{
    (void)partition;
    ((pipe_reader *)state)->paused = paused;
    return FXMON_DONE;
}

/* Where it stands is the only place to go to. */
static fxmon_result reader_seek(void *state, int32_t partition, int64_t offset, fxmon_error *error)
{
    pipe_reader *r = state;
    if (partition == 0 && (offset < 0 || offset == r->number)) {
        return FXMON_DONE;
    }
    fxi_fail(error, FXMON_E_UNSUPPORTED, "from", "standard input cannot be read again: it stands at record %lld, asked for %lld", (long long)r->number,
             (long long)offset);
    return FXMON_FATAL;
}

/* The end of a pipe shows when it comes, as FXMON_END. */
static fxmon_result reader_bounds(void *state, int32_t partition, int64_t *first, int64_t *end, fxmon_error *error)
{
    pipe_reader *r = state;
    (void)partition;
    (void)error;
    *first = r->number;
    *end = r->ended ? r->number : INT64_MAX;
    return FXMON_DONE;
}

static int reader_pollfd(void *state)
{
    (void)state;
    return STDIN_FILENO;
}

static void hand_out(pipe_reader *r, fxmon_record *out, size_t length)
{
    memset(out, 0, sizeof *out);
    out->offset = r->number++;
    out->data = r->data + r->at;
    out->oversize = r->skipping || length > r->max_record;
    out->length = out->oversize && length > OVERSIZE_KEPT ? OVERSIZE_KEPT : length;
    r->skipping = false;
}

static size_t take_lines(pipe_reader *r, fxmon_record *records, size_t max)
{
    size_t n = 0;
    while (n < max) {
        size_t from = r->at + r->searched;
        const char *newline = memchr(r->data + from, '\n', r->filled - from);
        if (!newline) {
            r->searched = r->filled - r->at;
            break;
        }
        size_t length = (size_t)(newline - (r->data + r->at));
        hand_out(r, &records[n++], length);
        r->at += length + 1;
        r->searched = 0;
    }
    if (n == 0 && r->ended && r->filled > r->at) {
        hand_out(r, &records[n++], r->filled - r->at);
        r->at = r->filled;
        r->searched = 0;
    }
    return n;
}

/* Room for more input: what was handed out goes, a line that is too long shrinks to its first bytes. */
static int make_room(pipe_reader *r, fxmon_error *error)
{
    if (r->at > 0) {
        memmove(r->data, r->data + r->at, r->filled - r->at);
        r->filled -= r->at;
        r->at = 0;
    }
    if (r->filled > r->max_record || (r->skipping && r->filled > OVERSIZE_KEPT)) {
        r->skipping = true;
        r->filled = r->searched = OVERSIZE_KEPT < r->filled ? OVERSIZE_KEPT : r->filled;
    }
    if (r->filled == r->capacity) {
        char *grown = fxi_grow(r->data, &r->capacity, r->capacity + CHUNK, 1);
        if (!grown) {
            return fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a record of more than %lld bytes", (long long)r->filled);
        }
        r->data = grown;
    }
    return FXMON_OK;
}

static fxmon_result reader_read(void *state, fxmon_record *records, size_t max, size_t *count, int timeout_ms, fxmon_error *error)
{
    pipe_reader *r = state;
    *count = 0;
    if (max == 0) {
        return FXMON_DONE;
    }
    if (!r->assigned) {
        memset(records, 0, sizeof *records);
        records->kind = FXMON_ASSIGNED;
        r->assigned = true;
        *count = 1;
        return FXMON_DONE;
    }
    if (r->paused) {
        poll(NULL, 0, timeout_ms > 250 ? 250 : timeout_ms > 0 ? timeout_ms : 0);
        return FXMON_DONE;
    }
    while ((*count = take_lines(r, records, max)) == 0) {
        if (r->ended) {
            return FXMON_END;
        }
        struct pollfd p = {STDIN_FILENO, POLLIN, 0};
        if (poll(&p, 1, timeout_ms > 0 ? timeout_ms : 0) <= 0) {
            return FXMON_DONE; /* nothing, or a signal */
        }
        timeout_ms = 0; /* waited once */
        if (make_room(r, error) != FXMON_OK) {
            return FXMON_FATAL;
        }
        ssize_t got = read(STDIN_FILENO, r->data + r->filled, r->capacity - r->filled);
        if (got < 0 && (errno == EINTR || errno == EAGAIN)) {
            return FXMON_DONE;
        }
        if (got < 0) {
            fxi_fail_errno(error, errno, "cannot read", "standard input");
            return FXMON_FATAL;
        }
        r->filled += (size_t)got;
        r->ended = got == 0;
    }
    return FXMON_DONE;
}

/* ---- standard output ---- */

typedef struct pipe_writer {
    const fxmon_env *env;
    char *batch;
    size_t capacity, length, done; /* what of an append is not out yet goes out with the next one: a line is never begun twice */
} pipe_writer;

static fxmon_result writer_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    (void)url;
    pipe_writer *w = fxi_calloc(1, sizeof *w);
    *state = w;
    if (!w) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory writing to standard output");
        return FXMON_FATAL;
    }
    w->env = env;
    return FXMON_DONE;
}

static void writer_close(void *state)
{
    pipe_writer *w = state;
    if (w) {
        fxi_free(w->batch);
        fxi_free(w);
    }
}

/*
 * Room in standard output. It is mostly a blocking descriptor, so a write without asking could last for ever: what polls as writable takes PIPE_BUF
 * bytes without blocking, and the waiting goes in short looks, so that a stop is heard.
 */
static bool room(const fxmon_env *env)
{
    for (int waited = 0; waited < WRITE_LIMIT_MS; waited += LOOK_MS) {
        struct pollfd p = {STDOUT_FILENO, POLLOUT, 0};
        int ready = poll(&p, 1, LOOK_MS);
        if (ready > 0 || (ready < 0 && errno != EINTR)) {
            return true;
        }
        if (env && env->stopping && env->stopping(env->user)) {
            return false;
        }
    }
    return false;
}

/* write() without the signal that a closed pipe brings: the host's handlers and mask are not ours to change for longer. */
static ssize_t write_quietly(int fd, const char *data, size_t length)
{
    sigset_t pipe_only, old, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    ssize_t wrote = write(fd, data, length);
    int saved = errno;
    if (wrote < 0 && saved == EPIPE && !was_pending) {
        struct timespec none = {0, 0};
        while (sigtimedwait(&pipe_only, NULL, &none) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = saved;
    return wrote;
}

static fxmon_result drain(pipe_writer *w, fxmon_error *error)
{
    while (w->done < w->length) {
        size_t left = w->length - w->done;
        if (!room(w->env)) {
            fxi_fail(error, FXMON_E_TIMEOUT, "to", "nobody reads standard output");
            return FXMON_RETRY;
        }
        ssize_t wrote = write_quietly(STDOUT_FILENO, w->batch + w->done, left < PIPE_BUF ? left : PIPE_BUF);
        if (wrote >= 0) {
            w->done += (size_t)wrote;
        } else if (errno == EPIPE) {
            fxi_fail(error, FXMON_E_STOPPED, "to", "the reader of standard output has gone");
            return FXMON_END;
        } else if (errno != EINTR && errno != EAGAIN) {
            fxi_fail_errno(error, errno, "cannot write to", "standard output");
            return FXMON_RETRY;
        }
    }
    return FXMON_DONE;
}

static fxmon_result batch_fill(pipe_writer *w, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    size_t total = 0;
    for (size_t i = 0; i < count; i++) {
        if (records[i].length == 0 || memchr(records[i].data, '\n', records[i].length)) {
            fxi_fail(error, FXMON_E_ARGUMENT, "record", "record %lld of the batch is empty or has a newline: a record is one line", (long long)i);
            return FXMON_REFUSED;
        }
        total += records[i].length + 1;
        if (total > WRITE_MAXIMUM) {
            fxi_fail(error, FXMON_E_TOO_LARGE, "batch", "a batch of more than %lld bytes", (long long)WRITE_MAXIMUM);
            return FXMON_FATAL;
        }
    }
    if (total > w->capacity) {
        char *grown = fxi_grow(w->batch, &w->capacity, total, 1);
        if (!grown) {
            fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for a batch of %lld bytes", (long long)total);
            return FXMON_FATAL;
        }
        w->batch = grown;
    }
    w->length = w->done = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(w->batch + w->length, records[i].data, records[i].length);
        w->length += records[i].length;
        w->batch[w->length++] = '\n';
    }
    return FXMON_DONE;
}

static fxmon_result writer_append(void *state, const fxmon_blob *records, size_t count, fxmon_error *error)
{
    pipe_writer *w = state;
    fxmon_result result = FXMON_DONE;
    if (w->done > 0 && w->done < w->length && w->batch[w->done - 1] != '\n') {
        /* a failed append stopped inside a line: end that line, the same records come again */
        const char *newline = memchr(w->batch + w->done, '\n', w->length - w->done);
        w->length = (size_t)(newline - w->batch) + 1;
        result = drain(w, error);
    }
    if (result == FXMON_DONE) {
        result = batch_fill(w, records, count, error);
    }
    return result == FXMON_DONE ? drain(w, error) : result;
}

const fxmon_stream_ops fxi_stream_pipe = {
    .size = sizeof(fxmon_stream_ops),
    .schemes = "-",
    .open_reader = reader_open,
    .identity = reader_identity,
    .read = reader_read,
    .seek = reader_seek,
    .pause = reader_pause,
    .bounds = reader_bounds,
    .pollfd = reader_pollfd,
    .close_reader = reader_close,
    .open_writer = writer_open,
    .append = writer_append,
    .close_writer = writer_close,
    .lines = true,
};
