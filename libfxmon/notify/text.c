/*
 * notify/text.c - alert events on standard output, one JSON object a line, written at once.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/mem.h"

#include <fxmon/plugin.h>

#define WRITE_LIMIT_MS 5000
#define LOOK_MS 50 /* between two looks at the stop */

extern const fxmon_notify_ops fxi_notify_text;

typedef struct text_notify {
    const fxmon_env *env;
    bool inside; /* a failed send stopped inside a line: it is ended before the next one, which repeats the event */
    char *line;
    size_t capacity;
} text_notify;

static fxmon_result text_open(const fxmon_env *env, const char *url, void **state, fxmon_error *error)
{
    (void)url;
    text_notify *n = fxi_calloc(1, sizeof *n);
    *state = n;
    if (!n) {
        fxi_fail(error, FXMON_E_NOMEM, "", "out of memory opening a notifier");
        return FXMON_FATAL;
    }
    n->env = env;
    return FXMON_DONE;
}

static void text_close(void *state)
{
    text_notify *n = state;
    if (n) {
        fxi_free(n->line);
        fxi_free(n);
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

static ssize_t write_quietly(const char *data, size_t length)
{
    sigset_t pipe_only, old, pending;
    sigemptyset(&pipe_only);
    sigaddset(&pipe_only, SIGPIPE);
    sigpending(&pending);
    bool was_pending = sigismember(&pending, SIGPIPE) == 1;
    pthread_sigmask(SIG_BLOCK, &pipe_only, &old);
    ssize_t wrote = write(STDOUT_FILENO, data, length);
    int saved = errno;
    if (wrote < 0 && saved == EPIPE && !was_pending) { /* the signal is ours: take it back */
        struct timespec none = {0, 0};
        while (sigtimedwait(&pipe_only, NULL, &none) < 0 && errno == EINTR) {
        }
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = saved;
    return wrote;
}

static fxmon_result text_send(void *state, const fxmon_event *event, const char *json, size_t length, fxmon_error *error)
{
    text_notify *n = state;
    (void)event;
    if (length + 2 > n->capacity) {
        char *grown = fxi_grow(n->line, &n->capacity, length + 2, 1);
        if (!grown) {
            fxi_fail(error, FXMON_E_NOMEM, "", "out of memory for an event of %lld bytes", (long long)length);
            return FXMON_FATAL;
        }
        n->line = grown;
    }
    size_t total = 0, done = 0;
    if (n->inside) {
        n->line[total++] = '\n';
    }
    memcpy(n->line + total, json, length);
    total += length;
    n->line[total++] = '\n';
    while (done < total) {
        size_t left = total - done;
        if (!room(n->env)) {
            fxi_fail(error, FXMON_E_TIMEOUT, "notify", "nobody reads standard output");
            return FXMON_RETRY;
        }
        ssize_t wrote = write_quietly(n->line + done, left < PIPE_BUF ? left : PIPE_BUF);
        if (wrote >= 0) {
            done += (size_t)wrote;
            n->inside = done < total && n->line[done - (done > 0)] != '\n';
        } else if (errno == EPIPE) {
            fxi_fail(error, FXMON_E_STOPPED, "notify", "the reader of standard output has gone");
            return FXMON_END;
        } else if (errno != EINTR && errno != EAGAIN) {
            fxi_fail_errno(error, errno, "cannot write to", "standard output");
            return FXMON_RETRY;
        }
    }
    return FXMON_DONE;
}

const fxmon_notify_ops fxi_notify_text = {
    .size = sizeof(fxmon_notify_ops),
    .schemes = "-",
    .open = text_open,
    .send = text_send,
    .close = text_close,
};
